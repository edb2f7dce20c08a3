/* Work that may block (loading a configuration, writing a file), done by a thread, finished by the
 * loop.
 *
 * Control thread, but for the work itself. */
#ifndef CONTROL_JOBS_H
#define CONTROL_JOBS_H

#include "base/loop.h"

struct jobs;

struct job_kind {
    void (*work)(void *arg);    /* a work thread */
    void (*done)(void *arg);    /* the loop, afterwards; takes arg */
    void (*discard)(void *arg); /* instead of done, when the loop has ended */
};

enum err jobs_new(struct jobs **out, struct loop *loop, const char *name,
                  unsigned threads) MUST_USE;

void jobs_end(struct jobs **j);
/* The loop does not run any more. Finishes what runs, discards what was not done. */

enum err jobs_run(struct jobs *j, const struct job_kind *kind, void *arg) MUST_USE;
/* On failure (ERR_QUEUE_FULL, ERR_NO_MEMORY) the caller keeps arg. */

#endif
