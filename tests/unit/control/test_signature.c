/* Signatures of control documents. */
#include "tests/unit/fail_alloc.h"

#include "control/signature.h"

#include <stdlib.h>

static const char *const one[] = {"a secret of the first"};
static const char *const other[] = {"a secret of the other"};
static const char *const both[] = {"a secret of the other", "a secret of the first"};

static struct config_names names(const char *const *list, size_t n)
{
    return (struct config_names){(const char **)(uintptr_t)list, n};
}

static const char document[] = "{\"epoch\": 42, \"pin\": \"legacy\"}";

static void sign(struct buf *out)
{
    struct config_names first = names(one, 1);
    assert_int_equal(buf_append(out, span_str(document)), ERR_OK);
    assert_int_equal(signature_add(&first, out), ERR_OK);
}

static enum err check(const char *const *list, size_t n, struct span raw, struct span *text)
{
    struct config_names secrets = names(list, n);
    struct complaints wrong = {.n = 0};
    enum err e = signature_check(&secrets, raw, "redis key k", text, &wrong);
    assert_int_equal(wrong.n, e == ERR_OK ? 0 : 1);
    complaints_free(&wrong);
    return e;
}

/* printf '%s' "$document" | openssl dgst -sha256 -hmac 'a secret of the first' */
static void test_known(void **state)
{
    struct buf text = BUF_INIT(0);
    UNUSED(state);
    sign(&text);
    const char *line = memchr(text.p, '\n', text.n);
    assert_memory_equal(
        line, "\nhmac-sha256 830100b72bb1e72cf9372e09e639406c634515597ad19ee615b914cf02178c46\n",
        sizeof("\nhmac-sha256 \n") - 1 + 64);
    assert_true(text.n <= sizeof(document) - 1 + SIGNATURE_ROOM);
    buf_free(&text);
}

static void test_who_may(void **state)
{
    struct buf text = BUF_INIT(0);
    struct span out;
    UNUSED(state);
    sign(&text);
    struct span raw = buf_span(&text);
    assert_int_equal(check(one, 1, raw, &out), ERR_OK);
    assert_true(span_eq(out, span_str(document)));
    assert_int_equal(check(both, 2, raw, &out), ERR_OK); /* while secrets are exchanged */
    assert_int_equal(check(other, 1, raw, &out), ERR_CONTROL_SIGNATURE);
    assert_int_equal(check(NULL, 0, raw, &out), ERR_OK); /* while they are introduced */
    assert_true(span_eq(out, span_str(document)));
    assert_int_equal(check(NULL, 0, span_str("legacy\n"), &out), ERR_OK);
    assert_true(span_eq(out, SPAN("legacy")));
    buf_free(&text);
}

/* Every single bit counts. */
static void test_tampering(void **state)
{
    struct buf text = BUF_INIT(0);
    struct span out;
    UNUSED(state);
    sign(&text);
    for (size_t i = 0; i + 1 < text.n; i++) {
        text.p[i] ^= 1;
        if (check(one, 1, buf_span(&text), &out) == ERR_OK)
            fail_msg("taken with byte %zu changed", i);
        text.p[i] ^= 1;
    }
    for (size_t n = 1; n + 1 < text.n; n++)
        if (check(one, 1, span_of(text.p, n), &out) == ERR_OK)
            fail_msg("taken when cut at %zu", n);
    assert_int_equal(check(one, 1, buf_span(&text), &out), ERR_OK);
    buf_free(&text);
}

static void test_unsigned(void **state)
{
    struct span out;
    static const char *const rows[] = {
        "legacy",         "{\"epoch\": 1}",         "{\"epoch\": 1}\n",
        "hmac-sha256 00", "legacy\nhmac-sha256 00", "{\"epoch\": 1} hmac-sha256 00",
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (check(one, 1, span_str(rows[i]), &out) != ERR_CONTROL_UNSIGNED)
            fail_msg("%s does not count as unsigned", rows[i]);
    assert_int_equal(check(one, 1, span_str("{\"epoch\": 1}\nhmac-sha256 0"), &out),
                     ERR_CONTROL_SIGNATURE);
    assert_int_equal(check(one, 1, span_str("{}\nhmac-sha256 00\nhmac-sha256 00"), &out),
                     ERR_CONTROL_SIGNATURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_tampering),
        cmocka_unit_test(test_unsigned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
