/* The control store in a local file, state_dir/control.json, for instances without Redis. People
 * may write it themselves
 * (`echo legacy > control.json`), with whatever tool they like.
 *
 * The special difficulty is the half-written file: a shell truncates it first and writes later.
 * inotify says when a writer is done; without it, a file that changed within the last moments is
 * looked at again before it is believed. */
#include "control/disk.h"
#include "control/store.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_STORE_MAGIC = 0x53544649, FILE_WRITE_MAGIC = 0x46575249, SETTLE_MS = 60 };

static const char file_name[] = "control.json";

struct file_store {
    unsigned magic;
    struct store base;
    struct loop *loop;
    struct jobs *disk;
    struct store_events events;
    char path[PATH_MAX];
    char dir[PATH_MAX];
    uint64_t poll_ms;
    struct timer poll;
    struct timer settle;
    int watch_fd;
    struct loop_io watch;

    enum sight sight; /* as looked at last */
    struct buf value;
    struct stat last; /* of the file then */

    struct file_write *writing; /* under way; one at a time */
};

/* One write: belongs to the job. */
struct file_write {
    unsigned magic;
    struct file_store *store; /* NULL: closed meanwhile */
    char path[PATH_MAX];
    uint64_t epoch;
    struct buf raw;
    enum sight expected_sight;
    struct buf expected;
    enum store_write how;
    int err_no;
};

static struct file_store *self(struct store *base)
{
    struct file_store *s = CONTAINER_OF(base, struct file_store, base);
    OBJ_CHECK(s, FILE_STORE_MAGIC);
    return s;
}

/* --- looking --- */

static void set_error(struct file_store *s, const char *why)
{
    struct store_facts *f = &s->base.facts;
    bool ok = why == NULL;
    bool same = strcmp(f->error, ok ? "" : why) == 0;
    if (f->connected != ok)
        f->since_ms = clock_wall_ms();
    f->connected = ok;
    (void)snprintf(f->error, sizeof(f->error), "%s", ok ? "" : why);
    if (same)
        return;
    if (!ok)
        log_warn("control", "%s: %s; routing stays as it is", s->path, why);
    else
        log_info("control", "%s can be read again", s->path);
    s->events.changed(s->events.arg);
}

static void report(struct file_store *s, enum sight sight, struct span raw, enum err unreadable)
{
    s->base.facts.looks++;
    s->sight = sight;
    s->value.n = 0;
    if (buf_append(&s->value, raw) != ERR_OK)
        s->sight = SIGHT_NONE;
    s->events.looked(s->events.arg, sight, raw, unreadable);
}

