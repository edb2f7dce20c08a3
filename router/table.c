/* The route table: what a configuration looks like to the deciding path. */
#include "router/room.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const size_t arena_max = (size_t)1 << 30;

void route_table_free(struct route_table **t)
{
    struct route_table *gone = *t;
    *t = NULL;
    if (gone == NULL)
        return;
    struct config *config = (struct config *)(uintptr_t)gone->config; /* ours since table_new */
    BUG_IF(gone->users != 0);
    if (gone->attachment_free != NULL && gone->attachment != NULL)
        gone->attachment_free(gone->attachment);
    for (size_t i = 0; gone->routes != NULL && i < gone->nroutes; i++) {
        conditions_free(&gone->routes[i]);
        rewrites_free(&gone->routes[i]);
    }
    if (gone->matcher != NULL)
        arena_end(&gone->matcher->arena);
    free(gone->matcher);
    config_free(&config);
    free(gone);
}

static enum err index_backends(const struct config *c, struct arena *a, struct lookup *out)
{
    TRY(lookup_new(a, c->nbackends, out));
    for (size_t i = 0; i < c->nbackends; i++)
        (void)lookup_put(out, span_str(c->backends[i].name), (uint32_t)i);
    return ERR_OK;
}

static enum err find_backend(const struct lookup *backends, const char *name, size_t *out)
{
    uint32_t i = name == NULL ? LOOKUP_NONE : lookup_get(backends, span_str(name));
    *out = i;
    return i == LOOKUP_NONE ? ERR_INVALID : ERR_OK;
}

void table_complain(const struct route_table *t, struct complaints *wrong, size_t route,
                    const char *key, const char *right, const char *fmt, ...)
{
    struct buf where = BUF_INIT(0);
    char what[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    if (buf_printf(&where, "%s: $.routes[%zu].%s", t->config->file, route, key) == ERR_OK)
        complain(wrong, where.p, right, "%s", what);
    else
        wrong->dropped++;
    buf_free(&where);
}

static enum err build(struct route_table *t, struct complaints *wrong)
{
    size_t before = wrong->n + wrong->dropped;
    const struct config *c = t->config;
    struct arena *a = &t->matcher->arena;
    struct lookup backends;
    TRY(split_keys(c->salt, t->key));
    TRY(index_backends(c, a, &backends));
    t->nroutes = c->nroutes;
    t->routes = arena_zalloc(a, (c->nroutes + 1) * sizeof(*t->routes));
    if (t->routes == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < c->nroutes; i++) {
        struct route *r = &t->routes[i];
        r->index = i;
        r->config = &c->routes[i];
        TRY(find_backend(&backends, r->config->legacy, &r->backends[SIDE_LEGACY]));
        TRY(find_backend(&backends, r->config->new_, &r->backends[SIDE_NEW]));
        TRY(sticky_build(r, a));
        TRY(cohort_key(t, r));
        TRY(users_build(t, r, wrong));
        TRY(conditions_new(t, r, wrong));
        TRY(rewrites_new(t, r, wrong));
    }
    TRY(matcher_build(t, wrong));
    return wrong->n + wrong->dropped > before ? ERR_CONFIG : ERR_OK;
}

enum err route_table_new(struct config *config, struct route_table **out, struct complaints *wrong)
{
    struct route_table *t = calloc(1, sizeof(*t));
    *out = NULL;
    if (t == NULL) {
        config_free(&config);
        return ERR_NO_MEMORY;
    }
    t->config = config;
    t->matcher = calloc(1, sizeof(*t->matcher));
    enum err e = ERR_NO_MEMORY;
    if (t->matcher != NULL) {
        arena_begin(&t->matcher->arena, arena_max);
        e = build(t, wrong);
    }
    if (e != ERR_OK)
        route_table_free(&t);
    *out = t;
    return e;
}
