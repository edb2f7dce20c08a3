/* Bodies: chunk sizes and their lines, counts, ends; any split gives the same. */
#include "tests/unit/base/seeded.h"
#include "tests/unit/fail_alloc.h"

#include "http/h1_body.h"

#include <stdio.h>

enum { BODY_MAX = 4096 };

struct outcome {
    enum err e;
    enum h1_body_state state;
    size_t taken; /* bytes of the input */
    size_t n;
    char body[BODY_MAX];
};

/* Feeds `in` in pieces: whole (piece 0), of one byte, or at random. */
static void feed(const struct http_body_plan *plan, struct span in, struct seeded *r, size_t piece,
                 struct outcome *out)
{
    struct h1_body b;
    *out = (struct outcome){.e = ERR_OK};
    h1_body_begin(&b, plan);
    while (out->taken < in.n && out->e == ERR_OK) {
        size_t n = in.n - out->taken, used;
        if (piece > 0)
            n = min_size(n, piece == 1 ? 1 : 1 + seeded_below(r, piece));
        struct span part = span_of(in.p + out->taken, n), data;
        out->e = h1_body_feed(&b, part, &used, &data);
        if (out->e != ERR_OK)
            break;
        assert_true(used <= part.n && data.n <= used);
        assert_true(out->n + data.n <= BODY_MAX);
        if (data.n > 0)
            memcpy(out->body + out->n, data.p, data.n);
        out->n += data.n;
        out->taken += used;
        if (b.state == H1_BODY_TRAILERS || b.state == H1_BODY_DONE)
            break;
        assert_true(used > 0);
    }
    out->state = b.state;
}

static void feed_every_way(const struct http_body_plan *plan, struct span in, struct outcome *out)
{
    struct seeded r = seeded_begin(9);
    struct outcome *other = test_malloc(sizeof(*other));
    feed(plan, in, &r, 0, out);
    for (size_t piece = 1; piece < 12; piece++) {
        feed(plan, in, &r, piece, other);
        SEEDED_ASSERT(&r, other->e == out->e);
        if (out->e == ERR_OK)
            SEEDED_ASSERT(&r, other->state == out->state && other->taken == out->taken);
        SEEDED_ASSERT(&r, other->n == out->n && memcmp(other->body, out->body, out->n) == 0);
    }
    test_free(other);
}

static const struct http_body_plan chunked = {HTTP_BODY_CHUNKED, 0};

static void test_good_chunks(void **state)
{
    static const struct {
        struct span in;
        const char *body;
    } cases[] = {
        {SPAN("0\r\n"), ""},
        {SPAN("000\r\n"), ""},
        {SPAN("5\r\nhello\r\n0\r\n"), "hello"},
        {SPAN("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n"), "hello"},
        {SPAN("5 ;a\r\nhello\r\n0 \t \r\n"), "hello"},
        {SPAN("5;\t\r\nhello\r\n0\r\n"), "hello"},
        {SPAN("1\r\n\r\r\n1\r\n\n\r\n0\r\n"), "\r\n"},
        {SPAN("00000000000000A\r\n0123456789\r\n0\r\n"), "0123456789"},
        {SPAN("a\r\n0123456789\r\n2\r\nxy\r\n00\r\n"), "0123456789xy"},
    };
    struct outcome out;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        feed_every_way(&chunked, cases[i].in, &out);
        if (out.e != ERR_OK || out.state != H1_BODY_TRAILERS || out.taken != cases[i].in.n ||
            !span_eq(span_of(out.body, out.n), span_str(cases[i].body)))
            fail_msg("\"" SPAN_FMT "\": %s, state %u", SPAN_ARG(cases[i].in), err_word(out.e),
                     out.state);
    }
}

static void test_bad_chunks(void **state)
{
    static const struct span cases[] = {
        SPAN("\r\n"),
        SPAN(" 5\r\nhello"),
        SPAN("+5\r\nhello"),
        SPAN("-1\r\n"),
        SPAN("0x5\r\nhello"),
        SPAN("5h\r\nhello"),
        SPAN("g\r\n"),
        SPAN(";\r\n"),
        SPAN("5\nhello"),
        SPAN("5\r\rhello"),
        SPAN("5 5\r\nhello"),
        SPAN("5\r\nhelloX"),
        SPAN("5\r\nhello\n"),
        SPAN("5\r\nhello\rX"),
        SPAN("5\r\nhello0\r\n"),
        SPAN("5\r\nhello\r\n\r\n"),
        SPAN("5;a\nb\r\nhello"), /* a bare LF in an extension: others end the line there */
        SPAN("5;a\rb\r\nhello"),
        SPAN("5;a\0b\r\nhello"),
        SPAN("5;a\x7f\r\nhello"),
        SPAN("8000000000000000\r\n"),
        SPAN("ffffffffffffffff\r\n"),
        SPAN("10000000000000000\r\n"),
        SPAN("00000000000000000\r\n"), /* too many digits, whatever they say */
        SPAN("10000000000000005\r\nhello"),
        SPAN("5\0\r\nhello"),
        SPAN("\xb5\r\nhello"),
    };
    struct outcome out;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        feed_every_way(&chunked, cases[i], &out);
        if (out.e != ERR_BAD_CHUNK)
            fail_msg("\"" SPAN_FMT "\" is taken, state %u", SPAN_ARG(cases[i]), out.state);
    }
}

