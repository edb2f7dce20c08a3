/* One connection, towards a client or a server: socket, TLS, codec, what waits to be written.
 * Private to proxy/.
 *
 * The special difficulty is who may free what when: a handler reads, its codec calls into
 * exchanges, they write to other connections, and any of these may end. So a handler only queues:
 * bytes into `out` and the connection into the worker's dirty list; worker_flush() writes them when
 * the handler's events are over, or gathers them until the end of the turn; conn_close() marks, and
 * the memory goes at the end of the turn. */
#ifndef PROXY_CONN_H
#define PROXY_CONN_H

#include "base/loop.h"
#include "http/codec.h"
#include "proxy/tls.h"

#include <errno.h>

struct worker;
struct conn;

/* What clients' and servers' connections do differently. */
struct conn_role {
    enum err (*preamble)(struct conn *c, struct span in, size_t *used);
    /* CONN_PREAMBLE: what comes in front of TLS and HTTP; *used 0: more is needed */
    bool (*greet)(struct conn *c); /* connected: what goes out in front of them; may be NULL */
    bool (*established)(struct conn *c); /* the socket and TLS are up. False: close */
    bool (*wake)(struct conn *c);
    /* bytes came and there is no codec: make it. False: close. NULL: `established` has made it */
    void (*settled)(
        struct conn *c); /* bytes went in or out: set timers, put it back into its pool */
    void (*closed)(struct conn *c, enum err why); /* once; streams know already */
    void (*free)(struct conn *c);
    bool (*pass)(struct conn *c, struct http_stream *s, char *p, size_t n, size_t *got);
    /* takes what has come of this body past the codec, see splice_answer(); may be NULL */
    bool lingers; /* a peer that is still sending is waited for, see conn_finish() */
    enum err connect_failed, tls_failed, reset, ended; /* how failures are called on this side */
};

enum conn_state {
    CONN_CONNECTING,
    CONN_PREAMBLE,
    CONN_HANDSHAKE,
    CONN_OPEN,
    CONN_LINGER,
    CONN_CLOSED
};

/* What is left for the end of the turn. */
enum conn_later {
    CONN_LATER_TURN = 1,
    CONN_LATER_WRITE = 2, /* what was gathered */
    CONN_LATER_REAP = 4,
};

enum { CONN_MAGIC = 0x434f4e4e };

struct conn {
    unsigned magic;
    int fd;
    struct worker *worker;
    const struct conn_role *role;
    struct codec *codec; /* from CONN_OPEN on, but for idle clients with HTTP/1 */
    struct tls *tls;     /* NULL: plaintext */
    struct chunkq out;
    struct buf rx;     /* read and not yet taken by the codec */
    size_t rx_counted; /* of its memory, in memory_in_buffers() */
    struct loop_io io;
    struct timer timer;    /* the role's */
    struct loop_task task; /* conn_later() */
    struct conn *next_dirty;
    uint64_t wrote_ms; /* when bytes last went out, or out was empty */
    unsigned lingered; /* bytes thrown away since CONN_LINGER */
    enum conn_state state : 8;
    enum err ending : 8; /* why it is in CONN_LINGER */
    uint8_t later;       /* enum conn_later */
    bool dirty;
    bool in_turn;  /* conn_turn is on the stack */
    bool readable; /* the socket may have bytes */
    bool writable;
    bool half_close; /* our sending ends when `out` is written */
    bool peer_ended; /* the kernel says the peer sends no more */
};

extern const struct codec_host conn_codec_host_backend;
/* For codecs on servers' connections: wants_write, wants_read and ends_sending. */

void conn_wants_write(void *conn);
void conn_wants_read(void *conn);
void conn_ends_sending(void *conn);
/* codec_host functions. */

void conn_begin(struct conn *c, struct worker *w, const struct conn_role *role, int fd,
                timer_fn *on_timer);
enum err conn_register(struct conn *c) MUST_USE;
/* Starts watching the descriptor; before it, set state and tls. */

void conn_later(struct conn *c, enum conn_later what);

void conn_turn(struct conn *c);
/* Does what can be done now: connect, handshake, read and feed. */

bool conn_gather(struct conn *c);
/* Over HTTP/2 a turn of the loop brings many small answers: true when what is queued was made the
 * connection's own and is written at the end of the turn, together with what is still to come. */

void conn_flush(struct conn *c);
/* Writes what is queued now. */

static inline bool conn_is_again(int e)
{
    return e == EAGAIN || e == EWOULDBLOCK || e == EINTR;
}
/* Whether this errno of a socket call only means: not now. */

void conn_close(struct conn *c, enum err why);
/* Marks: streams get `gone`, the descriptor is closed, memory goes at the end of the turn. Nothing
 * happens twice. */

void conn_finish(struct conn *c);
/* Closes in order after everything was written: TLS close_notify, and when the peer may still be
 * sending, a bounded linger, so that a reset does not take the answer away from it. */

#endif
