/* The evidence: exact against numeric integration, with the figures of the design, and its promise
 * - seldom a false alarm however often one looks - by simulation. */
#include "tests/unit/shadow/support.h"

#include "shadow/evidence.h"

#include <math.h>

enum { RUNS = 10000, PROBES = 200 };

/* --- the integral --- */

/* Simpson's rule; p^b (1-p)^c is smooth. */
static double integrate(unsigned b, unsigned c)
{
    const int steps = 4000;
    double sum = 0, h = 0.5 / steps;
    for (int i = 0; i <= steps; i++) {
        double p = 0.5 + h * i;
        double weight = i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2;
        sum += weight * pow(2 * p, b) * pow(2 * (1 - p), c);
    }
    return 2 * sum * h / 3;
}

static void near(double got, double want, double relative)
{
    if (fabs(got - want) > relative * fmax(1, fabs(want)))
        fail_msg("%.12g is not %.12g", got, want);
}

static void equals_the_integral(void **state)
{
    UNUSED(state);
    for (unsigned b = 0; b <= 42; b += 3)
        for (unsigned c = 0; c <= 42; c += 2)
            near(evidence_log(b, c), log(integrate(b, c)), 1e-9);
}

/* The two halves of the integral make up the whole Beta function. */
static void large_counts_stay_exact(void **state)
{
    static const uint64_t some[] = {0, 1, 7, 100, 999, 12345, 1000000};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        near(evidence_log(some[i], 0),
             (double)(some[i] + 1) * M_LN2 + log1p(-exp2(-(double)some[i] - 1)) -
                 log((double)some[i] + 1),
             1e-12);
        for (size_t k = 0; k < ARRAY_LEN(some); k++) {
            double b = (double)some[i], c = (double)some[k], m = b + c;
            double whole = (m + 1) * M_LN2 + lgamma(b + 1) + lgamma(c + 1) - lgamma(m + 2);
            double one = evidence_log(some[i], some[k]), two = evidence_log(some[k], some[i]);
            double sum = fmax(one, two) + log1p(exp(-fabs(one - two)));
            assert_true(isfinite(one));
            near(sum, whole, 1e-9);
        }
    }
}

static void figures_are_those_of_the_design(void **state)
{
    UNUSED(state);
    near(evidence_log(0, 0), 0, 1e-12);
    assert_true(evidence_log(8, 0) < log(100) && evidence_log(9, 0) >= log(100));
    assert_true(evidence_log(21, 5) < log(100) && evidence_log(22, 5) >= log(100));
    assert_int_equal(evidence_needs(&(struct evidence){.b = 0}), 9);
    assert_int_equal(evidence_needs(&(struct evidence){.b = 3}), 6);
    assert_int_equal(evidence_needs(&(struct evidence){.c = 5}), 22);
    assert_int_equal(evidence_needs(&(struct evidence){.b = 9}), 0);
}

static void more_for_is_more_and_more_against_is_less(void **state)
{
    UNUSED(state);
    for (unsigned b = 0; b < 60; b++)
        for (unsigned c = 0; c < 60; c++) {
            assert_true(evidence_log(b + 1, c) > evidence_log(b, c));
            assert_true(evidence_log(b, c + 1) < evidence_log(b, c));
        }
}

/* --- simulation --- */

/* b that is enough beside each c; computed once, because the simulations ask millions of times. */
static uint64_t enough[PROBES + 1];

static int begin(void **state)
{
    UNUSED(state);
    for (uint64_t c = 0; c <= PROBES; c++)
        enough[c] = evidence_needs(&(struct evidence){.c = c});
    return 0;
}

/* A field that takes one of `values` values each time it is asked for, the first with `likely`
 * percent. new: percent of its answers that have a value of their own. */
struct field {
    unsigned values, likely, new_percent;
};

static uint64_t ask(struct dice *d, const struct field *f)
{
    return dice_roll(d, 100) < f->likely ? 0 : 1 + dice_roll(d, f->values - 1);
}

/* After how many probes it is called a regression, looking after each; 0: never. */
static unsigned alarm(struct dice *d, const struct field *f, struct evidence *e)
{
    *e = (struct evidence){.b = 0};
    for (unsigned i = 1; i <= PROBES; i++) {
        uint64_t served = ask(d, f), copy = ask(d, f), probe = ask(d, f);
        bool ab = dice_roll(d, 100) < f->new_percent || served != copy, aa = served != probe;
        e->probes++;
        e->b += ab && !aa;
        e->c += aa && !ab;
        e->both += ab && aa;
        if (e->b >= enough[e->c])
            return i;
    }
    return 0;
}

