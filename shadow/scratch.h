/* A stack of memory for one comparison: taken in order, given back in the opposite order by a mark.
 * Keeps its first chunk between comparisons, so an ordinary one allocates nothing. One thread at a
 * time. */
#ifndef SHADOW_SCRATCH_H
#define SHADOW_SCRATCH_H

#include "base/base.h"

struct scratch_chunk;

struct scratch {
    struct scratch_chunk *top;
    size_t held; /* bytes of all chunks */
    size_t max;  /* ceiling on held */
};

struct scratch_mark {
    struct scratch_chunk *chunk;
    size_t used;
};

void scratch_begin(struct scratch *s, size_t max);
void scratch_end(struct scratch *s);
/* Releases everything; the scratch is empty and usable again. */

void *scratch_take(struct scratch *s, size_t n, size_t item) MUST_USE;
/* Room for n items, aligned for anything, not cleared. NULL at the ceiling or without memory. */

struct scratch_mark scratch_mark(const struct scratch *s);
void scratch_back(struct scratch *s, struct scratch_mark m);
/* Gives back what was taken since the mark. */

#endif
