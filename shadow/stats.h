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

double stats_upper(uint64_t hits, uint64_t n);
/* Above which a rate cannot well be: the one-sided 95 % bound (Clopper and Pearson 1934). 1 for n =
 * 0; 0 of 2,995 is just below 0.001. */

struct interval stats_difference(uint64_t hits_a, uint64_t na, uint64_t hits_b, uint64_t nb);
/* 95 % interval of the rate of b less that of a (Newcombe 1998, from two score intervals). */

/* Durations in microseconds, to about 1.5 percent, in a fixed size. */
enum { STATS_SUB = 32, STATS_BUCKETS = 2 * STATS_SUB + 35 * STATS_SUB };

struct stats_times {
    uint32_t buckets[STATS_BUCKETS];
    uint64_t n;
};

void stats_add(struct stats_times *t, uint64_t us);

uint64_t stats_quantile(const struct stats_times *t, double q);
/* The value that a share q of all is not above; 0 when there are none. */

bool stats_quantile_interval(const struct stats_times *t, double q, uint64_t *low, uint64_t *high);
/* 95 % interval from the order of the values. False: too few for it (72 for 0.95, 368 for 0.99). */

uint64_t stats_quantile_needs(double q);
/* How many that is. */

#endif
