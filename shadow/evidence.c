/* With n = m + 1 the integral is a binomial tail, E = b! c! / n! * sum over j <= b of C(n, j): sums
 * of positive terms from the largest down, in logarithms, so neither large nor lopsided counts
 * overflow or cancel. */
#include "shadow/evidence.h"

#include <math.h>

static double log_factorial(double n)
{
    return lgamma(n + 1);
}

/* ln C(n, k) and the sum of C(n, j) / C(n, k) for j = k, k - 1, ... 0; k below the middle. */
static double log_sum_below(double n, double k)
{
    double term = 1, sum = 1;
    for (double j = k; j > 0 && term > sum * 1e-17; j--) {
        term *= j / (n - j + 1);
        sum += term;
    }
    return log_factorial(n) - log_factorial(k) - log_factorial(n - k) + log(sum);
}

double evidence_log(uint64_t b, uint64_t c)
{
    double k = (double)b, n = k + (double)c + 1, sum;
    if (2 * k < n)
        sum = log_sum_below(n, k);
    else /* all but the other tail, which mirrors: C(n, j) = C(n, n - j), and n - b - 1 = c */
        sum = n * M_LN2 + log1p(-exp(log_sum_below(n, (double)c) - n * M_LN2));
    return sum + log_factorial(k) + log_factorial((double)c) - log_factorial(n);
}

static bool is_shown(uint64_t b, uint64_t c)
{
    return evidence_log(b, c) >= -log(EVIDENCE_ALPHA);
}

enum evidence_state evidence_state(const struct evidence *e, bool differs)
{
    uint64_t noise = e->c + e->both;
    if (!differs)
        return EVIDENCE_CLEAN;
    if (is_shown(e->b, e->c))
        return EVIDENCE_REGRESS;
    if (e->probes < EVIDENCE_FEWEST)
        return EVIDENCE_THIN;
    if (noise * EVIDENCE_BLIND_DEN >= e->probes * EVIDENCE_BLIND_NUM)
        return EVIDENCE_BLIND;
    return noise > 0 && evidence_log(e->b, e->c) <= 1e-9 ? EVIDENCE_NOISY : EVIDENCE_THIN;
}

bool evidence_state_counts(enum evidence_state s)
{
    return s == EVIDENCE_REGRESS || s == EVIDENCE_THIN;
}

uint64_t evidence_needs(const struct evidence *e)
{
    uint64_t low = 0, high = 1;
    if (is_shown(e->b, e->c))
        return 0;
    for (; !is_shown(e->b + high, e->c); high *= 2)
        low = high;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (is_shown(e->b + middle, e->c))
            high = middle;
        else
            low = middle;
    }
    return high;
}

const char *evidence_word(enum evidence_state s)
{
    static const char *const words[EVIDENCE_STATES] = {
        [EVIDENCE_REGRESS] = "regress", [EVIDENCE_THIN] = "thin",   [EVIDENCE_BLIND] = "blind",
        [EVIDENCE_NOISY] = "noisy",     [EVIDENCE_CLEAN] = "clean",
    };
    BUG_IF(s >= EVIDENCE_STATES);
    return words[s];
}