static void test_largest_size(void **state)
{
    struct outcome out;
    UNUSED(state);
    feed_every_way(&chunked, SPAN("7fffffffffffffff\r\nrest"), &out);
    assert_int_equal(out.e, ERR_OK);
    assert_int_equal(out.state, H1_BODY_DATA);
    assert_int_equal(out.n, 4);
}

static void test_extension_limit(void **state)
{
    UNUSED(state);
    for (size_t n = H1_EXTENSIONS_MAX - 1; n <= H1_EXTENSIONS_MAX + 1; n++) {
        for (int spaces = 0; spaces < 2; spaces++) {
            char in[600];
            struct outcome out;
            memset(in, spaces ? ' ' : 'x', sizeof(in));
            in[0] = '1';
            if (!spaces)
                in[1] = ';';
            size_t end = 1 + n + (spaces ? 0 : 1);
            memcpy(in + end, "\r\na\r\n", 5);
            feed_every_way(&chunked, span_of(in, end + 5), &out);
            assert_int_equal(out.e, n > H1_EXTENSIONS_MAX ? ERR_BAD_CHUNK : ERR_OK);
        }
    }
}

/* Each chunk has a limit of its own. */
static void test_extensions_do_not_add_up(void **state)
{
    char in[2000];
    size_t n = 0;
    struct outcome out;
    UNUSED(state);
    for (int i = 0; i < 10; i++)
        n += (size_t)snprintf(in + n, sizeof(in) - n, "1;%0150d\r\na\r\n", i);
    feed_every_way(&chunked, span_of(in, n), &out);
    assert_int_equal(out.e, ERR_OK);
    assert_int_equal(out.n, 10);
}

static void test_counted(void **state)
{
    struct outcome out;
    UNUSED(state);
    feed_every_way(&(struct http_body_plan){HTTP_BODY_LENGTH, 5}, SPAN("hello, next"), &out);
    assert_int_equal(out.state, H1_BODY_DONE);
    assert_int_equal(out.taken, 5);
    assert_true(span_eq(span_of(out.body, out.n), SPAN("hello")));
    feed_every_way(&(struct http_body_plan){HTTP_BODY_LENGTH, INT64_MAX}, SPAN("hello"), &out);
    assert_int_equal(out.state, H1_BODY_DATA);
    feed_every_way(&(struct http_body_plan){HTTP_BODY_UNTIL_CLOSE, 0}, SPAN("0\r\n\r\n"), &out);
    assert_int_equal(out.state, H1_BODY_DATA);
    assert_int_equal(out.n, 5);
    for (int kind = HTTP_BODY_NONE; kind <= HTTP_BODY_LENGTH; kind++) {
        const struct http_body_plan none = {(enum http_body_kind)kind, 0};
        feed_every_way(&none, SPAN("next"), &out);
        assert_int_equal(out.state, H1_BODY_DONE);
        assert_int_equal(out.taken, 0);
    }
}

static void test_chunk_head(void **state)
{
    char out[H1_CHUNK_HEAD_MAX];
    UNUSED(state);
    assert_true(span_eq(span_of(out, h1_chunk_head(out, 1)), SPAN("1\r\n")));
    assert_true(span_eq(span_of(out, h1_chunk_head(out, 0xabc0)), SPAN("abc0\r\n")));
    assert_int_equal(h1_chunk_head(out, SIZE_MAX), H1_CHUNK_HEAD_MAX);
}

/* Encode, decode: the same bytes. */
static void test_identity(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct seeded r = seeded_begin(seed);
        char body[BODY_MAX / 2], in[BODY_MAX * 4];
        size_t n = 0, len = seeded_below(&r, sizeof(body));
        struct outcome out;
        for (size_t i = 0; i < len; i++)
            body[i] = (char)seeded_u64(&r);
        for (size_t at = 0, part; at < len; at += part) {
            part = min_size(1 + seeded_below(&r, 300), len - at);
            n += h1_chunk_head(in + n, part);
            memcpy(in + n, body + at, part);
            memcpy(in + n + part, "\r\n", 2);
            n += part + 2;
        }
        memcpy(in + n, "0\r\n", 3);
        feed_every_way(&chunked, span_of(in, n + 3), &out);
        SEEDED_ASSERT(&r, out.e == ERR_OK && out.state == H1_BODY_TRAILERS);
        SEEDED_ASSERT(&r, span_eq(span_of(out.body, out.n), span_of(body, len)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_chunks),
        cmocka_unit_test(test_bad_chunks),
        cmocka_unit_test(test_largest_size),
        cmocka_unit_test(test_extension_limit),
        cmocka_unit_test(test_extensions_do_not_add_up),
        cmocka_unit_test(test_counted),
        cmocka_unit_test(test_chunk_head),
        cmocka_unit_test(test_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
