/* The Redis store against a real redis-server: pushes, writes, acknowledgements, and every way of
 * losing it. */
#include "tests/unit/control/rig_store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char *unix_url(const struct rig_redis *r)
{
    static char url[PATH_MAX + 16];
    (void)snprintf(url, sizeof(url), "unix:%s", r->socket);
    return url;
}

/* --- pushes --- */

static const char slow_poll[] = ", \"poll\": \"60s\"";

static void test_push(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    watch_begin(&w, unix_url(&r), slow_poll);
    expect(is_pushed, &w, "pushed");
    expect(is_missing, &w, "missing");
    /* With a poll of a minute, whatever is seen was pushed. */
    rig_redis_do(&r, "SET weir:control legacy");
    expect_holds(&w, "legacy");
    rig_redis_do(&r, "SET weir:control new");
    expect_holds(&w, "new");
    rig_redis_do(&r, "DEL weir:control");
    expect(is_missing, &w, "deleted");
    rig_redis_do(&r, "SET weir:control config");
    expect_holds(&w, "config");
    rig_redis_do(&r, "FLUSHALL");
    expect(is_missing, &w, "flushed");
    rig_redis_do(&r, "SET weir:control legacy PX 100");
    expect_holds(&w, "legacy");
    expect(is_missing, &w, "expired");
    unsigned looks = seen(&w)->looks;
    rig_redis_do(&r, "SET weir:control:other x"); /* the prefix is ours, the key is not */
    rig_redis_do(&r, "SET weir:control new");
    expect_holds(&w, "new");
    assert_true(seen(&w)->looks <= looks + 1);
    watch_end(&w);
    rig_redis_kill(&r);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* From the write to the report; the figure that matters is measured end to end, elsewhere. */
static void test_push_latency(void **state)
{
    struct rig_redis r;
    struct watch w;
    uint64_t us[101];
    char value[32];
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    watch_begin(&w, unix_url(&r), slow_poll);
    expect(is_pushed, &w, "pushed");
    for (size_t i = 0; i < ARRAY_LEN(us); i++) {
        (void)snprintf(value, sizeof(value), "v%zu", i);
        uint64_t t = rig_now_ms();
        rig_redis_do(&r, "SET weir:control %s", value);
        expect_holds(&w, value);
        us[i] = rig_now_ms() - t;
    }
    qsort(us, ARRAY_LEN(us), sizeof(us[0]), by_value);
    assert_true(us[50] <= 20); /* milliseconds; a poll would take a minute */
    watch_end(&w);
    rig_redis_kill(&r);
}

static void test_push_comes_back(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    watch_begin(&w, unix_url(&r), slow_poll);
    expect(is_pushed, &w, "pushed");
    for (int i = 0; i < 3; i++) {
        rig_redis_do(&r, "CLIENT KILL TYPE pubsub");
        expect(is_polled, &w, "polled");
        expect(is_pushed, &w, "pushed again");
    }
    rig_redis_do(&r, "SET weir:control legacy");
    expect_holds(&w, "legacy");
    rig_redis_do(&r, "CLIENT KILL TYPE normal SKIPME yes");
    expect(is_lost, &w, "lost");
    expect(is_pushed, &w, "pushed after all was lost");
    rig_redis_do(&r, "SET weir:control new");
    expect_holds(&w, "new");
    watch_end(&w);
    rig_redis_kill(&r);
}

/* --- values --- */

static void test_values(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    rig_redis_do(&r, "RPUSH weir:control a b");
    watch_begin(&w, unix_url(&r), slow_poll);
    expect(is_pushed, &w, "pushed");
    expect(is_unreadable, &w, "a list");
    assert_int_equal(seen(&w)->unreadable, ERR_CONTROL_WRONG_TYPE);
    rig_redis_do(&r, "DEL weir:control");
    rig_redis_do(&r, "SETRANGE weir:control 1048575 x");
    expect_holds(&w, ""); /* exactly 1 MiB, which begins with a zero byte */
    assert_int_equal(seen(&w)->raw_n, 1048576);
    rig_redis_do(&r, "SETRANGE weir:control 1048576 x");
    expect(is_unreadable, &w, "too large");
    assert_int_equal(seen(&w)->unreadable, ERR_CONTROL_TOO_LARGE);
    rig_redis_do(&r, "SETRANGE weir:control 200000000 x"); /* 200 MB: must not travel */
    rig_redis_do(&r, "SET weir:control legacy");
    expect_holds(&w, "legacy");
    assert_true(seen(&w)->facts.connected);
    watch_end(&w);
    rig_redis_kill(&r);
}

static void test_empty_value(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    rig_redis_do(&r, "SET weir:control %s", "");
    watch_begin(&w, unix_url(&r), slow_poll);
    expect_holds(&w, ""); /* empty, but there */
    watch_end(&w);
    rig_redis_kill(&r);
}

/* --- writing --- */

static void write_now(void *arg)
{
    struct watch *w = arg;
    w->accepted = store_write(w->store, 7, span_str(w->to_write));
}

static enum store_write write_value(struct watch *w, const char *value)
{
    char copy[256];
    (void)snprintf(copy, sizeof(copy), "%s", value);
    w->to_write = copy;
    forget(w);
    rig_on_loop(&w->loop, write_now, w);
    assert_true(w->accepted);
    expect(has_written, w, "written");
    return seen(w)->how;
}

static void test_compare_and_set(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    watch_begin(&w, unix_url(&r), slow_poll);
    expect(is_missing, &w, "missing");
    assert_int_equal(write_value(&w, "{\"epoch\": 1}"), STORE_WRITTEN);
    char *now = rig_redis_ask(&r, "GET weir:control");
    assert_string_equal(now, "{\"epoch\": 1}");
    free(now);
    assert_int_equal(write_value(&w, "second"), STORE_WRITTEN);
    /* Somebody else was faster: nothing is overwritten, and the other value is reported. */
    rig_redis_do(&r, "CLIENT PAUSE 1 ALL");
    rig_redis_do(&r, "SET weir:control theirs");
    expect_holds(&w, "theirs");
    assert_int_equal(write_value(&w, "third"), STORE_WRITTEN);
    rig_redis_do(&r, "DEL weir:control");
    expect(is_missing, &w, "missing");
    assert_int_equal(write_value(&w, "fourth"), STORE_WRITTEN);
    watch_end(&w);
    rig_redis_kill(&r);
}

struct race {
    struct watch *w;
    struct rig_redis *r;
};

static void race_now(void *arg)
{
    struct race *race = arg;
    rig_redis_do(race->r, "SET weir:control theirs"); /* the loop is busy here, so it cannot look */
    race->w->accepted = store_write(race->w->store, 7, SPAN("ours"));
}

static void test_conflict(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    rig_redis_do(&r, "SET weir:control before");
    watch_begin(&w, unix_url(&r), slow_poll);
    expect(is_pushed, &w, "pushed");
    expect_holds(&w, "before");
    rig_on_loop(&w.loop, race_now, &(struct race){&w, &r});
    assert_true(w.accepted);
    expect(has_written, &w, "answered");
    assert_int_equal(seen(&w)->how, STORE_CONFLICT);
    expect_holds(&w, "theirs");
    char *now = rig_redis_ask(&r, "GET weir:control");
    assert_string_equal(now, "theirs");
    free(now);
    watch_end(&w);
    rig_redis_kill(&r);
}

static void test_write_refused(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    watch_begin(&w, unix_url(&r), ", \"poll\": \"100ms\"");
    expect(is_missing, &w, "missing");
    rig_redis_do(&r, "REPLICAOF 127.0.0.1 1");
    assert_int_equal(write_value(&w, "x"), STORE_FAILED);
    assert_non_null(strstr(seen(&w)->why, "READONLY"));
    rig_redis_do(&r, "REPLICAOF NO ONE");
    assert_int_equal(write_value(&w, "x"), STORE_WRITTEN);
    watch_end(&w);
    rig_redis_kill(&r);
}

/* --- losing it --- */

static void test_down_at_start(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    watch_begin(&w, unix_url(&r), slow_poll);
    expect_error(&w, "No such file");
    assert_int_equal(seen(&w)->looks, 0);
    rig_redis_start(&r, NULL);
    expect(is_pushed, &w, "pushed");
    watch_end(&w);
    rig_redis_kill(&r);
}

static void test_killed_and_empty(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    rig_redis_do(&r, "SET weir:control legacy");
    watch_begin(&w, unix_url(&r), slow_poll);
    expect(is_pushed, &w, "pushed");
    for (int i = 0; i < 3; i++) {
        rig_redis_kill(&r);
        expect(is_lost, &w, "lost");
        rig_redis_start(&r, NULL);
        expect(is_pushed, &w, "pushed");
        expect(is_missing, &w, "empty");
        rig_redis_do(&r, "SET weir:control new");
        expect_holds(&w, "new");
    }
    assert_int_equal(seen(&w)->facts.lost, 3);
    watch_end(&w);
    rig_redis_kill(&r);
}

/* Stopped, it still accepts connections, but never answers. */
static void test_paused(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    rig_redis_do(&r, "SET weir:control legacy");
    watch_begin(&w, unix_url(&r), ", \"poll\": \"200ms\"");
    expect(is_pushed, &w, "pushed");
    rig_redis_signal(&r, SIGSTOP);
    expect(is_lost, &w, "lost");
    assert_non_null(strstr(seen(&w)->facts.error, "no answer for 2000 ms"));
    rig_redis_signal(&r, SIGCONT);
    expect(is_pushed, &w, "pushed");
    expect_holds(&w, "legacy");
    watch_end(&w);
    rig_redis_kill(&r);
}

static void test_write_while_it_goes(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    watch_begin(&w, unix_url(&r), ", \"poll\": \"200ms\"");
    expect(is_missing, &w, "missing");
    rig_redis_signal(&r, SIGSTOP);
    assert_int_equal(write_value(&w, "x"), STORE_FAILED);
    expect(is_lost, &w, "lost");
    w.to_write = (char[]){"y"};
    rig_on_loop(&w.loop, write_now, &w);
    assert_false(w.accepted); /* not connected: not now */
    rig_redis_kill(&r);
    watch_end(&w);
}

/* --- who we are --- */

static void test_password(void **state)
{
    static const char *const with_password[] = {"--requirepass", "s3cret", NULL};
    struct rig_redis r;
    struct watch w;
    char url[PATH_MAX];
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, with_password);
    watch_begin(&w, unix_url(&r), slow_poll);
    expect_error(&w, "NOAUTH");
    watch_end(&w);
    (void)snprintf(url, sizeof(url), "redis://:wr0ng@127.0.0.1:%u", r.port);
    watch_begin(&w, url, slow_poll);
    expect_error(&w, "WRONGPASS");
    assert_null(strstr(seen(&w)->facts.error, "wr0ng"));
    assert_null(strstr(seen(&w)->facts.where, "wr0ng"));
    watch_end(&w);
    (void)snprintf(url, sizeof(url), "redis://:s3cret@127.0.0.1:%u/3", r.port);
    watch_begin(&w, url, slow_poll);
    expect(is_pushed, &w, "pushed");
    assert_null(strstr(seen(&w)->facts.where, "s3cret"));
    watch_end(&w);
    rig_redis_kill(&r);
}

