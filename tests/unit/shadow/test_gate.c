/* The gate: the bounds it stands on, and what it decides from records. */
#include "tests/unit/shadow/support.h"

#include "shadow/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void near(double got, double want)
{
    if (got < want - 0.0002 || got > want + 0.0002)
        fail_msg("%f is not about %f", got, want);
}

static void bounds_are_those_of_the_books(void **state)
{
    UNUSED(state);
    assert_true(stats_upper(0, 2995) < 0.001);
    assert_true(stats_upper(0, 2994) >= 0.001);
    near(stats_upper(1, 100), 0.0466); /* Clopper and Pearson, one-sided */
    near(stats_upper(0, 0), 1);
    near(stats_upper(5, 5), 1);
    near(stats_upper(500000, 1000000), 0.5008);
    assert_int_equal(stats_quantile_needs(0.95), 72);
    assert_int_equal(stats_quantile_needs(0.99), 368);
    struct interval d =
        stats_difference(48, 80, 56, 70); /* Newcombe 1998, table II (a), method 10 */
    near(d.low, 0.0524);
    near(d.high, 0.3339);
}

/* Values 1 to 100 over and over: the interval holds the quantile and gets narrower. */
static void a_quantile_lies_in_its_interval(void **state)
{
    static struct stats_times t;
    uint64_t low, high, width = UINT64_MAX;
    UNUSED(state);
    for (unsigned i = 0; i < 100000; i++) {
        stats_add(&t, 1 + i % 50);
        if (t.n == 71 || t.n == 367)
            assert_false(stats_quantile_interval(&t, t.n == 71 ? 0.95 : 0.99, &low, &high));
        if (t.n != 1000 && t.n != 10000 && t.n != 100000)
            continue;
        assert_true(stats_quantile_interval(&t, 0.5, &low, &high));
        assert_true(low <= 25 && high >= 25 && high - low <= width);
        width = high - low;
    }
    assert_true(width <= 2);
}

/* --- decisions --- */

struct traffic {
    unsigned matches, mismatches, errors, failed, skipped, both_fail, missed;
    uint64_t new_us; /* legacy: 10000 */
};

static void write_pairs(FILE *f, const char *endpoint, unsigned n, const char *status,
                        const char *rest, uint64_t new_us)
{
    for (unsigned i = 0; i < n; i++)
        (void)fprintf(f,
                      "{\"v\":1,\"t\":\"pair\",\"at\":%llu,\"id\":\"1\",\"route\":\"r\","
                      "\"endpoint\":\"%s\",\"served\":\"legacy\",\"epoch\":1,\"bucket\":1,"
                      "\"status\":%s,\"first_us\":[1,1],\"total_us\":[10000,%llu],"
                      "\"bytes\":[1,1],\"body\":\"json\",%s}\n",
                      1767225600000ull + i * 10, endpoint, status, (unsigned long long)new_us,
                      rest);
}

static void write_traffic(FILE *f, const char *endpoint, const struct traffic *t)
{
    uint64_t us = t->new_us == 0 ? 10000 : t->new_us;
    write_pairs(f, endpoint, t->matches, "[200,200]", "\"verdict\":\"match\"", us);
    write_pairs(f, endpoint, t->both_fail, "[500,500]", "\"verdict\":\"match\"", us);
    write_pairs(f, endpoint, t->mismatches, "[200,200]",
                "\"verdict\":\"mismatch\",\"findings\":[{\"path\":\"$.a\",\"kind\":\"value\"}]",
                us);
    write_pairs(f, endpoint, t->errors, "[200,500]",
                "\"verdict\":\"mismatch\",\"findings\":[{\"path\":\"status\",\"kind\":\"status\"}]",
                us);
    write_pairs(f, endpoint, t->failed, "[200,0]",
                "\"verdict\":\"failed\",\"reason\":\"connect_refused\"", us);
    for (unsigned i = 0; i < t->missed; i++)
        (void)fprintf(
            f,
            "{\"v\":1,\"t\":\"selftest\",\"at\":1767225600000,\"route\":\"r\","
            "\"endpoint\":\"%s\",\"defects\":[{\"defect\":\"cent\",\"outcome\":\"missed\","
            "\"path\":\"$.a\",\"by\":\"\"}]}\n",
            endpoint);
    write_pairs(f, endpoint, t->skipped, "[200,200]",
                "\"verdict\":\"skipped\",\"reason\":\"truncated\"", us);
}

static struct buf out;
static struct gate_limits limits = {0.005, 0.001, 1.15, 1.30, 0.95};

static enum gate_verdict decide(const struct traffic *a, const struct traffic *b,
                                enum gate_format format)
{
    char name[] = "/tmp/weir-gate-XXXXXX";
    const char *files[] = {name};
    struct report_options o = {.files = files, .nfiles = 1};
    struct complaints wrong = {.n = 0};
    enum gate_verdict verdict;
    FILE *f = fdopen(mkstemp(name), "w");
    assert_non_null(f);
    write_traffic(f, "GET /a", a);
    if (b != NULL)
        write_traffic(f, "GET /b", b);
    assert_int_equal(fclose(f), 0);
    buf_free(&out);
    assert_int_equal(shadow_gate(&o, &limits, format, &out, &verdict, &wrong), ERR_OK);
    assert_int_equal(buf_append(&out, span_of("", 1)), ERR_OK);
    assert_int_equal(unlink(name), 0);
    return verdict;
}

static enum gate_verdict alone(struct traffic t)
{
    return decide(&t, NULL, GATE_TEXT);
}

