/* HTTP/2 towards a client, with nghttp2's client at the other end: every case whole, byte by byte
 * and at random cuts, both ways. */
#include "http/h2_internal.h"
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/h2_peer.h"

#include <stdio.h>
#include <stdlib.h>

struct h2_case {
    const char *name;
    const char *fields, *body, *request_trailers;
    struct rig_script script;
    const char *diary;
    const char *got;
};

#define HEAD "1 head GET / a\n"

static const struct h2_case cases[] = {
    {.name = "GET",
     PEER_GET("/") "|x-y: z",
     NULL,
     NULL,
     {.when = ON_END, .fields = "A-B: c", .body = "hello"},
     "1 head GET / a x-y=z\n1 end ok\n1 gone ok\n",
     ":status=200 a-b=c body=hello END closed 0"},
    {.name = "no body",
     PEER_GET("/?q"),
     NULL,
     NULL,
     {.when = ON_END, .status = 204},
     "1 head GET /?q a\n1 end ok\n1 gone ok\n",
     ":status=204 END closed 0"},
    {.name = "POST",
     PEER_POST("/"),
     "abc",
     NULL,
     {.when = ON_END, .body = "x", .piece = 1},
     "1 head POST / a\n1 body abc\n1 end ok\n1 gone ok\n",
     ":status=200 body=x END closed 0"},
    {.name = "POST with its length",
     PEER_POST("/") "|content-length: 3",
     "abc",
     NULL,
     {.when = ON_END, .body = ""},
     "1 head POST / a content-length=3\n1 body abc\n1 end ok\n1 gone ok\n",
     ":status=200 END closed 0"},
    {.name = "empty body",
     PEER_POST("/"),
     "",
     NULL,
     {.when = ON_END},
     "1 head POST / a\n1 end ok\n1 gone ok\n",
     ":status=200 END closed 0"},
    {.name = "trailers both ways",
     PEER_POST("/"),
     "abc",
     "x-sum: 1|x-weir-route: new",
     {.when = ON_END, .body = "data", .trailers = "grpc-status: 0|Host: no"},
     "1 head POST / a\n1 body abc\n1 end ok x-sum=1\n1 gone ok\n",
     ":status=200 body=data grpc-status=0 END closed 0"},
    {.name = "trailers without a body",
     PEER_POST("/"),
     NULL,
     "x-sum: 1",
     {.when = ON_END, .body = "", .trailers = "a: b"},
     "1 head POST / a\n1 end ok x-sum=1\n1 gone ok\n",
     ":status=200 a=b END closed 0"},
    {.name = "interim answer",
     PEER_GET("/"),
     NULL,
     NULL,
     {.when = ON_END, .interim = 103, .body = "x"},
     HEAD "1 end ok\n1 gone ok\n",
     ":status=103 :status=200 body=x END closed 0"},
    {.name = "names and fields of HTTP/1",
     PEER_GET("/"),
     NULL,
     NULL,
     {.when = ON_END,
      .fields = "X-Upper: 1|Connection: close|Keep-Alive: 5|Transfer-Encoding: chunked|Upgrade: x|"
                "Proxy-Connection: y|TE: z"},
     HEAD "1 end ok\n1 gone ok\n",
     ":status=200 x-upper=1 END closed 0"},
    {.name = "cookie crumbs",
     PEER_GET("/") "|cookie: a=1|x: y|cookie: b=2|cookie: c=3",
     NULL,
     NULL,
     {.when = ON_END},
     "1 head GET / a !cookie=a=1; b=2; c=3 x=y\n1 end ok\n1 gone ok\n",
     ":status=200 END closed 0"},
    {.name = "never indexed",
     PEER_GET("/") "|!x-key: s|x: y|cookie: a|!cookie: b|!host: a",
     NULL,
     NULL,
     {.when = ON_END, .fields = "Set-Cookie: s|X-Request-ID: 1|Server: x"},
     "1 head GET / a !x-key=s x=y !cookie=a; b !host=a\n1 end ok\n1 gone ok\n",
     ":status=200 !set-cookie=s !x-request-id=1 server=x END closed 0"},
    {.name = "host and authority agree",
     PEER_GET("/") "|host: A",
     NULL,
     NULL,
     {.when = ON_END},
     "1 head GET / a host=A\n1 end ok\n1 gone ok\n",
     ":status=200 END closed 0"},
    {.name = "host alone",
     ":method: GET|:scheme: http|:path: /|host: b:1",
     NULL,
     NULL,
     {.when = ON_END},
     "1 head GET / b:1 host=b:1\n1 end ok\n1 gone ok\n",
     ":status=200 END closed 0"},
    {.name = "asterisk",
     ":method: OPTIONS|:scheme: http|:authority: a|:path: *",
     NULL,
     NULL,
     {.when = ON_END},
     "1 head OPTIONS * a\n1 end ok\n1 gone ok\n",
     ":status=200 END closed 0"},

/* --- refused by us, answered by the owner --- */
#define REFUSED(fields_, why, line)                                                          \
    {                                                                                        \
        .name = why, fields_, NULL, NULL, {.when = ON_END, .status = 400},                   \
        "1 head " line " refused " why "\n1 end ok\n1 gone ok\n", ":status=400 END closed 0" \
    }
    REFUSED(PEER_GET("/") "|host: b", "host_mismatch", "GET / a"),
    REFUSED(":method: GET|:scheme: http|:authority: u@a|:path: /", "bad_host", "GET / u@a"),
    REFUSED(":method: GET|:scheme: http|:authority: a:b|:path: /", "bad_host", "GET / a:b"),
    REFUSED(PEER_GET("/#x"), "bad_target", "GET /#x a"),
    REFUSED(PEER_GET("/\xc3\xa9"), "bad_target", "GET /\\xc3\\xa9 a"),
    REFUSED(":method: GET|:scheme: ftp|:authority: a|:path: /", "bad_target", "GET / a"),
    REFUSED(":method: CONNECT|:authority: a:1", "method_not_supported", "CONNECT  a:1"),
    REFUSED(PEER_TUNNEL("connect-udp") "|sec-websocket-version: 13", "method_not_supported",
            "CONNECT / a"),
    REFUSED(PEER_TUNNEL("websocket") "|sec-websocket-version: 8", "websocket_version", "GET / a"),
    REFUSED(PEER_TUNNEL("websocket"), "bad_websocket", "GET / a"),
    REFUSED(PEER_TUNNEL("websocket") "|sec-websocket-version: 13", "bad_websocket", "GET / a"),

    /* --- answered early --- */
    {.name = "answered at the head",
     PEER_POST("/"),
     "abc",
     NULL,
     {.when = ON_HEAD, .status = 403, .body = "no"},
     NULL,
     ":status=403 body=no END closed 0"},

    /* --- the owner gives up --- */
    {.name = "reset at the head",
     PEER_POST("/"),
     "abc",
     NULL,
     {.reset = ON_HEAD},
     "1 head POST / a\n1 reset\n",
     "closed 2"},
    {.name = "reset at the body",
     PEER_POST("/"),
     "abc",
     NULL,
     {.reset = ON_BODY},
     NULL,
     "closed 2"},
    {.name = "reset at the end",
     PEER_POST("/"),
     "abc",
     NULL,
     {.reset = ON_END},
     "1 head POST / a\n1 body abc\n1 end ok\n1 reset\n",
     "closed 2"},
    {.name = "reset after the head went out",
     PEER_GET("/"),
     NULL,
     NULL,
     {.when = ON_END, .body = "abc", .reset = SENT_HEAD},
     HEAD "1 end ok\n1 reset\n",
     NULL},
    {.name = "reset with a body queued",
     PEER_GET("/"),
     NULL,
     NULL,
     {.when = ON_END, .body = "abc", .reset = SENT_BODY},
     HEAD "1 end ok\n1 reset\n",
     NULL},
    {.name = "no capacity", PEER_GET("/"), NULL, NULL, {.refuse = true}, "", "closed 7"},
    {.name = "no memory for the head",
     PEER_GET("/"),
     NULL,
     NULL,
     {.when = ON_END, .arena = 100},
     "1 gone no_memory\n",
     "closed 2"},
    {.name = "no memory for the fields",
     PEER_GET("/") "|a: 0123456789|b: 0123456789",
     NULL,
     NULL,
     {.when = ON_END, .status = 503, .arena = 700},
     NULL,
     NULL},
    {.name = "trailers that do not fit",
     PEER_GET("/"),
     NULL,
     NULL,
     {.when = ON_END, .body = "abc", .trailers = "a: b", .arena = 1200},
     NULL,
     NULL},
};

