/* A rename is only as durable as the syncs around it: first the file, then the directory that names
 * it. */
#include "control/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 64 * 1024 };

static enum err make_one(const char *path)
{
    struct stat st;
    if (mkdir(path, 0700) == 0)
        return ERR_OK;
    if (errno == EEXIST && stat(path, &st) == 0) {
        errno = ENOTDIR;
        return S_ISDIR(st.st_mode) ? ERR_OK : ERR_SYSTEM;
    }
    return ERR_SYSTEM;
}

enum err disk_directory(const char *path)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(part)) {
        errno = n == 0 ? ENOENT : ENAMETOOLONG;
        return ERR_SYSTEM;
    }
    for (size_t i = 1; i < n; i++) {
        if (path[i] != '/' || path[i - 1] == '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        TRY(make_one(part));
    }
    return make_one(path);
}

enum err disk_path(char *out, size_t cap, const char *dir, const char *name)
{
    int n = snprintf(out, cap, "%s/%s", dir, name);
    return n > 0 && (size_t)n < cap ? ERR_OK : ERR_TOO_LARGE;
}

/* close() that leaves the errno of what went wrong before. */
static void close_quietly(int fd)
{
    int saved = errno;
    (void)close(fd);
    errno = saved;
}

static enum err read_some(int fd, size_t max, struct buf *out, bool *end)
{
    TRY(buf_reserve(out, READ_STEP));
    ssize_t n = read(fd, out->p + out->n, READ_STEP);
    if (n < 0)
        return errno == EINTR ? ERR_OK : ERR_SYSTEM;
    out->n += (size_t)n;
    *end = n == 0;
    return out->n > max ? ERR_TOO_LARGE : ERR_OK;
}

enum err disk_read(const char *path, size_t max, struct buf *out)
{
    size_t before = out->n;
    bool end = false;
    enum err e = ERR_OK;
    /* Not blocking: somebody may have put a pipe there. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM;
    while (!end && e == ERR_OK)
        e = read_some(fd, before + max, out, &end);
    if (e == ERR_TOO_LARGE)
        out->n = before + max;
    close_quietly(fd);
    return e;
}

static bool write_all(int fd, struct span s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = span_from(s, (size_t)n);
    }
    return true;
}

static enum err sync_directory_of(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);
    memcpy(dir, slash == NULL ? "." : path, slash == NULL ? 1 : n);
    dir[slash == NULL ? 1 : n] = '\0';
    int fd = open(n == 0 && slash != NULL ? "/" : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYSTEM;
    bool ok = fsync(fd) == 0;
    close_quietly(fd);
    return ok ? ERR_OK : ERR_SYSTEM;
}

static enum err write_new(const char *path, struct span text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return ERR_SYSTEM;
    bool ok = write_all(fd, text) && fsync(fd) == 0;
    close_quietly(fd);
    return ok ? ERR_OK : ERR_SYSTEM;
}

enum err disk_replace(const char *path, struct span text, mode_t mode)
{
    char tmp[PATH_MAX];
    int n = snprintf(tmp, sizeof(tmp), "%s.tmp", path);
    if (n < 0 || (size_t)n >= sizeof(tmp)) {
        errno = ENAMETOOLONG;
        return ERR_SYSTEM;
    }
    enum err e = write_new(tmp, text, mode);
    if (e == ERR_OK && rename(tmp, path) != 0)
        e = ERR_SYSTEM;
    if (e != ERR_OK) {
        int saved = errno;
        (void)unlink(tmp);
        errno = saved;
        return e;
    }
    return sync_directory_of(path);
}

static void rotate(const char *path, int fd, size_t more, uint64_t rotate_at)
{
    char old[PATH_MAX];
    struct stat st;
    int n = snprintf(old, sizeof(old), "%s.1", path);
    bool fits = n > 0 && (size_t)n < sizeof(old);
    if (fits && fstat(fd, &st) == 0 && st.st_size > 0 && (uint64_t)st.st_size + more > rotate_at)
        (void)rename(path, old); /* failing, the file grows on: better long than lost */
}

/* A crash may have left half a line: what comes now must not become its other half. */
static bool end_line(int fd)
{
    struct stat st;
    char last = '\n';
    if (fstat(fd, &st) != 0 || (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1))
        return false;
    return last == '\n' || write_all(fd, SPAN("\n"));
}

enum err disk_append(const char *path, struct span text, uint64_t rotate_at, mode_t mode)
{
    int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    for (int pass = 0; pass < 2; pass++) {
        int fd = open(path, flags, mode);
        if (fd < 0)
            return ERR_SYSTEM;
        if (pass == 0) {
            rotate(path, fd, text.n, rotate_at);
            (void)close(fd);
            continue;
        }
        bool ok = end_line(fd) && write_all(fd, text) && fdatasync(fd) == 0;
        close_quietly(fd);
        return ok ? ERR_OK : ERR_SYSTEM;
    }
    return ERR_OK;
}
