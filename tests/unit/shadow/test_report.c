/* Reports from records: the numbers, the order, the bounds, and that no text from a record can
 * break out of its format. */
#include "tests/unit/shadow/support.h"

#include "shadow/report.h"
#include "shadow/term.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];
static struct buf lines;
static struct buf out;

static int begin(void **state)
{
    UNUSED(state);
    (void)snprintf(path, sizeof(path), "/tmp/weir-test-report-XXXXXX");
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

/* --- making records --- */

static void line(const char *text)
{
    assert_int_equal(buf_printf(&lines, "%s\n", text), ERR_OK);
}

static void pair(const char *endpoint, uint64_t at, unsigned legacy, unsigned new_, unsigned us,
                 const char *verdict, const char *more)
{
    assert_int_equal(
        buf_printf(
            &lines,
            "{\"v\":1,\"t\":\"pair\",\"at\":%llu,\"id\":\"x\",\"route\":\"default\",\"endpoint\":"
            "\"%s\","
            "\"served\":\"legacy\",\"epoch\":1,\"bucket\":1,\"status\":[%u,%u],\"first_us\":[1,1],"
            "\"total_us\":[%u,%u],\"bytes\":[1,1],\"verdict\":\"%s\"%s}\n",
            (unsigned long long)at, endpoint, legacy, new_, us, 2 * us, verdict, more),
        ERR_OK);
}

static void save(void)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(lines.p == NULL ? "" : lines.p, 1, lines.n, f), lines.n);
    assert_int_equal(fclose(f), 0);
    lines.n = 0;
}

/* The same records in another form. */
static struct span again(struct report_options o)
{
    static const char *files[1];
    struct complaints wrong = {.n = 0};
    files[0] = path;
    o.files = files;
    o.nfiles = 1;
    out.n = 0;
    assert_int_equal(shadow_report(&o, &out, &wrong), ERR_OK);
    return buf_span(&out);
}

static struct span render(struct report_options o)
{
    save();
    return again(o);
}

static bool has(struct span text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static void must(struct span text, const char *part)
{
    if (!has(text, part))
        fail_msg("\"%s\" is not in\n%.*s", part, SPAN_ARG(text));
}

static const char value_finding[] =
    ",\"method\":\"GET\",\"host\":\"shop.test\",\"target\":\"/items/"
    "7\",\"findings\":[{\"path\":\"$.price\",\"kind\":\"type\","
    "\"n\":2,\"legacy_class\":\"int\",\"new_class\":\"digits\",\"legacy\":\"<int#1,2>\",\"new\":\"<"
    "digits#1,2>\"}]";

/* --- what is said beside findings --- */

static void options_in_force_are_named(void **state)
{
    UNUSED(state);
    line("{\"v\":1,\"t\":\"options\",\"at\":1,\"route\":\"default\",\"percent\":12.50,\"ignore\":["
         "\"$.at\"],"
         "\"tolerance\":[{\"path\":\"$.price\",\"abs\":0.01,\"rel\":0}],\"rules\":1}");
    pair("GET /a", 1000, 200, 200, 10, "match", "");
    must(render((struct report_options){.format = REPORT_TEXT, .width = 120}),
         "12.50 % mirrored; ignore $.at; tolerance $.price abs 0.01; 1 rule");
    must(again((struct report_options){.format = REPORT_JSON}), "\"changed\":false");
    line("{\"v\":1,\"t\":\"options\",\"at\":1,\"route\":\"default\",\"percent\":1.00,\"ignore\":[],"
         "\"tolerance\":[],\"rules\":0}");
    pair("GET /a", 1000, 200, 200, 10, "match", "");
    line("{\"v\":1,\"t\":\"options\",\"at\":2,\"route\":\"default\",\"percent\":100.00,\"ignore\":["
         "],"
         "\"tolerance\":[],\"rules\":0}");
    must(render((struct report_options){.format = REPORT_HTML}),
         "100 % mirrored <span class=\"tag\">changed meanwhile</span>");
}

static void examples_say_what_asking_again_said(void **state)
{
    static const char finding[] =
        "\"findings\":[{\"path\":\"$.a\",\"kind\":\"value\",\"legacy\":\"1\",\"new\":\"2\"}]";
    static const struct {
        const char *more, *said;
    } rows[] = {
        {",\"recheck\":{\"said\":\"persistent\",\"rounds\":2},\"hidden\":[{\"rule\":\"cent\","
         "\"path\":"
         "\"$.b\",\"kind\":\"value\",\"n\":1},{\"rule\":\"tags\",\"path\":\"$.c\",\"kind\":"
         "\"order\","
         "\"n\":1},{\"rule\":\"cent\",\"path\":\"$.d\",\"kind\":\"value\",\"n\":1}],",
         "asked again: still there; rules that hid something: cent, tags"},
        {",\"recheck\":{\"said\":\"transient\",\"rounds\":1},", "asked again: gone"},
        {",\"recheck\":{\"said\":\"skew\",\"rounds\":2},", "asked again: the sides had other"},
        {",\"recheck\":{\"said\":\"unchecked\",\"rounds\":0,\"reason\":\"budget\"},",
         "not asked again: budget"}};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char more[500];
        (void)snprintf(more, sizeof(more), "%s%s", rows[i].more, finding);
        pair("GET /a", 1000, 200, 200, 10, "mismatch", more);
        must(render((struct report_options){.format = REPORT_TEXT, .width = 120}), rows[i].said);
        must(again((struct report_options){.format = REPORT_HTML}), rows[i].said);
    }
}

