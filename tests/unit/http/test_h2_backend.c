/* HTTP/2 towards a server, with nghttp2's server at the other end: every case whole, byte by byte
 * and at random cuts, both ways. */
#include "http/h2_internal.h"
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/h2_peer.h"

#include <limits.h>
#include <stdlib.h>

struct case_ {
    const char *name;
    struct rig_script script;
    struct peer_answer answer;
    const char *diary;
    const char *got; /* by the server; NULL: not looked at */
};

#define REQUEST(method, path) ":method=" method " :scheme=http :authority=b :path=" path " "
#define BAD(name_, fields_)                                                  \
    {                                                                        \
        name_, {0}, {.fields = fields_}, "1 gone backend_bad_answer\n", NULL \
    }
#define RESET(name_, code_, word)                                             \
    {                                                                         \
        name_, {0}, {.reset = true, .code = code_}, "1 gone " word "\n", NULL \
    }

static const struct case_ cases[] = {
    {"GET",
     {.fields = "A-B: c|Host: b"},
     {.fields = ":status: 200|x: y", .body = "hello"},
     "1 head 200 x=y\n1 body hello\n1 end ok\n1 gone ok\n",
     REQUEST("GET", "/") "a-b=c END closed 0"},
    {"no body", {0}, {.fields = ":status: 204"}, "1 head 204\n1 end ok\n1 gone ok\n", NULL},
    {"POST",
     {.method = "POST", .target = "/p?q", .body = "abc", .piece = 1, .fields = "Content-Length: 3"},
     {.fields = ":status: 200|content-length: 0"},
     "1 head 200 content-length=0\n1 end ok\n1 gone ok\n",
     REQUEST("POST", "/p?q") "content-length=3 body=abc END closed 0"},
    {"never indexed",
     {.fields = "Cookie: 0123456789012345678901234567890|Authorization: s|!X-Key: s|X: y"},
     {.fields = ":status: 200|!x-token: s|x: y"},
     "1 head 200 !x-token=s x=y\n1 end ok\n1 gone ok\n",
     REQUEST("GET", "/") "!cookie=0123456789012345678901234567890 !authorization=s !x-key=s x=y "
                         "END closed 0"},
    {"empty body",
     {.method = "POST", .body = ""},
     {.fields = ":status: 200", .body = ""},
     "1 head 200\n1 end ok\n1 gone ok\n",
     REQUEST("POST", "/") "END closed 0"},
    {"trailers both ways",
     {.method = "POST", .body = "abc", .trailers = "X-Sum: 1|Host: no"},
     {.fields = ":status: 200", .body = "x", .trailers = "grpc-status: 0|x-weir-route: new"},
     "1 head 200\n1 body x\n1 end ok grpc-status=0\n1 gone ok\n",
     REQUEST("POST", "/") "body=abc x-sum=1 END closed 0"},
    {"HEAD",
     {.method = "HEAD"},
     {.fields = ":status: 200|content-length: 5"},
     "1 head 200 content-length=5\n1 end ok\n1 gone ok\n",
     NULL},
    {"HEAD, ended by an empty frame",
     {.method = "HEAD"},
     {.fields = ":status: 200|content-length: 5", .body = ""},
     "1 head 200 content-length=5\n1 end ok\n1 gone ok\n",
     NULL},
    {"not modified",
     {0},
     {.fields = ":status: 304|content-length: 5"},
     "1 head 304 content-length=5\n1 end ok\n1 gone ok\n",
     NULL},
    {"asterisk",
     {.method = "OPTIONS", .target = "*"},
     {.fields = ":status: 200"},
     "1 head 200\n1 end ok\n1 gone ok\n",
     REQUEST("OPTIONS", "*") "END closed 0"},
    {"interim answers",
     {0},
     {.interims = 2, .fields = ":status: 200", .body = "x"},
     "1 head 103 link=x\n1 head 103 link=x\n1 head 200\n1 body x\n1 end ok\n1 gone ok\n",
     NULL},
    {"what belongs to a connection stays there",
     {.fields =
          "Connection: x|Keep-Alive: 5|Upgrade: h2c|Proxy-Connection: y|TE: gzip|Cookie: a=1; "
          "b=2"},
     {.fields = ":status: 200"},
     "1 head 200\n1 end ok\n1 gone ok\n",
     REQUEST("GET", "/") "!cookie=a=1; b=2 END closed 0"},
    {"TE: trailers",
     {.fields = "TE: gzip;q=0.5, trailers"},
     {.fields = ":status: 200"},
     "1 head 200\n1 end ok\n1 gone ok\n",
     REQUEST("GET", "/") "te=trailers END closed 0"},

    /* --- answers that are none --- */
    BAD("no status", "x: y"),
    BAD("two statuses", ":status: 200|:status: 200"),
    BAD("a status of two digits", ":status: 20"),
    BAD("a status of words", ":status: abc"),
    BAD("a status above 599", ":status: 600"),
    BAD("a status below 100", ":status: 099"),
    BAD("switching protocols", ":status: 101"),
    BAD("a pseudo-header field behind others", "x: y|:status: 200"),
    BAD("a request's pseudo-header field", ":status: 200|:path: /"),
    BAD("connection", ":status: 200|connection: close"),
    BAD("transfer-encoding", ":status: 200|transfer-encoding: chunked"),
    BAD("NUL in a value", ":status: 200|x: a\001b"),
    BAD("two lengths", ":status: 200|content-length: 0|content-length: 0"),
    BAD("a length that is none", ":status: 200|content-length: -1"),
    BAD("more was promised", ":status: 200|content-length: 5"),
    BAD("an interim answer alone", ":status: 103"),
    {"shorter than was promised",
     {0},
     {.fields = ":status: 200|content-length: 5", .body = "abcd"},
     "1 head 200 content-length=5\n1 body abcd\n1 gone backend_bad_answer\n",
     NULL},
    {"longer than was promised",
     {0},
     {.fields = ":status: 200|content-length: 3", .body = "abcd"},
     NULL,
     NULL},
    {"a body for HEAD",
     {.method = "HEAD"},
     {.fields = ":status: 200", .body = "abcd"},
     "1 head 200\n1 gone backend_bad_answer\n",
     NULL},
    {"a pseudo-header field in trailers",
     {0},
     {.fields = ":status: 200", .body = "x", .trailers = ":status: 200"},
     "1 head 200\n1 body x\n1 gone backend_bad_answer\n",
     NULL},
    {"interim answers without end", {0}, {.interims = 30, .fields = ":status: 200"}, NULL, NULL},

    /* --- resets --- */
    RESET("refused", NGHTTP2_REFUSED_STREAM, "backend_refused"),
    RESET("calm", NGHTTP2_ENHANCE_YOUR_CALM, "backend_too_much"),
    RESET("cancelled", NGHTTP2_CANCEL, "backend_stream_reset"),
    RESET("failed", NGHTTP2_INTERNAL_ERROR, "backend_stream_reset"),
    RESET("reset without an error", NGHTTP2_NO_ERROR, "backend_stream_reset"),
    {"reset behind the head",
     {0},
     {.fields = ":status: 200", .open = true, .reset = true, .code = NGHTTP2_CANCEL},
     "1 head 200\n1 gone backend_stream_reset\n",
     NULL},
    {"reset within the body, without an error",
     {0},
     {.fields = ":status: 200", .body = "abc", .open = true, .reset = true},
     "1 head 200\n1 body abc\n1 gone backend_stream_reset\n",
     NULL},

    /* --- the owner gives up --- */
    {"reset at the head",
     {.reset = ON_HEAD},
     {.fields = ":status: 200", .body = "x"},
     "1 head 200\n1 reset\n",
     NULL},
    {"reset at the body",
     {.reset = ON_BODY},
     {.fields = ":status: 200", .body = "x"},
     "1 head 200\n1 body x\n1 reset\n",
     NULL},
    {"reset with the head queued", {.reset = SENT_HEAD}, {0}, "1 reset\n", ""},
    {"reset with a body queued", {.body = "abc", .reset = SENT_BODY}, {0}, "1 reset\n", ""},
    {"no memory for the answer",
     {.arena = 700},
     {.fields = ":status: 200|a: 0123456789012345678901234567890123456789|b: "
                "0123456789012345678901234567890123456789"},
     NULL,
     NULL},
};

