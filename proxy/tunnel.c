/* A WebSocket tunnel: what an exchange becomes with the server's 101. Bytes go on as they come,
 * both ways, as bodies do: a slow reader slows its writer.
 *
 * The special difficulty is ending one that nobody has ended. Both ends are told by a Close frame,
 * which may stand only between two frames; so each way is followed (http/ws.h), the Close is put in
 * where the next frame would begin, and what comes behind it is dropped, for nothing may follow a
 * Close. When both ends have said Close themselves the connections end; one that does not in time
 * is cut. */
#include "proxy/tunnel.h"

enum {
    CLOSE_MS = 5000, /* for both ends to answer the Close */
    PACE_MS = 100,   /* between two handfuls of tunnels that are asked to close */
};

/* One way through the tunnel. */
struct way {
    struct ws ws;
    struct http_stream **from;
    struct http_stream **to;
    size_t *held; /* bytes not yet said `consumed` to `from` */
    bool ended;   /* by who sends on it */
    bool closed;  /* Close was said on it, by weir or by who sends: the rest is dropped */
    bool end_sent;
};

struct tunnel {
    struct exchange *exchange;
    struct tunnel *prev; /* in worker.tunnels, until it is asked to close */
    struct tunnel *next;
    bool listed;
    struct way from_client;
    struct way from_backend;
    unsigned code;  /* of the Close that weir says */
    enum err asked; /* why it was asked to close; ERR_OK: it was not */
};

/* --- the worker's list --- */

static void list(struct worker *w, struct tunnel *t)
{
    t->listed = true;
    t->next = w->tunnels;
    if (t->next != NULL)
        t->next->prev = t;
    w->tunnels = t;
    w->ntunnels++;
}

static void unlist(struct worker *w, struct tunnel *t)
{
    if (!t->listed)
        return;
    t->listed = false;
    if (t->prev != NULL)
        t->prev->next = t->next;
    else
        w->tunnels = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
    w->ntunnels--;
}

/* --- time --- */

static bool is_stalled(const struct exchange *x)
{
    return x->client_held > 0 || x->backend_held > 0;
}

static bool is_half(const struct tunnel *t)
{
    return t->from_client.ended || t->from_backend.ended;
}

void tunnel_touch(struct exchange *x)
{
    const struct config_timeouts *t = &x->worker->timeouts;
    if (x->tunnel->asked != ERR_OK || x->client == NULL)
        return; /* the time for the answer runs, or none any more */
    bool less = is_stalled(x) || is_half(x->tunnel);
    loop_timer_set(x->worker->loop, &x->timer, less ? t->stream_idle : t->tunnel);
}

void tunnel_timeout(struct exchange *x)
{
    const struct tunnel *t = x->tunnel;
    if (t->asked != ERR_OK)
        exchange_fail(x, t->asked);
    else if (x->backend_held > 0)
        exchange_fail(x, ERR_CLIENT_SEND_TIMEOUT);
    else if (is_stalled(x) || is_half(t))
        exchange_fail(x, ERR_TUNNEL_IDLE);
    else
        tunnel_close(x, WS_GOING_AWAY, ERR_TUNNEL_IDLE);
    exchange_run(x);
}

/* --- asking to close --- */

static void send_end(struct exchange *x, struct way *way)
{
    if (way->end_sent || *way->to == NULL)
        return;
    way->end_sent = true;
    if (http_send_end(*way->to, NULL) != ERR_OK)
        exchange_fail(x, ERR_NO_MEMORY);
}

static bool has_said_close(const struct way *way)
{
    return way->ws.said_close || way->ended;
}

static bool is_over(const struct tunnel *t)
{
    return has_said_close(&t->from_client) && has_said_close(&t->from_backend);
}

static void say_close(struct exchange *x, struct way *way)
{
    char frame[WS_CLOSE_MAX];
    if (way->closed || way->end_sent)
        return;
    if (way->ws.said_close) {
        way->closed = true;
        return;
    }
    if (!ws_is_between(&way->ws))
        return;
    size_t n = ws_close(frame, x->tunnel->code, way->ws.masked);
    const char *copy = arena_copy(&x->arena, span_of(frame, n)); /* the stream borrows it */
    if (copy == NULL)
        return; /* it is cut when the time is over */
    way->closed = true;
    (void)http_send_body(*way->to, span_of(copy, n));
}

static void end_if_over(struct exchange *x)
{
    struct tunnel *t = x->tunnel;
    if (t->asked == ERR_OK || !is_over(t))
        return;
    if (x->failure == ERR_OK)
        x->failure = t->asked;
    send_end(x, &t->from_backend);
    send_end(x, &t->from_client);
}

void tunnel_close(struct exchange *x, unsigned code, enum err why)
{
    struct tunnel *t = x->tunnel;
    if (t->asked != ERR_OK)
        return;
    unlist(x->worker, t);
    t->asked = why;
    t->code = code;
    loop_timer_set(x->worker->loop, &x->timer, CLOSE_MS);
    say_close(x, &t->from_client);
    say_close(x, &t->from_backend);
    end_if_over(x);
}

/* --- at a drain --- */

/* As many as must be asked now for all to be within half of the drain time, the same number each
 * time: a thousand clients that come back at once would be a second outage. */
static void on_pace(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    uint64_t now = loop_now_ms(w->loop);
    uint64_t turns = now < w->tunnels_until_ms ? (w->tunnels_until_ms - now) / PACE_MS + 1 : 1;
    for (uint64_t n = (w->ntunnels + turns - 1) / turns; n > 0 && w->tunnels != NULL; n--) {
        struct exchange *x = w->tunnels->exchange;
        tunnel_close(x, WS_GOING_AWAY, ERR_GOING_AWAY);
        exchange_run(x);
    }
    if (w->ntunnels > 0)
        loop_timer_set(w->loop, &w->tunnel_timer, PACE_MS);
    worker_flush(w);
}

