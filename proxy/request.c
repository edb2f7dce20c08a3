/* What weir changes in heads on their way through: hop-by-hop fields out, where it came from and
 * who passed it on in. */
#include "proxy/exchange.h"

#include "base/rand.h"

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
    const struct config_http *c = &x->worker->http;
    TRY(http_path_normalise(x->request->target, &x->arena, &x->path));
    return http_path_admit(x->path, c->encoded_nul == PASSING_PASS,
                           c->encoded_slash == PASSING_PASS);
}

/* CGI and its heirs make one name of X-A and X_A: whoever may send the second could pose as
 * somebody who sets the first. True: there was one. */
static bool drop_underscores(struct http_head *h)
{
    bool found = false;
    for (size_t i = 0; i < h->nfields; i++) {
        struct http_field *f = &h->fields[i];
        if (f->id != HTTP_UNKNOWN_FIELD || memchr(f->name.p, '_', f->name.n) == NULL)
            continue;
        f->flags |= HTTP_FIELD_DROPPED;
        found = true;
    }
    return found;
}

static enum err admit_fields(struct exchange *x)
{
    enum underscore rule = x->worker->http.underscore_fields;
    if (rule == UNDERSCORE_PASS)
        return ERR_OK;
    bool found = drop_underscores(x->request);
    return found && rule == UNDERSCORE_REJECT ? ERR_BAD_FIELD : ERR_OK;
}

void request_trailers_edit(struct exchange *x, struct http_head *trailers)
{
    if (x->worker->http.underscore_fields != UNDERSCORE_PASS)
        (void)drop_underscores(trailers);
}

enum err request_admit(struct exchange *x)
{
    struct http_head *h = x->request;
    x->path = SPAN("/");
    x->is_copy = http_head_find(h, HTTP_X_WEIR_SHADOW) != NULL;
    TRY(give_id(x));
    TRY(forwarded_read(x));
    TRY(h->refuse);
    TRY(admit_fields(x));
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

static struct span name_of_server(const struct exchange *x)
{
    const struct decision *d = &x->decision;
    const struct config *c = x->hold->snapshot->table->config;
    const char *first = c->backends[d->route->backends[d->side]].servers.list[0];
    return config_unix_path(first) == NULL ? span_str(first) : SPAN("localhost");
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
    TRY(forwarded_write(x));
    TRY(http_head_add_id(h, HTTP_VIA, via_of(h)));
    http_head_drop(h, HTTP_X_REQUEST_ID);
    TRY(http_head_add_id(h, HTTP_X_REQUEST_ID, x->request_id));
    if (h->authority.n == 0) /* HTTP/1.0 without Host */
        h->authority = name_of_server(x);
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
