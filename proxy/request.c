/* What weir changes in heads on their way through: hop-by-hop fields out, where it came from and
 * who passed it on in. */
#include "proxy/exchange.h"

#include "base/rand.h"
#include "http/ws.h"

/* --- request id --- */

/* A client's own id is kept when it is harmless: it is what their logs have. */
static bool is_sane_id(struct span id)
{
    if (id.n == 0 || id.n > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool ok = (c >= '0' && c <= '9') || (byte_lower(c) >= 'a' && byte_lower(c) <= 'z') ||
                  c == '-' || c == '_' || c == '.' || c == ':' || c == '/' || c == '+' || c == '=';
        if (!ok)
            return false;
    }
    return true;
}

static enum err give_id(struct exchange *x)
{
    struct span theirs = http_head_value(x->request, HTTP_X_REQUEST_ID);
    if (is_sane_id(theirs)) {
        x->request_id = theirs;
        return ERR_OK;
    }
    uint64_t r[2] = {rand_u64(), rand_u64()};
    char *id = arena_alloc(&x->arena, 2 * sizeof(r));
    if (id == NULL)
        return ERR_NO_MEMORY;
    bytes_hex(id, r, sizeof(r));
    x->request_id = span_of(id, 2 * sizeof(r));
    return ERR_OK;
}

/* --- admission --- */

static enum err normalise(struct exchange *x)
{
    if (span_eq(x->request->target,
                SPAN("*"))) { /* OPTIONS * is about the server: the default route's business */
        x->path = SPAN("/");
        return ERR_OK;
    }
    return http_path_normalise(x->request->target, &x->arena, &x->path);
}

enum err request_admit(struct exchange *x)
{
    struct http_head *h = x->request;
    x->path = SPAN("/");
    x->is_copy = http_head_find(h, HTTP_X_WEIR_SHADOW) != NULL;
    TRY(give_id(x));
    TRY(h->refuse);
    return normalise(x);
}

/* --- towards servers --- */

/* Names that mean something to weir mean nothing when a client sends them. */
static void drop_weir_fields(struct http_head *h)
{
    static const struct span prefix = {"x-weir-", 7};
    http_head_drop(h, HTTP_X_WEIR_SHADOW);
    for (size_t i = 0; i < h->nfields; i++) {
        struct http_field *f = &h->fields[i];
        if (f->id == HTTP_UNKNOWN_FIELD && f->name.n > prefix.n &&
            span_eq_nocase(span_until(f->name, prefix.n), prefix))
            f->flags |= HTTP_FIELD_DROPPED;
    }
}

static struct span via_of(const struct http_head *h)
{
    switch (h->version) {
    case HTTP_2:
        return SPAN("2 weir");
    case HTTP_1_0:
        return SPAN("1.0 weir");
    default:
        return SPAN("1.1 weir");
    }
}

/* What others say about where a request came from is not believed: replaced, never appended to. */
static enum err add_forwarded(struct exchange *x)
{
    struct http_head *h = x->request;
    http_head_drop(h, HTTP_FORWARDED);
    http_head_drop(h, HTTP_X_FORWARDED_FOR);
    http_head_drop(h, HTTP_X_FORWARDED_PROTO);
    http_head_drop(h, HTTP_X_FORWARDED_HOST);
    bool tls = x->front->conn.tls != NULL;
    TRY(http_head_add_id(h, HTTP_X_FORWARDED_FOR, front_client_text(x->front)));
    TRY(http_head_add_id(h, HTTP_X_FORWARDED_PROTO, tls ? SPAN("https") : SPAN("http")));
    if (h->authority.n > 0)
        TRY(http_head_add_id(h, HTTP_X_FORWARDED_HOST, h->authority));
    return ERR_OK;
}

enum err request_edit(struct exchange *x)
{
    struct http_head *h = x->request;
    if (x->edited)
        return ERR_OK;
    x->edited = true;
    http_strip_hop_by_hop(h);
    drop_weir_fields(h);
    if (h->version == HTTP_1_0)
        http_head_drop(h, HTTP_EXPECT); /* RFC 9110 10.1.1 */
    if (h->websocket && h->version == HTTP_2)
        TRY(ws_open_key(h));
    TRY(add_forwarded(x));
    TRY(http_head_add_id(h, HTTP_VIA, via_of(h)));
    http_head_drop(h, HTTP_X_REQUEST_ID);
    TRY(http_head_add_id(h, HTTP_X_REQUEST_ID, x->request_id));
    if (h->authority.n == 0) /* HTTP/1.0 without Host */
        h->authority = span_str(x->hold->snapshot->table->config
                                    ->backends[x->decision.route->backends[x->decision.side]]
                                    .servers.list[0]);
    return ERR_OK;
}

/* --- towards clients --- */

enum err answer_edit(struct exchange *x, struct http_head *h)
{
    const struct decision *d = &x->decision;
    const struct config *c = x->hold->snapshot->table->config;
    http_strip_hop_by_hop(h);
    http_head_drop(h, HTTP_X_BACKEND);
    TRY(http_head_add_id(h, HTTP_VIA, via_of(h)));
    if (http_head_find(h, HTTP_X_REQUEST_ID) == NULL)
        TRY(http_head_add_id(h, HTTP_X_REQUEST_ID, x->request_id));
    return http_head_add_id(h, HTTP_X_BACKEND,
                            span_str(c->backends[d->route->backends[d->side]].name));
}
