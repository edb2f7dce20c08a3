/* A server of a few pages on weir's own loop and codec. It keeps connections alive and answers late
 * where it is told to; bodies of requests are read and ignored. One page is a WebSocket that says
 * every second who it comes from. */
#include "cli/demo_backend.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "http/codec.h"
#include "http/ws.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKEND_MAGIC = 0x44424b44,
    CONN_MAGIC = 0x44434f4e,
    CONNS_MAX = 2048,
    READ_BYTES = 16 * 1024,
    SLOW_MS = 120,
    QUICK_MS = 15,
    TICK_MS = 1000,
};

struct demo_backend {
    unsigned magic;
    enum side side;
    struct loop *loop;
    pthread_t thread;
    int fd;
    unsigned port;
    struct loop_io io;
    struct demo_conn *conns;
    unsigned nconns;
    char scratch[READ_BYTES];
};

struct demo_conn {
    unsigned magic;
    struct demo_backend *backend;
    struct demo_conn *prev;
    struct demo_conn *next;
    int fd;
    struct loop_io io;
    struct loop_task reap;
    struct codec *codec;
    struct chunkq out;
    struct buf rx;
    struct arena arena;
    struct http_stream *stream;
    struct http_head *request;
    struct timer later; /* an answer that takes its time, or the next message */
    bool closing;
    bool half; /* nothing more will be sent */
    bool live; /* a WebSocket */
    bool said; /* all that will be said on it */
    unsigned ticks;
    struct ws heard;
};

static const struct codec_options options = {
    .limits = {.header_bytes = 32 * 1024, .header_fields = 100, .target_bytes = 8 * 1024},
    .buffer = 64 * 1024,
};

/* --- pages --- */

static enum err order_page(struct buf *b, enum side side, unsigned long n)
{
    const char *quote = side == SIDE_NEW ? "\"" : "";
    return buf_printf(b,
                      "{\"id\": %lu, \"customer\": %lu, \"total\": %s%lu.%02lu%s, \"currency\": "
                      "\"EUR\", \"items\": [{\"sku\": \"A-%lu\", \"quantity\": 2}]}\n",
                      n, n * 7 % 1000, quote, 19 + n % 80, n * 5 % 100, quote, n % 10);
}

static enum err user_page(struct buf *b, enum side side, unsigned long n)
{
    TRY(buf_printf(b, "{\"id\": %lu, \"name\": \"User %lu\"", n, n));
    if (side == SIDE_LEGACY)
        TRY(buf_printf(b, ", \"phone\": \"+49 30 %06lu\"", n));
    return buf_printf(b, ", \"active\": true}\n");
}

static enum err products_page(struct buf *b, enum side side)
{
    static const char *const skus[] = {"anvil", "bolt", "clamp", "drill", "easel"};
    size_t n = ARRAY_LEN(skus);
    TRY(buf_printf(b, "{\"products\": ["));
    for (size_t i = 0; i < n; i++) {
        size_t k = side == SIDE_NEW ? n - 1 - i : i;
        TRY(buf_printf(b, "%s{\"sku\": \"%s\", \"stock\": %zu}", i > 0 ? ", " : "", skus[k],
                       k * 3));
    }
    return buf_printf(b, "]}\n");
}

static bool number_behind(struct span path, struct span prefix, unsigned long *n)
{
    uint64_t v;
    if (!span_has_prefix(path, prefix) || !span_u64(span_from(path, prefix.n), &v))
        return false;
    *n = (unsigned long)(v % 1000000);
    return true;
}

