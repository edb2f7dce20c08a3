/* The little statistics a report needs. */
#ifndef SHADOW_STATS_H
#define SHADOW_STATS_H

#include "base/base.h"

struct interval {
    double low;
    double high;
};

struct interval stats_wilson(uint64_t hits, uint64_t n);
/* The 95 % score interval of a rate (Wilson 1927): sensible also for few and for none. {0, 1} for n
 * = 0. */

/* Durations in microseconds, to about 1.5 percent, in a fixed size. */
enum { STATS_SUB = 32, STATS_BUCKETS = 2 * STATS_SUB + 35 * STATS_SUB };

struct stats_times {
    uint32_t buckets[STATS_BUCKETS];
    uint64_t n;
};

void stats_add(struct stats_times *t, uint64_t us);

uint64_t stats_quantile(const struct stats_times *t, double q);
/* The value that a share q of all is not above; 0 when there are none. */

#endif