static void a_word_longer_than_a_line_stays_whole(void **state)
{
    char word[2 * 200 + 1], more[600];
    UNUSED(state);
    for (size_t i = 0; i < 200; i++)
        memcpy(word + 2 * i, "\xc3\xa9", 3);
    (void)snprintf(more, sizeof(more),
                   ",\"findings\":[{\"path\":\"$.a\",\"kind\":\"value\",\"note\":\"%s\"}]", word);
    pair("GET /a", 1000, 200, 200, 10, "mismatch", more);
    must(render((struct report_options){.format = REPORT_TEXT, .width = 100}), word);
}

static void what_endpoints_have_in_common_is_said_once(void **state)
{
    UNUSED(state);
    for (unsigned i = 0; i < 10; i++) {
        char name[32], more[300];
        (void)snprintf(name, sizeof(name), "GET /%c/x", 'a' + i);
        (void)snprintf(more, sizeof(more),
                       ",\"findings\":[{\"path\":\"header:vary\",\"kind\":\"header\"}%s%s]",
                       i < 4 ? ",{\"path\":\"$.m\",\"kind\":\"type\"}" : "",
                       i < 2 ? ",{\"path\":\"$.two\",\"kind\":\"type\"}" : "");
        pair(name, 1000, 200, 200, 10, "mismatch", more);
    }
    struct span text = render((struct report_options){.format = REPORT_TEXT, .width = 100});
    must(text, "The same on several endpoints\n"
               "    header header:vary: on 10 of 10 endpoints, in 10 pairs\n"
               "    type $.m: on 4 of 10 endpoints, in 4 pairs\n\n");
    must(again((struct report_options){.format = REPORT_HTML}),
         "<li>header <code>header:vary</code> on 10 of 10 endpoints, in 10 pairs</li>");
    must(again((struct report_options){.format = REPORT_JSON}),
         "\"common\":[{\"path\":\"header:vary\",\"kind\":\"header\",\"endpoints\":10,\"pairs\":10},"
         "{\"path\":\"$.m\",\"kind\":\"type\",\"endpoints\":4,\"pairs\":4}]");
}

static void self_tests_are_counted(void **state)
{
    UNUSED(state);
    pair("GET /a", 1000, 200, 200, 10, "match", "");
    for (int i = 0; i < 3; i++)
        line(
            "{\"v\":1,\"t\":\"selftest\",\"at\":1000,\"route\":\"default\",\"endpoint\":\"GET /a\","
            "\"defects\":[{\"defect\":\"cent\",\"outcome\":\"hidden\",\"path\":\"$.p\",\"by\":"
            "\"r1\"},"
            "{\"defect\":\"type\",\"outcome\":\"caught\",\"path\":\"$.q\"},"
            "{\"defect\":\"of a later weir\",\"outcome\":\"caught\",\"path\":\"$\"}]}");
    line("{\"v\":1,\"t\":\"selftest\",\"at\":1000,\"route\":\"default\",\"endpoint\":\"GET /a\","
         "\"defects\":[{\"defect\":\"cent\",\"outcome\":\"missed\",\"path\":\"$.z\"}]}");
    struct span text = render((struct report_options){.format = REPORT_SEEDS});
    must(text, "7 planted defects, 3 caught, 3 hidden by rules, 1 missed");
    must(text, "$.z missed");
    must(again((struct report_options){.format = REPORT_JSON}),
         "{\"defect\":\"cent\",\"caught\":0,\"hidden\":3,\"missed\":1,\"path\":\"$.z\"");
    must(again((struct report_options){.format = REPORT_HTML}), "<b class=\"bad\">1 missed</b>");
}

