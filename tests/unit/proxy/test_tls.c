/* TLS over a pair of sockets: who is trusted, what an end looks like, what a bad file is called. */
#include "tests/unit/fail_alloc.h"

#include "proxy/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const localhost[] = {"localhost", "127.0.0.1", "[::1]"};

static struct config_certificate self_signed = {
    .self_signed = {(const char **)(uintptr_t)localhost, 3}};

static struct tls_ctx *server_ctx(enum tls_version min)
{
    struct config_listener_tls t = {
        .certificates = &self_signed, .ncertificates = 1, .min_version = min};
    struct complaints wrong = {.n = 0};
    struct tls_ctx *c = NULL;
    assert_int_equal(tls_ctx_server(&t, "$", &c, &wrong), ERR_OK);
    assert_int_equal(wrong.n, 0);
    return c;
}

static struct tls_ctx *client_ctx(bool verify)
{
    struct config_backend_tls t = {.verify = verify};
    struct complaints wrong = {.n = 0};
    struct tls_ctx *c = NULL;
    assert_int_equal(tls_ctx_client(&t, BACKEND_HTTP1, "$", &c, &wrong), ERR_OK);
    return c;
}

struct pair {
    int fd[2];
    struct tls_ctx *ctx[2];
    struct tls *client;
    struct tls *server;
};

static void pair_begin(struct pair *p, bool verify, const char *name)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fd), 0);
    p->ctx[0] = client_ctx(verify);
    p->ctx[1] = server_ctx(TLS_1_2);
    assert_int_equal(tls_connect(p->ctx[0], p->fd[0], name, NULL, &p->client), ERR_OK);
    assert_int_equal(tls_accept(p->ctx[1], p->fd[1], &p->server), ERR_OK);
}

static void pair_end(struct pair *p)
{
    tls_free(&p->client);
    tls_free(&p->server);
    tls_ctx_release(&p->ctx[0]);
    tls_ctx_release(&p->ctx[1]);
    assert_null(p->ctx[0]);
    for (int i = 0; i < 2; i++)
        if (p->fd[i] >= 0)
            close(p->fd[i]);
}

static enum tls_io shake(struct pair *p)
{
    enum tls_io a = TLS_WANT_READ, b = TLS_WANT_READ;
    for (int i = 0; i < 10; i++) {
        if (a != TLS_DONE)
            a = tls_handshake(p->client);
        if (b != TLS_DONE)
            b = tls_handshake(p->server);
        if (a == TLS_DONE && b == TLS_DONE)
            return TLS_DONE;
        if (a == TLS_FAILED || b == TLS_FAILED || a == TLS_CUT || b == TLS_CUT)
            return TLS_FAILED;
    }
    return TLS_WANT_READ;
}

static void bytes_go_through(void **state)
{
    struct pair p;
    char in[64];
    size_t n;
    UNUSED(state);
    pair_begin(&p, false, "localhost");
    assert_int_equal(shake(&p), TLS_DONE);
    assert_false(tls_is_h2(p.server)); /* towards servers only http/1.1 is offered */
    assert_false(tls_is_resumed(p.server));
    assert_int_equal(tls_read(p.server, in, sizeof(in), &n), TLS_WANT_READ);
    assert_int_equal(tls_write(p.client, "hello", 5, &n), TLS_DONE);
    assert_int_equal(n, 5);
    tls_readable(p.server);
    assert_true(tls_has_more(p.server)); /* nobody has looked yet */
    assert_int_equal(tls_read(p.server, in, sizeof(in), &n), TLS_DONE);
    assert_memory_equal(in, "hello", 5);
    assert_false(tls_has_more(p.server)); /* the socket gave all it had */
    pair_end(&p);
}

