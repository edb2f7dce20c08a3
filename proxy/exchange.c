/* The steps of an exchange, and its end. Each step is short and returns NEXT, AGAIN, WAIT or DONE;
 * what arrives in between (relay.c) changes the exchange and runs the steps again. */
#include "proxy/exchange.h"

#include "base/log.h"
#include "proxy/fallback.h"
#include "proxy/grpc.h"
#include "proxy/leaving.h"
#include "proxy/mirror.h"
#include "proxy/pause.h"
#include "proxy/tunnel.h"

#include <stdlib.h>

enum {
    ARENA_MAX = 1024 * 1024, /* heads, ids, trailers of one exchange */
    FREE_MAX = 1024,         /* exchanges kept per worker */
    ATTEMPTS_MAX = 2,
};

/* AGAIN: the step that x->step names now. */
enum next { NEXT, AGAIN, WAIT, DONE };

/* --- life --- */

enum err exchange_new(struct front *f, struct http_stream *s, struct arena **arena)
{
    struct worker *w = f->conn.worker;
    struct exchange *x = w->free_exchanges;
    if (x != NULL) {
        w->free_exchanges = x->next;
        w->nfree_exchanges--;
    } else {
        x = malloc(sizeof(*x));
        if (x == NULL)
            return ERR_NO_MEMORY;
    }
    memset(x, 0, sizeof(*x));
    OBJ_INIT(x, EXCHANGE_MAGIC);
    x->worker = w;
    x->front = f;
    x->client = s;
    arena_begin(&x->arena, ARENA_MAX);
    x->arena.counted = true;
    timer_begin(&x->timer, relay_timeout, x);
    leaving_begin(x);
    x->start_us = loop_now_us(w->loop);
    s->on = &exchange_client_events;
    s->owner = x;
    if (f->h2) /* begins with the first byte of the head; over HTTP/1 the head is there */
        loop_timer_set(w->loop, &x->timer, w->timeouts.client_header);
    *arena = &x->arena;
    w->nexchanges++;
    metric_inc(METRIC_REQUESTS_OPEN);
    return ERR_OK;
}

static void reap(void *arg)
{
    struct exchange *x;
    OBJ_CAST(x, arg, EXCHANGE_MAGIC);
    struct worker *w = x->worker;
    x->magic = 0;
    arena_end(&x->arena);
    w->nexchanges--;
    if (w->nfree_exchanges < FREE_MAX) {
        x->next = w->free_exchanges;
        w->free_exchanges = x;
        w->nfree_exchanges++;
    } else {
        free(x);
    }
    worker_left(w);
}

void exchanges_free(struct worker *w)
{
    while (w->free_exchanges != NULL) {
        struct exchange *x = w->free_exchanges;
        w->free_exchanges = x->next;
        free(x);
    }
    w->nfree_exchanges = 0;
}

/* --- steps --- */

static enum next fail(struct exchange *x, enum err why)
{
    exchange_fail(x, why);
    return AGAIN;
}

static enum next step_admit(struct exchange *x)
{
    enum err e = request_admit(x);
    if (e == ERR_OK && UNLIKELY(worker_is_pressed(x->worker, MEMORY_REFUSE)))
        e = ERR_MEMORY_LIMIT;
    return e == ERR_OK ? NEXT : fail(x, e);
}

static void forget_decision(struct exchange *x)
{
    if (x->hold != NULL)
        snapshot_give(x->worker->reader, &x->hold);
    x->decided = false;
}

static enum next redirect(struct exchange *x, const struct route_query *q)
{
    enum err e = answer_redirect(x, q);
    if (e != ERR_OK)
        return fail(x, e);
    x->step = STEP_RELAY;
    relay_wait(x);
    return AGAIN;
}

/* As far as the head tells. What a body without a length comes to is seen as it comes. */
static bool is_body_admitted(const struct exchange *x)
{
    bool told = false;
    uint64_t length = 0;
    if (x->request->bodiless)
        return true;
    enum err e = http_content_length(x->request, &told, &length);
    return e != ERR_OK || !told || length <= x->decision.route->config->body;
}

static enum next step_decide(struct exchange *x)
{
    struct route_query q = {.host = x->request->authority,
                            .path = x->path,
                            .head = x->request,
                            .client_ip = exchange_client_ip(x)};
    forget_decision(x);
    x->hold = worker_snapshot(x->worker);
    snapshot_take(x->hold);
    enum err e = route_decide(x->hold->snapshot, &q, &x->decision);
    if (e != ERR_OK)
        return fail(x, e);
    x->decided = true;
    if (x->decision.route->config->redirect != NULL)
        return redirect(x, &q);
    if (UNLIKELY(pause_is_on(x)))
        return pause_hold(x) ? WAIT : fail(x, ERR_PAUSED);
    pause_over(x);
    fallback_decided(x);
    return is_body_admitted(x) ? NEXT : fail(x, ERR_BODY_TOO_LARGE);
}

