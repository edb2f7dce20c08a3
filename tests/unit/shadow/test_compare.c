/* Outcomes, hashes of bodies that were too large to keep, and the software fingerprint. What
 * documents come to is in tests/diff. */
#include "tests/unit/shadow/support.h"

#include "base/digest.h"

#include <stdio.h>

static struct bench b;

static int begin(void **state)
{
    UNUSED(state);
    bench_begin(&b);
    bench_rules(&b);
    return 0;
}

static int end(void **state)
{
    UNUSED(state);
    bench_end(&b);
    return 0;
}

static void both(const char *legacy, const char *new_)
{
    b.pair.served = SIDE_LEGACY;
    bench_answer(&b, SIDE_LEGACY, span_str(legacy));
    bench_answer(&b, SIDE_NEW, span_str(new_));
    b.pair.answers[0].outcome = b.pair.answers[1].outcome = ERR_OK;
    b.pair.answers[0].body_hashed = b.pair.answers[1].body_hashed = false;
}

static void expect(enum verdict_kind verdict, const char *reason)
{
    bench_compare(&b);
    assert_string_equal(verdict_word(b.result.verdict), verdict_word(verdict));
    assert_string_equal(b.result.reason == NULL ? "-" : b.result.reason, reason);
}

static void outcomes_come_first(void **state)
{
    UNUSED(state);
    for (enum side served = SIDE_LEGACY; served <= SIDE_NEW; served++) {
        enum side copy = side_other(served);
        both("{\"a\":1}", "{\"a\":2}");
        b.pair.served = served;
        b.pair.answers[served].outcome = ERR_BACKEND_RESET;
        expect(VERDICT_SKIPPED, "truncated");
        assert_int_equal(b.result.nfindings, 0);
        b.pair.answers[copy].outcome = ERR_BACKEND_RESET; /* both: still not the copy's fault */
        expect(VERDICT_SKIPPED, "truncated");
        b.pair.answers[served].has_head = false;
        expect(VERDICT_SKIPPED, "no_answer");
        b.pair.answers[served].has_head = true;
        b.pair.answers[served].outcome = ERR_OK;
        expect(VERDICT_FAILED, "backend_reset");
        b.pair.answers[copy].outcome = ERR_SHADOW_TIMEOUT;
        expect(VERDICT_FAILED, "timeout");
        b.pair.answers[copy].outcome = ERR_OK;
        b.pair.answers[copy].has_head = false;
        expect(VERDICT_FAILED, "no_answer");
        assert_int_equal(b.result.nfindings, 0);
    }
}

/* Makes an answer one of which only the first bytes were kept. */
static void shorten(enum side side, size_t kept)
{
    struct shadow_answer *a = &b.pair.answers[side];
    assert_int_equal(digest_of(buf_span(&a->body), a->body_sha256), ERR_OK);
    a->body_hashed = true;
    a->body.n = kept;
}

static void large_bodies_are_compared_by_hash(void **state)
{
    UNUSED(state);
    both("{\"a\":1, \"b\":2}", "{\"a\":1, \"b\":2}");
    shorten(SIDE_LEGACY, 4);
    shorten(SIDE_NEW, 4);
    expect(VERDICT_MATCH, "-");
    assert_string_equal(b.result.body, "equal");
    both("{\"a\":1, \"b\":2}", "{\"a\":1, \"b\":2}");
    shorten(SIDE_NEW, 4); /* the kept one is hashed */
    expect(VERDICT_MATCH, "-");
    both("{\"a\":1, \"b\":2}", "{\"a\":1, \"b\":3}");
    shorten(SIDE_NEW, 4);
    expect(VERDICT_SKIPPED, "truncated");
    assert_int_equal(b.result.nfindings, 0);
    both("{\"a\":1, \"b\":2}", "{\"a\":1}");
    shorten(SIDE_LEGACY, 4);
    shorten(SIDE_NEW, 4);
    expect(VERDICT_SKIPPED, "truncated"); /* other lengths prove nothing: the spacing may differ */
    both("{\"a\":1, \"b\":2}", "{\"a\":1, \"b\":2}");
    b.pair.answers[SIDE_NEW].body.n = 4; /* not kept and not hashed */
    expect(VERDICT_SKIPPED, "truncated");
}

