/* Slots live in chunks; a chunk exists for every thread or for none, and is made before any slot in
 * it is given out, so the writer never checks. */
#include "base/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { COUNTER, GAUGE, HISTOGRAM };

enum {
    HISTOGRAM_SLOTS = METRICS_BUCKETS + 1, /* buckets, then the sum */
    INDEX_SIZE = METRICS_SERIES_MAX * 2,
};

struct family {
    const char *name;
    enum kind kind;
    const char *labels;
    const char *help;
};

static const struct family families[METRIC_COUNT] = {
#define METRIC(name, text, kind, labels, help) [METRIC_##name] = {text, kind, labels, help},
#include "base/metrics.def"
#undef METRIC
};

/* Upper bounds of the buckets in microseconds; the last bucket has none. */
static const uint64_t bounds_us[METRICS_BUCKETS - 1] = {
    100,   250,    500,    1000,   2500,    5000,    7500,    10000,    25000,   50000,
    75000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000};

_Static_assert(METRIC_COUNT + HISTOGRAM_SLOTS <= METRICS_CHUNK, "the families fit in one chunk");
#define METRIC(name, text, kind, labels, help)              \
    _Static_assert(kind != HISTOGRAM || sizeof(labels) > 1, \
                   #name " needs a label: a family's own slot is a single one");
#include "base/metrics.def"
#undef METRIC

struct series {
    char *labels; /* rendered: route="a",side="new"; NULL: none */
    enum metric family;
    metric_slot slot;
};

_Thread_local struct metrics_thread *metrics_mine;

/* Counts of threads without slots, of ended ones, and gauges that are set. The first chunk is
 * always there, so that counting without labels can never fail. */
static _Atomic uint64_t first_chunk[METRICS_CHUNK];
static struct metrics_thread shared_slots = {.chunks = {first_chunk}};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { /* under lock */
    struct metrics_thread *threads;
    struct series *series;
    size_t nseries;
    size_t cap;
    uint32_t *index; /* open addressing: number of a series + 1 */
    metric_slot next_slot;
    bool ready;
} reg;

/* --- chunks --- */

static _Atomic uint64_t *chunk_new(void)
{
    return calloc(METRICS_CHUNK, sizeof(_Atomic uint64_t));
}

static void chunk_free(_Atomic uint64_t *c)
{
    free((void *)(uintptr_t)c);
}

static bool ensure_chunk(struct metrics_thread *t, unsigned i)
{
    if (atomic_load_explicit(&t->chunks[i], memory_order_relaxed) != NULL)
        return true;
    _Atomic uint64_t *c = chunk_new();
    if (c == NULL)
        return false;
    atomic_store_explicit(&t->chunks[i], c, memory_order_release);
    return true;
}

static bool ensure_chunk_everywhere(unsigned i)
{
    if (i >= METRICS_CHUNKS || !ensure_chunk(&shared_slots, i))
        return false;
    for (struct metrics_thread *t = reg.threads; t != NULL; t = t->next)
        if (!ensure_chunk(t, i))
            return false;
    return true;
}

/* Slots 0..METRIC_COUNT-1 are the families themselves; the one after them counts for nothing. */
static void ready_locked(void)
{
    if (reg.ready)
        return;
    reg.next_slot = METRIC_COUNT + HISTOGRAM_SLOTS;
    reg.ready = true;
}

void metrics_thread_begin(const char *name)
{
    char shown[16]; /* the kernel takes 15 characters or nothing */
    (void)snprintf(shown, sizeof(shown), "%s", name);
    (void)pthread_setname_np(pthread_self(), shown);
    BUG_IF(metrics_mine != NULL);
    struct metrics_thread *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return;
    pthread_mutex_lock(&lock);
    ready_locked();
    bool ok = true;
    unsigned used = ((reg.next_slot - 1) >> METRICS_CHUNK_BITS) + 1;
    for (unsigned i = 0; ok && i < used; i++)
        ok = ensure_chunk(t, i);
    if (ok) {
        t->next = reg.threads;
        reg.threads = t;
    }
    pthread_mutex_unlock(&lock);
    if (!ok) {
        for (unsigned i = 0; i < used; i++)
            chunk_free(atomic_load(&t->chunks[i]));
        free(t);
        return;
    }
    metrics_mine = t;
}

void metrics_thread_end(void)
{
    struct metrics_thread *t = metrics_mine;
    if (t == NULL)
        return;
    metrics_mine = NULL;
    pthread_mutex_lock(&lock);
    struct metrics_thread **at = &reg.threads;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    for (unsigned i = 0; i < METRICS_CHUNKS; i++) {
        _Atomic uint64_t *c = atomic_load(&t->chunks[i]);
        for (unsigned k = 0; c != NULL && k < METRICS_CHUNK; k++)
            atomic_fetch_add(&atomic_load(&shared_slots.chunks[i])[k], atomic_load(&c[k]));
        chunk_free(c);
    }
    pthread_mutex_unlock(&lock);
    free(t);
}

/* --- series --- */

static enum err render_value(struct buf *b, const char *v)
{
    for (;;) {
        size_t plain = strcspn(v, "\\\"\n");
        TRY(buf_append(b, span_of(v, plain)));
        v += plain;
        if (*v == '\0')
            return ERR_OK;
        TRY(buf_append(b, SPAN("\\")));
        TRY(buf_append(b, *v == '\n' ? SPAN("n") : span_of(v, 1)));
        v++;
    }
}

static enum err render_labels(struct buf *b, enum metric family, const char *const *values)
{
    struct span rest = span_str(families[family].labels);
    struct span name;
    for (size_t i = 0; rest.n > 0 && span_cut(&rest, ',', &name); i++) {
        TRY(buf_append(b, i == 0 ? SPAN("") : SPAN(",")));
        TRY(buf_append(b, name));
        TRY(buf_append(b, SPAN("=\"")));
        TRY(render_value(b, values[i]));
        TRY(buf_append(b, SPAN("\"")));
    }
    return buf_append(b, span_of("", 1));
}

static metric_slot take_slots(enum metric family)
{
    unsigned n = families[family].kind == HISTOGRAM ? HISTOGRAM_SLOTS : 1;
    metric_slot s = reg.next_slot;
    if ((s & (METRICS_CHUNK - 1)) + n > METRICS_CHUNK) /* a histogram lies within one chunk */
        s = (s | (METRICS_CHUNK - 1)) + 1;
    if (!ensure_chunk_everywhere(s >> METRICS_CHUNK_BITS))
        return METRIC_COUNT;
    reg.next_slot = s + n;
    return s;
}

static enum err series_add(enum metric family, char *labels, uint32_t at, metric_slot *out)
{
    if (reg.nseries == reg.cap) {
        size_t cap = reg.cap == 0 ? 256 : reg.cap * 2;
        struct series *p = realloc(reg.series, cap * sizeof(*p));
        if (p == NULL)
            return ERR_NO_MEMORY;
        reg.series = p;
        reg.cap = cap;
    }
    metric_slot slot = take_slots(family);
    if (slot == METRIC_COUNT)
        return ERR_NO_MEMORY;
    reg.series[reg.nseries] = (struct series){labels, family, slot};
    reg.index[at] = (uint32_t)++reg.nseries;
    *out = slot;
    return ERR_OK;
}

static enum err find_or_add(enum metric family, char *labels, bool *kept, metric_slot *out)
{
    ready_locked();
    if (reg.index == NULL)
        reg.index = calloc(INDEX_SIZE, sizeof(*reg.index));
    if (reg.index == NULL)
        return ERR_NO_MEMORY;
    uint32_t at = bytes_hash(labels, (uint32_t)family) & (INDEX_SIZE - 1);
    for (; reg.index[at] != 0; at = (at + 1) & (INDEX_SIZE - 1)) {
        const struct series *s = &reg.series[reg.index[at] - 1];
        if (s->family == family && strcmp(s->labels, labels) == 0) {
            *out = s->slot;
            return ERR_OK;
        }
    }
    if (reg.nseries >= METRICS_SERIES_MAX)
        return ERR_TOO_LARGE;
    TRY(series_add(family, labels, at, out));
    *kept = true;
    return ERR_OK;
}

enum err metrics_series(enum metric family, const char *const *values, metric_slot *out)
{
    struct buf b = BUF_INIT(0);
    bool kept = false;
    BUG_IF(family >= METRIC_COUNT || families[family].labels[0] == '\0');
    *out = METRIC_COUNT;
    enum err e = render_labels(&b, family, values);
    if (e == ERR_OK) {
        pthread_mutex_lock(&lock);
        e = find_or_add(family, b.p, &kept, out);
        pthread_mutex_unlock(&lock);
    }
    if (!kept)
        buf_free(&b);
    return e;
}

/* --- writing --- */

static _Atomic uint64_t *shared_slot(metric_slot slot)
{
    _Atomic uint64_t *c = atomic_load(&shared_slots.chunks[slot >> METRICS_CHUNK_BITS]);
    return &c[slot & (METRICS_CHUNK - 1)];
}

void metric_add_shared(metric_slot slot, uint64_t n)
{
    atomic_fetch_add_explicit(shared_slot(slot), n, memory_order_relaxed);
}

void metric_set(metric_slot slot, uint64_t v)
{
    atomic_store_explicit(shared_slot(slot), v, memory_order_relaxed);
}

void metric_observe(metric_slot slot, uint64_t us)
{
    metric_slot i = 0;
    while (i < METRICS_BUCKETS - 1 && us > bounds_us[i])
        i++;
    metric_add(slot + i, 1);
    metric_add(slot + METRICS_BUCKETS, us);
}

/* --- reading --- */

static uint64_t sum_locked(metric_slot slot)
{
    unsigned i = slot >> METRICS_CHUNK_BITS;
    unsigned k = slot & (METRICS_CHUNK - 1);
    _Atomic uint64_t *c = atomic_load(&shared_slots.chunks[i]);
    uint64_t sum = c == NULL ? 0 : atomic_load_explicit(&c[k], memory_order_relaxed);
    for (struct metrics_thread *t = reg.threads; t != NULL; t = t->next) {
        c = atomic_load(&t->chunks[i]);
        sum += c == NULL ? 0 : atomic_load_explicit(&c[k], memory_order_relaxed);
    }
    return sum;
}

static void histogram_locked(metric_slot slot, struct metric_histogram *out)
{
    out->count = 0;
    for (metric_slot i = 0; i < METRICS_BUCKETS; i++) {
        out->buckets[i] = sum_locked(slot + i);
        out->count += out->buckets[i];
    }
    out->sum_us = sum_locked(slot + METRICS_BUCKETS);
}

uint64_t metric_read(metric_slot slot)
{
    pthread_mutex_lock(&lock);
    uint64_t v = sum_locked(slot);
    pthread_mutex_unlock(&lock);
    return v;
}

void metric_read_histogram(metric_slot slot, struct metric_histogram *out)
{
    pthread_mutex_lock(&lock);
    histogram_locked(slot, out);
    pthread_mutex_unlock(&lock);
}

uint64_t metric_quantile_us(const struct metric_histogram *h, double q)
{
    double share = !(q > 0) ? 0 : q < 1 ? q : 1;
    double want = share * (double)h->count;
    uint64_t seen = 0;
    if (h->count == 0)
        return 0;
    for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
        uint64_t n = h->buckets[i];
        if (n > 0 && (double)(seen + n) >= want) {
            uint64_t low = i == 0 ? 0 : bounds_us[i - 1];
            uint64_t high = i < METRICS_BUCKETS - 1 ? bounds_us[i] : 2 * low;
            return low + (uint64_t)((double)(high - low) * (want - (double)seen) / (double)n);
        }
        seen += n;
    }
    return 2 * bounds_us[METRICS_BUCKETS - 2];
}

