/* What probes and second looks make of findings, in reports and at the gate. */
#include "tests/unit/shadow/support.h"

#include "shadow/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];
static struct buf lines, out;

static int begin(void **state)
{
    UNUSED(state);
    (void)snprintf(path, sizeof(path), "/tmp/weir-test-noise-XXXXXX");
    int fd = mkstemp(path);
    return fd >= 0 && close(fd) == 0 ? 0 : -1;
}

static int end(void **state)
{
    UNUSED(state);
    buf_free(&lines);
    buf_free(&out);
    return unlink(path);
}

/* --- records --- */

#define A_VALUE       "{\"path\":\"$.a\",\"kind\":\"value\"}"
#define DIFFERS(list) "\"verdict\":\"mismatch\",\"body\":\"json\",\"findings\":[" list "]"
#define MATCHES       "\"verdict\":\"match\",\"body\":\"json\""
#define PROBE(what)   ",\"probe\":{\"status\":200," what "}"
#define SAID(word)    ",\"recheck\":{\"said\":\"" word "\",\"rounds\":2}"

static void pairs(const char *endpoint, unsigned n, const char *status, const char *rest)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(
            buf_printf(&lines,
                       "{\"v\":1,\"t\":\"pair\",\"at\":%u,\"id\":\"x\",\"route\":\"r\","
                       "\"endpoint\":\"GET %s\",\"served\":\"legacy\",\"epoch\":1,\"bucket\":1,"
                       "\"status\":%s,\"first_us\":[1,1],\"total_us\":[9,9],\"bytes\":[1,1],%s}\n",
                       1000 + i, endpoint, status, rest),
            ERR_OK);
}

static void ok(const char *endpoint, unsigned n, const char *rest)
{
    pairs(endpoint, n, "[200,200]", rest);
}

static struct report_options options(void)
{
    static const char *files[1];
    FILE *f = fopen(path, "w");
    files[0] = path;
    assert_non_null(f);
    assert_int_equal(fwrite(lines.p, 1, lines.n, f), lines.n);
    assert_int_equal(fclose(f), 0);
    lines.n = out.n = 0;
    return (struct report_options){.files = files, .nfiles = 1};
}

static struct report *report(void)
{
    static struct report r;
    static struct report_options o;
    struct complaints wrong = {.n = 0};
    o = options();
    assert_int_equal(report_make(&o, &r, &wrong), ERR_OK);
    return &r;
}

static const struct report_finding *the_finding(const struct report *r)
{
    assert_int_equal(r->nfindings, 1);
    return r->endpoints[0]->findings;
}

/* --- evidence --- */

static void nine_probes_make_a_regression(void **state)
{
    UNUSED(state);
    for (unsigned n = 8; n <= 9; n++) {
        ok("/a", n, DIFFERS(A_VALUE) SAID("persistent") PROBE(MATCHES));
        struct report *r = report();
        const struct report_finding *f = the_finding(r);
        assert_int_equal(f->state, n == 9 ? EVIDENCE_REGRESS : EVIDENCE_THIN);
        assert_true(f->evidence.b == n && f->evidence.c == 0 && f->evidence.probes == n);
        assert_int_equal(r->counted, n);
        report_free(r);
    }
}

static void noise_counts_for_nothing(void **state)
{
    UNUSED(state);
    ok("/a", 10, DIFFERS(A_VALUE) SAID("persistent") PROBE(MATCHES));
    ok("/a", 10, MATCHES PROBE(DIFFERS(A_VALUE)));
    ok("/a", 5, DIFFERS(A_VALUE) SAID("persistent") PROBE(DIFFERS(A_VALUE)));
    ok("/a", 100, DIFFERS(A_VALUE)); /* not probed: the same field */
    struct report *r = report();
    const struct report_finding *f = the_finding(r);
    assert_int_equal(f->state, EVIDENCE_NOISY);
    assert_true(f->evidence.b == 10 && f->evidence.c == 10 && f->evidence.both == 5);
    assert_true(r->counted == 0 && r->noise == 115);
    assert_int_equal(r->endpoints[0]->verdicts[VERDICT_MISMATCH], 115);
    report_free(r);
}

static void noise_beside_a_difference_does_not_hide_it(void **state)
{
    UNUSED(state);
    ok("/a", 20,
       DIFFERS(A_VALUE ",{\"path\":\"$.id\",\"kind\":\"value\"}") SAID("persistent")
           PROBE(DIFFERS("{\"path\":\"$.id\",\"kind\":\"value\"}")));
    struct report *r = report();
    const struct report_finding *f = r->endpoints[0]->findings;
    assert_int_equal(r->nfindings, 2);
    assert_true(f->state == EVIDENCE_REGRESS && strcmp(f->path, "$.a") == 0);
    assert_true(f->next->state == EVIDENCE_BLIND && strcmp(f->next->path, "$.id") == 0);
    assert_int_equal(r->counted, 20);
    report_free(r);
}

