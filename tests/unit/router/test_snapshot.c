/* Publishing, adopting, freeing; with one thread step by step, then with several at once (the
 * preset tsan looks on). */
#include "tests/unit/router/routes.h"

#include <pthread.h>
#include <stdatomic.h>

static const char route[] = "{\"name\": \"r\", \"match\": {\"prefix\": \"/\"}}";

/* Counts the tables that are alive: one that is freed too early, or never, is seen without a
 * sanitizer too. */
static atomic_uint tables;

static void table_gone(void *attachment)
{
    UNUSED(attachment);
    atomic_fetch_sub(&tables, 1);
}

static struct route_table *counted_table(void)
{
    struct route_table *t = table_of(route);
    t->attachment = &tables;
    t->attachment_free = table_gone;
    atomic_fetch_add(&tables, 1);
    return t;
}

static uint64_t publish(struct router *r, struct route_table *t, uint64_t epoch)
{
    struct snapshot *s;
    assert_int_equal(snapshot_new(t, epoch, &s), ERR_OK);
    uint64_t generation = router_publish(r, &s);
    assert_null(s);
    return generation;
}

static unsigned forgotten;

static void forget(void *arg, struct snapshot_hold *h)
{
    assert_ptr_equal(arg, &forgotten);
    assert_non_null(h->snapshot->table->config); /* it may still look behind it */
    if (h->attachment != NULL)
        forgotten++;
}

static void adopt_and_reap(void **state)
{
    struct router *r;
    struct router_reader *reader;
    UNUSED(state);
    assert_int_equal(router_new(2, &r), ERR_OK);
    assert_null(router_current(r));
    assert_true(router_adopted(r, 1)); /* nobody is missing */
    assert_int_equal(publish(r, counted_table(), 10), 1);
    assert_int_equal(router_reader_new(r, forget, &forgotten, &reader), ERR_OK);
    assert_true(router_adopted(r, 1));

    struct snapshot_hold *h = router_adopt(reader);
    assert_int_equal(h->snapshot->epoch, 10);
    assert_ptr_equal(router_adopt(reader), h);
    forgotten = 0;
    h->attachment = &forgotten;

    assert_int_equal(publish(r, counted_table(), 11), 2);
    assert_int_equal(router_current(r)->epoch, 11);
    assert_false(router_adopted(r, 2));
    router_reap(r);
    assert_int_equal(tables, 2); /* the reader has not looked yet */
    assert_int_equal(h->snapshot->epoch, 10);

    h = router_adopt(reader);
    assert_int_equal(h->snapshot->epoch, 11);
    assert_null(h->attachment);
    assert_int_equal(forgotten, 1);
    assert_true(router_adopted(r, 2));
    assert_false(router_adopted(r, 3));
    router_reap(r);
    assert_int_equal(tables, 1);

    router_reader_free(&reader);
    assert_null(reader);
    router_free(&r);
    assert_int_equal(tables, 0);
}

/* An exchange that runs keeps its snapshot, and what is younger, alive; what is older goes. */
static void held_snapshots_stay(void **state)
{
    struct router *r;
    struct router_reader *reader;
    UNUSED(state);
    assert_int_equal(router_new(1, &r), ERR_OK);
    (void)publish(r, counted_table(), 1);
    assert_int_equal(router_reader_new(r, forget, &forgotten, &reader), ERR_OK);
    (void)publish(r, counted_table(), 2);
    struct snapshot_hold *second = router_adopt(reader);
    snapshot_take(second);
    snapshot_take(second);
    (void)publish(r, counted_table(), 3);
    struct snapshot_hold *third = router_adopt(reader);
    snapshot_take(third);
    assert_ptr_not_equal(second, third);
    (void)publish(r, counted_table(), 4);
    struct snapshot_hold *fourth = router_adopt(reader);
    assert_true(router_adopted(r, 4));
    router_reap(r);
    assert_int_equal(tables, 3);

    struct snapshot_hold *also_second = second;
    snapshot_give(reader, &also_second);
    assert_null(also_second);
    router_reap(r);
    assert_int_equal(tables, 3); /* one user is left */
    assert_int_equal(second->snapshot->epoch, 2);

    snapshot_give(reader, &third); /* the one in the middle: the second still counts */
    router_reap(r);
    assert_int_equal(tables, 3);
    snapshot_give(reader, &second);
    router_reap(r);
    assert_int_equal(tables, 1);
    assert_ptr_equal(router_adopt(reader), fourth);
    router_reader_free(&reader);
    router_free(&r);
    assert_int_equal(tables, 0);
}

