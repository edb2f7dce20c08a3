/* Whoever waits is decided again by the newest snapshot: when there is one, and otherwise a few
 * times a second, for the end of a pause is a moment of the clock and comes by itself. They go in
 * the order they came in. */
#include "proxy/pause.h"

#include "base/clock.h"

enum {
    HELD_MAX_MS = 60 * 1000, /* a document may say anything */
    LOOK_MS = 40,
};

/* A thousand requests that go on at once would keep the worker for as many milliseconds as tens of
 * them take, so the loop turns in between. */
static void look_more(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    for (bool late = false; w->held_look_next != NULL && !late; late = loop_is_late(w->loop)) {
        struct exchange *x = w->held_look_next;
        w->held_look_next = x->held_next;
        exchange_run(x);
        worker_flush(w);
    }
    if (w->held_look_next != NULL)
        loop_defer(w->loop, &w->held_look, look_more, w);
    else if (w->nheld > 0)
        loop_timer_set(w->loop, &w->held_timer, LOOK_MS);
}

static void on_look(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    w->held_look_next = w->held;
    look_more(w);
}

void pause_begin(struct worker *w)
{
    w->held_end = &w->held;
    timer_begin(&w->held_timer, on_look, w);
}

void pause_look(struct worker *w)
{
    w->held_look_next = w->held;
    if (w->nheld > 0)
        loop_defer(w->loop, &w->held_look, look_more, w);
}

bool pause_is_on(const struct exchange *x)
{
    const struct snapshot *s = x->hold->snapshot;
    uint64_t until = s->states[x->decision.route->index].paused_until_ms;
    bool ends = x->worker->draining && !x->worker->leaving; /* an upgrade ends no pause */
    if (LIKELY(until == 0) || ends || clock_wall_ms() >= until)
        return false;
    return !x->held || loop_now_ms(x->worker->loop) < x->held_since_ms + HELD_MAX_MS;
}

static void count(const struct exchange *x)
{
    const struct plane_route *r = &plane_of(x->hold->snapshot)->routes[x->decision.route->index];
    metric_inc(r->held);
}

bool pause_hold(struct exchange *x)
{
    struct worker *w = x->worker;
    if (x->held)
        return true;
    if (w->nheld >= w->limits.paused)
        return false;
    x->held = true;
    x->held_since_ms = loop_now_ms(w->loop);
    x->held_next = NULL;
    x->held_at = w->held_end;
    *w->held_end = x;
    w->held_end = &x->held_next;
    if (w->nheld++ == 0)
        loop_timer_set(w->loop, &w->held_timer, LOOK_MS);
    metric_inc(METRIC_REQUESTS_HELD_NOW);
    count(x);
    return true;
}

void pause_over(struct exchange *x)
{
    struct worker *w = x->worker;
    if (!x->held)
        return;
    x->held = false;
    x->held_ms = loop_now_ms(w->loop) - x->held_since_ms;
    if (w->held_look_next == x)
        w->held_look_next = x->held_next;
    *x->held_at = x->held_next;
    if (x->held_next != NULL)
        x->held_next->held_at = x->held_at;
    else
        w->held_end = x->held_at;
    w->nheld--;
    metric_dec(METRIC_REQUESTS_HELD_NOW);
}