static void test_user_and_database(void **state)
{
    struct rig_redis r;
    struct watch w;
    char url[PATH_MAX];
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    rig_redis_do(&r, "ACL SETUSER weir on >p&allchannels ~weir:* +@all");
    rig_redis_do(&r, "ACL SETUSER weir on >p%%2F allchannels ~weir:* +@all");
    (void)snprintf(url, sizeof(url), "redis://weir:p%%2525@127.0.0.1:%u/3", r.port);
    rig_redis_do(&r, "ACL SETUSER weir on >p%%25 allchannels ~weir:* +@all");
    watch_begin(&w, url, slow_poll);
    expect(is_pushed, &w, "pushed");
    rig_redis_do(&r, "SWAPDB 0 3");
    expect(is_missing, &w, "missing");
    rig_redis_do(&r, "SET weir:control zero"); /* another database */
    rig_redis_do(&r, "EVAL redis.call('SELECT',3)redis.call('SET','weir:control','three') 0");
    expect_holds(&w, "three");
    watch_end(&w);
    rig_redis_kill(&r);
}

static void test_push_not_allowed(void **state)
{
    struct rig_redis r;
    struct watch w;
    char url[PATH_MAX];
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    rig_redis_do(&r, "ACL SETUSER weir on >p ~weir:* +@all -client|tracking");
    (void)snprintf(url, sizeof(url), "redis://weir:p@localhost:%u", r.port);
    watch_begin(&w, url, ", \"poll\": \"50ms\"");
    expect(is_polled, &w, "polled");
    assert_non_null(strstr(seen(&w)->facts.mode, "NOPERM"));
    rig_redis_do(&r, "SET weir:control legacy");
    expect_holds(&w, "legacy"); /* by the poll */
    watch_end(&w);
    rig_redis_kill(&r);
}