/* Given back while it is the adopted one: it stays for the next request. */
static void given_back_at_once(void **state)
{
    struct router *r;
    struct router_reader *reader;
    UNUSED(state);
    assert_int_equal(router_new(1, &r), ERR_OK);
    (void)publish(r, counted_table(), 1);
    assert_int_equal(router_reader_new(r, NULL, NULL, &reader), ERR_OK);
    for (unsigned i = 0; i < 3; i++) {
        struct snapshot_hold *h = router_adopt(reader);
        h->attachment = &forgotten;
        snapshot_take(h);
        snapshot_give(reader, &h);
        assert_ptr_equal(router_adopt(reader)->attachment, &forgotten);
    }
    router_reap(r);
    assert_int_equal(tables, 1);
    router_reader_free(&reader);
    router_free(&r);
}

static void slots_are_counted_and_come_back(void **state)
{
    struct router *r;
    struct router_reader *readers[3];
    UNUSED(state);
    assert_int_equal(router_new(2, &r), ERR_OK);
    (void)publish(r, counted_table(), 1);
    assert_int_equal(router_reader_new(r, NULL, NULL, &readers[0]), ERR_OK);
    assert_int_equal(router_reader_new(r, NULL, NULL, &readers[1]), ERR_OK);
    assert_int_equal(router_reader_new(r, NULL, NULL, &readers[2]), ERR_TOO_LARGE);
    assert_null(readers[2]);
    (void)publish(r, counted_table(), 2);
    (void)router_adopt(readers[0]);
    router_reap(r);
    assert_int_equal(tables, 2); /* the second one has not looked */
    router_reader_free(&readers[1]);
    assert_true(router_adopted(r, 2));
    router_reap(r);
    assert_int_equal(tables, 1);
    assert_int_equal(router_reader_new(r, NULL, NULL, &readers[2]), ERR_OK);
    assert_int_equal(router_adopt(readers[2])->snapshot->epoch, 2);
    router_reader_free(&readers[0]);
    router_reader_free(&readers[2]);
    router_free(&r);
    router_free(&r);
    assert_int_equal(tables, 0);
}

/* One table under several snapshots, as weights change without a reload. */
static void snapshots_share_a_table(void **state)
{
    struct router *r;
    UNUSED(state);
    assert_int_equal(router_new(1, &r), ERR_OK);
    struct route_table *t = counted_table();
    for (uint64_t i = 1; i <= 5; i++)
        (void)publish(r, t, i);
    assert_int_equal(t->users, 5);
    router_reap(r);
    assert_int_equal(t->users, 1);
    (void)publish(r, counted_table(), 6);
    router_reap(r);
    assert_int_equal(tables, 1);
    router_free(&r);
    assert_int_equal(tables, 0);
}

static void adopting_without_memory(void **state)
{
    struct router *r;
    struct router_reader *reader;
    UNUSED(state);
    assert_int_equal(router_new(1, &r), ERR_OK);
    (void)publish(r, counted_table(), 1);
    for (long n = 1; n <= 2; n++) {
        alloc_fail_at(n);
        assert_int_equal(router_reader_new(r, NULL, NULL, &reader), ERR_NO_MEMORY);
        alloc_fail_at(0);
    }
    assert_int_equal(router_reader_new(r, NULL, NULL, &reader), ERR_OK); /* its slot came back */
    struct snapshot_hold *h = router_adopt(reader);
    snapshot_take(h);
    (void)publish(r, counted_table(), 2);
    alloc_fail_at(1);
    assert_ptr_equal(router_adopt(reader), h);
    assert_true(alloc_failed());
    alloc_fail_at(0);
    assert_false(router_adopted(r, 2));
    assert_int_equal(router_adopt(reader)->snapshot->epoch, 2);
    assert_true(router_adopted(r, 2));
    snapshot_give(reader, &h);
    router_reader_free(&reader);
    router_free(&r);
    assert_int_equal(tables, 0);
}

