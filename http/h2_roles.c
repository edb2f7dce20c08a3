/* What a request and an answer look like in HTTP/2, between nghttp2's name-value pairs and our
 * heads. */
#include "http/h2_internal.h"

#include "http/scan.h"
#include "http/ws.h"

#include <stdlib.h>

/* --- requests in --- */

static enum err keep(struct arena *a, struct span in, struct span *out)
{
    char *p = arena_copy(a, in);
    if (p == NULL)
        return ERR_NO_MEMORY;
    *out = span_of(p, in.n);
    return ERR_OK;
}

static enum err pseudo_field(struct http_head *h, struct span name, struct span value)
{
    if (span_eq(name, SPAN(":method"))) {
        h->method_name = value;
        h->method = (uint8_t)http_method_lookup(value);
    } else if (span_eq(name, SPAN(":path"))) {
        h->target = value;
    } else if (span_eq(name, SPAN(":scheme"))) {
        h->scheme = value;
    } else if (span_eq(name, SPAN(":authority"))) {
        h->authority = value;
    } else if (span_eq(name, SPAN(":protocol"))) { /* nghttp2 has checked that it is a CONNECT */
        h->websocket = span_eq_nocase(value, SPAN("websocket"));
    } else {
        return ERR_BAD_FIELD;
    }
    return ERR_OK;
}

static bool is_pseudo(struct span name)
{
    return name.n > 0 && name.p[0] == ':';
}

static enum err add_field(struct h2_stream *s, struct span name, struct span value)
{
    enum http_field_id id = http_field_lookup(name);
    TRY(keep(s->arena, value, &value));
    if (id != HTTP_UNKNOWN_FIELD)
        return http_head_add_id(s->head, id, value);
    TRY(keep(s->arena, name, &name));
    return http_head_add(s->head, name, value);
}

enum err h2_request_field(struct h2_stream *s, struct span name, struct span value)
{
    if (!is_pseudo(name))
        return add_field(s, name, value);
    TRY(keep(s->arena, value, &value));
    return pseudo_field(s->head, name, value);
}

/* Cookie crumbs become one field again (RFC 9113 8.2.3): HTTP/1 knows a single Cookie. */
static enum err join_cookies(struct http_head *h)
{
    size_t n = 0, crumbs = 0;
    for (size_t i = 0; i < h->nfields; i++) {
        if (h->fields[i].id == HTTP_COOKIE) {
            n += h->fields[i].value.n + 2;
            crumbs++;
        }
    }
    if (crumbs < 2)
        return ERR_OK;
    char *joined = arena_alloc(h->arena, n);
    struct http_field *first = NULL;
    if (joined == NULL)
        return ERR_NO_MEMORY;
    n = 0;
    for (size_t i = 0; i < h->nfields; i++) {
        struct http_field *f = &h->fields[i];
        if (f->id != HTTP_COOKIE)
            continue;
        if (first != NULL) {
            memcpy(joined + n, "; ", 2);
            n += 2;
            first->flags |= f->flags;
            f->flags |= HTTP_FIELD_DROPPED;
        } else {
            first = f;
        }
        memcpy(joined + n, f->value.p, f->value.n);
        n += f->value.n;
    }
    first->value = span_of(joined, n);
    return ERR_OK;
}

static enum err check_authority(struct http_head *h)
{
    struct span host = http_head_value(h, HTTP_HOST);
    if (h->authority.n == 0)
        h->authority = host;
    else if (host.p != NULL && !span_eq_nocase(host, h->authority))
        return ERR_HOST_MISMATCH;
    unsigned hosts = 0;
    for (size_t i = 0; i < h->nfields; i++)
        hosts += h->fields[i].id == HTTP_HOST;
    return hosts <= 1 && http_is_authority(h->authority) ? ERR_OK : ERR_BAD_HOST;
}

/* The same bytes are let through as in HTTP/1: it is HTTP/1 that servers get. */
static enum err check_target(const struct http_head *h)
{
    struct span t = h->target;
    if (span_eq(t, SPAN("*")))
        return h->method == HTTP_OPTIONS ? ERR_OK : ERR_BAD_TARGET;
    bool clean = t.n > 0 && t.p[0] == '/' && scan_class(t.p, t.p + t.n, BYTE_TARGET) == t.p + t.n;
    return clean && http_is_scheme(h->scheme) ? ERR_OK : ERR_BAD_TARGET;
}

/* RFC 8441 5: what HTTP/1 says with GET and Upgrade. From here on they are one. */
static enum err check_connect(struct http_head *h)
{
    if (!h->websocket)
        return ERR_METHOD_NOT_SUPPORTED;
    h->method = HTTP_GET;
    h->method_name = SPAN("GET");
    TRY(ws_open_version(h));
    /* The stream has ended with it, or after a length: no tunnel could follow. */
    bool ends = h->bodiless || http_head_find(h, HTTP_CONTENT_LENGTH) != NULL;
    return ends ? ERR_BAD_WEBSOCKET : ERR_OK;
}

enum err h2_request_complete(struct http_head *h, const struct http_limits *l)
{
    h->version = HTTP_2;
    if (h->method == HTTP_CONNECT)
        TRY(check_connect(h));
    if (h->target.n > l->target_bytes)
        return ERR_TARGET_TOO_LONG;
    TRY(check_target(h));
    TRY(check_authority(h));
    return join_cookies(h);
}

/* --- answers in --- */

enum err h2_response_field(struct h2_stream *s, struct span name, struct span value)
{
    uint64_t status;
    if (!is_pseudo(name))
        return add_field(s, name, value);
    if (!span_eq(name, SPAN(":status")) || !span_u64(value, &status) || status < 100 ||
        status > 599)
        return ERR_BAD_STATUS_LINE;
    s->head->status = (uint16_t)status;
    return ERR_OK;
}

