/* What the neighbours of a path segment tell of it. Per route, a tree of the segments seen: numbers
 * fold into {} once three different ones stand at one place, or one beside an id; names (v1 is one)
 * fold into {*} beyond 30, and everything at that place with them.
 *
 * What it comes to depends on the set of names alone, not on their order, as long as they fit; and
 * a name that comes out means the same when it is put into another trie, so tries of several
 * processes can be joined by the names they gave. One thread at a time. */
#ifndef SHADOW_TRIE_H
#define SHADOW_TRIE_H

#include "shadow/endpoint.h"

enum {
    TRIE_NUMBERS_MAX = 2, /* different ones beside each other that are names */
    TRIE_NAMES_MAX = 30,
    TRIE_NODES_MAX = 20000,
    TRIE_ROUTES_MAX = 1000,
    TRIE_DEPTH_MAX = 40, /* segments; deeper ones are left as they are */
};

struct trie_node;

struct trie {
    struct trie_node *root;
    uint32_t nodes, routes;
    uint64_t folds; /* grows whenever a name given before may be another one now */
};

void trie_begin(struct trie *t);
void trie_end(struct trie *t);

enum err trie_add(struct trie *t, struct span route, struct span endpoint) MUST_USE;
/* endpoint: "GET /items/7". ERR_TOO_LARGE: there is no room for what is new in it;
 * ERR_NO_MEMORY. */

void trie_name(const struct trie *t, struct span route, const struct endpoint *e,
               struct endpoint *out);
/* What it is called now. A number that was never added becomes {}, a name stays. */

#endif
