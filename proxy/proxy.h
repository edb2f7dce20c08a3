/* The data plane: workers that accept, decide, relay, mirror. Knows nothing of Redis, the admin API
 * or files that change; it is handed tables and snapshots (router/router.h) and runs until told to
 * stop. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "base/scribe.h"
#include "router/router.h"
#include "shadow/shadow.h"

struct proxy;

enum err proxy_prepare(struct route_table *table, struct complaints *wrong) MUST_USE;
/* Attaches what workers need to serve this table: TLS contexts, addresses of servers, compiled
 * shadow rules, metric series. Reads files and resolves names, so not on a worker and not on the
 * control thread once it runs. */

enum err proxy_try_listen(const struct route_table *table, struct complaints *wrong) MUST_USE;
/* Whether the addresses of a prepared table could be opened at this moment; opens none. Addresses
 * this process listens on already can be. */

struct proxy_options {
    struct router *router;      /* at least one snapshot is published; readers_max > workers */
    struct shadow *shadow;      /* lanes >= workers; NULL: nothing is mirrored */
    struct scribe *scribe;      /* for the access log */
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

void proxy_stop(struct proxy **p);
/* Ends now: closes what is open, joins the workers. */

enum err proxy_listening(struct proxy *p, struct buf *out) MUST_USE;
/* Appends the addresses that are open, as URLs separated by spaces, with the real port where the
 * configuration says 0. Any thread. */

#endif
