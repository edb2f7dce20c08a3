/* A growing list and an index over it; entries are never removed. */
#include "shadow/findings.h"

#include "shadow/jwrite.h"
#include "shadow/mix.h"

#include <stdlib.h>

enum { INDEX_SIZE = 32768 };

_Static_assert(FINDINGS_MAX <= INDEX_SIZE / 2, "the index is at most half full");

static const char other_routes[] = "~other";

enum err findings_begin(struct findings *f)
{
    memset(f, 0, sizeof(*f));
    pthread_mutex_init(&f->lock, NULL);
    f->shared.index = calloc(INDEX_SIZE, sizeof(*f->shared.index));
    f->shared.routes = calloc(FINDINGS_ROUTES_MAX + 1, sizeof(*f->shared.routes));
    if (f->shared.index != NULL && f->shared.routes != NULL)
        return ERR_OK;
    findings_end(f);
    return ERR_NO_MEMORY;
}

void findings_end(struct findings *f)
{
    for (size_t i = 0; i < f->shared.n; i++)
        free(f->shared.entries[i].text);
    for (size_t i = 0; i < f->shared.nroutes; i++)
        free(f->shared.routes[i].name);
    free(f->shared.entries);
    free(f->shared.index);
    free(f->shared.routes);
    pthread_mutex_destroy(&f->lock);
    memset(f, 0, sizeof(*f));
}

/* --- under the lock --- */

static bool route_of(struct findings *f, const char *name, uint32_t *out)
{
    if (f->shared.nroutes >= FINDINGS_ROUTES_MAX)
        name = other_routes;
    for (uint32_t i = 0; i < f->shared.nroutes; i++) {
        if (strcmp(f->shared.routes[i].name, name) == 0) {
            *out = i;
            return true;
        }
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return false;
    *out = (uint32_t)f->shared.nroutes++;
    f->shared.routes[*out].name = copy;
    return true;
}

static bool same_entry(const struct findings_entry *e, uint64_t key, struct span endpoint,
                       struct span path)
{
    return e->key == key && span_eq(span_str(e->text), endpoint) &&
           span_eq(span_str(e->text + endpoint.n + 1), path);
}

static char *join(struct span a, struct span b)
{
    char *p = malloc(a.n + b.n + 2);
    if (p == NULL)
        return NULL;
    memcpy(p, a.p, a.n);
    p[a.n] = '\0';
    memcpy(p + a.n + 1, b.p, b.n);
    p[a.n + 1 + b.n] = '\0';
    return p;
}

static struct findings_entry *entry_new(struct findings *f, uint64_t key, struct span endpoint,
                                        struct span path)
{
    if (f->shared.n == FINDINGS_MAX)
        return NULL;
    if (f->shared.n == f->shared.cap) {
        size_t cap = f->shared.cap == 0 ? 64 : f->shared.cap * 2;
        struct findings_entry *p = realloc(f->shared.entries, cap * sizeof(*p));
        if (p == NULL)
            return NULL;
        f->shared.entries = p;
        f->shared.cap = cap;
    }
    char *text = join(endpoint, path);
    if (text == NULL)
        return NULL;
    struct findings_entry *e = &f->shared.entries[f->shared.n++];
    *e = (struct findings_entry){.key = key, .text = text};
    return e;
}

static struct findings_entry *entry_of(struct findings *f, uint32_t route, struct span endpoint,
                                       const struct finding *x)
{
    uint64_t key = mix_bytes(mix_bytes(mix_two(route, (uint64_t)x->kind), endpoint), x->path);
    uint32_t at = (uint32_t)key & (INDEX_SIZE - 1);
    for (; f->shared.index[at] != 0; at = (at + 1) & (INDEX_SIZE - 1)) {
        struct findings_entry *e = &f->shared.entries[f->shared.index[at] - 1];
        if (same_entry(e, key, endpoint, x->path) && e->kind == x->kind && e->route == route)
            return e;
    }
    struct findings_entry *e = entry_new(f, key, endpoint, x->path);
    if (e == NULL)
        return NULL;
    e->route = route;
    e->kind = (uint8_t)x->kind;
    f->shared.index[at] = (uint32_t)f->shared.n;
    f->shared.routes[route].findings++;
    return e;
}

static void count(struct findings_entry *e, const struct shadow_pair *pair, const struct finding *x)
{
    e->first_ms = e->pairs == 0 ? pair->wall_ms : e->first_ms;
    e->last_ms = pair->wall_ms;
    e->pairs++;
    e->places += x->n;
    if (e->nexamples < FINDINGS_EXAMPLES)
        memcpy(e->examples[e->nexamples++], pair->id, sizeof(pair->id));
}

static void add_locked(struct findings *f, const struct shadow_pair *pair,
                       const struct endpoint *endpoint, const struct comparison *c)
{
    uint32_t route;
    if (!route_of(f, pair->rules->route, &route)) {
        f->shared.lost += c->nfindings;
        return;
    }
    f->shared.routes[route].verdicts[c->verdict]++;
    for (size_t i = 0; i < c->nfindings; i++) {
        struct span e = span_of(endpoint->text, endpoint->n);
        struct findings_entry *entry = entry_of(f, route, e, &c->findings[i]);
        if (entry != NULL)
            count(entry, pair, &c->findings[i]);
        else
            f->shared.lost++;
    }
}

void findings_add(struct findings *f, const struct shadow_pair *pair,
                  const struct endpoint *endpoint, const struct comparison *c)
{
    pthread_mutex_lock(&f->lock);
    add_locked(f, pair, endpoint, c);
    pthread_mutex_unlock(&f->lock);
}

/* --- looking --- */

static enum err summary_locked(const struct findings *f, struct buf *json)
{
    TRY(buf_printf(json, "\"findings\":%zu,\"lost\":%llu,\"routes\":{", f->shared.n,
                   (unsigned long long)f->shared.lost));
    for (size_t i = 0; i < f->shared.nroutes; i++) {
        const struct findings_route *r = &f->shared.routes[i];
        TRY(buf_append(json, i == 0 ? SPAN("") : SPAN(",")));
        TRY(jwrite_string(json, span_str(r->name)));
        TRY(buf_append(json, SPAN(":{")));
        for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++)
            TRY(buf_printf(json, "\"%s\":%llu,", verdict_word(k),
                           (unsigned long long)r->verdicts[k]));
        TRY(buf_printf(json, "\"findings\":%llu}", (unsigned long long)r->findings));
    }
    return buf_append(json, SPAN("}"));
}

enum err findings_summary(struct findings *f, struct buf *json)
{
    pthread_mutex_lock(&f->lock);
    enum err e = summary_locked(f, json);
    pthread_mutex_unlock(&f->lock);
    return e;
}