static void patches_are_shown_when_asked_for(void **state)
{
    static const char with_patch[] =
        ",\"findings\":[{\"path\":\"$.p\",\"kind\":\"value\"}],\"patch\":[ "
        "{\"op\":\"replace\",\"path\":\"/p\",\"value\":\"<b>\"}]";
    UNUSED(state);
    pair("GET /a", 1000, 200, 200, 10, "mismatch", with_patch);
    assert_false(has(render((struct report_options){.format = REPORT_JSON}), "\"patch\""));
    must(again((struct report_options){.format = REPORT_JSON, .patches = true}),
         "\"patch\":[\n  {\"op\": \"replace\", \"path\": \"/p\", \"value\": \"<b>\"}\n]");
    must(again((struct report_options){.format = REPORT_HTML, .patches = true}),
         "&quot;value&quot;: &quot;&lt;b&gt;&quot;}\n]</pre>");
}

static void what_two_values_have_in_common_is_not_marked(void **state)
{
    static const char accents[] = ",\"findings\":[{\"path\":\"$.p\",\"kind\":\"value\",\"legacy\":"
                                  "\"caf\u00e9 noir\",\"new\":\"caf\u00e8 noir\"}]";
    UNUSED(state);
    pair("GET /a", 1000, 200, 200, 10, "mismatch", accents);
    struct span text = render((struct report_options){.format = REPORT_HTML});
    must(text, "caf<mark>\xc3\xa9</mark> noir");
    must(text, "caf<mark>\xc3\xa8</mark> noir");
}

static void nothing_compared_has_no_bars(void **state)
{
    UNUSED(state);
    pair("GET /a", 1000, 200, 200, 10, "skipped", ",\"reason\":\"conditional\"");
    assert_false(has(render((struct report_options){.format = REPORT_HTML}), "class=\"trend"));
}

/* Whatever order times come in, nothing is lost and the buckets reach around all of them. */
static void trends_hold_any_time(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed < 200; seed++) {
        struct dice dice = {seed};
        struct report_trend t = {.width_ms = 0};
        uint64_t pairs = 0, bad = 0, least = UINT64_MAX, most = 0;
        uint64_t range = (uint64_t)1 << (1 + dice_roll(&dice, 36));
        for (unsigned i = 0; i < 100; i++) {
            uint64_t at = 1772330000000 + dice_roll(&dice, range);
            trend_add(&t, at, i % 3 == 0);
            least = at < least ? at : least;
            most = at > most ? at : most;
        }
        for (size_t i = 0; i < TREND_BUCKETS; i++) {
            pairs += t.pairs[i];
            bad += t.bad[i];
        }
        trend_add(&t, UINT64_MAX, true); /* no time at all */
        assert_int_equal(pairs, 100);
        assert_int_equal(bad, 34);
        assert_true(t.from_ms <= least && most < t.from_ms + TREND_BUCKETS * t.width_ms);
        assert_true(t.width_ms == 1000 || t.width_ms <= (most - least) * 2);
    }
}

/* --- numbers --- */

static void numbers_are_right(void **state)
{
    struct report_options o = {.format = REPORT_JSON};
    struct jdoc d = JDOC_INIT;
    uint64_t n;
    UNUSED(state);
    line("{\"v\":1,\"t\":\"run\",\"at\":1,\"version\":\"0.1.0\",\"store\":\"tokens\"}");
    for (unsigned i = 0; i < 90; i++)
        pair("GET /items/{}", 1000 + i, 200, 200, 1000 * (i + 1), "match", "");
    for (unsigned i = 0; i < 10; i++)
        pair("GET /items/{}", 2000 + i, 200, 500, 1000, "mismatch", value_finding);
    pair("GET /b", 3000, 200, 200, 5, "match", "");
    pair("GET /b", 3001, 0, 200, 5, "failed", ",\"reason\":\"timeout\"");
    pair("GET /b", 3002, 200, 304, 5, "skipped", ",\"reason\":\"conditional\"");
    line("{\"v\":1,\"t\":\"drops\",\"at\":3003,\"dropped\":{\"budget\":5}}");
    struct span text = render(o);
    assert_int_equal(jdoc_parse(&d, text), ERR_OK);
    assert_true(jdoc_u64(&d, 0, "pairs", &n) && n == 103);
    assert_true(jdoc_u64(&d, 0, "compared", &n) && n == 101);
    assert_true(jdoc_u64(&d, 0, "mismatch", &n) && n == 10);
    assert_true(jdoc_u64(&d, jdoc_member(&d, 0, SPAN("failed_reasons")), "timeout", &n) && n == 1);
    assert_true(jdoc_u64(&d, jdoc_member(&d, 0, SPAN("not_sent")), "budget", &n) && n == 5);
    uint32_t first = jdoc_member(&d, 0, SPAN("endpoints")) + 1;
    struct span name;
    assert_true(jdoc_string(&d, first, "endpoint", &name) && span_eq(name, SPAN("GET /items/{}")));
    uint32_t finding = jdoc_member(&d, first, SPAN("findings")) + 1;
    assert_true(jdoc_u64(&d, finding, "pairs", &n) && n == 10);
    assert_true(jdoc_u64(&d, finding, "places", &n) && n == 20);
    assert_true(jdoc_u64(&d, finding, "first_ms", &n) && n == 2000);
    assert_true(jdoc_u64(&d, finding, "last_ms", &n) && n == 2009);
    must(text,
         "\"rate\":0.100000,\"rate_low\":0.055229,\"rate_high\":0.174366"); /* Wilson, 10 of 100 */
    must(text, "\"status\":[{\"legacy\":200,\"new\":200,\"pairs\":90},{\"legacy\":200,\"new\":500,"
               "\"pairs\":10}]");
    jdoc_free(&d);
}

