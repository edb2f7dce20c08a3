/* JSON against JSON: walks both trees together and goes down only where the hashes of shape.c
 * differ. */
#include "shadow/diff.h"

#include "shadow/table.h"

enum { FEW = 16 };

static const struct jdoc_node *node(const struct diff *d, enum side side, uint32_t i)
{
    return &d->docs[side].nodes[i];
}

bool diff_nodes_equal(const struct diff *d, uint32_t l, uint32_t r)
{
    return node(d, SIDE_LEGACY, l)->hash == node(d, SIDE_NEW, r)->hash;
}

static bool loosely_equal(const struct diff *d, uint32_t l, uint32_t r)
{
    return d->loose[SIDE_LEGACY] != NULL && d->loose[SIDE_LEGACY][l] == d->loose[SIDE_NEW][r];
}

static bool is_container(const struct jdoc_node *x)
{
    return x->kind == JDOC_ARRAY || x->kind == JDOC_OBJECT;
}

static enum jdoc_kind without_truth(const struct jdoc_node *x)
{
    return x->kind == JDOC_FALSE ? JDOC_TRUE : x->kind;
}

/* --- down and up --- */

static enum err step_down(struct diff *d, const struct seg *seg)
{
    bool element = seg->kind == SEG_ELEMENT || seg->kind == SEG_KEYED;
    if (d->tolerates)
        TRY(selector_push(&d->tolerance, element, element ? SPAN_NULL : seg->name));
    path_push(&d->path, *seg);
    return ERR_OK;
}

static void step_up(struct diff *d)
{
    path_pop(&d->path);
    if (d->tolerates)
        selector_pop(&d->tolerance);
}

/* --- scalars --- */

static enum err tolerated(struct diff *d, uint32_t l, uint32_t r, const struct seg *seg, bool *yes)
{
    struct decimal a = decimal_of(jdoc_text(&d->docs[SIDE_LEGACY], l));
    struct decimal b = decimal_of(jdoc_text(&d->docs[SIDE_NEW], r));
    bool element = seg != NULL && (seg->kind == SEG_ELEMENT || seg->kind == SEG_KEYED);
    if (seg != NULL)
        TRY(selector_push(&d->tolerance, element, element ? SPAN_NULL : seg->name));
    *yes = selector_selects(&d->tolerance) ? rules_tolerate_here(d->rules, &d->tolerance, &a, &b)
                                           : loosely_equal(d, l, r);
    if (seg != NULL)
        selector_pop(&d->tolerance);
    return ERR_OK;
}

static enum err diff_scalars(struct diff *d, uint32_t l, uint32_t r, const struct seg *seg)
{
    const struct jdoc_node *a = node(d, SIDE_LEGACY, l), *b = node(d, SIDE_NEW, r);
    bool excused = false;
    if (a->hash == b->hash)
        return ERR_OK;
    if (a->flags & b->flags & JDOC_LOOSE) {
        if (a->kind == JDOC_NUMBER && d->tolerates)
            TRY(tolerated(d, l, r, seg, &excused));
        else
            excused = loosely_equal(d, l, r);
    }
    return excused ? ERR_OK : diff_leaf(d, KIND_VALUE, seg, l, r);
}

/* --- objects --- */

struct members {
    uint32_t *keys; /* key nodes, without superseded and ignored ones */
    uint32_t n;
    uint32_t repeats;
};

static enum err members_of(struct diff *d, enum side side, uint32_t object, struct members *m)
{
    const struct jdoc_node *nodes = d->docs[side].nodes;
    *m = (struct members){scratch_take(&d->scratch, nodes[object].n, sizeof(*m->keys)), 0, 0};
    if (m->keys == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i + 1].next) {
        if (nodes[i + 1].flags & JDOC_IGNORED)
            continue;
        if (nodes[i].flags & JDOC_SUPERSEDED)
            m->repeats++;
        else
            m->keys[m->n++] = i;
    }
    return ERR_OK;
}

/* Finds the members of `right` by key. Most objects have the same keys in the same order, so the
 * place after the last hit is looked at first; a table is made only when that fails in an object of
 * many members. */
struct finder {
    struct diff *d;
    const struct members *right;
    uint32_t next;
    bool tabled;
    struct table table;
};

static enum err finder_table(struct finder *f)
{
    TRY(table_begin(&f->table, &f->d->scratch, f->right->n));
    for (uint32_t i = 0; i < f->right->n; i++)
        (void)!table_put(&f->table, node(f->d, SIDE_NEW, f->right->keys[i])->hash, i);
    f->tabled = true;
    return ERR_OK;
}

/* The index in right->keys, or UINT32_MAX. */
static enum err finder_find(struct finder *f, uint64_t hash, uint32_t *out)
{
    const struct members *m = f->right;
    *out = UINT32_MAX;
    if (f->next < m->n && node(f->d, SIDE_NEW, m->keys[f->next])->hash == hash) {
        *out = f->next++;
        return ERR_OK;
    }
    if (m->n > FEW) {
        if (!f->tabled)
            TRY(finder_table(f));
        if (!table_get(&f->table, hash, out))
            return ERR_OK;
    }
    for (uint32_t i = 0; m->n <= FEW && i < m->n && *out == UINT32_MAX; i++)
        if (node(f->d, SIDE_NEW, m->keys[i])->hash == hash)
            *out = i;
    if (*out != UINT32_MAX)
        f->next = *out + 1;
    return ERR_OK;
}