/* Two records in one read of the socket: the second is still in the session. */
static void what_is_left_is_seen(void **state)
{
    struct pair p;
    char in[64];
    size_t n;
    UNUSED(state);
    pair_begin(&p, false, "localhost");
    assert_int_equal(shake(&p), TLS_DONE);
    assert_int_equal(tls_write(p.client, "one", 3, &n), TLS_DONE);
    assert_int_equal(tls_write(p.client, "two", 3, &n), TLS_DONE);
    tls_readable(p.server);
    assert_int_equal(tls_read(p.server, in, sizeof(in), &n), TLS_DONE);
    assert_int_equal(n, 3);
    assert_true(tls_has_more(p.server));
    /* More arrives while a record is still in the session: reading that record says nothing of the
     * socket. */
    assert_int_equal(tls_write(p.client, "three", 5, &n), TLS_DONE);
    tls_readable(p.server);
    assert_int_equal(tls_read(p.server, in, sizeof(in), &n), TLS_DONE);
    assert_memory_equal(in, "two", 3);
    assert_true(tls_has_more(p.server));
    assert_int_equal(tls_read(p.server, in, sizeof(in), &n), TLS_DONE);
    assert_memory_equal(in, "three", 5);
    assert_false(tls_has_more(p.server));
    pair_end(&p);
}

static void ends_are_told_apart(void **state)
{
    struct pair p;
    char in[8];
    size_t n;
    UNUSED(state);
    pair_begin(&p, false, "localhost");
    assert_int_equal(shake(&p), TLS_DONE);
    assert_int_equal(tls_read(p.client, in, sizeof(in), &n), TLS_WANT_READ); /* the ticket */
    tls_bye(p.server);
    assert_int_equal(tls_read(p.client, in, sizeof(in), &n), TLS_END);
    pair_end(&p);

    pair_begin(&p, false, "localhost");
    assert_int_equal(shake(&p), TLS_DONE);
    assert_int_equal(tls_read(p.client, in, sizeof(in), &n), TLS_WANT_READ);
    close(p.fd[1]); /* without close_notify */
    p.fd[1] = -1;
    assert_int_equal(tls_read(p.client, in, sizeof(in), &n), TLS_CUT);
    pair_end(&p);
}

static void strangers_are_refused(void **state)
{
    struct pair p;
    UNUSED(state);
    pair_begin(&p, true, "localhost");
    assert_int_equal(shake(&p), TLS_FAILED);
    assert_string_equal(tls_reason(p.client), "self-signed certificate");
    pair_end(&p);
}

static void rubbish_is_refused(void **state)
{
    struct pair p;
    UNUSED(state);
    pair_begin(&p, false, "localhost");
    assert_int_equal(write(p.fd[0], "GET / HTTP/1.1\r\n\r\n", 18), 18);
    assert_int_equal(tls_handshake(p.server), TLS_FAILED);
    assert_string_equal(tls_reason(p.server), "http request");
    pair_end(&p);
}

/* --- files --- */

static char dir[] = "/tmp/weir-test-tls-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[2][256];
    static int turn;
    turn = !turn;
    (void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
    return path[turn];
}

static void make_certificate(const char *name)
{
    char command[1024];
    (void)snprintf(command, sizeof(command),
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                   "-subj /CN=%s -addext subjectAltName=DNS:%s -keyout %s/%s.key -out %s/%s.pem "
                   "2>/dev/null",
                   name, name, dir, name, dir, name);
    assert_int_equal(system(command), 0);
}

static int make_files(void **state)
{
    UNUSED(state);
    assert_non_null(mkdtemp(dir));
    make_certificate("good");
    make_certificate("other");
    FILE *f = fopen(in_dir("rubbish.pem"), "w");
    assert_non_null(f);
    (void)fputs("this is no certificate\n", f);
    (void)fclose(f);
    return 0;
}

