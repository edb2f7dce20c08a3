/* Tokens, values, authorities, lists, cookies, and what is stripped on the way through. */
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/arena_fixture.h"

#include "http/http.h"

#include <stdio.h>

static void test_every_byte_of_a_token(void **state)
{
    static const char tchar[] = "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    UNUSED(state);
    for (int i = 0; i < 256; i++) {
        char text[3] = {'a', (char)i, 'b'};
        bool in = i != 0 && strchr(tchar, i) != NULL;
        assert_int_equal(http_is_token(span_of(text, 3)), in);
    }
    assert_false(http_is_token(SPAN("")));
    assert_false(http_is_token(SPAN_NULL));
}

/* At every place of a value, since the scan takes sixteen bytes at once. */
static void test_every_byte_of_a_value(void **state)
{
    UNUSED(state);
    for (int i = 0; i < 256; i++) {
        bool in = i == '\t' || (i >= 0x20 && i != 0x7f);
        for (size_t n = 1; n < 50; n++) {
            char text[50];
            memset(text, 'a', sizeof(text));
            text[n - 1] = (char)i;
            assert_int_equal(http_is_field_value(span_of(text, n)), in);
            assert_int_equal(http_is_field_value(span_of(text, sizeof(text))), in);
        }
    }
    assert_true(http_is_field_value(SPAN_NULL));
}

static void test_authorities(void **state)
{
    static const char *const good[] = {
        "a",
        "A.example",
        "a:80",
        "a:",
        "127.0.0.1:65535",
        "[::1]",
        "[::1]:443",
        "[2001:db8::192.0.2.1]:1",
        "a_b-c~d",
        "%41bc",
        "xn--bcher-kva.example",
        "1",
        "1:1",
    };
    static const char *const bad[] = {
        "",
        ":",
        ":80",
        "a:b",
        "a:80:80",
        "a:123456",
        "a@b",
        "user:pw@host",
        "a/b",
        "a?b",
        "a#b",
        "[",
        "]",
        "[]",
        "[::1",
        "::1",
        "[::1]x",
        "[::1]:x",
        "[::1]80",
        "[a]",
        "[fe80::1%25eth0]",
        "%",
        "%4",
        "%zz",
        "a b",
        "a\tb",
        "a\\b",
        "<a>",
        "a\"",
        "\xc3\xa9",
        "a[b]",
        "[::1]]",
        "a:-1",
        "a:+1",
        "a: 1",
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!http_is_authority(span_str(good[i])))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (http_is_authority(span_str(bad[i])))
            fail_msg("%s is taken", bad[i]);
    assert_false(http_is_authority(SPAN_NULL));
    assert_false(http_is_authority(SPAN("a\0b")));
}

static void test_schemes(void **state)
{
    UNUSED(state);
    assert_true(http_is_scheme(SPAN("http")));
    assert_true(http_is_scheme(SPAN("HttpS")));
    assert_false(http_is_scheme(SPAN("httpss")));
    assert_false(http_is_scheme(SPAN("ws")));
    assert_false(http_is_scheme(SPAN("")));
}

static void test_lists(void **state)
{
    UNUSED(state);
    assert_true(http_list_has(SPAN("close"), SPAN("close")));
    assert_true(http_list_has(SPAN("a, Close ,b"), SPAN("close")));
    assert_true(http_list_has(SPAN(",,close"), SPAN("close")));
    assert_true(http_list_has(SPAN("close;q=1"), SPAN("close")));
    assert_true(
        http_list_has(SPAN("text/html, application/json ; q=0.9"), SPAN("application/json")));
    assert_false(http_list_has(SPAN("closed"), SPAN("close")));
    assert_false(http_list_has(SPAN("x=close"), SPAN("close")));
    assert_false(http_list_has(SPAN("a;close"), SPAN("close")));
    assert_false(http_list_has(SPAN(""), SPAN("close")));
    assert_false(http_list_has(SPAN_NULL, SPAN("close")));
}

static struct http_head *head_of(const char *const *fields)
{
    struct http_head *h = arena_alloc(&arena, sizeof(*h));
    assert_non_null(h);
    http_head_begin(h, &arena, false);
    for (; *fields != NULL; fields += 2)
        assert_int_equal(http_head_add(h, span_str(fields[0]), span_str(fields[1])), ERR_OK);
    return h;
}

#define HEAD(...) head_of((const char *const[]){__VA_ARGS__, NULL})

static void expect_cookie(const struct http_head *h, const char *name, const char *value)
{
    struct span got = http_cookie(h, span_str(name));
    assert_int_equal(got.p == NULL, value == NULL);
    if (value != NULL)
        assert_true(span_eq(got, span_str(value)));
}

