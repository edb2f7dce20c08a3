/* Folding by the looks of a segment. Escapes are decoded for looking only; the text keeps them. */
#include "shadow/endpoint.h"

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

static bool is_folded(struct span segment)
{
    char plain[SEGMENT_MAX];
    size_t n = 0;
    for (size_t i = 0; i < segment.n; i++) {
        uint64_t v = (unsigned char)segment.p[i];
        if (n == sizeof(plain))
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

void endpoint_of(enum http_method method, struct span path, struct endpoint *out)
{
    struct span rest = path, segment;
    out->n = 0;
    bool fits = put(out, span_str(endpoint_method(method))) && put(out, SPAN(" "));
    for (bool first = true; fits && span_cut(&rest, '/', &segment); first = false) {
        fits = first || put(out, SPAN("/"));
        if (fits && segment.n > 0)
            fits = put(out, is_folded(segment) ? SPAN("{}") : segment);
    }
    if (!fits) {
        memcpy(out->text + out->n, "...", 3);
        out->n += 3;
    }
}
