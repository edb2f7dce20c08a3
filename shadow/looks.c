/* Counted for the whole process, like drops.c. */
#include "shadow/looks.h"

static _Atomic metric_slot probes[SHADOW_PROBE_COUNT]; /* 0: not asked for yet */
static _Atomic metric_slot said[SETTLED_KINDS];
static _Atomic metric_slot unchecked[SHADOW_RECHECK_COUNT];

const char *shadow_recheck_word(enum shadow_recheck r)
{
    static const char *const words[SHADOW_RECHECK_COUNT] = {
        [SHADOW_RECHECK_OPEN] = "open",     [SHADOW_RECHECK_OFF] = "off",
        [SHADOW_RECHECK_UNSAFE] = "unsafe", [SHADOW_RECHECK_BUDGET] = "budget",
        [SHADOW_RECHECK_SHED] = "shed",     [SHADOW_RECHECK_CHANGED] = "changed",
        [SHADOW_RECHECK_FAILED] = "failed",
    };
    BUG_IF(r >= SHADOW_RECHECK_COUNT);
    return words[r];
}

static const char *probe_word(enum shadow_probe_end e)
{
    static const char *const words[SHADOW_PROBE_COUNT] = {
        [SHADOW_PROBE_ANSWERED] = "answered",
        [SHADOW_PROBE_FAILED] = "failed",
        [SHADOW_PROBE_BUDGET] = "budget",
        [SHADOW_PROBE_DROPPED] = "dropped",
    };
    return words[e];
}

static enum err series(enum metric family, const char *word, _Atomic metric_slot *out)
{
    metric_slot slot;
    TRY(metrics_series(family, &word, &slot));
    atomic_store_explicit(out, slot, memory_order_relaxed);
    return ERR_OK;
}

static void count(_Atomic metric_slot *in)
{
    metric_slot slot = atomic_load_explicit(in, memory_order_relaxed);
    if (slot != 0)
        metric_inc(slot);
}

enum err looks_begin(void)
{
    for (enum shadow_probe_end e = 0; e < SHADOW_PROBE_COUNT; e++)
        TRY(series(METRIC_SHADOW_PROBES, probe_word(e), &probes[e]));
    for (enum settled s = SETTLED_PERSISTENT; s <= SETTLED_SKEW; s++)
        TRY(series(METRIC_SHADOW_RECHECKS, settled_word(s), &said[s]));
    for (enum shadow_recheck r = SHADOW_RECHECK_OFF; r < SHADOW_RECHECK_COUNT; r++)
        TRY(series(METRIC_SHADOW_RECHECKS, shadow_recheck_word(r), &unchecked[r]));
    return ERR_OK;
}

void shadow_count_probe(enum shadow_probe_end e)
{
    BUG_IF(e >= SHADOW_PROBE_COUNT);
    count(&probes[e]);
}

void looks_count(const struct settlement *s)
{
    if (s->said == SETTLED_UNCHECKED)
        count(&unchecked[s->end]);
    else if (s->said != SETTLED_NOTHING)
        count(&said[s->said]);
}
