/* Counters: right after threads came and went, rendered so that Prometheus reads them. */
#include "tests/unit/fail_alloc.h"

#include "base/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int fresh(void **state)
{
    UNUSED(state);
    metrics_reset();
    return 0;
}

static metric_slot series(enum metric family, const char *a, const char *b, const char *c)
{
    const char *const values[] = {a, b, c};
    metric_slot s;
    assert_int_equal(metrics_series(family, values, &s), ERR_OK);
    return s;
}

/* --- counting --- */

static void test_same_values_same_slot(void **state)
{
    UNUSED(state);
    metric_slot a = series(METRIC_DECISIONS, "r", "new", "weight");
    assert_int_equal(series(METRIC_DECISIONS, "r", "new", "weight"), a);
    assert_int_not_equal(series(METRIC_DECISIONS, "r", "new", "pin"), a);
    assert_int_not_equal(series(METRIC_DECISIONS, "r\",side=\"new", "", "weight"), a);
    assert_true(a > METRIC_COUNT);
}

static void test_gauge_goes_down(void **state)
{
    UNUSED(state);
    metric_inc(METRIC_REQUESTS_OPEN);
    metric_inc(METRIC_REQUESTS_OPEN);
    metric_dec(METRIC_REQUESTS_OPEN);
    assert_int_equal(metric_read(METRIC_REQUESTS_OPEN), 1);
    metric_set(METRIC_EPOCH, 42);
    metric_set(METRIC_EPOCH, 41);
    assert_int_equal(metric_read(METRIC_EPOCH), 41);
}

/* A gauge that one thread raises and another lowers. */
static void *lower(void *arg)
{
    UNUSED(arg);
    metrics_thread_begin("a name of more than fifteen characters");
    metric_dec(METRIC_CONNECTIONS_OPEN);
    metrics_thread_end();
    metrics_thread_end(); /* none: nothing happens */
    return NULL;
}

static void test_across_threads(void **state)
{
    pthread_t t;
    UNUSED(state);
    metrics_thread_begin("test");
    metric_add(METRIC_CONNECTIONS_OPEN, 3);
    assert_int_equal(pthread_create(&t, NULL, lower, NULL), 0);
    pthread_join(t, NULL);
    assert_int_equal(metric_read(METRIC_CONNECTIONS_OPEN), 2);
    metrics_thread_end();
    assert_int_equal(metric_read(METRIC_CONNECTIONS_OPEN), 2); /* folded, not lost */
    metrics_thread_begin("test");
    metric_inc(METRIC_CONNECTIONS_OPEN);
    assert_int_equal(metric_read(METRIC_CONNECTIONS_OPEN), 3);
    metrics_reset(); /* forgets what this thread counted as well */
    assert_int_equal(metric_read(METRIC_CONNECTIONS_OPEN), 0);
    metrics_thread_end();
    assert_int_equal(metric_read(METRIC_CONNECTIONS_OPEN), 0);
}

enum { COUNTERS = 3, ROUNDS = 20000, SERIES = 3000 };

struct counting {
    metric_slot first;
    atomic_uint started;
    atomic_bool stop;
};

static void *count(void *arg)
{
    struct counting *c = arg;
    metrics_thread_begin("counter");
    atomic_fetch_add(&c->started, 1);
    for (int i = 0; i < ROUNDS || !atomic_load(&c->stop); i++) {
        if (i < ROUNDS)
            metric_inc(c->first);
        metric_inc(METRIC_CONNECTIONS);
    }
    metrics_thread_end();
    return NULL;
}

static void *come_and_go(void *arg)
{
    struct counting *c = arg;
    while (!atomic_load(&c->stop)) {
        metrics_thread_begin("guest");
        metric_inc(METRIC_TLS_FAILED);
        metrics_thread_end();
    }
    return NULL;
}

/* New series make new chunks for threads that are counting meanwhile; threads come and go; a reader
 * never sees a count go down. */
