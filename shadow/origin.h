/* The addresses under which weir and the two backends call themselves. A link to one's own origin
 * differs between the sides by nature; it is compared as {origin} and what follows. */
#ifndef SHADOW_ORIGIN_H
#define SHADOW_ORIGIN_H

#include "base/arena.h"

struct origin {
    struct span host;
    unsigned port; /* 0: any */
};

struct origins {
    struct origin *list;
    size_t n;
    size_t cap;
};

enum err origin_add(struct origins *o, struct arena *a, struct span host, unsigned port) MUST_USE;
/* Copies the host; an IPv6 address may stand in brackets. */

size_t origin_prefix(const struct origins *o, struct span own, struct span text);
/* How many bytes at the beginning of text are an origin of ours (scheme, host, port), 0 when none
 * are. own: the host the request was for, with or without a port; may be empty. */

bool origin_is_host(const struct origins *o, struct span own, struct span host);
/* Whether a bare host name is one of ours. */

#endif
