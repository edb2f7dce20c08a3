/* Buffers travel: producer -> queue -> scribe thread -> free list. The lock is taken once per
 * buffer, not per line. */
#include "base/scribe.h"

#include "base/log.h"
#include "base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SCRIBE_MAGIC = 0x53435242,
    WRITER_MAGIC = 0x53575254,
    BUFFER_BYTES = 2 * SCRIBE_LINE_MAX,
    FULL_AT = 32 * 1024, /* hand over from here on */
    FREE_MAX = 16,       /* spare buffers kept */
    FILES_MAX = 16,
    STUCK_MS = 1000, /* a terminal or pipe in non-blocking mode is waited for so long */
};

struct scribe_buf {
    struct scribe_buf *next;
    struct scribe_file *file;
    size_t n;
    size_t lines;
    size_t cap;
    char bytes[];
};

struct scribe_file {
    struct scribe *scribe;
    char path[PATH_MAX];
    uint64_t max_bytes;
    int fd;        /* scribe thread only, after scribe_open() */
    uint64_t size; /* likewise */
    bool torn;     /* likewise: the last write ended within a line */
    bool complained;
};

struct scribe {
    unsigned magic;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    size_t queue_bytes;
    struct { /* under lock */
        struct scribe_buf *first;
        struct scribe_buf **last;
        size_t queued;
        struct scribe_buf *spare;
        unsigned nspare;
        bool stop;
        bool reopen;
        bool rotates_no_more;
        struct scribe_file *files[FILES_MAX];
        size_t nfiles;
    } shared;
};

struct scribe_writer {
    unsigned magic;
    struct scribe_file *file;
    struct scribe_buf *buf;
};

/* --- the scribe's own thread --- */

/* By its number: it may be a socket, which cannot be opened by name. -1: a file. */
static int stream_of(const char *path)
{
    if (strcmp(path, SCRIBE_STDOUT) == 0)
        return STDOUT_FILENO;
    return strcmp(path, SCRIBE_STDERR) == 0 ? STDERR_FILENO : -1;
}

