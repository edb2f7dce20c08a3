/* The command line's end: one request over the Unix socket, one answer, blocking, within a time
 * limit.
 *
 * It talks to our own server only, but a broken or hostile one must not hang or fill us. */
#include "control/control.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD_MAX = 16 * 1024, ANSWER_MAX = 256 * 1024 * 1024, READ_STEP = 64 * 1024 };

struct call {
    const char *path; /* of the socket */
    int fd;
    uint64_t end_us;
    struct buf in;
    struct complaints *wrong;
};

static enum err failed(struct call *c, const char *right, const char *what)
{
    complain(c->wrong, c->path, right, "%s", what);
    return ERR_CONTROL_STORE;
}

static enum err failed_errno(struct call *c, const char *doing)
{
    complain(c->wrong, c->path, NULL, "%s: %s", doing, strerror(errno));
    return ERR_SYSTEM;
}

static enum err wait_for(struct call *c, short what)
{
    for (;;) {
        uint64_t now = clock_us();
        struct pollfd p = {c->fd, what, 0};
        if (now >= c->end_us)
            return failed(c, NULL, "no answer in time");
        uint64_t ms = (c->end_us - now) / 1000 + 1;
        int n = poll(&p, 1, ms > 60000 ? 60000 : (int)ms);
        if (n > 0)
            return ERR_OK;
        if (n < 0 && errno != EINTR)
            return failed_errno(c, "poll");
    }
}

static enum err say_connect_failed(struct call *c)
{
    if (errno == ENOENT)
        complain(c->wrong, c->path, "is weir running? its state_dir holds the socket",
                 "there is no such socket");
    else if (errno == ECONNREFUSED)
        complain(c->wrong, c->path, "start weir, or name the socket of the one that runs",
                 "nothing listens there any more");
    else if (errno == EACCES || errno == EPERM)
        complain(c->wrong, c->path, "become the user weir runs as", "this user may not talk to it");
    else
        return failed_errno(c, "cannot be connected to");
    return ERR_NOT_FOUND;
}

static enum err open_call(struct call *c)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(c->path) >= sizeof(a.sun_path))
        return failed(c, NULL, "the name is too long for a socket");
    memcpy(a.sun_path, c->path, strlen(c->path) + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return failed_errno(c, "no socket can be made");
    if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        return say_connect_failed(c);
    return ERR_OK;
}

static enum err send_all(struct call *c, struct span s)
{
    while (s.n > 0) {
        TRY(wait_for(c, POLLOUT));
        ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return failed_errno(c, "cannot be sent to");
        s = span_from(s, (size_t)n);
    }
    return ERR_OK;
}

static enum err send_request(struct call *c, const char *method, const char *path, struct span body)
{
    struct buf out = BUF_INIT(0);
    enum err e = buf_printf(&out,
                            "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                            "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                            method, path, body.n);
    if (e == ERR_OK)
        e = buf_append(&out, body);
    if (e == ERR_OK)
        e = send_all(c, buf_span(&out));
    buf_free(&out);
    return e;
}

/* False in *more: the peer has closed. */
static enum err receive(struct call *c, bool *more)
{
    TRY(wait_for(c, POLLIN));
    TRY(buf_reserve(&c->in, READ_STEP));
    ssize_t n = recv(c->fd, c->in.p + c->in.n, READ_STEP, MSG_DONTWAIT);
    *more = true;
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? ERR_OK : failed_errno(c, "cannot be read");
    c->in.n += (size_t)n;
    *more = n > 0;
    return ERR_OK;
}

static enum err receive_head(struct call *c, size_t *head)
{
    bool more = true;
    for (;;) {
        const char *end = c->in.n < 4 ? NULL : memmem(c->in.p, c->in.n, "\r\n\r\n", 4);
        if (end != NULL) {
            *head = (size_t)(end - c->in.p) + 4;
            return ERR_OK;
        }
        if (!more)
            return failed(c, NULL, "the connection was closed without an answer");
        if (c->in.n > HEAD_MAX)
            return failed(c, NULL, "the answer is not weir's");
        TRY(receive(c, &more));
    }
}

static enum err parse_head(struct call *c, struct span head, int *status, uint64_t *length)
{
    static const struct span name = {"content-length:", 15};
    struct span line;
    uint64_t code;
    bool counted = false;
    struct span rest = head;
    if (head.n < 13 || !span_has_prefix(head, SPAN("HTTP/1.1 ")) ||
        !span_u64(span_of(head.p + 9, 3), &code))
        return failed(c, NULL, "the answer is not weir's");
    *status = (int)code;
    while (rest.n > 0 && span_cut(&rest, '\n', &line)) {
        if (line.n > name.n && span_eq_nocase(span_until(line, name.n), name)) {
            line = span_from(span_until(line, line.n - 1), name.n);
            counted = span_u64(span_trim(line), length);
        }
    }
    if (!counted || *length > ANSWER_MAX)
        return failed(c, NULL, "the answer has no usable length");
    return ERR_OK;
}

static enum err receive_answer(struct call *c, struct admin_answer *out)
{
    size_t head = 0;
    uint64_t length = 0;
    bool more = true;
    TRY(receive_head(c, &head));
    TRY(parse_head(c, span_of(c->in.p, head), &out->status, &length));
    while (c->in.n < head + length) {
        if (!more)
            return failed(c, NULL, "the answer was cut short");
        TRY(receive(c, &more));
    }
    return buf_append(&out->body, span_of(c->in.p + head, (size_t)length));
}

enum err admin_call(const char *socket_path, const char *method, const char *path, struct span body,
                    uint64_t timeout_ms, struct admin_answer *out, struct complaints *wrong)
{
    struct call c = {.path = socket_path,
                     .fd = -1,
                     .end_us = clock_us() + timeout_ms * 1000,
                     .in = BUF_INIT(HEAD_MAX + ANSWER_MAX + 2 * READ_STEP),
                     .wrong = wrong};
    *out = (struct admin_answer){.body = BUF_INIT(ANSWER_MAX)};
    enum err e = open_call(&c);
    if (e == ERR_OK)
        e = send_request(&c, method, path, body);
    if (e == ERR_OK)
        e = receive_answer(&c, out);
    if (e != ERR_OK)
        buf_free(&out->body);
    if (c.fd >= 0)
        (void)close(c.fd);
    buf_free(&c.in);
    return e;
}
