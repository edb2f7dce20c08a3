/* What comes in on an HTTP/2 connection: nghttp2's callbacks, turned into events of streams.
 * nghttp2 has checked the frames and most of RFC 9113 8; of what is refused here, a client's
 * request gets an answer and a server's answer is given up. */
#include "http/h2_internal.h"

enum {
    FIELD_OVERHEAD = 32, /* RFC 9113 6.5.2 counts this much per field */
    EXCESS_FACTOR = 4,   /* a head over the limit is answered; over this many times it is cut off */
};

static struct h2_stream *find(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

static bool begin_head(struct h2_stream *s)
{
    s->head = arena_alloc(s->arena, sizeof(*s->head));
    if (s->head == NULL)
        return false;
    http_head_begin(s->head, s->arena, !s->h2->client);
    s->head_bytes = s->head_fields = 0;
    return true;
}

static int begin_request(struct h2 *h, int32_t id)
{
    struct h2_stream *s = h2_stream_new(h, id);
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    (void)nghttp2_session_set_stream_user_data(h->ng, id, s);
    if (!h->codec.host->open(h->codec.host_arg, &s->stream, &s->arena)) {
        h2_stream_rst(s, NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    s->open = true;
    if (!begin_head(s)) {
        h2_stream_gone(s, ERR_NO_MEMORY);
        h2_stream_rst(s, NGHTTP2_INTERNAL_ERROR);
    }
    return 0;
}

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *frame, void *arg)
{
    UNUSED(ng);
    return h2_flood_frame(arg, frame) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        return begin_request(h, frame->hd.stream_id);
    struct h2_stream *s = find(ng, frame->hd.stream_id);
    if (s != NULL && s->open && !begin_head(s)) {
        h2_stream_gone(s, ERR_NO_MEMORY);
        h2_stream_rst(s, NGHTTP2_INTERNAL_ERROR);
    }
    return 0;
}

/* Clients cut Cookie into as many fields as there are cookies (RFC 9113 8.2.3). */
static bool counts(struct span name)
{
    return name.p[0] != ':' && !span_eq(name, SPAN("cookie"));
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = find(ng, frame->hd.stream_id);
    const struct http_limits *l = &h->codec.opts->limits;
    if (s == NULL || !s->open)
        return 0;
    s->head_bytes += name_n + value_n + FIELD_OVERHEAD;
    if (s->head_bytes > EXCESS_FACTOR * l->header_bytes) /* saves looking at the rest of a bomb */
        return h2_flood_spend(h, H2_HEADER_LISTS) ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
                                                  : NGHTTP2_ERR_CALLBACK_FAILURE;
    if (s->head->refuse != ERR_OK)
        return 0;
    s->head_fields += counts(span_of(name, name_n));
    if (s->head_bytes > l->header_bytes || s->head_fields > l->header_fields) {
        s->head->refuse = ERR_HEADER_TOO_LARGE;
        return 0;
    }
    s->head->refuse = (h->client ? h2_request_field : h2_response_field)(s, span_of(name, name_n),
                                                                         span_of(value, value_n));
    if ((flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0 && s->head->refuse == ERR_OK && name[0] != ':')
        s->head->fields[s->head->nfields - 1].flags |= HTTP_FIELD_UNINDEXED;
    return 0;
}

static void request_complete(struct h2_stream *s, bool end)
{
    struct http_head *head = s->head;
    s->head_given = true;
    head->version = HTTP_2;
    head->bodiless = end;
    if (head->refuse == ERR_OK)
        head->refuse = h2_request_complete(head, &s->h2->codec.opts->limits);
    head->websocket = head->websocket && head->refuse == ERR_OK;
    head->bodiless = end || head->websocket;
    s->stream.on->head(s->stream.owner, head);
}

/* The owner is told why; the server is told to stop. */
static void give_up(struct h2_stream *s, enum err why)
{
    h2_stream_credit(s);
    h2_stream_gone(s, why);
    h2_stream_rst(s, why == ERR_NO_MEMORY ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_PROTOCOL_ERROR);
}

static void answer_complete(struct h2_stream *s, bool end)
{
    struct http_head *head = s->head;
    bool final = head->status >= 200;
    bool usable = head->refuse == ERR_OK && (final || ++s->interim <= HTTP_INTERIM_MAX);
    if (!usable) {
        give_up(s, head->refuse == ERR_NO_MEMORY ? ERR_NO_MEMORY : ERR_BACKEND_BAD_ANSWER);
        return;
    }
    s->head_given = final;
    head->version = HTTP_2;
    head->bodiless = final && end;
    if (!final || head->status == 204)
        http_head_drop(head, HTTP_CONTENT_LENGTH); /* as in HTTP/1 (RFC 9110 8.6) */
    s->stream.on->head(s->stream.owner, head);
}

static void head_complete(struct h2_stream *s, bool end)
{
    if (s->h2->client)
        request_complete(s, end);
    else
        answer_complete(s, end);
}

static void body_complete(struct h2_stream *s, struct http_head *trailers)
{
    if (!s->open)
        return;
    s->rx_end = true;
    enum err how = trailers == NULL ? ERR_OK : trailers->refuse;
    if (how != ERR_OK && !s->h2->client) {
        give_up(s, how == ERR_NO_MEMORY ? how : ERR_BACKEND_BAD_ANSWER);
        return;
    }
    for (size_t i = 0; trailers != NULL && i < trailers->nfields; i++)
        if (!http_trailer_allowed(&trailers->fields[i]))
            trailers->fields[i].flags |= HTTP_FIELD_DROPPED;
    s->stream.on->end(s->stream.owner, how, how == ERR_OK ? trailers : NULL);
}

static void connection_frame(struct h2 *h, const nghttp2_frame *frame)
{
    bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
    if (frame->hd.type == NGHTTP2_SETTINGS && !ack)
        h->has_settings = true;
    if (frame->hd.type == NGHTTP2_PING && ack)
        h->pinged = false;
}

/* A request that opens a tunnel ends with its head, though its stream does not. */
static void give_head(struct h2_stream *s, bool end)
{
    head_complete(s, end);
    if (end)
        body_complete(s, NULL);
    else if (s->open && s->head->websocket)
        s->stream.on->end(s->stream.owner, ERR_OK, NULL);
}

static bool is_padding_only(const nghttp2_frame *f)
{
    return f->hd.type == NGHTTP2_DATA && f->hd.length > 0 && f->hd.length == f->data.padlen &&
           (f->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0;
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = find(ng, frame->hd.stream_id);
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (h->client && is_padding_only(frame) && !h2_flood_spend(h, H2_EMPTY_DATA))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (frame->hd.stream_id == 0)
        connection_frame(h, frame);
    if (s == NULL || !s->open)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        if (!s->head_given)
            give_head(s, end);
        else if (end)
            body_complete(s, s->head);
    } else if (frame->hd.type == NGHTTP2_DATA && end) {
        body_complete(s, NULL);
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
        s->rx_reset = true;
    }
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t n,
                   void *arg)
{
    struct h2_stream *s = find(ng, id);
    UNUSED(flags);
    UNUSED(arg);
    if (s == NULL || !s->open) {
        (void)nghttp2_session_consume(ng, id, n);
        if (s != NULL && s->rest && s->dropped <= H2_REST_MAX && (s->dropped += n) > H2_REST_MAX)
            h2_stream_rst(s, NGHTTP2_NO_ERROR);
        return 0;
    }
    s->held += n;
    s->stream.on->body(s->stream.owner, span_of(data, n));
    return 0;
}

/* Towards a server. nghttp2 closes what lies above a GOAWAY's last stream as refused. */
static enum err why_answer_ended(const struct h2_stream *s, uint32_t code)
{
    if (s->unsent || code == NGHTTP2_REFUSED_STREAM)
        return ERR_BACKEND_REFUSED;
    if (code == NGHTTP2_ENHANCE_YOUR_CALM)
        return ERR_BACKEND_TOO_MUCH;
    if (code == NGHTTP2_NO_ERROR && s->rx_end && s->tx_done)
        return ERR_OK;
    return s->rx_reset ? ERR_BACKEND_STREAM_RESET : ERR_BACKEND_BAD_ANSWER;
}

static enum err why_request_ended(const struct h2_stream *s, uint32_t code)
{
    if (s->h2->flooded)
        return ERR_H2_FLOOD;
    if (code == NGHTTP2_NO_ERROR)
        return s->tx_done ? ERR_OK : ERR_CLIENT_RESET;
    if (s->rx_reset)
        return ERR_CLIENT_RESET;
    bool refused = s->open && !s->head_given && s->head->refuse != ERR_OK;
    return refused ? s->head->refuse : ERR_BAD_FRAME;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
    struct h2_stream *s = find(ng, id);
    UNUSED(arg);
    if (s == NULL)
        return 0;
    if (s->tx_done)
        h2_flood_pay_back(s->h2, H2_RESETS);
    h2_stream_credit(s);
    h2_stream_gone(s, s->h2->client ? why_request_ended(s, code) : why_answer_ended(s, code));
    h2_stream_free(s);
    return 0;
}

static int on_frame_not_sent(nghttp2_session *ng, const nghttp2_frame *frame, int why, void *arg)
{
    struct h2_stream *s = find(ng, frame->hd.stream_id);
    UNUSED(arg);
    if (s != NULL && frame->hd.type == NGHTTP2_HEADERS)
        s->unsent =
            why == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED || why == NGHTTP2_ERR_SESSION_CLOSING;
    return 0;
}

/* Breaking a stream's rules makes us reset it, which is a reset for free. */
static bool is_for_a_breach(const nghttp2_frame *f)
{
    if (f->hd.type != NGHTTP2_RST_STREAM)
        return false;
    uint32_t code = f->rst_stream.error_code;
    return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
           code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR;
}

/* Ours, and not a good one. A header table larger than allowed, or one that does not add up, is
 * counted as what it may be: an attack on our memory. */
static void gave_up(struct h2 *h, uint32_t code)
{
    h->broke = true;
    if (h->client && code == NGHTTP2_COMPRESSION_ERROR && h->codec.host->flooded != NULL)
        h->codec.host->flooded(h->codec.host_arg, "hpack");
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
        gave_up(h, frame->goaway.error_code);
    if (h->client && is_for_a_breach(frame))
        (void)!h2_flood_spend(h, H2_RESETS);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ||
        (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
        return 0;
    s = find(ng, frame->hd.stream_id);
    if (s == NULL)
        return 0;
    s->tx_done = true;
    if (h->client && !s->rx_end && !s->tunnel)
        h2_stream_rest(s);
    if (!h->client && s->open && s->stream.on->sent != NULL)
        s->stream.on->sent(s->stream.owner);
    return 0;
}

void h2_receive_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_sent);
}
