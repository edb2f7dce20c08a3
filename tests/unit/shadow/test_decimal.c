/* Numbers by what they mean. */
#include "tests/unit/shadow/support.h"

#include <stdio.h>
#include <stdlib.h>

static bool equal(const char *a, const char *b)
{
    struct decimal x = decimal_of(span_str(a)), y = decimal_of(span_str(b));
    bool same = decimal_equal(&x, &y);
    assert_int_equal(same, decimal_equal(&y, &x));
    if (same)
        assert_int_equal(decimal_hash(&x, 5), decimal_hash(&y, 5));
    return same;
}

static bool within(const char *a, const char *b, double abs, double rel)
{
    struct decimal x = decimal_of(span_str(a)), y = decimal_of(span_str(b));
    bool yes = decimal_within(&x, &y, abs, rel);
    assert_int_equal(yes, decimal_within(&y, &x, abs, rel));
    return yes;
}

static void equal_numbers_are_equal_in_every_notation(void **state)
{
    static const char *const same[][2] = {
        {"1", "1.0"},
        {"1", "1e0"},
        {"1", "10e-1"},
        {"1", "0.1E1"},
        {"1", "1.000e+000"},
        {"0", "-0"},
        {"0", "0e999"},
        {"0", "0.000"},
        {"-0.0", "0e-9999999999999999999999"},
        {"100", "1e2"},
        {"1200", "1.2e3"},
        {"-1.50", "-15e-1"},
        {"0.001", "1e-3"},
        {"123456789012345678901234567890", "1.2345678901234567890123456789e29"},
        {"1e400", "10e399"},
        {"1e-400", "0.1e-399"},
        {"1e99999999999999999999", "1e99999999999999999999"},
        {"10.01", "1001e-2"},
        {"0.10", "0.1"},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        if (!equal(same[i][0], same[i][1]))
            fail_msg("%s and %s", same[i][0], same[i][1]);
}

static void other_numbers_are_not(void **state)
{
    static const char *const other[][2] = {
        {"1", "-1"},
        {"1", "10"},
        {"1", "1.0000000000000000000001"},
        {"0", "1e-400"},
        {"1e400", "1e401"},
        {"123456789012345678901234567890", "123456789012345678901234567891"},
        {"101", "1001"},
        {"1.01", "1.001"},
        {"9007199254740992", "9007199254740993"},
        {"0.1", "0.10000000000000000555"},
        {"12", "21"},
        {"1e99999999999999999999", "1e99999999999999999998"},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        if (equal(other[i][0], other[i][1]))
            fail_msg("%s and %s", other[i][0], other[i][1]);
}

static void tolerances_hold_exactly_at_their_edge(void **state)
{
    UNUSED(state);
    assert_true(within("1.10", "1.09", 0.01, 0)); /* as doubles they are further apart than 0.01 */
    assert_true(within("0.3", "0.1", 0.2, 0));
    assert_true(within("0.30", "0.29", 0.01, 0));
    assert_false(within("1.10", "1.0899999", 0.01, 0));
    assert_true(within("-0.005", "0.005", 0.01, 0));
    assert_false(within("-0.006", "0.005", 0.01, 0));
    assert_true(within("100000000000000000000.01", "100000000000000000000.02", 0.01, 0));
    assert_false(within("100000000000000000000.01", "100000000000000000000.03", 0.01, 0));
    assert_true(within("99", "100", 0, 0.01));
    assert_false(within("98.9", "100", 0, 0.01));
    assert_true(within("0", "0.01", 0.01, 0));
    assert_true(within("-100", "-101", 0, 0.01));
    assert_true(within("5", "5.0", 0, 0));
    assert_false(within("5", "6", 0, 0));
    assert_true(within("1", "1000", 0, 1));
    assert_true(within("1e400", "10e399", 0, 0));
    assert_false(within("1e99999999999999999999", "1", 1e300, 1));
    assert_false(within("1e400", "1", 1, 0.5));
}

static void long_numbers_are_bounded(void **state)
{
    enum { LONG = 200000 };
    char *text = malloc(LONG + 1);
    UNUSED(state);
    assert_non_null(text);
    memset(text, '7', LONG);
    text[LONG] = '\0';
    struct decimal a = decimal_of(span_of(text, LONG)), b = decimal_of(span_of(text, LONG - 1));
    assert_false(decimal_equal(&a, &b));
    (void)decimal_within(&a, &b, 1, 1);
    text[0] = '0';
    text[1] = '.';
    struct decimal c = decimal_of(span_of(text, LONG));
    assert_false(decimal_within(&c, &b, 1, 0));
    assert_true(decimal_within(&c, &c, 0, 0));
    free(text);
}

/* Against the machine's own arithmetic, where that is exact. */
static void agrees_with_integers(void **state)
{
    struct dice dice = {11};
    UNUSED(state);
    for (int i = 0; i < 20000; i++) {
        int64_t a = (int64_t)dice_roll(&dice, 2000001) - 1000000,
                b = a + (int64_t)dice_roll(&dice, 41) - 20;
        int64_t d = a > b ? a - b : b - a, limit = (int64_t)dice_roll(&dice, 21);
        char x[32], y[32];
        int places = (int)dice_roll(&dice, 5);
        int64_t unit = 1;
        for (int k = 0; k < places; k++)
            unit *= 10;
        (void)snprintf(x, sizeof(x), "%llde-%d", (long long)a, places);
        (void)snprintf(y, sizeof(y), "%s%lld.%0*llde0", b < 0 ? "-" : "",
                       (long long)(llabs(b) / unit), places == 0 ? 1 : places,
                       (long long)(llabs(b) % unit));
        assert_int_equal(equal(x, y), a == b);
        char amount[32];
        (void)snprintf(amount, sizeof(amount), "%llde-%d", (long long)limit, places);
        if (within(x, y, strtod(amount, NULL), 0) != (d <= limit))
            fail_msg("|%s - %s| <= %s", x, y, amount);
    }
}

/* A larger tolerance never finds a difference that a smaller one excuses. */
static void tolerance_is_monotone(void **state)
{
    struct dice dice = {12};
    UNUSED(state);
    for (int i = 0; i < 20000; i++) {
        char x[64], y[64];
        (void)snprintf(x, sizeof(x), "%llu.%llue%d", (unsigned long long)dice_roll(&dice, 1000000),
                       (unsigned long long)dice_roll(&dice, 1000000), (int)dice_roll(&dice, 5) - 2);
        (void)snprintf(y, sizeof(y), "-%llu.%llue%d", (unsigned long long)dice_roll(&dice, 1000),
                       (unsigned long long)dice_roll(&dice, 1000000), (int)dice_roll(&dice, 5) - 2);
        const char *b = y + dice_roll(&dice, 2);
        double abs = (double)dice_roll(&dice, 1000) / 7, rel = (double)dice_roll(&dice, 1000) / 999;
        bool small = within(x, b, abs, rel);
        bool large = within(x, b, abs * 1.5, rel * 1.25);
        if (small && !large)
            fail_msg("%s and %s with %.17g, %.17g", x, b, abs, rel);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_numbers_are_equal_in_every_notation),
        cmocka_unit_test(other_numbers_are_not),
        cmocka_unit_test(tolerances_hold_exactly_at_their_edge),
        cmocka_unit_test(long_numbers_are_bounded),
        cmocka_unit_test(agrees_with_integers),
        cmocka_unit_test(tolerance_is_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
