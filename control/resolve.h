/* Host names to addresses without blocking the control thread. */
#ifndef CONTROL_RESOLVE_H
#define CONTROL_RESOLVE_H

#include "base/loop.h"

#include <netinet/in.h>

enum { RESOLVE_MAX = 8 };

struct resolved {
    char ips[RESOLVE_MAX][INET6_ADDRSTRLEN];
    size_t n;
    char why[160]; /* n == 0: what went wrong */
};

struct resolve;

typedef void resolve_fn(void *arg, const struct resolved *r);

enum err resolve_start(struct resolve **out, struct loop *loop, const char *host, resolve_fn *fn,
                       void *arg) MUST_USE;
/* fn is called by the loop, once. Until then *out can be cancelled; afterwards it is gone. */

void resolve_cancel(struct resolve **r);
/* fn is not called. Does not wait for the look-up. NULL is fine. */

bool resolve_is_address(const char *host);
/* Numeric already. */

#endif