/* The page for a path; *ms is how long it takes. */
static enum err page(enum side side, struct span path, struct buf *b, unsigned *ms,
                     unsigned *status)
{
    unsigned long n;
    *ms = 0;
    *status = 200;
    if (number_behind(path, SPAN("/api/orders/"), &n))
        return order_page(b, side, n);
    if (number_behind(path, SPAN("/api/users/"), &n))
        return user_page(b, side, n);
    if (span_eq(path, SPAN("/api/products")))
        return products_page(b, side);
    if (span_eq(path, SPAN("/api/search"))) {
        *ms = side == SIDE_NEW ? SLOW_MS : QUICK_MS;
        return buf_printf(b, "{\"hits\": 3, \"results\": [\"anvil\", \"clamp\", \"drill\"]}\n");
    }
    if (span_eq(path, SPAN("/api/prices")))
        return buf_printf(b, "{\"anvil\": 120.00, \"bolt\": 0.15, \"clamp\": 14.50}\n");
    if (span_eq(path, SPAN("/")))
        return buf_printf(b, "{\"service\": \"shop\", \"ok\": true}\n");
    if (span_eq(path, SPAN("/live"))) {
        *status = 400;
        return buf_printf(b, "{\"error\": \"this page is a WebSocket\"}\n");
    }
    *status = 404;
    return buf_printf(b, "{\"error\": \"no such page\"}\n");
}

/* --- answering --- */

static enum err send_page(struct demo_conn *c, struct span body, unsigned status)
{
    struct http_head h;
    char length[20];
    http_head_begin(&h, &c->arena, true);
    h.status = (uint16_t)status;
    TRY(http_head_add_id(&h, HTTP_CONTENT_TYPE, SPAN("application/json")));
    TRY(http_head_add_id(&h, HTTP_CONTENT_LENGTH, span_of(length, bytes_u64(length, body.n))));
    TRY(http_send_head(c->stream, &h, false));
    if (c->request->method != HTTP_HEAD)
        (void)http_send_body(c->stream, body);
    return http_send_end(c->stream, NULL);
}

/* --- the page that is a WebSocket --- */

static void tick(struct demo_conn *c)
{
    char frame[2 + 125];
    int n = snprintf(frame + 2, sizeof(frame) - 2, "{\"from\": \"%s\", \"tick\": %u}",
                     c->backend->side == SIDE_LEGACY ? "legacy" : "new", ++c->ticks);
    frame[0] = (char)0x81; /* one whole text message (RFC 6455 5.2) */
    frame[1] = (char)n;
    (void)http_send_body(c->stream, span_of(frame, (size_t)n + 2));
    if (chunkq_own(&c->out) == ERR_OK) {
        loop_timer_set(c->backend->loop, &c->later, TICK_MS);
        return;
    }
    http_reset(c->stream, ERR_NO_MEMORY);
    c->stream = NULL;
}

static enum err go_live(struct demo_conn *c)
{
    struct http_head h;
    char accept[WS_ACCEPT_LEN];
    TRY(ws_accept_for(http_head_value(c->request, HTTP_SEC_WEBSOCKET_KEY), accept));
    http_head_begin(&h, &c->arena, true);
    h.status = 101;
    h.websocket = true;
    TRY(http_head_add_id(&h, HTTP_SEC_WEBSOCKET_ACCEPT, span_of(accept, sizeof(accept))));
    TRY(http_send_head(c->stream, &h, false));
    ws_begin(&c->heard, true);
    c->live = true;
    c->said = false;
    c->ticks = 0;
    tick(c);
    return ERR_OK;
}

static void hang_up(struct demo_conn *c)
{
    char frame[WS_CLOSE_MAX];
    if (c->said)
        return;
    c->said = true;
    loop_timer_clear(c->backend->loop, &c->later);
    (void)http_send_body(c->stream, span_of(frame, ws_close(frame, WS_GOING_AWAY, false)));
    if (chunkq_own(&c->out) == ERR_OK)
        (void)http_send_end(c->stream, NULL);
}

/* What a client says is passed over, but for its Close. */
static void listen_to(struct demo_conn *c, struct span data)
{
    while (data.n > 0)
        data = span_from(data, ws_follow(&c->heard, data));
    if (c->heard.said_close || c->heard.lost)
        hang_up(c);
}

static void answer(struct demo_conn *c, bool waited)
{
    struct span path = span_until(c->request->target, span_find(c->request->target, '?'));
    struct buf b = BUF_INIT(64 * 1024);
    unsigned ms, status;
    bool live = c->request->websocket && span_eq(path, SPAN("/live"));
    enum err e = live ? go_live(c) : page(c->backend->side, path, &b, &ms, &status);
    if (live && e == ERR_OK)
        return;
    if (e == ERR_OK && ms > 0 && !waited)
        loop_timer_set(c->backend->loop, &c->later, ms);
    else if (e == ERR_OK)
        e = send_page(c, buf_span(&b), status);
    if (e != ERR_OK) {
        http_reset(c->stream, e);
        c->stream = NULL;
    }
    if (chunkq_own(&c->out) != ERR_OK && c->stream != NULL) { /* the body is borrowed from b */
        http_reset(c->stream, ERR_NO_MEMORY);
        c->stream = NULL;
    }
    buf_free(&b);
}

