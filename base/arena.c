/* Exchange memory in 4 KiB blocks; larger requests get a block of their own. */
#include "base/arena.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdlib.h>

enum {
    BLOCK_BYTES = 4096,
    CACHE_MAX = 1024, /* free blocks kept per thread: 4 MiB */
};

struct arena_block {
    struct arena_block *next;
    size_t size; /* usable bytes; BLOCK_BYTES for those that are cached */
    alignas(max_align_t) char store[];
};

static _Thread_local struct arena_block *free_blocks;
static _Thread_local unsigned free_count;

static struct arena_block *block_new(size_t size)
{
    struct arena_block *b = free_blocks;
    if (size == BLOCK_BYTES && b != NULL) {
        free_blocks = b->next;
        free_count--;
        return b;
    }
    b = malloc(sizeof(*b) + size);
    if (b != NULL)
        b->size = size;
    return b;
}

static void block_free(struct arena_block *b)
{
    if (b->size != BLOCK_BYTES || free_count >= CACHE_MAX) {
        free(b);
        return;
    }
    b->next = free_blocks;
    free_blocks = b;
    free_count++;
}

void arena_thread_end(void)
{
    while (free_blocks != NULL) {
        struct arena_block *b = free_blocks;
        free_blocks = b->next;
        free(b);
    }
    free_count = 0;
}

void arena_begin(struct arena *a, size_t max)
{
    *a = (struct arena){.max = min_size(max, PTRDIFF_MAX / 2)}; /* no sum below can overflow */
}

void arena_end(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        if (a->counted)
            memory_note(-(ptrdiff_t)b->size);
        block_free(b);
    }
    arena_begin(a, a->max);
}

static bool add_block(struct arena *a, size_t n)
{
    struct arena_block *b = block_new(max_size(n, BLOCK_BYTES));
    if (b == NULL)
        return false;
    if (a->counted)
        memory_note((ptrdiff_t)b->size);
    b->next = a->blocks;
    a->blocks = b;
    a->at = b->store;
    a->end = b->store + b->size;
    return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
    const size_t align = alignof(max_align_t);
    size_t left = a->max - a->used;
    if (UNLIKELY(n > left))
        return NULL;
    n = (max_size(n, 1) + align - 1) & ~(align - 1); /* even nothing has an address of its own */
    if (UNLIKELY(n > left))
        return NULL;
    if ((size_t)(a->end - a->at) < n && !add_block(a, n))
        return NULL;
    void *p = a->at;
    a->at += n;
    a->used += n;
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);
    if (p != NULL)
        memset(p, 0, n);
    return p;
}

char *arena_copy(struct arena *a, struct span s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (p == NULL)
        return NULL;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

bool arena_grow(struct arena *a, void **p, size_t *cap, size_t item)
{
    size_t more = *cap == 0 ? 16 : *cap * 2;
    if (more > SIZE_MAX / item)
        return false;
    void *fresh = arena_alloc(a, more * item);
    if (fresh == NULL)
        return false;
    if (*cap > 0)
        memcpy(fresh, *p, *cap * item);
    *p = fresh;
    *cap = more;
    return true;
}