static struct seg member_seg(const struct diff *d, enum side side, uint32_t key, bool map)
{
    struct span name = jdoc_text(&d->docs[side], key);
    return (struct seg){map || vclass_is_id(name) ? SEG_ENTRY : SEG_MEMBER, name};
}

static enum err diff_members(struct diff *d, const struct members *l, const struct members *r,
                             uint32_t *match, bool *taken)
{
    struct finder f = {.d = d, .right = r};
    d->work += (uint64_t)l->n + r->n;
    memset(taken, 0, r->n * sizeof(*taken));
    for (uint32_t i = 0; i < l->n; i++) {
        TRY(finder_find(&f, node(d, SIDE_LEGACY, l->keys[i])->hash, &match[i]));
        if (match[i] != UINT32_MAX)
            taken[match[i]] = true;
    }
    bool map = l->n > DIFF_MAP_KEYS || r->n > DIFF_MAP_KEYS;
    for (uint32_t i = 0; i < l->n; i++) {
        uint32_t lv = l->keys[i] + 1;
        if (match[i] != UINT32_MAX && diff_nodes_equal(d, lv, r->keys[match[i]] + 1))
            continue;
        struct seg seg = member_seg(d, SIDE_LEGACY, l->keys[i], map);
        if (match[i] != UINT32_MAX)
            TRY(diff_nodes(d, lv, r->keys[match[i]] + 1, &seg));
        else
            TRY(diff_leaf(d, KIND_MISSING, &seg, lv, JDOC_NONE));
    }
    for (uint32_t i = 0; i < r->n; i++) {
        if (taken[i])
            continue;
        struct seg seg = member_seg(d, SIDE_NEW, r->keys[i], map);
        TRY(diff_leaf(d, KIND_EXTRA, &seg, JDOC_NONE, r->keys[i] + 1));
    }
    return ERR_OK;
}

static enum err diff_objects(struct diff *d, uint32_t l, uint32_t r)
{
    struct members ml, mr;
    struct scratch_mark back = scratch_mark(&d->scratch);
    TRY(members_of(d, SIDE_LEGACY, l, &ml));
    TRY(members_of(d, SIDE_NEW, r, &mr));
    uint32_t *match = scratch_take(&d->scratch, ml.n, sizeof(*match));
    bool *taken = scratch_take(&d->scratch, mr.n, sizeof(*taken));
    if (match == NULL || taken == NULL)
        return ERR_NO_MEMORY;
    if (ml.repeats != mr.repeats)
        TRY(diff_here(d, KIND_COUNT, l, r, NULL, SPAN("repeated keys")));
    TRY(diff_members(d, &ml, &mr, match, taken));
    scratch_back(&d->scratch, back);
    return ERR_OK;
}

/* --- any two values --- */

static enum err diff_containers(struct diff *d, uint32_t l, uint32_t r, const struct seg *seg)
{
    struct diff_frame frame;
    if (seg != NULL)
        TRY(step_down(d, seg));
    diff_enter(d, &frame, l, r);
    TRY(node(d, SIDE_LEGACY, l)->kind == JDOC_OBJECT ? diff_objects(d, l, r) : diff_array(d, l, r));
    TRY(diff_leave(d));
    if (seg != NULL)
        step_up(d);
    return ERR_OK;
}

enum err diff_nodes(struct diff *d, uint32_t l, uint32_t r, const struct seg *seg)
{
    const struct jdoc_node *a = node(d, SIDE_LEGACY, l), *b = node(d, SIDE_NEW, r);
    if (diff_nodes_equal(d, l, r))
        return ERR_OK;
    if (without_truth(a) != without_truth(b))
        return diff_leaf(d, KIND_TYPE, seg, l, r);
    return is_container(a) ? diff_containers(d, l, r, seg) : diff_scalars(d, l, r, seg);
}

/* Alignment must not depend on which side is which: it takes the shorter text first, of equal ones
 * the lesser. */
static bool comes_second(struct span a, struct span b)
{
    if (a.n != b.n)
        return a.n > b.n;
    return a.n > 0 && memcmp(a.p, b.p, a.n) > 0;
}

enum err diff_json(struct diff *d)
{
    TRY(shape_hash(d, SIDE_LEGACY));
    TRY(shape_hash(d, SIDE_NEW));
    if (node(d, SIDE_LEGACY, 0)->flags & JDOC_IGNORED)
        return ERR_OK;
    d->flip = comes_second(d->docs[SIDE_LEGACY].text, d->docs[SIDE_NEW].text);
    TRY(selector_walk_begin(&d->tolerance, &d->rules->tolerance, d->path.root));
    return diff_nodes(d, 0, 0, NULL);
}
