/* The whole room: lanes and their budgets, the queue, the pool, the record file, the summary, the
 * end. */
#include "tests/unit/shadow/support.h"

#include "base/metrics.h"
#include "base/scribe.h"
#include "shadow/drops.h"
#include "shadow/findings.h"
#include "shadow/lane.h"
#include "shadow/record_read.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct room {
    struct bench bench;
    char dir[64];
    char path[128];
    struct scribe *scribe;
    struct shadow *shadow;
};

static void room_open(struct room *r, unsigned lanes)
{
    struct complaints wrong = {.n = 0};
    assert_int_equal(scribe_start(&r->scribe, 16 << 20), ERR_OK);
    enum err e = shadow_start(&r->shadow, &r->bench.config, lanes, r->scribe, &wrong);
    if (e != ERR_OK)
        fail_msg("%s: %s", wrong.list[0].where, wrong.list[0].what);
}

static void room_prepare(struct room *r)
{
    memset(r, 0, sizeof(*r));
    bench_begin(&r->bench);
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/weir-test-shadow-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->path, sizeof(r->path), "%s/shadow.ndjson", r->dir);
    r->bench.config.state_dir = r->dir;
    r->bench.config.shadow.queue = 100;
    r->bench.config.shadow.compare_threads = 2;
    r->bench.config.shadow.compare_body = 1 << 20;
    r->bench.config.shadow.memory = 1 << 20;
    r->bench.config.shadow.records_max = 1 << 30;
    r->bench.config.shadow.store = SHADOW_STORE_TOKENS;
    r->bench.route.shadow.percent = 10000;
    bench_rules(&r->bench);
}

static void room_stop(struct room *r)
{
    shadow_stop(&r->shadow);
    scribe_stop(&r->scribe);
}

static void room_clean(struct room *r)
{
    (void)unlink(r->path);
    assert_int_equal(rmdir(r->dir), 0);
    bench_end(&r->bench);
}

static struct shadow_pair *pair_of(struct room *r, unsigned lane, const char *legacy,
                                   const char *new_)
{
    const char *texts[2] = {legacy, new_};
    struct shadow_pair *p = shadow_pair_new(shadow_lane(r->shadow, lane), r->bench.rules);
    if (p == NULL)
        return NULL;
    (void)snprintf(p->id, sizeof(p->id), "%032x", lane + 1);
    p->method = HTTP_GET;
    p->target = p->path = SPAN("/items/7");
    p->host = SPAN("shop.test");
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        struct shadow_answer *a = &p->answers[s];
        http_head_begin(&a->head, &p->arena, true);
        a->head.status = 200;
        a->has_head = true;
        assert_int_equal(
            http_head_add(&a->head, SPAN("Server"), s == SIDE_LEGACY ? SPAN("old") : SPAN("new")),
            ERR_OK);
        assert_int_equal(buf_append(&a->body, span_str(texts[s])), ERR_OK);
        a->body_length = a->body.n;
        assert_true(shadow_memory_take(p->lane, a->body.n));
        p->memory += a->body.n;
    }
    return p;
}

/* A turn of its own for each pair. */
static void submit(struct shadow_lane *l, struct shadow_pair **p)
{
    shadow_submit(l, p);
    shadow_lane_send(l);
}

struct tally {
    unsigned pairs, runs, drops, stacks, bad;
    unsigned verdicts[VERDICT_KINDS];
    uint64_t dropped;
};

static struct tally tally_file(const char *path)
{
    struct tally t = {0};
    struct record_file f;
    static struct record_reader reader;
    struct span line;
    assert_int_equal(record_file_open(&f, path), ERR_OK);
    while (record_file_next(&f, &line) == ERR_OK && line.p != NULL) {
        if (record_read(&reader, line) != ERR_OK) {
            t.bad++;
            continue;
        }
        const struct record *r = &reader.record;
        t.runs += r->type == RECORD_RUN;
        t.pairs += r->type == RECORD_PAIR;
        if (r->type == RECORD_PAIR)
            t.verdicts[r->verdict]++;
        t.stacks += r->type == RECORD_PAIR && r->stack[0].n > 0;
        for (size_t d = 0; d < SHADOW_DROP_COUNT && r->type == RECORD_DROPS; d++)
            t.dropped += r->drops[d];
        t.drops += r->type == RECORD_DROPS;
    }
    record_file_close(&f);
    record_reader_free(&reader);
    return t;
}

