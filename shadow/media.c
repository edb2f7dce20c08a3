/* Content-Type. A charset that only says what would be assumed anyway is no difference. */
#include "shadow/headers.h"

static struct span parameter(struct span params, struct span name)
{
    struct span item;
    while (span_cut(&params, ';', &item)) {
        item = span_trim(item);
        size_t eq = span_find(item, '=');
        if (eq == item.n || !span_eq_nocase(span_trim(span_until(item, eq)), name))
            continue;
        struct span v = span_trim(span_from(item, eq + 1));
        if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
            v = span_of(v.p + 1, v.n - 2);
        return v;
    }
    return SPAN_NULL;
}

struct media media_of(const struct http_head *h)
{
    struct span v = http_head_value(h, HTTP_CONTENT_TYPE);
    struct media m = {span_trim(span_until(v, span_find(v, ';'))), SPAN_NULL};
    size_t semicolon = span_find(v, ';');
    if (semicolon < v.n)
        m.charset = parameter(span_from(v, semicolon + 1), SPAN("charset"));
    if (span_eq_nocase(m.charset, SPAN("utf-8")) || span_eq_nocase(m.charset, SPAN("utf8")) ||
        span_eq_nocase(m.charset, SPAN("us-ascii")))
        m.charset = SPAN_NULL;
    return m;
}

bool media_same(const struct media *a, const struct media *b)
{
    return span_eq_nocase(a->type, b->type) && span_eq_nocase(a->charset, b->charset);
}

bool media_is(const struct media *m, const char *type)
{
    return span_eq_nocase(m->type, span_str(type));
}

static bool has_suffix_nocase(struct span s, struct span suffix)
{
    return s.n >= suffix.n && span_eq_nocase(span_from(s, s.n - suffix.n), suffix);
}

bool media_is_json(const struct media *m)
{
    return span_eq_nocase(m->type, SPAN("application/json")) ||
           span_eq_nocase(m->type, SPAN("text/json")) || has_suffix_nocase(m->type, SPAN("+json"));
}

bool media_is_text(const struct media *m)
{
    static const char *const types[] = {
        "application/xml",      "application/javascript",
        "application/x-ndjson", "application/x-www-form-urlencoded",
        "application/jsonl",    "application/graphql",
        "application/yaml",     "application/toml",
        "application/sql",      "application/x-javascript",
    };
    if (m->type.n >= 5 && span_eq_nocase(span_until(m->type, 5), SPAN("text/")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (span_eq_nocase(m->type, span_str(types[i])))
            return true;
    return has_suffix_nocase(m->type, SPAN("+xml"));
}