static void begin(struct rig *r, struct peer *p, const struct rig_script *s, size_t ns,
                  const struct peer_answer *a, size_t na)
{
    assert_int_equal(rig_begin(r, RIG_H2_BACKEND, s, ns), ERR_OK);
    peer_begin_server(p, r, a, na);
    assert_int_equal(nghttp2_submit_settings(p->ng, NGHTTP2_FLAG_NONE, NULL, 0), 0);
}

static void end(struct rig *r, struct peer *p)
{
    peer_end(p);
    rig_end(r);
}

static void run(const struct case_ *c, size_t piece, uint64_t seed, bool lazy)
{
    static struct peer p;
    struct seeded r = seeded_begin(seed);
    const struct rig_script script[] = {c->script, {0}};
    const struct peer_answer answer[] = {c->answer, {.fields = ":status: 200"}};
    struct rig rig = {.lazy = lazy};
    begin(&rig, &p, script, 2, answer, 2);
    assert_true(rig_ask(&rig));
    rig_flush(&rig);
    peer_pump(&p, piece, &r);
    const char *got = p.n > 0 ? peer_got(&p.streams[0]) : "";
    bool same = (c->diary == NULL || strcmp(rig_diary(&rig), c->diary) == 0) &&
                (c->got == NULL || strcmp(got, c->got) == 0);
    if (!same || rig.failed || rig_is_open(&rig, 1) || !codec_is_idle(rig.codec))
        fail_msg("%s (pieces of %zu, seed %llu)\n--- diary\n%s--- not\n%s--- got\n%s\n--- not\n%s",
                 c->name, piece, (unsigned long long)seed, rig_diary(&rig),
                 c->diary == NULL ? "-" : c->diary, got, c->got == NULL ? "-" : c->got);
    /* The connection goes on. A request that was given up unsent was not seen as the first. */
    rig.diary.n = 0;
    p.answers = &answer[1];
    p.nanswers = 1;
    assert_true(codec_is_reusable(rig.codec));
    assert_true(rig_ask(&rig));
    rig_flush(&rig);
    peer_pump(&p, piece, &r);
    assert_string_equal(rig_diary(&rig), "2 head 200\n2 end ok\n2 gone ok\n");
    end(&rig, &p);
}

