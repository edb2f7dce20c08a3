/* A client's certificate as texts. Private to proxy/tls*.c. */
#ifndef PROXY_TLS_PEER_H
#define PROXY_TLS_PEER_H

#include "proxy/tls.h"

#include <openssl/ssl.h>

struct tls_peer {
    struct buf text; /* subject, fingerprint, certificate */
    size_t subject_n;
    size_t fingerprint_n;
};

enum err tls_peer_new(const SSL *ssl, struct tls_peer **out) MUST_USE;
/* *out is NULL when none was shown. */

void tls_peer_free(struct tls_peer **p);

#endif
