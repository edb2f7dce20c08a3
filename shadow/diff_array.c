/* Which element of one array belongs to which of the other. Tried in this order: numbers of a tuple
 * by position; objects by a key field; the same elements in another order; the longest common
 * subsequence, what lies between its matches paired by position; and when the arrays are too long
 * or too far apart, by position or as a mere count.
 *
 * The special difficulty: every step must stay near-linear for any input, and must come to the same
 * pairs when the sides are exchanged. */
#include "shadow/diff.h"

#include "shadow/lcs.h"
#include "shadow/table.h"

#include <stdlib.h>

enum { TUPLE_MAX = 4 };

struct pair {
    uint32_t nodes[2]; /* by enum side; JDOC_NONE: no partner */
};

struct align {
    struct diff *d;
    uint32_t nodes[2];     /* the arrays */
    uint32_t *elements[2]; /* their elements' nodes */
    uint32_t n[2];
    struct pair *pairs;
    uint32_t npairs;
    const char *method;
    struct span key; /* of a keyed array; p NULL otherwise */
    bool reordered;
};

static struct jdoc_node *element(const struct align *a, enum side s, uint32_t i)
{
    return &a->d->docs[s].nodes[a->elements[s][i]];
}

/* What elements are matched by: the loose hash where rules allow small differences. */
static uint64_t align_hash(const struct align *a, enum side s, uint32_t i)
{
    const uint64_t *loose = a->d->loose[s];
    return loose != NULL ? loose[a->elements[s][i]] : element(a, s, i)->hash;
}

static void pair_add(struct align *a, uint32_t l, uint32_t r)
{
    a->pairs[a->npairs++] = (struct pair){{l, r}};
}

static void pair_by_position(struct align *a, const char *method)
{
    uint32_t n = a->n[0] > a->n[1] ? a->n[0] : a->n[1];
    for (uint32_t i = 0; i < n; i++)
        pair_add(a, i < a->n[SIDE_LEGACY] ? a->elements[SIDE_LEGACY][i] : JDOC_NONE,
                 i < a->n[SIDE_NEW] ? a->elements[SIDE_NEW][i] : JDOC_NONE);
    a->method = method;
}

/* --- tuples --- */

static bool is_tuple(const struct align *a)
{
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        if (a->n[s] == 0 || a->n[s] > TUPLE_MAX)
            return false;
        for (uint32_t i = 0; i < a->n[s]; i++)
            if (element(a, s, i)->kind != JDOC_NUMBER)
                return false;
    }
    return true;
}

/* --- by key --- */

/* The value of a key field that can tell elements apart, or JDOC_NONE. */
static uint32_t key_value(const struct align *a, enum side s, uint32_t i, struct span key)
{
    const struct jdoc *doc = &a->d->docs[s];
    a->d->work += 1 + (uint64_t)element(a, s, i)->n;
    uint32_t v = jdoc_member(doc, a->elements[s][i], key);
    if (v == JDOC_NONE || (doc->nodes[v].flags & JDOC_IGNORED))
        return JDOC_NONE;
    return doc->nodes[v].kind == JDOC_STRING || doc->nodes[v].kind == JDOC_NUMBER ? v : JDOC_NONE;
}

/* Fills a table from key value to element. False: some element lacks the key, or two have the same.
 */
static bool index_by_key(const struct align *a, enum side s, struct span key, struct table *t)
{
    for (uint32_t i = 0; i < a->n[s]; i++) {
        uint32_t v = key_value(a, s, i, key);
        if (v == JDOC_NONE || !table_put(t, a->d->docs[s].nodes[v].hash, i))
            return false;
    }
    return true;
}

static uint32_t overlap(const struct align *a, struct span key, const struct table *right)
{
    uint32_t common = 0, at;
    for (uint32_t i = 0; i < a->n[SIDE_LEGACY]; i++) {
        uint32_t v = key_value(a, SIDE_LEGACY, i, key);
        common += table_get(right, a->d->docs[SIDE_LEGACY].nodes[v].hash, &at) ? 1 : 0;
    }
    return common;
}

