/* Deciding from a report whether the weight may go up. Made by gate.c, written by gate_print.c. */
#ifndef SHADOW_GATE_H
#define SHADOW_GATE_H

#include "shadow/report.h"

enum { NEEDS_MAX = 1000 * 1000 * 1000 }; /* of requests: no number of them would do */

enum gate_check { CHECK_ERRORS, CHECK_MISMATCH, CHECK_P95, CHECK_P99, GATE_CHECKS };

enum gate_state {
    GATE_HOLDS, /* the upper bound is within the limit */
    GATE_THIN,  /* too few requests to say */
    GATE_OVER,  /* what was seen is over the limit */
};

struct gate_result {
    enum gate_state state;
    double observed, upper; /* upper: infinite when nothing can be said */
    double limit;
    uint64_t needs; /* THIN: so many more requests, if they are like those seen */
    bool proven;    /* OVER: the lower bound is, too */
};

struct gate_endpoint {
    const struct report_endpoint *endpoint;
    enum gate_state state; /* the worst of the checks */
    uint64_t needs;        /* THIN: the most of them */
    uint64_t wait_ms;      /* how long that takes at the present rate; 0: not known */
    struct gate_result checks[GATE_CHECKS];
};

struct gate {
    const struct report *report;
    const struct gate_limits *limits;
    enum gate_verdict verdict;
    const char *why; /* one sentence. Static */
    double coverage;
    struct gate_endpoint *endpoints;
    size_t n;
};

enum err gate_make(const struct report *r, const struct gate_limits *limits,
                   struct gate *g) MUST_USE;
void gate_free(struct gate *g);

const char *gate_check_word(enum gate_check c);
const char *gate_state_word(enum gate_state s);
const char *gate_verdict_word(enum gate_verdict v);

enum err gate_text(const struct gate *g, struct buf *out) MUST_USE;
enum err gate_json(const struct gate *g, struct buf *out) MUST_USE;
enum err gate_junit(const struct gate *g, struct buf *out) MUST_USE;

#endif