static void the_worst_comes_first(void **state)
{
    UNUSED(state);
    for (unsigned i = 0; i < 1000; i++) {
        pair("GET /busy", i, 200, 200, 10, i % 20 == 0 ? "mismatch" : "match",
             i % 20 == 0 ? value_finding : "");
        if (i < 10)
            pair("GET /rare", i, 200, 200, 10, "mismatch", value_finding);
        pair("GET /good", i, 200, 200, 10, "match", "");
    }
    struct span text = render((struct report_options){.format = REPORT_JSON});
    const char *busy = memmem(text.p, text.n, "GET /busy", 9),
               *rare = memmem(text.p, text.n, "GET /rare", 9),
               *good = memmem(text.p, text.n, "GET /good", 9);
    assert_true(busy < rare && rare < good);
}

static void examples_are_few_and_different(void **state)
{
    struct jdoc d = JDOC_INIT;
    UNUSED(state);
    for (unsigned i = 0; i < 50; i++) {
        char more[256];
        (void)snprintf(more, sizeof(more),
                       ",\"findings\":[{\"path\":\"$.a\",\"kind\":\"value\",\"legacy\":\"v%u\","
                       "\"new\":\"w\"}]",
                       i / 10);
        pair("GET /a", i, 200, 200, 10, "mismatch", more);
    }
    struct span text = render((struct report_options){.format = REPORT_JSON});
    assert_int_equal(jdoc_parse(&d, text), ERR_OK);
    uint32_t finding =
        jdoc_member(&d, jdoc_member(&d, 0, SPAN("endpoints")) + 1, SPAN("findings")) + 1;
    assert_int_equal(d.nodes[jdoc_member(&d, finding, SPAN("examples"))].n, REPORT_EXAMPLES_MAX);
    must(text, "\"legacy\":\"v0\"");
    must(text, "\"legacy\":\"v2\"");
    jdoc_free(&d);
}

static void routes_and_times_narrow_it(void **state)
{
    UNUSED(state);
    pair("GET /a", 1000, 200, 200, 10, "match", "");
    pair("GET /a", 2000, 200, 200, 10, "match", "");
    must(render((struct report_options){.format = REPORT_JSON, .since_ms = 1500}),
         "{\"report\":1,\"pairs\":1,");
    pair("GET /a", 1000, 200, 200, 10, "match", "");
    struct span text = render((struct report_options){.format = REPORT_JSON, .route = "other"});
    must(text, "{\"report\":1,\"pairs\":0,");
    must(text, "\"left_out\":1");
}

/* --- nothing, and rubbish --- */

static void nothing_is_said_clearly(void **state)
{
    UNUSED(state);
    must(render((struct report_options){.format = REPORT_TEXT}), "The record files are empty");
    must(render((struct report_options){.format = REPORT_HTML}), "The record files are empty");
    must(render((struct report_options){.format = REPORT_JSON}), "\"rate\":null");
    pair("GET /a", 1000, 200, 200, 10, "match", "");
    struct span text = render((struct report_options){.format = REPORT_TEXT, .route = "other"});
    must(text, "No record is of this route and time.");
    must(text, "1 record was left out");
}

