/* The answers weir gives itself: short, honest, as JSON when the client asks for it, else as text;
 * to a gRPC call as its status. */
#include "proxy/exchange.h"
#include "proxy/grpc.h"

static bool wants_json(const struct exchange *x)
{
    if (x->request == NULL)
        return false;
    struct span accept = http_head_value(x->request, HTTP_ACCEPT);
    return accept.p != NULL && (http_list_has(accept, SPAN("application/json")) ||
                                http_list_has(accept, SPAN("application/problem+json")));
}

static enum err body_of(struct exchange *x, enum err why, bool json, struct span *out)
{
    struct buf b = BUF_INIT(4096);
    unsigned status = (unsigned)err_status(why);
    struct span text = http_status_text(status);
    enum err e;
    if (json)
        e = buf_printf(
            &b,
            "{\"status\":%u,\"error\":\"%s\",\"message\":\"%s\",\"request_id\":\"" SPAN_FMT "\"}\n",
            status, err_word(why), err_sentence(why), SPAN_ARG(x->request_id));
    else
        e = buf_printf(&b, "%u " SPAN_FMT ": %s (%s)\nrequest " SPAN_FMT "\n", status,
                       SPAN_ARG(text), err_sentence(why), err_word(why), SPAN_ARG(x->request_id));
    char *copy = e == ERR_OK ? arena_copy(&x->arena, buf_span(&b)) : NULL;
    *out = span_of(copy, b.n);
    buf_free(&b);
    return copy == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static struct span backend_name(const struct exchange *x)
{
    if (!x->decided)
        return SPAN("weir");
    const struct decision *d = &x->decision;
    const struct config *c = x->hold->snapshot->table->config;
    return span_str(c->backends[d->route->backends[d->side]].name);
}

/* What every answer of weir's own says. */
static enum err head_of(struct exchange *x, unsigned status, struct http_head **out)
{
    struct http_head *h = *out = arena_alloc(&x->arena, sizeof(*h));
    if (h == NULL)
        return ERR_NO_MEMORY;
    http_head_begin(h, &x->arena, true);
    h->version = HTTP_1_1;
    h->status = (uint16_t)status;
    TRY(http_head_add_id(h, HTTP_DATE, worker_date(x->worker)));
    TRY(http_head_add(h, SPAN("cache-control"), SPAN("no-store")));
    TRY(http_head_add_id(h, HTTP_X_REQUEST_ID, x->request_id));
    return http_head_add_id(h, HTTP_X_BACKEND, backend_name(x));
}

static enum err body_fields(struct exchange *x, bool json, size_t length, struct http_head *h)
{
    char digits[20];
    size_t n = bytes_u64(digits, length);
    char *copy = arena_copy(&x->arena, span_of(digits, n));
    if (copy == NULL)
        return ERR_NO_MEMORY;
    TRY(http_head_add_id(h, HTTP_CONTENT_TYPE,
                         json ? SPAN("application/json") : SPAN("text/plain; charset=utf-8")));
    return http_head_add_id(h, HTTP_CONTENT_LENGTH, span_of(copy, n));
}

enum err answer_send_own(struct exchange *x, enum err why)
{
    struct http_head *h;
    struct span body = SPAN_NULL;
    bool json = wants_json(x);
    TRY(head_of(x, x->grpc ? 200 : (unsigned)err_status(why), &h));
    h->websocket = why == ERR_WEBSOCKET_VERSION;
    if (h->websocket)
        TRY(http_head_add_id(h, HTTP_SEC_WEBSOCKET_VERSION, SPAN("13")));
    if (x->grpc) {
        TRY(grpc_answer_fields(x, why, h));
    } else {
        TRY(body_of(x, why, json, &body));
        TRY(body_fields(x, json, body.n, h));
    }
    x->answered = x->answer_ended = x->own_answer = true;
    x->status = h->status;
    bool bodiless = x->grpc || (x->request != NULL && x->request->method == HTTP_HEAD);
    metric_inc(x->worker->refused[why]);
    TRY(http_send_head(x->client, h, bodiless));
    if (bodiless)
        return ERR_OK;
    x->bytes_out = body.n;
    (void)http_send_body(x->client, body);
    return http_send_end(x->client, NULL);
}

enum err answer_redirect(struct exchange *x, const struct route_query *q)
{
    struct http_head *h = arena_alloc(&x->arena, sizeof(*h));
    bool tls = x->front->conn.tls != NULL;
    struct span location;
    if (h == NULL)
        return ERR_NO_MEMORY;
    TRY(route_location(x->decision.route, q, tls ? SPAN("https") : SPAN("http"), &x->arena,
                       &location));
    http_head_begin(h, &x->arena, true);
    h->version = HTTP_1_1;
    h->status = (uint16_t)x->decision.route->config->redirect->status;
    TRY(http_head_add_id(h, HTTP_DATE, worker_date(x->worker)));
    TRY(http_head_add_id(h, HTTP_LOCATION, location));
    TRY(http_head_add_id(h, HTTP_CONTENT_LENGTH, SPAN("0")));
    TRY(http_head_add_id(h, HTTP_X_REQUEST_ID, x->request_id));
    TRY(http_head_add_id(h, HTTP_X_BACKEND, SPAN("weir")));
    x->answered = x->answer_ended = x->own_answer = true;
    x->status = h->status;
    return http_send_head(x->client, h, true);
}
