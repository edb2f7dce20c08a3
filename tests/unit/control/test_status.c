/* What operators read: the status as text at several widths, counts taken from metrics, what a
 * reload changed, words. */
#include "tests/unit/control/rig.h"

#include "control/changes.h"
#include "control/page.h"
#include "control/status.h"
#include "control/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the text --- */

static const char status[] =
    "{\"version\": \"1.2.3\", \"pid\": 77, \"instance\": \"one\", \"uptime_seconds\": 7300,"
    " \"ready\": true, \"epoch\": 45, \"source\": \"redis\", \"pin\": null,"
    " \"since\": \"2026-03-01T02:13:00.000Z\", \"by\": \"dana\", \"why\": \"5xx on \\u001b[31m/x\","
    " \"unknown_routes\": [\"later\"], \"adopted\": false,"
    " \"store\": {\"kind\": \"redis\", \"where\": \"redis://h:6379/0\", \"name\": \"redis key k\","
    "   \"connected\": false, \"since\": \"2026-03-01T02:10:00Z\", \"mode\": \"none\","
    "   \"server\": \"7.0.15\", \"error\": \"Connection refused\", \"value\": \"refused\","
    "   \"refused\": \"redis key k: is \\\"x\\\"\\nredis key k: $.pin: is \\\"y\\\"\\n\","
    "   \"pending_write\": true, \"write_error\": "
    "null},"
    " \"state\": {\"dir\": \"/s\", \"saved\": false, \"error\": \"No space left on device\","
    "   \"damaged\": \"state.json: is not JSON\\nstate.json: was renamed\\n\", \"undo\": 1},"
    " \"reload\": {\"at\": \"2026-03-01T02:12:30Z\", \"ok\": false, \"complaints\": [{\"where\":"
    "   \"weir.json:7: $.routes[0].new_percent\", \"what\": \"is 150\", \"right\": \"at most "
    "100\"}]},"
    " \"shadow\": {\"dropped\": {\"budget\": 3, \"timeout\": 4}, \"findings\": 2,"
    "   \"endpoints\": 3, \"lost\": 4, \"since\": 1772324100000, \"routes\":"
    "   {\"a\": {\"match\": 1500, \"mismatch\": 2, \"skipped\": 1, \"failed\": 1}}},"
    " \"logs\": {\"failing\": 1, \"lines_lost\": 12}, \"certificate_expiry\": 1772764200,"
    " \"routes\": ["
    "  {\"name\": \"checkout\", \"match\": {\"prefix\": \"/checkout/\"}, \"legacy\": \"argus\","
    "   \"new\": \"wfm\", \"configured_percent\": 10, \"weight_percent\": 12.5, \"new_percent\": "
    "12.5,"
    "   \"pin\": null, \"decided_by\": \"control\","
    "   \"on_legacy\": {\"requests\": 123456, \"failed\": 0},"
    "   \"on_new\": {\"requests\": 999, \"failed\": 7}},"
    "  {\"name\": \"historic\", \"match\": {\"host\": \"h.example\", \"path\": \"/a\"},"
    "   \"legacy\": \"argus\", \"new\": \"wfm\", \"configured_percent\": 100, \"weight_percent\": "
    "100,"
    "   \"new_percent\": 0, \"pin\": \"legacy\", \"decided_by\": \"route pin\","
    "   \"on_legacy\": {\"requests\": 0, \"failed\": 0}, \"on_new\": {\"requests\": 0, \"failed\": "
    "0}}"
    " ]}";

static char *text_from(const char *json, unsigned width, bool colour, bool ascii)
{
    struct buf out = BUF_INIT(0);
    struct admin_look look = {.text = true, .colour = colour, .ascii = ascii, .width = width};
    json_error_t error;
    json_t *o = json_loads(json, 0, &error);
    if (o == NULL)
        fail_msg("%s at %d", error.text, error.position);
    /* 2026-03-01T02:15:00Z */
    assert_int_equal(status_text(o, &look, 1772331300000, &out), ERR_OK);
    assert_int_equal(buf_append(&out, span_of("", 1)), ERR_OK);
    json_decref(o);
    return out.p;
}

