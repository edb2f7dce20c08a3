/* The worker's thread: adopts snapshots, keeps its lists, drains. */
#include "proxy/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "proxy/back.h"
#include "proxy/exchange.h"
#include "proxy/front.h"
#include "proxy/leaving.h"
#include "proxy/mirror.h"
#include "proxy/pause.h"
#include "proxy/recheck.h"
#include "proxy/splice.h"
#include "proxy/tunnel.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    MAILBOX = 64,
    TICK_MS = 250,
    LONG_US = 1000,   /* that no step should take */
    GOAWAY_MS = 1000, /* between the two GOAWAYs: what a client had on its way arrives in between
                         (RFC 9113 6.8) */
};

/* --- what is to be written --- */

void worker_dirty(struct worker *w, struct conn *c)
{
    if (c->dirty || c->state == CONN_CLOSED)
        return;
    c->dirty = true;
    c->next_dirty = NULL;
    *w->last_dirty = c;
    w->last_dirty = &c->next_dirty;
}

void worker_clean(struct worker *w, struct conn *c)
{
    struct conn **at = &w->first_dirty;
    if (!c->dirty)
        return;
    while (*at != c)
        at = &(*at)->next_dirty;
    *at = c->next_dirty;
    if (w->last_dirty == &c->next_dirty)
        w->last_dirty = at;
    c->dirty = false;
}

void worker_flush(struct worker *w)
{
    if (w->flushing)
        return;
    w->flushing = true;
    while (w->first_dirty != NULL) {
        struct conn *c = w->first_dirty;
        worker_clean(w, c);
        if (!conn_gather(c))
            conn_flush(c);
    }
    w->flushing = false;
}

static void send_pairs(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    shadow_lane_send(w->lane);
}

void worker_compare(struct worker *w, struct shadow_pair **pair)
{
    shadow_submit(w->lane, pair);
    loop_defer(w->loop, &w->compare, send_pairs, w);
}

struct span worker_date(struct worker *w)
{
    uint64_t now = clock_wall_ms();
    if (now / 1000 != w->date_s) {
        w->date_s = now / 1000;
        clock_http(w->http_date, now);
    }
    return span_of(w->http_date, CLOCK_HTTP_LEN);
}

/* --- snapshots --- */

static void forget(void *arg, struct snapshot_hold *h)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    struct view *v = h->attachment;
    h->attachment = NULL;
    view_release(w, &v);
}

const struct view *worker_view(const struct snapshot_hold *h)
{
    return h->attachment;
}

/* The kernel gives the lowest free number, so a number says how many are in use. */
static unsigned files_max(unsigned reserve)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur > INT_MAX)
        return INT_MAX;
    unsigned all = (unsigned)l.rlim_cur;
    return all - (reserve < all / 2 ? reserve : all / 2);
}

bool worker_is_pressed(const struct worker *w, unsigned sixteenths)
{
    return memory_in_buffers() / 16 >= w->limits.memory / 256 * sixteenths;
}

/* The worker itself is a user of its newest snapshot: it stays until it has been compared with its
 * successor. */
static bool look_at(struct worker *w, struct snapshot_hold *h)
{
    const struct plane *p = plane_of(h->snapshot);
    const struct config *c = h->snapshot->table->config;
    const struct view *old = w->hold == NULL ? NULL : w->hold->attachment;
    bool new_plane = old == NULL || old->plane != p;
    h->attachment = view_new(w, p, old);
    if (h->attachment == NULL)
        return false;
    if (w->hold != NULL)
        snapshot_give(w->reader, &w->hold);
    snapshot_take(h);
    w->hold = h;
    if (!new_plane)
        return true;
    w->codec = p->codec;
    w->timeouts = c->timeouts;
    w->limits = c->limits;
    w->shadow = c->shadow;
    w->http = c->http;
    w->files_max = files_max(c->limits.file_reserve);
    w->trusted = &p->trusted;
    if (!w->draining && listener_sync(w, p) != ERR_OK)
        log_error("listen", "worker %u does not listen on every address", w->index);
    return true;
}

struct snapshot_hold *worker_snapshot(struct worker *w)
{
    struct snapshot_hold *h = router_adopt(w->reader);
    if (LIKELY(h == w->hold))
        return h;
    BUG_IF(!look_at(w, h)); /* without memory for a list of pools no request can be served */
    leaving_look(w);
    pause_look(w);
    const struct proxy_options *o = proxy_options_of(w->proxy);
    if (o->adopted != NULL)
        o->adopted(o->arg);
    return h;
}

static void on_published(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    (void)worker_snapshot(w);
    worker_flush(w);
}

