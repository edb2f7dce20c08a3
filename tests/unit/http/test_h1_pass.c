/* Bodies that pass the codecs by: how much may, when nothing may, and that both messages then go on
 * and end as if they had seen every byte. */
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/rig.h"

#include "http/h1_internal.h"

#define ANSWER(n) "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n\r\n"

/* A server's answer on one connection, the answer to a client on the other. */
struct pair {
    struct rig from, to;
    struct http_stream *in, *out;
};

static void begin(struct pair *p, struct rig_script answer, struct span server)
{
    static const struct rig_script get = {.when = ON_HEAD};
    assert_int_equal(rig_begin(&p->from, RIG_H1_BACKEND, &get, 1), ERR_OK);
    assert_true(rig_ask(&p->from));
    rig_feed(&p->from, server, 0, NULL);
    p->in = &h1_of(p->from.codec)->stream;
    assert_int_equal(rig_begin(&p->to, RIG_H1_CLIENT, &answer, 1), ERR_OK);
    rig_feed(&p->to, SPAN("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 0, NULL);
    p->out = &h1_of(p->to.codec)->stream;
}

static void end(struct pair *p)
{
    rig_end(&p->from);
    rig_end(&p->to);
}

static struct rig_script promise(const char *fields)
{
    return (struct rig_script){.when = ON_HEAD, .fields = fields, .body = "x", .stop = SENT_HEAD};
}

static void test_counts(void **state)
{
    struct pair p = {0};
    UNUSED(state);
    begin(&p, promise("Content-Length: 12"), SPAN(ANSWER(10) "ab"));
    assert_ptr_equal(codec_passing(p.from.codec), p.in);
    assert_int_equal(http_may_pass(p.in, p.out), 7); /* never the last one */
    http_passed(p.in, p.out, 4);
    assert_int_equal(http_may_pass(p.in, p.out), 3);
    rig_feed(&p.from, SPAN("ghi"), 0, NULL);
    assert_int_equal(http_may_pass(p.in, p.out), 0);
    assert_ptr_equal(codec_passing(p.from.codec), p.in);
    rig_feed(&p.from, SPAN("j"), 0, NULL);
    assert_string_equal(rig_diary(&p.from),
                        "head 200 Content-Length=10\nbody abghij\nend ok\ngone ok\n");
    assert_true(codec_is_reusable(p.from.codec));
    assert_null(codec_passing(p.from.codec));
    end(&p);
}

/* What the client was promised bounds it too, and what is missing is still missing. */
static void test_promise(void **state)
{
    struct pair p = {0};
    UNUSED(state);
    begin(&p, promise("Content-Length: 5"), SPAN(ANSWER(100)));
    assert_int_equal(http_may_pass(p.in, p.out), 4);
    http_passed(p.in, p.out, 4);
    assert_int_not_equal(http_send_end(p.out, NULL), ERR_OK);
    end(&p);
}

static void test_cut_short(void **state)
{
    struct pair p = {0};
    UNUSED(state);
    begin(&p, promise("Content-Length: 10"), SPAN(ANSWER(10)));
    http_passed(p.in, p.out, 9);
    rig_close(&p.from, ERR_OK);
    assert_string_equal(rig_diary(&p.from), "head 200 Content-Length=10\ngone backend_closed\n");
    end(&p);
}

struct none_case {
    const char *name;
    struct rig_script answer;
    struct span server;
};

static void test_none(void **state)
{
    static const struct none_case cases[] = {
        {"chunks arrive",
         {.when = ON_HEAD, .fields = "Content-Length: 9", .body = "x", .stop = SENT_HEAD},
         SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")},
        {"no length arrives",
         {.when = ON_HEAD, .fields = "Content-Length: 9", .body = "x", .stop = SENT_HEAD},
         SPAN("HTTP/1.1 200 OK\r\n\r\nab")},
        {"the head has not come",
         {.when = ON_HEAD, .fields = "Content-Length: 9", .body = "x", .stop = SENT_HEAD},
         SPAN("HTTP/1.1 200 OK\r\n")},
        {"all has come",
         {.when = ON_HEAD, .fields = "Content-Length: 9", .body = "x", .stop = SENT_HEAD},
         SPAN(ANSWER(9) "abcdefghi")},
        {"chunks are sent", {.when = ON_HEAD, .body = "x", .stop = SENT_HEAD}, SPAN(ANSWER(9))},
        {"nothing was sent", {.when = BY_HAND, .body = "x"}, SPAN(ANSWER(9))},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pair p = {0};
        begin(&p, cases[i].answer, cases[i].server);
        if (http_may_pass(p.in, p.out) != 0)
            fail_msg("%s", cases[i].name);
        end(&p);
    }
}

/* What came before goes first. */
static void test_queued(void **state)
{
    struct pair p = {.to.lazy = true, .to.window = 1};
    UNUSED(state);
    begin(&p, promise("Content-Length: 10"), SPAN(ANSWER(10)));
    assert_int_equal(http_may_pass(p.in, p.out), 0);
    while (p.to.out.n > 0)
        rig_flush(&p.to);
    assert_int_equal(http_may_pass(p.in, p.out), 9);
    end(&p);
}

static void test_held(void **state)
{
    static const struct rig_script hold = {.when = ON_HEAD, .hold = true};
    struct rig r = {0};
    UNUSED(state);
    assert_int_equal(rig_begin(&r, RIG_H1_BACKEND, &hold, 1), ERR_OK);
    assert_true(rig_ask(&r));
    rig_feed(&r, SPAN(ANSWER(10) "ab"), 0, NULL);
    assert_null(codec_passing(r.codec));
    rig_release(&r);
    assert_non_null(codec_passing(r.codec));
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),    cmocka_unit_test(test_promise),
        cmocka_unit_test(test_cut_short), cmocka_unit_test(test_none),
        cmocka_unit_test(test_queued),    cmocka_unit_test(test_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
