/* Frames end at the same places however the bytes are cut, and a Close put in between two of them
 * is understood as one. First byte: the way (masked or not); second: how it is cut. */
#include "tests/fuzz/fuzz.h"

#include "http/ws.h"

enum { MAX = 4096 };

struct outcome {
    struct ws ws;
    bool ends[MAX + 1];
};

static void run(struct outcome *o, bool masked, size_t piece, struct span in)
{
    memset(o, 0, sizeof(*o));
    ws_begin(&o->ws, masked);
    for (size_t at = 0; at < in.n;) {
        size_t n = in.n - at;
        if (piece > 0)
            n = min_size(n, 1 + at * 7 % piece);
        size_t used = ws_follow(&o->ws, span_of(in.p + at, n));
        BUG_IF(used == 0 || used > n);
        at += used;
        o->ends[at] = ws_is_between(&o->ws);
    }
}

static void put_close_in(const struct ws *at)
{
    struct ws w = *at;
    char frame[WS_CLOSE_MAX];
    size_t n = ws_close(frame, WS_GOING_AWAY, w.masked);
    BUG_IF(ws_follow(&w, span_of(frame, n)) != n || !ws_is_between(&w) || !w.said_close);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, cut;
    if (size < 2 || size > MAX)
        return 0;
    struct span in = span_of(data + 2, size - 2);
    run(&whole, data[0] & 1, 0, in);
    run(&cut, data[0] & 1, 1 + data[1] % 32, in);
    BUG_IF(memcmp(whole.ends, cut.ends, sizeof(whole.ends)) != 0);
    BUG_IF(whole.ws.lost != cut.ws.lost || whole.ws.said_close != cut.ws.said_close);
    BUG_IF(whole.ws.left != cut.ws.left && !whole.ws.lost);
    if (ws_is_between(&whole.ws))
        put_close_in(&whole.ws);
    return 0;
}
