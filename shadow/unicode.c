/* See unicode.h. */
#include "shadow/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

enum { TEXT_MAX = 64 * 1024 };

static bool is_ascii(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

bool unicode_is_valid(struct span s)
{
    utf8proc_int32_t c;
    while (s.n > 0) {
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &c);
        if (n <= 0)
            return false;
        s = span_from(s, (size_t)n);
    }
    return true;
}

/* Composed, in memory of its own; NULL when it cannot be. */
static utf8proc_uint8_t *composed(struct span s, size_t *n)
{
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &out,
                                        UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    *n = len < 0 ? 0 : (size_t)len;
    return len < 0 ? NULL : out;
}

bool unicode_same_text(struct span a, struct span b)
{
    size_t na, nb;
    if (a.n > TEXT_MAX || b.n > TEXT_MAX || is_ascii(a) || is_ascii(b))
        return false;
    utf8proc_uint8_t *ca = composed(a, &na), *cb = composed(b, &nb);
    bool same = ca != NULL && cb != NULL && span_eq(span_of(ca, na), span_of(cb, nb));
    free(ca);
    free(cb);
    return same;
}
