/* Streams of an HTTP/2 connection: their list, their verbs, and the bodies they send.
 *
 * The special difficulty is that a stream outlives its owner: nghttp2 knows it until it is closed,
 * so the owner's part (open, arena, heads) and nghttp2's part end at different times. */
#include "http/h2_internal.h"

#include <stdlib.h>

static struct h2_stream *h2_stream_of(struct http_stream *s)
{
    return CONTAINER_OF(s, struct h2_stream, stream);
}

/* --- the list --- */

static const struct http_stream_ops h2_ops;

struct h2_stream *h2_stream_new(struct h2 *h, int32_t id)
{
    struct h2_stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->stream = (struct http_stream){.magic = HTTP_STREAM_MAGIC, .ops = &h2_ops};
    s->h2 = h;
    s->id = id;
    s->next = h->streams;
    if (s->next != NULL)
        s->next->prev = s;
    h->streams = s;
    h->nstreams++;
    return s;
}

static void forget_borrowed(struct h2_stream *s)
{
    struct h2_stream **at = &s->h2->borrowed;
    if (!s->in_borrowed)
        return;
    while (*at != s)
        at = &(*at)->next_borrowed;
    *at = s->next_borrowed;
    s->in_borrowed = false;
}

void h2_stream_free(struct h2_stream *s)
{
    struct h2 *h = s->h2;
    forget_borrowed(s);
    if (s->tx_full)
        h->nfull--;
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        h->streams = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    h->nstreams--;
    h->nrest -= s->rest;
    chunkq_free(&s->body);
    s->stream.magic = 0;
    free(s);
}

struct http_stream *h2_stream_open(struct codec *c, enum http_method method, struct arena *arena,
                                   const struct http_stream_events *on, void *owner)
{
    struct h2 *h = h2_of(c);
    UNUSED(method); /* nghttp2 reads it in the head */
    if (!codec_is_reusable(c))
        return NULL;
    struct h2_stream *s = h2_stream_new(h, 0);
    if (s == NULL)
        return NULL;
    s->open = true;
    s->arena = arena;
    s->stream.on = on;
    s->stream.owner = owner;
    return &s->stream;
}

static void detach(struct h2_stream *s)
{
    s->open = false;
    s->stream.on = NULL;
    s->stream.owner = NULL;
    s->arena = NULL;
    s->head = s->trailers = NULL;
}

void h2_stream_gone(struct h2_stream *s, enum err why)
{
    const struct http_stream_events *on = s->stream.on;
    void *owner = s->stream.owner;
    if (!s->open)
        return;
    detach(s);
    on->gone(owner, why);
}

void h2_stream_credit(struct h2_stream *s)
{
    if (s->held > 0)
        (void)nghttp2_session_consume_connection(s->h2->ng, s->held);
    s->held = 0;
}

void h2_stream_rest(struct h2_stream *s)
{
    s->rest = true;
    s->h2->nrest++;
    (void)nghttp2_session_consume(s->h2->ng, s->id, s->held);
    s->held = 0;
    h2_stream_gone(s, ERR_OK);
}

void h2_stream_rst(struct h2_stream *s, uint32_t code)
{
    (void)nghttp2_submit_rst_stream(s->h2->ng, NGHTTP2_FLAG_NONE, s->id, code);
    h2_wants_write(s->h2);
}

/* --- sending bodies --- */

static ssize_t read_body(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t max, uint32_t *flags,
                         nghttp2_data_source *source, void *arg)
{
    struct h2_stream *s = source->ptr;
    UNUSED(ng);
    UNUSED(id);
    UNUSED(buf);
    UNUSED(arg);
    size_t n = min_size(max, s->body.n);
    if (n == 0 && !s->tx_end) {
        s->tx_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (s->tx_end && n == s->body.n) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailers != NULL) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (h2_trailers_submit(s, s->trailers) != ERR_OK)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)n;
}

int h2_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t n,
                 nghttp2_data_source *source, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = source->ptr;
    UNUSED(ng);
    UNUSED(frame);
    if (chunkq_append(h->codec.out, span_of(head, 9)) != ERR_OK ||
        chunkq_move(h->codec.out, &s->body, n) != ERR_OK)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    s->stream.passed += n;
    return h->codec.out->n < H2_OUT_MAX ? 0 : NGHTTP2_ERR_PAUSE; /* it would go on by itself */
}

