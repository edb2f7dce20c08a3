/* What asking again says of a pair that differed. */
#include "tests/unit/shadow/support.h"

#include "shadow/settle.h"

#include <stdio.h>
#include <stdlib.h>

struct desk {
    struct bench bench;
    struct comparer second;
    struct settlement said;
};

static int begin(void **state)
{
    struct desk *d = calloc(1, sizeof(*d));
    bench_begin(&d->bench);
    d->bench.route.shadow.version_header = "X-Data-Version";
    bench_ignore(&d->bench, "header:x-data-version");
    bench_rules(&d->bench);
    compare_begin(&d->second, 1 << 20);
    *state = d;
    return 0;
}

static int end(void **state)
{
    struct desk *d = *state;
    struct shadow_pair *p = &d->bench.pair;
    for (size_t i = 0; i < p->rounds; i++)
        for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
            buf_free(&p->again[i][s].body);
    compare_end(&d->second);
    bench_end(&d->bench);
    free(d);
    return 0;
}

static const char *with_head(char out[512], const char *body)
{
    bool whole = strncmp(body, "HTTP/", 5) == 0;
    (void)snprintf(out, 512, "%s%s",
                   whole ? "" : "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", body);
    return out;
}

static void answers(struct desk *d, const char *legacy, const char *new_)
{
    char text[512];
    bench_answer(&d->bench, SIDE_LEGACY, span_str(with_head(text, legacy)));
    bench_answer(&d->bench, SIDE_NEW, span_str(with_head(text, new_)));
}

/* Rounds are given before the pair itself: the same two answers are filled in again and again. */
static void round_is(struct desk *d, const char *legacy, const char *new_)
{
    struct shadow_pair *p = &d->bench.pair;
    answers(d, legacy, new_);
    assert_true(shadow_pair_may_repeat(p));
    memcpy(p->again[p->rounds++], p->answers, sizeof(p->answers));
    memset(p->answers, 0, sizeof(p->answers));
}

static enum settled pair_is(struct desk *d, const char *legacy, const char *new_)
{
    answers(d, legacy, new_);
    bench_compare(&d->bench);
    settle(&d->second, &d->bench.pair, &d->bench.result, &d->said);
    return d->said.said;
}

#define V1 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Data-Version: 1\r\n\r\n"
#define V2 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-data-version: 2\r\n\r\n"

static void a_match_is_not_looked_at_again(void **state)
{
    assert_int_equal(pair_is(*state, "{\"a\":1}", "{\"a\":1}"), SETTLED_NOTHING);
    assert_false(((struct desk *)*state)->said.wants_round);
}

static void the_first_look_wants_a_second(void **state)
{
    struct desk *d = *state;
    assert_int_equal(pair_is(d, "{\"a\":1}", "{\"a\":2}"), SETTLED_UNCHECKED);
    assert_true(d->said.wants_round);
    d->bench.pair.recheck = SHADOW_RECHECK_UNSAFE;
    assert_int_equal(pair_is(d, "{\"a\":1}", "{\"a\":2}"), SETTLED_UNCHECKED);
    assert_false(d->said.wants_round);
    assert_int_equal(d->said.end, SHADOW_RECHECK_UNSAFE);
}

static void what_stays_is_persistent(void **state)
{
    struct desk *d = *state;
    round_is(d, "{\"a\":1}", "{\"a\":2}");
    assert_int_equal(pair_is(d, "{\"a\":1}", "{\"a\":2}"), SETTLED_PERSISTENT);
    assert_true(d->said.wants_round);
    assert_int_equal(d->said.rounds, 1);
}

static void two_rounds_are_enough(void **state)
{
    struct desk *d = *state;
    round_is(d, "{\"a\":1}", "{\"a\":2}");
    round_is(d, "{\"a\":3}", "{\"a\":4}");
    assert_int_equal(pair_is(d, "{\"a\":1}", "{\"a\":2}"), SETTLED_PERSISTENT);
    assert_false(d->said.wants_round);
    assert_int_equal(d->said.rounds, 2);
}

static void what_is_gone_is_transient(void **state)
{
    struct desk *d = *state;
    round_is(d, "{\"a\":2}", "{\"a\":2}");
    assert_int_equal(pair_is(d, "{\"a\":1}", "{\"a\":2}"), SETTLED_TRANSIENT);
    assert_false(d->said.wants_round);
}

