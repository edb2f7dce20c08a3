/* Pairs over time, in few buckets: the first one is a second wide, and whenever a time falls
 * outside, two become one. So any span of time fits, in whatever order the times come. */
#ifndef SHADOW_REPORT_TREND_H
#define SHADOW_REPORT_TREND_H

#include "base/base.h"

enum { TREND_BUCKETS = 32 };

struct report_trend {
    uint64_t from_ms, width_ms; /* of a bucket; 0: nothing was counted */
    uint64_t pairs[TREND_BUCKETS];
    uint64_t bad[TREND_BUCKETS]; /* of these, mismatches */
};

void trend_add(struct report_trend *t, uint64_t at_ms, bool bad);

#endif
