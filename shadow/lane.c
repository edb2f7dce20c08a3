/* Pairs are made by the worker and done with on a compare thread. So that neither waits for the
 * other's malloc, and a pair costs none at all while traffic flows, one that is done with goes back
 * to its lane as it is, a spare: with its arena and with bodies of ordinary size. */
#include "shadow/lane.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <stdlib.h>

enum {
    PAIR_FLAT = 4096,             /* what a pair counts for before its bodies */
    PAIR_ARENA_MAX = 1024 * 1024, /* two heads of 256 KiB and the request */
    SPARES_MAX = 256,             /* of a lane */
    SPARE_ARENA = 2 * PAIR_FLAT,  /* what a spare may have kept of its arena */
    SPARE_BODY = 4096,            /* and of a body */
};

/* --- memory --- */

bool shadow_memory_take(struct shadow_lane *l, size_t n)
{
    size_t held = atomic_load_explicit(&l->memory, memory_order_relaxed);
    if (n > l->memory_max || held > l->memory_max - n)
        return false;
    (void)atomic_fetch_add_explicit(&l->memory, n, memory_order_relaxed);
    metric_add(METRIC_SHADOW_MEMORY, n);
    return true;
}

void shadow_memory_give(struct shadow_lane *l, size_t n)
{
    size_t held = atomic_fetch_sub_explicit(&l->memory, n, memory_order_relaxed);
    BUG_IF(held < n);
    metric_add(METRIC_SHADOW_MEMORY, (uint64_t)0 - n);
}

/* --- spare pairs --- */

/* False: there are enough of them. */
static bool spare_put(struct shadow_lane *l, struct shadow_pair *p)
{
    if (atomic_fetch_add_explicit(&l->nspare, 1, memory_order_relaxed) >= SPARES_MAX) {
        (void)atomic_fetch_sub_explicit(&l->nspare, 1, memory_order_relaxed);
        return false;
    }
    p->next = atomic_load_explicit(&l->spare, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&l->spare, &p->next, p, memory_order_release,
                                                  memory_order_relaxed))
        ;
    return true;
}

static struct shadow_pair *spare_take(struct shadow_lane *l)
{
    if (l->mine.spare == NULL)
        l->mine.spare = atomic_exchange_explicit(&l->spare, NULL, memory_order_acquire);
    struct shadow_pair *p = l->mine.spare;
    if (p == NULL)
        return NULL;
    l->mine.spare = p->next;
    (void)atomic_fetch_sub_explicit(&l->nspare, 1, memory_order_relaxed);
    return p;
}

static void spare_free(struct shadow_pair *p)
{
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        buf_free(&p->answers[s].body);
    arena_end(&p->arena);
    free(p);
}

/* --- pairs --- */

/* As new, but for the room that its bodies have. */
static void clear(struct shadow_pair *p)
{
    struct buf bodies[2];
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        bodies[s] = p->answers[s].body;
        bodies[s].n = 0;
    }
    arena_end(&p->arena);
    memset(p, 0, sizeof(*p));
    p->memory = PAIR_FLAT;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        p->answers[s].body = bodies[s];
        p->memory += bodies[s].cap;
    }
}

static struct shadow_pair *pair_make(struct shadow_lane *l)
{
    struct shadow_pair *p = spare_take(l);
    if (p != NULL) {
        clear(p);
        return p;
    }
    p = calloc(1, sizeof(*p));
    if (p != NULL)
        p->memory = PAIR_FLAT;
    return p;
}

struct shadow_pair *shadow_pair_new(struct shadow_lane *l, struct shadow_rules *rules)
{
    OBJ_CHECK(l, LANE_MAGIC);
    struct shadow_pair *p = pair_make(l);
    if (p == NULL)
        return NULL;
    if (!shadow_memory_take(l, p->memory)) {
        spare_free(p);
        return NULL;
    }
    OBJ_INIT(p, PAIR_MAGIC);
    arena_begin(&p->arena, PAIR_ARENA_MAX);
    shadow_rules_hold(rules);
    p->rules = rules;
    p->lane = l;
    p->wall_ms = clock_wall_ms();
    return p;
}

bool shadow_pair_may_probe(struct shadow_pair *p)
{
    if (p->probe == NULL)
        p->probe = arena_zalloc(&p->arena, sizeof(*p->probe));
    return p->probe != NULL;
}