static void wait_until_idle(struct room *r)
{
    for (;;) {
        struct buf json = BUF_INIT(0);
        assert_int_equal(shadow_summary(r->shadow, &json), ERR_OK);
        bool idle = memmem(json.p, json.n, "\"waiting\":0,", 12) != NULL;
        buf_free(&json);
        if (idle)
            return;
        (void)usleep(500);
    }
}

static void pairs_are_compared_and_recorded(void **state)
{
    struct room r;
    UNUSED(state);
    room_prepare(&r);
    room_open(&r, 3);
    metric_slot match = r.bench.rules->verdicts[VERDICT_MATCH];
    uint64_t before = metric_read(match);
    for (unsigned i = 0; i < 60; i++) {
        struct shadow_pair *p =
            pair_of(&r, i % 3, "{\"a\":1}", i % 4 == 0 ? "{\"a\":2}" : "{ \"a\":1.0}");
        assert_non_null(p);
        if (i == 7)
            p->answers[SIDE_NEW].outcome = ERR_CONNECT_REFUSED;
        submit(p->lane, &p);
        assert_null(p);
    }
    wait_until_idle(&r);
    shadow_count_drop(SHADOW_DROP_OVERSIZE);
    shadow_count_drop(SHADOW_DROP_OVERSIZE);
    struct buf json = BUF_INIT(0);
    assert_int_equal(shadow_summary(r.shadow, &json), ERR_OK);
    struct jdoc d = JDOC_INIT;
    assert_int_equal(jdoc_parse(&d, buf_span(&json)), ERR_OK);
    uint64_t n;
    assert_true(jdoc_u64(&d, 0, "memory_bytes", &n) && n == 0);
    assert_true(jdoc_u64(&d, 0, "findings", &n) && n == 1);
    uint32_t route = jdoc_member(&d, jdoc_member(&d, 0, SPAN("routes")), SPAN("default"));
    assert_true(jdoc_u64(&d, route, "match", &n) && n == 44);
    assert_true(jdoc_u64(&d, route, "mismatch", &n) && n == 15);
    assert_true(jdoc_u64(&d, route, "failed", &n) && n == 1);
    jdoc_free(&d);
    buf_free(&json);
    assert_int_equal(metric_read(match) - before, 44);
    room_stop(&r);
    struct tally t = tally_file(r.path);
    assert_int_equal(t.runs, 1);
    assert_int_equal(t.pairs, 60);
    assert_int_equal(t.verdicts[VERDICT_MISMATCH], 15);
    assert_int_equal(t.verdicts[VERDICT_FAILED], 1);
    assert_int_equal(t.stacks, 1); /* told once, not sixty times */
    assert_int_equal(t.dropped, 2);
    assert_int_equal(t.bad, 0);
    room_clean(&r);
}

/* What is submitted in one turn goes to the pool together, or before there is too much of it. */
static void pairs_of_a_turn_are_sent_together(void **state)
{
    enum { PAIRS = LANE_SENDS + 3 };
    struct room r;
    UNUSED(state);
    room_prepare(&r);
    room_open(&r, 1);
    struct shadow_lane *lane = shadow_lane(r.shadow, 0);
    for (unsigned i = 0; i < PAIRS; i++) {
        struct shadow_pair *p = pair_of(&r, 0, "{}", "{}");
        assert_non_null(p);
        shadow_submit(lane, &p);
        assert_null(p);
        assert_int_equal(lane->mine.nsends, (i + 1) % LANE_SENDS);
    }
    wait_until_idle(&r);
    assert_int_equal(lane->mine.nsends, 3);
    shadow_lane_send(lane);
    shadow_lane_send(lane); /* nothing more */
    room_stop(&r);
    assert_int_equal(tally_file(r.path).pairs, PAIRS);
    room_clean(&r);
}

