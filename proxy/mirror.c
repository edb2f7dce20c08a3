/* Mirroring: budgeted, isolated, dropped and counted when anything is full.
 *
 * The special difficulty is that two answers end in any order and each may fail; the pair is handed
 * to the compare pool when both have ended, whatever way. */
#include "proxy/mirror.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/rand.h"

#include <stdlib.h>

enum {
    MIRROR_MAGIC = 0x4d495252,
    BODY_FACTOR = 16, /* an answer longer than this many times shadow.compare_body is not followed
                         to its end */
};

/* One side's answer on its way into the pair. */
struct capture {
    struct shadow_answer *answer;
    struct digest *digest; /* running, once the body is longer than what is kept */
    bool done;
};

struct mirror {
    unsigned magic;
    struct worker *worker;
    struct mirror *prev; /* in worker.mirrors */
    struct mirror *next;
    struct snapshot_hold *hold;
    size_t backend; /* where the copy goes */
    struct shadow_pair *pair;
    struct http_head request;
    struct buf request_body;
    bool request_ended;
    bool has_handle; /* an exchange still tells us things */
    struct back_wish wish;
    struct endpoints who; /* the client, when the copy's backend wants a PROXY header */
    struct http_stream *stream;
    struct capture served;
    struct capture copy;
    struct timer timer;
    uint64_t start_us; /* the request went to the serving side */
    uint64_t sent_us;  /* the copy went out */
};

static const struct http_stream_events events;

/* --- life --- */

static void capture_free(struct capture *c)
{
    digest_end(&c->digest, NULL);
}

static void mirror_free(struct mirror *m)
{
    struct worker *w = m->worker;
    back_cancel(&m->wish);
    if (m->stream != NULL)
        http_reset(m->stream, ERR_CLIENT_CLOSED);
    loop_timer_clear(w->loop, &m->timer);
    capture_free(&m->served);
    capture_free(&m->copy);
    if (m->pair != NULL)
        shadow_pair_free(&m->pair);
    buf_free(&m->request_body);
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
    free(m);
}

/* Nothing more is done; the object stays until the exchange gives its handle back. */
static void drop(struct mirror *m, enum shadow_drop why)
{
    if (m->pair == NULL)
        return;
    shadow_count_drop(why);
    back_cancel(&m->wish);
    if (m->stream != NULL)
        http_reset(m->stream, ERR_CLIENT_CLOSED);
    m->stream = NULL;
    capture_free(&m->served);
    capture_free(&m->copy);
    buf_free(&m->request_body);
    shadow_pair_free(&m->pair);
    if (!m->has_handle)
        mirror_free(m);
}

static void submit_if_done(struct mirror *m)
{
    if (m->pair == NULL || !m->served.done || !m->copy.done)
        return;
    shadow_submit(m->worker->lane, &m->pair);
    if (!m->has_handle)
        mirror_free(m);
}

/* --- capturing an answer --- */

static bool keep_bytes(struct mirror *m, struct capture *c, struct span data)
{
    struct shadow_answer *a = c->answer;
    size_t before = a->body.cap;
    if (buf_append(&a->body, data) != ERR_OK)
        return false;
    size_t grown = a->body.cap - before;
    if (grown > 0 && !shadow_memory_take(m->worker->lane, grown))
        return false;
    m->pair->memory += grown;
    return true;
}

/* From the first byte that is not kept on, the whole body is hashed, the kept part included. */
static bool hash_bytes(struct capture *c, struct span data)
{
    if (c->digest == NULL) {
        if (digest_begin(&c->digest) != ERR_OK)
            return false;
        if (c->answer->body.n > 0)
            digest_add(c->digest, buf_span(&c->answer->body));
    }
    digest_add(c->digest, data);
    return true;
}

/* False: the mirror was dropped. */
static bool capture_body(struct mirror *m, struct capture *c, struct span data)
{
    struct shadow_answer *a = c->answer;
    uint64_t max = m->worker->shadow.compare_body;
    a->body_length += data.n;
    if (a->body_length > max * BODY_FACTOR) {
        drop(m, SHADOW_DROP_OVERSIZE);
        return false;
    }
    bool ok =
        c->digest == NULL && a->body_length <= max ? keep_bytes(m, c, data) : hash_bytes(c, data);
    if (!ok)
        drop(m, SHADOW_DROP_BUDGET);
    return ok;
}

static void capture_end(struct mirror *m, struct capture *c, enum err outcome, uint64_t since_us)
{
    struct shadow_answer *a = c->answer;
    a->outcome = outcome;
    a->total_us = loop_now_us(m->worker->loop) - since_us;
    if (c->digest != NULL) {
        digest_end(&c->digest, a->body_sha256);
        a->body_hashed = true;
    }
    c->done = true;
}

/* --- the copy --- */

static void copy_failed(struct mirror *m, enum err why)
{
    if (m->pair == NULL)
        return;
    capture_end(m, &m->copy, why, m->sent_us);
    submit_if_done(m);
}

