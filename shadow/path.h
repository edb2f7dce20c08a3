/* Where in a document we are, without the indexes: `$.items[].price`, `$.items[id].price`,
 * `$.rates{}`, `$["a b"]`. Two places with the same path are the same field. */
#ifndef SHADOW_PATH_H
#define SHADOW_PATH_H

#include "shadow/jdoc.h"

enum seg_kind {
    SEG_MEMBER,  /* .name */
    SEG_ENTRY,   /* {}: a member of a map; its name is not part of the path */
    SEG_ELEMENT, /* [] */
    SEG_KEYED,   /* [id]: elements that were matched by a field */
};

struct seg {
    enum seg_kind kind;
    struct span name; /* the member's key; SEG_KEYED: the field */
};

enum { PATH_TEXT_MAX = 512, PATH_KEY_MAX = 64 };

struct path {
    struct seg segs[JDOC_DEPTH_MAX];
    uint64_t hashes[JDOC_DEPTH_MAX + 1];
    struct span root;
    size_t n;
};

void path_begin(struct path *p, struct span root);
/* root: what follows the $, such as "form"; empty: nothing. It lasts as long as the path. */
void path_push(struct path *p, struct seg s);
void path_pop(struct path *p);

uint64_t path_hash(const struct path *p, const struct seg *leaf);
/* Of the path and one more segment (leaf may be NULL). Equal paths have equal hashes. */

size_t path_render(const struct path *p, const struct seg *leaf, char out[PATH_TEXT_MAX]);
/* Writes the path, no terminator; returns its length. Long keys and long paths are cut and marked
 * with part of their hash. Always valid UTF-8 when the keys are. */

#endif
