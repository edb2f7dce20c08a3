/* The rules of flip.c in a small world: three routes, a router, no reader. */
#ifndef TESTS_CONTROL_RIG_FLIP_H
#define TESTS_CONTROL_RIG_FLIP_H

#include "tests/unit/control/rig.h"

#include "control/flip.h"

struct world {
    struct router *router;
    struct flip flip;
    struct complaints wrong;
    struct flip_effect fx;
};

void world_begin(struct world *w, const char *routes);
/* routes: NULL for a (10 %), b (0 %), c (100 %). */

void world_end(struct world *w);

struct route_table *world_table(const char *routes);

enum flip_outcome see(struct world *w, const char *raw);
/* The store shows raw; NULL: nothing. */

void expect_applied(struct world *w, const char *raw, uint64_t epoch);
void expect_same(struct world *w, const char *raw, uint64_t epoch);
void expect_refused(struct world *w, const char *raw, enum err e);

void order(struct world *w, const struct change *ch, uint64_t epoch);
void written(struct world *w);
/* The document in force is in the store. */

extern const struct change to_legacy;
extern const struct change to_new;

#endif
