/* Records that are to go: what is older than shadow.keep, now and then, and what POST /purge names.
 * A work thread does it; what was asked for stands on the audit trail, since it cannot be undone.
 */
#include "control/disk.h"
#include "control/json_read.h"
#include "control/room.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/scribe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    PURGE_MAGIC = 0x50555247,
    LOOK_EVERY_MS = 10 * 60 * 1000,
    SLACK = 8, /* records may be older by this part of the time: a file is not copied for a few */
    TEXT_MAX = 256,
};

struct purge_job {
    unsigned magic;
    struct control *control;
    struct admin_request *request; /* NULL: only what is too old */
    char records[PATH_MAX];
    char *route, *by, *why;
    uint64_t before_ms;
    struct control_purged purged;
    enum err err;
    int err_no;
};

static void job_free(void *arg)
{
    struct purge_job *j;
    OBJ_CAST(j, arg, PURGE_MAGIC);
    free(j->route);
    free(j->by);
    free(j->why);
    j->magic = 0;
    free(j);
}

static struct purge_job *job_new(struct control *c)
{
    struct purge_job *j = calloc(1, sizeof(*j));
    if (j == NULL)
        return NULL;
    OBJ_INIT(j, PURGE_MAGIC);
    j->control = c;
    (void)snprintf(j->records, sizeof(j->records), "%s", shadow_records(c->shadow));
    return j;
}

/* --- the work --- */

static void reopen(void *arg)
{
    struct scribe *s = arg;
    scribe_reopen(s);
}

/* Something is too old; or weir was killed while records were moved away, and they are to come
 * back. */
static bool is_due(const struct purge_job *j)
{
    uint64_t oldest = shadow_oldest(j->records);
    return (oldest != 0 && oldest < j->before_ms) || shadow_purge_was_cut(j->records);
}

static void job_work(void *arg)
{
    struct purge_job *j;
    OBJ_CAST(j, arg, PURGE_MAGIC);
    struct control *c = j->control;
    struct shadow_purge q = {.route = j->route, .before_ms = j->before_ms};
    if (c->scribe != NULL) {
        q.reopen = reopen;
        q.arg = c->scribe;
    }
    if (j->request == NULL && !is_due(j))
        return;
    if (j->before_ms == 0)
        shadow_findings_forget(c->shadow, j->route);
    j->err = shadow_purge(j->records, &q, &j->purged.removed);
    j->err_no = errno;
}

/* --- what follows --- */

static void sentence(const struct shadow_purge *q, const char *why, struct control_purged *p)
{
    char when[CLOCK_ISO_LEN + 1], *out = p->message;
    const size_t cap = sizeof(p->message);
    int n = snprintf(out, cap, "purged %llu records", (unsigned long long)p->removed);
    if (q->route != NULL && n > 0 && (size_t)n < cap)
        n += snprintf(out + n, cap - (size_t)n, " of route %s", q->route);
    if (q->before_ms != 0 && n > 0 && (size_t)n < cap) {
        clock_iso(when, q->before_ms);
        n += snprintf(out + n, cap - (size_t)n, " from before %s", when);
    }
    if (why != NULL && n > 0 && (size_t)n < cap)
        (void)snprintf(out + n, cap - (size_t)n, ": %s", why);
}

/* Records may be of a route that is gone; but when there was none, the name may be a slip. */
static bool is_stranger(const struct control *c, const struct purge_job *j)
{
    return j->route != NULL && j->purged.removed == 0 &&
           route_find(c->flip.table, j->route) == NULL;
}

