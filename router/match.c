/* From host and path to a route: a hash over the hosts that are named, and for each host, as for
 * routes without one, a hash over exact paths and a tree over prefixes. */
#include "router/room.h"

enum { HOST_MAX = 255 };

/* --- building --- */

/* The routes of one group, gathered before the group can be built. */
struct gathered {
    size_t nexact;
    size_t nprefixes;
    struct prefix *prefixes;
};

static struct span host_of(const struct route *r)
{
    return r->config->match.host == NULL ? SPAN_NULL : span_str(r->config->match.host);
}

static uint32_t group_of(const struct matcher *m, const struct route *r)
{
    struct span host = host_of(r);
    return host.n == 0 ? 0 : lookup_get(&m->hosts, host);
}

/* Numbers the hosts; returns how many groups there are. */
static enum err find_hosts(struct matcher *m, const struct route_table *t, size_t *ngroups)
{
    size_t named = 0;
    for (size_t i = 0; i < t->nroutes; i++)
        named += host_of(&t->routes[i]).n > 0;
    TRY(lookup_new(&m->arena, named, &m->hosts));
    *ngroups = 1;
    for (size_t i = 0; i < t->nroutes; i++) {
        struct span host = host_of(&t->routes[i]);
        if (host.n > 0 && lookup_put(&m->hosts, host, (uint32_t)*ngroups) == LOOKUP_NONE)
            (*ngroups)++;
    }
    return ERR_OK;
}

static void complain_same(const struct route_table *t, struct complaints *wrong, size_t a, size_t b)
{
    struct buf where = BUF_INIT(0);
    size_t later = a > b ? a : b;
    size_t first = a > b ? b : a;
    if (buf_printf(&where, "%s: $.routes[%zu].match", t->config->file, later) != ERR_OK) {
        wrong->dropped++;
        return;
    }
    complain(wrong, where.p, "remove one of them, or tell them apart by host, path or prefix",
             "is the same as that of $.routes[%zu]", first);
    buf_free(&where);
}

static enum err gather(struct matcher *m, const struct route_table *t, struct gathered *g,
                       size_t ngroups)
{
    for (size_t i = 0; i < t->nroutes; i++) {
        struct gathered *mine = &g[group_of(m, &t->routes[i])];
        if (t->routes[i].config->match.path != NULL)
            mine->nexact++;
        else
            mine->nprefixes++;
    }
    for (size_t i = 0; i < ngroups; i++) {
        g[i].prefixes = arena_alloc(&m->arena, (g[i].nprefixes + 1) * sizeof(*g[i].prefixes));
        if (g[i].prefixes == NULL)
            return ERR_NO_MEMORY;
        g[i].nprefixes = 0;
        TRY(lookup_new(&m->arena, g[i].nexact, &m->groups[i].exact));
    }
    return ERR_OK;
}

static void place(struct matcher *m, const struct route_table *t, struct gathered *g,
                  struct complaints *wrong)
{
    for (size_t i = 0; i < t->nroutes; i++) {
        const struct config_match *match = &t->routes[i].config->match;
        uint32_t group = group_of(m, &t->routes[i]);
        if (match->path == NULL) {
            g[group].prefixes[g[group].nprefixes++] =
                (struct prefix){span_str(match->prefix), (uint32_t)i};
            continue;
        }
        uint32_t other = lookup_put(&m->groups[group].exact, span_str(match->path), (uint32_t)i);
        if (other != LOOKUP_NONE)
            complain_same(t, wrong, i, other);
    }
}

/* The same prefix twice: found by a hash of its own, since the tree wants them distinct. */
static enum err check_prefixes(struct matcher *m, const struct route_table *t,
                               const struct gathered *g, struct complaints *wrong)
{
    struct lookup seen;
    TRY(lookup_new(&m->arena, g->nprefixes, &seen));
    for (size_t i = 0; i < g->nprefixes; i++) {
        uint32_t other = lookup_put(&seen, g->prefixes[i].text, g->prefixes[i].route);
        if (other != LOOKUP_NONE)
            complain_same(t, wrong, g->prefixes[i].route, other);
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

enum err matcher_build(struct route_table *t, struct complaints *wrong)
{
    struct matcher *m = t->matcher;
    size_t before = wrong->n + wrong->dropped;
    size_t ngroups;
    TRY(index_names(m, t));
    TRY(find_hosts(m, t, &ngroups));
    struct gathered *g = arena_zalloc(&m->arena, ngroups * sizeof(*g));
    m->groups = arena_zalloc(&m->arena, ngroups * sizeof(*m->groups));
    if (g == NULL || m->groups == NULL)
        return ERR_NO_MEMORY;
    TRY(gather(m, t, g, ngroups));
    place(m, t, g, wrong);
    for (size_t i = 0; i < ngroups; i++)
        TRY(check_prefixes(m, t, &g[i], wrong));
    if (wrong->n + wrong->dropped > before)
        return ERR_CONFIG;
    for (size_t i = 0; i < ngroups; i++)
        TRY(prefixes_new(&m->arena, g[i].prefixes, g[i].nprefixes, &m->groups[i].prefixes));
    return ERR_OK;
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

static uint32_t match_in(const struct group *g, struct span path)
{
    uint32_t route = lookup_get(&g->exact, path);
    return route != LOOKUP_NONE ? route : prefixes_find(&g->prefixes, path);
}

const struct route *route_match(const struct route_table *t, struct span host, struct span path)
{
    const struct matcher *m = t->matcher;
    uint32_t route = LOOKUP_NONE;
    char lower[HOST_MAX];
    struct span bare;
    if (m->hosts.slots != NULL && bare_host(host, lower, &bare)) {
        uint32_t group = lookup_get(&m->hosts, bare);
        if (group != LOOKUP_NONE)
            route = match_in(&m->groups[group], path);
    }
    if (route == LOOKUP_NONE)
        route = match_in(&m->groups[0], path);
    return route == LOOKUP_NONE ? NULL : &t->routes[route];
}

const struct route *route_find(const struct route_table *t, const char *name)
{
    uint32_t i = lookup_get(&t->matcher->names, span_str(name));
    return i == LOOKUP_NONE ? NULL : &t->routes[i];
}
