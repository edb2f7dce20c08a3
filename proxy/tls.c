/* Sessions on the socket. A BIO of our own remembers whether the last read emptied the socket,
 * which spares the read that would only say EAGAIN; OpenSSL's read-ahead then takes a whole record
 * with one system call. */
#include "proxy/tls.h"

#include "proxy/tls_ctx.h"
#include "proxy/tls_peer.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { TLS_MAGIC = 0x544c5353 };

struct tls {
    unsigned magic;
    SSL *ssl;
    struct tls_ctx *ctx;           /* held: its callbacks need what belongs to it */
    struct tls_sessions *sessions; /* towards servers; NULL: none are kept */
    struct tls_peer *peer;         /* made when asked for */
    int fd;
    bool drained;       /* the last read from the socket came back short */
    bool ended;         /* and the one that found its end */
    const char *reason; /* OpenSSL's constant; NULL: nothing went wrong */
};

/* --- the BIO --- */

static int bio_read(BIO *bio, char *p, int n)
{
    struct tls *t;
    OBJ_CAST(t, BIO_get_data(bio), TLS_MAGIC);
    BIO_clear_retry_flags(bio);
    ssize_t got = recv(t->fd, p, (size_t)n, 0);
    t->drained = got < n;
    t->ended = got == 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)got;
}

static int bio_write(BIO *bio, const char *p, int n)
{
    struct tls *t;
    OBJ_CAST(t, BIO_get_data(bio), TLS_MAGIC);
    BIO_clear_retry_flags(bio);
    ssize_t put = send(t->fd, p, (size_t)n, MSG_NOSIGNAL);
    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)put;
}

/* The end of the socket is asked for by OpenSSL to tell a cut connection from a broken one. */
static long bio_ctrl(BIO *bio, int cmd, long n, void *p)
{
    struct tls *t;
    UNUSED(n);
    UNUSED(p);
    if (cmd == BIO_CTRL_FLUSH)
        return 1;
    if (cmd != BIO_CTRL_EOF)
        return 0;
    OBJ_CAST(t, BIO_get_data(bio), TLS_MAGIC);
    return t->ended;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void method_release(void)
{
    BIO_meth_free(method);
}

static void method_make(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir socket");
    if (m == NULL)
        return;
    if (BIO_meth_set_read(m, bio_read) != 1 || BIO_meth_set_write(m, bio_write) != 1 ||
        BIO_meth_set_ctrl(m, bio_ctrl) != 1) {
        BIO_meth_free(m);
        return;
    }
    method = m;
    (void)OPENSSL_atexit(method_release);
}

/* --- life --- */

static enum err session_new(struct tls_ctx *c, int fd, struct tls **out)
{
    pthread_once(&method_once, method_make);
    *out = NULL;
    struct tls *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(t, TLS_MAGIC);
    t->fd = fd;
    t->ctx = c;
    tls_ctx_hold(c);
    t->ssl = SSL_new(tls_ctx_ssl(c));
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    if (t->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        tls_free(&t);
        return ERR_NO_MEMORY;
    }
    SSL_set_app_data(t->ssl, t);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    *out = t;
    return ERR_OK;
}

enum err tls_accept(struct tls_ctx *c, int fd, struct tls **out)
{
    TRY(session_new(c, fd, out));
    SSL_set_accept_state((*out)->ssl);
    return ERR_OK;
}

static enum err expect_name(struct tls *t, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
        return ERR_OK;
    ERR_clear_error();
    SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(t->ssl, name) != 1 ||
        SSL_set_tlsext_host_name(t->ssl, (char *)(uintptr_t)name) != 1)
        return ERR_NO_MEMORY;
    return ERR_OK;
}

static void resume(struct tls *t)
{
    SSL_SESSION *session = tls_sessions_take(t->sessions);
    if (session == NULL)
        return;
    (void)SSL_set_session(t->ssl, session); /* or else the handshake is a full one */
    SSL_SESSION_free(session);
}

int tls_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *t;
    OBJ_CAST(t, SSL_get_app_data(ssl), TLS_MAGIC);
    if (t->sessions == NULL)
        return 0;
    tls_sessions_put(t->sessions, session);
    return 1;
}

enum err tls_connect(struct tls_ctx *c, int fd, const char *name, struct tls_sessions *kept,
                     struct tls **out)
{
    TRY(session_new(c, fd, out));
    SSL_set_connect_state((*out)->ssl);
    enum err e = expect_name(*out, name);
    (*out)->sessions = kept;
    if (e == ERR_OK && kept != NULL)
        resume(*out);
    if (e != ERR_OK)
        tls_free(out);
    return e;
}

