/* Wilson's interval, and a histogram whose buckets grow with the value: 32 to each power of two. */
#include "shadow/stats.h"

#include <math.h>

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

uint64_t stats_quantile(const struct stats_times *t, double q)
{
    uint64_t rank = (uint64_t)ceil(q * (double)t->n), seen = 0;
    if (t->n == 0)
        return 0;
    rank = rank == 0 ? 1 : rank;
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        seen += t->buckets[i];
        if (seen >= rank)
            return middle_of(i);
    }
    return middle_of(STATS_BUCKETS - 1);
}
