/* The compare pool. A pair goes worker -> queue -> compare thread -> back to its lane, freed; the
 * worker never waits, and hears of it again only when it is to be asked again. */
#include "shadow/shadow.h"

#include "base/clock.h"
#include "base/work.h"
#include "shadow/drops.h"
#include "shadow/findings.h"
#include "shadow/journal.h"
#include "shadow/lane.h"
#include "shadow/looks.h"
#include "shadow/parents.h"
#include "shadow/patch.h"
#include "shadow/readiness.h"
#include "shadow/seeds.h"
#include "shadow/settle.h"

#include <stdlib.h>
#include <time.h>

enum {
    SHADOW_MAGIC = 0x53484144,
    PATCH_BODIES_MAX = 256 * 1024, /* larger bodies are not patched */
    SELF_TEST_WAITING = 16,        /* pairs; with more there is no time for it */
    DECODED_FACTOR = 4, /* a decoded body may be this much larger than what is kept of it */
};

/* What a compare thread works with while it has a pair. */
struct bench {
    struct bench *next;
    struct comparer comparer;
    struct seeder seeder;
    struct comparer second; /* for what is compared beside the pair itself */
    struct buf line;
    struct buf patch;
};

struct shadow {
    unsigned magic;
    struct work *work;
    struct shadow_lane *lanes;
    unsigned nlanes;
    struct bench *benches;
    unsigned nbenches;
    unsigned self_test;
    bool patches; /* records hold values in full, patches too */
    struct findings findings;
    struct parents parents;
    struct readiness readiness;
    struct journal journal;
    _Atomic size_t taken; /* pairs queued or being compared, all lanes */
    pthread_mutex_t lock;
    struct { /* under lock */
        struct bench *idle;
    } shared;
};

struct shadow_lane *shadow_lane(struct shadow *s, unsigned i)
{
    OBJ_CHECK(s, SHADOW_MAGIC);
    BUG_IF(i >= s->nlanes);
    return &s->lanes[i];
}

/* --- comparing --- */

static struct bench *bench_take(struct shadow *s)
{
    pthread_mutex_lock(&s->lock);
    struct bench *b = s->shared.idle;
    BUG_IF(b == NULL); /* there is one per thread */
    s->shared.idle = b->next;
    pthread_mutex_unlock(&s->lock);
    return b;
}

static void bench_give(struct shadow *s, struct bench *b)
{
    compare_trim(&b->comparer);
    compare_trim(&b->second);
    pthread_mutex_lock(&s->lock);
    b->next = s->shared.idle;
    s->shared.idle = b;
    pthread_mutex_unlock(&s->lock);
}

/* What changed, step by step, for the examples of reports. */
static void make_patch(const struct shadow *s, struct bench *b, struct comparison *c)
{
    size_t steps;
    if (!s->patches || c->verdict != VERDICT_MISMATCH || c->json[SIDE_LEGACY].n == 0 ||
        c->json[SIDE_LEGACY].n + c->json[SIDE_NEW].n > PATCH_BODIES_MAX)
        return;
    b->patch.n = 0;
    if (patch_make(&b->seeder.plain, c->json[SIDE_LEGACY], c->json[SIDE_NEW], true, &b->patch,
                   &steps) == ERR_OK)
        c->patch = buf_span(&b->patch);
}

/* Only while nothing waits for the thread: it is the first thing to be left out. */
static void self_test(struct shadow *s, struct bench *b, const struct shadow_pair *pair,
                      const struct endpoint *endpoint)
{
    struct endpoint name;
    if (s->self_test == 0 ||
        atomic_load_explicit(&s->taken, memory_order_relaxed) > SELF_TEST_WAITING)
        return;
    (void)findings_name(&s->findings, span_str(pair->rules->route), endpoint, &name);
    if (!seeds_due(&b->seeder, pair, &name, s->self_test) || !seeds_run(&b->seeder, pair))
        return;
    for (enum seed_kind k = 0; k < SEED_KINDS; k++) {
        enum seed_outcome o = b->seeder.results[k].outcome;
        if (o != SEED_NOWHERE)
            metric_inc(METRIC_SHADOW_SEEDS);
        if (o == SEED_MISSED)
            metric_inc(METRIC_SHADOW_SEEDS_MISSED);
    }
    journal_seeds(&s->journal, pair, endpoint, b->seeder.results, &b->line);
    findings_add_seeds(&s->findings, pair, endpoint, b->seeder.results);
}

