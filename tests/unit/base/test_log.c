/* Log lines: one line each whatever a peer put into them, valid JSON, never too many. */
#include "tests/unit/base/seeded.h"
#include "tests/unit/fail_alloc.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scribe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int saved, ends[2];
static char said[128 * 1024];

/* Standard error goes into a pipe while a line is written. */
static void listen_in(void)
{
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    saved = dup(STDERR_FILENO);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
}

static struct span heard(void)
{
    size_t n = 0;
    ssize_t got;
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    while ((got = read(ends[0], said + n, sizeof(said) - n)) > 0)
        n += (size_t)got;
    close(ends[0]);
    return span_of(said, n);
}

static struct span line_of(enum log_format format, const char *message)
{
    log_setup(LOG_INFO, format);
    listen_in();
    log_warn("test", "%s", message);
    struct span s = heard();
    assert_true(s.n > 0 && s.p[s.n - 1] == '\n');
    assert_int_equal(span_find(s, '\n'), s.n - 1); /* one line */
    return span_until(s, s.n - 1);
}

static void expect_text(const char *message, const char *shown)
{
    struct span s = span_from(line_of(LOG_TEXT, message), CLOCK_ISO_LEN);
    char want[512];
    (void)snprintf(want, sizeof(want), " warn  test     %s", shown);
    if (!span_eq(s, span_str(want)))
        fail_msg("\"" SPAN_FMT "\" is not \"%s\"", SPAN_ARG(s), want);
}

static void expect_json(const char *message, const char *shown)
{
    static const char head[] = "{\"time\":\"";
    struct span s = line_of(LOG_JSON, message);
    char want[512];
    assert_true(span_has_prefix(s, span_str(head)));
    s = span_from(s, sizeof(head) - 1 + CLOCK_ISO_LEN);
    (void)snprintf(want, sizeof(want),
                   "\",\"level\":\"warn\",\"area\":\"test\",\"message\":\"%s\"}", shown);
    if (!span_eq(s, span_str(want)))
        fail_msg("\"" SPAN_FMT "\" is not \"%s\"", SPAN_ARG(s), want);
}

static void test_escapes(void **state)
{
    static const struct {
        const char *message, *text, *json;
    } cases[] = {
        {"plain", "plain", "plain"},
        {"", "", ""},
        {"a\nb", "a\\u000ab", "a\\u000ab"},
        {"a\r\n2026-01-01 error forged", "a\\u000d\\u000a2026-01-01 error forged",
         "a\\u000d\\u000a2026-01-01 error forged"},
        {"\x1b[2J\x7f\t", "\\u001b[2J\\u007f\\u0009", "\\u001b[2J\\u007f\\u0009"},
        {"say \"x\\y\"", "say \"x\\y\"", "say \\\"x\\\\y\\\""},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
         "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xc2\x9b"
         "31m",
         "\\u009b31m", "\\u009b31m"}, /* CSI as one character */
        {"\x9b\xff", "\\x9b\\xff", "\\ufffd\\ufffd"},
        {"\xc3", "\\xc3", "\\ufffd"},                 /* cut short */
        {"\xc0\xaf", "\\xc0\\xaf", "\\ufffd\\ufffd"}, /* overlong */
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\\ufffd\\ufffd\\ufffd"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd"}, /* surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"\xe2\x82", "\\xe2\\x82", "\\ufffd\\ufffd"},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect_text(cases[i].message, cases[i].text);
        expect_json(cases[i].message, cases[i].json);
    }
}

/* Any bytes: one line, printable, and in JSON no quote that is not escaped. */
static void test_random_bytes(void **state)
{
    UNUSED(state);
    struct seeded r = seeded_begin(7);
    for (int i = 0; i < 2000; i++) {
        char message[200];
        size_t n = seeded_below(&r, sizeof(message) - 1);
        for (size_t k = 0; k < n; k++)
            message[k] = (char)(1 + seeded_below(&r, 255));
        message[n] = '\0';
        struct span s = line_of(i % 2 == 0 ? LOG_TEXT : LOG_JSON, message);
        for (size_t k = 0; k < s.n; k++)
            SEEDED_ASSERT(&r, (unsigned char)s.p[k] >= 0x20 && s.p[k] != 0x7f);
        if (i % 2 == 0)
            continue;
        size_t quotes = 0;
        for (size_t k = 0; k < s.n; k++) {
            if (s.p[k] == '\\')
                k++;
            else
                quotes += s.p[k] == '"';
        }
        SEEDED_ASSERT(&r, quotes == 16 && span_has_suffix(s, SPAN("\"}")));
    }
}

static void test_long_messages_are_cut(void **state)
{
    char *message = test_malloc(20001);
    UNUSED(state);
    memset(message, 1, 20000); /* each takes six bytes */
    message[20000] = '\0';
    struct span s = line_of(LOG_JSON, message);
    assert_true(span_has_suffix(s, SPAN("\\u0001\"}")));
    assert_true(s.n > 6 * 4095 && s.n < 6 * 4096 + 200);
    s = line_of(LOG_TEXT, message);
    assert_true(span_has_suffix(s, SPAN("\\u0001")));
    test_free(message);
}

static void test_levels(void **state)
{
    UNUSED(state);
    log_setup(LOG_WARN, LOG_TEXT);
    listen_in();
    log_info("test", "not wanted");
    log_debug("test", "not wanted");
    log_error("test", "wanted");
    log_direct(LOG_DEBUG, "test", "direct");
    struct span s = heard();
    size_t first = span_find(s, '\n');
    assert_true(span_has_suffix(span_until(s, first), SPAN("wanted")));
    assert_true(span_has_suffix(s, SPAN("direct\n")));
    assert_true(s.n < 150);
    assert_true(log_wants(LOG_ERROR));
    assert_false(log_wants(LOG_INFO));
}

static void test_through_a_scribe(void **state)
{
    struct scribe *s;
    UNUSED(state);
    log_setup(LOG_INFO, LOG_TEXT);
    assert_int_equal(scribe_start(&s, 100000), ERR_OK);
    listen_in();
    log_attach(s);
    log_info("test", "first");
    log_info("test", "second");
    log_attach(NULL);
    scribe_stop(&s);
    log_info("test", "third");
    struct span all = heard(), line;
    static const char *const want[] = {"first", "second", "third"};
    for (int i = 0; i < 3; i++) {
        assert_true(span_cut(&all, '\n', &line));
        assert_true(span_has_suffix(line, span_str(want[i])));
    }
    assert_int_equal(all.n, 0);
}

static void test_gate(void **state)
{
    struct log_gate g = {0};
    unsigned held = 99, count = 0;
    char more[LOG_HELD_MAX];
    UNUSED(state);
    assert_true(log_gate_open(&g, &held));
    assert_int_equal(held, 0);
    uint64_t begin = clock_us();
    while (!log_gate_open(&g, &held)) /* shut for a second */
        count++;
    assert_true(clock_us() - begin >= 990000);
    assert_int_equal(held, count);
    assert_string_equal(log_held(0, more), "");
    assert_string_equal(log_held(7, more), " (7 more like this)");
    assert_string_equal(log_held(UINT32_MAX, more), " (4294967295 more like this)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_through_a_scribe),
        cmocka_unit_test(test_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