static void on_ready(void *owner, struct http_stream *s, bool reused)
{
    struct exchange *x;
    OBJ_CAST(x, owner, EXCHANGE_MAGIC);
    x->picking = false;
    x->backend = s;
    x->reused = reused;
    exchange_run(x);
}

static void on_failed(void *owner, enum err why)
{
    struct exchange *x;
    OBJ_CAST(x, owner, EXCHANGE_MAGIC);
    x->picking = false;
    exchange_backend_lost(x, why);
}

/* NULL: the backend does not ask for it. */
static const struct endpoints *who_asks(struct exchange *x)
{
    const struct decision *d = &x->decision;
    const struct config *c = x->hold->snapshot->table->config;
    if (LIKELY(!c->backends[d->route->backends[d->side]].proxy_protocol))
        return NULL;
    x->who = exchange_endpoints(x);
    return &x->who;
}

static enum next step_pick(struct exchange *x)
{
    const struct decision *d = &x->decision;
    if (x->backend != NULL)
        return NEXT;
    if (x->picking)
        return WAIT;
    x->wish = (struct back_wish){.ready = on_ready,
                                 .failed = on_failed,
                                 .on = &exchange_backend_events,
                                 .owner = x,
                                 .method = x->request->method,
                                 .arena = &x->arena,
                                 .who = who_asks(x),
                                 .http1 = x->request->websocket,
                                 .fresh = x->attempts > 0 && x->reused};
    x->attempts++;
    x->picking = true;
    back_take(x->worker, x->hold->attachment, d->route->backends[d->side], POOL_SERVE, &x->wish);
    if (x->backend != NULL)
        return NEXT;
    return x->picking ? WAIT : AGAIN;
}

/* A flip that came while the connection was being made holds for this request too: nothing of it
 * was sent yet. */
static bool is_overtaken(struct exchange *x)
{
    struct snapshot_hold *newest = worker_snapshot(x->worker);
    if (newest == x->hold)
        return false;
    http_reset(x->backend, ERR_OK);
    x->backend = NULL;
    x->attempts--;
    x->step = STEP_DECIDE;
    return true;
}

static enum next step_send(struct exchange *x)
{
    if (is_overtaken(x))
        return AGAIN;
    enum err e = relay_send_request(x);
    if (e != ERR_OK)
        return fail(x, e);
    x->sent = true;
    leaving_served(x);
    relay_wait(x);
    return NEXT;
}

static enum next step_relay(struct exchange *x)
{
    return x->client == NULL ? NEXT : WAIT;
}

static unsigned class_of(const struct exchange *x)
{
    return x->status >= 100 && x->status < 600 ? x->status / 100u : 0;
}

static void count_call(const struct exchange *x)
{
    const struct decision *d = &x->decision;
    const struct plane *p = plane_of(x->hold->snapshot);
    size_t i = x->grpc_status == GRPC_NO_STATUS ? GRPC_STATUS_MAX + 1 : (size_t)x->grpc_status;
    _Static_assert(ARRAY_LEN(p->backends->grpc) == GRPC_STATUSES, "a series for each");
    metric_inc(p->backends[d->route->backends[d->side]].grpc[i]);
}

static void count(struct exchange *x)
{
    metric_dec(METRIC_REQUESTS_OPEN);
    if (!x->decided)
        return;
    const struct decision *d = &x->decision;
    const struct plane_route *r = &plane_of(x->hold->snapshot)->routes[d->route->index];
    metric_inc(r->requests[d->side][class_of(x)]);
    metric_inc(r->decisions[d->side][d->reason]);
    if (x->grpc)
        count_call(x);
    if (x->tunnel == NULL)
        metric_observe(r->latency[d->side], loop_now_us(x->worker->loop) - x->start_us);
    if (x->first_byte_us > 0 && !x->own_answer)
        metric_observe(r->first_byte[d->side], x->first_byte_us - x->sent_us);
}

static enum next step_finish(struct exchange *x)
{
    back_cancel(&x->wish);
    if (x->backend != NULL)
        http_reset(x->backend, x->failure == ERR_OK ? ERR_CLIENT_CLOSED : x->failure);
    x->backend = NULL;
    if (x->mirror != NULL)
        mirror_served_end(&x->mirror, x->failure != ERR_OK ? x->failure : ERR_CLIENT_CLOSED);
    loop_timer_clear(x->worker->loop, &x->timer);
    chunkq_free(&x->pending);
    fallback_forget(x);
    leaving_over(x);
    pause_over(x);
    count(x);
    if (x->tunnel != NULL)
        tunnel_end(x);
    access_write(x);
    forget_decision(x);
    loop_defer(x->worker->loop, &x->reap, reap, x);
    return DONE;
}

