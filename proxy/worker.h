/* One worker: a thread with its own loop, listeners, connections, pools, exchanges and mirrors.
 * Everything here belongs to that thread; the few members others touch say so. Private to proxy/.
 */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include "base/loop.h"
#include "proxy/conn.h"
#include "proxy/plane.h"
#include "proxy/proxy.h"
#include "proxy/tally.h"

#include <pthread.h>
#include <stdatomic.h>

struct access_log;
struct budget;
struct locals;
struct exchange;
struct front;
struct mirror;
struct pool;
struct recheck;
struct sockets;
struct tunnel;

enum {
    WORKER_SCRATCH = 64 * 1024, /* one read */
    WORKER_RECORD = 16 * 1024,  /* one TLS record, gathered */
    LISTENERS_MAX = 64,
    POOL_BUCKETS = 256,
};

/* One listening socket of this worker (SO_REUSEPORT: each worker has its own for the same address).
 */
struct listener {
    struct worker *worker;
    int fd; /* -1: free */
    struct loop_io io;
    struct loop_task again;
    struct address address; /* as configured: the key across reloads */
    struct address bound;   /* with the real port */
    struct tls_ctx *tls;    /* held */
    bool proxy_protocol;
    unsigned connections; /* of this worker, open now */
    struct tally_key key; /* under which all workers count them */
    bool paused;          /* something is used up: looked at again with the next tick */
};

/* What a worker has made of one plane: its pools. Shared by the snapshots of one table. */
struct view {
    const struct plane *plane;
    unsigned users;       /* snapshot holds */
    struct pool **serve;  /* by plane's backends, then servers: first[backend] + server */
    struct pool **mirror; /* the same for copies */
    size_t *first;
    unsigned *turn;         /* by backend: whose turn it is */
    struct budget *budgets; /* by route: of fallbacks */
};

enum { WORKER_MAGIC = 0x574f524b };

struct worker {
    unsigned magic;
    unsigned index;
    pthread_t thread;
    bool started;
    struct loop *loop;
    metric_slot turns; /* how long those of the loop take */
    metric_slot long_turns;
    struct proxy *proxy;
    struct router_reader *reader;
    struct snapshot_hold *hold; /* the newest */
    struct codec_options codec; /* of the newest plane; codecs point here */
    struct config_timeouts timeouts;
    struct config_limits limits;
    struct config_shadow shadow;
    struct config_http http;
    const struct networks *trusted; /* of the newest plane, which `hold` keeps */

    metric_slot handshakes[2]; /* with clients: full, resumed */
    metric_slot refused[ERR_COUNT];

    struct listener listeners[LISTENERS_MAX];
    unsigned files_max;               /* descriptors with this number and beyond are the reserve */
    struct pool *pools[POOL_BUCKETS]; /* by identity */
    struct front *fronts;             /* open client connections */
    unsigned nfronts;
    struct conn *first_dirty;
    struct conn **last_dirty;
    bool flushing;

    struct exchange *free_exchanges;
    unsigned nfree_exchanges;
    unsigned nexchanges;

    struct exchange *served;    /* sent to a server and not over, the newest first */
    struct exchange *look_next; /* of them, while they are looked through after a flip */
    struct loop_task look;

    struct exchange *held; /* while their route is paused, the oldest first */
    struct exchange **held_end;
    unsigned nheld;
    struct exchange *held_look_next; /* of them, while they are looked through */
    struct timer held_timer;
    struct loop_task held_look;

    struct shadow_lane *lane; /* NULL: nothing is mirrored */
    struct mirror *mirrors;
    unsigned nmirrors;
    struct mirror *free_mirrors;
    unsigned nfree_mirrors;
    struct recheck *rechecks; /* pairs that are being asked again */
    struct loop_task compare; /* what was submitted in this turn is sent */

    struct access_log *access; /* NULL: none */
    struct timer tick;         /* flushes logs, renews the date */
    char http_date[32];
    uint64_t date_s;

    struct tunnel *tunnels; /* not yet asked to close */
    size_t ntunnels;
    struct timer tunnel_timer;
    uint64_t tunnels_until_ms; /* when draining: all are asked by then */