static void run(const struct h2_case *c, size_t piece, uint64_t seed, bool lazy)
{
    static struct peer p;
    struct seeded r = seeded_begin(seed);
    const struct rig_script script[] = {c->script, {.when = ON_END}};
    struct rig rig = {.lazy = lazy};
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 2), ERR_OK);
    peer_begin(&p, &rig, false);
    struct peer_stream *s = peer_ask(&p, c->fields, c->body, c->body == NULL ? 0 : strlen(c->body),
                                     c->request_trailers);
    peer_pump(&p, piece, &r);
    bool same = (c->diary == NULL || strcmp(rig_diary(&rig), c->diary) == 0) &&
                (c->got == NULL || strcmp(peer_got(s), c->got) == 0);
    if (!same || rig.failed || !s->closed || rig_is_open(&rig, 1) || !codec_is_idle(rig.codec))
        fail_msg("%s (pieces of %zu, seed %llu)\n--- diary\n%s--- not\n%s--- got\n%s\n--- not\n%s",
                 c->name, piece, (unsigned long long)seed, rig_diary(&rig),
                 c->diary == NULL ? "-" : c->diary, peer_got(s), c->got == NULL ? "-" : c->got);
    /* The connection goes on. */
    struct peer_stream *next = peer_ask(&p, PEER_GET("/next"), NULL, 0, NULL);
    peer_pump(&p, piece, &r);
    assert_string_equal(peer_got(next), ":status=200 END closed 0");
    peer_end(&p);
    rig_end(&rig);
}

