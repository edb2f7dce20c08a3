/* Followed byte by byte where bytes decide; payloads of messages are skipped. */
#include "proxy/boundary.h"

enum { MESSAGE_HEAD = 5 };

static void event_byte(struct boundary *b, char c)
{
    bool rest = c == '\n' && b->after_cr;
    bool ends = c == '\n' || c == '\r';
    b->after_cr = c == '\r';
    if (rest)
        return;
    if (ends && !b->in_line)
        b->inside = false;
    else
        b->inside = true;
    b->in_line = !ends;
}

static size_t message_bytes(struct boundary *b, struct span data)
{
    b->inside = true;
    if (b->got < MESSAGE_HEAD) {
        if (b->got++ > 0) /* behind the byte of flags */
            b->left = b->left << 8 | (unsigned char)data.p[0];
        data.n = 1;
    } else {
        data.n = (size_t)(b->left < data.n ? b->left : data.n);
        b->left -= data.n;
    }
    if (b->got < MESSAGE_HEAD || b->left > 0)
        return data.n;
    b->got = 0;
    b->inside = false;
    return data.n;
}

size_t boundary_follow(struct boundary *b, struct span data)
{
    size_t at = 0;
    if (b->kind == BOUNDARY_NONE)
        return data.n;
    while (at < data.n) {
        if (b->kind == BOUNDARY_EVENT)
            event_byte(b, data.p[at++]);
        else
            at += message_bytes(b, span_from(data, at));
        if (!b->inside)
            break;
    }
    return at;
}
