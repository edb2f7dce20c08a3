/* The client side of a connection's life: handshake, idle, head, stalled, linger, each with its
 * time. */
#include "proxy/front.h"

#include "base/log.h"
#include "proxy/exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { FEW = 256 }; /* clients of a worker whose codecs are kept */

static struct front *front_of(struct conn *c)
{
    return CONTAINER_OF(c, struct front, conn);
}

/* --- the codec's host --- */

static bool open_stream(void *arg, struct http_stream *s, struct arena **arena)
{
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    return exchange_new(front_of(c), s, arena) == ERR_OK;
}

static void flooded(void *arg, const char *kind)
{
    struct conn *c;
    metric_slot slot;
    OBJ_CAST(c, arg, CONN_MAGIC);
    if (metrics_series(METRIC_H2_ATTACKS, &kind, &slot) == ERR_OK)
        metric_inc(slot);
    log_debug("h2", "connection of " SPAN_FMT " ends: flood of kind %s",
              SPAN_ARG(front_client_text(front_of(c))), kind);
}

static const struct codec_host host = {
    .open = open_stream,
    .flooded = flooded,
    .wants_write = conn_wants_write,
    .wants_read = conn_wants_read,
    .ends_sending = conn_ends_sending,
};

/* --- the role --- */

static bool wake(struct conn *c)
{
    struct front *f = front_of(c);
    struct worker *w = c->worker;
    enum err e = f->h2 ? codec_h2_client(&c->codec, &w->codec, &host, c, &c->out)
                       : codec_h1_client(&c->codec, &w->codec, &host, c, &c->out);
    if (e != ERR_OK)
        return false;
    if (w->draining)
        codec_shutdown(c->codec, false);
    return true;
}

/* Over HTTP/2 weir speaks first. */
static bool established(struct conn *c)
{
    struct front *f = front_of(c);
    f->up = true;
    if (c->tls != NULL) {
        metric_inc(c->worker->handshakes[tls_is_resumed(c->tls)]);
        f->h2 = tls_is_h2(c->tls);
    }
    return !f->h2 || wake(c);
}

static bool is_idle(const struct conn *c)
{
    return c->codec == NULL || codec_is_idle(c->codec);
}

/* Between two requests over HTTP/1 a client's connection can do without a codec. To make one again
 * costs a little, so only where there are many. */
static void rest(struct conn *c)
{
    bool is_used = c->rx.n > 0 || c->later != 0 || c->dirty;
    if (c->codec != NULL && !is_used && codec_is_blank(c->codec))
        codec_free(&c->codec);
}

/* One timer, told apart by what the connection is doing when it fires. Setting it later than it
 * already lies is free. */
static void settled(struct conn *c)
{
    struct front *f = front_of(c);
    struct worker *w = c->worker;
    bool idle = is_idle(c);
    if (idle && c->rx.n > 0 && !f->h2) {
        if (!f->head_timer)
            loop_timer_set(w->loop, &c->timer, w->timeouts.client_header);
        f->head_timer = true;
        return;
    }
    f->head_timer = false;
    loop_timer_set(w->loop, &c->timer, idle ? w->timeouts.client_idle : w->timeouts.stream_idle);
    if (idle && w->nfronts > FEW)
        rest(c);
}

static enum err count_in(struct front *f)
{
    struct worker *w = f->conn.worker;
    struct tally_key key = tally_client(&f->peer);
    if (f->peer.n == 0 || networks_have(w->trusted, front_client_ip(f)))
        return ERR_OK;
    enum err e = tally_take(proxy_tally(w->proxy), &key, w->limits.client_connections);
    f->counted = e == ERR_OK;
    return e == ERR_QUEUE_FULL ? ERR_TOO_MANY_FROM_CLIENT : e;
}

static void count_out(struct front *f)
{
    struct tally *t = proxy_tally(f->conn.worker->proxy);
    struct tally_key key = tally_client(&f->peer);
    tally_give(t, &f->listener->key);
    if (f->counted)
        tally_give(t, &key);
}