/* The next pair is the one that was freed: clean, with the bodies' room, which counts. */
static void a_freed_pair_is_used_again(void **state)
{
    static char big[8192];
    struct room r;
    UNUSED(state);
    room_prepare(&r);
    room_open(&r, 1);
    memset(big, 'x', sizeof(big) - 1);
    struct shadow_pair *p = pair_of(&r, 0, "{}", big), *first = p;
    p->probed = true;
    assert_true(shadow_pair_may_probe(p) && shadow_pair_may_repeat(p));
    p->probe->body = BUF_INIT(0);
    assert_int_equal(buf_append(&p->probe->body, SPAN("{}")), ERR_OK);
    size_t kept = p->answers[SIDE_LEGACY].body.cap;
    p->memory += kept - p->answers[SIDE_LEGACY].body.n;
    assert_true(shadow_memory_take(p->lane, kept - p->answers[SIDE_LEGACY].body.n));
    shadow_pair_free(&p);
    assert_null(p);
    assert_int_equal(metric_read(METRIC_SHADOW_MEMORY), 0);
    p = shadow_pair_new(shadow_lane(r.shadow, 0), r.bench.rules);
    assert_ptr_equal(p, first);
    assert_false(p->probed);
    assert_null(p->probe);
    assert_null(p->again);
    assert_false(p->answers[SIDE_LEGACY].has_head);
    assert_int_equal(p->answers[SIDE_LEGACY].body.n, 0);
    assert_int_equal(p->answers[SIDE_LEGACY].body.cap, kept);
    assert_null(p->answers[SIDE_NEW].body.p); /* too large to be kept */
    assert_int_equal(p->memory, 4096 + kept);
    assert_int_equal(metric_read(METRIC_SHADOW_MEMORY), 4096 + kept);
    shadow_pair_free(&p);
    room_stop(&r);
    room_clean(&r);
}

static void spare_pairs_are_bounded(void **state)
{
    enum { PAIRS = 300 };
    static struct shadow_pair *held[PAIRS];
    struct room r;
    UNUSED(state);
    room_prepare(&r);
    r.bench.config.shadow.memory = PAIRS * 8192;
    room_open(&r, 1);
    struct shadow_lane *lane = shadow_lane(r.shadow, 0);
    for (unsigned i = 0; i < PAIRS; i++)
        assert_non_null(held[i] = shadow_pair_new(lane, r.bench.rules));
    for (unsigned i = 0; i < PAIRS; i++)
        shadow_pair_free(&held[i]);
    assert_int_equal(atomic_load(&lane->nspare), 256);
    for (unsigned i = 0; i < PAIRS; i++)
        assert_non_null(held[i] = shadow_pair_new(lane, r.bench.rules));
    assert_int_equal(atomic_load(&lane->nspare), 0);
    for (unsigned i = 0; i < PAIRS; i++)
        shadow_pair_free(&held[i]);
    room_stop(&r);
    room_clean(&r);
}

/* Records come out without a further pair pushing them. */
static void the_last_record_is_flushed(void **state)
{
    struct room r;
    struct tally t = {0};
    UNUSED(state);
    room_prepare(&r);
    room_open(&r, 1);
    struct shadow_pair *p = pair_of(&r, 0, "{}", "{}");
    submit(p->lane, &p);
    for (int i = 0; i < 20000 && t.pairs == 0; i++) {
        (void)usleep(500);
        t = tally_file(r.path);
    }
    assert_int_equal(t.pairs, 1);
    room_stop(&r);
    room_clean(&r);
}

static void memory_is_shared_out_and_comes_back(void **state)
{
    struct room r;
    struct shadow_pair *held[200];
    size_t n = 0;
    UNUSED(state);
    room_prepare(&r);
    r.bench.config.shadow.memory = 256 * 1024;
    room_open(&r, 2);
    struct shadow_lane *lane = shadow_lane(r.shadow, 0), *other = shadow_lane(r.shadow, 1);
    while (n < 200 && (held[n] = shadow_pair_new(lane, r.bench.rules)) != NULL)
        n++;
    assert_int_equal(n, 32); /* 128 KiB in pieces of 4 */
    assert_false(shadow_memory_take(lane, 1));
    assert_true(shadow_memory_take(other, 128 * 1024)); /* its own share */
    assert_false(shadow_memory_take(other, 1));
    assert_false(shadow_memory_take(other, SIZE_MAX));
    assert_int_equal(metric_read(METRIC_SHADOW_MEMORY), 256 * 1024);
    shadow_memory_give(other, 128 * 1024);
    while (n > 0)
        shadow_pair_free(&held[--n]);
    assert_int_equal(metric_read(METRIC_SHADOW_MEMORY), 0);
    assert_true(shadow_memory_take(lane, 128 * 1024));
    shadow_memory_give(lane, 128 * 1024);
    room_stop(&r);
    room_clean(&r);
}