static void test_growth_while_counting(void **state)
{
    struct counting c = {.first = series(METRIC_SHADOW_DROPPED, "x", NULL, NULL)};
    pthread_t threads[COUNTERS + 1];
    uint64_t seen = 0;
    char name[16];
    UNUSED(state);
    for (int i = 0; i < COUNTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, &c), 0);
    assert_int_equal(pthread_create(&threads[COUNTERS], NULL, come_and_go, &c), 0);
    for (int i = 0; i < SERIES; i++) {
        (void)snprintf(name, sizeof(name), "%d", i);
        metric_slot s = series(METRIC_SHADOW_COPIES, name, NULL, NULL);
        metric_add(s, (uint64_t)i);
        uint64_t now = metric_read(METRIC_CONNECTIONS) + metric_read(METRIC_TLS_FAILED);
        assert_true(now >= seen);
        seen = now;
    }
    atomic_store(&c.stop, true);
    for (int i = 0; i <= COUNTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metric_read(c.first), COUNTERS * ROUNDS);
    for (int i = 0; i < SERIES; i++) {
        (void)snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(metric_read(series(METRIC_SHADOW_COPIES, name, NULL, NULL)), i);
    }
}

/* --- histograms --- */

static void test_histogram_buckets(void **state)
{
    static const uint64_t values[] = {0, 100, 101, 250, 29999999, 30000000, 30000001, 1u << 31};
    struct metric_histogram h;
    uint64_t sum = 0;
    UNUSED(state);
    metric_slot s = series(METRIC_LATENCY, "r", "b", "new");
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        metric_observe(s, values[i]);
        sum += values[i];
    }
    metric_read_histogram(s, &h);
    assert_int_equal(h.count, ARRAY_LEN(values));
    assert_true(h.sum_us == sum);
    assert_int_equal(h.buckets[0], 2); /* a bound belongs to its bucket */
    assert_int_equal(h.buckets[1], 2);
    assert_int_equal(h.buckets[METRICS_BUCKETS - 2], 2);
    assert_int_equal(h.buckets[METRICS_BUCKETS - 1], 2);
}

static void test_quantiles(void **state)
{
    struct metric_histogram h = {.count = 0};
    UNUSED(state);
    assert_int_equal(metric_quantile_us(&h, 0.5), 0);
    h.buckets[3] = 100; /* 500..1000 us */
    h.count = 100;
    assert_int_equal(metric_quantile_us(&h, 0), 500);
    assert_int_equal(metric_quantile_us(&h, 0.5), 750);
    assert_int_equal(metric_quantile_us(&h, 1), 1000);
    assert_int_equal(metric_quantile_us(&h, 1.5), 1000);
    assert_int_equal(metric_quantile_us(&h, -1), 500);
    assert_int_equal(metric_quantile_us(&h, 0.0 / 0.0), 500);
    h.buckets[METRICS_BUCKETS - 1] = 100; /* open: taken as one more doubling */
    h.count = 200;
    assert_int_equal(metric_quantile_us(&h, 0.5), 1000);
    assert_int_equal(metric_quantile_us(&h, 1), 60000000);
    uint64_t last = 0;
    for (double q = 0; q <= 1; q += 0.001) { /* it only grows */
        assert_true(metric_quantile_us(&h, q) >= last);
        last = metric_quantile_us(&h, q);
    }
}

/* --- rendering --- */

static bool has_line(const struct buf *b, const char *line)
{
    struct span rest = buf_span(b);
    struct span item;
    while (span_cut(&rest, '\n', &item))
        if (span_eq(item, span_str(line)))
            return true;
    return false;
}

