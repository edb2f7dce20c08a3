/* The data plane: workers that accept, decide, relay, mirror. Knows nothing of Redis, the admin API
 * or files that change; it is handed tables and snapshots (router/router.h) and runs until told to
 * stop. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "base/scribe.h"
#include "router/router.h"
#include "shadow/shadow.h"

struct proxy;
struct sockets;

/* --- listening sockets that outlive a process (sockets.c) --- */

enum err sockets_new(struct sockets **out) MUST_USE;
void sockets_free(struct sockets **s);
/* Closes what was given and not taken. Outlives the proxy and every proxy_try_listen(). */

enum err sockets_give(struct sockets *s, struct span key, int fd) MUST_USE;
/* One of the process before: what stands behind `listener` in its message. Takes fd. */

enum err sockets_from_manager(struct sockets *s, struct complaints *wrong) MUST_USE;
/* Those systemd passes (LISTEN_FDS), if it does. ERR_CONFIG: one is of no use. */

void sockets_drop_rest(struct sockets *s);
/* The listeners are open: closes what none of them took. */

void sockets_remove_rest(struct sockets *s);
/* This process is in charge: removes the files of Unix sockets that were given and not taken. */

/* --- the life of the data plane --- */

enum err proxy_prepare(struct route_table *table, struct complaints *wrong) MUST_USE;
/* Attaches what workers need to serve this table: TLS contexts, addresses of servers, compiled
 * shadow rules, metric series. Reads files and resolves names, so not on a worker and not on the
 * control thread once it runs. */

enum err proxy_try_listen(struct sockets *sockets, const struct route_table *table,
                          struct complaints *wrong) MUST_USE;
/* Whether the addresses of a prepared table could be opened at this moment; opens none. Addresses
 * this process listens on already, or has a socket for, can be. */

struct proxy_options {
    struct router *router; /* at least one snapshot is published; readers_max > workers */
    struct shadow *shadow; /* lanes >= workers; NULL: nothing is mirrored */
    struct scribe *scribe; /* for the access log */
    struct sockets *sockets;
    void (*adopted)(void *arg); /* a worker has adopted a newer snapshot; any worker's thread */
    void (*drained)(
        void *arg); /* the last worker is done after proxy_drain(); that worker's thread */
    void *arg;
};

enum err proxy_start(struct proxy **out, const struct proxy_options *o,
                     struct complaints *wrong) MUST_USE;
/* Opens the listeners of the current snapshot's configuration and starts the workers. */

void proxy_published(struct proxy *p);
/* Control thread: a snapshot was published; workers adopt it, and open and close listeners, at
 * once. */

void proxy_drain(struct proxy *p);
/* Any thread: accept no more, let run what runs (bounded by timeouts.drain), then call drained. */

enum err proxy_hand_over(struct proxy *p, int channel) MUST_USE;
/* Sends the listening sockets and the keys of TLS sessions to a process that is to take this one's
 * place (base/handover.h). Changes nothing here. */

void proxy_take_keys(struct span text);
/* What stands behind `tickets` in the message of the process before. */

void proxy_leave(struct proxy *p);
/* Any thread: like proxy_drain(), but another process accepts from the same sockets. Clients get
 * more time to be told: a connection without a request is closed after half of timeouts.drain. */

bool proxy_is_alive(struct proxy *p);
/* Whether every worker's loop has turned since the last call. */

void proxy_stop(struct proxy **p);
/* Ends now: closes what is open, joins the workers. */

enum err proxy_listening(struct proxy *p, struct buf *out) MUST_USE;
/* Appends the addresses that are open, as URLs separated by spaces, with the real port where the
 * configuration says 0. Any thread. */

#endif
