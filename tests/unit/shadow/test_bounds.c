/* Documents made to hurt: the work counted by the comparison stays in proportion to their size.
 * Counters, not clocks. */
#include "tests/unit/shadow/support.h"

#include "shadow/lcs.h"
#include "shadow/table.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PER_NODE = 200, /* steps per value of both documents: distance 64, twice, and small change */
};

struct texts {
    struct buf of[2];
};

static void put(struct buf *b, const char *s)
{
    assert_int_equal(buf_append(b, span_str(s)), ERR_OK);
}

static void put_number(struct buf *b, const char *before, uint64_t n, const char *after)
{
    assert_int_equal(buf_printf(b, "%s%llu%s", before, (unsigned long long)n, after), ERR_OK);
}

/* Compares, checks the bound and prints nothing. */
static void hurt(struct texts *t, struct bench *b)
{
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        assert_int_equal(buf_append(&t->of[s], span_of("", 1)), ERR_OK);
    bench_json(b, t->of[0].p, t->of[1].p);
    assert_int_not_equal(b->result.verdict, VERDICT_SKIPPED);
    uint64_t nodes = (uint64_t)b->comparer.diff.docs[0].n + b->comparer.diff.docs[1].n;
    uint64_t work = b->comparer.diff.work;
    if (work > PER_NODE * nodes + 10000)
        fail_msg("%llu steps for %llu values", (unsigned long long)work, (unsigned long long)nodes);
    buf_free(&t->of[0]);
    buf_free(&t->of[1]);
}

static struct bench bench;

static int begin(void **state)
{
    UNUSED(state);
    bench_begin(&bench);
    bench_rules(&bench);
    return 0;
}

static int end(void **state)
{
    UNUSED(state);
    bench_end(&bench);
    return 0;
}

static void list_of(struct buf *b, unsigned n, uint64_t from, uint64_t step)
{
    put(b, "[");
    for (unsigned i = 0; i < n; i++)
        put_number(b, i == 0 ? "" : ",", from + i * step, "");
    put(b, "]");
}

static void many_lists_that_have_nothing_in_common(void **state)
{
    struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
    UNUSED(state);
    for (unsigned s = 0; s < 2; s++) {
        put(&t.of[s], "[");
        for (unsigned i = 0; i < 60; i++) {
            put(&t.of[s], i == 0 ? "" : ",");
            list_of(&t.of[s], 1999 - s, i + s * 10000000, 1);
        }
        put(&t.of[s], "]");
    }
    hurt(&t, &bench);
}

static void lists_shifted_by_just_the_distance(void **state)
{
    UNUSED(state);
    for (unsigned shift = 31; shift <= 33; shift++) {
        struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
        list_of(&t.of[0], 2000, 0, 1);
        list_of(&t.of[1], 2000, shift, 1);
        hurt(&t, &bench);
        /* 2 * 32 edits are found, 2 * 33 are not */
        const struct finding *f = bench_finding(&bench, "$[]", KIND_MISSING);
        assert_int_equal(f != NULL, shift <= 32);
        if (f != NULL)
            assert_int_equal(f->n, shift);
    }
}

/* A period of two against a period of three: no diagonal is long, none ends early. */
static void periodic_lists(void **state)
{
    struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
    UNUSED(state);
    for (unsigned s = 0; s < 2; s++) {
        put(&t.of[s], "[");
        for (unsigned i = 0; i < 2000; i++)
            put_number(&t.of[s], i == 0 ? "" : ",", i % (2 + s), "");
        put(&t.of[s], "]");
    }
    hurt(&t, &bench);
}

static void wide_objects_in_opposite_order(void **state)
{
    struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
    enum { KEYS = 100000 };
    UNUSED(state);
    for (unsigned s = 0; s < 2; s++) {
        put(&t.of[s], "{");
        for (unsigned i = 0; i < KEYS; i++)
            put_number(&t.of[s], i == 0 ? "\"k" : ",\"k", s == 0 ? i : KEYS - 1 - i,
                       s == 0 ? "\":1" : "\":2");
        put(&t.of[s], "}");
    }
    hurt(&t, &bench);
    bench_expect(&bench, "${}", KIND_VALUE);
    assert_int_equal(bench_finding(&bench, "${}", KIND_VALUE)->n, KEYS);
}