static void pair_by_key(struct align *a, struct span key, const struct table *left,
                        const struct table *right)
{
    uint32_t last = 0, at;
    for (uint32_t i = 0; i < a->n[SIDE_LEGACY]; i++) {
        uint32_t v = key_value(a, SIDE_LEGACY, i, key);
        if (!table_get(right, a->d->docs[SIDE_LEGACY].nodes[v].hash, &at)) {
            pair_add(a, a->elements[SIDE_LEGACY][i], JDOC_NONE);
            continue;
        }
        pair_add(a, a->elements[SIDE_LEGACY][i], a->elements[SIDE_NEW][at]);
        a->reordered = a->reordered || at < last;
        last = at;
    }
    for (uint32_t i = 0; i < a->n[SIDE_NEW]; i++) {
        uint32_t v = key_value(a, SIDE_NEW, i, key);
        if (!table_get(left, a->d->docs[SIDE_NEW].nodes[v].hash, &at))
            pair_add(a, JDOC_NONE, a->elements[SIDE_NEW][i]);
    }
    a->method = "key";
    a->key = key;
}

/* trusted: a person said so; otherwise the values of both sides must have half in common. */
static enum err try_key(struct align *a, struct span key, bool trusted, bool *done)
{
    struct table left, right;
    struct scratch *s = &a->d->scratch;
    if (key_value(a, SIDE_LEGACY, 0, key) == JDOC_NONE ||
        key_value(a, SIDE_NEW, 0, key) == JDOC_NONE)
        return ERR_OK;
    struct scratch_mark back = scratch_mark(s);
    TRY(table_begin(&left, s, a->n[SIDE_LEGACY]));
    TRY(table_begin(&right, s, a->n[SIDE_NEW]));
    if (index_by_key(a, SIDE_LEGACY, key, &left) && index_by_key(a, SIDE_NEW, key, &right)) {
        uint32_t least = a->n[0] < a->n[1] ? a->n[0] : a->n[1];
        *done = trusted || (uint64_t)overlap(a, key, &right) * 2 >= least;
        if (*done)
            pair_by_key(a, key, &left, &right);
    }
    scratch_back(s, back);
    return ERR_OK;
}

static enum err by_key(struct align *a, bool *done)
{
    static const char *const keys[] = {"id", "_id", "uuid", "key", "code", "name", "sku", "href"};
    if (a->n[SIDE_LEGACY] == 0 || a->n[SIDE_NEW] == 0)
        return ERR_OK;
    struct span named = diff_array_key(a->d);
    if (named.p != NULL)
        TRY(try_key(a, named, true, done));
    for (size_t i = 0; i < ARRAY_LEN(keys) && !*done; i++)
        TRY(try_key(a, span_str(keys[i]), false, done));
    return ERR_OK;
}

/* --- the same elements in another order --- */

/* Elements that only this side has, by exact content; *first: the first of them. */
static enum err only_on(const struct align *a, enum side s, uint32_t *n, uint32_t *first)
{
    enum side other = side_other(s);
    struct table t;
    struct scratch_mark back = scratch_mark(&a->d->scratch);
    *n = *first = 0;
    TRY(table_begin(&t, &a->d->scratch, a->n[other]));
    for (uint32_t i = 0; i < a->n[other]; i++)
        table_count(&t, element(a, other, i)->hash, 1);
    for (uint32_t i = 0; i < a->n[s]; i++)
        if (!table_uncount(&t, element(a, s, i)->hash) && (*n)++ == 0)
            *first = i;
    scratch_back(&a->d->scratch, back);
    return ERR_OK;
}

struct sorted {
    uint64_t hash;
    uint32_t i;
};

static int by_hash(const void *pa, const void *pb)
{
    const struct sorted *a = pa, *b = pb;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->i < b->i ? -1 : a->i > b->i;
}

static struct sorted *sort_elements(const struct align *a, enum side s)
{
    struct sorted *list = scratch_take(&a->d->scratch, a->n[s], sizeof(*list));
    for (uint32_t i = 0; list != NULL && i < a->n[s]; i++)
        list[i] = (struct sorted){align_hash(a, s, i), i};
    if (list != NULL)
        qsort(list, a->n[s], sizeof(*list), by_hash);
    return list;
}