/* --- a pair --- */

static void record(struct shadow *s, struct bench *b, struct shadow_pair *pair,
                   struct comparison *result)
{
    struct comparison probe;
    struct endpoint endpoint;
    bool compared = verdict_is_compared(result->verdict);
    if (pair->probed) {
        compare_probe(&b->second, pair, &probe);
        result->probe = &probe;
    }
    endpoint_of_pair(pair, &endpoint);
    if (compared)
        parents_look(&s->parents, &b->comparer, pair, &endpoint, result);
    metric_inc(pair->rules->verdicts[result->verdict]);
    looks_count(result->settled);
    findings_add(&s->findings, pair, &endpoint, result);
    readiness_add(&s->readiness, pair, result);
    make_patch(s, b, result);
    journal_pair(&s->journal, pair, &endpoint, result, &b->line);
    if (result->costly)
        metric_inc(METRIC_SHADOW_COSTLY);
    if (compared)
        self_test(s, b, pair, &endpoint);
}

static void compare_job(void *arg)
{
    struct shadow_pair *pair;
    struct comparison result;
    struct settlement settled;
    OBJ_CAST(pair, arg, PAIR_MAGIC);
    struct shadow_lane *lane = pair->lane;
    struct shadow *s = lane->shadow;
    struct bench *b = bench_take(s);
    compare_pair(&b->comparer, pair, &result);
    settle(&b->second, pair, &result, &settled);
    (void)atomic_fetch_sub_explicit(&lane->queued, 1, memory_order_relaxed);
    if (!settled.wants_round || !lane_hand_back(pair)) {
        settled.end = settled.wants_round ? pair->recheck : settled.end;
        result.settled = &settled;
        record(s, b, pair, &result);
        shadow_pair_free(&pair);
    }
    bench_give(s, b);
    if (atomic_fetch_sub_explicit(&s->taken, 1, memory_order_acq_rel) == 1)
        journal_flush(&s->journal); /* nothing follows that would push the line out */
}

/* --- handing over --- */

static void refuse(struct shadow_pair *pair)
{
    shadow_count_drop(SHADOW_DROP_QUEUE_FULL);
    shadow_pair_free(&pair);
}

/* A pair that came back has room beside the others: the pool was made for both. */
static bool has_room(const struct shadow_lane *l, const struct shadow_pair *pair)
{
    unsigned queued = atomic_load_explicit(&l->queued, memory_order_relaxed);
    return pair->has_slot || queued + l->mine.nsends < l->queue_max;
}

void shadow_submit(struct shadow_lane *l, struct shadow_pair **pp)
{
    struct shadow_pair *pair;
    OBJ_CHECK(l, LANE_MAGIC);
    OBJ_TAKE(pair, pp, PAIR_MAGIC);
    if (!has_room(l, pair)) {
        refuse(pair);
        return;
    }
    l->mine.sends[l->mine.nsends++] = pair;
    if (l->mine.nsends == LANE_SENDS)
        shadow_lane_send(l);
}

