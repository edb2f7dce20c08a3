/* Resumption: towards clients by tickets, whose keys change and may come from a file; towards
 * servers by what is kept. */
#include "tests/unit/proxy/tls_rig.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const localhost[] = {"localhost"};
static struct config_certificate self_signed = {
    .self_signed = {(const char **)(uintptr_t)localhost, 1}};
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
static const uint64_t hours_12 = 12 * 3600 * 1000;

static struct config_listener_tls config(const char *keys)
{
    return (struct config_listener_tls){
        .certificates = &self_signed, .ncertificates = 1, .h2 = true, .ticket_keys = keys};
}

static bool resumes(struct rig_client *c, struct tls_ctx *s)
{
    rig_shake(c, s);
    assert_true(c->done);
    rig_hang_up(c);
    return c->resumed;
}

static void a_reload_forgets_nothing(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < 2; i++) {
        struct config_listener_tls t = config(NULL);
        struct rig_client c = {.version = versions[i], .name = "localhost"};
        struct tls_ctx *before = rig_server(&t);
        assert_false(resumes(&c, before));
        assert_true(resumes(&c, before));
        struct tls_ctx *after = rig_server(&t);
        tls_ctx_release(&before);
        assert_true(resumes(&c, after));
        tls_ctx_release(&after);
        SSL_SESSION_free(c.session);
    }
}

/* The context of a session may be gone before its handshake is over. */
static void a_handshake_outlives_its_context(void **state)
{
    struct config_listener_tls t = config(NULL);
    struct tls_ctx *s = rig_server(&t);
    struct tls *one;
    int fd[2];
    UNUSED(state);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    assert_int_equal(tls_accept(s, fd[0], &one), ERR_OK);
    tls_ctx_release(&s);
    assert_int_equal(tls_handshake(one), TLS_WANT_READ);
    tls_free(&one);
    close(fd[0]);
    close(fd[1]);
}

static void keys_change(void **state)
{
    struct config_listener_tls t = config(NULL);
    struct tls_ctx *s = rig_server(&t);
    uint64_t now = clock_us() / 1000;
    UNUSED(state);
    for (size_t i = 0; i < 2; i++) {
        struct rig_client c = {.version = versions[i], .name = "localhost"};
        struct rig_client idle = {.version = versions[i], .name = "localhost"};
        assert_false(resumes(&c, s));
        assert_false(resumes(&idle, s));
        tls_tickets_turn(now += hours_12 + 1000);
        assert_true(resumes(&c, s)); /* and got a ticket of the new key */
        tls_tickets_turn(now += hours_12 + 1000);
        assert_true(resumes(&c, s));
        assert_false(resumes(&idle, s));
        tls_tickets_turn(now += hours_12 - 1000); /* not yet */
        tls_tickets_turn(now += 2 * hours_12);    /* nobody came for long */
        assert_false(resumes(&c, s));
        SSL_SESSION_free(c.session);
        SSL_SESSION_free(idle.session);
    }
    tls_ctx_release(&s);
}

/* --- a fleet --- */

static void a_file_is_shared(void **state)
{
    char keys[256];
    UNUSED(state);
    rig_run("openssl rand 80 >old && openssl rand 80 >new && cp old keys");
    (void)snprintf(keys, sizeof(keys), "%s", rig_path("keys"));
    for (size_t i = 0; i < 2; i++) {
        struct config_listener_tls t = config(keys), own = config(NULL);
        struct rig_client c = {.version = versions[i], .name = "localhost"};
        rig_run("cp old keys");
        struct tls_ctx *here = rig_server(&t), *there = rig_server(&t), *other = rig_server(&own);
        struct rig_client kept = {.version = versions[i], .name = "localhost"};
        assert_false(resumes(&c, here));
        assert_false(resumes(&kept, here));
        assert_true(resumes(&c, there));
        assert_false(resumes(&c, other));
        rig_run("cat new old >keys"); /* the first encrypts, all decrypt */
        struct tls_ctx *rotated = rig_server(&t);
        assert_true(resumes(&kept, rotated));
        assert_false(resumes(&kept, here)); /* the new ticket is of a key it has not */
        rig_run("cp new keys");
        struct tls_ctx *last = rig_server(&t);
        assert_false(resumes(&c, last)); /* from the instance that has none */
        SSL_SESSION_free(c.session);
        SSL_SESSION_free(kept.session);
        tls_ctx_release(&here);
        tls_ctx_release(&there);
        tls_ctx_release(&other);
        tls_ctx_release(&rotated);
        tls_ctx_release(&last);
    }
}

