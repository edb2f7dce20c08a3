/* Heads of HTTP/1: each way to write one that two readers could understand differently has a row of
 * its own; and what is written can be read again. */
#include "tests/unit/base/seeded.h"
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/arena_fixture.h"

#include "http/h1_head.h"

#include <stdio.h>
#include <stdlib.h>

static const struct http_limits limits = {
    .header_bytes = 4096, .header_fields = 8, .target_bytes = 64};
/* --- where a head ends --- */

static void test_end(void **state)
{
    static const struct {
        struct span in;
        enum err e;
        size_t end;
    } cases[] = {
        {SPAN(""), ERR_OK, 0},
        {SPAN("G"), ERR_OK, 0},
        {SPAN("GET / HTTP/1.1\r"), ERR_OK, 0},
        {SPAN("GET / HTTP/1.1\r\n"), ERR_OK, 0},
        {SPAN("a\r\n\r"), ERR_OK, 0},
        {SPAN("a\r\n\r\n"), ERR_OK, 5},
        {SPAN("a\r\n\r\nbody\n\n"), ERR_OK, 5},
        {SPAN("a\r\nb\r\n\r\n"), ERR_OK, 8},
        {SPAN("\r\n"), ERR_OK, 2},
        {SPAN("\n"), ERR_BAD_LINE_END, 0},
        {SPAN("a\n"), ERR_BAD_LINE_END, 0},
        {SPAN("a\r\nb\n\r\n"), ERR_BAD_LINE_END, 0},
        {SPAN("a\r\n\n"), ERR_BAD_LINE_END, 0},
        {SPAN("a\r\n\r\r\n"), ERR_OK, 0}, /* not empty; the parser refuses it */
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t scanned = 0, end = 99;
        assert_int_equal(h1_head_end(cases[i].in, &scanned, &end), cases[i].e);
        assert_int_equal(end, cases[i].end);
        scanned = 0;
        enum err e = ERR_OK;
        for (size_t n = 0; n <= cases[i].in.n && e == ERR_OK && (n == 0 || end == 0); n++)
            e = h1_head_end(span_until(cases[i].in, n), &scanned, &end);
        assert_int_equal(e, cases[i].e);
        assert_int_equal(end, cases[i].end);
    }
}

/* --- requests --- */

static enum err parse(struct http_head *h, struct span raw)
{
    /* An allocation of its own, so that a read beyond the end is seen. */
    char *exact = test_malloc(raw.n > 0 ? raw.n : 1);
    memcpy(exact, raw.p, raw.n);
    http_head_begin(h, &arena, false);
    enum err e = h1_request_parse(span_of(exact, raw.n), &limits, h);
    assert_int_equal(e, h->refuse);
    char *kept = arena_copy(&arena, raw); /* the spans point into the raw head */
    assert_non_null(kept);
    if (e == ERR_OK) {
        http_head_begin(h, &arena, false);
        assert_int_equal(h1_request_parse(span_of(kept, raw.n), &limits, h), ERR_OK);
    }
    test_free(exact);
    return e;
}

#define R "GET / HTTP/1.1\r\n"
#define H "Host: a\r\n"

