/* A whole HTTP/2 connection with a client. The first bytes say how it is cut, how fast the socket
 * is, and what the owners do; then come frames, as they are ('r') or in a shorter form that a
 * fuzzer finds its way in sooner: type, flags, stream, length, payload. */
#include "tests/fuzz/fuzz.h"

#include "tests/unit/http/rig.h"

enum { SETUP = 6, FRAMES_MAX = 64 * 1024 };

#define LONG "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-+"

static const struct rig_script scripts[] = {
    {.when = ON_END, .body = LONG, .repeat = 20},
    {.when = ON_HEAD, .body = "early"},
    {.when = ON_END, .status = 204, .interim = 103},
    {.when = BY_HAND, .hold = true, .body = "later", .trailers = "a: b"},
    {.when = ON_END, .hold = true, .body = LONG, .repeat = 40, .arena = 3000},
    {.when = ON_END, .reset = SENT_BODY, .body = "cut", .piece = 1},
    {.reset = ON_BODY},
    {.refuse = true},
    {.when = ON_END, .tunnel = true, .status = 101, .body = LONG, .repeat = 20},
    {.when = BY_HAND, .tunnel = true, .status = 101, .body = LONG, .stop = SENT_BODY, .hold = true},
};

static size_t expand(struct span in, char *out)
{
    size_t n = 0;
    while (in.n >= 4 && n + 9 + 255 < FRAMES_MAX) {
        size_t payload = min_size((unsigned char)in.p[3], in.n - 4);
        const char head[9] = {0, 0, (char)payload, in.p[0], in.p[1], 0, 0, 0, in.p[2]};
        memcpy(out + n, head, sizeof(head));
        memcpy(out + n + 9, in.p + 4, payload);
        n += 9 + payload;
        in = span_from(in, 4 + payload);
    }
    return n;
}

static void meddle(struct rig *r, unsigned what)
{
    unsigned stream = r->nstreams == 0 ? 0 : 1 + what / 16 % r->nstreams;
    switch (what % 16) {
    case 0:
        rig_release(r);
        break;
    case 1:
        codec_shutdown(r->codec, what & 256);
        break;
    case 2:
        if (stream > 0)
            rig_say(r, stream, ERR_OK);
        break;
    case 3:
        if (stream > 0)
            rig_say(r, stream, ERR_BACKEND_RESET);
        break;
    default:
        rig_flush(r);
        break;
    }
}

static void run(struct rig *r, const uint8_t *setup, struct span in)
{
    struct seeded seed = seeded_begin(setup[3]);
    while (in.n > 0 && !r->failed) {
        size_t n = min_size(in.n, 1 + seeded_below(&seed, 1 + setup[4] * 4u));
        rig_feed(r, span_until(in, n), 1 + setup[1] % 64, &seed);
        in = span_from(in, n);
        if (!r->failed)
            meddle(r, (unsigned)seeded_u64(&seed));
    }
    for (int i = 0; i < 100 && r->out.n > 0 && !r->failed; i++)
        rig_flush(r);
    rig_close(r, setup[5] & 1 ? ERR_OK : ERR_CLIENT_RESET);
    for (unsigned i = 1; i <= r->nstreams; i++)
        BUG_IF(rig_is_open(r, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct span hello =
        SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0");
    static char frames[FRAMES_MAX];
    if (size < SETUP || size > 8 * 1024)
        return 0;
    size_t first = data[2] % ARRAY_LEN(scripts);
    struct rig r = {
        .quiet = true, .window = data[1] & 0x80 ? 100 : SIZE_MAX, .lazy = data[1] & 0x40};
    r.options.buffer = data[5] & 2 ? 16 : 1000;
    r.options.limits = (struct http_limits){512, 20, 128};
    r.options.h2_streams = 10;
    BUG_IF(rig_begin(&r, RIG_H2_CLIENT, scripts + first, ARRAY_LEN(scripts) - first) != ERR_OK);
    struct span in = span_of(data + SETUP, size - SETUP);
    if (data[0] != 'r') {
        rig_feed(&r, hello, 0, NULL);
        in = span_of(frames, expand(in, frames));
    }
    run(&r, data, in);
    rig_end(&r);
    return 0;
}