/* Equal but for what may differ a little: the k-th of the elements that look alike belongs to the
 * k-th. */
static enum err loosely_same(struct align *a, bool *done)
{
    bool in_place = true;
    for (uint32_t i = 0; i < a->n[0] && in_place; i++)
        in_place = align_hash(a, SIDE_LEGACY, i) == align_hash(a, SIDE_NEW, i);
    if (in_place) {
        pair_by_position(a, "position");
        *done = true;
        return ERR_OK;
    }
    struct scratch_mark back = scratch_mark(&a->d->scratch);
    struct sorted *l = sort_elements(a, SIDE_LEGACY), *r = sort_elements(a, SIDE_NEW);
    if (l == NULL || r == NULL)
        return ERR_NO_MEMORY;
    *done = true;
    for (uint32_t i = 0; i < a->n[0] && *done; i++)
        *done = l[i].hash == r[i].hash;
    for (uint32_t i = 0; i < a->n[0] && *done; i++)
        pair_add(a, a->elements[SIDE_LEGACY][l[i].i], a->elements[SIDE_NEW][r[i].i]);
    if (*done) {
        a->method = "multiset";
        a->reordered = true;
    }
    scratch_back(&a->d->scratch, back);
    return ERR_OK;
}

static enum err by_content(struct align *a, bool *done)
{
    uint32_t only, first;
    if (a->n[SIDE_LEGACY] != a->n[SIDE_NEW])
        return ERR_OK;
    TRY(only_on(a, SIDE_LEGACY, &only, &first));
    if (only == 0) {
        *done = true;
        a->method = "multiset";
        for (uint32_t i = 0; i < a->n[0] && !a->reordered; i++)
            a->reordered = element(a, SIDE_LEGACY, i)->hash != element(a, SIDE_NEW, i)->hash;
        return ERR_OK;
    }
    return a->d->loose[SIDE_LEGACY] == NULL ? ERR_OK : loosely_same(a, done);
}

/* --- longest common subsequence --- */

/* Elements [i, i_end) of the first list and [k, k_end) of the second have no equals: paired as they
 * come. */
static void pair_gap(struct align *a, enum side first, uint32_t i, uint32_t i_end, uint32_t k,
                     uint32_t k_end)
{
    enum side second = side_other(first);
    while (i < i_end || k < k_end) {
        struct pair p = {{JDOC_NONE, JDOC_NONE}};
        if (i < i_end)
            p.nodes[first] = a->elements[first][i++];
        if (k < k_end)
            p.nodes[second] = a->elements[second][k++];
        a->pairs[a->npairs++] = p;
    }
}

static void pair_by_matches(struct align *a, enum side first, const uint32_t *to)
{
    enum side second = side_other(first);
    uint32_t i = 0, k = 0;
    for (uint32_t at = 0; at < a->n[first]; at++) {
        if (to[at] == 0)
            continue;
        pair_gap(a, first, i, at, k, to[at] - 1);
        struct pair p;
        p.nodes[first] = a->elements[first][at];
        p.nodes[second] = a->elements[second][to[at] - 1];
        a->pairs[a->npairs++] = p;
        i = at + 1;
        k = to[at];
    }
    pair_gap(a, first, i, a->n[first], k, a->n[second]);
    a->method = "lcs";
}

static uint64_t *hashes_of(const struct align *a, enum side s)
{
    uint64_t *h = scratch_take(&a->d->scratch, a->n[s], sizeof(*h));
    for (uint32_t i = 0; h != NULL && i < a->n[s]; i++)
        h[i] = align_hash(a, s, i);
    return h;
}

static enum err by_subsequence(struct align *a, bool *done)
{
    enum side first = a->d->flip ? SIDE_NEW : SIDE_LEGACY, second = side_other(first);
    if (a->d->work > DIFF_WORK_MAX)
        return ERR_OK;
    struct scratch_mark back = scratch_mark(&a->d->scratch);
    struct lcs x = {.na = a->n[first], .nb = a->n[second], .max = DIFF_LCS_MAX};
    x.distance = DIFF_LCS_DISTANCE;
    x.a = hashes_of(a, first);
    x.b = hashes_of(a, second);
    x.to = scratch_take(&a->d->scratch, a->n[first], sizeof(*x.to));
    if (x.a == NULL || x.b == NULL || x.to == NULL)
        return ERR_NO_MEMORY;
    TRY(lcs_align(&x, &a->d->scratch));
    a->d->work += x.work;
    *done = x.found;
    if (x.found)
        pair_by_matches(a, first, x.to);
    scratch_back(&a->d->scratch, back);
    return ERR_OK;
}

