/* Memory of one exchange: allocate as you go, release all at once. Blocks come from a per-thread
 * cache, so an ordinary exchange costs no malloc. Not thread-safe: an arena is used and freed by
 * the thread that began it. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    char *at;
    char *end;
    size_t used;  /* bytes handed out */
    size_t max;   /* ceiling on what may be handed out */
    bool counted; /* its blocks are buffers: memory_in_buffers() has them. Set before the first */
};

void arena_begin(struct arena *a, size_t max);
/* An empty arena that will hand out at most max bytes. Allocates nothing yet. */

void arena_end(struct arena *a);
/* Releases everything. The arena is empty and usable again. */

void *arena_alloc(struct arena *a, size_t n) MUST_USE;
/* n bytes, aligned for anything, not cleared. NULL at the ceiling or without memory. */

void *arena_zalloc(struct arena *a, size_t n) MUST_USE;

char *arena_copy(struct arena *a, struct span s) MUST_USE;
/* A copy of s with a terminating NUL after it. */

bool arena_grow(struct arena *a, void **p, size_t *cap, size_t item) MUST_USE;
/* Makes room for more items in an arena array: doubles *cap (from 16), copies, stores the new
 * place. The old one stays until the arena ends. */

void arena_thread_end(void);
/* Gives back the calling thread's cache of free blocks; called once, when a thread ends. */

#endif
