/* From host and path to a route: a hash over the hosts that are named, and for each host, as for
 * routes without one, a hash over exact paths and a tree over prefixes. Either leads to the route
 * that asks for most; whoever's conditions do not hold names the next one to ask (matcher.after):
 * first those of the same host and path, then those of shorter prefixes. */
#include "router/room.h"

#include <stdlib.h>

enum { HOST_MAX = 255 };

/* --- building --- */

/* The first and the last of the routes with the same host and path, most conditions first. */
struct chain {
    uint32_t first;
    uint32_t last;
};

/* What the building needs beside the matcher. */
struct builder {
    const struct route_table *table;
    struct matcher *m;
    struct chain *chains; /* by the index of their first route */
    struct prefix **prefixes;
    size_t *nexact; /* by group, like prefixes and nprefixes */
    size_t *nprefixes;
    size_t ngroups;
    const struct route **order;
};

/* The name, of a wildcard what follows its star: ".example.com" is nobody's name. */
static struct span host_of(const struct route *r)
{
    const char *host = r->config->match.host;
    return host == NULL ? SPAN_NULL : span_str(host[0] == '*' ? host + 1 : host);
}

static uint32_t group_of(const struct matcher *m, const struct route *r)
{
    struct span host = host_of(r);
    return host.n == 0 ? 0 : lookup_get(&m->hosts, host);
}

/* Numbers the hosts. */
static enum err find_hosts(struct builder *b)
{
    const struct route_table *t = b->table;
    size_t named = 0;
    for (size_t i = 0; i < t->nroutes; i++)
        named += host_of(&t->routes[i]).n > 0;
    TRY(lookup_new(&b->m->arena, named, &b->m->hosts));
    b->ngroups = 1;
    for (size_t i = 0; i < t->nroutes; i++) {
        struct span host = host_of(&t->routes[i]);
        b->m->wildcards |= host.n > 0 && host.p[0] == '.';
        if (host.n > 0 && lookup_put(&b->m->hosts, host, (uint32_t)b->ngroups) == LOOKUP_NONE)
            b->ngroups++;
    }
    return ERR_OK;
}

static enum err make_room(struct builder *b)
{
    struct arena *a = &b->m->arena;
    const struct route_table *t = b->table;
    b->nexact = arena_zalloc(a, b->ngroups * sizeof(*b->nexact));
    b->nprefixes = arena_zalloc(a, b->ngroups * sizeof(*b->nprefixes));
    b->prefixes = arena_zalloc(a, b->ngroups * sizeof(struct prefix *));
    b->chains = arena_zalloc(a, t->nroutes * sizeof(*b->chains));
    b->m->groups = arena_zalloc(a, b->ngroups * sizeof(*b->m->groups));
    b->m->after = arena_alloc(a, t->nroutes * sizeof(*b->m->after));
    if (b->nexact == NULL || b->nprefixes == NULL || b->prefixes == NULL || b->chains == NULL ||
        b->m->groups == NULL || b->m->after == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < t->nroutes; i++) {
        size_t *n = t->routes[i].config->match.path != NULL ? b->nexact : b->nprefixes;
        n[group_of(b->m, &t->routes[i])]++;
        b->m->after[i] = LOOKUP_NONE;
    }
    for (size_t i = 0; i < b->ngroups; i++) {
        b->prefixes[i] = arena_alloc(a, (b->nprefixes[i] + 1) * sizeof(struct prefix));
        if (b->prefixes[i] == NULL)
            return ERR_NO_MEMORY;
        TRY(lookup_new(a, b->nexact[i], &b->m->groups[i].exact));
    }
    return ERR_OK;
}

static void complain_same(const struct route_table *t, struct complaints *wrong, size_t a, size_t b)
{
    table_complain(t, wrong, a > b ? a : b, "match",
                   "remove one of them, or tell them apart by host, path or another condition",
                   "is the same as that of $.routes[%zu]", a > b ? b : a);
}

/* Behind the others of its host and path; it asks for no more than they do. */
static void join(struct builder *b, uint32_t first, uint32_t route, struct complaints *wrong)
{
    struct chain *c = &b->chains[first];
    if (b->table->routes[c->last].conditions == NULL)
        complain_same(b->table, wrong, c->last, route);
    b->m->after[c->last] = route;
    c->last = route;
}

static void place_exact(struct builder *b, const struct route *r, struct complaints *wrong)
{
    struct group *g = &b->m->groups[group_of(b->m, r)];
    uint32_t i = (uint32_t)r->index;
    uint32_t first = lookup_put(&g->exact, span_str(r->config->match.path), i);
    b->chains[i] = (struct chain){i, i};
    if (first != LOOKUP_NONE)
        join(b, first, i, wrong);
}

/* In the order of their weight, so that those of one prefix follow each other. */
static void place_prefix(struct builder *b, const struct route *r, struct complaints *wrong)
{
    uint32_t group = group_of(b->m, r);
    struct span text = span_str(r->config->match.prefix);
    uint32_t i = (uint32_t)r->index;
    size_t n = b->nprefixes[group];
    b->chains[i] = (struct chain){i, i};
    if (n > 0 && span_eq(b->prefixes[group][n - 1].text, text)) {
        join(b, b->prefixes[group][n - 1].route, i, wrong);
        return;
    }
    b->prefixes[group][n] = (struct prefix){text, i, LOOKUP_NONE};
    b->nprefixes[group]++;
}

