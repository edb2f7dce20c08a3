/* Byte classes and the inner loops of the HTTP/1 parser. Private to http/. */
#ifndef HTTP_SCAN_H
#define HTTP_SCAN_H

#include "base/bytes.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BYTE_TOKEN = 1, BYTE_TARGET = 2, BYTE_HOST = 4, BYTE_LABEL = 8 };

extern const uint8_t scan_classes[256];

static inline bool scan_is(char c, unsigned byte_class)
{
    return (scan_classes[(unsigned char)c] & byte_class) != 0;
}

static inline const char *scan_class(const char *p, const char *end, unsigned byte_class)
{
    while (p < end && scan_is(*p, byte_class))
        p++;
    return p;
}

/* The first LF in [p, end), or NULL. Lines are so short that memchr() would not have begun. */
static inline const char *scan_lf(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i lf = _mm_set1_epi8('\n');
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        int hit = _mm_movemask_epi8(_mm_cmpeq_epi8(v, lf));
        if (hit != 0)
            return p + __builtin_ctz((unsigned)hit);
    }
#endif
    while (p < end && *p != '\n')
        p++;
    return p < end ? p : NULL;
}

/* The first control byte (below 0x20, or 0x7f) in [p, end), or end: where a field value stops, and
 * anything wrong in it. */
static inline const char *scan_text(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i low = _mm_set1_epi8(0x1f);
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(v, low), v); /* unsigned v <= 0x1f */
        int hit = _mm_movemask_epi8(_mm_or_si128(is_low, _mm_cmpeq_epi8(v, del)));
        if (hit != 0)
            return p + __builtin_ctz((unsigned)hit);
    }
#endif
    while (p < end && (unsigned char)*p >= 0x20 && *p != 0x7f)
        p++;
    return p;
}

#endif