static void flush(struct demo_conn *c);

static void on_later(void *arg)
{
    struct demo_conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    if (c->stream == NULL)
        return;
    if (c->live)
        tick(c);
    else
        answer(c, true);
    flush(c);
}

/* --- the stream --- */

static void on_head(void *owner, struct http_head *head)
{
    struct demo_conn *c;
    OBJ_CAST(c, owner, CONN_MAGIC);
    c->request = head;
}

static void on_body(void *owner, struct span data)
{
    struct demo_conn *c;
    OBJ_CAST(c, owner, CONN_MAGIC);
    http_consumed(c->stream, data.n);
    if (c->live)
        listen_to(c, data);
}

static void on_end(void *owner, enum err how, struct http_head *trailers)
{
    struct demo_conn *c;
    OBJ_CAST(c, owner, CONN_MAGIC);
    UNUSED(trailers);
    if (how == ERR_OK && c->live)
        hang_up(c);
    else if (how == ERR_OK)
        answer(c, false);
}

static void on_ready(void *owner)
{
    UNUSED(owner); /* pages are smaller than the buffer */
}

static void on_gone(void *owner, enum err why)
{
    struct demo_conn *c;
    OBJ_CAST(c, owner, CONN_MAGIC);
    UNUSED(why);
    loop_timer_clear(c->backend->loop, &c->later);
    c->stream = NULL;
    c->request = NULL;
    c->live = false;
    arena_end(&c->arena);
}

static const struct http_stream_events events = {on_head, on_body, on_end, on_ready, NULL, on_gone};

static bool on_open(void *host, struct http_stream *s, struct arena **arena)
{
    struct demo_conn *c;
    OBJ_CAST(c, host, CONN_MAGIC);
    s->on = &events;
    s->owner = c;
    c->stream = s;
    *arena = &c->arena;
    return true;
}

static void nothing(void *host)
{
    UNUSED(host); /* whoever changes something flushes, and reading goes on until the socket is
                     empty */
}

static void on_ends_sending(void *arg)
{
    struct demo_conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    c->half = true;
}

static const struct codec_host host = {.open = on_open,
                                       .wants_write = nothing,
                                       .wants_read = nothing,
                                       .ends_sending = on_ends_sending};

/* --- the connection --- */

static void conn_free(void *arg)
{
    struct demo_conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    codec_free(&c->codec);
    chunkq_free(&c->out);
    buf_free(&c->rx);
    arena_end(&c->arena);
    c->magic = 0;
    free(c);
}

static void conn_close(struct demo_conn *c)
{
    struct demo_backend *b = c->backend;
    if (c->closing)
        return;
    c->closing = true;
    codec_closed(c->codec, ERR_CLIENT_RESET);
    loop_io_del(&c->io);
    loop_timer_clear(b->loop, &c->later);
    close(c->fd);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        b->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    b->nconns--;
    loop_defer(b->loop, &c->reap, conn_free, c);
}

static void flush(struct demo_conn *c)
{
    while (!c->closing && c->out.n > 0) {
        struct iovec iov[8];
        struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)chunkq_iov(&c->out, iov, 8)};
        ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
        if (n <= 0)
            break; /* the loop says when there is room */
        chunkq_consume(&c->out, (size_t)n);
    }
    if (chunkq_own(&c->out) != ERR_OK)
        conn_close(c);
    if (c->closing || c->out.n > 0)
        return;
    codec_flushed(c->codec);
    if (codec_is_done(c->codec))
        conn_close(c);
    else if (c->half)
        (void)shutdown(c->fd, SHUT_WR);
}

