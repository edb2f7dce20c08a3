/* The thread pool: every job once, a bound on the queue, an end that finishes what was taken. */
#include "tests/unit/fail_alloc.h"

#include "base/work.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* A gate that holds jobs until the test opens it. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    unsigned inside;
};

static void gate_begin(struct gate *g)
{
    *g = (struct gate){.open = false};
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
}

static void gate_end(struct gate *g)
{
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->changed);
}

static void gate_pass(void *arg)
{
    struct gate *g = arg;
    pthread_mutex_lock(&g->lock);
    g->inside++;
    pthread_cond_broadcast(&g->changed);
    while (!g->open)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void gate_wait_inside(struct gate *g, unsigned n)
{
    pthread_mutex_lock(&g->lock);
    while (g->inside < n)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void gate_open(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static void add_one(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static void test_queue_is_bounded(void **state)
{
    struct work *w;
    struct gate g;
    atomic_uint ran = 0;
    UNUSED(state);
    gate_begin(&g);
    assert_int_equal(work_start(&w, "test", 2, 3), ERR_OK);
    assert_true(work_submit(w, gate_pass, &g));
    assert_true(work_submit(w, gate_pass, &g));
    gate_wait_inside(&g, 2); /* both threads are busy: what comes now waits */
    for (int i = 0; i < 3; i++)
        assert_true(work_submit(w, add_one, &ran));
    assert_false(work_submit(w, add_one, &ran));
    assert_int_equal(work_pending(w), 5);
    gate_open(&g);
    work_stop(&w);
    assert_null(w);
    assert_int_equal(ran, 3); /* taken is done, also when the end comes */
    gate_end(&g);
}

/* Many at once: as many as there is room for, and every thread that is needed wakes up. */
static void test_many_at_once(void **state)
{
    enum { THREADS = 3 };
    struct work *w;
    struct gate first, g;
    atomic_uint ran = 0;
    void *firsts[THREADS] = {&first, &first, &first};
    void *gates[THREADS] = {&g, &g, &g};
    void *counts[4] = {&ran, &ran, &ran, &ran};
    UNUSED(state);
    gate_begin(&first);
    gate_begin(&g);
    assert_int_equal(work_start(&w, "test", THREADS, 3), ERR_OK);
    assert_int_equal(work_submit_all(w, gate_pass, firsts, 0), 0);
    assert_int_equal(work_submit_all(w, gate_pass, firsts, THREADS), THREADS);
    gate_wait_inside(&first, THREADS);
    gate_open(&first);
    while (work_pending(w) > 0)
        sched_yield();
    assert_int_equal(work_submit_all(w, gate_pass, gates, THREADS), THREADS); /* all are asleep */
    gate_wait_inside(&g, THREADS);
    assert_int_equal(work_submit_all(w, add_one, counts, 2), 2);
    assert_int_equal(work_submit_all(w, add_one, counts, 4), 1);
    assert_int_equal(work_submit_all(w, add_one, counts, 4), 0);
    gate_open(&g);
    work_stop(&w);
    assert_int_equal(ran, 3);
    gate_end(&first);
    gate_end(&g);
}

struct late {
    struct work *w;
    struct gate *g;
    atomic_uint *ran;
    bool refused;
};

static void submit_late(void *arg)
{
    struct late *l = arg;
    gate_pass(l->g);
    /* work_stop() may not have begun yet; from then on nothing is taken. */
    while (work_submit(l->w, add_one, l->ran))
        sched_yield();
    l->refused = true;
}

static void *open_later(void *arg)
{
    gate_open(arg);
    return NULL;
}

/* A job that submits while the pool is ending is refused, not lost and not a deadlock. */
static void test_submit_while_stopping(void **state)
{
    UNUSED(state);
    for (int i = 0; i < 20; i++) {
        struct gate g;
        atomic_uint ran = 0;
        pthread_t thread;
        struct work *w;
        gate_begin(&g);
        assert_int_equal(work_start(&w, "test", 1, 100000), ERR_OK);
        struct late l = {w, &g, &ran, false};
        assert_true(work_submit(w, submit_late, &l));
        gate_wait_inside(&g, 1);
        assert_int_equal(pthread_create(&thread, NULL, open_later, &g), 0);
        work_stop(&w);
        pthread_join(thread, NULL);
        assert_true(l.refused);
        gate_end(&g);
    }
}

enum { SUBMITTERS = 3, EACH = 5000 };

struct submitter {
    struct work *w;
    atomic_uint *ran;
    unsigned taken;
};

static void *submit_many(void *arg)
{
    struct submitter *s = arg;
    for (int i = 0; i < EACH; i++)
        s->taken += work_submit(s->w, add_one, s->ran);
    return NULL;
}

static void test_many_submitters(void **state)
{
    struct work *w;
    atomic_uint ran = 0;
    pthread_t threads[SUBMITTERS];
    struct submitter s[SUBMITTERS];
    unsigned taken = 0;
    UNUSED(state);
    assert_int_equal(work_start(&w, "a name that is too long", 3, 64), ERR_OK);
    for (int i = 0; i < SUBMITTERS; i++) {
        s[i] = (struct submitter){w, &ran, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &s[i]), 0);
    }
    for (int i = 0; i < SUBMITTERS; i++) {
        pthread_join(threads[i], NULL);
        taken += s[i].taken;
    }
    work_stop(&w);
    assert_int_equal(ran, taken);
}

static enum err build(void *arg)
{
    struct work *w;
    UNUSED(arg);
    enum err e = work_start(&w, "test", 2, 4);
    if (e == ERR_OK)
        work_stop(&w);
    assert_null(w);
    return e;
}

static void test_without_memory(void **state)
{
    UNUSED(state);
    alloc_walk(build, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_is_bounded),      cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_submit_while_stopping), cmocka_unit_test(test_many_submitters),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