static void test_cookies(void **state)
{
    UNUSED(state);
    struct http_head *h = HEAD("Cookie", "a=1; b=2;c=3 ; d=x=y; e=; f; =g; a=again", "X", "z=1",
                               "cookie", "h=other; b=second");
    expect_cookie(h, "a", "1"); /* the first wins */
    expect_cookie(h, "b", "2");
    expect_cookie(h, "c", "3");
    expect_cookie(h, "d", "x=y");
    expect_cookie(h, "e", "");
    expect_cookie(h, "f", NULL);
    expect_cookie(h, "h", "other"); /* in the second field */
    expect_cookie(h, "z", NULL);
    expect_cookie(h, "A", NULL); /* names keep their case */
    expect_cookie(HEAD("Cookie", ""), "a", NULL);
    expect_cookie(HEAD("Cookie", ";;; a=1"), "a", "1");
    expect_cookie(HEAD("Cookie", "xa=0; a=1"), "a", "1");
    http_head_drop(h, HTTP_COOKIE);
    expect_cookie(h, "a", NULL);
    expect_cookie(HEAD("X", "y"), "a", NULL);
}

/* The names that are left, in order, separated by spaces. */
static void expect_left(const struct http_head *h, const char *want)
{
    char got[500] = "";
    size_t n = 0;
    for (size_t i = 0; i < h->nfields; i++)
        if ((h->fields[i].flags & HTTP_FIELD_DROPPED) == 0)
            n += (size_t)snprintf(got + n, sizeof(got) - n, "%s" SPAN_FMT, n > 0 ? " " : "",
                                  SPAN_ARG(h->fields[i].name));
    assert_string_equal(got, want);
}

static void test_hop_by_hop(void **state)
{
    UNUSED(state);
    struct http_head *h =
        HEAD("Host", "a", "Connection", "keep-alive, X-Private", "Keep-Alive", "timeout=5",
             "x-private", "1", "TE", "trailers", "Upgrade", "h2c", "Proxy-Connection", "close",
             "Transfer-Encoding", "chunked", "Accept", "*/*", "X-PRIVATE", "2", "Trailer", "x");
    http_strip_hop_by_hop(h);
    expect_left(h, "Host Accept Trailer");
    assert_null(http_head_find(h, HTTP_TRANSFER_ENCODING));

    h = HEAD("Host", "a", "X", "y");
    http_strip_hop_by_hop(h);
    expect_left(h, "Host X");
}

/* A known way to smuggle or to lose a user: what frames, routes or authenticates stays. */
static void test_nominations_that_do_not_count(void **state)
{
    UNUSED(state);
    struct http_head *h = HEAD(
        "Connection",
        "host, content-length, Content-Type, content-encoding, authorization, cookie, set-cookie",
        "Host", "a", "Content-Length", "3", "Content-Type", "t", "Content-Encoding", "e",
        "Authorization", "b", "Cookie", "c", "Set-Cookie", "d");
    http_strip_hop_by_hop(h);
    expect_left(h, "Host Content-Length Content-Type Content-Encoding Authorization Cookie "
                   "Set-Cookie");

    h = HEAD("Connection", "x-forwarded-for", "X-Forwarded-For", "6.6.6.6");
    http_strip_hop_by_hop(h);
    assert_int_equal(http_head_add_id(h, HTTP_X_FORWARDED_FOR, SPAN("1.2.3.4")), ERR_OK);
    http_strip_hop_by_hop(h); /* what weir added afterwards is out of reach */
    expect_left(h, "x-forwarded-for");
    assert_true(span_eq(http_head_value(h, HTTP_X_FORWARDED_FOR), SPAN("1.2.3.4")));

    h = HEAD("Connection", "connection", "Connection", " , ,close", "close", "1", "X", "y");
    http_strip_hop_by_hop(h);
    expect_left(h, "close X"); /* the options close and keep-alive name no field */
}

static void test_trailers(void **state)
{
    static const char *const allowed[] = {"grpc-status", "X-Checksum", "Server-Timing", "Etag"};
    static const char *const refused[] = {
        "Content-Length",
        "Transfer-Encoding",
        "Host",
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "Connection",
        "TE",
        "Trailer",
        "Content-Type",
        "Expect",
        "X-Forwarded-For",
        "Cache-Control",
        "Content-Encoding",
        "Content-Range",
        "WWW-Authenticate",
        "If-Match",
        "Proxy-Authorization",
        "X-Weir-Route",
        "x-weir-shadow",
        "X-Forwarded-Port",
        "Via",
        "Date",
        "Location",
        "X-Request-Id",
        "X-Backend",
        "Upgrade",
        "Max-Forwards",
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (!http_trailer_allowed(&HEAD(allowed[i], "1")->fields[0]))
            fail_msg("%s is refused", allowed[i]);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (http_trailer_allowed(&HEAD(refused[i], "1")->fields[0]))
            fail_msg("%s is allowed", refused[i]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_byte_of_a_token),
        TEST(test_every_byte_of_a_value),
        TEST(test_authorities),
        TEST(test_schemes),
        TEST(test_lists),
        TEST(test_cookies),
        TEST(test_hop_by_hop),
        TEST(test_nominations_that_do_not_count),
        TEST(test_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