void tls_free(struct tls **tp)
{
    struct tls *t;
    OBJ_TAKE(t, tp, TLS_MAGIC);
    if (t->ssl != NULL && SSL_is_init_finished(t->ssl)) /* or its session would count as bad */
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    tls_peer_free(&t->peer);
    tls_ctx_release(&t->ctx);
    t->magic = 0;
    free(t);
}

/* --- what a call came to --- */

static void note_reason(struct tls *t)
{
    long verify = SSL_get_verify_result(t->ssl);
    unsigned long e = ERR_peek_last_error();
    const char *text = e == 0 ? NULL : ERR_reason_error_string(e);
    if (verify != X509_V_OK)
        t->reason = X509_verify_cert_error_string(verify);
    else
        t->reason = text != NULL ? text : "connection lost";
}

/* With TLS 1.3 a server says what it thinks of a client's certificate, or of there being none, when
 * the handshake is over for the client (RFC 8446, E.1): as an alert in place of the answer. */
static bool is_about_certificate(unsigned long e)
{
    int alert = ERR_GET_REASON(e) - SSL_AD_REASON_OFFSET;
    return ERR_GET_LIB(e) == ERR_LIB_SSL &&
           ((alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
            alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED ||
            alert == TLS13_AD_CERTIFICATE_REQUIRED);
}

static enum tls_io outcome(struct tls *t, int rv)
{
    switch (SSL_get_error(t->ssl, rv)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_END;
    default:
        break;
    }
    note_reason(t);
    unsigned long e = ERR_peek_last_error();
    bool cut = ERR_GET_REASON(e) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    bool refused = is_about_certificate(e);
    ERR_clear_error();
    return cut ? TLS_CUT : refused ? TLS_REFUSED : TLS_FAILED;
}

/* OpenSSL asks for an empty queue before each call, which it nearly always is; to empty it costs
 * much more than to look. */
static void clear_errors(void)
{
    if (UNLIKELY(ERR_peek_error() != 0))
        ERR_clear_error();
}

enum tls_io tls_handshake(struct tls *t)
{
    clear_errors();
    enum tls_io how = outcome(t, SSL_do_handshake(t->ssl));
    return how == TLS_REFUSED ? TLS_FAILED : how; /* one of many ways to fail, here */
}

enum tls_io tls_read(struct tls *t, char *p, size_t n, size_t *got)
{
    *got = 0;
    clear_errors();
    int rv = SSL_read_ex(t->ssl, p, n, got);
    return rv == 1 ? TLS_DONE : outcome(t, rv);
}

enum tls_io tls_write(struct tls *t, const char *p, size_t n, size_t *put)
{
    *put = 0;
    clear_errors();
    int rv = SSL_write_ex(t->ssl, p, n, put);
    return rv == 1 ? TLS_DONE : outcome(t, rv);
}

bool tls_was_refused(struct tls *t)
{
    char byte;
    size_t got;
    return tls_read(t, &byte, 1, &got) == TLS_REFUSED;
}

void tls_bye(struct tls *t)
{
    ERR_clear_error();
    if (SSL_is_init_finished(t->ssl))
        (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}

void tls_readable(struct tls *t)
{
    t->drained = false;
}

bool tls_has_more(const struct tls *t)
{
    return !t->drained || SSL_has_pending(t->ssl) == 1;
}

enum err tls_offer_http1(struct tls *t)
{
    static const unsigned char offer[] = "\x08http/1.1";
    return SSL_set_alpn_protos(t->ssl, offer, sizeof(offer) - 1) == 0 ? ERR_OK : ERR_NO_MEMORY;
}

bool tls_is_h2(const struct tls *t)
{
    const unsigned char *p;
    unsigned n;
    SSL_get0_alpn_selected(t->ssl, &p, &n);
    return n == 2 && memcmp(p, "h2", 2) == 0;
}

bool tls_is_resumed(const struct tls *t)
{
    return SSL_session_reused(t->ssl) == 1;
}

enum err tls_client_of(struct tls *t, struct tls_client *out, bool *shown)
{
    if (t->peer == NULL)
        TRY(tls_peer_new(t->ssl, &t->peer));
    const struct tls_peer *p = t->peer;
    *shown = p != NULL;
    if (p == NULL)
        return ERR_OK;
    struct span rest = buf_span(&p->text);
    out->subject = span_until(rest, p->subject_n);
    rest = span_from(rest, p->subject_n);
    out->fingerprint = span_until(rest, p->fingerprint_n);
    out->certificate = span_from(rest, p->fingerprint_n);
    return ERR_OK;
}

const char *tls_reason(const struct tls *t)
{
    return t->reason == NULL ? "" : t->reason;
}
