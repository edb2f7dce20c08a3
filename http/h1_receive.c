/* What comes in on an HTTP/1 connection: heads, bodies, trailers, as events of the one open stream.
 *
 * The special difficulty is that any event may end the stream, since its owner may give up within
 * it: whoever has called an owner looks at h->open before the next step. And the outcome must not
 * depend on how the bytes were cut. */
#include "http/h1_head.h"
#include "http/h1_internal.h"
#include "http/ws.h"

static bool wants_keep_alive(const struct http_head *head)
{
    bool keep = head->version == HTTP_1_1;
    for (size_t i = 0; i < head->nfields; i++) {
        const struct http_field *f = &head->fields[i];
        if (f->id != HTTP_CONNECTION)
            continue;
        bool alone = span_eq_nocase(f->value, SPAN("keep-alive")); /* nearly always */
        if (!alone && http_list_has(f->value, SPAN("close")))
            return false;
        if (alone || http_list_has(f->value, SPAN("keep-alive")))
            keep = true;
    }
    return keep;
}

static void rx_complete(struct h1 *h, struct http_head *trailers)
{
    h->rx = RX_COMPLETE;
    h->stream.on->end(h->stream.owner, ERR_OK, trailers);
    h1_end_if_over(h);
}

/* The request cannot be understood: the owner answers, then the connection ends. */
static void refuse(struct h1 *h, struct http_head *head, enum err why)
{
    head->refuse = why;
    h->keep = false;
    h->rx = RX_CUT;
    h->stream.on->head(h->stream.owner, head);
}

static void bad_body(struct h1 *h, enum err why)
{
    h->keep = false;
    h->rx = RX_CUT;
    if (h->client)
        h->stream.on->end(h->stream.owner, why, NULL);
    else
        h1_give_up(h, why == ERR_NO_MEMORY ? why : ERR_BACKEND_BAD_ANSWER);
}

static void begin_body(struct h1 *h, const struct http_body_plan *plan)
{
    h1_body_begin(&h->rx_body, plan);
    h->rx = RX_BODY;
    h->scanned = 0;
    if (h->rx_body.state == H1_BODY_DONE)
        rx_complete(h, NULL);
}

/* Opens the stream of a client's request; false: refused for lack of capacity. */
static bool open_for_client(struct h1 *h)
{
    struct http_stream *s = &h->stream;
    h1_pair_begin(h);
    if (!h->codec.host->open(h->codec.host_arg, s, &h->arena)) {
        h->busy = false;
        h1_finish(h);
        return false;
    }
    h->open = true;
    return true;
}

/* With room for as many fields as most have. */
static struct http_head *head_new(struct h1 *h, bool is_response)
{
    enum { ROOM = 16 };
    struct {
        struct http_head head;
        struct http_field fields[ROOM];
    } *p = arena_alloc(h->arena, sizeof(*p));
    if (p == NULL)
        return NULL;
    http_head_begin(&p->head, h->arena, is_response);
    p->head.fields = p->fields;
    p->head.cap = ROOM;
    return &p->head;
}

/* A copy of the head's bytes in the exchange's memory: the read buffer is reused, the exchange is
 * not. */
static bool keep_raw(struct h1 *h, struct span *raw)
{
    if (raw->n == 0)
        return true;
    char *p = arena_alloc(h->arena, raw->n);
    if (p == NULL)
        return false;
    memcpy(p, raw->p, raw->n);
    raw->p = p;
    return true;
}

static void client_head(struct h1 *h, struct span raw, enum err known)
{
    if (!open_for_client(h))
        return;
    struct http_head *head = head_new(h, false);
    if (head == NULL || !keep_raw(h, &raw)) {
        h->busy = false;
        h1_gone(h, ERR_NO_MEMORY);
        h1_finish(h);
        return;
    }
    struct http_body_plan plan;
    enum err e = known;
    if (e == ERR_OK)
        e = h1_request_parse(raw, &h->codec.opts->limits, head);
    h->version = head->version == 0 ? HTTP_1_1 : head->version;
    h->method = head->method;
    if (e == ERR_OK)
        e = http_framing(head, HTTP_OTHER_METHOD, &plan);
    if (e == ERR_OK && http_head_find(head, HTTP_UPGRADE) != NULL)
        e = ws_open_check(head, plan.kind != HTTP_BODY_NONE);
    if (e != ERR_OK) {
        refuse(h, head, e);
        return;
    }
    h->keep = wants_keep_alive(head) && !head->websocket; /* what is behind it is no request */
    h->bodiless = head->bodiless = plan.kind == HTTP_BODY_NONE;
    h->stream.on->head(h->stream.owner, head);
    if (h->open)
        begin_body(h, &plan);
}

static bool is_usable(struct h1 *h, struct http_head *head)
{
    if (head->status == 101)
        head->websocket =
            h->accept != NULL && ws_is_accepted(head, span_of(h->accept, WS_ACCEPT_LEN));
    if (head->status == 101 || head->status >= 200)
        return head->status != 101 || head->websocket;
    return ++h->interim <= HTTP_INTERIM_MAX;
}

