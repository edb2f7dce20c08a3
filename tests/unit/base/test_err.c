/* The one table of failures. */
#include "tests/unit/fail_alloc.h"

#include <string.h>

static void test_rows(void **state)
{
    UNUSED(state);
    for (enum err e = 1; e < ERR_COUNT; e++) {
        assert_true(err_word(e)[0] != '\0');
        assert_true(strspn(err_word(e), "abcdefghijklmnopqrstuvwxyz_0123456789") ==
                    strlen(err_word(e))); /* a metric label and a JSON word as it is */
        assert_true(strlen(err_sentence(e)) > 5);
        assert_true(err_sentence(e)[strlen(err_sentence(e)) - 1] != '.');
        assert_null(strchr(err_sentence(e), '"')); /* it goes into JSON as it is */
        int status = err_status(e);
        assert_true(status == 0 || (status >= 400 && status <= 599));
        /* Who is at fault decides the class of the answer. */
        if (err_fault(e) == FAULT_BACKEND && status != 0)
            assert_true(status >= 500);
        if (err_fault(e) == FAULT_CLIENT && status != 0)
            assert_true(status < 500 || status == 501 || status == 505);
        for (enum err other = 1; other < e; other++)
            assert_string_not_equal(err_word(e), err_word(other));
    }
    assert_string_equal(err_word(ERR_OK), "-");
}

/* What may have reached a server is never sent again blindly. */
static void test_retry(void **state)
{
    UNUSED(state);
    assert_int_equal(err_retry(ERR_CONNECT_REFUSED), RETRY_UNSENT);
    assert_int_equal(err_retry(ERR_BACKEND_RESET), RETRY_IDEMPOTENT);
    assert_int_equal(err_retry(ERR_BACKEND_CLOSED), RETRY_IDEMPOTENT);
    assert_int_equal(err_retry(ERR_BACKEND_BAD_ANSWER), RETRY_NEVER);
    assert_int_equal(err_retry(ERR_BACKEND_FIRST_BYTE_TIMEOUT), RETRY_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_retry)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
