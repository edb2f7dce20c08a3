/* What values and names look like: value classes, endpoints, paths, origins, secret names. */
#include "tests/unit/shadow/support.h"

#include "shadow/endpoint.h"
#include "shadow/redact.h"

#include <stdio.h>

static void strings_have_classes(void **state)
{
    static const struct {
        const char *text;
        enum vclass is;
    } cases[] = {
        {"", VCLASS_EMPTY},
        {"Oslo", VCLASS_TEXT},
        {"42", VCLASS_DIGITS},
        {"007", VCLASS_DIGITS},
        {"-3", VCLASS_NUMERIC},
        {"9.99", VCLASS_NUMERIC},
        {"1.2.3", VCLASS_TEXT},
        {".", VCLASS_TEXT},
        {"-", VCLASS_TEXT},
        {"2026-03-01", VCLASS_TIME},
        {"2026-13-01", VCLASS_TEXT},
        {"2026-03-01T02:13:00Z", VCLASS_TIME},
        {"2026-03-01 02:13", VCLASS_TIME},
        {"2026-03-01T02:13:00.123456+01:00", VCLASS_TIME},
        {"2026-03-01T02:13:00x", VCLASS_TEXT},
        {"2026-03-01T25:13:00Z", VCLASS_TEXT},
        {"Sun, 06 Nov 1994 08:49:37 GMT", VCLASS_TIME},
        {"3f2b8c1e-7d3a-4f5b-9c1d-2e3f4a5b6c7d", VCLASS_UUID},
        {"3f2b8c1e-7d3a-4f5b-9c1d-2e3f4a5b6c7g", VCLASS_TEXT},
        {"01ARZ3NDEKTSV4RRFFQ69G5FAV", VCLASS_ULID},
        {"deadbeef01", VCLASS_HEX},
        {"deadbeef", VCLASS_TEXT},
        {"facade", VCLASS_TEXT},
        {"abcdefabcdefabcd", VCLASS_HEX},
        {"192.168.1.1", VCLASS_IP},
        {"2001:db8::1", VCLASS_IP},
        {"999.1.1.1", VCLASS_TEXT},
        {"ada@example.org", VCLASS_EMAIL},
        {"a b@example.org", VCLASS_TEXT},
        {"@example.org", VCLASS_TEXT},
        {"a@b", VCLASS_TEXT},
        {"https://example.org/x", VCLASS_URL},
        {"http://", VCLASS_TEXT},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", VCLASS_JWT},
        {"eyJhbGciOiJub25lIn0.e30.", VCLASS_JWT},
        {"QmFzZTY0IGVuY29kZWQgdGV4dCE=", VCLASS_BASE64},
        {"a perfectly ordinary sentence 1 A", VCLASS_TEXT},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (vclass_of_string(span_str(cases[i].text)) != cases[i].is)
            fail_msg("%s is %s", cases[i].text,
                     vclass_word(vclass_of_string(span_str(cases[i].text))));
    assert_int_equal(vclass_of_number(SPAN("12")), VCLASS_INT);
    assert_int_equal(vclass_of_number(SPAN("1e3")), VCLASS_DECIMAL);
}

static void instants_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
        uint32_t nanos;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"2026-03-01T02:13:00Z", 1772331180, 0},
        {"2026-03-01T03:13:00+01:00", 1772331180, 0},
        {"2026-02-28T21:13:00-0500", 1772331180, 0},
        {"2000-02-29T00:00:00.25Z", 951782400, 250000000},
        {"1969-12-31T23:59:59z", -1, 0},
        {"Sun, 01 Mar 2026 02:13:00 GMT", 1772331180, 0},
        {"Sat, 29 Feb 2020 23:59:59 GMT", 1583020799, 0},
    };
    int64_t s;
    uint32_t ns;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(vclass_instant(span_str(cases[i].text), &s, &ns));
        assert_int_equal(s, cases[i].seconds);
        assert_int_equal(ns, cases[i].nanos);
    }
    assert_false(vclass_instant(SPAN("2026-03-01T02:13:00"), &s, &ns)); /* no offset: no instant */
    assert_false(vclass_instant(SPAN("2026-03-01"), &s, &ns));
    assert_false(vclass_instant(SPAN("Sun, 01 Mai 2026 02:13:00 GMT"), &s, &ns));
    assert_false(vclass_instant(SPAN("Sun, 01 Mar 2026 02:13:00 CET"), &s, &ns));
}

