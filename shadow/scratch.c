/* Chunks in a list, the newest on top. */
#include "shadow/scratch.h"

#include <stdalign.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 64 * 1024 };

struct scratch_chunk {
    struct scratch_chunk *below;
    size_t used;
    size_t size;
    alignas(max_align_t) char store[];
};

void scratch_begin(struct scratch *s, size_t max)
{
    *s = (struct scratch){.max = max};
}

static void pop(struct scratch *s)
{
    struct scratch_chunk *c = s->top;
    s->top = c->below;
    s->held -= c->size;
    free(c);
}

void scratch_end(struct scratch *s)
{
    while (s->top != NULL)
        pop(s);
}

static bool push(struct scratch *s, size_t n)
{
    size_t size = max_size(n, CHUNK_BYTES);
    if (size > s->max - s->held)
        return false;
    struct scratch_chunk *c = malloc(sizeof(*c) + size);
    if (c == NULL)
        return false;
    c->below = s->top;
    c->used = 0;
    c->size = size;
    s->top = c;
    s->held += size;
    return true;
}

void *scratch_take(struct scratch *s, size_t n, size_t item)
{
    const size_t align = alignof(max_align_t);
    if (n > (s->max / item))
        return NULL;
    size_t bytes = (n * item + align - 1) & ~(align - 1);
    if ((s->top == NULL || s->top->size - s->top->used < bytes) && !push(s, bytes))
        return NULL;
    void *p = s->top->store + s->top->used;
    s->top->used += bytes;
    return p;
}

struct scratch_mark scratch_mark(const struct scratch *s)
{
    return (struct scratch_mark){s->top, s->top == NULL ? 0 : s->top->used};
}

void scratch_back(struct scratch *s, struct scratch_mark m)
{
    while (s->top != m.chunk && s->top->below != NULL)
        pop(s);
    if (s->top == NULL)
        return;
    if (s->top == m.chunk)
        s->top->used = m.used;
    else if (s->top->size == CHUNK_BYTES)
        s->top->used = 0; /* the first chunk stays */
    else
        pop(s);
}
