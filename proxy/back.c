/* A connection to a server: made for a wish, then kept for the next, closed when the server or a
 * timer says so. */
#include "proxy/back.h"

#include "base/log.h"
#include "proxy/pool.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct back {
    struct conn conn;
    struct pool *pool;
    struct back_wish *wish; /* waiting for the connection to be up */
    bool used;              /* has served */
    bool idle;
    struct back *prev; /* in pool.all */
    struct back *next;
    struct back *prev_idle;
    struct back *next_idle;
    uint64_t idle_since_ms;
};

enum { REST_MS = 250 }; /* an idle connection beyond the limit is kept this long */

static struct back *back_of(struct conn *c)
{
    return CONTAINER_OF(c, struct back, conn);
}

/* --- the idle list --- */

static void idle_add(struct pool *p, struct back *b)
{
    b->idle = true;
    b->idle_since_ms = loop_now_ms(p->worker->loop);
    b->prev_idle = NULL;
    b->next_idle = p->idle;
    if (p->idle != NULL)
        p->idle->prev_idle = b;
    else
        p->idle_last = b;
    p->idle = b;
    p->nidle++;
}

static void idle_remove(struct pool *p, struct back *b)
{
    if (!b->idle)
        return;
    b->idle = false;
    if (b->prev_idle != NULL)
        b->prev_idle->next_idle = b->next_idle;
    else
        p->idle = b->next_idle;
    if (b->next_idle != NULL)
        b->next_idle->prev_idle = b->prev_idle;
    else
        p->idle_last = b->prev_idle;
    p->nidle--;
}

void back_close_idle(struct pool *p)
{
    while (p->idle != NULL)
        conn_close(&p->idle->conn, ERR_OK);
}

void back_trim(struct pool *p, unsigned keep)
{
    uint64_t now = loop_now_ms(p->worker->loop);
    while (p->nidle > keep && now - p->idle_last->idle_since_ms >= REST_MS)
        conn_close(&p->idle_last->conn, ERR_OK);
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

/* --- the role --- */

static void fail_wish(struct back *b, enum err why)
{
    struct back_wish *wish = b->wish;
    if (wish == NULL)
        return;
    b->wish = NULL;
    wish->back = NULL;
    wish->failed(wish->owner, why);
}

/* The header fits into the empty buffer of a new socket, or something is wrong with it. */
static bool greet(struct conn *c)
{
    static const struct endpoints nobody;
    const struct back *b = back_of(c);
    char header[PROXY_WRITE_MAX];
    if (!b->pool->proxy_protocol)
        return true;
    size_t n = proxy_header_write(b->wish == NULL || b->wish->who == NULL ? &nobody : b->wish->who,
                                  header);
    return send(c->fd, header, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool established(struct conn *c)
{
    struct back *b = back_of(c);
    struct worker *w = c->worker;
    if (codec_h1_backend(&c->codec, &w->codec, &conn_codec_host_backend, c, &c->out) != ERR_OK)
        return false;
    loop_timer_clear(w->loop, &c->timer);
    struct back_wish *wish = b->wish;
    if (wish == NULL)
        return true; /* settled() puts it into the pool */
    b->wish = NULL;
    wish->back = NULL;
    b->used = true;
    struct http_stream *s = codec_open(c->codec, wish->method, wish->arena, wish->on, wish->owner);
    wish->ready(wish->owner, s, false);
    return true;
}

static void settled(struct conn *c)
{
    struct back *b = back_of(c);
    struct worker *w = c->worker;
    if (b->idle) {
        if (codec_is_done(c->codec)) /* it spoke out of turn */
            conn_close(c, ERR_OK);
        return;
    }
    if (b->wish != NULL || !codec_is_idle(c->codec))
        return;
    if (!codec_is_reusable(c->codec) || c->rx.n > 0 || b->pool->users == 0 ||
        b->pool->proxy_protocol) {
        conn_close(c, ERR_OK);
        return;
    }
    idle_add(b->pool, b);
    loop_timer_set(w->loop, &c->timer, w->timeouts.backend_idle);
}

/* Said, and the server's next address is tried next time. */
static void note_failure(struct pool *p, enum err why, const char *detail)
{
    unsigned held;
    if (p->naddresses > 0 && why != ERR_BACKEND_BUSY)
        p->address = (p->address + 1) % p->naddresses;
    if (log_gate_open(p->gate, &held))
        log_warn("backend", "%s server %s%s: %s%s%s (%u more like this)", p->backend, p->server,
                 p->kind == POOL_MIRROR ? ", copy" : "", err_sentence(why),
                 detail[0] != '\0' ? ": " : "", detail, held);
}

static void closed(struct conn *c, enum err why)
{
    struct back *b = back_of(c);
    idle_remove(b->pool, b);
    all_remove(b->pool, b);
    if (c->codec == NULL) /* it never came up */
        note_failure(b->pool, why, c->tls != NULL ? tls_reason(c->tls) : "");
    fail_wish(b, why);
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
    .connect_failed = ERR_CONNECT_FAILED,
    .tls_failed = ERR_BACKEND_TLS,
    .reset = ERR_BACKEND_RESET,
    .ended = ERR_BACKEND_CLOSED,
};

static void on_timer(void *arg)
{
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    if (c->state == CONN_CONNECTING || c->state == CONN_HANDSHAKE)
        conn_close(c, ERR_CONNECT_TIMEOUT);
    else if (back_of(c)->idle)
        conn_close(c, ERR_OK);
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
        TRY(tls_connect(b->pool->tls, fd, b->pool->host, &c->tls));
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
    if (p->nconns >= w->limits.backend_connections && p->idle_last != NULL)
        conn_close(&p->idle_last->conn, ERR_OK); /* who wants a fresh one may have its place */
    if (p->nconns >= w->limits.backend_connections)
        return ERR_BACKEND_BUSY;
    struct back *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return ERR_NO_MEMORY;
    b->pool = p;
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
    b->wish = wish;
    wish->back = b;
    loop_timer_set(w->loop, &b->conn.timer,
                   p->kind == POOL_MIRROR ? w->shadow.connect : w->timeouts.connect);
    return ERR_OK;
}

static bool reuse(struct pool *p, struct back_wish *wish)
{
    struct back *b = p->idle;
    if (b == NULL || wish->fresh)
        return false;
    idle_remove(p,
                b); /* its timer stays: when it fires the connection is busy, and nothing happens */
    struct http_stream *s =
        codec_open(b->conn.codec, wish->method, wish->arena, wish->on, wish->owner);
    BUG_IF(s == NULL);
    wish->ready(wish->owner, s, true);
    return true;
}

void back_take(struct worker *w, const struct view *v, size_t backend, enum pool_kind kind,
               struct back_wish *wish)
{
    struct pool **pools = kind == POOL_SERVE ? v->serve : v->mirror;
    size_t n = v->first[backend + 1] - v->first[backend];
    struct pool *p = pools[v->first[backend] + v->turn[backend]++ % n];
    UNUSED(w);
    wish->back = NULL;
    if (reuse(p, wish))
        return;
    enum err e = back_new(p, wish);
    if (e == ERR_OK)
        return;
    note_failure(p, e, e == ERR_CONNECT_FAILED || e == ERR_SYSTEM ? strerror(errno) : "");
    wish->failed(wish->owner, e);
}

void back_cancel(struct back_wish *wish)
{
    if (wish->back == NULL)
        return;
    wish->back->wish = NULL;
    wish->back = NULL;
}
