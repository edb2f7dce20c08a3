/* What counting costs: a counter, a histogram, and the reading of the clock that a duration takes
 * twice. */
#include "base/clock.h"
#include "base/metrics.h"

#include <stdio.h>

static unsigned rounds = 20000000; /* few in a test */

static void say(const char *what, uint64_t us)
{
    printf("  %-44s %8.1f ns\n", what, 1000.0 * (double)us / rounds);
}

int main(int argc, char **argv)
{
    static const char *const labels[] = {"route", "backend", "legacy"};
    static const char *const one[] = {"0"};
    metric_slot histogram, counter;
    uint64_t sum = 0;
    (void)argv;
    if (argc > 1)
        rounds = 10;
    metrics_thread_begin("bench");
    BUG_IF(metrics_series(METRIC_LATENCY, labels, &histogram) != ERR_OK);
    BUG_IF(metrics_series(METRIC_REQUESTS_REFUSED, one, &counter) != ERR_OK);
    uint64_t start = clock_us();
    for (unsigned i = 0; i < rounds; i++)
        metric_add(counter, 1);
    say("a counter", clock_us() - start);
    start = clock_us();
    for (unsigned i = 0; i < rounds; i++)
        metric_observe(histogram, i % 100000);
    say("a histogram, 0 to 100 ms", clock_us() - start);
    start = clock_us();
    for (unsigned i = 0; i < rounds; i++)
        sum += clock_us();
    say("the clock", clock_us() - start);
    BUG_IF(sum == 0);
    metrics_thread_end();
    return 0;
}