static void answer(struct control *c, struct purge_job *j)
{
    struct admin_request *r = j->request;
    const struct shadow_purge q = {.route = j->route, .before_ms = j->before_ms};
    if (j->err == ERR_OK) {
        sentence(&q, j->why, &j->purged);
        log_info("control", "%s", j->purged.message);
        flip_note(&c->flip, SOURCE_ADMIN, clock_wall_ms(), j->by != NULL ? j->by : r->user,
                  j->purged.message);
        persist_request(c);
        if (is_stranger(c, j))
            (void)snprintf(j->purged.message, sizeof(j->purged.message),
                           "purged nothing: there are no records of \"%s\", and no route has this "
                           "name; `weir routes` lists them",
                           j->route);
        fleet_soon(c);
        api_say(r, 200,
                json_pack("{s:o, s:I}", "message", json_text(span_str(j->purged.message)),
                          "removed", (json_int_t)j->purged.removed));
    } else {
        char text[PATH_MAX];
        const char *why = j->err == ERR_SYSTEM ? strerror(j->err_no) : err_sentence(j->err);
        (void)snprintf(text, sizeof(text), "%.300s cannot be purged: %s", j->records, why);
        api_refuse(r, 500, err_word(j->err), text, NULL);
    }
    admin_return(r);
}

static void job_done(void *arg)
{
    struct purge_job *j;
    OBJ_CAST(j, arg, PURGE_MAGIC);
    struct control *c = j->control;
    c->purging.running--;
    c->purging.asked = c->purging.asked && j->request == NULL;
    if (j->request != NULL)
        answer(c, j);
    else if (j->err != ERR_OK)
        log_warn("shadow", "%s: records that are too old cannot be removed: %s", j->records,
                 j->err == ERR_SYSTEM ? strerror(j->err_no) : err_sentence(j->err));
    else if (j->purged.removed > 0)
        log_info("shadow", "%s: %llu records are older than shadow.keep and were removed",
                 j->records, (unsigned long long)j->purged.removed);
    job_free(j);
    upgrade_progress(c);
}

static const struct job_kind purge_kind = {job_work, job_done, job_free};

/* False: not now; j is freed. */
static bool begin(struct control *c, struct purge_job *j)
{
    bool asked = j->request != NULL;
    if (jobs_run(c->disk, &purge_kind, j) != ERR_OK) {
        job_free(j);
        return false;
    }
    c->purging.running++;
    c->purging.asked = c->purging.asked || asked;
    return true;
}

void purge_old(struct control *c)
{
    uint64_t now = clock_wall_ms(), keep = control_config(c)->shadow.keep;
    if (c->purging.running > 0 || now < c->purging.looked_ms + LOOK_EVERY_MS)
        return;
    struct purge_job *j = job_new(c);
    if (j == NULL)
        return;
    c->purging.looked_ms = now;
    j->before_ms = now - keep - keep / SLACK;
    (void)begin(c, j);
}

/* --- POST /purge --- */

static enum err read_body(struct span body, struct purge_job *j, struct complaints *wrong)
{
    static const char *const known[] = {"route", "older_ms", "by", "why"};
    struct json_reader r = {.name = "request", .wrong = wrong, .malformed = ERR_INVALID};
    json_t *o = json_loadb(body.p == NULL ? "{}" : body.p, body.p == NULL ? 2 : body.n,
                           JSON_REJECT_DUPLICATES, NULL);
    const char *key;
    json_t *v;
    if (!json_is_object(o))
        json_refuse(&r, "", "must be one JSON object", "it is %s",
                    o == NULL ? "no JSON" : json_type_word(o));
    json_object_foreach(o, key, v)
    {
        if (strcmp(key, "route") == 0)
            json_read_text(&r, v, "route", TEXT_MAX, &j->route);
        else if (strcmp(key, "by") == 0)
            json_read_text(&r, v, "by", TEXT_MAX, &j->by);
        else if (strcmp(key, "why") == 0)
            json_read_text(&r, v, "why", TEXT_MAX, &j->why);
        else if (strcmp(key, "older_ms") != 0)
            json_unknown_key(&r, "", key, known, ARRAY_LEN(known));
        else if (!json_is_integer(v) || json_integer_value(v) <= 0)
            json_refuse(&r, "older_ms", "must be milliseconds", "it is %s", json_type_word(v));
        else
            j->before_ms = (uint64_t)json_integer_value(v);
    }
    json_decref(o);
    return r.err;
}

