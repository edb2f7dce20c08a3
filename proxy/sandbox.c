/* The state of one side: a word that workers change with compare and swap. */
#include "proxy/sandbox.h"

#include "base/log.h"

enum err sandbox_begin(struct sandbox *s, const char *route, const char *backend, enum side side)
{
    const char *values[] = {route, side_word(side)};
    atomic_store_explicit(&s->state, SANDBOX_UNASKED, memory_order_relaxed);
    s->route = route;
    s->backend = backend;
    return metrics_series(METRIC_SHADOW_SANDBOX_STOPPED, values, &s->stopped);
}

void sandbox_end(struct sandbox *s)
{
    if (atomic_load_explicit(&s->state, memory_order_relaxed) == SANDBOX_STOPPED)
        metric_dec(s->stopped);
}

static bool change(struct sandbox *s, int from, enum sandbox_state to)
{
    return atomic_compare_exchange_strong_explicit(&s->state, &from, to, memory_order_relaxed,
                                                   memory_order_relaxed);
}

bool sandbox_enter(struct sandbox *s, bool *asks)
{
    *asks = change(s, SANDBOX_UNASKED, SANDBOX_ASKING);
    return *asks || atomic_load_explicit(&s->state, memory_order_relaxed) == SANDBOX_CONFIRMED;
}

bool sandbox_is_open(const struct sandbox *s)
{
    return atomic_load_explicit(&s->state, memory_order_relaxed) != SANDBOX_STOPPED;
}

static void stop(struct sandbox *s, unsigned status)
{
    int was = atomic_exchange_explicit(&s->state, SANDBOX_STOPPED, memory_order_relaxed);
    if (was == SANDBOX_STOPPED)
        return;
    metric_inc(s->stopped);
    log_error("shadow",
              "route %s: backend %s answered the copy of a request that may change something with "
              "%u and without \"X-Weir-Shadow-Ack: sandbox\", so it may have taken it for a real "
              "one; it is sent no more of them until a reload",
              s->route, s->backend, status);
}

void sandbox_answer(struct sandbox *s, const struct http_head *answer)
{
    const struct http_field *f = http_head_find_name(answer, SPAN("x-weir-shadow-ack"));
    if (f == NULL || !span_eq_nocase(span_trim(f->value), SPAN("sandbox")))
        stop(s, answer->status);
    else
        (void)change(s, SANDBOX_ASKING, SANDBOX_CONFIRMED);
}

void sandbox_leave(struct sandbox *s)
{
    (void)change(s, SANDBOX_ASKING, SANDBOX_UNASKED);
}

const char *sandbox_word(const struct sandbox *s)
{
    switch ((enum sandbox_state)atomic_load_explicit(&s->state, memory_order_relaxed)) {
    case SANDBOX_CONFIRMED:
        return "confirmed";
    case SANDBOX_STOPPED:
        return "stopped";
    default:
        return "unasked";
    }
}