void exchange_run(struct exchange *x)
{
    static enum next (*const steps[])(struct exchange *) = {
        [STEP_ADMIT] = step_admit, [STEP_DECIDE] = step_decide, [STEP_PICK] = step_pick,
        [STEP_SEND] = step_send,   [STEP_RELAY] = step_relay,   [STEP_FINISH] = step_finish,
    };
    if (x->running)
        return; /* a step's call came back to us: the loop below goes on with what it changed */
    x->running = true;
    for (;;) {
        enum next n = steps[x->step](x);
        if (n == NEXT)
            x->step++;
        else if (n != AGAIN)
            break;
    }
    x->running = false;
}

/* --- failures --- */

static void drop_backend(struct exchange *x, enum err why)
{
    back_cancel(&x->wish);
    x->picking = false;
    if (x->backend == NULL)
        return;
    http_reset(x->backend, why);
    x->backend = NULL;
}

void exchange_fail(struct exchange *x, enum err why)
{
    if (x->failure == ERR_OK)
        x->failure = why;
    drop_backend(x, why);
    x->step = STEP_RELAY;
    if (x->client == NULL)
        return;
    if (!x->answered && err_status(why) != 0 && answer_send_own(x, why) == ERR_OK) {
        relay_wait(x);
        return;
    }
    struct http_stream *s = x->client;
    x->client = NULL;
    http_reset(s, why);
    if (why == ERR_CLIENT_SEND_TIMEOUT && !x->front->h2) /* the rest would wait for it to read */
        conn_close(&x->front->conn, why);
}

void exchange_blame_backend(const struct exchange *x, enum err why)
{
    const struct decision *d = &x->decision;
    const struct plane *p = plane_of(x->hold->snapshot);
    metric_inc(p->backends[d->route->backends[d->side]].errors[why]);
}

/* RFC 9110 9.2.2: what may have been processed is only repeated when it is idempotent; and nobody
 * can repeat a body that has already gone. */
static bool may_retry(const struct exchange *x, enum err why)
{
    if (x->attempts >= ATTEMPTS_MAX || x->answered || x->client == NULL)
        return false;
    switch (err_retry(why)) {
    case RETRY_UNSENT:
        return !x->sent;
    case RETRY_REFUSED:
        return !x->has_body;
    case RETRY_IDEMPOTENT:
        return x->reused && !x->has_body && http_method_is_idempotent(x->request->method);
    default:
        return false;
    }
}

static void begin_again(struct exchange *x, enum shadow_drop why)
{
    drop_backend(x, ERR_OK);
    leaving_over(x);
    x->sent = x->sent_all = x->taken = false;
    relay_wait(x);
    if (x->mirror != NULL)
        mirror_abandon(&x->mirror, why);
    x->shadow_id[0] = '\0';
}

static bool try_again(struct exchange *x, enum err why)
{
    const struct decision *d = &x->decision;
    const struct plane *p = plane_of(x->hold->snapshot);
    if (!may_retry(x, why))
        return false;
    metric_inc(p->backends[d->route->backends[d->side]].retries);
    begin_again(x, SHADOW_DROP_NO_CONNECTION);
    x->step = STEP_DECIDE; /* a flip may have come meanwhile, perhaps because of this failure */
    return true;
}

/* The bytes of the request that new was given are given to legacy. */
static bool fall_back(struct exchange *x, enum err why)
{
    if (!fallback_take(x, why))
        return false;
    if (x->mirror != NULL)
        x->decision.shadow = false; /* it is counted below */
    begin_again(x, SHADOW_DROP_FALLBACK);
    x->reused = false;
    x->attempts = 0;
    x->step = STEP_PICK;
    return true;
}

void exchange_backend_lost(struct exchange *x, enum err why)
{
    x->backend = NULL;
    exchange_blame_backend(x, why);
    if (!try_again(x, why) && !fall_back(x, why))
        exchange_fail(x, why);
    exchange_run(x);
}

void exchange_backend_failed(struct exchange *x, enum err why)
{
    if (err_fault(why) == FAULT_BACKEND)
        exchange_blame_backend(x, why);
    if (!fall_back(x, why))
        exchange_fail(x, why);
    exchange_run(x);
}

bool exchange_fall_back(struct exchange *x, enum err why)
{
    exchange_blame_backend(x, why);
    if (!fall_back(x, why))
        return false;
    exchange_run(x);
    return true;
}
