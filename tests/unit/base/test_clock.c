/* The three notations of a moment. */
#include "tests/unit/fail_alloc.h"

#include "base/clock.h"

#include <string.h>

static void test_notations(void **state)
{
    static const struct {
        uint64_t ms;
        const char *iso, *http, *clf;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT",
         "01/Jan/1970:00:00:00 +0000"},
        {UINT64_C(784111777123), "1994-11-06T08:49:37.123Z", "Sun, 06 Nov 1994 08:49:37 GMT",
         "06/Nov/1994:08:49:37 +0000"},
        {UINT64_C(1709164799999), "2024-02-28T23:59:59.999Z", "Wed, 28 Feb 2024 23:59:59 GMT",
         "28/Feb/2024:23:59:59 +0000"},
        {UINT64_C(1709164800000), "2024-02-29T00:00:00.000Z", "Thu, 29 Feb 2024 00:00:00 GMT",
         "29/Feb/2024:00:00:00 +0000"},
        {UINT64_C(253402300799999), "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT",
         "31/Dec/9999:23:59:59 +0000"},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char iso[CLOCK_ISO_LEN + 1], http[CLOCK_HTTP_LEN + 1], clf[CLOCK_CLF_LEN + 1];
        clock_iso(iso, cases[i].ms);
        clock_http(http, cases[i].ms);
        clock_clf(clf, cases[i].ms);
        assert_string_equal(iso, cases[i].iso);
        assert_string_equal(http, cases[i].http);
        assert_string_equal(clf, cases[i].clf);
    }
}

/* Nonsense stays within its buffer. */
static void test_absurd(void **state)
{
    char iso[CLOCK_ISO_LEN + 1], http[CLOCK_HTTP_LEN + 1], clf[CLOCK_CLF_LEN + 1];
    UNUSED(state);
    clock_iso(iso, UINT64_MAX);
    clock_http(http, UINT64_MAX);
    clock_clf(clf, UINT64_MAX);
    assert_int_equal(strlen(iso), CLOCK_ISO_LEN);
    assert_int_equal(strlen(http), CLOCK_HTTP_LEN);
    assert_int_equal(strlen(clf), CLOCK_CLF_LEN);
}

static void test_monotonic(void **state)
{
    UNUSED(state);
    uint64_t last = clock_us();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_us();
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_wall_ms() > UINT64_C(1700000000000)); /* after 2023 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_notations),
                                       cmocka_unit_test(test_absurd),
                                       cmocka_unit_test(test_monotonic)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
