/* What tls.c needs of a context. Private to the two of them. */
#ifndef PROXY_TLS_CTX_H
#define PROXY_TLS_CTX_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct tls_ctx;

SSL_CTX *tls_ctx_ssl(struct tls_ctx *c);

/* A self-signed certificate for these names (DNS names and addresses), valid from yesterday for a
 * year, with a fresh P-256 key. Nothing touches the disk. False: OpenSSL's error queue says why. */
bool tls_self_signed(SSL_CTX *ssl, const char *const *names, size_t n);

#endif