void tunnels_begin(struct worker *w)
{
    timer_begin(&w->tunnel_timer, on_pace, w);
}

void tunnels_drain(struct worker *w)
{
    w->tunnels_until_ms = loop_now_ms(w->loop) + w->timeouts.drain / 2;
    loop_timer_set(w->loop, &w->tunnel_timer, 0);
}

/* --- bytes --- */

static void forward(struct way *way, struct span data)
{
    if (data.n == 0)
        return;
    if (http_send_body(*way->to, data) > 0)
        http_consumed(*way->from, data.n);
    else
        *way->held += data.n;
}

static void follow(struct ws *ws, struct span data)
{
    while (data.n > 0)
        data = span_from(data, ws_follow(ws, data));
}

/* Up to the end of the frame that is under way; then the Close; the rest is only listened to. */
static void forward_last(struct exchange *x, struct way *way, struct span data)
{
    size_t n = 0;
    if (!way->closed && !way->end_sent) {
        n = ws_follow(&way->ws, data);
        forward(way, span_until(data, n));
        say_close(x, way);
    }
    if (n == data.n)
        return;
    data = span_from(data, n);
    follow(&way->ws, data);
    http_consumed(*way->from, data.n);
}

static void pass(struct exchange *x, struct way *way, struct span data)
{
    if (x->tunnel->asked != ERR_OK || way->end_sent) {
        forward_last(x, way, data);
        end_if_over(x);
        return;
    }
    follow(&way->ws, data);
    forward(way, data);
    tunnel_touch(x);
}

void tunnel_from_client(struct exchange *x, struct span data)
{
    x->bytes_in += data.n;
    pass(x, &x->tunnel->from_client, data);
}

void tunnel_from_backend(struct exchange *x, struct span data)
{
    x->bytes_out += data.n;
    pass(x, &x->tunnel->from_backend, data);
}

/* --- the end --- */

static void end_way(struct exchange *x, struct way *way)
{
    way->ended = true;
    send_end(x, way);
    end_if_over(x);
    tunnel_touch(x);
    exchange_run(x);
}

void tunnel_client_end(struct exchange *x)
{
    end_way(x, &x->tunnel->from_client);
}

void tunnel_backend_end(struct exchange *x)
{
    end_way(x, &x->tunnel->from_backend);
}

enum err tunnel_client_gone(const struct exchange *x, enum err why)
{
    return is_over(x->tunnel) ? ERR_OK : why;
}

void tunnel_backend_gone(struct exchange *x, enum err why)
{
    struct tunnel *t = x->tunnel;
    x->backend = NULL;
    if (why != ERR_OK && !is_over(t)) {
        exchange_fail(x, why);
        exchange_run(x);
        return;
    }
    t->from_client.end_sent = true; /* there is nobody to send it to */
    end_way(x, &t->from_backend);
}

void tunnel_end(struct exchange *x)
{
    const struct decision *d = &x->decision;
    unlist(x->worker, x->tunnel);
    metric_dec(plane_of(x->hold->snapshot)->routes[d->route->index].tunnels_open[d->side]);
}

/* --- the beginning --- */

static enum err pass_pending(struct exchange *x)
{
    struct iovec iov;
    while (chunkq_iov(&x->pending, &iov, 1) == 1) {
        struct span data = span_of(iov.iov_base, iov.iov_len);
        const char *copy = arena_copy(&x->arena, data); /* the stream borrows it */
        if (copy == NULL)
            return ERR_NO_MEMORY;
        x->client_held -= data.n;
        pass(x, &x->tunnel->from_client, span_of(copy, data.n));
        chunkq_consume(&x->pending, data.n);
    }
    return ERR_OK;
}

static void count(const struct exchange *x)
{
    const struct decision *d = &x->decision;
    const struct plane_route *r = &plane_of(x->hold->snapshot)->routes[d->route->index];
    metric_inc(r->tunnels[d->side]);
    metric_inc(r->tunnels_open[d->side]);
}

enum err tunnel_begin(struct exchange *x, struct http_head *answer)
{
    struct tunnel *t = arena_zalloc(&x->arena, sizeof(*t));
    if (t == NULL)
        return ERR_NO_MEMORY;
    TRY(answer_edit(x, answer));
    TRY(http_send_head(x->client, answer, false));
    x->first_byte_us = loop_now_us(x->worker->loop);
    x->status = answer->status;
    x->answered = true;
    x->tunnel = t;
    t->exchange = x;
    t->from_client = (struct way){.from = &x->client, .to = &x->backend, .held = &x->client_held};
    t->from_backend = (struct way){.from = &x->backend, .to = &x->client, .held = &x->backend_held};
    ws_begin(&t->from_client.ws, true);
    ws_begin(&t->from_backend.ws, false);
    list(x->worker, t);
    count(x);
    TRY(pass_pending(x));
    if (x->half_ended)
        tunnel_client_end(x);
    if (x->worker->draining)
        loop_timer_set(x->worker->loop, &x->worker->tunnel_timer, PACE_MS);
    tunnel_touch(x);
    return ERR_OK;
}

enum err tunnel_refused(const struct exchange *x, const struct http_head *answer)
{
    bool looks_open = x->request->version == HTTP_2 && answer->status / 100 == 2;
    return looks_open ? ERR_UPGRADE_REFUSED : ERR_OK;
}