void shadow_lane_send(struct shadow_lane *l)
{
    unsigned n = (unsigned)l->mine.nsends;
    OBJ_CHECK(l, LANE_MAGIC);
    l->mine.nsends = 0;
    (void)atomic_fetch_add_explicit(&l->queued, n, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&l->shadow->taken, n, memory_order_relaxed);
    size_t taken = work_submit_all(l->shadow->work, compare_job, l->mine.sends, n);
    (void)atomic_fetch_sub_explicit(&l->queued, n - (unsigned)taken, memory_order_relaxed);
    (void)atomic_fetch_sub_explicit(&l->shadow->taken, n - taken, memory_order_relaxed);
    for (size_t i = taken; i < n; i++)
        refuse(l->mine.sends[i]);
}

/* --- life --- */

static enum err make_lanes(struct shadow *s, const struct config *config, unsigned lanes)
{
    s->lanes = calloc(lanes, sizeof(*s->lanes));
    if (s->lanes == NULL)
        return ERR_NO_MEMORY;
    s->nlanes = lanes;
    for (unsigned i = 0; i < lanes; i++)
        lane_begin(&s->lanes[i], s, config, lanes);
    return ERR_OK;
}

static enum err make_benches(struct shadow *s, const struct config *config, unsigned n)
{
    s->benches = calloc(n, sizeof(*s->benches));
    if (s->benches == NULL)
        return ERR_NO_MEMORY;
    s->nbenches = n;
    for (unsigned i = 0; i < n; i++) {
        struct bench *b = &s->benches[i];
        compare_begin(&b->comparer, DECODED_FACTOR * config->shadow.compare_body);
        seeds_begin(&b->seeder);
        b->patch = BUF_INIT(RECORD_PATCH_MAX);
        compare_begin(&b->second, DECODED_FACTOR * config->shadow.compare_body);
        b->line = BUF_INIT(RECORD_LINE_MAX);
        b->next = s->shared.idle;
        s->shared.idle = b;
    }
    return ERR_OK;
}

static void release(struct shadow *s)
{
    for (unsigned i = 0; i < s->nbenches; i++) {
        compare_end(&s->benches[i].comparer);
        seeds_end(&s->benches[i].seeder);
        buf_free(&s->benches[i].patch);
        compare_end(&s->benches[i].second);
        buf_free(&s->benches[i].line);
    }
    for (unsigned i = 0; s->lanes != NULL && i < s->nlanes; i++)
        lane_end(&s->lanes[i]);
    free(s->benches);
    free(s->lanes);
    pthread_mutex_destroy(&s->lock);
    s->magic = 0;
    free(s);
}

static enum err begin(struct shadow *s, const struct config *config, struct scribe *scribe,
                      struct complaints *wrong)
{
    unsigned threads = config->shadow.compare_threads == 0 ? 1 : config->shadow.compare_threads;
    TRY(drops_begin());
    TRY(looks_begin());
    TRY(make_lanes(s, config, s->nlanes));
    TRY(make_benches(s, config, threads));
    TRY(journal_begin(&s->journal, config, scribe, wrong));
    size_t room = config->shadow.queue + config->shadow.rechecks;
    enum err e = findings_begin(&s->findings, &s->journal.redactor, config->shadow.keep);
    if (e != ERR_OK)
        goto no_findings;
    e = readiness_begin(&s->readiness);
    if (e != ERR_OK)
        goto no_readiness;
    e = parents_begin(&s->parents, &s->findings);
    if (e != ERR_OK)
        goto no_parents;
    e = work_start(&s->work, "weir-compare", threads, s->nlanes * room);
    if (e == ERR_OK)
        return ERR_OK;
    parents_end(&s->parents);
no_parents:
    readiness_end(&s->readiness);
no_readiness:
    findings_end(&s->findings);
no_findings:
    journal_end(&s->journal);
    return e;
}

