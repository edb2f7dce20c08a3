/* What gRPC needs beyond HTTP/2 and trailers: weir's own answers in its words, its status in log
 * and metrics, its deadline. Private to proxy/. */
#ifndef PROXY_GRPC_H
#define PROXY_GRPC_H

#include "proxy/exchange.h"

enum { GRPC_NO_STATUS = -1, GRPC_STATUS_MAX = 16, GRPC_STATUSES = GRPC_STATUS_MAX + 2 };
/* The last series of a metric by status is for calls that ended without one. */

bool grpc_is_call(const struct http_head *request);
/* By its Content-Type: application/grpc, with any message format behind '+' or ';'. gRPC-Web is an
 * ordinary request. */

enum err grpc_admit(struct exchange *x) MUST_USE;
/* Takes the deadline from grpc-timeout and arms the exchange's timer for it. ERR_BAD_DEADLINE. */

bool grpc_is_overdue(const struct exchange *x);

int grpc_status_of(enum err why);
/* What a client is told when weir fails a call. */

enum err grpc_answer_fields(struct exchange *x, enum err why, struct http_head *h) MUST_USE;
/* An answer of weir's own: all in the head, which ends it. */

void grpc_note_status(struct exchange *x, const struct http_head *h);
/* Remembers the status in trailers, or in a head without more; h may be NULL. */

#endif
