/* The list of jobs under way belongs to the control thread: what a thread has finished but the loop
 * will never hear of is found there at the end. */
#include "control/jobs.h"

#include "base/work.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { JOBS_MAGIC = 0x4a4f4253, JOB_MAGIC = 0x4a4f4220, QUEUE_MAX = 64 };

struct job {
    unsigned magic;
    struct jobs *jobs;
    const struct job_kind *kind;
    void *arg;
    struct job *next;
    struct job **at; /* what points at this one */
};

struct jobs {
    unsigned magic;
    struct loop *loop;
    struct work *work;
    struct job *first;
    atomic_bool ending;
};

enum err jobs_new(struct jobs **out, struct loop *loop, const char *name, unsigned threads)
{
    *out = NULL;
    struct jobs *j = calloc(1, sizeof(*j));
    if (j == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(j, JOBS_MAGIC);
    j->loop = loop;
    enum err e = work_start(&j->work, name, threads, QUEUE_MAX);
    if (e != ERR_OK) {
        free(j);
        return e;
    }
    *out = j;
    return ERR_OK;
}

static void job_free(struct job *job)
{
    *job->at = job->next;
    if (job->next != NULL)
        job->next->at = job->at;
    job->magic = 0;
    free(job);
}

void jobs_end(struct jobs **jp)
{
    struct jobs *j;
    if (*jp == NULL)
        return;
    OBJ_TAKE(j, jp, JOBS_MAGIC);
    atomic_store(&j->ending, true);
    work_stop(&j->work);
    while (j->first != NULL) {
        struct job *job = j->first;
        job->kind->discard(job->arg);
        job_free(job);
    }
    j->magic = 0;
    free(j);
}

static void finish(void *arg)
{
    struct job *job;
    OBJ_CAST(job, arg, JOB_MAGIC);
    const struct job_kind *kind = job->kind;
    void *theirs = job->arg;
    job_free(job);
    kind->done(theirs);
}

static void run(void *arg)
{
    struct job *job;
    OBJ_CAST(job, arg, JOB_MAGIC);
    struct jobs *j = job->jobs;
    static const struct timespec moment = {0, 5 * 1000 * 1000};
    job->kind->work(job->arg);
    while (!loop_post(j->loop, finish, job) && !atomic_load(&j->ending))
        nanosleep(&moment, NULL); /* the mailbox is full: it will not stay so */
}

enum err jobs_run(struct jobs *j, const struct job_kind *kind, void *arg)
{
    OBJ_CHECK(j, JOBS_MAGIC);
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(job, JOB_MAGIC);
    job->jobs = j;
    job->kind = kind;
    job->arg = arg;
    job->next = j->first;
    job->at = &j->first;
    if (job->next != NULL)
        job->next->at = &job->next;
    j->first = job;
    if (work_submit(j->work, run, job))
        return ERR_OK;
    job_free(job);
    return ERR_QUEUE_FULL;
}
