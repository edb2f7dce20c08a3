/* The PROXY protocol (haproxy's doc/proxy-protocol.txt): who the client is, said in front of
 * everything else on a connection. Versions 1 and 2 are read, version 2 is written. No I/O. Private
 * to proxy/. */
#ifndef PROXY_PROXY_PROTOCOL_H
#define PROXY_PROXY_PROTOCOL_H

#include "base/bytes.h"

struct endpoint {
    unsigned char ip[16];
    uint8_t n; /* bytes of ip: 4, 16, or 0 when it has none (a Unix socket, unknown) */
    uint16_t port;
};

struct endpoints {
    struct endpoint client;
    struct endpoint server; /* where the client connected to */
};

enum {
    PROXY_READ_MAX = 4096, /* a longer header is refused, whatever extensions it has */
    PROXY_WRITE_MAX = 52,
};

struct endpoint endpoint_make(const void *ip, size_t n, unsigned port);
/* n: 4 or 16; IPv4 mapped into IPv6 becomes plain. */

enum err proxy_header_read(struct span in, struct endpoints *who, size_t *used) MUST_USE;
/* The header at the beginning of `in`. *used is its length, 0 when more bytes are needed.
 * who->client.n is 0 when it tells of no client (LOCAL, UNKNOWN): the peer speaks for itself.
 * ERR_BAD_PROXY_HEADER as soon as it cannot become one any more. */

size_t proxy_header_write(const struct endpoints *who, char out[PROXY_WRITE_MAX]);
/* Version 2; returns the length. An unknown client makes it LOCAL. */

#endif
