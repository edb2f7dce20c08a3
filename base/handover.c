/* The special difficulty is that this process has threads when it starts the other: nothing may run
 * between fork and exec that is not safe then, so posix_spawn() does all of it. */
#include "base/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { INHERITED_FD = 3, SEND_PATIENCE_S = 5, ARGS_MAX = 256, ENV_MAX = 4096 };

static const char variable[] = "WEIR_HANDOVER";

/* --- starting the other --- */

/* The words of /proc/self/cmdline. */
static bool read_arguments(struct buf *text, char *argv[ARGS_MAX])
{
    size_t n = 0;
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    for (ssize_t got = 1; fd >= 0 && got > 0; text->n += (size_t)(got > 0 ? got : 0)) {
        if (buf_reserve(text, 4096) != ERR_OK)
            break;
        got = read(fd, text->p + text->n, 4096);
    }
    if (fd >= 0)
        (void)close(fd);
    if (text->n == 0 || text->p[text->n - 1] != '\0')
        return false;
    for (size_t at = 0; at < text->n; at += strlen(text->p + at) + 1) {
        if (n == ARGS_MAX - 1)
            return false;
        argv[n++] = text->p + at;
    }
    argv[n] = NULL;
    return true;
}

static bool is_named(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

/* What was meant for this process alone stays here. */
static void copy_environment(char *out[ENV_MAX], char *own)
{
    static const char *const ours[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID",
                                       variable};
    size_t n = 0;
    for (char **e = environ; *e != NULL && n < ENV_MAX - 2; e++) {
        bool keep = true;
        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
            keep = keep && !is_named(*e, ours[i]);
        if (keep)
            out[n++] = *e;
    }
    out[n++] = own;
    out[n] = NULL;
}

static int spawn(int theirs, pid_t *pid, char **argv, char **env)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int e = posix_spawn_file_actions_init(&files);
    if (e != 0)
        return e;
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &all);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    e = posix_spawn_file_actions_adddup2(&files, theirs, INHERITED_FD);
    if (e == 0) /* not every library opens its descriptors so that they close */
        e = posix_spawn_file_actions_addclosefrom_np(&files, INHERITED_FD + 1);
    if (e == 0)
        e = posix_spawnp(pid, argv[0], &files, &attr, argv, env);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    return e;
}

static int spawn_self(int theirs, pid_t *pid)
{
    char own[sizeof(variable) + 16];
    char *argv[ARGS_MAX];
    struct buf text = BUF_INIT(0);
    char **env = calloc(ENV_MAX, sizeof(*env));
    int e = ENOMEM;
    (void)snprintf(own, sizeof(own), "%s=%d", variable, INHERITED_FD);
    if (env != NULL && read_arguments(&text, argv)) {
        copy_environment(env, own);
        e = spawn(theirs, pid, argv, env);
    }
    buf_free(&text);
    free(env);
    return e;
}

enum err handover_spawn(int *channel, pid_t *pid)
{
    static const struct timeval patience = {.tv_sec = SEND_PATIENCE_S};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return ERR_SYSTEM;
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    int e = spawn_self(pair[1], pid);
    (void)close(pair[1]);
    if (e == 0) {
        *channel = pair[0];
        return ERR_OK;
    }
    (void)close(pair[0]);
    errno = e;
    return ERR_SYSTEM;
}

int handover_inherited(void)
{
    struct ucred peer = {.pid = 0};
    socklen_t n = sizeof(peer);
    const char *text = getenv(variable);
    uint64_t fd;
    if (text == NULL)
        return -1;
    bool ok = span_u64(span_str(text), &fd) && fd <= 1024;
    (void)unsetenv(variable);
    /* A grandchild that was left the variable has another parent. */
    if (!ok || getsockopt((int)fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0 ||
        peer.pid != getppid())
        return -1;
    (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    return (int)fd;
}

/* --- messages --- */

union control_room {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

enum err handover_send(int channel, struct span text, int fd)
{
    union control_room room = {.bytes = {0}};
    struct iovec v = {(void *)(uintptr_t)text.p, text.n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    ssize_t n;
    if (text.n > HANDOVER_MAX) {
        errno = EMSGSIZE;
        return ERR_SYSTEM;
    }
    if (fd >= 0) {
        m.msg_control = room.bytes;
        m.msg_controllen = sizeof(room.bytes);
        room.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&room.head), &fd, sizeof(fd));
    }
    do {
        n = sendmsg(channel, &m, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)text.n ? ERR_OK : ERR_SYSTEM;
}

static int fd_of(struct msghdr *m)
{
    int fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
            c->cmsg_len == CMSG_LEN(sizeof(int)))
            memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

enum handover_got handover_receive(int channel, bool wait, struct handover_message *m)
{
    union control_room room;
    struct iovec v = {m->text, HANDOVER_MAX};
    struct msghdr h = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = room.bytes,
                       .msg_controllen = sizeof(room.bytes)};
    ssize_t n;
    do {
        n = recvmsg(channel, &h, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return HANDOVER_NOTHING;
    if (n <= 0)
        return HANDOVER_ENDED;
    m->fd = fd_of(&h);
    m->text[n] = '\0';
    struct span all = span_of(m->text, (size_t)n);
    m->word = span_until(all, span_find(all, ' '));
    m->rest = span_from(all, min_size(m->word.n + 1, all.n));
    return HANDOVER_MESSAGE;
}
