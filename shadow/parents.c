/* Paths are followed as records write them. Where documents are equal byte by byte they were not
 * parsed; it is made good here, but only where an endpoint has parents below the root. */
#include "shadow/parents.h"

#include "shadow/mix.h"

#include <stdlib.h>

enum { INDEX = 2 * PARENTS_ENDPOINTS };

enum err parents_begin(struct parents *p, struct findings *f)
{
    memset(p, 0, sizeof(*p));
    p->findings = f;
    pthread_mutex_init(&p->lock, NULL);
    p->shared.endpoints = calloc(INDEX, sizeof(*p->shared.endpoints));
    if (p->shared.endpoints != NULL)
        return ERR_OK;
    pthread_mutex_destroy(&p->lock);
    return ERR_NO_MEMORY;
}

void parents_end(struct parents *p)
{
    for (size_t i = 0; i < INDEX; i++) {
        free(p->shared.endpoints[i].route);
        for (size_t k = 0; k < p->shared.endpoints[i].n; k++)
            free(p->shared.endpoints[i].paths[k]);
    }
    free(p->shared.endpoints);
    pthread_mutex_destroy(&p->lock);
    memset(p, 0, sizeof(*p));
}

/* --- paths --- */

/* The first segment of a path without its $. False: there is none that can be followed. */
static bool cut_segment(struct span *rest, struct span *segment)
{
    size_t n = 1;
    if (rest->n < 2)
        return false;
    if (rest->p[0] == '.') {
        while (n < rest->n && rest->p[n] != '.' && rest->p[n] != '[' && rest->p[n] != '{')
            n++;
    } else {
        struct span end = rest->p[0] == '{'   ? SPAN("}")
                          : rest->p[1] == '"' ? SPAN("\"]")
                                              : SPAN("]");
        n = 1 + (end.n - 1);
        while (n < rest->n && !span_has_suffix(span_until(*rest, n + 1), end))
            n++;
        if (n == rest->n)
            return false;
        n++;
    }
    *segment = span_until(*rest, n);
    *rest = span_from(*rest, n);
    return segment->n > 1 && memchr(segment->p, '\\', segment->n) == NULL &&
           memchr(segment->p, '~', segment->n) == NULL; /* escaped or cut */
}

bool parent_of(struct span path, struct span *parent)
{
    struct span rest, segment = SPAN_NULL;
    if (path.n < 3 || path.p[0] != '$')
        return false;
    for (rest = span_from(path, 1); rest.n > 0;)
        if (!cut_segment(&rest, &segment))
            return false;
    *parent = span_until(path, path.n - segment.n);
    return true;
}

static bool exists(const struct jdoc *d, uint32_t node, struct span rest);

static bool exists_in_some(const struct jdoc *d, uint32_t node, struct span rest)
{
    bool object = d->nodes[node].kind == JDOC_OBJECT;
    for (uint32_t i = node + 1; i < d->nodes[node].next; i = d->nodes[i].next) {
        if (object)
            i++; /* a member is its key and its value */
        if (exists(d, i, rest))
            return true;
    }
    return false;
}

static bool exists(const struct jdoc *d, uint32_t node, struct span rest)
{
    struct span s;
    uint8_t kind = d->nodes[node].kind;
    if (rest.n == 0)
        return kind == JDOC_OBJECT || kind == JDOC_ARRAY;
    if (!cut_segment(&rest, &s))
        return true;
    bool quoted = s.n > 4 && s.p[1] == '"';
    if (s.p[0] == '{')
        return kind == JDOC_OBJECT && exists_in_some(d, node, rest);
    if (s.p[0] == '[' && !quoted)
        return kind == JDOC_ARRAY && exists_in_some(d, node, rest);
    struct span key = quoted ? span_of(s.p + 2, s.n - 4) : span_from(s, 1);
    uint32_t member = jdoc_member(d, node, key);
    return member != JDOC_NONE && exists(d, member, rest);
}

bool parent_exists(const struct jdoc *d, struct span path)
{
    return exists(d, 0, span_from(path, 1));
}

/* --- the table --- */

static uint64_t key_of(struct span route, const struct endpoint *name)
{
    return endpoint_hash(mix_bytes(5, route), name) | 1;
}

static struct parents_endpoint *slot_of(struct parents_endpoint *list, uint64_t key)
{
    size_t at = key & (INDEX - 1);
    while (list[at].key != 0 && list[at].key != key)
        at = (at + 1) & (INDEX - 1);
    return &list[at];
}

