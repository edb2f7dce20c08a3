/* What goes out on an HTTP/1 connection: the verbs of its one stream.
 *
 * The special difficulty is a promise that cannot be kept (a body shorter than its length, no
 * memory for the rest): from then on nothing more is written, and the connection ends in a way that
 * shows it. */
#include "http/h1_head.h"
#include "http/h1_internal.h"
#include "http/ws.h"

static bool response_has_body(const struct h1 *h, const struct http_head *head)
{
    return head->status >= 200 && head->status != 204 && head->status != 304 &&
           h->method != HTTP_HEAD;
}

static enum err plan_tx(struct h1 *h, const struct http_head *head, bool end, struct h1_write *w)
{
    bool has_length, may = !head->is_response || response_has_body(h, head);
    h->tx_kind = HTTP_BODY_NONE;
    TRY(http_content_length(head, &has_length, &h->tx_left));
    if (!may)
        return ERR_OK;
    if (end && has_length)
        return h->tx_left == 0 ? ERR_OK : ERR_BODY_MISMATCH;
    if (end) {
        w->zero_length = head->is_response || head->method == HTTP_POST ||
                         head->method == HTTP_PUT || head->method == HTTP_PATCH;
    } else if (has_length) {
        h->tx_kind = HTTP_BODY_LENGTH;
    } else if (head->is_response && h->version == HTTP_1_0) {
        h->tx_kind = HTTP_BODY_UNTIL_CLOSE;
        h->keep = false;
    } else {
        h->tx_kind = HTTP_BODY_CHUNKED;
        w->chunked = true;
    }
    return ERR_OK;
}

static enum err send_switch(struct h1 *h, const struct http_head *head)
{
    struct h1_write w = {.upgrade = true};
    BUG_IF(h->rx != RX_COMPLETE); /* the request ends first */
    TRY(h1_response_write(head, &w, h->codec.out));
    h1_tunnel_begin(h);
    return ERR_OK;
}

static enum err send_interim(struct h1 *h, const struct http_head *head)
{
    struct h1_write w = {0};
    if (h->version == HTTP_1_0)
        return ERR_OK; /* does not know interim answers (RFC 9110 15.2) */
    return h1_response_write(head, &w, h->codec.out);
}

static enum err send_response(struct h1 *h, const struct http_head *head, bool end)
{
    struct h1_write w = {.upgrade = head->websocket};
    if (head->status < 200)
        return head->websocket ? send_switch(h, head) : send_interim(h, head);
    TRY(plan_tx(h, head, end, &w));
    if (h->draining || (h->rx != RX_COMPLETE && !h->bodiless))
        h->keep = false; /* an answer before the request's end: what is left of it would have to be
                            read first */
    w.close = !h->keep;
    w.keep_alive = h->keep && h->version == HTTP_1_0;
    TRY(h1_response_write(head, &w, h->codec.out));
    h->tx = end ? TX_COMPLETE : TX_BODY;
    return ERR_OK;
}

/* Keeps what the server must answer to the key that is about to be sent. */
static enum err expect_accept(struct h1 *h, const struct http_head *head)
{
    char *accept = arena_alloc(h->arena, WS_ACCEPT_LEN);
    if (accept == NULL)
        return ERR_NO_MEMORY;
    TRY(ws_accept_for(http_head_value(head, HTTP_SEC_WEBSOCKET_KEY), accept));
    h->accept = accept;
    return ERR_OK;
}

static enum err h1_send_head(struct http_stream *s, const struct http_head *head, bool end)
{
    struct h1 *h = h1_of_stream(s);
    BUG_IF(h->tx != TX_HEAD || head->is_response != h->client);
    h1_wants_write(h);
    if (h->client)
        return send_response(h, head, end);
    struct h1_write w = {.upgrade = head->websocket};
    if (head->websocket)
        TRY(expect_accept(h, head));
    TRY(plan_tx(h, head, end, &w));
    TRY(h1_request_write(head, &w, h->codec.out));
    h->tx = end ? TX_COMPLETE : TX_BODY;
    return ERR_OK;
}

static enum err put_data(struct h1 *h, struct span data)
{
    char line[H1_CHUNK_HEAD_MAX];
    switch (h->tx_kind) {
    case HTTP_BODY_NONE:
        return ERR_OK; /* the answer to HEAD: whatever comes is not for the wire */
    case HTTP_BODY_LENGTH:
        if (data.n > h->tx_left)
            return ERR_BODY_MISMATCH;
        h->tx_left -= data.n;
        return chunkq_borrow(h->codec.out, data);
    case HTTP_BODY_UNTIL_CLOSE:
        return chunkq_borrow(h->codec.out, data);
    case HTTP_BODY_CHUNKED:
        TRY(chunkq_append(h->codec.out, span_of(line, h1_chunk_head(line, data.n))));
        TRY(chunkq_borrow(h->codec.out, data));
        return chunkq_append(h->codec.out, SPAN("\r\n"));
    }
    return ERR_OK;
}

