/* Who may be sent copies of requests that change something: the states of one side. */
#include "tests/unit/fail_alloc.h"

#include "proxy/sandbox.h"

#include <pthread.h>

struct peer {
    struct arena arena;
    struct http_head head;
};

static void answer(struct sandbox *s, const char *word)
{
    struct peer p;
    arena_begin(&p.arena, 65536);
    http_head_begin(&p.head, &p.arena, true);
    p.head.status = 200;
    if (word != NULL)
        assert_int_equal(http_head_add(&p.head, SPAN("x-weir-shadow-ack"), span_str(word)), ERR_OK);
    sandbox_answer(s, &p.head);
    arena_end(&p.arena);
}

static void begin(struct sandbox *s)
{
    assert_int_equal(sandbox_begin(s, "route", "backend", SIDE_NEW), ERR_OK);
}

static void one_asks_first(void **state)
{
    struct sandbox s;
    bool asks;
    UNUSED(state);
    begin(&s);
    assert_string_equal(sandbox_word(&s), "unasked");
    assert_true(sandbox_enter(&s, &asks));
    assert_true(asks);
    assert_false(sandbox_enter(&s, &asks));
    assert_false(asks);
    sandbox_leave(&s); /* it was never answered */
    assert_true(sandbox_enter(&s, &asks));
    assert_true(asks);
    answer(&s, "sandbox");
    sandbox_leave(&s);
    assert_string_equal(sandbox_word(&s), "confirmed");
    for (int i = 0; i < 3; i++) {
        assert_true(sandbox_enter(&s, &asks));
        assert_false(asks);
    }
    answer(&s, " Sandbox ");
    assert_true(sandbox_is_open(&s));
    sandbox_end(&s);
}

static void stopped_by(const char *first, const char *second)
{
    struct sandbox s;
    bool asks;
    begin(&s);
    uint64_t before = metric_read(s.stopped);
    assert_true(sandbox_enter(&s, &asks));
    if (first != NULL) {
        answer(&s, first);
        sandbox_leave(&s);
        assert_true(sandbox_enter(&s, &asks));
    }
    answer(&s, second);
    sandbox_leave(&s);
    assert_string_equal(sandbox_word(&s), "stopped");
    assert_false(sandbox_is_open(&s));
    assert_false(sandbox_enter(&s, &asks));
    assert_false(asks);
    assert_int_equal(metric_read(s.stopped), before + 1);
    answer(&s, "sandbox"); /* of one that was still on its way */
    answer(&s, NULL);
    assert_false(sandbox_enter(&s, &asks));
    assert_int_equal(metric_read(s.stopped), before + 1);
    sandbox_end(&s);
    assert_int_equal(metric_read(s.stopped), before);
}

static void any_answer_without_the_word_stops(void **state)
{
    UNUSED(state);
    stopped_by(NULL, NULL);
    stopped_by(NULL, "");
    stopped_by(NULL, "sandboxed");
    stopped_by(NULL, "production");
    stopped_by("sandbox", NULL);
}

static void *try_to_ask(void *arg)
{
    struct sandbox *s = arg;
    uintptr_t asked = 0;
    for (int i = 0; i < 10000; i++) {
        bool asks;
        asked += sandbox_enter(s, &asks);
    }
    return (void *)asked; /* NOLINT: a number */
}

static void of_many_threads_one_asks(void **state)
{
    struct sandbox s;
    pthread_t threads[4];
    uintptr_t asked = 0;
    UNUSED(state);
    begin(&s);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, try_to_ask, &s), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *n;
        assert_int_equal(pthread_join(threads[i], &n), 0);
        asked += (uintptr_t)n;
    }
    assert_int_equal(asked, 1);
    sandbox_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_asks_first),
        cmocka_unit_test(any_answer_without_the_word_stops),
        cmocka_unit_test(of_many_threads_one_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
