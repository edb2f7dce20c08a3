/* What weir changes in heads on their way through: hop-by-hop fields out, where it came from and
 * who passed it on in. */
#include "proxy/exchange.h"

#include "base/clock.h"
#include "base/rand.h"
#include "http/ws.h"
#include "proxy/grpc.h"

#include <stdio.h>

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
    x->grpc = grpc_is_call(h);
    x->grpc_status = GRPC_NO_STATUS;
    TRY(give_id(x));
    TRY(forwarded_read(x));
    TRY(h->refuse);
    TRY(admit_fields(x));
    if (x->grpc)
        TRY(grpc_admit(x));
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

static bool is_weir_cookie(struct span pair)
{
    struct span name = span_trim(span_until(pair, span_find(pair, '=')));
    return span_eq(name, SPAN("weir_route")) || span_eq(name, SPAN("weir_token"));
}

/* One Cookie field without them; left as it is when there are none. */
static enum err drop_from(struct http_field *f, struct arena *a)
{
    struct span rest = f->value;
    struct span pair;
    char *out = arena_alloc(a, f->value.n + 1);
    size_t n = 0;
    bool any = false;
    if (out == NULL)
        return ERR_NO_MEMORY;
    while (span_cut(&rest, ';', &pair)) {
        if (is_weir_cookie(pair)) {
            any = true;
            continue;
        }
        pair = n == 0 ? span_trim(pair) : pair;
        if (n > 0)
            out[n++] = ';';
        memcpy(out + n, pair.p, pair.n);
        n += pair.n;
    }
    if (any)
        f->value = span_of(out, n);
    if (any && n == 0)
        f->flags |= HTTP_FIELD_DROPPED;
    return ERR_OK;
}

