/* Names of servers, looked up again and again by a thread of its own: as long as each answer says
 * (its TTL), and every resolver.interval where no answer says so or none came. A name that has lost
 * its addresses keeps the last ones. Private to proxy/. */
#ifndef PROXY_NAMES_H
#define PROXY_NAMES_H

#include "proxy/plane.h"

struct names;

typedef bool names_fn(void *arg, const char *server, const struct address *list, size_t n);
/* server (host:port as configured) has other addresses than before. Called by the names' thread;
 * false: it could not be taken, say it again later. */

enum err names_start(struct names **out, names_fn *changed, void *arg) MUST_USE;

void names_stop(struct names **n);
/* At once; `changed` is not called any more. */

void names_follow(struct names *n, const struct plane *p);
/* Any thread: from now on the names of this plane, which has looked them up once already. Copies
 * what it needs. */

#endif