void worker_adopt_soon(struct worker *w)
{
    if (!loop_post(w->loop, on_published, w))
        log_debug("worker", "worker %u has messages waiting; it adopts with its next request",
                  w->index);
}

/* --- addresses --- */

struct news {
    struct worker *worker;
    size_t n;
    struct address list[ADDRESSES_MAX];
    char server[];
};

static void on_addresses(void *arg)
{
    struct news *news = arg;
    pools_readdress(news->worker, news->server, news->list, news->n);
    worker_flush(news->worker);
    free(news);
}

bool worker_addresses_soon(struct worker *w, const char *server, const struct address *list,
                           size_t n)
{
    size_t bytes = strlen(server) + 1;
    struct news *news = calloc(1, sizeof(*news) + bytes);
    if (news == NULL)
        return false;
    news->worker = w;
    news->n = n;
    memcpy(news->list, list, n * sizeof(*list));
    memcpy(news->server, server, bytes);
    if (loop_post(w->loop, on_addresses, news))
        return true;
    free(news);
    return false;
}

/* --- the graceful end --- */

void worker_left(struct worker *w)
{
    if (!w->draining || w->drained || w->nfronts > 0 || w->nexchanges > 0)
        return;
    w->drained = true;
    proxy_worker_drained(w->proxy);
}

static void drain_one(struct worker *w, struct front *f)
{
    if (w->round.cut)
        conn_close(&f->conn, ERR_DRAIN_TIMEOUT);
    else if (f->h2 || !w->round.h2_only)
        front_drain(f, w->round.now);
}

/* With thousands of connections this takes long, so the loop turns in between. */
static void drain_more(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    for (bool late = false; w->round.next != NULL && !late; late = loop_is_late(w->loop)) {
        struct front *f = w->round.next;
        w->round.next = f->next;
        drain_one(w, f);
    }
    if (w->round.next != NULL)
        loop_defer(w->loop, &w->round.more, drain_more, w);
    worker_flush(w);
}

/* Begins a round through all clients, whatever became of the one before. */
static void drain_fronts(struct worker *w, bool now, bool h2_only, bool cut)
{
    w->round.next = w->fronts;
    w->round.now = now;
    w->round.h2_only = h2_only;
    w->round.cut = cut;
    drain_more(w);
}

void worker_front_over(struct worker *w, const struct front *f)
{
    if (w->round.next == f)
        w->round.next = f->next;
}

/* An idle HTTP/1 client can only be told by an answer. At SIGTERM it is closed all the same; when
 * another process has our place there is time, so that its next request, which may be on its way,
 * does not meet a closed connection. */
static void on_goaway_timer(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    bool first = w->leaving && !w->told;
    uint64_t half = w->timeouts.drain / 2;
    drain_fronts(w, true, first, false);
    w->told = true;
    if (first)
        loop_timer_set(w->loop, &w->goaway_timer, half > GOAWAY_MS ? half - GOAWAY_MS : 0);
}

static void on_drain_timer(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    if (w->nfronts > 0)
        log_warn("drain", "worker %u: the drain time is over, %u connections are cut", w->index,
                 w->nfronts);
    drain_fronts(w, true, false, true);
}

static void drain(struct worker *w)
{
    if (w->draining)
        return;
    w->draining = true;
    listener_close_all(w);
    drain_fronts(w, false, false, false);
    tunnels_drain(w);
    pause_look(w);
    loop_timer_set(w->loop, &w->goaway_timer, GOAWAY_MS);
    loop_timer_set(w->loop, &w->drain_timer, w->timeouts.drain);
    worker_left(w);
}

static void on_drain(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    drain(w);
}

static void on_leave(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    w->leaving = !w->draining;
    drain(w);
}

void worker_leave_soon(struct worker *w)
{
    if (!loop_post(w->loop, on_leave, w))
        log_error("drain", "worker %u does not take messages", w->index);
}

void worker_drain_soon(struct worker *w)
{
    if (!loop_post(w->loop, on_drain, w))
        log_error("drain", "worker %u does not take messages", w->index);
}

/* --- life --- */

static void on_tick(void *arg)
{
    struct worker *w;
    OBJ_CAST(w, arg, WORKER_MAGIC);
    access_flush(w);
    pools_trim(w);
    listener_resume_all(w);
    atomic_fetch_add_explicit(&w->ticks, 1, memory_order_relaxed);
    if (w->index == 0)
        metric_set(METRIC_BUFFER_MEMORY, memory_in_buffers());
    loop_timer_set(w->loop, &w->tick, TICK_MS);
}

bool worker_has_turned(struct worker *w)
{
    unsigned ticks = atomic_load_explicit(&w->ticks, memory_order_relaxed);
    bool turned = ticks != w->ticks_seen;
    w->ticks_seen = ticks;
    return turned;
}

