/* Names and addresses of hosts. Strict on purpose: what getaddrinfo() would make of "1.2.3" or
 * "0x7f.1" is nobody's wish. */
#include "config/room.h"

#include <arpa/inet.h>

enum { NAME_MAX_BYTES = 253, LABEL_MAX_BYTES = 63, IP_TEXT_MAX = 64 };

static bool is_address(struct span s, int family)
{
    char text[IP_TEXT_MAX];
    unsigned char bytes[16];
    if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, bytes) == 1;
}

bool address_is_ipv6(struct span host)
{
    return is_address(host, AF_INET6);
}

bool address_is_ip(struct span host)
{
    return is_address(host, AF_INET) || address_is_ipv6(host);
}

/* --- networks --- */

static bool mapped_of(struct span s, struct config_network *out, unsigned *width)
{
    char text[IP_TEXT_MAX];
    static const unsigned char v4[12] = {[10] = 0xff, [11] = 0xff};
    if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *width = 128;
    if (inet_pton(AF_INET6, text, out->ip) == 1)
        return true;
    *width = 32;
    memcpy(out->ip, v4, sizeof(v4));
    return inet_pton(AF_INET, text, out->ip + sizeof(v4)) == 1;
}

static bool is_cut_clean(const struct config_network *n)
{
    for (unsigned bit = n->bits; bit < 128; bit++)
        if (n->ip[bit / 8] & 0x80 >> bit % 8)
            return false;
    return true;
}

const char *config_network(struct span text, struct config_network *out)
{
    size_t slash = span_find(text, '/');
    struct span length = slash < text.n ? span_from(text, slash + 1) : SPAN_NULL;
    unsigned width;
    uint64_t bits;
    *out = (struct config_network){.local = span_eq(text, SPAN("unix:"))};
    if (out->local)
        return NULL;
    if (!mapped_of(span_until(text, slash), out, &width))
        return "is not an IP address";
    bits = width;
    if (length.p != NULL && (!span_u64(length, &bits) || length.n > 3 || bits > width))
        return width == 32 ? "has a prefix length that is not a number from 0 to 32"
                           : "has a prefix length that is not a number from 0 to 128";
    out->bits = (unsigned)bits + 128 - width;
    return is_cut_clean(out) ? NULL : "has bits set behind its prefix";
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_label_byte(char c)
{
    return is_digit(c) || (byte_lower(c) >= 'a' && byte_lower(c) <= 'z') || c == '-' || c == '_';
}

/* A label is what stands between dots (RFC 1035 2.3.1; '_' is used in practice). */
static const char *label_fault(struct span label)
{
    if (label.n == 0)
        return "has two dots in a row, or begins with one";
    if (label.n > LABEL_MAX_BYTES)
        return "has more than 63 bytes between two dots";
    if (label.p[0] == '-' || label.p[label.n - 1] == '-')
        return "has a '-' beside a dot or at an end";
    for (size_t i = 0; i < label.n; i++) {
        if ((unsigned char)label.p[i] >= 0x80)
            return "is not ASCII; write its xn-- form";
        if (!is_label_byte(label.p[i]))
            return "is not a host name";
    }
    return NULL;
}

static bool is_number(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return true;
}

const char *address_host_fault(struct span host)
{
    struct span rest = host;
    struct span label = SPAN_NULL;
    if (host.n == 0)
        return "has no host";
    if (is_address(host, AF_INET))
        return NULL;
    if (rest.p[rest.n - 1] == '.')
        rest.n--; /* the root's dot */
    if (rest.n > NAME_MAX_BYTES)
        return "is a host name of more than 253 bytes";
    if (rest.n == 0)
        return "is not a host name";
    while (span_cut(&rest, '.', &label)) {
        const char *fault = label_fault(label);
        if (fault != NULL)
            return fault;
    }
    return is_number(label) ? "is not an IPv4 address" : NULL;
}

static const char *port_of(struct span text, unsigned *port)
{
    uint64_t n;
    if (text.n == 0 || text.n > 5 || !span_u64(text, &n) || n > 65535)
        return "has a port that is not a number from 0 to 65535";
    *port = (unsigned)n;
    return NULL;
}

static const char *split_bracketed(struct span text, struct span *host, unsigned *port)
{
    size_t close = span_find(text, ']');
    if (close == text.n)
        return "has a '[' without ']'";
    *host = span_of(text.p + 1, close - 1);
    if (span_find(*host, '%') < host->n)
        return "has a zone (%), which means something on one host only";
    if (!is_address(*host, AF_INET6))
        return "has no IPv6 address in its brackets";
    struct span rest = span_from(text, close + 1);
    if (rest.n == 0 || rest.p[0] != ':')
        return "has no port";
    return port_of(span_from(rest, 1), port);
}

static bool is_url(struct span text)
{
    size_t colon = span_find(text, ':');
    return text.n >= colon + 3 && memcmp(text.p + colon, "://", 3) == 0;
}

const char *address_split(struct span text, struct span *host, unsigned *port)
{
    if (text.n > 0 && text.p[0] == '[')
        return split_bracketed(text, host, port);
    if (is_url(text))
        return "is a URL";
    size_t colon = span_find(text, ':');
    if (colon == text.n)
        return "has no port";
    if (is_address(text, AF_INET6) ||
        span_find(span_from(text, colon + 1), ':') + colon + 1 < text.n)
        return "has more than one ':'; an IPv6 address stands in brackets";
    *host = span_until(text, colon);
    if (!span_eq(*host, SPAN("*"))) {
        const char *fault = address_host_fault(*host);
        if (fault != NULL)
            return fault;
    }
    return port_of(span_from(text, colon + 1), port);
}

const char *config_unix_path(const char *address)
{
    return span_has_prefix(span_str(address), SPAN("unix:")) ? address + strlen("unix:") : NULL;
}

enum err config_host_port(struct span text, struct span *host, unsigned *port)
{
    return address_split(text, host, port) == NULL ? ERR_OK : ERR_INVALID;
}
