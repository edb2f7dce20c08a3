/* The gentle traffic of `weir demo`: a few requests a second from a few hundred made-up users.
 * Private to cli/. */
#ifndef CLI_DEMO_TRAFFIC_H
#define CLI_DEMO_TRAFFIC_H

#include "base/err.h"

struct demo_traffic;

struct demo_counts {
    unsigned long legacy;
    unsigned long new_;
    unsigned long failed;
};

enum err demo_traffic_start(unsigned port, unsigned per_second,
                            void (*tick)(void *arg, const struct demo_counts *c), void *arg,
                            struct demo_traffic **out) MUST_USE;
/* A thread that asks http://127.0.0.1:port; tick is called there about once a second. per_second is
 * at least 1. */

struct demo_counts demo_traffic_counts(struct demo_traffic *t);
/* Any thread. */

void demo_traffic_stop(struct demo_traffic **t);

#endif
