/* What arrives on either stream goes to the other. Bytes are `consumed` on one side when the other
 * has room for more, so a slow reader slows its writer down and nothing piles up. */
#include "proxy/exchange.h"
#include "proxy/fallback.h"
#include "proxy/grpc.h"
#include "proxy/leaving.h"
#include "proxy/mirror.h"
#include "proxy/tunnel.h"

static struct exchange *exchange_of(void *owner)
{
    struct exchange *x;
    OBJ_CAST(x, owner, EXCHANGE_MAGIC);
    return x;
}

/* --- what is awaited, and for how long --- */

static uint64_t until_deadline(const struct exchange *x, uint64_t ms)
{
    uint64_t now = loop_now_ms(x->worker->loop);
    uint64_t left = x->deadline_ms > now ? x->deadline_ms - now : 0;
    return left < ms ? left : ms;
}

/* Changes as long as the client takes what it was sent. */
static uint64_t client_progress(const struct exchange *x)
{
    if (x->client == NULL)
        return 0;
    return x->front->h2 ? x->client->passed : x->front->conn.wrote_ms;
}

/* Who waits for a connection or for the end of a pause is limited by those, however much of the
 * body is there already. */
static uint64_t patience(const struct exchange *x)
{
    const struct config_timeouts *t = &x->worker->timeouts;
    if (x->answered)
        return t->stream_idle;
    if (!x->sent)
        return UINT64_MAX;
    if (!x->request_ended && x->client_held == 0)
        return x->grpc ? t->stream_idle : t->client_body; /* a stream of messages may rest */
    return x->taken ? t->first_byte : t->stream_idle;
}

/* One timer: it means whatever the exchange waits for when it fires (relay_timeout). */
void relay_wait(struct exchange *x)
{
    uint64_t ms = patience(x);
    if (x->deadline_ms > 0 && !x->answer_ended)
        ms = until_deadline(x, ms);
    x->client_took = client_progress(x);
    if (ms < UINT64_MAX)
        loop_timer_set(x->worker->loop, &x->timer, ms);
    else
        loop_timer_clear(x->worker->loop, &x->timer);
}

static enum err what_timed_out(const struct exchange *x)
{
    if (grpc_is_overdue(x))
        return ERR_DEADLINE;
    if (x->answer_ended || x->backend_held > 0)
        return ERR_CLIENT_SEND_TIMEOUT;
    if (x->answered)
        return x->request_ended || x->client_held > 0 ? ERR_BACKEND_IDLE_TIMEOUT
                                                      : ERR_CLIENT_BODY_TIMEOUT;
    if (x->taken)
        return ERR_BACKEND_FIRST_BYTE_TIMEOUT;
    return x->sent_all || x->client_held > 0 ? ERR_BACKEND_IDLE_TIMEOUT : ERR_CLIENT_BODY_TIMEOUT;
}

void relay_timeout(void *arg)
{
    struct exchange *x = exchange_of(arg);
    struct worker *w = x->worker;
    if (x->request == NULL) { /* HTTP/2: nothing can follow a head that does not end */
        metric_inc(w->refused[ERR_CLIENT_HEADER_TIMEOUT]);
        conn_close(&x->front->conn, ERR_CLIENT_HEADER_TIMEOUT);
    } else if (x->tunnel != NULL) {
        tunnel_timeout(x);
    } else {
        enum err why = what_timed_out(x);
        if (why == ERR_CLIENT_SEND_TIMEOUT && client_progress(x) != x->client_took) {
            relay_wait(x); /* slow is not silent */
            return;
        }
        exchange_backend_failed(x, why);
    }
    worker_flush(w);
}

/* --- the request --- */

static void send_end(struct exchange *x)
{
    if (x->sent_all || x->backend == NULL)
        return;
    x->sent_all = true;
    if (http_send_end(x->backend, x->request_trailers) != ERR_OK)
        exchange_fail(x, ERR_BODY_MISMATCH);
}

/* Body bytes to the server's stream; says what the client may send next. */
static void send_body(struct exchange *x, struct span data)
{
    fallback_keep(x, data);
    if (http_send_body(x->backend, data) > 0)
        http_consumed(x->client, data.n);
    else
        x->client_held += data.n;
}

