/* Legacy answers what new failed (on_new_error), where a repeated request does no harm, and within
 * a budget. Exactly one answer reaches the client: nothing of one has begun. Private to proxy/. */
#ifndef PROXY_FALLBACK_H
#define PROXY_FALLBACK_H

#include "proxy/exchange.h"

/* What a worker has counted for one route in this period and the one before. */
struct budget {
    uint64_t period;
    unsigned requests[2];
    unsigned spent[2];
};

void fallback_decided(struct exchange *x);
/* A side was chosen; one that has failed before is not asked again. */

void fallback_sent(struct exchange *x);
/* The head went to a server: from here on the body is kept, if it may be needed again. */

void fallback_keep(struct exchange *x, struct span data);
/* This of the body goes to the server. */

bool fallback_is_failure(const struct exchange *x, unsigned status);
/* Whether an answer of new with this status counts as a failure. */

bool fallback_take(struct exchange *x, enum err why) MUST_USE;
/* New has failed. True: legacy is decided for, x->pending has the body; counted either way. */

void fallback_forget(struct exchange *x);
/* An answer has begun, or none will: the body is not needed any more. */

#endif