static void test_cases(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int lazy = 0; lazy < 2; lazy++) {
            run(&cases[i], 0, 0, lazy);
            run(&cases[i], 1, 0, lazy);
            for (uint64_t seed = 1; seed <= 10; seed++)
                run(&cases[i], 3 * seed, seed, lazy);
        }
    }
}

/* --- many at once --- */

static void many(size_t piece, uint64_t seed, size_t window)
{
    static struct peer p;
    static const struct rig_script script[] = {
        {.when = ON_END, .body = "0123456789abcdef", .repeat = 500, .piece = 100},
        {.when = ON_HEAD, .body = "early"},
        {.when = ON_END, .status = 404},
        {.reset = ON_HEAD},
        {.when = ON_END, .body = "t", .trailers = "x: y"},
        {.when = ON_END, .body = "z", .repeat = 70000, .piece = 1},
        {.when = ON_END, .hold = true, .body = "0123456789abcdef", .repeat = 9000}};
    static char body[20000];
    struct seeded r = seeded_begin(seed);
    struct rig rig = {.window = window, .options.buffer = 1000};
    struct peer_stream *s[PEER_STREAMS];
    memset(body, 'b', sizeof(body));
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, ARRAY_LEN(script)), ERR_OK);
    peer_begin(&p, &rig, false);
    for (int i = 0; i < 40; i++)
        s[i] = peer_ask(&p, PEER_POST("/"), i % 3 == 0 ? NULL : body,
                        seeded_below(&r, sizeof(body)), NULL);
    peer_pump(&p, piece, &r);
    for (int i = 0; i < 100000 && !codec_is_idle(rig.codec); i++) {
        rig_release(&rig);
        peer_pump(&p, piece, &r);
    }
    for (int i = 0; i < 40; i++)
        SEEDED_ASSERT(&r, s[i]->closed);
    SEEDED_ASSERT(&r, s[0]->body == 8000 && s[0]->code == 0);
    SEEDED_ASSERT(&r, s[2]->body == 0 && s[2]->code == 0);
    SEEDED_ASSERT(&r, s[3]->code == NGHTTP2_INTERNAL_ERROR);
    SEEDED_ASSERT(&r, strcmp(peer_got(s[4]), ":status=200 body=t x=y END closed 0") == 0);
    SEEDED_ASSERT(&r, s[5]->body == 70000);
    for (int i = 6; i < 40; i++)
        SEEDED_ASSERT(&r, s[i]->body == 144000 && s[i]->code == 0);
    assert_true(codec_is_idle(rig.codec));
    peer_end(&p);
    rig_end(&rig);
}

