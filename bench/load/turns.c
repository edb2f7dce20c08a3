/* A load of many kept-alive connections that take turns: AT_ONCE requests are under way on them, in
 * their order, so that 10 and 10,000 connections differ by nothing but their number. Or, with a
 * RATE, one request is due every so often whatever became of those before, and its time counts from
 * when it was due: who makes clients wait is seen waiting.
 *
 * Requests are those of a file, round and round; each answer must be 200 with a body of LENGTH
 * bytes. At the end nothing is cut: what is under way is waited for. The result is one line of
 * JSON, as the other tools give it.
 *
 * Usage: turns PORT CONNECTIONS AT_ONCE RATE SECONDS NUMBER LENGTH FILE      RATE 0: as fast as
 * answers come; NUMBER 0: for SECONDS */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 2048, EVENTS = 256, PATIENCE_MS = 10000 };

struct connection {
    int fd;
    uint64_t since_us; /* when its request was made, or was due */
    size_t got;
    char answer[ANSWER_MAX];
};

struct request {
    const char *text;
    size_t length;
};

struct load {
    struct request *requests;
    size_t nrequests;
    struct connection *connections;
    struct connection **resting; /* a ring: those that rest, the longest first */
    size_t nconnections, first_resting, nresting;
    size_t at_once, length;
    double rate;
    int epoll, timer;
    uint64_t begin_us;
    uint64_t asked, answered; /* since begin_us; the next request is requests[asked % nrequests] */
    uint32_t *took_us;
    size_t room;
};

static volatile sig_atomic_t enough; /* SIGTERM: no more requests */

static void on_term(int signo)
{
    (void)signo;
    enough = 1;
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void *need(void *made)
{
    if (made == NULL) {
        perror("turns: memory");
        exit(1);
    }
    return made;
}

/* The harness wants the reason in the line of JSON. */
static _Noreturn void wrong(const struct load *l, const char *what, const char *answer)
{
    printf("JSON {\"requests\": %llu, \"wrong\": 1, \"first_wrong\": \"%s ",
           (unsigned long long)l->answered, what);
    for (const char *p = answer; *p >= ' ' && *p != '"' && *p != '\\'; p++)
        putchar(*p);
    printf("\"}\n");
    exit(0);
}

/* --- the requests --- */

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)ftell(f);
    rewind(f);
    char *text = need(calloc(1, size + 1));
    if (fread(text, 1, size, f) != size) {
        perror(path);
        exit(1);
    }
    fclose(f);
    return text;
}

static void read_requests(struct load *l, const char *path)
{
    char *text = read_all(path);
    for (char *end; (end = strstr(text, "\r\n\r\n")) != NULL; text = end + 4) {
        l->requests = need(realloc(l->requests, (l->nrequests + 1) * sizeof(*l->requests)));
        l->requests[l->nrequests++] = (struct request){text, (size_t)(end + 4 - text)};
    }
    if (l->nrequests == 0) {
        fprintf(stderr, "turns: no request in %s\n", path);
        exit(1);
    }
}

/* --- connections --- */

static void rest(struct load *l, struct connection *c)
{
    l->resting[(l->first_resting + l->nresting++) % l->nconnections] = c;
}

static void dial(struct load *l, struct connection *c, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        wrong(l, "connection:", strerror(errno));
    rest(l, c);
}

static void ask(struct load *l, uint64_t since_us)
{
    struct connection *c = l->resting[l->first_resting];
    const struct request *r = &l->requests[l->asked++ % l->nrequests];
    l->first_resting = (l->first_resting + 1) % l->nconnections;
    l->nresting--;
    c->since_us = since_us;
    c->got = 0;
    if (send(c->fd, r->text, r->length, MSG_NOSIGNAL) != (ssize_t)r->length)
        wrong(l, "send:", strerror(errno));
}

static void note(struct load *l, uint64_t us)
{
    if (l->answered == l->room) {
        l->room = l->room == 0 ? 65536 : 2 * l->room;
        l->took_us = need(realloc(l->took_us, l->room * sizeof(*l->took_us)));
    }
    l->took_us[l->answered++] = (uint32_t)us;
}