static void feed(struct demo_conn *c)
{
    size_t used = 1;
    while (!c->closing && used > 0 && c->rx.n > 0 && codec_is_reading(c->codec)) {
        if (codec_feed(c->codec, buf_span(&c->rx), &used) != ERR_OK) {
            conn_close(c);
            return;
        }
        buf_drop_front(&c->rx, used);
        flush(c);
    }
}

static void on_conn(void *arg, unsigned what)
{
    struct demo_conn *c;
    OBJ_CAST(c, arg, CONN_MAGIC);
    UNUSED(what);
    flush(c);
    while (!c->closing) {
        ssize_t n = recv(c->fd, c->backend->scratch, READ_BYTES, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0 || buf_append(&c->rx, span_of(c->backend->scratch, (size_t)n)) != ERR_OK) {
            conn_close(c);
            return;
        }
        feed(c);
    }
}

static enum err conn_new(struct demo_backend *b, int fd)
{
    struct demo_conn *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(c, CONN_MAGIC);
    c->backend = b;
    c->fd = fd;
    c->rx.max = 1024 * 1024;
    arena_begin(&c->arena, 256 * 1024);
    timer_begin(&c->later, on_later, c);
    enum err e = codec_h1_client(&c->codec, &options, &host, c, &c->out);
    if (e == ERR_OK) {
        e = loop_io_add(b->loop, &c->io, fd, LOOP_READ | LOOP_WRITE, on_conn, c);
        if (e != ERR_OK)
            codec_free(&c->codec);
    }
    if (e != ERR_OK) {
        free(c);
        return e;
    }
    c->next = b->conns;
    if (c->next != NULL)
        c->next->prev = c;
    b->conns = c;
    b->nconns++;
    return ERR_OK;
}

static void on_accept(void *arg, unsigned what)
{
    struct demo_backend *b;
    OBJ_CAST(b, arg, BACKEND_MAGIC);
    UNUSED(what);
    for (;;) {
        int fd = accept4(b->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (b->nconns >= CONNS_MAX || conn_new(b, fd) != ERR_OK)
            close(fd);
    }
}

/* --- the thread --- */

static void *backend_main(void *arg)
{
    struct demo_backend *b;
    OBJ_CAST(b, arg, BACKEND_MAGIC);
    metrics_thread_begin(b->side == SIDE_NEW ? "demo new" : "demo legacy");
    loop_run(b->loop);
    while (b->conns != NULL)
        conn_close(b->conns);
    loop_finish(b->loop);
    arena_thread_end();
    chunkq_thread_end();
    metrics_thread_end();
    return NULL;
}

static enum err listen_anywhere(struct demo_backend *b)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    b->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (b->fd < 0 || bind(b->fd, (struct sockaddr *)(void *)&at, n) != 0 ||
        listen(b->fd, 1024) != 0 || getsockname(b->fd, (struct sockaddr *)(void *)&at, &n) != 0)
        return ERR_SYSTEM;
    b->port = ntohs(at.sin_port);
    return ERR_OK;
}

static void backend_free(struct demo_backend *b)
{
    loop_io_del(&b->io);
    if (b->fd >= 0)
        close(b->fd);
    if (b->loop != NULL)
        loop_free(&b->loop);
    b->magic = 0;
    free(b);
}

enum err demo_backend_start(enum side side, struct demo_backend **out)
{
    *out = NULL;
    struct demo_backend *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(b, BACKEND_MAGIC);
    b->side = side;
    b->fd = -1;
    enum err e = loop_new(&b->loop, 8);
    if (e == ERR_OK)
        e = listen_anywhere(b);
    if (e == ERR_OK)
        e = loop_io_add(b->loop, &b->io, b->fd, LOOP_READ, on_accept, b);
    if (e == ERR_OK && pthread_create(&b->thread, NULL, backend_main, b) != 0)
        e = ERR_SYSTEM;
    if (e != ERR_OK) {
        backend_free(b);
        return e;
    }
    *out = b;
    return ERR_OK;
}

unsigned demo_backend_port(const struct demo_backend *b)
{
    return b->port;
}

void demo_backend_stop(struct demo_backend **bp)
{
    struct demo_backend *b;
    OBJ_TAKE(b, bp, BACKEND_MAGIC);
    loop_stop(b->loop);
    pthread_join(b->thread, NULL);
    backend_free(b);
}
