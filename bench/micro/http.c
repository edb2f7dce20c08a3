/* What a message costs in the codecs, without any I/O: heads read and written, framing decided, and
 * requests over HTTP/2 from frames to events, each answered. */
#include "bench/micro/heads.h"
#include "http/codec.h"

#include "base/clock.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

enum { STREAMS = 64 };

static const char api[] = "POST /historic/items HTTP/1.1\r\n"
                          "Host: api.example.com\r\n"
                          "User-Agent: okhttp/4.12.0\r\n"
                          "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2ln\r\n"
                          "Content-Type: application/json\r\n"
                          "Content-Length: 312\r\n"
                          "Accept-Encoding: gzip\r\n\r\n";

static unsigned rounds = 300000; /* few in a test */

static void say(const char *what, uint64_t us, unsigned n)
{
    printf("  %-44s %8.0f ns\n", what, 1000.0 * (double)us / n);
}

/* --- HTTP/1 --- */

static void parse(struct span raw, bool response, struct arena *a, struct http_head *h)
{
    http_head_begin(h, a, response);
    enum err e = response ? h1_response_parse(raw, &limits, h) : h1_request_parse(raw, &limits, h);
    BUG_IF(e != ERR_OK);
}

static void measure_head(const char *name, const char *text, bool response)
{
    char what[64];
    struct arena a;
    struct http_head h;
    struct http_body_plan plan;
    struct chunkq out = {0};
    const struct h1_write w = {.close = false};
    struct span raw = span_str(text);
    uint64_t start = clock_us();
    for (unsigned i = 0; i < rounds; i++) {
        arena_begin(&a, 64 * 1024);
        parse(raw, response, &a, &h);
        arena_end(&a);
    }
    (void)snprintf(what, sizeof(what), "%s (%zu bytes) read", name, raw.n);
    say(what, clock_us() - start, rounds);
    arena_begin(&a, 64 * 1024);
    parse(raw, response, &a, &h);
    start = clock_us();
    for (unsigned i = 0; i < rounds; i++)
        BUG_IF(http_framing(&h, HTTP_GET, &plan) != ERR_OK);
    (void)snprintf(what, sizeof(what), "%s framed", name);
    say(what, clock_us() - start, rounds);
    start = clock_us();
    for (unsigned i = 0; i < rounds; i++) {
        BUG_IF((response ? h1_response_write : h1_request_write)(&h, &w, &out) != ERR_OK);
        chunkq_free(&out);
    }
    (void)snprintf(what, sizeof(what), "%s written", name);
    say(what, clock_us() - start, rounds);
    arena_end(&a);
}

/* --- HTTP/2 --- */

/* A client that asks, and a codec whose owner answers at once. */
struct session {
    nghttp2_session *client;
    struct codec *codec;
    struct chunkq out;
    struct arena arenas[STREAMS];
    struct http_stream *streams[STREAMS];
    unsigned opened;
    unsigned closed; /* answers the client has */
};

static struct session session;

static void on_head(void *owner, struct http_head *head)
{
    struct http_stream *s = *(struct http_stream **)owner;
    struct http_head back;
    BUG_IF(head->nfields == 0);
    http_head_begin(&back, &session.arenas[(struct http_stream **)owner - session.streams], true);
    back.status = 200;
    BUG_IF(http_head_add_id(&back, HTTP_CONTENT_TYPE, SPAN("application/json")) != ERR_OK);
    BUG_IF(http_head_add(&back, SPAN("cache-control"), SPAN("no-store")) != ERR_OK);
    BUG_IF(http_head_add(&back, SPAN("x-backend"), SPAN("legacy")) != ERR_OK);
    BUG_IF(http_send_head(s, &back, true) != ERR_OK);
}

static void on_body(void *owner, struct span data)
{
    UNUSED(owner);
    UNUSED(data);
}

static void on_end(void *owner, enum err how, struct http_head *trailers)
{
    UNUSED(owner);
    UNUSED(trailers);
    BUG_IF(how != ERR_OK);
}

static void on_ready(void *owner)
{
    UNUSED(owner);
}

static void on_gone(void *owner, enum err why)
{
    BUG_IF(why != ERR_OK);
    arena_end(&session.arenas[(struct http_stream **)owner - session.streams]);
}

