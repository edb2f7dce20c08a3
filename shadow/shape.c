/* A hash for every value, such that two values are equal under the rules when their hashes are:
 * numbers by what they mean, objects whatever the order of their keys, ignored values as if they
 * were not there.
 *
 * The special difficulty: arrays are aligned by the hashes of their elements, and an element with a
 * tolerated number in it must find its partner although the numbers differ. So where rules allow
 * small differences each value has a second, loose hash that leaves those numbers out; what is
 * equal only by the loose hash still has to be compared. */
#include "shadow/diff.h"
#include "shadow/mix.h"
#include "shadow/table.h"

enum { FEW = 16 };

struct shape {
    struct diff *diff;
    struct jdoc *doc;
    uint64_t *loose;
    bool ignores;
    uint64_t seeds[JDOC_OBJECT + 1];
};

/* --- what an error answer may say in its own words --- */

static bool is_one_of(struct span name, const char *const *list, size_t n)
{
    char plain[32];
    size_t len = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '_' || name.p[i] == '-')
            continue;
        if (len == sizeof(plain))
            return false;
        plain[len++] = byte_lower(name.p[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (span_eq(span_of(plain, len), span_str(list[i])))
            return true;
    return false;
}

static bool is_sentence(struct span key)
{
    static const char *const keys[] = {"message",          "msg",  "detail", "description",
                                       "errordescription", "hint", "reason", "stack"};
    return is_one_of(key, keys, ARRAY_LEN(keys));
}

static bool is_of_the_failure(struct span key)
{
    static const char *const keys[] = {
        "id",       "requestid", "traceid",    "spanid", "correlationid", "errorid",
        "instance", "incident",  "incidentid", "time",   "timestamp",     "date"};
    return is_one_of(key, keys, ARRAY_LEN(keys));
}

/* E1000042 looks like hexadecimal and is what a program asks for. */
static bool is_code(struct span key)
{
    return key.n >= 4 && span_eq_nocase(span_from(key, key.n - 4), SPAN("code"));
}

/* 0: counts as it is; otherwise what stands for it in the loose hash. */
static uint64_t excuse(struct span key, enum jdoc_kind kind, struct span text)
{
    if (kind != JDOC_STRING && kind != JDOC_NUMBER)
        return 0;
    if (is_of_the_failure(key))
        return 1;
    if (kind == JDOC_NUMBER)
        return 0;
    if (is_sentence(key))
        return 2;
    enum vclass c = is_code(key) ? VCLASS_TEXT : vclass_of_string(text);
    bool excused = c == VCLASS_TIME || c == VCLASS_UUID || c == VCLASS_ULID || c == VCLASS_HEX;
    return excused ? 3 + (uint64_t)c : 0;
}

/* --- scalars --- */

static uint64_t string_hash(const struct shape *s, struct span text)
{
    size_t own = origin_prefix(&s->diff->rules->origins, s->diff->own, text);
    uint64_t seed = s->seeds[JDOC_STRING] + (own > 0 ? 1 : 0);
    return mix_bytes(seed, span_from(text, own));
}

static void scalar(struct shape *s, uint32_t i, struct span key)
{
    struct jdoc_node *x = &s->doc->nodes[i];
    struct span text = jdoc_text(s->doc, i);
    uint64_t excused = 0;
    x->hash = s->seeds[x->kind];
    if (x->kind == JDOC_NUMBER) {
        struct decimal v = decimal_of(text);
        x->hash = decimal_hash(&v, x->hash);
    } else if (x->kind == JDOC_STRING) {
        x->hash = string_hash(s, text);
    }
    if (s->loose == NULL)
        return;
    if (s->diff->error_answer)
        excused = excuse(key, x->kind, text);
    if (x->kind == JDOC_NUMBER && s->diff->tolerates && selector_selects(&s->diff->tolerance))
        excused = UINT64_MAX;
    s->loose[i] = x->hash;
    if (excused != 0) {
        x->flags |= JDOC_LOOSE;
        s->loose[i] = mix_two(s->seeds[x->kind], excused);
    }
}

/* --- repeated keys --- */

static bool mark_one(struct shape *s, uint32_t key)
{
    s->doc->nodes[key].flags |= JDOC_SUPERSEDED;
    return (s->doc->nodes[key + 1].flags & JDOC_IGNORED) == 0;
}

static uint32_t mark_few(struct shape *s, const uint32_t *keys, uint32_t n)
{
    uint32_t repeats = 0;
    const struct jdoc_node *nodes = s->doc->nodes;
    for (uint32_t i = 0; i + 1 < n; i++) {
        uint32_t k = i + 1;
        while (k < n && nodes[keys[k]].hash != nodes[keys[i]].hash)
            k++;
        if (k < n && mark_one(s, keys[i]))
            repeats++;
    }
    return repeats;
}

static enum err mark_many(struct shape *s, const uint32_t *keys, uint32_t n, uint32_t *repeats)
{
    struct table t;
    TRY(table_begin(&t, &s->diff->scratch, n));
    for (uint32_t i = n; i-- > 0;)
        if (!table_put(&t, s->doc->nodes[keys[i]].hash, i) && mark_one(s, keys[i]))
            (*repeats)++;
    return ERR_OK;
}

/* Hashes the keys, and marks those that come again. */
static enum err keys_of(struct shape *s, uint32_t object, uint32_t *repeats)
{
    struct jdoc_node *nodes = s->doc->nodes;
    struct scratch_mark back = scratch_mark(&s->diff->scratch);
    uint32_t few[FEW], n = 0, *keys = few;
    if (nodes[object].n > FEW)
        keys = scratch_take(&s->diff->scratch, nodes[object].n, sizeof(*keys));
    if (keys == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i + 1].next) {
        nodes[i].hash = mix_bytes(s->seeds[JDOC_OBJECT], jdoc_text(s->doc, i));
        keys[n++] = i;
    }
    enum err e = ERR_OK;
    if (n > FEW)
        e = mark_many(s, keys, n, repeats);
    else if (n > 1)
        *repeats = mark_few(s, keys, n);
    scratch_back(&s->diff->scratch, back);
    return e;
}

