/* Where WebSocket frames end: each case whole, byte by byte and at random cuts. And the handshake's
 * arithmetic, which is RFC 6455's own example. */
#include "http/ws.h"

#include "tests/unit/base/seeded.h"
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/arena_fixture.h"

#include <stdlib.h>

struct ws_case {
    const char *name;
    struct span in;
    bool masked;
    size_t ends[8]; /* where frames end, then 0 */
    bool close;
    bool lost; /* somewhere behind them */
};

#define MASK "\x01\x02\x03\x04"

static const struct ws_case cases[] = {
    {"text", SPAN("\x81\x02hi"), false, {4}, false, false},
    {"empty", SPAN("\x81\x00\x82\x00"), false, {2, 4}, false, false},
    {"masked", SPAN("\x81\x82" MASK "hi"), true, {8}, false, false},
    {"masked and empty", SPAN("\x89\x80" MASK), true, {6}, false, false},
    {"unfinished", SPAN("\x81\x03hi"), false, {0}, false, false},
    {"unfinished header", SPAN("\x81\x7e\x00"), false, {0}, false, false},
    {"fragments with a ping between",
     SPAN("\x01\x01x\x89\x01!\x00\x01y\x80\x01z"),
     false,
     {3, 6, 9, 12},
     false,
     false},
    {"16 bits",
     SPAN("\x82\x7e\x00\x03"
          "abc\x81\x00"),
     false,
     {7, 9},
     false,
     false},
    {"16 bits, masked",
     SPAN("\x82\xfe\x00\x03" MASK "abc\x81\x80" MASK),
     true,
     {11, 17},
     false,
     false},
    {"64 bits",
     SPAN("\x82\x7f\0\0\0\0\0\0\0\x02"
          "ab\x81\x00"),
     false,
     {12, 14},
     false,
     false},
    {"64 bits, huge",
     SPAN("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"
          "ab\x81\x00"),
     false,
     {0},
     false,
     false},
    {"64 bits, too many",
     SPAN("\x82\x7f\x80\0\0\0\0\0\0\0"
          "ab"),
     false,
     {0},
     false,
     true},
    {"reserved bits belong to extensions", SPAN("\xc1\x01x\xf2\x01y"), false, {3, 6}, false, false},
    {"close", SPAN("\x81\x01x\x88\x02\x03\xe8"), false, {3, 7}, true, false},
    {"close without a code", SPAN("\x88\x80" MASK), true, {6}, true, false},
    {"half a close", SPAN("\x88\x02\x03"), false, {0}, false, false},
    {"frames behind a close", SPAN("\x88\x00\x81\x01x"), false, {2, 5}, true, false},
    {"reserved opcode", SPAN("\x81\x00\x83\x00"), false, {2}, false, true},
    {"reserved control", SPAN("\x8b\x00"), false, {0}, false, true},
    {"control in fragments", SPAN("\x09\x00"), false, {0}, false, true},
    {"control too long", SPAN("\x88\x7e\x00\x01x"), false, {0}, false, true},
    {"mask missing", SPAN("\x81\x00\x81\x00"), true, {0}, false, true},
    {"mask too many", SPAN("\x81\x80" MASK), false, {0}, false, true},
    {"something else", SPAN("GET / HTTP/1.1\r\n\r\n"), false, {0}, false, true},
};

static void run(const struct ws_case *c, size_t piece, uint64_t number)
{
    struct seeded seed = seeded_begin(number);
    struct ws w;
    size_t at = 0, next = 0;
    ws_begin(&w, c->masked);
    assert_true(ws_is_between(&w));
    while (at < c->in.n) {
        size_t n = piece == 0 ? c->in.n : 1 + seeded_below(&seed, piece);
        n = min_size(n, c->in.n - at);
        char *exact = malloc(n); /* nothing behind it is looked at */
        memcpy(exact, c->in.p + at, n);
        size_t used = ws_follow(&w, span_of(exact, n));
        free(exact);
        assert_true(used > 0 && used <= n);
        at += used;
        if (ws_is_between(&w)) {
            if (at != c->ends[next])
                fail_msg("%s, pieces of %zu, seed %llu: a frame ends at %zu", c->name, piece,
                         (unsigned long long)number, at);
            next++;
        }
    }
    if (c->ends[next] != 0 || w.lost != c->lost || w.said_close != c->close)
        fail_msg("%s, pieces of %zu, seed %llu: %zu frames, lost %d, close %d", c->name, piece,
                 (unsigned long long)number, next, w.lost, w.said_close);
}

static void test_frames(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        run(&cases[i], 0, 0);
        run(&cases[i], 1, 0);
        for (uint64_t seed = 1; seed <= 20; seed++)
            run(&cases[i], 2 + seed % 5, seed);
    }
}

/* What we say is a frame of its own, by our own measure and by the RFC's bytes. */
static void test_close(void **state)
{
    char out[WS_CLOSE_MAX];
    UNUSED(state);
    size_t n = ws_close(out, WS_GOING_AWAY, false);
    assert_true(span_eq(span_of(out, n), SPAN("\x88\x02\x03\xe9")));
    n = ws_close(out, WS_SERVICE_RESTART, true);
    assert_int_equal(n, 8);
    assert_memory_equal(out, "\x88\x82", 2);
    assert_int_equal((unsigned char)(out[6] ^ out[2]), 1012 >> 8);
    assert_int_equal((unsigned char)(out[7] ^ out[3]), 1012 & 0xff);
    struct ws w;
    ws_begin(&w, true);
    assert_int_equal(ws_follow(&w, span_of(out, n)), 8);
    assert_true(w.said_close && ws_is_between(&w));
}

static void test_accept(void **state)
{
    char out[WS_ACCEPT_LEN];
    UNUSED(state);
    assert_int_equal(ws_accept_for(SPAN("dGhlIHNhbXBsZSBub25jZQ=="), out), ERR_OK);
    assert_true(span_eq(span_of(out, sizeof(out)), SPAN("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    assert_int_equal(ws_accept_for(SPAN("short"), out), ERR_BAD_WEBSOCKET);
}

static void test_own_key(void **state)
{
    struct http_head h;
    UNUSED(state);
    http_head_begin(&h, &arena, false);
    assert_int_equal(http_head_add(&h, SPAN("Sec-WebSocket-Key"), SPAN("theirs")), ERR_OK);
    assert_int_equal(ws_open_key(&h), ERR_OK);
    struct span key = http_head_value(&h, HTTP_SEC_WEBSOCKET_KEY);
    assert_int_equal(key.n, WS_KEY_LEN);
    assert_true(span_has_suffix(key, SPAN("==")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_own_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
