/* Bodies that pass the codecs by: where both are counted by their lengths, only the counts have to
 * be kept. The last byte never does, so that a body ends the way all others do. */
#include "http/h1_internal.h"

static bool arrives(const struct h1 *h)
{
    return h->open && !h->tunnel && h->rx == RX_BODY && h->rx_body.kind == HTTP_BODY_LENGTH &&
           h->held == 0;
}

static bool is_taken(const struct h1 *h)
{
    return h->open && h->tx == TX_BODY && h->tx_kind == HTTP_BODY_LENGTH && h->codec.out->n == 0;
}

struct http_stream *h1_passing(struct codec *c)
{
    struct h1 *h = h1_of(c);
    return arrives(h) ? &h->stream : NULL;
}

uint64_t http_may_pass(struct http_stream *from, struct http_stream *to)
{
    if (from->ops != &h1_ops || to->ops != &h1_ops)
        return 0;
    const struct h1 *in = h1_of_stream(from);
    const struct h1 *out = h1_of_stream(to);
    if (!arrives(in) || !is_taken(out))
        return 0;
    return (in->rx_body.left < out->tx_left ? in->rx_body.left : out->tx_left) - 1;
}

void http_passed(struct http_stream *from, struct http_stream *to, uint64_t n)
{
    BUG_IF(n > http_may_pass(from, to));
    h1_of_stream(from)->rx_body.left -= n;
    h1_of_stream(to)->tx_left -= n;
}
