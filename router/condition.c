/* What a route asks for beside host and path: a regular expression on the path, methods, header
 * fields, cookies, parameters of the query. */
#include "router/room.h"

#include <stdlib.h>

enum { VALUE_MAX = 4096 /* decoded bytes of a query's value; a longer one fits nothing */ };

/* --- building --- */

static enum err compile(const struct route_table *t, const struct route *r, const char *pattern,
                        struct condition *c, struct complaints *wrong)
{
    static const char *const keys[] = {[CONDITION_PATH] = "match.regex",
                                       [CONDITION_HEADER] = "match.headers",
                                       [CONDITION_COOKIE] = "match.cookies",
                                       [CONDITION_QUERY] = "match.query"};
    char why[200];
    if (pattern == NULL)
        return ERR_OK;
    enum err e = regex_new(pattern, &c->regex, why, sizeof(why));
    if (e != ERR_INVALID)
        return e;
    table_complain(t, wrong, r->index, keys[c->source], "write a regular expression of PCRE2",
                   "\"%s\" does not compile: %s", pattern, why);
    return ERR_OK;
}

struct making {
    const struct route_table *table;
    struct route *route;
    struct conditions *made;
    struct complaints *wrong;
};

static enum err add(struct making *m, enum condition_source source,
                    const struct config_condition *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct condition *c = &m->made->list[m->made->n++];
        *c = (struct condition){.source = source,
                                .name = span_str(list[i].name),
                                .value = span_str(list[i].value),
                                .prefix = span_str(list[i].prefix)};
        if (source == CONDITION_HEADER)
            c->field = http_field_lookup(c->name);
        TRY(compile(m->table, m->route, list[i].regex, c, m->wrong));
    }
    return ERR_OK;
}

enum err conditions_new(const struct route_table *t, struct route *r, struct complaints *wrong)
{
    const struct config_match *m = &r->config->match;
    struct arena *a = &t->matcher->arena;
    size_t n = (m->regex != NULL) + m->nheaders + m->ncookies + m->nquery;
    if (n == 0 && m->methods.n == 0)
        return ERR_OK;
    struct conditions *c = arena_zalloc(a, sizeof(*c));
    if (c != NULL)
        c->list = arena_zalloc(a, (n + 1) * sizeof(*c->list));
    if (c == NULL || c->list == NULL)
        return ERR_NO_MEMORY;
    struct making making = {t, r, c, wrong};
    r->conditions = c;
    c->methods = &m->methods;
    c->weight = n + (m->methods.n > 0);
    if (m->regex != NULL) {
        c->list[c->n++] = (struct condition){.source = CONDITION_PATH};
        TRY(compile(t, r, m->regex, &c->list[0], wrong));
    }
    TRY(add(&making, CONDITION_HEADER, m->headers, m->nheaders));
    TRY(add(&making, CONDITION_COOKIE, m->cookies, m->ncookies));
    return add(&making, CONDITION_QUERY, m->query, m->nquery);
}

void conditions_free(struct route *r)
{
    for (size_t i = 0; r->conditions != NULL && i < r->conditions->n; i++)
        regex_free(&r->conditions->list[i].regex);
    r->conditions = NULL;
}

/* --- the query --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = byte_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As forms are encoded: %XX, and + for a space; a broken escape stands for itself. */
static bool decode(struct span in, char *out, size_t max, struct span *decoded)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i] == '+' ? ' ' : in.p[i];
        int high = c == '%' && i + 2 < in.n ? hex_digit(in.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(in.p[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (n == max)
            return false;
        out[n++] = c;
    }
    *decoded = span_of(out, n);
    return true;
}

bool query_value(struct span target, struct span name, size_t *from, char *out, size_t max,
                 struct span *value)
{
    if (*from == 0)
        *from = span_find(target, '?') + 1;
    while (*from < target.n) {
        struct span rest = span_from(target, *from);
        struct span pair = span_until(rest, span_find(rest, '&'));
        size_t equals = span_find(pair, '=');
        struct span key;
        *from += pair.n + 1;
        if (decode(span_until(pair, equals), out, max, &key) && span_eq(key, name) &&
            decode(span_from(pair, equals < pair.n ? equals + 1 : equals), out, max, value))
            return true;
    }
    return false;
}

/* --- holding --- */

static bool fits(const struct condition *c, struct span value)
{
    if (c->value.p != NULL)
        return span_eq(value, c->value);
    if (c->prefix.p != NULL)
        return span_has_prefix(value, c->prefix);
    return c->regex == NULL || regex_matches(c->regex, value);
}

static bool is_named(const struct http_field *f, const struct condition *c)
{
    if (f->flags & HTTP_FIELD_DROPPED)
        return false;
    if (c->field != HTTP_UNKNOWN_FIELD)
        return f->id == c->field;
    return f->id == HTTP_UNKNOWN_FIELD && span_eq_nocase(f->name, c->name);
}

static bool header_holds(const struct condition *c, const struct http_head *h)
{
    for (size_t i = 0; i < h->nfields; i++)
        if (is_named(&h->fields[i], c) && fits(c, h->fields[i].value))
            return true;
    return false;
}

static bool query_holds(const struct condition *c, const struct http_head *h)
{
    char text[VALUE_MAX];
    struct span value;
    size_t from = 0;
    while (query_value(h->target, c->name, &from, text, sizeof(text), &value))
        if (fits(c, value))
            return true;
    return false;
}

static bool condition_holds(const struct condition *c, const struct route_query *q)
{
    if (c->source == CONDITION_PATH)
        return fits(c, q->path);
    if (q->head == NULL)
        return false;
    if (c->source == CONDITION_HEADER)
        return header_holds(c, q->head);
    if (c->source == CONDITION_QUERY)
        return query_holds(c, q->head);
    struct span value = http_cookie(q->head, c->name);
    return value.p != NULL && fits(c, value);
}

static bool method_holds(const struct config_names *methods, const struct http_head *h)
{
    if (methods->n == 0)
        return true;
    for (size_t i = 0; h != NULL && i < methods->n; i++)
        if (span_eq(h->method_name, span_str(methods->list[i])))
            return true;
    return false;
}

bool conditions_hold(const struct conditions *c, const struct route_query *q)
{
    if (!method_holds(c->methods, q->head))
        return false;
    for (size_t i = 0; i < c->n; i++)
        if (!condition_holds(&c->list[i], q))
            return false;
    return true;
}

/* --- saying --- */

enum err conditions_say(const struct config_match *m, struct buf *out)
{
    const struct {
        const char *kind;
        const struct config_condition *list;
        size_t n;
    } all[] = {{"header", m->headers, m->nheaders},
               {"cookie", m->cookies, m->ncookies},
               {"query", m->query, m->nquery}};
    const char *between = "";
    for (size_t i = 0; i < m->methods.n; i++, between = ", ")
        TRY(buf_printf(out, "%s%s", i == 0 ? "" : "|", m->methods.list[i]));
    for (size_t k = 0; k < ARRAY_LEN(all); k++)
        for (size_t i = 0; i < all[k].n; i++, between = ", ") {
            const struct config_condition *c = &all[k].list[i];
            TRY(buf_printf(out, "%s%s %s", between, all[k].kind, c->name));
            if (c->value != NULL)
                TRY(buf_printf(out, " = %s", c->value));
            if (c->prefix != NULL)
                TRY(buf_printf(out, " begins with %s", c->prefix));
            if (c->regex != NULL)
                TRY(buf_printf(out, " ~ %s", c->regex));
        }
    return ERR_OK;
}
