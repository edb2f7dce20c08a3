/* Mirroring: budgeted, isolated, dropped and counted when anything is full. Who gets a copy is told
 * by mirror_rules.c, what is kept of an answer by capture.c.
 *
 * The special difficulty is that two answers end in any order and each may fail; the pair is handed
 * to the compare pool when both have ended, whatever way. Each phase - the request comes, the copy
 * is answered, the served answer comes to its end - is over after shadow.total. */
#include "proxy/mirror.h"

#include "base/rand.h"
#include "proxy/capture.h"
#include "proxy/mirror_rules.h"
#include "proxy/recheck.h"
#include "proxy/sandbox.h"

#include <stdlib.h>

enum {
    MIRROR_MAGIC = 0x4d495252,
    FREE_MAX = 256, /* mirrors kept for the next copies */
};

struct mirror {
    unsigned magic;
    struct worker *worker;
    struct mirror *prev; /* in worker.mirrors */
    struct mirror *next; /* there, or free */
    struct snapshot_hold *hold;
    size_t backend; /* where the copy goes */
    metric_slot copies;
    struct mirror_permit permit;
    struct shadow_pair *pair;
    struct http_head *request;        /* the copy's, in the pair's arena */
    const struct http_head *trailers; /* of the request, likewise; NULL: none */
    struct buf request_body;
    bool request_ended;
    bool has_handle; /* an exchange still tells us things */
    struct back_wish wish;
    struct endpoints who; /* the client, when the copy's backend wants a PROXY header */
    struct http_stream *stream;
    struct capture served;
    struct capture copy;
    struct ask *probe; /* of the serving side, beside the copy; NULL: none is under way */
    struct timer timer;
    uint64_t start_us; /* the request went to the serving side */
    uint64_t sent_us;  /* the copy went out */
};

static const struct http_stream_events events;

/* --- life --- */

static void stop_copy(struct mirror *m, enum err why)
{
    back_cancel(&m->wish);
    if (m->stream != NULL)
        http_reset(m->stream, why);
    m->stream = NULL;
}

/* Whoever waits for what this copy's answer says need not wait any longer. */
static void permit_over(struct mirror *m)
{
    if (m->permit.asks)
        sandbox_leave(m->permit.sandbox);
    m->permit.asks = false;
}

/* Of what it does; the object is still there. */
static void release(struct mirror *m)
{
    stop_copy(m, ERR_CLIENT_CLOSED);
    permit_over(m);
    loop_timer_clear(m->worker->loop, &m->timer);
    capture_free(&m->served);
    capture_free(&m->copy);
    buf_free(&m->request_body);
    probe_end(&m->probe, m->pair);
    shadow_pair_free(&m->pair);
}

static void mirror_free(struct mirror *m)
{
    struct worker *w = m->worker;
    release(m);
    if (m->hold != NULL)
        snapshot_give(w->reader, &m->hold);
    if (m->prev != NULL)
        m->prev->next = m->next;
    else
        w->mirrors = m->next;
    if (m->next != NULL)
        m->next->prev = m->prev;
    w->nmirrors--;
    metric_dec(METRIC_SHADOW_IN_FLIGHT);
    m->magic = 0;
    if (w->nfree_mirrors == FREE_MAX) {
        free(m);
        return;
    }
    m->next = w->free_mirrors;
    w->free_mirrors = m;
    w->nfree_mirrors++;
}

/* Nothing more is done; the object stays until the exchange gives its handle back. */
static void drop(struct mirror *m, enum shadow_drop why)
{
    if (m->pair == NULL)
        return;
    shadow_count_drop(why);
    release(m);
    if (!m->has_handle)
        mirror_free(m);
}

static void submit_if_done(struct mirror *m)
{
    struct worker *w = m->worker;
    if (m->pair == NULL || !m->copy.done)
        return;
    if (!m->served.done) { /* an event stream may never be over */
        loop_timer_set(w->loop, &m->timer, w->shadow.total);
        return;
    }
    if (m->probe != NULL && ask_is_open(m->probe)) { /* its own time is bounded */
        loop_timer_clear(w->loop, &m->timer);
        return;
    }
    probe_end(&m->probe, m->pair);
    worker_compare(w, &m->pair);
    if (!m->has_handle)
        mirror_free(m);
}