static void test_many(void **state)
{
    UNUSED(state);
    many(0, 1, SIZE_MAX);
    many(5000, 2, SIZE_MAX);
    many(9000, 3, 3000);
    many(0, 4, 100000);
}

/* --- flow control --- */

/* The client opens no window: what it did not ask for is not sent, and the owner is told to wait.
 */
static void test_client_does_not_read(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {
        {.when = ON_END, .body = "0123456789", .repeat = 100000, .piece = 1000}};
    struct rig rig = {.options.buffer = 5000};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, true);
    struct peer_stream *s = peer_ask(&p, PEER_GET("/"), NULL, 0, NULL);
    for (int i = 0; i < 10; i++)
        peer_pump(&p, 0, NULL);
    assert_int_equal(s->body, 65535);
    size_t seen = 0;
    for (int i = 0; i < 1000000 && !s->closed; i++) {
        assert_int_equal(nghttp2_session_consume(p.ng, s->id, s->body - seen), 0);
        seen = s->body;
        peer_pump(&p, 0, NULL);
    }
    assert_int_equal(s->body, 1000000);
    assert_int_equal(s->code, 0);
    peer_end(&p);
    rig_end(&rig);
}

/* The socket takes nothing: what is queued stays bounded whatever the client's windows are. */
static void test_socket_does_not_take(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {
        {.when = ON_END, .body = "0123456789", .repeat = 100000, .piece = 1000}};
    struct rig rig = {.options.buffer = 32 * 1024};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    nghttp2_settings_entry wide = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff};
    assert_int_equal(nghttp2_submit_settings(p.ng, NGHTTP2_FLAG_NONE, &wide, 1), 0);
    assert_int_equal(nghttp2_session_set_local_window_size(p.ng, NGHTTP2_FLAG_NONE, 0, 0x7fffffff),
                     0);
    peer_pump(&p, 0, NULL);
    rig.window = 1;
    for (int i = 0; i < 50; i++)
        (void)peer_ask(&p, PEER_GET("/"), NULL, 0, NULL);
    peer_send(&p, 0, NULL);
    for (int i = 0; i < 1000; i++) {
        rig_flush(&rig);
        assert_true(rig.out.n < 64 * 1024 + 17 * 1024);
    }
    rig.window = SIZE_MAX;
    p.short_bodies = true;
    peer_pump(&p, 0, NULL);
    for (size_t i = 0; i < p.n; i++)
        assert_int_equal(p.streams[i].body, 1000000);
    peer_end(&p);
    rig_end(&rig);
}

/* Owners that do not consume: a stream's window, then the connection's, holds the client back. */
static void held_bodies(unsigned streams, size_t stream_most, size_t all)
{
    static struct peer p;
    static char body[300000];
    static const struct rig_script script[] = {{.when = ON_END, .hold = true}};
    struct rig rig = {.options.h2_stream_window = 20000, .options.h2_connection_window = 70000};
    memset(body, 'b', sizeof(body));
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    peer_pump(&p, 0, NULL); /* the settings arrive */
    for (unsigned i = 0; i < streams; i++)
        (void)peer_ask(&p, PEER_POST("/"), body, sizeof(body), NULL);
    peer_pump(&p, 0, NULL);
    size_t sent = 0;
    for (size_t i = 0; i < p.n; i++) {
        sent += p.streams[i].sent;
        assert_true(p.streams[i].sent <= stream_most);
    }
    assert_int_equal(sent, all);
    for (int i = 0; i < 100 && !codec_is_idle(rig.codec); i++) {
        rig_release(&rig);
        peer_pump(&p, 0, NULL);
    }
    for (size_t i = 0; i < p.n; i++)
        assert_int_equal(p.streams[i].sent, sizeof(body));
    assert_true(codec_is_idle(rig.codec));
    peer_end(&p);
    rig_end(&rig);
}

