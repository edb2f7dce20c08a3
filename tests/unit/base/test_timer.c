/* The wheel against the plain truth: a timer fires at the first look at or after its time, rounded
 * up to a tick, and never before. */
#include "tests/unit/base/seeded.h"
#include "tests/unit/fail_alloc.h"

#include "base/timer.h"

enum { TIMERS = 200 };

struct probe {
    struct timer timer;
    struct bench *bench;
    uint64_t due;  /* by the model; 0: not set */
    uint64_t last; /* a look from here on finds it */
    unsigned fired;
};

struct bench {
    struct timer_wheel wheel;
    struct probe probes[TIMERS];
    struct seeded r;
    uint64_t now;
    bool meddle; /* callbacks set and clear others */
};

static uint64_t round_up(uint64_t ms)
{
    return (ms + TIMER_TICK_MS - 1) / TIMER_TICK_MS * TIMER_TICK_MS;
}

static void set(struct bench *b, struct probe *p, uint64_t due)
{
    /* What is set for a tick that was looked at already has its turn with the next. */
    uint64_t next_look = round_up(b->now + 1);
    p->due = due;
    p->last = round_up(due) > next_look ? round_up(due) : next_look;
    timer_set(&b->wheel, &p->timer, due);
}

static void clear(struct bench *b, struct probe *p)
{
    p->due = 0;
    timer_clear(&b->wheel, &p->timer);
}

static uint64_t random_due(struct bench *b)
{
    static const size_t spans[] = {1, 20, 100, 1000, 20 * 1024, 30 * 1024, 3600 * 1000};
    return b->now + seeded_below(&b->r, spans[seeded_below(&b->r, 7)] + 1);
}

static void meddle(struct bench *b, struct probe *p)
{
    struct probe *other = &b->probes[seeded_below(&b->r, TIMERS)];
    switch (seeded_below(&b->r, 4)) {
    case 0:
        set(b, p, random_due(b));
        break;
    case 1:
        set(b, other, random_due(b));
        break;
    case 2:
        clear(b, other);
        break;
    default:
        break;
    }
}

static void on_fire(void *arg)
{
    struct probe *p = arg;
    struct bench *b = p->bench;
    SEEDED_ASSERT(&b->r, p->due != 0);      /* not one that was cleared */
    SEEDED_ASSERT(&b->r, p->due <= b->now); /* never early */
    assert_false(timer_is_set(&p->timer));
    p->due = 0;
    p->fired++;
    if (b->meddle)
        meddle(b, p);
}

static void look(struct bench *b, uint64_t now)
{
    size_t set_now = 0;
    b->now = now;
    timer_wheel_run(&b->wheel, now);
    for (size_t i = 0; i < TIMERS; i++) {
        struct probe *p = &b->probes[i];
        SEEDED_ASSERT(&b->r, timer_is_set(&p->timer) == (p->due != 0));
        set_now += p->due != 0;
        if (p->due != 0)
            SEEDED_ASSERT(&b->r, p->last > now);
    }
    SEEDED_ASSERT(&b->r, b->wheel.count == set_now);
}

static void bench_begin(struct bench *b, uint64_t seed, bool meddling)
{
    *b = (struct bench){.r = seeded_begin(seed), .meddle = meddling};
    b->now = 1000000 + seeded_below(&b->r, 100000);
    timer_wheel_begin(&b->wheel, b->now);
    for (size_t i = 0; i < TIMERS; i++) {
        timer_begin(&b->probes[i].timer, on_fire, &b->probes[i]);
        b->probes[i].bench = b;
    }
}

static void run_random(uint64_t seed, bool meddling)
{
    static const size_t steps[] = {1, 5, 20, 21, 500, 25000, 90000};
    struct bench *b = test_malloc(sizeof(*b));
    bench_begin(b, seed, meddling);
    for (int i = 0; i < 3000; i++) {
        struct probe *p = &b->probes[seeded_below(&b->r, TIMERS)];
        size_t what = seeded_below(&b->r, 10);
        if (what < 6)
            set(b, p, random_due(b));
        else if (what < 7)
            clear(b, p);
        else if (what < 8 && p->due != 0)
            set(b, p, p->due + seeded_below(&b->r, 50000)); /* pushed back */
        else
            look(b, b->now + seeded_below(&b->r, steps[seeded_below(&b->r, 7)]));
    }
    b->meddle = false;
    look(b, b->now + 10000000);
    assert_int_equal(b->wheel.count, 0);
    test_free(b);
}

