/* Fields of a head that was read stand in memory as HTTP/1 writes them, as long as nobody changed
 * them: a row of lines, which can be copied or written in one piece. Private to http/. */
#ifndef HTTP_LINES_H
#define HTTP_LINES_H

#include "http/http.h"

/* Whether a field stands so, ": " between name and value. CR LF is behind each but the last that a
 * head has. */
static inline bool line_is(const struct http_field *f)
{
    const char *behind = f->name.p + f->name.n;
    return f->value.p == behind + 2 && behind[0] == ':' && behind[1] == ' ';
}

/* Whether `next` does, and right behind f, which does. */
static inline bool line_is_next(const struct http_field *f, const struct http_field *next)
{
    const char *behind = f->value.p + f->value.n;
    return next->name.p == behind + 2 && behind[0] == '\r' && behind[1] == '\n' && line_is(next);
}

/* From the first line to the end of the last one's value. */
static inline struct span lines_text(const struct http_field *first, const struct http_field *last)
{
    return span_of(first->name.p, (size_t)(last->value.p + last->value.n - first->name.p));
}

#endif