static void test_cases(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int lazy = 0; lazy < 2; lazy++) {
            run(&cases[i], 0, 0, lazy);
            run(&cases[i], 1, 0, lazy);
            for (uint64_t seed = 1; seed <= 10; seed++)
                run(&cases[i], 20, seed, lazy);
        }
    }
}

static const struct rig_script get = {0};
static const struct peer_answer ok = {.fields = ":status: 200"};
static const struct peer_answer silent = {.at_head = false};

static void say_more(struct peer_stream *s)
{
    s->due = true;
    s->said = false;
}

/* One stream until the server has said how many; then as many. */
static void test_streams(void **state)
{
    static struct peer p;
    struct rig rig = {0};
    const nghttp2_settings_entry two = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_BACKEND, &get, 1), ERR_OK);
    peer_begin_server(&p, &rig, &silent, 1);
    assert_int_equal(codec_streams_max(rig.codec), UINT_MAX);
    assert_true(rig_ask(&rig));
    assert_false(codec_is_reusable(rig.codec));
    assert_false(rig_ask(&rig));
    assert_int_equal(nghttp2_submit_settings(p.ng, NGHTTP2_FLAG_NONE, &two, 1), 0);
    peer_pump(&p, 0, NULL);
    assert_int_equal(codec_streams_max(rig.codec), 2);
    assert_true(rig_ask(&rig));
    assert_false(codec_is_reusable(rig.codec));
    peer_pump(&p, 0, NULL);
    assert_int_equal(p.n, 2);
    /* One that ends makes room. */
    p.answers = &ok;
    say_more(&p.streams[0]);
    peer_pump(&p, 0, NULL);
    assert_false(rig_is_open(&rig, 1));
    assert_true(codec_is_reusable(rig.codec));
    rig_close(&rig, ERR_BACKEND_RESET);
    assert_string_equal(rig_diary(&rig), "1 head 200\n1 end ok\n1 gone ok\n3 gone backend_reset\n");
    end(&rig, &p);
}