static char *text_of(unsigned width, bool colour, bool ascii)
{
    return text_from(status, width, colour, ascii);
}

static void expect_line(const char *text, const char *line)
{
    if (strstr(text, line) == NULL)
        fail_msg("no \"%s\" in\n%s", line, text);
}

static void test_text(void **state)
{
    char *text = text_of(120, false, true);
    UNUSED(state);
    expect_line(text, "weir 1.2.3  one  pid 77, up 2 h\n");
    expect_line(text, "epoch    45, since 2 min ago, by dana (redis): 5xx on ?[31m/x\n");
    expect_line(text, "! not every worker has taken this epoch over yet");
    expect_line(text, "pin      none; 1 route is pinned by itself");
    expect_line(text, "names routes this configuration does not have: later");
    expect_line(text, "store    redis://h:6379/0, redis key k, lost for 5 min; Redis 7.0.15");
    expect_line(text, "! Connection refused; routing stays as it is");
    expect_line(text, "! what it holds is refused: redis key k: is \"x\"\n");
    expect_line(text, "! what it holds is refused: redis key k: $.pin: is \"y\"\n");
    expect_line(text, "! state.json: is not JSON\n");
    expect_line(text, "! state.json: was renamed\n");
    expect_line(text, "logs     12 lines lost since the start\n");
    expect_line(text, "TLS      a certificate expires on 2026-03-06, in 5 d\n");
    expect_line(text, "! 1 file of logs and records cannot be written");
    expect_line(text, "! the document in force is not in it yet");
    expect_line(text, "! cannot be written: No space left on device");
    expect_line(text, "reload   refused, 2 min ago; what ran before goes on");
    expect_line(text, "! weir.json:7: $.routes[0].new_percent: is 150; at most 100");
    expect_line(
        text, "shadow   1.5k pairs alike, 2 not, 2 not comparable, 7 copies dropped: weir report");
    expect_line(
        text,
        "findings 2 on 3 endpoints since 2026-03-01T00:15Z: weir report --live; 4 had no room");
    expect_line(text, "checkout  /checkout/    argus -> wfm  12.5%  ###.................  set, "
                      "config 10%  123k / 999, 7 failed\n");
    expect_line(text, "historic  h.example=/a  argus -> wfm     0%  ....................  pinned "
                      "(100%)    0 / 0\n");
    assert_null(strchr(text, '\x1b'));
    for (const char *p = text; *p != '\0'; p++)
        assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
    free(text);
}

/* An epoch is by whom made it, and the document in force by whom gave it. */
static void test_epoch(void **state)
{
    static const char reloaded[] =
        "{\"epoch\": 5, \"adopted\": true, \"source\": \"config\","
        " \"since\": \"2026-03-01T02:14:59.000Z\", \"by\": %s, \"why\": %s, \"document_from\": %s}";
    static const char document[] =
        "{\"source\": \"admin\", \"since\": \"2026-03-01T02:13:00.000Z\", \"by\": \"root\","
        " \"why\": \"night\"}";
    static const struct {
        const char *by, *why, *document;
        const char *lines;
    } cases[] = {
        {"null", "null", document,
         "epoch    5, since 1 s ago, by config\n"
         "document in force since 2 min ago, by root (admin): night\n"},
        {"\"eve\"", "\"a quiet week\"", "null",
         "epoch    5, since 1 s ago, by eve (config): a quiet week\n"
         "document none was ever applied\n"},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char json[1024];
        (void)snprintf(json, sizeof(json), reloaded, cases[i].by, cases[i].why, cases[i].document);
        char *text = text_from(json, 120, false, true);
        expect_line(text, cases[i].lines);
        free(text);
    }
}

static void test_widths(void **state)
{
    UNUSED(state);
    for (unsigned width = 20; width < 200; width++) {
        char *text = text_of(width, false, false);
        const char *table = strstr(text, "\nroute ");
        assert_non_null(table);
        for (struct span rest = span_str(table + 1), line;
             rest.n > 0 && span_cut(&rest, '\n', &line);) {
            char copy[512];
            (void)snprintf(copy, sizeof(copy), SPAN_FMT, SPAN_ARG(line));
            if (width >= 80 && page_width(copy) > width)
                fail_msg("%u columns: %zu in %s", width, page_width(copy), copy);
        }
        assert_non_null(strstr(table, "historic"));
        assert_non_null(strstr(table, "12.5%"));
        free(text);
    }
}