static unsigned alarms(const struct field *f, uint64_t seed)
{
    struct dice d = {seed};
    struct evidence e;
    unsigned n = 0;
    for (unsigned run = 0; run < RUNS; run++)
        n += alarm(&d, f, &e) > 0;
    return n;
}

/* alpha = 0.01 of 10,000 runs, each looked at 200 times. A fixed limit of two standard deviations
 * looked at as often would be over in most of them. */
static void noise_alone_is_seldom_called_a_regression(void **state)
{
    static const struct field fields[] = {
        {2, 95, 0},
        {2, 50, 0},
        {10, 20, 0},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        unsigned n = alarms(&fields[i], 1 + i);
        if (n > RUNS * EVIDENCE_ALPHA)
            fail_msg("field %zu: %u false alarms of %d", i, n, RUNS);
    }
}

static void a_difference_is_found_as_soon_as_promised(void **state)
{
    const struct field quiet = {2, 100, 100}, noisy = {2, 90, 100}, rare = {2, 100, 20};
    struct evidence e;
    struct dice d = {42};
    unsigned found = 0;
    UNUSED(state);
    assert_int_equal(alarm(&d, &quiet, &e), 9);
    for (unsigned run = 0; run < 1000; run++)
        assert_in_range(alarm(&d, &noisy, &e), 9, 40); /* c stays 0: new always differs */
    for (unsigned run = 0; run < 1000; run++)
        found += alarm(&d, &rare, &e) > 0;
    assert_true(found > 990); /* 40 are expected in 200 probes */
}

/* --- states --- */

static void states_are_as_defined(void **state)
{
    static const struct {
        struct evidence e;
        bool differs;
        enum evidence_state state;
    } rows[] = {
        {{0, 0, 0, 0}, true, EVIDENCE_THIN},         {{0, 0, 0, 0}, false, EVIDENCE_CLEAN},
        {{0, 40, 0, 100}, false, EVIDENCE_CLEAN},    {{8, 0, 0, 8}, true, EVIDENCE_THIN},
        {{9, 0, 0, 9}, true, EVIDENCE_REGRESS},      {{22, 5, 3, 200}, true, EVIDENCE_REGRESS},
        {{21, 5, 0, 200}, true, EVIDENCE_THIN},      {{4, 4, 4, 30}, true, EVIDENCE_NOISY},
        {{2, 3, 0, 8}, true, EVIDENCE_THIN},         {{0, 0, 3, 30}, true, EVIDENCE_NOISY},
        {{0, 0, 30, 30}, true, EVIDENCE_BLIND},      {{0, 0, 8, 8}, true, EVIDENCE_THIN},
        {{1, 0, 57, 60}, true, EVIDENCE_BLIND},      {{3, 0, 0, 500}, true, EVIDENCE_THIN},
        {{40, 0, 160, 200}, true, EVIDENCE_REGRESS},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (evidence_state(&rows[i].e, rows[i].differs) != rows[i].state)
            fail_msg("row %zu is %s", i,
                     evidence_word(evidence_state(&rows[i].e, rows[i].differs)));
}

/* What the fields of the simulation are called after 200 probes. */
static void noise_is_called_noise(void **state)
{
    const struct field coin = {2, 50, 0}, unique = {1000000, 0, 0};
    unsigned states[2][EVIDENCE_STATES] = {{0}};
    struct dice d = {7};
    struct evidence e;
    UNUSED(state);
    for (unsigned run = 0; run < 1000; run++) {
        (void)alarm(&d, &coin, &e);
        states[0][evidence_state(&e, true)]++;
        (void)alarm(&d, &unique, &e);
        states[1][evidence_state(&e, true)]++;
    }
    assert_true(states[0][EVIDENCE_NOISY] > 900 && states[0][EVIDENCE_REGRESS] <= 10);
    assert_int_equal(states[1][EVIDENCE_BLIND], 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_integral),
        cmocka_unit_test(large_counts_stay_exact),
        cmocka_unit_test(figures_are_those_of_the_design),
        cmocka_unit_test(more_for_is_more_and_more_against_is_less),
        cmocka_unit_test(noise_alone_is_seldom_called_a_regression),
        cmocka_unit_test(a_difference_is_found_as_soon_as_promised),
        cmocka_unit_test(states_are_as_defined),
        cmocka_unit_test(noise_is_called_noise),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
