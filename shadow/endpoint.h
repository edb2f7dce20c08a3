/* What kind of request this was: the method and the path with its ids folded away. For now by what
 * a segment looks like; the trie over what was seen on both sides will stand behind the same
 * function. */
#ifndef SHADOW_ENDPOINT_H
#define SHADOW_ENDPOINT_H

#include "http/http.h"

enum { ENDPOINT_MAX = 200 };

struct endpoint {
    char text[ENDPOINT_MAX];
    size_t n;
};

void endpoint_of(enum http_method method, struct span path, struct endpoint *out);
/* "GET /items/{}/parts". path: normalised, without a query. A segment becomes {} when it is all
 * digits, a uuid, a ulid, 8 or more hex digits with a digit among them (16 without), a date, an
 * address, a token, or longer than 64 bytes. What does not fit is cut and ends in "...". */

const char *endpoint_method(enum http_method method);

#endif
