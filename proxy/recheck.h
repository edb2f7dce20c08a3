/* Second looks at what a mirrored request found: the serving side asked once more beside the copy
 * (a probe, A/A), and both sides asked again when they differ. Only for requests that are safe and
 * have no body. Private to proxy/. */
#ifndef PROXY_RECHECK_H
#define PROXY_RECHECK_H

#include "proxy/ask.h"
#include "proxy/exchange.h"

enum err recheck_plan(struct exchange *x, struct shadow_pair *p,
                      const struct http_head *sent) MUST_USE;
/* Puts into the pair how both sides can be asked again, or why they cannot. sent: the head that the
 * serving side got; NULL: it gets the same as the other. */

void recheck_plan_copy(struct shadow_pair *p, const struct http_head *copy);
/* The head that the other side gets; it lies in the pair's arena. */

void recheck_forbid(struct shadow_pair *p);
/* The request turned out to have a body. */

bool probe_is_planned(const struct shadow_pair *p);

void probe_begin(struct ask **a, struct worker *w, const struct view *v, struct shadow_pair *p,
                 void (*over)(void *owner), void *owner);
/* Asks the serving side for p->probe. *a lies in the pair's arena; NULL: there is no room. */

void probe_end(struct ask **a, struct shadow_pair *p);
/* From over(): the pair has an answer. Else: it is given up. Counts how it ended; nothing happens
 * when there is none. */

void rechecks_begin(struct worker *w);
/* From here on pairs that differ come to this worker. */

void rechecks_free(struct worker *w);
/* The worker ends: the pairs that wait are recorded with what is known. */

#endif
