/* A whole HTTP/2 connection with a client; see h2_session.h. */
#include "tests/fuzz/h2_session.h"

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

static void meddle(struct rig *r, unsigned stream, unsigned what)
{
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h2_fuzz fuzz = {
        .role = RIG_H2_CLIENT,
        .scripts = scripts,
        .nscripts = ARRAY_LEN(scripts),
        .hello = SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0"),
        .broken = ERR_CLIENT_RESET,
        .meddle = meddle,
    };
    return h2_fuzz_one(&fuzz, data, size);
}
