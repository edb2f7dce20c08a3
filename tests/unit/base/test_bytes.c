/* Spans, strict numbers, the growable buffer. */
#include "tests/unit/base/seeded.h"
#include "tests/unit/fail_alloc.h"

#include "base/bytes.h"

static void test_span_basics(void **state)
{
    UNUSED(state);
    assert_true(span_eq(SPAN(""), SPAN_NULL));
    assert_true(span_eq(SPAN("a\0b"), span_of("a\0b", 3)));
    assert_false(span_eq(SPAN("ab"), SPAN("abc")));
    assert_true(span_eq_nocase(SPAN("Content-LENGTH"), SPAN("cONTENT-length")));
    assert_false(span_eq_nocase(SPAN("["), SPAN("{"))); /* 0x20 apart, but no letters */
    assert_true(span_has_prefix(SPAN("abc"), SPAN("")));
    assert_true(span_has_prefix(SPAN_NULL, SPAN_NULL));
    assert_false(span_has_prefix(SPAN("ab"), SPAN("abc")));
    assert_true(span_has_suffix(SPAN("abc"), SPAN("bc")));
    assert_false(span_has_suffix(SPAN("bc"), SPAN("abc")));
    assert_int_equal(span_find(SPAN("a:b:c"), ':'), 1);
    assert_int_equal(span_find(SPAN("abc"), ':'), 3);
    assert_int_equal(span_find(SPAN_NULL, ':'), 0);
    assert_true(span_from(SPAN_NULL, 0).p == NULL);
    assert_int_equal(span_until(SPAN("abc"), 2).n, 2);
    assert_int_equal(span_str(NULL).n, 0);
}

static void test_span_trim(void **state)
{
    UNUSED(state);
    static const struct {
        struct span in, out;
    } cases[] = {
        {SPAN(""), SPAN("")},       {SPAN(" \t "), SPAN("")},       {SPAN(" a\t"), SPAN("a")},
        {SPAN("a b"), SPAN("a b")}, {SPAN("\ra\n"), SPAN("\ra\n")}, /* only SP and HTAB are OWS */
        {SPAN_NULL, SPAN("")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(span_eq(span_trim(cases[i].in), cases[i].out));
}

static void test_span_cut(void **state)
{
    UNUSED(state);
    static const char *const want[] = {"a", "", "b", ""};
    struct span rest = SPAN("a,,b,");
    struct span item;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(span_cut(&rest, ',', &item));
        assert_true(span_eq(item, span_str(want[i])));
    }
    assert_false(span_cut(&rest, ',', &item));
    rest = SPAN("");
    assert_true(span_cut(&rest, ',', &item));
    assert_false(span_cut(&rest, ',', &item));
    rest = SPAN_NULL;
    assert_false(span_cut(&rest, ',', &item));
}

static void test_span_cmp(void **state)
{
    UNUSED(state);
    assert_true(span_cmp(SPAN("a"), SPAN("b")) < 0);
    assert_true(span_cmp(SPAN("b"), SPAN("a")) > 0);
    assert_true(span_cmp(SPAN("a"), SPAN("ab")) < 0);
    assert_true(span_cmp(SPAN("ab"), SPAN("a")) > 0);
    assert_true(span_cmp(SPAN("\xff"), SPAN("a")) > 0); /* bytes are unsigned */
    assert_int_equal(span_cmp(SPAN_NULL, SPAN("")), 0);
}

static void test_numbers(void **state)
{
    UNUSED(state);
    static const struct {
        struct span text;
        bool ok;
        uint64_t value;
    } cases[] = {
        {SPAN("0"), true, 0},
        {SPAN("007"), true, 7},
        {SPAN("18446744073709551615"), true, UINT64_MAX},
        {SPAN("18446744073709551616"), false, 0},
        {SPAN("28446744073709551615"), false, 0},
        {SPAN("99999999999999999999999"), false, 0},
        {SPAN(""), false, 0},
        {SPAN("+1"), false, 0},
        {SPAN("-1"), false, 0},
        {SPAN(" 1"), false, 0},
        {SPAN("1 "), false, 0},
        {SPAN("1,1"), false, 0},
        {SPAN("0x10"), false, 0},
        {SPAN("1\0"), false, 0},
        {SPAN("\xb1"), false, 0},
        {SPAN("/"), false, 0},
        {SPAN(":"), false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 0;
        assert_int_equal(span_u64(cases[i].text, &v), cases[i].ok);
        if (cases[i].ok)
            assert_true(v == cases[i].value);
    }
}

static void test_base64(void **state)
{
    /* RFC 4648 10 */
    static const struct span in[] = {SPAN(""),    SPAN("f"),      SPAN("fo"),
                                     SPAN("foo"), SPAN("foobar"), SPAN("\xff\xfe\xfd")};
    static const struct span want[] = {SPAN(""),     SPAN("Zg=="),     SPAN("Zm8="),
                                       SPAN("Zm9v"), SPAN("Zm9vYmFy"), SPAN("//79")};
    char out[8];
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(in); i++)
        assert_true(span_eq(span_of(out, bytes_base64(out, in[i].p, in[i].n)), want[i]));
}

static void test_hex_numbers(void **state)
{
    UNUSED(state);
    uint64_t v;
    assert_true(span_hex_u64(SPAN("0"), &v) && v == 0);
    assert_true(span_hex_u64(SPAN("aBcDeF"), &v) && v == 0xabcdef);
    assert_true(span_hex_u64(SPAN("ffffffffffffffff"), &v) && v == UINT64_MAX);
    assert_false(span_hex_u64(SPAN("10000000000000000"), &v));
    assert_false(span_hex_u64(SPAN("00000000000000000"), &v));
    assert_false(span_hex_u64(SPAN(""), &v));
    assert_false(span_hex_u64(SPAN("0x1"), &v));
    assert_false(span_hex_u64(SPAN("g"), &v));
    assert_false(span_hex_u64(SPAN("@"), &v));
    assert_false(span_hex_u64(SPAN("-1"), &v));
}

static void test_number_round_trip(void **state)
{
    UNUSED(state);
    struct seeded r = seeded_begin(1);
    for (int i = 0; i < 10000; i++) {
        uint64_t v = seeded_u64(&r) >> seeded_below(&r, 64);
        uint64_t back = ~v;
        char out[20];
        v = i == 0 ? 0 : i == 1 ? UINT64_MAX : v;
        SEEDED_ASSERT(&r, span_u64(span_of(out, bytes_u64(out, v)), &back) && back == v);
        unsigned char bytes[8];
        char hex[16];
        for (int k = 0; k < 8; k++)
            bytes[k] = (unsigned char)(v >> (56 - 8 * k));
        bytes_hex(hex, bytes, 8);
        SEEDED_ASSERT(&r, span_hex_u64(span_of(hex, 16), &back) && back == v);
    }
}

/* Long ones are written 16 bytes at a time. */
static void test_hex_of_any_length(void **state)
{
    unsigned char bytes[256];
    char hex[2 * sizeof(bytes)];
    UNUSED(state);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    for (size_t from = 0; from < sizeof(bytes); from += 7)
        for (size_t n = 0; n <= 49 && from + n <= sizeof(bytes); n++) {
            char two[3];
            memset(hex, '?', sizeof(hex));
            bytes_hex(hex, bytes + from, n);
            for (size_t i = 0; i < n; i++) {
                (void)snprintf(two, sizeof(two), "%02x", bytes[from + i]);
                assert_memory_equal(hex + 2 * i, two, 2);
            }
            assert_int_equal(hex[2 * n], '?');
        }
}

static void test_buf_ceiling(void **state)
{
    UNUSED(state);
    struct buf b = BUF_INIT(10);
    assert_int_equal(buf_append(&b, SPAN("12345")), ERR_OK);
    assert_int_equal(buf_append(&b, SPAN("123456")), ERR_TOO_LARGE);
    assert_true(span_eq(buf_span(&b), SPAN("12345")));
    assert_int_equal(buf_append(&b, SPAN("67890")), ERR_OK);
    assert_int_equal(buf_append(&b, SPAN("")), ERR_OK);
    assert_int_equal(buf_append(&b, SPAN("x")), ERR_TOO_LARGE);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), ERR_TOO_LARGE);
    assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), ERR_TOO_LARGE);
    buf_free(&b);
    assert_int_equal(b.max, 10);
    struct buf open = BUF_INIT(0);
    assert_int_equal(buf_reserve(&open, SIZE_MAX / 2 + 1), ERR_TOO_LARGE);
}