static void test_random(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 20; seed++)
        run_random(seed, false);
}

static void test_callbacks_meddle(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 100; seed <= 120; seed++)
        run_random(seed, true);
}

struct simple {
    struct timer_wheel wheel;
    struct timer a, b;
    unsigned a_fired, b_fired;
    uint64_t now;
};

static void fire_a(void *arg)
{
    struct simple *s = arg;
    s->a_fired++;
}

static void fire_b(void *arg)
{
    struct simple *s = arg;
    s->b_fired++;
}

static void simple_begin(struct simple *s, uint64_t now)
{
    *s = (struct simple){.now = now};
    timer_wheel_begin(&s->wheel, now);
    timer_begin(&s->a, fire_a, s);
    timer_begin(&s->b, fire_b, s);
}

/* The case the wheel is made for: a timeout that is pushed back on every read fires once, a full
 * period after the last. */
static void test_pushed_back_for_long(void **state)
{
    UNUSED(state);
    struct simple s;
    simple_begin(&s, 5000);
    uint64_t now = 5000;
    for (int i = 0; i < 10000; i++) {
        timer_set(&s.wheel, &s.a, now + 60000);
        now += 20;
        timer_wheel_run(&s.wheel, now);
    }
    assert_int_equal(s.a_fired, 0);
    timer_wheel_run(&s.wheel, now - 20 + 60000 - 1);
    assert_int_equal(s.a_fired, 0);
    timer_wheel_run(&s.wheel, now - 20 + 60000);
    assert_int_equal(s.a_fired, 1);
    assert_int_equal(s.wheel.count, 0);
}

/* Pulled forward after it was pushed back. */
static void test_back_and_forth(void **state)
{
    UNUSED(state);
    struct simple s;
    simple_begin(&s, 0);
    timer_set(&s.wheel, &s.a, 100);
    timer_set(&s.wheel, &s.a, 100000);
    timer_set(&s.wheel, &s.a, 50);
    timer_wheel_run(&s.wheel, 40);
    assert_int_equal(s.a_fired, 0);
    timer_wheel_run(&s.wheel, 60);
    assert_int_equal(s.a_fired, 1);
    timer_wheel_run(&s.wheel, 200000);
    assert_int_equal(s.a_fired, 1);
}

static void test_the_past_and_never(void **state)
{
    UNUSED(state);
    struct simple s;
    simple_begin(&s, 1000000);
    timer_set(&s.wheel, &s.a, 3); /* long ago: at the next look */
    timer_set(&s.wheel, &s.b, UINT64_MAX);
    timer_wheel_run(&s.wheel, 1000000);
    assert_int_equal(s.a_fired, 1);
    for (uint64_t now = 1000000; now < 100000000; now += 777777)
        timer_wheel_run(&s.wheel, now);
    assert_int_equal(s.b_fired, 0);
    assert_true(timer_is_set(&s.b));
    timer_clear(&s.wheel, &s.b);
    timer_clear(&s.wheel, &s.b);
    assert_int_equal(s.wheel.count, 0);
}

/* The wheel is not run while nothing is set: its idea of now is then far behind. */
static void test_set_after_a_long_sleep(void **state)
{
    UNUSED(state);
    struct simple s;
    simple_begin(&s, 0);
    uint64_t now = 7 * 24 * 3600 * UINT64_C(1000);
    timer_set(&s.wheel, &s.a, now + 30000);
    timer_set(&s.wheel, &s.b, now + 10);
    timer_wheel_run(&s.wheel, now + 9);
    assert_int_equal(s.b_fired, 0);
    timer_wheel_run(&s.wheel, now + 20);
    assert_int_equal(s.b_fired, 1);
    timer_wheel_run(&s.wheel, now + 29999);
    assert_int_equal(s.a_fired, 0);
    timer_wheel_run(&s.wheel, now + 30000);
    assert_int_equal(s.a_fired, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_callbacks_meddle),
        cmocka_unit_test(test_pushed_back_for_long),
        cmocka_unit_test(test_back_and_forth),
        cmocka_unit_test(test_the_past_and_never),
        cmocka_unit_test(test_set_after_a_long_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
