/* Pairs of answers made from text, for the tests of shadow/. */
#ifndef TESTS_SHADOW_SUPPORT_H
#define TESTS_SHADOW_SUPPORT_H

#include "tests/unit/fail_alloc.h"

#include "shadow/compare.h"

enum { BENCH_RULES_MAX = 64 };

/* A route with its rules, and a pair on it. */
struct bench {
    struct config config;
    struct config_route route;
    struct config_backend backends[2];
    const char *servers[2];
    const char *ignore[BENCH_RULES_MAX];
    struct config_tolerance tolerance[BENCH_RULES_MAX];
    struct shadow_rules *rules;
    struct shadow_pair pair;
    struct comparer comparer;
    struct comparison result;
};

void bench_begin(struct bench *b);
/* Route "default", backends legacy.test:80 and new.test:8080, host shop.test, GET /items/7?q=1,
 * legacy serves. */

void bench_ignore(struct bench *b, const char *path);
void bench_tolerate(struct bench *b, const char *path, double abs, double rel);
/* Before bench_rules(). */

void bench_rules(struct bench *b);

void bench_answer(struct bench *b, enum side side, struct span text);
/* text: a body, or status line, fields, an empty line and a body when it begins with HTTP/. A body
 * without a head gets status 200 and no Content-Type. Everything is copied. */

void bench_trailers(struct bench *b, enum side side, struct span text);
/* Lines of fields; after bench_answer(). */

void bench_clear(struct bench *b);
/* Forgets both answers. */

void bench_compare(struct bench *b);
void bench_end(struct bench *b);

void bench_json(struct bench *b, const char *legacy, const char *new_);
/* Both answers as application/json, compared. */

const struct finding *bench_finding(const struct bench *b, const char *path,
                                    enum finding_kind kind);
/* The finding, or NULL. */

void bench_expect(const struct bench *b, const char *path, enum finding_kind kind);
void bench_expect_count(const struct bench *b, size_t findings);
/* Fail with a list of what was found. */

/* --- random, reproducible --- */

struct dice {
    uint64_t state;
};

uint64_t dice_roll(struct dice *d, uint64_t n);
/* 0 .. n-1 */

bool slurp(const char *file, struct buf *out);

#endif
