/* Unix sockets for clients: made once, shared by the workers, removed by the last. */
#include "proxy/local.h"

#include "proxy/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *path_of(const struct address *a)
{
    return ((const struct sockaddr_un *)(const void *)&a->sa)->sun_path;
}

static int socket_new(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Whether the file is a socket whose listener is gone. */
static bool is_stale(const struct address *a)
{
    struct stat st;
    if (lstat(path_of(a), &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket_new();
    if (fd < 0)
        return false;
    bool refused = connect(fd, (const struct sockaddr *)(const void *)&a->sa, a->len) != 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static bool bind_to(int fd, const struct address *a)
{
    const struct sockaddr *sa = (const struct sockaddr *)(const void *)&a->sa;
    if (bind(fd, sa, a->len) == 0)
        return true;
    if (errno != EADDRINUSE)
        return false;
    if (is_stale(a) && unlink(path_of(a)) == 0)
        return bind(fd, sa, a->len) == 0;
    errno = EADDRINUSE;
    return false;
}

/* Nobody can connect before listen(), so the mode holds from the first connection on. */
static bool make(struct local *s, const struct address *a, mode_t mode, int backlog)
{
    struct stat st;
    int fd = socket_new();
    if (fd < 0)
        return false;
    bool bound = bind_to(fd, a);
    if (!bound || chmod(path_of(a), mode) != 0 || stat(path_of(a), &st) != 0 ||
        listen(fd, backlog) != 0) {
        int e = errno;
        if (bound)
            (void)unlink(path_of(a));
        close(fd);
        errno = e;
        return false;
    }
    *s = (struct local){.at = *a, .fd = fd, .dev = st.st_dev, .ino = st.st_ino};
    return true;
}

/* One that was listening before we were. */
static bool adopt(struct local *s, const struct address *a, mode_t mode, int fd)
{
    struct stat st;
    if (chmod(path_of(a), mode) != 0 || stat(path_of(a), &st) != 0)
        return false;
    *s = (struct local){.at = *a, .fd = fd, .dev = st.st_dev, .ino = st.st_ino};
    return true;
}

static struct local *find(struct locals *l, const struct address *a)
{
    for (size_t i = 0; i < LOCALS_MAX; i++)
        if (l->list[i].users > 0 && address_same(&l->list[i].at, a))
            return &l->list[i];
    return NULL;
}

static struct local *find_free(struct locals *l)
{
    for (size_t i = 0; i < LOCALS_MAX; i++)
        if (l->list[i].users == 0)
            return &l->list[i];
    return NULL;
}

static void drop(const struct locals *l, struct local *s)
{
    struct stat st;
    if (--s->users > 0)
        return;
    close(s->fd);
    if (!l->keep_files && lstat(path_of(&s->at), &st) == 0 && st.st_dev == s->dev &&
        st.st_ino == s->ino)
        (void)unlink(path_of(&s->at));
}

enum err local_open(struct locals *l, const struct address *at, mode_t mode, int backlog, int given,
                    int *fd)
{
    enum err e = ERR_OK;
    pthread_mutex_lock(&l->lock);
    struct local *s = find(l, at);
    if (s == NULL) {
        s = find_free(l);
        if (s == NULL)
            e = ERR_TOO_LARGE;
        else if (given >= 0 ? !adopt(s, at, mode, given) : !make(s, at, mode, backlog))
            e = ERR_SYSTEM;
        given = e == ERR_OK ? -1 : given;
    }
    if (e == ERR_OK) {
        s->users++;
        *fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
        if (*fd < 0) {
            drop(l, s);
            e = ERR_SYSTEM;
        }
    }
    pthread_mutex_unlock(&l->lock);
    if (given >= 0)
        (void)close(given);
    return e;
}

enum err local_hand_over(struct locals *l, int channel)
{
    enum err e = ERR_OK;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; e == ERR_OK && i < LOCALS_MAX; i++)
        if (l->list[i].users > 0)
            e = sockets_send(channel, &l->list[i].at, l->list[i].fd);
    pthread_mutex_unlock(&l->lock);
    return e;
}

void local_keep_files(struct locals *l)
{
    pthread_mutex_lock(&l->lock);
    l->keep_files = true;
    pthread_mutex_unlock(&l->lock);
}

void local_close(struct locals *l, const struct address *at, int fd)
{
    pthread_mutex_lock(&l->lock);
    struct local *s = find(l, at);
    BUG_IF(s == NULL);
    close(fd);
    drop(l, s);
    pthread_mutex_unlock(&l->lock);
}

bool local_try(const struct address *at)
{
    struct stat st;
    char folder[sizeof(struct sockaddr_un)];
    if (lstat(path_of(at), &st) == 0) {
        errno = EADDRINUSE;
        return S_ISSOCK(st.st_mode);
    }
    if (errno != ENOENT)
        return false;
    const char *slash = strrchr(path_of(at), '/');
    size_t n = (size_t)(slash - path_of(at));
    memcpy(folder, path_of(at), n + 1);
    folder[n == 0 ? 1 : n] = '\0';
    return access(folder, W_OK) == 0;
}