static void closed(struct conn *c, enum err why)
{
    struct front *f = front_of(c);
    if (why == ERR_BAD_PROXY_HEADER || why == ERR_PROXY_HEADER_TIMEOUT ||
        why == ERR_TOO_MANY_FROM_CLIENT) {
        listener_count_refused(why);
    } else if (c->tls != NULL && !f->up) {
        metric_inc(METRIC_TLS_FAILED);
        log_debug("tls", "handshake with " SPAN_FMT " failed: %s: %s",
                  SPAN_ARG(front_client_text(f)), err_sentence(why), tls_reason(c->tls));
    }
    if (f->prev != NULL)
        f->prev->next = f->next;
    else
        c->worker->fronts = f->next;
    if (f->next != NULL)
        f->next->prev = f->prev;
    c->worker->nfronts--;
    worker_front_over(c->worker, f);
    f->listener->connections--;
    count_out(f);
    metric_dec(METRIC_CONNECTIONS_OPEN);
}

static void front_free(struct conn *c)
{
    struct worker *w = c->worker;
    struct front *f = front_of(c);
    free(f->server);
    free(f);
    worker_left(w);
}

static enum err preamble(struct conn *c, struct span in, size_t *used);

static const struct conn_role role = {
    .preamble = preamble,
    .established = established,
    .wake = wake,
    .settled = settled,
    .closed = closed,
    .free = front_free,
    .lingers = true,
    .connect_failed = ERR_CLIENT_RESET,
    .tls_failed = ERR_CLIENT_TLS,
    .reset = ERR_CLIENT_RESET,
    .ended = ERR_CLIENT_CLOSED,
};

/* --- timers --- */

/* A head that takes too long gets an answer, which is only possible when it is the first thing on
 * its way. */
static void head_timeout(struct front *f)
{
    struct conn *c = &f->conn;
    static const char answer[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n"
                                 "Connection: close\r\nX-Backend: weir\r\n\r\n";
    if (c->rx.n > 0 && c->out.n == 0 && c->writable &&
        chunkq_append(&c->out, span_of(answer, sizeof(answer) - 1)) == ERR_OK)
        conn_flush(c);
    metric_slot slot;
    const char *const label[] = {err_word(ERR_CLIENT_HEADER_TIMEOUT)};
    if (metrics_series(METRIC_REQUESTS_REFUSED, label, &slot) == ERR_OK)
        metric_inc(slot);
    conn_close(c, ERR_CLIENT_HEADER_TIMEOUT);
}

static void open_timeout(struct front *f)
{
    struct conn *c = &f->conn;
    struct worker *w = c->worker;
    uint64_t now = loop_now_ms(w->loop);
    if (f->head_timer) {
        head_timeout(f);
    } else if (is_idle(c)) {
        if (c->codec != NULL) {
            codec_shutdown(c->codec, true); /* HTTP/2 says GOAWAY, HTTP/1 just ends */
            conn_flush(c);
        }
        if (c->state == CONN_OPEN)
            conn_finish(c);
    } else if (c->out.n > 0 && now - c->wrote_ms >= w->timeouts.stream_idle) {
        conn_close(c, ERR_CLIENT_SEND_TIMEOUT);
    } else {
        loop_timer_set(w->loop, &c->timer, w->timeouts.stream_idle);
    }
}

static void on_timer(void *arg)
{
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    if (c->state == CONN_OPEN)
        open_timeout(front_of(c));
    else
        conn_close(c, c->state == CONN_PREAMBLE    ? ERR_PROXY_HEADER_TIMEOUT
                      : c->state == CONN_HANDSHAKE ? ERR_CLIENT_HANDSHAKE_TIMEOUT
                                                   : c->ending);
    worker_flush(c->worker);
}

/* --- life --- */

static struct endpoint endpoint_at(const struct address *a)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&a->sa;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&a->sa;
    switch (a->sa.ss_family) {
    case AF_INET:
        return endpoint_make(&in->sin_addr, 4, ntohs(in->sin_port));
    case AF_INET6:
        return endpoint_make(&in6->sin6_addr, 16, ntohs(in6->sin6_port));
    default:
        return (struct endpoint){.n = 0};
    }
}