static void repeated_keys_by_the_thousand(void **state)
{
    struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
    UNUSED(state);
    for (unsigned s = 0; s < 2; s++) {
        put(&t.of[s], "{");
        for (unsigned i = 0; i < 50000 + s; i++)
            put(&t.of[s], i == 0 ? "\"k\":1" : ",\"k\":1");
        put(&t.of[s], "}");
    }
    hurt(&t, &bench);
    bench_expect_count(&bench, 1);
    bench_expect(&bench, "$", KIND_COUNT);
}

/* Every key field is there, none is unique: each is tried to the end. */
static void keys_that_look_unique_until_the_last(void **state)
{
    struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
    UNUSED(state);
    for (unsigned s = 0; s < 2; s++) {
        put(&t.of[s], "[");
        for (unsigned i = 0; i < 5000; i++) {
            unsigned v = i == 4999 ? 0 : i;
            assert_int_equal(
                buf_printf(&t.of[s],
                           "%s{\"id\":%u,\"_id\":%u,\"uuid\":%u,\"key\":%u,\"code\":%u,\"name\":%u,"
                           "\"sku\":%u,\"href\":%u,\"s\":%u}",
                           i == 0 ? "" : ",", v, v, v, v, v, v, v, v, s),
                ERR_OK);
        }
        put(&t.of[s], "]");
    }
    hurt(&t, &bench);
}

static void deep_and_different_at_the_bottom(void **state)
{
    struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
    UNUSED(state);
    for (unsigned s = 0; s < 2; s++) {
        put(&t.of[s], "[");
        for (unsigned i = 0; i < 500; i++) {
            put(&t.of[s], i == 0 ? "" : ",");
            for (unsigned k = 0; k < JDOC_DEPTH_MAX - 2; k++)
                put(&t.of[s], k % 2 ? "[" : "{\"a\":");
            put_number(&t.of[s], "", i * 2 + s, "");
            for (unsigned k = JDOC_DEPTH_MAX - 2; k > 0; k--)
                put(&t.of[s], k % 2 ? "}" : "]");
        }
        put(&t.of[s], "]");
    }
    hurt(&t, &bench);
}

/* Many different findings: the list is capped, what is beyond is counted. */
static void findings_are_capped(void **state)
{
    struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
    UNUSED(state);
    for (unsigned s = 0; s < 2; s++) {
        put(&t.of[s], "{");
        for (unsigned i = 0; i < 40; i++)
            for (unsigned k = 0; k < 1; k++)
                assert_int_equal(buf_printf(&t.of[s], "%s\"o%c%c\":{\"a\":%u,\"b\":%u,\"c\":%u}",
                                            i == 0 ? "" : ",", (char)('a' + i / 20),
                                            (char)('a' + i % 20), s, s, s),
                                 ERR_OK);
        put(&t.of[s], "}");
    }
    hurt(&t, &bench);
    bench_expect_count(&bench, DIFF_FINDINGS_MAX);
    assert_int_equal(bench.result.more, 120 - DIFF_FINDINGS_MAX);
}

/* Compares two bodies of a type and checks the bound. */
static void hurt_as(const char *type, struct texts *t, const char *body)
{
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        struct buf whole = BUF_INIT(0);
        assert_int_equal(buf_printf(&whole, "HTTP/1.1 200 X\nContent-Type: %s\n\n", type), ERR_OK);
        assert_int_equal(buf_append(&whole, buf_span(&t->of[s])), ERR_OK);
        bench_answer(&bench, s, buf_span(&whole));
        buf_free(&whole);
        buf_free(&t->of[s]);
    }
    bench_compare(&bench);
    assert_int_equal(bench.result.verdict, VERDICT_MISMATCH);
    assert_string_equal(bench.result.body, body);
    uint64_t nodes = (uint64_t)bench.comparer.diff.docs[0].n + bench.comparer.diff.docs[1].n;
    assert_true(bench.comparer.diff.work <= PER_NODE * nodes + 10000);
}

static void forms_with_very_many_fields(void **state)
{
    UNUSED(state);
    for (unsigned n = 9999; n <= 10001; n += 2) { /* more than 10,000 are text */
        struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
        for (unsigned s = 0; s < 2; s++)
            for (unsigned i = 0; i < n; i++) {
                put_number(&t.of[s], i == 0 ? "f" : "&f", (i * 7919 + s) % 5000, "=");
                put_number(&t.of[s], "", i, "");
            }
        hurt_as("application/x-www-form-urlencoded", &t, n < 10000 ? "form" : "text");
    }
}

