/* The door of the data plane: starts and stops the workers, passes messages on to them. */
#include "proxy/proxy.h"

#include "base/log.h"
#include "proxy/local.h"
#include "proxy/names.h"
#include "proxy/sockets.h"
#include "proxy/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PROXY_MAGIC = 0x50525859 };

struct port {
    struct address wanted;
    struct address bound;
};

struct proxy {
    unsigned magic;
    struct proxy_options options;
    struct scribe_file *access;
    struct names *names; /* NULL: not yet */
    uint64_t plane;      /* the number of the one that names follows */
    unsigned nworkers;
    struct worker **workers;
    atomic_uint undrained;
    struct locals locals;
    struct tally *tally;
    pthread_mutex_t lock;
    struct { /* under lock */
        struct port ports[LISTENERS_MAX];
        size_t nports;
        struct buf listening; /* URLs, separated by spaces */
    } shared;
};

/* --- what workers ask --- */

const struct proxy_options *proxy_options_of(const struct proxy *p)
{
    return &p->options;
}

struct tally *proxy_tally(struct proxy *p)
{
    return p->tally;
}

struct sockets *proxy_sockets(struct proxy *p)
{
    return p->options.sockets;
}

unsigned proxy_workers(const struct proxy *p)
{
    return p->nworkers;
}

struct locals *proxy_locals(struct proxy *p)
{
    return &p->locals;
}

struct scribe_file *proxy_access_file(const struct proxy *p)
{
    return p->access;
}

void proxy_worker_drained(struct proxy *p)
{
    if (atomic_fetch_sub(&p->undrained, 1) == 1 && p->options.drained != NULL)
        p->options.drained(p->options.arg);
}

/* NULL: it has none. */
static in_port_t *port_in(struct address *a)
{
    if (a->sa.ss_family == AF_UNIX)
        return NULL;
    if (a->sa.ss_family == AF_INET6)
        return &((struct sockaddr_in6 *)(void *)&a->sa)->sin6_port;
    return &((struct sockaddr_in *)(void *)&a->sa)->sin_port;
}

static struct port *port_find(struct proxy *p, const struct address *wanted)
{
    for (size_t i = 0; i < p->shared.nports; i++) {
        struct port *e = &p->shared.ports[i];
        if (address_same(&e->wanted, wanted))
            return e;
    }
    return NULL;
}

void proxy_port_of(struct proxy *p, struct address *a)
{
    if (port_in(a) == NULL || *port_in(a) != 0)
        return;
    pthread_mutex_lock(&p->lock);
    struct port *known = port_find(p, a);
    if (known != NULL)
        *port_in(a) = *port_in(&known->bound);
    pthread_mutex_unlock(&p->lock);
}

void proxy_port_is(struct proxy *p, const struct address *wanted, const struct address *bound)
{
    pthread_mutex_lock(&p->lock);
    if (wanted->sa.ss_family != AF_UNIX && port_find(p, wanted) == NULL &&
        p->shared.nports < LISTENERS_MAX)
        p->shared.ports[p->shared.nports++] = (struct port){*wanted, *bound};
    pthread_mutex_unlock(&p->lock);
}

/* When somebody should have renewed a certificate at the latest. */
static void tell_expiry(const struct plane *plane)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < plane->config->nlisteners; i++)
        if (plane->listeners[i].tls != NULL) {
            uint64_t at = tls_ctx_expiry(plane->listeners[i].tls);
            first = at < first ? at : first;
        }
    metric_set(METRIC_CERTIFICATE_EXPIRY, first == UINT64_MAX ? 0 : first);
}

/* --- life --- */

