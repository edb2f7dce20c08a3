/* Several instances on one Redis: orders reach all, laggards are named, nobody's order is lost
 * silently, and whatever happens to Redis, routing stays and the instances agree in the end. */
#include "tests/unit/control/rig_weir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static char answer[65536];
static struct rig_redis redis;
static struct rig_weir a;
static struct rig_weir b;

static int order(struct rig_weir *w, const char *body)
{
    return rig_call(w, "POST", "/control", body, answer, sizeof(answer));
}

static void expect_in(const char *text)
{
    if (strstr(answer, text) == NULL)
        fail_msg("no %s in %s", text, answer);
}

static const char *options(const char *instance, const char *more)
{
    static char text[2][PATH_MAX];
    static int i;
    i = 1 - i;
    (void)snprintf(text[i], PATH_MAX,
                   "\"control\": {\"redis\": \"unix:%.200s\", \"poll\": \"500ms\", \"instance\": "
                   "\"%s\"%s},",
                   redis.socket, instance, more);
    return text[i];
}

static void begin(const char *test)
{
    static char more[2][PATH_MAX]; /* the rig keeps pointers to them */
    char name[64];
    rig_redis_begin(&redis);
    rig_redis_start(&redis, NULL);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof(name), "%s-%c", test, 'a' + i);
        (void)snprintf(more[i], PATH_MAX, "%s", options(i == 0 ? "one" : "two", ""));
        rig_weir_start(i == 0 ? &a : &b, name, more[i]);
    }
    rig_expect(&a, "\"mode\": \"push and poll\"");
    rig_expect(&b, "\"mode\": \"push and poll\"");
}

static void end(void)
{
    rig_weir_end(&a);
    rig_weir_end(&b);
    rig_redis_kill(&redis);
}

static void both(const char *text)
{
    rig_expect(&a, text);
    rig_expect(&b, text);
}

static bool two_acks(void *arg)
{
    UNUSED(arg);
    return rig_redis_number(&redis, "EXISTS weir:ack:one weir:ack:two") == 2;
}

static void test_wait(void **state)
{
    UNUSED(state);
    begin("wait");
    assert_true(rig_wait(two_acks, NULL, 5000));
    assert_int_equal(order(&a, "{\"pin\": \"legacy\", \"wait_ms\": 5000}"), 200);
    expect_in("all 2 instances have it");
    expect_in("\"instance\": \"two\"");
    assert_true(rig_says(&b, "\"epoch\": 2, \"source\": \"redis\", \"document\": 2, \"pin\": "
                             "\"legacy\""));
    /* One whose workers do not follow is named. */
    b.hold = true;
    assert_int_equal(order(&a, "{\"pin\": \"new\", \"wait_ms\": 700}"), 202);
    expect_in("1 of 2 instances do not have it yet");
    expect_in("behind: two");
    expect_in("\"laggards\": [\n    \"two\"");
    b.hold = false;
    assert_int_equal(order(&a, "{\"pin\": \"config\", \"wait_ms\": 5000}"), 200);
    assert_int_equal(rig_call(&b, "POST", "/undo", "{\"wait_ms\": 5000}", answer, sizeof(answer)),
                     200);
    both("\"pin\": \"new\"");
    end();
    rig_redis_start(&redis, NULL);
    rig_redis_kill(&redis);
}

static void test_words(void **state)
{
    UNUSED(state);
    begin("words");
    rig_redis_do(&redis, "SET weir:control legacy");
    both("\"epoch\": 2, \"source\": \"redis\", \"document\": null, \"pin\": \"legacy\"");
    rig_redis_do(&redis, "SET weir:control LEGACY");
    both("\"value\": \"refused\"");
    rig_redis_do(&redis, "SET weir:control {\"epoch\":1,\"pin\":\"new\"}");
    both("\"pin\": \"new\"");
    rig_redis_do(&redis, "SET weir:control {\"epoch\":1,\"pin\":\"legacy\"}");
    both("says something else under epoch 1");
    rig_redis_do(&redis, "RPUSH weir:list x");
    rig_redis_do(&redis, "RENAME weir:list weir:control");
    both("does not hold a string");
    rig_redis_do(&redis, "FLUSHALL");
    both("\"value\": \"missing\"");
    both("\"pin\": \"new\"");
    assert_int_equal(order(&b, "{\"pin\": \"legacy\", \"wait_ms\": 5000}"), 200);
    both("\"pin\": \"legacy\"");
    end();
}

