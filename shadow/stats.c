/* Wilson's interval, and a histogram whose buckets grow with the value: 32 to each power of two. */
#include "shadow/stats.h"

#include <math.h>

enum { EXACT_HITS_MAX = 10000 };

struct interval stats_wilson(uint64_t hits, uint64_t n)
{
    const double z = 1.959963984540054, z2 = z * z;
    if (n == 0)
        return (struct interval){0, 1};
    double count = (double)n, p = (double)hits / count;
    double centre = (p + z2 / (2 * count)) / (1 + z2 / count);
    double half = z / (1 + z2 / count) * sqrt(p * (1 - p) / count + z2 / (4 * count * count));
    struct interval i = {fmax(0, centre - half), fmin(1, centre + half)};
    if (hits == 0)
        i.low = 0;
    if (hits == n)
        i.high = 1;
    return i;
}

/* P(X <= hits) for X binomial(n, p): summed from its largest term down, which hits is when p is
 * above the observed rate. */
static double binomial_below(uint64_t hits, uint64_t n, double p)
{
    double k = (double)hits, m = (double)n;
    double term =
        exp(lgamma(m + 1) - lgamma(k + 1) - lgamma(m - k + 1) + k * log(p) + (m - k) * log1p(-p));
    double sum = term;
    for (double i = k; i > 0 && term > sum * 1e-12; i--) {
        term *= i / (m - i + 1) * (1 - p) / p;
        sum += term;
    }
    return sum;
}

/* The score bound (Wilson), where it is as good and the sum would be long. */
static double upper_of_many(uint64_t hits, uint64_t n)
{
    const double z = 1.6448536269514722, z2 = z * z, count = (double)n, p = (double)hits / count;
    double half = z * sqrt(p * (1 - p) / count + z2 / (4 * count * count));
    return fmin(1, (p + z2 / (2 * count) + half) / (1 + z2 / count));
}

double stats_upper(uint64_t hits, uint64_t n)
{
    if (n == 0 || hits >= n)
        return 1;
    if (hits > EXACT_HITS_MAX)
        return upper_of_many(hits, n);
    double low = (double)hits / (double)n, high = 1;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (binomial_below(hits, n, middle) > 0.05)
            low = middle;
        else
            high = middle;
    }
    return high;
}

struct interval stats_difference(uint64_t hits_a, uint64_t na, uint64_t hits_b, uint64_t nb)
{
    struct interval a = stats_wilson(hits_a, na), b = stats_wilson(hits_b, nb);
    if (na == 0 || nb == 0)
        return (struct interval){-1, 1};
    double pa = (double)hits_a / (double)na, pb = (double)hits_b / (double)nb, d = pb - pa;
    return (struct interval){d - hypot(pb - b.low, a.high - pa),
                             d + hypot(b.high - pb, pa - a.low)};
}

static unsigned bucket_of(uint64_t v)
{
    if (v < 2 * STATS_SUB)
        return (unsigned)v;
    unsigned shift = 58 - (unsigned)__builtin_clzll(v); /* leaves six bits */
    unsigned i = STATS_SUB * (shift + 1) + (unsigned)((v >> shift) - STATS_SUB);
    return i < STATS_BUCKETS ? i : STATS_BUCKETS - 1;
}

static uint64_t middle_of(unsigned i)
{
    if (i < 2 * STATS_SUB)
        return i;
    unsigned shift = i / STATS_SUB - 1;
    uint64_t low = (uint64_t)(STATS_SUB + i % STATS_SUB) << shift;
    return low + ((uint64_t)1 << shift) / 2;
}

void stats_add(struct stats_times *t, uint64_t us)
{
    t->buckets[bucket_of(us)]++;
    t->n++;
}

static uint64_t value_at(const struct stats_times *t, uint64_t rank)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        seen += t->buckets[i];
        if (seen >= rank)
            return middle_of(i);
    }
    return middle_of(STATS_BUCKETS - 1);
}

uint64_t stats_quantile(const struct stats_times *t, double q)
{
    uint64_t rank = (uint64_t)ceil(q * (double)t->n);
    return t->n == 0 ? 0 : value_at(t, rank == 0 ? 1 : rank);
}

uint64_t stats_quantile_needs(double q)
{
    return (uint64_t)ceil(log(0.025) / log(q));
}

/* The ranks come from the normal approximation, which is good here: where it asks for a
 * rank beyond the last, the largest value is the bound, as it is for the smallest n. */
bool stats_quantile_interval(const struct stats_times *t, double q, uint64_t *low, uint64_t *high)
{
    double n = (double)t->n, half = 1.959963984540054 * sqrt(n * q * (1 - q));
    if (t->n < stats_quantile_needs(q))
        return false;
    *low = value_at(t, (uint64_t)fmax(1, floor(n * q - half)));
    *high = value_at(t, (uint64_t)fmin(n, ceil(n * q + half) + 1));
    return true;
}
