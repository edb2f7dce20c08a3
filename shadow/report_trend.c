/* See report_trend.h. */
#include "shadow/report_trend.h"

enum { FIRST_WIDTH_MS = 1000 };

static const uint64_t latest_ms = (uint64_t)1
                                  << 53; /* beyond is no time, and sums would overflow */

static void widen(struct report_trend *t)
{
    uint64_t width = 2 * t->width_ms, from = t->from_ms - t->from_ms % width;
    size_t odd = from == t->from_ms ? 0 : 1; /* the first bucket is the second half of one */
    struct report_trend wide = {.from_ms = from, .width_ms = width};
    for (size_t i = 0; i < TREND_BUCKETS; i++) {
        wide.pairs[(i + odd) / 2] += t->pairs[i];
        wide.bad[(i + odd) / 2] += t->bad[i];
    }
    *t = wide;
}

/* Time before the first bucket: there is room for it behind the last that is used. */
static bool slide(struct report_trend *t, uint64_t at_ms)
{
    uint64_t from = at_ms - at_ms % t->width_ms;
    size_t shift = (size_t)((t->from_ms - from) / t->width_ms), used = TREND_BUCKETS;
    while (used > 0 && t->pairs[used - 1] == 0)
        used--;
    if (shift + used > TREND_BUCKETS)
        return false;
    for (size_t i = TREND_BUCKETS; i-- > 0;) {
        t->pairs[i] = i >= shift ? t->pairs[i - shift] : 0;
        t->bad[i] = i >= shift ? t->bad[i - shift] : 0;
    }
    t->from_ms = from;
    return true;
}

void trend_add(struct report_trend *t, uint64_t at_ms, bool bad)
{
    if (at_ms > latest_ms)
        return;
    if (t->width_ms == 0) {
        t->width_ms = FIRST_WIDTH_MS;
        t->from_ms = at_ms - at_ms % FIRST_WIDTH_MS;
    }
    while (at_ms < t->from_ms &&
           (t->from_ms - at_ms > TREND_BUCKETS * t->width_ms || !slide(t, at_ms)))
        widen(t);
    while (at_ms >= t->from_ms + TREND_BUCKETS * t->width_ms)
        widen(t);
    size_t i = (size_t)((at_ms - t->from_ms) / t->width_ms);
    t->pairs[i]++;
    t->bad[i] += bad ? 1 : 0;
}
