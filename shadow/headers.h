/* Comparing response fields by what they mean. */
#ifndef SHADOW_HEADERS_H
#define SHADOW_HEADERS_H

#include "shadow/diff.h"

enum { HEADERS_STACK_MAX = 96 };

/* Which software answered, by its own words: "server: nginx/1.22; x-powered-by: PHP/8". */
struct headers_stack {
    char text[HEADERS_STACK_MAX];
    size_t n;
};

enum err headers_compare(struct diff *d, const struct http_head *legacy,
                         const struct http_head *new_) MUST_USE;
/* Adds a finding (kind header) per field that differs. */

enum err headers_compare_as(struct diff *d, const char *prefix, const struct http_head *legacy,
                            const struct http_head *new_) MUST_USE;
/* The same for other fields than those of a head; prefix: what their paths begin with, at most 8
 * bytes. Cookies are not looked at. */

enum err headers_cookies(struct diff *d, const struct http_head *legacy,
                         const struct http_head *new_) MUST_USE;
/* Set-Cookie alone; called by headers_compare(). cookies.c */

void headers_stack(const struct http_head *h, struct headers_stack *out);

enum err headers_finding(struct diff *d, struct span path, struct span legacy, struct span new_,
                         bool open) MUST_USE;
/* A finding of kind header; a side whose text is SPAN_NULL lacks it. open: see struct finding. */

/* --- content type --- */

struct media {
    struct span type;    /* "application/json", as written; empty: no Content-Type */
    struct span charset; /* empty: none, or the default */
};

struct media media_of(const struct http_head *h);
bool media_same(const struct media *a, const struct media *b);
bool media_is(const struct media *m, const char *type);
bool media_is_json(const struct media *m);
bool media_is_text(const struct media *m);

#endif
