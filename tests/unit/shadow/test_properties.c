/* Properties of the comparison over random documents: nothing is found in equal ones, every planted
 * change is found at its path, the order of keys never matters, exchanging the sides exchanges
 * missing and extra and nothing else. */
#include "tests/unit/shadow/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES_MAX = 4000, CHILDREN_MAX = 7, DEPTH = 5, ROUNDS = 3000 };

enum shape { NUMBER, STRING, BOOLEAN, OBJECT, LIST, KEYED_LIST };

struct node {
    enum shape shape;
    unsigned value; /* scalars */
    unsigned nchildren;
    unsigned children[CHILDREN_MAX];
    const char *keys[CHILDREN_MAX]; /* OBJECT */
};

/* What is changed when the document is written the second time. */
enum change { NOTHING, VALUE, TYPE, DROP, ADD, CHANGES };

struct world {
    struct dice dice;
    struct node nodes[NODES_MAX];
    unsigned n;
    unsigned next_value;
    unsigned target; /* the node that is changed */
    enum change change;
    bool restyled; /* keys shuffled, numbers in other notations, spaces */
    char path[512];
    struct buf texts[2];
    struct bench bench;
};

static const char *const words[] = {"alpha", "beta",   "gamma", "delta",    "total",
                                    "lines", "status", "owner", "zip-code", "a b"};

static unsigned grow(struct world *w, unsigned depth)
{
    unsigned at = w->n++;
    struct node *x = &w->nodes[at];
    bool leaf = depth == 0 || w->n > NODES_MAX - 100;
    x->shape = leaf ? (enum shape)dice_roll(&w->dice, 3) : (enum shape)dice_roll(&w->dice, 6);
    if (depth == DEPTH)
        x->shape = OBJECT;
    x->value = ++w->next_value;
    x->nchildren = 0;
    if (x->shape < OBJECT)
        return at;
    unsigned want = (unsigned)dice_roll(&w->dice, CHILDREN_MAX) +
                    (x->shape == KEYED_LIST || depth == DEPTH ? 1 : 0);
    want = want > CHILDREN_MAX ? CHILDREN_MAX : want;
    unsigned first_word = (unsigned)dice_roll(&w->dice, ARRAY_LEN(words));
    for (unsigned i = 0; i < want; i++) {
        unsigned child = grow(w, x->shape == LIST ? 0 : depth - 1);
        if (x->shape == KEYED_LIST && w->nodes[child].shape != OBJECT)
            w->nodes[child] = (struct node){.shape = OBJECT, .value = ++w->next_value};
        x->children[i] = child;
        x->keys[i] = words[(first_word + i) % ARRAY_LEN(words)];
        x->nchildren++;
    }
    return at;
}

/* --- writing --- */

static void put(struct buf *b, const char *s)
{
    assert_int_equal(buf_append(b, span_str(s)), ERR_OK);
}

