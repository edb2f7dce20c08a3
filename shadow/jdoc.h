/* JSON as a flat list of nodes over the text it was read from. Numbers stay the characters they
 * were: nothing is rounded, and money or a 30-digit id can be compared as what it is. Repeated keys
 * are kept.
 *
 * Linear time; 24 bytes per value; nesting and the number of values are limited. A document belongs
 * to one thread. */
#ifndef SHADOW_JDOC_H
#define SHADOW_JDOC_H

#include "base/bytes.h"

enum jdoc_kind {
    JDOC_NULL,
    JDOC_FALSE,
    JDOC_TRUE,
    JDOC_NUMBER,
    JDOC_STRING,
    JDOC_ARRAY,
    JDOC_OBJECT,
};

enum {
    JDOC_DEPTH_MAX = 256,
    JDOC_NODES_MAX = 1 << 20,
    JDOC_NONE = 0, /* no node: the root is never a child */
};

enum {                      /* jdoc_node.flags */
       JDOC_DECODED = 1,    /* the text had escapes and is in jdoc.decoded */
       JDOC_SUPERSEDED = 2, /* a key that comes again later in the same object; shape.c */
       JDOC_IGNORED = 4,    /* a rule ignores this value; shape.c */
       JDOC_LOOSE = 8,      /* the value or a part of it may differ a little; shape.c */
};

/* An object is followed by its members, each a key (a string node) and a value; an array by its
 * elements. */
struct jdoc_node {
    uint64_t hash; /* shape.c */
    uint32_t at;   /* where its characters begin: the value of a string, the lexeme of a number */
    uint32_t n;    /* how many; of an array or object: how many elements or members */
    uint32_t next; /* the node after this one and all it contains */
    uint8_t kind;
    uint8_t flags;
};

struct jdoc {
    struct span text; /* borrowed */
    struct jdoc_node *nodes;
    uint32_t n;
    uint32_t cap;
    char *decoded; /* strings that had escapes */
    size_t decoded_n;
    size_t decoded_cap;
    const char *wrong; /* after ERR_SHADOW_MALFORMED: what is wrong, static */
    size_t wrong_at;   /* and at which byte */
};

#define JDOC_INIT ((struct jdoc){.text = {NULL, 0}})

enum err jdoc_parse(struct jdoc *d, struct span text) MUST_USE;
/* Reads one JSON text (RFC 8259; a byte order mark before it is passed over). The text must live as
 * long as the document is looked at. May be called again; memory is reused. ERR_SHADOW_MALFORMED,
 * ERR_SHADOW_TOO_DEEP, ERR_TOO_LARGE (more than JDOC_NODES_MAX values), ERR_NO_MEMORY. */

void jdoc_free(struct jdoc *d);

void jdoc_trim(struct jdoc *d, size_t keep);
/* Gives memory back when more than `keep` bytes are held. */

static inline struct span jdoc_text(const struct jdoc *d, uint32_t i)
{
    const struct jdoc_node *x = &d->nodes[i];
    return (struct span){(x->flags & JDOC_DECODED ? d->decoded : d->text.p) + x->at, x->n};
}

uint32_t jdoc_member(const struct jdoc *d, uint32_t object, struct span key);
/* The value under a key (the last one), or JDOC_NONE; also when `object` is not an object. */

/* Strict reading of one member, for records: false when it is absent or of another kind. */
bool jdoc_string(const struct jdoc *d, uint32_t object, const char *key, struct span *out);
bool jdoc_u64(const struct jdoc *d, uint32_t object, const char *key, uint64_t *out);
bool jdoc_true(const struct jdoc *d, uint32_t object, const char *key);
uint32_t jdoc_list(const struct jdoc *d, uint32_t object, const char *key);
/* An array, else JDOC_NONE. */

#endif