/* False: the mirror was dropped. */
static bool take_body(struct mirror *m, struct capture *c, struct span data)
{
    enum err e = capture_body(m->pair, c, data, m->worker->shadow.compare_body);
    if (e != ERR_OK)
        drop(m, e == ERR_TOO_LARGE ? SHADOW_DROP_OVERSIZE : SHADOW_DROP_BUDGET);
    return e == ERR_OK;
}

static void end_capture(struct mirror *m, struct capture *c, enum err outcome, uint64_t since_us)
{
    capture_end(c, outcome, loop_now_us(m->worker->loop) - since_us);
}

/* --- the copy --- */

static void copy_failed(struct mirror *m, enum err why)
{
    if (m->pair == NULL)
        return;
    permit_over(m);
    end_capture(m, &m->copy, why, m->sent_us);
    probe_end(&m->probe, m->pair); /* what would it be held against? */
    submit_if_done(m);
}

static struct mirror *mirror_of(void *owner)
{
    struct mirror *m;
    OBJ_CAST(m, owner, MIRROR_MAGIC);
    return m;
}

static void probe_over(void *owner)
{
    submit_if_done(mirror_of(owner));
}

static void begin_probe(struct mirror *m)
{
    if (m->request_body.n > 0 || m->trailers != NULL)
        recheck_forbid(m->pair);
    else if (probe_is_planned(m->pair))
        probe_begin(&m->probe, m->worker, worker_view(m->hold), m->pair, probe_over, m);
}

static void copy_head(void *owner, struct http_head *head)
{
    struct mirror *m = mirror_of(owner);
    struct worker *w = m->worker;
    if (head->status < 200)
        return;
    if (m->permit.sandbox != NULL)
        sandbox_answer(m->permit.sandbox, head);
    permit_over(m);
    m->copy.answer->head = *head;
    m->copy.answer->has_head = true;
    m->copy.answer->first_byte_us = loop_now_us(w->loop) - m->sent_us;
    uint64_t spent = m->copy.answer->first_byte_us / 1000;
    loop_timer_set(w->loop, &m->timer, spent < w->shadow.total ? w->shadow.total - spent : 0);
}

static void copy_body(void *owner, struct span data)
{
    struct mirror *m = mirror_of(owner);
    if (take_body(m, &m->copy, data))
        http_consumed(m->stream, data.n);
}

static void copy_end(void *owner, enum err how, struct http_head *trailers)
{
    struct mirror *m = mirror_of(owner);
    m->copy.answer->trailers = trailers; /* in the pair's arena, like the head */
    end_capture(m, &m->copy, how, m->sent_us);
    /* The stream has still to say `gone`, when the request has gone out as well; what is left to do
     * is done there, or by the timer. */
}

static void copy_gone(void *owner, enum err why)
{
    struct mirror *m = mirror_of(owner);
    m->stream = NULL;
    loop_timer_clear(m->worker->loop, &m->timer);
    if (m->copy.done)
        submit_if_done(m);
    else
        copy_failed(m, why);
}

static const struct http_stream_events events = {
    .head = copy_head,
    .body = copy_body,
    .end = copy_end,
    .ready = NULL, /* a copy's body is small and sent in one go */
    .gone = copy_gone,
};

static void on_timer(void *arg)
{
    struct mirror *m = mirror_of(arg);
    struct worker *w = m->worker;
    bool over = m->stream == NULL && m->copy.done;
    stop_copy(m, ERR_SHADOW_TIMEOUT);
    if (!m->request_ended || over)
        drop(m, SHADOW_DROP_TIMEOUT);
    else if (m->copy.done) /* it was answered before its body was taken */
        submit_if_done(m);
    else
        copy_failed(m, ERR_SHADOW_TIMEOUT);
    worker_flush(w);
}

static void on_failed(void *owner, enum err why)
{
    struct mirror *m = mirror_of(owner);
    if (why == ERR_BACKEND_BUSY) /* that is weir's own limit */
        drop(m, SHADOW_DROP_NO_CONNECTION);
    else
        copy_failed(m, why);
}

static enum err send_copy(struct mirror *m)
{
    bool whole = m->request_body.n == 0 && m->trailers == NULL;
    TRY(http_send_head(m->stream, m->request, whole));
    if (whole)
        return ERR_OK;
    if (m->request_body.n > 0)
        (void)http_send_body(m->stream, buf_span(&m->request_body));
    return http_send_end(m->stream, m->trailers);
}

