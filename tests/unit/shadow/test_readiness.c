/* Could legacy take over? From copies that are made here, in a time that is made here. */
#include "tests/unit/shadow/support.h"

#include "base/metrics.h"
#include "shadow/readiness.h"

#include <stdio.h>

enum { NOW = 1000 * 1000 * 1000 };

struct room {
    struct bench bench;
    struct readiness readiness;
};

static void room_begin(struct room *r)
{
    bench_begin(&r->bench);
    bench_rules(&r->bench);
    assert_int_equal(readiness_begin(&r->readiness), ERR_OK);
}

static void room_end(struct room *r)
{
    readiness_end(&r->readiness);
    bench_end(&r->bench);
}

struct copy {
    enum verdict_kind verdict;
    uint64_t legacy_us, new_us;
    unsigned legacy_status;
    uint64_t at_ms;
};

static void add(struct room *r, struct copy c)
{
    struct shadow_pair *p = &r->bench.pair;
    struct comparison out = {.verdict = c.verdict, .reason = "timeout"};
    p->served = SIDE_NEW;
    p->wall_ms = c.at_ms == 0 ? NOW : c.at_ms;
    p->answers[SIDE_NEW].has_head = true;
    p->answers[SIDE_NEW].head.status = 200;
    p->answers[SIDE_LEGACY].head.status = (uint16_t)(c.legacy_status == 0 ? 200 : c.legacy_status);
    p->answers[SIDE_LEGACY].first_byte_us = c.legacy_us;
    p->answers[SIDE_NEW].first_byte_us = c.new_us;
    readiness_add(&r->readiness, p, &out);
}

static void add_times(struct room *r, unsigned n, struct copy c)
{
    while (n-- > 0)
        add(r, c);
}

static void expect(struct room *r, enum readiness_state want, const char *why)
{
    char got[READINESS_WHY_MAX];
    assert_int_equal(r->readiness.shared.n, 1);
    enum readiness_state s = readiness_judge(r->readiness.shared.routes[0], NOW, got);
    assert_string_equal(got, why);
    assert_int_equal(s, want);
}

static const struct copy good = {VERDICT_MATCH, 12000, 10000, 0, 0};

static void enough_copies(void **state)
{
    struct room r;
    UNUSED(state);
    room_begin(&r);
    add_times(&r, 19, good);
    expect(&r, READINESS_UNKNOWN, "only 19 of the 20 copies in 10 min that are needed");
    add(&r, good);
    expect(&r, READINESS_READY,
           "20 copies in 10 min: 0 failed, 0 differ; legacy p95 1.2x of new over 20 copies "
           "(12.0 ms against 10.0 ms)");
    room_end(&r);
}

static void old_copies_do_not_count(void **state)
{
    struct room r;
    UNUSED(state);
    room_begin(&r);
    add_times(&r, 100, (struct copy){VERDICT_MATCH, 1, 1, 0, NOW - READINESS_WINDOW_MS - 1});
    expect(&r, READINESS_UNKNOWN, "no copy in 10 min");
    add_times(&r, 20, (struct copy){VERDICT_MATCH, 12000, 10000, 0, NOW - READINESS_WINDOW_MS});
    expect(&r, READINESS_READY,
           "20 copies in 10 min: 0 failed, 0 differ; legacy p95 1.2x of new over 20 copies "
           "(12.0 ms against 10.0 ms)");
    room_end(&r);
}

static void failures(void **state)
{
    struct room r;
    UNUSED(state);
    room_begin(&r);
    add_times(&r, 199, good);
    add_times(&r, 2, (struct copy){VERDICT_FAILED, 0, 10000, 0, 0});
    expect(&r, READINESS_READY,
           "201 copies in 10 min: 2 failed, 0 differ; legacy p95 1.2x of new over 199 copies "
           "(12.0 ms against 10.0 ms)");
    add(&r, (struct copy){VERDICT_MISMATCH, 10000, 10000, 503, 0});
    expect(&r, READINESS_NOT_READY, "legacy failed 3 of 202 copies (last: status 5xx)");
    room_end(&r);
}

static void differences(void **state)
{
    struct room r;
    UNUSED(state);
    room_begin(&r);
    add_times(&r, 95, good);
    add_times(&r, 5, (struct copy){VERDICT_MISMATCH, 10000, 10000, 0, 0});
    expect(&r, READINESS_READY,
           "100 copies in 10 min: 0 failed, 5 differ; legacy p95 1.2x of new over 100 copies "
           "(12.0 ms against 10.0 ms)");
    add(&r, (struct copy){VERDICT_MISMATCH, 10000, 10000, 404, 0});
    expect(&r, READINESS_NOT_READY, "6 of 101 answers of legacy differ from new's");
    room_end(&r);
}