static void test_colour(void **state)
{
    char *text = text_of(120, true, false);
    size_t on = 0;
    size_t off = 0;
    UNUSED(state);
    expect_line(text, "\x1b[31m! Connection refused");
    expect_line(text, "\xe2\x96\x88");
    for (const char *p = text; (p = strchr(p, '\x1b')) != NULL; p++) {
        bool ends = strncmp(p, "\x1b[0m", 4) == 0;
        on += ends ? 0 : 1;
        off += ends ? 1 : 0;
    }
    assert_int_equal(on, off); /* nothing stays coloured, and no escape of others is left */
    free(text);
}

/* Members may be missing: a status made without memory, or by another version. */
static void test_sparse(void **state)
{
    static const char *const sparse[] = {
        "{}", "{\"routes\": [{}]}", "{\"store\": {}, \"state\": {}}",
        "{\"reload\": {\"ok\": false, \"complaints\": [{}]}}", "{\"shadow\": {\"routes\": 7}}"};
    struct admin_look look = {.text = true, .width = 80};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(sparse); i++) {
        struct buf out = BUF_INIT(0);
        json_t *o = json_loads(sparse[i], 0, NULL);
        assert_int_equal(status_text(o, &look, 0, &out), ERR_OK);
        json_decref(o);
        buf_free(&out);
    }
}

static void test_numbers(void **state)
{
    static const struct {
        uint64_t n;
        const char *count;
        const char *age;
    } cases[] = {
        {0, "0", "0 s"},           {1, "1", "1 s"},          {119, "119", "119 s"},
        {120, "120", "2 min"},     {999, "999", "16 min"},   {1000, "1.0k", "16 min"},
        {7199, "7.2k", "119 min"}, {9949, "9.9k", "2 h"},    {9951, "10k", "2 h"},
        {999499, "999k", "11 d"},  {999500, "1.0M", "11 d"}, {1234567890123, "1.2T", "14288980 d"},
    };
    char out[PAGE_SHORT];
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        page_count(out, cases[i].n);
        assert_string_equal(out, cases[i].count);
        page_age(out, cases[i].n);
        assert_string_equal(out, cases[i].age);
    }
    page_percent(out, 12.5);
    assert_string_equal(out, "12.5%");
    page_percent(out, 0.01);
    assert_string_equal(out, "0.01%");
    page_percent(out, 99.99);
    assert_string_equal(out, "99.99%");
}

/* A little is not nothing, and nearly all is not all. */
static void test_bar(void **state)
{
    static const struct {
        double percent;
        const char *bar;
    } cases[] = {{0, ".........."},  {0.01, "#........."},  {10, "#........."}, {50, "#####....."},
                 {94, "#########."}, {99.99, "#########."}, {100, "##########"}};
    struct admin_look look = {.ascii = true};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = BUF_INIT(0);
        struct page p = {&out, &look, ERR_OK};
        page_bar(&p, cases[i].percent, 10);
        assert_int_equal(out.n, 10);
        assert_memory_equal(out.p, cases[i].bar, 10);
        buf_free(&out);
    }
}

/* --- counts --- */

