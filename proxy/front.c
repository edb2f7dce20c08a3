/* The client side of a connection's life: handshake, idle, head, stalled, linger, each with its
 * time. */
#include "proxy/front.h"

#include "base/log.h"
#include "proxy/exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

static struct front *front_of(struct conn *c)
{
    return CONTAINER_OF(c, struct front, conn);
}

/* --- the codec's host --- */

static bool open_stream(void *arg, struct http_stream *s, struct arena **arena)
{
    struct conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    struct front *f = front_of(c);
    f->requests++;
    return exchange_new(f, s, arena) == ERR_OK;
}

static const struct codec_host host = {
    .open = open_stream,
    .wants_write = conn_wants_write,
    .wants_read = conn_wants_read,
    .ends_sending = conn_ends_sending,
};

/* --- the role --- */

static bool established(struct conn *c)
{
    struct front *f = front_of(c);
    struct worker *w = c->worker;
    if (c->tls != NULL) {
        metric_inc(w->handshakes[tls_is_resumed(c->tls)]);
        f->h2 = tls_is_h2(c->tls);
    }
    enum err e = f->h2 ? codec_h2_client(&c->codec, &w->codec, &host, c, &c->out)
                       : codec_h1_client(&c->codec, &w->codec, &host, c, &c->out);
    if (e != ERR_OK)
        return false;
    if (w->draining)
        codec_shutdown(c->codec, false);
    return true;
}

/* One timer, told apart by what the connection is doing when it fires. Setting it later than it
 * already lies is free. */
static void settled(struct conn *c)
{
    struct front *f = front_of(c);
    struct worker *w = c->worker;
    bool in_head = !f->h2 && c->rx.n > 0 && codec_is_idle(c->codec);
    if (in_head) {
        if (!f->head_timer)
            loop_timer_set(w->loop, &c->timer, w->timeouts.client_header);
        f->head_timer = true;
        return;
    }
    f->head_timer = false;
    loop_timer_set(w->loop, &c->timer,
                   codec_is_idle(c->codec) ? w->timeouts.client_idle : w->timeouts.stream_idle);
}

static void closed(struct conn *c, enum err why)
{
    struct front *f = front_of(c);
    if (c->tls != NULL && c->codec == NULL) {
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
    f->listener->connections--;
    metric_dec(METRIC_CONNECTIONS_OPEN);
}

static void front_free(struct conn *c)
{
    struct worker *w = c->worker;
    free(front_of(c));
    worker_left(w);
}

static const struct conn_role role = {
    .established = established,
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
    } else if (codec_is_idle(c->codec)) {
        codec_shutdown(c->codec, true); /* HTTP/2 says GOAWAY, HTTP/1 just ends */
        conn_flush(c);
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
        conn_close(c, c->state == CONN_HANDSHAKE ? ERR_CLIENT_HANDSHAKE_TIMEOUT : c->ending);
    worker_flush(c->worker);
}

/* --- life --- */

static void keep_peer(struct front *f, const struct address *peer)
{
    if (peer->sa.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&peer->sa;
        f->port = ntohs(in->sin_port);
        memcpy(f->ip, &in->sin_addr, 4);
        f->ip_n = 4;
        return;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&peer->sa;
    f->port = ntohs(in6->sin6_port);
    bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
    f->ip_n = mapped ? 4 : 16;
    memcpy(f->ip, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), f->ip_n);
}

enum err front_new(struct listener *l, int fd, const struct address *peer)
{
    struct worker *w = l->worker;
    struct front *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return ERR_NO_MEMORY;
    struct conn *c = &f->conn;
    conn_begin(c, w, &role, fd, on_timer);
    f->listener = l;
    keep_peer(f, peer);
    c->state = CONN_HANDSHAKE;
    enum err e = l->tls == NULL ? ERR_OK : tls_accept(l->tls, fd, &c->tls);
    if (e == ERR_OK)
        e = conn_register(c);
    if (e != ERR_OK) {
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
                   c->tls != NULL ? w->timeouts.handshake : w->timeouts.client_header);
    if (c->tls == NULL) {
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
    codec_shutdown(c->codec, now);
    worker_flush(c->worker);
}

struct span front_client_ip(const struct front *f)
{
    return span_of(f->ip, f->ip_n);
}

struct span front_client_text(struct front *f)
{
    if (f->text_n == 0) {
        inet_ntop(f->ip_n == 4 ? AF_INET : AF_INET6, f->ip, f->text, sizeof(f->text));
        f->text_n = (uint8_t)strlen(f->text);
    }
    return span_of(f->text, f->text_n);
}
