/* The rules file: what it refuses, what each action hides, what a report says of it. */
#include "tests/unit/shadow/support.h"

#include "base/clock.h"
#include "shadow/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REST "\"author\":\"dana\",\"reason\":\"agreed\",\"expires\":\"2030-01-01\""

/* --- reading --- */

static void refused(const char *rule, const char *where, const char *what)
{
    char text[1024];
    struct rulebook b;
    struct complaints wrong = {.n = 0};
    (void)snprintf(text, sizeof(text), "{\"rules\":[%s]}", rule);
    assert_int_equal(rulebook_read(&b, span_str(text), "r", &wrong), ERR_CONFIG);
    assert_true(wrong.n > 0);
    if (strstr(wrong.list[0].where, where) == NULL || strstr(wrong.list[0].what, what) == NULL)
        fail_msg("%s: %s %s", rule, wrong.list[0].where, wrong.list[0].what);
    complaints_free(&wrong);
}

static void a_rule_needs_who_why_and_until_when(void **state)
{
    UNUSED(state);
    refused("{\"path\":\"$\",\"action\":\"ignore\"," REST "}", "$.rules[0].id", "is missing");
    refused("{\"id\":\"a\",\"path\":\"$\",\"action\":\"ignore\",\"reason\":\"x\",\"expires\":"
            "\"2030-01-01\"}",
            "author", "is missing");
    refused("{\"id\":\"a\",\"path\":\"$\",\"action\":\"ignore\",\"author\":\"x\",\"expires\":"
            "\"2030-01-01\"}",
            "reason", "is missing");
    refused("{\"id\":\"a\",\"path\":\"$\",\"action\":\"ignore\",\"author\":\"x\",\"reason\":\"x\"}",
            "expires", "no rule is for ever");
    refused("{\"id\":\"a\",\"path\":\"$\",\"action\":\"ignore\",\"author\":\"x\",\"reason\":\"x\","
            "\"expires\":\"soon\"}",
            "expires", "is no time");
}

static void what_makes_no_sense_is_refused(void **state)
{
    UNUSED(state);
    refused("1", "$.rules[0]", "must be an object");
    refused("{\"id\":\"a\",\"path\":\"a.b[\",\"action\":\"nothing\"," REST "}", "action",
            "no action");
    refused("{\"id\":\"a\",\"path\":\"$.a[\",\"action\":\"ignore\"," REST "}", "path", "[ without");
    refused("{\"id\":\"a\",\"path\":\"headers:date\",\"action\":\"ignore\"," REST "}", "path",
            "no place");
    refused("{\"id\":\"a\",\"path\":\"header:\",\"action\":\"ignore\"," REST "}", "path",
            "no place");
    refused("{\"id\":\"a\",\"path\":\"stat\",\"action\":\"ignore\"," REST "}", "path", "no place");
    refused("{\"id\":\"a\",\"path\":\"$.a\",\"kind\":\"odd\",\"action\":\"ignore\"," REST "}",
            "kind", "no kind");
    refused("{\"id\":\"a\",\"path\":\"$.a\",\"action\":\"tolerance\"," REST "}", "$.rules[0]",
            "tolerates nothing");
    refused("{\"id\":\"a\",\"path\":\"$.a\",\"action\":\"tolerance\",\"abs\":-1," REST "}", "abs",
            "0 or more");
    refused("{\"id\":\"a\",\"path\":\"$.a\",\"action\":\"time\",\"within\":\"5\"," REST "}",
            "within", "no duration");
    refused("{\"id\":\"a\",\"path\":\"$.a\",\"action\":\"expected\",\"legacy\":[]," REST "}",
            "legacy", "must be a value");
    refused("{\"id\":\"a\",\"path\":\"$.a\",\"action\":\"ignore\",\"pth\":1," REST "}", "pth",
            "is not known");
    refused("{\"id\":\"a\",\"path\":\"$.a\",\"action\":\"ignore\"," REST "},"
            "{\"id\":\"a\",\"path\":\"$.b\",\"action\":\"ignore\"," REST "}",
            "$.rules[1].id", "is used");
}

static void an_end_may_be_14_days_after_the_beginning(void **state)
{
    struct rulebook b;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    static const char text[] =
        "{\"rules\":[{\"id\":\"a\",\"path\":\"$\",\"action\":\"ignore\",\"author\":\"x\","
        "\"reason\":\"x\",\"added\":\"2026-01-01T00:00:00Z\"}]}";
    assert_int_equal(rulebook_read(&b, span_str(text), "r", &wrong), ERR_OK);
    assert_int_equal(b.list[0].expires_ms, 1767225600000 + 14ull * 86400000);
    assert_true(rule_expired(&b.list[0], b.list[0].expires_ms));
    assert_false(rule_expired(&b.list[0], b.list[0].expires_ms - 1));
    rulebook_free(&b);
}

