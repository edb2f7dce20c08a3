/* The last copies of each route in a ring, judged when somebody asks. */
#include "shadow/readiness.h"

#include "shadow/jwrite.h"
#include "shadow/settle.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    FAILED_MAX = 100,  /* one in as many may fail */
    DIFFERS_MAX = 20,  /* and one in as many may differ */
    SLOWER_MAX = 2,    /* times new's 95th percentile of the first byte */
    SLOWER_US = 20000, /* less than this slower is no matter */
};

enum err readiness_begin(struct readiness *r)
{
    memset(r, 0, sizeof(*r));
    pthread_mutex_init(&r->lock, NULL);
    r->shared.routes = calloc(READINESS_ROUTES_MAX, sizeof(*r->shared.routes));
    if (r->shared.routes != NULL)
        return ERR_OK;
    readiness_end(r);
    return ERR_NO_MEMORY;
}

void readiness_end(struct readiness *r)
{
    for (size_t i = 0; i < r->shared.n; i++) {
        free(r->shared.routes[i]->name);
        free(r->shared.routes[i]);
    }
    free(r->shared.routes);
    pthread_mutex_destroy(&r->lock);
    memset(r, 0, sizeof(*r));
}

/* --- taking in --- */

static struct readiness_route *route_new(struct readiness *r, const char *name)
{
    if (r->shared.n == READINESS_ROUTES_MAX)
        return NULL;
    struct readiness_route *route = calloc(1, sizeof(*route));
    char *copy = strdup(name);
    if (route == NULL || copy == NULL) {
        free(route);
        free(copy);
        return NULL;
    }
    route->name = copy;
    r->shared.routes[r->shared.n++] = route;
    return route;
}

static struct readiness_route *find(const struct readiness *r, const char *name)
{
    for (size_t i = 0; i < r->shared.n; i++)
        if (strcmp(r->shared.routes[i]->name, name) == 0)
            return r->shared.routes[i];
    return NULL;
}

static struct readiness_route *route_of(struct readiness *r, const char *name)
{
    struct readiness_route *route = find(r, name);
    return route != NULL ? route : route_new(r, name);
}

/* What legacy failed and new did not. */
static const char *failure_of(const struct shadow_pair *pair, const struct comparison *c)
{
    const struct shadow_answer *a = pair->answers;
    if (c->verdict == VERDICT_FAILED)
        return c->reason;
    bool broken = a[SIDE_LEGACY].head.status >= 500 && a[SIDE_NEW].head.status < 500;
    return broken ? "status 5xx" : NULL;
}

/* What was the moment's is not held against legacy. */
static bool lasted(const struct comparison *c)
{
    return c->settled == NULL || settled_counts(c->settled->said);
}

void readiness_add(struct readiness *r, const struct shadow_pair *pair, const struct comparison *c)
{
    const struct shadow_answer *a = pair->answers;
    if (pair->served != SIDE_NEW || a[SIDE_NEW].outcome != ERR_OK || !a[SIDE_NEW].has_head)
        return;
    const char *failure = failure_of(pair, c);
    pthread_mutex_lock(&r->lock);
    struct readiness_route *route = route_of(r, pair->rules->route);
    if (route != NULL) {
        route->ring[route->n++ % READINESS_KEPT] = (struct readiness_copy){
            .at_ms = pair->wall_ms,
            .us = {c->verdict == VERDICT_FAILED ? 0 : a[SIDE_LEGACY].first_byte_us,
                   a[SIDE_NEW].first_byte_us},
            .failed = failure != NULL,
            .differs = failure == NULL && c->verdict == VERDICT_MISMATCH && lasted(c),
        };
        route->failure = failure == NULL ? route->failure : failure;
    }
    pthread_mutex_unlock(&r->lock);
}

/* --- judging --- */

struct sums {
    unsigned copies;
    unsigned failed;
    unsigned differ;
    unsigned timed;
    uint64_t us[2][READINESS_KEPT];
};