static void rubbish_is_counted(void **state)
{
    UNUSED(state);
    line("not json");
    line("{\"v\":9,\"t\":\"pair\",\"at\":1}");
    pair("GET /a", 1000, 200, 200, 10, "match", "");
    line("{\"v\":1,\"t\":\"pair\"");
    struct span text = render((struct report_options){.format = REPORT_TEXT});
    must(text, "2 lines are no records and were left out.");
    must(text, "1 record of another version of weir was left out.");
    must(text, "Nothing differs.");
}

static void a_missing_file_is_complained_about(void **state)
{
    static const char *const files[] = {"/nonexistent/records"};
    struct report_options o = {.files = files, .nfiles = 1, .format = REPORT_TEXT};
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    out.n = 0;
    assert_int_equal(shadow_report(&o, &out, &wrong), ERR_SYSTEM);
    assert_int_equal(out.n, 0);
    assert_string_equal(wrong.list[0].where, files[0]);
    assert_non_null(strstr(wrong.list[0].what, "No such file"));
    complaints_free(&wrong);
}

/* --- what comes from records is only text --- */

static const char evil_finding[] =
    ",\"method\":\"GET'; "
    "rm\",\"host\":\"a'b\",\"target\":\"/x'$(reboot)\\u001b[31m<script>\",\"findings\":[{\"path\":"
    "\"$[\\\"<script>alert(1)</"
    "script>\\u001b]0;x\\u0007\\\"]\",\"kind\":\"value\",\"detail\":\"\\\"><img src=x>\","
    "\"legacy\":\"</code><script>\\u202e\",\"new\":\"\\u009b31m&amp;'\"}]";

static void html_is_escaped(void **state)
{
    UNUSED(state);
    pair("GET /<b>&\\\"'", 1000, 200, 200, 10, "mismatch", evil_finding);
    struct span text = render((struct report_options){.format = REPORT_HTML});
    assert_false(has(text, "<script>alert") || has(text, "code><script>") || has(text, "<img") ||
                 has(text, "<b>&") || has(text, "\x1b"));
    must(text, "GET /&lt;b&gt;&amp;&quot;&#39;");
    must(text, "Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-");
    must(text, "; script-src 'sha256-");
    assert_false(has(text, " style=") || has(text, "http://") || has(text, "https://"));
}

static void terminals_are_not_spoken_to(void **state)
{
    UNUSED(state);
    pair("GET /\\u001b[2J", 1000, 200, 200, 10, "mismatch", evil_finding);
    struct span text = render((struct report_options){.format = REPORT_TEXT});
    for (size_t i = 0; i < text.n; i++)
        assert_true((unsigned char)text.p[i] >= 0x20 || text.p[i] == '\n');
    assert_false(has(text, "\xc2\x9b") || has(text, "\xe2\x80\xae"));
    must(text, "curl -sS -X 'GET'\\''; rm' -H 'Host: a'\\''b' \"$BASE\"'/x'\\''$(reboot)");
}

static void json_stays_json(void **state)
{
    struct jdoc d = JDOC_INIT;
    UNUSED(state);
    pair("GET /\\\"\\\\", 1000, 200, 200, 10, "mismatch", evil_finding);
    assert_int_equal(jdoc_parse(&d, render((struct report_options){.format = REPORT_JSON})),
                     ERR_OK);
    jdoc_free(&d);
}

/* --- layout --- */