enum err shadow_start(struct shadow **out, const struct config *config, unsigned lanes,
                      struct scribe *scribe, struct complaints *wrong)
{
    *out = NULL;
    struct shadow *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(s, SHADOW_MAGIC);
    pthread_mutex_init(&s->lock, NULL);
    s->nlanes = lanes;
    s->self_test = config->shadow.store == SHADOW_STORE_NONE ? 0 : config->shadow.self_test;
    s->patches = config->shadow.store == SHADOW_STORE_FULL;
    enum err e = begin(s, config, scribe, wrong);
    if (e != ERR_OK) {
        release(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

void shadow_stop(struct shadow **sp)
{
    struct shadow *s;
    if (*sp == NULL)
        return;
    OBJ_TAKE(s, sp, SHADOW_MAGIC);
    work_stop(&s->work);
    readiness_end(&s->readiness);
    parents_end(&s->parents);
    findings_end(&s->findings);
    journal_end(&s->journal);
    release(s);
}

bool shadow_legacy_lags(struct shadow *s, const char *route, char why[SHADOW_WHY_MAX])
{
    OBJ_CHECK(s, SHADOW_MAGIC);
    return readiness_of(&s->readiness, route, clock_wall_ms(), why) == READINESS_NOT_READY;
}

void shadow_measure(struct shadow *s)
{
    OBJ_CHECK(s, SHADOW_MAGIC);
    readiness_measure(&s->readiness, clock_wall_ms());
}

const char *shadow_records(const struct shadow *s)
{
    OBJ_CHECK(s, SHADOW_MAGIC);
    return s->journal.path;
}

/* --- the table of findings --- */

bool shadow_findings_last(const struct shadow *s)
{
    OBJ_CHECK(s, SHADOW_MAGIC);
    return s->journal.redactor.store != SHADOW_STORE_NONE;
}

enum err shadow_findings(struct shadow *s, const char *instance, size_t max, struct buf *out)
{
    OBJ_CHECK(s, SHADOW_MAGIC);
    journal_drops(&s->journal);
    return findings_write(&s->findings, instance, max, out);
}

uint64_t shadow_findings_changes(struct shadow *s)
{
    OBJ_CHECK(s, SHADOW_MAGIC);
    return findings_changes(&s->findings);
}

enum err shadow_findings_restore(struct shadow *s, struct span text, const char *instance)
{
    OBJ_CHECK(s, SHADOW_MAGIC);
    return findings_restore(&s->findings, text, instance);
}

void shadow_findings_forget(struct shadow *s, const char *route)
{
    OBJ_CHECK(s, SHADOW_MAGIC);
    findings_forget(&s->findings, route);
}

void shadow_settle(struct shadow *s, uint64_t patience_ms)
{
    static const struct timespec moment = {0, 2 * 1000 * 1000};
    uint64_t end_us = clock_us() + patience_ms * 1000;
    OBJ_CHECK(s, SHADOW_MAGIC);
    while (atomic_load_explicit(&s->taken, memory_order_acquire) > 0 && clock_us() < end_us)
        nanosleep(&moment, NULL);
}

/* --- looking --- */

enum err shadow_summary(struct shadow *s, struct buf *json)
{
    uint64_t drops[SHADOW_DROP_COUNT];
    size_t memory = 0;
    OBJ_CHECK(s, SHADOW_MAGIC);
    for (unsigned i = 0; i < s->nlanes; i++)
        memory += atomic_load_explicit(&s->lanes[i].memory, memory_order_relaxed);
    TRY(buf_printf(json, "{\"waiting\":%zu,\"memory_bytes\":%zu,\"dropped\":{",
                   atomic_load_explicit(&s->taken, memory_order_relaxed), memory));
    drops_read(drops);
    for (enum shadow_drop d = 0; d < SHADOW_DROP_COUNT; d++)
        TRY(buf_printf(json, "%s\"%s\":%llu", d == 0 ? "" : ",", shadow_drop_word(d),
                       (unsigned long long)drops[d]));
    TRY(buf_append(json, SPAN("},")));
    TRY(findings_summary(&s->findings, json));
    TRY(buf_append(json, SPAN(",\"rollback\":")));
    TRY(readiness_summary(&s->readiness, clock_wall_ms(), json));
    return buf_append(json, SPAN("}"));
}
