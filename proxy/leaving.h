/* Requests and tunnels that run on a side when a newer state moves them to the other one: they are
 * counted, and ended as the route's on_flip says. Private to proxy/. */
#ifndef PROXY_LEAVING_H
#define PROXY_LEAVING_H

#include "proxy/exchange.h"

void leaving_look(struct worker *w);
/* A newer snapshot is in force: all that run are looked at, when this turn ends. */

void leaving_begin(struct exchange *x);
void leaving_served(struct exchange *x);
/* It was sent to a server: from here on it runs on a side. */

void leaving_over(struct exchange *x);
/* It is over, or begins again. */

void leaving_answer(struct exchange *x, const struct http_head *answer);
/* The head of the answer: what kind of stream follows. */

size_t leaving_follow(struct exchange *x, struct span data) MUST_USE;
/* Bytes of the answer: how many of them go on. All, unless it was asked to end. */

void leaving_end_if_between(struct exchange *x);
/* It was asked to end: does so, if nothing is under way. */

#endif