static enum err register_series(struct worker *w)
{
    static const char *const no[] = {"no"}, *const yes[] = {"yes"};
    char number[16];
    const char *const index[] = {number};
    (void)snprintf(number, sizeof(number), "%u", w->index);
    TRY(metrics_series(METRIC_LOOP_TURN, index, &w->turns));
    TRY(metrics_series(METRIC_LOOP_LONG, index, &w->long_turns));
    TRY(metrics_series(METRIC_TLS_HANDSHAKES, no, &w->handshakes[0]));
    TRY(metrics_series(METRIC_TLS_HANDSHAKES, yes, &w->handshakes[1]));
    for (enum err e = 0; e < ERR_COUNT; e++) {
        const char *const label[] = {err_word(e)};
        w->refused[e] = METRIC_COUNT;
        if (err_status(e) >= 400)
            TRY(metrics_series(METRIC_REQUESTS_REFUSED, label, &w->refused[e]));
    }
    return ERR_OK;
}

static enum err worker_begin(struct worker *w)
{
    const struct proxy_options *o = proxy_options_of(w->proxy);
    TRY(loop_new(&w->loop, MAILBOX));
    TRY(register_series(w));
    TRY(router_reader_new(o->router, forget, w, &w->reader));
    TRY(access_open(w, proxy_access_file(w->proxy),
                    &router_current(o->router)->table->config->log));
    if (o->shadow != NULL)
        w->lane = shadow_lane(o->shadow, w->index);
    rechecks_begin(w);
    struct snapshot_hold *h = router_adopt(w->reader);
    w->draining = true; /* the listeners are opened below, where a failure counts */
    bool ok = look_at(w, h);
    w->draining = false;
    return ok ? listener_sync(w, plane_of(h->snapshot)) : ERR_NO_MEMORY;
}

enum err worker_new(struct proxy *p, unsigned index, struct worker **out)
{
    *out = NULL;
    struct worker *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(w, WORKER_MAGIC);
    w->proxy = p;
    w->index = index;
    w->last_dirty = &w->first_dirty;
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        w->listeners[i].fd = -1;
    timer_begin(&w->tick, on_tick, w);
    timer_begin(&w->drain_timer, on_drain_timer, w);
    timer_begin(&w->goaway_timer, on_goaway_timer, w);
    tunnels_begin(w);
    pause_begin(w);
    splice_begin(w);
    enum err e = worker_begin(w);
    if (e != ERR_OK) {
        worker_free(&w);
        return e;
    }
    *out = w;
    return ERR_OK;
}

/* Everything that lives on the loop ends on its thread: clients, then copies, then the snapshots'
 * pools and their connections. */
static void end(struct worker *w)
{
    listener_close_all(w);
    while (w->fronts != NULL)
        conn_close(&w->fronts->conn, ERR_STOPPING);
    mirrors_free(w);
    rechecks_free(w);
    worker_flush(w);
    loop_finish(w->loop);
    if (w->hold != NULL)
        snapshot_give(w->reader, &w->hold);
    if (w->reader != NULL)
        router_reader_free(&w->reader);
    pools_free(w);
    loop_finish(w->loop);
    exchanges_free(w);
    access_close(w);
    splice_end(w);
}

static void on_turn(void *arg, uint64_t us, uint64_t longest_us)
{
    struct worker *w = arg;
    metric_observe(w->turns, us);
    if (UNLIKELY(longest_us > LONG_US))
        metric_inc(w->long_turns);
}

static void *worker_main(void *arg)
{
    struct worker *w;
    char name[16];
    OBJ_CAST(w, arg, WORKER_MAGIC);
    (void)snprintf(name, sizeof(name), "worker %u", w->index);
    metrics_thread_begin(name);
    loop_on_turn(w->loop, on_turn, w);
    loop_timer_set(w->loop, &w->tick, TICK_MS);
    loop_run(w->loop);
    end(w);
    arena_thread_end();
    chunkq_thread_end();
    metrics_thread_end();
    return NULL;
}

enum err worker_start(struct worker *w)
{
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
        return ERR_SYSTEM;
    w->started = true;
    return ERR_OK;
}

void worker_free(struct worker **wp)
{
    struct worker *w;
    OBJ_TAKE(w, wp, WORKER_MAGIC);
    if (w->started) {
        loop_stop(w->loop);
        pthread_join(w->thread, NULL);
    } else if (w->loop != NULL) {
        end(w);
    }
    if (w->loop != NULL)
        loop_free(&w->loop);
    w->magic = 0;
    free(w);
}