static enum err plant(struct builder *b)
{
    for (size_t g = 0; g < b->ngroups; g++) {
        struct prefix *list = b->prefixes[g];
        TRY(prefixes_new(&b->m->arena, list, b->nprefixes[g], &b->m->groups[g].prefixes));
        for (size_t i = 0; i < b->nprefixes[g]; i++)
            b->m->after[b->chains[list[i].route].last] = list[i].shorter;
    }
    return ERR_OK;
}

static enum err index_names(struct matcher *m, const struct route_table *t)
{
    TRY(lookup_new(&m->arena, t->nroutes, &m->names));
    for (size_t i = 0; i < t->nroutes; i++)
        (void)lookup_put(&m->names, span_str(t->routes[i].config->name), (uint32_t)i);
    return ERR_OK;
}

static enum err build(struct builder *b, struct complaints *wrong)
{
    size_t before = wrong->n + wrong->dropped;
    TRY(index_names(b->m, b->table));
    TRY(find_hosts(b));
    TRY(make_room(b));
    TRY(route_order(b->table, &b->order));
    memset(b->nprefixes, 0, b->ngroups * sizeof(*b->nprefixes));
    for (size_t i = 0; i < b->table->nroutes; i++) {
        if (b->order[i]->config->match.path != NULL)
            place_exact(b, b->order[i], wrong);
        else
            place_prefix(b, b->order[i], wrong);
    }
    return wrong->n + wrong->dropped > before ? ERR_CONFIG : plant(b);
}

enum err matcher_build(struct route_table *t, struct complaints *wrong)
{
    struct builder b = {.table = t, .m = t->matcher};
    enum err e = build(&b, wrong);
    free(b.order);
    return e;
}

/* --- matching --- */

/* "Example.COM.:8080" -> "example.com". False: longer than any name. */
static bool bare_host(struct span host, char out[HOST_MAX], struct span *bare)
{
    size_t end = span_find(host, host.n > 0 && host.p[0] == '[' ? ']' : ':');
    if (host.n > 0 && host.p[0] == '[' && end < host.n)
        end++; /* the bracket belongs to it */
    if (end > 1 && host.p[end - 1] == '.')
        end--;
    if (end > HOST_MAX)
        return false;
    for (size_t i = 0; i < end; i++)
        out[i] = byte_lower(host.p[i]);
    *bare = span_of(out, end);
    return true;
}

static const struct route *ask(const struct route_table *t, uint32_t i, const struct route_query *q,
                               const struct match_visit *visit)
{
    while (i != LOOKUP_NONE) {
        const struct route *r = &t->routes[i];
        if (LIKELY(r->conditions == NULL) || conditions_hold(r->conditions, q))
            return r;
        if (visit != NULL)
            visit->passed(visit->arg, r);
        i = t->matcher->after[i];
    }
    return NULL;
}

static const struct route *match_in(const struct route_table *t, uint32_t group,
                                    const struct route_query *q, const struct match_visit *visit)
{
    const struct group *g = &t->matcher->groups[group];
    const struct route *r = ask(t, lookup_get(&g->exact, q->path), q, visit);
    return r != NULL ? r : ask(t, prefixes_find(&g->prefixes, q->path), q, visit);
}

/* "a.b.example" is taken by "*.b.example" before "*.example". */
static const struct route *match_wildcards(const struct route_table *t, struct span host,
                                           const struct route_query *q,
                                           const struct match_visit *visit)
{
    const struct route *r = NULL;
    for (size_t dot = 1; r == NULL && dot < host.n; dot++) {
        if (host.p[dot] != '.')
            continue;
        uint32_t group = lookup_get(&t->matcher->hosts, span_from(host, dot));
        if (group != LOOKUP_NONE)
            r = match_in(t, group, q, visit);
    }
    return r;
}

const struct route *match_walk(const struct route_table *t, const struct route_query *q,
                               const struct match_visit *visit)
{
    const struct matcher *m = t->matcher;
    const struct route *r = NULL;
    char lower[HOST_MAX];
    struct span bare;
    if (m->hosts.slots != NULL && bare_host(q->host, lower, &bare)) {
        uint32_t group = lookup_get(&m->hosts, bare);
        if (group != LOOKUP_NONE && bare.p[0] != '.') /* no request may name a wildcard's tail */
            r = match_in(t, group, q, visit);
        if (r == NULL && m->wildcards)
            r = match_wildcards(t, bare, q, visit);
    }
    return r != NULL ? r : match_in(t, 0, q, visit);
}

const struct route *route_match(const struct route_table *t, const struct route_query *q)
{
    return match_walk(t, q, NULL);
}

const struct route *route_find(const struct route_table *t, const char *name)
{
    uint32_t i = lookup_get(&t->matcher->names, span_str(name));
    return i == LOOKUP_NONE ? NULL : &t->routes[i];
}
