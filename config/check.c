/* What no single option can know: names that refer to each other, things that must not be there
 * twice. Passes over what was complained about before (config_broken), so that one mistake makes
 * one complaint.
 *
 * With 10,000 routes nothing here may be quadratic: whatever is looked for is sorted first. */
#include "config/room.h"

#include <stdlib.h>

/* A thing that must be unique, under the text that identifies it. */
struct entry {
    const char *text;
    size_t index;
};

struct entries {
    struct entry *list;
    size_t n;
};

static int by_text(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    int c = strcmp(x->text, y->text);
    if (c != 0)
        return c;
    return x->index < y->index ? -1 : x->index > y->index;
}

static enum err entries_new(struct loader *l, size_t max, struct entries *out)
{
    out->n = 0;
    out->list = arena_alloc(l->arena, (max + 1) * sizeof(*out->list));
    return out->list == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static void entries_add(struct entries *e, const char *text, size_t index)
{
    if (text != NULL && text != config_broken)
        e->list[e->n++] = (struct entry){text, index};
}

static void entries_sort(struct entries *e)
{
    if (e->n > 1)
        qsort(e->list, e->n, sizeof(*e->list), by_text);
}

static bool entries_have(const struct entries *e, const char *text)
{
    const struct entry key = {text, 0};
    size_t low = 0;
    size_t high = e->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(e->list[mid].text, key.text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < e->n && strcmp(e->list[low].text, text) == 0;
}

/* Calls `twice` for every entry but the first of those with the same text. */
static void entries_unique(struct loader *l, struct entries *e,
                           void (*twice)(struct loader *l, const void *arg, size_t index,
                                         size_t first),
                           const void *arg)
{
    entries_sort(e);
    size_t first = 0;
    for (size_t i = 1; i < e->n; i++) {
        if (strcmp(e->list[i].text, e->list[first].text) == 0)
            twice(l, arg, e->list[i].index, e->list[first].index);
        else
            first = i;
    }
}

static const struct place root = {.up = NULL};
static const struct place routes = {.up = &root, .key = "routes"};
static const struct place listeners = {.up = &root, .key = "listeners"};
static const struct place backends = {.up = &root, .key = "backends"};

/* --- references to backends --- */

static enum err put_known_backends(const struct config *c, const char *asked, struct buf *out)
{
    struct suggestion near = {.asked = span_str(asked)};
    const size_t shown = 8;
    for (size_t i = 0; i < c->nbackends; i++)
        suggest_offer(&near, c->backends[i].name);
    if (near.best != NULL)
        return buf_printf(out, "did you mean \"%s\"?", near.best);
    TRY(buf_append(out, SPAN("there are:")));
    for (size_t i = 0; i < c->nbackends && i < shown; i++)
        TRY(buf_printf(out, "%s %s", i == 0 ? "" : ",", c->backends[i].name));
    return c->nbackends > shown ? buf_printf(out, " and %zu more", c->nbackends - shown) : ERR_OK;
}

static enum err check_backend_name(struct loader *l, const struct entries *known, const char *name,
                                   const struct place *here)
{
    struct buf right = BUF_INIT(0);
    if (name == NULL || name == config_broken || known->n == 0 || entries_have(known, name))
        return ERR_OK;
    enum err e = put_known_backends(l->tree, name, &right);
    if (e == ERR_OK)
        e = buf_end(&right);
    if (e == ERR_OK)
        loader_complain(l, here, right.p, "\"%s\" is not a backend", name);
    buf_free(&right);
    return e;
}

/* A route without a side of its own takes that of the defaults. */
static enum err check_side(struct loader *l, const struct entries *known, size_t route,
                           const char *key, const char **side, const char *fallback)
{
    struct place here = {.up = &routes, .index = route};
    struct place place = {.up = &here, .key = key};
    if (*side != NULL)
        return check_backend_name(l, known, *side, &place);
    *side = fallback;
    if (fallback == NULL)
        loader_complain(l, &here, "name a backend here, or for all routes in \"defaults\"",
                        "has no \"%s\"", key);
    return ERR_OK;
}

static enum err check_references(struct loader *l)
{
    struct config *c = l->tree;
    const struct place defaults = {.up = &root, .key = "defaults"};
    const struct place legacy = {.up = &defaults, .key = "legacy"};
    const struct place new_side = {.up = &defaults, .key = "new"};
    struct entries known;
    TRY(entries_new(l, c->nbackends, &known));
    for (size_t i = 0; i < c->nbackends; i++)
        entries_add(&known, c->backends[i].name, i);
    entries_sort(&known);
    TRY(check_backend_name(l, &known, c->defaults.legacy, &legacy));
    TRY(check_backend_name(l, &known, c->defaults.new_, &new_side));
    for (size_t i = 0; i < c->nroutes; i++) {
        struct config_route *r = &c->routes[i];
        TRY(check_side(l, &known, i, "legacy", &r->legacy, c->defaults.legacy));
        TRY(check_side(l, &known, i, "new", &r->new_, c->defaults.new_));
    }
    return ERR_OK;
}

/* --- routes: unique names, unique matches --- */

static void same_route_name(struct loader *l, const void *arg, size_t index, size_t first)
{
    UNUSED(arg);
    struct place here = {.up = &routes, .index = index};
    struct place place = {.up = &here, .key = "name"};
    loader_complain(l, &place, "every route needs a name of its own",
                    "\"%s\" is the name of $.routes[%zu] too", l->tree->routes[index].name, first);
}

static void same_match(struct loader *l, const void *arg, size_t index, size_t first)
{
    UNUSED(arg);
    struct place here = {.up = &routes, .index = index};
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
    struct place at_route = {.up = &routes, .index = route};
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

static enum err check_routes(struct loader *l)
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
    struct place at_route = {.up = &routes, .index = route};
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
    struct place here = {.up = &routes, .index = route};
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
    struct place here = {.up = &routes, .index = route};
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

/* --- addresses --- */

/* One text for all spellings of an address. Any address of a family counts as "*": two listeners on
 * one port would share it silently (SO_REUSEPORT). */
static enum err add_address(struct loader *l, struct entries *to, const char *address, size_t index)
{
    struct span host;
    unsigned port;
    struct buf text = BUF_INIT(0);
    if (address == NULL || address == config_broken)
        return ERR_OK;
    if (config_unix_path(address) != NULL) {
        entries_add(to, address, index);
        return ERR_OK;
    }
    BUG_IF(address_split(span_str(address), &host, &port) != NULL);
    if (port == 0)
        return ERR_OK; /* each gets another one */
    if (span_eq(host, SPAN("0.0.0.0")) || span_eq(host, SPAN("::")))
        host = SPAN("*");
    TRY(buf_printf(&text, SPAN_FMT " %u", SPAN_ARG(host), port));
    const char *copy = arena_copy(l->arena, buf_span(&text));
    buf_free(&text);
    entries_add(to, copy, index);
    return copy == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static void same_address(struct loader *l, const void *arg, size_t index, size_t first)
{
    UNUSED(arg);
    const struct place admin = {.up = &root, .key = "admin"};
    struct place here = {.up = &listeners, .index = index};
    if (index == l->tree->nlisteners) /* the admin API was added last */
        here = admin;
    struct place place = {.up = &here, .key = "address"};
    loader_complain(l, &place, "use another port or address",
                    "is the address of $.listeners[%zu] too", first);
}

static void check_modes(struct loader *l)
{
    for (size_t i = 0; i < l->tree->nlisteners; i++) {
        const struct config_listener *c = &l->tree->listeners[i];
        struct place here = {.up = &listeners, .index = i};
        struct place place = {.up = &here, .key = "mode"};
        if (c->mode != NULL && c->address != NULL && c->address != config_broken &&
            config_unix_path(c->address) == NULL)
            loader_complain(l, &place, "only a Unix socket (unix:/PATH) is a file",
                            "has nothing to do with \"%s\"", c->address);
    }
}

static void check_proxy_protocol(struct loader *l)
{
    const struct config *c = l->tree;
    for (size_t i = 0; i < c->nlisteners && c->trusted_proxies.n == 0; i++) {
        struct place here = {.up = &listeners, .index = i};
        struct place place = {.up = &here, .key = "proxy_protocol"};
        if (c->listeners[i].proxy_protocol)
            loader_complain(l, &place, "say in \"trusted_proxies\" who may send PROXY headers",
                            "would refuse every connection");
    }
}

/* cert or self_signed is the scope's own rule; a key belongs to a cert. */
static void check_certificate(struct loader *l, size_t listener, size_t index)
{
    const struct config_listener_tls *tls = l->tree->listeners[listener].tls;
    const struct config_certificate *c = &tls->certificates[index];
    struct place here = {.up = &listeners, .index = listener};
    struct place section = {.up = &here, .key = "tls"};
    struct place list = {.up = &section, .key = "certificates"};
    struct place place = {.up = &list, .index = index};
    struct place key = {.up = &place, .key = "key"};
    struct place ocsp = {.up = &place, .key = "ocsp"};
    if (c->cert == NULL && c->self_signed.n > 0 && c->ocsp != NULL)
        loader_complain(l, &ocsp, "leave it out: nobody answers for a self-signed certificate",
                        "has no cert to belong to");
    if (c->cert != NULL && c->key == NULL)
        loader_complain(l, &place, "name the file of the certificate's private key",
                        "has a cert but no key");
    if (c->cert == NULL && c->self_signed.n > 0 && c->key != NULL)
        loader_complain(l, &key, "leave it out: a self-signed certificate brings its own",
                        "has no cert to belong to");
}

static void check_client_ca(struct loader *l, size_t listener)
{
    const struct config_listener_tls *tls = l->tree->listeners[listener].tls;
    struct place here = {.up = &listeners, .index = listener};
    struct place section = {.up = &here, .key = "tls"};
    struct place ca = {.up = &section, .key = "client_ca"};
    if (tls->client_verify != CLIENT_VERIFY_OFF && tls->client_ca == NULL)
        loader_complain(l, &section, "name the file of the CA that signs client certificates",
                        "has \"client_verify\" but no \"client_ca\"");
    if (tls->client_verify == CLIENT_VERIFY_OFF && tls->client_ca != NULL)
        loader_complain(l, &ca, "add \"client_verify\": \"required\" or \"optional\"",
                        "is of no use: clients are not asked for certificates");
}

static void check_listener_tls(struct loader *l)
{
    const struct config *c = l->tree;
    for (size_t i = 0; i < c->nlisteners; i++) {
        const struct config_listener_tls *tls = c->listeners[i].tls;
        if (tls == NULL)
            continue;
        for (size_t k = 0; k < tls->ncertificates; k++)
            check_certificate(l, i, k);
        check_client_ca(l, i);
    }
}

static void check_backend_tls(struct loader *l, const struct config_backend *b)
{
    const struct config_backend_tls *tls = b->tls;
    struct place here = {.up = &backends, .key = b->name};
    struct place section = {.up = &here, .key = "tls"};
    if (tls != NULL && (tls->cert == NULL) != (tls->key == NULL))
        loader_complain(l, &section, "a client certificate needs both", "has a %s but no %s",
                        tls->cert != NULL ? "cert" : "key", tls->cert != NULL ? "key" : "cert");
}

static enum err check_listeners(struct loader *l)
{
    struct config *c = l->tree;
    struct entries addresses;
    TRY(entries_new(l, c->nlisteners + 1, &addresses));
    for (size_t i = 0; i < c->nlisteners; i++)
        TRY(add_address(l, &addresses, c->listeners[i].address, i));
    TRY(add_address(l, &addresses, c->admin.address, c->nlisteners));
    entries_unique(l, &addresses, same_address, NULL);
    return ERR_OK;
}

static void same_server(struct loader *l, const void *arg, size_t index, size_t first)
{
    const struct config_backend *b = arg;
    struct place here = {.up = &backends, .key = b->name};
    struct place list = {.up = &here, .key = "servers"};
    struct place place = {.up = &list, .index = index};
    UNUSED(first);
    loader_complain(l, &place, "name each server once", "\"%s\" is there twice",
                    b->servers.list[index]);
}

/* A path is no name that a certificate could have. */
static void check_server_name(struct loader *l, const struct config_backend *b)
{
    struct place here = {.up = &backends, .key = b->name};
    struct place place = {.up = &here, .key = "tls"};
    if (b->tls == NULL || !b->tls->verify || b->tls->server_name != NULL)
        return;
    for (size_t i = 0; i < b->servers.n; i++) {
        const char *s = b->servers.list[i];
        if (s != config_broken && config_unix_path(s) != NULL) {
            loader_complain(l, &place, "say whose certificate it must be",
                            "needs a \"server_name\" for \"%s\"", s);
            return;
        }
    }
}

static enum err check_servers(struct loader *l, const struct config_backend *b)
{
    struct entries servers;
    TRY(entries_new(l, b->servers.n, &servers));
    for (size_t i = 0; i < b->servers.n; i++)
        entries_add(&servers, b->servers.list[i], i);
    entries_unique(l, &servers, same_server, b);
    return ERR_OK;
}

static void check_protocol(struct loader *l, const struct config_backend *b)
{
    struct place here = {.up = &backends, .key = b->name};
    struct place place = {.up = &here, .key = "protocol"};
    if (b->protocol == BACKEND_AUTO && b->tls == NULL)
        loader_complain(l, &place, "add \"tls\", or say \"h2\" or \"http1\"",
                        "\"auto\" is chosen in the TLS handshake, and there is no \"tls\"");
    if (b->protocol != BACKEND_HTTP1 && b->proxy_protocol)
        loader_complain(l, &place, "say \"http1\", or remove \"proxy_protocol\"",
                        "HTTP/2 connections are shared, and a PROXY header tells of one client");
}

/* --- the rest --- */

static void check_admin(struct loader *l)
{
    const struct config_admin *a = &l->tree->admin;
    const struct place here = {.up = &root, .key = "admin"};
    if (a->address != NULL && a->token == NULL)
        loader_complain(l, &here, "add \"token\": \"${file:/path}\", or remove \"address\"",
                        "has an \"address\" without a \"token\"");
}

static void check_state_dir(struct loader *l)
{
    const struct place here = {.up = &root, .key = "state_dir"};
    const char *dir = l->tree->state_dir;
    size_t n = strlen(dir) + strlen("/admin.sock");
    if (n > UNIX_PATH_BYTES)
        loader_complain(l, &here, "a Unix socket's path has at most 107 bytes",
                        "makes %zu bytes of STATE_DIR/admin.sock", n);
}

static void check_shadow(struct loader *l)
{
    const struct config_shadow *s = &l->tree->shadow;
    const struct place at = {.up = &root, .key = "shadow"};
    const struct place here = {.up = &at, .key = "total"};
    if (s->total < s->first_byte && s->total > 0)
        loader_complain(l, &here, "it covers the whole copy",
                        "is shorter than \"first_byte\" (%llu ms)",
                        (unsigned long long)s->first_byte);
}

enum err check_tree(struct loader *l)
{
    struct config *c = l->tree;
    TRY(check_references(l));
    TRY(check_routes(l));
    for (size_t i = 0; i < c->nroutes; i++) {
        check_match(l, i);
        check_sticky(l, i);
        check_users(l, i);
        check_changes(l, i);
    }
    TRY(check_listeners(l));
    check_modes(l);
    check_proxy_protocol(l);
    check_listener_tls(l);
    for (size_t i = 0; i < c->nbackends; i++) {
        TRY(check_servers(l, &c->backends[i]));
        check_backend_tls(l, &c->backends[i]);
        check_protocol(l, &c->backends[i]);
        check_server_name(l, &c->backends[i]);
    }
    check_admin(l);
    check_state_dir(l);
    check_shadow(l);
    return ERR_OK;
}
