/* Known answers (FIPS 180-2, RFC 4231), and the random numbers' plumbing. */
#include "tests/unit/fail_alloc.h"

#include "base/digest.h"
#include "base/rand.h"

static void check(struct span got, const char *hex)
{
    char text[2 * DIGEST_BYTES];
    bytes_hex(text, got.p, got.n);
    assert_memory_equal(text, hex, sizeof(text));
}

static void test_sha256(void **state)
{
    unsigned char out[DIGEST_BYTES];
    UNUSED(state);
    assert_int_equal(digest_of(SPAN("abc"), out), ERR_OK);
    check(span_of(out, sizeof(out)),
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(digest_of(SPAN_NULL, out), ERR_OK);
    check(span_of(out, sizeof(out)),
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_sha1(void **state)
{
    unsigned char out[DIGEST_SHA1_BYTES];
    char text[2 * DIGEST_SHA1_BYTES];
    UNUSED(state);
    assert_int_equal(digest_sha1(SPAN("abc"), out), ERR_OK);
    bytes_hex(text, out, sizeof(out));
    assert_memory_equal(text, "a9993e364706816aba3e25717850c26c9cd0d89d", sizeof(text));
}

static void test_in_pieces(void **state)
{
    unsigned char whole[DIGEST_BYTES], parts[DIGEST_BYTES];
    char text[1000];
    struct digest *d;
    UNUSED(state);
    memset(text, 'a', sizeof(text));
    assert_int_equal(digest_of(span_of(text, sizeof(text)), whole), ERR_OK);
    assert_int_equal(digest_begin(&d), ERR_OK);
    for (size_t i = 0; i < sizeof(text); i += 8)
        digest_add(d, span_of(text + i, 8));
    digest_end(&d, parts);
    assert_null(d);
    assert_memory_equal(whole, parts, sizeof(whole));
    digest_end(&d, parts); /* none: nothing happens */
    assert_int_equal(digest_begin(&d), ERR_OK);
    digest_end(&d, NULL);
}

static void test_hmac(void **state)
{
    unsigned char out[DIGEST_BYTES];
    UNUSED(state);
    assert_int_equal(digest_hmac(SPAN("Jefe"), SPAN("what do ya want for nothing?"), out), ERR_OK);
    check(span_of(out, sizeof(out)),
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(digest_hmac(SPAN_NULL, SPAN_NULL, out), ERR_OK);
    check(span_of(out, sizeof(out)),
          "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_same(void **state)
{
    UNUSED(state);
    assert_true(digest_same(SPAN("abc"), SPAN("abc")));
    assert_false(digest_same(SPAN("abc"), SPAN("abd")));
    assert_false(digest_same(SPAN("abc"), SPAN("ab")));
    assert_true(digest_same(SPAN_NULL, SPAN("")));
}

static void test_random(void **state)
{
    unsigned char a[256] = {0}, b[256] = {0};
    uint64_t seen = 0;
    UNUSED(state);
    assert_int_equal(rand_secret(a, sizeof(a)), ERR_OK);
    assert_int_equal(rand_secret(b, sizeof(b)), ERR_OK);
    assert_memory_not_equal(a, b, sizeof(a));
    for (int i = 0; i < 64 * 64; i++) /* every bit is once set; a stuck generator shows */
        seen |= rand_u64() & UINT64_C(1) << i % 64;
    assert_true(seen == UINT64_MAX);
    assert_true(rand_u64() != rand_u64());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),    cmocka_unit_test(test_sha1),
        cmocka_unit_test(test_in_pieces), cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_same),      cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
