/* A whole HTTP/2 connection with a server; see h2_session.h. */
#include "tests/fuzz/h2_session.h"

enum { STREAMS_MAX = 40 };

static const struct rig_script scripts[] = {
    {.method = "GET"},
    {.method = "HEAD", .fields = "TE: trailers"},
    {.method = "POST", .body = LONG, .repeat = 20, .trailers = "a: b"},
    {.method = "POST", .body = "early", .stop = SENT_BODY},
    {.method = "GET", .hold = true},
    {.method = "POST", .hold = true, .body = LONG, .repeat = 40, .arena = 3000},
    {.method = "POST", .reset = SENT_BODY, .body = "cut", .piece = 1},
    {.method = "GET", .reset = ON_BODY},
    {.method = "GET", .when = BY_HAND},
};

static void ask(struct rig *r)
{
    if (codec_is_reusable(r->codec) && r->nstreams < STREAMS_MAX)
        BUG_IF(!rig_ask(r));
}

static void meddle(struct rig *r, unsigned stream, unsigned what)
{
    switch (what % 16) {
    case 0:
        rig_release(r);
        break;
    case 1:
        if ((what & 0xf00) == 0)
            codec_shutdown(r->codec, false);
        break;
    case 2:
        if (stream > 0)
            rig_say(r, stream, what & 256 ? ERR_CLIENT_RESET : ERR_OK);
        break;
    case 3:
        (void)codec_ping(r->codec);
        break;
    case 4:
    case 5:
        ask(r);
        break;
    default:
        rig_flush(r);
        break;
    }
}

static void begin(struct rig *r, const uint8_t *setup)
{
    for (unsigned i = 0; i < setup[2] / 16u % 4; i++)
        ask(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h2_fuzz fuzz = {
        .role = RIG_H2_BACKEND,
        .scripts = scripts,
        .nscripts = ARRAY_LEN(scripts),
        .hello = SPAN("\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0"),
        .broken = ERR_BACKEND_RESET,
        .begin = begin,
        .meddle = meddle,
    };
    return h2_fuzz_one(&fuzz, data, size);
}