static void test_buf_printf(void **state)
{
    UNUSED(state);
    struct buf b = BUF_INIT(0);
    char want[4000];
    size_t n = 0;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(buf_printf(&b, "%d,", i), ERR_OK);
        n += (size_t)snprintf(want + n, sizeof(want) - n, "%d,", i);
    }
    assert_true(span_eq(buf_span(&b), span_of(want, n)));
    assert_int_equal(b.p[b.n], '\0');
    buf_free(&b);
}

static void test_buf_drop_front(void **state)
{
    UNUSED(state);
    struct buf b = BUF_INIT(0);
    buf_drop_front(&b, 0);
    assert_int_equal(buf_append(&b, SPAN("abcdef")), ERR_OK);
    buf_drop_front(&b, 0);
    buf_drop_front(&b, 2);
    assert_true(span_eq(buf_span(&b), SPAN("cdef")));
    buf_drop_front(&b, 4);
    assert_null(b.p);
    assert_int_equal(b.cap, 0);
}

static enum err grow(void *arg)
{
    UNUSED(arg);
    struct buf b = BUF_INIT(0);
    enum err e = ERR_OK;
    for (int i = 0; i < 100 && e == ERR_OK; i++) {
        size_t before = b.n;
        e = i % 2 == 0 ? buf_append(&b, SPAN("0123456789")) : buf_printf(&b, "%010d", i);
        assert_int_equal(b.n, e == ERR_OK ? before + 10 : before);
    }
    buf_free(&b);
    return e;
}

static void test_buf_without_memory(void **state)
{
    UNUSED(state);
    alloc_walk(grow, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_span_basics),
        cmocka_unit_test(test_span_trim),
        cmocka_unit_test(test_span_cut),
        cmocka_unit_test(test_span_cmp),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_hex_numbers),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_number_round_trip),
        cmocka_unit_test(test_hex_of_any_length),
        cmocka_unit_test(test_buf_ceiling),
        cmocka_unit_test(test_buf_printf),
        cmocka_unit_test(test_buf_drop_front),
        cmocka_unit_test(test_buf_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