static void put_number(struct world *w, struct buf *b, unsigned value)
{
    static const char *const styles[] = {"%u", "%u.0", "%ue0", "%u0e-1", "%u.00E+0"};
    char text[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(text, sizeof(text),
                   styles[w->restyled ? dice_roll(&w->dice, ARRAY_LEN(styles)) : 0], value);
#pragma GCC diagnostic pop
    put(b, text);
}

static void put_scalar(struct world *w, struct buf *b, const struct node *x, enum change change)
{
    char text[64];
    if (change == TYPE) {
        put(b, dice_roll(&w->dice, 2) ? "null" : "[]");
        return;
    }
    unsigned value = x->value + (change == VALUE ? 1000000 : 0);
    if (x->shape == NUMBER) {
        put_number(w, b, value);
    } else if (x->shape == STRING) {
        (void)snprintf(text, sizeof(text), w->restyled ? "\"\\u0074ext %u\"" : "\"text %u\"",
                       value);
        put(b, text);
    } else {
        put(b, ((value + (change == VALUE ? 1 : 0)) & 1) ? "true" : "false");
    }
}

static void write_node(struct world *w, struct buf *b, unsigned at, bool changed);

static void put_member(struct world *w, struct buf *b, const char *key, unsigned child,
                       bool changed, bool *first)
{
    put(b, *first ? "\"" : ",\"");
    *first = false;
    put(b, key);
    put(b, w->restyled ? "\" : \n" : "\":");
    write_node(w, b, child, changed);
}

static void write_object(struct world *w, struct buf *b, const struct node *x, bool changed,
                         unsigned id)
{
    bool first = true, here = changed && x == &w->nodes[w->target];
    unsigned order[CHILDREN_MAX];
    for (unsigned i = 0; i < x->nchildren; i++)
        order[i] = i;
    for (unsigned i = x->nchildren; w->restyled && i > 1; i--) {
        unsigned k = (unsigned)dice_roll(&w->dice, i), t = order[i - 1];
        order[i - 1] = order[k];
        order[k] = t;
    }
    put(b, "{");
    if (here && w->change == ADD) {
        put(b, "\"added\":\"new\"");
        first = false;
    }
    for (unsigned i = 0; i < x->nchildren; i++)
        if (!(changed && w->change == DROP && x->children[order[i]] == w->target))
            put_member(w, b, x->keys[order[i]], x->children[order[i]], changed, &first);
    if (id > 0) {
        char text[64];
        (void)snprintf(text, sizeof(text), "%s\"id\":%u", first ? "" : ",", id);
        put(b, text);
    }
    put(b, "}");
}

static void write_list(struct world *w, struct buf *b, const struct node *x, bool changed)
{
    put(b, "[");
    for (unsigned i = 0; i < x->nchildren; i++) {
        put(b, i == 0 ? "" : w->restyled ? " , " : ",");
        const struct node *child = &w->nodes[x->children[i]];
        if (x->shape == KEYED_LIST)
            write_object(w, b, child, changed, i + 1);
        else
            write_node(w, b, x->children[i], changed);
    }
    put(b, "]");
}

static void write_node(struct world *w, struct buf *b, unsigned at, bool changed)
{
    const struct node *x = &w->nodes[at];
    enum change here = changed && at == w->target ? w->change : NOTHING;
    if (x->shape < OBJECT || here == TYPE)
        put_scalar(w, b, x, here);
    else if (x->shape == OBJECT)
        write_object(w, b, x, changed, 0);
    else
        write_list(w, b, x, changed);
}

/* --- where things are --- */

static bool find_path(struct world *w, unsigned at, unsigned target, size_t n)
{
    const struct node *x = &w->nodes[at];
    w->path[n] = '\0';
    if (at == target)
        return true;
    for (unsigned i = 0; i < x->nchildren; i++) {
        size_t room = sizeof(w->path) - n, more;
        if (x->shape == OBJECT && strchr(x->keys[i], ' ') != NULL)
            more = (size_t)snprintf(w->path + n, room, "[\"%s\"]", x->keys[i]);
        else if (x->shape == OBJECT)
            more = (size_t)snprintf(w->path + n, room, ".%s", x->keys[i]);
        else
            more = (size_t)snprintf(w->path + n, room, x->shape == LIST ? "[]" : "[id]");
        if (find_path(w, x->children[i], target, n + more))
            return true;
    }
    return false;
}

static unsigned parent_of(const struct world *w, unsigned child)
{
    for (unsigned i = 0; i < w->n; i++)
        for (unsigned k = 0; k < w->nodes[i].nchildren; k++)
            if (w->nodes[i].children[k] == child)
                return i;
    return child;
}

/* --- worlds --- */

static struct world *make(uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->dice.state = seed;
    bench_begin(&w->bench);
    (void)grow(w, DEPTH);
    return w;
}

static void compare(struct world *w, bool swapped)
{
    const char *a = w->texts[swapped ? 1 : 0].p, *b = w->texts[swapped ? 0 : 1].p;
    bench_json(&w->bench, a, b);
}

static void write_both(struct world *w, enum change change, bool restyled)
{
    w->change = change;
    for (unsigned i = 0; i < 2; i++) {
        w->texts[i].n = 0;
        w->restyled = i == 1 && restyled;
        write_node(w, &w->texts[i], 0, i == 1);
        put(&w->texts[i], "\n");
        assert_int_equal(buf_append(&w->texts[i], span_of("", 1)), ERR_OK);
    }
}

static void done(struct world *w)
{
    buf_free(&w->texts[0]);
    buf_free(&w->texts[1]);
    bench_end(&w->bench);
    free(w);
}

static void style_never_matters(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct world *w = make(seed);
        bench_rules(&w->bench);
        write_both(w, NOTHING, true);
        compare(w, false);
        if (w->bench.result.verdict != VERDICT_MATCH) {
            print_error("seed %llu\n%s%s", (unsigned long long)seed, w->texts[0].p, w->texts[1].p);
            bench_expect_count(&w->bench, 0);
        }
        done(w);
    }
}

