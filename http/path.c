/* The form of a path that routes are matched on (RFC 3986 6.2.2): two spellings of one resource
 * must not take two routes. What is forwarded stays as received. */
#include "http/http.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = byte_lower(c);
    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}

static bool is_unreserved(char c)
{
    return (c >= '0' && c <= '9') || (byte_lower(c) >= 'a' && byte_lower(c) <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* Whether anything at all would change: the common case is no. */
static bool is_plain(struct span path)
{
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        if (c == '%')
            return false;
        if (c == '/' && i + 1 < path.n && (path.p[i + 1] == '/' || path.p[i + 1] == '.'))
            return false;
    }
    return true;
}

/* Escapes: unreserved ones decoded, the others in upper case. Broken ones are refused. */
static enum err decode(struct span in, char *out, size_t *n)
{
    static const char digits[] = "0123456789ABCDEF";
    *n = 0;
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] != '%') {
            out[(*n)++] = in.p[i];
            continue;
        }
        int high = i + 1 < in.n ? hex_value(in.p[i + 1]) : -1;
        int low = i + 2 < in.n ? hex_value(in.p[i + 2]) : -1;
        if (high < 0 || low < 0)
            return ERR_BAD_TARGET;
        char c = (char)(high * 16 + low);
        i += 2;
        if (is_unreserved(c)) {
            out[(*n)++] = c;
            continue;
        }
        out[(*n)++] = '%';
        out[(*n)++] = digits[high];
        out[(*n)++] = digits[low];
    }
    return ERR_OK;
}

/* Removes empty, "." and ".." segments in place (RFC 3986 5.2.4). in begins with '/'. */
static size_t resolve(char *p, size_t n)
{
    size_t w = 0;
    size_t i = 0;
    while (i < n) {
        size_t start = ++i; /* behind a slash */
        while (i < n && p[i] != '/')
            i++;
        struct span seg = span_of(p + start, i - start);
        bool last = i == n;
        bool dot = span_eq(seg, SPAN("."));
        bool dots = span_eq(seg, SPAN(".."));
        if (dots)
            while (w > 0 && p[--w] != '/')
                ;
        if (dot || dots || seg.n == 0) {
            if (last)
                p[w++] = '/';
            continue;
        }
        p[w++] = '/';
        memmove(p + w, seg.p, seg.n);
        w += seg.n;
    }
    return w;
}

enum err http_path_normalise(struct span target, struct arena *a, struct span *path)
{
    size_t end = span_find(target, '?');
    *path = span_until(target, end);
    if (path->n == 0 || path->p[0] != '/')
        return ERR_BAD_TARGET;
    if (is_plain(*path))
        return ERR_OK;
    char *out = arena_alloc(a, path->n);
    size_t n;
    if (out == NULL)
        return ERR_NO_MEMORY;
    TRY(decode(*path, out, &n));
    *path = span_of(out, resolve(out, n));
    return ERR_OK;
}

enum err http_path_admit(struct span path, bool nul, bool slash)
{
    for (size_t i = 0; i < path.n; i++) {
        struct span rest = span_from(path, i);
        if (path.p[i] == '\\' && !slash)
            return ERR_BAD_TARGET;
        if (path.p[i] != '%')
            continue;
        if (!nul && span_has_prefix(rest, SPAN("%00")))
            return ERR_BAD_TARGET;
        if (!slash && (span_has_prefix(rest, SPAN("%2F")) || span_has_prefix(rest, SPAN("%5C"))))
            return ERR_BAD_TARGET;
    }
    return ERR_OK;
}
