/* Views and pools: which servers there are now. A pool outlives a reload when its server does, with
 * its connections. */
#include "proxy/pool.h"

#include "proxy/fallback.h"

#include "base/log.h"

#include <limits.h>
#include <stdlib.h>

/* --- pools --- */

static struct pool **bucket_of(struct worker *w, const char *identity)
{
    return &w->pools[bytes_hash(identity, 0) % POOL_BUCKETS];
}

static struct pool *pool_find(struct worker *w, const char *identity, enum pool_kind kind)
{
    for (struct pool *p = *bucket_of(w, identity); p != NULL; p = p->next)
        if (p->kind == kind && strcmp(p->identity, identity) == 0)
            return p;
    return NULL;
}

static void pool_free(struct pool *p)
{
    tls_ctx_release(&p->tls);
    tls_sessions_free(&p->sessions);
    free(p->identity);
    free(p->server);
    free(p->host);
    free(p->backend);
    free(p->gate);
    p->magic = 0;
    free(p);
}

static struct pool *pool_make(struct worker *w, char *identity, enum pool_kind kind,
                              const struct plane_backend *b, const struct plane_server *s)
{
    struct pool *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        free(identity);
        return NULL;
    }
    OBJ_INIT(p, POOL_MAGIC);
    p->worker = w;
    p->kind = kind;
    p->identity = identity;
    p->server = strdup(s->name);
    p->host = strdup(b->config->tls != NULL && b->config->tls->server_name != NULL
                         ? b->config->tls->server_name
                         : s->host);
    p->backend = strdup(b->config->name);
    p->gate = calloc(1, sizeof(*p->gate));
    bool bare = b->tls != NULL && tls_sessions_new(&p->sessions) != ERR_OK;
    if (p->server == NULL || p->host == NULL || p->backend == NULL || p->gate == NULL || bare) {
        pool_free(p);
        return NULL;
    }
    p->protocol = b->config->protocol;
    p->h2 = p->protocol != BACKEND_HTTP1;
    p->streams = UINT_MAX;
    p->proxy_protocol = b->config->proxy_protocol;
    p->connections = b->connections;
    p->connections_open = b->connections_open;
    memcpy(p->handshakes, b->handshakes, sizeof(p->handshakes));
    struct pool **first = bucket_of(w, identity);
    p->next = *first;
    *first = p;
    return p;
}

static void readdress(struct pool *p, const struct address *list, size_t n)
{
    memcpy(p->addresses, list, n * sizeof(*list));
    p->naddresses = n;
    p->address %= n;
    p->addressed++;
    back_close_strays(p);
}

void pools_readdress(struct worker *w, const char *server, const struct address *list, size_t n)
{
    for (size_t i = 0; i < POOL_BUCKETS; i++)
        for (struct pool *p = w->pools[i]; p != NULL; p = p->next)
            if (strcmp(p->server, server) == 0)
                readdress(p, list, n);
}

/* What a reload may have changed under the same identity. */
static void pool_update(struct pool *p, const struct plane_backend *b, const struct plane_server *s)
{
    struct tls_ctx *old = p->tls;
    if (b->tls != NULL) {
        tls_ctx_hold(b->tls);
        tls_sessions_forget(p->sessions);
    }
    p->tls = b->tls;
    tls_ctx_release(&old);
    if (s->naddresses > 0) /* a name that resolves no more keeps its last addresses */
        readdress(p, s->addresses, s->naddresses);
}

static struct pool *pool_take(struct worker *w, enum pool_kind kind, const struct plane_backend *b,
                              const struct plane_server *s)
{
    struct buf id = BUF_INIT(0);
    if (buf_printf(&id, "%s %s", b->identity, s->name) != ERR_OK) {
        buf_free(&id);
        return NULL;
    }
    struct pool *p = pool_find(w, id.p, kind);
    if (p != NULL)
        buf_free(&id);
    else
        p = pool_make(w, id.p, kind, b, s);
    if (p == NULL)
        return NULL;
    pool_update(p, b, s);
    p->users++;
    return p;
}

void pool_left(struct pool *p)
{
    if (p->users > 0 || p->nobjects > 0)
        return;
    struct pool **at = bucket_of(p->worker, p->identity);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    pool_free(p);
}

static void pool_give(struct pool *p)
{
    BUG_IF(p->users == 0);
    p->users--;
    if (p->users == 0)
        back_close_idle(p);
    pool_left(p);
}

/* --- views --- */

static void view_free(struct view *v)
{
    size_t n = v->first == NULL ? 0 : v->first[v->plane->config->nbackends];
    for (size_t i = 0; i < n; i++) {
        if (v->serve != NULL && v->serve[i] != NULL)
            pool_give(v->serve[i]);
        if (v->mirror != NULL && v->mirror[i] != NULL)
            pool_give(v->mirror[i]);
    }
    free(v->serve);
    free(v->mirror);
    free(v->first);
    free(v->turn);
    free(v->budgets);
    free(v);
}

static bool view_fill(struct worker *w, struct view *v)
{
    const struct plane *p = v->plane;
    size_t n = 0;
    v->first = calloc(p->config->nbackends + 1, sizeof(*v->first));
    v->turn = calloc(p->config->nbackends, sizeof(*v->turn));
    v->budgets = calloc(p->config->nroutes, sizeof(*v->budgets));
    if (v->first == NULL || v->turn == NULL || v->budgets == NULL)
        return false;
    for (size_t b = 0; b < p->config->nbackends; b++)
        n += p->backends[b].nservers;
    v->serve = calloc(n, sizeof(*v->serve));
    v->mirror = calloc(n, sizeof(*v->mirror));
    if (v->serve == NULL || v->mirror == NULL)
        return false;
    n = 0;
    for (size_t b = 0; b < p->config->nbackends; b++) {
        v->first[b] = n;
        v->turn[b] = w->index; /* workers do not all begin with the same server */
        for (size_t s = 0; s < p->backends[b].nservers; s++, n++) {
            v->serve[n] = pool_take(w, POOL_SERVE, &p->backends[b], &p->backends[b].servers[s]);
            v->mirror[n] = pool_take(w, POOL_MIRROR, &p->backends[b], &p->backends[b].servers[s]);
            v->first[b + 1] = n + 1;
            if (v->serve[n] == NULL || v->mirror[n] == NULL)
                return false;
        }
    }
    return true;
}

struct view *view_new(struct worker *w, const struct plane *p, const struct view *old)
{
    if (old != NULL && old->plane == p) { /* only weights changed */
        struct view *same = (struct view *)(uintptr_t)old;
        same->users++;
        return same;
    }
    struct view *v = calloc(1, sizeof(*v));
    if (v == NULL)
        return NULL;
    v->plane = p;
    v->users = 1;
    if (!view_fill(w, v)) {
        view_free(v);
        return NULL;
    }
    return v;
}

void view_release(struct worker *w, struct view **vp)
{
    struct view *v = *vp;
    UNUSED(w);
    *vp = NULL;
    if (v == NULL || --v->users > 0)
        return;
    view_free(v);
}

void pools_trim(struct worker *w)
{
    for (size_t i = 0; i < POOL_BUCKETS; i++)
        for (struct pool *p = w->pools[i]; p != NULL; p = p->next)
            back_trim(p, w->limits.backend_idle);
}

void pools_free(struct worker *w)
{
    for (size_t i = 0; i < POOL_BUCKETS; i++)
        for (struct pool *p = w->pools[i], *next; p != NULL; p = next) {
            next = p->next;
            back_close_all(p);
            pool_left(p);
        }
}
