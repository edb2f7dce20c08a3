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
    uint32_t shorter; /* route of the longest other prefix that this one begins with */
};

struct prefix_node; /* prefixes.c */

struct prefixes {
    struct prefix_node *nodes; /* NULL: no prefix */
    unsigned char *firsts;     /* first byte of each node's label, siblings side by side */
};

enum err prefixes_new(struct arena *a, struct prefix *list, size_t n,
                      struct prefixes *out) MUST_USE;
/* Sorts the list and fills in `shorter`. Its texts differ from each other and live as long as the
 * arena. */

uint32_t prefixes_find(const struct prefixes *p, struct span path);
/* LOOKUP_NONE: no prefix matches. */

/* What identifies a user. */
struct sticky_key {
    struct span parts[2];
    bool random;      /* no key: every request for itself */
    bool is_user;     /* parts[0] is what lists of users are about */
    const char *name; /* of the source */
};

/* --- minted.c: the cookie weir gives to clients --- */

enum err minted_read(const struct config_sticky_cookie *c, const struct http_head *head,
                     struct span *id) MUST_USE;
/* The id in a cookie whose signature is right, else SPAN_NULL. */

/* --- override.c: sides chosen for single requests and single users --- */

bool override_asked(const struct config *c, const struct http_head *head, enum side *side);
/* By a tester, with the token. */

bool override_listed(const struct route *r, const struct sticky_key *key, enum side *side);

enum err users_build(const struct route_table *t, struct route *r,
                     struct complaints *wrong) MUST_USE;

/* --- match_regex.c: PCRE2 --- */

struct regex;

enum err regex_new(const char *pattern, struct regex **out, char *why, size_t max) MUST_USE;
/* ERR_INVALID: why (of max bytes) says what is wrong with the pattern, and where. */

void regex_free(struct regex **r);

bool regex_matches(const struct regex *r, struct span text);
/* Anywhere in the text. Work and memory of one match are bounded: what takes more does not match.
 */

enum err regex_replace(const struct regex *r, struct span text, struct span to,
                       struct buf *out) MUST_USE;
/* Appends the text with what matched replaced; $0 to $9 in `to` are its groups. ERR_NOT_FOUND. */

/* --- rewrite.c --- */

enum err rewrites_new(const struct route_table *t, struct route *r,
                      struct complaints *wrong) MUST_USE;
void rewrites_free(struct route *r);

/* --- condition.c: what a route asks for beside host and path --- */

enum condition_source { CONDITION_PATH, CONDITION_HEADER, CONDITION_COOKIE, CONDITION_QUERY };

struct condition {
    enum condition_source source;
    enum http_field_id field; /* CONDITION_HEADER: when it is a known one */
    struct span name;
    struct span value;  /* p NULL: no such test */
    struct span prefix; /* the same */
    struct regex *regex;
};

/* Of one route. */
struct conditions {
    const struct config_names *methods;
    struct condition *list;
    size_t n;
    size_t weight; /* how many there are, the methods counted as one */
};

enum err conditions_new(const struct route_table *t, struct route *r,
                        struct complaints *wrong) MUST_USE;
/* r->conditions from r->config; stays NULL when there are none. A pattern that is wrong is
 * complained about; the caller looks at the number of complaints. */

void conditions_free(struct route *r);

bool conditions_hold(const struct conditions *c, const struct route_query *q);

enum err conditions_say(const struct config_match *m, struct buf *out) MUST_USE;
/* Appends "GET|POST, header x-beta = 1, query v ~ ^2"; nothing when there are none. The path's
 * regular expression is said with the path. */

bool query_value(struct span target, struct span name, size_t *from, char *out, size_t max,
                 struct span *value);
/* The next parameter of this name in the target's query, decoded, from *from (0: the first) on. */

/* --- match.c --- */

struct group { /* the routes of one host */
    struct lookup exact;
    struct prefixes prefixes;
};

struct matcher {
    struct arena arena; /* of the whole table */
    struct lookup names;
    struct lookup hosts;  /* to groups, 1 and up; a wildcard by what follows its star */
    struct group *groups; /* 0: routes without a host */
    bool wildcards;       /* there are some among the hosts */
    uint32_t *after;      /* by route: whom to ask next when its conditions do not hold */
};

enum err matcher_build(struct route_table *t, struct complaints *wrong) MUST_USE;
/* t->routes are there. */

struct match_visit { /* for those who want to know who was passed over */
    void (*passed)(void *arg, const struct route *r);
    void *arg;
};

const struct route *match_walk(const struct route_table *t, const struct route_query *q,
                               const struct match_visit *visit);
/* route_match(); visit may be NULL. */

void table_complain(const struct route_table *t, struct complaints *wrong, size_t route,
                    const char *key, const char *right, const char *fmt, ...) PRINTF(6, 7);
/* About $.routes[route].key. */

/* --- split.c --- */

enum err split_keys(const char *salt, unsigned char key[2][16]) MUST_USE;

uint64_t split_hash(const unsigned char key[16], struct span a, struct span b);
/* SipHash-2-4 of a and b, one behind the other. */

enum err sticky_build(struct route *r, struct arena *a) MUST_USE;
/* r->sticky from r->config. */

enum err cohort_key(const struct route_table *t, struct route *r) MUST_USE;
/* r->key. */

enum err sticky_key(const struct route_table *t, const struct route *r, const struct route_query *q,
                    struct sticky_key *out, char minted[MINTED_ID_BYTES + 1]) MUST_USE;
/* minted is filled, and becomes the key, when the client has no valid cookie. */

uint16_t sticky_bucket(const struct sticky_key *k, const unsigned char key[16]);

#endif
