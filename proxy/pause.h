/* A paused route: new requests wait, with what has come of their bodies, until the pause is over, a
 * newer state says otherwise, or their client gives up. Private to proxy/. */
#ifndef PROXY_PAUSE_H
#define PROXY_PAUSE_H

#include "proxy/exchange.h"

void pause_begin(struct worker *w);

bool pause_is_on(const struct exchange *x);
/* Whether the request, just decided, must wait. No request does so for longer than a minute. */

bool pause_hold(struct exchange *x) MUST_USE;
/* It waits; its step is run again from time to time. False: too many do. */

void pause_over(struct exchange *x);
/* It does not wait any more. Nothing happens when it did not. */

void pause_look(struct worker *w);
/* Something has changed: all that wait are decided again when this turn ends. */

#endif
