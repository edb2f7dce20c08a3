/* HTTP/1 over one connection, in either role: one message pair at a time.
 *
 * The special difficulty is the end. A stream is over when both messages are complete and the last
 * byte was handed to the connection; only then may the next request be parsed, and only if nothing
 * on the way was ambiguous or cut short. Otherwise the connection ends with it, so that a truncated
 * body can never look complete. */
#include "http/h1_internal.h"

#include <stdlib.h>

void h1_wants_write(struct h1 *h)
{
    h->codec.host->wants_write(h->codec.host_arg);
}

void h1_wants_read(struct h1 *h)
{
    h->codec.host->wants_read(h->codec.host_arg);
}

/* --- the life of a message pair --- */

void h1_pair_begin(struct h1 *h)
{
    h->busy = true;
    h->rx = RX_HEAD;
    h->tx = TX_HEAD;
    h->scanned = h->held = 0;
    h->interim = 0;
    h->tx_full = h->tx_told = h->skipped = h->bodiless = false;
    h->accept = NULL;
}

void h1_detach(struct h1 *h)
{
    h->open = false;
    h->stream.on = NULL;
    h->stream.owner = NULL;
    h->arena = NULL;
}

void h1_finish(struct h1 *h)
{
    h->done = true;
    h1_wants_write(h); /* the connection looks at codec_is_done() after it has flushed */
}

void h1_gone(struct h1 *h, enum err why)
{
    const struct http_stream_events *on = h->stream.on;
    void *owner = h->stream.owner;
    h1_detach(h);
    on->gone(owner, why);
}

void h1_give_up(struct h1 *h, enum err why)
{
    h->keep = false;
    h->rx = RX_CUT;
    h1_finish(h);
    h1_gone(h, why);
}

void h1_tunnel_begin(struct h1 *h)
{
    const struct http_body_plan plan = {HTTP_BODY_UNTIL_CLOSE, 0};
    h->tunnel = true;
    h->keep = false;
    h1_body_begin(&h->rx_body, &plan);
    h->rx = RX_BODY;
    h->tx = TX_BODY;
    h->tx_kind = HTTP_BODY_UNTIL_CLOSE;
    h1_wants_read(h);
}

static void pair_end(struct h1 *h)
{
    bool again = h->keep && !h->draining && h->rx == RX_COMPLETE;
    h->busy = false;
    if (h->rx == RX_COMPLETE)
        h->rx =
            RX_HEAD; /* otherwise the rest of the request may still be coming: never idle again */
    if (!again)
        h->done = true;
    h1_gone(h, ERR_OK);
    if (again && h->client)
        h1_wants_read(h);
}

void h1_end_if_over(struct h1 *h)
{
    if (!h->open || h->tx != TX_COMPLETE || h->codec.out->n > 0)
        return;
    if (h->rx == RX_COMPLETE || (h->client && !h->tunnel))
        pair_end(h); /* towards a client an unfinished request does not hold the end up: the
                        connection closes */
}

/* --- the connection breaks or ends --- */

/* The server sends no more: right for a body that lasts until then, else the answer is cut. */
static void backend_closed(struct h1 *h)
{
    bool complete = h->rx == RX_BODY && h->rx_body.kind == HTTP_BODY_UNTIL_CLOSE;
    h->done = true;
    if (complete) {
        h->rx = RX_COMPLETE;
        h->stream.on->end(h->stream.owner, ERR_OK, NULL);
    }
    if (h->open && (!complete || h->tx != TX_COMPLETE))
        h1_give_up(h, ERR_BACKEND_CLOSED);
    else
        h1_end_if_over(h);
}

/* The peer's half of a tunnel is over; ours goes on. */
static void tunnel_closed(struct h1 *h)
{
    if (h->rx != RX_BODY)
        return;
    h->rx = RX_COMPLETE;
    h->stream.on->end(h->stream.owner, ERR_OK, NULL);
    h1_end_if_over(h);
}

/* Whether an orderly end of the connection now would make an unfinished answer look complete. */
static bool ends_by_close(const struct h1 *h)
{
    bool unfinished = h->tx != TX_COMPLETE || h->codec.out->n > 0;
    return h->client && h->tx != TX_HEAD && h->tx_kind == HTTP_BODY_UNTIL_CLOSE && unfinished;
}

static void h1_closed(struct codec *c, enum err why)
{
    struct h1 *h = h1_of(c);
    h->keep = false;
    h->draining = true;
    if (!h->open) {
        h1_finish(h);
    } else if (why != ERR_OK) {
        h->done = true;
        h->abort = ends_by_close(h);
        h1_gone(h, why);
    } else if (h->tunnel) {
        tunnel_closed(h);
    } else if (!h->client) {
        backend_closed(h);
    } else if (h->rx == RX_BODY || h->rx == RX_HEAD) {
        h->rx = RX_CUT;
        h->stream.on->end(h->stream.owner, ERR_CLIENT_CLOSED, NULL);
    }
}
/* --- flushing --- */

