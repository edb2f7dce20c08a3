/* Who the client is when proxies stand in front of weir, and what servers are told about it.
 *
 * Each proxy appends the address it was talked to from, so X-Forwarded-For is read from the right:
 * as long as an entry is a trusted proxy the next one to the left may be believed, and the first
 * that is not is the client. Whatever stands further left it may have invented. */
#include "proxy/exchange.h"

#include <arpa/inet.h>

struct forwarded {
    unsigned char ip[16];
    size_t ip_n;
    char text[ADDRESS_TEXT];
    size_t text_n;
    struct span chain; /* X-Forwarded-For as it came, all fields joined; SPAN_NULL: none */
    struct span proto; /* SPAN_NULL: not said */
    struct span host;
};

struct span exchange_client_ip(const struct exchange *x)
{
    const struct forwarded *f = x->forwarded;
    return f != NULL ? span_of(f->ip, f->ip_n) : front_client_ip(x->front);
}

struct span exchange_client_text(const struct exchange *x)
{
    const struct forwarded *f = x->forwarded;
    return f != NULL ? span_of(f->text, f->text_n) : front_client_text(x->front);
}

struct endpoints exchange_endpoints(const struct exchange *x)
{
    struct endpoints who = front_endpoints(x->front);
    struct span ip = exchange_client_ip(x);
    if (!span_eq(ip, front_client_ip(x->front)))
        who.client = endpoint_make(ip.p, ip.n, 0);
    return who;
}

/* --- reading --- */

/* Some proxies write the port too: "192.0.2.1:4711", "[2001:db8::1]:4711". */
static struct span without_port(struct span s)
{
    size_t colon = span_find(s, ':');
    size_t close = span_find(s, ']');
    if (s.n > 0 && s.p[0] == '[')
        return close < s.n ? span_of(s.p + 1, close - 1) : SPAN_NULL;
    bool one = colon < s.n && span_find(span_from(s, colon + 1), ':') == s.n - colon - 1;
    return one ? span_until(s, colon) : s;
}

/* Takes an address over; false: it is none, and nothing was changed. */
static bool take_address(struct forwarded *f, struct span entry)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    unsigned char ip[16];
    char text[ADDRESS_TEXT];
    struct span s = without_port(span_trim(entry));
    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    bool v4 = inet_pton(AF_INET, text, ip) == 1;
    if (!v4 && inet_pton(AF_INET6, text, ip) != 1)
        return false;
    size_t skip = !v4 && memcmp(ip, mapped, sizeof(mapped)) == 0 ? sizeof(mapped) : 0;
    f->ip_n = (v4 ? 4 : sizeof(ip)) - skip;
    memcpy(f->ip, ip + skip, f->ip_n);
    f->text_n = networks_text(span_of(f->ip, f->ip_n), f->text);
    return true;
}

static void find_client(struct forwarded *f, const struct networks *trusted)
{
    struct span left = f->chain;
    while (left.n > 0 && networks_have(trusted, span_of(f->ip, f->ip_n))) {
        size_t comma = left.n;
        while (comma > 0 && left.p[comma - 1] != ',')
            comma--;
        if (!take_address(f, span_from(left, comma)))
            return;
        left = span_until(left, comma > 0 ? comma - 1 : 0);
    }
}

/* All fields of one name as one list (RFC 9110 5.3). */
static enum err join(struct exchange *x, enum http_field_id id, struct span *out)
{
    const struct http_head *h = x->request;
    struct buf all = BUF_INIT(0);
    enum err e = ERR_OK;
    *out = SPAN_NULL;
    if (http_head_find(h, id) == NULL)
        return ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < h->nfields; i++) {
        const struct http_field *f = &h->fields[i];
        if (f->id != id || f->value.n == 0)
            continue;
        if (all.n > 0)
            e = buf_append(&all, SPAN(", "));
        if (e == ERR_OK)
            e = buf_append(&all, f->value);
    }
    const char *copy = e == ERR_OK && all.n > 0 ? arena_copy(&x->arena, buf_span(&all)) : NULL;
    if (e == ERR_OK && all.n > 0 && copy == NULL)
        e = ERR_NO_MEMORY;
    if (copy != NULL)
        *out = span_of(copy, all.n);
    buf_free(&all);
    return e;
}

enum err forwarded_read(struct exchange *x)
{
    const struct networks *trusted = x->worker->trusted;
    struct span peer = front_client_ip(x->front);
    if (LIKELY(trusted->n == 0) || !networks_have(trusted, peer))
        return ERR_OK;
    struct forwarded *f = arena_zalloc(&x->arena, sizeof(*f));
    if (f == NULL)
        return ERR_NO_MEMORY;
    f->ip_n = peer.n;
    if (peer.n > 0)
        memcpy(f->ip, peer.p, peer.n);
    f->text_n = networks_text(peer, f->text);
    x->forwarded = f;
    TRY(join(x, HTTP_X_FORWARDED_FOR, &f->chain));
    f->proto = http_head_value(x->request, HTTP_X_FORWARDED_PROTO);
    f->host = http_head_value(x->request, HTTP_X_FORWARDED_HOST);
    find_client(f, trusted);
    return ERR_OK;
}

/* --- writing --- */

static enum err add_chain(struct exchange *x, struct http_head *h)
{
    const struct forwarded *f = x->forwarded;
    struct span peer = front_client_text(x->front);
    if (f == NULL || f->chain.n == 0)
        return http_head_add_id(h, HTTP_X_FORWARDED_FOR, peer);
    size_t n = f->chain.n + 2 + peer.n;
    char *p = arena_alloc(&x->arena, n);
    if (p == NULL)
        return ERR_NO_MEMORY;
    memcpy(p, f->chain.p, f->chain.n);
    memcpy(p + f->chain.n, ", ", 2);
    memcpy(p + f->chain.n + 2, peer.p, peer.n);
    return http_head_add_id(h, HTTP_X_FORWARDED_FOR, span_of(p, n));
}

enum err forwarded_write(struct exchange *x, struct http_head *h)
{
    const struct forwarded *f = x->forwarded;
    bool tls = x->front->conn.tls != NULL;
    struct span proto = tls ? SPAN("https") : SPAN("http");
    struct span host = h->authority;
    if (f != NULL && f->proto.n > 0)
        proto = f->proto;
    if (f != NULL && f->host.n > 0)
        host = f->host;
    http_head_drop(h, HTTP_FORWARDED);
    http_head_drop(h, HTTP_X_FORWARDED_FOR);
    http_head_drop(h, HTTP_X_FORWARDED_PROTO);
    http_head_drop(h, HTTP_X_FORWARDED_HOST);
    TRY(add_chain(x, h));
    TRY(http_head_add_id(h, HTTP_X_FORWARDED_PROTO, proto));
    return host.n > 0 ? http_head_add_id(h, HTTP_X_FORWARDED_HOST, host) : ERR_OK;
}