/* --- hiding --- */

static struct bench bench;

static void compare(const char *rule, const char *legacy, const char *new_)
{
    char text[1024];
    struct complaints wrong = {.n = 0};
    bench_begin(&bench);
    bench_rules(&bench);
    (void)snprintf(text, sizeof(text), "{\"rules\":[{\"id\":\"r\",%s," REST "}]}", rule);
    enum err e = rulebook_read(&bench.rules->book, span_str(text), "r", &wrong);
    if (e != ERR_OK)
        fail_msg("%s: %s", rule, wrong.list[0].what);
    bench.pair.path = SPAN("/items/7");
    bench.pair.wall_ms = 1767225600000;
    bench_json(&bench, legacy, new_);
}

static void hides(const char *rule, const char *legacy, const char *new_, uint32_t places)
{
    uint32_t n = 0;
    compare(rule, legacy, new_);
    bench_expect_count(&bench, 0);
    assert_int_equal(bench.result.verdict, VERDICT_MATCH);
    for (size_t i = 0; i < bench.result.nhidden; i++)
        n += bench.result.hidden[i].n;
    assert_int_equal(n, places);
    bench_end(&bench);
}

static void leaves(const char *rule, const char *legacy, const char *new_)
{
    compare(rule, legacy, new_);
    assert_int_equal(bench.result.verdict, VERDICT_MISMATCH);
    assert_int_equal(bench.result.nhidden, 0);
    bench_end(&bench);
}

#define IGNORE(path) "\"action\":\"ignore\",\"path\":\"" path "\""

static void ignore_hides_a_place_and_what_is_below(void **state)
{
    UNUSED(state);
    hides(IGNORE("$.a"), "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":2,\"c\":3}}", 2);
    hides(IGNORE("$.a[].b"), "{\"a\":[{\"id\":1,\"b\":1}]}", "{\"a\":[{\"id\":1,\"b\":2}]}", 1);
    hides(IGNORE("$.**.b"), "{\"a\":{\"b\":1},\"b\":1}", "{\"a\":{\"b\":2}}", 2);
    hides(IGNORE("$"), "{\"a\":1}", "[1]", 1);
    leaves(IGNORE("$.a.b"), "{\"a\":1}", "{\"a\":2}");
    leaves(IGNORE("$.ab"), "{\"a\":1}", "{\"a\":2}");
    leaves(IGNORE("$.a") ",\"kind\":\"missing\"", "{\"a\":1}", "{\"a\":2}");
    hides(IGNORE("$.a") ",\"kind\":\"missing\"", "{\"a\":1}", "{}", 1);
}

static void rules_apply_before_leaves_fold(void **state)
{
    UNUSED(state);
    static const char a[] = "{\"o\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,"
                            "\"h\":1,\"i\":1}}";
    static const char b[] = "{\"o\":{\"a\":2,\"b\":2,\"c\":2,\"d\":2,\"e\":2,\"f\":2,\"g\":2,"
                            "\"h\":2,\"i\":2}}";
    compare(IGNORE("$.o.i"), a, b);
    bench_expect_count(&bench, 8);
    bench_end(&bench);
    compare(IGNORE("$.x"), a, b);
    bench_expect(&bench, "$.o", KIND_SUBTREE);
    bench_end(&bench);
}

static void the_other_actions_look_at_values(void **state)
{
    UNUSED(state);
#define AT(action, more) "\"path\":\"$.a\",\"action\":\"" action "\"" more
    hides(AT("tolerance", ",\"abs\":0.01"), "{\"a\":1.10}", "{\"a\":1.11}", 1);
    leaves(AT("tolerance", ",\"abs\":0.01"), "{\"a\":1.10}", "{\"a\":1.12}");
    leaves(AT("tolerance", ",\"abs\":9"), "{\"a\":1}", "{\"a\":\"1\"}");
    hides(AT("time", ",\"within\":\"2s\""), "{\"a\":\"2026-01-01T00:00:00Z\"}",
          "{\"a\":\"2026-01-01T01:00:01.500+01:00\"}", 1);
    leaves(AT("time", ",\"within\":\"1s\""), "{\"a\":\"2026-01-01T00:00:00Z\"}",
           "{\"a\":\"2026-01-01T00:00:01.500Z\"}");
    hides(AT("class", ""), "{\"a\":\"0d9c2c1e-8d42-4c51-9f0a-3f6f3a9e4b11\"}",
          "{\"a\":\"7e1f5d3a-0b64-4d8a-a7e9-52c1d5b8f0c2\"}", 1);
    leaves(AT("class", ""), "{\"a\":\"one\"}", "{\"a\":\"two\"}");
    hides(AT("expected", ",\"legacy\":\"EUR\",\"new\":\"eur\""), "{\"a\":\"EUR\"}",
          "{\"a\":\"eur\"}", 1);
    leaves(AT("expected", ",\"legacy\":\"EUR\",\"new\":\"eur\""), "{\"a\":\"eur\"}",
           "{\"a\":\"EUR\"}");
    hides(AT("unordered", ""), "{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"y\",\"x\"]}", 1);
    leaves(AT("unordered", ""), "{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"y\",\"z\"]}");
}