/* Ends both directions. The last bytes of a tunnel's half that is over are still written; one that
 * is not ends with a reset, unless its other end has gone without one. */
static void tunnel_cut(struct h1 *h, enum err why)
{
    bool gone = why == ERR_OK || why == ERR_CLIENT_CLOSED || why == ERR_BACKEND_CLOSED;
    h->abort = !gone && h->tx != TX_COMPLETE;
    h1_finish(h);
}

/* What we promised cannot be kept: the peer must see that the message was cut. */
static void cut(struct h1 *h)
{
    h->keep = false;
    h->abort = h->client && (h->tx == TX_BODY || h->tx == TX_BROKEN) &&
               h->tx_kind == HTTP_BODY_UNTIL_CLOSE;
    h1_finish(h);
}

static void tx_break(struct h1 *h)
{
    h->tx = TX_BROKEN; /* nothing may follow: it could be taken for the rest */
    cut(h);
}

static size_t h1_send_body(struct http_stream *s, struct span data)
{
    struct h1 *h = h1_of_stream(s);
    BUG_IF(h->tx != TX_BODY && h->tx != TX_BROKEN);
    if (h->tx == TX_BODY && data.n > 0 && put_data(h, data) != ERR_OK)
        tx_break(h);
    if (h->tx == TX_BROKEN)
        return 0;
    h1_wants_write(h);
    size_t max = h->codec.opts->buffer;
    size_t room = h->codec.out->n < max ? max - h->codec.out->n : 0;
    h->tx_full = room == 0;
    return room;
}

static enum err put_end(struct h1 *h, const struct http_head *trailers)
{
    if (h->tx_kind == HTTP_BODY_LENGTH && h->tx_left > 0)
        return ERR_BODY_MISMATCH;
    if (h->tx_kind != HTTP_BODY_CHUNKED)
        return ERR_OK;
    TRY(chunkq_append(h->codec.out, SPAN("0\r\n")));
    return trailers != NULL ? h1_trailers_write(trailers, h->codec.out)
                            : chunkq_append(h->codec.out, SPAN("\r\n"));
}

static enum err h1_send_end(struct http_stream *s, const struct http_head *trailers)
{
    struct h1 *h = h1_of_stream(s);
    BUG_IF(h->tx != TX_BODY && h->tx != TX_BROKEN);
    enum err e = h->tx == TX_BROKEN ? ERR_BODY_MISMATCH : put_end(h, trailers);
    if (e == ERR_OK) {
        h->tx = TX_COMPLETE;
        h1_wants_write(h);
        if (h->tunnel)
            h->codec.host->ends_sending(h->codec.host_arg);
    } else {
        tx_break(h);
    }
    return e;
}

static void h1_consumed(struct http_stream *s, size_t n)
{
    struct h1 *h = h1_of_stream(s);
    BUG_IF(n > h->held);
    bool was_reading = h->held < h->codec.opts->buffer;
    h->held -= n;
    if (!was_reading && h->held < h->codec.opts->buffer)
        h1_wants_read(h);
}

/* Towards a client: it has every byte of the answer that it was promised, so it takes it for
 * complete, and may have sent the next request already. */
static bool is_promise_kept(const struct h1 *h)
{
    bool all = h->tx_kind == HTTP_BODY_NONE || (h->tx_kind == HTTP_BODY_LENGTH && h->tx_left == 0);
    return h->client && h->tx == TX_BODY && all && h->rx == RX_COMPLETE && h->keep && !h->draining;
}

static void begin_next(struct h1 *h)
{
    h->rx = RX_HEAD;
    h1_wants_write(h);
    h1_wants_read(h);
}

static void h1_reset(struct http_stream *s, enum err why)
{
    struct h1 *h = h1_of_stream(s);
    bool untouched = h->rx == RX_HEAD && h->tx == TX_HEAD && h->scanned == 0;
    h1_detach(h);
    h->busy = false;
    if (h->tunnel)
        tunnel_cut(h, why);
    else if (is_promise_kept(h))
        begin_next(h);
    else if (h->client || !untouched || h->done)
        cut(h);
    else
        h1_wants_write(h); /* the connection is as good as before: let it be put back */
}

const struct http_stream_ops h1_ops = {
    .send_head = h1_send_head,
    .send_body = h1_send_body,
    .send_end = h1_send_end,
    .consumed = h1_consumed,
    .reset = h1_reset,
};
