/* A head that is accepted is written again, as it goes to a server or a client, and what is written
 * must be accepted and mean the same: method, target, host, fields, and above all how long the body
 * is. First byte: '0' a request, '1' a response, '2' trailers. */
#include "tests/fuzz/fuzz.h"

#include "http/h1_head.h"

static const struct http_limits limits = {
    .header_bytes = 64 * 1024, .header_fields = 1000, .target_bytes = 64 * 1024};

static struct span written(struct chunkq *q, struct arena *a)
{
    char *p = arena_alloc(a, q->n);
    BUG_IF(p == NULL);
    struct span s = span_of(p, chunkq_copy(q, p, q->n));
    chunkq_free(q);
    return s;
}

static size_t kept(const struct http_head *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->nfields; i++)
        n += (h->fields[i].flags & HTTP_FIELD_DROPPED) == 0 && h->fields[i].id != HTTP_CONNECTION &&
             h->fields[i].id != HTTP_TRANSFER_ENCODING && h->fields[i].id != HTTP_HOST;
    return n;
}

static void same_body(const struct http_head *a, const struct http_head *b,
                      const struct http_body_plan *plan)
{
    struct http_body_plan again;
    BUG_IF(http_framing(b, HTTP_GET, &again) != ERR_OK);
    BUG_IF(again.kind != plan->kind || again.length != plan->length);
    BUG_IF(kept(a) != kept(b));
}

static void path(struct span target, struct arena *a)
{
    struct span once, twice;
    if (http_path_normalise(target, a, &once) != ERR_OK)
        return;
    BUG_IF(once.n == 0 || once.p[0] != '/');
    BUG_IF(http_path_normalise(once, a, &twice) != ERR_OK || !span_eq(once, twice));
}

static void request(struct span raw, struct arena *a)
{
    struct http_head h, back;
    struct http_body_plan plan;
    struct chunkq q = {0};
    http_head_begin(&h, a, false);
    if (h1_request_parse(raw, &limits, &h) != ERR_OK)
        return;
    BUG_IF(!http_is_token(h.method_name));
    path(h.target, a);
    (void)http_cookie(&h, SPAN("a"));
    if (http_framing(&h, HTTP_GET, &plan) != ERR_OK)
        return;
    struct h1_write w = {.chunked = plan.kind == HTTP_BODY_CHUNKED};
    http_strip_hop_by_hop(&h);
    if (h.authority.n == 0)
        h.authority = SPAN("b"); /* as the data plane does for HTTP/1.0 without Host */
    BUG_IF(h1_request_write(&h, &w, &q) != ERR_OK);
    http_head_begin(&back, a, false);
    BUG_IF(h1_request_parse(written(&q, a), &limits, &back) != ERR_OK);
    BUG_IF(!span_eq(back.method_name, h.method_name) || !span_eq(back.target, h.target));
    BUG_IF(!span_eq_nocase(back.authority, h.authority) || back.version != HTTP_1_1);
    same_body(&h, &back, &plan);
}

static void response(struct span raw, struct arena *a)
{
    struct http_head h, back;
    struct http_body_plan plan;
    struct chunkq q = {0};
    http_head_begin(&h, a, true);
    if (h1_response_parse(raw, &limits, &h) != ERR_OK ||
        http_framing(&h, HTTP_GET, &plan) != ERR_OK)
        return;
    struct h1_write w = {.chunked = plan.kind == HTTP_BODY_CHUNKED};
    http_strip_hop_by_hop(&h);
    BUG_IF(h1_response_write(&h, &w, &q) != ERR_OK);
    http_head_begin(&back, a, true);
    BUG_IF(h1_response_parse(written(&q, a), &limits, &back) != ERR_OK);
    BUG_IF(back.status != h.status);
    same_body(&h, &back, &plan);
}

static void trailers(struct span raw, struct arena *a)
{
    struct http_head h, back;
    struct chunkq q = {0};
    http_head_begin(&h, a, false);
    if (h1_trailers_parse(raw, &limits, &h) != ERR_OK)
        return;
    BUG_IF(h1_trailers_write(&h, &q) != ERR_OK);
    http_head_begin(&back, a, false);
    BUG_IF(h1_trailers_parse(written(&q, a), &limits, &back) != ERR_OK);
    for (size_t i = 0; i < back.nfields; i++)
        BUG_IF(!http_trailer_allowed(&back.fields[i]));
    BUG_IF(kept(&h) != kept(&back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    size_t scanned = 0, end = 0;
    if (size < 2 || size > 16 * 1024)
        return 0;
    struct span raw = span_of(data + 1, size - 1);
    arena_begin(&a, 4 * 1024 * 1024);
    if (h1_head_end(raw, &scanned, &end) == ERR_OK && end > 0)
        raw = span_until(raw, end);
    if (data[0] == '1')
        response(raw, &a);
    else if (data[0] == '2')
        trailers(raw, &a);
    else
        request(raw, &a);
    arena_end(&a);
    return 0;
}
