/* WebSocket tunnels: what an exchange does from the server's 101 on. Private to proxy/. */
#ifndef PROXY_TUNNEL_H
#define PROXY_TUNNEL_H

#include "http/ws.h"
#include "proxy/exchange.h"

enum err tunnel_begin(struct exchange *x, struct http_head *answer) MUST_USE;
/* The server has switched: the client is told, and x->tunnel is there. */

enum err tunnel_refused(const struct exchange *x, const struct http_head *answer) MUST_USE;
/* The server has not. ERR_UPGRADE_REFUSED: its answer cannot be passed on, for over HTTP/2 it would
 * open the tunnel (RFC 8441 5). */

void tunnel_close(struct exchange *x, unsigned code, enum err why);
/* Asks both ends to close with a Close frame of this code, as soon as a frame ends. It is over when
 * both have answered, or after five seconds. why: for the access log. */

void tunnels_begin(struct worker *w);
void tunnels_drain(struct worker *w);
/* Asks all of them, spread over half of the drain time, and those that are opened meanwhile. */

/* What relay.c hears once x->tunnel is there. */
void tunnel_from_client(struct exchange *x, struct span data);
void tunnel_from_backend(struct exchange *x, struct span data);
void tunnel_client_end(struct exchange *x);
void tunnel_backend_end(struct exchange *x);
void tunnel_backend_gone(struct exchange *x, enum err why);
void tunnel_timeout(struct exchange *x);

enum err tunnel_client_gone(const struct exchange *x, enum err why) MUST_USE;
/* Why it really ended: after both have said Close it does not matter how connections do. */

void tunnel_touch(struct exchange *x);
/* Something moved: the time without anything begins again. */

void tunnel_end(struct exchange *x);
/* The exchange is over. */

#endif