static void hear(struct load *l, struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->got, ANSWER_MAX - 1 - c->got, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        wrong(l, "closed after", c->got > 0 ? c->answer : "nothing");
    c->got += (size_t)n;
    c->answer[c->got] = '\0';
    const char *end = strstr(c->answer, "\r\n\r\n");
    if (end == NULL)
        return;
    size_t body = c->got - (size_t)(end + 4 - c->answer);
    if (strncmp(c->answer, "HTTP/1.1 200 ", 13) != 0 || body > l->length)
        wrong(l, "answer", c->answer);
    if (body < l->length)
        return;
    note(l, now_us() - c->since_us);
    rest(l, c);
}

/* --- a run --- */

/* As many as are due, or as may be under way; none when `number` have been made. */
static void ask_due(struct load *l, uint64_t number)
{
    uint64_t now = now_us();
    while (l->nresting > 0 && l->asked < number) {
        uint64_t due = now;
        if (l->rate > 0)
            due = l->begin_us + (uint64_t)((double)l->asked * 1e6 / l->rate);
        if (due > now || (l->rate <= 0 && l->asked - l->answered >= l->at_once))
            return;
        ask(l, due);
    }
}

static void turn(struct load *l)
{
    struct epoll_event events[EVENTS];
    uint64_t ticks;
    int n = epoll_wait(l->epoll, events, EVENTS, PATIENCE_MS);
    if (n == 0)
        wrong(l, "silence", "for 10 s");
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr != NULL)
            hear(l, events[i].data.ptr);
        else if (read(l->timer, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
            perror("turns: timer");
    }
}

static void run(struct load *l, double seconds, uint64_t number)
{
    l->asked = l->answered = 0;
    l->begin_us = now_us();
    uint64_t end_us = l->begin_us + (uint64_t)(seconds * 1e6);
    for (ask_due(l, number); l->answered < l->asked || l->asked < number; ask_due(l, number)) {
        turn(l);
        if (enough || (seconds > 0 && now_us() >= end_us))
            number = l->asked;
    }
}

static void tick(struct load *l)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    long ns = (long)(1e9 / l->rate);
    struct itimerspec every = {{ns / 1000000000, ns % 1000000000},
                               {ns / 1000000000, ns % 1000000000}};
    l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (l->timer < 0 || timerfd_settime(l->timer, 0, &every, NULL) != 0 ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &event) != 0) {
        perror("turns: timer");
        exit(1);
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void tell(const struct load *l, uint64_t before)
{
    double seconds = (double)(now_us() - l->begin_us) / 1e6;
    size_t n = l->answered;
    qsort(l->took_us, n, sizeof(*l->took_us), by_size);
    printf("JSON {\"requests\": %llu, \"wrong\": 0, \"first_wrong\": \"\", \"seconds\": %.6f, "
           "\"p50_us\": %u, \"p99_us\": %u, "
           "\"max_us\": %u, \"before\": %llu}\n",
           (unsigned long long)n, seconds, l->took_us[n / 2], l->took_us[n * 99 / 100],
           l->took_us[n - 1], (unsigned long long)before);
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr, "usage: turns PORT CONNECTIONS AT_ONCE RATE SECONDS NUMBER LENGTH FILE\n");
        return 2;
    }
    struct load l = {.at_once = strtoul(argv[3], NULL, 10),
                     .rate = strtod(argv[4], NULL),
                     .length = strtoul(argv[7], NULL, 10)};
    double rate = l.rate, seconds = strtod(argv[5], NULL);
    uint64_t number = strtoull(argv[6], NULL, 10);
    l.nconnections = strtoul(argv[2], NULL, 10);
    l.connections = need(calloc(l.nconnections, sizeof(*l.connections)));
    l.resting = need(calloc(l.nconnections, sizeof(struct connection *)));
    l.epoll = epoll_create1(0);
    signal(SIGTERM, on_term);
    read_requests(&l, argv[8]);
    for (size_t i = 0; i < l.nconnections; i++)
        dial(&l, &l.connections[i], (uint16_t)strtoul(argv[1], NULL, 10));
    l.rate = 0;
    run(&l, 0, l.nconnections); /* each has had an answer before it counts */
    uint64_t before = l.answered;
    printf("READY\n");
    fflush(stdout);
    l.rate = rate;
    if (rate > 0)
        tick(&l);
    run(&l, number > 0 ? 0 : seconds, number > 0 ? number : UINT64_MAX);
    tell(&l, before);
    return 0;
}
