/* An HTTP/2 connection, with a client or with a server, by nghttp2.
 *
 * nghttp2 is fed by codec_feed and asked for frames by codec_drain, never from within its own
 * callbacks: a verb called there only queues and says wants_write. Windows are opened as bodies are
 * consumed, so what a peer can make us hold is bounded by the connection window. */
#include "http/h2_internal.h"

#include <limits.h>
#include <stdlib.h>

enum {
    STALL_FRAMES =
        256, /* frames waiting behind a full socket: a peer that does not read is not read from */
    BLOCK_SPARE = 64 * 1024, /* what a head may grow by on its way through, and by HPACK */
    HPACK_TABLE = 4096,      /* bytes of either table, whatever the peer offers */
    ACKS_MAX = 1000,         /* PING and SETTINGS acknowledgements waiting to be sent */
};

static bool h2_is_reading(const struct codec *c)
{
    const struct h2 *h = h2_of(c);
    return !h->failed && !h->flooded &&
           (h->codec.out->n < H2_OUT_MAX ||
            nghttp2_session_get_outbound_queue_size(h->ng) < STALL_FRAMES);
}

static enum err h2_feed(struct codec *c, struct span in, size_t *used)
{
    struct h2 *h = h2_of(c);
    *used = in.n;
    if (h->failed)
        return ERR_BAD_FRAME;
    ssize_t n = nghttp2_session_mem_recv(h->ng, (const uint8_t *)in.p, in.n);
    h2_wants_write(h);
    if (n < 0 && h->flooded)
        return ERR_OK; /* a GOAWAY is on its way */
    if (n < 0) {
        h->failed = h->broke = true;
        return n == NGHTTP2_ERR_NOMEM ? ERR_NO_MEMORY : ERR_BAD_FRAME;
    }
    return ERR_OK;
}

static bool drain_frames(struct h2 *h)
{
    while (h->codec.out->n < H2_OUT_MAX) {
        const uint8_t *frame;
        size_t before = h->codec.out->n;
        ssize_t n = nghttp2_session_mem_send(h->ng, &frame);
        if (n < 0)
            return false;
        if (n > 0 && chunkq_append(h->codec.out, span_of(frame, (size_t)n)) != ERR_OK)
            return false;
        if (n == 0 && h->codec.out->n == before)
            return true;
    }
    return true;
}

static bool own_bodies(struct h2 *h)
{
    while (h->borrowed != NULL) {
        struct h2_stream *s = h->borrowed;
        h->borrowed = s->next_borrowed;
        s->in_borrowed = false;
        if (chunkq_own(&s->body) != ERR_OK)
            return false;
    }
    return true;
}

static bool h2_drain(struct codec *c)
{
    struct h2 *h = h2_of(c);
    if (h->failed)
        return true; /* what is queued may still go out */
    if (!drain_frames(h) || !own_bodies(h))
        h->failed = true;
    h->stalled = !h2_is_reading(c);
    return !h->failed;
}

static void h2_flushed(struct codec *c)
{
    struct h2 *h = h2_of(c);
    size_t max = h->codec.opts->buffer;
    if (h->failed)
        return;
    for (struct h2_stream *s = h->nfull > 0 ? h->streams : NULL; s != NULL; s = s->next) {
        if (!s->open || !s->tx_full || s->body.n >= max)
            continue;
        s->tx_full = false;
        h->nfull--;
        if (!s->tx_end)
            s->stream.on->ready(s->stream.owner);
    }
    if (nghttp2_session_want_write(h->ng))
        h2_wants_write(h);
    if (h->stalled && h2_is_reading(c)) {
        h->stalled = false;
        h->codec.host->wants_read(h->codec.host_arg);
    }
}

static void h2_closed(struct codec *c, enum err why)
{
    struct h2 *h = h2_of(c);
    h->failed = true;
    if (h->client && h->flooded)
        why = ERR_H2_FLOOD;
    else if (!h->client && h->broke && why != ERR_NO_MEMORY)
        why = ERR_BACKEND_BAD_ANSWER;
    else if (why == ERR_OK)
        why = h->client ? ERR_CLIENT_CLOSED : ERR_BACKEND_CLOSED;
    for (struct h2_stream *s = h->streams; s != NULL; s = s->next)
        h2_stream_gone(s, why);
}

static void h2_shutdown(struct codec *c, bool now)
{
    struct h2 *h = h2_of(c);
    h->draining = true;
    if (h->failed || !h->client)
        return;
    if (now)
        (void)nghttp2_submit_goaway(h->ng, NGHTTP2_FLAG_NONE,
                                    nghttp2_session_get_last_proc_stream_id(h->ng),
                                    NGHTTP2_NO_ERROR, NULL, 0);
    else
        (void)nghttp2_submit_shutdown_notice(h->ng);
    h2_wants_write(h);
}

static bool h2_is_idle(const struct codec *c)
{
    return h2_of(c)->nstreams == h2_of(c)->nrest;
}

static bool h2_is_done(const struct codec *c)
{
    const struct h2 *h = h2_of(c);
    bool over = !nghttp2_session_want_read(h->ng) && !nghttp2_session_want_write(h->ng);
    return h->failed || over || (!h->client && h->draining && h->nstreams == 0);
}

static bool h2_is_cut(const struct codec *c)
{
    UNUSED(c);
    return false; /* a stream that was cut says so itself */
}

static bool h2_expects(const struct codec *c)
{
    return h2_of(c)->nstreams > 0;
}

