/* Where a request goes, and why. Pure: no I/O, no clock, no lock on the deciding path.
 *
 * A route_table is made from a configuration; a snapshot is a table plus the pins and weights in
 * force, under an epoch. Both are immutable once published. The control thread alone publishes;
 * each worker adopts the newest snapshot between requests and says which is the oldest it still
 * uses, so that the control thread knows what it may free. */
#ifndef ROUTER_ROUTER_H
#define ROUTER_ROUTER_H

#include "config/config.h"
#include "http/http.h"

/* --- the table --- */

enum sticky_source {
    STICKY_HEADER,
    STICKY_COOKIE,
    STICKY_IP,
    STICKY_IP_URI,
    STICKY_RANDOM,
    STICKY_MINTED,
};

struct sticky {
    enum sticky_source source;
    enum http_field_id field; /* STICKY_HEADER: when it is a known one */
    struct span name;         /* STICKY_HEADER, STICKY_COOKIE */
};

struct route {
    size_t index;                      /* in the configuration and in snapshot.states */
    const struct config_route *config; /* name, match, shadow rule */
    size_t backends[2];                /* by enum side: index in config.backends */
    struct sticky *sticky;
    size_t nsticky;
    unsigned char key[16];         /* SipHash key of its cohort */
    struct conditions *conditions; /* NULL: host and path say it all */
    struct lookup *users;          /* to enum side; NULL: no lists */
    struct regex **rewrites;       /* by config->rewrites; NULL where it is a prefix */
};

struct matcher; /* match.c */

struct route_table {
    const struct config *config; /* owned by the table */
    struct route *routes;
    size_t nroutes;
    struct matcher *matcher;
    unsigned char key[2][16]; /* SipHash keys made from the salt: assignment where a route names no
                                 cohort, shadow sampling */

    /* What the data plane prepared for this table (TLS contexts, addresses); the router only
     * carries it. */
    void *attachment;
    void (*attachment_free)(void *attachment);

    unsigned users; /* snapshots that refer to it; control thread only */
};

enum err route_table_new(struct config *config, struct route_table **out,
                         struct complaints *wrong) MUST_USE;
/* Takes the configuration (also on failure it is freed). Refuses patterns that do not compile, and
 * two routes with the same host and path and no condition to tell them apart; that the loader has
 * said before, with the line. Any thread. */

void route_table_free(struct route_table **t);
/* Only for a table that no snapshot uses. */

struct route_query {
    struct span host;             /* may carry a port */
    struct span path;             /* normalised */
    const struct http_head *head; /* method, fields, query; NULL: none */
    struct span client_ip;        /* 4 or 16 bytes, IPv4-mapped as 4 */
};

const struct route *route_match(const struct route_table *t, const struct route_query *q);
/* The most specific route whose conditions all hold: among those that name the host (any case, a
 * port and a trailing dot are ignored), else of the longest wildcard that takes it, else among
 * those that name no host; there the exact path, else the longest prefix; there the one with the
 * most conditions, else the first in the file. A prefix is compared as a plain string: "/api/" does
 * not take "/api". NULL: none. */

enum err route_order(const struct route_table *t, const struct route ***out) MUST_USE;
/* All routes, the most specific first: where two take the same request, the earlier one wins. The
 * caller frees the list. */

const struct route *route_find(const struct route_table *t, const char *name);

/* --- deciding --- */

enum reason {
    REASON_PIN,
    REASON_GUARDRAIL,
    REASON_OVERRIDE,
    REASON_WEIGHT,
    REASON_FALLBACK,
    REASON_ONLY_HEALTHY,
    REASON_COUNT
};

const char *reason_word(enum reason r);

enum pin { PIN_NONE, PIN_LEGACY, PIN_NEW };

struct route_state {
    uint16_t weight; /* basis points in force */
    uint8_t pin;     /* enum pin of the route itself */
    bool weight_from_control;
    uint64_t paused_until_ms; /* Unix milliseconds; 0: it is not */
};

struct snapshot {
    uint64_t generation; /* given by router_publish() */
    uint64_t epoch;
    struct route_table *table;
    struct snapshot *older;      /* the router's: published before this one */
    enum pin pin;                /* global */
    struct route_state states[]; /* by route.index */
};

enum err snapshot_new(struct route_table *table, uint64_t epoch, struct snapshot **out) MUST_USE;
/* The configured weights, no pins; the caller sets pin and states before it publishes. Counts as a
 * user of the table. Control thread (or a single-threaded program). */

void snapshot_free(struct snapshot **s);
/* One that was never published. Frees the table with its last snapshot. */

enum { MINTED_ID_BYTES = 32 };

