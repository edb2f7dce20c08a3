/* Which of two routes is the more specific one. The matcher is built in this order, so what it
 * shows is what it does. */
#include "router/room.h"

#include <stdlib.h>

static int by_number(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

/* Exact names, then wildcards, then none. */
static size_t host_rank(const char *host)
{
    return host == NULL ? 2 : host[0] == '*';
}

static int by_host(const char *a, const char *b)
{
    int c = by_number(host_rank(a), host_rank(b));
    if (c != 0 || a == NULL)
        return c;
    if (a[0] == '*')
        c = by_number(strlen(b), strlen(a));
    return c != 0 ? c : strcmp(a, b);
}

static int by_path(const struct config_match *a, const struct config_match *b)
{
    if ((a->path != NULL) != (b->path != NULL))
        return a->path != NULL ? -1 : 1;
    if (a->path != NULL)
        return strcmp(a->path, b->path);
    int c = by_number(strlen(b->prefix), strlen(a->prefix));
    return c != 0 ? c : strcmp(a->prefix, b->prefix);
}

static size_t weight_of(const struct route *r)
{
    return r->conditions == NULL ? 0 : r->conditions->weight;
}

static int by_specificity(const void *a, const void *b)
{
    const struct route *const *x = a;
    const struct route *const *y = b;
    const struct config_match *p = &(*x)->config->match;
    const struct config_match *q = &(*y)->config->match;
    int c = by_host(p->host, q->host);
    if (c == 0)
        c = by_path(p, q);
    if (c == 0)
        c = by_number(weight_of(*y), weight_of(*x));
    return c != 0 ? c : by_number((*x)->index, (*y)->index);
}

enum err route_order(const struct route_table *t, const struct route ***out)
{
    const struct route **list = calloc(t->nroutes + 1, sizeof(*list));
    *out = list;
    if (list == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < t->nroutes; i++)
        list[i] = &t->routes[i];
    qsort(list, t->nroutes, sizeof(*list), by_specificity);
    return ERR_OK;
}