static enum err start_all(struct proxy *p, struct complaints *wrong)
{
    for (unsigned i = 0; i < p->nworkers; i++) {
        enum err e = worker_new(p, i, &p->workers[i]);
        if (e != ERR_OK) {
            complain(wrong, "$.listeners", NULL, "not every address can be opened: %s",
                     e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
            return e;
        }
    }
    for (unsigned i = 0; i < p->nworkers; i++)
        TRY(worker_start(p->workers[i]));
    return ERR_OK;
}

static enum err open_access(struct proxy *p, const struct config_log *log, struct complaints *wrong)
{
    if (log->access == NULL || p->options.scribe == NULL)
        return ERR_OK;
    enum err e = scribe_open(p->options.scribe, log->access, 0, &p->access);
    if (e != ERR_OK)
        complain(wrong, "$.log.access", "must be a file that can be written",
                 "%s cannot be opened: %s", log->access, strerror(errno));
    return e;
}

/* --- names of servers --- */

static bool on_addresses(void *arg, const char *server, const struct address *list, size_t n)
{
    struct proxy *p;
    bool all = true;
    OBJ_CAST(p, arg, PROXY_MAGIC);
    for (unsigned i = 0; i < p->nworkers; i++)
        all = worker_addresses_soon(p->workers[i], server, list, n) && all;
    return all;
}

/* What is done once for each plane, not with each flip. */
static void follow_plane(struct proxy *p)
{
    const struct plane *plane = plane_of(router_current(p->options.router));
    if (p->plane == plane->number)
        return;
    p->plane = plane->number;
    names_follow(p->names, plane);
    tell_expiry(plane);
}

enum err proxy_start(struct proxy **out, const struct proxy_options *o, struct complaints *wrong)
{
    const struct config *c = router_current(o->router)->table->config;
    *out = NULL;
    struct proxy *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(p, PROXY_MAGIC);
    p->options = *o;
    p->nworkers = c->workers;
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->locals.lock, NULL);
    atomic_init(&p->undrained, p->nworkers);
    p->workers = calloc(p->nworkers, sizeof(struct worker *));
    enum err e = p->workers == NULL ? ERR_NO_MEMORY : tally_new(&p->tally);
    if (e == ERR_OK)
        e = open_access(p, &c->log, wrong);
    if (e == ERR_OK)
        e = start_all(p, wrong);
    if (e == ERR_OK)
        e = names_start(&p->names, on_addresses, p);
    if (e != ERR_OK) {
        proxy_stop(&p);
        return e;
    }
    follow_plane(p);
    *out = p;
    return ERR_OK;
}

void proxy_published(struct proxy *p)
{
    follow_plane(p);
    for (unsigned i = 0; i < p->nworkers; i++)
        worker_adopt_soon(p->workers[i]);
}

void proxy_drain(struct proxy *p)
{
    for (unsigned i = 0; i < p->nworkers; i++)
        worker_drain_soon(p->workers[i]);
}

/* --- handing over --- */

enum err proxy_hand_over(struct proxy *p, int channel)
{
    TRY(sockets_hand_over(p->options.sockets, channel));
    TRY(local_hand_over(&p->locals, channel));
    return tls_tickets_hand_over(channel);
}

void proxy_take_keys(struct span text)
{
    tls_tickets_take(text);
}

void proxy_leave(struct proxy *p)
{
    local_keep_files(&p->locals);
    for (unsigned i = 0; i < p->nworkers; i++)
        worker_leave_soon(p->workers[i]);
}

bool proxy_is_alive(struct proxy *p)
{
    bool all = true;
    for (unsigned i = 0; i < p->nworkers; i++)
        all = worker_has_turned(p->workers[i]) && all;
    return all;
}

void proxy_stop(struct proxy **pp)
{
    struct proxy *p;
    OBJ_TAKE(p, pp, PROXY_MAGIC);
    if (p->names != NULL)
        names_stop(&p->names);
    for (unsigned i = 0; p->workers != NULL && i < p->nworkers; i++)
        if (p->workers[i] != NULL)
            worker_free(&p->workers[i]);
    free(p->workers);
    buf_free(&p->shared.listening);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->locals.lock);
    tally_free(&p->tally);
    p->magic = 0;
    free(p);
}

void proxy_set_listening(struct proxy *p, struct buf *text)
{
    pthread_mutex_lock(&p->lock);
    struct buf old = p->shared.listening;
    p->shared.listening = *text;
    *text = old;
    pthread_mutex_unlock(&p->lock);
    buf_free(text);
}

enum err proxy_listening(struct proxy *p, struct buf *out)
{
    pthread_mutex_lock(&p->lock);
    enum err e = buf_append(out, buf_span(&p->shared.listening));
    pthread_mutex_unlock(&p->lock);
    return e;
}
