/* getaddrinfo(3) cannot be interrupted and may take half a minute. So each look-up has a detached
 * thread of its own, which nobody ever waits for: what it finds after it was cancelled is thrown
 * away. */
#include "control/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { RESOLVE_MAGIC = 0x5245534f };

struct resolve {
    unsigned magic;
    char *host;
    struct loop *loop;
    resolve_fn *fn;
    void *arg;
    struct resolved found; /* the thread's until it is posted */
    pthread_mutex_t lock;
    struct { /* under lock */
        bool cancelled;
        bool lost; /* the result could not be posted: cancelling frees it */
    } shared;
};

static void resolve_free(struct resolve *r)
{
    pthread_mutex_destroy(&r->lock);
    r->magic = 0;
    free(r->host);
    free(r);
}

bool resolve_is_address(const char *host)
{
    struct in6_addr a;
    return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

static void add_address(struct resolved *out, const struct addrinfo *a)
{
    if (out->n < RESOLVE_MAX && getnameinfo(a->ai_addr, a->ai_addrlen, out->ips[out->n],
                                            sizeof(out->ips[0]), NULL, 0, NI_NUMERICHOST) == 0)
        out->n++;
}

static void look_up(const char *host, struct resolved *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int e = getaddrinfo(host, NULL, &hints, &list);
    if (e == EAI_NONAME ||
        e == EAI_ADDRFAMILY) { /* only ::1 configured, or nothing: take what there is */
        hints.ai_flags = 0;
        e = getaddrinfo(host, NULL, &hints, &list);
    }
    if (e != 0) {
        (void)snprintf(out->why, sizeof(out->why), "the name %s has no address: %s", host,
                       gai_strerror(e));
        return;
    }
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        add_address(out, a);
    freeaddrinfo(list);
    if (out->n == 0)
        (void)snprintf(out->why, sizeof(out->why), "the name %s has no address", host);
}

static void deliver(void *arg)
{
    struct resolve *r;
    OBJ_CAST(r, arg, RESOLVE_MAGIC);
    pthread_mutex_lock(&r->lock);
    bool wanted = !r->shared.cancelled;
    pthread_mutex_unlock(&r->lock);
    if (wanted)
        r->fn(r->arg, &r->found);
    resolve_free(r);
}

static void *resolve_main(void *arg)
{
    struct resolve *r = arg;
    look_up(r->host, &r->found);
    /* The loop lives as long as nobody has cancelled, hence the post under the lock. */
    pthread_mutex_lock(&r->lock);
    bool cancelled = r->shared.cancelled;
    if (!cancelled)
        r->shared.lost = !loop_post(r->loop, deliver, r);
    pthread_mutex_unlock(&r->lock);
    if (cancelled)
        resolve_free(r);
    return NULL;
}

static struct resolve *resolve_new(const char *host)
{
    struct resolve *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return NULL;
    r->host = strdup(host);
    if (r->host == NULL) {
        free(r);
        return NULL;
    }
    OBJ_INIT(r, RESOLVE_MAGIC);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

enum err resolve_start(struct resolve **out, struct loop *loop, const char *host, resolve_fn *fn,
                       void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    *out = NULL;
    struct resolve *r = resolve_new(host);
    if (r == NULL)
        return ERR_NO_MEMORY;
    r->loop = loop;
    r->fn = fn;
    r->arg = arg;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int e = pthread_create(&thread, &attr, resolve_main, r);
    pthread_attr_destroy(&attr);
    if (e != 0) {
        resolve_free(r);
        return ERR_SYSTEM;
    }
    *out = r;
    return ERR_OK;
}

void resolve_cancel(struct resolve **rp)
{
    struct resolve *r = *rp;
    *rp = NULL;
    if (r == NULL)
        return;
    OBJ_CHECK(r, RESOLVE_MAGIC);
    pthread_mutex_lock(&r->lock);
    r->shared.cancelled = true;
    bool lost = r->shared.lost;
    pthread_mutex_unlock(&r->lock);
    if (lost)
        resolve_free(r);
}