/* One reloads and counts epochs the other does not have: neither refuses the other's documents. */
static void test_epochs_drift(void **state)
{
    UNUSED(state);
    begin("drift");
    assert_int_equal(order(&a, "{\"pin\": \"legacy\", \"wait_ms\": 5000}"), 200);
    for (int i = 0; i < 5; i++) {
        rig_weir_next(&b, i % 2 ? NULL : "{\"name\": \"checkout\", \"match\": {\"prefix\": \"/\"}}",
                      NULL, false);
        assert_int_equal(rig_call(&b, "POST", "/reload", "", answer, sizeof(answer)), 200);
    }
    rig_expect(&b, "\"epoch\": 7,");
    rig_expect(&a, "\"epoch\": 2,");
    assert_int_equal(order(&a, "{\"pin\": \"new\", \"wait_ms\": 5000}"), 200);
    expect_in("\"document\": 3");
    rig_expect(&b, "\"epoch\": 8, \"source\": \"redis\", \"document\": 3, \"pin\": \"new\"");
    assert_int_equal(order(&b, "{\"pin\": \"legacy\", \"wait_ms\": 5000}"), 200);
    expect_in("\"document\": 9");
    rig_expect(&a, "\"epoch\": 9, \"source\": \"redis\", \"document\": 9, \"pin\": \"legacy\"");
    end();
}

static void test_redis_down(void **state)
{
    UNUSED(state);
    begin("down");
    assert_int_equal(order(&a, "{\"pin\": \"legacy\", \"wait_ms\": 5000}"), 200);
    rig_redis_kill(&redis);
    both("\"connected\": false");
    both("\"pin\": \"legacy\"");
    assert_int_equal(order(&a, "{\"pin\": \"new\"}"), 202);
    expect_in("in force on this instance only");
    expect_in("\"store\": \"pending\"");
    assert_true(rig_says(&a, "\"pending_write\": true"));
    assert_true(rig_says(&b, "\"pin\": \"legacy\""));
    rig_redis_start(&redis, NULL); /* empty */
    both("\"pin\": \"new\"");
    both("\"pending_write\": false");
    both("\"document\": 3");
    end();
}

/* Both were told something while Redis was away. They agree afterwards, and the one that gave way
 * says so. */
static void test_both_while_down(void **state)
{
    UNUSED(state);
    begin("split");
    rig_redis_kill(&redis);
    both("\"connected\": false");
    assert_int_equal(order(&a, "{\"pin\": \"legacy\"}"), 202);
    assert_int_equal(order(&b, "{\"pin\": \"new\"}"), 202);
    rig_redis_start(&redis, NULL);
    both("\"pending_write\": false");
    both("\"document\": 2");
    char *held = rig_redis_ask(&redis, "GET weir:control");
    bool legacy = strstr(held, "legacy") != NULL;
    free(held);
    both(legacy ? "\"pin\": \"legacy\"" : "\"pin\": \"new\"");
    end();
}

static void test_redis_paused(void **state)
{
    UNUSED(state);
    begin("paused");
    rig_redis_signal(&redis, SIGSTOP);
    uint64_t t = rig_now_ms();
    assert_int_equal(order(&a, "{\"pin\": \"legacy\"}"), 202); /* in force here all the same */
    assert_true(rig_now_ms() - t < 10000);
    assert_true(rig_says(&a, "\"pin\": \"legacy\""));
    both("\"connected\": false");
    rig_redis_signal(&redis, SIGCONT);
    both("\"pin\": \"legacy\"");
    both("\"pending_write\": false");
    end();
}

