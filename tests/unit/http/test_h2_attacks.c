/* HTTP/2 from clients that break the rules: malformed requests, raw frames, floods. Nothing of it
 * reaches an owner as a good request, nothing grows without bound, nothing is read out of bounds.
 */
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/h2_peer.h"

#include <stdio.h>
#include <stdlib.h>

/* --- malformed requests --- */

static void test_malformed_requests(void **state)
{
    static const char *const cases[] = {
        /* pseudo-header fields */
        ":method: GET|:scheme: http|:authority: a",
        ":scheme: http|:authority: a|:path: /",
        ":method: GET|:authority: a|:path: /",
        ":method: GET|:scheme: http|:path: /",
        ":method: GET|:scheme: http|:authority: a|:path: ",
        ":method: |:scheme: http|:authority: a|:path: /",
        ":method: GET|:method: GET|:scheme: http|:authority: a|:path: /",
        ":method: GET|:scheme: http|:scheme: http|:authority: a|:path: /",
        ":method: GET|:scheme: http|:authority: a|:path: /|:path: /",
        ":method: GET|:scheme: http|:authority: a|:authority: a|:path: /",
        ":method: GET|:scheme: http|:authority: a|x: y|:path: /",
        PEER_GET("/") "|:status: 200",
        PEER_GET("/") "|:protocol: websocket",
        PEER_GET("/") "|:unknown: x",
        ":method: G T|:scheme: http|:authority: a|:path: /",
        ":method: GET|:scheme: http|:authority: a|:path: x",
        ":method: GET|:scheme: http|:authority: a|:path: *",
        ":method: GET|:scheme: http|:authority: a|:path: /a b",
        ":method: GET|:scheme: http|:authority: a|:path: /a\r\nHost: b",
        ":method: GET|:scheme: http|:authority: a\r\nX: y|:path: /",
        ":method: GET|:scheme: http|:authority: a b|:path: /",
        ":method: GET|:scheme: http|:authority: |:path: /",
        ":method: CONNECT|:scheme: http|:authority: a:1|:path: /",
        /* fields that mean a connection, or that HTTP/1 would frame by */
        PEER_GET("/") "|connection: close",
        PEER_GET("/") "|keep-alive: 1",
        PEER_GET("/") "|proxy-connection: close",
        PEER_GET("/") "|transfer-encoding: chunked",
        PEER_GET("/") "|upgrade: h2c",
        PEER_GET("/") "|te: gzip",
        PEER_GET("/") "|host: a|host: a",
        PEER_GET("/") "|host: b|host: a",
        /* values that HTTP/1 would read as more than a value */
        PEER_GET("/") "|x: a\r\nEvil: b",
        PEER_GET("/") "|x: a\nEvil: b",
        PEER_GET("/") "|x: a\rb",
        PEER_GET("/") "|x: a\x01",
        PEER_GET("/") "|x: a\x7f",
        PEER_GET("/") "|x:   leading",
        PEER_GET("/") "|x: trailing ",
        PEER_GET("/") "|x y: z",
        PEER_GET("/") "|x\r\nevil: z",
        /* lengths */
        PEER_GET("/") "|content-length: 5",
        PEER_GET("/") "|content-length: 0|content-length: 0",
        PEER_GET("/") "|content-length: +0",
        PEER_GET("/") "|content-length: ",
        PEER_GET("/") "|content-length: 0, 0",
        PEER_GET("/") "|content-length: -1",
        PEER_GET("/") "|content-length: 99999999999999999999",
    };
    static const struct rig_script script[] = {{.when = ON_END, .status = 400}};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct peer p;
        struct rig rig = {.window = 0};
        assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
        peer_begin(&p, &rig, false);
        struct peer_stream *s = peer_ask(&p, cases[i], NULL, 0, NULL);
        peer_pump(&p, 0, NULL);
        bool refused = strstr(rig_diary(&rig), "refused") != NULL;
        bool seen = strstr(rig_diary(&rig), "head") != NULL;
        if ((seen && !refused) || !s->closed || (!refused && s->code == 0) || p.goaway)
            fail_msg("\"%s\": %s\n%s", cases[i], rig_diary(&rig), peer_got(s));
        assert_true(codec_is_idle(rig.codec));
        peer_end(&p);
        rig_end(&rig);
    }
}

