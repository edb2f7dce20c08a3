/* The chunk queue. Chunks come from a small per-thread cache, so that a request that is written at
 * once costs no malloc; a borrowed segment is a chunk header without storage. */
#include "base/bytes.h"
#include "base/memory.h"

#include <stdlib.h>

enum {
    SMALL_BYTES =
        2 * 1024, /* what waits is often a head: an owner of 100 bytes must not hold 16 KiB */
    CHUNK_BYTES = 16 * 1024, /* the largest owned chunk */
    COPY_MAX = 512,          /* what is copied rather than borrowed */
    CACHE_MAX = 64,          /* free chunks kept per thread and kind */
};

struct chunk {
    struct chunk *next;
    const char *p; /* first byte not yet consumed */
    size_t n;      /* bytes from p */
    size_t cap;    /* writable bytes in store; 0: borrowed */
    char store[];
};

struct cache {
    struct chunk *free;
    unsigned n;
};

static _Thread_local struct cache caches[3];

static struct cache *cache_of(size_t cap)
{
    return &caches[cap == 0 ? 0 : cap == SMALL_BYTES ? 1 : 2];
}

static size_t size_for(size_t n)
{
    return n <= SMALL_BYTES ? SMALL_BYTES : CHUNK_BYTES;
}

static struct chunk *chunk_new(size_t cap)
{
    struct cache *c = cache_of(cap);
    struct chunk *k = c->free;
    if (k != NULL) {
        c->free = k->next;
        c->n--;
    } else {
        k = malloc(sizeof(*k) + cap);
        if (k == NULL)
            return NULL;
    }
    k->next = NULL;
    k->p = k->store;
    k->n = 0;
    k->cap = cap;
    memory_note((ptrdiff_t)cap);
    return k;
}

static void chunk_free(struct chunk *k)
{
    struct cache *c = cache_of(k->cap);
    memory_note(-(ptrdiff_t)k->cap);
    if (c->n >= CACHE_MAX) {
        free(k);
        return;
    }
    k->next = c->free;
    c->free = k;
    c->n++;
}

void chunkq_thread_end(void)
{
    for (size_t i = 0; i < ARRAY_LEN(caches); i++) {
        while (caches[i].free != NULL) {
            struct chunk *k = caches[i].free;
            caches[i].free = k->next;
            free(k);
        }
        caches[i].n = 0;
    }
    memory_thread_end();
}

static void push(struct chunkq *q, struct chunk *k)
{
    if (q->tail == NULL)
        q->head = k;
    else
        q->tail->next = k;
    q->tail = k;
}

static void pop(struct chunkq *q)
{
    struct chunk *k = q->head;
    q->head = k->next;
    if (q->head == NULL)
        q->tail = NULL;
    chunk_free(k);
}

void chunkq_free(struct chunkq *q)
{
    while (q->head != NULL)
        pop(q);
    q->n = 0;
    q->borrowing = false;
}

static size_t room_in(const struct chunk *k)
{
    return k->cap == 0 ? 0 : k->cap - (size_t)(k->p - k->store) - k->n;
}

/* Whether n bytes fit behind the last ones. */
static bool fits(const struct chunkq *q, size_t n)
{
    return q->tail != NULL && room_in(q->tail) >= n;
}

static char *end_of(struct chunk *k)
{
    return k->store + (k->p - k->store) + k->n;
}

char *chunkq_room(struct chunkq *q, size_t want)
{
    BUG_IF(want > CHUNK_BYTES);
    if (!fits(q, want)) {
        struct chunk *k = chunk_new(size_for(want));
        if (k == NULL)
            return NULL;
        push(q, k);
    }
    return end_of(q->tail);
}

void chunkq_commit(struct chunkq *q, size_t n)
{
    BUG_IF(q->tail == NULL || room_in(q->tail) < n);
    q->tail->n += n;
    q->n += n;
}

/* Chunks needed beyond the tail for n more bytes, taken before anything is copied so that a failure
 * takes nothing. */
