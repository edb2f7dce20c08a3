/* splice(2) by way of a pipe: the kernel hands pages from one socket to the other, where it would
 * copy them twice; copying is a third of what a long answer costs.
 *
 * The special difficulty is a client that takes less than has come. What is left in the pipe is
 * then read out of it at once and goes the usual way, where limits, timeouts and endings are looked
 * after. So the pipe is empty whenever a handler ends, and a worker needs one. */
#include "proxy/splice.h"

#include "proxy/exchange.h"

#include <fcntl.h>
#include <unistd.h>

enum {
    PIPE_BYTES = 64 * 1024, /* what a pipe takes by default; larger ones were not faster */
    PIPE_NONE = -1,         /* not yet made */
    PIPE_REFUSED = -2,      /* the system gives none, or does not splice */
};
_Static_assert((int)WORKER_SCRATCH >= (int)PIPE_BYTES, "what is left in it is read at once");

void splice_begin(struct worker *w)
{
    w->pipe[0] = w->pipe[1] = PIPE_NONE;
}

void splice_end(struct worker *w)
{
    for (size_t i = 0; i < ARRAY_LEN(w->pipe); i++)
        if (w->pipe[i] >= 0)
            close(w->pipe[i]);
    splice_begin(w);
}

static void refuse(struct worker *w)
{
    splice_end(w);
    w->pipe[0] = PIPE_REFUSED;
}

static bool has_pipe(struct worker *w)
{
    if (w->pipe[0] == PIPE_NONE && pipe2(w->pipe, O_NONBLOCK | O_CLOEXEC) != 0)
        refuse(w);
    return w->pipe[0] >= 0;
}

static bool is_open_to(const struct conn *to)
{
    return to->state == CONN_OPEN && to->tls == NULL && to->writable;
}

/* The exchange whose answer arrives, if enough is still to come, its client takes it as it is, and
 * nothing here wants to see it. */
static struct exchange *of_whom(const struct conn *c, struct http_stream *s)
{
    if (c->rx.n > 0 || s->on != &exchange_backend_events)
        return NULL;
    struct exchange *x;
    OBJ_CAST(x, s->owner, EXCHANGE_MAGIC);
    bool seen = x->mirror != NULL || x->boundary.kind != BOUNDARY_NONE;
    if (seen || x->client == NULL || !is_open_to(&x->front->conn) ||
        http_may_pass(s, x->client) < PIPE_BYTES)
        return NULL;
    return x;
}

/* From the server into the pipe. False: not possible here. */
static bool pull(struct conn *c, size_t *in)
{
    ssize_t n = splice(c->fd, NULL, c->worker->pipe[1], NULL, PIPE_BYTES, SPLICE_F_NONBLOCK);
    *in = n > 0 ? (size_t)n : 0;
    if (n >= 0)
        return n > 0; /* the end is for who reads as usual */
    if (errno == EINVAL || errno == ENOSYS || errno == EPERM) {
        refuse(c->worker);
        return false;
    }
    if (conn_is_again(errno))
        c->readable = false;
    else
        conn_close(c, c->role->reset);
    return true;
}

static void passed(struct exchange *x, size_t n)
{
    if (n == 0)
        return;
    http_passed(x->backend, x->client, n);
    x->bytes_out += n;
    x->front->conn.wrote_ms = loop_now_ms(x->worker->loop);
    metric_add(METRIC_SPLICED, n);
    relay_wait(x);
}

/* From the pipe to the client. Returns how much it did not take. */
static size_t push(struct exchange *x, size_t n)
{
    struct conn *to = &x->front->conn;
    size_t left = n;
    ssize_t put = 1;
    while (left > 0 && put > 0) {
        put = splice(x->worker->pipe[0], NULL, to->fd, NULL, left, SPLICE_F_NONBLOCK);
        left -= put > 0 ? (size_t)put : 0;
    }
    bool broken = put < 0 && !conn_is_again(errno);
    passed(x, n - left);
    if (left > 0)
        to->writable = false;
    if (broken)
        conn_close(to, to->role->reset);
    return left;
}

bool splice_answer(struct conn *c, struct http_stream *s, char *p, size_t n, size_t *got)
{
    struct worker *w = c->worker;
    struct exchange *x = of_whom(c, s);
    *got = 0;
    if (x == NULL || !has_pipe(w))
        return false;
    if (!pull(c, got))
        return false;
    if (*got > 0)
        *got = push(x, *got);
    if (*got > 0) {
        ssize_t rest = read(w->pipe[0], p, n);
        BUG_IF(rest != (ssize_t)*got);
    }
    return true;
}
