/* Could a route go back to legacy now? Told from the copies that legacy was sent while new served
 * (the reverse shadow): whether it answers, as fast as new, and the same. docs/shadow.md has the
 * definition. Any thread; one lock. */
#ifndef SHADOW_READINESS_H
#define SHADOW_READINESS_H

#include "shadow/compare.h"

#include <pthread.h>

enum {
    READINESS_ROUTES_MAX = 1000, /* of more nothing is known */
    READINESS_KEPT = 512,        /* copies, the latest, of each route */
    READINESS_WINDOW_MS = 10 * 60 * 1000,
    READINESS_ENOUGH = 20, /* copies in that time */
    READINESS_WHY_MAX = SHADOW_WHY_MAX,
};

enum readiness_state { READINESS_UNKNOWN, READINESS_NOT_READY, READINESS_READY };

struct readiness_copy {
    uint64_t at_ms;
    uint64_t us[2]; /* first byte, by enum side; 0: legacy gave none */
    bool failed;
    bool differs;
};

struct readiness_route {
    char *name;
    uint64_t n;          /* ever; the ring has the last of them */
    const char *failure; /* of the last that failed; static */
    metric_slot ready;
    bool has_series;
    struct readiness_copy ring[READINESS_KEPT];
};

struct readiness {
    pthread_mutex_t lock;
    struct { /* under lock */
        struct readiness_route **routes;
        size_t n;
    } shared;
};

enum err readiness_begin(struct readiness *r) MUST_USE;
void readiness_end(struct readiness *r);

void readiness_add(struct readiness *r, const struct shadow_pair *pair, const struct comparison *c);
/* Pairs that legacy served, and those whose served answer was cut, say nothing. */

enum readiness_state readiness_judge(const struct readiness_route *route, uint64_t now_ms,
                                     char why[READINESS_WHY_MAX]);
/* Under the lock; why: one line. */

enum readiness_state readiness_of(struct readiness *r, const char *route, uint64_t now_ms,
                                  char why[READINESS_WHY_MAX]);

enum err readiness_summary(struct readiness *r, uint64_t now_ms, struct buf *json) MUST_USE;
/* Appends an object: by route {"state": "ready", "why": "..."}. */

void readiness_measure(struct readiness *r, uint64_t now_ms);
/* Sets weir_rollback_ready. Always the same thread. */

#endif
