/* A connection to a server: made for a wish, then kept for the next, closed when the server or a
 * timer says so.
 *
 * The special difficulty is that one does not know what a server speaks and allows before it has
 * said so. Until then wishes wait for the connection that is being made, as far as they are likely
 * to find room on it, instead of opening one each. */
#include "proxy/back.h"

#include "base/log.h"
#include "proxy/pool.h"
#include "proxy/splice.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct back {
    struct conn conn;
    struct pool *pool;
    struct back_wish *wishes; /* who waits for it, first come first served */
    struct back_wish **last_wish;
    unsigned nwishes;
    bool h2;
    bool http1;        /* made for who wanted nothing else */
    struct back *prev; /* in pool.all */
    struct back *next;
    struct back_list *in; /* pool.idle or pool.shared; NULL: neither */
    struct back *prev_in;
    struct back *next_in;
    uint64_t idle_since_ms;
    unsigned addressed; /* the pool's, when the connection's address was among its own */
};

enum {
    REST_MS = 250,     /* an idle connection beyond the limit is kept this long */
    TRIM_AT_ONCE = 64, /* of them are closed with a tick of the worker: closing takes its time */
};

static struct back *back_of(struct conn *c)
{
    return CONTAINER_OF(c, struct back, conn);
}

/* --- the lists --- */

static void list_leave(struct back *b)
{
    struct back_list *l = b->in;
    if (l == NULL)
        return;
    b->in = NULL;
    if (b->prev_in != NULL)
        b->prev_in->next_in = b->next_in;
    else
        l->first = b->next_in;
    if (b->next_in != NULL)
        b->next_in->prev_in = b->prev_in;
    else
        l->last = b->prev_in;
    l->n--;
}

static void list_enter(struct back_list *l, struct back *b)
{
    if (b->in == l)
        return;
    list_leave(b);
    b->in = l;
    b->prev_in = NULL;
    b->next_in = l->first;
    if (l->first != NULL)
        l->first->prev_in = b;
    else
        l->last = b;
    l->first = b;
    l->n++;
}

void back_close_idle(struct pool *p)
{
    while (p->idle.first != NULL)
        conn_close(&p->idle.first->conn, ERR_OK);
}

void back_trim(struct pool *p, unsigned keep)
{
    uint64_t now = loop_now_ms(p->worker->loop);
    unsigned most = TRIM_AT_ONCE;
    while (p->idle.n > keep && now - p->idle.last->idle_since_ms >= REST_MS && most-- > 0)
        conn_close(&p->idle.last->conn, ERR_OK);
}

/* Whether the pool's server is still where the connection goes. */
static bool is_stray(struct back *b)
{
    struct pool *p = b->pool;
    struct address peer = {.len = sizeof(peer.sa)};
    char there[80], here[80];
    if (b->addressed == p->addressed)
        return false;
    if (getpeername(b->conn.fd, (struct sockaddr *)(void *)&peer.sa, &peer.len) != 0)
        return true;
    struct span to = span_of(there, address_text(&peer, there, sizeof(there)));
    for (size_t i = 0; i < p->naddresses; i++)
        if (span_eq(to, span_of(here, address_text(&p->addresses[i], here, sizeof(here))))) {
            b->addressed = p->addressed;
            return false;
        }
    return true;
}

void back_close_strays(struct pool *p)
{
    for (struct back *b = p->idle.first, *next; b != NULL; b = next) {
        next = b->next_in;
        if (is_stray(b))
            conn_close(&b->conn, ERR_OK);
    }
    for (struct back *b = p->shared.first, *next; b != NULL; b = next) {
        next = b->next_in;
        if (is_stray(b))
            list_leave(b); /* no more streams; closed when the last one is over */
    }
}

void back_close_all(struct pool *p)
{
    while (p->all != NULL)
        conn_close(&p->all->conn, ERR_STOPPING);
}

static void all_add(struct pool *p, struct back *b)
{
    b->next = p->all;
    if (b->next != NULL)
        b->next->prev = b;
    p->all = b;
    p->nconns++;
    p->nobjects++;
    metric_inc(p->connections);
    metric_inc(p->connections_open);
}

static void all_remove(struct pool *p, struct back *b)
{
    if (b->prev != NULL)
        b->prev->next = b->next;
    else
        p->all = b->next;
    if (b->next != NULL)
        b->next->prev = b->prev;
    p->nconns--;
    metric_dec(p->connections_open);
}

