/* Who is on the losing side is found by deciding each request again, by the newest snapshot. With
 * thousands of tunnels that takes long, so the loop turns in between; and the ends are spread, for
 * whoever is ended comes back at once. */
#include "proxy/leaving.h"

#include "base/rand.h"
#include "proxy/grpc.h"
#include "proxy/mirror.h"
#include "proxy/tunnel.h"

enum {
    BOUNDARY_MS = 5000, /* for an event or message to end */
    GRPC_UNAVAILABLE = 14,
};

/* --- ending one --- */

static enum err make_trailers(struct exchange *x, struct http_head *t)
{
    http_head_begin(t, &x->arena, true);
    x->grpc_status = GRPC_UNAVAILABLE;
    TRY(http_head_add(t, SPAN("grpc-status"), SPAN("14")));
    return http_head_add(t, SPAN("grpc-message"), span_str(err_sentence(ERR_MOVED_AWAY)));
}

static enum err send_end(struct exchange *x)
{
    struct http_head trailers;
    if (!x->grpc)
        return http_send_end(x->client, NULL);
    TRY(make_trailers(x, &trailers));
    return http_send_end(x->client, &trailers);
}

/* The answer is complete as far as the client can tell. */
static void end_between(struct exchange *x)
{
    struct http_stream *s = x->backend;
    x->backend = NULL;
    http_reset(s, ERR_MOVED_AWAY);
    x->failure = ERR_MOVED_AWAY;
    x->answer_ended = true;
    if (x->mirror != NULL)
        mirror_served_end(&x->mirror, ERR_MOVED_AWAY);
    if (send_end(x) == ERR_OK)
        relay_wait(x);
    else
        exchange_fail(x, ERR_MOVED_AWAY);
    exchange_run(x);
}

static void cut(struct exchange *x)
{
    exchange_fail(x, ERR_MOVED_AWAY);
    exchange_run(x);
}

void leaving_end_if_between(struct exchange *x)
{
    if (x->backend != NULL && !x->boundary.inside)
        end_between(x);
}

static void ask(struct exchange *x)
{
    if (x->tunnel != NULL) {
        tunnel_close(x, WS_SERVICE_RESTART, ERR_MOVED_AWAY);
        exchange_run(x);
        return;
    }
    if (x->asked || !x->answered || x->boundary.kind == BOUNDARY_NONE) {
        cut(x);
        return;
    }
    x->asked = true;
    loop_timer_set(x->worker->loop, &x->leave, BOUNDARY_MS);
    leaving_end_if_between(x);
}

static void on_leave(void *arg)
{
    struct exchange *x;
    OBJ_CAST(x, arg, EXCHANGE_MAGIC);
    struct worker *w = x->worker;
    if (!x->answer_ended)
        ask(x);
    worker_flush(w);
}

/* --- following the answer --- */

void leaving_answer(struct exchange *x, const struct http_head *answer)
{
    struct span type = http_head_value(answer, HTTP_CONTENT_TYPE);
    if (x->decision.route->config->on_flip != ON_FLIP_DRAIN)
        return;
    if (x->grpc)
        x->boundary.kind = BOUNDARY_MESSAGE;
    else if (http_list_has(type, SPAN("text/event-stream")) &&
             http_head_find_name(answer, SPAN("content-encoding")) == NULL)
        x->boundary.kind = BOUNDARY_EVENT;
}

size_t leaving_follow(struct exchange *x, struct span data)
{
    size_t n = boundary_follow(&x->boundary, data);
    while (n < data.n && !x->asked)
        n += boundary_follow(&x->boundary, span_from(data, n));
    return n;
}

/* --- finding them --- */

static void count(struct exchange *x, bool leaving)
{
    const struct decision *d = &x->decision;
    metric_slot slot = plane_of(x->hold->snapshot)->routes[d->route->index].leaving[d->side];
    if (leaving == x->leaving)
        return;
    x->leaving = leaving;
    if (leaving)
        metric_inc(slot);
    else
        metric_dec(slot);
}

/* Where it would go now. What legacy answers in the place of new was moved by no flip. */
static bool is_moved(struct exchange *x, const struct config_route **route)
{
    struct worker *w = x->worker;
    struct decision now;
    struct route_query q = {.host = x->request->authority,
                            .path = x->path,
                            .head = x->request,
                            .client_ip = exchange_client_ip(x)};
    if (x->hold == w->hold || x->fallen != ERR_OK || x->answer_ended ||
        route_decide_again(w->hold->snapshot, &q, &x->decision, &now) != ERR_OK)
        return false;
    *route = now.route->config;
    return now.side != x->decision.side;
}

/* Tunnels and streams of events are made to be opened again, and go at any time within the span;
 * everything else may take all of it. */
static uint64_t when(const struct exchange *x, uint64_t span)
{
    bool reopens = x->tunnel != NULL || x->boundary.kind == BOUNDARY_EVENT;
    return reopens ? rand_u64() % (span + 1) : span + rand_u64() % (span / 4 + 1);
}

static void look_at(struct exchange *x)
{
    struct loop *l = x->worker->loop;
    const struct config_route *r = NULL;
    bool moved = is_moved(x, &r);
    count(x, moved);
    if (x->asked)
        return;
    if (!moved || r->on_flip == ON_FLIP_FINISH)
        loop_timer_clear(l, &x->leave);
    else if (r->on_flip == ON_FLIP_CUT)
        cut(x);
    else if (!timer_is_set(&x->leave))
        loop_timer_set(l, &x->leave, when(x, r->on_flip_time));
}

static void on_look(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    for (bool late = false; w->look_next != NULL && !late; late = loop_is_late(w->loop)) {
        struct exchange *x = w->look_next;
        w->look_next = x->served_next;
        look_at(x);
        worker_flush(w);
    }
    if (w->look_next != NULL)
        loop_defer(w->loop, &w->look, on_look, w);
}

void leaving_look(struct worker *w)
{
    w->look_next = w->served;
    if (w->look_next != NULL)
        loop_defer(w->loop, &w->look, on_look, w);
}

/* --- the worker's list --- */

void leaving_begin(struct exchange *x)
{
    timer_begin(&x->leave, on_leave, x);
}

void leaving_served(struct exchange *x)
{
    struct worker *w = x->worker;
    x->served = true;
    x->served_prev = NULL;
    x->served_next = w->served;
    if (x->served_next != NULL)
        x->served_next->served_prev = x;
    w->served = x;
}

void leaving_over(struct exchange *x)
{
    struct worker *w = x->worker;
    if (!x->served)
        return;
    x->served = false;
    loop_timer_clear(w->loop, &x->leave);
    count(x, false);
    if (w->look_next == x)
        w->look_next = x->served_next;
    if (x->served_prev != NULL)
        x->served_prev->served_next = x->served_next;
    else
        w->served = x->served_next;
    if (x->served_next != NULL)
        x->served_next->served_prev = x->served_prev;
}
