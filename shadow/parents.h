/* Did the place exist at all? Known parents of findings, by endpoint: an exchange whose answers do
 * not have them says nothing about what is in them, and is not in the denominator of its rate.
 * Endpoints are called what the tables of findings call them: what folds there is one here. */
#ifndef SHADOW_PARENTS_H
#define SHADOW_PARENTS_H

#include "shadow/findings.h"

#include <pthread.h>

enum { PARENTS_ENDPOINTS = 1024 }; /* more are taken to have every parent */

struct parents_endpoint {
    uint64_t key; /* 0: free */
    char *route;
    struct endpoint name;
    size_t n;
    char *paths[PARENTS_MAX];
};

struct parents {
    struct findings *findings;
    pthread_mutex_t lock;                   /* taken before that of findings */
    struct {                                /* under lock */
        struct parents_endpoint *endpoints; /* open addressing */
        size_t n;
        uint64_t folds; /* of the names that endpoints have */
    } shared;
};

enum err parents_begin(struct parents *p, struct findings *f) MUST_USE;
/* f gives the names and lasts longer. */

void parents_end(struct parents *p);

void parents_look(struct parents *p, struct comparer *c, struct shadow_pair *pair,
                  const struct endpoint *endpoint, struct comparison *result);
/* Fills result->absent with the known parents that are not in both answers, and remembers those of
 * its findings. c: what `result` lies in; the paths lie in the pair. Any thread. */

bool parent_of(struct span path, struct span *parent);
/* "$.items[]" of "$.items[].price". False: it has none, or the path is no path into JSON. */

bool parent_exists(const struct jdoc *d, struct span path);
/* Also true for a path that cannot be followed, because it was cut. */

#endif