static void text_fits_its_width(void **state)
{
    UNUSED(state);
    for (unsigned width = 60; width <= 160; width += 10) {
        line("{\"v\":1,\"t\":\"run\",\"at\":1,\"version\":\"0.1.0\",\"store\":\"tokens\"}");
        for (unsigned i = 0; i < 300; i++) {
            char endpoint[64];
            (void)snprintf(endpoint, sizeof(endpoint),
                           "GET /a/fairly/long/path/number/%u/that/goes/on", i % 7);
            pair(endpoint, 1767225600000 + i, 200, i % 9 == 0 ? 503 : 200, 123456,
                 i % 3 ? "match" : "mismatch",
                 i % 3 ? "" : ",\"findings\":[{\"path\":\"$.a\",\"kind\":\"value\"}]");
        }
        pair("GET /x", 1, 200, 200, 10, "failed", ",\"reason\":\"first_byte_timeout\"");
        for (unsigned i = 0; i < 30; i++) /* what is long: evidence, lists, options, rules */
            pair(
                "GET /probed", 1767225600000 + i, 200, 200, 10, "mismatch",
                ",\"recheck\":{\"said\":\"persistent\",\"rounds\":2},\"body\":\"json\","
                "\"findings\":[{\"path\":\"$.a\",\"kind\":\"type\",\"n\":4,\"method\":\"position\","
                "\"legacy_class\":\"decimal\",\"new_class\":\"digits\"}],"
                "\"hidden\":[{\"rule\":\"cent\",\"path\":\"$.some.long.path.to.it\",\"kind\":"
                "\"value\",\"n\":1}],\"probe\":{\"status\":200,\"verdict\":\"match\",\"body\":"
                "\"json\"}");
        line("{\"v\":1,\"t\":\"drops\",\"at\":1,\"dropped\":{\"budget\":70000,\"queue_full\":12345,"
             "\"no_connection\":123456,\"incomplete\":99999,\"method\":1234567}}");
        line("{\"v\":1,\"t\":\"options\",\"at\":1,\"route\":\"default\",\"percent\":12.50,"
             "\"ignore\":[\"$.at\",\"$.some.where.else\",\"header:x-served-by\"],\"tolerance\":[],"
             "\"rules\":2}");
        line(
            "{\"v\":1,\"t\":\"rules\",\"at\":1,\"rules\":[{\"id\":\"cent\",\"action\":\"ignore\","
            "\"path\":\"$\",\"author\":\"dana\",\"reason\":\"half a cent is nothing to us, says "
            "the "
            "one who must know\",\"expires\":4070908800000},{\"id\":\"arrays\",\"action\":\"key\","
            "\"key\":\"sku\",\"path\":\"$\",\"author\":\"kim\",\"reason\":\"so\",\"expires\":1}]}");
        line("{\"v\":1,\"t\":\"selftest\",\"at\":1,\"route\":\"default\",\"endpoint\":\"GET /x\","
             "\"defects\":[{\"defect\":\"cent\",\"outcome\":\"missed\",\"path\":\"$.a\",\"by\":"
             "\"\"}]}");
        struct span text = render((struct report_options){.format = REPORT_TEXT, .width = width}),
                    row;
        while (span_cut(&text, '\n', &row)) {
            char one[1024];
            (void)snprintf(one, sizeof(one), SPAN_FMT, SPAN_ARG(row));
            if (term_columns(one) > width)
                fail_msg("%u columns, not %u: %s", term_columns(one), width, one);
        }
    }
}

static void colours_only_when_asked(void **state)
{
    UNUSED(state);
    for (int colour = 0; colour < 2; colour++) {
        pair("GET /a", 1000, 200, 200, 10, "mismatch", value_finding);
        struct span text =
            render((struct report_options){.format = REPORT_TEXT, .colour = colour == 1});
        assert_int_equal(has(text, "\x1b["), colour);
    }
}

/* Without the codes, and spaces, which may end a line that has a colour. */
static void bare(struct span text, struct buf *bare_)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\x1b')
            while (text.p[i] != 'm')
                i++;
        else if (text.p[i] != ' ')
            assert_int_equal(buf_append(bare_, span_of(text.p + i, 1)), ERR_OK);
    }
}

/* Lines break at the same words. */
static void colours_change_nothing_else(void **state)
{
    struct buf plain = BUF_INIT(0), coloured = BUF_INIT(0);
    UNUSED(state);
    pair("GET /a", 1000, 200, 200, 10, "mismatch", value_finding);
    pair("GET /a", 1000, 200, 200, 10, "failed", ",\"reason\":\"first_byte_timeout\"");
    line("{\"v\":1,\"t\":\"drops\",\"at\":1,\"dropped\":{\"budget\":70000,\"queue_full\":12345,"
         "\"no_connection\":123456,\"incomplete\":99999,\"method\":1234567}}");
    bare(render((struct report_options){.format = REPORT_TEXT, .width = 60}), &plain);
    bare(again((struct report_options){.format = REPORT_TEXT, .width = 60, .colour = true}),
         &coloured);
    assert_int_equal(plain.n, coloured.n);
    assert_memory_equal(plain.p, coloured.p, plain.n);
    buf_free(&plain);
    buf_free(&coloured);
}

/* --- bounds --- */