bool front_is_trusted(struct listener *l, const struct address *peer)
{
    struct endpoint e = endpoint_at(peer);
    return networks_have(l->worker->trusted, span_of(e.ip, e.n));
}

struct endpoints front_endpoints(const struct front *f)
{
    struct endpoints who = {.client = f->peer};
    struct address here = {.len = sizeof(here.sa)};
    if (f->server != NULL)
        who.server = *f->server;
    else if (getsockname(f->conn.fd, (struct sockaddr *)(void *)&here.sa, &here.len) == 0)
        who.server = endpoint_at(&here);
    return who;
}

static enum err keep_server(struct front *f, const struct endpoint *server)
{
    if (server->n == 0)
        return ERR_OK;
    f->server = malloc(sizeof(*f->server));
    if (f->server == NULL)
        return ERR_NO_MEMORY;
    *f->server = *server;
    return ERR_OK;
}

static enum err preamble(struct conn *c, struct span in, size_t *used)
{
    struct front *f = front_of(c);
    struct endpoints who;
    TRY(proxy_header_read(in, &who, used));
    if (*used == 0)
        return ERR_OK;
    if (who.client.n > 0) {
        f->peer = who.client;
        f->text_n = 0;
        TRY(keep_server(f, &who.server));
        TRY(count_in(f));
    }
    loop_timer_set(c->worker->loop, &c->timer,
                   c->tls != NULL ? c->worker->timeouts.handshake
                                  : c->worker->timeouts.client_header);
    return ERR_OK;
}

/* Most addresses are short, and there are many connections. */
static size_t text_room(const struct listener *l, const struct address *peer)
{
    enum { SHORT = sizeof("255.255.255.255") };
    return l->proxy_protocol || peer->sa.ss_family == AF_INET6 ? ADDRESS_TEXT : SHORT;
}

enum err front_new(struct listener *l, int fd, const struct address *peer)
{
    struct worker *w = l->worker;
    struct front *f = calloc(1, sizeof(*f) + text_room(l, peer));
    if (f == NULL)
        return ERR_NO_MEMORY;
    struct conn *c = &f->conn;
    conn_begin(c, w, &role, fd, on_timer);
    f->listener = l;
    f->peer = endpoint_at(peer);
    c->state = l->proxy_protocol ? CONN_PREAMBLE : CONN_HANDSHAKE;
    enum err e = l->proxy_protocol ? ERR_OK : count_in(f);
    if (e == ERR_OK && l->tls != NULL)
        e = tls_accept(l->tls, fd, &c->tls);
    if (e == ERR_OK)
        e = conn_register(c);
    if (e != ERR_OK) {
        struct tally_key key = tally_client(&f->peer);
        if (f->counted)
            tally_give(proxy_tally(w->proxy), &key);
        if (c->tls != NULL)
            tls_free(&c->tls);
        free(f);
        return e;
    }
    f->next = w->fronts;
    if (f->next != NULL)
        f->next->prev = f;
    w->fronts = f;
    w->nfronts++;
    l->connections++;
    metric_inc(METRIC_CONNECTIONS);
    metric_inc(METRIC_CONNECTIONS_OPEN);
    loop_timer_set(w->loop, &c->timer,
                   c->state == CONN_PREAMBLE ? w->timeouts.proxy_header
                   : c->tls != NULL          ? w->timeouts.handshake
                                             : w->timeouts.client_header);
    if (c->tls == NULL && c->state != CONN_PREAMBLE) {
        c->state = CONN_OPEN;
        if (!established(c))
            conn_close(c, ERR_NO_MEMORY);
    }
    return ERR_OK;
}

void front_drain(struct front *f, bool now)
{
    struct conn *c = &f->conn;
    if (c->state != CONN_OPEN)
        return;
    if (c->codec != NULL)
        codec_shutdown(c->codec, now);
    else if (now)
        conn_finish(c);
    worker_flush(c->worker);
}

struct span front_client_ip(const struct front *f)
{
    return span_of(f->peer.ip, f->peer.n);
}

struct span front_client_text(struct front *f)
{
    if (f->text_n == 0)
        f->text_n = (uint8_t)networks_text(front_client_ip(f), f->text);
    return span_of(f->text, f->text_n);
}
