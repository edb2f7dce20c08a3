/* HTTP/1 towards a server: what it answers, whole, byte by byte and at random cuts; what may be
 * reused and what may not; nothing cut short ever looks complete. */
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/rig.h"

#include <stdio.h>

struct h1_case {
    const char *name;
    struct rig_script script[3]; /* each request is sent when the one before is over */
    struct span in[3];           /* and answered by this */
    const char *diary;
    const char *out;
    const char *end;     /* "reusable", "busy" or "done" */
    struct span unasked; /* then comes without a request */
    bool closes;         /* then the server ends its sending */
    enum err breaks;     /* or the connection breaks */
};

#define GET             \
    {                   \
        .when = ON_HEAD \
    }
#define SENT   "GET / HTTP/1.1\r\nHost: b\r\n\r\n"
#define OK(n)  "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n\r\n"
#define CHUNKS "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define BAD    "gone backend_bad_answer\n"

static const struct h1_case cases[] = {
    /* --- good answers --- */
    {.name = "keep-alive",
     {GET, GET, GET},
     {SPAN(OK(2) "hi"), SPAN(CHUNKS "1;x\r\na\r\n2\r\nbc\r\n0\r\nX-T: y\r\nHost: z\r\n\r\n"),
      SPAN("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")},
     "head 200 Content-Length=2\nbody hi\nend ok\ngone ok\n"
     "head 200 Transfer-Encoding=chunked\nbody abc\nend ok X-T=y\ngone ok\n"
     "head 200 Content-Length=0\nend ok\ngone ok\n",
     SENT SENT SENT,
     "reusable"},
    {.name = "until close",
     {GET},
     {SPAN("HTTP/1.1 200 OK\r\n\r\nabc\r\n\r\n")},
     "head 200\nbody abc\\x0d\\x0a\\x0d\\x0a\nend ok\ngone ok\n",
     SENT,
     "done",
     .closes = true},
    {.name = "until close, empty",
     {GET},
     {SPAN("HTTP/1.1 200 OK\r\n\r\n")},
     "head 200\nend ok\ngone ok\n",
     SENT,
     "done",
     .closes = true},
    {.name = "1.0",
     {GET},
     {SPAN("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na")},
     "head 200 Content-Length=1\nbody a\nend ok\ngone ok\n",
     SENT,
     "done"},
    {.name = "1.0 kept",
     {GET},
     {SPAN("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na")},
     "head 200 Connection=Keep-Alive Content-Length=1\nbody a\nend ok\ngone ok\n",
     SENT,
     "reusable"},
    {.name = "says close",
     {GET},
     {SPAN("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na")},
     "head 200 Connection=close Content-Length=1\nbody a\nend ok\ngone ok\n",
     SENT,
     "done"},
    {.name = "interim answers",
     {GET},
     {SPAN(
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 9\r\n"
         "\r\n" OK(1) "a")},
     "head 100\nhead 103 Link=x\nhead 200 Content-Length=1\nbody a\nend ok\ngone ok\n",
     SENT,
     "reusable"},

    /* --- answers without a body --- */
    {.name = "HEAD",
     {{.when = ON_HEAD, .method = "HEAD"}, GET},
     {SPAN(OK(5)), SPAN(OK(1) "a")},
     "head 200 Content-Length=5\nend ok\ngone ok\nhead 200 Content-Length=1\nbody a\nend ok\ngone "
     "ok\n",
     "HEAD / HTTP/1.1\r\nHost: b\r\n\r\n" SENT,
     "reusable"},
    {.name = "HEAD, chunked",
     {{.when = ON_HEAD, .method = "HEAD"}},
     {SPAN(CHUNKS)},
     "head 200 Transfer-Encoding=chunked\nend ok\ngone ok\n",
     "HEAD / HTTP/1.1\r\nHost: b\r\n\r\n",
     "reusable"},
    {.name = "HEAD with a body",
     {{.when = ON_HEAD, .method = "HEAD"}},
     {SPAN(OK(5) "hello")},
     "head 200 Content-Length=5\nend ok\ngone ok\n",
     "HEAD / HTTP/1.1\r\nHost: b\r\n\r\n",
     "done"},
    {.name = "204 with a length",
     {GET},
     {SPAN("HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n")},
     "head 204\nend ok\ngone ok\n",
     SENT,
     "reusable"},
    {.name = "304",
     {GET},
     {SPAN("HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n")},
     "head 304 Content-Length=5\nend ok\ngone ok\n",
     SENT,
     "reusable"},

    /* --- bad answers --- */
    {.name = "length and coding",
     {GET},
     {SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
     BAD,
     SENT,
     "done"},
    {.name = "two lengths",
     {GET},
     {SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na")},
     BAD,
     SENT,
     "done"},
    {.name = "unknown coding",
     {GET},
     {SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n")},
     BAD,
     SENT,
     "done"},
    {.name = "folded", {GET}, {SPAN("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n")}, BAD, SENT, "done"},
    {.name = "bare line feed",
     {GET},
     {SPAN("HTTP/1.1 200 OK\nContent-Length: 0\n\n")},
     BAD,
     SENT,
     "done"},
    {.name = "no HTTP", {GET}, {SPAN("SSH-2.0-OpenSSH_9.2\r\n\r\n")}, BAD, SENT, "done"},
    {.name = "empty line first", {GET}, {SPAN("\r\n" OK(0))}, BAD, SENT, "done"},
    {.name = "switching",
     {GET},
     {SPAN("HTTP/1.1 101 X\r\nUpgrade: y\r\n\r\n\x81\x01x")},
     BAD,
     SENT,
     "done"},
    {.name = "bad chunk",
     {GET},
     {SPAN(CHUNKS "1\r\naX")},
     "head 200 Transfer-Encoding=chunked\nbody a\n" BAD,
     SENT,
     "done"},
    {.name = "bad trailers",
     {GET},
     {SPAN(CHUNKS "0\r\nX : y\r\n\r\n")},
     "head 200 Transfer-Encoding=chunked\n" BAD,
     SENT,
     "done"},
    {.name = "no memory for the head",
     {{.when = ON_HEAD, .arena = 400}},
     {SPAN(
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-1: 0123456789012345678901234567890123456789\r\n"
         "X-2: 0123456789012345678901234567890123456789\r\n\r\n")},
     "gone no_memory\n",
     SENT,
     "done"},

    /* --- answers that are cut --- */
    {.name = "closed before the answer",
     {GET},
     {SPAN("")},
     "gone backend_closed\n",
     SENT,
     "done",
     .closes = true},
    {.name = "closed within the head",
     {GET},
     {SPAN("HTTP/1.1 200 OK\r\nX:")},
     "gone backend_closed\n",
     SENT,
     "done",
     .closes = true},
    {.name = "closed after an interim answer",
     {GET},
     {SPAN("HTTP/1.1 100 Continue\r\n\r\n")},
     "head 100\ngone backend_closed\n",
     SENT,
     "done",
     .closes = true},
    {.name = "closed within the length",
     {GET},
     {SPAN(OK(5) "abc")},
     "head 200 Content-Length=5\nbody abc\ngone backend_closed\n",
     SENT,
     "done",
     .closes = true},
    {.name = "closed within a chunk",
     {GET},
     {SPAN(CHUNKS "5\r\nabc")},
     "head 200 Transfer-Encoding=chunked\nbody abc\ngone backend_closed\n",
     SENT,
     "done",
     .closes = true},
    {.name = "closed before the last chunk",
     {GET},
     {SPAN(CHUNKS "3\r\nabc\r\n")},
     "head 200 Transfer-Encoding=chunked\nbody abc\ngone backend_closed\n",
     SENT,
     "done",
     .closes = true},
    {.name = "closed within the trailers",
     {GET},
     {SPAN(CHUNKS "0\r\n")},
     "head 200 Transfer-Encoding=chunked\ngone backend_closed\n",
     SENT,
     "done",
     .closes = true},
    {.name = "broken within an until-close body",
     {GET},
     {SPAN("HTTP/1.1 200 OK\r\n\r\nabc")},
     "head 200\nbody abc\ngone backend_reset\n",
     SENT,
     "done",
     .breaks = ERR_BACKEND_RESET},
    {.name = "broken while waiting",
     {GET},
     {SPAN("")},
     "gone backend_reset\n",
     SENT,
     "done",
     .breaks = ERR_BACKEND_RESET},

    /* --- what nobody asked for --- */
    {.name = "bytes after the answer",
     {GET},
     {SPAN(OK(1) "aHTTP/1.1 200 OK\r\n\r\n")},
     "head 200 Content-Length=1\nbody a\nend ok\ngone ok\n",
     SENT,
     "done"},
    {.name = "a line end after the answer",
     {GET},
     {SPAN(OK(1) "a\r\n")},
     "head 200 Content-Length=1\nbody a\nend ok\ngone ok\n",
     SENT,
     "done"},
    {.name = "bytes while idle",
     {GET},
     {SPAN(OK(1) "a")},
     "head 200 Content-Length=1\nbody a\nend ok\ngone ok\n",
     SENT,
     "done",
     .unasked = SPAN("HTTP/1.1 408 X\r\n\r\n")},
    {.name = "closed while idle",
     {GET},
     {SPAN(OK(1) "a")},
     "head 200 Content-Length=1\nbody a\nend ok\ngone ok\n",
     SENT,
     "done",
     .closes = true},
    {.name = "an answer before the request",
     {{.when = BY_HAND}},
     {SPAN(OK(0))},
     "gone backend_closed\n",
     "",
     "done"},

    /* --- requests --- */
    {.name = "chunked request",
     {{.when = ON_HEAD, .method = "POST", .body = "0123456789", .piece = 8, .trailers = "X: y"}},
     {SPAN(OK(0))},
     "head 200 Content-Length=0\nend ok\ngone ok\n",
     "POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: "
     "chunked\r\n\r\n8\r\n01234567\r\n2\r\n89\r\n0\r\n"
     "X: y\r\n\r\n",
     "reusable"},
    {.name = "counted request",
     {{.when = ON_HEAD, .method = "PUT", .body = "abc", .fields = "Content-Length: 3|Host: c"}},
     {SPAN(OK(0))},
     "head 200 Content-Length=0\nend ok\ngone ok\n",
     "PUT / HTTP/1.1\r\nContent-Length: 3\r\nHost: c\r\n\r\nabc",
     "reusable"},
    {.name = "POST of nothing",
     {{.when = ON_HEAD, .method = "POST"}},
     {SPAN(OK(0))},
     "head 200 Content-Length=0\nend ok\ngone ok\n",
     "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
     "reusable"},
    {.name = "a length without a body",
     {{.when = ON_HEAD, .fields = "Content-Length: 3"}, GET},
     {SPAN(""), SPAN(OK(0))},
     "reset\nhead 200 Content-Length=0\nend ok\ngone ok\n",
     SENT,
     "reusable"},
    {.name = "body shorter than its length",
     {{.when = ON_HEAD, .body = "ab", .fields = "Content-Length: 3"}},
     {SPAN("")},
     "reset\n",
     "GET / HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nab",
     "done"},

    /* --- the asker gives up --- */
    {.name = "reset before anything was sent",
     {{.when = BY_HAND, .reset = BY_HAND}, GET},
     {SPAN(""), SPAN(OK(0))},
     "reset\nhead 200 Content-Length=0\nend ok\ngone ok\n",
     SENT,
     "reusable"},
    {.name = "reset after the request",
     {{.when = ON_HEAD, .body = "abc", .reset = SENT_BODY}},
     {SPAN("")},
     "reset\n",
     "GET / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
     "done"},
    {.name = "reset at the head",
     {{.when = ON_HEAD, .reset = ON_HEAD}},
     {SPAN(OK(1) "a")},
     "head 200 Content-Length=1\nreset\n",
     SENT,
     "done"},
    {.name = "reset at the end",
     {{.when = ON_HEAD, .reset = ON_END}},
     {SPAN(OK(1) "a")},
     "head 200 Content-Length=1\nbody a\nend ok\nreset\n",
     SENT,
     "done"},

    /* --- answered before the request was complete --- */
    {.name = "early answer",
     {{.when = ON_HEAD, .method = "POST", .body = "abc", .stop = SENT_BODY}},
     {SPAN(OK(1) "a")},
     "head 200 Content-Length=1\nbody a\nend ok\n",
     "POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
     "busy"},
    {.name = "early answer and closed",
     {{.when = ON_HEAD, .method = "POST", .body = "abc", .stop = SENT_BODY}},
     {SPAN(OK(1) "a")},
     "head 200 Content-Length=1\nbody a\nend ok\ngone backend_closed\n",
     "POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
     "done",
     .closes = true},
    {.name = "early answer until close",
     {{.when = ON_HEAD, .method = "POST", .body = "abc", .stop = SENT_BODY}},
     {SPAN("HTTP/1.1 400 X\r\n\r\na")},
     "head 400\nbody a\nend ok\ngone backend_closed\n",
     "POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
     "done",
     .closes = true},
/* --- tunnels --- */
#define UP     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
#define TUNNEL \
    .when = ON_HEAD, .tunnel = true, .fields = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
#define ASK "GET / HTTP/1.1\r\nHost: b\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" UP "\r\n"
#define OPENED                                      \
    "head 101 Upgrade=websocket Connection=Upgrade" \
    " Sec-WebSocket-Accept=s3pPLMBiTxaQ9kYGzzhZRbK+xOo= websocket\n"
    {.name = "tunnel",
     {{TUNNEL, .body = "hello"}},
     {SPAN(SWITCH UP ACCEPT "\r\nHTTP/1.1 200 OK\r\n\r\n")},
     OPENED "body HTTP/1.1 200 OK\\x0d\\x0a\\x0d\\x0a\nend ok\ngone ok\n",
     ASK "hello",
     "done",
     .closes = true},
    {.name = "tunnel: the server ends first",
     {{TUNNEL, .body = "hello", .stop = SENT_BODY}},
     {SPAN("HTTP/1.1 103 X\r\n\r\n" SWITCH UP ACCEPT "\r\n")},
     "head 103\n" OPENED "end ok\ngone ok\n",
     ASK "hello",
     "done",
     .closes = true},
    {.name = "tunnel: half of it over",
     {{TUNNEL, .body = "hello"}},
     {SPAN(SWITCH UP ACCEPT "\r\nabc")},
     OPENED "body abc\n",
     ASK "hello",
     "busy"},
    {.name = "tunnel: broken",
     {{TUNNEL}},
     {SPAN(SWITCH UP ACCEPT "\r\nabc")},
     OPENED "body abc\ngone backend_reset\n",
     ASK,
     "done",
     .breaks = ERR_BACKEND_RESET},
    {.name = "tunnel: lengths mean nothing",
     {{TUNNEL, .body = "hello", .stop = SENT_BODY}},
     {SPAN(SWITCH "Upgrade: WebSocket\r\nConnection: x, upgrade\r\n" ACCEPT
                  "Content-Length: 2\r\n\r\nabc")},
     "head 101 Upgrade=WebSocket Connection=x, upgrade"
     " Sec-WebSocket-Accept=s3pPLMBiTxaQ9kYGzzhZRbK+xOo= websocket\nbody abc\nend ok\ngone ok\n",
     ASK "hello",
     "done",
     .closes = true},
    {.name = "tunnel refused",
     {{TUNNEL}, GET},
     {SPAN("HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n"), SPAN(OK(0))},
     "head 403 Content-Length=0\nend ok\ngone ok\nhead 200 Content-Length=0\nend ok\n"
     "gone ok\n",
     ASK SENT,
     "reusable"},
    {.name = "tunnel nobody asked for",
     {GET},
     {SPAN(SWITCH UP ACCEPT "\r\nabc")},
     BAD,
     SENT,
     "done"},
#define NO_TUNNEL(what, head)                                                     \
    {                                                                             \
        .name = what, {{TUNNEL}}, {SPAN(SWITCH head "\r\nabc")}, BAD, ASK, "done" \
    }
    NO_TUNNEL("no accept", UP),
    NO_TUNNEL("a wrong accept", UP "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
    NO_TUNNEL("the key repeated", UP "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
    NO_TUNNEL("two accepts", UP ACCEPT ACCEPT),
    NO_TUNNEL("no upgrade", "Connection: Upgrade\r\n" ACCEPT),
    NO_TUNNEL("another upgrade", "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT),
    NO_TUNNEL("no connection", "Upgrade: websocket\r\n" ACCEPT),
};

struct run {
    const struct h1_case *c;
    size_t piece;
    uint64_t seed;
};

static size_t scripts_in(const struct h1_case *c)
{
    size_t n = ARRAY_LEN(c->script);
    while (n > 1 && c->script[n - 1].when == NOWHERE)
        n--;
    return n;
}

static const char *state_of(const struct rig *r)
{
    if (rig_is_open(r, r->nstreams))
        return "busy";
    return codec_is_reusable(r->codec) ? "reusable" : codec_is_done(r->codec) ? "done" : "lost";
}

static void expect(const struct run *how, struct rig *r)
{
    const struct h1_case *c = how->c;
    const char *end = state_of(r);
    if (strcmp(rig_diary(r), c->diary) == 0 && span_eq(rig_span(&r->wire), span_str(c->out)) &&
        strcmp(end, c->end) == 0)
        return;
    fail_msg("%s (pieces of %zu, seed %llu)\n--- diary\n%s--- not\n%s--- out\n" SPAN_FMT
             "\n--- not\n%s\n--- end: %s, not %s",
             c->name, how->piece, (unsigned long long)how->seed, rig_diary(r), c->diary,
             SPAN_ARG(rig_span(&r->wire)), c->out, end, c->end);
}

static void run(const struct run *how)
{
    const struct h1_case *c = how->c;
    struct seeded seed = seeded_begin(how->seed);
    struct rig r = {.window = 0};
    assert_int_equal(rig_begin(&r, RIG_H1_BACKEND, c->script, scripts_in(c)), ERR_OK);
    for (size_t i = 0; i < scripts_in(c); i++) {
        assert_true(rig_ask(&r));
        if (c->script[i].reset == BY_HAND)
            rig_say(&r, r.nstreams, ERR_CLIENT_CLOSED);
        rig_feed(&r, c->in[i], how->piece, &seed);
    }
    assert_true(rig_is_open(&r, r.nstreams) || codec_is_done(r.codec) ||
                codec_is_reading(r.codec)); /* or a server that closes goes unseen */
    rig_feed(&r, c->unasked, how->piece, &seed);
    if (c->closes)
        rig_close(&r, ERR_OK);
    if (c->breaks != ERR_OK)
        rig_close(&r, c->breaks);
    expect(how, &r);
    assert_int_equal(codec_is_reusable(r.codec), strcmp(c->end, "reusable") == 0);
    assert_false(codec_is_cut(r.codec));
    if (strcmp(c->end, "reusable") != 0)
        assert_false(rig_ask(&r));
    rig_end(&r);
}

static void test_cases(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        run(&(struct run){&cases[i], 0, 0});
        run(&(struct run){&cases[i], 1, 0});
        for (uint64_t seed = 1; seed <= 20; seed++)
            run(&(struct run){&cases[i], 2 + seed, seed});
    }
}

static void start(struct rig *r, const struct rig_script *script)
{
    assert_int_equal(rig_begin(r, RIG_H1_BACKEND, script, 1), ERR_OK);
    assert_true(rig_ask(r));
}

/* The owner learns that all was sent when the socket has taken it, and once. */
static void test_sent(void **state)
{
    static const struct rig_script script[] = {
        {.when = ON_HEAD, .method = "POST", .body = "abcdefgh", .repeat = 100}};
    UNUSED(state);
    for (int lazy = 0; lazy < 2; lazy++) {
        struct rig r = {.lazy = lazy == 1};
        start(&r, script);
        assert_int_equal(r.ntold, lazy ? 0 : 1);
        rig_feed(&r, SPAN("HTTP/1.1 103 Early Hints\r\n\r\n"), 0, NULL);
        rig_flush(&r);
        assert_int_equal(r.ntold, 1);
        rig_feed(&r, SPAN(OK(0)), 0, NULL);
        assert_int_equal(r.ntold, 1);
        rig_end(&r);
    }
}

static void test_interim_flood(void **state)
{
    static const struct rig_script script[] = {GET};
    UNUSED(state);
    for (int n = 16; n <= 17; n++) {
        struct rig r = {.window = 0};
        start(&r, script);
        for (int i = 0; i < n; i++)
            rig_feed(&r, SPAN("HTTP/1.1 102 Processing\r\n\r\n"), 0, NULL);
        rig_feed(&r, SPAN(OK(0)), 0, NULL);
        bool refused = strstr(rig_diary(&r), BAD) != NULL;
        assert_int_equal(refused, n == 17);
        rig_end(&r);
    }
}

static void test_head_over_the_limit(void **state)
{
    static const struct rig_script script[] = {GET};
    static char in[6000] = "HTTP/1.1 200 OK\r\nX: ";
    UNUSED(state);
    memset(in + strlen(in), 'x', sizeof(in) - strlen(in));
    for (size_t piece = 0; piece < 2; piece++) {
        struct rig r = {.window = 0};
        start(&r, script);
        rig_feed(&r, span_of(in, sizeof(in)), piece, NULL);
        assert_string_equal(rig_diary(&r), BAD);
        rig_end(&r);
    }
}

/* A large request is refused without a byte of it on the wire, and the connection is still good. */
static void test_request_too_large(void **state)
{
    static char fields[300000];
    struct rig_script script[] = {{.when = ON_HEAD, .fields = fields}};
    struct rig r = {.window = 0};
    UNUSED(state);
    memset(fields, 'x', sizeof(fields) - 1);
    fields[1] = ':';
    assert_int_equal(rig_begin(&r, RIG_H1_BACKEND, script, 1), ERR_OK);
    assert_true(rig_ask(&r));
    assert_string_equal(rig_diary(&r), "reset\n");
    assert_int_equal(r.wire.n, 0);
    assert_true(codec_is_reusable(r.codec));
    rig_end(&r);
}

static void test_held_body(void **state)
{
    static const struct rig_script script[] = {{.when = ON_HEAD, .hold = true}};
    struct rig r = {.options.buffer = 4};
    UNUSED(state);
    start(&r, script);
    rig_feed(&r, SPAN(OK(12) "abcdefghijkl"), 1, NULL);
    assert_string_equal(rig_diary(&r), "head 200 Content-Length=12\nbody abcd\n");
    assert_false(codec_is_reading(r.codec));
    rig_release(&r); /* what waited comes at once */
    assert_string_equal(rig_diary(&r), "head 200 Content-Length=12\nbody abcd\nbody efghijkl\n"
                                       "end ok\ngone ok\n");
    assert_true(codec_is_reusable(r.codec));
    rig_end(&r);
}

/* The server stops reading: send_body says 0 and ready follows. */
static void test_slow_server(void **state)
{
    static const struct rig_script script[] = {
        {.when = ON_HEAD, .method = "PUT", .body = "0123456789", .repeat = 100, .piece = 10}};
    struct rig r = {.window = 13, .options.buffer = 50};
    UNUSED(state);
    start(&r, script);
    size_t most = 0;
    for (int i = 0; i < 1000 && r.out.n > 0; i++) {
        most = max_size(most, r.out.n);
        rig_flush(&r);
    }
    assert_true(most < 200);
    assert_true(span_has_suffix(rig_span(&r.wire), SPAN("a\r\n0123456789\r\n0\r\n\r\n")));
    rig_feed(&r, SPAN(OK(0)), 0, NULL);
    assert_true(codec_is_reusable(r.codec));
    rig_end(&r);
}

/* The answer is complete while the request still waits for the socket: not over before it is sent.
 */
static void test_answer_overtakes_the_request(void **state)
{
    static const struct rig_script script[] = {GET};
    struct rig r = {.window = 3};
    UNUSED(state);
    start(&r, script);
    rig_feed(&r, SPAN(OK(1) "a"), 0, NULL);
    assert_string_equal(rig_diary(&r), "head 200 Content-Length=1\nbody a\nend ok\n");
    assert_false(codec_is_reusable(r.codec));
    while (r.out.n > 0)
        rig_flush(&r);
    assert_string_equal(rig_diary(&r), "head 200 Content-Length=1\nbody a\nend ok\ngone ok\n");
    assert_true(codec_is_reusable(r.codec));
    rig_end(&r);
}

static void test_shutdown(void **state)
{
    static const struct rig_script script[] = {GET};
    struct rig r = {.window = 0};
    UNUSED(state);
    start(&r, script);
    codec_shutdown(r.codec, false);
    assert_false(codec_is_done(r.codec));
    rig_feed(&r, SPAN(OK(0)), 0, NULL);
    assert_non_null(strstr(rig_diary(&r), "gone ok"));
    assert_true(codec_is_done(r.codec));
    assert_false(rig_ask(&r));
    rig_end(&r);
}

static enum err exchange(void *arg)
{
    static const struct rig_script script[] = {
        {.when = ON_HEAD, .method = "PUT", .body = "0123456789", .repeat = 300, .piece = 700}};
    struct rig r = {.quiet = true};
    UNUSED(arg);
    enum err e = rig_begin(&r, RIG_H1_BACKEND, script, 1);
    if (e == ERR_OK) {
        (void)rig_ask(&r);
        rig_feed(&r, SPAN(CHUNKS "5\r\nhello\r\n0\r\nX: y\r\n\r\n"), 7, &(struct seeded){1, 1});
        if (!codec_is_reusable(r.codec))
            e = ERR_NO_MEMORY;
        rig_close(&r, ERR_BACKEND_RESET);
    }
    rig_end(&r);
    return e;
}

static enum err tunnel(void *arg)
{
    static const struct rig_script script[] = {
        {TUNNEL, .body = "0123456789", .repeat = 300, .piece = 700}};
    struct rig r = {.quiet = true};
    UNUSED(arg);
    enum err e = rig_begin(&r, RIG_H1_BACKEND, script, 1);
    if (e == ERR_OK) {
        (void)rig_ask(&r);
        rig_feed(&r, SPAN(SWITCH UP ACCEPT "\r\nhello"), 7, &(struct seeded){1, 1});
        if (codec_is_done(r.codec) || !r.half_closed)
            e = ERR_NO_MEMORY;
        rig_close(&r, ERR_BACKEND_RESET);
    }
    rig_end(&r);
    return e;
}

static void test_without_memory(void **state)
{
    UNUSED(state);
    alloc_walk(exchange, NULL);
    alloc_walk(tunnel, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_sent),
        cmocka_unit_test(test_interim_flood),
        cmocka_unit_test(test_head_over_the_limit),
        cmocka_unit_test(test_request_too_large),
        cmocka_unit_test(test_held_body),
        cmocka_unit_test(test_slow_server),
        cmocka_unit_test(test_answer_overtakes_the_request),
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
