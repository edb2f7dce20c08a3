/* c-ares asks, this file waits. Nobody waits for an answer here, so the sockets are not watched:
 * while questions are open they are looked at every few milliseconds, which also drives c-ares' own
 * timeouts and repetitions. */
#include "proxy/names.h"

#include "base/log.h"
#include "base/loop.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    MAILBOX = 64,
    LOOK_MS = 20,
    TTL_MIN_S = 1,
    TTL_MAX_S = 3600, /* a wrong answer heals within the hour */
    AGAIN_MS = 1000,  /* when news could not be delivered */
    NAMES_MAGIC = 0x4e414d45,
};

struct name {
    struct names *names;
    char *server; /* host:port */
    char *host;
    unsigned port;
    struct address list[ADDRESSES_MAX];
    size_t n;
    bool failing; /* said in the log */
    struct timer timer;
};

struct names {
    unsigned magic;
    pthread_t thread;
    struct loop *loop;
    names_fn *changed;
    void *arg;
    struct { /* the thread's */
        ares_channel channel;
        struct timer look;
        unsigned open; /* questions */
        bool ending;   /* answers mean nothing any more */
        struct wanted *wanted;
        metric_slot found, missed;
    } mine;
};

/* What is followed, as it is handed over. */
struct wanted {
    struct names *names;
    char *servers; /* name servers as c-ares reads them; NULL: the system's */
    uint64_t interval;
    size_t n;
    struct name list[];
};

static void wanted_free(struct wanted *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->n; i++) {
        free(w->list[i].server);
        free(w->list[i].host);
    }
    free(w->servers);
    free(w);
}

/* --- answers --- */

static size_t read_answer(const struct ares_addrinfo *info, unsigned port, struct address *list,
                          int *ttl)
{
    size_t n = 0;
    *ttl = 0;
    for (struct ares_addrinfo_node *a = info->nodes; a != NULL && n < ADDRESSES_MAX;
         a = a->ai_next) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&list[n].sa;
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)&list[n].sa;
        if (a->ai_addrlen > sizeof(list[n].sa))
            continue;
        list[n] = (struct address){.len = a->ai_addrlen};
        memcpy(&list[n].sa, a->ai_addr, a->ai_addrlen);
        if (a->ai_family == AF_INET6)
            in6->sin6_port = htons((uint16_t)port);
        else
            in->sin_port = htons((uint16_t)port);
        if (*ttl == 0 || (a->ai_ttl > 0 && a->ai_ttl < *ttl))
            *ttl = a->ai_ttl;
        n++;
    }
    return n;
}

static bool same(const struct name *a, const struct address *list, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < a->n; k++)
            if (address_same(&list[i], &a->list[k])) {
                found++;
                break;
            }
    return found == n && n == a->n;
}

static void say(const struct name *a)
{
    char first[80];
    size_t n = address_text(&a->list[0], first, sizeof(first));
    log_info("backend", "%s has %zu address%s now: %.*s%s", a->server, a->n, a->n == 1 ? "" : "es",
             (int)n, first, a->n == 1 ? "" : ", ...");
}

/* True when everybody knows. */
static bool take_answer(struct name *a, const struct address *list, size_t n)
{
    a->failing = false;
    if (same(a, list, n))
        return true;
    if (!a->names->changed(a->names->arg, a->server, list, n))
        return false;
    memcpy(a->list, list, n * sizeof(*list));
    a->n = n;
    say(a);
    return true;
}

static void miss(struct name *a, int status)
{
    metric_inc(a->names->mine.missed);
    if (!a->failing)
        log_warn("backend", "%s could not be looked up: %s; %s", a->server, ares_strerror(status),
                 a->n > 0 ? "it keeps its addresses" : "it has no address");
    a->failing = true;
}

static uint64_t clamp_ttl(int ttl)
{
    return (uint64_t)(ttl < TTL_MIN_S ? TTL_MIN_S : ttl > TTL_MAX_S ? TTL_MAX_S : ttl) * 1000;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct name *a = arg;
    struct names *names = a->names;
    struct address list[ADDRESSES_MAX];
    uint64_t next = names->mine.wanted->interval;
    int ttl;
    UNUSED(timeouts);
    names->mine.open--;
    size_t n = status == ARES_SUCCESS ? read_answer(info, a->port, list, &ttl) : 0;
    if (info != NULL)
        ares_freeaddrinfo(info);
    if (names->mine.ending)
        return;
    if (n == 0) {
        miss(a, status == ARES_SUCCESS ? ARES_ENODATA : status);
    } else {
        metric_inc(names->mine.found);
        next = !take_answer(a, list, n) ? AGAIN_MS : ttl > 0 ? clamp_ttl(ttl) : next;
    }
    loop_timer_set(names->loop, &a->timer, next);
}

/* --- questions --- */

static void look(void *arg)
{
    struct names *n = arg;
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    unsigned which = (unsigned)ares_getsock(n->mine.channel, sockets, ARES_GETSOCK_MAXNUM);
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        bool read = which >> i & 1; /* as ARES_GETSOCK_READABLE(), which overflows */
        bool write = which >> (i + ARES_GETSOCK_MAXNUM) & 1;
        if (read || write)
            ares_process_fd(n->mine.channel, read ? sockets[i] : ARES_SOCKET_BAD,
                            write ? sockets[i] : ARES_SOCKET_BAD);
    }
    ares_process_fd(n->mine.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* timeouts */
    if (n->mine.open > 0)
        loop_timer_set(n->loop, &n->mine.look, LOOK_MS);
}

