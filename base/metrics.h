/* Counters, gauges and histograms: each thread writes its own slots with plain stores; a reader
 * sums them up.
 *
 * A family is a row of metrics.def. A family without labels has the slot of its own number; one
 * with labels has a slot per combination, asked for once (at load time) with metrics_series(). */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/bytes.h"

#include <stdatomic.h>

enum metric {
#define METRIC(name, text, kind, labels, help) METRIC_##name,
#include "base/metrics.def"
#undef METRIC
    METRIC_COUNT
};

typedef uint32_t metric_slot;

enum {
    METRICS_CHUNK_BITS = 10,
    METRICS_CHUNK = 1 << METRICS_CHUNK_BITS, /* slots per chunk */
    METRICS_CHUNKS = 4096,
    METRICS_BUCKETS = 20, /* of a histogram, the last one open */
    METRICS_SERIES_MAX = 1 << 19,
};

struct metrics_thread {
    _Atomic(_Atomic uint64_t *) chunks[METRICS_CHUNKS];
    struct metrics_thread *next;
};

extern _Thread_local struct metrics_thread *metrics_mine;

void metrics_thread_begin(const char *name);
/* Gives the calling thread slots of its own, and its name. Without it, counting works but through a
 * shared atomic. */

void metrics_thread_end(void);
/* Folds the calling thread's counts into the shared ones. */

enum err metrics_series(enum metric family, const char *const *values, metric_slot *out) MUST_USE;
/* The slot for these label values, in the order of the row's labels; the same values always give
 * the same slot, as long as the process lives. Any thread, takes a lock. ERR_TOO_LARGE:
 * METRICS_SERIES_MAX are there. On failure *out is a slot that counts for nothing. */

void metric_add_shared(metric_slot slot, uint64_t n);
void metric_set(metric_slot slot, uint64_t v);
/* A gauge with one writer. */

static inline void metric_add(metric_slot slot, uint64_t n)
{
    struct metrics_thread *t = metrics_mine;
    if (UNLIKELY(t == NULL)) {
        metric_add_shared(slot, n);
        return;
    }
    _Atomic uint64_t *chunk =
        atomic_load_explicit(&t->chunks[slot >> METRICS_CHUNK_BITS], memory_order_acquire);
    _Atomic uint64_t *c = &chunk[slot & (METRICS_CHUNK - 1)];
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void metric_inc(metric_slot slot)
{
    metric_add(slot, 1);
}

static inline void metric_dec(metric_slot slot)
{
    metric_add(slot, UINT64_MAX); /* gauges are sums modulo 2^64 */
}

void metric_observe(metric_slot slot, uint64_t us);
/* Adds one value to a histogram. */

uint64_t metric_read(metric_slot slot);
/* The sum over all threads. Any thread. */

struct metric_histogram {
    uint64_t buckets[METRICS_BUCKETS];
    uint64_t sum_us;
    uint64_t count;
};

void metric_read_histogram(metric_slot slot, struct metric_histogram *out);

uint64_t metric_quantile_us(const struct metric_histogram *h, double q);
/* The value below which a share q of the observations lies, interpolated within its bucket; 0 when
 * there are none. */

enum err metrics_render(struct buf *out) MUST_USE;
/* Appends everything in the Prometheus text format (version 0.0.4). Any thread. */

void metrics_reset(void);
/* Tests only: forgets all series and counts. No other thread may be counting. */

#endif