/* NULL: no room, or no memory. */
static struct parents_endpoint *make(struct parents *p, struct span route,
                                     const struct endpoint *name)
{
    uint64_t key = key_of(route, name);
    struct parents_endpoint *e = slot_of(p->shared.endpoints, key);
    if (e->key == key)
        return e;
    char *copy = p->shared.n == PARENTS_ENDPOINTS ? NULL : strndup(route.p, route.n);
    if (copy == NULL)
        return NULL;
    p->shared.n++;
    *e = (struct parents_endpoint){.key = key, .route = copy, .name = *name};
    return e;
}

static bool has_path(const struct parents_endpoint *e, struct span path)
{
    for (size_t i = 0; i < e->n; i++)
        if (span_eq(span_str(e->paths[i]), path))
            return true;
    return false;
}

static void note(struct parents_endpoint *e, struct span path)
{
    if (e->n == PARENTS_MAX || has_path(e, path))
        return;
    char *copy = strndup(path.p, path.n);
    if (copy != NULL)
        e->paths[e->n++] = copy;
}

/* --- names that change --- */

/* Takes what `from` has into the list, under the name it has now. */
static void move(struct parents *p, struct parents_endpoint *list, struct parents_endpoint *from)
{
    struct endpoint name;
    (void)findings_name(p->findings, span_str(from->route), &from->name, &name);
    uint64_t key = key_of(span_str(from->route), &name);
    struct parents_endpoint *to = slot_of(list, key);
    if (to->key == 0) {
        *to = *from;
        to->key = key;
        to->name = name;
        return;
    }
    p->shared.n--;
    free(from->route);
    for (size_t i = 0; i < from->n; i++) {
        if (to->n < PARENTS_MAX && !has_path(to, span_str(from->paths[i])))
            to->paths[to->n++] = from->paths[i];
        else
            free(from->paths[i]);
    }
}

/* Without memory the next look tries again. */
static void follow(struct parents *p, uint64_t folds)
{
    struct parents_endpoint *old = p->shared.endpoints, *list;
    if (p->shared.folds == folds || (list = calloc(INDEX, sizeof(*list))) == NULL)
        return;
    for (size_t i = 0; i < INDEX; i++)
        if (old[i].key != 0)
            move(p, list, &old[i]);
    p->shared.endpoints = list;
    p->shared.folds = folds;
    free(old);
}

/* Copies of the known parents, in the pair. */
static size_t known(struct parents *p, struct shadow_pair *pair, const struct endpoint *endpoint,
                    const char *out[PARENTS_MAX])
{
    struct span route = span_str(pair->rules->route);
    struct endpoint name;
    size_t n = 0;
    pthread_mutex_lock(&p->lock);
    follow(p, findings_name(p->findings, route, endpoint, &name));
    const struct parents_endpoint *e = slot_of(p->shared.endpoints, key_of(route, &name));
    while (n < e->n && (out[n] = arena_copy(&pair->arena, span_str(e->paths[n]))) != NULL)
        n++;
    pthread_mutex_unlock(&p->lock);
    return n;
}

static void learn(struct parents *p, const struct shadow_pair *pair,
                  const struct endpoint *endpoint, const struct comparison *c)
{
    struct span parent, route = span_str(pair->rules->route);
    struct endpoint name;
    pthread_mutex_lock(&p->lock);
    follow(p, findings_name(p->findings, route, endpoint, &name));
    for (size_t i = 0; i < c->nfindings; i++) {
        if (!parent_of(c->findings[i].path, &parent))
            continue;
        struct parents_endpoint *e = make(p, route, &name);
        if (e != NULL)
            note(e, parent);
    }
    pthread_mutex_unlock(&p->lock);
}

/* --- looking --- */

static bool is_root(const char *path)
{
    return path[1] == '\0';
}

static bool in_both(const struct jdoc *docs[2], const char *path)
{
    return parent_exists(docs[0], span_str(path)) &&
           (docs[1] == docs[0] || parent_exists(docs[1], span_str(path)));
}

void parents_look(struct parents *p, struct comparer *c, struct shadow_pair *pair,
                  const struct endpoint *endpoint, struct comparison *result)
{
    const char *paths[PARENTS_MAX];
    const struct jdoc *docs[2];
    size_t n = known(p, pair, endpoint, paths);
    bool deep = n > 1 || (n == 1 && !is_root(paths[0]));
    bool json = n > 0 && compare_is_json(pair, result);
    if (json && deep && !compare_docs(c, pair, result, docs))
        n = 0; /* nobody knows */
    for (size_t i = 0; i < n; i++)
        if (!json || (!is_root(paths[i]) && !in_both(docs, paths[i])))
            result->absent[result->nabsent++] = paths[i];
    if (result->nfindings > 0)
        learn(p, pair, endpoint, result);
}