static void ask(void *arg)
{
    struct name *a = arg;
    struct names *n = a->names;
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    n->mine.open++;
    ares_getaddrinfo(n->mine.channel, a->host, NULL, &hints, on_answer, a);
    if (n->mine.open > 0)
        loop_timer_set(n->loop, &n->mine.look, LOOK_MS);
}

static void forget(struct names *n)
{
    struct wanted *w = n->mine.wanted;
    if (w == NULL)
        return;
    n->mine.ending = true;
    if (n->mine.channel != NULL)
        ares_destroy(n->mine.channel); /* answers every question with "cancelled" */
    n->mine.ending = false;
    n->mine.channel = NULL;
    loop_timer_clear(n->loop, &n->mine.look);
    for (size_t i = 0; i < w->n; i++)
        loop_timer_clear(n->loop, &w->list[i].timer);
    wanted_free(w);
    n->mine.wanted = NULL;
}

static bool open_channel(struct names *n, const struct wanted *w)
{
    int e = ares_init(&n->mine.channel);
    if (e == ARES_SUCCESS && w->servers != NULL)
        e = ares_set_servers_ports_csv(n->mine.channel, w->servers);
    if (e == ARES_SUCCESS)
        return true;
    log_error("backend", "names of servers are not looked up: %s", ares_strerror(e));
    return false;
}

/* What changes the name servers changes their configuration too, so it is read anew. */
static void on_follow(void *arg)
{
    struct wanted *w = arg;
    struct names *n = w->names;
    forget(n);
    n->mine.wanted = w;
    if (w->n == 0 || !open_channel(n, w))
        return;
    for (size_t i = 0; i < w->n; i++)
        ask(&w->list[i]);
}

/* --- what to follow --- */

static enum err add(struct wanted *w, const struct plane_server *s)
{
    struct name *a = &w->list[w->n++];
    *a = (struct name){.names = w->names, .port = s->port, .n = s->naddresses};
    memcpy(a->list, s->addresses, sizeof(a->list));
    timer_begin(&a->timer, ask, a);
    a->failing = s->naddresses == 0; /* the load has said so */
    a->server = strdup(s->name);
    a->host = strdup(s->host);
    return a->server == NULL || a->host == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err copy_servers(struct wanted *w, const struct config_names *from)
{
    struct buf csv = BUF_INIT(0);
    for (size_t i = 0; i < from->n; i++)
        TRY(buf_printf(&csv, "%s%s", i > 0 ? "," : "", from->list[i]));
    w->servers = csv.p;
    return ERR_OK;
}

static bool has(const struct wanted *w, const char *server)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->list[i].server, server) == 0)
            return true;
    return false;
}

static enum err fill(struct wanted *w, const struct plane *p)
{
    w->interval = p->config->resolver.interval;
    TRY(copy_servers(w, &p->config->resolver.name_servers));
    for (size_t i = 0; i < p->config->nbackends; i++)
        for (size_t k = 0; k < p->backends[i].nservers; k++) {
            const struct plane_server *s = &p->backends[i].servers[k];
            if (s->is_name && !has(w, s->name))
                TRY(add(w, s));
        }
    return ERR_OK;
}

static size_t count(const struct plane *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->config->nbackends; i++)
        n += p->backends[i].nservers;
    return n;
}

void names_follow(struct names *n, const struct plane *p)
{
    OBJ_CHECK(n, NAMES_MAGIC);
    struct wanted *w = calloc(1, sizeof(*w) + count(p) * sizeof(w->list[0]));
    if (w != NULL)
        w->names = n;
    if (w != NULL && fill(w, p) == ERR_OK && loop_post(n->loop, on_follow, w))
        return;
    log_error("backend", "names of servers are not followed: %s", err_sentence(ERR_NO_MEMORY));
    wanted_free(w);
}

/* --- life --- */

static void *names_main(void *arg)
{
    struct names *n;
    OBJ_CAST(n, arg, NAMES_MAGIC);
    metrics_thread_begin("names");
    loop_run(n->loop);
    forget(n);
    loop_finish(n->loop);
    metrics_thread_end();
    return NULL;
}

static enum err begin(struct names *n)
{
    static const char *const found[] = {"ok"}, *const missed[] = {"failed"};
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return ERR_NO_MEMORY;
    TRY(metrics_series(METRIC_NAME_LOOKUPS, found, &n->mine.found));
    TRY(metrics_series(METRIC_NAME_LOOKUPS, missed, &n->mine.missed));
    TRY(loop_new(&n->loop, MAILBOX));
    if (pthread_create(&n->thread, NULL, names_main, n) == 0)
        return ERR_OK;
    loop_free(&n->loop);
    return ERR_SYSTEM;
}

enum err names_start(struct names **out, names_fn *changed, void *arg)
{
    *out = NULL;
    struct names *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(n, NAMES_MAGIC);
    n->changed = changed;
    n->arg = arg;
    timer_begin(&n->mine.look, look, n);
    enum err e = begin(n);
    if (e != ERR_OK) {
        free(n);
        return e;
    }
    *out = n;
    return ERR_OK;
}

void names_stop(struct names **np)
{
    struct names *n;
    OBJ_TAKE(n, np, NAMES_MAGIC);
    loop_stop(n->loop);
    pthread_join(n->thread, NULL);
    loop_free(&n->loop);
    ares_library_cleanup();
    n->magic = 0;
    free(n);
}
