/* Listening sockets: one per worker and address, shared by the kernel (SO_REUSEPORT). Accepting is
 * edge-triggered and in batches, so that a burst of connections does not keep those that are open
 * waiting. */
#include "base/log.h"
#include "proxy/front.h"
#include "proxy/local.h"
#include "proxy/sockets.h"
#include "proxy/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

enum { ACCEPTS_PER_TURN = 64, BACKLOG = 4096, LAST_ACCEPTS = 4096 };

/* --- accepting --- */

void listener_count_refused(enum err why)
{
    metric_slot slot;
    const char *const label[] = {err_word(why)};
    if (metrics_series(METRIC_CONNECTIONS_REFUSED, label, &slot) == ERR_OK)
        metric_inc(slot);
}

static void refuse(int fd, enum err why)
{
    listener_count_refused(why);
    close(fd);
}

/* The edge is used up, and what is missing does not say when it is back: the tick looks again. */
static void pause_for(struct listener *l, const char *reason, const char *what)
{
    static struct log_gate gate;
    unsigned held;
    char more[LOG_HELD_MAX];
    metric_slot slot;
    const char *const label[] = {reason};
    l->paused = true;
    if (metrics_series(METRIC_ACCEPT_PAUSED, label, &slot) == ERR_OK)
        metric_inc(slot);
    if (log_gate_open(&gate, &held))
        log_error("accept", "accepting connections pauses: %s%s", what, log_held(held, more));
}

static bool has_files(const struct worker *w, int fd)
{
    return fd >= 0 && (unsigned)fd < w->files_max;
}

static const char spent_files[] = "only limits.file_reserve descriptors are left";

static void accept_failed(struct listener *l)
{
    if (errno == EMFILE || errno == ENFILE)
        pause_for(l, "files", strerror(errno));
    else if (errno == ENOBUFS || errno == ENOMEM)
        pause_for(l, "system", strerror(errno));
}

/* Takes a place in the counts of all workers. */
static enum err count_in(struct listener *l)
{
    enum err e = tally_take(proxy_tally(l->worker->proxy), &l->key, l->worker->limits.connections);
    return e == ERR_QUEUE_FULL ? ERR_TOO_MANY_CONNECTIONS : e;
}

static enum err welcome(struct listener *l, int fd, const struct address *peer)
{
    if (l->proxy_protocol && !front_is_trusted(l, peer))
        return ERR_UNTRUSTED_PEER;
    TRY(count_in(l));
    enum err e = front_new(l, fd, peer);
    if (e != ERR_OK)
        tally_give(proxy_tally(l->worker->proxy), &l->key);
    return e;
}

/* False: nothing is waiting any more, or nothing may be taken. */
static bool accept_one(struct listener *l)
{
    struct address peer;
    peer.len = sizeof(peer.sa);
    int fd = accept4(l->fd, (struct sockaddr *)(void *)&peer.sa, &peer.len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        accept_failed(l);
        return errno == ECONNABORTED || errno == EINTR;
    }
    bool last = !has_files(l->worker, fd);
    enum err e = welcome(l, fd, &peer);
    if (e != ERR_OK)
        refuse(fd, e);
    if (last)
        pause_for(l, "files", spent_files);
    return !last;
}

static bool may_accept(struct listener *l)
{
    if (l->paused || l->fd < 0)
        return false;
    if (!worker_is_pressed(l->worker, MEMORY_FULL))
        return true;
    pause_for(l, "memory", "buffers hold limits.memory");
    return false;
}

static void accept_more(void *arg)
{
    struct listener *l = arg;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++)
        if (!may_accept(l) || !accept_one(l))
            return;
    loop_defer(l->worker->loop, &l->again, accept_more, l);
}

static bool is_back(const struct listener *l)
{
    int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
    bool enough = has_files(l->worker, fd);
    if (fd >= 0)
        close(fd);
    return enough && !worker_is_pressed(l->worker, MEMORY_FULL);
}

void listener_resume_all(struct worker *w)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct listener *l = &w->listeners[i];
        if (l->fd < 0 || !l->paused || !is_back(l))
            continue;
        l->paused = false;
        accept_more(l);
    }
}

static void on_io(void *arg, unsigned what)
{
    UNUSED(what);
    accept_more(arg);
}

/* --- opening and closing --- */

