/* Copies that were not sent or not compared. Counted for the whole process: they are counted where
 * no pair exists yet. */
#include "shadow/drops.h"

static _Atomic uint64_t counts[SHADOW_DROP_COUNT];
static _Atomic metric_slot slots[SHADOW_DROP_COUNT]; /* 0: not asked for yet */

const char *shadow_drop_word(enum shadow_drop d)
{
    static const char *const words[SHADOW_DROP_COUNT] = {
        [SHADOW_DROP_OVERSIZE] = "oversize",
        [SHADOW_DROP_QUEUE_FULL] = "queue_full",
        [SHADOW_DROP_BUDGET] = "budget",
        [SHADOW_DROP_METHOD] = "method",
        [SHADOW_DROP_NO_CONNECTION] = "no_connection",
        [SHADOW_DROP_TIMEOUT] = "timeout",
        [SHADOW_DROP_LOOP] = "loop",
        [SHADOW_DROP_UPGRADE] = "upgrade",
        [SHADOW_DROP_SHED] = "shed",
        [SHADOW_DROP_FALLBACK] = "fallback",
        [SHADOW_DROP_SANDBOX] = "sandbox",
        [SHADOW_DROP_INCOMPLETE] = "incomplete",
    };
    BUG_IF(d >= SHADOW_DROP_COUNT);
    return words[d];
}

enum err drops_begin(void)
{
    for (enum shadow_drop d = 0; d < SHADOW_DROP_COUNT; d++) {
        const char *values[] = {shadow_drop_word(d)};
        metric_slot slot;
        TRY(metrics_series(METRIC_SHADOW_DROPPED, values, &slot));
        atomic_store_explicit(&slots[d], slot, memory_order_relaxed);
    }
    return ERR_OK;
}

void shadow_count_drop(enum shadow_drop d)
{
    BUG_IF(d >= SHADOW_DROP_COUNT);
    (void)atomic_fetch_add_explicit(&counts[d], 1, memory_order_relaxed);
    metric_slot slot = atomic_load_explicit(&slots[d], memory_order_relaxed);
    if (slot != 0)
        metric_inc(slot);
}

void drops_read(uint64_t out[SHADOW_DROP_COUNT])
{
    for (enum shadow_drop d = 0; d < SHADOW_DROP_COUNT; d++)
        out[d] = atomic_load_explicit(&counts[d], memory_order_relaxed);
}
