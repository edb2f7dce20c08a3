/* State to disk. The control thread renders, a work thread writes: a slow disk must not delay the
 * next flip. While a write runs, further changes gather; only the newest state is written after it.
 */
#include "control/disk.h"
#include "control/room.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { PERSIST_MAGIC = 0x50525354, RETRY_MS = 5000 };

struct persist_job {
    unsigned magic;
    struct control *control;
    uint64_t generation;
    char state_path[PATH_MAX];
    char audit_path[PATH_MAX];
    struct buf state;
    struct buf audit;
    bool audited; /* the lines are in the file */
    enum err err;
    int err_no;
};

static void job_free(void *arg)
{
    struct persist_job *j;
    OBJ_CAST(j, arg, PERSIST_MAGIC);
    buf_free(&j->state);
    buf_free(&j->audit);
    j->magic = 0;
    free(j);
}

static void job_work(void *arg)
{
    struct persist_job *j;
    OBJ_CAST(j, arg, PERSIST_MAGIC);
    if (j->audit.n > 0 && !j->audited)
        j->err = disk_append(j->audit_path, buf_span(&j->audit), AUDIT_ROTATE, 0600);
    if (j->err == ERR_OK) {
        j->audited = true;
        j->err = disk_replace(j->state_path, buf_span(&j->state), 0600);
    }
    j->err_no = errno;
}

/* The audit lines of a write that failed go in front of those that came since. */
static void take_back(struct control *c, struct persist_job *j)
{
    struct buf *waiting = &c->flip.audit;
    if (j->audited || j->audit.n == 0)
        return;
    j->audit.max = waiting->max;
    if (buf_append(&j->audit, buf_span(waiting)) != ERR_OK) {
        c->persist.lost_audit++;
        log_error("control", "the audit trail has lost entries: too many wait to be written");
        return;
    }
    struct buf old = *waiting;
    *waiting = j->audit;
    j->audit = old;
}

static void failed(struct control *c, struct persist_job *j)
{
    struct persist *p = &c->persist;
    char why[sizeof(p->error)];
    (void)snprintf(why, sizeof(why), "%s",
                   j->err == ERR_SYSTEM ? strerror(j->err_no) : err_sentence(j->err));
    if (strcmp(p->error, why) != 0)
        log_error("control",
                  "the routing state cannot be written to %s: %s; it would be lost at a restart",
                  c->state_dir, why);
    (void)snprintf(p->error, sizeof(p->error), "%s", why);
    take_back(c, j);
    loop_timer_set(c->loop, &p->retry, RETRY_MS);
}

static void succeeded(struct control *c, const struct persist_job *j)
{
    if (c->persist.error[0] != '\0')
        log_info("control", "the routing state is on disk again");
    c->persist.error[0] = '\0';
    c->persist.written = j->generation;
    local_saved(c);
}

static void note(struct control *c, const struct persist_job *j)
{
    struct span rest = buf_span(&j->audit);
    struct span line;
    while (c->store != NULL && span_cut(&rest, '\n', &line))
        if (line.n > 0)
            store_note(c->store, line);
}

static void begin_job(struct control *c);

static void job_done(void *arg)
{
    struct persist_job *j;
    OBJ_CAST(j, arg, PERSIST_MAGIC);
    struct control *c = j->control;
    c->persist.running = NULL;
    if (j->audited)
        note(c, j);
    if (j->err == ERR_OK)
        succeeded(c, j);
    else
        failed(c, j);
    bool again = j->err == ERR_OK && c->persist.written < c->persist.wanted;
    job_free(j);
    if (again)
        begin_job(c);
    orders_progress(c);
    upgrade_progress(c);
}

static const struct job_kind persist_kind = {job_work, job_done, job_free};

static struct persist_job *job_new(struct control *c)
{
    struct persist_job *j = calloc(1, sizeof(*j));
    if (j == NULL)
        return NULL;
    OBJ_INIT(j, PERSIST_MAGIC);
    j->control = c;
    j->generation = c->persist.wanted;
    if (disk_path(j->state_path, sizeof(j->state_path), c->state_dir, "state.json") != ERR_OK ||
        disk_path(j->audit_path, sizeof(j->audit_path), c->state_dir, "audit.ndjson") != ERR_OK ||
        state_render(&c->flip.state, &j->state) != ERR_OK) {
        job_free(j);
        return NULL;
    }
    j->audit = c->flip.audit;
    c->flip.audit = BUF_INIT(j->audit.max);
    return j;
}

static void begin_job(struct control *c)
{
    struct persist_job *j = job_new(c);
    if (j != NULL && jobs_run(c->disk, &persist_kind, j) == ERR_OK) {
        c->persist.running = j;
        return;
    }
    if (j != NULL) {
        take_back(c, j);
        job_free(j);
    }
    loop_timer_set(c->loop, &c->persist.retry, RETRY_MS);
}

void persist_request(struct control *c)
{
    if (c->role == ROLE_FOLLOWS) /* another process writes what changes now */
        c->flip.audit.n = 0;
    c->persist.wanted++;
    if (c->persist.running == NULL && c->disk != NULL && c->role == ROLE_IN_CHARGE)
        begin_job(c);
}

static void on_retry(void *arg)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    if (c->persist.running == NULL && c->role == ROLE_IN_CHARGE)
        begin_job(c);
}

void persist_begin(struct control *c)
{
    timer_begin(&c->persist.retry, on_retry, c);
}

void persist_last(struct control *c)
{
    loop_timer_clear(c->loop, &c->persist.retry);
    if (c->persist.written == c->persist.wanted || c->role == ROLE_FOLLOWS || c->role == ROLE_HEIR)
        return;
    struct persist_job *j = job_new(c);
    if (j == NULL)
        return;
    job_work(j);
    if (j->err != ERR_OK)
        log_error("control", "the routing state could not be written to %s at the end: %s",
                  c->state_dir, strerror(j->err_no));
    else
        succeeded(c, j);
    job_free(j);
}