/* Gives what had to wait to the server's stream; it was counted as held when it came. */
static enum err send_pending(struct exchange *x)
{
    struct iovec iov;
    size_t room = 1;
    TRY(chunkq_own(&x->pending));
    while (chunkq_iov(&x->pending, &iov, 1) == 1) {
        /* The stream borrows until the handler ends, and the chunks go back at once: so it gets a
         * copy. */
        char *copy = arena_copy(&x->arena, span_of(iov.iov_base, iov.iov_len));
        if (copy == NULL)
            return ERR_NO_MEMORY;
        fallback_keep(x, span_of(copy, iov.iov_len));
        if (x->mirror != NULL)
            mirror_request_data(x->mirror, span_of(copy, iov.iov_len));
        room = http_send_body(x->backend, span_of(copy, iov.iov_len));
        chunkq_consume(&x->pending, iov.iov_len);
    }
    if (room > 0 && x->client_held > 0) {
        size_t held = x->client_held;
        x->client_held = 0;
        http_consumed(x->client, held);
    }
    return ERR_OK;
}

enum err relay_send_request(struct exchange *x)
{
    bool whole = x->request->bodiless;
    struct http_head head;
    TRY(request_edit(x, x->decision.side, &head));
    x->sent_us = loop_now_us(x->worker->loop);
    TRY(http_send_head(x->backend, &head, whole));
    x->sent_all = whole;
    fallback_sent(x);
    if (x->mirror == NULL)
        x->mirror = mirror_begin(x, &head);
    if (x->pending.n > 0 && !x->request->websocket)
        TRY(send_pending(x));
    if (x->request_ended) {
        if (!x->sent_all) {
            x->sent_all = true;
            TRY(http_send_end(x->backend, x->request_trailers));
        }
        if (x->mirror != NULL)
            mirror_request_end(x->mirror, x->request_trailers);
    }
    return ERR_OK;
}

static void client_head(void *owner, struct http_head *head)
{
    struct exchange *x = exchange_of(owner);
    x->request = head;
    if (x->front->h2)
        loop_timer_clear(x->worker->loop, &x->timer);
    exchange_run(x);
}

static void client_body(void *owner, struct span data)
{
    struct exchange *x = exchange_of(owner);
    if (x->tunnel != NULL) {
        tunnel_from_client(x, data);
        return;
    }
    x->bytes_in += data.n;
    x->has_body = true;
    if (x->backend == NULL && !x->picking &&
        !x->held) { /* it was answered already: nobody wants this */
        http_consumed(x->client, data.n);
        return;
    }
    if (x->decided && x->bytes_in > x->decision.route->config->body) {
        http_consumed(x->client, data.n);
        exchange_fail(x, ERR_BODY_TOO_LARGE);
        exchange_run(x);
        return;
    }
    relay_wait(x);
    if (x->sent && !x->request->websocket) {
        if (x->mirror != NULL)
            mirror_request_data(x->mirror, data);
        send_body(x, data);
        return;
    }
    x->client_held += data.n;
    if (chunkq_append(&x->pending, data) != ERR_OK) {
        exchange_fail(x, ERR_NO_MEMORY);
        exchange_run(x);
    }
}

/* What opens a tunnel ends with its head; what ends then is the tunnel's half. */
static void half_end(struct exchange *x)
{
    x->half_ended = true;
    if (x->tunnel != NULL)
        tunnel_client_end(x);
}

static void client_end(void *owner, enum err how, struct http_head *trailers)
{
    struct exchange *x = exchange_of(owner);
    if (x->request_ended) {
        half_end(x);
        return;
    }
    if (how != ERR_OK) {
        exchange_fail(x, how);
        exchange_run(x);
        return;
    }
    x->request_ended = true;
    if (trailers != NULL)
        request_trailers_edit(x, trailers);
    x->request_trailers = trailers;
    if (!x->sent || x->backend == NULL)
        return;
    send_end(x);
    if (x->mirror != NULL)
        mirror_request_end(x->mirror, x->request_trailers);
    if (!x->answered)
        relay_wait(x);
    exchange_run(x);
}

static void client_ready(void *owner)
{
    struct exchange *x = exchange_of(owner);
    size_t held = x->backend_held;
    x->backend_held = 0;
    if (x->backend != NULL && held > 0)
        http_consumed(x->backend, held);
    if (x->tunnel != NULL)
        tunnel_touch(x);
}

static void client_gone(void *owner, enum err why)
{
    struct exchange *x = exchange_of(owner);
    x->client = NULL;
    if (x->tunnel != NULL)
        why = tunnel_client_gone(x, why);
    if (x->failure == ERR_OK)
        x->failure = why;
    x->step = STEP_RELAY;
    exchange_run(x);
}

