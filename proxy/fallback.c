/* What may be repeated, and how much of it. The difficulty is the body: it is gone when new fails,
 * so a bounded part of it is kept until the answer begins. */
#include "proxy/fallback.h"

enum { PERIOD_MS = 10 * 1000 };

static const struct config_route *config_of(const struct exchange *x)
{
    return x->decision.route->config;
}

static bool is_armed(const struct exchange *x)
{
    return x->decided && x->decision.side == SIDE_NEW && x->fallen == ERR_OK &&
           config_of(x)->on_new_error == NEW_ERROR_LEGACY;
}

/* --- the budget --- */

static struct budget *budget_of(const struct exchange *x)
{
    const struct view *v = worker_view(x->hold);
    struct budget *b = &v->budgets[x->decision.route->index];
    uint64_t period = loop_now_ms(x->worker->loop) / PERIOD_MS;
    if (period == b->period)
        return b;
    bool next = period == b->period + 1;
    *b = (struct budget){.period = period,
                         .requests = {0, next ? b->requests[0] : 0},
                         .spent = {0, next ? b->spent[0] : 0}};
    return b;
}

static bool spend(const struct exchange *x)
{
    const struct config_route_fallback *c = &config_of(x)->fallback;
    struct budget *b = budget_of(x);
    uint64_t requests = (uint64_t)b->requests[0] + b->requests[1];
    uint64_t spent = (uint64_t)b->spent[0] + b->spent[1];
    if (spent >= c->budget_min && (spent + 1) * WEIGHT_ALL > requests * c->budget)
        return false;
    b->spent[0]++;
    return true;
}

static void move(struct exchange *x)
{
    x->decision.side = SIDE_LEGACY;
    x->decision.reason = REASON_FALLBACK;
}

void fallback_decided(struct exchange *x)
{
    if (config_of(x)->on_new_error != NEW_ERROR_LEGACY)
        return;
    if (x->fallen != ERR_OK && x->decision.side == SIDE_NEW)
        move(x);
    else if (x->attempts == 0)
        budget_of(x)->requests[0]++;
}

/* --- the body --- */

void fallback_sent(struct exchange *x)
{
    x->keeping = is_armed(x) && http_method_is_idempotent(x->request->method);
}

void fallback_forget(struct exchange *x)
{
    x->keeping = false;
    chunkq_free(&x->kept);
}

void fallback_keep(struct exchange *x, struct span data)
{
    if (!x->keeping)
        return;
    if (data.n > config_of(x)->fallback.body - x->kept.n || chunkq_append(&x->kept, data) != ERR_OK)
        fallback_forget(x);
}

/* --- taking it --- */

bool fallback_is_failure(const struct exchange *x, unsigned status)
{
    char text[20];
    if (LIKELY(status < 400) || !is_armed(x))
        return false;
    const struct config_names *list = &config_of(x)->fallback.statuses;
    struct span given = span_of(text, bytes_u64(text, status));
    for (size_t i = 0; i < list->n; i++)
        if (span_eq(given, span_str(list->list[i])))
            return true;
    return false;
}

static bool is_failure_of_new(const struct exchange *x, enum err why)
{
    return is_armed(x) && x->client != NULL && !x->answered && err_fault(why) == FAULT_BACKEND &&
           why != ERR_DEADLINE; /* legacy would be too late as well */
}

static bool is_repeatable(const struct exchange *x, enum err why)
{
    if (x->hinted)
        return false;
    return !x->sent || x->keeping || (err_retry(why) == RETRY_REFUSED && !x->has_body);
}

bool fallback_take(struct exchange *x, enum err why)
{
    if (!is_failure_of_new(x, why))
        return false;
    const struct plane_route *r = &plane_of(x->hold->snapshot)->routes[x->decision.route->index];
    if (!is_repeatable(x, why)) {
        metric_inc(r->no_fallback[NO_FALLBACK_UNSAFE]);
        return false;
    }
    if (!spend(x)) {
        metric_inc(r->no_fallback[NO_FALLBACK_BUDGET]);
        return false;
    }
    if (x->kept.n > 0) { /* else what there is of it still waits */
        x->pending = x->kept;
        x->kept = (struct chunkq){.head = NULL};
    }
    x->fallen = why;
    x->keeping = false;
    move(x);
    return true;
}
