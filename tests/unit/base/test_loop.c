/* The event loop: what runs when, within a turn and across threads. */
#include "tests/unit/fail_alloc.h"

#include "base/clock.h"
#include "base/loop.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct script {
    struct loop *loop;
    char log[256];
    struct loop_task a, b, c;
    struct loop_io io;
    struct timer timer;
    int fd[2];
    unsigned count;
};

static void say(struct script *s, const char *word)
{
    size_t n = strlen(s->log);
    assert_true(n + strlen(word) < sizeof(s->log));
    memcpy(s->log + n, word, strlen(word) + 1);
}

static void begin(struct script *s)
{
    memset(s, 0, sizeof(*s));
    assert_int_equal(loop_new(&s->loop, 4), ERR_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s->fd), 0);
}

static void end(struct script *s)
{
    loop_io_del(&s->io);
    close(s->fd[0]);
    close(s->fd[1]);
    loop_free(&s->loop);
    assert_null(s->loop);
}

static void stop(void *arg)
{
    struct script *s = arg;
    say(s, "stop ");
    loop_stop(s->loop);
}

/* --- tasks --- */

static void task_c(void *arg)
{
    struct script *s = arg;
    say(s, "c ");
}

static void task_b(void *arg)
{
    struct script *s = arg;
    say(s, "b ");
}

/* Takes b back and queues c: c belongs to the next turn all the same. */
static void task_a(void *arg)
{
    struct script *s = arg;
    say(s, "a ");
    loop_undefer(s->loop, &s->b);
    loop_defer(s->loop, &s->c, task_c, s);
    loop_stop(s->loop);
}

static void test_tasks_belong_to_their_turn(void **state)
{
    struct script s;
    UNUSED(state);
    begin(&s);
    loop_defer(s.loop, &s.a, task_a, &s);
    loop_defer(s.loop, &s.b, task_b, &s);
    loop_run(s.loop);
    assert_string_equal(s.log, "a ");
    loop_finish(s.loop);
    assert_string_equal(s.log, "a c ");
    end(&s);
}

static void test_undefer_anywhere_in_the_queue(void **state)
{
    UNUSED(state);
    for (int which = 0; which < 4; which++) {
        struct script s;
        begin(&s);
        struct loop_task *tasks[] = {&s.a, &s.b, &s.c, NULL};
        loop_defer(s.loop, &s.a, task_b, &s); /* says b */
        loop_defer(s.loop, &s.b, task_b, &s);
        loop_defer(s.loop, &s.c, task_c, &s);
        loop_defer(s.loop, &s.c, task_b, &s); /* queued twice is queued once, as at first */
        if (tasks[which] != NULL) {
            loop_undefer(s.loop, tasks[which]);
            loop_undefer(s.loop, tasks[which]);
            loop_defer(s.loop, tasks[which], task_c, &s); /* now the last */
        }
        loop_finish(s.loop);
        assert_string_equal(s.log, which < 2 ? "b c c " : "b b c ");
        end(&s);
    }
}

static void task_again(void *arg)
{
    struct script *s = arg;
    if (++s->count == 1000)
        loop_stop(s->loop);
    loop_defer(s->loop, &s->a, task_again, s);
}

static void on_bytes(void *arg, unsigned what)
{
    struct script *s = arg;
    char bytes[16];
    UNUSED(what);
    ssize_t n = read(s->fd[0], bytes, sizeof(bytes));
    assert_true(n == 1);
    say(s, "io ");
    loop_stop(s->loop);
}

/* A task that always queues itself again must not keep descriptors from their turn. */
static void test_no_starving(void **state)
{
    struct script s;
    UNUSED(state);
    begin(&s);
    assert_int_equal(loop_io_add(s.loop, &s.io, s.fd[0], LOOP_READ, on_bytes, &s), ERR_OK);
    assert_int_equal(write(s.fd[1], "x", 1), 1);
    loop_defer(s.loop, &s.a, task_again, &s);
    loop_run(s.loop);
    assert_string_equal(s.log, "io ");
    assert_true(s.count < 10);
    loop_undefer(s.loop, &s.a);
    end(&s);
}

/* --- descriptors --- */

static void on_any(void *arg, unsigned what)
{
    struct script *s = arg;
    say(s, what & LOOP_READ ? "r" : "");
    say(s, what & LOOP_WRITE ? "w" : "");
    say(s, what & LOOP_CLOSED ? "c" : "");
    say(s, " ");
    loop_defer(s->loop, &s->a, stop, s);
}

