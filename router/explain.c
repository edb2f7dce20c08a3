/* A decision in words: the same code decides as for real requests, so the answer is the truth. */
#include "router/room.h"

#include <arpa/inet.h>

enum { ARENA_MAX = 256 * 1024 };

/* A made-up request, taken apart. */
struct question {
    struct arena arena;
    struct http_head head;
    unsigned char ip[16];
    struct route_query query;
};

/* --- reading --- */

static enum err refuse(struct complaints *wrong, const char *what, const char *right,
                       const char *text)
{
    complain(wrong, what, right, "\"%s\" cannot be read", text);
    return ERR_INVALID;
}

static enum err read_url(struct question *q, const char *url, const struct config_http *rules,
                         struct complaints *wrong)
{
    struct span s = span_str(url);
    if (span_has_prefix(s, SPAN("http://")) || span_has_prefix(s, SPAN("https://")))
        s = span_from(s, s.p[4] == 's' ? 8 : 7);
    size_t slash = span_find(s, '/');
    q->head.authority = span_until(s, slash);
    q->head.target = slash < s.n ? span_from(s, slash) : SPAN("/");
    if (http_path_normalise(q->head.target, &q->arena, &q->query.path) != ERR_OK)
        return refuse(wrong, "url", "must be /path, host/path or https://host/path", url);
    if (http_path_admit(q->query.path, rules->encoded_nul == PASSING_PASS,
                        rules->encoded_slash == PASSING_PASS) != ERR_OK)
        return refuse(wrong, "url", "must be /path without what \"http\" rejects (400, bad_target)",
                      url);
    return ERR_OK;
}

static enum err read_header(struct question *q, const char *text, struct complaints *wrong)
{
    struct span s = span_str(text);
    size_t colon = span_find(s, ':');
    struct span name = span_until(s, colon);
    if (colon == s.n || !http_is_token(name))
        return refuse(wrong, "header", "must be name: value", text);
    struct span value = span_trim(span_from(s, colon + 1));
    if (!http_is_field_value(value))
        return refuse(wrong, "header", "must be text without control characters", text);
    if (http_field_lookup(name) == HTTP_HOST && q->head.authority.n == 0)
        q->head.authority = value;
    return http_head_add(&q->head, name, value);
}

