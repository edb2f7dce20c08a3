/* Escaping. */
#include "shadow/jwrite.h"

static size_t sequence(struct span s, size_t i)
{
    const unsigned char *u = (const unsigned char *)s.p + i;
    size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    if ((u[0] >= 0x80 && u[0] < 0xc2) || u[0] > 0xf4 || n > s.n - i)
        return 0;
    for (size_t k = 1; k < n; k++)
        if ((u[k] & 0xc0) != 0x80)
            return 0;
    if (n == 3 && ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f)))
        return 0;
    if (n == 4 && ((u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f)))
        return 0;
    return n;
}

/* Half of a pair, as jdoc keeps it: no UTF-8, but JSON has a notation for it. */
static bool is_surrogate(struct span s, size_t i)
{
    const unsigned char *u = (const unsigned char *)s.p + i;
    return s.n - i >= 3 && u[0] == 0xed && (u[1] & 0xe0) == 0xa0 && (u[2] & 0xc0) == 0x80;
}

static enum err surrogate(struct buf *b, struct span s, size_t *i)
{
    const unsigned char *u = (const unsigned char *)s.p + *i;
    *i += 3;
    return buf_printf(b, "\\ud%03x", (unsigned)((u[1] & 0x3f) << 6 | (u[2] & 0x3f)));
}

static bool stands_for_itself(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static enum err special(struct buf *b, struct span s, size_t *i)
{
    unsigned char c = (unsigned char)s.p[*i];
    size_t n = sequence(s, *i);
    if (n > 1) {
        TRY(buf_append(b, span_of(s.p + *i, n)));
        *i += n;
        return ERR_OK;
    }
    if (is_surrogate(s, *i))
        return surrogate(b, s, i);
    (*i)++;
    if (n == 0)
        return buf_append(b, SPAN("\\ufffd"));
    if (c == '"' || c == '\\')
        return buf_printf(b, "\\%c", c);
    if (c == '\n')
        return buf_append(b, SPAN("\\n"));
    return buf_printf(b, "\\u%04x", c);
}

enum err jwrite_string(struct buf *b, struct span s)
{
    TRY(buf_append(b, SPAN("\"")));
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        while (i < s.n && stands_for_itself((unsigned char)s.p[i]))
            i++;
        TRY(buf_append(b, span_of(s.p + from, i - from)));
        if (i < s.n)
            TRY(special(b, s, &i));
    }
    return buf_append(b, SPAN("\""));
}

static enum err put_key(struct buf *b, const char *key)
{
    TRY(buf_append(b, SPAN(",\"")));
    TRY(buf_append(b, span_str(key)));
    return buf_append(b, SPAN("\":"));
}

enum err jwrite_member(struct buf *b, const char *key, struct span s)
{
    TRY(put_key(b, key));
    return jwrite_string(b, s);
}

enum err jwrite_u64(struct buf *b, uint64_t n)
{
    char digits[20];
    return buf_append(b, span_of(digits, bytes_u64(digits, n)));
}

enum err jwrite_number(struct buf *b, const char *key, uint64_t n)
{
    TRY(put_key(b, key));
    return jwrite_u64(b, n);
}

enum err jwrite_numbers(struct buf *b, const char *key, uint64_t first, uint64_t second)
{
    TRY(put_key(b, key));
    TRY(buf_append(b, SPAN("[")));
    TRY(jwrite_u64(b, first));
    TRY(buf_append(b, SPAN(",")));
    TRY(jwrite_u64(b, second));
    return buf_append(b, SPAN("]"));
}

size_t jwrite_cut(struct span s, size_t max)
{
    if (s.n <= max)
        return s.n;
    while (max > 0 && ((unsigned char)s.p[max] & 0xc0) == 0x80)
        max--;
    return max;
}
