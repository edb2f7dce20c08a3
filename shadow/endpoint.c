/* Folding by the looks of a segment. Escapes are decoded for looking only; the text keeps them. */
#include "shadow/endpoint.h"

#include "shadow/mix.h"
#include "shadow/rules.h"
#include "shadow/vclass.h"

enum { SEGMENT_MAX = 192 };

const char *endpoint_method(enum http_method method)
{
    static const char *const words[] = {
        [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",
        [HTTP_POST] = "POST",       [HTTP_PUT] = "PUT",
        [HTTP_DELETE] = "DELETE",   [HTTP_CONNECT] = "CONNECT",
        [HTTP_OPTIONS] = "OPTIONS", [HTTP_TRACE] = "TRACE",
        [HTTP_PATCH] = "PATCH",     [HTTP_OTHER_METHOD] = "OTHER",
    };
    return words[method];
}

bool endpoint_is_number(struct span segment)
{
    for (size_t i = 0; i < segment.n; i++)
        if (segment.p[i] < '0' || segment.p[i] > '9')
            return false;
    return segment.n > 0 && segment.n <= ENDPOINT_NUMBER_MAX;
}

uint64_t endpoint_hash(uint64_t seed, const struct endpoint *e)
{
    struct span rest = span_of(e->text, e->n), segment;
    while (span_cut(&rest, '/', &segment))
        seed = mix_bytes(seed, endpoint_is_number(segment) ? SPAN(ENDPOINT_ID) : segment);
    return seed;
}

static bool is_folded(struct span segment)
{
    char plain[SEGMENT_MAX];
    size_t n = 0;
    if (endpoint_is_number(segment))
        return false;
    for (size_t i = 0; i < segment.n; i++) {
        uint64_t v = (unsigned char)segment.p[i];
        if (n == sizeof(plain) || v == '{' || v == '}')
            return true;
        if (segment.p[i] == '%' && segment.n - i > 2 &&
            span_hex_u64(span_of(segment.p + i + 1, 2), &v))
            i += 2;
        plain[n++] = (char)v;
    }
    struct span t = span_of(plain, n);
    return vclass_is_id(t) || vclass_of_string(t) == VCLASS_BASE64;
}

static bool put(struct endpoint *e, struct span s)
{
    if (s.n > sizeof(e->text) - 4 - e->n)
        return false;
    memcpy(e->text + e->n, s.p, s.n);
    e->n += s.n;
    return true;
}

static bool put_method(struct endpoint *e, enum http_method method)
{
    e->n = 0;
    e->fixed = false;
    return put(e, span_str(endpoint_method(method))) && put(e, SPAN(" "));
}

static bool put_segments(struct endpoint *e, struct span path, bool (*folds)(struct span segment))
{
    struct span rest = path, segment;
    bool fits = true;
    for (bool first = true; fits && span_cut(&rest, '/', &segment); first = false) {
        fits = first || put(e, SPAN("/"));
        if (fits && segment.n > 0)
            fits = put(e, folds(segment) ? SPAN(ENDPOINT_ID) : segment);
    }
    return fits;
}

void endpoint_of(enum http_method method, struct span path, struct endpoint *out)
{
    if (put_method(out, method) && put_segments(out, path, is_folded))
        return;
    memcpy(out->text + out->n, "...", 3);
    out->n += 3;
}

/* --- what is said rather than seen --- */

static bool is_variable(struct span segment)
{
    for (size_t i = 0; i < segment.n; i++)
        if (memchr("{}<>[]()*", segment.p[i], 9) != NULL)
            return true;
    return segment.p[0] == ':' || segment.p[0] == '$';
}

bool endpoint_of_template(enum http_method method, struct span value, struct endpoint *out)
{
    struct span path = span_trim(value);
    size_t space = span_find(path, ' ');
    if (space < path.n) /* "GET /items/{id}" */
        path = span_from(path, space + 1);
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] <= ' ' || path.p[i] > '~')
            return false;
    if (path.n == 0 || path.p[0] != '/' || !put_method(out, method) ||
        !put_segments(out, path, is_variable))
        return false;
    out->fixed = true;
    return true;
}

static bool by_template(const struct shadow_pair *pair, struct endpoint *out)
{
    struct span name = pair->rules->template_header;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW && name.n > 0; s++) {
        const struct http_head *h = &pair->answers[s].head;
        for (size_t i = 0; pair->answers[s].has_head && i < h->nfields; i++)
            if (span_eq_nocase(h->fields[i].name, name) &&
                endpoint_of_template(pair->method, h->fields[i].value, out))
                return true;
    }
    return false;
}

static bool is_itself(struct span segment)
{
    UNUSED(segment);
    return false;
}

void endpoint_of_pair(const struct shadow_pair *pair, struct endpoint *out)
{
    bool exact = pair->rules->exact_path && put_method(out, pair->method) &&
                 put_segments(out, pair->path, is_itself);
    if (exact)
        out->fixed = true;
    else if (!by_template(pair, out))
        endpoint_of(pair->method, pair->path, out);
}