static struct mirror *mirror_of(void *owner)
{
    struct mirror *m;
    OBJ_CAST(m, owner, MIRROR_MAGIC);
    return m;
}

static void copy_head(void *owner, struct http_head *head)
{
    struct mirror *m = mirror_of(owner);
    struct worker *w = m->worker;
    if (head->status < 200)
        return;
    m->copy.answer->head = *head;
    m->copy.answer->has_head = true;
    m->copy.answer->first_byte_us = loop_now_us(w->loop) - m->sent_us;
    uint64_t spent = m->copy.answer->first_byte_us / 1000;
    loop_timer_set(w->loop, &m->timer, spent < w->shadow.total ? w->shadow.total - spent : 0);
}

static void copy_body(void *owner, struct span data)
{
    struct mirror *m = mirror_of(owner);
    if (capture_body(m, &m->copy, data))
        http_consumed(m->stream, data.n);
}

static void copy_end(void *owner, enum err how, struct http_head *trailers)
{
    struct mirror *m = mirror_of(owner);
    if (trailers != NULL)
        m->copy.answer->trailers = *trailers; /* in the pair's arena, like the head */
    capture_end(m, &m->copy, how, m->sent_us);
    loop_timer_clear(m->worker->loop, &m->timer);
    /* The stream has still to say `gone`; what is left to do is done there. */
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
    if (m->stream != NULL)
        http_reset(m->stream, ERR_SHADOW_TIMEOUT);
    m->stream = NULL;
    copy_failed(m, ERR_SHADOW_TIMEOUT);
    worker_flush(w);
}

static void on_failed(void *owner, enum err why)
{
    copy_failed(mirror_of(owner), why);
}

static enum err send_copy(struct mirror *m)
{
    bool whole = m->request_body.n == 0;
    TRY(http_send_head(m->stream, &m->request, whole));
    if (whole)
        return ERR_OK;
    (void)http_send_body(m->stream, buf_span(&m->request_body));
    return http_send_end(m->stream, NULL);
}

static void on_ready(void *owner, struct http_stream *s, bool reused)
{
    struct mirror *m = mirror_of(owner);
    struct worker *w = m->worker;
    UNUSED(reused);
    m->stream = s;
    m->sent_us = loop_now_us(w->loop);
    loop_timer_set(w->loop, &m->timer, w->shadow.first_byte);
    if (send_copy(m) != ERR_OK) {
        http_reset(m->stream, ERR_NO_MEMORY);
        m->stream = NULL;
        drop(m, SHADOW_DROP_BUDGET);
    }
}

/* --- beginning --- */

static bool is_mirrored_method(enum http_method m)
{
    return m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS;
}

/* Whether a copy may be made; says why not when this exchange should have had one. */
static bool is_wanted(struct exchange *x)
{
    struct worker *w = x->worker;
    if (!x->decision.shadow || w->lane == NULL)
        return false;
    enum shadow_drop why;
    if (!is_mirrored_method(x->request->method) || x->request->websocket)
        why = SHADOW_DROP_METHOD;
    else if (x->is_copy)
        why = SHADOW_DROP_LOOP;
    else if (w->draining || worker_is_pressed(w, MEMORY_SHED))
        why = SHADOW_DROP_SHED;
    else if (x->fallen != ERR_OK) /* legacy answers because new has failed: what to compare with? */
        why = SHADOW_DROP_FALLBACK;
    else if (w->nmirrors >= w->shadow.in_flight)
        why = SHADOW_DROP_BUDGET;
    else
        return true;
    shadow_count_drop(why);
    return false;
}

static bool is_conditional(const struct http_head *h)
{
    for (size_t i = 0; i < h->nfields; i++) {
        struct span n = h->fields[i].name;
        if (n.n > 3 && span_eq_nocase(span_until(n, 3), SPAN("if-")))
            return true;
        if (span_eq_nocase(n, SPAN("range")))
            return true;
    }
    return false;
}