static enum err render_histogram(struct buf *out, const struct family *f, const struct series *s)
{
    struct metric_histogram h;
    uint64_t upto = 0;
    histogram_locked(s->slot, &h);
    for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
        upto += h.buckets[i];
        if (i < METRICS_BUCKETS - 1)
            TRY(buf_printf(out, "%s_bucket{%s,le=\"%g\"} %llu\n", f->name, s->labels,
                           (double)bounds_us[i] / 1e6, (unsigned long long)upto));
    }
    return buf_printf(out, "%s_bucket{%s,le=\"+Inf\"} %llu\n%s_sum{%s} %.6f\n%s_count{%s} %llu\n",
                      f->name, s->labels, (unsigned long long)h.count, f->name, s->labels,
                      (double)h.sum_us / 1e6, f->name, s->labels, (unsigned long long)h.count);
}

static enum err render_one(struct buf *out, const struct family *f, const struct series *s)
{
    if (f->kind == HISTOGRAM)
        return render_histogram(out, f, s);
    return buf_printf(out, "%s%s%s%s %lld\n", f->name, s->labels == NULL ? "" : "{",
                      s->labels == NULL ? "" : s->labels, s->labels == NULL ? "" : "}",
                      (long long)sum_locked(s->slot));
}

static enum err render_locked(struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    ready_locked();
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        const struct family *f = &families[m];
        TRY(buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name,
                       kinds[f->kind]));
        if (f->labels[0] == '\0') {
            struct series s = {NULL, m, m};
            TRY(render_one(out, f, &s));
            continue;
        }
        for (size_t i = 0; i < reg.nseries; i++)
            if (reg.series[i].family == m)
                TRY(render_one(out, f, &reg.series[i]));
    }
    return ERR_OK;
}

enum err metrics_render(struct buf *out)
{
    pthread_mutex_lock(&lock);
    enum err e = render_locked(out);
    pthread_mutex_unlock(&lock);
    return e;
}

static void zero_slots(struct metrics_thread *t)
{
    for (unsigned i = 0; i < METRICS_CHUNKS; i++) {
        _Atomic uint64_t *c = atomic_load(&t->chunks[i]);
        for (unsigned k = 0; c != NULL && k < METRICS_CHUNK; k++)
            atomic_store(&c[k], 0);
    }
}

void metrics_reset(void)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < reg.nseries; i++)
        free(reg.series[i].labels);
    free(reg.series);
    free(reg.index);
    reg.series = NULL;
    reg.index = NULL;
    reg.nseries = reg.cap = 0;
    reg.next_slot = 0;
    reg.ready = false;
    for (struct metrics_thread *t = &shared_slots; t != NULL;
         t = t == &shared_slots ? reg.threads : t->next)
        zero_slots(t);
    pthread_mutex_unlock(&lock);
}