static void test_held_bodies(void **state)
{
    UNUSED(state);
    held_bodies(1, 20000, 20000);
    held_bodies(5, 20000, 70000);
}

/* What was never consumed of a stream that is gone must not stay in the connection's window: after
 * a hundred such streams another can still upload. */
static void gone_with_bytes_held(enum rig_point when, bool by_peer)
{
    static struct peer p;
    static char body[30000];
    struct rig_script script[] = {{.when = when, .hold = true}};
    struct rig rig = {.options.h2_connection_window = 65535};
    memset(body, 'b', sizeof(body));
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    for (unsigned i = 1; i <= 100; i++) {
        struct peer_stream *s = peer_ask(&p, PEER_POST("/"), body, sizeof(body), NULL);
        s->pause = true; /* its end never comes */
        peer_pump(&p, 0, NULL);
        if (!by_peer && when != ON_HEAD)
            rig_say(&rig, i, ERR_BACKEND_RESET);
        if (by_peer)
            assert_int_equal(
                nghttp2_submit_rst_stream(p.ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL), 0);
        peer_pump(&p, 0, NULL);
        assert_int_equal(s->closed, when != ON_HEAD);
        assert_false(rig_is_open(&rig, i));
        assert_int_equal(s->sent, sizeof(body));
    }
    assert_true(codec_is_idle(rig.codec));
    peer_end(&p);
    rig_end(&rig);
}

static void test_gone_with_bytes_held(void **state)
{
    UNUSED(state);
    gone_with_bytes_held(BY_HAND, false);
    gone_with_bytes_held(BY_HAND, true);
    gone_with_bytes_held(ON_HEAD, false);
}

/* --- answered before the request was complete --- */

/* The answer arrives whole and the stream stays for what the client still sends (a reset would make
 * curl 7.88 throw the answer away); the owner is done, and the connection counts as idle. */
static void early_answer(size_t n, bool ends, const char *want)
{
    static struct peer p;
    static char body[3 * H2_REST_MAX];
    static const struct rig_script script[] = {{.when = ON_HEAD, .status = 403, .body = "no"}};
    struct rig rig = {.options.h2_connection_window = 65535};
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    struct peer_stream *s = peer_ask(&p, PEER_POST("/"), body, 0, NULL);
    s->pause = true;
    peer_pump(&p, 0, NULL);
    assert_string_equal(peer_got(s), ":status=403 body=no END ");
    assert_false(s->closed);
    assert_false(rig_is_open(&rig, 1));
    assert_true(codec_is_idle(rig.codec));
    s->send_n = n;
    s->pause = !ends;
    assert_int_equal(nghttp2_session_resume_data(p.ng, s->id), 0);
    peer_pump(&p, 0, NULL);
    assert_string_equal(peer_got(s), want);
    assert_string_equal(rig_diary(&rig), "1 head POST / a\n1 gone ok\n");
    peer_end(&p);
    rig_end(&rig);
}

static void test_early_answer(void **state)
{
    UNUSED(state);
    early_answer(0, true, ":status=403 body=no END closed 0");
    early_answer(H2_REST_MAX, true, ":status=403 body=no END closed 0");
    early_answer(H2_REST_MAX, false, ":status=403 body=no END ");
    early_answer(3 * H2_REST_MAX, false, ":status=403 body=no END closed 0");
}

/* --- the client gives up --- */

static void reset_by_peer(enum rig_point when, bool pause, size_t repeat, const char *want)
{
    static struct peer p;
    const struct rig_script script[] = {
        {.when = when, .body = "0123456789", .repeat = repeat, .piece = 500}};
    struct rig rig = {.options.buffer = 1000};
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, true);
    struct peer_stream *s = peer_ask(&p, PEER_POST("/"), "abc", 3, NULL);
    s->pause = pause;
    peer_pump(&p, 0, NULL);
    assert_int_equal(nghttp2_submit_rst_stream(p.ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL), 0);
    peer_pump(&p, 0, NULL);
    assert_string_equal(rig_diary(&rig), want);
    assert_true(codec_is_idle(rig.codec));
    assert_false(rig.failed);
    peer_end(&p);
    rig_end(&rig);
}