static void *flip_often(void *arg)
{
    static _Thread_local char out[65536];
    struct rig_weir *w = arg;
    for (int i = 0; i < 30; i++) {
        int status =
            rig_call(w, "POST", "/control", i % 2 ? "{\"pin\": \"legacy\"}" : "{\"pin\": \"new\"}",
                     out, sizeof(out));
        if (status != 200 && status != 202 && status != 409)
            fail_msg("%d %s", status, out);
    }
    return NULL;
}

static bool agree(void *arg)
{
    static const char *const sides[] = {"\"pin\": \"legacy\"", "\"pin\": \"new\""};
    UNUSED(arg);
    char *held = rig_redis_ask(&redis, "GET weir:control");
    int side = strstr(held, "\"legacy\"") != NULL ? 0 : 1;
    free(held);
    return rig_says(&a, sides[side]) && rig_says(&b, sides[side]) &&
           rig_says(&a, "\"pending_write\": false") && rig_says(&b, "\"pending_write\": false");
}

static void test_race(void **state)
{
    pthread_t t[2];
    UNUSED(state);
    begin("race");
    assert_int_equal(pthread_create(&t[0], NULL, flip_often, &a), 0);
    assert_int_equal(pthread_create(&t[1], NULL, flip_often, &b), 0);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    assert_true(rig_wait(agree, NULL, 5000));
    end();
}

/* An instance that was away comes back with what it knew, and takes what is there. */
static void test_restart(void **state)
{
    char more[PATH_MAX];
    UNUSED(state);
    begin("again");
    rig_redis_do(&redis, "SET weir:control legacy");
    both("\"pin\": \"legacy\"");
    rig_weir_end(&b);
    assert_int_equal(rig_redis_number(&redis, "EXISTS weir:ack:two"), 0);
    assert_int_equal(order(&a, "{\"pin\": \"new\", \"wait_ms\": 5000}"), 200);
    expect_in("the only instance (one) has it");
    rig_redis_kill(&redis);
    (void)snprintf(more, sizeof(more), "%s", options("two", ""));
    rig_weir_start(&b, "again-b", more);
    assert_true(rig_says(&b, "\"pin\": \"legacy\"")); /* Redis is away: the last known state */
    rig_redis_start(&redis, NULL);
    rig_expect(&a, "\"value\": \"missing\"");
    assert_int_equal(order(&a, "{\"pin\": \"new\", \"wait_ms\": 5000}"), 200);
    both("\"pin\": \"new\"");
    end();
}

static void test_other_store_at_reload(void **state)
{
    static char more[PATH_MAX];
    UNUSED(state);
    begin("store");
    (void)snprintf(more, sizeof(more), "%s", options("two", ", \"key\": \"shop:control\""));
    rig_weir_next(&b, NULL, more, false);
    assert_int_equal(rig_call(&b, "POST", "/reload", "", answer, sizeof(answer)), 200);
    expect_in("control.key");
    rig_expect(&b, "\"name\": \"redis key shop:control\"");
    rig_expect(&b, "\"mode\": \"push and poll\"");
    rig_redis_do(&redis, "SET weir:control legacy");
    rig_expect(&a, "\"pin\": \"legacy\"");
    rig_redis_do(&redis, "SET shop:control new");
    rig_expect(&b, "\"pin\": \"new\"");
    /* Another fleet now: nobody waits for it. */
    assert_int_equal(order(&a, "{\"pin\": \"config\", \"wait_ms\": 5000}"), 200);
    expect_in("the only instance (one) has it");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_epochs_drift),
        cmocka_unit_test(test_redis_down),
        cmocka_unit_test(test_both_while_down),
        cmocka_unit_test(test_redis_paused),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_other_store_at_reload),
    };
    if (!rig_have_redis()) {
        print_message("redis-server is not installed: these tests are left out\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