static void sum_up(const struct readiness_route *route, uint64_t now_ms, struct sums *s)
{
    size_t kept = route->n < READINESS_KEPT ? (size_t)route->n : READINESS_KEPT;
    s->copies = s->failed = s->differ = s->timed = 0;
    for (size_t i = 0; i < kept; i++) {
        const struct readiness_copy *c = &route->ring[i];
        if (c->at_ms + READINESS_WINDOW_MS < now_ms)
            continue;
        s->copies++;
        s->failed += c->failed;
        s->differ += c->differs;
        if (c->us[SIDE_LEGACY] == 0)
            continue;
        s->us[SIDE_LEGACY][s->timed] = c->us[SIDE_LEGACY];
        s->us[SIDE_NEW][s->timed++] = c->us[SIDE_NEW];
    }
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t p95(uint64_t *list, unsigned n)
{
    qsort(list, n, sizeof(*list), by_size);
    return n == 0 ? 0 : list[(n * 95 + 99) / 100 - 1];
}

/* "legacy p95 3.1x of new over 214 copies (310 ms against 100 ms)" */
static bool is_slow(struct sums *s, char *out, size_t max)
{
    uint64_t legacy = p95(s->us[SIDE_LEGACY], s->timed);
    uint64_t new_ = p95(s->us[SIDE_NEW], s->timed);
    double ratio = (double)legacy / (double)(new_ == 0 ? 1 : new_);
    (void)snprintf(out, max, "legacy p95 %.1fx of new over %u copies (%.1f ms against %.1f ms)",
                   ratio, s->timed, (double)legacy / 1000, (double)new_ / 1000);
    return legacy > SLOWER_MAX * new_ && legacy > new_ + SLOWER_US;
}

enum readiness_state readiness_judge(const struct readiness_route *route, uint64_t now_ms,
                                     char why[READINESS_WHY_MAX])
{
    struct sums s;
    char slow[128];
    sum_up(route, now_ms, &s);
    if (s.copies < READINESS_ENOUGH) {
        if (s.copies == 0)
            (void)snprintf(why, READINESS_WHY_MAX, "no copy in 10 min");
        else
            (void)snprintf(why, READINESS_WHY_MAX,
                           "only %u of the %d copies in 10 min that are needed", s.copies,
                           READINESS_ENOUGH);
        return READINESS_UNKNOWN;
    }
    bool is_behind = is_slow(&s, slow, sizeof(slow));
    if (s.failed * FAILED_MAX > s.copies)
        (void)snprintf(why, READINESS_WHY_MAX, "legacy failed %u of %u copies (last: %s)", s.failed,
                       s.copies, route->failure);
    else if (s.differ * DIFFERS_MAX > s.copies)
        (void)snprintf(why, READINESS_WHY_MAX, "%u of %u answers of legacy differ from new's",
                       s.differ, s.copies);
    else if (is_behind)
        (void)snprintf(why, READINESS_WHY_MAX, "%s", slow);
    else {
        (void)snprintf(why, READINESS_WHY_MAX, "%u copies in 10 min: %u failed, %u differ; %s",
                       s.copies, s.failed, s.differ, slow);
        return READINESS_READY;
    }
    return READINESS_NOT_READY;
}

enum readiness_state readiness_of(struct readiness *r, const char *name, uint64_t now_ms,
                                  char why[READINESS_WHY_MAX])
{
    enum readiness_state s = READINESS_UNKNOWN;
    why[0] = '\0';
    pthread_mutex_lock(&r->lock);
    const struct readiness_route *route = find(r, name);
    if (route != NULL)
        s = readiness_judge(route, now_ms, why);
    pthread_mutex_unlock(&r->lock);
    return s;
}

/* --- looking --- */

static enum err summary_locked(const struct readiness *r, uint64_t now_ms, struct buf *json)
{
    static const char *const words[] = {[READINESS_UNKNOWN] = "unknown",
                                        [READINESS_NOT_READY] = "not ready",
                                        [READINESS_READY] = "ready"};
    char why[READINESS_WHY_MAX];
    TRY(buf_append(json, SPAN("{")));
    for (size_t i = 0; i < r->shared.n; i++) {
        const struct readiness_route *route = r->shared.routes[i];
        enum readiness_state s = readiness_judge(route, now_ms, why);
        TRY(buf_append(json, i == 0 ? SPAN("") : SPAN(",")));
        TRY(jwrite_string(json, span_str(route->name)));
        TRY(buf_printf(json, ":{\"state\":\"%s\",\"why\":", words[s]));
        TRY(jwrite_string(json, span_str(why)));
        TRY(buf_append(json, SPAN("}")));
    }
    return buf_append(json, SPAN("}"));
}

enum err readiness_summary(struct readiness *r, uint64_t now_ms, struct buf *json)
{
    pthread_mutex_lock(&r->lock);
    enum err e = summary_locked(r, now_ms, json);
    pthread_mutex_unlock(&r->lock);
    return e;
}

static void measure(struct readiness_route *route, uint64_t now_ms)
{
    const char *values[] = {route->name};
    char why[READINESS_WHY_MAX];
    if (!route->has_series)
        route->has_series = metrics_series(METRIC_ROLLBACK_READY, values, &route->ready) == ERR_OK;
    if (route->has_series)
        metric_set(route->ready, readiness_judge(route, now_ms, why) == READINESS_READY);
}

void readiness_measure(struct readiness *r, uint64_t now_ms)
{
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->shared.n; i++)
        measure(r->shared.routes[i], now_ms);
    pthread_mutex_unlock(&r->lock);
}