/* With a queue of two and pairs that take a while, most are dropped, and each is either counted or
 * recorded. */
static void a_full_queue_drops_and_counts(void **state)
{
    struct room r;
    uint64_t before[SHADOW_DROP_COUNT], after[SHADOW_DROP_COUNT];
    struct buf big[2] = {BUF_INIT(0), BUF_INIT(0)};
    UNUSED(state);
    for (unsigned s = 0; s < 2; s++) {
        assert_int_equal(buf_append(&big[s], SPAN("[")), ERR_OK);
        for (unsigned i = 0; i < 1500; i++)
            assert_int_equal(buf_printf(&big[s], "%s%u", i == 0 ? "" : ",", i + s * 10000), ERR_OK);
        assert_int_equal(buf_append(&big[s], span_of("]", 2)), ERR_OK);
    }
    room_prepare(&r);
    r.bench.config.shadow.queue = 2;
    r.bench.config.shadow.memory = 64 << 20;
    room_open(&r, 1);
    drops_read(before);
    for (unsigned i = 0; i < 300; i++) {
        struct shadow_pair *p = pair_of(&r, 0, big[0].p, big[1].p);
        assert_non_null(p);
        submit(p->lane, &p);
        assert_null(p);
    }
    room_stop(&r);
    drops_read(after);
    struct tally t = tally_file(r.path);
    uint64_t dropped = after[SHADOW_DROP_QUEUE_FULL] - before[SHADOW_DROP_QUEUE_FULL];
    assert_int_equal(t.pairs + dropped, 300);
    assert_true(dropped > 0);
    assert_int_equal(t.dropped, dropped);
    assert_int_equal(metric_read(METRIC_SHADOW_MEMORY), 0);
    buf_free(&big[0]);
    buf_free(&big[1]);
    room_clean(&r);
}

static void the_end_compares_what_was_taken(void **state)
{
    struct room r;
    UNUSED(state);
    room_prepare(&r);
    room_open(&r, 1);
    for (unsigned i = 0; i < 80; i++) {
        struct shadow_pair *p = pair_of(&r, 0, "{\"a\":1}", "{\"a\":2}");
        submit(p->lane, &p);
    }
    room_stop(&r); /* at once */
    assert_int_equal(tally_file(r.path).pairs, 80);
    room_clean(&r);
}

static void store_none_writes_no_file(void **state)
{
    struct room r;
    UNUSED(state);
    room_prepare(&r);
    r.bench.config.shadow.store = SHADOW_STORE_NONE;
    room_open(&r, 1);
    struct shadow_pair *p = pair_of(&r, 0, "{\"a\":1}", "{\"a\":2}");
    submit(p->lane, &p);
    room_stop(&r);
    assert_int_not_equal(access(r.path, F_OK), 0);
    room_clean(&r);
}

/* Nothing mirrors: no file is made before it is needed. A reload that begins to mirror makes it
 * then. */
static void the_file_is_opened_when_it_is_needed(void **state)
{
    struct room r;
    UNUSED(state);
    room_prepare(&r);
    r.bench.route.shadow.percent = 0;
    room_open(&r, 1);
    assert_int_not_equal(access(r.path, F_OK), 0);
    struct shadow_pair *p = pair_of(&r, 0, "{}", "{}");
    submit(p->lane, &p);
    room_stop(&r);
    assert_int_equal(tally_file(r.path).pairs, 1);
    room_clean(&r);
}

static void a_file_that_cannot_be_opened_is_complained_about(void **state)
{
    struct room r;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    room_prepare(&r);
    r.bench.config.shadow.records = "/nonexistent/dir/shadow.ndjson";
    assert_int_equal(scribe_start(&r.scribe, 1 << 20), ERR_OK);
    assert_int_equal(shadow_start(&r.shadow, &r.bench.config, 1, r.scribe, &wrong), ERR_SYSTEM);
    assert_null(r.shadow);
    assert_int_equal(wrong.n, 1);
    assert_string_equal(wrong.list[0].where, "$.shadow.records");
    assert_non_null(strstr(wrong.list[0].what,
                           "/nonexistent/dir/shadow.ndjson cannot be opened: No such file"));
    complaints_free(&wrong);
    scribe_stop(&r.scribe);
    room_clean(&r);
}

