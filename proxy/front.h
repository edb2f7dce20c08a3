/* Connections from clients: limits, timers, which codec; each stream becomes an exchange. Private
 * to proxy/. */
#ifndef PROXY_FRONT_H
#define PROXY_FRONT_H

#include "proxy/worker.h"

struct front {
    struct conn conn;
    struct listener *listener;
    struct front *prev; /* in worker.fronts */
    struct front *next;
    uint16_t port;        /* the peer's */
    unsigned char ip[16]; /* the peer's address for the sticky key: 4 or 16 bytes */
    uint8_t ip_n;
    uint8_t text_n; /* of the address without the port; 0: not yet written */
    char text[ADDRESS_TEXT];
    bool h2;
    bool head_timer; /* the timer runs for a request head */
    uint64_t requests;
};

enum err front_new(struct listener *l, int fd, const struct address *peer) MUST_USE;
/* A connection was accepted. On failure the caller closes fd. */

void front_drain(struct front *f, bool now);
/* No more requests on this connection; now: not even those the client may already have sent. */

struct span front_client_ip(const struct front *f);
struct span front_client_text(struct front *f);
/* The peer's address as bytes and as text, without the port; on a Unix socket none, and "unix". */

#endif