static bool chunks_for(size_t n, struct chunk **list)
{
    struct chunk **last = list;
    *list = NULL;
    for (; n > 0; n -= min_size(n, CHUNK_BYTES)) {
        struct chunk *k = chunk_new(size_for(n));
        if (k == NULL) {
            while (*list != NULL) {
                struct chunk *next = (*list)->next;
                chunk_free(*list);
                *list = next;
            }
            return false;
        }
        *last = k;
        last = &k->next;
    }
    return true;
}

enum err chunkq_append(struct chunkq *q, struct span s)
{
    size_t here = q->tail == NULL ? 0 : min_size(room_in(q->tail), s.n);
    struct chunk *fresh;
    if (!chunks_for(s.n - here, &fresh))
        return ERR_NO_MEMORY;
    q->n += s.n;
    if (here > 0) {
        memcpy(end_of(q->tail), s.p, here);
        q->tail->n += here;
        s = span_from(s, here);
    }
    while (fresh != NULL) {
        struct chunk *k = fresh;
        fresh = k->next;
        k->next = NULL;
        k->n = min_size(s.n, k->cap);
        memcpy(k->store, s.p, k->n);
        s = span_from(s, k->n);
        push(q, k);
    }
    return ERR_OK;
}

/* A small piece is copied where that costs no chunk: between two that are owned it would cost one
 * of theirs, and a body in chunks of one byte thousands of times its size. */
enum err chunkq_borrow(struct chunkq *q, struct span s)
{
    if (s.n == 0)
        return ERR_OK;
    if (s.n <= COPY_MAX && fits(q, s.n))
        return chunkq_append(q, s);
    struct chunk *k = chunk_new(0);
    if (k == NULL)
        return ERR_NO_MEMORY;
    k->p = s.p;
    k->n = s.n;
    push(q, k);
    q->n += s.n;
    q->borrowing = true;
    return ERR_OK;
}

enum err chunkq_own(struct chunkq *q)
{
    if (!q->borrowing)
        return ERR_OK;
    struct chunkq rest = *q;
    *q = (struct chunkq){0};
    enum err e = ERR_OK;
    while (rest.head != NULL) {
        struct chunk *k = rest.head;
        if (k->cap == 0 || fits(q, k->n)) {
            if (e == ERR_OK)
                e = chunkq_append(q, span_of(k->p, k->n));
            pop(&rest);
            continue;
        }
        rest.head = k->next;
        k->next = NULL;
        push(q, k);
        q->n += k->n;
    }
    return e;
}

int chunkq_iov(const struct chunkq *q, struct iovec *iov, int max)
{
    int n = 0;
    for (const struct chunk *k = q->head; k != NULL && n < max; k = k->next) {
        if (k->n == 0)
            continue;
        iov[n].iov_base = (void *)(uintptr_t)k->p;
        iov[n++].iov_len = k->n;
    }
    return n;
}

size_t chunkq_copy(const struct chunkq *q, char *out, size_t max)
{
    size_t done = 0;
    for (const struct chunk *k = q->head; k != NULL && done < max; k = k->next) {
        size_t n = min_size(k->n, max - done);
        memcpy(out + done, k->p, n);
        done += n;
    }
    return done;
}

void chunkq_consume(struct chunkq *q, size_t n)
{
    BUG_IF(n > q->n);
    q->n -= n;
    while (q->head != NULL && n >= q->head->n) {
        n -= q->head->n;
        pop(q);
    }
    if (n > 0) {
        q->head->p += n;
        q->head->n -= n;
    }
    if (q->head == NULL)
        q->borrowing = false;
}

enum err chunkq_move(struct chunkq *to, struct chunkq *from, size_t n)
{
    BUG_IF(n > from->n);
    to->borrowing |= from->borrowing;
    while (n > 0) {
        struct chunk *k = from->head;
        if (k->n > n) {
            struct span part = span_of(k->p, n);
            TRY(k->cap == 0 ? chunkq_borrow(to, part) : chunkq_append(to, part));
            chunkq_consume(from, n);
            return ERR_OK;
        }
        from->head = k->next;
        if (from->head == NULL)
            from->tail = NULL;
        k->next = NULL;
        n -= k->n;
        from->n -= k->n;
        to->n += k->n;
        push(to, k);
    }
    if (from->head == NULL)
        from->borrowing = false;
    return ERR_OK;
}
