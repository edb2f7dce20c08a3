/* A whole HTTP/1 connection, in both roles. The first bytes say how it is cut, how fast the socket
 * is, and what the owners do; the rest comes from the peer. The rig (tests/unit/http/rig.h) checks
 * that the codec keeps to its door. Some inputs are also run twice, cut in two ways: events and
 * output must be the same. */
#include "tests/fuzz/fuzz.h"

#include "tests/unit/http/rig.h"

enum { SETUP = 6 };

#define LONG "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-+"

/* Answers 101 to who asks for a tunnel; others get a 200. */
#define TUNNEL .tunnel = true, .fields = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

static const struct rig_script scripts[] = {
    {.when = ON_END, .body = LONG, .repeat = 3, .piece = 23},
    {.when = ON_HEAD, .body = "early", .method = "POST", .fields = "Content-Length: 5"},
    {.when = ON_END, .status = 204, .method = "HEAD", .interim = 103},
    {.when = BY_HAND, .hold = true, .body = "later", .trailers = "A: b", .method = "PUT"},
    {.when = ON_END, .hold = true, .body = LONG, .repeat = 40, .arena = 3000},
    {.when = ON_END, .reset = SENT_BODY, .body = "cut", .piece = 1},
    {.reset = ON_BODY},
    {.when = ON_HEAD, .body = "stopped", .stop = SENT_BODY},
    {.refuse = true},
    {TUNNEL, .when = ON_END, .status = 101, .body = LONG, .repeat = 3, .piece = 23},
    {TUNNEL, .when = ON_END, .status = 101, .hold = true, .body = "half", .stop = SENT_BODY},
    {TUNNEL, .when = BY_HAND, .status = 101, .reset = ON_BODY},
};

/* Something happens between two reads. */
static void meddle(struct rig *r, unsigned what)
{
    switch (what % 16) {
    case 0:
        rig_release(r);
        break;
    case 1:
        rig_say(r, r->nstreams, ERR_OK);
        break;
    case 2:
        rig_say(r, r->nstreams, ERR_BACKEND_RESET);
        break;
    case 3:
        codec_shutdown(r->codec, false);
        break;
    case 4:
        codec_shutdown(r->codec, true);
        break;
    case 5:
        rig_flush(r);
        break;
    default:
        break;
    }
}

static void run(struct rig *r, const uint8_t *setup, struct span in)
{
    struct seeded seed = seeded_begin(setup[3]);
    while (in.n > 0 && !r->failed) {
        size_t n = min_size(in.n, 1 + seeded_below(&seed, 1 + setup[4]));
        if (r->role == RIG_H1_BACKEND && codec_is_reusable(r->codec) && r->nstreams < 50)
            (void)rig_ask(r);
        rig_feed(r, span_until(in, n), 1 + setup[1] % 64, &seed);
        in = span_from(in, n);
        if (r->nstreams > 0)
            meddle(r, (unsigned)seeded_u64(&seed));
    }
    for (int i = 0; i < 100 && r->out.n > 0 && !r->failed; i++)
        rig_flush(r);
    rig_close(r, setup[5] & 1 ? ERR_OK : ERR_CLIENT_RESET);
    if (setup[5] & 1)
        rig_close(r, ERR_CLIENT_CLOSED);
    for (unsigned i = 1; i <= r->nstreams; i++)
        BUG_IF(rig_is_open(r, i)); /* every stream has ended, one way or the other */
}

/* Owners whose doings do not depend on how a body is cut. */
static const struct rig_script calm[] = {
    {.when = ON_END, .body = LONG, .repeat = 3, .piece = 23},
    {.when = ON_HEAD, .body = "early", .method = "POST", .fields = "Content-Length: 5"},
    {.when = ON_END, .status = 204, .method = "HEAD", .interim = 103},
    {.when = BY_HAND},
    {.when = ON_END, .reset = SENT_BODY, .body = "cut", .piece = 1},
    {.when = ON_END, .arena = 1500, .fields = "Content-Length: 0"},
    {.reset = ON_END},
    {TUNNEL, .when = ON_END, .status = 101, .body = LONG},
};

static void run_calm(struct rig *r, const uint8_t *setup, size_t piece, struct span in)
{
    size_t first = setup[2] % ARRAY_LEN(calm);
    struct seeded seed = seeded_begin(setup[3]);
    enum rig_role role = setup[0] & 1 ? RIG_H1_BACKEND : RIG_H1_CLIENT;
    *r = (struct rig){.lazy = true, .options.limits = {512, 20, 128}};
    BUG_IF(rig_begin(r, role, calm + first, ARRAY_LEN(calm) - first) != ERR_OK);
    if (role == RIG_H1_BACKEND)
        (void)rig_ask(r);
    rig_feed(r, in, piece, &seed);
    rig_close(r, setup[5] & 1 ? ERR_OK : ERR_CLIENT_RESET);
}

static void compare(const uint8_t *setup, struct span in)
{
    struct rig whole, cut;
    run_calm(&whole, setup, 0, in);
    run_calm(&cut, setup, 1 + setup[1] % 16, in);
    BUG_IF(strcmp(rig_diary(&whole), rig_diary(&cut)) != 0);
    BUG_IF(!span_eq(rig_span(&whole.wire), rig_span(&cut.wire)));
    BUG_IF(codec_is_done(whole.codec) != codec_is_done(cut.codec));
    BUG_IF(codec_is_cut(whole.codec) != codec_is_cut(cut.codec));
    rig_end(&whole);
    rig_end(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < SETUP || size > 8 * 1024)
        return 0;
    if (data[0] & 2)
        compare(data, span_of(data + SETUP, size - SETUP));
    size_t first = data[2] % ARRAY_LEN(scripts);
    struct rig r = {.quiet = true, .window = data[1] & 0x80 ? 3 : SIZE_MAX, .lazy = data[1] & 0x40};
    r.options.buffer = data[5] & 2 ? 16 : 1000;
    r.options.limits = (struct http_limits){512, 20, 128};
    enum rig_role role = data[0] & 1 ? RIG_H1_BACKEND : RIG_H1_CLIENT;
    BUG_IF(rig_begin(&r, role, scripts + first, ARRAY_LEN(scripts) - first) != ERR_OK);
    run(&r, data, span_of(data + SETUP, size - SETUP));
    rig_end(&r);
    return 0;
}