static void test_length_against_data(void **state)
{
    static const struct {
        const char *fields, *body;
    } cases[] = {
        {PEER_POST("/") "|content-length: 2", "abc"},
        {PEER_POST("/") "|content-length: 4", "abc"},
        {PEER_POST("/") "|content-length: 0", "abc"},
        {PEER_POST("/") "|content-length: 1", ""},
    };
    static const struct rig_script script[] = {{.when = ON_END}};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct peer p;
        struct rig rig = {.window = 0};
        assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
        peer_begin(&p, &rig, false);
        struct peer_stream *s =
            peer_ask(&p, cases[i].fields, cases[i].body, strlen(cases[i].body), NULL);
        peer_pump(&p, 0, NULL);
        assert_null(strstr(rig_diary(&rig), "end ok")); /* never a complete request */
        assert_non_null(strstr(rig_diary(&rig), "gone bad_frame"));
        assert_int_equal(s->code, NGHTTP2_PROTOCOL_ERROR);
        peer_end(&p);
        rig_end(&rig);
    }
}

static void test_bad_trailers(void **state)
{
    static const char *const cases[] = {"content-length: 4", ":path: /", "connection: close",
                                        "x: a\r\nb", "X\ty: z"};
    static const struct rig_script script[] = {{.when = ON_END}};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct peer p;
        struct rig rig = {.window = 0};
        assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
        peer_begin(&p, &rig, false);
        (void)peer_ask(&p, PEER_POST("/"), "abc", 3, cases[i]);
        peer_pump(&p, 0, NULL);
        assert_string_equal(rig_diary(&rig), "1 head POST / a\n1 body abc\n1 gone bad_frame\n");
        peer_end(&p);
        rig_end(&rig);
    }
}

/* --- raw frames --- */

struct raw {
    char p[400000];
    size_t n;
};

static void put(struct raw *r, struct span s)
{
    assert_true(r->n + s.n <= sizeof(r->p));
    memcpy(r->p + r->n, s.p, s.n);
    r->n += s.n;
}

static void frame(struct raw *r, unsigned type, unsigned flags, uint32_t id, struct span payload)
{
    unsigned char head[9] = {
        (unsigned char)(payload.n >> 16),
        (unsigned char)(payload.n >> 8),
        (unsigned char)payload.n,
        (unsigned char)type,
        (unsigned char)flags,
        (unsigned char)(id >> 24),
        (unsigned char)(id >> 16),
        (unsigned char)(id >> 8),
        (unsigned char)id,
    };
    put(r, span_of(head, 9));
    put(r, payload);
}

