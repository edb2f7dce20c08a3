/* A pair that differs comes back from the compare pool, is asked again 250 ms and 2 s later, and
 * returns to the pool after each time. Whatever happens on the way, it returns. */
#include "proxy/recheck.h"

#include <stdlib.h>

enum { RECHECK_MAGIC = 0x52455345, FIRST_MS = 250, SECOND_MS = 1750 };

/* How both sides of a pair can be asked. In the pair's arena. */
struct plan {
    uint64_t plane; /* the numbers below are of this one */
    size_t backends[2];
    const struct http_head *heads[2];
    struct endpoints who;
    bool probe;
};

struct recheck {
    unsigned magic;
    struct worker *worker;
    struct recheck *prev; /* in worker.rechecks */
    struct recheck *next;
    struct shadow_pair *pair;
    struct snapshot_hold *hold; /* NULL: nothing was asked yet */
    struct timer timer;
    struct ask asks[2];
    unsigned left; /* of them */
};

/* --- planning --- */

/* A draw of its own for each request, the same wherever it is made. */
static bool is_drawn(const struct exchange *x)
{
    unsigned char key[16];
    memcpy(key, x->hold->snapshot->table->key[1], sizeof(key));
    key[0] ^= 0xff; /* who is mirrored says nothing about what is probed */
    return route_bucket(key, x->request_id) < x->decision.route->config->shadow.probe;
}

static bool is_safe(const struct exchange *x)
{
    enum http_method m = x->request->method;
    return (m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS) && !x->has_body;
}

static enum err serving_head(struct shadow_pair *p, const struct http_head *sent,
                             const struct http_head **out)
{
    struct http_head *h = arena_alloc(&p->arena, sizeof(*h));
    if (h == NULL)
        return ERR_NO_MEMORY;
    TRY(http_head_copy(h, sent, &p->arena));
    http_head_drop(h, HTTP_X_WEIR_SHADOW);
    *out = h;
    return http_head_add_id(h, HTTP_X_WEIR_SHADOW, SPAN("1"));
}

static enum err fill(struct exchange *x, struct shadow_pair *p, const struct http_head *sent,
                     struct plan *plan)
{
    const struct decision *d = &x->decision;
    plan->plane = plane_of(x->hold->snapshot)->number;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        plan->backends[s] = d->route->backends[s];
        if (x->hold->snapshot->table->config->backends[plan->backends[s]].proxy_protocol)
            plan->who = exchange_endpoints(x);
    }
    return sent == NULL ? ERR_OK : serving_head(p, sent, &plan->heads[d->side]);
}

void recheck_plan_copy(struct shadow_pair *p, const struct http_head *copy)
{
    struct plan *plan = p->asking;
    if (plan == NULL)
        return;
    plan->heads[side_other(p->served)] = copy;
    if (plan->heads[p->served] == NULL)
        plan->heads[p->served] = copy;
}

enum err recheck_plan(struct exchange *x, struct shadow_pair *p, const struct http_head *sent)
{
    bool probe = is_drawn(x);
    p->recheck = x->worker->shadow.rechecks == 0 ? SHADOW_RECHECK_OFF : SHADOW_RECHECK_OPEN;
    if (!is_safe(x)) {
        p->recheck = SHADOW_RECHECK_UNSAFE;
        return ERR_OK;
    }
    if (!probe && p->recheck == SHADOW_RECHECK_OFF)
        return ERR_OK;
    struct plan *plan = arena_zalloc(&p->arena, sizeof(*plan));
    if (plan == NULL)
        return ERR_NO_MEMORY;
    p->asking = plan;
    plan->probe = probe;
    return fill(x, p, sent, plan);
}

void recheck_forbid(struct shadow_pair *p)
{
    p->asking = NULL;
    p->recheck = SHADOW_RECHECK_UNSAFE;
}

/* --- the probe --- */

bool probe_is_planned(const struct shadow_pair *p)
{
    const struct plan *plan = p->asking;
    return plan != NULL && plan->probe;
}

void probe_begin(struct ask **a, struct worker *w, const struct view *v, struct shadow_pair *p,
                 void (*over)(void *owner), void *owner)
{
    const struct plan *plan = p->asking;
    struct ask_question q = {.worker = w, .view = v, .pair = p, .over = over, .owner = owner};
    *a = shadow_pair_may_probe(p) ? arena_alloc(&p->arena, sizeof(**a)) : NULL;
    if (*a == NULL) {
        shadow_count_probe(SHADOW_PROBE_BUDGET);
        return;
    }
    q.backend = plan->backends[p->served];
    q.head = plan->heads[p->served];
    q.who = &plan->who;
    q.answer = p->probe;
    ask_begin(*a, &q);
}

