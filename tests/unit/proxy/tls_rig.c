#include "tests/unit/proxy/tls_rig.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char dir[64];

int rig_begin(void **state)
{
    UNUSED(state);
    (void)snprintf(dir, sizeof(dir), "/tmp/weir-test-tls-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return 0;
}

int rig_end(void **state)
{
    char command[128];
    UNUSED(state);
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

const char *rig_path(const char *name)
{
    static char path[4][256];
    static int turn;
    turn = (turn + 1) % 4;
    (void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
    return path[turn];
}

void rig_run(const char *fmt, ...)
{
    char command[2048];
    va_list args;
    int n = snprintf(command, sizeof(command), "cd %s && exec >/dev/null 2>&1 && ", dir);
    va_start(args, fmt);
    (void)vsnprintf(command + n, sizeof(command) - (size_t)n, fmt, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("%s", command);
}

void rig_certificate(const char *name, const char *kind, const char *names)
{
    rig_run("openssl req -x509 -newkey %s -nodes -days 2 -subj /CN=%s -addext subjectAltName=%s "
            "-keyout %s.key -out %s.pem",
            strcmp(kind, "ec") == 0 ? "ec -pkeyopt ec_paramgen_curve:P-256" : "rsa:2048", name,
            names, name, name);
}

struct tls_ctx *rig_server(const struct config_listener_tls *t)
{
    struct complaints wrong = {.n = 0};
    struct tls_ctx *c = NULL;
    enum err e = tls_ctx_server(t, "$", &c, &wrong);
    if (e != ERR_OK)
        fail_msg("%s", wrong.n > 0 ? wrong.list[0].what : err_sentence(e));
    return c;
}

/* --- the client --- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct rig_client *c = SSL_get_app_data(ssl);
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1;
}

static void note_alert(const SSL *ssl, int where, int what)
{
    struct rig_client *c = SSL_get_app_data(ssl);
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (what >> 8) == SSL3_AL_FATAL)
        c->alert = what & 0xff;
}

static SSL *client_new(struct rig_client *c, SSL_CTX *ctx)
{
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    SSL_CTX_set_info_callback(ctx, note_alert);
    if (c->version != 0) {
        SSL_CTX_set_min_proto_version(ctx, c->version);
        SSL_CTX_set_max_proto_version(ctx, c->version);
    }
    if (c->sigalgs != NULL)
        assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, (char *)(uintptr_t)c->sigalgs), 1);
    if (c->cert != NULL) {
        char file[80];
        (void)snprintf(file, sizeof(file), "%s.pem", c->cert);
        assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, rig_path(file)), 1);
        (void)snprintf(file, sizeof(file), "%s.key", c->cert);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, rig_path(file), SSL_FILETYPE_PEM), 1);
    }
    SSL *ssl = SSL_new(ctx);
    SSL_set_app_data(ssl, c);
    if (c->name != NULL)
        SSL_set_tlsext_host_name(ssl, (char *)(uintptr_t)c->name);
    if (c->alpn != NULL)
        SSL_set_alpn_protos(ssl, (const unsigned char *)c->alpn, (unsigned)strlen(c->alpn));
    if (c->asks_status)
        SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
    if (c->session != NULL)
        SSL_set_session(ssl, c->session);
    SSL_set_fd(ssl, c->fd[0]);
    SSL_set_connect_state(ssl);
    return ssl;
}

static void note_result(struct rig_client *c, SSL *ssl)
{
    const unsigned char *p;
    unsigned n;
    X509 *cert = SSL_get0_peer_certificate(ssl);
    if (cert != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, c->cn,
                                  sizeof(c->cn));
    SSL_get0_alpn_selected(ssl, &p, &n);
    (void)snprintf(c->protocol, sizeof(c->protocol), "%.*s", (int)n, (const char *)p);
    c->resumed = SSL_session_reused(ssl) == 1;
    if (SSL_version(ssl) < TLS1_3_VERSION) { /* a ticket renewed by TLS 1.2 is not told of */
        SSL_SESSION_free(c->session);
        c->session = SSL_get1_session(ssl);
    }
    c->staple = c->asks_status ? SSL_get_tlsext_status_ocsp_resp(ssl, &p) : 0;
    if (c->staple < 0)
        c->staple = 0;
}

void rig_shake(struct rig_client *c, struct tls_ctx *server)
{
    enum tls_io theirs = TLS_WANT_READ;
    int ours = 0;
    char byte;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, c->fd), 0);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = client_new(c, ctx);
    c->resumed = c->done = c->server_done = false;
    assert_int_equal(tls_accept(server, c->fd[1], &c->server), ERR_OK);
    for (int i = 0; i < 10; i++) {
        if (ours != 1)
            ours = SSL_do_handshake(ssl);
        if (theirs == TLS_WANT_READ)
            theirs = tls_handshake(c->server);
    }
    (void)SSL_read(ssl, &byte, 1); /* tickets and late alerts of TLS 1.3 */
    c->server_done = theirs == TLS_DONE;
    c->done = ours == 1 && c->server_done;
    if (c->done)
        note_result(c, ssl);
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* keeps the session good */
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    ERR_clear_error();
}

void rig_hang_up(struct rig_client *c)
{
    tls_free(&c->server);
    close(c->fd[0]);
    close(c->fd[1]);
}