static unsigned h2_streams_max(const struct codec *c)
{
    const struct h2 *h = h2_of(c);
    if (!h->has_settings)
        return UINT_MAX;
    uint32_t theirs =
        nghttp2_session_get_remote_settings(h->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return theirs < c->opts->h2_backend_streams ? theirs : c->opts->h2_backend_streams;
}

static bool h2_is_reusable(const struct codec *c)
{
    const struct h2 *h = h2_of(c);
    size_t max = h->has_settings ? h2_streams_max(c) : 1;
    return !h->client && !h->failed && !h->draining && h->nstreams < max &&
           nghttp2_session_check_request_allowed(h->ng) != 0;
}

static bool h2_ping(struct codec *c)
{
    struct h2 *h = h2_of(c);
    if (h->pinged)
        return false;
    h->pinged = nghttp2_submit_ping(h->ng, NGHTTP2_FLAG_NONE, NULL) == 0;
    h2_wants_write(h);
    return true;
}

static void h2_free(struct codec *c)
{
    struct h2 *h = h2_of(c);
    while (h->streams != NULL)
        h2_stream_free(h->streams);
    nghttp2_session_del(h->ng);
    free(h);
}

static const struct codec_vt h2_vt = {
    .free = h2_free,
    .feed = h2_feed,
    .closed = h2_closed,
    .drain = h2_drain,
    .flushed = h2_flushed,
    .open = h2_stream_open,
    .shutdown = h2_shutdown,
    .is_idle = h2_is_idle,
    .is_done = h2_is_done,
    .is_cut = h2_is_cut,
    .is_reading = h2_is_reading,
    .expects = h2_expects,
    .is_reusable = h2_is_reusable,
    .streams_max = h2_streams_max,
    .ping = h2_ping,
    .is_shared = true,
};

/* --- making one --- */

static enum err session_new(struct h2 *h)
{
    size_t block = h->codec.opts->limits.header_bytes + BLOCK_SPARE;
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *opt = NULL;
    enum err e = ERR_NO_MEMORY;
    if (nghttp2_session_callbacks_new(&cb) == 0 && nghttp2_option_new(&opt) == 0) {
        h2_receive_callbacks(cb);
        nghttp2_session_callbacks_set_send_data_callback(cb, h2_send_data);
        nghttp2_option_set_no_auto_window_update(opt, 1);
        nghttp2_option_set_no_closed_streams(opt, 1);
        /* h2_floods.c counts these, and says so. */
        nghttp2_option_set_stream_reset_rate_limit(opt, UINT32_MAX, UINT32_MAX);
        nghttp2_option_set_max_continuations(opt, UINT16_MAX);
        nghttp2_option_set_max_settings(opt, UINT16_MAX);
        nghttp2_option_set_max_outbound_ack(opt, ACKS_MAX);
        nghttp2_option_set_max_deflate_dynamic_table_size(opt, HPACK_TABLE);
        nghttp2_option_set_max_send_header_block_length(opt, block);
        if ((h->client ? nghttp2_session_server_new2 : nghttp2_session_client_new2)(&h->ng, cb, h,
                                                                                    opt) == 0)
            e = ERR_OK;
    }
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(opt);
    return e;
}

/* Answers may be held up by the clients they are for: as many as there can be must not be able to
 * fill the connection's window, or a few slow clients would stop everybody's. */
static int32_t connection_window(const struct h2 *h)
{
    const struct codec_options *o = h->codec.opts;
    uint64_t all = (uint64_t)o->h2_backend_streams * o->h2_stream_window;
    if (h->client || all < o->h2_connection_window)
        return (int32_t)o->h2_connection_window;
    return all > INT32_MAX ? INT32_MAX : (int32_t)all;
}

static enum err send_settings(struct h2 *h)
{
    const struct codec_options *o = h->codec.opts;
    nghttp2_settings_entry first = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    if (h->client)
        first = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, o->h2_streams};
    nghttp2_settings_entry iv[] = {
        first,
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, o->h2_stream_window},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, HPACK_TABLE},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)o->limits.header_bytes},
    };
    if (nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, iv, ARRAY_LEN(iv)) != 0 ||
        nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, connection_window(h)) !=
            0)
        return ERR_NO_MEMORY;
    return ERR_OK;
}

static enum err h2_new(struct codec **c, const struct h2 *role, const struct codec_options *opts,
                       const struct codec_host *host, void *arg, struct chunkq *out)
{
    *c = NULL;
    struct h2 *h = malloc(sizeof(*h));
    if (h == NULL)
        return ERR_NO_MEMORY;
    *h = *role;
    h->codec = (struct codec){CODEC_MAGIC, &h2_vt, opts, host, arg, out};
    enum err e = session_new(h);
    if (e == ERR_OK)
        e = send_settings(h);
    if (e != ERR_OK) {
        if (h->ng != NULL)
            nghttp2_session_del(h->ng);
        free(h);
        return e;
    }
    h2_wants_write(h);
    *c = &h->codec;
    return ERR_OK;
}

enum err codec_h2_client(struct codec **c, const struct codec_options *opts,
                         const struct codec_host *host, void *arg, struct chunkq *out)
{
    const struct h2 role = {.client = true};
    return h2_new(c, &role, opts, host, arg, out);
}

enum err codec_h2_backend(struct codec **c, const struct codec_options *opts, bool secure,
                          const struct codec_host *host, void *arg, struct chunkq *out)
{
    const struct h2 role = {.secure = secure};
    return h2_new(c, &role, opts, host, arg, out);
}