static void tell_sent(struct h1 *h)
{
    if (h->client || h->tx != TX_COMPLETE || h->tx_told)
        return;
    h->tx_told = true;
    if (h->stream.on->sent != NULL)
        h->stream.on->sent(h->stream.owner);
}

static void h1_flushed(struct codec *c)
{
    struct h1 *h = h1_of(c);
    if (h->open)
        tell_sent(h);
    if (h->open && h->tx_full && h->tx == TX_BODY) {
        h->tx_full = false;
        h->stream.on->ready(h->stream.owner);
    }
    if (h->open)
        h1_end_if_over(h);
}

static bool h1_drain(struct codec *c)
{
    UNUSED(c); /* the verbs write into `out` themselves */
    return true;
}

/* --- the connection's questions --- */

static struct http_stream *h1_open(struct codec *c, enum http_method method, struct arena *arena,
                                   const struct http_stream_events *on, void *owner)
{
    struct h1 *h = h1_of(c);
    if (h->client || h->busy || h->done || h->draining)
        return NULL;
    h1_pair_begin(h);
    h->open = true;
    h->method = (uint8_t)method;
    h->arena = arena;
    h->stream.on = on;
    h->stream.owner = owner;
    return &h->stream;
}

static void h1_shutdown(struct codec *c, bool now)
{
    struct h1 *h = h1_of(c);
    h->draining = true;
    if (!h->busy && (now || !h->client)) /* else a client's request may be on its way */
        h1_finish(h);
}

static bool h1_is_idle(const struct codec *c)
{
    const struct h1 *h = h1_of(c);
    return !h->busy && h->rx == RX_HEAD;
}

static bool h1_is_blank(const struct codec *c)
{
    const struct h1 *h = h1_of(c);
    bool untouched = !h->busy && h->rx == RX_HEAD && h->scanned == 0 && !h->skipped;
    return h->client && untouched && h->keep && !h->draining && !h->done && c->out->n == 0;
}

static bool h1_is_done(const struct codec *c)
{
    return h1_of(c)->done;
}

static bool h1_is_cut(const struct codec *c)
{
    return h1_of(c)->abort;
}

static bool h1_is_reading(const struct codec *c)
{
    const struct h1 *h = h1_of(c);
    bool idle =
        !h->client && !h->busy && !h->done; /* to see the server's end, or what is unasked */
    return idle || h1_reads(h);
}

static bool h1_expects(const struct codec *c)
{
    const struct h1 *h = h1_of(c);
    return h->busy && (h->rx == RX_BODY || (h->rx == RX_HEAD && !h->client));
}

static bool h1_is_reusable(const struct codec *c)
{
    const struct h1 *h = h1_of(c);
    return !h->client && !h->busy && !h->done && !h->draining;
}

static unsigned h1_streams_max(const struct codec *c)
{
    UNUSED(c);
    return 1;
}

static void h1_free(struct codec *c)
{
    free(h1_of(c));
}

static const struct codec_vt h1_vt = {
    .free = h1_free,
    .feed = h1_feed,
    .closed = h1_closed,
    .drain = h1_drain,
    .flushed = h1_flushed,
    .open = h1_open,
    .shutdown = h1_shutdown,
    .is_idle = h1_is_idle,
    .is_blank = h1_is_blank,
    .is_done = h1_is_done,
    .is_cut = h1_is_cut,
    .is_reading = h1_is_reading,
    .expects = h1_expects,
    .is_reusable = h1_is_reusable,
    .streams_max = h1_streams_max,
    .passing = h1_passing,
};

static enum err h1_new(struct codec **c, bool client, const struct codec_options *opts,
                       const struct codec_host *host, void *arg, struct chunkq *out)
{
    *c = NULL;
    struct h1 *h = malloc(sizeof(*h)); /* glibc's calloc would not look into the thread's cache */
    if (h == NULL)
        return ERR_NO_MEMORY;
    *h = (struct h1){
        .codec = {CODEC_MAGIC, &h1_vt, opts, host, arg, out},
        .stream = {.magic = HTTP_STREAM_MAGIC, .ops = &h1_ops},
        .client = client,
        .keep = true,
    };
    *c = &h->codec;
    return ERR_OK;
}

enum err codec_h1_client(struct codec **c, const struct codec_options *opts,
                         const struct codec_host *host, void *arg, struct chunkq *out)
{
    return h1_new(c, true, opts, host, arg, out);
}

enum err codec_h1_backend(struct codec **c, const struct codec_options *opts,
                          const struct codec_host *host, void *arg, struct chunkq *out)
{
    return h1_new(c, false, opts, host, arg, out);
}