static void other_codings_make_hashes_incomparable(void **state)
{
    UNUSED(state);
    both("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nsame bytes",
         "HTTP/1.1 200 OK\r\n\r\nsame bytes");
    shorten(SIDE_LEGACY, 2);
    shorten(SIDE_NEW, 2);
    expect(VERDICT_SKIPPED, "truncated");
}

static void a_large_body_with_another_status_is_a_mismatch(void **state)
{
    UNUSED(state);
    both("HTTP/1.1 200 OK\r\n\r\n{\"a\":1}", "HTTP/1.1 201 OK\r\n\r\n{\"a\":2}");
    shorten(SIDE_LEGACY, 2);
    shorten(SIDE_NEW, 2);
    expect(VERDICT_MISMATCH, "-");
    assert_string_equal(b.result.body, "truncated");
    bench_expect_count(&b, 1);
}

static void the_stack_is_told_and_bounded(void **state)
{
    static const char fields[] =
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22\r\nX-Powered-By: PHP/8\r\nX-AspNet-Version: "
        "0123456789012345678901234567890123456789012345678901234567890123456789\r\n\r\n";
    UNUSED(state);
    both(fields, "HTTP/1.1 200 OK\r\nserver: uvicorn\r\nX-Other: 1\r\n\r\n");
    bench_compare(&b);
    assert_true(span_eq(span_of(b.result.stack[SIDE_LEGACY].text, b.result.stack[SIDE_LEGACY].n),
                        SPAN("server: nginx/1.22; x-powered-by: PHP/8")));
    assert_true(span_eq(span_of(b.result.stack[SIDE_NEW].text, b.result.stack[SIDE_NEW].n),
                        SPAN("server: uvicorn")));
    bench_expect_count(&b, 1);
    bench_expect(&b, "header:x-other", KIND_HEADER);
}

/* A field that the head has dropped was never there. */
static void dropped_fields_do_not_count(void **state)
{
    UNUSED(state);
    both("HTTP/1.1 200 OK\r\nForwarded: a\r\nSet-Cookie: a=1\r\nServer: x\r\n\r\n",
         "HTTP/1.1 200 OK\r\n\r\n");
    http_head_drop(&b.pair.answers[0].head, HTTP_FORWARDED);
    http_head_drop(&b.pair.answers[0].head, HTTP_SET_COOKIE);
    expect(VERDICT_MATCH, "-");
}

static void a_hundred_cookies_and_fields_are_survived(void **state)
{
    struct buf text = BUF_INIT(0);
    UNUSED(state);
    assert_int_equal(buf_printf(&text, "HTTP/1.1 200 OK\r\n"), ERR_OK);
    for (int i = 0; i < 200; i++)
        assert_int_equal(buf_printf(&text,
                                    "Set-Cookie: c%c%c=%d; Path=/\r\nVary: a%d\r\nX-F%d: 1\r\n",
                                    'a' + i / 20, 'a' + i % 20, i, i, i),
                         ERR_OK);
    assert_int_equal(buf_append(&text, SPAN("\r\n")), ERR_OK);
    bench_answer(&b, SIDE_LEGACY, buf_span(&text));
    bench_answer(&b, SIDE_NEW, SPAN("HTTP/1.1 200 OK\r\n\r\n"));
    bench_compare(&b);
    assert_int_equal(b.result.verdict, VERDICT_MISMATCH);
    assert_int_equal(b.result.nfindings, DIFF_FINDINGS_MAX);
    assert_true(b.result.more >= 137);
    buf_free(&text);
}

static void names_in_cookies_lose_their_ids(void **state)
{
    UNUSED(state);
    both("HTTP/1.1 200 OK\r\nSet-Cookie: wp_sec_3f2a9c01deadbeef=1; Path=/\r\n\r\n",
         "HTTP/1.1 200 OK\r\n\r\n");
    bench_compare(&b);
    bench_expect(&b, "header:set-cookie[wp_sec_{}]", KIND_HEADER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_come_first),
        cmocka_unit_test(large_bodies_are_compared_by_hash),
        cmocka_unit_test(other_codings_make_hashes_incomparable),
        cmocka_unit_test(a_large_body_with_another_status_is_a_mismatch),
        cmocka_unit_test(the_stack_is_told_and_bounded),
        cmocka_unit_test(dropped_fields_do_not_count),
        cmocka_unit_test(a_hundred_cookies_and_fields_are_survived),
        cmocka_unit_test(names_in_cookies_lose_their_ids),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