static void streams_of_very_many_events(void **state)
{
    struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
    UNUSED(state);
    for (unsigned s = 0; s < 2; s++)
        for (unsigned i = 0; i < 20000; i++)
            put_number(&t.of[s], "data: {\"n\":", i + s * 100, "}\n\n");
    hurt_as("text/event-stream", &t, "events");
    struct texts long_one = {{BUF_INIT(0), BUF_INIT(0)}};
    for (unsigned s = 0; s < 2; s++)
        for (unsigned i = 0; i < 100000; i++) /* all of one event */
            put_number(&long_one.of[s], "data: [", i + s, "\n");
    hurt_as("text/event-stream", &long_one, "events");
}

/* Many rules over many differing places: what is too much work is not done, and said. */
static void a_pair_has_a_budget_of_work(void **state)
{
    struct texts t = {{BUF_INIT(0), BUF_INIT(0)}};
    struct buf rules = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    put(&rules, "{\"rules\":[");
    for (unsigned i = 0; i < RULEBOOK_MAX; i++)
        assert_int_equal(buf_printf(&rules,
                                    "%s{\"id\":\"r%u\",\"path\":\"$.**.x%u\",\"action\":\"ignore\","
                                    "\"author\":\"a\",\"reason\":\"r\",\"expires\":\"2100-01-01\"}",
                                    i == 0 ? "" : ",", i, i),
                         ERR_OK);
    put(&rules, "]}");
    assert_int_equal(rulebook_read(&bench.rules->book, buf_span(&rules), "rules", &wrong), ERR_OK);
    for (unsigned s = 0; s < 2; s++) {
        list_of(&t.of[s], 100000, s, 2);
        assert_int_equal(buf_append(&t.of[s], span_of("", 1)), ERR_OK);
    }
    bench_json(&bench, t.of[0].p, t.of[1].p);
    assert_int_equal(bench.result.verdict, VERDICT_SKIPPED);
    assert_string_equal(bench.result.reason, "too_costly");
    assert_true(bench.result.costly);
    assert_true(bench.comparer.diff.work < DIFF_WORK_STOP + 1000);
    rulebook_free(&bench.rules->book);
    bench_json(&bench, t.of[0].p, t.of[1].p); /* without the rules it is cheap, and found */
    bench_expect(&bench, "$[]", KIND_VALUE);
    assert_false(bench.result.costly);
    buf_free(&t.of[0]);
    buf_free(&t.of[1]);
    buf_free(&rules);
}

static void scratch_memory_has_a_ceiling(void **state)
{
    struct scratch s;
    UNUSED(state);
    scratch_begin(&s, 256 * 1024);
    struct scratch_mark empty = scratch_mark(&s);
    assert_null(scratch_take(&s, SIZE_MAX / 2, 8));
    assert_null(scratch_take(&s, 257 * 1024, 1));
    char *first = scratch_take(&s, 100, 1);
    struct scratch_mark m = scratch_mark(&s);
    assert_non_null(first);
    memset(first, 1, 100);
    assert_non_null(scratch_take(&s, 100 * 1024, 1));
    assert_null(scratch_take(&s, 150 * 1024, 1));
    scratch_back(&s, m);
    assert_non_null(scratch_take(&s, 150 * 1024, 1));
    scratch_back(&s, m);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(first[i], 1);
    scratch_back(&s, empty);
    assert_ptr_equal(scratch_take(&s, 8, 1), first); /* the first chunk was kept */
    scratch_end(&s);
}

/* --- the subsequence itself, against the plain quadratic way --- */

enum { SMALL = 40 };

static uint32_t longest(const uint64_t *a, uint32_t n, const uint64_t *b, uint32_t m)
{
    uint32_t best[SMALL + 1][SMALL + 1] = {{0}};
    for (uint32_t i = 1; i <= n; i++)
        for (uint32_t k = 1; k <= m; k++)
            best[i][k] = a[i - 1] == b[k - 1]              ? best[i - 1][k - 1] + 1
                         : best[i - 1][k] > best[i][k - 1] ? best[i - 1][k]
                                                           : best[i][k - 1];
    return best[n][m];
}

