/* What waits goes out: gathered, flushed, half-closed. See conn.h for the order in which things may
 * happen. */
#include "proxy/conn.h"

#include "proxy/worker.h"

#include <errno.h>
#include <sys/socket.h>

enum {
    IOV_MAX_WRITE = 16,
    TLS_RECORD = 16 * 1024,
    GATHER_MAX = TLS_RECORD, /* as much is worth a write of its own */
};

static bool wrote(struct conn *c, size_t n)
{
    chunkq_consume(&c->out, n);
    c->wrote_ms = loop_now_ms(c->worker->loop);
    return true;
}

/* A single piece is sent as such: the kernel has less to look at. */
static ssize_t send_pieces(int fd, struct iovec *iov, int n)
{
    const struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n};
    return n == 1 ? send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                  : sendmsg(fd, &m, MSG_NOSIGNAL);
}

/* One write. False: no more can be written now, or the connection is closed. */
static bool write_plain(struct conn *c)
{
    struct iovec iov[IOV_MAX_WRITE];
    size_t want = 0;
    int n = chunkq_iov(&c->out, iov, IOV_MAX_WRITE);
    for (int i = 0; i < n; i++)
        want += iov[i].iov_len;
    ssize_t put = send_pieces(c->fd, iov, n);
    if (put < 0) {
        c->writable = false;
        if (!conn_is_again(errno))
            conn_close(c, c->role->reset);
        return false;
    }
    if ((size_t)put < want)
        c->writable = false;
    return wrote(c, (size_t)put) && c->writable;
}

static bool write_tls(struct conn *c)
{
    struct iovec first;
    size_t put;
    const char *p = c->worker->record;
    size_t n = min_size(c->out.n, TLS_RECORD);
    if (chunkq_iov(&c->out, &first, 1) == 1 && first.iov_len >= n)
        p = first.iov_base; /* one stretch already: no need to gather */
    else
        n = chunkq_copy(&c->out, c->worker->record, TLS_RECORD);
    switch (tls_write(c->tls, p, n, &put)) {
    case TLS_DONE:
        return wrote(c, put);
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
        c->writable = false;
        return false;
    default:
        conn_close(c, tls_was_refused(c->tls) ? c->role->tls_failed : c->role->reset);
        return false;
    }
}

static void write_out(struct conn *c)
{
    while (c->out.n > 0 && c->writable)
        if (!(c->tls != NULL ? write_tls(c) : write_plain(c)))
            break;
    if (c->state != CONN_CLOSED && chunkq_own(&c->out) != ERR_OK)
        conn_close(c, ERR_NO_MEMORY);
}

/* Half of a tunnel is over: the peer sees the end of what was sent, and may go on. */
static void end_sending(struct conn *c)
{
    c->half_close = false;
    if (c->tls != NULL)
        tls_bye(c->tls);
    (void)shutdown(c->fd, SHUT_WR);
}

/* Frames and bodies into `out`. False: the connection was closed here. */
static bool drain(struct conn *c)
{
    if (codec_drain(c->codec))
        return true;
    conn_close(c, ERR_NO_MEMORY);
    return false;
}

bool conn_gather(struct conn *c)
{
    if (c->state != CONN_OPEN || !codec_is_shared(c->codec) || !drain(c))
        return false;
    if (c->out.n == 0 || c->out.n >= GATHER_MAX || codec_is_done(c->codec) ||
        chunkq_own(&c->out) != ERR_OK)
        return false;
    conn_later(c, CONN_LATER_WRITE);
    if (!c->in_turn)
        c->role->settled(c);
    return true;
}

void conn_flush(struct conn *c)
{
    if (c->state != CONN_OPEN)
        return;
    c->later &= (uint8_t)~CONN_LATER_WRITE;
    if (!drain(c))
        return;
    if (c->out.n == 0)
        c->wrote_ms = loop_now_ms(c->worker->loop);
    write_out(c);
    if (c->state != CONN_OPEN)
        return;
    if (c->out.n == 0) {
        codec_flushed(c->codec);
        if (c->out.n == 0 && !c->dirty && codec_is_done(c->codec)) {
            conn_finish(c);
            return;
        }
        if (UNLIKELY(c->half_close) && c->out.n == 0 && c->state == CONN_OPEN)
            end_sending(c);
    }
    if (!c->in_turn)
        c->role->settled(c);
}
