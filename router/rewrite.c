/* Other paths towards backends, other places for clients. */
#include "router/room.h"

enum { PATH_MAX_BYTES = 16 * 1024 };

enum err rewrites_new(const struct route_table *t, struct route *r, struct complaints *wrong)
{
    const struct config_route *c = r->config;
    char why[200];
    if (c->nrewrites == 0)
        return ERR_OK;
    r->rewrites = arena_zalloc(&t->matcher->arena, c->nrewrites * sizeof(struct regex *));
    if (r->rewrites == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < c->nrewrites; i++) {
        if (c->rewrites[i].regex == NULL)
            continue;
        enum err e = regex_new(c->rewrites[i].regex, &r->rewrites[i], why, sizeof(why));
        if (e == ERR_INVALID)
            table_complain(t, wrong, r->index, "rewrites", "write a regular expression of PCRE2",
                           "\"%s\" does not compile: %s", c->rewrites[i].regex, why);
        else if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

void rewrites_free(struct route *r)
{
    for (size_t i = 0; r->rewrites != NULL && i < r->config->nrewrites; i++)
        regex_free(&r->rewrites[i]);
}

static bool is_path(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '?' || s.p[i] == '#')
            return false;
    return s.n > 0 && s.p[0] == '/';
}

static enum err rewrite_one(const struct route *r, size_t i, struct span path, struct buf *out)
{
    const struct config_rewrite *w = &r->config->rewrites[i];
    const struct config_match *m = &r->config->match;
    if (w->regex != NULL)
        return regex_replace(r->rewrites[i], path, span_str(w->to), out);
    TRY(buf_append(out, span_str(w->prefix)));
    return buf_append(out, span_from(path, strlen(m->path != NULL ? m->path : m->prefix)));
}

static enum err keep(enum err e, struct buf *made, struct arena *a, struct span *out)
{
    char *copy = e == ERR_OK ? arena_copy(a, buf_span(made)) : NULL;
    *out = copy == NULL ? SPAN_NULL : span_of(copy, made->n);
    buf_free(made);
    return e == ERR_OK && copy == NULL ? ERR_NO_MEMORY : e;
}

enum err route_rewrite(const struct route *r, enum side side, struct span path, struct arena *a,
                       struct span *out)
{
    *out = SPAN_NULL;
    for (size_t i = 0; i < r->config->nrewrites; i++) {
        const struct config_rewrite *w = &r->config->rewrites[i];
        struct buf made = BUF_INIT(PATH_MAX_BYTES);
        if (w->side != EDIT_BOTH && (int)w->side != (int)side)
            continue;
        enum err e = rewrite_one(r, i, path, &made);
        if (e == ERR_NOT_FOUND)
            continue;
        if (e == ERR_TOO_LARGE || (e == ERR_OK && !is_path(buf_span(&made))))
            e = ERR_BAD_REWRITE;
        return keep(e, &made, a, out);
    }
    return ERR_OK;
}

static enum err put_location(const char *location, const struct route_query *q, struct span scheme,
                             struct buf *out)
{
    struct span target = q->head->target;
    const struct {
        struct span name, value;
    } parts[] = {{SPAN("{scheme}"), scheme},
                 {SPAN("{host}"), q->host},
                 {SPAN("{path}"), q->path},
                 {SPAN("{query}"), span_from(target, span_find(target, '?'))}};
    for (struct span rest = span_str(location); rest.n > 0;) {
        size_t k = 0;
        while (k < ARRAY_LEN(parts) && !span_has_prefix(rest, parts[k].name))
            k++;
        bool plain = k == ARRAY_LEN(parts);
        TRY(buf_append(out, plain ? span_until(rest, 1) : parts[k].value));
        rest = span_from(rest, plain ? 1 : parts[k].name.n);
    }
    return ERR_OK;
}

enum err route_location(const struct route *r, const struct route_query *q, struct span scheme,
                        struct arena *a, struct span *out)
{
    struct buf made = BUF_INIT(0);
    return keep(put_location(r->config->redirect->location, q, scheme, &made), &made, a, out);
}