struct decision {
    const struct route *route;
    enum side side;
    enum reason reason;
    uint16_t bucket; /* 0..9999 */
    uint16_t weight; /* in force for the route */
    bool shadow;     /* this user is in the mirrored share; the method is the caller's business */
    uint64_t epoch;
    const char *sticky; /* which source gave the key: "header:x-user-id"; as configured, lives with
                           the table */
    char minted[MINTED_ID_BYTES + 1]; /* the client has no id: give it this one; "" otherwise */
};

enum err route_decide(const struct snapshot *s, const struct route_query *q,
                      struct decision *out) MUST_USE;
/* ERR_NO_ROUTE when nothing matches. Pure but for the sources `random` and `minted`. A header or
 * cookie that is there but empty is passed over: else everybody without a session would share one
 * bucket. When no source of the chain is present, the client's address gives the key. */

enum err route_decide_again(const struct snapshot *s, const struct route_query *q,
                            const struct decision *was, struct decision *out) MUST_USE;
/* The same for a request that was decided before: what is drawn by lot is not drawn again. */

enum err route_rewrite(const struct route *r, enum side side, struct span path, struct arena *a,
                       struct span *out) MUST_USE;
/* The path as this side gets it, in the arena; p NULL when it stays as it was sent.
 * ERR_BAD_REWRITE: what comes out is no path. */

enum err route_location(const struct route *r, const struct route_query *q, struct span scheme,
                        struct arena *a, struct span *out) MUST_USE;
/* Where a route with a redirect sends a request. */

enum err route_cookie(const struct snapshot *s, const struct decision *d, struct buf *out) MUST_USE;
/* Appends the value of the Set-Cookie field for d->minted. */

unsigned route_bucket(const unsigned char key[16], struct span sticky_key);
/* 0..9999: SipHash-2-4 of the key, scaled. The same on every host and in every release. */

/* --- explaining (weir explain) --- */

struct explain_request {
    const char *method;         /* NULL: GET */
    const char *url;            /* "/path", "host/path" or "https://host/path" */
    const char *ip;             /* the client's address; NULL: 127.0.0.1 */
    const char *const *headers; /* "name: value" */
    size_t nheaders;
};

enum err route_explain(const struct snapshot *s, const struct explain_request *r,
                       struct decision *out, struct buf *text, struct complaints *wrong) MUST_USE;
/* Decides a made-up request and appends lines that say why it goes where it goes. ERR_NO_ROUTE: the
 * text says so. ERR_INVALID: `wrong` says what is not a request. */

enum err route_list(const struct snapshot *s, struct buf *out) MUST_USE;
/* Appends a table of all routes in the order of route_order(), with what is in force. */

/* --- publishing and adopting --- */

struct router;
struct router_reader;

/* One snapshot as one reader sees it. */
struct snapshot_hold {
    const struct snapshot *snapshot;
    unsigned users;   /* exchanges that were decided by it and still run */
    void *attachment; /* the reader's own; see router_reader_new */
    struct snapshot_hold *next;
};

enum err router_new(unsigned readers_max, struct router **out) MUST_USE;
void router_free(struct router **r);
/* All readers are gone. Frees every snapshot. */

uint64_t router_publish(struct router *r, struct snapshot **s);
/* Control thread: takes *s, makes it current (release) and returns its generation. */

const struct snapshot *router_current(const struct router *r);
/* Control thread: the one published last; NULL before the first. */

bool router_adopted(const struct router *r, uint64_t generation);
/* Any thread: whether every reader has adopted this generation or a later one. */

void router_reap(struct router *r);
/* Control thread: frees the snapshots no reader can see any more. */

enum err router_reader_new(struct router *r, void (*forget)(void *arg, struct snapshot_hold *h),
                           void *arg, struct router_reader **out) MUST_USE;
/* Control thread, before the reader's thread starts, after the first publish. forget (may be NULL)
 * is called by the reader's thread when it gives a snapshot up, to free hold->attachment.
 * ERR_TOO_LARGE: readers_max are there. */

void router_reader_free(struct router_reader **r);
/* The reader's thread (or after it ended). No hold may be taken. */

struct snapshot_hold *router_adopt(struct router_reader *r);
/* The reader's thread: the newest snapshot; says so to router_adopted(). The hold is good until the
 * next router_adopt() unless it is taken. One relaxed pointer comparison when nothing changed.
 * Without memory the one adopted before stays, and the next call tries again. */

void snapshot_take(struct snapshot_hold *h);
void snapshot_give(struct router_reader *r, struct snapshot_hold **h);
/* One user more, one less. The reader's thread. */

#endif