static void run_again(struct script *s)
{
    struct loop_io io = s->io;
    UNUSED(io);
    loop_io_del(&s->io);
    loop_free(&s->loop);
    assert_int_equal(loop_new(&s->loop, 4), ERR_OK);
}

static void test_descriptor_events(void **state)
{
    struct script s;
    char byte;
    UNUSED(state);
    begin(&s);
    assert_int_equal(loop_io_add(s.loop, &s.io, s.fd[0], LOOP_READ | LOOP_WRITE, on_any, &s),
                     ERR_OK);
    loop_run(s.loop);
    assert_string_equal(s.log, "w stop ");
    s.log[0] = '\0';
    run_again(&s);
    assert_int_equal(loop_io_add(s.loop, &s.io, s.fd[0], LOOP_READ, on_any, &s), ERR_OK);
    assert_int_equal(write(s.fd[1], "x", 1), 1);
    loop_run(s.loop);
    assert_string_equal(s.log, "r stop ");
    s.log[0] = '\0';
    assert_int_equal(read(s.fd[0], &byte, 1), 1);
    run_again(&s);
    assert_int_equal(loop_io_add(s.loop, &s.io, s.fd[0], LOOP_READ, on_any, &s), ERR_OK);
    assert_int_equal(shutdown(s.fd[1], SHUT_WR), 0);
    loop_run(s.loop);
    assert_string_equal(s.log, "rc stop ");
    loop_io_del(&s.io);
    loop_io_del(&s.io);
    end(&s);
}

/* --- timers --- */

static void on_timer(void *arg)
{
    struct script *s = arg;
    say(s, "timer ");
    loop_stop(s->loop);
}

static void busy_task(void *arg)
{
    struct script *s = arg;
    uint64_t until = clock_us() + 20000;
    while (clock_us() < until)
        ;
    assert_true(loop_is_late(s->loop));
    loop_timer_set(s->loop, &s->timer, 300); /* a wait, which is no part of a turn */
}

static uint64_t turns_us[8];
static size_t turns_n;

static uint64_t longest_us;

static void on_turn(void *arg, uint64_t us, uint64_t longest)
{
    UNUSED(arg);
    assert_true(longest <= us);
    if (longest > longest_us)
        longest_us = longest;
    if (turns_n < ARRAY_LEN(turns_us))
        turns_us[turns_n++] = us;
}

static void test_turns_are_timed_without_the_wait(void **state)
{
    struct script s;
    UNUSED(state);
    begin(&s);
    turns_n = longest_us = 0;
    timer_begin(&s.timer, on_timer, &s);
    loop_on_turn(s.loop, on_turn, NULL);
    loop_defer(s.loop, &s.a, busy_task, &s);
    loop_run(s.loop);
    assert_in_range(turns_n, 2, ARRAY_LEN(turns_us));
    assert_true(turns_us[0] >= 20000);
    assert_true(longest_us >= 20000); /* it was one step */
    uint64_t rest = 0;
    for (size_t i = 1; i < turns_n; i++)
        rest += turns_us[i];
    assert_true(rest < 250000); /* the wait was 300 ms */
    end(&s);
}

/* Again and again, for this thread may lose its processor in any of them. */
static void in_time_task(void *arg)
{
    struct script *s = arg;
    if (loop_is_late(s->loop) && ++s->count < 10000)
        loop_defer(s->loop, &s->a, in_time_task, s);
    else
        loop_stop(s->loop);
}

static void test_a_short_step_is_not_late(void **state)
{
    struct script s;
    UNUSED(state);
    begin(&s);
    loop_defer(s.loop, &s.a, in_time_task, &s);
    loop_run(s.loop);
    assert_in_range(s.count, 0, 9999);
    end(&s);
}

static void test_timer_not_early(void **state)
{
    struct script s;
    UNUSED(state);
    begin(&s);
    timer_begin(&s.timer, on_timer, &s);
    uint64_t before = clock_us();
    loop_timer_set(s.loop, &s.timer, 50);
    loop_run(s.loop);
    assert_string_equal(s.log, "timer ");
    assert_true(clock_us() - before >= 50000 - 1000); /* the loop's clock is in milliseconds */
    end(&s);
}