static void what_only_probes_found_is_not_listed(void **state)
{
    UNUSED(state);
    ok("/a", 20, MATCHES PROBE(DIFFERS(A_VALUE)));
    struct report *r = report();
    assert_int_equal(r->nfindings, 0);
    assert_null(r->endpoints[0]->findings);
    report_free(r);
}

static void regressions_come_first(void **state)
{
    UNUSED(state);
    ok("/noise", 500, DIFFERS("{\"path\":\"status\",\"kind\":\"type\"}") PROBE(MATCHES));
    ok("/noise", 500, MATCHES PROBE(DIFFERS("{\"path\":\"status\",\"kind\":\"type\"}")));
    ok("/thin", 300, DIFFERS("{\"path\":\"$.x\",\"kind\":\"type\"}"));
    ok("/real", 9, DIFFERS("{\"path\":\"$.o\",\"kind\":\"order\"}") PROBE(MATCHES));
    struct report *r = report();
    assert_string_equal(r->endpoints[0]->name, "GET /real");
    assert_string_equal(r->endpoints[1]->name, "GET /thin");
    assert_string_equal(r->endpoints[2]->name, "GET /noise");
    report_free(r);
}

/* A probe that was answered with an error page says nothing about fields; an incomplete list could
 * lack just the one; skew is no evidence. */
static void what_a_probe_did_not_see_is_no_evidence(void **state)
{
    UNUSED(state);
    ok("/a", 20,
       DIFFERS(A_VALUE) ",\"probe\":{\"status\":500,\"verdict\":\"mismatch\",\"body\":"
                        "\"not_compared\",\"findings\":[{\"path\":\"status\",\"kind\":"
                        "\"status\"}]}");
    ok("/a", 20, DIFFERS(A_VALUE) PROBE(DIFFERS("") ",\"more\":3"));
    ok("/a", 20, DIFFERS(A_VALUE) PROBE("\"verdict\":\"failed\",\"reason\":\"timeout\""));
    ok("/a", 20, DIFFERS(A_VALUE) SAID("skew") PROBE(MATCHES));
    ok("/a", 20,
       DIFFERS(A_VALUE) PROBE("\"verdict\":\"mismatch\",\"body\":\"truncated\","
                              "\"findings\":[{\"path\":\"header:x\",\"kind\":"
                              "\"header\"}]"));
    ok("/a", 20,
       DIFFERS(A_VALUE) PROBE("\"verdict\":\"mismatch\",\"body\":\"too_costly\","
                              "\"findings\":[{\"path\":\"$.z\",\"kind\":\"value\"}]"));
    struct report *r = report();
    const struct report_finding *f = the_finding(r);
    assert_true(f->evidence.b == 0 && f->evidence.probes == 0 && f->state == EVIDENCE_THIN);
    report_free(r);
}

/* New answers with another status: its bodies are not compared, the status itself is. */
static void a_status_is_evidence_whatever_the_body(void **state)
{
    UNUSED(state);
    pairs("/a", 9, "[200,500]",
          "\"verdict\":\"mismatch\",\"body\":\"not_compared\",\"findings\":[{\"path\":\"status\","
          "\"kind\":\"status\"}]" PROBE(DIFFERS(A_VALUE)));
    struct report *r = report();
    assert_int_equal(the_finding(r)->state, EVIDENCE_REGRESS);
    report_free(r);
}

/* --- second looks --- */

static void what_did_not_last_does_not_count(void **state)
{
    UNUSED(state);
    ok("/a", 7, DIFFERS("{\"path\":\"$.a\",\"kind\":\"value\",\"gone\":true}") SAID("transient"));
    ok("/a", 3, DIFFERS(A_VALUE) SAID("skew"));
    struct report *r = report();
    const struct report_finding *f = the_finding(r);
    assert_true(f->state == EVIDENCE_CLEAN && f->lasting == 0 && f->pairs == 10 && f->skew == 3);
    assert_true(r->settled[SETTLED_TRANSIENT] == 7 && r->settled[SETTLED_SKEW] == 3);
    assert_int_equal(r->counted, 0);
    report_free(r);
}

static void what_nobody_could_check_counts(void **state)
{
    UNUSED(state);
    ok("/a", 2, DIFFERS(A_VALUE));
    ok("/a", 2,
       DIFFERS(A_VALUE) ",\"recheck\":{\"said\":\"unchecked\",\"rounds\":0,\"reason\":"
                        "\"budget\"}");
    struct report *r = report();
    assert_true(r->counted == 4 && r->settled[SETTLED_UNCHECKED] == 4);
    report_free(r);
}