static void endpoints_and_findings_are_bounded(void **state)
{
    struct report_options o = {.format = REPORT_JSON};
    UNUSED(state);
    for (unsigned i = 0; i < REPORT_ENDPOINTS_MAX + 500; i++) {
        char endpoint[64], more[512];
        (void)snprintf(endpoint, sizeof(endpoint), "GET /e%u", i);
        size_t n =
            (size_t)snprintf(more, sizeof(more), ",\"endpoint_by\":\"template\",\"findings\":[");
        for (unsigned k = 0; k < 11; k++)
            n +=
                (size_t)snprintf(more + n, sizeof(more) - n,
                                 "%s{\"path\":\"$.f%u\",\"kind\":\"value\"}", k == 0 ? "" : ",", k);
        (void)snprintf(more + n, sizeof(more) - n, "]");
        pair(endpoint, 1000, 200, 200, 10, "mismatch", more);
    }
    struct span text = render(o);
    must(text, "\"endpoint\":\"~other\"");
    struct jdoc d = JDOC_INIT;
    uint64_t lost;
    assert_int_equal(jdoc_parse(&d, text), ERR_OK);
    assert_int_equal(d.nodes[jdoc_member(&d, 0, SPAN("endpoints"))].n, REPORT_ENDPOINTS_MAX + 1);
    assert_true(jdoc_u64(&d, 0, "findings_left_out", &lost) && lost > 0);
    jdoc_free(&d);
}

static enum err build(void *arg)
{
    struct complaints wrong = {.n = 0};
    struct buf b = BUF_INIT(0);
    enum err e = shadow_report(arg, &b, &wrong);
    complaints_free(&wrong);
    buf_free(&b);
    arena_thread_end();
    return e;
}

static void failing_allocations_are_survived(void **state)
{
    static const char *files[1];
    UNUSED(state);
    files[0] = path;
    for (enum report_format f = REPORT_TEXT; f <= REPORT_HTML; f++) {
        struct report_options o = {.files = files, .nfiles = 1, .format = f};
        pair("GET /a", 1000, 200, 200, 10, "mismatch", value_finding);
        save();
        alloc_walk(build, &o);
    }
}

/* --- statistics --- */

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-4;
}

static void intervals_are_wilsons(void **state)
{
    struct interval i = stats_wilson(10, 100);
    UNUSED(state);
    assert_true(near(i.low, 0.05523) && near(i.high, 0.17437));
    i = stats_wilson(0, 2995);
    assert_true(i.low <= 0 && i.high < 0.0013);
    i = stats_wilson(5, 5);
    assert_true(near(i.low, 0.56552) && i.high >= 1);
    i = stats_wilson(0, 0);
    assert_true(i.low <= 0 && i.high >= 1);
}

static void quantiles_are_close(void **state)
{
    static struct stats_times t;
    UNUSED(state);
    assert_int_equal(stats_quantile(&t, 0.5), 0);
    for (uint64_t v = 1; v <= 100000; v++)
        stats_add(&t, v * 10);
    static const double qs[] = {0.01, 0.5, 0.95, 0.99, 1};
    for (size_t i = 0; i < ARRAY_LEN(qs); i++) {
        double want = qs[i] * 1000000, got = (double)stats_quantile(&t, qs[i]);
        if (fabs(got - want) > want * 0.016)
            fail_msg("%f: %f", want, got);
    }
    stats_add(&t, UINT64_MAX); /* nothing overflows */
    stats_add(&t, 0);
    assert_true(stats_quantile(&t, 1) > 1000000);
}