static void on_ready(void *owner, struct http_stream *s, bool reused)
{
    struct mirror *m = mirror_of(owner);
    struct worker *w = m->worker;
    UNUSED(reused);
    m->stream = s;
    m->sent_us = loop_now_us(w->loop);
    if (m->permit.sandbox != NULL && !sandbox_is_open(m->permit.sandbox)) {
        drop(m, SHADOW_DROP_SANDBOX);
        return;
    }
    loop_timer_set(w->loop, &m->timer, w->shadow.first_byte);
    if (send_copy(m) != ERR_OK)
        drop(m, SHADOW_DROP_BUDGET);
}

/* --- beginning --- */

static enum err copy_span(struct arena *a, struct span in, struct span *out)
{
    char *p = arena_copy(a, in);
    *out = span_of(p, in.n);
    return p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err fill_pair(struct mirror *m, struct exchange *x, const struct http_head *sent)
{
    struct shadow_pair *p = m->pair;
    const struct decision *d = &x->decision;
    uint64_t r[2] = {rand_u64(), rand_u64()};
    bytes_hex(p->id, r, sizeof(r));
    p->id[32] = '\0';
    p->epoch = d->epoch;
    p->bucket = d->bucket;
    p->served = d->side;
    p->method = x->request->method;
    p->conditional = mirror_is_conditional(x->request);
    TRY(copy_span(&p->arena, x->request->target, &p->target));
    TRY(copy_span(&p->arena, x->path, &p->path));
    m->request = arena_alloc(&p->arena, sizeof(*m->request));
    if (m->request == NULL)
        return ERR_NO_MEMORY;
    TRY(recheck_plan(x, p, mirror_is_plain(x, sent) ? NULL : sent));
    TRY(mirror_head(x, sent, m->request, &p->arena));
    recheck_plan_copy(p, m->request);
    p->host = m->request->authority;
    return ERR_OK;
}

static struct mirror *mirror_make(struct worker *w)
{
    struct mirror *m = w->free_mirrors;
    if (m != NULL) {
        w->free_mirrors = m->next;
        w->nfree_mirrors--;
    } else {
        m = malloc(sizeof(*m));
        if (m == NULL)
            return NULL;
    }
    memset(m, 0, sizeof(*m));
    OBJ_INIT(m, MIRROR_MAGIC);
    m->worker = w;
    return m;
}

static struct mirror *mirror_new(struct exchange *x, const struct plane_route *r)
{
    struct worker *w = x->worker;
    const struct decision *d = &x->decision;
    struct shadow_pair *p = shadow_pair_new(w->lane, r->rules);
    struct mirror *m = p == NULL ? NULL : mirror_make(w);
    if (m == NULL) {
        shadow_pair_free(&p);
        return NULL;
    }
    m->pair = p;
    m->backend = d->route->backends[side_other(d->side)];
    if (x->hold->snapshot->table->config->backends[m->backend].proxy_protocol)
        m->who = exchange_endpoints(x);
    m->served.answer = &m->pair->answers[d->side];
    m->copy.answer = &m->pair->answers[side_other(d->side)];
    m->start_us = m->sent_us = x->sent_us;
    m->has_handle = true;
    m->hold = x->hold;
    snapshot_take(m->hold);
    timer_begin(&m->timer, on_timer, m);
    m->copies = r->copies;
    m->next = w->mirrors;
    if (m->next != NULL)
        m->next->prev = m;
    w->mirrors = m;
    w->nmirrors++;
    metric_inc(METRIC_SHADOW_IN_FLIGHT);
    return m;
}

struct mirror *mirror_begin(struct exchange *x, const struct http_head *sent)
{
    struct mirror_permit permit;
    if (!mirror_is_wanted(x, &permit))
        return NULL;
    const struct plane_route *r = &plane_of(x->hold->snapshot)->routes[x->decision.route->index];
    struct mirror *m = mirror_new(x, r);
    if (m != NULL)
        m->permit = permit;
    else if (permit.asks)
        sandbox_leave(permit.sandbox);
    if (m == NULL || fill_pair(m, x, sent) != ERR_OK) {
        shadow_count_drop(SHADOW_DROP_BUDGET);
        if (m != NULL)
            mirror_free(m);
        return NULL;
    }
    if (!x->request->bodiless)
        loop_timer_set(x->worker->loop, &m->timer, x->worker->shadow.total);
    memcpy(x->shadow_id, m->pair->id, sizeof(x->shadow_id));
    return m;
}

/* --- what the exchange tells --- */

void mirror_request_data(struct mirror *m, struct span data)
{
    if (m->pair == NULL)
        return;
    if (data.n > m->worker->shadow.request_body - m->request_body.n)
        drop(m, SHADOW_DROP_OVERSIZE);
    else if (capture_keep(m->pair, &m->request_body, data) != ERR_OK)
        drop(m, SHADOW_DROP_BUDGET);
}

static enum err keep_trailers(struct mirror *m, const struct http_head *in,
                              const struct http_head **out)
{
    struct http_head *h = arena_alloc(&m->pair->arena, sizeof(*h));
    *out = h;
    return h == NULL ? ERR_NO_MEMORY : http_head_copy(h, in, &m->pair->arena);
}

void mirror_request_end(struct mirror *m, const struct http_head *trailers)
{
    if (m->pair == NULL || m->request_ended)
        return;
    m->request_ended = true;
    if (trailers != NULL && keep_trailers(m, trailers, &m->trailers) != ERR_OK) {
        drop(m, SHADOW_DROP_BUDGET);
        return;
    }
    metric_inc(m->copies);
    loop_timer_clear(m->worker->loop, &m->timer);
    m->wish = (struct back_wish){.ready = on_ready,
                                 .failed = on_failed,
                                 .on = &events,
                                 .owner = m,
                                 .method = m->request->method,
                                 .arena = &m->pair->arena,
                                 .who = &m->who};
    back_take(m->worker, worker_view(m->hold), m->backend, POOL_MIRROR, &m->wish);
    if (m->pair != NULL && !m->copy.done)
        begin_probe(m);
}

void mirror_served_head(struct mirror *m, const struct http_head *answer)
{
    if (m->pair == NULL)
        return;
    struct shadow_answer *a = m->served.answer;
    if (http_head_copy(&a->head, answer, &m->pair->arena) != ERR_OK) {
        drop(m, SHADOW_DROP_BUDGET);
        return;
    }
    a->has_head = true;
    a->first_byte_us = loop_now_us(m->worker->loop) - m->start_us;
}

void mirror_served_body(struct mirror *m, struct span data)
{
    if (m->pair != NULL)
        (void)take_body(m, &m->served, data);
}

void mirror_served_trailers(struct mirror *m, const struct http_head *trailers)
{
    if (m->pair != NULL && trailers != NULL &&
        keep_trailers(m, trailers, &m->served.answer->trailers) != ERR_OK)
        drop(m, SHADOW_DROP_BUDGET);
}

void mirror_served_end(struct mirror **mp, enum err outcome)
{
    struct mirror *m;
    OBJ_TAKE(m, mp, MIRROR_MAGIC);
    m->has_handle = false;
    if (m->pair == NULL) {
        mirror_free(m);
        return;
    }
    if (!m->request_ended) { /* there was nothing to copy yet */
        drop(m, SHADOW_DROP_INCOMPLETE);
        return;
    }
    end_capture(m, &m->served, outcome, m->start_us);
    /* Whether a side confirms that it is a sandbox is wanted whatever the served one does. */
    if (outcome == ERR_OK || m->copy.done || m->permit.sandbox != NULL) {
        submit_if_done(m);
        return;
    }
    /* Nothing to compare with: the copy need not be waited for. */
    stop_copy(m, ERR_CLIENT_CLOSED);
    copy_failed(m, outcome);
}

void mirror_abandon(struct mirror **mp, enum shadow_drop why)
{
    struct mirror *m;
    OBJ_TAKE(m, mp, MIRROR_MAGIC);
    m->has_handle = false;
    if (m->pair == NULL)
        mirror_free(m);
    else
        drop(m, why);
}

void mirrors_free(struct worker *w)
{
    for (struct mirror *m = w->mirrors, *next; m != NULL; m = next) {
        next = m->next;
        m->has_handle = false;
        if (m->pair == NULL) {
            mirror_free(m);
        } else if (m->served.done && m->copy.done) {
            probe_end(&m->probe, m->pair);
            submit_if_done(m);
        } else {
            drop(m, SHADOW_DROP_SHED);
        }
    }
    while (w->free_mirrors != NULL) {
        struct mirror *m = w->free_mirrors;
        w->free_mirrors = m->next;
        free(m);
    }
    w->nfree_mirrors = 0;
}