static void test_refused_requests(void **state)
{
    static const struct {
        struct span raw;
        enum err e;
    } cases[] = {
        /* request line */
        {SPAN("\r\n"), ERR_BAD_METHOD},
        {SPAN(" / HTTP/1.1\r\n" H "\r\n"), ERR_BAD_METHOD},
        {SPAN("G(T / HTTP/1.1\r\n" H "\r\n"), ERR_BAD_METHOD},
        {SPAN("GET\t/ HTTP/1.1\r\n" H "\r\n"), ERR_BAD_METHOD},
        {SPAN("GET\0 / HTTP/1.1\r\n" H "\r\n"), ERR_BAD_METHOD},
        {SPAN("G\xc3\x89T / HTTP/1.1\r\n" H "\r\n"), ERR_BAD_METHOD},
        {SPAN("GET\r\n" H "\r\n"), ERR_BAD_METHOD},
        {SPAN("GET  / HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET /\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET /a b HTTP/1.1\r\n" H "\r\n"), ERR_BAD_REQUEST_LINE},
        {SPAN("GET /\tHTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET /\x7f HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET /#frag HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET a HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET a:80 HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET * HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("OPTIONS ** HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET ftp://a/ HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET http:/a/ HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET http:///a HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET http://u@a/ HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET http://a:b/ HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("GET http://a\\b/ HTTP/1.1\r\n" H "\r\n"), ERR_BAD_TARGET},
        {SPAN("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), ERR_METHOD_NOT_SUPPORTED},
        {SPAN("GET / HTTP/1.1 \r\n" H "\r\n"), ERR_BAD_LINE_END},
        {SPAN("GET / HTTP/1.1\r\r\n" H "\r\n"), ERR_BAD_LINE_END},
        {SPAN("GET / HTTP/1.10\r\n" H "\r\n"), ERR_BAD_LINE_END},
        {SPAN("GET / http/1.1\r\n" H "\r\n"), ERR_BAD_REQUEST_LINE},
        {SPAN("GET / HTTP/1\r\n" H "\r\n"), ERR_BAD_REQUEST_LINE},
        {SPAN("GET / HTTP/11\r\n" H "\r\n"), ERR_BAD_REQUEST_LINE},
        {SPAN("GET / HTTP/a.1\r\n" H "\r\n"), ERR_BAD_REQUEST_LINE},
        {SPAN("GET / HTTP/0.9\r\n" H "\r\n"), ERR_BAD_VERSION},
        {SPAN("GET / HTTP/1.2\r\n" H "\r\n"), ERR_BAD_VERSION},
        {SPAN("PRI * HTTP/2.0\r\n\r\n"), ERR_BAD_VERSION},
        /* fields */
        {SPAN(R H "X : 1\r\n\r\n"), ERR_BAD_FIELD},
        {SPAN(R H "X\t: 1\r\n\r\n"), ERR_BAD_FIELD},
        {SPAN(R H ": 1\r\n\r\n"), ERR_BAD_FIELD},
        {SPAN(R H "X\r\n\r\n"), ERR_BAD_FIELD},
        {SPAN(R H "X Y: 1\r\n\r\n"), ERR_BAD_FIELD},
        {SPAN(R H "X\x80: 1\r\n\r\n"), ERR_BAD_FIELD},
        {SPAN(R H "X\0: 1\r\n\r\n"), ERR_BAD_FIELD},
        {SPAN(R H "X: a\0b\r\n\r\n"), ERR_BAD_FIELD},
        {SPAN(R H "X: a\x01\r\n\r\n"), ERR_BAD_FIELD},
        {SPAN(R H "X: \x7f\r\n\r\n"), ERR_BAD_FIELD},
        {SPAN(R H "X: a\rb\r\n\r\n"), ERR_BAD_LINE_END},
        {SPAN(R H "X: a\r\r\n\r\n"), ERR_BAD_LINE_END},
        {SPAN(R H "\rX: a\r\n\r\n"), ERR_BAD_LINE_END},
        {SPAN(R H "\r\r\n\r\n"), ERR_BAD_LINE_END},
        {SPAN(R H "X: a\r\n b\r\n\r\n"), ERR_OBS_FOLD},
        {SPAN(R H "X: a\r\n\tb\r\n\r\n"), ERR_OBS_FOLD},
        {SPAN(R " " H "\r\n"), ERR_OBS_FOLD},
        {SPAN(R "\tX: 1\r\n" H "\r\n"), ERR_OBS_FOLD},
        {SPAN(R H "X: a\r\n \r\n\r\n"), ERR_OBS_FOLD},
        {SPAN(R H "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n\r\n"), ERR_HEADER_TOO_LARGE},
        {SPAN("GET /2345678901234567890123456789012345678901234567890123456789012345 HTTP/1.1\r\n" H
              "\r\n"),
         ERR_TARGET_TOO_LONG},
        /* Host */
        {SPAN(R "\r\n"), ERR_BAD_HOST},
        {SPAN(R "X: a\r\n\r\n"), ERR_BAD_HOST},
        {SPAN(R H H "\r\n"), ERR_BAD_HOST},
        {SPAN(R H "X: 1\r\nhOST: a\r\n\r\n"), ERR_BAD_HOST},
        {SPAN(R "Host:\r\n\r\n"), ERR_BAD_HOST},
        {SPAN(R "Host: a b\r\n\r\n"), ERR_BAD_HOST},
        {SPAN(R "Host: u@a\r\n\r\n"), ERR_BAD_HOST},
        {SPAN(R "Host: a/b\r\n\r\n"), ERR_BAD_HOST},
        {SPAN(R "Host: a:port\r\n\r\n"), ERR_BAD_HOST},
        {SPAN(R "Host: http://a\r\n\r\n"), ERR_BAD_HOST},
        {SPAN("GET / HTTP/1.0\r\n" H H "\r\n"), ERR_BAD_HOST},
        {SPAN("GET http://a/ HTTP/1.1\r\n\r\n"), ERR_BAD_HOST},
        {SPAN("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"), ERR_HOST_MISMATCH},
        {SPAN("GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_HOST_MISMATCH},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head h;
        enum err e = parse(&h, cases[i].raw);
        if (e != cases[i].e)
            fail_msg("\"" SPAN_FMT "\": %s, not %s", SPAN_ARG(cases[i].raw), err_word(e),
                     err_word(cases[i].e));
    }
}

static void test_accepted_requests(void **state)
{
    static const struct {
        struct span raw;
        const char *method, *target, *authority;
        unsigned version;
    } cases[] = {
        {SPAN(R H "\r\n"), "GET", "/", "a", 11},
        {SPAN("GET / HTTP/1.0\r\n\r\n"), "GET", "/", "", 10},
        {SPAN("GET / HTTP/1.0\r\n" H "\r\n"), "GET", "/", "a", 10},
        {SPAN("M-SEARCH /x?y=%20&z=[] HTTP/1.1\r\nhost:a:1\r\n\r\n"), "M-SEARCH", "/x?y=%20&z=[]",
         "a:1", 11},
        {SPAN("get / HTTP/1.1\r\n" H "\r\n"), "get", "/", "a", 11},
        {SPAN("OPTIONS * HTTP/1.1\r\n" H "\r\n"), "OPTIONS", "*", "a", 11},
        {SPAN("GET http://a/b?c HTTP/1.1\r\n" H "\r\n"), "GET", "/b?c", "a", 11},
        {SPAN("GET HTTP://A:8080 HTTP/1.1\r\nHost: a:8080\r\n\r\n"), "GET", "/", "A:8080", 11},
        {SPAN("GET https://a?q HTTP/1.1\r\n" H "\r\n"), "GET", "/?q", "a", 11},
        {SPAN("GET http://a/ HTTP/1.0\r\n\r\n"), "GET", "/", "a", 10},
        {SPAN("GET /234567890123456789012345678901234567890123456789012345678901234 HTTP/1.1\r\n" H
              "\r\n"),
         "GET", "/234567890123456789012345678901234567890123456789012345678901234", "a", 11},
        {SPAN(R "Host: \t [::1]:80 \t\r\n\r\n"), "GET", "/", "[::1]:80", 11},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head h;
        enum err e = parse(&h, cases[i].raw);
        if (e != ERR_OK)
            fail_msg("\"" SPAN_FMT "\": %s", SPAN_ARG(cases[i].raw), err_word(e));
        assert_true(span_eq(h.method_name, span_str(cases[i].method)));
        assert_true(span_eq(h.target, span_str(cases[i].target)));
        assert_true(span_eq(h.authority, span_str(cases[i].authority)));
        assert_int_equal(h.version, cases[i].version);
    }
}

static void test_values(void **state)
{
    struct http_head h;
    UNUSED(state);
    assert_int_equal(parse(&h, SPAN(R H "A:\r\nB: \t \r\nC:x\r\nD: a b\tc \r\nE: \x80\xff\r\n"
                                        "F: 0123456789abcdef\t0123456789abcdef0123456789\r\n\r\n")),
                     ERR_OK);
    static const char *const want[] = {
        "a", "", "", "x", "a b\tc", "\x80\xff", "0123456789abcdef\t0123456789abcdef0123456789"};
    assert_int_equal(h.nfields, ARRAY_LEN(want));
    for (size_t i = 0; i < h.nfields; i++)
        assert_true(span_eq(h.fields[i].value, span_str(want[i])));
}

/* Every byte at every place of a small request: what is accepted is framed and routed as what was
 * written, and nothing reads beyond the end. */
static void test_every_byte_everywhere(void **state)
{
    static const char good[] = "GET /a HTTP/1.1\r\nHost: b\r\nX-Y: z\r\n\r\n";
    unsigned accepted = 0;
    UNUSED(state);
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        for (int c = 0; c < 256; c++) {
            char raw[sizeof(good)];
            struct http_head h;
            size_t scanned = 0, end;
            memcpy(raw, good, sizeof(good));
            raw[at] = (char)c;
            struct span in = span_of(raw, sizeof(good) - 1);
            if (h1_head_end(in, &scanned, &end) != ERR_OK || end != in.n)
                continue;
            if (parse(&h, in) != ERR_OK)
                continue;
            accepted++;
            assert_true(http_is_token(h.method_name) && http_is_authority(h.authority));
            assert_true(h.target.p[0] == '/');
            for (size_t i = 0; i < h.nfields; i++)
                assert_true(http_is_token(h.fields[i].name) &&
                            http_is_field_value(h.fields[i].value));
        }
        arena_end(&arena);
    }
    assert_in_range(accepted, 500, 1500);
}

/* --- responses --- */

static void test_responses(void **state)
{
    static const struct {
        struct span raw;
        enum err e;
        unsigned status;
        const char *reason;
    } cases[] = {
        {SPAN("HTTP/1.1 200 OK\r\n\r\n"), ERR_OK, 200, "OK"},
        {SPAN("HTTP/1.0 404 Not  Found \r\nA: b\r\n\r\n"), ERR_OK, 404, "Not  Found"},
        {SPAN("HTTP/1.1 200 \r\n\r\n"), ERR_OK, 200, ""},
        {SPAN("HTTP/1.1 200\r\n\r\n"), ERR_OK, 200, ""},
        {SPAN("HTTP/1.1 599 \xe9\r\n\r\n"), ERR_OK, 599, "\xe9"},
        {SPAN("HTTP/1.1 099 X\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("HTTP/1.1 600 X\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("HTTP/1.1 20 X\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("HTTP/1.1 2000 X\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("HTTP/1.1  200 X\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("HTTP/1.1 +20 X\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("HTTP/2.0 200 X\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("HTTP/1.1\t200 X\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("ICY 200 OK\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("HTTP/1.1 200 a\0b\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("HTTP/1.1 200 a\rb\r\n\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("\r\n"), ERR_BAD_STATUS_LINE, 0, ""},
        {SPAN("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"), ERR_BAD_FIELD, 0, ""},
        {SPAN("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), ERR_OBS_FOLD, 0, ""},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head h;
        char *exact = test_malloc(cases[i].raw.n);
        memcpy(exact, cases[i].raw.p, cases[i].raw.n);
        http_head_begin(&h, &arena, true);
        enum err e = h1_response_parse(span_of(exact, cases[i].raw.n), &limits, &h);
        if (e != cases[i].e)
            fail_msg("\"" SPAN_FMT "\": %s", SPAN_ARG(cases[i].raw), err_word(e));
        if (e == ERR_OK) {
            assert_int_equal(h.status, cases[i].status);
            assert_true(span_eq(h.reason, span_str(cases[i].reason)));
        }
        test_free(exact);
    }
}

/* Cut off anywhere: refused, never read beyond. */
static void test_cut_heads(void **state)
{
    static const char whole[] = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    UNUSED(state);
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        struct http_head h;
        char *exact = test_malloc(n > 0 ? n : 1);
        memcpy(exact, whole, n);
        http_head_begin(&h, &arena, true);
        assert_int_not_equal(h1_response_parse(span_of(exact, n), &limits, &h), ERR_OK);
        test_free(exact);
    }
}

static void test_trailers(void **state)
{
    struct http_head h;
    UNUSED(state);
    http_head_begin(&h, &arena, false);
    assert_int_equal(
        h1_trailers_parse(SPAN("X: 1\r\nContent-Length: 5\r\nhost: b\r\nY:2\r\n\r\n"), &limits, &h),
        ERR_OK);
    assert_null(http_head_find(&h, HTTP_CONTENT_LENGTH));
    assert_null(http_head_find(&h, HTTP_HOST));
    assert_true(span_eq(http_head_find_name(&h, SPAN("y"))->value, SPAN("2")));
    http_head_begin(&h, &arena, false);
    assert_int_equal(h1_trailers_parse(SPAN("X: 1\r\n folded\r\n\r\n"), &limits, &h), ERR_OBS_FOLD);
}

/* --- writing --- */

static struct span written(struct chunkq *q)
{
    char *p = arena_alloc(&arena, q->n);
    assert_non_null(p);
    size_t n = chunkq_copy(q, p, q->n);
    chunkq_free(q);
    return span_of(p, n);
}

static void test_write_request(void **state)
{
    struct http_head h;
    struct chunkq q = {0};
    UNUSED(state);
    assert_int_equal(parse(&h, SPAN("GET http://A/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                    "X-Y: z\r\nTransfer-Encoding: chunked\r\n\r\n")),
                     ERR_OK);
    struct h1_write w = {.chunked = true};
    assert_int_equal(h1_request_write(&h, &w, &q), ERR_OK);
    assert_true(span_eq(written(&q), SPAN("GET /x HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n"
                                          "Transfer-Encoding: chunked\r\n\r\n")));
    assert_int_equal(parse(&h, SPAN("POST / HTTP/1.0\r\n\r\n")), ERR_OK);
    w = (struct h1_write){.zero_length = true};
    assert_int_equal(h1_request_write(&h, &w, &q), ERR_OK); /* no Host was given: an empty one */
    assert_true(
        span_eq(written(&q), SPAN("POST / HTTP/1.1\r\nHost: \r\nContent-Length: 0\r\n\r\n")));
    chunkq_thread_end();
}

/* Fields that stand in memory as they are written go out in one piece; what was written otherwise,
 * dropped, changed or added in between does not go along. */
static void test_write_what_was_read(void **state)
{
    static const struct {
        const char *in, *drop, *out;
    } cases[] = {
        {"A: 1\r\nB: 2\r\nC: 3\r\n", "", "A: 1\r\nB: 2\r\nC: 3\r\n"},
        {"A: 1\r\nB: 2\r\nC: 3\r\n", "A", "B: 2\r\nC: 3\r\n"},
        {"A: 1\r\nB: 2\r\nC: 3\r\n", "B", "A: 1\r\nC: 3\r\n"},
        {"A: 1\r\nB: 2\r\nC: 3\r\n", "C", "A: 1\r\nB: 2\r\n"},
        {"A:1\r\nB:\t2\r\nC:  3\r\nD: 4\r\n", "", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"},
        {"A: 1 \r\nB: 2\t\r\nC: 3  \r\nD:\r\nE: \r\nF: 6\r\n", "",
         "A: 1\r\nB: 2\r\nC: 3\r\nD: \r\nE: \r\nF: 6\r\n"},
        {"A: 1\r\nConnection: x\r\nUpgrade: u\r\nB: 2\r\n", "", "A: 1\r\nB: 2\r\n"},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head h;
        struct chunkq q = {0};
        struct h1_write w = {0};
        struct buf raw = BUF_INIT(0);
        struct buf want = BUF_INIT(0);
        assert_int_equal(buf_printf(&raw, "HTTP/1.1 200 Ok\r\n%s\r\n", cases[i].in), ERR_OK);
        assert_int_equal(buf_printf(&want, "HTTP/1.1 200 Ok\r\n%sVia: w\r\n\r\n", cases[i].out),
                         ERR_OK);
        http_head_begin(&h, &arena, true);
        assert_int_equal(h1_response_parse(buf_span(&raw), &limits, &h), ERR_OK);
        for (size_t k = 0; k < h.nfields; k++)
            if (span_eq(h.fields[k].name, span_str(cases[i].drop)))
                h.fields[k].flags |= HTTP_FIELD_DROPPED;
        assert_int_equal(http_head_add(&h, SPAN("Via"), SPAN("w")), ERR_OK);
        assert_int_equal(h1_response_write(&h, &w, &q), ERR_OK);
        assert_true(span_eq(written(&q), buf_span(&want)));
        buf_free(&raw);
        buf_free(&want);
    }
    chunkq_thread_end();
}

static void test_write_response(void **state)
{
    struct http_head h;
    struct chunkq q = {0};
    UNUSED(state);
    http_head_begin(&h, &arena, true);
    h.status = 203;
    assert_int_equal(http_head_add(&h, SPAN("A"), SPAN("")), ERR_OK);
    struct h1_write w = {.chunked = true, .zero_length = true, .close = true, .keep_alive = true};
    assert_int_equal(h1_response_write(&h, &w, &q), ERR_OK);
    assert_true(span_eq(written(&q), SPAN("HTTP/1.1 203 Non-Authoritative Information\r\nA: \r\n"
                                          "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"
                                          "Connection: close\r\n\r\n")));
    h.reason = SPAN("Fine");
    w = (struct h1_write){.keep_alive = true};
    assert_int_equal(h1_response_write(&h, &w, &q), ERR_OK);
    assert_true(
        span_eq(written(&q), SPAN("HTTP/1.1 203 Fine\r\nA: \r\nConnection: keep-alive\r\n\r\n")));
    chunkq_thread_end();
}

static void big_head(struct http_head *h, size_t fields)
{
    http_head_begin(h, &arena, true);
    h->status = 200;
    char *value = arena_alloc(&arena, 1000);
    assert_non_null(value);
    memset(value, 'v', 1000);
    for (size_t i = 0; i < fields; i++)
        assert_int_equal(http_head_add(h, SPAN("Name"), span_of(value, 1000)), ERR_OK);
}

static void test_write_big(void **state)
{
    struct http_head h;
    struct chunkq q = {0};
    struct h1_write w = {.close = true};
    UNUSED(state);
    big_head(&h, 100);
    assert_int_equal(chunkq_append(&q, SPAN("before")), ERR_OK);
    assert_int_equal(h1_response_write(&h, &w, &q), ERR_OK);
    assert_int_equal(q.n, 6 + 17 + 100 * 1008 + 21);
    struct span all = written(&q);
    assert_true(span_has_suffix(all, SPAN("v\r\nConnection: close\r\n\r\n")));
    big_head(&h, 300);
    assert_int_equal(h1_response_write(&h, &w, &q), ERR_TOO_LARGE);
    assert_int_equal(q.n, 0);
    chunkq_thread_end();
}

struct writing {
    struct http_head *h;
    struct chunkq q;
};

static enum err write_or_nothing(void *arg)
{
    struct writing *w = arg;
    struct h1_write how = {.chunked = true};
    size_t before = w->q.n;
    chunkq_thread_end(); /* or the cache hides the failure */
    enum err e = h1_response_write(w->h, &how, &w->q);
    if (e != ERR_OK)
        assert_int_equal(w->q.n, before); /* half a head would be a message of its own */
    return e;
}

static void test_write_without_memory(void **state)
{
    UNUSED(state);
    for (size_t fields = 1; fields <= 100; fields += 33) {
        struct http_head h;
        struct writing w = {&h, {0}};
        big_head(&h, fields);
        alloc_walk(write_or_nothing, &w);
        chunkq_free(&w.q);
        chunkq_thread_end();
    }
}

/* What is written is read again as the same. */
static void test_round_trip(void **state)
{
    static const char token[] = "!#$%&'*+-.^_`|~0189AZaz";
    static const char value[] = " \t\"(),/:;<=>?@[\\]{}azAZ09\x80\xff";
    UNUSED(state);
    struct seeded r = seeded_begin(5);
    for (int i = 0; i < 3000; i++) {
        struct http_head h, back;
        struct chunkq q = {0};
        struct h1_write w = {.chunked = i % 2 == 0};
        http_head_begin(&h, &arena, false);
        h.method_name = SPAN("PURGE");
        h.target = SPAN("/?");
        h.authority = SPAN("a.b:1");
        for (size_t n = seeded_below(&r, 6); n > 0; n--) {
            char *p = arena_alloc(&arena, 100);
            assert_non_null(p);
            size_t name_n = 1 + seeded_below(&r, 20), value_n = seeded_below(&r, 60);
            for (size_t k = 0; k < name_n; k++)
                p[k] = token[seeded_below(&r, sizeof(token) - 1)];
            for (size_t k = 0; k < value_n; k++)
                p[20 + k] = value[seeded_below(&r, sizeof(value) - 1)];
            assert_int_equal(
                http_head_add(&h, span_of(p, name_n), span_trim(span_of(p + 20, value_n))), ERR_OK);
        }
        assert_int_equal(h1_request_write(&h, &w, &q), ERR_OK);
        struct span raw = written(&q);
        SEEDED_ASSERT(&r, parse(&back, raw) == ERR_OK);
        SEEDED_ASSERT(&r, span_eq(back.authority, h.authority));
        SEEDED_ASSERT(&r, back.nfields == h.nfields + 1 + (w.chunked ? 1 : 0));
        for (size_t k = 0; k < h.nfields; k++)
            SEEDED_ASSERT(&r, span_eq(back.fields[k + 1].name, h.fields[k].name) &&
                                  span_eq(back.fields[k + 1].value, h.fields[k].value));
        arena_end(&arena);
    }
    chunkq_thread_end();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_end),
        TEST(test_refused_requests),
        TEST(test_accepted_requests),
        TEST(test_values),
        TEST(test_every_byte_everywhere),
        TEST(test_responses),
        TEST(test_cut_heads),
        TEST(test_trailers),
        TEST(test_write_request),
        TEST(test_write_what_was_read),
        TEST(test_write_response),
        TEST(test_write_big),
        TEST(test_write_without_memory),
        TEST(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
