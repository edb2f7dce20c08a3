/* What the files of this room share; nobody outside includes it, but the room's own tests. */
#ifndef ROUTER_ROOM_H
#define ROUTER_ROOM_H

#include "base/arena.h"
#include "router/router.h"

/* --- lookup.c: text to number, filled once, then only read --- */

enum { LOOKUP_NONE = UINT32_MAX };

struct lookup_slot {
    uint64_t hash;
    struct span text; /* p NULL: free */
    uint32_t value;
};

struct lookup {
    struct lookup_slot *slots;
    size_t mask; /* slots - 1; slots is NULL when nothing was put */
};

enum err lookup_new(struct arena *a, size_t n, struct lookup *out) MUST_USE;
/* Room for n texts. */

uint32_t lookup_put(struct lookup *l, struct span text, uint32_t value);
/* Keeps the span. Returns LOOKUP_NONE, or the value that was there before and stays. */

uint32_t lookup_get(const struct lookup *l, struct span text);

/* --- prefixes.c: the longest prefix of a path --- */

struct prefix {
    struct span text;
    uint32_t route;
};

struct prefix_node; /* prefixes.c */

struct prefixes {
    struct prefix_node *nodes; /* NULL: no prefix */
    unsigned char *firsts;     /* first byte of each node's label, siblings side by side */
};

enum err prefixes_new(struct arena *a, struct prefix *list, size_t n,
                      struct prefixes *out) MUST_USE;
/* Sorts the list. Its texts differ from each other and live as long as the arena. */

uint32_t prefixes_find(const struct prefixes *p, struct span path);
/* LOOKUP_NONE: no prefix matches. */

/* --- match.c --- */

struct group { /* the routes of one host */
    struct lookup exact;
    struct prefixes prefixes;
};

struct matcher {
    struct arena arena; /* of the whole table */
    struct lookup names;
    struct lookup hosts;  /* to groups, 1 and up */
    struct group *groups; /* 0: routes without a host */
};

enum err matcher_build(struct route_table *t, struct complaints *wrong) MUST_USE;
/* t->routes are there. */

/* --- split.c --- */

enum err split_keys(const char *salt, unsigned char key[2][16]) MUST_USE;

uint64_t split_hash(const unsigned char key[16], struct span a, struct span b);
/* SipHash-2-4 of a and b, one behind the other. */

enum err sticky_build(struct route *r, struct arena *a) MUST_USE;
/* r->sticky from r->config. */

/* What identifies a user. */
struct sticky_key {
    struct span parts[2];
    bool random;      /* no key: every request for itself */
    const char *name; /* of the source */
};

void sticky_key(const struct route *r, const struct route_query *q, struct sticky_key *out);

uint16_t sticky_bucket(const struct sticky_key *k, const unsigned char key[16]);

#endif