static void test_own_limit(void **state)
{
    static struct peer p;
    struct rig rig = {.options = {.h2_backend_streams = 3}};
    UNUSED(state);
    begin(&rig, &p, &get, 1, &silent, 1);
    peer_pump(&p, 0, NULL);
    for (int i = 0; i < 3; i++)
        assert_true(rig_ask(&rig));
    assert_false(rig_ask(&rig));
    end(&rig, &p);
}

/* What the server has not looked at comes back as refused, the rest goes on. */
static void test_goaway(void **state)
{
    static struct peer p;
    struct rig rig = {0};
    UNUSED(state);
    begin(&rig, &p, &get, 1, &silent, 1);
    peer_pump(&p, 0, NULL);
    for (int i = 0; i < 3; i++)
        assert_true(rig_ask(&rig));
    peer_pump(&p, 0, NULL);
    assert_int_equal(nghttp2_submit_goaway(p.ng, NGHTTP2_FLAG_NONE, 3, NGHTTP2_NO_ERROR, NULL, 0),
                     0);
    peer_pump(&p, 0, NULL);
    assert_string_equal(rig_diary(&rig), "3 gone backend_refused\n");
    assert_false(codec_is_reusable(rig.codec));
    assert_false(rig_ask(&rig));
    assert_false(codec_is_done(rig.codec));
    p.answers = &ok;
    say_more(&p.streams[0]);
    say_more(&p.streams[1]);
    peer_pump(&p, 0, NULL);
    assert_true(codec_is_done(rig.codec));
    assert_true(codec_is_idle(rig.codec));
    end(&rig, &p);
}

/* A request queued behind a GOAWAY that came in the same turn was never sent. */
static void test_goaway_overtakes(void **state)
{
    static struct peer p;
    struct rig rig = {.lazy = true};
    UNUSED(state);
    begin(&rig, &p, &get, 1, &silent, 1);
    peer_pump(&p, 0, NULL);
    assert_true(rig_ask(&rig)); /* not flushed: lazy */
    assert_int_equal(nghttp2_submit_goaway(p.ng, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0),
                     0);
    peer_send(&p, 0, NULL);
    rig_flush(&rig);
    assert_string_equal(rig_diary(&rig), "1 gone backend_refused\n");
    assert_true(codec_is_done(rig.codec));
    end(&rig, &p);
}

static void test_reset_before_the_head(void **state)
{
    static struct peer p;
    static const struct rig_script script = {.when = BY_HAND};
    struct rig rig = {0};
    UNUSED(state);
    begin(&rig, &p, &script, 1, &ok, 1);
    assert_true(rig_ask(&rig));
    assert_false(codec_is_idle(rig.codec));
    rig_say(&rig, 1, ERR_CLIENT_RESET);
    assert_true(codec_is_idle(rig.codec));
    assert_true(codec_is_reusable(rig.codec));
    assert_true(rig_ask(&rig));
    rig_close(&rig, ERR_OK);
    assert_string_equal(rig_diary(&rig), "1 reset\n2 gone backend_closed\n");
    end(&rig, &p);
}

static void test_connection_ends(void **state)
{
    static struct peer p;
    static const struct peer_answer half = {.fields = ":status: 200", .body = "abc", .open = true};
    UNUSED(state);
    for (int broken = 0; broken < 2; broken++) {
        struct rig rig = {0};
        begin(&rig, &p, &get, 1, &half, 1);
        assert_true(rig_ask(&rig));
        peer_pump(&p, 0, NULL);
        rig_close(&rig, broken ? ERR_BACKEND_PING_TIMEOUT : ERR_OK);
        assert_string_equal(rig_diary(&rig),
                            broken ? "1 head 200\n1 body abc\n1 gone backend_ping_timeout\n"
                                   : "1 head 200\n1 body abc\n1 gone backend_closed\n");
        assert_true(codec_is_done(rig.codec));
        assert_false(codec_is_reusable(rig.codec));
        end(&rig, &p);
    }
}

