/* Reading, feeding, closing; conn_write.c writes. See conn.h for the order in which things may
 * happen. */
#include "proxy/conn.h"

#include "base/memory.h"
#include "proxy/worker.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READS_PER_TURN = 4, /* then others have their turn */
    LINGER_BYTES = 4 * 1024 * 1024,
    LINGER_MS = 2000,
};

/* --- codec host --- */

void conn_wants_write(void *arg)
{
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    worker_dirty(c->worker, c);
}

void conn_wants_read(void *arg)
{
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    if (!c->in_turn && c->state == CONN_OPEN && (c->readable || c->rx.n > 0))
        conn_later(c, CONN_LATER_TURN);
}

void conn_ends_sending(void *arg)
{
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    c->half_close = true;
    worker_dirty(c->worker, c);
}

const struct codec_host conn_codec_host_backend = {
    .wants_write = conn_wants_write,
    .wants_read = conn_wants_read,
    .ends_sending = conn_ends_sending,
};

/* --- life --- */

void conn_begin(struct conn *c, struct worker *w, const struct conn_role *role, int fd,
                timer_fn *on_timer)
{
    OBJ_INIT(c, CONN_MAGIC);
    c->worker = w;
    c->role = role;
    c->fd = fd;
    c->wrote_ms = loop_now_ms(w->loop);
    timer_begin(&c->timer, on_timer, c);
}

static void count_rx(struct conn *c)
{
    if (LIKELY(c->rx.cap == c->rx_counted))
        return;
    memory_note((ptrdiff_t)c->rx.cap - (ptrdiff_t)c->rx_counted);
    c->rx_counted = c->rx.cap;
}

static void reap(struct conn *c)
{
    if (c->codec != NULL)
        codec_free(&c->codec);
    if (c->tls != NULL)
        tls_free(&c->tls);
    chunkq_free(&c->out);
    buf_free(&c->rx);
    count_rx(c);
    c->magic = 0;
    c->role->free(c);
}

static void later(void *arg)
{
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    unsigned what = c->later;
    c->later = 0;
    if (what & CONN_LATER_REAP) {
        reap(c);
        return;
    }
    if (what & CONN_LATER_WRITE) {
        conn_flush(c);
        worker_flush(c->worker);
    }
    if ((what & CONN_LATER_TURN) && c->state != CONN_CLOSED)
        conn_turn(c);
}

void conn_later(struct conn *c, enum conn_later what)
{
    c->later |= (uint8_t)what;
    loop_defer(c->worker->loop, &c->task, later, c);
}

