/* What fuzzing a whole HTTP/2 connection is, towards clients and towards servers. The first bytes
 * say how it is cut, how fast the socket is, and where the scripts begin; then come frames, as they
 * are ('r') or in a shorter form that a fuzzer finds its way in sooner: type, flags, stream,
 * length, payload. */
#ifndef TESTS_FUZZ_H2_SESSION_H
#define TESTS_FUZZ_H2_SESSION_H

#include "tests/fuzz/fuzz.h"

#include "tests/unit/http/rig.h"

enum { SETUP = 6, FRAMES_MAX = 64 * 1024 };

#define LONG "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-+"

struct h2_fuzz {
    enum rig_role role;
    const struct rig_script *scripts;
    size_t nscripts;
    struct span hello; /* what the peer says first, before frames in the shorter form */
    enum err broken;   /* how the connection ends, unless orderly */
    void (*begin)(struct rig *r, const uint8_t *setup);
    void (*meddle)(struct rig *r, unsigned stream, unsigned what); /* stream 0: there is none */
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

static void run(const struct h2_fuzz *f, struct rig *r, const uint8_t *setup, struct span in)
{
    struct seeded seed = seeded_begin(setup[3]);
    if (f->begin != NULL)
        f->begin(r, setup);
    while (in.n > 0 && !r->failed) {
        size_t n = min_size(in.n, 1 + seeded_below(&seed, 1 + setup[4] * 4u));
        rig_feed(r, span_until(in, n), 1 + setup[1] % 64, &seed);
        in = span_from(in, n);
        if (r->failed)
            break;
        unsigned what = (unsigned)seeded_u64(&seed);
        f->meddle(r, r->nstreams == 0 ? 0 : 1 + what / 16 % r->nstreams, what);
    }
    for (int i = 0; i < 100 && r->out.n > 0 && !r->failed; i++)
        rig_flush(r);
    rig_close(r, setup[5] & 1 ? ERR_OK : f->broken);
    for (unsigned i = 1; i <= r->nstreams; i++)
        BUG_IF(rig_is_open(r, i));
    BUG_IF(codec_is_reusable(r->codec) || !codec_is_done(r->codec));
}

static int h2_fuzz_one(const struct h2_fuzz *f, const uint8_t *data, size_t size)
{
    static char frames[FRAMES_MAX];
    if (size < SETUP || size > 8 * 1024)
        return 0;
    size_t first = data[2] % f->nscripts;
    struct rig r = {
        .quiet = true, .window = data[1] & 0x80 ? 100 : SIZE_MAX, .lazy = data[1] & 0x40};
    r.options.buffer = data[5] & 2 ? 16 : 1000;
    r.options.limits = (struct http_limits){512, 20, 128};
    r.options.h2_streams = r.options.h2_backend_streams = 10;
    BUG_IF(rig_begin(&r, f->role, f->scripts + first, f->nscripts - first) != ERR_OK);
    struct span in = span_of(data + SETUP, size - SETUP);
    if (data[0] != 'r') {
        rig_feed(&r, f->hello, 0, NULL);
        in = span_of(frames, expand(in, frames));
    }
    run(f, &r, data, in);
    rig_end(&r);
    return 0;
}

#endif