void probe_end(struct ask **ap, struct shadow_pair *p)
{
    struct ask *a = *ap;
    *ap = NULL;
    if (a == NULL)
        return;
    p->probed = a->capture.done;
    if (!p->probed)
        shadow_count_probe(SHADOW_PROBE_DROPPED);
    else if (a->trouble != ERR_OK)
        shadow_count_probe(SHADOW_PROBE_BUDGET);
    else
        shadow_count_probe(p->probe->outcome == ERR_OK ? SHADOW_PROBE_ANSWERED
                                                       : SHADOW_PROBE_FAILED);
    ask_end(a);
}

/* --- asking again --- */

static void recheck_free(struct recheck *r)
{
    struct worker *w = r->worker;
    loop_timer_clear(w->loop, &r->timer);
    for (size_t i = 0; i < ARRAY_LEN(r->asks); i++)
        ask_end(&r->asks[i]);
    if (r->hold != NULL)
        snapshot_give(w->reader, &r->hold);
    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        w->rechecks = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    r->magic = 0;
    free(r);
}

/* The pair goes back to the pool; `why` says why it cannot be asked (again), if it cannot. */
static void hand_over(struct worker *w, struct shadow_pair *p, enum shadow_recheck why)
{
    p->recheck = why;
    worker_compare(w, &p);
}

static void give_up(struct recheck *r, enum shadow_recheck why)
{
    struct worker *w = r->worker;
    struct shadow_pair *p = r->pair;
    recheck_free(r);
    hand_over(w, p, why);
}

static bool must_shed(const struct worker *w)
{
    return w->draining || worker_is_pressed(w, MEMORY_SHED);
}

static void on_answer(void *owner)
{
    struct recheck *r;
    OBJ_CAST(r, owner, RECHECK_MAGIC);
    if (--r->left > 0)
        return;
    r->pair->rounds++;
    give_up(r, SHADOW_RECHECK_OPEN);
}

static void ask_both(struct recheck *r)
{
    const struct plan *plan = r->pair->asking;
    struct worker *w = r->worker;
    struct ask_question q = {.worker = w, .pair = r->pair, .over = on_answer, .owner = r};
    q.view = worker_view(r->hold);
    q.who = &plan->who;
    r->left = 2;
    metric_inc(METRIC_SHADOW_ROUNDS);
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) { /* after the last, r may be gone */
        struct ask_question one = q;
        one.backend = plan->backends[s];
        one.head = plan->heads[s];
        one.answer = &r->pair->again[r->pair->rounds][s];
        ask_begin(&r->asks[s], &one);
    }
}

static void on_timer(void *arg)
{
    struct recheck *r;
    OBJ_CAST(r, arg, RECHECK_MAGIC);
    struct worker *w = r->worker;
    const struct plan *plan = r->pair->asking;
    struct snapshot_hold *h = worker_snapshot(w);
    if (must_shed(w) || !shadow_pair_may_repeat(r->pair)) {
        give_up(r, SHADOW_RECHECK_SHED);
    } else if (plane_of(h->snapshot)->number != plan->plane) {
        give_up(r, SHADOW_RECHECK_CHANGED);
    } else {
        r->hold = h;
        snapshot_take(h);
        ask_both(r);
    }
    worker_flush(w);
}

static void recheck_begin(struct worker *w, struct shadow_pair *p)
{
    struct recheck *r = must_shed(w) ? NULL : calloc(1, sizeof(*r));
    if (r == NULL) {
        hand_over(w, p, SHADOW_RECHECK_SHED);
        return;
    }
    OBJ_INIT(r, RECHECK_MAGIC);
    r->worker = w;
    r->pair = p;
    r->next = w->rechecks;
    if (r->next != NULL)
        r->next->prev = r;
    w->rechecks = r;
    timer_begin(&r->timer, on_timer, r);
    loop_timer_set(w->loop, &r->timer, p->rounds == 0 ? FIRST_MS : SECOND_MS);
}

/* --- coming and going --- */

static void on_back(void *arg)
{
    struct worker *w = arg;
    for (struct shadow_pair *p = shadow_lane_take(w->lane); p != NULL;
         p = shadow_lane_take(w->lane))
        recheck_begin(w, p);
}

static bool wake(void *arg)
{
    struct worker *w = arg;
    return loop_post(w->loop, on_back, w);
}

void rechecks_begin(struct worker *w)
{
    if (w->lane != NULL)
        shadow_lane_open(w->lane, wake, w);
}

void rechecks_free(struct worker *w)
{
    if (w->lane == NULL)
        return;
    shadow_lane_close(w->lane);
    while (w->rechecks != NULL)
        give_up(w->rechecks, SHADOW_RECHECK_SHED);
    for (struct shadow_pair *p = shadow_lane_take(w->lane); p != NULL;
         p = shadow_lane_take(w->lane))
        hand_over(w, p, SHADOW_RECHECK_SHED);
}