/* Picks a node that can be changed that way; false when the die fell badly. */
static bool pick(struct world *w, enum change change)
{
    w->target = (unsigned)dice_roll(&w->dice, w->n);
    const struct node *x = &w->nodes[w->target];
    const struct node *p = &w->nodes[parent_of(w, w->target)];
    if (!find_path(w, 0, w->target, 0)) /* grown and thrown away again */
        return false;
    switch (change) {
    case VALUE:
        return x->shape < OBJECT && p != x;
    case TYPE:
        return w->target != 0 && p->shape == OBJECT && (x->shape < OBJECT || x->shape == OBJECT);
    case DROP:
        return w->target != 0 && p->shape == OBJECT;
    case ADD:
        return x->shape == OBJECT;
    default:
        return false;
    }
}

static enum finding_kind kind_of(enum change change)
{
    static const enum finding_kind kinds[CHANGES] = {
        [VALUE] = KIND_VALUE, [TYPE] = KIND_TYPE, [DROP] = KIND_MISSING, [ADD] = KIND_EXTRA};
    return kinds[change];
}

static void name_path(struct world *w, enum change change, char out[600])
{
    assert_true(find_path(w, 0, w->target, 0));
    (void)snprintf(out, 600, "$%s%s", w->path, change == ADD ? ".added" : "");
}

static void every_planted_change_is_found(void **state)
{
    unsigned tried = 0;
    UNUSED(state);
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct world *w = make(seed);
        bench_rules(&w->bench);
        for (enum change c = VALUE; c < CHANGES; c++) {
            char path[600];
            if (!pick(w, c))
                continue;
            write_both(w, c, dice_roll(&w->dice, 2) == 1);
            name_path(w, c, path);
            compare(w, false);
            if (bench_finding(&w->bench, path, kind_of(c)) == NULL ||
                w->bench.result.nfindings != 1)
                print_error("seed %llu\n%s%s", (unsigned long long)seed, w->texts[0].p,
                            w->texts[1].p);
            bench_expect(&w->bench, path, kind_of(c));
            bench_expect_count(&w->bench, 1);
            compare(w, true);
            bench_expect(&w->bench, path, finding_kind_swapped(kind_of(c)));
            bench_expect_count(&w->bench, 1);
            tried++;
        }
        done(w);
    }
    assert_true(tried > ROUNDS);
}

/* The path of a finding, put into a rule, hides it. */
static void a_found_path_is_a_rule(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct world *w = make(seed);
        enum change c = (enum change)(VALUE + dice_roll(&w->dice, CHANGES - VALUE));
        char path[600];
        if (pick(w, c)) {
            write_both(w, c, true);
            name_path(w, c, path);
            bench_ignore(&w->bench, path);
            bench_rules(&w->bench);
            compare(w, false);
            if (w->bench.result.verdict != VERDICT_MATCH)
                print_error("seed %llu rule %s\n%s%s", (unsigned long long)seed, path,
                            w->texts[0].p, w->texts[1].p);
            bench_expect_count(&w->bench, 0);
        }
        done(w);
    }
}

/* --- two documents that have little in common --- */

static bool has_twin(const struct finding *f, const struct finding *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].kind == finding_kind_swapped(f->kind) && span_eq(list[i].path, f->path) &&
            list[i].n == f->n)
            return true;
    return false;
}

static void exchanging_the_sides_exchanges_missing_and_extra(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct world *w = make(seed), *other = make(seed + 100000);
        struct finding before[DIFF_FINDINGS_MAX];
        char paths[DIFF_FINDINGS_MAX][PATH_TEXT_MAX];
        bench_rules(&w->bench);
        write_both(w, NOTHING, false);
        other->next_value = 0;
        write_both(other, NOTHING, true);
        struct buf keep = w->texts[1];
        w->texts[1] = other->texts[1];
        compare(w, false);
        size_t n = w->bench.result.nfindings;
        uint64_t more = w->bench.result.more;
        for (size_t i = 0; i < n; i++) {
            before[i] = w->bench.result.findings[i];
            memcpy(paths[i], before[i].path.p, before[i].path.n);
            before[i].path.p = paths[i];
        }
        compare(w, true);
        if (more == 0) {
            assert_int_equal(w->bench.result.nfindings, n);
            for (size_t i = 0; i < n; i++)
                if (!has_twin(&w->bench.result.findings[i], before, n))
                    fail_msg("seed %llu: %.*s", (unsigned long long)seed,
                             SPAN_ARG(w->bench.result.findings[i].path));
        }
        w->texts[1] = keep;
        done(w);
        done(other);
    }
}

