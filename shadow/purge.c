/* Taking records out of files that may be written at this moment. The files are moved out of the
 * way first and the writer is told to begin anew, so that nothing is ever appended to what is being
 * read, and a rotation meanwhile meets nothing of ours. What is left comes back as the file before
 * the current one. A purge that was interrupted left its files behind; the next one ends it. */
#include "shadow/shadow.h"

#include "base/clock.h"
#include "shadow/record_read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FLUSH_AT = 1024 * 1024, BEGIN_ANEW_MS = 3000 };

struct names {
    char now[PATH_MAX], before[PATH_MAX];         /* as the writer knows them */
    char old_now[PATH_MAX], old_before[PATH_MAX]; /* moved out of the way */
    char left[PATH_MAX];                          /* what is left of both */
};

static bool name(char out[PATH_MAX], const char *path, const char *end)
{
    return snprintf(out, PATH_MAX, "%s%s", path, end) < PATH_MAX;
}

static bool make_names(struct names *n, const char *path)
{
    return name(n->now, path, "") && name(n->before, path, ".1") &&
           name(n->old_now, path, ".purging") && name(n->old_before, path, ".purging.1") &&
           name(n->left, path, ".purged");
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* --- what goes --- */

static bool goes(const struct shadow_purge *q, enum err read, const struct record *x)
{
    bool everything = q->route == NULL && q->before_ms == 0;
    if (read != ERR_OK)
        return everything; /* nobody can tell what it is about */
    if (q->before_ms != 0 && x->at_ms >= q->before_ms)
        return false;
    switch (x->type) {
    case RECORD_PAIR:
    case RECORD_SEEDS:
    case RECORD_OPTIONS: /* written again with the records after it */
    case RECORD_STACK:
    case RECORD_ENDPOINT:
    case RECORD_FINDING:
    case RECORD_HIDDEN:
        return q->route == NULL || span_eq(x->route, span_str(q->route));
    case RECORD_RULES:
    case RECORD_DROPS:
    case RECORD_TABLE:
    case RECORD_END:
        return q->route == NULL;
    case RECORD_RUN:
        return false; /* it says how the records after it were made */
    default:
        return everything;
    }
}

/* What a person calls a record: the rest says how they came about. */
static bool is_counted(enum err read, const struct record *x)
{
    return read != ERR_OK || x->type == RECORD_PAIR;
}

/* --- files --- */

struct copying {
    const struct shadow_purge *q;
    struct record_reader *reader;
    int fd;
    struct buf out;
    uint64_t removed, kept;
};

static enum err flush(struct copying *c)
{
    struct span rest = buf_span(&c->out);
    while (rest.n > 0) {
        ssize_t n = write(c->fd, rest.p, rest.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_SYSTEM;
        rest = span_from(rest, (size_t)n);
    }
    c->out.n = 0;
    return ERR_OK;
}

static enum err copy_line(struct copying *c, struct span line)
{
    enum err e = record_read(c->reader, line);
    if (e == ERR_NO_MEMORY)
        return e;
    if (goes(c->q, e, &c->reader->record)) {
        c->removed += is_counted(e, &c->reader->record) ? 1 : 0;
        return ERR_OK;
    }
    c->kept++;
    TRY(buf_append(&c->out, line));
    TRY(buf_append(&c->out, SPAN("\n")));
    return c->out.n < FLUSH_AT ? ERR_OK : flush(c);
}

static enum err copy_file(struct copying *c, const char *path)
{
    struct record_file f;
    struct span line = SPAN("");
    enum err e = record_file_open(&f, path);
    if (e != ERR_OK)
        return errno == ENOENT ? ERR_OK : e;
    while (e == ERR_OK && line.p != NULL) {
        e = record_file_next(&f, &line);
        if (e == ERR_OK && line.p != NULL)
            e = copy_line(c, line);
    }
    int saved = errno;
    record_file_close(&f);
    errno = saved;
    return e;
}

/* now may be NULL. */
static enum err copy_both(struct copying *c, const char *before, const char *now, const char *to)
{
    c->fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (c->fd < 0)
        return ERR_SYSTEM;
    enum err e = copy_file(c, before);
    if (e == ERR_OK && now != NULL)
        e = copy_file(c, now);
    if (e == ERR_OK)
        e = flush(c);
    if (e == ERR_OK && fsync(c->fd) != 0)
        e = ERR_SYSTEM;
    int saved = errno;
    close(c->fd);
    errno = saved;
    return e;
}

static bool is_moved(const struct names *n)
{
    return is_there(n->old_now) || is_there(n->old_before);
}

/* What is left has its second name, that of the file before: the rest is tidying. */
static bool is_put_back(const struct names *n)
{
    struct stat st;
    return lstat(n->left, &st) == 0 && st.st_nlink > 1;
}

static void tidy(const struct names *n)
{
    (void)unlink(n->old_before);
    (void)unlink(n->old_now);
    (void)unlink(n->left); /* last: it says that the others are done with */
}

/* What was moved away, filtered, becomes the file before. Is there a newer one already, ours would
 * have been rotated away. */
static enum err put_back(struct copying *c, const struct names *n)
{
    if (is_moved(n) && !is_put_back(n)) {
        TRY(copy_both(c, n->old_before, n->old_now, n->left));
        if (link(n->left, n->before) != 0 && errno != EEXIST)
            return ERR_SYSTEM;
    }
    tidy(n);
    return ERR_OK;
}

static enum err move(const char *from, const char *to)
{
    return rename(from, to) == 0 || errno == ENOENT ? ERR_OK : ERR_SYSTEM;
}

/* The writer goes on in the old file until it has begun the new one. */
static void begin_anew(const struct shadow_purge *q, const struct names *n)
{
    static const struct timespec moment = {0, 5 * 1000 * 1000};
    uint64_t end_us = clock_us() + (uint64_t)BEGIN_ANEW_MS * 1000;
    if (q->reopen == NULL || !is_there(n->old_now))
        return;
    q->reopen(q->arg);
    while (!is_there(n->now) && clock_us() < end_us)
        nanosleep(&moment, NULL);
}

/* Of one that was interrupted, perhaps before it had moved the second file. */
static enum err finish_last(struct copying *c, const struct names *n)
{
    if (is_there(n->old_now) && !is_there(n->old_before) && !is_put_back(n))
        TRY(move(n->before, n->old_before));
    return put_back(c, n);
}

static enum err purge(struct copying *c, const struct names *n)
{
    TRY(finish_last(c, n));
    TRY(move(n->now, n->old_now));
    begin_anew(c->q, n);
    TRY(move(n->before, n->old_before));
    return put_back(c, n);
}

static enum err purge_table(struct copying *c, const struct names *n)
{
    if (!is_there(n->now))
        return ERR_OK;
    TRY(copy_both(c, n->now, NULL, n->left));
    return rename(n->left, n->now) == 0 ? ERR_OK : ERR_SYSTEM;
}

static enum err with_reader(const char *path, const struct shadow_purge *q, uint64_t *removed,
                            enum err (*work)(struct copying *c, const struct names *n))
{
    struct names n;
    *removed = 0;
    if (!make_names(&n, path))
        return ERR_TOO_LARGE;
    struct copying c = {.q = q, .out = BUF_INIT(0)};
    c.reader = calloc(1, sizeof(*c.reader));
    if (c.reader == NULL)
        return ERR_NO_MEMORY;
    enum err e = work(&c, &n);
    *removed = c.removed;
    buf_free(&c.out);
    record_reader_free(c.reader);
    free(c.reader);
    return e;
}

enum err shadow_purge(const char *path, const struct shadow_purge *q, uint64_t *removed)
{
    return with_reader(path, q, removed, purge);
}

enum err shadow_purge_table(const char *path, const struct shadow_purge *q)
{
    uint64_t removed;
    return with_reader(path, q, &removed, purge_table);
}

bool shadow_purge_was_cut(const char *path)
{
    struct names n;
    return make_names(&n, path) && (is_moved(&n) || is_there(n.left));
}

/* --- is there anything --- */

static uint64_t first_in(const char *path)
{
    struct record_file f;
    struct span line = SPAN("");
    uint64_t at_ms = 0;
    struct record_reader *reader = calloc(1, sizeof(*reader));
    enum err e = record_file_open(&f, path);
    while (e == ERR_OK && reader != NULL && at_ms == 0 && line.p != NULL) {
        e = record_file_next(&f, &line);
        if (e == ERR_OK && line.p != NULL && record_read(reader, line) == ERR_OK &&
            reader->record.type == RECORD_PAIR)
            at_ms = reader->record.at_ms;
    }
    record_file_close(&f);
    if (reader != NULL)
        record_reader_free(reader);
    free(reader);
    return at_ms;
}

uint64_t shadow_oldest(const char *path)
{
    struct names n;
    if (!make_names(&n, path))
        return 0;
    uint64_t before = first_in(n.before), now = first_in(n.now);
    return before != 0 && (now == 0 || before < now) ? before : now;
}