/* --- heads and trailers out --- */

/* Connection-specific fields have no meaning in HTTP/2 and make a message malformed (RFC
 * 9113 8.2.2). */
static bool is_sent(const struct http_field *f)
{
    switch (f->id) {
    case HTTP_CONNECTION:
    case HTTP_KEEP_ALIVE:
    case HTTP_PROXY_CONNECTION:
    case HTTP_TRANSFER_ENCODING:
    case HTTP_UPGRADE:
    case HTTP_TE:
    case HTTP_HOST:
    case HTTP_SEC_WEBSOCKET_ACCEPT: /* nor has this (RFC 8441 5) */
        return false;
    default:
        return (f->flags & HTTP_FIELD_DROPPED) == 0;
    }
}

/* What must not enter HPACK's table: secrets, because a connection to a server carries requests of
 * many clients, and one could find out another's value by how well its guess compresses (RFC 7541
 * 7.1); what its sender marked so (6.2.3); and values that do not come again, which would push out
 * those that do and make every search longer. */
static bool is_unindexed(const struct http_field *f)
{
    switch (f->id) {
    case HTTP_AUTHORIZATION:
    case HTTP_COOKIE:
    case HTTP_SET_COOKIE:
    case HTTP_CLIENT_CERT:
    case HTTP_CLIENT_CERT_CHAIN:
    case HTTP_IDEMPOTENCY_KEY:
    case HTTP_X_FORWARDED_FOR:
    case HTTP_X_REQUEST_ID:
        return true;
    default:
        return (f->flags & HTTP_FIELD_UNINDEXED) != 0;
    }
}

static nghttp2_nv nv_of(struct span name, struct span value, unsigned flags)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n,
                        value.n, (uint8_t)flags};
}

enum { NV_ON_STACK = 64, PSEUDO_MAX = 4 };

/* What a head becomes: pseudo-header fields first, then those of the head. */
struct block {
    nghttp2_nv few[NV_ON_STACK];
    nghttp2_nv *nv;
    size_t n;
};

static enum err block_begin(struct block *b, const struct http_head *h)
{
    b->n = 0;
    b->nv = b->few;
    if (h->nfields + PSEUDO_MAX + 1 > NV_ON_STACK)
        b->nv = malloc((h->nfields + PSEUDO_MAX + 1) * sizeof(*b->nv));
    return b->nv == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* name: a literal. nghttp2 copies the value. */
static void block_add(struct block *b, struct span name, struct span value)
{
    b->nv[b->n++] = nv_of(name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

/* Names weir knows live for ever; others are copied too, and put into lower case. */
static void block_add_field(struct block *b, const struct http_field *f)
{
    unsigned flags = is_unindexed(f) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    if (f->id == HTTP_UNKNOWN_FIELD)
        b->nv[b->n++] = nv_of(f->name, f->value, flags);
    else
        b->nv[b->n++] =
            nv_of(http_field_text(f->id), f->value, flags | NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

static void block_add_fields(struct block *b, const struct http_head *h)
{
    for (size_t i = 0; i < h->nfields; i++)
        if (is_sent(&h->fields[i]))
            block_add_field(b, &h->fields[i]);
}

static enum err block_end(struct block *b, int rv)
{
    if (b->nv != b->few)
        free(b->nv);
    return rv >= 0 ? ERR_OK : ERR_NO_MEMORY;
}

enum err h2_response_submit(struct h2_stream *s, const struct http_head *h,
                            const nghttp2_data_provider *body)
{
    unsigned code = h->status == 101 ? 200 : h->status; /* RFC 8441 5 */
    const char status[3] = {(char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10),
                            (char)('0' + code % 10)};
    nghttp2_session *ng = s->h2->ng;
    struct block b;
    int rv;
    TRY(block_begin(&b, h));
    block_add(&b, SPAN(":status"), span_of(status, sizeof(status)));
    block_add_fields(&b, h);
    if (code < 200)
        rv = nghttp2_submit_headers(ng, NGHTTP2_FLAG_NONE, s->id, NULL, b.nv, b.n, NULL);
    else
        rv = nghttp2_submit_response(ng, s->id, b.nv, b.n, body);
    return block_end(&b, rv);
}

enum err h2_trailers_submit(struct h2_stream *s, const struct http_head *trailers)
{
    struct block b;
    TRY(block_begin(&b, trailers));
    block_add_fields(&b, trailers);
    return block_end(&b, nghttp2_submit_trailer(s->h2->ng, s->id, b.nv, b.n));
}

/* TE is for the next hop alone. "trailers" holds for this one as well: whatever the client takes is
 * passed on to it. */
static bool wants_trailers(const struct http_head *h)
{
    for (size_t i = 0; i < h->nfields; i++)
        if (h->fields[i].id == HTTP_TE && http_list_has(h->fields[i].value, SPAN("trailers")))
            return true;
    return false;
}

enum err h2_request_submit(struct h2_stream *s, const struct http_head *h,
                           const nghttp2_data_provider *body)
{
    struct block b;
    TRY(block_begin(&b, h));
    block_add(&b, SPAN(":method"), h->method_name);
    block_add(&b, SPAN(":scheme"), s->h2->secure ? SPAN("https") : SPAN("http"));
    block_add(&b, SPAN(":authority"), h->authority);
    block_add(&b, SPAN(":path"), h->target);
    block_add_fields(&b, h);
    if (wants_trailers(h))
        block_add(&b, SPAN("te"), SPAN("trailers"));
    s->id = nghttp2_submit_request(s->h2->ng, NULL, b.nv, b.n, body, s);
    enum err e = block_end(&b, s->id);
    s->id = e == ERR_OK ? s->id : 0;
    return e;
}
