/* A ring of jobs, a lock, a condition. */
#include "base/work.h"

#include "base/arena.h"
#include "base/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORK_MAGIC = 0x574f524b };

struct job {
    work_fn *fn;
    void *arg;
};

struct work {
    unsigned magic;
    char name[16];
    pthread_t *threads;
    unsigned nthreads;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct { /* under lock */
        struct job *ring;
        size_t cap;
        size_t first;
        size_t n;
        size_t running;
        unsigned asleep; /* threads that wait for a job */
        bool stop;
    } shared;
};

static void *work_main(void *arg)
{
    struct work *w;
    OBJ_CAST(w, arg, WORK_MAGIC);
    metrics_thread_begin(w->name);
    pthread_mutex_lock(&w->lock);
    for (;;) {
        if (w->shared.n == 0) {
            if (w->shared.stop)
                break;
            w->shared.asleep++;
            pthread_cond_wait(&w->ready, &w->lock);
            w->shared.asleep--;
            continue;
        }
        struct job j = w->shared.ring[w->shared.first];
        w->shared.first = (w->shared.first + 1) % w->shared.cap;
        w->shared.n--;
        w->shared.running++;
        pthread_mutex_unlock(&w->lock);
        j.fn(j.arg);
        pthread_mutex_lock(&w->lock);
        w->shared.running--;
    }
    pthread_mutex_unlock(&w->lock);
    arena_thread_end();
    chunkq_thread_end();
    metrics_thread_end();
    return NULL;
}

static void join_all(struct work *w)
{
    pthread_mutex_lock(&w->lock);
    w->shared.stop = true;
    pthread_cond_broadcast(&w->ready);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->nthreads; i++)
        pthread_join(w->threads[i], NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->ready);
    free(w->shared.ring);
    free(w->threads);
    w->magic = 0;
    free(w);
}

enum err work_start(struct work **out, const char *name, unsigned threads, size_t queue_max)
{
    *out = NULL;
    struct work *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(w, WORK_MAGIC);
    (void)snprintf(w->name, sizeof(w->name), "%s", name);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->ready, NULL);
    w->shared.cap = queue_max;
    w->shared.ring = calloc(queue_max, sizeof(*w->shared.ring));
    w->threads = calloc(threads, sizeof(*w->threads));
    if (w->shared.ring == NULL || w->threads == NULL) {
        join_all(w);
        return ERR_NO_MEMORY;
    }
    for (; w->nthreads < threads; w->nthreads++) {
        if (pthread_create(&w->threads[w->nthreads], NULL, work_main, w) != 0) {
            join_all(w);
            return ERR_SYSTEM;
        }
        (void)pthread_setname_np(w->threads[w->nthreads], w->name);
    }
    *out = w;
    return ERR_OK;
}

void work_stop(struct work **wp)
{
    struct work *w;
    OBJ_TAKE(w, wp, WORK_MAGIC);
    join_all(w);
}

size_t work_submit_all(struct work *w, work_fn *fn, void *const *args, size_t n)
{
    pthread_mutex_lock(&w->lock);
    size_t taken = w->shared.stop ? 0 : min_size(n, w->shared.cap - w->shared.n);
    for (size_t i = 0; i < taken; i++) {
        size_t at = (w->shared.first + w->shared.n++) % w->shared.cap;
        w->shared.ring[at] = (struct job){fn, args[i]};
    }
    size_t wake = min_size(taken, w->shared.asleep);
    pthread_mutex_unlock(&w->lock);
    for (; wake > 0; wake--) /* now, when who wakes up finds the lock free */
        pthread_cond_signal(&w->ready);
    return taken;
}

bool work_submit(struct work *w, work_fn *fn, void *arg)
{
    return work_submit_all(w, fn, &arg, 1) == 1;
}

size_t work_pending(struct work *w)
{
    pthread_mutex_lock(&w->lock);
    size_t n = w->shared.n + w->shared.running;
    pthread_mutex_unlock(&w->lock);
    return n;
}