static void read_file(struct file_store *s)
{
    char why[160];
    struct buf text = BUF_INIT(0);
    enum err e = disk_read(s->path, DOCUMENT_MAX, &text);
    if (e == ERR_SYSTEM || e == ERR_NO_MEMORY) {
        (void)snprintf(why, sizeof(why), "cannot be read: %s",
                       e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
        s->last = (struct stat){.st_ino = 0}; /* the next poll reads again */
        set_error(s, why);
    } else {
        set_error(s, NULL);
        enum sight sight = e == ERR_OK          ? SIGHT_VALUE
                           : e == ERR_NOT_FOUND ? SIGHT_MISSING
                                                : SIGHT_UNREADABLE;
        report(s, sight, e == ERR_OK ? buf_span(&text) : SPAN(""),
               e == ERR_TOO_LARGE ? ERR_CONTROL_TOO_LARGE : ERR_OK);
    }
    buf_free(&text);
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_dev == b->st_dev &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool fresh(const struct stat *st)
{
    uint64_t written =
        (uint64_t)st->st_mtim.tv_sec * 1000 + (uint64_t)st->st_mtim.tv_nsec / 1000000;
    uint64_t now = clock_wall_ms();
    return written <= now && now - written < SETTLE_MS;
}

/* done: whoever wrote is known to have finished. */
static void look(struct file_store *s, bool done)
{
    struct stat st = {.st_ino = 0};
    if (stat(s->path, &st) == 0 && !done && fresh(&st)) {
        loop_timer_set(s->loop, &s->settle, SETTLE_MS);
        return;
    }
    bool same = unchanged(&st, &s->last) && s->sight != SIGHT_NONE && s->base.facts.connected;
    s->last = st;
    if (!same)
        read_file(s);
    else /* a document may wait to be written */
        s->events.looked(s->events.arg, s->sight, buf_span(&s->value),
                         s->sight == SIGHT_UNREADABLE ? ERR_CONTROL_TOO_LARGE : ERR_OK);
}

static void on_poll(void *arg)
{
    struct file_store *s;
    OBJ_CAST(s, arg, FILE_STORE_MAGIC);
    look(s, false);
    loop_timer_set(s->loop, &s->poll, s->poll_ms);
}

static void on_settle(void *arg)
{
    struct file_store *s;
    OBJ_CAST(s, arg, FILE_STORE_MAGIC);
    look(s, false);
}

static bool concerns_us(const struct inotify_event *ev)
{
    return ev->len == 0 || strcmp(ev->name, file_name) == 0;
}

static void on_watch(void *arg, unsigned what)
{
    struct file_store *s;
    OBJ_CAST(s, arg, FILE_STORE_MAGIC);
    alignas(struct inotify_event) char buf[4096];
    bool ours = false;
    UNUSED(what);
    for (;;) {
        ssize_t n = read(s->watch_fd, buf, sizeof(buf));
        if (n <= 0)
            break;
        for (char *p = buf; p < buf + n;) {
            const struct inotify_event *ev = (const struct inotify_event *)(const void *)p;
            ours = ours || concerns_us(ev);
            p += sizeof(*ev) + ev->len;
        }
    }
    if (ours) {
        s->base.facts.pushes++;
        look(s, true);
    }
}

/* --- writing: a job --- */

static void write_free(void *arg)
{
    struct file_write *w;
    OBJ_CAST(w, arg, FILE_WRITE_MAGIC);
    buf_free(&w->raw);
    buf_free(&w->expected);
    w->magic = 0;
    free(w);
}

/* Whether the file still says what was looked at last. Somebody may write between this and the
 * rename; of two people who write within the same moment, one is last in any case. */
static bool still_expected(const struct file_write *w)
{
    struct buf now = BUF_INIT(0);
    enum err e = disk_read(w->path, DOCUMENT_MAX, &now);
    bool same = w->expected_sight == SIGHT_MISSING
                    ? e == ERR_NOT_FOUND
                    : e == ERR_OK && span_eq(buf_span(&now), buf_span(&w->expected));
    buf_free(&now);
    return same;
}

static void write_work(void *arg)
{
    struct file_write *w;
    OBJ_CAST(w, arg, FILE_WRITE_MAGIC);
    if (!still_expected(w)) {
        w->how = STORE_CONFLICT;
        return;
    }
    bool ok = disk_replace(w->path, buf_span(&w->raw), 0600) == ERR_OK;
    w->err_no = errno;
    w->how = ok ? STORE_WRITTEN : STORE_FAILED;
}

static void written(struct file_store *s, struct file_write *w)
{
    char why[160];
    if (w->how == STORE_WRITTEN) {
        s->sight = SIGHT_VALUE;
        s->value.n = 0;
        if (buf_append(&s->value, buf_span(&w->raw)) != ERR_OK)
            s->sight = SIGHT_NONE;
        if (stat(s->path, &s->last) != 0)
            s->last = (struct stat){.st_ino = 0};
    }
    (void)snprintf(why, sizeof(why), "%s cannot be written: %s", file_name, strerror(w->err_no));
    s->events.wrote(s->events.arg, w->how, w->epoch, buf_span(&w->raw),
                    w->how == STORE_FAILED ? why : NULL);
    if (w->how == STORE_CONFLICT)
        look(s, true);
}

static void write_done(void *arg)
{
    struct file_write *w;
    OBJ_CAST(w, arg, FILE_WRITE_MAGIC);
    if (w->store != NULL) {
        w->store->writing = NULL;
        written(w->store, w);
    }
    write_free(w);
}

static const struct job_kind write_job = {write_work, write_done, write_free};

static bool fill(struct file_write *w, struct file_store *s, struct span raw)
{
    (void)snprintf(w->path, sizeof(w->path), "%s", s->path);
    w->store = s;
    w->expected_sight = s->sight;
    return buf_append(&w->raw, raw) == ERR_OK && buf_append(&w->raw, SPAN("\n")) == ERR_OK &&
           buf_append(&w->expected, buf_span(&s->value)) == ERR_OK;
}

static bool file_store_write(struct store *base, uint64_t epoch, struct span raw)
{
    struct file_store *s = self(base);
    if (s->writing != NULL || (s->sight != SIGHT_MISSING && s->sight != SIGHT_VALUE))
        return false;
    struct file_write *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return false;
    OBJ_INIT(w, FILE_WRITE_MAGIC);
    w->epoch = epoch;
    if (!fill(w, s, raw) || jobs_run(s->disk, &write_job, w) != ERR_OK) {
        write_free(w);
        return false;
    }
    s->writing = w;
    return true;
}

/* --- life --- */

static void file_store_start(struct store *base)
{
    struct file_store *s = self(base);
    struct store_facts *f = &s->base.facts;
    s->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    bool watched =
        s->watch_fd >= 0 &&
        inotify_add_watch(s->watch_fd, s->dir, IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) >= 0 &&
        loop_io_add(s->loop, &s->watch, s->watch_fd, LOOP_READ, on_watch, s) == ERR_OK;
    (void)snprintf(f->mode, sizeof(f->mode), watched ? "watch and poll" : "poll");
    f->connected = true;
    f->since_ms = clock_wall_ms();
    look(s, false);
    loop_timer_set(s->loop, &s->poll, s->poll_ms);
}

static void file_store_ack(struct store *base, struct span json)
{
    UNUSED(base); /* nobody else reads this file */
    UNUSED(json);
}

static void file_store_peers(struct store *base, void (*fn)(void *arg, struct peers *p), void *arg)
{
    struct peers nobody = {.complete = true};
    UNUSED(base);
    fn(arg, &nobody);
}

static void file_store_note(struct store *base, struct span line)
{
    UNUSED(base);
    UNUSED(line);
}

static void file_store_yield(struct store *s)
{
    UNUSED(s); /* nobody sees who has the file */
}

static void file_store_close(struct store **base)
{
    struct file_store *s = self(*base);
    *base = NULL;
    if (s->writing != NULL)
        s->writing->store = NULL;
    loop_timer_clear(s->loop, &s->poll);
    loop_timer_clear(s->loop, &s->settle);
    loop_io_del(&s->watch);
    if (s->watch_fd >= 0)
        (void)close(s->watch_fd);
    buf_free(&s->value);
    s->magic = 0;
    free(s);
}

static const struct store_ops ops = {file_store_start, file_store_write, file_store_ack,
                                     file_store_peers, file_store_note,  file_store_yield,
                                     file_store_close};

enum err store_file_new(const struct store_options *o, struct store **out)
{
    *out = NULL;
    struct file_store *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(s, FILE_STORE_MAGIC);
    s->base.ops = &ops;
    s->base.facts.kind = "file";
    s->loop = o->loop;
    s->disk = o->disk;
    s->events = o->events;
    s->poll_ms = o->config->control.poll;
    s->watch_fd = -1;
    timer_begin(&s->poll, on_poll, s);
    timer_begin(&s->settle, on_settle, s);
    struct store_facts *f = &s->base.facts;
    if (disk_path(s->path, sizeof(s->path), o->state_dir, file_name) != ERR_OK ||
        disk_path(s->dir, sizeof(s->dir), o->state_dir, ".") != ERR_OK) {
        free(s);
        return ERR_TOO_LARGE;
    }
    (void)snprintf(f->where, sizeof(f->where), "%.290s", s->path);
    (void)snprintf(f->name, sizeof(f->name), "%.290s", s->path);
    *out = &s->base;
    return ERR_OK;
}