/* --- the walk --- */

static enum err visit(struct shape *s, uint32_t i, struct span key);

static void leave(struct shape *s)
{
    if (s->ignores)
        selector_pop(&s->diff->ignore);
    if (s->diff->tolerates)
        selector_pop(&s->diff->tolerance);
}

static enum err enter(struct shape *s, bool element, struct span key)
{
    if (s->ignores)
        TRY(selector_push(&s->diff->ignore, element, key));
    if (!s->diff->tolerates)
        return ERR_OK;
    enum err e = selector_push(&s->diff->tolerance, element, key);
    if (e != ERR_OK && s->ignores)
        selector_pop(&s->diff->ignore);
    return e;
}

static enum err visit_entered(struct shape *s, uint32_t i, struct span key)
{
    if (!s->ignores)
        return visit(s, i, key);
    TRY(diff_work(s->diff, selector_width(&s->diff->ignore)));
    if (!selector_selects(&s->diff->ignore))
        return visit(s, i, key);
    s->doc->nodes[i].flags |= JDOC_IGNORED;
    return ERR_OK;
}

static enum err visit_child(struct shape *s, uint32_t i, bool element, struct span key)
{
    TRY(enter(s, element, key));
    enum err e = visit_entered(s, i, key);
    leave(s);
    return e;
}

static uint64_t loose_of(const struct shape *s, uint32_t i)
{
    return s->loose == NULL ? 0 : s->loose[i];
}

static void finish(struct shape *s, uint32_t i, uint64_t exact, uint64_t loose, unsigned flags)
{
    s->doc->nodes[i].hash = exact;
    s->doc->nodes[i].flags |= (uint8_t)(flags & JDOC_LOOSE);
    if (s->loose != NULL)
        s->loose[i] = loose;
}

static enum err visit_object(struct shape *s, uint32_t object)
{
    const struct jdoc_node *nodes = s->doc->nodes;
    uint64_t exact = 0, loose = 0;
    uint32_t repeats = 0, n = 0;
    unsigned flags = 0;
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i + 1].next)
        TRY(visit_child(s, i + 1, false, jdoc_text(s->doc, i)));
    TRY(keys_of(s, object, &repeats));
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i + 1].next) {
        if ((nodes[i].flags & JDOC_SUPERSEDED) || (nodes[i + 1].flags & JDOC_IGNORED))
            continue;
        exact += mix_two(nodes[i].hash, nodes[i + 1].hash); /* a sum: order does not matter */
        loose += mix_two(nodes[i].hash, loose_of(s, i + 1));
        flags |= nodes[i + 1].flags;
        n++;
    }
    uint64_t seed = s->seeds[JDOC_OBJECT] + n + ((uint64_t)repeats << 32);
    finish(s, object, mix_two(seed, exact), mix_two(seed, loose), flags);
    return ERR_OK;
}

static enum err visit_array(struct shape *s, uint32_t array)
{
    const struct jdoc_node *nodes = s->doc->nodes;
    uint64_t exact = s->seeds[JDOC_ARRAY], loose = exact;
    unsigned flags = 0;
    for (uint32_t i = array + 1; i < nodes[array].next; i = nodes[i].next) {
        TRY(visit_child(s, i, true, SPAN_NULL));
        if (nodes[i].flags & JDOC_IGNORED)
            continue;
        exact = mix_two(exact, nodes[i].hash);
        loose = mix_two(loose, loose_of(s, i));
        flags |= nodes[i].flags;
    }
    finish(s, array, exact, loose, flags);
    return ERR_OK;
}

static enum err visit(struct shape *s, uint32_t i, struct span key)
{
    switch (s->doc->nodes[i].kind) {
    case JDOC_OBJECT:
        return visit_object(s, i);
    case JDOC_ARRAY:
        return visit_array(s, i);
    default:
        scalar(s, i, key);
        return ERR_OK;
    }
}

enum err shape_hash(struct diff *d, enum side side)
{
    struct shape s = {.diff = d, .doc = &d->docs[side], .ignores = d->rules->ignore.n > 0};
    for (unsigned k = 0; k <= JDOC_OBJECT; k++)
        s.seeds[k] = mix_two(mix_secret(), 1000 + k);
    if (d->tolerates || d->error_answer) {
        s.loose = scratch_take(&d->scratch, s.doc->n, sizeof(*s.loose));
        if (s.loose == NULL)
            return ERR_NO_MEMORY;
    }
    d->loose[side] = s.loose;
    TRY(selector_walk_begin(&d->ignore, &d->rules->ignore, d->path.root));
    TRY(selector_walk_begin(&d->tolerance, &d->rules->tolerance, d->path.root));
    if (selector_selects(&d->ignore)) {
        s.doc->nodes[0].flags |= JDOC_IGNORED;
        return ERR_OK;
    }
    return visit(&s, 0, SPAN_NULL);
}
