/* Sockets are told apart by the text of their address: two versions of this program need not agree
 * on anything else. Before it stands the listener's twin, which tells those apart that all ask for
 * any port. */
#include "proxy/sockets.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { KEY_MAX = 160, MANAGER_FIRST_FD = 3, MANAGER_MAX = 1024 };

struct given {
    char key[KEY_MAX];
    char name[64]; /* the service manager's; "" from another process */
    int fd;        /* -1: taken, or closed */
    bool taken;
    bool managed;
};

struct opened {
    struct address at;
    int fd;
};

struct sockets {
    pthread_mutex_t lock;
    struct given *given; /* under lock, like all below */
    size_t ngiven;
    struct opened *open;
    size_t nopen;
    size_t open_room;
};

static void key_of(char out[KEY_MAX], const struct address *a)
{
    int n = snprintf(out, KEY_MAX, "%u ", a->twin);
    (void)address_text(a, out + n, KEY_MAX - (size_t)n);
}

enum err sockets_new(struct sockets **out)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL)
        return ERR_NO_MEMORY;
    pthread_mutex_init(&(*out)->lock, NULL);
    return ERR_OK;
}

void sockets_free(struct sockets **sp)
{
    struct sockets *s = *sp;
    if (s == NULL)
        return;
    *sp = NULL;
    for (size_t i = 0; i < s->ngiven; i++)
        if (s->given[i].fd >= 0)
            (void)close(s->given[i].fd);
    pthread_mutex_destroy(&s->lock);
    free(s->given);
    free(s->open);
    free(s);
}

/* --- given --- */

static enum err give(struct sockets *s, const struct given *g)
{
    struct given *more = realloc(s->given, (s->ngiven + 1) * sizeof(*more));
    if (more == NULL) {
        (void)close(g->fd);
        return ERR_NO_MEMORY;
    }
    s->given = more;
    s->given[s->ngiven++] = *g;
    return ERR_OK;
}

enum err sockets_give(struct sockets *s, struct span key, int fd)
{
    struct given g = {.fd = fd};
    if (key.n >= sizeof(g.key)) {
        (void)close(fd);
        return ERR_TOO_LARGE;
    }
    memcpy(g.key, key.p, key.n);
    return give(s, &g);
}

static bool listens(int fd, struct address *at)
{
    int type = 0, accepts = 0;
    socklen_t n = sizeof(type), m = sizeof(accepts);
    *at = (struct address){.len = sizeof(at->sa)};
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &m) == 0 && accepts != 0 &&
           getsockname(fd, (struct sockaddr *)(void *)&at->sa, &at->len) == 0;
}

static enum err give_managed(struct sockets *s, int fd, struct span name, struct complaints *wrong)
{
    struct given g = {.fd = fd, .managed = true};
    struct address at;
    (void)snprintf(g.name, sizeof(g.name), SPAN_FMT, SPAN_ARG(name));
    if (!listens(fd, &at)) {
        complain(wrong, "LISTEN_FDS", "weir takes ListenStream= with Accept=no",
                 "descriptor %d (%s) is no listening stream socket", fd, g.name);
        return ERR_CONFIG;
    }
    key_of(g.key, &at);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return give(s, &g);
}

enum err sockets_from_manager(struct sockets *s, struct complaints *wrong)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    struct span rest = span_str(names == NULL ? "" : names), name;
    uint64_t n, whom;
    if (pid == NULL || count == NULL || !span_u64(span_str(pid), &whom) ||
        whom != (uint64_t)getpid() || !span_u64(span_str(count), &n) || n > MANAGER_MAX)
        return ERR_OK; /* meant for somebody else */
    for (uint64_t i = 0; i < n; i++) {
        name = SPAN("unnamed");
        if (rest.n > 0)
            (void)span_cut(&rest, ':', &name);
        TRY(give_managed(s, MANAGER_FIRST_FD + (int)i, name, wrong));
    }
    return ERR_OK;
}

static bool is_named(const struct given *g, const struct plane *p)
{
    char key[KEY_MAX];
    for (size_t i = 0; i < p->config->nlisteners; i++) {
        key_of(key, &p->listeners[i].address);
        if (strcmp(key, g->key) == 0)
            return true;
    }
    return false;
}

static const char *address_in(const char *key)
{
    return strchr(key, ' ') + 1;
}