static enum err copy_span(struct arena *a, struct span in, struct span *out)
{
    char *p = arena_copy(a, in);
    *out = span_of(p, in.n);
    return p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* The server sees that it is a copy, and a key that makes writes happen once is not the original's.
 */
static enum err mark(struct http_head *h)
{
    struct span key = http_head_value(h, HTTP_IDEMPOTENCY_KEY);
    TRY(http_head_add_id(h, HTTP_X_WEIR_SHADOW, SPAN("1")));
    if (key.p == NULL)
        return ERR_OK;
    char *p = arena_alloc(h->arena, key.n + 7);
    if (p == NULL)
        return ERR_NO_MEMORY;
    memcpy(p, key.p, key.n);
    memcpy(p + key.n, "-shadow", 7);
    http_head_drop(h, HTTP_IDEMPOTENCY_KEY);
    return http_head_add_id(h, HTTP_IDEMPOTENCY_KEY, span_of(p, key.n + 7));
}

static enum err fill_pair(struct mirror *m, struct exchange *x)
{
    struct shadow_pair *p = m->pair;
    const struct decision *d = &x->decision;
    struct http_head edited;
    uint64_t r[2] = {rand_u64(), rand_u64()};
    bytes_hex(p->id, r, sizeof(r));
    p->id[32] = '\0';
    p->wall_ms = clock_wall_ms();
    p->epoch = d->epoch;
    p->bucket = d->bucket;
    p->served = d->side;
    p->method = x->request->method;
    p->conditional = is_conditional(x->request);
    TRY(copy_span(&p->arena, x->request->target, &p->target));
    TRY(copy_span(&p->arena, x->path, &p->path));
    TRY(request_edit(x, side_other(d->side), &edited));
    TRY(copy_span(&p->arena, edited.authority, &p->host));
    TRY(http_head_copy(&m->request, &edited, &p->arena));
    return mark(&m->request);
}

static struct mirror *mirror_new(struct exchange *x, const struct plane_route *r)
{
    struct worker *w = x->worker;
    const struct decision *d = &x->decision;
    struct mirror *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return NULL;
    m->pair = shadow_pair_new(w->lane, r->rules);
    if (m->pair == NULL) {
        free(m);
        return NULL;
    }
    OBJ_INIT(m, MIRROR_MAGIC);
    m->worker = w;
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
    m->next = w->mirrors;
    if (m->next != NULL)
        m->next->prev = m;
    w->mirrors = m;
    w->nmirrors++;
    metric_inc(METRIC_SHADOW_IN_FLIGHT);
    return m;
}

struct mirror *mirror_begin(struct exchange *x)
{
    if (!is_wanted(x))
        return NULL;
    const struct plane_route *r = &plane_of(x->hold->snapshot)->routes[x->decision.route->index];
    struct mirror *m = r->rules == NULL ? NULL : mirror_new(x, r);
    if (m == NULL || fill_pair(m, x) != ERR_OK) {
        shadow_count_drop(SHADOW_DROP_BUDGET);
        if (m != NULL)
            mirror_free(m);
        return NULL;
    }
    metric_inc(r->copies);
    memcpy(x->shadow_id, m->pair->id, sizeof(x->shadow_id));
    return m;
}

/* --- what the exchange tells --- */

void mirror_request_data(struct mirror *m, struct span data)
{
    if (m->pair == NULL)
        return;
    if (m->request_body.n + data.n > m->worker->shadow.request_body) {
        drop(m, SHADOW_DROP_OVERSIZE);
        return;
    }
    size_t before = m->request_body.cap;
    bool ok = buf_append(&m->request_body, data) == ERR_OK;
    size_t grown = m->request_body.cap - before;
    if (!ok || (grown > 0 && !shadow_memory_take(m->worker->lane, grown))) {
        drop(m, SHADOW_DROP_BUDGET);
        return;
    }
    m->pair->memory += grown;
}

void mirror_request_body(struct mirror *m, const struct chunkq *q)
{
    struct iovec iov[64]; /* what waits for a server is far less than 64 chunks */
    int n = chunkq_iov(q, iov, ARRAY_LEN(iov));
    for (int i = 0; i < n; i++)
        mirror_request_data(m, span_of(iov[i].iov_base, iov[i].iov_len));
}

void mirror_request_end(struct mirror *m)
{
    if (m->pair == NULL || m->request_ended)
        return;
    m->request_ended = true;
    m->wish = (struct back_wish){.ready = on_ready,
                                 .failed = on_failed,
                                 .on = &events,
                                 .owner = m,
                                 .method = m->request.method,
                                 .arena = &m->pair->arena,
                                 .who = &m->who};
    back_take(m->worker, worker_view(m->hold), m->backend, POOL_MIRROR, &m->wish);
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
        (void)capture_body(m, &m->served, data);
}

void mirror_served_trailers(struct mirror *m, const struct http_head *trailers)
{
    if (m->pair != NULL && trailers != NULL &&
        http_head_copy(&m->served.answer->trailers, trailers, &m->pair->arena) != ERR_OK)
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
    capture_end(m, &m->served, outcome, m->start_us);
    if (outcome == ERR_OK && (m->request_ended || m->copy.done)) {
        submit_if_done(m);
        return;
    }
    /* Nothing to compare with: the copy need not be waited for. */
    if (m->copy.done) {
        submit_if_done(m);
        return;
    }
    if (m->stream != NULL)
        http_reset(m->stream, ERR_CLIENT_CLOSED);
    m->stream = NULL;
    back_cancel(&m->wish);
    copy_failed(m, outcome == ERR_OK ? ERR_CLIENT_CLOSED : outcome);
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
        if (m->pair == NULL)
            mirror_free(m);
        else
            drop(m, SHADOW_DROP_SHED);
    }
}