/* A server that speaks something else, or breaks the protocol of the connection. */
static void test_not_http2(void **state)
{
    static const struct span said[] = {
        SPAN("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        SPAN("\0\0\0\x06\0\0\0\0\0"), /* a PING first, of no bytes */
        SPAN("\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x04\x05\x04\0\0\0\x01\0\0\0"
             "\x02"),                                               /* PUSH_PROMISE
                                                                     */
        SPAN("\0\0\0\x04\0\0\0\0\0\0\0\x04\x08\0\0\0\0\0\0\0\0\0"), /* WINDOW_UPDATE of 0 */
        SPAN("\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\xff"), /* HPACK */
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        for (size_t piece = 0; piece < 2; piece++) {
            struct rig rig = {0};
            assert_int_equal(rig_begin(&rig, RIG_H2_BACKEND, &get, 1), ERR_OK);
            assert_true(rig_ask(&rig));
            rig_feed(&rig, said[i], piece, NULL);
            assert_true(codec_is_done(rig.codec));
            rig_close(&rig, ERR_BACKEND_CLOSED);
            assert_string_equal(rig_diary(&rig), "1 gone backend_bad_answer\n");
            rig_end(&rig);
        }
    }
}

static void test_ping(void **state)
{
    static struct peer p;
    struct rig rig = {0};
    UNUSED(state);
    begin(&rig, &p, &get, 1, &silent, 1);
    assert_true(rig_ask(&rig));
    peer_pump(&p, 0, NULL);
    assert_true(codec_ping(rig.codec));
    assert_false(codec_ping(rig.codec)); /* not yet answered */
    rig_flush(&rig);
    peer_pump(&p, 0, NULL);
    assert_true(codec_ping(rig.codec));
    end(&rig, &p);
}

/* An answer is taken no faster than its owner takes it. */
static void test_held_answer(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {{.hold = true}, {0}};
    static const struct peer_answer big[] = {
        {.fields = ":status: 200", .body = "0123456789", .repeat = 20000},
        {.fields = ":status: 200", .body = "x"}};
    struct rig rig = {.quiet = false};
    rig.options.h2_stream_window = 65535;
    UNUSED(state);
    begin(&rig, &p, script, 2, big, 2);
    assert_true(rig_ask(&rig));
    peer_pump(&p, 0, NULL);
    assert_int_equal(p.streams[0].sent, 65535);
    /* and does not hold others up */
    assert_true(rig_ask(&rig));
    peer_pump(&p, 0, NULL);
    assert_false(rig_is_open(&rig, 2));
    for (int i = 0; i < 10; i++) {
        rig_release(&rig);
        peer_pump(&p, 0, NULL);
    }
    assert_int_equal(p.streams[0].sent, 200000);
    assert_false(rig_is_open(&rig, 1));
    end(&rig, &p);
}

/* A request is sent no faster than the server takes it. */
static void test_held_request(void **state)
{
    static struct peer p;
    static const struct rig_script script = {
        .method = "POST", .body = "0123456789", .repeat = 20000, .piece = 1000};
    const nghttp2_settings_entry none = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    const nghttp2_settings_entry some = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000000};
    struct rig rig = {0};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_BACKEND, &script, 1), ERR_OK);
    peer_begin_server(&p, &rig, &ok, 1);
    assert_int_equal(nghttp2_submit_settings(p.ng, NGHTTP2_FLAG_NONE, &none, 1), 0);
    peer_pump(&p, 0, NULL);
    assert_true(rig_ask(&rig));
    peer_pump(&p, 0, NULL);
    assert_int_equal(p.streams[0].body, 0);
    assert_true(rig_is_open(&rig, 1));
    assert_int_equal(nghttp2_submit_settings(p.ng, NGHTTP2_FLAG_NONE, &some, 1), 0);
    peer_pump(&p, 0, NULL);
    assert_int_equal(p.streams[0].body, 200000);
    assert_string_equal(rig_diary(&rig), "1 head 200\n1 end ok\n1 gone ok\n");
    end(&rig, &p);
}

