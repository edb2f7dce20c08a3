/* What it costs to compare two answers: JSON of 2 KiB and of 1 MiB that differ in one place, in
 * none, and with rules; and what a record costs. Goals: 2 KiB below 20 us, 1 MiB below 15 ms. */
#include "shadow/compare.h"
#include "shadow/record.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static struct config_route route;
static struct config config;
static struct comparer comparer;
static struct shadow_pair pair;
static bool is_short; /* a test: each thing once or twice */

/* An order of so many lines; each side writes the last price in its own way. */
static void make_body(struct buf *b, enum side side, size_t bytes, bool differs)
{
    b->n = 0;
    BUG_IF(buf_printf(
               b,
               "{\"order\":\"3f2b8c1e-7d3a-4f5b-9c1d-2e3f4a5b6c7d\",\"created_at\":\"2026-03-01T02:"
               "13:00Z\","
               "\"customer\":{\"id\":4711,\"name\":\"Ada Lovelace\",\"vip\":true},\"lines\":[") !=
           ERR_OK);
    for (unsigned i = 0; b->n < bytes - 20; i++)
        BUG_IF(
            buf_printf(
                b,
                "%s{\"id\":%u,\"sku\":\"A-%05u\",\"title\":\"A chair with four legs, number %u\","
                "\"price\":%u.%02u,\"quantity\":%u,\"tags\":[\"new\",\"oak\"],\"note\":null}",
                i == 0 ? "" : ",", i, i * 7, i, i, i % 100, i % 5) != ERR_OK);
    BUG_IF(buf_printf(b, "],\"total\":%s}",
                      differs && side == SIDE_NEW ? "\"99.50\""
                      : side == SIDE_NEW          ? "99.50"
                                                  : "99.5") != ERR_OK);
}

static void make_pair(size_t bytes, bool differs)
{
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        struct shadow_answer *a = &pair.answers[s];
        make_body(&a->body, s, bytes, differs);
        a->body_length = a->body.n;
        a->has_head = true;
        http_head_begin(&a->head, &pair.arena, true);
        a->head.status = 200;
        BUG_IF(http_head_add_id(&a->head, HTTP_CONTENT_TYPE, SPAN("application/json")) != ERR_OK);
        BUG_IF(http_head_add(&a->head, SPAN("Date"), s == SIDE_LEGACY ? SPAN("a") : SPAN("b")) !=
               ERR_OK);
        BUG_IF(http_head_add(&a->head, SPAN("Server"),
                             s == SIDE_LEGACY ? SPAN("nginx") : SPAN("uvicorn")) != ERR_OK);
        BUG_IF(http_head_add(&a->head, SPAN("Cache-Control"), SPAN("no-store")) != ERR_OK);
        BUG_IF(http_head_add(&a->head, SPAN("X-Request-Id"),
                             s == SIDE_LEGACY ? SPAN("1") : SPAN("2")) != ERR_OK);
    }
}

static void rules(const char *const *ignore, size_t n, struct config_tolerance *tolerance)
{
    struct complaints wrong = {.n = 0};
    const char *list[4];
    memcpy(list, ignore, n * sizeof(list[0]));
    route.name = "bench";
    route.shadow.ignore = (struct config_names){list, n};
    route.shadow.tolerance = tolerance;
    route.shadow.ntolerance = tolerance == NULL ? 0 : 1;
    shadow_rules_release(&pair.rules);
    BUG_IF(shadow_rules_new(&route, &config, &pair.rules, &wrong) != ERR_OK);
}

static void measure(const char *what, size_t bytes, bool differs, unsigned rounds)
{
    struct comparison result;
    make_pair(bytes, differs);
    compare_pair(&comparer, &pair, &result);
    BUG_IF(result.nfindings != (differs ? 1 : 0));
    uint64_t best = UINT64_MAX;
    if (is_short)
        rounds = 1;
    for (unsigned turn = 0; turn < 7; turn++) {
        uint64_t start = clock_us();
        for (unsigned i = 0; i < rounds; i++)
            compare_pair(&comparer, &pair, &result);
        uint64_t us = clock_us() - start;
        best = us < best ? us : best;
    }
    printf("  %-44s %10.1f us  %7.0f MB/s\n", what, (double)best / rounds,
           2.0 * (double)pair.answers[0].body.n * rounds / (double)best);
    arena_end(&pair.arena);
}

static void measure_record(void)
{
    const unsigned rounds = is_short ? 1 : 20000;
    struct comparison result;
    struct redactor redactor;
    struct endpoint endpoint;
    struct buf line = BUF_INIT(RECORD_LINE_MAX);
    BUG_IF(redact_begin(&redactor, SHADOW_STORE_TOKENS) != ERR_OK);
    for (unsigned differs = 0; differs < 2; differs++) {
        make_pair(2048, differs == 1);
        compare_pair(&comparer, &pair, &result);
        uint64_t start = clock_us();
        for (unsigned i = 0; i < rounds; i++) {
            line.n = 0;
            endpoint_of(HTTP_GET, pair.path, &endpoint);
            BUG_IF(record_pair(&redactor, &pair, &endpoint, &result, false, &line) != ERR_OK);
        }
        printf("  %-44s %10.1f us  %7zu bytes\n",
               differs ? "record of a mismatch" : "record of a match",
               (double)(clock_us() - start) / rounds, line.n);
        arena_end(&pair.arena);
    }
    buf_free(&line);
}

int main(int argc, char **argv)
{
    (void)argv;
    is_short = argc > 1;
    static const char *const ignore[] = {"$.created_at", "$.lines[].note", "$.**.trace_id"};
    struct config_tolerance tolerance = {"$.lines[].price", 0.01, 0};
    arena_begin(&pair.arena, 1 << 20);
    compare_begin(&comparer, 16 << 20);
    pair.method = HTTP_GET;
    pair.target = SPAN("/orders/4711?full=1");
    pair.path = SPAN("/orders/4711");
    pair.host = SPAN("shop.test");
    rules(ignore, 0, NULL);
    measure("2 KiB, one difference", 2048, true, 20000);
    measure("2 KiB, equal but for notation", 2048, false, 20000);
    measure("64 KiB, one difference", 64 * 1024, true, 500);
    measure("1 MiB, one difference", 1024 * 1024, true, 20);
    rules(ignore, 3, NULL);
    measure("2 KiB, one difference, 3 ignores", 2048, true, 20000);
    measure("1 MiB, one difference, 3 ignores", 1024 * 1024, true, 20);
    rules(ignore, 3, &tolerance);
    measure("2 KiB, one difference, and a tolerance", 2048, true, 20000);
    measure("1 MiB, one difference, and a tolerance", 1024 * 1024, true, 20);
    measure_record();
    shadow_rules_release(&pair.rules);
    buf_free(&pair.answers[0].body);
    buf_free(&pair.answers[1].body);
    compare_end(&comparer);
    return 0;
}