static bool host_open(void *host, struct http_stream *s, struct arena **arena)
{
    static const struct http_stream_events events = {on_head,  on_body, on_end,
                                                     on_ready, NULL,    on_gone};
    struct session *x = host;
    unsigned i = x->opened++ % STREAMS;
    x->streams[i] = s;
    arena_begin(&x->arenas[i], 64 * 1024);
    s->on = &events;
    s->owner = &x->streams[i];
    *arena = &x->arenas[i];
    return true;
}

static void host_nothing(void *host)
{
    UNUSED(host);
}

static int client_closed(nghttp2_session *ng, int32_t stream, uint32_t code, void *arg)
{
    struct session *x = arg;
    UNUSED(ng);
    UNUSED(stream);
    BUG_IF(code != 0);
    x->closed++;
    return 0;
}

static void ask(struct session *x)
{
    static const char *const fields[][2] = {
        {":method", "GET"},
        {":scheme", "https"},
        {":authority", "shop.example.com"},
        {":path", "/online/orders?page=2"},
        {"user-agent", "okhttp/4.12.0"},
        {"accept-encoding", "gzip"},
        {"authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2ln"},
        {"x-user-id", "4711"},
    };
    nghttp2_nv nv[ARRAY_LEN(fields)];
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        nv[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)fields[i][0], (uint8_t *)(uintptr_t)fields[i][1],
                             strlen(fields[i][0]), strlen(fields[i][1]), 0};
    BUG_IF(nghttp2_submit_request(x->client, NULL, nv, ARRAY_LEN(fields), NULL, NULL) < 0);
}

/* What the client has to say, into `wire`. */
static size_t say_it(struct session *x, char *wire, size_t cap)
{
    const uint8_t *p;
    ssize_t n;
    size_t all = 0;
    while ((n = nghttp2_session_mem_send(x->client, &p)) > 0) {
        BUG_IF(all + (size_t)n > cap);
        memcpy(wire + all, p, (size_t)n);
        all += (size_t)n;
    }
    BUG_IF(n < 0);
    return all;
}

/* Microseconds that the codec took for what it was fed. */
static uint64_t serve(struct session *x, struct span in)
{
    static char wire[256 * 1024];
    size_t used;
    uint64_t start = clock_us();
    BUG_IF(codec_feed(x->codec, in, &used) != ERR_OK || used != in.n);
    BUG_IF(!codec_drain(x->codec));
    size_t n = chunkq_copy(&x->out, wire, sizeof(wire));
    chunkq_free(&x->out);
    codec_flushed(x->codec);
    uint64_t us = clock_us() - start;
    BUG_IF(nghttp2_session_mem_recv(x->client, (const uint8_t *)wire, n) != (ssize_t)n);
    return us;
}

static void measure_h2(void)
{
    static char wire[256 * 1024];
    static const struct codec_host host = {host_open, host_nothing, host_nothing, host_nothing,
                                           NULL};
    const struct codec_options options = {.limits = limits,
                                          .buffer = 64 * 1024,
                                          .h2_streams = 2 * STREAMS,
                                          .h2_stream_window = 65535,
                                          .h2_connection_window = 1 << 20,
                                          .h2_backend_streams = 100};
    struct session *x = &session;
    nghttp2_session_callbacks *cb;
    const unsigned turns = rounds / STREAMS + 1;
    uint64_t us = 0;
    BUG_IF(nghttp2_session_callbacks_new(&cb) != 0);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, client_closed);
    BUG_IF(nghttp2_session_client_new(&x->client, cb, x) != 0);
    nghttp2_session_callbacks_del(cb);
    BUG_IF(nghttp2_submit_settings(x->client, NGHTTP2_FLAG_NONE, NULL, 0) != 0);
    BUG_IF(codec_h2_client(&x->codec, &options, &host, x, &x->out) != ERR_OK);
    (void)serve(x, span_of(wire, say_it(x, wire, sizeof(wire))));
    for (unsigned i = 0; i < turns; i++) {
        for (unsigned k = 0; k < STREAMS; k++)
            ask(x);
        us += serve(x, span_of(wire, say_it(x, wire, sizeof(wire))));
    }
    BUG_IF(x->closed != turns * STREAMS);
    say("HTTP/2: HEADERS to event, and an answer", us, turns * STREAMS);
    codec_closed(x->codec, ERR_OK);
    codec_free(&x->codec);
    nghttp2_session_del(x->client);
    chunkq_free(&x->out);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        rounds = 10;
    measure_head("head of a browser", browser, false);
    measure_head("head of an API client", api, false);
    measure_head("head of an answer", answer, true);
    measure_h2();
    return 0;
}