static int open_socket(const struct address *a, int *family)
{
    *family = a->sa.ss_family;
    int fd = socket(*family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 || errno != EAFNOSUPPORT || *family != AF_INET6)
        return fd;
    *family = AF_INET; /* "*" on a host without IPv6 */
    return socket(*family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static bool set_up(int fd, int family, bool shared)
{
    int on = 1, off = 0, share = shared;
    /* TCP_NODELAY is inherited by the connections accepted here: a system call less for each. */
    bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &share, sizeof(share)) == 0 &&
              setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
    if (ok && family == AF_INET6)
        ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0;
    return ok;
}

static bool bind_to(int fd, int family, const struct address *a)
{
    if (family == a->sa.ss_family)
        return bind(fd, (const struct sockaddr *)(const void *)&a->sa, a->len) == 0;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&a->sa;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = in6->sin6_port};
    return bind(fd, (const struct sockaddr *)(const void *)&any, sizeof(any)) == 0;
}

/* What a reload may change of a listener that stays. */
static void take_settings(struct listener *l, const struct plane_listener *pl)
{
    l->proxy_protocol = pl->config->proxy_protocol;
    l->tls = pl->tls;
    if (l->tls != NULL)
        tls_ctx_hold(l->tls);
}

/* -1: errno says why. shared: others that share may be on the same port, also other programs of
 * this user. */
static int bound_socket(const struct address *at, bool shared)
{
    int family;
    int fd = open_socket(at, &family);
    if (fd < 0 || (set_up(fd, family, shared) && bind_to(fd, family, at)))
        return fd;
    int e = errno;
    close(fd);
    errno = e;
    return -1;
}

/* given: -1, or a socket that listens already. A worker for whom there is none, and who may not
 * have one of its own (a port of root's, a socket of systemd's), accepts from another worker's. */
static enum err open_inet(struct worker *w, const struct address *configured,
                          const struct address *at, int given, int *out)
{
    int fd = given >= 0 ? given : bound_socket(at, true);
    if (fd < 0) {
        int e = errno;
        *out = sockets_share(proxy_sockets(w->proxy), configured);
        errno = e;
        return *out < 0 ? ERR_SYSTEM : ERR_OK;
    }
    if (listen(fd, BACKLOG) != 0) {
        int e = errno;
        close(fd);
        errno = e;
        return ERR_SYSTEM;
    }
    *out = fd;
    return ERR_OK;
}

static bool is_local(const struct address *a)
{
    return a->sa.ss_family == AF_UNIX;
}

static enum err listener_open(struct listener *l, const struct plane_listener *pl,
                              const struct address *at, int given)
{
    int fd;
    struct proxy *p = l->worker->proxy;
    TRY(tally_listener(&pl->address, &l->key));
    if (is_local(at))
        TRY(local_open(proxy_locals(p), at, pl->mode, BACKLOG, given, &fd));
    else
        TRY(open_inet(l->worker, &pl->address, at, given, &fd));
    if (sockets_opened(proxy_sockets(p), &pl->address, fd) != ERR_OK)
        log_warn("listen", "%s could not be handed on at an upgrade: no memory",
                 pl->config->address);
    l->fd = fd;
    l->address = l->bound = pl->address;
    l->paused = false;
    if (!is_local(at)) {
        l->bound.len = sizeof(l->bound.sa);
        (void)getsockname(fd, (struct sockaddr *)(void *)&l->bound.sa, &l->bound.len);
    }
    take_settings(l, pl);
    return loop_io_add(l->worker->loop, &l->io, fd, LOOP_READ, on_io, l);
}

static void listener_close(struct listener *l)
{
    if (l->fd < 0)
        return;
    loop_undefer(l->worker->loop, &l->again);
    for (unsigned i = 0; i < LAST_ACCEPTS && accept_one(l); i++)
        ; /* what the kernel has queued would be reset otherwise */
    loop_undefer(l->worker->loop, &l->again);
    loop_io_del(&l->io);
    sockets_closing(proxy_sockets(l->worker->proxy), l->fd);
    if (is_local(&l->address))
        local_close(proxy_locals(l->worker->proxy), &l->address, l->fd);
    else
        close(l->fd);
    l->fd = -1;
    tls_ctx_release(&l->tls);
}

void listener_close_all(struct worker *w)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        listener_close(&w->listeners[i]);
}

/* --- following the configuration --- */

static struct listener *find(struct worker *w, const struct address *a)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (w->listeners[i].fd >= 0 && address_same(&w->listeners[i].address, a))
            return &w->listeners[i];
    return NULL;
}

