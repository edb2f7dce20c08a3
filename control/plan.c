/* weir plan: what a new configuration would move, before anyone loads it. Two questions: which
 * share of a route's users changes sides, by arithmetic; and which of the requests in an access log
 * would have gone elsewhere, by asking both tables. */
#include "control/room.h"

#include <stdlib.h>

enum { RECORD_ARENA_MAX = 256 * 1024 };

/* Requests, as expected numbers: a request whose bucket is not known goes to new by its weight. */
struct moved {
    double requests;
    double to_new;
    double to_legacy;
    double elsewhere; /* the same side, another backend */
};

struct plan {
    const struct route_table *was;
    const struct route_table *is;
    struct moved *routes; /* by index in `is` */
    size_t lines;
    size_t unread;
    size_t unmatched; /* by the new table */
    size_t cut;       /* with values in the query that the log does not have */
    bool has_log;
};

enum err plan_new(const struct route_table *was, const struct route_table *is, struct plan **out)
{
    struct plan *p = calloc(1, sizeof(*p));
    *out = p;
    if (p == NULL)
        return ERR_NO_MEMORY;
    p->was = was;
    p->is = is;
    p->routes = calloc(is->nroutes + 1, sizeof(*p->routes));
    if (p->routes != NULL)
        return ERR_OK;
    plan_free(out);
    return ERR_NO_MEMORY;
}

void plan_free(struct plan **p)
{
    struct plan *gone = *p;
    *p = NULL;
    if (gone == NULL)
        return;
    free(gone->routes);
    free(gone);
}

/* --- what two routes have in common --- */

static bool same_names(const struct config_names *a, const struct config_names *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->list[i], b->list[i]) != 0)
            return false;
    return true;
}

/* Every user keeps the bucket. */
static bool same_buckets(const struct route *a, const struct route *b)
{
    return memcmp(a->key, b->key, sizeof(a->key)) == 0 &&
           same_names(&a->config->sticky, &b->config->sticky);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_conditions(const struct config_condition *a, size_t na,
                            const struct config_condition *b, size_t nb)
{
    if (na != nb)
        return false;
    for (size_t i = 0; i < na; i++)
        if (strcmp(a[i].name, b[i].name) != 0 || !same_text(a[i].value, b[i].value) ||
            !same_text(a[i].prefix, b[i].prefix) || !same_text(a[i].regex, b[i].regex))
            return false;
    return true;
}

static bool same_match(const struct config_match *a, const struct config_match *b)
{
    return same_text(a->host, b->host) && same_text(a->path, b->path) &&
           same_text(a->prefix, b->prefix) && same_text(a->regex, b->regex) &&
           same_names(&a->methods, &b->methods) &&
           same_conditions(a->headers, a->nheaders, b->headers, b->nheaders) &&
           same_conditions(a->cookies, a->ncookies, b->cookies, b->ncookies) &&
           same_conditions(a->query, a->nquery, b->query, b->nquery);
}

/* --- one line of an access log --- */

static struct span text_at(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? span_of(json_string_value(v), json_string_length(v)) : SPAN_NULL;
}

static double share_new(const struct route *r, const json_t *bucket, bool known)
{
    if (known && json_is_integer(bucket))
        return json_integer_value(bucket) < (json_int_t)r->config->new_weight ? 1 : 0;
    return r->config->new_weight / (double)WEIGHT_ALL;
}

static const char *backend_of(const struct route_table *t, const struct route *r, enum side s)
{
    return t->config->backends[r->backends[s]].name;
}

static void count(struct plan *p, const struct route *was, const struct route *is,
                  const json_t *bucket)
{
    struct moved *m = &p->routes[is->index];
    bool known = same_buckets(was, is);
    double before = share_new(was, bucket, known);
    double after = share_new(is, bucket, known);
    double stay[2];
    m->requests++;
    if (known && !json_is_integer(bucket)) { /* nobody moves both ways */
        m->to_new += after > before ? after - before : 0;
        m->to_legacy += before > after ? before - after : 0;
        stay[SIDE_NEW] = before < after ? before : after;
        stay[SIDE_LEGACY] = 1 - (before > after ? before : after);
    } else {
        m->to_new += (1 - before) * after;
        m->to_legacy += before * (1 - after);
        stay[SIDE_NEW] = before * after;
        stay[SIDE_LEGACY] = (1 - before) * (1 - after);
    }
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        if (strcmp(backend_of(p->was, was, s), backend_of(p->is, is, s)) != 0)
            m->elsewhere += stay[s];
}

static bool asks_queries(const struct route_table *t)
{
    for (size_t i = 0; i < t->nroutes; i++)
        if (t->routes[i].config->match.nquery > 0)
            return true;
    return false;
}

static bool is_cut(struct span target)
{
    return memmem(target.p, target.n, "<cut>", 5) != NULL;
}

static bool replay(struct plan *p, const json_t *line, struct arena *a)
{
    struct http_head head;
    struct route_query q = {.head = &head, .host = text_at(line, "host")};
    http_head_begin(&head, a, false);
    head.target = text_at(line, "target");
    head.method_name = text_at(line, "method");
    if (head.target.n == 0 || http_path_normalise(head.target, a, &q.path) != ERR_OK)
        return false;
    p->cut += is_cut(head.target);
    const struct route *was = route_match(p->was, &q);
    const struct route *is = route_match(p->is, &q);
    if (is == NULL)
        p->unmatched += was != NULL;
    else if (was == NULL)
        p->routes[is->index].requests++;
    else
        count(p, was, is, json_object_get(line, "bucket"));
    return true;
}

void plan_line(struct plan *p, struct span line)
{
    struct arena a;
    json_t *j = json_loadb(line.p == NULL ? "" : line.p, line.n, 0, NULL);
    arena_begin(&a, RECORD_ARENA_MAX);
    p->has_log = true;
    p->lines++;
    if (!json_is_object(j) || !replay(p, j, &a))
        p->unread++;
    arena_end(&a);
    json_decref(j);
}

/* --- saying --- */

static enum err say_backends(const struct plan *p, const struct route *was, const struct route *is,
                             struct buf *out)
{
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        const char *before = backend_of(p->was, was, s);
        const char *after = backend_of(p->is, is, s);
        if (strcmp(before, after) != 0)
            TRY(buf_printf(out, "; its %s side is %s instead of %s", side_word(s), after, before));
    }
    return ERR_OK;
}

