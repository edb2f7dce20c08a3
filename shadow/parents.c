/* Paths are followed as records write them. Where documents are equal byte by byte they were not
 * parsed; it is made good here, but only where an endpoint has parents below the root. */
#include "shadow/parents.h"

#include "shadow/mix.h"

#include <stdlib.h>

enum { INDEX = 2 * PARENTS_ENDPOINTS };

enum err parents_begin(struct parents *p)
{
    memset(p, 0, sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    p->shared.endpoints = calloc(INDEX, sizeof(*p->shared.endpoints));
    if (p->shared.endpoints != NULL)
        return ERR_OK;
    pthread_mutex_destroy(&p->lock);
    return ERR_NO_MEMORY;
}

void parents_end(struct parents *p)
{
    for (size_t i = 0; i < INDEX; i++)
        for (size_t k = 0; k < p->shared.endpoints[i].n; k++)
            free(p->shared.endpoints[i].paths[k]);
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

static uint64_t key_of(const struct shadow_pair *pair, const struct endpoint *endpoint)
{
    return endpoint_hash(mix_bytes(5, span_str(pair->rules->route)), endpoint) | 1;
}

/* NULL: not there, and no room or not to be made. */
static struct parents_endpoint *find(struct parents *p, uint64_t key, bool make)
{
    size_t at = key & (INDEX - 1);
    while (p->shared.endpoints[at].key != 0 && p->shared.endpoints[at].key != key)
        at = (at + 1) & (INDEX - 1);
    struct parents_endpoint *e = &p->shared.endpoints[at];
    if (e->key == key)
        return e;
    if (!make || p->shared.n == PARENTS_ENDPOINTS)
        return NULL;
    p->shared.n++;
    e->key = key;
    return e;
}

static void note(struct parents_endpoint *e, struct span path)
{
    for (size_t i = 0; i < e->n; i++)
        if (span_eq(span_str(e->paths[i]), path))
            return;
    if (e->n == PARENTS_MAX)
        return;
    char *copy = strndup(path.p, path.n);
    if (copy != NULL)
        e->paths[e->n++] = copy;
}

static size_t known(struct parents *p, uint64_t key, const char *out[PARENTS_MAX])
{
    size_t n = 0;
    pthread_mutex_lock(&p->lock);
    const struct parents_endpoint *e = find(p, key, false);
    if (e != NULL)
        for (; n < e->n; n++)
            out[n] = e->paths[n];
    pthread_mutex_unlock(&p->lock);
    return n;
}

static void learn(struct parents *p, uint64_t key, const struct comparison *c)
{
    struct span parent;
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < c->nfindings; i++) {
        if (!parent_of(c->findings[i].path, &parent))
            continue;
        struct parents_endpoint *e = find(p, key, true);
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

void parents_look(struct parents *p, struct comparer *c, const struct shadow_pair *pair,
                  const struct endpoint *endpoint, struct comparison *result)
{
    const char *paths[PARENTS_MAX];
    const struct jdoc *docs[2];
    uint64_t key = key_of(pair, endpoint);
    size_t n = known(p, key, paths);
    bool deep = n > 1 || (n == 1 && !is_root(paths[0]));
    bool json = n > 0 && compare_is_json(pair, result);
    if (json && deep && !compare_docs(c, pair, result, docs))
        n = 0; /* nobody knows */
    for (size_t i = 0; i < n; i++)
        if (!json || (!is_root(paths[i]) && !in_both(docs, paths[i])))
            result->absent[result->nabsent++] = paths[i];
    if (result->nfindings > 0)
        learn(p, key, result);
}