static void routes_and_endpoints_are_globs(void **state)
{
    UNUSED(state);
    static const char a[] = "{\"a\":1}", b[] = "{\"a\":2}";
    hides(IGNORE("$.a") ",\"endpoint\":\"GET /items/*\"", a, b, 1);
    hides(IGNORE("$.a") ",\"endpoint\":\"*{}\",\"route\":\"de*t\"", a, b, 1);
    leaves(IGNORE("$.a") ",\"endpoint\":\"GET /items\"", a, b);
    leaves(IGNORE("$.a") ",\"route\":\"other\"", a, b);
}

static void a_rule_that_is_over_hides_nothing(void **state)
{
    UNUSED(state);
    compare(IGNORE("$.a"), "{}", "{}");
    bench.pair.wall_ms = 1893456000000; /* 2030-01-01 */
    bench_json(&bench, "{\"a\":1}", "{\"a\":2}");
    bench_expect_count(&bench, 1);
    bench_end(&bench);
}

static void fields_and_status_can_be_named(void **state)
{
    UNUSED(state);
    compare("\"action\":\"ignore\",\"path\":\"header:x-*\"", "1", "1");
    bench_clear(&bench);
    bench_answer(&bench, SIDE_LEGACY, SPAN("HTTP/1.1 200 OK\r\nX-A: 1\r\nY: 1\r\n\r\n"));
    bench_answer(&bench, SIDE_NEW, SPAN("HTTP/1.1 200 OK\r\nX-A: 2\r\nY: 2\r\n\r\n"));
    bench_compare(&bench);
    bench_expect_count(&bench, 1);
    bench_expect(&bench, "header:y", KIND_HEADER);
    assert_int_equal(bench.result.nhidden, 1);
    bench_end(&bench);
}

/* --- reports --- */

static const char pair_begin[] =
    "{\"v\":1,\"t\":\"pair\",\"at\":1767225600000,\"id\":\"1\",\"route\":\"default\",\"endpoint\":"
    "\"GET /items/{}\",\"served\":\"legacy\",\"epoch\":1,\"bucket\":1,\"status\":[200,200],"
    "\"first_us\":[1,1],\"total_us\":[1,1],\"bytes\":[1,1],\"body\":\"json\",";

static void write_file(const char *path, const char *const *lines, size_t n, const char *begin)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(f, "%s%s\n", i == 0 ? "" : begin, lines[i]);
    assert_int_equal(fclose(f), 0);
}