/* --- wishes --- */

static void take(struct pool *p, struct back_wish *wish);

static void wish_add(struct back *b, struct back_wish *wish)
{
    wish->back = b;
    wish->next = NULL;
    *b->last_wish = wish;
    b->last_wish = &wish->next;
    b->nwishes++;
}

static void wish_remove(struct back *b, struct back_wish *wish)
{
    struct back_wish **at = &b->wishes;
    while (*at != wish)
        at = &(*at)->next;
    *at = wish->next;
    if (b->last_wish == &wish->next)
        b->last_wish = at;
    wish->back = NULL;
    b->nwishes--;
}

/* Over HTTP/2 others may share it from now on. */
static void give_stream(struct back *b, struct back_wish *wish, bool reused)
{
    struct codec *c = b->conn.codec;
    struct http_stream *s = codec_open(c, wish->method, wish->arena, wish->on, wish->owner);
    if (b->h2 && codec_is_reusable(c))
        list_enter(&b->pool->shared, b);
    else
        list_leave(b);
    if (s != NULL)
        wish->ready(wish->owner, s, reused);
    else
        wish->failed(wish->owner, ERR_NO_MEMORY);
}

/* Streams for those who wait. Whom it has no room for, now that the server has said how much there
 * is, is served elsewhere. */
static void serve(struct back *b)
{
    struct pool *p = b->pool;
    struct back_wish *wish;
    while ((wish = b->wishes) != NULL && codec_is_reusable(b->conn.codec)) {
        wish_remove(b, wish);
        give_stream(b, wish, false);
    }
    unsigned max = codec_streams_max(b->conn.codec);
    if (max == UINT_MAX || b->http1)
        return;
    p->streams = max;
    if (p->waited == b)
        p->waited = NULL;
    while ((wish = b->wishes) != NULL) {
        wish_remove(b, wish);
        take(p, wish);
    }
}

/* Nothing was sent for a wish, however the connection ended: in order, too. */
static enum err why_unserved(enum err why)
{
    if (why != ERR_OK && (err_fault(why) != FAULT_BACKEND || err_retry(why) == RETRY_UNSENT))
        return why;
    return ERR_CONNECT_FAILED;
}

static void fail_wishes(struct back *b, enum err why)
{
    struct back_wish *wish;
    if (b->pool->waited == b)
        b->pool->waited = NULL;
    while ((wish = b->wishes) != NULL) {
        wish_remove(b, wish);
        wish->failed(wish->owner, why_unserved(why));
    }
}

/* --- the role --- */

static enum err codec_new(struct back *b)
{
    struct conn *c = &b->conn;
    struct worker *w = c->worker;
    if (b->h2)
        return codec_h2_backend(&c->codec, &w->codec, c->tls != NULL, &conn_codec_host_backend, c,
                                &c->out);
    return codec_h1_backend(&c->codec, &w->codec, &conn_codec_host_backend, c, &c->out);
}