/* Setting a timer long after the loop last ran: measured from now, not from then. */
static void test_timer_after_a_pause(void **state)
{
    struct script s;
    UNUSED(state);
    begin(&s);
    timer_begin(&s.timer, on_timer, &s);
    uint64_t then = loop_now_ms(s.loop);
    while (clock_us() / 1000 < then + 60)
        ;
    uint64_t before = clock_us();
    loop_timer_set(s.loop, &s.timer, 30);
    loop_run(s.loop);
    assert_true(clock_us() - before >= 30000 - 1000);
    end(&s);
}

static void test_timer_never(void **state)
{
    struct script s;
    UNUSED(state);
    begin(&s);
    timer_begin(&s.timer, on_timer, &s);
    loop_timer_set(s.loop, &s.timer, UINT64_MAX); /* must not wrap around to now */
    struct timer other;
    timer_begin(&other, stop, &s);
    loop_timer_set(s.loop, &other, 50);
    loop_run(s.loop);
    assert_string_equal(s.log, "stop ");
    loop_timer_clear(s.loop, &s.timer);
    end(&s);
}

/* --- messages --- */

static void on_mail(void *arg)
{
    struct script *s = arg;
    say(s, "mail ");
}

static void *post_and_stop(void *arg)
{
    struct script *s = arg;
    assert_true(loop_post(s->loop, on_mail, s));
    assert_true(loop_post(s->loop, on_mail, s));
    loop_stop(s->loop);
    return NULL;
}

/* What was accepted is delivered, even when the stop overtakes it; afterwards nothing is accepted.
 */
static void test_mail_before_the_stop_arrives(void **state)
{
    UNUSED(state);
    for (int i = 0; i < 200; i++) {
        struct script s;
        pthread_t thread;
        begin(&s);
        assert_int_equal(pthread_create(&thread, NULL, post_and_stop, &s), 0);
        loop_run(s.loop);
        pthread_join(thread, NULL);
        assert_string_equal(s.log, "mail mail ");
        assert_false(loop_post(s.loop, on_mail, &s));
        end(&s);
    }
}

static void test_full_mailbox(void **state)
{
    struct script s;
    UNUSED(state);
    begin(&s);
    for (int i = 0; i < 3; i++)
        assert_true(loop_post(s.loop, on_mail, &s));
    assert_true(loop_post(s.loop, stop, &s));
    assert_false(loop_post(s.loop, on_mail, &s));
    loop_run(s.loop);
    assert_string_equal(s.log, "mail mail mail stop ");
    end(&s);
}

static void on_signal(void *arg, int signo)
{
    struct script *s = arg;
    say(s, signo == SIGUSR1 ? "usr1 " : "other ");
    loop_stop(s->loop);
}

static void test_signal(void **state)
{
    struct script s;
    UNUSED(state);
    begin(&s);
    assert_int_equal(loop_signal(s.loop, SIGUSR1, on_signal, &s), ERR_OK);
    raise(SIGUSR1);
    loop_run(s.loop);
    assert_string_equal(s.log, "usr1 ");
    end(&s);
}

/* Stopped before it ran: queued tasks of this turn run, then it is over. */
static void test_stop_before_run(void **state)
{
    struct script s;
    UNUSED(state);
    begin(&s);
    loop_stop(s.loop);
    loop_defer(s.loop, &s.b, task_b, &s);
    loop_run(s.loop);
    assert_string_equal(s.log, "b ");
    end(&s);
}

static enum err build(void *arg)
{
    struct loop *l;
    UNUSED(arg);
    enum err e = loop_new(&l, 8);
    if (e == ERR_OK)
        loop_free(&l);
    assert_null(l);
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
        cmocka_unit_test(test_tasks_belong_to_their_turn),
        cmocka_unit_test(test_undefer_anywhere_in_the_queue),
        cmocka_unit_test(test_no_starving),
        cmocka_unit_test(test_turns_are_timed_without_the_wait),
        cmocka_unit_test(test_a_short_step_is_not_late),
        cmocka_unit_test(test_descriptor_events),
        cmocka_unit_test(test_timer_not_early),
        cmocka_unit_test(test_timer_after_a_pause),
        cmocka_unit_test(test_timer_never),
        cmocka_unit_test(test_mail_before_the_stop_arrives),
        cmocka_unit_test(test_full_mailbox),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_stop_before_run),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