static void test_counts(void **state)
{
    static const char metrics[] =
        "# HELP weir_requests_total x\n"
        "weir_requests_total{route=\"a\",backend=\"argus\",side=\"legacy\",class=\"2xx\"} 10\n"
        "weir_requests_total{route=\"b\",backend=\"argus\",side=\"legacy\",class=\"5xx\"} 3\n"
        "weir_requests_total{route=\"a\",backend=\"wfm\",side=\"new\",class=\"2xx\"} 5\n"
        "weir_requests_total{route=\"a\",backend=\"wfm\",side=\"new\",class=\"none\"} 2\n"
        "weir_requests_total{route=\"a\",backend=\"wfm\",side=\"new\",class=\"4xx\"} 1\n"
        "weir_requests_total{route=\"a\",backend=\"x\",side=\"?\",class=\"4xx\"} 1\n"
        "weir_requests_leaving{route=\"a\",side=\"legacy\"} 4\n"
        "weir_requests_leaving{route=\"idle\",side=\"new\"} 0\n"
        "weir_requests_total{} "
        "1\nweir_requests_total{route=\"c\"\nweir_requests_total{route=\"c\"} x\n"
        "weir_requests_total_other{route=\"a\",side=\"new\"} 100\n"
        "weir_requests_total{route=\"last\",side=\"new\",class=\"2xx\"} 18446744073709551615";
    struct route_counts c = {.text = BUF_INIT(0)};
    UNUSED(state);
    assert_int_equal(buf_append(&c.text, span_str(metrics)), ERR_OK);
    assert_int_equal(counts_parse(&c), ERR_OK);
    const struct route_count *a = counts_of(&c, "a");
    assert_non_null(a);
    assert_int_equal(a->requests[SIDE_LEGACY], 10);
    assert_int_equal(a->requests[SIDE_NEW], 8);
    assert_int_equal(a->failed[SIDE_NEW], 2);
    assert_int_equal(a->leaving[SIDE_LEGACY], 4);
    assert_int_equal(a->leaving[SIDE_NEW], 0);
    assert_int_equal(counts_of(&c, "idle")->requests[SIDE_NEW], 0);
    assert_int_equal(counts_of(&c, "b")->failed[SIDE_LEGACY], 3);
    assert_non_null(counts_of(&c, "last"));
    assert_null(counts_of(&c, "c"));
    assert_null(counts_of(&c, ""));
    counts_free(&c);
    c.text = BUF_INIT(0);
    assert_int_equal(counts_parse(&c), ERR_OK);
    assert_null(counts_of(&c, "a"));
    counts_free(&c);
}

/* --- what a reload changed --- */

static json_t *changes(const char *routes_a, const char *more_a, const char *routes_b,
                       const char *more_b)
{
    struct config *a = rig_config(routes_a, more_a);
    struct config *b = rig_config(routes_b, more_b);
    json_t *list = changes_between(a, b);
    assert_non_null(list);
    config_free(&a);
    config_free(&b);
    return list;
}

static void expect_changes(json_t *list, const char *const *want, size_t n)
{
    char *all = json_dumps(list, JSON_INDENT(1));
    if (json_array_size(list) != n)
        fail_msg("%zu changes: %s", json_array_size(list), all);
    for (size_t i = 0; i < n; i++)
        if (strcmp(json_string_value(json_array_get(list, i)), want[i]) != 0)
            fail_msg("not %s: %s", want[i], all);
    free(all);
    json_decref(list);
}

static void test_changes(void **state)
{
    static const char a[] =
        "{\"name\": \"x\", \"match\": {\"prefix\": \"/x/\"}},"
        "{\"name\": \"y\", \"match\": {\"prefix\": \"/y/\"}, \"new_percent\": 5}";
    static const char b[] =
        "{\"name\": \"y\", \"match\": {\"prefix\": \"/y/\"}, \"new_percent\": 12.5},"
        "{\"name\": \"x\", \"match\": {\"prefix\": \"/x/\"}}";
    static const char *const weight[] = {"routes.y.new_percent: 12.5 (was 5)"};
    static const char *const secrets[] = {"admin.token: another one",
                                          "control.redis: another password"};
    UNUSED(state);
    expect_changes(changes(a, "", a, ""), NULL, 0);
    expect_changes(changes(a, "", b, ""), weight, 1); /* another order is no change */
    expect_changes(
        changes(a,
                "\"admin\": {\"address\": \"127.0.0.1:1\", \"token\": \"0123456789abcdef\"},"
                "\"control\": {\"redis\": \"redis://:one@h:1\"},",
                a,
                "\"admin\": {\"address\": \"127.0.0.1:1\", \"token\": \"fedcba9876543210\"},"
                "\"control\": {\"redis\": \"redis://:two@h:1\"},"),
        secrets, 2);
    json_t *list = changes(a, "\"workers\": 2,", a, "\"workers\": 3,");
    assert_int_equal(json_array_size(list), 1);
    const char *said = json_string_value(json_array_get(list, 0));
    assert_string_equal(said, "workers: 3 (was 2); takes effect at the next start");
    json_decref(list);
    /* What a running weir leaves as it is is said to, also where it was not there before. */
    static const char *const waits[] = {
        ("shadow.records: \"/r.ndjson\" (was \"/var/lib/weir/shadow.ndjson\"); takes effect at the "
         "next start"),
        "shadow.store: \"full\" (was \"tokens\"); takes effect at the next start",
        "log.access: \"/a.log\"; takes effect at the next start"};
    expect_changes(changes(a, "", a,
                           "\"shadow\": {\"records\": \"/r.ndjson\", \"store\": \"full\"},"
                           "\"log\": {\"access\": \"/a.log\"},"),
                   waits, 3);
}

