/* Routes: what must be there once, and what fits together within one; see check.h. */
#include "config/check.h"

/* --- routes: unique names, unique matches --- */

static void same_route_name(struct loader *l, const void *arg, size_t index, size_t first)
{
    UNUSED(arg);
    struct place here = {.up = &at_routes, .index = index};
    struct place place = {.up = &here, .key = "name"};
    loader_complain(l, &place, "every route needs a name of its own",
                    "\"%s\" is the name of $.routes[%zu] too", l->tree->routes[index].name, first);
}

static void same_match(struct loader *l, const void *arg, size_t index, size_t first)
{
    UNUSED(arg);
    struct place here = {.up = &at_routes, .index = index};
    struct place place = {.up = &here, .key = "match"};
    loader_complain(l, &place,
                    "remove one of them, or tell them apart by host, path or another condition",
                    "is the same as that of $.routes[%zu]", first);
}

static enum err put_part(struct buf *out, const char *text)
{
    return text == NULL ? buf_append(out, SPAN("\n-"))
                        : buf_printf(out, "\n%zu:%s", strlen(text), text);
}

static enum err put_conditions(struct buf *out, const char *kind, const struct config_condition *c,
                               size_t n)
{
    for (size_t i = 0; i < n; i++) {
        TRY(put_part(out, kind));
        TRY(put_part(out, c[i].name));
        TRY(put_part(out, c[i].value));
        TRY(put_part(out, c[i].prefix));
        TRY(put_part(out, c[i].regex));
    }
    return ERR_OK;
}

static enum err put_match(struct buf *out, const struct config_match *m)
{
    TRY(put_part(out, m->host));
    TRY(put_part(out, m->path));
    TRY(put_part(out, m->prefix));
    TRY(put_part(out, m->regex));
    for (size_t i = 0; i < m->methods.n; i++)
        TRY(put_part(out, m->methods.list[i]));
    TRY(put_conditions(out, "header", m->headers, m->nheaders));
    TRY(put_conditions(out, "cookie", m->cookies, m->ncookies));
    return put_conditions(out, "query", m->query, m->nquery);
}

/* All of a match in one text. */
static enum err match_text(struct loader *l, const struct config_match *m, const char **out)
{
    struct buf text = BUF_INIT(0);
    const char *path = m->path != NULL ? m->path : m->prefix;
    *out = NULL;
    if (path == NULL || path == config_broken || m->host == config_broken)
        return ERR_OK;
    enum err e = put_match(&text, m);
    if (e == ERR_OK)
        *out = arena_copy(l->arena, buf_span(&text));
    buf_free(&text);
    return e == ERR_OK && *out == NULL ? ERR_NO_MEMORY : e;
}

static void check_condition(struct loader *l, const struct place *match, const char *kind, size_t i,
                            const struct config_condition *c)
{
    struct place list = {.up = match, .key = kind};
    struct place here = {.up = &list, .index = i};
    struct place name = {.up = &here, .key = "name"};
    bool token = strcmp(kind, "query") != 0; /* the others are named by tokens */
    if (token && c->name != NULL && c->name != config_broken &&
        syntax_field.fault(span_str(c->name)) != NULL)
        loader_complain(l, &name, "must be letters, digits or some of !#$%&'*+-.^_`|~",
                        "\"%s\" can be the name of no %s", c->name,
                        kind[0] == 'h' ? "header field" : "cookie");
    if ((c->value != NULL) + (c->prefix != NULL) + (c->regex != NULL) > 1)
        loader_complain(l, &here, "use one of \"value\", \"prefix\" and \"regex\", or none",
                        "asks for more than one thing");
}

static void check_match(struct loader *l, size_t route)
{
    const struct config_match *m = &l->tree->routes[route].match;
    struct place at_route = {.up = &at_routes, .index = route};
    struct place here = {.up = &at_route, .key = "match"};
    struct place regex = {.up = &here, .key = "regex"};
    if (m->regex != NULL && m->path != NULL)
        loader_complain(l, &regex, "use \"prefix\", or leave \"regex\" out",
                        "stands beside \"path\", which leaves nothing to match");
    for (size_t i = 0; i < m->nheaders; i++)
        check_condition(l, &here, "headers", i, &m->headers[i]);
    for (size_t i = 0; i < m->ncookies; i++)
        check_condition(l, &here, "cookies", i, &m->cookies[i]);
    for (size_t i = 0; i < m->nquery; i++)
        check_condition(l, &here, "query", i, &m->query[i]);
}

static enum err check_unique(struct loader *l)
{
    struct config *c = l->tree;
    struct entries names;
    struct entries matches;
    TRY(entries_new(l, c->nroutes, &names));
    TRY(entries_new(l, c->nroutes, &matches));
    for (size_t i = 0; i < c->nroutes; i++) {
        const char *match;
        TRY(match_text(l, &c->routes[i].match, &match));
        entries_add(&names, c->routes[i].name, i);
        entries_add(&matches, match, i);
    }
    entries_unique(l, &names, same_route_name, NULL);
    entries_unique(l, &matches, same_match, NULL);
    return ERR_OK;
}

