/* HTTP/1 towards a client: every case is fed whole, byte by byte and at random cuts, written at
 * once and late, and must give the same events and the same bytes. */
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/rig.h"

#include <stdio.h>

struct h1_case {
    const char *name;
    struct span in;
    struct rig_script script[4];
    const char *diary;
    const char *out;
    const char *end; /* "idle", "busy", "done" or "cut" */
    size_t buffer;   /* codec_options.buffer */
    bool closes;     /* the client then ends its sending */
    enum err breaks; /* or the connection breaks */
    bool early;      /* answered before the request was complete: only late writing compares */
};

#define A       "Host: a\r\n"
#define OK(n)   "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n"
#define CLOSE   "Connection: close\r\n"
#define EMPTY   OK(0) "\r\n"
#define CLOSING OK(0) CLOSE "\r\n"
#define EMPTY_A .fields = "Content-Length: 0"

static const struct h1_case cases[] = {
    {.name = "keep-alive",
     SPAN("GET /a HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .body = "hi", .fields = "Content-Length: 2"}},
     "head GET /a a Host=a\nend ok\ngone ok\n",
     OK(2) "\r\nhi",
     "idle"},

    {.name = "pipelined",
     SPAN("GET /1 HTTP/1.1\r\n" A "\r\n\r\nPOST /2 HTTP/1.1\r\n" A
          "Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END}, {.when = ON_END, .body = "2"}, {.when = ON_END, .status = 204}},
     "head GET /1 a Host=a\nend ok\ngone ok\n"
     "head POST /2 a Host=a Content-Length=3\nbody abc\nend ok\ngone ok\n"
     "head GET /3 a Host=a\nend ok\ngone ok\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n"
     "HTTP/1.1 204 No Content\r\n\r\n",
     "idle"},

    {.name = "chunked both ways",
     SPAN("POST / HTTP/1.1\r\n" A "Transfer-Encoding: chunked\r\n\r\n"
          "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\nHost: b\r\n\r\n"),
     {{.when = ON_END, .body = "0123456789", .piece = 4, .trailers = "X-Sum: 9"}},
     "head POST / a Host=a Transfer-Encoding=chunked\nbody abcde\nend ok X-T=1\ngone ok\n",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n4\r\n4567\r\n2\r\n89\r\n"
     "0\r\nX-Sum: 9\r\n\r\n",
     "idle"},

    {.name = "said close",
     SPAN("GET / HTTP/1.1\r\n" A "Connection: x, Close\r\n\r\nGET / HTTP/1.1\r\n"),
     {{.when = ON_END, EMPTY_A}},
     "head GET / a Host=a Connection=x, Close\nend ok\ngone ok\n",
     CLOSING,
     "done"},

    /* --- HTTP/1.0 --- */
    {.name = "1.0",
     SPAN("GET / HTTP/1.0\r\n\r\n"),
     {{.when = ON_END, EMPTY_A}},
     "head GET / \nend ok\ngone ok\n",
     CLOSING,
     "done"},
    {.name = "1.0 kept",
     SPAN("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n"),
     {{.when = ON_END, EMPTY_A}},
     "head GET /  Connection=keep-alive\nend ok\ngone ok\nhead GET /2 \nend ok\ngone ok\n",
     OK(0) "Connection: keep-alive\r\n\r\n" CLOSING,
     "done"},
    {.name = "1.0 without a length",
     SPAN("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
     {{.when = ON_END, .body = "until the end", .interim = 103, .trailers = "X: y"}},
     "head GET /  Connection=keep-alive\nend ok\ngone ok\n",
     "HTTP/1.1 200 OK\r\n" CLOSE "\r\nuntil the end",
     "done"},

    /* --- bodiless answers --- */
    {.name = "HEAD",
     SPAN("HEAD / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .fields = "Content-Length: 5", .body = "never"}},
     "head HEAD / a Host=a\nend ok\ngone ok\n",
     OK(5) "\r\n",
     "idle"},
    {.name = "HEAD, no length",
     SPAN("HEAD / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END}},
     "head HEAD / a Host=a\nend ok\ngone ok\n",
     "HTTP/1.1 200 OK\r\n\r\n",
     "idle"},
    {.name = "304",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .status = 304, .fields = "Content-Length: 7"}},
     "head GET / a Host=a\nend ok\ngone ok\n",
     "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
     "idle"},

    /* --- interim answers --- */
    {.name = "100-continue",
     SPAN("PUT / HTTP/1.1\r\n" A "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab"),
     {{.when = ON_HEAD, .interim = 100, .stop = SENT_HEAD, .body = ""}},
     "head PUT / a Host=a Expect=100-continue Content-Length=2\nbody ab\nend ok\n",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" CLOSE "\r\n",
     "busy"},
    {.name = "early hints",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .interim = 103, EMPTY_A}},
     "head GET / a Host=a\nend ok\ngone ok\n",
     "HTTP/1.1 103 Early Hints\r\n\r\n" EMPTY,
     "idle"},

    /* --- early answers --- */
    {.name = "answered at the head, nothing follows",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_HEAD, EMPTY_A}},
     "head GET / a Host=a\nend ok\ngone ok\n",
     EMPTY,
     "idle"},
    {.name = "answered at the head, a body follows",
     SPAN("POST / HTTP/1.1\r\n" A "Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_HEAD, EMPTY_A}},
     "head POST / a Host=a Content-Length=3\nbody abc\nend ok\ngone ok\n",
     CLOSING,
     "done",
     .early = true},
    {.name = "answered while the body comes",
     SPAN("POST / HTTP/1.1\r\n" A "Content-Length: 9\r\n\r\nabc"),
     {{.when = ON_HEAD, EMPTY_A}},
     "head POST / a Host=a Content-Length=9\nbody abc\ngone ok\n",
     CLOSING,
     "done",
     .early = true},

    /* --- refused --- */
    {.name = "ambiguous",
     SPAN("POST / HTTP/1.1\r\n" A "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"
          "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .status = 400, EMPTY_A}},
     "head POST / a refused length_and_coding\ngone ok\n",
     "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done"},
    {.name = "coding in 1.0",
     SPAN("POST / HTTP/1.0\r\nConnection: keep-alive\r\n"
          "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     {{.when = ON_END, .status = 400, EMPTY_A}},
     "head POST /  refused bad_coding\ngone ok\n",
     "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done"},
    {.name = "bare line feeds",
     SPAN("GET / HTTP/1.1\nHost: a\n\n"),
     {{.when = ON_END, .status = 400, EMPTY_A}},
     "head    refused bad_line_end\ngone ok\n",
     "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done"},
    {.name = "TLS on a plain port",
     SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"),
     {{.when = ON_END, .status = 400, EMPTY_A}},
     "head    refused bad_line_end\ngone ok\n",
     "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done"},
    {.name = "two empty lines first",
     SPAN("\r\n\r\nGET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .status = 400, EMPTY_A}},
     "head    refused bad_method\ngone ok\n",
     "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done"},
    {.name = "refused after a good one",
     SPAN("GET / HTTP/1.1\r\n" A "\r\nGET /x HTTP/1.1\r\n\r\n"),
     {{.when = ON_END, EMPTY_A}, {.when = ON_END, .status = 400, EMPTY_A}},
     "head GET / a Host=a\nend ok\ngone ok\nhead GET /x  refused bad_host\ngone ok\n",
     EMPTY "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done"},
    {.name = "refused and reset",
     SPAN("GET /x HTTP/1.1\r\n\r\n"),
     {{.reset = ON_HEAD}},
     "head GET /x  refused bad_host\nreset\n",
     "",
     "done"},
    {.name = "no capacity",
     SPAN("GET / HTTP/1.1\r\n" A "\r\nGET / HTTP/1.1\r\n" A "\r\n"),
     {{.refuse = true}},
     "",
     "",
     "done"},
    {.name = "no memory for the head",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .arena = 64}},
     "gone no_memory\n",
     "",
     "done"},

    /* --- bodies that break --- */
    {.name = "bad chunk",
     SPAN("POST / HTTP/1.1\r\n" A "Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n"),
     {{.when = ON_END, .status = 400, EMPTY_A}},
     "head POST / a Host=a Transfer-Encoding=chunked\nbody abc\nend bad_chunk\ngone ok\n",
     "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done"},
    {.name = "bad trailers",
     SPAN("POST / HTTP/1.1\r\n" A "Transfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n"
          "\r\nGET / HTTP/1.1\r\n"),
     {{.when = ON_END, .status = 400, EMPTY_A}},
     "head POST / a Host=a Transfer-Encoding=chunked\nend bad_field\ngone ok\n",
     "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done"},
    {.name = "bare line feed in trailers",
     SPAN("POST / HTTP/1.1\r\n" A "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n"),
     {{.when = ON_END, .status = 400, EMPTY_A}},
     "head POST / a Host=a Transfer-Encoding=chunked\nend bad_line_end\ngone ok\n",
     "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done"},

    /* --- ends --- */
    {.name = "closed while idle",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, EMPTY_A}},
     "head GET / a Host=a\nend ok\ngone ok\n",
     EMPTY,
     "done",
     .closes = true},
    {.name = "closed within a head",
     SPAN("GET / HTT"),
     {{.when = ON_END}},
     "",
     "",
     "done",
     .closes = true},
    {.name = "closed within a body",
     SPAN("POST / HTTP/1.1\r\n" A "Content-Length: 5\r\n\r\nab"),
     {{.when = ON_END, .status = 400, EMPTY_A}},
     "head POST / a Host=a Content-Length=5\nbody ab\nend client_closed\ngone ok\n",
     "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done",
     .closes = true},
    {.name = "closed within the last chunk",
     SPAN("POST / HTTP/1.1\r\n" A "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"),
     {{.reset = ON_END}},
     "head POST / a Host=a Transfer-Encoding=chunked\nbody ab\nend client_closed\nreset\n",
     "",
     "done",
     .closes = true},
    {.name = "half-closed after the request",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = BY_HAND}},
     "head GET / a Host=a\nend ok\n",
     "",
     "busy",
     .closes = true},
    {.name = "broken while waiting",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = BY_HAND}},
     "head GET / a Host=a\nend ok\ngone client_reset\n",
     "",
     "done",
     .breaks = ERR_CLIENT_RESET},
    {.name = "broken within a body",
     SPAN("POST / HTTP/1.1\r\n" A "Content-Length: 5\r\n\r\nab"),
     {{.when = BY_HAND}},
     "head POST / a Host=a Content-Length=5\nbody ab\ngone client_reset\n",
     "",
     "done",
     .breaks = ERR_CLIENT_RESET},
    {.name = "broken within a 1.0 answer",
     SPAN("GET / HTTP/1.0\r\n\r\n"),
     {{.when = ON_END, .body = "half", .stop = SENT_BODY}},
     "head GET / \nend ok\ngone drain_timeout\n",
     "HTTP/1.1 200 OK\r\n" CLOSE "\r\nhalf",
     "cut",
     .breaks = ERR_DRAIN_TIMEOUT},

    /* --- the owner gives up --- */
    {.name = "reset at the head",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.reset = ON_HEAD}},
     "head GET / a Host=a\nreset\n",
     "",
     "done"},
    {.name = "reset in the body",
     SPAN("POST / HTTP/1.1\r\n" A "Content-Length: 2\r\n\r\nabGET /"),
     {{.reset = ON_BODY}},
     "head POST / a Host=a Content-Length=2\nbody a",
     "",
     "done",
     .early = true},
    {.name = "reset at the end",
     SPAN("GET / HTTP/1.1\r\n" A "\r\nGET / HTTP/1.1\r\n" A "\r\n"),
     {{.reset = ON_END}},
     "head GET / a Host=a\nend ok\nreset\n",
     "",
     "done"},
    {.name = "reset after the head went out",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .body = "abc", .reset = SENT_HEAD}},
     "head GET / a Host=a\nend ok\nreset\n",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
     "done"},
    {.name = "reset before the last chunk",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .body = "abc", .reset = SENT_BODY}},
     "head GET / a Host=a\nend ok\nreset\n",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
     "done"},
    {.name = "reset within a 1.0 body",
     SPAN("GET / HTTP/1.0\r\n\r\n"),
     {{.when = ON_END, .body = "abc", .reset = SENT_BODY}},
     "head GET / \nend ok\nreset\n",
     "HTTP/1.1 200 OK\r\n" CLOSE "\r\nabc",
     "cut"},

    {.name =
         "reset behind all that Content-Length promised: it looks complete, so the next is read",
     SPAN("GET /1 HTTP/1.1\r\n" A "\r\nGET /2 HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .fields = "Content-Length: 3", .body = "abc", .reset = SENT_BODY},
      {.when = ON_END, EMPTY_A}},
     "head GET /1 a Host=a\nend ok\nreset\nhead GET /2 a Host=a\nend ok\ngone ok\n",
     OK(3) "\r\nabc" EMPTY,
     "idle"},
    {.name = "the same where close was said",
     SPAN("GET /1 HTTP/1.1\r\n" A CLOSE "\r\nGET /2 HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .fields = "Content-Length: 3", .body = "abc", .reset = SENT_BODY}},
     "head GET /1 a Host=a Connection=close\nend ok\nreset\n",
     OK(3) CLOSE "\r\nabc",
     "done"},
    {.name = "the same before the request's end",
     SPAN("POST /1 HTTP/1.1\r\n" A "Content-Length: 9\r\n\r\nGET "),
     {{.when = ON_HEAD, .fields = "Content-Length: 3", .body = "abc", .reset = SENT_BODY}},
     "head POST /1 a Host=a Content-Length=9\nreset\n",
     OK(3) CLOSE "\r\nabc",
     "done"},

    /* --- what the owner promises must be kept --- */
    {.name = "body shorter than its length",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .body = "abc", .fields = "Content-Length: 5"}},
     "head GET / a Host=a\nend ok\nreset\n",
     OK(5) "\r\nabc",
     "done"},
    {.name = "body longer than its length",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .body = "abc", .piece = 2, .fields = "Content-Length: 2"}},
     "head GET / a Host=a\nend ok\nreset\n",
     OK(2) "\r\nab",
     "done"},
    {.name = "length without a body",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .fields = "Content-Length: 5"}},
     "head GET / a Host=a\nend ok\nreset\n",
     "",
     "done"},
    {.name = "two lengths",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .body = "abc", .fields = "Content-Length: 3|Content-Length: 4"}},
     "head GET / a Host=a\nend ok\nreset\n",
     "",
     "done"},
    {.name = "own framing fields are replaced",
     SPAN("GET / HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .body = "abc", .fields = "Connection: close|Transfer-Encoding: gzip|X: y"}},
     "head GET / a Host=a\nend ok\ngone ok\n",
     "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
     "idle"},
/* --- tunnels --- */
#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ASKED                                                               \
    "head GET /t a Host=a Upgrade=websocket Connection=keep-alive, Upgrade" \
    " Sec-WebSocket-Version=13 Sec-WebSocket-Key=dGhlIHNhbXBsZSBub25jZQ== websocket\nend ok\n"
#define OPENING    "GET /t HTTP/1.1\r\n" A UPGRADE VERSION KEY "\r\n"
#define SWITCH     "HTTP/1.1 101 Switching Protocols\r\n"
#define SWITCHED   SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
#define TUNNEL     .when = ON_END, .tunnel = true, .status = 101
#define LIKE(what) "head GET / a Host=a " what "\nend ok\ngone ok\n"
    {.name = "tunnel",
     SPAN(OPENING "\x81\x80mask"),
     {{TUNNEL, .body = "\x81\x02hi", .stop = SENT_BODY, .fields = "X: y"}},
     ASKED "body \\x81\\x80mask\nend ok\ngone ok\n",
     SWITCH "X: y\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi",
     "done",
     .closes = true},
    {.name = "tunnel: we end first",
     SPAN(OPENING "anything\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
     {{TUNNEL, .body = "bye"}},
     ASKED "body anything\\x0d\\x0a\\x0d\\x0aGET / HTTP/1.1\\x0d\\x0a\\x0d\\x0a\n"
           "end ok\ngone ok\n",
     SWITCHED "bye",
     "done",
     .closes = true},
    {.name = "tunnel: half of it over",
     SPAN(OPENING "abc"),
     {{TUNNEL, .body = "bye"}},
     ASKED "body abc\n",
     SWITCHED "bye",
     "busy"},
    {.name = "tunnel: broken",
     SPAN(OPENING "abc"),
     {{TUNNEL}},
     ASKED "body abc\ngone client_reset\n",
     SWITCHED,
     "cut",
     .breaks = ERR_CLIENT_RESET},
    {.name = "tunnel refused: what is behind it is nobody's",
     SPAN(OPENING "GET /smuggled HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, .status = 403, EMPTY_A}},
     ASKED "gone ok\n",
     "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     "done"},
    {.name = "tunnel answered 200",
     SPAN(OPENING "GET /smuggled HTTP/1.1\r\n" A "\r\n"),
     {{.when = ON_END, EMPTY_A}},
     ASKED "gone ok\n",
     CLOSING,
     "done"},
    {.name = "tunnel waits for its answer", SPAN(OPENING "abc"), {{0}}, ASKED, "", "busy"},
    {.name = "upgrade to h2c",
     SPAN("GET / HTTP/1.1\r\n" A "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n"),
     {{.when = ON_END, EMPTY_A}},
     LIKE("Upgrade=h2c Connection=Upgrade, HTTP2-Settings"),
     EMPTY,
     "idle"},
    {.name = "upgrade, one of several",
     SPAN("GET /t HTTP/1.1\r\n" A "Upgrade: h2c\r\nUpgrade: x, WebSocket\r\nConnection: x\r\n"
          "Connection: upgrade\r\n" VERSION KEY "\r\n"),
     {{TUNNEL}},
     "head GET /t a Host=a Upgrade=h2c Upgrade=x, WebSocket Connection=x Connection=upgrade"
     " Sec-WebSocket-Version=13 Sec-WebSocket-Key=dGhlIHNhbXBsZSBub25jZQ== websocket\nend ok\n",
     SWITCHED,
     "busy"},
    {.name = "upgrade nobody nominated",
     SPAN("GET / HTTP/1.1\r\n" A "Upgrade: websocket\r\n\r\n"),
     {{.when = ON_END, EMPTY_A}},
     LIKE("Upgrade=websocket"),
     EMPTY,
     "idle"},
    {.name = "upgrade in 1.0",
     SPAN("GET / HTTP/1.0\r\n" A UPGRADE VERSION KEY "\r\n"),
     {{.when = ON_END, EMPTY_A}},
     "head GET / a Host=a Upgrade=websocket Connection=keep-alive, Upgrade Sec-WebSocket-Version=13"
     " Sec-WebSocket-Key=dGhlIHNhbXBsZSBub25jZQ==\nend ok\ngone ok\n",
     OK(0) "Connection: keep-alive\r\n\r\n",
     "idle"},
    {.name = "upgrade with POST",
     SPAN("POST / HTTP/1.1\r\n" A UPGRADE "\r\n"),
     {{.when = ON_END, EMPTY_A}},
     "head POST / a Host=a Upgrade=websocket Connection=keep-alive, Upgrade\nend ok\ngone ok\n",
     EMPTY,
     "idle"},
#define NO_TUNNEL(what, why, rest)                                                             \
    {                                                                                          \
        .name = what, SPAN("GET /t HTTP/1.1\r\n" A UPGRADE rest), {{.when = ON_END, EMPTY_A}}, \
        "head GET /t a refused " why "\ngone ok\n", CLOSING, "done"                            \
    }
    NO_TUNNEL("another version", "websocket_version", "Sec-WebSocket-Version: 8\r\n" KEY "\r\nabc"),
    NO_TUNNEL("no version", "bad_websocket", KEY "\r\n"),
    NO_TUNNEL("two versions", "bad_websocket", VERSION VERSION KEY "\r\n"),
    NO_TUNNEL("no key", "bad_websocket", VERSION "\r\n"),
    NO_TUNNEL("two keys", "bad_websocket", VERSION KEY KEY "\r\n"),
    NO_TUNNEL("a short key", "bad_websocket", VERSION "Sec-WebSocket-Key: dGhlIA==\r\n\r\n"),
    NO_TUNNEL("a key of 17 bytes", "bad_websocket",
              VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWU=\r\n\r\n"),
    NO_TUNNEL("a key that is none", "bad_websocket",
              VERSION "Sec-WebSocket-Key: dGhlIHNhbXBs.SBub25jZQ==\r\n\r\n"),
    NO_TUNNEL("with a length", "bad_websocket", VERSION KEY "Content-Length: 3\r\n\r\nabc"),
    NO_TUNNEL("with chunks", "bad_websocket",
              VERSION KEY "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
};

static size_t scripts_in(const struct h1_case *c)
{
    size_t n = ARRAY_LEN(c->script);
    while (n > 1 && c->script[n - 1].when == NOWHERE && c->script[n - 1].reset == NOWHERE &&
           !c->script[n - 1].refuse)
        n--;
    return n;
}

static void state_of(const struct rig *r, char out[32])
{
    bool done = codec_is_done(r->codec);
    (void)snprintf(out, 32, "%s%s%s%s", codec_is_idle(r->codec) && !done ? "idle" : "",
                   rig_is_open(r, r->nstreams) ? "busy" : "",
                   rig_is_open(r, r->nstreams) && done ? " " : "",
                   codec_is_cut(r->codec) ? "cut"
                   : done                 ? "done"
                                          : "");
}

struct run {
    const struct h1_case *c;
    size_t piece;
    uint64_t seed;
    bool lazy;
};

static void expect(const struct run *how, struct rig *r)
{
    char end[32];
    state_of(r, end);
    const struct h1_case *c = how->c;
    bool cut_off = c->diary[0] != '\0' && c->diary[strlen(c->diary) - 1] != '\n';
    bool same = cut_off ? strncmp(rig_diary(r), c->diary, strlen(c->diary)) == 0
                        : strcmp(rig_diary(r), c->diary) == 0;
    if (same && span_eq(rig_span(&r->wire), span_str(c->out)) && strcmp(end, c->end) == 0)
        return;
    fail_msg("%s (pieces of %zu, seed %llu%s)\n--- diary\n%s--- not\n%s\n--- out\n" SPAN_FMT
             "\n--- not\n%s\n--- end: %s, not %s",
             c->name, how->piece, (unsigned long long)how->seed, how->lazy ? ", late" : "",
             rig_diary(r), c->diary, SPAN_ARG(rig_span(&r->wire)), c->out, end, c->end);
}

static void run(const struct run *how)
{
    const struct h1_case *c = how->c;
    struct seeded seed = seeded_begin(how->seed);
    struct rig r = {.lazy = how->lazy, .options.buffer = c->buffer};
    assert_int_equal(rig_begin(&r, RIG_H1_CLIENT, c->script, scripts_in(c)), ERR_OK);
    rig_feed(&r, c->in, how->piece, &seed);
    assert_false(r.failed);
    if (c->closes)
        rig_close(&r, ERR_OK);
    if (c->breaks != ERR_OK)
        rig_close(&r, c->breaks);
    expect(how, &r);
    rig_end(&r);
}

static void test_cases(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int lazy = cases[i].early ? 1 : 0; lazy < 2; lazy++) {
            run(&(struct run){&cases[i], 0, 0, lazy});
            run(&(struct run){&cases[i], 1, 0, lazy});
            for (uint64_t seed = 1; seed <= 20; seed++)
                run(&(struct run){&cases[i], 2 + seed * 2, seed, lazy});
        }
    }
}

/* --- limits --- */

static void start(struct rig *r, const struct rig_script *script)
{
    *r = (struct rig){.window = 0};
    assert_int_equal(rig_begin(r, RIG_H1_CLIENT, script, 1), ERR_OK);
}

/* The same refusal for a head over the limit, whole or in pieces, and whatever is beyond it. */
static void refused_as(const char *head, size_t fill, const char *behind, const char *why)
{
    static char in[20000];
    size_t n = strlen(head);
    memcpy(in, head, n);
    memset(in + n, 'x', fill);
    memcpy(in + n + fill, behind, strlen(behind));
    n += fill + strlen(behind);
    for (size_t piece = 0; piece < 700; piece += piece == 0 ? 1 : 233) {
        static const struct rig_script script[] = {{.when = ON_END, .status = 431, EMPTY_A}};
        struct seeded seed = seeded_begin(piece);
        struct rig r = {.window = 0};
        assert_int_equal(rig_begin(&r, RIG_H1_CLIENT, script, 1), ERR_OK);
        rig_feed(&r, span_of(in, n), piece, &seed);
        if (strstr(rig_diary(&r), why) == NULL)
            fail_msg("pieces of %zu: %s instead of %s", piece, rig_diary(&r), why);
        rig_end(&r);
    }
}

static void test_limits(void **state)
{
    UNUSED(state);
    refused_as("GET /", 5000, " HTTP/1.1\r\nHost: a\r\n\r\n", "refused target_too_long");
    refused_as("GET /", 5000, "", "refused target_too_long");
    refused_as("GET /", 1100, " HTTP/1.1\r\nHost: a\r\n\r\n", "refused target_too_long");
    refused_as("GET / HTTP/1.1\r\nHost: ", 5000, "\r\n\r\n", "refused header_too_large");
    refused_as("GET / HTTP/1.1\r\nHost: ", 5000, "", "refused header_too_large");
    refused_as("GET / HTTP/1.1\r\nHost: ", 5000, "\n\n", "refused header_too_large");
    refused_as("GET / HTTP/1.1\nHost: ", 5000, "\r\n\r\n", "refused bad_line_end");
    refused_as("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", 5000,
               "\r\n\r\n", "end header_too_large");
    refused_as("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", 5000,
               "\n", "end header_too_large");
}

/* Exactly at the limit, and one over. */
static void test_limit_exactly(void **state)
{
    UNUSED(state);
    for (size_t n = 4095; n <= 4097; n++) {
        static char in[5000];
        static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        static const struct rig_script script[] = {{.when = ON_END, EMPTY_A}};
        memset(in, 'x', sizeof(in));
        memcpy(in, head, sizeof(head) - 1);
        memcpy(in + n - 4, "\r\n\r\n", 4);
        for (size_t piece = 0; piece < 2; piece++) {
            struct rig r;
            start(&r, script);
            rig_feed(&r, span_of(in, n), piece, NULL);
            bool refused = strstr(rig_diary(&r), "refused header_too_large") != NULL;
            assert_int_equal(refused, n > 4096);
            rig_end(&r);
        }
    }
}

/* --- backpressure --- */

/* The owner does not consume: the codec takes a buffer's worth and leaves the rest with the host.
 */
static void test_held_body(void **state)
{
    static const struct rig_script script[] = {{.when = ON_END, .hold = true, EMPTY_A}};
    UNUSED(state);
    for (size_t piece = 0; piece < 2; piece++) {
        struct rig r = {.options.buffer = 10};
        assert_int_equal(rig_begin(&r, RIG_H1_CLIENT, script, 1), ERR_OK);
        rig_feed(&r,
                 SPAN("POST / HTTP/1.1\r\n" A "Transfer-Encoding: chunked\r\n\r\n"
                      "6\r\nabcdef\r\n6\r\nghijkl\r\n6\r\nmnopqr\r\n0\r\n\r\n"),
                 piece, NULL);
        if (piece == 0)
            assert_null(strstr(rig_diary(&r), "mno"));
        else
            assert_string_equal(rig_diary(&r), "head POST / a Host=a Transfer-Encoding=chunked\n"
                                               "body abcdefghij\n");
        assert_false(codec_is_reading(r.codec));
        assert_true(r.rx.n > 0);
        for (int i = 0; i < 3; i++)
            rig_release(&r);
        rig_release(&r);
        assert_non_null(strstr(rig_diary(&r), "\nend ok\ngone ok\n"));
        assert_int_equal(r.rx.n, 0);
        rig_end(&r);
    }
}

/* A slow socket: send_body says 0, ready comes when all is written, not a byte is lost. */
static void slow_socket(size_t window, size_t buffer, size_t piece)
{
    const struct rig_script script[] = {{.when = ON_END,
                                         .body = "0123456789",
                                         .repeat = 500,
                                         .piece = piece,
                                         .fields = "Content-Length: 5000"}};
    struct rig r = {.window = window, .options.buffer = buffer};
    size_t most = 0;
    assert_int_equal(rig_begin(&r, RIG_H1_CLIENT, script, 1), ERR_OK);
    rig_feed(&r, SPAN("GET / HTTP/1.1\r\n" A "\r\n"), 0, NULL);
    for (int i = 0; i < 10000 && r.out.n > 0; i++) {
        most = max_size(most, r.out.n);
        rig_flush(&r);
    }
    assert_string_equal(rig_diary(&r), "head GET / a Host=a\nend ok\ngone ok\n");
    struct span body = rig_span(&r.wire);
    assert_true(span_has_prefix(body, SPAN(OK(5000) "\r\n0123456789")));
    body = span_from(body, body.n - 5000);
    for (size_t i = 0; i < body.n; i++)
        assert_int_equal(body.p[i], '0' + i % 10);
    assert_true(most <= buffer + 100); /* the head does not count, one piece may be over */
    rig_end(&r);
}

static void test_slow_socket(void **state)
{
    UNUSED(state);
    slow_socket(1, 64, 10);
    slow_socket(7, 100, 3);
    slow_socket(1000, 64, 0);
    slow_socket(SIZE_MAX, 64, 1);
}

/* The answer is complete but not yet written: the next request must wait, `gone` as well. */
static void test_next_request_waits_for_the_socket(void **state)
{
    static const struct rig_script script[] = {{.when = ON_END, EMPTY_A}};
    struct rig r = {.window = 5};
    UNUSED(state);
    assert_int_equal(rig_begin(&r, RIG_H1_CLIENT, script, 1), ERR_OK);
    rig_feed(&r, SPAN("GET /1 HTTP/1.1\r\n" A "\r\nGET /2 HTTP/1.1\r\n" A "\r\n"), 0, NULL);
    assert_string_equal(rig_diary(&r), "head GET /1 a Host=a\nend ok\n");
    assert_false(codec_is_reading(r.codec));
    while (r.out.n > 0)
        rig_flush(&r);
    assert_string_equal(rig_diary(&r), "head GET /1 a Host=a\nend ok\ngone ok\n");
    rig_feed(&r, SPAN(""), 0, NULL);
    while (r.out.n > 0)
        rig_flush(&r);
    assert_non_null(strstr(rig_diary(&r), "head GET /2 a Host=a\nend ok\ngone ok\n"));
    rig_end(&r);
}

/* The connection breaks with the end of a body that only the close delimits still in our queue: an
 * orderly end would make what was written look complete. */
static void test_cut_with_the_rest_queued(void **state)
{
    static const struct rig_script script[] = {{.when = ON_END, .body = "0123456789"}};
    struct rig r = {.window = 40};
    UNUSED(state);
    assert_int_equal(rig_begin(&r, RIG_H1_CLIENT, script, 1), ERR_OK);
    rig_feed(&r, SPAN("GET / HTTP/1.0\r\n\r\n"), 0, NULL);
    assert_true(r.out.n > 0);
    rig_close(&r, ERR_CLIENT_SEND_TIMEOUT);
    assert_true(codec_is_cut(r.codec));
    assert_non_null(strstr(rig_diary(&r), "gone client_send_timeout\n"));
    rig_end(&r);
}

/* --- shutdown --- */

static void test_shutdown(void **state)
{
    static const struct rig_script script[] = {{.when = ON_END, EMPTY_A}};
    UNUSED(state);
    /* Idle: a request that was on its way is served and told to close. */
    struct rig r;
    start(&r, script);
    codec_shutdown(r.codec, false);
    assert_false(codec_is_done(r.codec));
    rig_feed(&r, SPAN("GET / HTTP/1.1\r\n" A "\r\n"), 0, NULL);
    assert_true(span_eq(rig_span(&r.wire), SPAN(CLOSING)));
    assert_true(codec_is_done(r.codec));
    rig_end(&r);

    /* Idle, and now: it ends. */
    start(&r, script);
    codec_shutdown(r.codec, false);
    codec_shutdown(r.codec, true);
    assert_true(codec_is_done(r.codec));
    rig_feed(&r, SPAN("GET / HTTP/1.1\r\n" A "\r\n"), 0, NULL);
    assert_string_equal(rig_diary(&r), "");
    rig_end(&r);

    /* Within a request, and now: it is finished first. */
    start(&r, script);
    rig_feed(&r, SPAN("POST / HTTP/1.1\r\n" A "Content-Length: 1\r\n\r\n"), 0, NULL);
    codec_shutdown(r.codec, true);
    assert_false(codec_is_done(r.codec));
    rig_feed(&r, SPAN("x"), 0, NULL);
    assert_true(span_eq(rig_span(&r.wire), SPAN(CLOSING)));
    assert_true(codec_is_done(r.codec));
    rig_end(&r);
}

/* --- blank: nothing would be lost with it --- */

static void test_blank(void **state)
{
    static const struct rig_script script[] = {{.when = ON_END, EMPTY_A}};
    UNUSED(state);
    struct rig r;
    start(&r, script);
    assert_true(codec_is_blank(r.codec));
    rig_feed(&r, SPAN("\r\n"), 0, NULL);
    assert_false(codec_is_blank(r.codec)); /* a second one is not forgiven */
    rig_feed(&r, SPAN("POST / HTTP/1.1\r\n" A "Content-Length: 1\r\n\r\n"), 0, NULL);
    assert_false(codec_is_blank(r.codec));
    r.window = 1;
    rig_feed(&r, SPAN("x"), 0, NULL);
    assert_false(codec_is_blank(r.codec)); /* its answer is not written */
    while (r.out.n > 0)
        rig_flush(&r);
    assert_true(codec_is_blank(r.codec));
    codec_shutdown(r.codec, false);
    assert_false(codec_is_blank(r.codec)); /* the next answer is to say so */
    rig_end(&r);
}

/* --- tunnels --- */

/* Given up because the other end broke: reset. Because it ended without a word: an orderly end, but
 * what we had said is still written. */
static void test_tunnel_given_up(void **state)
{
    static const struct rig_script script[] = {{TUNNEL, .body = "bye", .stop = SENT_BODY}};
    UNUSED(state);
    for (int reset = 0; reset < 2; reset++) {
        struct rig r;
        start(&r, script);
        rig_feed(&r, SPAN(OPENING "abc"), 0, NULL);
        rig_say(&r, 1, reset ? ERR_BACKEND_RESET : ERR_BACKEND_CLOSED);
        assert_true(codec_is_done(r.codec));
        assert_int_equal(codec_is_cut(r.codec), reset);
        assert_true(span_eq(rig_span(&r.wire), SPAN(SWITCHED "bye")));
        rig_end(&r);
    }
}

/* Our half has ended and the client's goes on: the connection is told, and once. */
static void test_tunnel_half_closed(void **state)
{
    static const struct rig_script script[] = {{TUNNEL, .body = "bye", .hold = true}};
    struct rig r = {.options.buffer = 4};
    UNUSED(state);
    assert_int_equal(rig_begin(&r, RIG_H1_CLIENT, script, 1), ERR_OK);
    rig_feed(&r, SPAN(OPENING "abcdefgh"), 1, NULL);
    assert_true(r.half_closed);
    assert_false(codec_is_done(r.codec));
    assert_false(codec_is_reading(r.codec)); /* four bytes are held */
    assert_string_equal(rig_diary(&r), ASKED "body abcd\n");
    rig_release(&r);
    assert_string_equal(rig_diary(&r), ASKED "body abcd\nbody efgh\n");
    rig_release(&r);
    rig_close(&r, ERR_OK);
    assert_string_equal(rig_diary(&r), ASKED "body abcd\nbody efgh\nend ok\ngone ok\n");
    assert_false(codec_is_cut(r.codec));
    rig_end(&r);
}

/* --- early answers, written at once --- */

static void test_early_answer_at_once(void **state)
{
    static const struct rig_script script[] = {{.when = ON_HEAD, EMPTY_A}};
    UNUSED(state);
    struct rig r;
    start(&r, script);
    rig_feed(&r, SPAN("POST / HTTP/1.1\r\n" A "Content-Length: 9\r\n\r\n"), 1, NULL);
    assert_string_equal(rig_diary(&r), "head POST / a Host=a Content-Length=9\ngone ok\n");
    assert_true(span_eq(rig_span(&r.wire), SPAN(CLOSING)));
    assert_true(codec_is_done(r.codec));
    assert_false(codec_is_idle(r.codec)); /* the rest may still come: worth a linger */
    rig_feed(&r, SPAN("123456789GET / HTTP/1.1\r\n" A "\r\n"), 1, NULL);
    assert_string_equal(rig_diary(&r), "head POST / a Host=a Content-Length=9\ngone ok\n");
    rig_end(&r);
}

/* --- without memory --- */

static enum err exchange(void *arg)
{
    static const struct rig_script script[] = {{.when = ON_END,
                                                .body = "0123456789",
                                                .repeat = 300,
                                                .piece = 700,
                                                .trailers = "X: y",
                                                .interim = 103}};
    struct rig r = {.options.buffer = 1000};
    UNUSED(arg);
    r.quiet = true;
    enum err e = rig_begin(&r, RIG_H1_CLIENT, script, 1);
    if (e == ERR_OK) {
        rig_feed(&r,
                 SPAN("POST / HTTP/1.1\r\n" A "Transfer-Encoding: chunked\r\n\r\n"
                      "5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
                 7, &(struct seeded){1, 1});
        if (r.failed || codec_is_done(r.codec))
            e = ERR_NO_MEMORY;
        rig_close(&r, ERR_CLIENT_RESET);
    }
    rig_end(&r);
    return e;
}

static enum err tunnel(void *arg)
{
    static const struct rig_script script[] = {
        {TUNNEL, .body = "0123456789", .repeat = 300, .piece = 700}};
    struct rig r = {.options.buffer = 1000, .quiet = true};
    UNUSED(arg);
    enum err e = rig_begin(&r, RIG_H1_CLIENT, script, 1);
    if (e == ERR_OK) {
        rig_feed(&r, SPAN(OPENING "hello"), 7, &(struct seeded){1, 1});
        if (r.failed || codec_is_done(r.codec) || !r.half_closed)
            e = ERR_NO_MEMORY;
        rig_close(&r, ERR_CLIENT_RESET);
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
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limit_exactly),
        cmocka_unit_test(test_held_body),
        cmocka_unit_test(test_slow_socket),
        cmocka_unit_test(test_next_request_waits_for_the_socket),
        cmocka_unit_test(test_cut_with_the_rest_queued),
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_blank),
        cmocka_unit_test(test_tunnel_given_up),
        cmocka_unit_test(test_tunnel_half_closed),
        cmocka_unit_test(test_early_answer_at_once),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
