/* Strict: what one reader could take for a header and another for a request is refused. */
#include "proxy/proxy_protocol.h"

#include <arpa/inet.h>

enum {
    V1_MAX = 107, /* "PROXY UNKNOWN ffff:...:ffff ffff:...:ffff 65535 65535\r\n" */
    V2_HEAD = 16,
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    V2_UNSPEC = 0x00,
    V2_TCP4 = 0x11,
    V2_TCP6 = 0x21,
    V2_UNIX = 0x31,
};

static const struct span v1_sign = {"PROXY ", 6};
static const struct span v2_sign = {"\r\n\r\n\0\r\nQUIT\n", 12};

struct endpoint endpoint_make(const void *ip, size_t n, unsigned port)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    size_t skip = n == 16 && memcmp(ip, mapped, sizeof(mapped)) == 0 ? sizeof(mapped) : 0;
    struct endpoint e = {.n = (uint8_t)(n - skip), .port = (uint16_t)port};
    memcpy(e.ip, (const unsigned char *)ip + skip, e.n);
    return e;
}

/* --- version 1 --- */

static bool take_ip(struct span s, int family, struct endpoint *out)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char ip[16];
    if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (inet_pton(family, text, ip) != 1)
        return false;
    *out = endpoint_make(ip, family == AF_INET ? 4 : 16, 0);
    return true;
}

static bool take_port(struct span s, struct endpoint *out)
{
    uint64_t port;
    if (!span_u64(s, &port) || port > 65535 || (s.n > 1 && s.p[0] == '0'))
        return false;
    out->port = (uint16_t)port;
    return true;
}

/* line: between "PROXY " and CR LF. */
static enum err read_line(struct span line, struct endpoints *who)
{
    struct span word[5];
    size_t n = 0;
    if (span_eq(line, SPAN("UNKNOWN")) || span_has_prefix(line, SPAN("UNKNOWN ")))
        return ERR_OK;
    while (n < ARRAY_LEN(word) && span_cut(&line, ' ', &word[n]))
        n++;
    bool v4 = n > 0 && span_eq(word[0], SPAN("TCP4"));
    if (n != ARRAY_LEN(word) || line.p != NULL || (!v4 && !span_eq(word[0], SPAN("TCP6"))))
        return ERR_BAD_PROXY_HEADER;
    int family = v4 ? AF_INET : AF_INET6;
    bool ok = take_ip(word[1], family, &who->client) && take_ip(word[2], family, &who->server) &&
              take_port(word[3], &who->client) && take_port(word[4], &who->server);
    return ok ? ERR_OK : ERR_BAD_PROXY_HEADER;
}

static enum err read_v1(struct span in, struct endpoints *who, size_t *used)
{
    size_t lf = span_find(span_until(in, min_size(in.n, V1_MAX)), '\n');
    if (lf == min_size(in.n, V1_MAX))
        return in.n < V1_MAX ? ERR_OK : ERR_BAD_PROXY_HEADER;
    if (lf < v1_sign.n + 1 || in.p[lf - 1] != '\r')
        return ERR_BAD_PROXY_HEADER;
    TRY(read_line(span_of(in.p + v1_sign.n, lf - 1 - v1_sign.n), who));
    *used = lf + 1;
    return ERR_OK;
}

/* --- version 2 --- */

static unsigned u16_of(const char *p)
{
    return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

/* rest: addresses and, behind them, extensions, which are passed over. */
static enum err read_addresses(unsigned family, struct span rest, struct endpoints *who)
{
    size_t ip = family == V2_TCP4 ? 4 : 16;
    if (family == V2_UNSPEC)
        return ERR_OK;
    if (family == V2_UNIX)
        return rest.n >= 216 ? ERR_OK : ERR_BAD_PROXY_HEADER;
    if ((family != V2_TCP4 && family != V2_TCP6) || rest.n < 2 * ip + 4)
        return ERR_BAD_PROXY_HEADER;
    who->client = endpoint_make(rest.p, ip, u16_of(rest.p + 2 * ip));
    who->server = endpoint_make(rest.p + ip, ip, u16_of(rest.p + 2 * ip + 2));
    return ERR_OK;
}

static enum err read_v2(struct span in, struct endpoints *who, size_t *used)
{
    if (in.n < V2_HEAD)
        return ERR_OK;
    unsigned command = (unsigned char)in.p[12];
    unsigned family = (unsigned char)in.p[13];
    size_t length = u16_of(in.p + 14);
    if ((command != V2_LOCAL && command != V2_PROXY) || V2_HEAD + length > PROXY_READ_MAX)
        return ERR_BAD_PROXY_HEADER;
    if (in.n < V2_HEAD + length)
        return ERR_OK;
    if (command == V2_PROXY)
        TRY(read_addresses(family, span_of(in.p + V2_HEAD, length), who));
    *used = V2_HEAD + length;
    return ERR_OK;
}

static bool may_begin_with(struct span in, struct span sign)
{
    size_t n = min_size(in.n, sign.n);
    return memcmp(in.p, sign.p, n) == 0;
}

enum err proxy_header_read(struct span in, struct endpoints *who, size_t *used)
{
    *who = (struct endpoints){.client.n = 0};
    *used = 0;
    if (in.n == 0)
        return ERR_OK;
    if (may_begin_with(in, v2_sign))
        return read_v2(in, who, used);
    if (!may_begin_with(in, v1_sign))
        return ERR_BAD_PROXY_HEADER;
    return in.n < v1_sign.n ? ERR_OK : read_v1(in, who, used);
}

/* --- writing --- */

static char *put_ip(char *p, const struct endpoint *e, size_t n)
{
    memset(p, 0, n);
    if (n > e->n && e->n > 0) /* one side is IPv4, the other is not */
        memset(p + n - e->n - 2, 0xff, 2);
    memcpy(p + n - e->n, e->ip, e->n);
    return p + n;
}

static char *put_u16(char *p, unsigned v)
{
    *p++ = (char)(v >> 8);
    *p++ = (char)(v & 0xff);
    return p;
}

size_t proxy_header_write(const struct endpoints *who, char out[PROXY_WRITE_MAX])
{
    bool known = who->client.n > 0;
    size_t ip = who->client.n > 4 || who->server.n > 4 ? 16 : 4;
    char *p = out + V2_HEAD;
    memcpy(out, v2_sign.p, v2_sign.n);
    out[12] = known ? V2_PROXY : V2_LOCAL;
    out[13] = (char)(!known ? V2_UNSPEC : ip == 4 ? V2_TCP4 : V2_TCP6);
    if (known) {
        p = put_ip(p, &who->client, ip);
        p = put_ip(p, &who->server, ip);
        p = put_u16(p, who->client.port);
        p = put_u16(p, who->server.port);
    }
    (void)put_u16(out + 14, (unsigned)(p - out - V2_HEAD));
    return (size_t)(p - out);
}