const struct http_stream_events exchange_client_events = {
    .head = client_head,
    .body = client_body,
    .end = client_end,
    .ready = client_ready,
    .gone = client_gone,
};

/* --- the answer --- */

static enum err send_interim(struct exchange *x, struct http_head *head)
{
    http_strip_hop_by_hop(head);
    x->hinted |= head->status != 100;
    return http_send_head(x->client, head, false);
}

static enum err send_answer(struct exchange *x, struct http_head *head)
{
    x->first_byte_us = loop_now_us(x->worker->loop);
    x->status = head->status;
    if (x->mirror != NULL)
        mirror_served_head(x->mirror, head);
    TRY(answer_edit(x, head));
    x->answered = true;
    fallback_forget(x);
    leaving_answer(x, head);
    x->answer_whole = head->bodiless;
    if (x->grpc)
        grpc_note_status(x, head);
    return http_send_head(x->client, head, head->bodiless);
}

static enum err take_head(struct exchange *x, struct http_head *head)
{
    if (head->status < 200 && !head->websocket)
        return send_interim(x, head);
    if (head->status < 200)
        return tunnel_begin(x, head);
    if (x->request->websocket)
        TRY(tunnel_refused(x, head));
    return send_answer(x, head);
}

static void backend_head(void *owner, struct http_head *head)
{
    struct exchange *x = exchange_of(owner);
    if (fallback_is_failure(x, head->status) && exchange_fall_back(x, ERR_BACKEND_STATUS))
        return;
    enum err e = take_head(x, head);
    if (x->tunnel == NULL)
        relay_wait(x);
    if (e != ERR_OK)
        exchange_backend_failed(x, e);
}

static void backend_body(void *owner, struct span data)
{
    struct exchange *x = exchange_of(owner);
    if (x->tunnel != NULL) {
        tunnel_from_backend(x, data);
        return;
    }
    data = span_until(data, leaving_follow(x, data));
    x->bytes_out += data.n;
    if (x->mirror != NULL)
        mirror_served_body(x->mirror, data);
    if (http_send_body(x->client, data) > 0)
        http_consumed(x->backend, data.n);
    else
        x->backend_held += data.n;
    relay_wait(x);
    if (x->asked)
        leaving_end_if_between(x);
}

static void backend_end(void *owner, enum err how, struct http_head *trailers)
{
    struct exchange *x = exchange_of(owner);
    UNUSED(how); /* towards servers only complete messages end; the others are gone */
    if (x->tunnel != NULL) {
        tunnel_backend_end(x);
        return;
    }
    x->answer_ended = true;
    if (x->grpc)
        grpc_note_status(x, trailers);
    if (x->mirror != NULL) {
        mirror_served_trailers(x->mirror, trailers);
        mirror_served_end(&x->mirror, ERR_OK);
    }
    if (!x->answer_whole && http_send_end(x->client, trailers) != ERR_OK) {
        exchange_blame_backend(x, ERR_BACKEND_BAD_ANSWER);
        exchange_fail(x, ERR_BACKEND_BAD_ANSWER);
    } else if (!x->sent_all) { /* answered before the request was complete: the rest of it has no
                                reader */
        struct http_stream *s = x->backend;
        x->backend = NULL;
        http_reset(s, ERR_OK);
    }
    relay_wait(x);
    exchange_run(x);
}

static void backend_ready(void *owner)
{
    struct exchange *x = exchange_of(owner);
    size_t held = x->client_held;
    x->client_held = 0;
    if (x->client != NULL && held > 0)
        http_consumed(x->client, held);
    if (x->tunnel != NULL)
        tunnel_touch(x);
}

/* From here on it is the server's time. */
static void backend_sent(void *owner)
{
    struct exchange *x = exchange_of(owner);
    x->taken = true;
    if (!x->answered)
        relay_wait(x);
}

static void backend_gone(void *owner, enum err why)
{
    struct exchange *x = exchange_of(owner);
    if (x->tunnel != NULL) {
        tunnel_backend_gone(x, why);
        return;
    }
    if (why == ERR_OK || x->answer_ended) {
        x->backend = NULL;
        return;
    }
    exchange_backend_lost(x, why);
}

const struct http_stream_events exchange_backend_events = {
    .head = backend_head,
    .body = backend_body,
    .end = backend_end,
    .ready = backend_ready,
    .sent = backend_sent,
    .gone = backend_gone,
};