static void test_rendering(void **state)
{
    struct buf b = BUF_INIT(0);
    UNUSED(state);
    metric_add(METRIC_CONNECTIONS, 7);
    metric_dec(METRIC_REQUESTS_OPEN);
    metric_add(series(METRIC_DECISIONS, "a\"b\\c\nd", "new", "pin"), 5);
    metric_slot s = series(METRIC_LATENCY, "r", "b", "new");
    metric_observe(s, 90);
    metric_observe(s, 40000000);
    assert_int_equal(metrics_render(&b), ERR_OK);
    assert_true(has_line(&b, "# TYPE weir_connections_total counter"));
    assert_true(has_line(&b, "weir_connections_total 7"));
    assert_true(has_line(&b, "weir_requests_open -1"));
    assert_true(has_line(
        &b, "weir_decisions_total{route=\"a\\\"b\\\\c\\nd\",side=\"new\",reason=\"pin\"} 5"));
    assert_true(has_line(&b, "# TYPE weir_request_duration_seconds histogram"));
#define LABELS "route=\"r\",backend=\"b\",side=\"new\""
    assert_true(has_line(&b, "weir_request_duration_seconds_bucket{" LABELS ",le=\"0.0001\"} 1"));
    assert_true(has_line(&b, "weir_request_duration_seconds_bucket{" LABELS ",le=\"30\"} 1"));
    assert_true(has_line(&b, "weir_request_duration_seconds_bucket{" LABELS ",le=\"+Inf\"} 2"));
    assert_true(has_line(&b, "weir_request_duration_seconds_sum{" LABELS "} 40.000090"));
    assert_true(has_line(&b, "weir_request_duration_seconds_count{" LABELS "} 2"));
    assert_int_equal(b.p[b.n - 1], '\n');
    buf_free(&b);
}

static void test_rendering_at_the_ceiling(void **state)
{
    struct buf b = BUF_INIT(100);
    UNUSED(state);
    assert_int_equal(metrics_render(&b), ERR_TOO_LARGE);
    buf_free(&b);
}

/* --- without memory --- */

static enum err build(void *arg)
{
    const char *const values[] = {"r", "b", "new"};
    metric_slot s;
    UNUSED(arg);
    metrics_reset();
    metrics_thread_begin("test"); /* without memory it goes through the shared slots */
    enum err e = metrics_series(METRIC_LATENCY, values, &s);
    if (e != ERR_OK)
        assert_int_equal(s, METRIC_COUNT);
    metric_observe(s, 5); /* counts for nothing then, and harms nobody */
    metric_inc(METRIC_CONNECTIONS);
    assert_int_equal(metric_read(METRIC_CONNECTIONS), 1);
    if (e == ERR_OK) {
        struct metric_histogram h;
        metric_read_histogram(s, &h);
        assert_int_equal(h.count, 1);
    }
    metrics_thread_end();
    assert_int_equal(metric_read(METRIC_CONNECTIONS), 1);
    return e;
}

static void test_without_memory(void **state)
{
    UNUSED(state);
    alloc_walk(build, NULL);
}

/* More series than fit into a chunk, each new chunk failing once. */
static void test_chunk_without_memory(void **state)
{
    char name[16];
    UNUSED(state);
    metrics_thread_begin("test");
    for (int i = 0; i < 3 * METRICS_CHUNK; i++) {
        (void)snprintf(name, sizeof(name), "%d", i);
        const char *const values[] = {name};
        metric_slot s;
        alloc_fail_at(2 + i % 3);
        enum err e = metrics_series(METRIC_SHADOW_COPIES, values, &s);
        alloc_fail_at(0);
        if (e != ERR_OK)
            e = metrics_series(METRIC_SHADOW_COPIES, values, &s);
        assert_int_equal(e, ERR_OK);
        metric_add(s, (uint64_t)i);
        assert_int_equal(metric_read(s), i);
    }
    metrics_thread_end();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
    const struct CMUnitTest tests[] = {
        TEST(test_same_values_same_slot),
        TEST(test_gauge_goes_down),
        TEST(test_across_threads),
        TEST(test_growth_while_counting),
        TEST(test_histogram_buckets),
        TEST(test_quantiles),
        TEST(test_rendering),
        TEST(test_rendering_at_the_ceiling),
        TEST(test_without_memory),
        TEST(test_chunk_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