static void subsequences_are_the_longest(void **state)
{
    struct dice dice = {5};
    struct scratch s;
    UNUSED(state);
    scratch_begin(&s, 1 << 20);
    for (int round = 0; round < 20000; round++) {
        uint64_t a[SMALL], b[SMALL], kinds = 1 + dice_roll(&dice, 6);
        uint32_t n = (uint32_t)dice_roll(&dice, SMALL + 1),
                 m = (uint32_t)dice_roll(&dice, SMALL + 1), to[SMALL];
        for (uint32_t i = 0; i < n; i++)
            a[i] = dice_roll(&dice, kinds);
        for (uint32_t i = 0; i < m; i++)
            b[i] = dice_roll(&dice, kinds);
        struct lcs x = {
            .a = a, .na = n, .b = b, .nb = m, .max = 100, .distance = 2 * SMALL, .to = to};
        assert_int_equal(lcs_align(&x, &s), ERR_OK);
        assert_true(x.found);
        uint32_t matches = 0, last = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (to[i] == 0)
                continue;
            assert_true(to[i] > last && to[i] <= m);
            assert_int_equal(a[i], b[to[i] - 1]);
            last = to[i];
            matches++;
        }
        assert_int_equal(matches, longest(a, n, b, m));
    }
    scratch_end(&s);
}

static void tables_count(void **state)
{
    struct scratch s;
    struct table t;
    uint32_t v;
    UNUSED(state);
    scratch_begin(&s, 1 << 20);
    assert_int_equal(table_begin(&t, &s, 3), ERR_OK);
    assert_true(table_put(&t, 8, 1) && table_put(&t, 16, 2) &&
                table_put(&t, 0, 3)); /* all in the same place */
    assert_false(table_put(&t, 16, 9));
    assert_true(table_get(&t, 16, &v) && v == 2);
    assert_false(table_get(&t, 24, &v));
    assert_int_equal(table_begin(&t, &s, 2), ERR_OK);
    table_count(&t, 5, 1);
    table_count(&t, 5, 1);
    assert_true(table_uncount(&t, 5) && table_uncount(&t, 5));
    assert_false(table_uncount(&t, 5) || table_uncount(&t, 6));
    scratch_end(&s);
}

/* --- failing allocations through a whole comparison --- */

static const char *walk_texts[2];

static enum err build(void *arg)
{
    struct bench *b = arg;
    struct comparison c;
    compare_pair(&b->comparer, &b->pair, &c);
    bool failed = alloc_failed();
    if (failed) {
        assert_int_equal(c.verdict, VERDICT_SKIPPED);
        assert_string_equal(c.reason, "no_memory");
    } else {
        assert_int_equal(c.verdict, VERDICT_MISMATCH);
    }
    compare_end(&b->comparer);
    compare_begin(&b->comparer, 1 << 20);
    arena_thread_end();
    return failed ? ERR_NO_MEMORY : ERR_OK;
}

static void failing_allocations_skip_the_pair(void **state)
{
    struct bench b;
    UNUSED(state);
    bench_begin(&b);
    bench_ignore(&b, "$.**.x");
    bench_tolerate(&b, "$.p", 1, 0);
    bench_rules(&b);
    walk_texts[0] = "{\"a\":[1,2,3,4,5,\"\\u00e9\"],\"p\":1,\"o\":{\"x\":1},\"k\":[{\"id\":1,\"v\":"
                    "1},{\"id\":2}]}";
    walk_texts[1] = "{\"a\":[1,9,3,4,5,\"\\u00e8\"],\"p\":2,\"o\":{\"x\":2},\"k\":[{\"id\":2},{"
                    "\"id\":1,\"v\":2}]}";
    bench_json(&b, walk_texts[0], walk_texts[1]);
    assert_int_equal(b.result.verdict, VERDICT_MISMATCH);
    compare_end(&b.comparer);
    compare_begin(&b.comparer, 1 << 20);
    arena_thread_end();
    alloc_walk(build, &b);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_lists_that_have_nothing_in_common),
        cmocka_unit_test(lists_shifted_by_just_the_distance),
        cmocka_unit_test(periodic_lists),
        cmocka_unit_test(wide_objects_in_opposite_order),
        cmocka_unit_test(repeated_keys_by_the_thousand),
        cmocka_unit_test(keys_that_look_unique_until_the_last),
        cmocka_unit_test(deep_and_different_at_the_bottom),
        cmocka_unit_test(findings_are_capped),
        cmocka_unit_test(forms_with_very_many_fields),
        cmocka_unit_test(streams_of_very_many_events),
        cmocka_unit_test(a_pair_has_a_budget_of_work),
        cmocka_unit_test(scratch_memory_has_a_ceiling),
        cmocka_unit_test(subsequences_are_the_longest),
        cmocka_unit_test(tables_count),
        cmocka_unit_test(failing_allocations_skip_the_pair),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
