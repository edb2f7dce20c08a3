/* Connections from clients: limits, timers, which codec; each stream becomes an exchange. Private
 * to proxy/. */
#ifndef PROXY_FRONT_H
#define PROXY_FRONT_H

#include "proxy/proxy_protocol.h"
#include "proxy/worker.h"

struct front {
    struct conn conn;
    struct listener *listener;
    struct front *prev; /* in worker.fronts */
    struct front *next;
    struct endpoint *server; /* where it connected to, by a PROXY header; NULL: ask the socket */
    struct endpoint peer;    /* the client, as far as the connection knows */
    bool counted;            /* in the tally of its client */
    bool up;                 /* so is TLS, if it has any */
    bool h2;
    bool head_timer; /* the timer runs for a request head */
    uint8_t text_n;  /* of the peer's address without the port; 0: not yet written */
    char text[];     /* as long as it can become */
};

enum err front_new(struct listener *l, int fd, const struct address *peer) MUST_USE;
/* A connection was accepted. On failure the caller closes fd. */

bool front_is_trusted(struct listener *l, const struct address *peer);
/* Whether the peer is one of trusted_proxies. */

struct endpoints front_endpoints(const struct front *f);
/* For a PROXY header to a server. */

void front_drain(struct front *f, bool now);
/* No more requests on this connection; now: not even those the client may already have sent. */

struct span front_client_ip(const struct front *f);
struct span front_client_text(struct front *f);
/* The peer's address as bytes and as text, without the port; on a Unix socket none, and "unix". */

#endif