static void abort_socket(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void conn_close(struct conn *c, enum err why)
{
    struct loop *l = c->worker->loop;
    if (c->state == CONN_CLOSED)
        return;
    c->state = CONN_CLOSED;
    if (c->codec != NULL) {
        codec_closed(c->codec, why == ERR_OK ? c->role->ended : why);
        if (codec_is_cut(c->codec) || why == ERR_CLIENT_SEND_TIMEOUT)
            abort_socket(c->fd); /* or the kernel would keep what such a client does not read */
    }
    loop_io_del(&c->io);
    loop_timer_clear(l, &c->timer);
    loop_undefer(l, &c->task);
    c->later = 0;
    worker_clean(c->worker, c);
    close(c->fd);
    c->fd = -1;
    c->role->closed(c, why);
    conn_later(c, CONN_LATER_REAP);
}

/* --- the socket --- */

/* Reads once. *got == 0 with true: nothing there now. False: the connection was closed here. */
static bool read_plain(struct conn *c, char *p, size_t n, size_t *got, bool *end)
{
    ssize_t r = recv(c->fd, p, n, 0);
    *got = 0;
    if (r < 0) {
        c->readable = false;
        if (conn_is_again(errno))
            return true;
        conn_close(c, c->role->reset);
        return false;
    }
    if (r == 0)
        *end = true;
    else if ((size_t)r < n && !c->peer_ended)
        c->readable = false; /* a short read emptied the socket */
    *got = (size_t)r;
    return true;
}

static bool read_tls(struct conn *c, char *p, size_t n, size_t *got, bool *end)
{
    switch (tls_read(c->tls, p, n, got)) {
    case TLS_DONE:
        if (!tls_has_more(c->tls) && !c->peer_ended)
            c->readable = false;
        return true;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
        c->readable = false;
        return true;
    case TLS_END:
        *end = true;
        return true;
    case TLS_CUT:
        conn_close(c, c->role->ended);
        return false;
    case TLS_REFUSED:
        conn_close(c, c->role->tls_failed);
        return false;
    default:
        conn_close(c, c->role->reset);
        return false;
    }
}

static bool read_some(struct conn *c, char *p, size_t n, size_t *got, bool *end)
{
    *end = false;
    if (c->tls != NULL)
        return read_tls(c, p, n, got, end);
    struct http_stream *s = c->role->pass != NULL ? codec_passing(c->codec) : NULL;
    if (s != NULL && c->role->pass(c, s, p, n, got))
        return c->state == CONN_OPEN;
    return read_plain(c, p, n, got, end);
}

/* --- feeding --- */

/* Feeds [p, n); what the codec leaves is kept in rx. The codec's borrowed slices point into p, so
 * everything that was queued is written before p is used again. */
static bool feed(struct conn *c, struct span in)
{
    size_t used;
    enum err e = codec_feed(c->codec, in, &used);
    if (e == ERR_OK && used < in.n)
        e = buf_append(&c->rx, span_from(in, used));
    worker_flush(c->worker);
    if (c->state != CONN_OPEN)
        return false;
    if (e == ERR_OK)
        return true;
    conn_close(c, e == ERR_NO_MEMORY ? e : c->role->reset);
    return false;
}

/* Feeds what is in rx already, as long as the codec takes it. */
static bool feed_kept(struct conn *c)
{
    while (c->rx.n > 0 && codec_is_reading(c->codec)) {
        size_t used;
        enum err e = codec_feed(c->codec, buf_span(&c->rx), &used);
        worker_flush(c->worker);
        if (c->state != CONN_OPEN)
            return false;
        if (e != ERR_OK) {
            conn_close(c, c->role->reset);
            return false;
        }
        buf_drop_front(&c->rx, used);
        if (used == 0)
            return true; /* it needs more than there is */
    }
    return true;
}

static bool feed_fresh(struct conn *c, size_t n)
{
    struct span fresh = span_of(c->worker->scratch, n);
    if (c->rx.n == 0)
        return feed(c, fresh);
    if (buf_append(&c->rx, fresh) != ERR_OK) {
        conn_close(c, ERR_NO_MEMORY);
        return false;
    }
    return feed_kept(c);
}

static void ended(struct conn *c)
{
    c->readable = false;
    codec_closed(c->codec, ERR_OK);
    worker_flush(c->worker);
    if (c->state == CONN_OPEN && codec_is_done(c->codec) && c->out.n == 0)
        conn_finish(c);
}

/* A short read says that the socket is empty, not whether it was reset behind these bytes: libevent
 * reports an error as plain readiness, and there is no second edge. So who waits for the rest of a
 * message looks once more, as soon as it is read at all; HTTP/2 towards a client notices with its
 * next write. */
static void look_behind(struct conn *c)
{
    if (c->readable || (c->rx.n == 0 && !codec_expects(c->codec)))
        return;
    if (c->role->lingers && c->tls != NULL && tls_is_h2(c->tls))
        return; /* a client */
    c->readable = true;
    if (c->tls != NULL)
        tls_readable(c->tls);
}

static void read_and_feed(struct conn *c)
{
    for (unsigned budget = READS_PER_TURN;; budget--) {
        size_t n;
        bool end;
        if (!feed_kept(c))
            return;
        if (!c->readable || !codec_is_reading(c->codec))
            return;
        if (budget == 0) {
            conn_later(c, CONN_LATER_TURN);
            return;
        }
        if (!read_some(c, c->worker->scratch, WORKER_SCRATCH, &n, &end))
            return;
        if (end) {
            ended(c);
            return;
        }
        if (n > 0 && !feed_fresh(c, n))
            return;
        if (n > 0)
            look_behind(c);
    }
}

/* The codec does not want bytes now, yet something happened: a reset must not go unseen until it
 * does. */
static void peek(struct conn *c)
{
    char byte;
    if (recv(c->fd, &byte, 1, MSG_PEEK) < 0 && !conn_is_again(errno))
        conn_close(c, c->role->reset);
}

/* --- getting there --- */

static void open_up(struct conn *c)
{
    c->state = CONN_OPEN;
    if (!c->role->established(c))
        conn_close(c, ERR_NO_MEMORY);
}

static void linger(struct conn *c, enum err why)
{
    c->state = CONN_LINGER;
    c->ending = why;
    (void)shutdown(c->fd, SHUT_WR);
    loop_timer_set(c->worker->loop, &c->timer, LINGER_MS);
    conn_later(c, CONN_LATER_TURN);
}

/* The alert says why: a client that is sending already must not lose it to a reset. */
static void refuse_handshake(struct conn *c)
{
    if (c->role->lingers && !c->peer_ended)
        linger(c, c->role->tls_failed);
    else
        conn_close(c, c->role->tls_failed);
}

static void shake(struct conn *c)
{
    switch (tls_handshake(c->tls)) {
    case TLS_DONE:
        /* The last read may have taken the first request along, and the edge for it with that. */
        c->readable = c->readable || tls_has_more(c->tls);
        open_up(c);
        return;
    case TLS_WANT_READ:
        c->readable = false;
        return;
    case TLS_WANT_WRITE:
        c->writable = false;
        return;
    case TLS_FAILED:
        refuse_handshake(c);
        return;
    default:
        conn_close(c, c->role->tls_failed);
        return;
    }
}

/* Looked at before it is taken, so that not a byte of what follows is. */
static void take_preamble(struct conn *c)
{
    size_t used = 0;
    ssize_t n = recv(c->fd, c->worker->scratch, WORKER_SCRATCH, MSG_PEEK);
    if (n < 0 && conn_is_again(errno)) {
        c->readable = false;
        return;
    }
    enum err e = n > 0 ? c->role->preamble(c, span_of(c->worker->scratch, (size_t)n), &used)
                       : c->role->ended;
    if (e == ERR_OK && used == 0 && c->peer_ended)
        e = c->role->ended;
    if (e == ERR_OK && used > 0 && recv(c->fd, c->worker->scratch, used, 0) != (ssize_t)used)
        e = c->role->reset;
    if (e != ERR_OK)
        conn_close(c, e);
    else if (used == 0)
        c->readable = false;
    else if (c->tls == NULL)
        open_up(c);
    else
        c->state = CONN_HANDSHAKE;
}

static void connected(struct conn *c)
{
    int e = 0;
    socklen_t n = sizeof(e);
    if (!c->writable)
        return;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0 || e != 0) {
        conn_close(c, e == ECONNREFUSED ? ERR_CONNECT_REFUSED : c->role->connect_failed);
        return;
    }
    if (c->role->greet != NULL && !c->role->greet(c)) {
        conn_close(c, c->role->connect_failed);
        return;
    }
    if (c->tls == NULL) {
        open_up(c);
        return;
    }
    c->state = CONN_HANDSHAKE;
}

