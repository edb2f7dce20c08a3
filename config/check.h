/* What no single option can know, in three files: check.c has references between names and the
 * rest, check_routes.c routes, check_ends.c listeners and backends. All pass over what was
 * complained about before (config_broken), so that one mistake makes one complaint; all complain to
 * the loader and only fail without memory. Private to config/.
 *
 * With 10,000 routes nothing here may be quadratic: whatever is looked for is sorted first. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/room.h"

/* A thing that must be unique, under the text that identifies it. */
struct entry {
    const char *text;
    size_t index;
};

struct entries {
    struct entry *list;
    size_t n;
};

enum err entries_new(struct loader *l, size_t max, struct entries *out) MUST_USE;
void entries_add(struct entries *e, const char *text, size_t index);
/* Not what is missing or was complained about before. */

void entries_sort(struct entries *e);
bool entries_have(const struct entries *e, const char *text);
/* After sorting. */

void entries_unique(struct loader *l, struct entries *e,
                    void (*twice)(struct loader *l, const void *arg, size_t index, size_t first),
                    const void *arg);
/* Sorts, and calls `twice` for every entry but the first of those with the same text. */

extern const struct place at_root, at_routes, at_listeners, at_backends; /* check.c */

enum err check_routes(struct loader *l) MUST_USE;
/* Unique names and matches; conditions, sticky sources, lists of users, changes. */

enum err check_ends(struct loader *l) MUST_USE;
/* Listeners: addresses, modes, PROXY headers, TLS. Backends: servers, TLS, protocol. */

#endif