static void bad_key_files_are_named(void **state)
{
    static const struct {
        const char *make;
        const char *what;
    } cases[] = {
        {": >keys", "has 0 bytes"},
        {"openssl rand 79 >keys", "has 79 bytes"},
        {"openssl rand 5200 >keys", "has 5200 bytes"},
        {"rm keys", "cannot be read: No such file or directory"},
    };
    char keys[256], want[512];
    UNUSED(state);
    (void)snprintf(keys, sizeof(keys), "%s", rig_path("keys"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config_listener_tls t = config(keys);
        struct complaints wrong = {.n = 0};
        struct tls_ctx *s = NULL;
        rig_run("%s", cases[i].make);
        assert_int_equal(tls_ctx_server(&t, "$", &s, &wrong), ERR_CONFIG);
        (void)snprintf(want, sizeof(want), "%s %s", keys, cases[i].what);
        assert_string_equal(wrong.list[0].what, want);
        complaints_free(&wrong);
    }
}

/* --- client certificates: a session is good only where the same would be asked --- */

static void verification_is_not_resumed_away(void **state)
{
    char ca[256];
    UNUSED(state);
    rig_certificate("me", "ec", "DNS:me");
    (void)snprintf(ca, sizeof(ca), "%s", rig_path("me.pem"));
    for (size_t i = 0; i < 2; i++) {
        struct config_listener_tls open = config(NULL), closed = config(NULL);
        struct rig_client c = {.version = versions[i], .name = "localhost"};
        struct tls_client who;
        bool shown;
        closed.client_verify = CLIENT_VERIFY_REQUIRED;
        closed.client_ca = ca;
        struct tls_ctx *a = rig_server(&open), *b = rig_server(&closed);
        assert_false(resumes(&c, a));
        rig_shake(&c, b);
        assert_false(c.server_done);
        rig_hang_up(&c);
        c.cert = "me";
        assert_false(resumes(&c, b));
        c.cert = NULL; /* it is in the ticket */
        rig_shake(&c, b);
        assert_true(c.resumed);
        assert_int_equal(tls_client_of(c.server, &who, &shown), ERR_OK);
        assert_true(shown);
        assert_true(span_eq(who.subject, SPAN("CN=me")));
        rig_hang_up(&c);
        SSL_SESSION_free(c.session);
        tls_ctx_release(&a);
        tls_ctx_release(&b);
    }
}

/* --- towards servers --- */

static enum tls_io shake(struct tls *client, struct tls *server)
{
    enum tls_io a = TLS_WANT_READ, b = TLS_WANT_READ;
    char byte;
    size_t n;
    for (int i = 0; i < 10; i++) {
        if (a == TLS_WANT_READ)
            a = tls_handshake(client);
        if (b == TLS_WANT_READ)
            b = tls_handshake(server);
    }
    return a == TLS_DONE && b == TLS_DONE ? tls_read(client, &byte, 1, &n) : TLS_FAILED;
}

/* One connection by weir to weir. Whether it was a short one. */
static bool connects(struct tls_ctx *client, struct tls_ctx *server, struct tls_sessions *kept)
{
    struct tls *c, *s;
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    assert_int_equal(tls_connect(client, fd[0], "localhost", kept, &c), ERR_OK);
    assert_int_equal(tls_accept(server, fd[1], &s), ERR_OK);
    assert_int_equal(shake(c, s), TLS_WANT_READ);
    assert_int_equal(tls_is_resumed(c), tls_is_resumed(s));
    bool resumed = tls_is_resumed(c);
    tls_free(&c); /* without a close_notify: the session is good all the same */
    tls_free(&s);
    close(fd[0]);
    close(fd[1]);
    return resumed;
}

static struct tls_ctx *client_ctx(const struct config_backend_tls *t)
{
    struct complaints wrong = {.n = 0};
    struct tls_ctx *c = NULL;
    enum err e = tls_ctx_client(t, BACKEND_HTTP1, "$", &c, &wrong);
    if (e != ERR_OK)
        fail_msg("%s", wrong.n > 0 ? wrong.list[0].what : err_sentence(e));
    return c;
}

static void servers_are_resumed(void **state)
{
    struct config_backend_tls bt = {.verify = false};
    UNUSED(state);
    for (size_t i = 0; i < 2; i++) {
        struct config_listener_tls lt = config(NULL);
        struct tls_ctx *server = rig_server(&lt), *client = client_ctx(&bt);
        struct tls_sessions *kept;
        SSL_CTX_set_max_proto_version(tls_ctx_ssl(server), versions[i]);
        assert_int_equal(tls_sessions_new(&kept), ERR_OK);
        assert_false(connects(client, server, kept));
        assert_true(connects(client, server, kept));
        assert_true(connects(client, server, kept));
        assert_false(connects(client, server, NULL));
        tls_sessions_forget(kept);
        assert_false(connects(client, server, kept));
        for (int k = 0; k < 20; k++) { /* more than are kept */
            SSL_SESSION *s = tls_sessions_take(kept);
            assert_non_null(s);
            SSL_SESSION_up_ref(s);
            tls_sessions_put(kept, s);
            tls_sessions_put(kept, s);
        }
        assert_true(connects(client, server, kept));
        tls_sessions_free(&kept);
        tls_ctx_release(&server);
        tls_ctx_release(&client);
    }
}

static void certificates_are_shown_to_servers(void **state)
{
    char cert[256], key[256];
    UNUSED(state);
    rig_certificate("weir", "ec", "DNS:weir");
    (void)snprintf(cert, sizeof(cert), "%s", rig_path("weir.pem"));
    (void)snprintf(key, sizeof(key), "%s", rig_path("weir.key"));
    struct config_listener_tls lt = config(NULL);
    lt.client_verify = CLIENT_VERIFY_REQUIRED;
    lt.client_ca = cert;
    struct config_backend_tls with = {.cert = cert, .key = key};
    struct tls_ctx *server = rig_server(&lt), *client = client_ctx(&with);
    assert_false(connects(client, server, NULL));
    tls_ctx_release(&server);
    tls_ctx_release(&client);

    struct complaints wrong = {.n = 0};
    with.key = "/nowhere/weir.key";
    assert_int_equal(tls_ctx_client(&with, BACKEND_HTTP1, "$.backends.b.tls", &client, &wrong),
                     ERR_CONFIG);
    assert_string_equal(wrong.list[0].where, "$.backends.b.tls");
    assert_string_equal(wrong.list[0].what,
                        "/nowhere/weir.key cannot be used: No such file or directory");
    complaints_free(&wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reload_forgets_nothing),
        cmocka_unit_test(a_handshake_outlives_its_context),
        cmocka_unit_test(keys_change),
        cmocka_unit_test(a_file_is_shared),
        cmocka_unit_test(bad_key_files_are_named),
        cmocka_unit_test(verification_is_not_resumed_away),
        cmocka_unit_test(servers_are_resumed),
        cmocka_unit_test(certificates_are_shown_to_servers),
    };
    return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