static void throw_away(struct conn *c)
{
    for (unsigned i = 0; i < READS_PER_TURN; i++) {
        ssize_t n = recv(c->fd, c->worker->scratch, WORKER_SCRATCH, 0);
        if (n < 0 && conn_is_again(errno))
            return;
        c->lingered += n > 0 ? (unsigned)n : 0;
        if (n <= 0 || c->lingered > LINGER_BYTES) {
            conn_close(c, c->ending);
            return;
        }
    }
    conn_later(c, CONN_LATER_TURN);
}

static bool is_awake(struct conn *c)
{
    if (c->codec != NULL)
        return true;
    if (!c->readable)
        return false;
    if (!c->role->wake(c))
        conn_close(c, ERR_NO_MEMORY);
    return c->state == CONN_OPEN;
}

static void open_turn(struct conn *c)
{
    if (!is_awake(c))
        return;
    if (codec_is_reading(c->codec))
        read_and_feed(c);
    else if (c->readable)
        peek(c);
}

void conn_turn(struct conn *c)
{
    c->in_turn = true;
    if (c->state == CONN_CONNECTING)
        connected(c);
    if (c->state == CONN_PREAMBLE)
        take_preamble(c);
    if (c->state == CONN_HANDSHAKE)
        shake(c);
    if (c->state == CONN_OPEN)
        open_turn(c);
    else if (c->state == CONN_LINGER)
        throw_away(c);
    c->in_turn = false;
    count_rx(c);
    worker_flush(c->worker);
    if (c->state == CONN_OPEN)
        c->role->settled(c);
}

static void on_io(void *arg, unsigned what)
{
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    if (what & LOOP_READ) {
        c->readable = true;
        if (c->tls != NULL)
            tls_readable(c->tls);
    }
    if (what & LOOP_CLOSED)
        c->peer_ended = true;
    if (what & LOOP_WRITE) {
        c->writable = true;
        if (c->out.n > 0)
            worker_dirty(c->worker, c);
    }
    if (c->state == CONN_OPEN && (what & LOOP_READ) == 0)
        worker_flush(c->worker);
    else
        conn_turn(c);
}

enum err conn_register(struct conn *c)
{
    return loop_io_add(c->worker->loop, &c->io, c->fd, LOOP_READ | LOOP_WRITE, on_io, c);
}

/* --- an orderly end --- */

void conn_finish(struct conn *c)
{
    bool idle = c->codec == NULL || codec_is_idle(c->codec);
    bool cut = c->codec != NULL && codec_is_cut(c->codec);
    bool sending = c->readable || c->rx.n > 0 || !idle;
    bool may_lose = c->role->lingers && sending && !c->peer_ended && !cut;
    if (c->tls != NULL && !cut)
        tls_bye(c->tls);
    if (!may_lose) {
        conn_close(c, ERR_OK);
        return;
    }
    if (c->codec != NULL)
        codec_closed(c->codec, c->role->ended);
    linger(c, ERR_OK);
}