static void preface(struct raw *r)
{
    r->n = 0;
    put(r, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    frame(r, NGHTTP2_SETTINGS, 0, 0, SPAN(""));
}

/* GET / of http://a, by HPACK's static table and one literal. */
#define BLOCK                   \
    SPAN("\x82\x84\x86\x41\x01" \
         "a")
enum { END_STREAM = 1, END_HEADERS = 4, ACK = 1 };

static struct raw raw;

struct outcome {
    bool failed, done, goaway;
    size_t wrote;
    char diary[4000];
};

static bool has_goaway(struct span wire)
{
    while (wire.n >= 9) {
        const unsigned char *h = (const unsigned char *)wire.p;
        size_t n = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
        if (h[3] == NGHTTP2_GOAWAY)
            return true;
        if (wire.n < 9 + n)
            return false;
        wire = span_from(wire, 9 + n);
    }
    return false;
}

static void feed_raw(size_t piece, struct outcome *out)
{
    static const struct rig_script script[] = {{.when = ON_END, .body = "x"}};
    struct rig rig = {.window = 0};
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    rig_feed(&rig, span_of(raw.p, raw.n), piece, NULL);
    (void)snprintf(out->diary, sizeof(out->diary), "%s", rig_diary(&rig));
    out->failed = rig.failed;
    out->done = codec_is_done(rig.codec);
    out->goaway = has_goaway(rig_span(&rig.wire));
    out->wrote = rig.wire.n;
    rig_close(&rig, ERR_CLIENT_CLOSED);
    rig_end(&rig);
}

/* The whole connection ends, one way or the other, whatever the cuts. */
static void ends(const char *name)
{
    for (size_t piece = 0; piece < 2; piece++) {
        struct outcome out;
        feed_raw(piece, &out);
        if (!out.failed && !(out.done && out.goaway))
            fail_msg("%s: the connection goes on", name);
    }
}

static void goes_on(const char *name, const char *diary)
{
    for (size_t piece = 0; piece < 2; piece++) {
        struct outcome out;
        feed_raw(piece, &out);
        if (out.failed || out.done || out.goaway || strstr(out.diary, diary) == NULL)
            fail_msg("%s: %s, failed %d, done %d, goaway %d", name, out.diary, out.failed, out.done,
                     out.goaway);
    }
}

static void test_not_http2(void **state)
{
    UNUSED(state);
    raw.n = 0;
    put(&raw, SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    ends("HTTP/1");
    raw.n = 0;
    put(&raw, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"));
    ends("a broken preface");
    raw.n = 0;
    put(&raw, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    frame(&raw, NGHTTP2_PING, 0, 0, SPAN("01234567"));
    ends("no SETTINGS first");
}

static void test_good_raw_request(void **state)
{
    UNUSED(state);
    preface(&raw);
    frame(&raw, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1, BLOCK);
    goes_on("a request", "1 head GET / a\n1 end ok\n1 gone ok\n");
    preface(&raw);
    frame(&raw, 0x42, 0xff, 77, SPAN("unknown"));
    frame(&raw, NGHTTP2_PRIORITY, 0, 3, SPAN("\0\0\0\0\x10"));
    frame(&raw, NGHTTP2_HEADERS, END_STREAM, 1, span_until(BLOCK, 2));
    frame(&raw, NGHTTP2_CONTINUATION, 0, 1, SPAN(""));
    frame(&raw, NGHTTP2_CONTINUATION, END_HEADERS, 1, span_from(BLOCK, 2));
    goes_on("a request in pieces", "1 head GET / a\n1 end ok\n1 gone ok\n");
}

static void test_broken_frames(void **state)
{
    static const struct {
        const char *name;
        unsigned type, flags;
        uint32_t id;
        struct span payload;
    } cases[] = {
        {"DATA on stream 0", NGHTTP2_DATA, 0, 0, SPAN("x")},
        {"DATA on an idle stream", NGHTTP2_DATA, 0, 5, SPAN("x")},
        {"HEADERS on stream 0", NGHTTP2_HEADERS, 5, 0, BLOCK},
        {"HEADERS on an even stream", NGHTTP2_HEADERS, 5, 2, BLOCK},
        {"a block that is no HPACK", NGHTTP2_HEADERS, 5, 1, SPAN("\xff\xff\xff\xff\xff\xff\xff")},
        {"an index beyond the table", NGHTTP2_HEADERS, 5, 1, SPAN("\xff\x7f")},
        {"a block cut short", NGHTTP2_HEADERS, 5, 1, SPAN("\x82\x84\x41\x05")},
        {"more padding than payload", NGHTTP2_HEADERS, 5 | 8, 1, SPAN("\xff\x82")},
        {"a stream that depends on itself", NGHTTP2_HEADERS, 5 | 0x20, 1,
         SPAN("\0\0\0\x01\x10\x82")},
        {"CONTINUATION without HEADERS", NGHTTP2_CONTINUATION, 4, 1, BLOCK},
        {"a client's PUSH_PROMISE", NGHTTP2_PUSH_PROMISE, 4, 1, SPAN("\0\0\0\x02\x82")},
        {"SETTINGS on a stream", NGHTTP2_SETTINGS, 0, 1, SPAN("")},
        {"SETTINGS of five bytes", NGHTTP2_SETTINGS, 0, 0, SPAN("12345")},
        {"SETTINGS ACK with a payload", NGHTTP2_SETTINGS, ACK, 0, SPAN("123456")},
        {"a window beyond 2^31", NGHTTP2_SETTINGS, 0, 0, SPAN("\0\x04\xff\xff\xff\xff")},
        {"a frame size below 2^14", NGHTTP2_SETTINGS, 0, 0, SPAN("\0\x05\0\0\0\x01")},
        {"PING of seven bytes", NGHTTP2_PING, 0, 0, SPAN("1234567")},
        {"PING on a stream", NGHTTP2_PING, 0, 1, SPAN("12345678")},
        {"WINDOW_UPDATE of nothing", NGHTTP2_WINDOW_UPDATE, 0, 0, SPAN("\0\0\0\0")},
        {"WINDOW_UPDATE of too much", NGHTTP2_WINDOW_UPDATE, 0, 0, SPAN("\x7f\xff\xff\xff")},
        {"WINDOW_UPDATE on an idle stream", NGHTTP2_WINDOW_UPDATE, 0, 9, SPAN("\0\0\0\x01")},
        {"RST_STREAM on stream 0", NGHTTP2_RST_STREAM, 0, 0, SPAN("\0\0\0\0")},
        {"RST_STREAM on an idle stream", NGHTTP2_RST_STREAM, 0, 9, SPAN("\0\0\0\0")},
        {"GOAWAY of seven bytes", NGHTTP2_GOAWAY, 0, 0, SPAN("1234567")},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        preface(&raw);
        frame(&raw, cases[i].type, cases[i].flags, cases[i].id, cases[i].payload);
        ends(cases[i].name);
    }
    preface(&raw);
    put(&raw, SPAN("\x00\x40\x01\x00\x00\x00\x00\x00\x01"));
    static const char zeros[1000];
    put(&raw, span_of(zeros, sizeof(zeros)));
    ends("a frame over 16 KiB");
    preface(&raw);
    frame(&raw, NGHTTP2_HEADERS, END_STREAM, 1, BLOCK);
    frame(&raw, NGHTTP2_PING, 0, 0, SPAN("12345678"));
    ends("a frame within a header block");
    preface(&raw);
    frame(&raw, NGHTTP2_HEADERS, 5, 5, BLOCK);
    frame(&raw, NGHTTP2_HEADERS, 5, 3, BLOCK);
    for (size_t piece = 0; piece < 2; piece++) { /* ids go up: the second is no request */
        struct outcome out;
        feed_raw(piece, &out);
        assert_null(strstr(out.diary, "2 head"));
    }
}

/* --- floods: what a peer can make us hold or do is bounded --- */

/* Each goes on for ever; the connection must end, or nothing may pile up. */
static void flood(const char *name, unsigned type, unsigned flags, uint32_t id, struct span payload,
                  const char *kind)
{
    static const struct rig_script script[] = {{.when = BY_HAND}};
    struct rig rig = {.window = 1}; /* it does not read */
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    preface(&raw);
    frame(&raw, NGHTTP2_HEADERS, END_HEADERS, 1, BLOCK);
    rig_feed(&rig, span_of(raw.p, raw.n), 0, NULL);
    size_t fed = 0;
    while (fed < 30000 && !rig.failed && !codec_is_done(rig.codec) && codec_is_reading(rig.codec)) {
        raw.n = 0;
        for (int i = 0; i < 100; i++, fed++)
            frame(&raw, type, flags, id, payload);
        rig_feed(&rig, span_of(raw.p, raw.n), 0, NULL);
    }
    const char *seen = rig.flooded != NULL ? rig.flooded : "none";
    if (strcmp(seen, kind) != 0)
        fail_msg("%s: the connection ends because of %s", name, seen);
    assert_true(fed >= 30000 || has_goaway(rig_span(&rig.wire)) || rig.out.n > 0);
    assert_true(rig.out.n < 256 * 1024);
    rig_close(&rig, ERR_CLIENT_CLOSED);
    rig_end(&rig);
}

static void test_floods(void **state)
{
    UNUSED(state);
    flood("PING", NGHTTP2_PING, 0, 0, SPAN("12345678"), "ping");
    flood("answers to PINGs", NGHTTP2_PING, ACK, 0, SPAN("12345678"), "none");
    flood("SETTINGS", NGHTTP2_SETTINGS, 0, 0, SPAN("\0\x03\0\0\0\x64"), "settings");
    flood("unknown frames", 0x42, 0, 0, SPAN("x"), "none");
    flood("PRIORITY", NGHTTP2_PRIORITY, 0, 3, SPAN("\0\0\0\0\x10"), "priority");
    flood("empty DATA", NGHTTP2_DATA, 0, 1, SPAN(""), "empty_data");
    flood("padding only", NGHTTP2_DATA, 8, 1, SPAN("\x02\0\0"), "empty_data");
    flood("empty DATA of an idle stream", NGHTTP2_DATA, 0, 3, SPAN(""), "none");
}

/* Rapid reset: streams that are opened and reset at once. */
static void test_rapid_reset(void **state)
{
    static const struct rig_script script[] = {{.when = BY_HAND}};
    struct rig rig = {.window = 0};
    uint32_t id = 1;
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    preface(&raw);
    rig_feed(&rig, span_of(raw.p, raw.n), 0, NULL);
    for (; id < 20000 && !rig.failed && !codec_is_done(rig.codec); id += 2) {
        raw.n = 0;
        frame(&raw, NGHTTP2_HEADERS, 5, id, BLOCK);
        frame(&raw, NGHTTP2_RST_STREAM, 0, id, SPAN("\0\0\0\x08"));
        rig_feed(&rig, span_of(raw.p, raw.n), 0, NULL);
    }
    assert_in_range(id, 1000, 2000); /* a burst of five hundred is let through */
    assert_string_equal(rig.flooded, "rapid_reset");
    assert_true(has_goaway(rig_span(&rig.wire)));
    rig_close(&rig, ERR_CLIENT_CLOSED);
    rig_end(&rig);
}

static void test_continuation_flood(void **state)
{
    UNUSED(state);
    preface(&raw);
    frame(&raw, NGHTTP2_HEADERS, END_STREAM, 1, BLOCK);
    for (int i = 0; i < 100; i++)
        frame(&raw, NGHTTP2_CONTINUATION, 0, 1, SPAN(""));
    ends("CONTINUATION flood");
}

/* A header bomb: one large entry in the dynamic table, named thousands of times. */
static void test_header_bomb(void **state)
{
    char value[4000];
    struct outcome out;
    UNUSED(state);
    memset(value, 'v', sizeof(value));
    preface(&raw);
    static struct raw block;
    block.n = 0;
    put(&block, BLOCK);
    put(&block, SPAN("\x40\x01x\x7f\xa1\x1e")); /* x: 4000 bytes, and keep it */
    put(&block, span_of(value, sizeof(value)));
    for (int i = 0; i < 12000; i++)
        put(&block, SPAN("\xbe"));
    frame(&raw, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1, span_of(block.p, block.n));
    feed_raw(0, &out);
    assert_string_equal(out.diary, "1 gone header_too_large\n");
    assert_false(out.failed || out.goaway);
}

/* The client does not read and keeps sending what wants an answer: at some point it is not read
 * from any more, and once it reads again everything goes on. */
static void test_stall_and_go_on(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {
        {.when = ON_END, .body = "0123456789", .repeat = 10000}};
    struct rig rig = {.options.buffer = 200000};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    assert_int_equal(nghttp2_session_set_local_window_size(p.ng, NGHTTP2_FLAG_NONE, 0, 1 << 30), 0);
    peer_pump(&p, 0, NULL);
    rig.window = 1; /* a socket that takes next to nothing */
    for (int i = 0; i < 4; i++)
        (void)peer_ask(&p, PEER_GET("/"), NULL, 0, NULL);
    peer_send(&p, 0, NULL);
    assert_true(rig.out.n >= 64 * 1024);
    unsigned pings = 0;
    for (; pings < 5000 && codec_is_reading(rig.codec); pings++) {
        assert_int_equal(nghttp2_submit_ping(p.ng, NGHTTP2_FLAG_NONE, NULL), 0);
        peer_send(&p, 0, NULL);
    }
    assert_in_range(pings, 200, 1000);
    assert_false(rig.failed);
    assert_int_equal(nghttp2_submit_ping(p.ng, NGHTTP2_FLAG_NONE, NULL), 0);
    peer_send(&p, 0, NULL); /* stays with the host */
    assert_int_equal(rig.rx.n, 17);
    assert_int_equal(rig.reads, 0);
    rig.window = SIZE_MAX;
    rig_flush(&rig);
    assert_true(rig.reads > 0); /* or nobody would feed it again */
    peer_pump(&p, 0, NULL);
    assert_int_equal(p.pings, pings + 1);
    for (size_t i = 0; i < p.n; i++)
        assert_int_equal(p.streams[i].body, 100000);
    peer_end(&p);
    rig_end(&rig);
}

/* Random damage to a good conversation: no crash, no leak, and the rig's own checks. */
static void test_damaged(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct seeded r = seeded_begin(seed);
        static const struct rig_script script[] = {
            {.when = ON_END, .body = "0123456789", .repeat = 100},
            {.when = ON_HEAD, .body = "x", .hold = true},
            {.reset = ON_BODY}};
        struct rig rig = {.quiet = true};
        preface(&raw);
        for (uint32_t id = 1; id < 12; id += 2) {
            frame(&raw, NGHTTP2_HEADERS, END_HEADERS, id, BLOCK);
            frame(&raw, NGHTTP2_DATA, 0, id, span_of(raw.p, seeded_below(&r, 24)));
            frame(&raw, NGHTTP2_DATA, END_STREAM, id, SPAN("data"));
        }
        for (size_t n = seeded_below(&r, 5); n > 0; n--)
            raw.p[33 + seeded_below(&r, raw.n - 33)] = (char)seeded_u64(&r);
        assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 3), ERR_OK);
        rig_feed(&rig, span_of(raw.p, raw.n), 1 + seeded_below(&r, 50), &r);
        rig_release(&rig);
        rig_close(&rig, ERR_CLIENT_RESET);
        rig_end(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_length_against_data),
        cmocka_unit_test(test_bad_trailers),
        cmocka_unit_test(test_not_http2),
        cmocka_unit_test(test_good_raw_request),
        cmocka_unit_test(test_broken_frames),
        cmocka_unit_test(test_floods),
        cmocka_unit_test(test_rapid_reset),
        cmocka_unit_test(test_continuation_flood),
        cmocka_unit_test(test_header_bomb),
        cmocka_unit_test(test_stall_and_go_on),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