/* --- all together --- */

/* The example is where an element stands, not what it is: a note is not redacted. */
static enum err count_only(struct align *a)
{
    char room[128];
    struct buf note = {room, 0, sizeof(room), sizeof(room)};
    const char *sep = "; the first: ";
    uint32_t n[2], first[2];
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        TRY(only_on(a, s, &n[s], &first[s]));
    TRY(buf_printf(&note, "%u only on legacy, %u only on new", n[SIDE_LEGACY], n[SIDE_NEW]));
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        if (n[s] == 0)
            continue;
        TRY(buf_printf(&note, "%s[%u] on %s", sep, first[s], side_word(s)));
        sep = ", ";
    }
    return diff_here(a->d, KIND_COUNT, a->nodes[SIDE_LEGACY], a->nodes[SIDE_NEW], "count",
                     buf_span(&note));
}

static enum err choose(struct align *a)
{
    bool done = false;
    if (is_tuple(a)) {
        pair_by_position(a, "tuple");
        return ERR_OK;
    }
    TRY(by_key(a, &done));
    if (!done)
        TRY(by_content(a, &done));
    if (!done)
        TRY(by_subsequence(a, &done));
    if (!done && a->n[SIDE_LEGACY] == a->n[SIDE_NEW])
        pair_by_position(a, "position");
    else if (!done)
        TRY(count_only(a));
    return ERR_OK;
}

static enum err gather(struct align *a, enum side s, uint32_t array)
{
    const struct jdoc_node *nodes = a->d->docs[s].nodes;
    a->nodes[s] = array;
    a->elements[s] = scratch_take(&a->d->scratch, nodes[array].n, sizeof(uint32_t));
    if (a->elements[s] == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = array + 1; i < nodes[array].next; i = nodes[i].next)
        if ((nodes[i].flags & JDOC_IGNORED) == 0)
            a->elements[s][a->n[s]++] = i;
    return ERR_OK;
}

static enum err compare_pairs(struct align *a)
{
    struct diff *d = a->d;
    d->frame->method = a->method;
    struct seg seg = {a->key.p == NULL ? SEG_ELEMENT : SEG_KEYED, a->key};
    if (a->reordered)
        TRY(diff_here(d, KIND_ORDER, a->nodes[SIDE_LEGACY], a->nodes[SIDE_NEW], a->method,
                      SPAN_NULL));
    for (uint32_t i = 0; i < a->npairs; i++) {
        uint32_t l = a->pairs[i].nodes[SIDE_LEGACY], r = a->pairs[i].nodes[SIDE_NEW];
        if (l != JDOC_NONE && r != JDOC_NONE)
            TRY(diff_nodes(d, l, r, &seg));
        else
            TRY(diff_leaf(d, r == JDOC_NONE ? KIND_MISSING : KIND_EXTRA, &seg, l, r));
    }
    return ERR_OK;
}

enum err diff_array(struct diff *d, uint32_t l, uint32_t r)
{
    struct align a = {.d = d};
    struct scratch_mark back = scratch_mark(&d->scratch);
    size_t most = (size_t)d->docs[SIDE_LEGACY].nodes[l].n + d->docs[SIDE_NEW].nodes[r].n;
    d->work += most;
    a.pairs = scratch_take(&d->scratch, most, sizeof(*a.pairs));
    if (a.pairs == NULL)
        return ERR_NO_MEMORY;
    struct scratch_mark pairs_only = scratch_mark(&d->scratch);
    TRY(gather(&a, SIDE_LEGACY, l));
    TRY(gather(&a, SIDE_NEW, r));
    TRY(choose(&a));
    scratch_back(&d->scratch, pairs_only);
    TRY(compare_pairs(&a));
    scratch_back(&d->scratch, back);
    return ERR_OK;
}