bool shadow_pair_may_repeat(struct shadow_pair *p)
{
    if (p->again == NULL)
        p->again = arena_zalloc(&p->arena, SHADOW_ROUNDS * sizeof(*p->again));
    return p->again != NULL;
}

static void slot_give(struct shadow_pair *p)
{
    if (!p->has_slot)
        return;
    p->has_slot = false;
    (void)atomic_fetch_sub_explicit(&p->lane->slots, 1, memory_order_relaxed);
    metric_dec(METRIC_SHADOW_RECHECKING);
}

/* What the spare keeps is bounded, and what few pairs have goes. */
static void strip(struct shadow_pair *p)
{
    if (p->probe != NULL)
        buf_free(&p->probe->body);
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        if (p->answers[s].body.cap > SPARE_BODY)
            buf_free(&p->answers[s].body);
        for (size_t i = 0; p->again != NULL && i < SHADOW_ROUNDS; i++)
            buf_free(&p->again[i][s].body);
    }
    p->probe = NULL;
    p->again = NULL;
    if (p->arena.used > SPARE_ARENA)
        arena_end(&p->arena);
}

void shadow_pair_free(struct shadow_pair **pp)
{
    struct shadow_pair *p;
    if (*pp == NULL)
        return;
    OBJ_TAKE(p, pp, PAIR_MAGIC);
    struct shadow_lane *l = p->lane;
    slot_give(p);
    shadow_rules_release(&p->rules);
    strip(p);
    shadow_memory_give(l, p->memory);
    p->magic = 0;
    if (!spare_put(l, p))
        spare_free(p);
}

/* --- asking again --- */

/* The slot is the pair's until it is freed: both rounds are one. */
static bool slot_take(struct shadow_pair *p)
{
    struct shadow_lane *l = p->lane;
    if (p->has_slot)
        return true;
    unsigned had = atomic_fetch_add_explicit(&l->slots, 1, memory_order_relaxed);
    p->has_slot = had < l->slots_max;
    if (p->has_slot)
        metric_inc(METRIC_SHADOW_RECHECKING);
    else
        (void)atomic_fetch_sub_explicit(&l->slots, 1, memory_order_relaxed);
    return p->has_slot;
}

static bool put_back(struct shadow_lane *l, struct shadow_pair *p)
{
    pthread_mutex_lock(&l->lock);
    struct shadow_pair *first = l->shared.back;
    bool heard = l->shared.wake != NULL && (first != NULL || l->shared.wake(l->shared.arg));
    if (heard) {
        p->next = first;
        l->shared.back = p;
    }
    pthread_mutex_unlock(&l->lock);
    return heard;
}

bool lane_hand_back(struct shadow_pair *p)
{
    if (p->lane->slots_max == 0)
        p->recheck = SHADOW_RECHECK_OFF;
    else if (!slot_take(p))
        p->recheck = SHADOW_RECHECK_BUDGET;
    else if (put_back(p->lane, p))
        return true;
    else
        p->recheck = SHADOW_RECHECK_SHED;
    return false;
}

void shadow_lane_open(struct shadow_lane *l, bool (*wake)(void *arg), void *arg)
{
    OBJ_CHECK(l, LANE_MAGIC);
    pthread_mutex_lock(&l->lock);
    l->shared.wake = wake;
    l->shared.arg = arg;
    pthread_mutex_unlock(&l->lock);
}

void shadow_lane_close(struct shadow_lane *l)
{
    shadow_lane_open(l, NULL, NULL);
}

struct shadow_pair *shadow_lane_take(struct shadow_lane *l)
{
    OBJ_CHECK(l, LANE_MAGIC);
    pthread_mutex_lock(&l->lock);
    struct shadow_pair *p = l->shared.back;
    if (p != NULL)
        l->shared.back = p->next;
    pthread_mutex_unlock(&l->lock);
    return p;
}

/* --- life --- */

void lane_begin(struct shadow_lane *l, struct shadow *s, const struct config *config,
                unsigned lanes)
{
    OBJ_INIT(l, LANE_MAGIC);
    l->shadow = s;
    l->memory_max = config->shadow.memory / lanes;
    l->queue_max = config->shadow.queue;
    l->slots_max = config->shadow.rechecks;
    pthread_mutex_init(&l->lock, NULL);
}

void lane_end(struct shadow_lane *l)
{
    for (struct shadow_pair *p = spare_take(l); p != NULL; p = spare_take(l))
        spare_free(p);
    pthread_mutex_destroy(&l->lock);
}