static void test_reset_by_peer(void **state)
{
    UNUSED(state);
    reset_by_peer(BY_HAND, true, 1, "1 head POST / a\n1 body abc\n1 gone client_reset\n");
    reset_by_peer(BY_HAND, false, 1,
                  "1 head POST / a\n1 body abc\n1 end ok\n1 gone client_reset\n");
    reset_by_peer(ON_END, false, 20000,
                  "1 head POST / a\n1 body abc\n1 end ok\n1 gone client_reset\n");
    reset_by_peer(ON_END, false, 1, "1 head POST / a\n1 body abc\n1 end ok\n1 gone ok\n");
}

/* RST_STREAM(NO_ERROR) by a client that has had enough is no complete answer. */
static void test_reset_without_an_error(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {
        {.when = ON_END, .body = "0123456789", .repeat = 20000}};
    struct rig rig = {.options.buffer = SIZE_MAX / 4};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, true);
    struct peer_stream *s = peer_ask(&p, PEER_GET("/"), NULL, 0, NULL);
    peer_pump(&p, 0, NULL);
    assert_int_equal(s->body, 65535); /* the owner has said everything, not all of it is sent */
    assert_int_equal(nghttp2_submit_rst_stream(p.ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR),
                     0);
    peer_pump(&p, 0, NULL);
    assert_string_equal(rig_diary(&rig), "1 head GET / a\n1 end ok\n1 gone client_reset\n");
    peer_end(&p);
    rig_end(&rig);
}

static void test_connection_breaks(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {{.when = BY_HAND}};
    UNUSED(state);
    for (int orderly = 0; orderly < 2; orderly++) {
        struct rig rig = {.window = 0};
        assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
        peer_begin(&p, &rig, false);
        (void)peer_ask(&p, PEER_GET("/"), NULL, 0, NULL);
        (void)peer_ask(&p, PEER_POST("/"), "abc", 3, NULL);
        peer_pump(&p, 0, NULL);
        rig_close(&rig, orderly ? ERR_OK : ERR_CLIENT_RESET);
        assert_false(rig_is_open(&rig, 1) || rig_is_open(&rig, 2));
        assert_non_null(
            strstr(rig_diary(&rig), orderly ? "1 gone client_closed\n" : "1 gone client_reset\n"));
        assert_true(codec_is_done(rig.codec));
        peer_end(&p);
        rig_end(&rig);
    }
}

/* --- shutdown --- */

static void test_shutdown(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {{.when = BY_HAND, .body = "x"}};
    struct rig rig = {.window = 0};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    struct peer_stream *first = peer_ask(&p, PEER_GET("/1"), NULL, 0, NULL);
    peer_pump(&p, 0, NULL);
    /* A request that is on its way while the notice goes out is served. */
    struct peer_stream *second = peer_ask(&p, PEER_GET("/2"), NULL, 0, NULL);
    codec_shutdown(rig.codec, false);
    rig_flush(&rig);
    peer_send(&p, 0, NULL);
    peer_pump(&p, 0, NULL);
    assert_true(p.goaway);
    assert_int_equal(p.goaway_last, 0x7fffffff);
    assert_true(rig_is_open(&rig, 2));
    /* The second GOAWAY draws the line. */
    codec_shutdown(rig.codec, true);
    rig_flush(&rig);
    peer_pump(&p, 0, NULL);
    assert_int_equal(p.goaway_last, second->id);
    assert_int_equal(p.goaway_code, 0);
    assert_false(codec_is_done(rig.codec));
    rig_say(&rig, 1, ERR_OK);
    rig_say(&rig, 2, ERR_OK);
    peer_pump(&p, 0, NULL);
    assert_string_equal(peer_got(first), ":status=200 body=x END closed 0");
    assert_string_equal(peer_got(second), ":status=200 body=x END closed 0");
    assert_true(codec_is_done(rig.codec));
    peer_end(&p);
    rig_end(&rig);
}