/* --- workers on several threads, pairs freed on others --- */

struct worker {
    struct room *room;
    unsigned lane;
    unsigned sent;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    metrics_thread_begin("worker");
    for (unsigned i = 0; i < 400; i++) {
        struct shadow_pair *p =
            pair_of(w->room, w->lane, "{\"a\":[1,2,3,4,5]}", "{\"a\":[1,2,3,4,6]}");
        if (p == NULL)
            continue;
        w->sent++;
        submit(p->lane, &p);
    }
    arena_thread_end();
    metrics_thread_end();
    return NULL;
}

static void workers_and_compare_threads_do_not_meet(void **state)
{
    struct room r;
    struct worker workers[3];
    pthread_t threads[3];
    uint64_t before[SHADOW_DROP_COUNT], after[SHADOW_DROP_COUNT];
    unsigned sent = 0;
    UNUSED(state);
    room_prepare(&r);
    room_open(&r, 3);
    drops_read(before);
    for (unsigned i = 0; i < 3; i++) {
        workers[i] = (struct worker){&r, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        sent += workers[i].sent;
    }
    room_stop(&r);
    drops_read(after);
    assert_int_equal(tally_file(r.path).pairs + after[SHADOW_DROP_QUEUE_FULL] -
                         before[SHADOW_DROP_QUEUE_FULL],
                     sent);
    assert_int_equal(metric_read(METRIC_SHADOW_MEMORY), 0);
    room_clean(&r);
}

/* --- failing allocations --- */

static enum err start(void *arg)
{
    struct room *r = arg;
    struct complaints wrong = {.n = 0};
    enum err e = shadow_start(&r->shadow, &r->bench.config, 2, r->scribe, &wrong);
    complaints_free(&wrong);
    shadow_stop(&r->shadow);
    return e;
}

static void failing_allocations_are_survived(void **state)
{
    struct room r;
    UNUSED(state);
    room_prepare(&r);
    r.bench.config.shadow.store = SHADOW_STORE_NONE; /* the scribe keeps files until it stops */
    assert_int_equal(scribe_start(&r.scribe, 1 << 20), ERR_OK);
    assert_int_equal(start(&r), ERR_OK); /* metric series stay, once they are made */
    alloc_walk(start, &r);
    scribe_stop(&r.scribe);
    room_clean(&r);
}

/* --- asking again --- */

static bool woken(void *arg)
{
    _Atomic unsigned *n = arg;
    (void)atomic_fetch_add(n, 1);
    return true;
}

static bool deaf(void *arg)
{
    UNUSED(arg);
    return false;
}

static struct shadow_pair *wait_back(struct shadow_lane *lane)
{
    struct shadow_pair *p = NULL;
    while ((p = shadow_lane_take(lane)) == NULL)
        (void)usleep(500);
    return p;
}

/* What the worker does: both sides asked once more. */
static void ask_again(struct shadow_pair *p, const char *legacy, const char *new_)
{
    const char *texts[2] = {legacy, new_};
    assert_true(shadow_pair_may_repeat(p));
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        struct shadow_answer *a = &p->again[p->rounds][s];
        http_head_begin(&a->head, &p->arena, true);
        a->head.status = 200;
        a->has_head = true;
        assert_int_equal(buf_append(&a->body, span_str(texts[s])), ERR_OK);
        a->body_length = a->body.n;
    }
    p->rounds++;
}

static void expect_line(const struct room *r, const char *part)
{
    struct buf text = BUF_INIT(0);
    assert_true(slurp(r->path, &text));
    if (memmem(text.p, text.n, part, strlen(part)) == NULL)
        fail_msg("%s is not in:\n%.*s", part, (int)text.n, text.p);
    buf_free(&text);
}

/* One lane, which hands one pair at a time back. */
static struct shadow_lane *open_for_rechecks(struct room *r, _Atomic unsigned *wakes)
{
    room_prepare(r);
    r->bench.config.shadow.rechecks = 1;
    room_open(r, 1);
    struct shadow_lane *lane = shadow_lane(r->shadow, 0);
    shadow_lane_open(lane, woken, wakes);
    return lane;
}