static enum err say_users(const struct route *was, const struct route *is, struct buf *out)
{
    double before = was->config->new_weight / 100.0;
    double after = is->config->new_weight / 100.0;
    TRY(buf_printf(out, "%.10g %% -> %.10g %% on new", before, after));
    if (!same_buckets(was, is))
        return buf_printf(out,
                          "; salt, cohort or sticky changed, everyone is assigned anew: "
                          "%.4g %% of users move to new, %.4g %% to legacy",
                          (100 - before) * after / 100, before * (100 - after) / 100);
    if (before == after)
        return buf_append(out, SPAN("; nobody moves by weight"));
    return buf_printf(out, "; %.10g %% of users move to %s, nobody the other way",
                      after > before ? after - before : before - after,
                      after > before ? "new" : "legacy");
}

static bool same_lists(const struct config_route *a, const struct config_route *b)
{
    return same_names(&a->users[SIDE_LEGACY], &b->users[SIDE_LEGACY]) &&
           same_names(&a->users[SIDE_NEW], &b->users[SIDE_NEW]);
}

static enum err say_route(const struct plan *p, const struct route *is, struct buf *out)
{
    const struct route *was = route_find(p->was, is->config->name);
    TRY(buf_printf(out, "%s: ", is->config->name));
    if (was == NULL)
        return buf_printf(out, "added, %.10g %% on new\n", is->config->new_weight / 100.0);
    TRY(say_users(was, is, out));
    TRY(say_backends(p, was, is, out));
    if (!same_lists(was->config, is->config))
        TRY(buf_append(out, SPAN("; its lists of users change")));
    if (!same_match(&was->config->match, &is->config->match))
        TRY(buf_append(out, SPAN("; it takes other requests")));
    return buf_append(out, SPAN("\n"));
}

static enum err say_log(const struct plan *p, struct buf *out)
{
    TRY(buf_printf(out, "\nof %zu recorded requests:\n", p->lines - p->unread));
    for (size_t i = 0; i < p->is->nroutes; i++) {
        const struct moved *m = &p->routes[i];
        if (m->requests > 0)
            TRY(buf_printf(
                out,
                "%s: %.0f request%s, %.0f move to new, %.0f to legacy, %.0f to another backend\n",
                p->is->routes[i].config->name, m->requests, m->requests == 1 ? "" : "s", m->to_new,
                m->to_legacy, m->elsewhere));
    }
    if (p->unmatched > 0)
        TRY(buf_printf(out, "%zu would find no route any more: 404\n", p->unmatched));
    if (p->unread > 0)
        TRY(buf_printf(out, "%zu lines are no requests of a JSON access log\n", p->unread));
    if (p->cut > 0 && (asks_queries(p->was) || asks_queries(p->is)))
        TRY(buf_printf(out,
                       "%zu have values in the query that were not logged (log.access_query): "
                       "conditions on them count as not met\n",
                       p->cut));
    return buf_append(out, SPAN("Header fields and cookies are not in the log: conditions on them "
                                "count as not met, and lists of users as empty.\n"));
}

enum err plan_say(const struct plan *p, struct buf *out)
{
    for (size_t i = 0; i < p->is->nroutes; i++)
        TRY(say_route(p, &p->is->routes[i], out));
    for (size_t i = 0; i < p->was->nroutes; i++)
        if (route_find(p->is, p->was->routes[i].config->name) == NULL)
            TRY(buf_printf(out, "%s: removed\n", p->was->routes[i].config->name));
    TRY(buf_append(out, SPAN("Pins and weights of the control document, where there are any, stay "
                             "in force over this.\n")));
    return p->has_log ? say_log(p, out) : ERR_OK;
}