static void test_shutdown_of_an_idle_connection(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {{.when = ON_END}};
    struct rig rig = {.window = 0};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    peer_pump(&p, 0, NULL);
    assert_true(codec_is_idle(rig.codec));
    assert_false(codec_is_done(rig.codec));
    struct peer_stream *late = peer_ask(&p, PEER_GET("/"), NULL, 0, NULL);
    codec_shutdown(rig.codec, true);
    rig_flush(&rig);
    assert_true(codec_is_done(rig.codec));
    peer_pump(&p, 0, NULL); /* the late request is refused in a way that may be repeated */
    assert_int_equal(late->code, NGHTTP2_REFUSED_STREAM);
    assert_string_equal(rig_diary(&rig), "");
    peer_end(&p);
    rig_end(&rig);
}

/* --- limits --- */

static void limit_case(const char *fields, const char *trailers, const char *want)
{
    static struct peer p;
    static const struct rig_script script[] = {{.when = ON_END, .status = 431}};
    struct rig rig = {.options.limits = {1000, 5, 100}};
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    struct peer_stream *s = peer_ask(&p, fields, NULL, 0, trailers);
    peer_pump(&p, 0, NULL);
    if (strstr(rig_diary(&rig), want) == NULL)
        fail_msg("%s: %s", want, rig_diary(&rig));
    assert_string_equal(peer_got(s), ":status=431 END closed 0");
    peer_end(&p);
    rig_end(&rig);
}

static void test_limits(void **state)
{
    char fields[4000], crumbs[400] = PEER_GET("/"), big[1500];
    UNUSED(state);
    memset(big, 'x', sizeof(big));
    big[1000] = '\0';
    (void)snprintf(fields, sizeof(fields), PEER_GET("/") "|a: %s", big);
    limit_case(fields, NULL, "refused header_too_large");
    limit_case(PEER_GET("/") "|a: 1|b: 2|c: 3|d: 4|e: 5|f: 6", NULL, "refused header_too_large");
    limit_case(PEER_GET("/") "|a: 1|b: 2|c: 3|d: 4|e: 5", NULL, "e=5\n");
    for (int i = 0; i < 20; i++)
        (void)snprintf(crumbs + strlen(crumbs), sizeof(crumbs) - strlen(crumbs), "|cookie: %d", i);
    limit_case(crumbs, NULL, "cookie=0; 1; 2"); /* they are one field */
    (void)snprintf(fields, sizeof(fields),
                   ":method: GET|:scheme: http|:authority: a|:path: /%.101s", big);
    limit_case(fields, NULL, "refused target_too_long");
    (void)snprintf(fields, sizeof(fields), "a: %s", big);
    limit_case(PEER_POST("/"), fields, "end header_too_large");
}

static void test_stream_limit_is_announced(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {{.when = BY_HAND}};
    struct rig rig = {.options.h2_streams = 3};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    for (int i = 0; i < 5; i++) /* before the client knows the limit */
        (void)peer_ask(&p, PEER_GET("/"), NULL, 0, NULL);
    peer_pump(&p, 0, NULL);
    assert_true(rig_is_open(&rig, 3));
    assert_int_equal(rig.nstreams, 3);
    assert_int_equal(
        nghttp2_session_get_remote_settings(p.ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 3);
    assert_int_equal(p.streams[4].code, NGHTTP2_REFUSED_STREAM);
    assert_false(rig.failed);
    peer_end(&p);
    rig_end(&rig);
}

/* --- tunnels --- */

#define TUNNEL PEER_TUNNEL("WebSocket") "|sec-websocket-version: 13"
#define ASKED  "1 head GET / a sec-websocket-version=13 websocket\n1 end ok\n"

/* Both halves end by themselves, whoever is first; what the client says before it was answered is
 * for the owner to keep. */
static void test_tunnel(void **state)
{
    static struct peer p;
    static const struct rig_script scripts[] = {
        {.when = BY_HAND,
         .tunnel = true,
         .status = 101,
         .body = "hello",
         .fields = "Sec-WebSocket-Accept: x|Upgrade: websocket|Connection: Upgrade|A: b"},
        {.when = BY_HAND, .tunnel = true, .status = 101, .body = "hello", .stop = SENT_BODY}};
    UNUSED(state);
    for (size_t i = 0; i < 2; i++) {
        struct rig rig = {.window = 0};
        assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, &scripts[i], 1), ERR_OK);
        peer_begin(&p, &rig, false);
        peer_pump(&p, 0, NULL);
        struct peer_stream *s = peer_ask(&p, TUNNEL, "abc", 3, NULL);
        s->pause = true;
        peer_pump(&p, 0, NULL);
        assert_string_equal(rig_diary(&rig), ASKED "1 body abc\n");
        rig_say(&rig, 1, ERR_OK);
        peer_pump(&p, 0, NULL);
        assert_string_equal(peer_got(s),
                            i == 0 ? ":status=200 a=b body=hello END " : ":status=200 body=hello");
        assert_false(s->closed);
        s->pause = false;
        nghttp2_session_resume_data(p.ng, s->id);
        peer_pump(&p, 1, NULL);
        assert_string_equal(rig_diary(&rig), ASKED "1 body abc\n1 end ok\n1 gone ok\n");
        assert_true(s->closed);
        assert_int_equal(s->code, 0);
        assert_true(codec_is_idle(rig.codec));
        peer_end(&p);
        rig_end(&rig);
    }
}

