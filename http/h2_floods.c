/* Floods: frames that cost their sender next to nothing and us more, counted as they come. Counted
 * is what honest clients do rarely; the rest is bounded by windows and by not reading from who does
 * not read. */
#include "http/h2_internal.h"

#include "base/clock.h"

enum { SETTINGS_ENTRY = 6, SETTINGS_ENTRIES = 32, US_PER_S = 1000000 };

static const struct {
    const char *kind;
    uint32_t burst, per_second;
} rows[H2_FLOODS] = {
#define FLOOD(name, kind, burst, per_second) {kind, burst, per_second},
#include "http/floods.def"
#undef FLOOD
};

static void calm_down(struct h2 *h)
{
    uint64_t now = clock_us() / US_PER_S;
    uint64_t passed = now - h->flood_second;
    h->flood_second = now;
    for (size_t i = 0; passed > 0 && i < H2_FLOODS; i++) {
        uint64_t less = passed * rows[i].per_second;
        h->spent[i] = less < h->spent[i] ? h->spent[i] - (uint32_t)less : 0;
    }
}

static bool flooded(struct h2 *h, enum h2_flood what)
{
    if (!h->flooded) {
        h->flooded = true;
        if (h->codec.host->flooded != NULL)
            h->codec.host->flooded(h->codec.host_arg, rows[what].kind);
        (void)nghttp2_session_terminate_session(h->ng, NGHTTP2_ENHANCE_YOUR_CALM);
        h2_wants_write(h);
    }
    return false;
}

bool h2_flood_spend(struct h2 *h, enum h2_flood what)
{
    if (what != H2_CONTINUATIONS)
        calm_down(h);
    if (h->spent[what] >= rows[what].burst)
        return flooded(h, what);
    h->spent[what]++;
    return true;
}

void h2_flood_pay_back(struct h2 *h, enum h2_flood what)
{
    if (h->spent[what] > 0)
        h->spent[what]--;
}

static bool settings_frame(struct h2 *h, const nghttp2_frame_hd *f)
{
    if (f->flags & NGHTTP2_FLAG_ACK)
        return true;
    if (f->length > SETTINGS_ENTRY * SETTINGS_ENTRIES)
        return flooded(h, H2_SETTINGS);
    return h2_flood_spend(h, H2_SETTINGS);
}

/* Servers are the operator's own: of them only heads are counted, which are of one request. */
bool h2_flood_frame(struct h2 *h, const nghttp2_frame_hd *f)
{
    if (f->type == NGHTTP2_HEADERS)
        h->spent[H2_CONTINUATIONS] = 0;
    if (f->type == NGHTTP2_CONTINUATION)
        return h2_flood_spend(h, H2_CONTINUATIONS);
    if (!h->client)
        return true;
    switch (f->type) {
    case NGHTTP2_SETTINGS:
        return settings_frame(h, f);
    case NGHTTP2_PING:
        return (f->flags & NGHTTP2_FLAG_ACK) != 0 || h2_flood_spend(h, H2_PINGS);
    case NGHTTP2_RST_STREAM:
        return h2_flood_spend(h, H2_RESETS);
    case NGHTTP2_DATA:
        return f->length > 0 || (f->flags & NGHTTP2_FLAG_END_STREAM) != 0 ||
               h2_flood_spend(h, H2_EMPTY_DATA);
    case NGHTTP2_PRIORITY:
        return h2_flood_spend(h, H2_PRIORITIES);
    default:
        return true;
    }
}
