/* The kernel's floor: a relay of one thread that reads, writes, and looks at nothing. What a proxy
 * costs beyond it is the proxy's own doing. It dials one server for each client, so it has no
 * split, and adds no field.
 *
 * What a socket does not take is kept, and its source is not read until it is gone: so bodies of
 * any size pass.
 *
 * Usage: floor PORT SERVER_PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 65536, EVENTS = 64 };

/* One end of a pair; the other stands beside it in memory. */
struct end {
    int fd;     /* -1: the pair is closed, and freed when the turn is over */
    bool ready; /* there may be something to read */
    bool ended; /* the peer will send no more: read until the end shows */
    struct end *other;
    char *kept; /* what came from here and the other end did not take; NULL: nothing */
    size_t nkept;
    struct end *next_closed;
};

static char chunk[CHUNK];
static struct end *closed;
static int loop;

static struct sockaddr_in local(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void close_pair(struct end *e)
{
    struct end *pair = e < e->other ? e : e->other;
    close(e->fd);
    close(e->other->fd);
    e->fd = e->other->fd = -1;
    pair->next_closed = closed;
    closed = pair;
}

static void free_closed(void)
{
    while (closed != NULL) {
        struct end *pair = closed;
        closed = pair->next_closed;
        free(pair[0].kept);
        free(pair[1].kept);
        free(pair);
    }
}

/* Writes; what is not taken is kept. False: the pair is closed. */
static bool put(struct end *from, const char *bytes, size_t n)
{
    ssize_t sent = send(from->other->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    size_t gone = sent < 0 ? 0 : (size_t)sent;
    char *left = gone == n ? NULL : malloc(n - gone);
    if ((sent < 0 && errno != EAGAIN) || (gone < n && left == NULL)) {
        free(left);
        close_pair(from);
        return false;
    }
    if (left != NULL)
        memcpy(left, bytes + gone, n - gone);
    free(from->kept);
    from->kept = left;
    from->nkept = n - gone;
    return true;
}

/* Carries what there is from one end to the other. A short read says that the socket is empty. */
static void carry(struct end *from)
{
    while (from->ready && from->kept == NULL) {
        ssize_t n = recv(from->fd, chunk, CHUNK, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            from->ready = false;
            return;
        }
        if (n <= 0) {
            close_pair(from);
            return;
        }
        from->ready = n == CHUNK || from->ended;
        if (!put(from, chunk, (size_t)n))
            return;
    }
}

static void on_event(struct end *e, uint32_t what)
{
    if (e->fd >= 0 && (what & EPOLLOUT) != 0 && e->other->kept != NULL &&
        put(e->other, e->other->kept, e->other->nkept))
        carry(e->other);
    if (e->fd >= 0 && (what & ~(uint32_t)EPOLLOUT) != 0) {
        e->ready = true;
        e->ended = e->ended || (what & ~(uint32_t)(EPOLLIN | EPOLLOUT)) != 0;
        carry(e);
    }
}

static bool join(struct end *e, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = e};
    int one = 1;
    e->fd = fd;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 &&
           epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void on_client(int listener, uint16_t server)
{
    struct sockaddr_in to = local(server);
    int client = accept4(listener, NULL, NULL, 0), dialled = socket(AF_INET, SOCK_STREAM, 0);
    struct end *pair = calloc(2, sizeof(*pair));
    if (client < 0 || dialled < 0 || pair == NULL ||
        connect(dialled, (struct sockaddr *)&to, sizeof(to)) != 0) {
        perror("floor: client");
        close(client);
        close(dialled);
        free(pair);
        return;
    }
    pair[0].other = &pair[1];
    pair[1].other = &pair[0];
    pair[0].fd = client;
    pair[1].fd = dialled;
    if (!join(&pair[0], client) || !join(&pair[1], dialled))
        close_pair(pair);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in at = local(port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0 ||
        epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0) {
        perror("floor: listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    if (argc != 3) {
        fprintf(stderr, "usage: floor PORT SERVER_PORT\n");
        return 2;
    }
    loop = epoll_create1(0);
    int listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
    uint16_t server = (uint16_t)strtoul(argv[2], NULL, 10);
    for (;;) {
        int n = epoll_wait(loop, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                on_client(listener, server);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        free_closed();
    }
}