/* By name where there is one; what appears and goes is said as such; secrets within a text that is
 * shown are left out of the comparison of what is shown. */
static void test_changes_of_lists(void **state)
{
    static const char a[] = "{\"name\": \"x\", \"match\": {\"prefix\": \"/\", \"headers\": ["
                            "{\"name\": \"q\", \"value\": \"1\"}, {\"name\": \"r\"}]}},"
                            "{\"name\": \"gone.v1\", \"match\": {\"prefix\": \"/g/\"}}";
    static const char b[] = "{\"name\": \"here\", \"match\": {\"prefix\": \"/h/\"}},"
                            "{\"name\": \"x\", \"deprecation\": {\"at\": \"2026-01-01\"},"
                            " \"match\": {\"prefix\": \"/\", \"headers\": ["
                            "{\"name\": \"r\"}, {\"name\": \"q\", \"value\": \"$${2}\"}]},"
                            " \"shadow\": {\"tolerance\": [{\"path\": \"$.a\", \"abs\": 0.5}]}}";
    static const char *const want[] = {
        "routes.x.match.headers.q.value: \"$${2}\" (was \"1\")",
        "routes.x.shadow.tolerance: [{\"path\":\"$.a\",\"abs\":0.5,\"rel\":0}] (was [])",
        "routes.x.deprecation: added",
        "routes[\"gone.v1\"]: removed",
        "routes.here: added",
        "trusted_proxies: [\"10.0.0.0/8\"] (was [])",
        "log.access: removed, was \"/tmp/a\"; takes effect at the next start",
    };
    UNUSED(state);
    expect_changes(changes(a, "\"log\": {\"access\": \"/tmp/a\"},", b,
                           "\"trusted_proxies\": [\"10.0.0.0/8\"],"),
                   want, ARRAY_LEN(want));
}