static void each_finding_for_itself(void **state)
{
    struct desk *d = *state;
    round_is(d, "{\"a\":1,\"b\":1}", "{\"a\":1,\"b\":2}");
    assert_int_equal(pair_is(d, "{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":2}"), SETTLED_PERSISTENT);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(d->said.gone[i], span_eq(d->bench.result.findings[i].path, SPAN("$.a")));
}

/* Another kind at the same place, or all of the object around it: it is still there. */
static void another_shape_of_it_is_not_gone(void **state)
{
    struct desk *d = *state;
    round_is(d, "{\"a\":{\"b\":1}}", "{\"a\":7}");
    assert_int_equal(pair_is(d, "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}"), SETTLED_PERSISTENT);
}

static void a_name_that_begins_alike_is_another(void **state)
{
    struct desk *d = *state;
    round_is(d, "{\"a\":1,\"ab\":1}", "{\"a\":1,\"ab\":2}");
    assert_int_equal(pair_is(d, "{\"a\":1,\"ab\":1}", "{\"a\":2,\"ab\":1}"), SETTLED_TRANSIENT);
}

/* An error page says nothing about the body that was not there. */
static void what_was_not_seen_is_not_gone(void **state)
{
    struct desk *d = *state;
    round_is(d, "{\"a\":1}", "HTTP/1.1 500 Oh\r\n\r\n");
    assert_int_equal(pair_is(d, "{\"a\":1}", "{\"a\":2}"), SETTLED_PERSISTENT);
}

#define CALL(trailer) "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n" trailer "\r\n"

/* How a call ended was compared, also where the bodies could not be. */
static void a_call_that_ends_alike_is_gone(void **state)
{
    static const char ended[] = CALL("grpc-status: 0\r\nContent-Encoding: zstd\r\n") "a";
    struct desk *d = *state;
    round_is(d, ended, CALL("grpc-status: 0\r\nContent-Encoding: zstd\r\nx-new: 1\r\n") "b");
    assert_int_equal(pair_is(d, ended, CALL("grpc-status: 14\r\n")), SETTLED_TRANSIENT);
}

static void a_call_behind_another_status_is_not_gone(void **state)
{
    struct desk *d = *state;
    round_is(d, CALL("grpc-status: 0\r\n"), "HTTP/1.1 503 Oh\r\n\r\n");
    assert_int_equal(pair_is(d, CALL("grpc-status: 0\r\n"), CALL("grpc-status: 14\r\n")),
                     SETTLED_PERSISTENT);
}

static void no_answer_says_nothing(void **state)
{
    struct desk *d = *state;
    round_is(d, "{\"a\":1}", "{\"a\":1}");
    d->bench.pair.again[0][SIDE_NEW].outcome = ERR_CONNECT_REFUSED;
    assert_int_equal(pair_is(d, "{\"a\":1}", "{\"a\":2}"), SETTLED_UNCHECKED);
    assert_int_equal(d->said.end, SHADOW_RECHECK_FAILED);
    assert_true(d->said.wants_round);
}

static void other_versions_of_the_data_are_skew(void **state)
{
    struct desk *d = *state;
    assert_int_equal(pair_is(d, V1 "{\"a\":1}", V2 "{\"a\":2}"), SETTLED_SKEW);
    assert_true(d->said.wants_round);
    assert_int_equal(pair_is(d, V1 "{\"a\":1}", "{\"a\":2}"), SETTLED_UNCHECKED);
}

static void skew_that_stays_is_skew(void **state)
{
    struct desk *d = *state;
    round_is(d, V1 "{\"a\":1}", V2 "{\"a\":2}");
    round_is(d, V1 "{\"a\":1}", V2 "{\"a\":2}");
    assert_int_equal(pair_is(d, V1 "{\"a\":1}", V2 "{\"a\":2}"), SETTLED_SKEW);
    assert_false(d->said.wants_round);
}

static void skew_that_ends_is_judged(void **state)
{
    struct desk *d = *state;
    round_is(d, V2 "{\"a\":2}", V2 "{\"a\":3}");
    assert_int_equal(pair_is(d, V1 "{\"a\":1}", V2 "{\"a\":3}"), SETTLED_PERSISTENT);
}

static void skew_that_ends_well_is_transient(void **state)
{
    struct desk *d = *state;
    round_is(d, V2 "{\"a\":3}", V2 "{\"a\":3}");
    assert_int_equal(pair_is(d, V1 "{\"a\":1}", V2 "{\"a\":3}"), SETTLED_TRANSIENT);
}

static void words_are_stable(void **state)
{
    static const char *const words[] = {"nothing", "persistent", "transient", "skew", "unchecked"};
    enum settled back;
    UNUSED(state);
    for (enum settled s = 0; s < SETTLED_KINDS; s++) {
        assert_string_equal(settled_word(s), words[s]);
        assert_true(settled_of(span_str(words[s]), &back) && back == s);
    }
    assert_false(settled_of(SPAN("gone"), &back));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_match_is_not_looked_at_again),
        TEST(the_first_look_wants_a_second),
        TEST(what_stays_is_persistent),
        TEST(two_rounds_are_enough),
        TEST(what_is_gone_is_transient),
        TEST(each_finding_for_itself),
        TEST(another_shape_of_it_is_not_gone),
        TEST(a_name_that_begins_alike_is_another),
        TEST(what_was_not_seen_is_not_gone),
        TEST(a_call_that_ends_alike_is_gone),
        TEST(a_call_behind_another_status_is_not_gone),
        TEST(no_answer_says_nothing),
        TEST(other_versions_of_the_data_are_skew),
        TEST(skew_that_stays_is_skew),
        TEST(skew_that_ends_is_judged),
        TEST(skew_that_ends_well_is_transient),
        cmocka_unit_test(words_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
