/* Who gets a copy, and what its head looks like. Private to proxy/. */
#ifndef PROXY_MIRROR_RULES_H
#define PROXY_MIRROR_RULES_H

#include "proxy/exchange.h"

struct sandbox;

struct mirror_permit {
    struct sandbox
        *sandbox; /* the request may change something: asked with each answer; NULL: safe */
    bool asks;    /* the others wait for this copy's answer */
};

bool mirror_is_wanted(struct exchange *x, struct mirror_permit *permit) MUST_USE;
/* Whether the request that was just sent is copied to the other side; counted by reason when it
 * should have been and is not. */

bool mirror_is_conditional(const struct http_head *h);
/* The client holds validators or parts of one side's answer. */

bool mirror_is_plain(const struct exchange *x, const struct http_head *sent);
/* Whether the head of the copy differs from what the serving side got in nothing but its mark. */

enum err mirror_head(struct exchange *x, const struct http_head *sent, struct http_head *out,
                     struct arena *a) MUST_USE;
/* The head as the other side's servers get it, marked as a copy, all of it in a. sent: as the
 * serving side got it; its fields are changed. */

#endif
