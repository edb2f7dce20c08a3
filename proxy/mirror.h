/* The copy of a request to the other side, and the capture of both answers. Private to proxy/.
 *
 * A mirror belongs to the worker and has copies of everything; it knows no exchange. The exchange
 * has a handle and tells it what the served side answered, until mirror_served_end() or
 * mirror_abandon() takes the handle away. Nothing a mirror does or suffers comes back. */
#ifndef PROXY_MIRROR_H
#define PROXY_MIRROR_H

#include "proxy/exchange.h"

struct mirror *mirror_begin(struct exchange *x, const struct http_head *sent);
/* Decides whether this exchange is mirrored and begins the copy; NULL when it is not (counted where
 * it should have been). sent: the head that the serving side got, which is looked at no more. Sets
 * x->shadow_id. */

void mirror_request_data(struct mirror *m, struct span data);
void mirror_request_end(struct mirror *m, const struct http_head *trailers);
/* What of the request's body is sent to the serving side, and its end (trailers may be NULL): from
 * here on the copy may go out. */

void mirror_served_head(struct mirror *m, const struct http_head *answer);
void mirror_served_body(struct mirror *m, struct span data);
void mirror_served_trailers(struct mirror *m, const struct http_head *trailers);
void mirror_served_end(struct mirror **m, enum err outcome);
/* The served answer, as the server sent it. The last one takes the handle. */

void mirror_abandon(struct mirror **m, enum shadow_drop why);
/* Nothing will be compared. Takes the handle. */

void mirrors_free(struct worker *w);
/* The worker ends: what is under way is shed. */

#endif