static enum err drop_weir_cookies(struct http_head *h)
{
    if (!http_head_has(h, HTTP_COOKIE))
        return ERR_OK;
    for (size_t i = 0; i < h->nfields; i++) {
        struct http_field *f = &h->fields[i];
        if (f->id == HTTP_COOKIE && !(f->flags & HTTP_FIELD_DROPPED) && f->value.n > 0 &&
            memmem(f->value.p, f->value.n, "weir_", 5) != NULL)
            TRY(drop_from(f, h->arena));
    }
    if (http_head_find(h, HTTP_COOKIE) == NULL)
        http_head_drop(h, HTTP_COOKIE);
    return ERR_OK;
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

static struct span name_of_server(const struct exchange *x, enum side side)
{
    const struct decision *d = &x->decision;
    const struct config *c = x->hold->snapshot->table->config;
    const char *first = c->backends[d->route->backends[side]].servers.list[0];
    return config_unix_path(first) == NULL ? span_str(first) : SPAN("localhost");
}

/* Who the client is, by its certificate. Only weir may say so. */
static enum err add_client_cert(const struct exchange *x, struct http_head *h)
{
    struct tls *tls = x->front->conn.tls;
    struct tls_client c;
    bool shown;
    http_head_drop(h, HTTP_CLIENT_CERT);
    http_head_drop(h, HTTP_CLIENT_CERT_CHAIN);
    http_head_drop(h, HTTP_X_CLIENT_CERT_SUBJECT);
    http_head_drop(h, HTTP_X_CLIENT_CERT_FINGERPRINT);
    if (tls == NULL)
        return ERR_OK;
    TRY(tls_client_of(tls, &c, &shown));
    if (!shown)
        return ERR_OK;
    TRY(http_head_add_id(h, HTTP_X_CLIENT_CERT_SUBJECT, c.subject));
    TRY(http_head_add_id(h, HTTP_X_CLIENT_CERT_FINGERPRINT, c.fingerprint));
    return http_head_add_id(h, HTTP_CLIENT_CERT, c.certificate);
}

/* --- what a route changes --- */

static bool is_for(const struct config_field_edit *f, enum edit_on on, enum side side)
{
    return f->on == on && (f->side == EDIT_BOTH || (int)f->side == (int)side);
}

static void drop_name(struct http_head *h, struct span name)
{
    enum http_field_id id = http_field_lookup(name);
    if (id != HTTP_UNKNOWN_FIELD)
        http_head_drop(h, id);
    for (size_t i = 0; id == HTTP_UNKNOWN_FIELD && i < h->nfields; i++)
        if (span_eq_nocase(h->fields[i].name, name))
            h->fields[i].flags |= HTTP_FIELD_DROPPED;
}

static enum err edit_fields(const struct exchange *x, enum edit_on on, enum side side,
                            struct http_head *h)
{
    const struct config_route *r = x->decision.route->config;
    for (size_t i = 0; i < r->nheaders; i++) {
        const struct config_field_edit *f = &r->headers[i];
        if (!is_for(f, on, side))
            continue;
        if (f->action != EDIT_ADD)
            drop_name(h, span_str(f->name));
        if (f->action != EDIT_REMOVE)
            TRY(http_head_add(h, span_str(f->name), span_str(f->value)));
    }
    return ERR_OK;
}

/* "*" is about the server, not a path. */
static enum err rewrite(struct exchange *x, enum side side, struct http_head *h)
{
    struct span path;
    if (x->decision.route->config->nrewrites == 0 || !span_has_prefix(h->target, SPAN("/")))
        return ERR_OK;
    TRY(route_rewrite(x->decision.route, side, x->path, &x->arena, &path));
    if (path.p == NULL)
        return ERR_OK;
    struct span query = span_from(h->target, span_find(h->target, '?'));
    char *target = arena_alloc(&x->arena, path.n + query.n + 1);
    if (target == NULL)
        return ERR_NO_MEMORY;
    memcpy(target, path.p, path.n);
    memcpy(target + path.n, query.p, query.n);
    h->target = span_of(target, path.n + query.n);
    return ERR_OK;
}

/* The fields are marked one by one, so each side needs its own list of them; what they hold is
 * shared. */
static enum err copy_head(const struct exchange *x, struct http_head *out)
{
    enum { ROOM = 12 }; /* for what is added here */
    *out = *x->request;
    out->cap = out->nfields + ROOM;
    out->fields = arena_alloc(out->arena, out->cap * sizeof(*out->fields));
    if (out->fields == NULL)
        return ERR_NO_MEMORY;
    if (out->nfields > 0)
        memcpy(out->fields, x->request->fields, out->nfields * sizeof(*out->fields));
    return ERR_OK;
}

enum err request_edit(struct exchange *x, enum side side, struct http_head *h)
{
    TRY(copy_head(x, h));
    http_strip_hop_by_hop(h);
    drop_weir_fields(h);
    if (x->is_copy && x->forwarded != NULL) /* a weir that is trusted says so */
        TRY(http_head_add_id(h, HTTP_X_WEIR_SHADOW, SPAN("1")));
    TRY(drop_weir_cookies(h));
    if (h->version == HTTP_1_0)
        http_head_drop(h, HTTP_EXPECT); /* RFC 9110 10.1.1 */
    if (h->websocket && h->version == HTTP_2)
        TRY(ws_open_key(h));
    TRY(forwarded_write(x, h));
    TRY(add_client_cert(x, h));
    TRY(http_head_add_id(h, HTTP_VIA, via_of(h)));
    http_head_drop(h, HTTP_X_REQUEST_ID);
    TRY(http_head_add_id(h, HTTP_X_REQUEST_ID, x->request_id));
    if (h->authority.n == 0) /* HTTP/1.0 without Host */
        h->authority = name_of_server(x, side);
    TRY(rewrite(x, side, h));
    return edit_fields(x, EDIT_REQUEST, side, h);
}

bool request_is_sided(const struct exchange *x)
{
    const struct config_route *r = x->decision.route->config;
    return r->nrewrites > 0 || r->nheaders > 0 || x->request->authority.n == 0;
}

/* --- towards clients --- */

static enum err add_copy(struct exchange *x, struct http_head *h, struct span name,
                         struct span value)
{
    char *copy = arena_copy(&x->arena, value);
    return copy == NULL ? ERR_NO_MEMORY : http_head_add(h, name, span_of(copy, value.n));
}

/* A client that was decided by an id we made up is given it, so that it stays where it is. */
static enum err give_cookie(struct exchange *x, struct http_head *h)
{
    struct buf text = BUF_INIT(0);
    if (x->decision.minted[0] == '\0')
        return ERR_OK;
    enum err e = route_cookie(x->hold->snapshot, &x->decision, &text);
    if (e == ERR_OK)
        e = add_copy(x, h, SPAN("set-cookie"), buf_span(&text));
    buf_free(&text);
    return e;
}

/* RFC 9745 2.1, RFC 8594 3: what the backend says of it itself is replaced. */
static enum err add_deprecation(struct exchange *x, struct http_head *h)
{
    const struct config_deprecation *d = x->decision.route->config->deprecation;
    char at[24];
    char date[CLOCK_HTTP_LEN + 1];
    uint64_t unix_s = 0;
    if (d == NULL || x->decision.side != SIDE_LEGACY)
        return ERR_OK;
    TRY(config_date(span_str(d->at), &unix_s));
    (void)snprintf(at, sizeof(at), "@%llu", (unsigned long long)unix_s);
    drop_name(h, SPAN("deprecation"));
    TRY(add_copy(x, h, SPAN("deprecation"), span_str(at)));
    if (d->sunset != NULL) {
        TRY(config_date(span_str(d->sunset), &unix_s));
        clock_http(date, unix_s * 1000);
        drop_name(h, SPAN("sunset"));
        TRY(add_copy(x, h, SPAN("sunset"), span_of(date, CLOCK_HTTP_LEN)));
    }
    if (d->link == NULL)
        return ERR_OK;
    struct buf link = BUF_INIT(0);
    enum err e = buf_printf(&link, "<%s>; rel=\"deprecation\"", d->link);
    if (e == ERR_OK)
        e = add_copy(x, h, SPAN("link"), buf_span(&link));
    buf_free(&link);
    return e;
}

enum err answer_edit(struct exchange *x, struct http_head *h)
{
    const struct decision *d = &x->decision;
    const struct config *c = x->hold->snapshot->table->config;
    http_strip_hop_by_hop(h);
    http_head_drop(h, HTTP_X_BACKEND);
    TRY(give_cookie(x, h));
    TRY(http_head_add_id(h, HTTP_VIA, via_of(h)));
    if (http_head_find(h, HTTP_X_REQUEST_ID) == NULL)
        TRY(http_head_add_id(h, HTTP_X_REQUEST_ID, x->request_id));
    TRY(http_head_add_id(h, HTTP_X_BACKEND,
                         span_str(c->backends[d->route->backends[d->side]].name)));
    TRY(add_deprecation(x, h));
    return edit_fields(x, EDIT_ANSWER, d->side, h);
}
