/* A plain blocking client: one connection per request, one request at a time. What counts here is
 * that it is honest traffic through a real socket, not that it is fast. */
#include "cli/demo_traffic.h"

#include "cli/cli.h"

#include "base/bytes.h"
#include "base/rand.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TRAFFIC_MAGIC = 0x44545246, USERS = 300, ANSWER_MAX = 16 * 1024, TIMEOUT_S = 5 };

struct demo_traffic {
    unsigned magic;
    unsigned port;
    unsigned per_second;
    void (*tick)(void *arg, const struct demo_counts *c);
    void *tick_arg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under lock */
    atomic_ulong legacy;
    atomic_ulong new_;
    atomic_ulong failed;
};

static int compose(char *out, size_t max)
{
    unsigned user = (unsigned)(rand_u64() % USERS);
    unsigned n = (unsigned)(rand_u64() % 40);
    char path[64];
    switch (rand_u64() % 6) {
    case 0:
        (void)snprintf(path, sizeof(path), "/api/orders/%u", 100 + n);
        break;
    case 1:
        (void)snprintf(path, sizeof(path), "/api/users/%u", user);
        break;
    case 2:
        (void)snprintf(path, sizeof(path), "/api/products");
        break;
    case 3:
        (void)snprintf(path, sizeof(path), "/api/search?q=a%u", n);
        break;
    case 4:
        (void)snprintf(path, sizeof(path), "/api/prices");
        break;
    default:
        (void)snprintf(path, sizeof(path), "/");
        break;
    }
    return snprintf(out, max,
                    "GET %s HTTP/1.1\r\nHost: shop.example\r\nX-User-Id: user-%u\r\n"
                    "User-Agent: weir-demo\r\nConnection: close\r\n\r\n",
                    path, user);
}

static size_t exchange(int fd, char *answer)
{
    char request[512];
    size_t got = 0;
    int n = compose(request, sizeof(request));
    if (n < 0 || send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        return 0;
    for (;;) {
        ssize_t r = recv(fd, answer + got, ANSWER_MAX - got, 0);
        if (r <= 0)
            break;
        got += (size_t)r;
    }
    return got;
}

static bool names(struct span answer, const char *backend)
{
    char want[32];
    int n = snprintf(want, sizeof(want), "x-backend: %s\r\n", backend);
    return memmem(answer.p, answer.n, want, (size_t)n) != NULL;
}

static void ask_once(struct demo_traffic *t, char *answer)
{
    int fd = cli_dial(t->port, TIMEOUT_S);
    size_t n = fd < 0 ? 0 : exchange(fd, answer);
    struct span a = span_of(answer, n);
    if (fd >= 0)
        close(fd);
    if (!span_has_prefix(a, SPAN("HTTP/1.1 200")))
        atomic_fetch_add(&t->failed, 1);
    else if (names(a, "new"))
        atomic_fetch_add(&t->new_, 1);
    else
        atomic_fetch_add(&t->legacy, 1);
}

/* False: it is time to stop. */
static bool pause_for(struct demo_traffic *t, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&t->lock);
    while (!t->stop && pthread_cond_timedwait(&t->wake, &t->lock, &until) == 0)
        ;
    bool go_on = !t->stop;
    pthread_mutex_unlock(&t->lock);
    return go_on;
}

static void *traffic_main(void *arg)
{
    struct demo_traffic *t;
    OBJ_CAST(t, arg, TRAFFIC_MAGIC);
    char *answer = malloc(ANSWER_MAX);
    (void)pthread_setname_np(pthread_self(), "demo traffic");
    for (unsigned i = 1; answer != NULL && pause_for(t, 1000 / t->per_second); i++) {
        ask_once(t, answer);
        struct demo_counts c = demo_traffic_counts(t);
        if (i % t->per_second == 0)
            t->tick(t->tick_arg, &c);
    }
    free(answer);
    return NULL;
}

enum err demo_traffic_start(unsigned port, unsigned per_second,
                            void (*tick)(void *arg, const struct demo_counts *c), void *arg,
                            struct demo_traffic **out)
{
    *out = NULL;
    struct demo_traffic *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(t, TRAFFIC_MAGIC);
    t->port = port;
    t->per_second = per_second;
    t->tick = tick;
    t->tick_arg = arg;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    if (pthread_create(&t->thread, NULL, traffic_main, t) != 0) {
        free(t);
        return ERR_SYSTEM;
    }
    *out = t;
    return ERR_OK;
}

struct demo_counts demo_traffic_counts(struct demo_traffic *t)
{
    return (struct demo_counts){atomic_load(&t->legacy), atomic_load(&t->new_),
                                atomic_load(&t->failed)};
}

void demo_traffic_stop(struct demo_traffic **tp)
{
    struct demo_traffic *t;
    OBJ_TAKE(t, tp, TRAFFIC_MAGIC);
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->wake);
    t->magic = 0;
    free(t);
}