static void says(const char *text)
{
    if (strstr(out.p, text) == NULL)
        fail_msg("\"%s\" is not in:\n%s", text, out.p);
}

static void enough_clean_pairs_promote_and_one_less_holds(void **state)
{
    UNUSED(state);
    assert_int_equal(alone((struct traffic){.matches = 2995}), GATE_PROMOTE);
    assert_int_equal(alone((struct traffic){.matches = 2994}), GATE_HOLD);
    says("needs 1 more request");
    assert_int_equal(alone((struct traffic){.matches = 10}), GATE_HOLD);
    says("needs 2,985 more requests");
}

static void what_is_over_a_limit_holds(void **state)
{
    UNUSED(state);
    assert_int_equal(alone((struct traffic){.matches = 5000, .mismatches = 50}), GATE_HOLD);
    says("a limit is exceeded");
    assert_int_equal(alone((struct traffic){.matches = 5000, .new_us = 11600}), GATE_HOLD);
    says("p95");
    assert_int_equal(alone((struct traffic){.matches = 5000, .new_us = 11000}), GATE_PROMOTE);
}

static void more_errors_on_new_roll_back(void **state)
{
    UNUSED(state);
    assert_int_equal(alone((struct traffic){.matches = 900, .errors = 50}), GATE_ROLL_BACK);
    assert_int_equal(alone((struct traffic){.matches = 900, .failed = 50}), GATE_ROLL_BACK);
    assert_int_equal(alone((struct traffic){.failed = 500}), GATE_ROLL_BACK);
    assert_int_equal(alone((struct traffic){.matches = 9000, .both_fail = 900}), GATE_HOLD);
    assert_int_equal(alone((struct traffic){.matches = 9000, .both_fail = 30}), GATE_PROMOTE);
}

/* What decides is said first, and that it is sure. */
static void the_worse_endpoint_comes_first(void **state)
{
    UNUSED(state);
    struct traffic wrong = {.matches = 900, .mismatches = 900},
                   fails = {.matches = 900, .errors = 90};
    assert_int_equal(decide(&wrong, &fails, GATE_TEXT), GATE_ROLL_BACK);
    says("limit 0.5 %; proven");
    assert_true(strstr(out.p, "GET /b") < strstr(out.p, "GET /a"));
}

static void old_data_and_holes_are_said(void **state)
{
    UNUSED(state);
    (void)alone((struct traffic){.matches = 10, .missed = 3});
    says("2026-01-01 00:00:00 to 2026-01-01 00:00:00 UTC, ");
    says(" days ");
    says("! 3 planted defects were missed");
}

static void no_limit_always_holds(void **state)
{
    UNUSED(state);
    limits.mismatch = 1;
    assert_int_equal(alone((struct traffic){.mismatches = 5000}), GATE_PROMOTE);
    limits.mismatch = 0.001;
    limits.errors = 0;
    assert_int_equal(alone((struct traffic){.matches = 5000}), GATE_HOLD);
    says("; more requests like these");
    limits.errors = 0.005;
}

static void nothing_measured_is_no_data(void **state)
{
    UNUSED(state);
    assert_int_equal(alone((struct traffic){.matches = 0}), GATE_NO_DATA);
    assert_int_equal(alone((struct traffic){.skipped = 5000}), GATE_NO_DATA);
    assert_int_equal(alone((struct traffic){.matches = 3000, .skipped = 3001}), GATE_NO_DATA);
}

static void rare_endpoints_may_be_thin_but_not_wrong(void **state)
{
    UNUSED(state);
    struct traffic much = {.matches = 5000}, few = {.matches = 100}, many = {.matches = 300};
    struct traffic wrong = {.matches = 90, .mismatches = 10};
    assert_int_equal(decide(&much, &few, GATE_TEXT), GATE_PROMOTE);
    assert_int_equal(decide(&much, &many, GATE_TEXT), GATE_HOLD);
    says("too few requests");
    assert_int_equal(decide(&much, &wrong, GATE_TEXT), GATE_HOLD);
}

static void json_and_junit_say_the_same(void **state)
{
    struct jdoc d = JDOC_INIT;
    struct traffic t = {.matches = 100, .mismatches = 1};
    uint64_t status;
    UNUSED(state);
    assert_int_equal(decide(&t, NULL, GATE_JSON), GATE_HOLD);
    assert_int_equal(jdoc_parse(&d, span_of(out.p, out.n - 1)), ERR_OK);
    assert_true(jdoc_u64(&d, 0, "exit", &status));
    assert_int_equal(status, 10);
    jdoc_free(&d);
    assert_int_equal(decide(&t, NULL, GATE_JUNIT), GATE_HOLD);
    says("<testsuite name=\"weir gate\" tests=\"5\" failures=\"2\" errors=\"0\" skipped=\"2\">");
    says("<testcase classname=\"GET /a\" name=\"mismatch\"><failure");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_those_of_the_books),
        cmocka_unit_test(a_quantile_lies_in_its_interval),
        cmocka_unit_test(enough_clean_pairs_promote_and_one_less_holds),
        cmocka_unit_test(what_is_over_a_limit_holds),
        cmocka_unit_test(more_errors_on_new_roll_back),
        cmocka_unit_test(the_worse_endpoint_comes_first),
        cmocka_unit_test(old_data_and_holes_are_said),
        cmocka_unit_test(no_limit_always_holds),
        cmocka_unit_test(nothing_measured_is_no_data),
        cmocka_unit_test(rare_endpoints_may_be_thin_but_not_wrong),
        cmocka_unit_test(json_and_junit_say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
