/* Whether one side of a route may be sent copies of requests that change something
 * (routes[].shadow.unsafe: sandbox). Its backend has to say with every answer to one that it knows
 * that it is a copy; after the first answer that does not, no more are sent until the plane is made
 * anew by a reload. Until it has said so once, one copy at a time is on its way. Any thread.
 * Private to proxy/. */
#ifndef PROXY_SANDBOX_H
#define PROXY_SANDBOX_H

#include "base/metrics.h"
#include "config/config.h"
#include "http/http.h"

#include <stdatomic.h>

enum sandbox_state {
    SANDBOX_UNASKED,
    SANDBOX_ASKING, /* the first copy is on its way */
    SANDBOX_CONFIRMED,
    SANDBOX_STOPPED,
};

struct sandbox {
    _Atomic int state; /* enum sandbox_state */
    const char *route; /* live with the configuration */
    const char *backend;
    metric_slot stopped;
};

enum err sandbox_begin(struct sandbox *s, const char *route, const char *backend,
                       enum side side) MUST_USE;
void sandbox_end(struct sandbox *s);

bool sandbox_enter(struct sandbox *s, bool *asks) MUST_USE;
/* Whether a copy may be made. asks: it is the one that the next wait for; sandbox_leave() says that
 * it is over. */

bool sandbox_is_open(const struct sandbox *s);
/* Whether one that was made may be sent. */

void sandbox_answer(struct sandbox *s, const struct http_head *answer);
/* To a copy. The first one that does not confirm is logged. */

void sandbox_leave(struct sandbox *s);
/* The copy that asked is over, answered or not. */

const char *sandbox_word(const struct sandbox *s);
/* unasked, confirmed or stopped. */

#endif
