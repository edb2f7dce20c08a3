/* Spans, strict numbers and the growable buffer. */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    if (span_eq(a, b)) /* nearly always, when they are the same */
        return true;
    for (size_t i = 0; i < a.n; i++)
        if (byte_lower(a.p[i]) != byte_lower(b.p[i]))
            return false;
    return true;
}

bool span_has_prefix(struct span s, struct span prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool span_has_suffix(struct span s, struct span suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

size_t span_find(struct span s, char c)
{
    const char *at = s.n == 0 ? NULL : memchr(s.p, c, s.n);
    return at == NULL ? s.n : (size_t)(at - s.p);
}

static bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
    while (s.n > 0 && is_ows(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_ows(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool span_cut(struct span *rest, char sep, struct span *item)
{
    if (rest->p == NULL)
        return false;
    size_t at = span_find(*rest, sep);
    *item = span_until(*rest, at);
    *rest = at < rest->n ? span_from(*rest, at + 1) : SPAN_NULL;
    return true;
}

bool span_u64(struct span s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)((unsigned char)s.p[i] - '0');
        if (d > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    *out = v;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = byte_lower(c);
    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}

bool span_hex_u64(struct span s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        int d = hex_digit(s.p[i]);
        if (d < 0)
            return false;
        v = v << 4 | (uint64_t)d;
    }
    *out = v;
    return true;
}

int span_cmp(struct span a, struct span b)
{
    size_t n = min_size(a.n, b.n);
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (c != 0 || a.n == b.n)
        return c;
    return a.n < b.n ? -1 : 1;
}

size_t bytes_u64(char out[20], uint64_t v)
{
    char rev[20];
    size_t n = 0;
    do {
        rev[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    for (size_t i = 0; i < n; i++)
        out[i] = rev[n - 1 - i];
    return n;
}

#ifdef __SSE2__
/* Each half byte to its digit: those above 9 are moved on to the letters. */
static void hex_16(char *out, const unsigned char *in)
{
    const __m128i nine = _mm_set1_epi8(9);
    const __m128i zero = _mm_set1_epi8('0');
    const __m128i gap = _mm_set1_epi8('a' - '9' - 1);
    const __m128i half = _mm_set1_epi8(15);
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)in);
    __m128i high = _mm_and_si128(_mm_srli_epi16(v, 4), half);
    __m128i low = _mm_and_si128(v, half);
    __m128i pair[2] = {_mm_unpacklo_epi8(high, low), _mm_unpackhi_epi8(high, low)};
    for (int i = 0; i < 2; i++) {
        __m128i letter = _mm_and_si128(_mm_cmpgt_epi8(pair[i], nine), gap);
        __m128i digits = _mm_add_epi8(_mm_add_epi8(pair[i], zero), letter);
        _mm_storeu_si128((__m128i *)(void *)(out + 16 * i), digits);
    }
}
#endif

void bytes_hex(char *out, const void *in, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = in;
    size_t i = 0;
#ifdef __SSE2__
    for (; n - i >= 16; i += 16, out += 32) /* an id of a request, in one step */
        hex_16(out, b + i);
#endif
    for (; i < n; i++) {
        *out++ = digits[b[i] >> 4];
        *out++ = digits[b[i] & 15];
    }
}

uint32_t bytes_hash(const char *text, uint32_t seed)
{
    uint32_t h = 2166136261u ^ seed;
    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h;
}

size_t bytes_base64(char *out, const void *in, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = in;
    size_t at = 0;
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)b[i] << 16;
        v |= i + 1 < n ? (unsigned)b[i + 1] << 8 : 0;
        v |= i + 2 < n ? (unsigned)b[i + 2] : 0;
        out[at++] = digits[v >> 18];
        out[at++] = digits[(v >> 12) & 63];
        out[at++] = i + 1 < n ? digits[(v >> 6) & 63] : '=';
        out[at++] = i + 2 < n ? digits[v & 63] : '=';
    }
    return at;
}

void buf_free(struct buf *b)
{
    free(b->p);
    b->p = NULL;
    b->n = b->cap = 0;
}

enum err buf_reserve(struct buf *b, size_t more)
{
    if (b->cap - b->n >= more)
        return ERR_OK;
    if (more > SIZE_MAX / 2 - b->n || (b->max != 0 && b->n + more > b->max))
        return ERR_TOO_LARGE;
    size_t cap = max_size(b->cap * 2, max_size(b->n + more, 256));
    if (b->max != 0)
        cap = min_size(cap, b->max);
    char *p = realloc(b->p, cap);
    if (p == NULL)
        return ERR_NO_MEMORY;
    b->p = p;
    b->cap = cap;
    return ERR_OK;
}

enum err buf_append(struct buf *b, struct span s)
{
    if (s.n == 0)
        return ERR_OK;
    TRY(buf_reserve(b, s.n));
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    return ERR_OK;
}

/* Into the room there is; only when that was too little once more. */
enum err buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    size_t room = b->cap - b->n;
    va_start(ap, fmt);
    int want = vsnprintf(room == 0 ? NULL : b->p + b->n, room, fmt, ap);
    va_end(ap);
    if (want < 0)
        return ERR_INVALID;
    if ((size_t)want >= room) {
        TRY(buf_reserve(b, (size_t)want + 1));
        va_start(ap, fmt);
        (void)vsnprintf(b->p + b->n, (size_t)want + 1, fmt, ap);
        va_end(ap);
    }
    b->n += (size_t)want;
    return ERR_OK;
}

void buf_drop_front(struct buf *b, size_t n)
{
    BUG_IF(n > b->n);
    if (n == b->n) {
        buf_free(b);
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}
