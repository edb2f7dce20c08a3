/* The sockets of the admin API. They are made here rather than by libwebsockets, which would unlink
 * a live socket and set the mode after the fact: nobody may connect before the mode is 0600. */
#include "control/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64 };

static enum err cannot(const char *where, const char *doing, struct complaints *wrong)
{
    complain(wrong, where, NULL, "%s: %s", doing, strerror(errno));
    return ERR_SYSTEM;
}

static enum err make_room(const char *path, struct complaints *wrong)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? ERR_OK : cannot(path, "cannot be looked at", wrong);
    if (!S_ISSOCK(st.st_mode)) {
        complain(wrong, path, "remove it, or choose another state_dir",
                 "is in the way: it is not a socket");
        return ERR_SYSTEM;
    }
    return unlink(path) == 0 ? ERR_OK : cannot(path, "the old socket cannot be removed", wrong);
}

/* The mode of a socket file is that of the descriptor when it is bound, so there is no moment in
 * which it is open to all. */
static enum err bind_unix(int fd, const char *path, struct complaints *wrong)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a.sun_path)) {
        complain(wrong, path, "choose a shorter state_dir",
                 "has more than the %zu bytes a socket's name may have", sizeof(a.sun_path) - 1);
        return ERR_SYSTEM;
    }
    memcpy(a.sun_path, path, strlen(path) + 1);
    if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
        chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0)
        return cannot(path, "cannot be listened on", wrong);
    return ERR_OK;
}

enum err admin_listen_unix(const char *path, int *fd, struct complaints *wrong)
{
    *fd = -1;
    TRY(make_room(path, wrong));
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s < 0)
        return cannot(path, "no socket can be made", wrong);
    enum err e = bind_unix(s, path, wrong);
    if (e != ERR_OK)
        (void)close(s);
    else
        *fd = s;
    return e;
}

/* --- TCP --- */

static enum err listen_on(const struct addrinfo *a, const char *address, int *fd,
                          struct complaints *wrong)
{
    int one = 1;
    int s = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (s < 0)
        return cannot(address, "no socket can be made", wrong);
    (void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(s, a->ai_addr, a->ai_addrlen) == 0 && listen(s, BACKLOG) == 0) {
        *fd = s;
        return ERR_OK;
    }
    enum err e = cannot(address, "cannot be listened on", wrong);
    (void)close(s);
    return e;
}

static bool copy_span(char *out, size_t cap, struct span s)
{
    if (s.n >= cap)
        return false;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

enum err admin_listen_tcp(const char *address, int *fd, struct complaints *wrong)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    struct span host;
    unsigned port;
    char name[256];
    char service[16];
    *fd = -1;
    if (config_host_port(span_str(address), &host, &port) != ERR_OK ||
        !copy_span(name, sizeof(name), host)) {
        complain(wrong, "$.admin.address", "must be HOST:PORT", "is \"%s\"", address);
        return ERR_CONFIG;
    }
    (void)snprintf(service, sizeof(service), "%u", port);
    int e = getaddrinfo(strcmp(name, "*") == 0 ? NULL : name, service, &hints, &list);
    if (e != 0) {
        complain(wrong, "$.admin.address", NULL, "%s has no address: %s", name, gai_strerror(e));
        return ERR_CONFIG;
    }
    enum err result = listen_on(list, address, fd, wrong);
    freeaddrinfo(list);
    return result;
}

/* --- accepting --- */

static void name_peer(int fd, char user[ADMIN_USER_MAX])
{
    struct ucred cred;
    socklen_t n = sizeof(cred);
    struct passwd pw;
    struct passwd *found = NULL;
    char buf[4096];
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
        return;
    if (getpwuid_r(cred.uid, &pw, buf, sizeof(buf), &found) == 0 && found != NULL)
        (void)snprintf(user, ADMIN_USER_MAX, "%s", pw.pw_name);
    else
        (void)snprintf(user, ADMIN_USER_MAX, "uid %u", (unsigned)cred.uid);
}

int admin_accept(int fd, bool unix_socket, char user[ADMIN_USER_MAX])
{
    int one = 1;
    int s;
    user[0] = '\0';
    do {
        s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (s < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (s < 0)
        return -1;
    if (unix_socket)
        name_peer(s, user);
    else
        (void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return s;
}
