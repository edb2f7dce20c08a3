/* What is not compared on one route, and what may differ a little: the compiled form of
 * routes[].shadow.ignore and .tolerance, and the origins of the route's backends. Const after
 * shadow_rules_new(); any thread. */
#ifndef SHADOW_RULES_H
#define SHADOW_RULES_H

#include "base/metrics.h"
#include "shadow/decimal.h"
#include "shadow/origin.h"
#include "shadow/rulebook.h"
#include "shadow/selector.h"
#include "shadow/shadow.h"
#include "shadow/verdict.h"

struct rules_tolerance {
    double abs;
    double rel;
};

struct rules_header {
    struct span name; /* lower-case */
    bool prefix;      /* the rule ended in * */
};

struct shadow_rules {
    unsigned magic;
    _Atomic unsigned refs;
    struct arena arena;
    const char *route;
    struct selector_set ignore;    /* body paths */
    struct selector_set tolerance; /* tag: index into tolerances */
    struct rules_tolerance *tolerances;
    struct rules_header *headers;
    size_t nheaders;
    struct origins origins;
    struct span version_header;  /* empty: none */
    bool exact_path;             /* the route matches one path alone */
    struct span template_header; /* in which a backend names its route; empty: none */
    const char *options;         /* what is in force, as JSON: members of an object */
    uint64_t options_hash;
    struct rulebook book; /* of the whole configuration: shadow.rules */
    metric_slot verdicts[VERDICT_KINDS];
};

bool rules_tolerate_here(const struct shadow_rules *r, const struct selector_walk *w,
                         const struct decimal *a, const struct decimal *b);
/* w walks r->tolerance: whether some tolerance that reaches this value covers the two numbers. */

bool rules_ignore_header(const struct shadow_rules *r, struct span name);
/* name in any case. */

#endif
