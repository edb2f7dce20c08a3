/* What the parts of a context need of each other. Private to proxy/tls*.c. */
#ifndef PROXY_TLS_CTX_H
#define PROXY_TLS_CTX_H

#include "proxy/tls.h"

#include <openssl/ssl.h>

SSL_CTX *tls_ctx_ssl(struct tls_ctx *c);

const char *tls_openssl_reason(void);
/* Why the last call failed, from OpenSSL's error queue: the first error is the cause, those after
 * it are its echoes. */

time_t tls_seconds(const ASN1_TIME *t, time_t fallback);
/* Unix time; the fallback when it is NULL or none. */

/* --- a certificate, its chain and its key (tls_files.c, tls_self.c) --- */

struct tls_pair {
    X509 *cert;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* above the leaf; NULL: none */
};

void tls_pair_free(struct tls_pair *p);

enum err tls_pair_load(struct tls_pair *p, const char *cert, const char *key, const char *where,
                       struct complaints *wrong) MUST_USE;
/* Reads the PEM files; complains under `where`. */

bool tls_self_signed(struct tls_pair *p, const char *const *names, size_t n);
/* A self-signed certificate for these names (DNS names and addresses), valid from yesterday for a
 * year, with a fresh P-256 key. Nothing touches the disk. False: OpenSSL's error queue says why. */

bool tls_read_file(const char *file, struct buf *out);
/* The whole of a small file (1 MiB at most), appended. False: errno says why. */

/* --- the certificates of a listener (tls_certs.c) --- */

struct tls_certs;

enum err tls_certs_load(const struct config_listener_tls *config, const char *where, SSL_CTX *ssl,
                        struct tls_certs **out, struct complaints *wrong) MUST_USE;
/* Loads them all and complains about each that cannot be used. ssl gets the default ones, and
 * chooses among the others by the name a client asks for; the result must outlive its sessions. */

uint64_t tls_certs_expiry(const struct tls_certs *c);
/* When the first of them expires, in seconds of Unix time. */

void tls_certs_free(struct tls_certs **c);

/* --- OCSP responses (tls_ocsp.c) --- */

enum err tls_ocsp_load(X509 *cert, const char *file, const char *where,
                       struct complaints *wrong) MUST_USE;
/* Attaches the response to its certificate. Complains about a file that is no response or one for
 * another certificate; one that is not valid now, or says that the certificate is not good, is a
 * warning in the log. */

void tls_ocsp_staple(SSL_CTX *ssl);
/* Sends what is attached to the chosen certificate to clients that ask, while it is valid. */

/* --- session tickets (tls_tickets.c) --- */

struct tls_tickets;

enum err tls_tickets_load(const char *file, const char *where, SSL_CTX *ssl,
                          struct tls_tickets **out, struct complaints *wrong) MUST_USE;
/* Tickets of ssl by the keys of file, or (NULL) by those in memory, which all contexts of the
 * process share; the result must outlive ssl's sessions. */

void tls_tickets_free(struct tls_tickets **t);

void tls_tickets_turn(uint64_t now_ms);
/* Changes the keys in memory when they are older than 12 hours. Done by each handshake; here for
 * tests, which come from the future. */

/* --- sessions kept for servers (tls_sessions.c) --- */

int tls_new_session(SSL *ssl, SSL_SESSION *session);
/* tls.c: OpenSSL has one to keep; 1 when it was taken. */

void tls_sessions_put(struct tls_sessions *s, SSL_SESSION *session);
/* Takes the session. */

SSL_SESSION *tls_sessions_take(struct tls_sessions *s);
/* The newest; the caller's. NULL: none. */

#endif
