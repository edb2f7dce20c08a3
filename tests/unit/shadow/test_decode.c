/* Content codings: what is decoded, what is refused, and that nothing grows without limit. Damaged
 * input comes from tests/diff/coding-*; here are the edges that need exact bytes. */
#include "tests/unit/shadow/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static struct decoder decoder;

static void deflate_to(struct buf *out, struct span in, int window)
{
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    out->n = 0;
    assert_int_equal(buf_reserve(out, deflateBound(&z, (uLong)in.n) + 32), ERR_OK);
    z.next_out = (Bytef *)out->p;
    z.avail_out = (uInt)out->cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->n = z.total_out;
    deflateEnd(&z);
}

static enum err decode(const char *codings, struct span body, size_t max, struct span *out)
{
    return decode_body(&decoder, span_str(codings), body, max, out);
}

static void nothing_to_do_costs_nothing(void **state)
{
    struct span body = SPAN("abc"), out;
    static const char *const codings[] = {"", "identity", " , identity ,", "IDENTITY"};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        assert_int_equal(decode(codings[i], body, 2, &out), ERR_OK);
        assert_ptr_equal(out.p, body.p);
    }
    assert_int_equal(decode("gzip", SPAN(""), 10, &out), ERR_OK);
    assert_int_equal(out.n, 0);
}

static void round_trips(void **state)
{
    static const struct {
        const char *coding;
        int window;
    } kinds[] = {{"gzip", 15 + 16}, {"X-GZIP", 15 + 16}, {"deflate", 15}, {"deflate", -15}};
    struct dice dice = {3};
    struct buf coded = BUF_INIT(0), plain = BUF_INIT(0);
    UNUSED(state);
    for (int round = 0; round < 400; round++) {
        size_t n = dice_roll(&dice, round % 50 == 0 ? 300000 : 3000),
               kinds_of_byte = 1 + dice_roll(&dice, 255);
        plain.n = 0;
        assert_int_equal(buf_reserve(&plain, n + 1), ERR_OK);
        for (plain.n = 0; plain.n < n; plain.n++)
            plain.p[plain.n] = (char)dice_roll(&dice, kinds_of_byte);
        size_t k = dice_roll(&dice, ARRAY_LEN(kinds));
        struct span out;
        deflate_to(&coded, buf_span(&plain), kinds[k].window);
        enum err e = decode(kinds[k].coding, buf_span(&coded), 400000, &out);
        if (e == ERR_TOO_LARGE && n > DECODE_RATIO_FROM) /* one byte value only: the ratio */
            continue;
        assert_int_equal(e, ERR_OK);
        assert_true(span_eq(out, buf_span(&plain)));
    }
    buf_free(&coded);
    buf_free(&plain);
}

/* Whatever is cut off, the rest is no whole body. */
static void every_cut_is_noticed(void **state)
{
    struct buf coded = BUF_INIT(0);
    struct span out;
    UNUSED(state);
    deflate_to(&coded, SPAN("some text that is some text that is some text"), 15 + 16);
    for (size_t n = 1; n < coded.n; n++) {
        char *part = malloc(n);
        assert_non_null(part);
        memcpy(part, coded.p, n);
        assert_int_equal(decode("gzip", span_of(part, n), 1000, &out), ERR_SHADOW_UNDECODABLE);
        free(part);
    }
    buf_free(&coded);
}

static void every_flipped_bit_is_noticed_or_harmless(void **state)
{
    static const char text[] = "some text that is some text that is some text";
    struct buf coded = BUF_INIT(0);
    struct span out;
    UNUSED(state);
    deflate_to(&coded, span_str(text), 15 + 16);
    for (size_t bit = 0; bit < 8 * coded.n; bit++) {
        coded.p[bit / 8] ^= (char)(1 << (bit % 8));
        enum err e = decode("gzip", buf_span(&coded), 1000, &out);
        if (e == ERR_OK) /* the header's time and system do not matter */
            assert_true(span_eq(out, span_str(text)));
        else
            assert_int_equal(e, ERR_SHADOW_UNDECODABLE);
        coded.p[bit / 8] ^= (char)(1 << (bit % 8));
    }
    buf_free(&coded);
}

static void growth_is_capped_by_size_and_ratio(void **state)
{
    struct buf coded = BUF_INIT(0), plain = BUF_INIT(0);
    struct span out;
    size_t n = 3 * 1000 * 1000;
    UNUSED(state);
    assert_int_equal(buf_reserve(&plain, n), ERR_OK);
    for (plain.n = 0; plain.n < n; plain.n++)
        plain.p[plain.n] = (char)('a' + plain.n * plain.n % 23);
    deflate_to(&coded, buf_span(&plain), 15 + 16);
    assert_int_equal(decode("gzip", buf_span(&coded), n - 1, &out), ERR_TOO_LARGE);
    memset(plain.p, ' ', n);
    deflate_to(&coded, buf_span(&plain), 15 + 16);
    assert_true(coded.n * DECODE_RATIO_MAX < n); /* a bomb */
    assert_int_equal(decode("gzip", buf_span(&coded), 100 * n, &out), ERR_TOO_LARGE);
    assert_true(decoder.bufs[0].cap + decoder.bufs[1].cap < n); /* stopped early */
    decode_trim(&decoder, 1000);
    assert_int_equal(decoder.bufs[0].cap + decoder.bufs[1].cap, 0);
    buf_free(&coded);
    buf_free(&plain);
}

static void unknown_and_too_many_codings_are_refused(void **state)
{
    struct span out;
    UNUSED(state);
    assert_int_equal(decode("zstd", SPAN("x"), 10, &out), ERR_SHADOW_UNDECODABLE);
    assert_int_equal(decode("gzip, gzip, gzip, gzip, gzip", SPAN("x"), 10, &out),
                     ERR_SHADOW_UNDECODABLE);
    assert_int_equal(decode("gzip;q=1", SPAN("x"), 10, &out), ERR_SHADOW_UNDECODABLE);
    assert_int_equal(decode("br", SPAN("\xff\xff\xff"), 10, &out), ERR_SHADOW_UNDECODABLE);
}

static int end(void **state)
{
    UNUSED(state);
    decode_free(&decoder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_do_costs_nothing),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(every_flipped_bit_is_noticed_or_harmless),
        cmocka_unit_test(growth_is_capped_by_size_and_ratio),
        cmocka_unit_test(unknown_and_too_many_codings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