static void write_users(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* A field may be there twice; what files hold counts, and secrets do, though neither is printed. */
static void test_changes_of_routing(void **state)
{
#define TWO(v)                                                                             \
    "{\"name\": \"x\", \"match\": {\"prefix\": \"/\"}, \"headers\": [{\"on\": \"answer\"," \
    " \"action\": \"add\", \"name\": \"l\", \"value\": \"" v "\"}, {\"on\": \"answer\","   \
    " \"action\": \"add\", \"name\": \"l\", \"value\": \"z\"}]}"
    char path[64];
    char file[256];
    static const char *const secrets[] = {
        "sticky_cookie.secret: another one; every client gets a new id",
        "override.token: another one"};
    static const char *const users[] = {"routes.x.always_new_file: 2 users instead of 1"};
    UNUSED(state);
    json_t *twice = changes(TWO("1"), "", TWO("2"), "");
    assert_int_equal(json_array_size(twice), 1);
    json_decref(twice);
    expect_changes(changes(TWO("1"),
                           "\"sticky_cookie\": {\"secret\": \"0123456789abcdef\"},"
                           "\"override\": {\"token\": \"0123456789abcdef\"},",
                           TWO("1"),
                           "\"sticky_cookie\": {\"secret\": \"fedcba9876543210\"},"
                           "\"override\": {\"token\": \"fedcba9876543210\"},"),
                   secrets, 2);
    (void)snprintf(path, sizeof(path), "/tmp/weir-test-users-%d", (int)getpid());
    (void)snprintf(file, sizeof(file),
                   "{\"name\": \"x\", \"match\": {\"prefix\": \"/\"},"
                   " \"sticky\": [\"header:u\"], \"always_new_file\": \"%s\"}",
                   path);
    write_users(path, "alice\n");
    struct config *a = rig_config(file, "");
    write_users(path, "alice\nbob\n");
    struct config *b = rig_config(file, "");
    (void)remove(path);
    expect_changes(changes_between(a, b), users, 1);
    config_free(&a);
    config_free(&b);
#undef TWO
}

/* Another configured weight where the document has the last word. */
static void test_overruled(void **state)
{
#define ROUTES(n)                                                                  \
    "{\"name\": \"a\", \"match\": {\"prefix\": \"/a/\"}, \"new_percent\": " n "}," \
    "{\"name\": \"b\", \"match\": {\"prefix\": \"/b/\"}, \"new_percent\": " n "}," \
    "{\"name\": \"c\", \"match\": {\"prefix\": \"/c/\"}, \"new_percent\": 7}"
    static const char *const set[] = {
        "a stays at 5%, as set: `weir weight a config` makes the configured weight count",
        "b stays pinned to new: `weir flip unpin --route b`"};
    static const char *const all[] = {
        "a stays pinned to legacy with everything else: `weir flip unpin`",
        "b stays pinned to new: `weir flip unpin --route b`"};
    struct route_table *was = rig_table(ROUTES("1"), "");
    struct config *is = rig_config(ROUTES("2"), "");
    UNUSED(state);
    struct document *d = rig_document("{\"epoch\": 1, \"routes\": {\"a\": {\"new_percent\": 5},"
                                      "\"b\": {\"pin\": \"new\"}, \"c\": {\"pin\": \"new\"}}}");
    expect_changes(changes_overruled(was, is, d), set, 2);
    expect_changes(changes_overruled(was, was->config, d), NULL, 0);
    expect_changes(changes_overruled(was, is, NULL), NULL, 0);
    document_free(&d);
    d = rig_document(
        "{\"epoch\": 1, \"pin\": \"legacy\", \"routes\": {\"b\": {\"pin\": \"new\"}}}");
    expect_changes(changes_overruled(was, is, d), all, 2);
    document_free(&d);
    route_table_free(&was);
    config_free(&is);
#undef ROUTES
}

static void test_many_changes(void **state)
{
    struct buf a = BUF_INIT(0);
    UNUSED(state);
    for (int i = 0; i < 500; i++)
        assert_int_equal(buf_printf(&a, "%s{\"name\": \"r%d\", \"match\": {\"prefix\": \"/%d/\"}}",
                                    i == 0 ? "" : ",", i, i),
                         ERR_OK);
    assert_int_equal(buf_append(&a, span_of("", 1)), ERR_OK);
    json_t *list = changes("{\"name\": \"one\", \"match\": {\"prefix\": \"/\"}}", "", a.p, "");
    assert_int_equal(json_array_size(list), CHANGES_MAX);
    assert_string_equal(json_string_value(json_array_get(list, CHANGES_MAX - 1)),
                        "and 442 more changes");
    json_decref(list);
    buf_free(&a);
}

/* --- words --- */

static void test_words(void **state)
{
    char out[WORDS_QUOTE_MAX];
    char longest[200];
    UNUSED(state);
    memset(longest, 'y', sizeof(longest));
    words_quote(out, span_of("a\x1b\xff\"b", 5));
    assert_string_equal(out, "\"a??\"b\"");
    for (size_t n = 0; n <= sizeof(longest); n++) {
        words_quote(out, span_of(longest, n));
        assert_true(strlen(out) < WORDS_QUOTE_MAX);
        assert_int_equal(out[strlen(out) - 1], '"');
        assert_int_equal(strstr(out, "...") != NULL, n > WORDS_QUOTE_MAX - 6);
    }
    assert_true(span_eq(words_strip(SPAN(" \r\n\tx y\n ")), SPAN("x y")));
    assert_int_equal(words_strip(SPAN(" \n")).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_colour),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_bar),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_changes_of_lists),
        cmocka_unit_test(test_changes_of_routing),
        cmocka_unit_test(test_overruled),
        cmocka_unit_test(test_many_changes),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