static int open_path(const char *path)
{
    int stream = stream_of(path);
    if (stream >= 0)
        return fcntl(stream, F_DUPFD_CLOEXEC, 3);
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static void file_open(struct scribe_file *f)
{
    struct stat st;
    f->fd = open_path(f->path);
    f->size = f->fd >= 0 && fstat(f->fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static void file_rotate(struct scribe_file *f)
{
    char old[PATH_MAX + 2];
    (void)snprintf(old, sizeof(old), "%s.1", f->path);
    if (rename(f->path, old) != 0) {
        log_error("scribe", "%s cannot be renamed to %s: %s; it grows on", f->path, old,
                  strerror(errno));
        f->size = 0; /* the next attempt is as far away as if it had worked */
        return;
    }
    close(f->fd);
    file_open(f);
    f->torn = false;
}

static bool wait_for_room(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, STUCK_MS) > 0;
}

/* Returns how much was written; less than n with errno. */
static size_t write_all(int fd, const char *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t put = write(fd, p + done, n - done);
        if (put > 0)
            done += (size_t)put;
        else if (put == 0 || (errno != EINTR && (errno != EAGAIN || !wait_for_room(fd))))
            break;
    }
    return done;
}

/* errno: why not. Said once, and once more when it is over. */
static void file_went(struct scribe_file *f, bool ok)
{
    if (f->complained == !ok)
        return;
    f->complained = !ok;
    metric_add(METRIC_LOG_FAILING, ok ? UINT64_MAX : 1); /* a gauge: one less, one more */
    if (ok)
        log_direct(LOG_INFO, "scribe", "%s is written again", f->path);
    else
        log_direct(LOG_ERROR, "scribe", "%s cannot be written: %s; lines are being lost", f->path,
                   strerror(errno));
}

static void file_write(struct scribe_file *f, const struct scribe_buf *b, bool rotates)
{
    if (rotates && f->max_bytes > 0 && f->size > 0 && f->size + b->n > f->max_bytes && f->fd >= 0)
        file_rotate(f);
    if (f->fd < 0)
        file_open(f); /* what prevented it may be over */
    size_t put = 0;
    if (f->fd >= 0 && (!f->torn || write_all(f->fd, "\n", 1) == 1)) {
        put = write_all(f->fd, b->bytes, b->n);
        f->torn = put > 0 && b->bytes[put - 1] != '\n';
    }
    bool ok = put == b->n;
    f->size += put;
    if (!ok)
        metric_add(METRIC_LOG_DROPPED, b->lines);
    file_went(f, ok);
}

static void spare_or_free(struct scribe *s, struct scribe_buf *b)
{
    if (b->cap == BUFFER_BYTES && s->shared.nspare < FREE_MAX) {
        b->next = s->shared.spare;
        s->shared.spare = b;
        s->shared.nspare++;
        return;
    }
    free(b);
}

/* What a waiting buffer counts for. */
static size_t cost_of(const struct scribe_buf *b)
{
    return sizeof(*b) + b->n;
}

static void reopen_all(struct scribe *s, size_t nfiles)
{
    for (size_t i = 0; i < nfiles; i++) {
        struct scribe_file *f = s->shared.files[i];
        if (f->fd >= 0)
            close(f->fd);
        file_open(f);
        f->complained = f->torn = false;
    }
}

static void *scribe_main(void *arg)
{
    struct scribe *s;
    OBJ_CAST(s, arg, SCRIBE_MAGIC);
    metrics_thread_begin("scribe");
    pthread_mutex_lock(&s->lock);
    for (;;) {
        if (s->shared.reopen) {
            s->shared.reopen = false;
            size_t n = s->shared.nfiles;
            pthread_mutex_unlock(&s->lock);
            reopen_all(s, n);
            pthread_mutex_lock(&s->lock);
            continue;
        }
        struct scribe_buf *b = s->shared.first;
        if (b == NULL) {
            if (s->shared.stop)
                break;
            pthread_cond_wait(&s->ready, &s->lock);
            continue;
        }
        s->shared.first = b->next;
        if (s->shared.first == NULL)
            s->shared.last = &s->shared.first;
        bool rotates = !s->shared.rotates_no_more;
        pthread_mutex_unlock(&s->lock);
        file_write(b->file, b, rotates);
        pthread_mutex_lock(&s->lock);
        s->shared.queued -= cost_of(b);
        spare_or_free(s, b);
    }
    pthread_mutex_unlock(&s->lock);
    metrics_thread_end();
    return NULL;
}

/* --- life --- */

enum err scribe_start(struct scribe **out, size_t queue_bytes)
{
    *out = NULL;
    struct scribe *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(s, SCRIBE_MAGIC);
    s->queue_bytes = queue_bytes;
    s->shared.last = &s->shared.first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->ready, NULL);
    if (pthread_create(&s->thread, NULL, scribe_main, s) != 0) {
        pthread_mutex_destroy(&s->lock);
        pthread_cond_destroy(&s->ready);
        free(s);
        return ERR_SYSTEM;
    }
    *out = s;
    return ERR_OK;
}

void scribe_stop(struct scribe **sp)
{
    struct scribe *s;
    OBJ_TAKE(s, sp, SCRIBE_MAGIC);
    pthread_mutex_lock(&s->lock);
    s->shared.stop = true;
    pthread_cond_signal(&s->ready);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    while (s->shared.spare != NULL) {
        struct scribe_buf *b = s->shared.spare;
        s->shared.spare = b->next;
        free(b);
    }
    for (size_t i = 0; i < s->shared.nfiles; i++) {
        if (s->shared.files[i]->fd >= 0)
            close(s->shared.files[i]->fd);
        free(s->shared.files[i]);
    }
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->ready);
    s->magic = 0;
    free(s);
}

enum err scribe_open(struct scribe *s, const char *path, uint64_t max_bytes,
                     struct scribe_file **out)
{
    OBJ_CHECK(s, SCRIBE_MAGIC);
    *out = NULL;
    struct scribe_file *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return ERR_NO_MEMORY;
    f->scribe = s;
    f->max_bytes = stream_of(path) >= 0 ? 0 : max_bytes;
    if ((size_t)snprintf(f->path, sizeof(f->path), "%s", path) >= sizeof(f->path)) {
        free(f);
        return ERR_TOO_LARGE;
    }
    file_open(f);
    if (f->fd < 0) {
        free(f);
        return ERR_SYSTEM;
    }
    pthread_mutex_lock(&s->lock);
    bool room = s->shared.nfiles < FILES_MAX;
    if (room)
        s->shared.files[s->shared.nfiles++] = f;
    pthread_mutex_unlock(&s->lock);
    if (!room) {
        close(f->fd);
        free(f);
        return ERR_TOO_LARGE;
    }
    *out = f;
    return ERR_OK;
}

