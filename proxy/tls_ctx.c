/* Contexts: certificates, versions, suites, verification. Errors name the file and OpenSSL's own
 * reason. */
#include "proxy/tls_ctx.h"

#include "proxy/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { TLS_CTX_MAGIC = 0x544c5358 };

struct tls_ctx {
    unsigned magic;
    SSL_CTX *ssl;
    atomic_uint users;
};

/* Mozilla's intermediate set for TLS 1.2; 1.3 has only good ones. */
static const char suites_1_2[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

SSL_CTX *tls_ctx_ssl(struct tls_ctx *c)
{
    OBJ_CHECK(c, TLS_CTX_MAGIC);
    return c->ssl;
}

static const char *openssl_reason(void)
{
    unsigned long e = ERR_peek_error(); /* the first is the cause, those after it are its echoes */
    const char *text = e == 0 ? NULL : ERR_reason_error_string(e);
    if (e != 0 && ERR_SYSTEM_ERROR(e))
        text = strerror(ERR_GET_REASON(e));
    return text != NULL ? text : "unknown reason";
}

static enum err ctx_new(const SSL_METHOD *m, struct tls_ctx **out)
{
    struct tls_ctx *c = calloc(1, sizeof(*c));
    *out = NULL;
    if (c == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(c, TLS_CTX_MAGIC);
    atomic_init(&c->users, 1);
    c->ssl = SSL_CTX_new(m);
    if (c->ssl == NULL) {
        free(c);
        return ERR_NO_MEMORY;
    }
    SSL_CTX_set_read_ahead(c->ssl, 1);
    SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(c->ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
    (void)SSL_CTX_set_cipher_list(c->ssl, suites_1_2);
    (void)SSL_CTX_set1_groups_list(c->ssl, "X25519:P-256:P-384");
    *out = c;
    return ERR_OK;
}

void tls_ctx_hold(struct tls_ctx *c)
{
    OBJ_CHECK(c, TLS_CTX_MAGIC);
    atomic_fetch_add_explicit(&c->users, 1, memory_order_relaxed);
}

void tls_ctx_release(struct tls_ctx **cp)
{
    struct tls_ctx *c;
    if (*cp == NULL)
        return;
    OBJ_TAKE(c, cp, TLS_CTX_MAGIC);
    if (atomic_fetch_sub_explicit(&c->users, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(c->ssl);
    c->magic = 0;
    free(c);
}

/* --- towards clients --- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *arg)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen;
    UNUSED(ssl);
    UNUSED(arg);
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof(ours) - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2 */
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static enum err load_certificate(struct tls_ctx *c, const struct config_certificate *cert,
                                 const char *where, struct complaints *wrong)
{
    ERR_clear_error();
    if (cert->self_signed.n > 0) {
        if (tls_self_signed(c->ssl, cert->self_signed.list, cert->self_signed.n))
            return ERR_OK;
        complain(wrong, where, NULL, "no certificate could be made: %s", openssl_reason());
    } else if (SSL_CTX_use_certificate_chain_file(c->ssl, cert->cert) != 1) {
        complain(wrong, where, "cert must be a PEM file with the certificate and its chain",
                 "%s cannot be used: %s", cert->cert, openssl_reason());
    } else if (SSL_CTX_use_PrivateKey_file(c->ssl, cert->key, SSL_FILETYPE_PEM) == 1) {
        return ERR_OK;
    } else if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH) {
        complain(wrong, where, "cert and key must belong together", "%s is not the key of %s",
                 cert->key, cert->cert);
    } else {
        complain(wrong, where, "key must be the PEM file of the certificate's private key",
                 "%s cannot be used: %s", cert->key, openssl_reason());
    }
    ERR_clear_error();
    return ERR_CONFIG;
}

enum err tls_ctx_server(const struct config_listener_tls *config, const char *where,
                        struct tls_ctx **out, struct complaints *wrong)
{
    TRY(ctx_new(TLS_server_method(), out));
    enum err e = load_certificate(*out, &config->certificates[0], where, wrong);
    if (e != ERR_OK) {
        tls_ctx_release(out);
        return e;
    }
    if (config->min_version == TLS_1_3)
        (void)SSL_CTX_set_min_proto_version((*out)->ssl, TLS1_3_VERSION);
    (void)SSL_CTX_set_num_tickets((*out)->ssl, 1);
    SSL_CTX_set_alpn_select_cb((*out)->ssl, choose_protocol, NULL);
    return ERR_OK;
}

/* --- towards backends --- */

static const struct span alpn_offers[] = {
    [BACKEND_HTTP1] = SPAN("\x08http/1.1"),
    [BACKEND_H2] = SPAN("\x02h2"),
    [BACKEND_AUTO] = SPAN("\x02h2\x08http/1.1"),
};

enum err tls_ctx_client(const struct config_backend_tls *config, enum backend_protocol protocol,
                        const char *where, struct tls_ctx **out, struct complaints *wrong)
{
    TRY(ctx_new(TLS_client_method(), out));
    SSL_CTX *ssl = (*out)->ssl;
    struct span offer = alpn_offers[protocol];
    (void)SSL_CTX_set_alpn_protos(ssl, (const unsigned char *)offer.p, (unsigned)offer.n);
    SSL_CTX_set_verify(ssl, config->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    ERR_clear_error();
    int ok = config->ca != NULL ? SSL_CTX_load_verify_file(ssl, config->ca)
                                : SSL_CTX_set_default_verify_paths(ssl);
    if (ok == 1)
        return ERR_OK;
    complain(wrong, where, "ca must be a PEM file with CA certificates", "%s cannot be used: %s",
             config->ca != NULL ? config->ca : "the system's CA store", openssl_reason());
    ERR_clear_error();
    tls_ctx_release(out);
    return ERR_CONFIG;
}
