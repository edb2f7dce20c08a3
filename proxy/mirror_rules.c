/* Which requests are copied. Each that should have been and is not has a reason, and is counted. */
#include "proxy/mirror_rules.h"

#include "proxy/sandbox.h"

static const struct plane_route *plane_route_of(const struct exchange *x)
{
    return &plane_of(x->hold->snapshot)->routes[x->decision.route->index];
}

static bool is_safe(enum http_method m)
{
    return m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS;
}

/* The body is told to be longer than what may be held of it. */
static bool is_oversize(const struct exchange *x)
{
    bool told = false;
    uint64_t length = 0;
    if (x->request->bodiless)
        return false;
    enum err e = http_content_length(x->request, &told, &length);
    return e == ERR_OK && told && length > x->worker->shadow.request_body;
}

/* Whether the other side may be asked to do what the request asks for. */
static bool is_open(const struct exchange *x, struct mirror_permit *permit)
{
    if (is_safe(x->request->method))
        return true;
    permit->sandbox = &plane_route_of(x)->sandbox[side_other(x->decision.side)];
    return sandbox_enter(permit->sandbox, &permit->asks);
}

static bool is_mirrored_method(const struct exchange *x)
{
    enum http_method m = x->request->method;
    return is_safe(m) ||
           (plane_route_of(x)->sandbox != NULL && m != HTTP_CONNECT && m != HTTP_TRACE);
}

static bool is_refused(const struct exchange *x, struct mirror_permit *permit,
                       enum shadow_drop *why)
{
    const struct worker *w = x->worker;
    if (x->request->websocket)
        *why = SHADOW_DROP_UPGRADE;
    else if (!is_mirrored_method(x))
        *why = SHADOW_DROP_METHOD;
    else if (x->is_copy)
        *why = SHADOW_DROP_LOOP;
    else if (w->draining || worker_is_pressed(w, MEMORY_SHED))
        *why = SHADOW_DROP_SHED;
    else if (x->fallen != ERR_OK) /* legacy answers because new has failed: what to compare with? */
        *why = SHADOW_DROP_FALLBACK;
    else if (is_oversize(x))
        *why = SHADOW_DROP_OVERSIZE;
    else if (w->nmirrors >= w->shadow.in_flight)
        *why = SHADOW_DROP_BUDGET;
    else if (!is_open(x, permit))
        *why = SHADOW_DROP_SANDBOX;
    else
        return false;
    return true;
}

bool mirror_is_wanted(struct exchange *x, struct mirror_permit *permit)
{
    enum shadow_drop why;
    *permit = (struct mirror_permit){NULL, false};
    if (!x->decision.shadow || x->worker->lane == NULL || plane_route_of(x)->rules == NULL)
        return false;
    if (!is_refused(x, permit, &why))
        return true;
    shadow_count_drop(why);
    return false;
}

bool mirror_is_conditional(const struct http_head *h)
{
    for (size_t i = 0; i < h->nfields; i++) {
        struct span n = h->fields[i].name;
        if (h->fields[i].id != HTTP_UNKNOWN_FIELD) /* none of these is known */
            continue;
        if (n.n > 3 && span_eq_nocase(span_until(n, 3), SPAN("if-")))
            return true;
        if (span_eq_nocase(n, SPAN("range")))
            return true;
    }
    return false;
}

/* A key that makes writes happen once is not the original's. */
static enum err change_key(struct http_head *h)
{
    static const struct span suffix = SPAN("-shadow");
    struct span key = http_head_value(h, HTTP_IDEMPOTENCY_KEY);
    if (key.p == NULL)
        return ERR_OK;
    bool quoted = key.n > 1 && key.p[key.n - 1] == '"';
    char *p = arena_alloc(h->arena, key.n + suffix.n);
    if (p == NULL)
        return ERR_NO_MEMORY;
    size_t n = quoted ? key.n - 1 : key.n;
    memcpy(p, key.p, n);
    memcpy(p + n, suffix.p, suffix.n);
    if (quoted)
        p[n + suffix.n] = '"';
    http_head_drop(h, HTTP_IDEMPOTENCY_KEY);
    return http_head_add_id(h, HTTP_IDEMPOTENCY_KEY, span_of(p, key.n + suffix.n));
}

/* For one hop alone, so it is marked as dropped, which a copy of a head leaves out; towards servers
 * that speak HTTP/2 it is said again by who looks for it there. */
static enum err keep_te(const struct exchange *x, struct http_head *out)
{
    for (size_t i = 0; i < x->request->nfields; i++) {
        const struct http_field *f = &x->request->fields[i];
        if (f->id != HTTP_TE || !http_list_has(f->value, SPAN("trailers")))
            continue;
        TRY(http_head_add_id(out, HTTP_TE, SPAN("trailers")));
        http_head_drop(out, HTTP_TE);
        break;
    }
    return ERR_OK;
}

/* Names everything that mirror_head() changes. */
bool mirror_is_plain(const struct exchange *x, const struct http_head *sent)
{
    const struct config_route_shadow *c = &x->decision.route->config->shadow;
    return !request_is_sided(x) && !http_head_has(sent, HTTP_EXPECT) &&
           !http_head_has(sent, HTTP_IDEMPOTENCY_KEY) && !http_head_has(x->request, HTTP_TE) &&
           (c->authorization != CREDENTIAL_DROP || !http_head_has(sent, HTTP_AUTHORIZATION)) &&
           (c->cookies != CREDENTIAL_DROP || !http_head_has(sent, HTTP_COOKIE));
}

enum err mirror_head(struct exchange *x, const struct http_head *sent, struct http_head *out,
                     struct arena *a)
{
    const struct config_route_shadow *c = &x->decision.route->config->shadow;
    struct http_head h = *sent;
    if (request_is_sided(x))
        TRY(request_edit(x, side_other(x->decision.side), &h));
    http_head_drop(&h, HTTP_EXPECT); /* its body is there */
    if (c->authorization == CREDENTIAL_DROP)
        http_head_drop(&h, HTTP_AUTHORIZATION);
    if (c->cookies == CREDENTIAL_DROP)
        http_head_drop(&h, HTTP_COOKIE);
    http_head_drop(&h, HTTP_X_WEIR_SHADOW);
    TRY(http_head_copy(out, &h, a));
    TRY(http_head_add_id(out, HTTP_X_WEIR_SHADOW, SPAN("1")));
    TRY(keep_te(x, out));
    return change_key(out);
}