/* --- verbs --- */

static enum err h2_send_head(struct http_stream *st, const struct http_head *head, bool end)
{
    struct h2_stream *s = h2_stream_of(st);
    nghttp2_data_provider body = {.source = {.ptr = s}, .read_callback = read_body};
    const nghttp2_data_provider *follows = end ? NULL : &body;
    BUG_IF(s->tx_head || head->is_response != s->h2->client);
    TRY(s->h2->client ? h2_response_submit(s, head, follows) : h2_request_submit(s, head, follows));
    h2_wants_write(s->h2);
    s->tunnel = head->is_response && head->status == 101;
    if (!head->is_response || head->status >= 200 || s->tunnel) {
        s->tx_head = true;
        s->tx_end = end;
    }
    return ERR_OK;
}

static void resume(struct h2_stream *s)
{
    h2_wants_write(s->h2);
    if (!s->tx_deferred)
        return;
    s->tx_deferred = false;
    (void)nghttp2_session_resume_data(s->h2->ng, s->id);
}

static void remember_borrowed(struct h2_stream *s)
{
    if (s->in_borrowed)
        return;
    s->in_borrowed = true;
    s->next_borrowed = s->h2->borrowed;
    s->h2->borrowed = s;
}

static size_t h2_send_body(struct http_stream *st, struct span data)
{
    struct h2_stream *s = h2_stream_of(st);
    size_t max = s->h2->codec.opts->buffer;
    BUG_IF(!s->tx_head || s->tx_end);
    if (chunkq_borrow(&s->body, data) != ERR_OK) {
        s->h2->failed = true;
        h2_wants_write(s->h2);
        return 0;
    }
    remember_borrowed(s);
    resume(s);
    if (s->body.n < max)
        return max - s->body.n;
    if (!s->tx_full)
        s->h2->nfull++;
    s->tx_full = true;
    return 0;
}

static enum err h2_send_end(struct http_stream *st, const struct http_head *trailers)
{
    struct h2_stream *s = h2_stream_of(st);
    BUG_IF(!s->tx_head || s->tx_end);
    if (trailers != NULL && trailers->nfields > 0) {
        struct http_head *copy = arena_alloc(s->arena, sizeof(*copy));
        if (copy == NULL)
            return ERR_NO_MEMORY;
        TRY(http_head_copy(copy, trailers, s->arena));
        copy->status = 0;
        s->trailers = copy->nfields > 0 ? copy : NULL;
    }
    s->tx_end = true;
    resume(s);
    return ERR_OK;
}

static void h2_consumed(struct http_stream *st, size_t n)
{
    struct h2_stream *s = h2_stream_of(st);
    BUG_IF(n > s->held);
    s->held -= n;
    (void)nghttp2_session_consume(s->h2->ng, s->id, n);
    h2_wants_write(s->h2);
}

static uint32_t reset_code(const struct h2 *h, enum err why)
{
    if (!h->client)
        return why == ERR_BACKEND_BAD_ANSWER ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_CANCEL;
    switch (err_fault(why)) {
    case FAULT_CLIENT:
        return why == ERR_CLIENT_RESET || why == ERR_CLIENT_CLOSED || why == ERR_CLIENT_SEND_TIMEOUT
                   ? NGHTTP2_CANCEL /* it broke no rule */
                   : NGHTTP2_PROTOCOL_ERROR;
    default:
        return why == ERR_STOPPING ? NGHTTP2_REFUSED_STREAM : NGHTTP2_INTERNAL_ERROR;
    }
}

static void h2_reset(struct http_stream *st, enum err why)
{
    struct h2_stream *s = h2_stream_of(st);
    detach(s);
    h2_stream_credit(s);
    chunkq_free(&s->body);
    h2_wants_write(s->h2); /* also where nothing was sent: let the connection be put back */
    if (s->id == 0)
        h2_stream_free(s);
    else
        h2_stream_rst(s, reset_code(s->h2, why));
}

static const struct http_stream_ops h2_ops = {
    .send_head = h2_send_head,
    .send_body = h2_send_body,
    .send_end = h2_send_end,
    .consumed = h2_consumed,
    .reset = h2_reset,
};