/* Whatever stands behind a source that is always there would never be asked. */
static void check_sticky(struct loader *l, size_t route)
{
    const struct config_names *chain = &l->tree->routes[route].sticky;
    struct place at_route = {.up = &at_routes, .index = route};
    struct place at_chain = {.up = &at_route, .key = "sticky"};
    for (size_t i = 1; i < chain->n; i++) {
        struct place here = {.up = &at_chain, .index = i};
        const char *before = chain->list[i - 1];
        if (before != config_broken && strchr(before, ':') == NULL) {
            loader_complain(l, &here,
                            "ip, ip+uri, random and minted are always there: put one last",
                            "is never asked, because \"%s\" stands before it", before);
            return;
        }
        for (size_t j = 0; j < i; j++)
            if (chain->list[i] != config_broken && strcmp(chain->list[i], chain->list[j]) == 0)
                loader_complain(l, &here, "remove one of them", "\"%s\" is there twice",
                                chain->list[i]);
    }
}

static bool has_source(const struct config_names *chain, const char *kinds)
{
    for (size_t i = 0; i < chain->n; i++)
        if (chain->list[i] != config_broken && strchr(kinds, chain->list[i][0]) != NULL)
            return true;
    return false;
}

/* Sources are told by their first letters: header, cookie, ip, random, minted. */
static void check_users(struct loader *l, size_t route)
{
    const struct config_route *r = &l->tree->routes[route];
    struct place here = {.up = &at_routes, .index = route};
    struct place sticky = {.up = &here, .key = "sticky"};
    if (has_source(&r->sticky, "m") && l->tree->sticky_cookie == NULL)
        loader_complain(l, &sticky, "add \"sticky_cookie\": {\"secret\": \"${file:/path}\"}",
                        "has \"minted\", but no cookie is configured");
    if (r->users[SIDE_LEGACY].n + r->users[SIDE_NEW].n > 0 && !has_source(&r->sticky, "hc"))
        loader_complain(l, &sticky, "name the header: or cookie: that holds the user",
                        "has nothing to look for in the lists of users");
}

/* --- routes: what they change --- */

static void check_redirect(struct loader *l, const struct place *route,
                           const struct config_redirect *r)
{
    struct place here = {.up = route, .key = "redirect"};
    struct place status = {.up = &here, .key = "status"};
    if (r->status > 303 && r->status < 307)
        loader_complain(l, &status, "must be 301, 302, 303, 307 or 308", "is %u", r->status);
}

static void check_rewrite(struct loader *l, const struct place *route, size_t i,
                          const struct config_rewrite *r)
{
    struct place list = {.up = route, .key = "rewrites"};
    struct place here = {.up = &list, .index = i};
    if (r->regex != NULL && r->to == NULL)
        loader_complain(l, &here, "add \"to\", with $1 to $9 for its groups",
                        "has a \"regex\" and nothing to put in its place");
    if (r->regex == NULL && r->to != NULL)
        loader_complain(l, &here, "leave \"to\" out, or use \"regex\"",
                        "has a \"to\" without a \"regex\"");
}

static void check_field_edit(struct loader *l, const struct place *route, size_t i,
                             const struct config_field_edit *f)
{
    struct place list = {.up = route, .key = "headers"};
    struct place here = {.up = &list, .index = i};
    if (f->action == EDIT_REMOVE && f->value != NULL)
        loader_complain(l, &here, "leave \"value\" out: all fields of the name are removed",
                        "has a value to remove");
    if (f->action != EDIT_REMOVE && f->value == NULL)
        loader_complain(l, &here, "add \"value\"", "has no value");
}

static void check_deprecation(struct loader *l, const struct place *route,
                              const struct config_deprecation *d)
{
    struct place here = {.up = route, .key = "deprecation"};
    struct place sunset = {.up = &here, .key = "sunset"};
    uint64_t at;
    uint64_t end;
    if (d->at == NULL || d->sunset == NULL || config_date(span_str(d->at), &at) != ERR_OK ||
        config_date(span_str(d->sunset), &end) != ERR_OK)
        return; /* said before */
    if (end < at)
        loader_complain(l, &sunset, "it cannot end before it is deprecated (RFC 9745 4)",
                        "\"%s\" is before \"at\"", d->sunset);
}

static void check_fallback(struct loader *l, const struct place *route,
                           const struct config_route *r)
{
    struct place here = {.up = route, .key = "fallback"};
    struct place place = {.up = &here, .key = "statuses"};
    if (r->fallback.statuses.n > 0 && r->on_new_error == NEW_ERROR_FAIL)
        loader_complain(l, &place, "add \"on_new_error\": \"legacy\" to the route",
                        "has statuses that nothing is done about");
}

static void check_changes(struct loader *l, size_t route)
{
    const struct config_route *r = &l->tree->routes[route];
    struct place here = {.up = &at_routes, .index = route};
    if (r->redirect != NULL)
        check_redirect(l, &here, r->redirect);
    for (size_t i = 0; i < r->nrewrites; i++)
        check_rewrite(l, &here, i, &r->rewrites[i]);
    for (size_t i = 0; i < r->nheaders; i++)
        check_field_edit(l, &here, i, &r->headers[i]);
    if (r->deprecation != NULL)
        check_deprecation(l, &here, r->deprecation);
    check_fallback(l, &here, r);
}

enum err check_routes(struct loader *l)
{
    TRY(check_unique(l));
    for (size_t i = 0; i < l->tree->nroutes; i++) {
        check_match(l, i);
        check_sticky(l, i);
        check_users(l, i);
        check_changes(l, i);
    }
    return ERR_OK;
}