static void a_difference_comes_back_twice(void **state)
{
    struct room r;
    _Atomic unsigned wakes = 0;
    UNUSED(state);
    struct shadow_lane *lane = open_for_rechecks(&r, &wakes);
    struct shadow_pair *p = pair_of(&r, 0, "{\"a\":1}", "{\"a\":2}");
    submit(lane, &p);
    for (unsigned round = 0; round < SHADOW_ROUNDS; round++) {
        p = wait_back(lane);
        assert_int_equal(metric_read(METRIC_SHADOW_RECHECKING), 1);
        ask_again(p, "{\"a\":1}", "{\"a\":3}");
        submit(lane, &p);
    }
    wait_until_idle(&r);
    assert_null(shadow_lane_take(lane));
    assert_int_equal(atomic_load(&wakes), 2);
    assert_int_equal(metric_read(METRIC_SHADOW_RECHECKING), 0);
    room_stop(&r);
    expect_line(&r, "\"recheck\":{\"said\":\"persistent\",\"rounds\":2}");
    room_clean(&r);
}

static void what_is_gone_comes_back_once(void **state)
{
    struct room r;
    _Atomic unsigned wakes = 0;
    UNUSED(state);
    struct shadow_lane *lane = open_for_rechecks(&r, &wakes);
    struct shadow_pair *p = pair_of(&r, 0, "{\"a\":1}", "{\"a\":2}");
    submit(lane, &p);
    p = wait_back(lane);
    ask_again(p, "{\"a\":2}", "{\"a\":2}");
    submit(lane, &p);
    wait_until_idle(&r);
    assert_int_equal(atomic_load(&wakes), 1);
    room_stop(&r);
    expect_line(&r, "\"gone\":true");
    expect_line(&r, "\"recheck\":{\"said\":\"transient\",\"rounds\":1}");
    room_clean(&r);
}

static void beyond_the_budget_it_is_recorded(void **state)
{
    struct room r;
    _Atomic unsigned wakes = 0;
    UNUSED(state);
    struct shadow_lane *lane = open_for_rechecks(&r, &wakes);
    for (unsigned i = 0; i < 3; i++) {
        struct shadow_pair *p = pair_of(&r, 0, "{\"a\":1}", "{\"a\":2}");
        submit(lane, &p);
    }
    wait_until_idle(&r);
    struct shadow_pair *p = wait_back(lane);
    assert_null(shadow_lane_take(lane));
    shadow_lane_close(lane);
    p->recheck = SHADOW_RECHECK_SHED; /* weir ends */
    submit(lane, &p);
    room_stop(&r);
    assert_int_equal(tally_file(r.path).verdicts[VERDICT_MISMATCH], 3);
    expect_line(&r, "\"reason\":\"budget\"");
    expect_line(&r, "\"reason\":\"shed\"");
    room_clean(&r);
}

/* A full queue does not lose what had been taken. */
static void what_comes_back_finds_room(void **state)
{
    struct room r;
    _Atomic unsigned wakes = 0;
    UNUSED(state);
    room_prepare(&r);
    r.bench.config.shadow.queue = 1;
    r.bench.config.shadow.rechecks = 20;
    r.bench.config.shadow.compare_threads = 1;
    room_open(&r, 1);
    struct shadow_lane *lane = shadow_lane(r.shadow, 0);
    struct shadow_pair *back[20];
    shadow_lane_open(lane, woken, &wakes);
    for (unsigned i = 0; i < 20; i++) {
        struct shadow_pair *p = pair_of(&r, 0, "{\"a\":1}", "{\"a\":2}");
        submit(lane, &p);
        back[i] = wait_back(lane);
    }
    for (unsigned i = 0; i < 20; i++) {
        back[i]->recheck = SHADOW_RECHECK_CHANGED;
        submit(lane, &back[i]);
    }
    room_stop(&r);
    assert_int_equal(tally_file(r.path).verdicts[VERDICT_MISMATCH], 20);
    room_clean(&r);
}