/* --- acknowledgements --- */

static void ack_now(void *arg)
{
    struct watch *w = arg;
    store_ack(w->store, SPAN("{\"key\":\"weir:control\",\"epoch\":9,\"document\":8}"));
}

static void on_peers(void *arg, struct peers *p)
{
    struct watch *w = arg;
    pthread_mutex_lock(&w->lock);
    peers_free(&w->seen.peers);
    w->seen.peers = *p;
    w->seen.peers_calls++;
    pthread_mutex_unlock(&w->lock);
}

static void ask_peers(void *arg)
{
    struct watch *w = arg;
    store_peers(w->store, on_peers, w);
}

static void expect_peers(struct watch *w, bool complete, size_t n)
{
    forget(w);
    rig_on_loop(&w->loop, ask_peers, w);
    expect(has_peers, w, "peers");
    assert_int_equal(seen(w)->peers.complete, complete);
    assert_int_equal(seen(w)->peers.n, n);
}

static struct rig_redis *asked;

static bool ack_is_there(void *arg)
{
    return rig_redis_number(asked, "EXISTS weir:ack:%s", (const char *)arg) == 1;
}

static void test_acks(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    asked = &r;
    watch_begin(&w, unix_url(&r), ", \"poll\": \"60s\", \"ack_ttl\": \"1s\"");
    expect(is_pushed, &w, "pushed");
    expect_peers(&w, true, 0);
    rig_on_loop(&w.loop, ack_now, &w);
    assert_true(rig_wait(ack_is_there, (char[]){"me"}, 5000));
    long long left = rig_redis_number(&r, "PTTL weir:ack:me");
    assert_true(left > 0 && left <= 1000);
    expect_peers(&w, true, 1);
    assert_string_equal(seen(&w)->peers.list[0].instance, "me");
    assert_int_equal(seen(&w)->peers.list[0].epoch, 9);
    assert_int_equal(seen(&w)->peers.list[0].document, 8);
    /* Renewed well before it lapses: gone for good, it would be set anew. */
    rig_redis_do(&r, "DEL weir:ack:me");
    assert_true(rig_wait(ack_is_there, (char[]){"me"}, 5000));
    /* Others of our fleet count; other fleets, rubbish and lists do not. */
    for (int i = 0; i < 200; i++)
        rig_redis_do(&r, "SET weir:ack:i%d {\"key\":\"weir:control\",\"document\":%d}", i, i);
    for (int i = 0; i < 3000; i += 100)
        rig_redis_do(&r, "MSET x%d 1 y%d 1 z%d 1", i, i, i);
    rig_redis_do(&r, "SET weir:ack:foreign {\"key\":\"shop:control\",\"document\":1}");
    rig_redis_do(&r, "SET weir:ack:rubbish {{{");
    rig_redis_do(&r, "RPUSH weir:ack:list x");
    expect_peers(&w, true, 201);
    watch_end(&w);
    assert_int_equal(rig_redis_number(&r, "EXISTS weir:ack:me"), 0); /* withdrawn */
    rig_redis_kill(&r);
}