void scribe_reopen(struct scribe *s)
{
    pthread_mutex_lock(&s->lock);
    s->shared.reopen = true;
    pthread_cond_signal(&s->ready);
    pthread_mutex_unlock(&s->lock);
}

void scribe_rotate_no_more(struct scribe *s)
{
    pthread_mutex_lock(&s->lock);
    s->shared.rotates_no_more = true;
    pthread_mutex_unlock(&s->lock);
}

/* --- producers --- */

static struct scribe_buf *buffer_take(struct scribe *s, size_t cap)
{
    struct scribe_buf *b = NULL;
    pthread_mutex_lock(&s->lock);
    if (cap == BUFFER_BYTES && s->shared.spare != NULL) {
        b = s->shared.spare;
        s->shared.spare = b->next;
        s->shared.nspare--;
    }
    pthread_mutex_unlock(&s->lock);
    if (b == NULL) {
        b = malloc(sizeof(*b) + cap);
        if (b == NULL)
            return NULL;
        b->cap = cap;
    }
    b->next = NULL;
    b->n = b->lines = 0;
    return b;
}

/* Buffers that are flushed nearly empty while a disk hangs would hold far more memory than is
 * counted. */
static struct scribe_buf *shrink(struct scribe_buf *b)
{
    if (b->n >= FULL_AT || b->cap != BUFFER_BYTES)
        return b;
    struct scribe_buf *small = realloc(b, sizeof(*b) + b->n);
    if (small == NULL)
        return b;
    small->cap = small->n;
    return small;
}

static bool hand_over(struct scribe_file *f, struct scribe_buf *b)
{
    struct scribe *s = f->scribe;
    b->file = f;
    pthread_mutex_lock(&s->lock);
    bool room = s->shared.queued + cost_of(b) <= s->queue_bytes && !s->shared.stop;
    if (room && s->shared.queued > 0)
        b = shrink(b);
    if (room) {
        *s->shared.last = b;
        s->shared.last = &b->next;
        s->shared.queued += cost_of(b);
        pthread_cond_signal(&s->ready);
    } else {
        metric_add(METRIC_LOG_DROPPED, b->lines);
        spare_or_free(s, b);
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

enum err scribe_writer_new(struct scribe_file *f, struct scribe_writer **out)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(*out, WRITER_MAGIC);
    (*out)->file = f;
    return ERR_OK;
}

void scribe_writer_free(struct scribe_writer **wp)
{
    if (*wp == NULL)
        return;
    struct scribe_writer *w;
    OBJ_TAKE(w, wp, WRITER_MAGIC);
    scribe_flush(w);
    w->magic = 0;
    free(w);
}

char *scribe_room(struct scribe_writer *w, size_t max)
{
    BUG_IF(max > SCRIBE_LINE_MAX);
    if (w->buf == NULL)
        w->buf = buffer_take(w->file->scribe, BUFFER_BYTES);
    if (w->buf == NULL) {
        metric_add(METRIC_LOG_DROPPED, 1);
        return NULL;
    }
    return w->buf->bytes + w->buf->n;
}

void scribe_commit(struct scribe_writer *w, size_t n)
{
    w->buf->n += n;
    w->buf->lines++;
    BUG_IF(w->buf->n > w->buf->cap);
    if (w->buf->n >= FULL_AT)
        scribe_flush(w);
}

void scribe_flush(struct scribe_writer *w)
{
    struct scribe_buf *b = w->buf;
    if (b == NULL)
        return;
    w->buf = NULL;
    (void)hand_over(w->file, b);
}

bool scribe_put(struct scribe_file *f, struct span line)
{
    struct scribe_buf *b = buffer_take(f->scribe, max_size(line.n, 1));
    if (b == NULL) {
        metric_add(METRIC_LOG_DROPPED, 1);
        return false;
    }
    if (line.n > 0)
        memcpy(b->bytes, line.p, line.n);
    b->n = line.n;
    b->lines = 1;
    return hand_over(f, b);
}
