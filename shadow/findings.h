/* What has been found since the start, in memory: verdicts by route, and one entry per (route,
 * endpoint, path, kind). Bounded; what does not fit is counted. Any thread; one lock, taken once
 * per pair. */
#ifndef SHADOW_FINDINGS_H
#define SHADOW_FINDINGS_H

#include "shadow/compare.h"
#include "shadow/endpoint.h"

#include <pthread.h>

enum {
    FINDINGS_MAX = 10000,
    FINDINGS_ROUTES_MAX = 1000, /* more are counted together as ~other */
    FINDINGS_EXAMPLES = 3,      /* shadow ids of pairs that show it */
};

struct findings_entry {
    uint64_t key;
    char *text; /* endpoint NUL path NUL */
    uint32_t route;
    uint8_t kind;
    uint8_t nexamples;
    uint64_t pairs;
    uint64_t places;
    uint64_t first_ms;
    uint64_t last_ms;
    char examples[FINDINGS_EXAMPLES][33];
};

struct findings_route {
    char *name;
    uint64_t verdicts[VERDICT_KINDS];
    uint64_t findings; /* entries */
};

struct findings {
    pthread_mutex_t lock;
    struct { /* under lock */
        struct findings_entry *entries;
        size_t n;
        size_t cap;
        uint32_t *index; /* open addressing: number of an entry + 1 */
        struct findings_route *routes;
        size_t nroutes;
        uint64_t lost; /* findings of pairs that had no room */
    } shared;
};

enum err findings_begin(struct findings *f) MUST_USE;
void findings_end(struct findings *f);

void findings_add(struct findings *f, const struct shadow_pair *pair,
                  const struct endpoint *endpoint, const struct comparison *c);
/* Counts the verdict and folds the findings in. Without memory they are counted as lost. */

enum err findings_summary(struct findings *f, struct buf *json) MUST_USE;
/* Appends the members "findings", "lost" and "routes" of an object. */

#endif