static void test_tunnel_refused(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {{.when = ON_END, .status = 403, .body = "no"}};
    struct rig rig = {.window = 0};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    peer_pump(&p, 0, NULL);
    struct peer_stream *s = peer_ask(&p, TUNNEL, "frames", 6, NULL);
    peer_pump(&p, 0, NULL);
    assert_string_equal(peer_got(s), ":status=403 body=no END closed 0");
    assert_string_equal(rig_diary(&rig), ASKED "1 body frames\n1 end ok\n1 gone ok\n");
    peer_end(&p);
    rig_end(&rig);
}

static void test_tunnel_reset(void **state)
{
    static struct peer p;
    static const struct rig_script script[] = {
        {.when = ON_END, .tunnel = true, .status = 101, .body = "", .stop = SENT_BODY}};
    struct rig rig = {.window = 0};
    UNUSED(state);
    assert_int_equal(rig_begin(&rig, RIG_H2_CLIENT, script, 1), ERR_OK);
    peer_begin(&p, &rig, false);
    peer_pump(&p, 0, NULL);
    struct peer_stream *s = peer_ask(&p, TUNNEL, "abc", 3, NULL);
    s->pause = true;
    peer_pump(&p, 0, NULL);
    assert_int_equal(nghttp2_submit_rst_stream(p.ng, 0, s->id, NGHTTP2_CANCEL), 0);
    peer_pump(&p, 0, NULL);
    assert_string_equal(rig_diary(&rig), ASKED "1 body abc\n1 gone client_reset\n");
    assert_false(rig.failed);
    peer_end(&p);
    rig_end(&rig);
}

/* --- without memory --- */

static enum err exchange(void *arg)
{
    static struct peer p;
    static const struct rig_script script[] = {
        {.when = ON_END, .body = "0123456789", .repeat = 3000, .piece = 3000, .trailers = "a: b"}};
    struct rig rig = {.window = 0};
    UNUSED(arg);
    enum err e = rig_begin(&rig, RIG_H2_CLIENT, script, 1);
    if (e == ERR_OK) {
        peer_begin(&p, &rig, false);
        struct peer_stream *s = peer_ask(&p, PEER_POST("/"), "abc", 3, "x: y");
        peer_pump(&p, 0, NULL);
        e = !rig.failed && s->closed && s->code == 0 && s->body == 30000 ? ERR_OK : ERR_NO_MEMORY;
        rig_close(&rig, ERR_CLIENT_RESET);
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
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_client_does_not_read),
        cmocka_unit_test(test_socket_does_not_take),
        cmocka_unit_test(test_held_bodies),
        cmocka_unit_test(test_gone_with_bytes_held),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_reset_by_peer),
        cmocka_unit_test(test_reset_without_an_error),
        cmocka_unit_test(test_connection_breaks),
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_shutdown_of_an_idle_connection),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_stream_limit_is_announced),
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_tunnel_refused),
        cmocka_unit_test(test_tunnel_reset),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
