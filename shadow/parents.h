/* Did the place exist at all? Known parents of findings, by endpoint: an exchange whose answers do
 * not have them says nothing about what is in them, and is not in the denominator of its rate. */
#ifndef SHADOW_PARENTS_H
#define SHADOW_PARENTS_H

#include "shadow/compare.h"

#include <pthread.h>

enum { PARENTS_ENDPOINTS = 1024 }; /* more are taken to have every parent */

struct parents_endpoint {
    uint64_t key; /* 0: free */
    size_t n;
    char *paths[PARENTS_MAX]; /* once there, they stay */
};

struct parents {
    pthread_mutex_t lock;
    struct {                                /* under lock */
        struct parents_endpoint *endpoints; /* open addressing */
        size_t n;
    } shared;
};

enum err parents_begin(struct parents *p) MUST_USE;
void parents_end(struct parents *p);

void parents_look(struct parents *p, struct comparer *c, const struct shadow_pair *pair,
                  const struct endpoint *endpoint, struct comparison *result);
/* Fills result->absent with the known parents that are not in both answers, and remembers those of
 * its findings. c: what `result` lies in; the paths live as long as p. Any thread. */

bool parent_of(struct span path, struct span *parent);
/* "$.items[]" of "$.items[].price". False: it has none, or the path is no path into JSON. */

bool parent_exists(const struct jdoc *d, struct span path);
/* Also true for a path that cannot be followed, because it was cut. */

#endif