static enum err read_ip(struct question *q, const char *text, struct complaints *wrong)
{
    struct in6_addr a6;
    if (inet_pton(AF_INET, text, q->ip) == 1) {
        q->query.client_ip = span_of(q->ip, 4);
        return ERR_OK;
    }
    if (inet_pton(AF_INET6, text, &a6) != 1)
        return refuse(wrong, "ip", "must be an IPv4 or IPv6 address", text);
    bool mapped = IN6_IS_ADDR_V4MAPPED(&a6);
    memcpy(q->ip, a6.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
    q->query.client_ip = span_of(q->ip, mapped ? 4 : 16);
    return ERR_OK;
}

static enum err read_all(struct question *q, const struct explain_request *r,
                         const struct config_http *rules, struct complaints *wrong)
{
    const char *method = r->method == NULL ? "GET" : r->method;
    arena_begin(&q->arena, ARENA_MAX);
    http_head_begin(&q->head, &q->arena, false);
    if (!http_is_token(span_str(method)))
        return refuse(wrong, "method", "must be a method such as GET", method);
    q->head.method_name = span_str(method);
    q->head.method = (uint8_t)http_method_lookup(q->head.method_name);
    TRY(read_url(q, r->url, rules, wrong));
    for (size_t i = 0; i < r->nheaders; i++)
        TRY(read_header(q, r->headers[i], wrong));
    TRY(read_ip(q, r->ip == NULL ? "127.0.0.1" : r->ip, wrong));
    q->query.host = q->head.authority;
    q->query.head = &q->head;
    return ERR_OK;
}

/* --- saying --- */

static enum err say_percent(struct buf *out, unsigned points)
{
    if (points % 100 == 0)
        return buf_printf(out, "%u %%", points / 100);
    return buf_printf(out, "%u.%02u %%", points / 100, points % 100);
}

static enum err say_request(struct buf *out, const struct question *q)
{
    TRY(buf_printf(out, "request  " SPAN_FMT " " SPAN_FMT, SPAN_ARG(q->head.method_name),
                   SPAN_ARG(q->head.target)));
    if (q->head.authority.n > 0)
        TRY(buf_printf(out, " at " SPAN_FMT, SPAN_ARG(q->head.authority)));
    struct span path = span_until(q->head.target, span_find(q->head.target, '?'));
    if (!span_eq(path, q->query.path))
        TRY(buf_printf(out, ", matched as " SPAN_FMT, SPAN_ARG(q->query.path)));
    return buf_append(out, SPAN("\n"));
}

static enum err say_match(struct buf *out, const struct config_match *m)
{
    TRY(buf_printf(out, "%s %s", m->path != NULL ? "path" : "prefix",
                   m->path != NULL ? m->path : m->prefix));
    if (m->regex != NULL)
        TRY(buf_printf(out, " ~ %s", m->regex));
    if (m->host != NULL)
        TRY(buf_printf(out, " of host %s", m->host));
    size_t before = out->n;
    TRY(buf_append(out, SPAN(", ")));
    TRY(conditions_say(m, out));
    if (out->n == before + 2)
        out->n = before;
    return buf_append(out, SPAN("\n"));
}

static enum err say_route(struct buf *out, const struct route *r)
{
    TRY(buf_printf(out, "route    %s: ", r->config->name));
    return say_match(out, &r->config->match);
}

/* Host and path fit, a condition did not. */
struct passed_over {
    struct buf *out;
    enum err err;
};

static void say_passed(void *arg, const struct route *r)
{
    struct passed_over *p = arg;
    if (p->err == ERR_OK)
        p->err = buf_printf(p->out, "not      %s: ", r->config->name);
    if (p->err == ERR_OK)
        p->err = say_match(p->out, &r->config->match);
}

static enum err say_passed_over(struct buf *out, const struct snapshot *s,
                                const struct route_query *q)
{
    struct passed_over p = {.out = out, .err = ERR_OK};
    const struct match_visit visit = {say_passed, &p};
    (void)match_walk(s->table, q, &visit);
    return p.err;
}

static enum err say_bucket(struct buf *out, const struct decision *d)
{
    return buf_printf(out, "bucket   %u of 0..9999, by %s%s\n", d->bucket, d->sticky,
                      d->minted[0] != '\0' ? ", a new id" : "");
}

static enum err say_why(struct buf *out, const struct snapshot *s, const struct decision *d)
{
    const struct route_state *state = &s->states[d->route->index];
    if (d->reason == REASON_PIN)
        return buf_printf(out,
                          state->pin != PIN_NONE ? "the route is pinned to %s"
                                                 : "everything is pinned to %s",
                          side_word(d->side));
    if (d->reason == REASON_OVERRIDE)
        return buf_printf(out, "a tester's, or this user is on always_%s", side_word(d->side));
    TRY(buf_printf(out, "bucket %u is %sbelow %u: ", d->bucket, d->side == SIDE_NEW ? "" : "not ",
                   d->weight));
    TRY(say_percent(out, d->weight));
    return buf_printf(out, " for new, %s",
                      state->weight_from_control ? "by the control document" : "as configured");
}

static enum err say_side(struct buf *out, const struct snapshot *s, const struct decision *d)
{
    const struct config *c = s->table->config;
    TRY(buf_printf(out, "goes to  %s, backend %s\n", side_word(d->side),
                   c->backends[d->route->backends[d->side]].name));
    TRY(buf_printf(out, "reason   %s: ", reason_word(d->reason)));
    TRY(say_why(out, s, d));
    return buf_printf(out, " (epoch %llu)\n", (unsigned long long)d->epoch);
}

static enum err say_fallback(struct buf *out, const struct snapshot *s, const struct decision *d)
{
    const struct config *c = s->table->config;
    if (d->side != SIDE_NEW || d->route->config->on_new_error != NEW_ERROR_LEGACY)
        return ERR_OK;
    return buf_printf(out, "fallback legacy, backend %s, answers what new fails (reason %s)\n",
                      c->backends[d->route->backends[SIDE_LEGACY]].name,
                      reason_word(REASON_FALLBACK));
}

static enum err say_shadow(struct buf *out, const struct snapshot *s, const struct decision *d,
                           enum http_method m)
{
    const struct config *c = s->table->config;
    enum side other = side_other(d->side);
    if (d->route->config->shadow.percent == 0)
        return buf_append(out, SPAN("shadow   none: the route mirrors nothing\n"));
    if (!d->shadow)
        return buf_append(out, SPAN("shadow   none: this user is not in the mirrored share\n"));
    bool safe = m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS;
    if (!safe && d->route->config->shadow.unsafe_ == UNSAFE_SKIP)
        return buf_append(out, SPAN("shadow   none: only GET, HEAD and OPTIONS are mirrored\n"));
    return buf_printf(out, "shadow   a copy goes to %s, backend %s, %sand is compared\n",
                      side_word(other), c->backends[d->route->backends[other]].name,
                      safe ? "" : "as long as that confirms to be a sandbox, ");
}

static enum err answer(const struct snapshot *s, struct question *q, struct decision *out,
                       struct buf *text)
{
    TRY(say_request(text, q));
    TRY(say_passed_over(text, s, &q->query));
    enum err e = route_decide(s, &q->query, out);
    if (e == ERR_NO_ROUTE)
        TRY(buf_append(text, SPAN("route    none matches: weir answers 404 (no_route)\n")));
    TRY(e);
    TRY(say_route(text, out->route));
    TRY(say_bucket(text, out));
    TRY(say_side(text, s, out));
    TRY(say_fallback(text, s, out));
    return say_shadow(text, s, out, q->head.method);
}

enum err route_explain(const struct snapshot *s, const struct explain_request *r,
                       struct decision *out, struct buf *text, struct complaints *wrong)
{
    struct question q = {.query = {.head = NULL}};
    enum err e = read_all(&q, r, &s->table->config->http, wrong);
    if (e == ERR_OK)
        e = answer(s, &q, out, text);
    arena_end(&q.arena);
    return e;
}