enum err sockets_check(struct sockets *s, const struct plane *p, struct complaints *wrong)
{
    enum err e = ERR_OK;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->ngiven; i++) {
        const struct given *g = &s->given[i];
        if (!g->managed || g->taken || is_named(g, p))
            continue;
        complain(wrong, "LISTEN_FDS",
                 "give a listener this address, or take it out of the socket unit",
                 "the service manager passes %s (%s), which no listener of the configuration names",
                 address_in(g->key), g->name);
        e = ERR_CONFIG;
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* Who made it may have made it otherwise. */
static void prepare(int fd)
{
    int on = 1;
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* a Unix socket has none */
}

int sockets_take(struct sockets *s, const struct address *at, unsigned worker, unsigned nworkers)
{
    char key[KEY_MAX];
    unsigned nth = 0;
    int fd = -1;
    key_of(key, at);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; fd < 0 && i < s->ngiven; i++) {
        struct given *g = &s->given[i];
        if (strcmp(g->key, key) != 0 || nth++ % nworkers != worker || g->taken || g->fd < 0)
            continue;
        fd = g->fd;
        g->fd = -1;
        g->taken = true;
    }
    pthread_mutex_unlock(&s->lock);
    if (fd >= 0)
        prepare(fd);
    return fd;
}

void sockets_drop_rest(struct sockets *s)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->ngiven; i++) {
        if (s->given[i].fd >= 0)
            (void)close(s->given[i].fd);
        s->given[i].fd = -1;
    }
    pthread_mutex_unlock(&s->lock);
}

void sockets_remove_rest(struct sockets *s)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->ngiven; i++) {
        const char *path = config_unix_path(address_in(s->given[i].key));
        if (path != NULL && !s->given[i].taken)
            (void)unlink(path);
    }
    free(s->given);
    s->given = NULL;
    s->ngiven = 0;
    pthread_mutex_unlock(&s->lock);
}

/* --- open --- */

int sockets_share(struct sockets *s, const struct address *at)
{
    int fd = -1;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; fd < 0 && i < s->nopen; i++)
        if (address_same(&s->open[i].at, at))
            fd = fcntl(s->open[i].fd, F_DUPFD_CLOEXEC, 0);
    pthread_mutex_unlock(&s->lock);
    return fd;
}

bool sockets_have(struct sockets *s, const struct address *at)
{
    char key[KEY_MAX];
    bool yes = false;
    key_of(key, at);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; !yes && i < s->ngiven; i++)
        yes = strcmp(s->given[i].key, key) == 0;
    for (size_t i = 0; !yes && i < s->nopen; i++)
        yes = address_same(&s->open[i].at, at);
    pthread_mutex_unlock(&s->lock);
    return yes;
}

/* ":443" of a key */
static const char *port_of(const char *key)
{
    const char *colon = strrchr(key, ':');
    return colon == NULL ? "" : colon;
}

bool sockets_have_port(struct sockets *s, const struct address *at)
{
    char key[KEY_MAX];
    char other[KEY_MAX];
    bool yes = false;
    key_of(key, at);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; !yes && i < s->ngiven; i++)
        yes = strcmp(port_of(s->given[i].key), port_of(key)) == 0;
    for (size_t i = 0; !yes && i < s->nopen; i++) {
        key_of(other, &s->open[i].at);
        yes = strcmp(port_of(other), port_of(key)) == 0;
    }
    pthread_mutex_unlock(&s->lock);
    return yes;
}

static bool has_room(struct sockets *s)
{
    if (s->nopen < s->open_room)
        return true;
    size_t room = s->open_room == 0 ? 16 : 2 * s->open_room;
    struct opened *more = realloc(s->open, room * sizeof(*more));
    if (more == NULL)
        return false;
    s->open = more;
    s->open_room = room;
    return true;
}

enum err sockets_opened(struct sockets *s, const struct address *at, int fd)
{
    pthread_mutex_lock(&s->lock);
    bool room = has_room(s);
    if (room)
        s->open[s->nopen++] = (struct opened){*at, fd};
    pthread_mutex_unlock(&s->lock);
    return room ? ERR_OK : ERR_NO_MEMORY;
}

void sockets_closing(struct sockets *s, int fd)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->nopen; i++)
        if (s->open[i].fd == fd) {
            s->open[i] = s->open[--s->nopen];
            break;
        }
    pthread_mutex_unlock(&s->lock);
}

/* --- handing on --- */

enum err sockets_send(int channel, const struct address *at, int fd)
{
    char key[KEY_MAX];
    char text[KEY_MAX + 16];
    key_of(key, at);
    int n = snprintf(text, sizeof(text), "listener %s", key);
    return handover_send(channel, span_of(text, (size_t)n), fd);
}

enum err sockets_hand_over(struct sockets *s, int channel)
{
    enum err e = ERR_OK;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; e == ERR_OK && i < s->nopen; i++)
        if (s->open[i].at.sa.ss_family != AF_UNIX)
            e = sockets_send(channel, &s->open[i].at, s->open[i].fd);
    pthread_mutex_unlock(&s->lock);
    return e;
}