static void phrases_read_well(void **state)
{
    char text[PHRASE_MAX];
    UNUSED(state);
    assert_string_equal(phrase_count(text, 0), "0");
    assert_string_equal(phrase_count(text, 1234567), "1,234,567");
    assert_string_equal(phrase_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
    assert_string_equal(phrase_percent(text, 0), "0 %");
    assert_string_equal(phrase_percent(text, 1), "100 %");
    assert_string_equal(phrase_percent(text, 0.5), "50.0 %");
    assert_string_equal(phrase_percent(text, 0.9999), "99.99 %");
    assert_string_equal(phrase_percent(text, 0.00005), "0.005 %");
    assert_string_equal(phrase_percent(text, 0.000001), "<0.001 %");
    assert_string_equal(phrase_duration(text, 850), "850 \xc2\xb5s");
    assert_string_equal(phrase_duration(text, 12345), "12.3 ms");
    assert_string_equal(phrase_duration(text, 123456), "123 ms");
    assert_string_equal(phrase_duration(text, 1200000), "1.20 s");
    assert_string_equal(phrase_ratio(text, 100, 125), "\xc3\x97"
                                                      "1.25");
    assert_string_equal(phrase_ratio(text, 0, 125), "-");
    assert_string_equal(phrase_span(text, 5460000), "1 h 31 min");
    assert_string_equal(phrase_time(text, 1767225600000), "2026-01-01 00:00:00");
}

/* --- Markdown and JUnit --- */

static void markdown_never_has_more_than_60_lines(void **state)
{
    size_t n = 0;
    UNUSED(state);
    for (unsigned i = 0; i < 40; i++) {
        char name[40], more[400];
        (void)snprintf(name, sizeof(name), "GET /%u|`<b>", i);
        (void)snprintf(more, sizeof(more),
                       ",\"endpoint_by\":\"template\","
                       "\"findings\":[{\"path\":\"$.a%u\",\"kind\":\"value\"},{\"path\":\"$.b\","
                       "\"kind\":\"type\"}],\"hidden\":[{\"rule\":\"r%u\",\"path\":\"$.x\","
                       "\"kind\":\"value\",\"n\":1}]",
                       i, i);
        pair(name, 1000 + i, 200, 200, 10, "mismatch", more);
        (void)snprintf(more, sizeof(more), ",\"endpoint_by\":\"template\",\"reason\":\"r%u\"", i);
        pair(name, 1000 + i, 200, 0, 10, "failed", more);
    }
    line("{\"v\":1,\"t\":\"drops\",\"at\":1,\"dropped\":{\"budget\":7}}");
    for (unsigned i = 0; i < 9; i++) {
        char more[300];
        (void)snprintf(more, sizeof(more),
                       "{\"v\":1,\"t\":\"options\",\"at\":1,\"route\":\"route%u\",\"percent\":1.00,"
                       "\"ignore\":[\"$.*\"],\"tolerance\":[],\"rules\":1}",
                       i);
        line(more);
    }
    struct span text = render((struct report_options){.format = REPORT_MD});
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n' ? 1 : 0;
    assert_true(n <= 60 && n > 40);
    must(text, "**40 of 40 pairs differ, 100 %**");
    must(text, "| `GET /10\\|'<b>` |");
    must(text, "32 more endpoints");
    must(text, "68 more findings");
    must(text, "35 more rules");
    must(text, "- 6 more routes");
    must(text, "Not sent: 7 `budget`");
}

static void markdown_says_when_there_is_nothing(void **state)
{
    UNUSED(state);
    must(render((struct report_options){.format = REPORT_MD}), "No pair of answers was compared.");
    pair("GET /", 1000, 200, 200, 10, "match", "");
    must(render((struct report_options){.format = REPORT_MD}), "Nothing differs.");
}

static void junit_fails_endpoints_that_differ(void **state)
{
    UNUSED(state);
    pair("GET /<a>", 1000, 200, 200, 10, "mismatch", value_finding);
    pair("GET /b", 1000, 200, 200, 10, "match", "");
    pair("GET /c", 1000, 200, 0, 10, "failed", ",\"reason\":\"x\"");
    struct span text = render((struct report_options){.format = REPORT_JUNIT});
    must(text, "tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\"");
    must(text, "name=\"GET /&lt;a&gt;\"><failure message=\"1 of 1 pairs differ: type $.price (1, "
               "thin)\"/>");
    must(text, "name=\"GET /b\"/>");
    must(text, "name=\"GET /c\"><skipped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_right),
        cmocka_unit_test(the_worst_comes_first),
        cmocka_unit_test(examples_are_few_and_different),
        cmocka_unit_test(routes_and_times_narrow_it),
        cmocka_unit_test(nothing_is_said_clearly),
        cmocka_unit_test(rubbish_is_counted),
        cmocka_unit_test(a_missing_file_is_complained_about),
        cmocka_unit_test(html_is_escaped),
        cmocka_unit_test(terminals_are_not_spoken_to),
        cmocka_unit_test(json_stays_json),
        cmocka_unit_test(text_fits_its_width),
        cmocka_unit_test(colours_only_when_asked),
        cmocka_unit_test(colours_change_nothing_else),
        cmocka_unit_test(endpoints_and_findings_are_bounded),
        cmocka_unit_test(failing_allocations_are_survived),
        cmocka_unit_test(intervals_are_wilsons),
        cmocka_unit_test(quantiles_are_close),
        cmocka_unit_test(phrases_read_well),
        cmocka_unit_test(markdown_never_has_more_than_60_lines),
        cmocka_unit_test(markdown_says_when_there_is_nothing),
        cmocka_unit_test(junit_fails_endpoints_that_differ),
        cmocka_unit_test(options_in_force_are_named),
        cmocka_unit_test(examples_say_what_asking_again_said),
        cmocka_unit_test(a_word_longer_than_a_line_stays_whole),
        cmocka_unit_test(what_endpoints_have_in_common_is_said_once),
        cmocka_unit_test(self_tests_are_counted),
        cmocka_unit_test(patches_are_shown_when_asked_for),
        cmocka_unit_test(what_two_values_have_in_common_is_not_marked),
        cmocka_unit_test(nothing_compared_has_no_bars),
        cmocka_unit_test(trends_hold_any_time),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