/* --- denominators --- */

static void pairs_without_the_place_are_not_asked(void **state)
{
    UNUSED(state);
    ok("/a", 10, DIFFERS("{\"path\":\"$.items[].price\",\"kind\":\"value\"}") PROBE(MATCHES));
    ok("/a", 30, MATCHES PROBE(MATCHES));
    ok("/a", 60, MATCHES PROBE(MATCHES) ",\"absent\":[\"$.items[]\"]");
    struct report *r = report();
    const struct report_finding *f = the_finding(r);
    assert_true(f->within == 40 && f->evidence.probes == 40 && r->compared == 100);
    assert_true(f->rate.low > 0.14 && f->rate.high < 0.41);
    report_free(r);
}

/* --- the gate and the formats --- */

static enum gate_verdict gate(void)
{
    static const struct gate_limits limits = {0.005, 0.001, 1.15, 1.30, 0.95};
    struct report_options o = options();
    struct complaints wrong = {.n = 0};
    enum gate_verdict verdict;
    assert_int_equal(shadow_gate(&o, &limits, GATE_TEXT, &out, &verdict, &wrong), ERR_OK);
    assert_int_equal(buf_append(&out, span_of("", 1)), ERR_OK);
    return verdict;
}

static void says(const char *text)
{
    if (strstr(out.p, text) == NULL)
        fail_msg("\"%s\" is not in:\n%s", text, out.p);
}

static void the_gate_counts_what_lasted_and_is_no_noise(void **state)
{
    UNUSED(state);
    ok("/a", 3000, MATCHES);
    ok("/a", 40, DIFFERS("{\"path\":\"$.t\",\"kind\":\"value\",\"gone\":true}") SAID("transient"));
    ok("/a", 40,
       DIFFERS("{\"path\":\"$.id\",\"kind\":\"value\"}")
           PROBE(DIFFERS("{\"path\":\"$.id\",\"kind\":\"value\"}")));
    assert_int_equal(gate(), GATE_PROMOTE);
    says("mismatches not counted: 40 of noise, 40 transient");
    says("nothing can be told about 1 field");
    ok("/a", 3000, MATCHES);
    ok("/a", 40, DIFFERS(A_VALUE) SAID("persistent"));
    assert_int_equal(gate(), GATE_HOLD);
}

static void each_format_says_the_state(void **state)
{
    static const struct {
        enum report_format format;
        const char *says[2];
    } rows[] = {
        {REPORT_TEXT, {"regress: in 9 of 9 probes only the sides differ, in 0", "persistent 18"}},
        {REPORT_JSON, {"\"state\":\"regress\"", "\"evidence\":{\"probes\":9,\"b\":9,\"c\":0"}},
        {REPORT_MD,
         {"| regress 9:0 | medium | value | `$.a`", "Of these 9 count; 9 noise; 18 probes"}},
        {REPORT_HTML, {"<strong>regress</strong>: in 9 of 9 probes", "only one with itself"}},
        {REPORT_JUNIT, {"9 of 9 pairs differ: value $.a (9, regress)", "failures=\"1\""}},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct complaints wrong = {.n = 0};
        ok("/a", 9, DIFFERS(A_VALUE) SAID("persistent") PROBE(MATCHES));
        ok("/n", 9, DIFFERS(A_VALUE) SAID("persistent") PROBE(DIFFERS(A_VALUE)));
        struct report_options o = options();
        o.format = rows[i].format;
        assert_int_equal(shadow_report(&o, &out, &wrong), ERR_OK);
        assert_int_equal(buf_append(&out, span_of("", 1)), ERR_OK);
        says(rows[i].says[0]);
        says(rows[i].says[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nine_probes_make_a_regression),
        cmocka_unit_test(noise_counts_for_nothing),
        cmocka_unit_test(noise_beside_a_difference_does_not_hide_it),
        cmocka_unit_test(what_only_probes_found_is_not_listed),
        cmocka_unit_test(regressions_come_first),
        cmocka_unit_test(what_a_probe_did_not_see_is_no_evidence),
        cmocka_unit_test(a_status_is_evidence_whatever_the_body),
        cmocka_unit_test(what_did_not_last_does_not_count),
        cmocka_unit_test(what_nobody_could_check_counts),
        cmocka_unit_test(pairs_without_the_place_are_not_asked),
        cmocka_unit_test(the_gate_counts_what_lasted_and_is_no_noise),
        cmocka_unit_test(each_format_says_the_state),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