/* An answer before the request's end is whole all the same; what is left is given up. */
static void test_early_answer(void **state)
{
    static struct peer p;
    static const struct rig_script script = {.method = "POST", .body = "abc", .stop = SENT_BODY};
    static const struct peer_answer early = {
        .at_head = true, .fields = ":status: 403", .body = "no"};
    struct rig rig = {0};
    UNUSED(state);
    begin(&rig, &p, &script, 1, &early, 1);
    assert_true(rig_ask(&rig));
    peer_pump(&p, 0, NULL);
    assert_string_equal(rig_diary(&rig), "1 head 403\n1 body no\n1 end ok\n");
    rig_say(&rig, 1, ERR_CLIENT_CLOSED);
    peer_pump(&p, 0, NULL);
    assert_int_equal(p.streams[0].code, NGHTTP2_CANCEL);
    assert_true(codec_is_idle(rig.codec));
    assert_true(codec_is_reusable(rig.codec));
    end(&rig, &p);
}

static void test_limits(void **state)
{
    static struct peer p;
    static char fields[20000];
    UNUSED(state);
    for (size_t n = 100; n < 19000; n *= 2) {
        struct rig rig = {0};
        size_t at = (size_t)snprintf(fields, sizeof(fields), ":status: 200|x: ");
        memset(fields + at, 'a', n);
        fields[at + n] = '\0';
        const struct peer_answer big = {.fields = fields};
        begin(&rig, &p, &get, 1, &big, 1);
        assert_true(rig_ask(&rig));
        peer_pump(&p, 0, NULL);
        bool fits = n < 4000;
        assert_int_equal(strcmp(rig_diary(&rig), "1 gone backend_bad_answer\n") == 0, !fits);
        assert_false(rig_is_open(&rig, 1));
        assert_true(codec_is_reusable(rig.codec));
        end(&rig, &p);
    }
}

static void test_shutdown(void **state)
{
    static struct peer p;
    struct rig rig = {0};
    UNUSED(state);
    begin(&rig, &p, &get, 1, &ok, 1);
    assert_true(rig_ask(&rig));
    codec_shutdown(rig.codec, false);
    assert_false(codec_is_reusable(rig.codec));
    assert_false(codec_is_done(rig.codec));
    peer_pump(&p, 0, NULL);
    assert_string_equal(rig_diary(&rig), "1 head 200\n1 end ok\n1 gone ok\n");
    assert_true(codec_is_done(rig.codec));
    end(&rig, &p);
}

static enum err exchange(void *arg)
{
    static struct peer p;
    static const struct rig_script script = {
        .method = "POST", .body = "0123456789", .repeat = 3000, .piece = 3000, .trailers = "a: b"};
    static const struct peer_answer answer = {
        .interims = 1, .fields = ":status: 200|x: y", .body = "abc", .trailers = "c: d"};
    struct rig rig = {0};
    UNUSED(arg);
    enum err e = rig_begin(&rig, RIG_H2_BACKEND, &script, 1);
    if (e == ERR_OK) {
        peer_begin_server(&p, &rig, &answer, 1);
        BUG_IF(nghttp2_submit_settings(p.ng, NGHTTP2_FLAG_NONE, NULL, 0) != 0);
        bool asked = rig_ask(&rig);
        if (asked && !rig.failed)
            peer_pump(&p, 0, NULL);
        const char *whole =
            "1 head 103 link=x\n1 head 200 x=y\n1 body abc\n1 end ok c=d\n1 gone ok\n";
        e = asked && !rig.failed && strcmp(rig_diary(&rig), whole) == 0 ? ERR_OK : ERR_NO_MEMORY;
        rig_close(&rig, ERR_BACKEND_RESET);
        peer_end(&p);
    }
    rig_end(&rig);
    return e;
}

static void test_without_memory(void **state)
{
    UNUSED(state);
    alloc_walk(exchange, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_own_limit),
        cmocka_unit_test(test_goaway),
        cmocka_unit_test(test_goaway_overtakes),
        cmocka_unit_test(test_reset_before_the_head),
        cmocka_unit_test(test_connection_ends),
        cmocka_unit_test(test_not_http2),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_held_answer),
        cmocka_unit_test(test_held_request),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