    bool draining;
    bool leaving; /* draining, while another process accepts from the same sockets */
    bool told;    /* leaving: the last GOAWAY was sent */
    bool drained;
    struct {
        struct front *next; /* of `fronts`, while they are gone through */
        struct loop_task more;
        bool now, h2_only, cut;
    } round;
    atomic_uint ticks;
    unsigned ticks_seen; /* the watchdog's */
    struct timer drain_timer;
    struct timer goaway_timer;
    int pipe[2]; /* splice.c: empty between two handlers */
    char scratch[WORKER_SCRATCH];
    char record[WORKER_RECORD];
};

enum err worker_new(struct proxy *p, unsigned index, struct worker **out) MUST_USE;
/* Opens the listeners and readies everything; starts no thread. Control thread. */

enum err worker_start(struct worker *w) MUST_USE;
void worker_adopt_soon(struct worker *w);
void worker_drain_soon(struct worker *w);
void worker_leave_soon(struct worker *w);
/* Any thread: a message to the worker. */

bool worker_has_turned(struct worker *w);
/* Any thread, but one at a time: whether its tick came since the last call. */

bool worker_addresses_soon(struct worker *w, const char *server, const struct address *list,
                           size_t n) MUST_USE;
/* Any thread: a server has these addresses now. False: the message could not be sent. */

void worker_free(struct worker **w);
/* Stops the thread, if it runs, and frees everything. */

void worker_dirty(struct worker *w, struct conn *c);
void worker_clean(struct worker *w, struct conn *c);
void worker_flush(struct worker *w);
/* Connections with something to write: queue, unqueue, write them all (or gather, over HTTP/2). */

struct snapshot_hold *worker_snapshot(struct worker *w);
/* The newest snapshot, adopted now if it is newer than the last one; its attachment is the view. */

void worker_compare(struct worker *w, struct shadow_pair **pair);
/* Hands the pair over to the compare threads, when this turn ends. */

struct span worker_date(struct worker *w);
/* The Date field, renewed once a second. */

const struct view *worker_view(const struct snapshot_hold *h);
/* What the worker has made of a snapshot. */

enum { MEMORY_SHED = 12, MEMORY_REFUSE = 14, MEMORY_FULL = 16 }; /* sixteenths of limits.memory */

bool worker_is_pressed(const struct worker *w, unsigned sixteenths);
/* Whether buffers hold more than this share of what they may. */

void worker_front_over(struct worker *w, const struct front *f);
/* f is about to leave the worker's list. */

void worker_left(struct worker *w);
/* A client connection or exchange ended: when draining, see whether that was the last. */

/* proxy.c: the port the system chose for an address with port 0, the same for all workers. Any
 * worker's thread. */
void proxy_port_of(struct proxy *p, struct address *a);
void proxy_port_is(struct proxy *p, const struct address *wanted, const struct address *bound);
void proxy_set_listening(struct proxy *p, struct buf *text);
/* Takes the text of the open listeners from the first worker. */
const struct proxy_options *proxy_options_of(const struct proxy *p);
struct locals *proxy_locals(struct proxy *p);
struct sockets *proxy_sockets(struct proxy *p);
unsigned proxy_workers(const struct proxy *p);
struct tally *proxy_tally(struct proxy *p);
struct scribe_file *proxy_access_file(const struct proxy *p);
void proxy_worker_drained(struct proxy *p);

/* listener.c */
enum err listener_sync(struct worker *w, const struct plane *p) MUST_USE;
/* Opens what the plane has and the worker has not, closes what is gone, takes new TLS contexts
 * over. */

void listener_count_refused(enum err why);
/* A connection that was closed before TLS and HTTP. */

void listener_resume_all(struct worker *w);
/* Those that are paused accept again, if there is what they need. */

void listener_close_all(struct worker *w);
/* Accepts what is queued in the kernel first. */

/* pool.c */
struct view *view_new(struct worker *w, const struct plane *p, const struct view *old);
void view_release(struct worker *w, struct view **v);

#endif