static int remove_files(void **state)
{
    char command[128];
    UNUSED(state);
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

static void complains(const char *cert, const char *key, const char *what)
{
    struct config_certificate files = {.cert = cert, .key = key};
    struct config_listener_tls t = {.certificates = &files, .ncertificates = 1};
    struct complaints wrong = {.n = 0};
    struct tls_ctx *c = NULL;
    char expected[512];
    assert_int_equal(tls_ctx_server(&t, "$.listeners[0].tls", &c, &wrong), ERR_CONFIG);
    assert_null(c);
    assert_int_equal(wrong.n, 1);
    (void)snprintf(expected, sizeof(expected), "%s %s", cert, what);
    if (what[0] != '*')
        assert_string_equal(wrong.list[0].what, expected);
    else
        assert_string_equal(wrong.list[0].what, what + 1);
    assert_string_equal(wrong.list[0].where, "$.listeners[0].tls.certificates[0]");
    complaints_free(&wrong);
}

static void bad_files_are_named(void **state)
{
    char text[512];
    UNUSED(state);
    complains(in_dir("none.pem"), in_dir("good.key"), "cannot be used: No such file or directory");
    complains(in_dir("rubbish.pem"), in_dir("good.key"), "cannot be used: no start line");
    (void)snprintf(text, sizeof(text), "*%s/none.key cannot be used: No such file or directory",
                   dir);
    complains(in_dir("good.pem"), in_dir("none.key"), text);
    (void)snprintf(text, sizeof(text), "*%s/other.key is not the key of %s/good.pem", dir, dir);
    complains(in_dir("good.pem"), in_dir("other.key"), text);
}

/* A CA of our own, and a name that is or is not in the certificate. */
static void names_are_verified(void **state)
{
    struct config_certificate files = {.cert = in_dir("good.pem"), .key = in_dir("good.key")};
    struct config_listener_tls lt = {.certificates = &files, .ncertificates = 1};
    struct config_backend_tls bt = {.verify = true, .ca = files.cert};
    struct complaints wrong = {.n = 0};
    static const char *const names[] = {"good", "bad"};
    UNUSED(state);
    for (int i = 0; i < 2; i++) {
        struct pair p;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p.fd), 0);
        assert_int_equal(tls_ctx_client(&bt, BACKEND_HTTP1, "$", &p.ctx[0], &wrong), ERR_OK);
        assert_int_equal(tls_ctx_server(&lt, "$", &p.ctx[1], &wrong), ERR_OK);
        assert_int_equal(tls_connect(p.ctx[0], p.fd[0], names[i], NULL, &p.client), ERR_OK);
        assert_int_equal(tls_accept(p.ctx[1], p.fd[1], &p.server), ERR_OK);
        assert_int_equal(shake(&p), i == 0 ? TLS_DONE : TLS_FAILED);
        if (i == 1)
            assert_string_equal(tls_reason(p.client), "hostname mismatch");
        pair_end(&p);
    }
}

static void a_missing_ca_is_named(void **state)
{
    struct config_backend_tls t = {.verify = true, .ca = in_dir("none.pem")};
    struct complaints wrong = {.n = 0};
    struct tls_ctx *c = NULL;
    UNUSED(state);
    assert_int_equal(tls_ctx_client(&t, BACKEND_HTTP1, "$.backends.b.tls", &c, &wrong), ERR_CONFIG);
    assert_non_null(strstr(wrong.list[0].what, "none.pem cannot be used: No such file"));
    complaints_free(&wrong);
}

static void min_version_holds(void **state)
{
    struct pair p;
    UNUSED(state);
    pair_begin(&p, false, "localhost");
    tls_ctx_release(&p.ctx[1]);
    tls_free(&p.server);
    p.ctx[1] = server_ctx(TLS_1_3);
    assert_int_equal(tls_accept(p.ctx[1], p.fd[1], &p.server), ERR_OK);
    assert_int_equal(shake(&p), TLS_DONE); /* the client speaks 1.3 */
    pair_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_through),    cmocka_unit_test(what_is_left_is_seen),
        cmocka_unit_test(ends_are_told_apart), cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(rubbish_is_refused),  cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(names_are_verified),  cmocka_unit_test(a_missing_ca_is_named),
        cmocka_unit_test(min_version_holds),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