static void backend_head(struct h1 *h, struct span raw)
{
    struct http_body_plan plan;
    struct http_head *head = head_new(h, true);
    if (head == NULL || !keep_raw(h, &raw)) {
        h1_give_up(h, ERR_NO_MEMORY);
        return;
    }
    enum err e = h1_response_parse(raw, &h->codec.opts->limits, head);
    if (e == ERR_OK)
        e = is_usable(h, head) ? http_framing(head, h->method, &plan) : ERR_BACKEND_BAD_ANSWER;
    if (e != ERR_OK) {
        h1_give_up(h, e == ERR_NO_MEMORY ? e : ERR_BACKEND_BAD_ANSWER);
        return;
    }
    if (head->status < 200 || head->status == 204)
        http_head_drop(head, HTTP_CONTENT_LENGTH); /* they must not have one (RFC 9110 8.6) */
    if (head->status >= 200) {
        h->keep = wants_keep_alive(head) && plan.kind != HTTP_BODY_UNTIL_CLOSE;
        h->rx = RX_BODY;
    }
    head->bodiless = plan.kind == HTTP_BODY_NONE;
    if (head->websocket)
        h1_tunnel_begin(h);
    h->stream.on->head(h->stream.owner, head);
    if (h->open && head->status >= 200)
        begin_body(h, &plan);
}

/* Finds the end of a head or trailer section, looking no further than the limit allows, so that the
 * answer is the same however the bytes were cut. 0: more are needed. */
static enum err find_end(struct h1 *h, struct span in, size_t *end)
{
    size_t limit = h->codec.opts->limits.header_bytes;
    TRY(h1_head_end(span_until(in, min_size(in.n, limit + 1)), &h->scanned, end));
    if (*end <= limit && (*end > 0 || in.n <= limit))
        return ERR_OK;
    /* A request line that alone is too long is the target's fault. */
    bool one_line = memchr(in.p, '\n', limit + 1) == NULL;
    return one_line && h->rx == RX_HEAD ? ERR_TARGET_TOO_LONG : ERR_HEADER_TOO_LARGE;
}

/* How many bytes of `in` the head step took; 0: more are needed. */
static size_t feed_head(struct h1 *h, struct span in)
{
    size_t end;
    size_t blank = 0;
    if (h->client && !h->skipped && h->scanned == 0 && span_has_prefix(in, SPAN("\r\n"))) {
        h->skipped = true; /* one empty line before a request is forgiven (RFC 9112 2.2) */
        blank = 2;
    }
    struct span rest = span_from(in, blank);
    enum err e = find_end(h, rest, &end);
    if (e != ERR_OK) {
        if (h->client)
            client_head(h, span_until(rest, 0), e);
        else
            h1_give_up(h, ERR_BACKEND_BAD_ANSWER);
        return in.n;
    }
    if (end == 0)
        return blank;
    h->scanned = 0;
    if (h->client)
        client_head(h, span_until(rest, end), ERR_OK);
    else
        backend_head(h, span_until(rest, end));
    return blank + end;
}

static size_t feed_trailers(struct h1 *h, struct span in)
{
    size_t end;
    enum err e = find_end(h, in, &end);
    if (e == ERR_OK && end == 0)
        return 0;
    struct http_head *trailers = NULL;
    struct span raw = span_until(in, e == ERR_OK ? end : 0);
    if (e == ERR_OK && end > 2) {
        trailers = head_new(h, !h->client);
        e = trailers == NULL || !keep_raw(h, &raw)
                ? ERR_NO_MEMORY
                : h1_trailers_parse(raw, &h->codec.opts->limits, trailers);
    }
    h->scanned = 0;
    if (e != ERR_OK) {
        bad_body(h, e);
        return in.n;
    }
    rx_complete(h, trailers);
    return end;
}

static size_t feed_body(struct h1 *h, struct span in)
{
    size_t used;
    struct span data;
    if (h->rx_body.state == H1_BODY_TRAILERS)
        return feed_trailers(h, in);
    enum err e = h1_body_feed(&h->rx_body, in, &used, &data);
    if (e != ERR_OK) {
        bad_body(h, e);
        return in.n;
    }
    if (data.n > 0) {
        h->held += data.n;
        h->stream.on->body(h->stream.owner, data);
    }
    if (h->open && h->rx == RX_BODY && h->rx_body.state == H1_BODY_DONE)
        rx_complete(h, NULL);
    return used;
}

bool h1_reads(const struct h1 *h)
{
    if (h->done || h->rx == RX_COMPLETE || h->rx == RX_CUT)
        return false;
    if (!h->client && !h->open)
        return false;
    if (h->rx == RX_BODY)
        return h->open && h->held < h->codec.opts->buffer;
    return true;
}

/* A server that speaks before anything was asked: an answer of nobody's, which must not become the
 * answer to the next request. */
static bool is_unasked(const struct h1 *h)
{
    return !h->client && (!h->busy || (h->open && h->tx == TX_HEAD));
}

enum err h1_feed(struct codec *c, struct span in, size_t *used)
{
    struct h1 *h = h1_of(c);
    *used = 0;
    if (h->open && in.n > 0 && is_unasked(h))
        h1_give_up(h, ERR_BACKEND_CLOSED);
    while (*used < in.n && h1_reads(h)) {
        struct span rest = span_from(in, *used);
        size_t n = h->rx == RX_BODY ? feed_body(h, rest) : feed_head(h, rest);
        *used += n;
        if (n == 0)
            break;
    }
    if (*used < in.n && is_unasked(h))
        h1_finish(h); /* the connection is not fit for another request */
    if (h->done && !h->open)
        *used = in.n;
    return ERR_OK;
}
