/* Contexts: versions, suites, verification, and what is loaded for them. */
#include "proxy/tls_ctx.h"

#include "base/digest.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TLS_CTX_MAGIC = 0x544c5358 };

struct tls_ctx {
    unsigned magic;
    SSL_CTX *ssl;
    struct tls_certs *certs;     /* towards clients; the callbacks of ssl use it */
    struct tls_tickets *tickets; /* the same */
    atomic_uint users;
};

/* Mozilla's intermediate set, in its order. */
static const char suites_1_2[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char suites_1_3[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

static char groups[] = "X25519:P-256:P-384"; /* the macro that takes it knows no const */

SSL_CTX *tls_ctx_ssl(struct tls_ctx *c)
{
    OBJ_CHECK(c, TLS_CTX_MAGIC);
    return c->ssl;
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
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_options(c->ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
    (void)SSL_CTX_set_cipher_list(c->ssl, suites_1_2);
    (void)SSL_CTX_set_ciphersuites(c->ssl, suites_1_3);
    (void)SSL_CTX_set1_groups_list(c->ssl, groups);
    *out = c;
    return ERR_OK;
}

time_t tls_seconds(const ASN1_TIME *t, time_t fallback)
{
    struct tm tm;
    return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : fallback;
}

uint64_t tls_ctx_expiry(const struct tls_ctx *c)
{
    return tls_certs_expiry(c->certs);
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
    if (c->certs != NULL)
        tls_certs_free(&c->certs);
    if (c->tickets != NULL)
        tls_tickets_free(&c->tickets);
    c->magic = 0;
    free(c);
}

/* --- towards clients --- */

struct protocols {
    const unsigned char *list;
    unsigned n;
};

static const struct protocols h2_and_h1 = {(const unsigned char *)"\x02h2\x08http/1.1", 12};
static const struct protocols h1_only = {(const unsigned char *)"\x08http/1.1", 9};

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *arg)
{
    const struct protocols *ours = arg;
    unsigned char *chosen;
    UNUSED(ssl);
    if (SSL_select_next_proto(&chosen, out_n, ours->list, ours->n, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2 */
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Acknowledged, so that a session of TLS 1.2 remembers the name it was made for (RFC 6066 3). */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    UNUSED(alert);
    UNUSED(arg);
    return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) == NULL ? SSL_TLSEXT_ERR_NOACK
                                                                      : SSL_TLSEXT_ERR_OK;
}

/* A session remembers that its client was verified: it may be resumed only where the same would be
 * asked. The CA's content counts, so that one that was taken out ends its sessions. */
static enum err set_session_context(SSL_CTX *ssl, const struct config_listener_tls *config)
{
    unsigned char id[DIGEST_BYTES];
    struct buf text = BUF_INIT(0);
    enum err e = buf_printf(&text, "weir %d %u ", (int)config->client_verify, config->client_depth);
    if (e == ERR_OK && config->client_ca != NULL && !tls_read_file(config->client_ca, &text))
        e = ERR_SYSTEM;
    if (e == ERR_OK)
        e = digest_of(buf_span(&text), id);
    buf_free(&text);
    if (e == ERR_OK && SSL_CTX_set_session_id_context(ssl, id, sizeof(id)) != 1)
        e = ERR_NO_MEMORY;
    return e;
}

/* What OpenSSL works out of a certificate once, when it first looks at it, is worked out before
 * workers share it, and not in somebody's handshake. */
static void look_at_authorities(SSL_CTX *ssl)
{
    const STACK_OF(X509_OBJECT) *list = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ssl));
    for (int i = 0; i < sk_X509_OBJECT_num(list); i++) {
        X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(list, i));
        if (x != NULL)
            (void)X509_check_purpose(x, -1, 0);
    }
}

static enum err verify_clients(SSL_CTX *ssl, const struct config_listener_tls *config,
                               const char *where, struct complaints *wrong)
{
    if (config->client_verify == CLIENT_VERIFY_OFF)
        return ERR_OK;
    ERR_clear_error();
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(config->client_ca);
    if (names == NULL || SSL_CTX_load_verify_file(ssl, config->client_ca) != 1) {
        complain(wrong, where, "client_ca must be a PEM file with CA certificates",
                 "%s cannot be used: %s", config->client_ca, tls_openssl_reason());
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        ERR_clear_error();
        return ERR_CONFIG;
    }
    look_at_authorities(ssl);
    SSL_CTX_set_client_CA_list(ssl, names); /* takes them */
    SSL_CTX_set_verify_depth(ssl, (int)config->client_depth);
    SSL_CTX_set_verify(ssl,
                       config->client_verify == CLIENT_VERIFY_REQUIRED
                           ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                           : SSL_VERIFY_PEER,
                       NULL);
    return ERR_OK;
}