static void slowness(void **state)
{
    struct room r;
    UNUSED(state);
    room_begin(&r);
    add_times(&r, 95, (struct copy){VERDICT_MATCH, 20000, 10000, 0, 0});
    add_times(&r, 5, (struct copy){VERDICT_MATCH, 900000, 10000, 0, 0}); /* beyond the percentile */
    expect(&r, READINESS_READY,
           "100 copies in 10 min: 0 failed, 0 differ; legacy p95 2.0x of new over 100 copies "
           "(20.0 ms against 10.0 ms)");
    add_times(&r, 2, (struct copy){VERDICT_MATCH, 900000, 10000, 0, 0});
    expect(&r, READINESS_NOT_READY,
           "legacy p95 90.0x of new over 102 copies (900.0 ms against 10.0 ms)");
    room_end(&r);
}

/* Many times as slow and yet nobody notices. */
static void small_differences_are_none(void **state)
{
    struct room r;
    UNUSED(state);
    room_begin(&r);
    add_times(&r, 20, (struct copy){VERDICT_MATCH, 20500, 500, 0, 0});
    expect(&r, READINESS_READY,
           "20 copies in 10 min: 0 failed, 0 differ; legacy p95 41.0x of new over 20 copies "
           "(20.5 ms against 0.5 ms)");
    room_end(&r);
}

/* What is over the ring forgets the oldest. */
static void the_latest_count(void **state)
{
    struct room r;
    UNUSED(state);
    room_begin(&r);
    add_times(&r, READINESS_KEPT, (struct copy){VERDICT_FAILED, 0, 10000, 0, 0});
    expect(&r, READINESS_NOT_READY, "legacy failed 512 of 512 copies (last: timeout)");
    add_times(&r, READINESS_KEPT, good);
    expect(&r, READINESS_READY,
           "512 copies in 10 min: 0 failed, 0 differ; legacy p95 1.2x of new over 512 copies "
           "(12.0 ms against 10.0 ms)");
    room_end(&r);
}

static void what_says_nothing(void **state)
{
    struct room r;
    struct comparison out = {.verdict = VERDICT_MATCH};
    UNUSED(state);
    room_begin(&r);
    r.bench.pair.answers[SIDE_NEW].has_head = true;
    r.bench.pair.served = SIDE_LEGACY;
    readiness_add(&r.readiness, &r.bench.pair, &out);
    r.bench.pair.served = SIDE_NEW;
    r.bench.pair.answers[SIDE_NEW].outcome = ERR_BACKEND_RESET;
    readiness_add(&r.readiness, &r.bench.pair, &out);
    assert_int_equal(r.readiness.shared.n, 0);
    room_end(&r);
}

static void told(void **state)
{
    struct room r;
    struct buf json = BUF_INIT(65536);
    UNUSED(state);
    room_begin(&r);
    assert_int_equal(readiness_summary(&r.readiness, NOW, &json), ERR_OK);
    assert_true(span_eq(buf_span(&json), SPAN("{}")));
    add(&r, good);
    json.n = 0;
    assert_int_equal(readiness_summary(&r.readiness, NOW, &json), ERR_OK);
    assert_true(
        span_eq(buf_span(&json), SPAN("{\"default\":{\"state\":\"unknown\",\"why\":\"only 1 of "
                                      "the 20 copies in 10 min that are needed\"}}")));
    readiness_measure(&r.readiness, NOW);
    metric_slot slot = r.readiness.shared.routes[0]->ready;
    assert_int_equal(metric_read(slot), 0);
    add_times(&r, 30, good);
    readiness_measure(&r.readiness, NOW);
    assert_int_equal(metric_read(slot), 1);
    readiness_measure(&r.readiness, NOW + READINESS_WINDOW_MS + 1);
    assert_int_equal(metric_read(slot), 0);
    buf_free(&json);
    room_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enough_copies),
        cmocka_unit_test(old_copies_do_not_count),
        cmocka_unit_test(failures),
        cmocka_unit_test(differences),
        cmocka_unit_test(slowness),
        cmocka_unit_test(small_differences_are_none),
        cmocka_unit_test(the_latest_count),
        cmocka_unit_test(what_says_nothing),
        cmocka_unit_test(told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