static void refuse(struct admin_request *r, int status, const char *word, const char *message,
                   struct complaints *wrong)
{
    api_refuse(r, status, word, message, wrong);
    complaints_free(wrong);
    admin_return(r);
}

void purge_request(struct control *c, struct admin_request *r)
{
    struct complaints wrong = {.n = 0};
    uint64_t now = clock_wall_ms();
    struct purge_job *j = c->shadow == NULL ? NULL : job_new(c);
    if (j == NULL) {
        refuse(r, 503, err_word(ERR_NO_MEMORY), "not now; try again", &wrong);
        return;
    }
    enum err e = read_body(buf_span(&r->body), j, &wrong);
    if (e != ERR_OK) {
        job_free(j);
        refuse(r, 400, err_word(e), "nothing was purged", &wrong);
        return;
    }
    if (c->purging.asked) {
        job_free(j);
        refuse(r, 503, err_word(ERR_QUEUE_FULL), "another purge is under way; try again", &wrong);
        return;
    }
    j->request = r;
    if (j->before_ms != 0)
        j->before_ms = j->before_ms < now ? now - j->before_ms : 1;
    if (!begin(c, j))
        refuse(r, 503, err_word(ERR_QUEUE_FULL), "not now; try again", &wrong);
}

/* --- the command line, when no weir runs there --- */

static enum err purge_files(const char *dir, const struct shadow_purge *q, uint64_t *removed,
                            const char **what)
{
    char path[PATH_MAX];
    *what = "shadow.ndjson";
    TRY(disk_path(path, sizeof(path), dir, *what));
    TRY(shadow_purge(path, q, removed));
    if (q->before_ms != 0)
        return ERR_OK; /* a table does not say when */
    *what = "findings.ndjson";
    TRY(disk_path(path, sizeof(path), dir, *what));
    return shadow_purge_table(path, q);
}

static enum err append_audit(const char *dir, const char *by, const char *why)
{
    char path[PATH_MAX];
    struct buf line = BUF_INIT(0);
    struct state s = {.epoch = 0};
    struct complaints wrong = {.n = 0};
    enum err e = disk_path(path, sizeof(path), dir, "state.json");
    if (e == ERR_OK)
        (void)!state_load(path, &s, &wrong); /* without it the epoch is 0 */
    struct audit a = {.at_ms = clock_wall_ms(),
                      .epoch = s.epoch,
                      .from = s.document,
                      .to = s.document,
                      .source = SOURCE_ADMIN,
                      .by = by,
                      .why = why};
    if (e == ERR_OK)
        e = audit_line(&a, &line);
    if (e == ERR_OK)
        e = disk_path(path, sizeof(path), dir, "audit.ndjson");
    if (e == ERR_OK)
        e = disk_append(path, buf_span(&line), AUDIT_ROTATE, 0600);
    state_free(&s);
    complaints_free(&wrong);
    buf_free(&line);
    return e;
}

enum err control_purge(const char *dir, const struct shadow_purge *q, const char *by,
                       const char *why, struct control_purged *out, struct complaints *wrong)
{
    char path[PATH_MAX];
    const char *what = "lock";
    TRY(disk_path(path, sizeof(path), dir, what));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err e = fd < 0 ? ERR_SYSTEM : ERR_OK;
    if (e == ERR_OK && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        complain(wrong, dir, "ask it through its admin socket", "a weir runs there");
        e = ERR_CONFIG;
    }
    if (e == ERR_OK)
        e = purge_files(dir, q, &out->removed, &what);
    if (e == ERR_OK) {
        sentence(q, why, out);
        what = "audit.ndjson";
        e = append_audit(dir, by, out->message);
    }
    if (e == ERR_SYSTEM)
        complain(wrong, dir, "name the state_dir that has the records: --state-dir DIR", "%s: %s",
                 what, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return e;
}