static struct listener *find_free(struct worker *w)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (w->listeners[i].fd < 0 && w->listeners[i].connections == 0)
            return &w->listeners[i];
    return NULL;
}

static bool is_wanted(const struct plane *p, const struct listener *l)
{
    for (size_t i = 0; i < p->config->nlisteners; i++)
        if (address_same(&p->listeners[i].address, &l->address))
            return true;
    return false;
}

static enum err open_one(struct worker *w, const struct plane_listener *pl, int given)
{
    struct address at = pl->address;
    struct listener *l = find_free(w);
    if (l == NULL) {
        if (given >= 0)
            close(given);
        return ERR_TOO_LARGE;
    }
    l->worker = w;
    proxy_port_of(w->proxy, &at); /* port 0: the one the first worker was given */
    TRY(listener_open(l, pl, &at, given));
    proxy_port_is(w->proxy, &pl->address, &l->bound);
    return ERR_OK;
}

/* More than one, when the process before had more workers. */
static enum err open_all(struct worker *w, const struct plane_listener *pl)
{
    struct sockets *s = proxy_sockets(w->proxy);
    unsigned n = proxy_workers(w->proxy);
    enum err e = open_one(w, pl, sockets_take(s, &pl->address, w->index, n));
    for (int fd; e == ERR_OK && (fd = sockets_take(s, &pl->address, w->index, n)) >= 0;)
        e = open_one(w, pl, fd);
    return e;
}

static void renew(struct worker *w, const struct plane_listener *pl)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct listener *l = &w->listeners[i];
        if (l->fd < 0 || !address_same(&l->address, &pl->address))
            continue;
        tls_ctx_release(&l->tls);
        take_settings(l, pl);
    }
}

/* Workers have the same listeners: what the first one has is what weir has. */
static void tell(struct worker *w, const struct plane *p)
{
    struct buf text = BUF_INIT(0);
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < p->config->nlisteners; i++) {
        char at[128];
        struct listener *l = find(w, &p->listeners[i].address);
        if (l == NULL)
            continue;
        size_t n = address_text(&l->bound, at, sizeof(at));
        e = buf_printf(&text, "%s%s://" SPAN_FMT, text.n > 0 ? " " : "",
                       l->tls != NULL ? "https" : "http", (int)n, at);
    }
    proxy_set_listening(w->proxy, &text);
}

enum err listener_sync(struct worker *w, const struct plane *p)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (w->listeners[i].fd >= 0 && !is_wanted(p, &w->listeners[i]))
            listener_close(&w->listeners[i]);
    for (size_t i = 0; i < p->config->nlisteners; i++) {
        const struct plane_listener *pl = &p->listeners[i];
        if (find(w, &pl->address) == NULL) {
            enum err one = open_all(w, pl);
            if (one != ERR_OK)
                log_error("listen", "%s cannot be opened: %s", pl->config->address,
                          one == ERR_SYSTEM ? strerror(errno) : err_sentence(one));
            e = one != ERR_OK ? one : e;
            continue;
        }
        renew(w, pl);
    }
    if (w->index == 0)
        tell(w, p);
    return e;
}

/* Another weir would share the port with us, and each would get a part of the connections: alone it
 * must be, but where the port is ours already and only its address another one. */
static bool can_open(struct sockets *s, const struct address *a)
{
    if (is_local(a))
        return local_try(a);
    int fd = bound_socket(a, sockets_have_port(s, a));
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static const char *right_for(const struct address *at, int why)
{
    if (at->sa.ss_family == AF_UNIX)
        return "must be a path where weir's user may make a socket";
    if (why == EACCES)
        return "ports below 1024 are for root, for CAP_NET_BIND_SERVICE (deploy/weir.service) and "
               "for sockets that systemd opens (deploy/weir.socket)";
    return "must be an address of this host that no other program listens on";
}

enum err proxy_try_listen(struct sockets *sockets, const struct route_table *table,
                          struct complaints *wrong)
{
    const struct plane *p = table->attachment;
    enum err e = sockets_check(sockets, p, wrong);
    for (size_t i = 0; i < p->config->nlisteners; i++) {
        char where[PLANE_WHERE_MAX];
        const struct address *at = &p->listeners[i].address;
        if (sockets_have(sockets, at) || can_open(sockets, at))
            continue;
        int why = errno;
        complain(wrong, plane_where(where, p, "$.listeners[%zu].address", i), right_for(at, why),
                 "%s cannot be opened: %s", p->config->listeners[i].address, strerror(why));
        e = ERR_CONFIG;
    }
    return e;
}