static enum err server_fill(struct tls_ctx *c, const struct config_listener_tls *config,
                            const char *where, struct complaints *wrong)
{
    const struct protocols *offered = config->h2 ? &h2_and_h1 : &h1_only;
    if (config->min_version == TLS_1_3)
        (void)SSL_CTX_set_min_proto_version(c->ssl, TLS1_3_VERSION);
    (void)SSL_CTX_set_num_tickets(c->ssl, 1);
    (void)SSL_CTX_set_max_early_data(c->ssl, 0);
    SSL_CTX_set_alpn_select_cb(c->ssl, choose_protocol, (void *)(uintptr_t)offered);
    (void)SSL_CTX_set_tlsext_servername_callback(c->ssl, on_server_name);
    TRY(tls_certs_load(config, where, c->ssl, &c->certs, wrong));
    TRY(tls_tickets_load(config->ticket_keys, where, c->ssl, &c->tickets, wrong));
    TRY(verify_clients(c->ssl, config, where, wrong));
    return set_session_context(c->ssl, config);
}

enum err tls_ctx_server(const struct config_listener_tls *config, const char *where,
                        struct tls_ctx **out, struct complaints *wrong)
{
    TRY(ctx_new(TLS_server_method(), out));
    enum err e = server_fill(*out, config, where, wrong);
    if (e != ERR_OK)
        tls_ctx_release(out);
    return e;
}

/* --- towards backends --- */

static const struct span alpn_offers[] = {
    [BACKEND_HTTP1] = SPAN("\x08http/1.1"),
    [BACKEND_H2] = SPAN("\x02h2"),
    [BACKEND_AUTO] = SPAN("\x02h2\x08http/1.1"),
};

static enum err load_ca(SSL_CTX *ssl, const struct config_backend_tls *config, const char *where,
                        struct complaints *wrong)
{
    ERR_clear_error();
    int ok = config->ca != NULL ? SSL_CTX_load_verify_file(ssl, config->ca)
                                : SSL_CTX_set_default_verify_paths(ssl);
    if (ok == 1) {
        look_at_authorities(ssl);
        return ERR_OK;
    }
    complain(wrong, where, "ca must be a PEM file with CA certificates", "%s cannot be used: %s",
             config->ca != NULL ? config->ca : "the system's CA store", tls_openssl_reason());
    ERR_clear_error();
    return ERR_CONFIG;
}

static enum err load_own(SSL_CTX *ssl, const struct config_backend_tls *config, const char *where,
                         struct complaints *wrong)
{
    struct tls_pair p;
    if (config->cert == NULL)
        return ERR_OK;
    TRY(tls_pair_load(&p, config->cert, config->key, where, wrong));
    bool ok = SSL_CTX_use_cert_and_key(ssl, p.cert, p.key, p.chain, 1) == 1;
    tls_pair_free(&p);
    if (ok)
        return ERR_OK;
    complain(wrong, where, "cert and its chain must be strong enough to be believed",
             "%s cannot be used: %s", config->cert, tls_openssl_reason());
    ERR_clear_error();
    return ERR_CONFIG;
}

static enum err client_fill(SSL_CTX *ssl, const struct config_backend_tls *config,
                            const char *where, struct complaints *wrong)
{
    SSL_CTX_set_verify(ssl, config->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, tls_new_session);
    TRY(load_ca(ssl, config, where, wrong));
    return load_own(ssl, config, where, wrong);
}

enum err tls_ctx_client(const struct config_backend_tls *config, enum backend_protocol protocol,
                        const char *where, struct tls_ctx **out, struct complaints *wrong)
{
    struct span offer = alpn_offers[protocol];
    TRY(ctx_new(TLS_client_method(), out));
    (void)SSL_CTX_set_alpn_protos((*out)->ssl, (const unsigned char *)offer.p, (unsigned)offer.n);
    enum err e = client_fill((*out)->ssl, config, where, wrong);
    if (e != ERR_OK)
        tls_ctx_release(out);
    return e;
}