static void ids_are_told_from_words(void **state)
{
    static const char *const ids[] = {"1",
                                      "42",
                                      "-7",
                                      "3f2b8c1e-7d3a-4f5b-9c1d-2e3f4a5b6c7d",
                                      "deadbeef01",
                                      "2026-01-31",
                                      "ada@example.org",
                                      "10.0.0.1",
                                      "aGVsbG8gd29ybGQgMTIzNDU2Nzg5MA"};
    static const char *const words[] = {
        "",       "id",     "v1",    "1.0",       "+1",    "addressLine1ForBillingContact",
        "facade", "x-y_z9", "items", "user_name", "9lives"};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (!vclass_is_id(span_str(ids[i])))
            fail_msg("%s", ids[i]);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (vclass_is_id(span_str(words[i])))
            fail_msg("%s", words[i]);
}

static void endpoints_fold_ids(void **state)
{
    static const struct {
        const char *path;
        const char *is;
    } cases[] = {
        {"/", "GET /"},
        {"/items", "GET /items"},
        {"/items/", "GET /items/"},
        {"/items/42", "GET /items/42"}, /* one of many, or a name: its neighbours tell */
        {"/items/1234567890", "GET /items/{}"},
        {"/items/%34%32", "GET /items/{}"},
        {"/items/{x}/{*}", "GET /items/{}/{}"},
        {"/items/42/parts/3f2b8c1e-7d3a-4f5b-9c1d-2e3f4a5b6c7d", "GET /items/42/parts/{}"},
        {"/v1/users/ada%40example.org", "GET /v1/users/{}"},
        {"/c/0123456789abcdef0123456789abcdef", "GET /c/{}"},
        {"/reset/QmFzZTY0IGVuY29kZWQgdGV4dCE", "GET /reset/{}"},
        {"/pages/about-us", "GET /pages/about-us"},
        {"/a/2026-01-31/b", "GET /a/{}/b"},
        {"*", "GET *"},
    };
    struct endpoint e;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        endpoint_of(HTTP_GET, span_str(cases[i].path), &e);
        if (!span_eq(span_of(e.text, e.n), span_str(cases[i].is)))
            fail_msg("%s became %.*s", cases[i].path, (int)e.n, e.text);
    }
}

/* Folding what is folded changes nothing, and whatever comes in, what comes out is bounded. */
static void folding_is_stable_and_bounded(void **state)
{
    static const char alphabet[] = "/aZ9%.-_@4f";
    struct dice dice = {21};
    UNUSED(state);
    for (int i = 0; i < 20000; i++) {
        char path[600];
        size_t n = dice_roll(&dice, sizeof(path));
        for (size_t k = 0; k < n; k++)
            path[k] = alphabet[dice_roll(&dice, sizeof(alphabet) - 1)];
        struct endpoint once, twice;
        endpoint_of(HTTP_HEAD, span_of(path, n), &once);
        assert_true(once.n <= sizeof(once.text));
        struct span folded = span_from(span_of(once.text, once.n), 5);
        if (span_has_suffix(folded, SPAN("...")))
            continue;
        endpoint_of(HTTP_HEAD, folded, &twice);
        assert_true(span_eq(span_of(once.text, once.n), span_of(twice.text, twice.n)));
    }
}