/* The header fits into the empty buffer of a new socket, or something is wrong with it. */
static bool greet(struct conn *c)
{
    static const struct endpoints nobody;
    const struct back *b = back_of(c);
    char header[PROXY_WRITE_MAX];
    if (!b->pool->proxy_protocol)
        return true;
    const struct back_wish *wish = b->wishes; /* at most one: nothing is shared here */
    size_t n = proxy_header_write(wish == NULL || wish->who == NULL ? &nobody : wish->who, header);
    return send(c->fd, header, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool established(struct conn *c)
{
    struct back *b = back_of(c);
    struct pool *p = b->pool;
    b->h2 = c->tls != NULL ? tls_is_h2(c->tls) : p->protocol == BACKEND_H2;
    if (!b->h2 && p->protocol == BACKEND_H2) {
        conn_close(c, ERR_BACKEND_PROTOCOL);
        return false;
    }
    if (codec_new(b) != ERR_OK)
        return false;
    if (!b->http1)
        p->h2 = b->h2;
    loop_timer_clear(c->worker->loop, &c->timer);
    if (c->tls != NULL)
        metric_inc(p->handshakes[tls_is_resumed(c->tls)]);
    serve(b); /* settled() puts it into the pool */
    return true;
}

/* Requests are under way, or their last bytes, which a server that does not read must not hold for
 * ever. Over HTTP/2 the timer asks for a sign of life; setting it later is free. */
static void settled_busy(struct back *b)
{
    struct worker *w = b->conn.worker;
    if (b->conn.out.n > 0 && codec_is_done(b->conn.codec))
        loop_timer_set(w->loop, &b->conn.timer, w->timeouts.stream_idle);
    if (!b->h2)
        return;
    loop_timer_set(w->loop, &b->conn.timer, w->timeouts.backend_ping);
    if (codec_is_reusable(b->conn.codec) && !is_stray(b))
        list_enter(&b->pool->shared, b);
    else
        list_leave(b);
}

static void settled(struct conn *c)
{
    struct back *b = back_of(c);
    struct worker *w = c->worker;
    struct pool *p = b->pool;
    if (p->waited == b || b->wishes != NULL)
        serve(b);
    if (b->in == &p->idle) {
        if (codec_is_done(c->codec)) /* it spoke out of turn, or said goodbye */
            conn_close(c, ERR_OK);
        return;
    }
    if (!codec_is_idle(c->codec)) {
        settled_busy(b);
        return;
    }
    if (!codec_is_reusable(c->codec) || c->rx.n > 0 || p->users == 0 || p->proxy_protocol ||
        is_stray(b)) {
        conn_close(c, ERR_OK);
        return;
    }
    if (c->readable && !b->h2) { /* what may lie behind an answer is looked at first */
        conn_wants_read(c);
        return;
    }
    list_enter(&p->idle, b);
    b->idle_since_ms = loop_now_ms(w->loop);
    loop_timer_set(w->loop, &c->timer, w->timeouts.backend_idle);
}

/* Said, and the server's next address is tried next time. */
static void note_failure(struct pool *p, enum err why, const char *detail)
{
    unsigned held;
    char more[LOG_HELD_MAX];
    if (p->naddresses > 0 && why != ERR_BACKEND_BUSY)
        p->address = (p->address + 1) % p->naddresses;
    if (log_gate_open(p->gate, &held))
        log_warn("backend", "%s server %s%s: %s%s%s%s", p->backend, p->server,
                 p->kind == POOL_MIRROR ? ", copy" : "", err_sentence(why),
                 detail[0] != '\0' ? ": " : "", detail, log_held(held, more));
}

static void closed(struct conn *c, enum err why)
{
    struct back *b = back_of(c);
    list_leave(b);
    all_remove(b->pool, b);
    if (c->codec == NULL || why == ERR_BACKEND_TLS) /* it never came up, or looked so only to us */
        note_failure(b->pool, why, c->tls != NULL ? tls_reason(c->tls) : "");
    fail_wishes(b, why);
}

static void back_free(struct conn *c)
{
    struct back *b = back_of(c);
    struct pool *p = b->pool;
    p->nobjects--;
    free(b);
    pool_left(p);
}

static const struct conn_role role = {
    .greet = greet,
    .established = established,
    .settled = settled,
    .closed = closed,
    .free = back_free,
    .pass = splice_answer,
    .connect_failed = ERR_CONNECT_FAILED,
    .tls_failed = ERR_BACKEND_TLS,
    .reset = ERR_BACKEND_RESET,
    .ended = ERR_BACKEND_CLOSED,
};

/* Nothing came or went for as long as timeouts.backend_ping. */
static void ping(struct back *b)
{
    struct conn *c = &b->conn;
    if (codec_ping(c->codec))
        loop_timer_set(c->worker->loop, &c->timer, c->worker->timeouts.backend_ping);
    else
        conn_close(c, ERR_BACKEND_PING_TIMEOUT);
}

static void on_timer(void *arg)
{
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    struct back *b = back_of(c);
    if (c->state == CONN_CONNECTING || c->state == CONN_HANDSHAKE)
        conn_close(c, ERR_CONNECT_TIMEOUT);
    else if (b->in == &b->pool->idle || codec_is_done(c->codec))
        conn_close(c, ERR_OK);
    else if (b->h2)
        ping(b);
    worker_flush(c->worker); /* what the asker answers now */
}

/* --- making one --- */

static enum err start(struct back *b, const struct address *a)
{
    struct worker *w = b->pool->worker;
    struct conn *c = &b->conn;
    int on = 1;
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_SYSTEM;
    conn_begin(c, w, &role, fd, on_timer);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (b->pool->tls != NULL)
        TRY(tls_connect(b->pool->tls, fd, b->pool->host, b->pool->sessions, &c->tls));
    if (c->tls != NULL && b->http1)
        TRY(tls_offer_http1(c->tls));
    c->state = CONN_CONNECTING;
    if (connect(fd, (const struct sockaddr *)(const void *)&a->sa, a->len) != 0 &&
        errno != EINPROGRESS)
        return errno == ECONNREFUSED ? ERR_CONNECT_REFUSED : ERR_CONNECT_FAILED;
    return conn_register(c);
}

static enum err back_new(struct pool *p, struct back_wish *wish)
{
    struct worker *w = p->worker;
    if (p->naddresses == 0)
        return ERR_BACKEND_NAME;
    if (p->nconns >= w->limits.backend_connections && p->idle.last != NULL)
        conn_close(&p->idle.last->conn, ERR_OK); /* who wants a fresh one may have its place */
    if (p->nconns >= w->limits.backend_connections)
        return ERR_BACKEND_BUSY;
    struct back *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return ERR_NO_MEMORY;
    b->pool = p;
    b->last_wish = &b->wishes;
    b->http1 = wish->http1;
    b->addressed = p->addressed;
    b->conn.fd = -1;
    enum err e = start(b, &p->addresses[p->address]);
    if (e != ERR_OK) {
        int reason = errno;
        if (b->conn.tls != NULL)
            tls_free(&b->conn.tls);
        if (b->conn.fd >= 0)
            close(b->conn.fd);
        free(b);
        errno = reason;
        return e;
    }
    all_add(p, b);
    wish_add(b, wish);
    if (p->h2 && !b->http1)
        p->waited = b;
    loop_timer_set(w->loop, &b->conn.timer,
                   p->kind == POOL_MIRROR ? w->shadow.connect : w->timeouts.connect);
    return ERR_OK;
}

static struct back *kept_for(const struct pool *p, const struct back_wish *wish)
{
    struct back *b = p->shared.first != NULL ? p->shared.first : p->idle.first;
    if (!wish->http1)
        return b;
    for (b = p->idle.first; b != NULL && b->h2;)
        b = b->next_in;
    return b;
}

static bool reuse(struct pool *p, struct back_wish *wish)
{
    struct back *b;
    while ((b = kept_for(p, wish)) != NULL) {
        if (codec_is_reusable(b->conn.codec)) {
            give_stream(b, wish, true); /* over HTTP/1 its timer stays: when it fires the connection
                                           is busy, and nothing happens */
            return true;
        }
        list_leave(b); /* it ended in this turn */
    }
    return false;
}

/* As many wait for a connection as will find room on it, by what is known of the server. */
static bool wait_for_other(struct pool *p, struct back_wish *wish)
{
    struct back *b = p->waited;
    unsigned max = p->streams < p->worker->limits.backend_streams
                       ? p->streams
                       : p->worker->limits.backend_streams;
    if (b == NULL || wish->http1 || b->nwishes >= max)
        return false;
    wish_add(b, wish);
    return true;
}

static void take(struct pool *p, struct back_wish *wish)
{
    wish->back = NULL;
    if (wish->http1 && p->protocol == BACKEND_H2) {
        wish->failed(wish->owner, ERR_UPGRADE_REFUSED);
        return;
    }
    if ((!wish->fresh && reuse(p, wish)) || wait_for_other(p, wish))
        return;
    enum err e = back_new(p, wish);
    if (e == ERR_OK || (e == ERR_BACKEND_BUSY && reuse(p, wish)))
        return;
    note_failure(p, e, e == ERR_CONNECT_FAILED || e == ERR_SYSTEM ? strerror(errno) : "");
    wish->failed(wish->owner, e);
}

void back_take(struct worker *w, const struct view *v, size_t backend, enum pool_kind kind,
               struct back_wish *wish)
{
    struct pool **pools = kind == POOL_SERVE ? v->serve : v->mirror;
    size_t n = v->first[backend + 1] - v->first[backend];
    UNUSED(w);
    take(pools[v->first[backend] + v->turn[backend]++ % n], wish);
}

void back_cancel(struct back_wish *wish)
{
    if (wish->back != NULL)
        wish_remove(wish->back, wish);
}