static void yield_now(void *arg)
{
    const struct watch *w = arg;
    store_yield(w->store);
}

/* After an upgrade: another process acknowledges under the same name. */
static void test_acks_yielded(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    asked = &r;
    watch_begin(&w, unix_url(&r), ", \"poll\": \"60s\", \"ack_ttl\": \"1s\"");
    expect(is_pushed, &w, "pushed");
    rig_on_loop(&w.loop, ack_now, &w);
    assert_true(rig_wait(ack_is_there, (char[]){"me"}, 5000));
    rig_on_loop(&w.loop, yield_now, &w);
    rig_redis_do(&r, "SET weir:ack:me theirs");
    rig_on_loop(&w.loop, ack_now, &w);
    watch_end(&w);
    assert_int_equal(rig_redis_number(&r, "STRLEN weir:ack:me"), 6); /* as they left it */
    rig_redis_kill(&r);
}

static void test_peers_without_redis(void **state)
{
    struct rig_redis r;
    struct watch w;
    UNUSED(state);
    rig_redis_begin(&r);
    rig_redis_start(&r, NULL);
    watch_begin(&w, unix_url(&r), ", \"poll\": \"200ms\"");
    expect(is_connected, &w, "connected");
    rig_redis_signal(&r, SIGSTOP);
    expect_peers(&w, false, 0); /* asked, and never answered */
    expect(is_lost, &w, "lost");
    expect_peers(&w, false, 0);
    rig_redis_kill(&r);
    watch_end(&w);
}

int main(void)
{
    const struct CMUnitTest real[] = {
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_push_latency),
        cmocka_unit_test(test_push_comes_back),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_empty_value),
        cmocka_unit_test(test_compare_and_set),
        cmocka_unit_test(test_conflict),
        cmocka_unit_test(test_write_refused),
        cmocka_unit_test(test_down_at_start),
        cmocka_unit_test(test_killed_and_empty),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_write_while_it_goes),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_user_and_database),
        cmocka_unit_test(test_push_not_allowed),
        cmocka_unit_test(test_acks),
        cmocka_unit_test(test_acks_yielded),
        cmocka_unit_test(test_peers_without_redis),
    };
    if (!rig_have_redis()) {
        print_message("redis-server is not installed: its tests are left out\n");
        return 0;
    }
    return cmocka_run_group_tests(real, NULL, NULL);
}