static void own_origins_are_recognised(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } cases[] = {
        {"http://legacy.test/a", 18},
        {"http://legacy.test:80/a", 21},
        {"HTTP://LEGACY.TEST/a", 18},
        {"https://legacy.test/a", 0},
        {"http://legacy.test:81/a", 0},
        {"http://legacy.test.evil/a", 0},
        {"http://new.test:8080?x", 20},
        {"http://new.test/", 0},
        {"https://shop.test/a", 17},
        {"http://shop.test:99", 0},
        {"http://[::1]:9000/x", 17},
        {"http://u@legacy.test/", 0},
        {"ftp://legacy.test/", 0},
        {"http://", 0},
        {"http:///x", 0},
        {"http://legacy.test:x/", 0},
        {"http://[::1/x", 0},
        {"h", 0},
        {"", 0},
    };
    struct arena a;
    struct origins o = {.list = NULL};
    UNUSED(state);
    arena_begin(&a, 65536);
    assert_int_equal(origin_add(&o, &a, SPAN("legacy.test"), 80), ERR_OK);
    assert_int_equal(origin_add(&o, &a, SPAN("new.test"), 8080), ERR_OK);
    assert_int_equal(origin_add(&o, &a, SPAN("[::1]"), 9000), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = origin_prefix(&o, SPAN("shop.test:443"), span_str(cases[i].text));
        if (n != cases[i].n)
            fail_msg("%s: %zu", cases[i].text, n);
    }
    /* a Host without a port */
    assert_int_equal(origin_prefix(&o, SPAN("shop.test"), SPAN("http://shop.test:80/a")), 19);
    assert_int_equal(origin_prefix(&o, SPAN("shop.test"), SPAN("https://shop.test/a")), 17);
    assert_int_equal(origin_prefix(&o, SPAN("shop.test"), SPAN("https://shop.test:80/a")), 0);
    assert_int_equal(origin_prefix(&o, SPAN("shop.test"), SPAN("http://shop.test:8000/a")), 0);
    assert_true(origin_is_host(&o, SPAN("shop.test"), SPAN("Shop.test")));
    assert_false(origin_is_host(&o, SPAN_NULL, SPAN("shop.test")));
    arena_end(&a);
}

static void secret_names_are_known(void **state)
{
    static const char *const secret[] = {
        "password",   "PASSWORD",      "user_password", "passwd",        "api_key",
        "X-Api-Key",  "apiKey",        "access_token",  "Authorization", "Cookie",
        "set-cookie", "client_secret", "pwd",           "private-key",   "credentials",
        "session_id", "sid",           "otp",           "csrfToken",     "card_number"};
    static const char *const open[] = {"name",   "author",  "authorized",    "footprint",
                                       "pinned", "compass", "key",           "id",
                                       "option", "signed",  "session_count", "total"};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(secret); i++)
        if (!redact_is_secret_name(span_str(secret[i])))
            fail_msg("%s", secret[i]);
    for (size_t i = 0; i < ARRAY_LEN(open); i++)
        if (redact_is_secret_name(span_str(open[i])))
            fail_msg("%s", open[i]);
    assert_true(redact_is_secret_path(SPAN("header:x-api-key")));
    assert_false(redact_is_secret_path(SPAN("header:x-total")));
}

static void paths_are_cut_but_stay_apart(void **state)
{
    static struct path p;
    char a[PATH_TEXT_MAX], b[PATH_TEXT_MAX], key[300];
    struct seg seg = {SEG_MEMBER, SPAN_NULL};
    UNUSED(state);
    path_begin(&p, SPAN_NULL);
    memset(key, 'k', sizeof(key));
    seg.name = span_of(key, 300);
    struct seg other = {SEG_MEMBER, span_of(key, 299)};
    size_t na = path_render(&p, &seg, a), nb = path_render(&p, &other, b);
    assert_true(na < 100 && nb < 100);
    assert_false(span_eq(span_of(a, na), span_of(b, nb)));
    for (size_t i = 0; i < JDOC_DEPTH_MAX; i++)
        path_push(&p, (struct seg){i % 2 ? SEG_ELEMENT : SEG_MEMBER, span_of(key, 10 + i % 7)});
    na = path_render(&p, &seg, a);
    nb = path_render(&p, NULL, b);
    assert_true(na <= PATH_TEXT_MAX && nb <= PATH_TEXT_MAX);
    assert_false(span_eq(span_of(a, na), span_of(b, nb)));
    assert_int_not_equal(path_hash(&p, &seg), path_hash(&p, &other));
    path_pop(&p);
    path_push(&p, (struct seg){SEG_ENTRY, SPAN("one")});
    uint64_t one = path_hash(&p, NULL);
    path_pop(&p);
    path_push(&p, (struct seg){SEG_ENTRY, SPAN("two")});
    assert_int_equal(one, path_hash(&p, NULL)); /* entries of a map are one path */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_have_classes),
        cmocka_unit_test(instants_are_read),
        cmocka_unit_test(ids_are_told_from_words),
        cmocka_unit_test(endpoints_fold_ids),
        cmocka_unit_test(folding_is_stable_and_bounded),
        cmocka_unit_test(own_origins_are_recognised),
        cmocka_unit_test(secret_names_are_known),
        cmocka_unit_test(paths_are_cut_but_stay_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