static void a_report_replays_rules_as_far_as_what_was_stored_allows(void **state)
{
    static const char *const modes[] = {"full", "tokens"};
    char records[] = "/tmp/weir-records-XXXXXX", rules[] = "/tmp/weir-rules-XXXXXX";
    UNUSED(state);
    assert_true(close(mkstemp(records)) == 0 && close(mkstemp(rules)) == 0);
    static const char *const rule[] = {
        "{\"rules\":[{\"id\":\"cent\",\"path\":\"$.items[].price\",\"action\":\"tolerance\","
        "\"abs\":0.01," REST "},{\"id\":\"time\",\"path\":\"$.at\",\"action\":\"class\"," REST
        "},{\"id\":\"none\",\"path\":\"$.no\",\"action\":\"ignore\"," REST
        "},{\"id\":\"key\",\"path\":\"$.items\",\"action\":\"key\",\"key\":\"sku\"," REST "}]}"};
    write_file(rules, rule, 1, "");
    for (size_t m = 0; m < 2; m++) {
        char run[200];
        (void)snprintf(run, sizeof(run),
                       "{\"v\":1,\"t\":\"run\",\"at\":1,\"version\":\"1\",\"store\":\"%s\"}",
                       modes[m]);
        const char *const lines[] = {
            run,
            "\"verdict\":\"match\",\"hidden\":[{\"rule\":\"old\",\"path\":\"$.x\",\"kind\":"
            "\"value\",\"n\":2}]}",
            "\"verdict\":\"mismatch\",\"findings\":[{\"path\":\"$.items[id].price\",\"kind\":"
            "\"value\",\"legacy_class\":\"decimal\",\"new_class\":\"decimal\",\"legacy\":\"1.10\","
            "\"new\":\"1.11\"}]}",
            "\"verdict\":\"mismatch\",\"findings\":[{\"path\":\"$.at\",\"kind\":\"value\","
            "\"legacy_class\":\"time\",\"new_class\":\"time\",\"legacy\":\"a\",\"new\":\"b\"},"
            "{\"path\":\"$.b\",\"kind\":\"value\"}]}"};
        write_file(records, lines, 4, pair_begin);
        const char *files[] = {records};
        struct report_options o = {.files = files, .nfiles = 1, .rules = rules};
        struct report r;
        struct complaints wrong = {.n = 0};
        assert_int_equal(report_make(&o, &r, &wrong), ERR_OK);
        assert_int_equal(r.unreadable, 0);
        assert_int_equal(r.nrules, 5);
        assert_int_equal(r.verdicts[VERDICT_MISMATCH], m == 0 ? 1 : 2);
        assert_int_equal(r.hidden_pairs, m == 0 ? 2 : 1);
        assert_int_equal(r.rules[0].pairs, m == 0 ? 1 : 0);
        assert_int_equal(r.rules[0].undecided, m == 0 ? 0 : 1);
        assert_int_equal(r.rules[1].pairs, 1);
        assert_int_equal(r.rules[2].pairs, 0);
        assert_string_equal(r.rules[4].id, "old");
        assert_int_equal(r.rules[4].places, 2);
        char text[PHRASE_LONG];
        assert_string_equal(phrase_rule(text, &r.rules[1]), "");
        assert_string_equal(phrase_rule(text, &r.rules[2]), "matches nothing");
        assert_non_null(strstr(phrase_rule(text, &r.rules[3]), "told apart by \"sku\""));
        report_free(&r);
    }
    assert_int_equal(unlink(records) | unlink(rules), 0);
}

static void a_file_of_rules_is_kept(void **state)
{
    char dir[] = "/tmp/weir-rules-XXXXXX", file[64];
    struct complaints wrong = {.n = 0};
    struct rulebook b;
    UNUSED(state);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(file, sizeof(file), "%s/rules.json", dir);
    static const char one[] =
        "{\"id\":\"a\",\"path\":\"$.a\",\"action\":\"tolerance\",\"abs\":0.01," REST "}";
    assert_int_equal(shadow_rules_add(file, one, &wrong), ERR_OK);
    assert_int_equal(shadow_rules_add(file, one, &wrong), ERR_CONFIG); /* the id is taken */
    static const char late[] =
        "{\"id\":\"b\",\"path\":\"$.b\",\"action\":\"ignore\","
        "\"expires\":\"2020-01-01\",\"author\":\"dana\",\"reason\":\"late\"}";
    assert_int_equal(shadow_rules_add(file, late, &wrong), ERR_CONFIG); /* it would hide nothing */
    assert_int_equal(rulebook_load(&b, file, &wrong), ERR_OK);
    assert_int_equal(b.n, 1);
    assert_true(b.list[0].abs > 0.0099 && b.list[0].abs < 0.0101);
    rulebook_free(&b);
    assert_int_equal(shadow_rules_expire(file, "b", &wrong), ERR_NOT_FOUND);
    assert_int_equal(shadow_rules_expire(file, "a", &wrong), ERR_OK);
    assert_int_equal(rulebook_load(&b, file, &wrong), ERR_OK);
    assert_true(rule_expired(&b.list[0], clock_wall_ms()));
    rulebook_free(&b);
    complaints_free(&wrong);
    assert_int_equal(unlink(file) | rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_needs_who_why_and_until_when),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(an_end_may_be_14_days_after_the_beginning),
        cmocka_unit_test(ignore_hides_a_place_and_what_is_below),
        cmocka_unit_test(rules_apply_before_leaves_fold),
        cmocka_unit_test(the_other_actions_look_at_values),
        cmocka_unit_test(routes_and_endpoints_are_globs),
        cmocka_unit_test(a_rule_that_is_over_hides_nothing),
        cmocka_unit_test(fields_and_status_can_be_named),
        cmocka_unit_test(a_report_replays_rules_as_far_as_what_was_stored_allows),
        cmocka_unit_test(a_file_of_rules_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
