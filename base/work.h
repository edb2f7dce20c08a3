/* A bounded pool of threads for what may not run on a worker: comparing answers, loading files,
 * resolving names. */
#ifndef BASE_WORK_H
#define BASE_WORK_H

#include "base/err.h"

struct work;

typedef void work_fn(void *arg);

enum err work_start(struct work **out, const char *name, unsigned threads,
                    size_t queue_max) MUST_USE;
/* name (at most 15 characters) is what top and gdb show. */

void work_stop(struct work **w);
/* Refuses new jobs, finishes those already taken, ends the threads. */

bool work_submit(struct work *w, work_fn *fn, void *arg) MUST_USE;
/* Any thread. False when the queue is full or the pool is stopping: the caller keeps arg. */

size_t work_submit_all(struct work *w, work_fn *fn, void *const *args, size_t n) MUST_USE;
/* A job for each, with one lock and no more wake-ups than there are threads asleep. How many were
 * taken, the first ones; the caller keeps the others. */

size_t work_pending(struct work *w);
/* Jobs queued or running. Any thread. */

#endif
