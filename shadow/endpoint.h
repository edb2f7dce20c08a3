/* What kind of request this was: the method and the path with its ids folded away. Three sources,
 * in this order: a route that matches one path alone; the template a backend names in a response
 * field; the looks of the path. What only its neighbours can tell (is 7 one of many?) is decided by
 * trie.c, over all that was seen. */
#ifndef SHADOW_ENDPOINT_H
#define SHADOW_ENDPOINT_H

#include "shadow/shadow.h"

enum { ENDPOINT_MAX = 200, ENDPOINT_NUMBER_MAX = 9 };

#define ENDPOINT_ID    "{}"  /* an id, or one of many numbers */
#define ENDPOINT_NAME  "{*}" /* one of many names */
#define ENDPOINT_OTHER "~other"

struct endpoint {
    char text[ENDPOINT_MAX];
    size_t n;
    bool fixed; /* said by the route or a backend: the trie leaves it as it is */
};

void endpoint_of(enum http_method method, struct span path, struct endpoint *out);
/* "GET /items/7/parts/{}". path: normalised, without a query. A segment becomes {} when it is a
 * uuid, a ulid, more than 9 digits, 8 or more hex digits with a digit among them (16 without), a
 * date, an address, a token, longer than 64 bytes, or has braces. What does not fit is cut and ends
 * in "...". */

bool endpoint_of_template(enum http_method method, struct span value, struct endpoint *out);
/* From X-Route-Template: "/items/{id}", "/items/:id", "GET /items/<int:id>" are all GET /items/{}.
 * False: it is no path. */

void endpoint_of_pair(const struct shadow_pair *pair, struct endpoint *out);
/* By whatever comes first. Of two templates that of legacy counts. */

uint64_t endpoint_hash(uint64_t seed, const struct endpoint *e);
/* The same for endpoints that differ in numbers only, which may turn out to be one. */

bool endpoint_is_number(struct span segment);
/* Digits that may be one of many, or a name. */

const char *endpoint_method(enum http_method method);

#endif