static void a_worker_that_hears_nothing_is_not_waited_for(void **state)
{
    struct room r;
    UNUSED(state);
    room_prepare(&r);
    r.bench.config.shadow.rechecks = 1;
    room_open(&r, 1);
    struct shadow_lane *lane = shadow_lane(r.shadow, 0);
    shadow_lane_open(lane, deaf, NULL);
    struct shadow_pair *p = pair_of(&r, 0, "{\"a\":1}", "{\"a\":2}");
    submit(lane, &p);
    wait_until_idle(&r);
    assert_null(shadow_lane_take(lane));
    room_stop(&r);
    expect_line(&r, "\"recheck\":{\"said\":\"unchecked\",\"rounds\":0,\"reason\":\"shed\"}");
    room_clean(&r);
}

/* The serving side with itself, under the same rules, beside the pair. */
static void a_probe_is_compared_and_recorded(void **state)
{
    struct room r;
    UNUSED(state);
    room_prepare(&r);
    room_open(&r, 1);
    for (enum side served = SIDE_LEGACY; served <= SIDE_NEW; served++) {
        struct shadow_pair *p = pair_of(&r, 0, "{\"a\":1}", "{\"a\":1}");
        p->served = served;
        p->probed = true;
        assert_true(shadow_pair_may_probe(p));
        *p->probe = p->answers[served];
        p->probe->body = BUF_INIT(0);
        assert_int_equal(buf_append(&p->probe->body, SPAN("{\"a\":1,\"b\":2}")), ERR_OK);
        p->probe->body_length = p->probe->body.n;
        submit(p->lane, &p);
        assert_null(p);
    }
    room_stop(&r);
    expect_line(&r, "\"verdict\":\"match\",\"body\":\"equal\"");
    expect_line(&r, "\"probe\":{\"status\":200,\"verdict\":\"mismatch\",\"body\":\"json\","
                    "\"findings\":[{\"path\":\"$.b\",\"kind\":\"extra\"}]}}\n");
    expect_line(&r, "\"findings\":[{\"path\":\"$.b\",\"kind\":\"missing\"}]}}\n");
    room_clean(&r);
}

static void words_of_rechecks_are_stable(void **state)
{
    static const char *const words[] = {"open", "off",     "unsafe", "budget",
                                        "shed", "changed", "failed"};
    UNUSED(state);
    for (enum shadow_recheck w = 0; w < SHADOW_RECHECK_COUNT; w++)
        assert_string_equal(shadow_recheck_word(w), words[w]);
    assert_int_equal(ARRAY_LEN(words), SHADOW_RECHECK_COUNT);
}

static void words_are_stable(void **state)
{
    static const char *const words[] = {"oversize",      "queue_full", "budget",  "method",
                                        "no_connection", "timeout",    "loop",    "upgrade",
                                        "shed",          "fallback",   "sandbox", "incomplete"};
    UNUSED(state);
    for (enum shadow_drop d = 0; d < SHADOW_DROP_COUNT; d++)
        assert_string_equal(shadow_drop_word(d), words[d]);
    assert_int_equal(ARRAY_LEN(words), SHADOW_DROP_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_compared_and_recorded),
        cmocka_unit_test(pairs_of_a_turn_are_sent_together),
        cmocka_unit_test(a_freed_pair_is_used_again),
        cmocka_unit_test(spare_pairs_are_bounded),
        cmocka_unit_test(the_last_record_is_flushed),
        cmocka_unit_test(memory_is_shared_out_and_comes_back),
        cmocka_unit_test(a_full_queue_drops_and_counts),
        cmocka_unit_test(the_end_compares_what_was_taken),
        cmocka_unit_test(store_none_writes_no_file),
        cmocka_unit_test(the_file_is_opened_when_it_is_needed),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_complained_about),
        cmocka_unit_test(workers_and_compare_threads_do_not_meet),
        cmocka_unit_test(failing_allocations_are_survived),
        cmocka_unit_test(a_difference_comes_back_twice),
        cmocka_unit_test(what_is_gone_comes_back_once),
        cmocka_unit_test(beyond_the_budget_it_is_recorded),
        cmocka_unit_test(what_comes_back_finds_room),
        cmocka_unit_test(a_worker_that_hears_nothing_is_not_waited_for),
        cmocka_unit_test(a_probe_is_compared_and_recorded),
        cmocka_unit_test(words_of_rechecks_are_stable),
        cmocka_unit_test(words_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