/* --- lists --- */

static void put_list(struct buf *b, const unsigned *list, unsigned n)
{
    b->n = 0;
    put(b, "[");
    for (unsigned i = 0; i < n; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "%s\"v%u\"", i == 0 ? "" : ",", list[i]);
        put(b, text);
    }
    put(b, "]");
    assert_int_equal(buf_append(b, span_of("", 1)), ERR_OK);
}

/* Random edits of a list of scalars: what is missing and extra adds up to the difference of
 * lengths, reordering alone is `order`, and an untouched list is no finding. */
static void lists_add_up(void **state)
{
    struct bench b;
    struct buf texts[2] = {BUF_INIT(0), BUF_INIT(0)};
    struct dice dice = {77};
    UNUSED(state);
    bench_begin(&b);
    bench_rules(&b);
    for (int round = 0; round < 3000; round++) {
        unsigned l[64], r[64], n = 5 + (unsigned)dice_roll(&dice, 40), m = 0;
        for (unsigned i = 0; i < n; i++)
            l[i] = (unsigned)dice_roll(&dice, 20);
        for (unsigned i = 0; i < n; i++) {
            uint64_t what = dice_roll(&dice, 20);
            if (what > 0)
                r[m++] = what == 1 ? 100 + i : l[i];
            if (what == 2)
                r[m++] = 200 + i;
        }
        put_list(&texts[0], l, n);
        put_list(&texts[1], r, m);
        bench_json(&b, texts[0].p, texts[1].p);
        const struct finding *missing = bench_finding(&b, "$[]", KIND_MISSING);
        const struct finding *extra = bench_finding(&b, "$[]", KIND_EXTRA);
        int net = (extra == NULL ? 0 : (int)extra->n) - (missing == NULL ? 0 : (int)missing->n);
        assert_int_equal(net, (int)m - (int)n);
        assert_null(bench_finding(&b, "$", KIND_COUNT));
    }
    buf_free(&texts[0]);
    buf_free(&texts[1]);
    bench_end(&b);
}

/* --- tolerance --- */

static bool agrees(const char *l, const char *r, double abs, double rel)
{
    struct bench b;
    bench_begin(&b);
    if (abs > 0 || rel > 0)
        bench_tolerate(&b, "$.v", abs, rel);
    bench_rules(&b);
    bench_json(&b, l, r);
    bool same = b.result.verdict == VERDICT_MATCH;
    bench_end(&b);
    return same;
}

/* What a tolerance covers, a larger one covers too; and it does not matter which side is which. */
static void tolerance_is_monotone(void **state)
{
    static const double steps[] = {0, 0.001, 0.01, 0.1, 1, 10, 100};
    struct dice dice = {11};
    unsigned changes = 0;
    UNUSED(state);
    for (int round = 0; round < 300; round++) {
        char texts[2][64];
        unsigned base = (unsigned)dice_roll(&dice, 100000);
        unsigned far = (unsigned)dice_roll(&dice, (uint64_t)1 << dice_roll(&dice, 16));
        (void)snprintf(texts[0], sizeof(texts[0]), "{\"v\":%u.%03u}", base / 1000, base % 1000);
        base += far;
        (void)snprintf(texts[1], sizeof(texts[1]), "{\"v\":%u.%03u}", base / 1000, base % 1000);
        bool relative = dice_roll(&dice, 2) == 1, before = false;
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
            double abs = relative ? 0 : steps[i], rel = relative ? steps[i] : 0;
            bool now = agrees(texts[0], texts[1], abs, rel);
            assert_int_equal(now, agrees(texts[1], texts[0], abs, rel));
            if (before && !now)
                fail_msg("%s and %s agree within %g less than", texts[0], texts[1], steps[i]);
            changes += now != before ? 1 : 0;
            before = now;
        }
    }
    assert_true(changes > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(style_never_matters),
        cmocka_unit_test(every_planted_change_is_found),
        cmocka_unit_test(a_found_path_is_a_rule),
        cmocka_unit_test(exchanging_the_sides_exchanges_missing_and_extra),
        cmocka_unit_test(lists_add_up),
        cmocka_unit_test(tolerance_is_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