/* --- several threads --- */

enum { READERS = 3, PUBLISHED = 2000, HELD = 8 };

struct worker {
    struct router_reader *reader;
    atomic_bool *stop;
    uint64_t seed;
    uint64_t decided;
    uint64_t last;
    bool backwards;
};

/* Decides, keeps some snapshots for a while, gives them back out of order: as exchanges of all
 * lengths do. */
static void *work(void *arg)
{
    struct worker *w = arg;
    struct snapshot_hold *held[HELD] = {NULL};
    while (!atomic_load_explicit(w->stop, memory_order_acquire)) {
        struct snapshot_hold *h = router_adopt(w->reader);
        struct decision d;
        const struct route_query q = {.path = SPAN("/x")};
        unsigned at = (unsigned)(next_random(&w->seed) % HELD);
        if (route_decide(h->snapshot, &q, &d) == ERR_OK)
            w->decided += d.weight == h->snapshot->epoch % WEIGHT_ALL;
        w->backwards |= h->snapshot->generation < w->last;
        w->last = h->snapshot->generation;
        if (held[at] != NULL) {
            w->backwards |= held[at]->snapshot->epoch > w->last; /* touches the old one */
            snapshot_give(w->reader, &held[at]);
        }
        if (next_random(&w->seed) % 2 == 0) {
            snapshot_take(h);
            held[at] = h;
        }
    }
    (void)router_adopt(w->reader);
    for (unsigned i = 0; i < HELD; i++)
        if (held[i] != NULL)
            snapshot_give(w->reader, &held[i]);
    return NULL;
}

static void publish_many(struct router *r)
{
    struct route_table *t = counted_table();
    for (unsigned i = 2; i <= PUBLISHED; i++) {
        struct snapshot *s;
        if (i % 50 == 0)
            t = counted_table(); /* a reload */
        assert_int_equal(snapshot_new(t, i, &s), ERR_OK);
        s->states[0].weight = (uint16_t)(i % WEIGHT_ALL);
        (void)router_publish(r, &s);
        router_reap(r);
        if (i % 16 == 0)
            sched_yield();
    }
}

static void several_threads(void **state)
{
    struct router *r;
    struct worker workers[READERS];
    pthread_t threads[READERS];
    atomic_bool stop = false;
    struct snapshot *first;
    UNUSED(state);
    assert_int_equal(router_new(READERS, &r), ERR_OK);
    assert_int_equal(snapshot_new(counted_table(), 1, &first), ERR_OK);
    first->states[0].weight = 1;
    (void)router_publish(r, &first);
    for (unsigned i = 0; i < READERS; i++) {
        workers[i] = (struct worker){.stop = &stop, .seed = i + 1};
        assert_int_equal(router_reader_new(r, NULL, NULL, &workers[i].reader), ERR_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    publish_many(r);
    while (!router_adopted(r, PUBLISHED)) /* every reader comes to the last one by itself */
        sched_yield();
    atomic_store_explicit(&stop, true, memory_order_release);
    for (unsigned i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(workers[i].backwards);
        assert_true(workers[i].decided > 0);
        assert_int_equal(router_adopt(workers[i].reader)->snapshot->epoch, PUBLISHED);
    }
    router_reap(r);
    assert_int_equal(tables, 1); /* nothing is held any more */
    for (unsigned i = 0; i < READERS; i++)
        router_reader_free(&workers[i].reader);
    router_free(&r);
    assert_int_equal(tables, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adopt_and_reap),
        cmocka_unit_test(held_snapshots_stay),
        cmocka_unit_test(given_back_at_once),
        cmocka_unit_test(slots_are_counted_and_come_back),
        cmocka_unit_test(snapshots_share_a_table),
        cmocka_unit_test(adopting_without_memory),
        cmocka_unit_test(several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
