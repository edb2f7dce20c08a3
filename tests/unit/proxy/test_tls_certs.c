/* Towards clients: which certificate whom, client certificates, OCSP responses, ALPN. */
#include "tests/unit/proxy/tls_rig.h"

#include "base/metrics.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/tls1.h>
#include <stdio.h>
#include <stdlib.h>

enum { CERTS_MAX = 8 };

struct files {
    struct config_certificate list[CERTS_MAX];
    char text[CERTS_MAX][3][256];
    struct config_listener_tls tls;
};

static const char rsa_only[] = "RSA-PSS+SHA256:RSA+SHA256";
static const char ec_only[] = "ECDSA+SHA256";

static void add(struct files *f, const char *name, const char *ocsp)
{
    size_t i = f->tls.ncertificates++;
    (void)snprintf(f->text[i][0], 256, "%s.pem", rig_path(name));
    (void)snprintf(f->text[i][1], 256, "%s.key", rig_path(name));
    f->list[i] = (struct config_certificate){.cert = f->text[i][0], .key = f->text[i][1]};
    if (ocsp != NULL) {
        (void)snprintf(f->text[i][2], 256, "%s", rig_path(ocsp));
        f->list[i].ocsp = f->text[i][2];
    }
    f->tls.certificates = f->list;
    f->tls.h2 = true;
}

static void serves(struct tls_ctx *server, const char *name, const char *sigalgs, const char *cn)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct rig_client c = {.name = name, .sigalgs = sigalgs, .version = versions[i]};
        rig_shake(&c, server);
        if (cn == NULL)
            assert_false(c.done);
        else
            assert_true(c.done);
        assert_string_equal(c.cn, cn == NULL ? "" : cn);
        rig_hang_up(&c);
        SSL_SESSION_free(c.session);
    }
}

static int make_files(void **state)
{
    rig_begin(state);
    rig_certificate("first", "ec", "DNS:first.test,IP:127.0.0.1");
    rig_certificate("wild", "ec", "DNS:*.wild.test,DNS:Wild.Test");
    rig_certificate("exact", "ec", "DNS:exact.wild.test");
    rig_certificate("pair-rsa", "rsa", "DNS:pair.test,DNS:*.wild.test");
    rig_certificate("pair-ec", "ec", "DNS:other.test,DNS:PAIR.test");
    rig_certificate("first-rsa", "rsa", "DNS:first.test");
    return 0;
}

static void names_choose(void **state)
{
    struct files f = {.tls.min_version = TLS_1_2};
    UNUSED(state);
    add(&f, "first", NULL);
    add(&f, "wild", NULL);
    add(&f, "exact", NULL);
    add(&f, "pair-rsa", NULL);
    add(&f, "pair-ec", NULL);
    struct tls_ctx *s = rig_server(&f.tls);
    serves(s, NULL, NULL, "first");
    serves(s, "first.test", NULL, "first");
    serves(s, "unknown.test", NULL, "first");
    serves(s, "wild.test", NULL, "wild"); /* written with capitals in the certificate */
    serves(s, "a.wild.test", NULL, "wild");
    serves(s, "A.WILD.TEST", NULL, "wild");
    serves(s, "a.b.wild.test", NULL, "first"); /* a wildcard stands for one label */
    serves(s, ".wild.test", NULL, "first");
    serves(s, "exact.wild.test", NULL, "exact");
    serves(s, "pair.test", NULL, "pair-ec");
    serves(s, "other.test", NULL, "pair-ec");
    tls_ctx_release(&s);
}

static void signatures_choose(void **state)
{
    struct files f = {.tls.min_version = TLS_1_2};
    UNUSED(state);
    add(&f, "first", NULL);
    add(&f, "wild", NULL);
    add(&f, "exact", NULL);
    add(&f, "pair-rsa", NULL);
    add(&f, "pair-ec", NULL);
    struct tls_ctx *s = rig_server(&f.tls);
    serves(s, "pair.test", rsa_only, "pair-rsa");
    serves(s, "pair.test", ec_only, "pair-ec");
    serves(s, "a.wild.test", rsa_only, "pair-rsa");
    serves(s, "exact.wild.test", rsa_only, "pair-rsa"); /* only the wildcard has one */
    serves(s, "exact.wild.test", ec_only, "exact");
    serves(s, "other.test", rsa_only, NULL);
    serves(s, "first.test", rsa_only, NULL);
    tls_ctx_release(&s);
    add(&f, "first-rsa", NULL); /* the default one becomes a pair */
    s = rig_server(&f.tls);
    serves(s, "first.test", rsa_only, "first-rsa");
    serves(s, NULL, rsa_only, "first-rsa");
    serves(s, "unknown.test", rsa_only, "first-rsa");
    serves(s, NULL, ec_only, "first");
    tls_ctx_release(&s);
}

static void each_bad_file_is_named(void **state)
{
    struct files f = {.tls.min_version = TLS_1_2};
    struct complaints wrong = {.n = 0};
    struct tls_ctx *s = NULL;
    UNUSED(state);
    add(&f, "none", NULL);
    add(&f, "first", NULL);
    add(&f, "first-rsa", NULL);
    f.list[2].key = f.list[1].key;
    assert_int_equal(tls_ctx_server(&f.tls, "$.listeners[7].tls", &s, &wrong), ERR_CONFIG);
    assert_int_equal(wrong.n, 2);
    assert_string_equal(wrong.list[0].where, "$.listeners[7].tls.certificates[0]");
    assert_non_null(strstr(wrong.list[0].what, "none.pem cannot be used: No such file"));
    assert_string_equal(wrong.list[1].where, "$.listeners[7].tls.certificates[2]");
    assert_non_null(strstr(wrong.list[1].what, "first.key is not the key of"));
    complaints_free(&wrong);
}

/* A key with a password would make OpenSSL ask for it at the terminal. */
static void passwords_are_not_asked_for(void **state)
{
    struct files f = {.tls.min_version = TLS_1_2};
    struct complaints wrong = {.n = 0};
    struct tls_ctx *s = NULL;
    UNUSED(state);
    rig_run("openssl pkey -in first.key -aes128 -passout pass:secret -out locked.key && "
            "cp first.pem locked.pem");
    add(&f, "locked", NULL);
    assert_int_equal(tls_ctx_server(&f.tls, "$", &s, &wrong), ERR_CONFIG);
    assert_non_null(strstr(wrong.list[0].what, "locked.key cannot be used"));
    complaints_free(&wrong);
}

static enum err build(void *arg)
{
    struct complaints wrong = {.n = 0};
    struct tls_ctx *s = NULL;
    enum err e = tls_ctx_server(arg, "$", &s, &wrong);
    tls_ctx_release(&s);
    complaints_free(&wrong);
    return e;
}

static void no_memory_is_survived(void **state)
{
    struct files f = {.tls.min_version = TLS_1_2};
    UNUSED(state);
    add(&f, "first", NULL);
    add(&f, "wild", NULL);
    alloc_walk(build, &f.tls);
}

/* --- ALPN --- */

static void alpn_is_strict(void **state)
{
    static const struct {
        bool h2;
        const char *offers;
        const char *gets; /* NULL: refused */
    } cases[] = {
        {true, "\x08http/1.1\x02h2", "h2"},
        {true, "\x08http/1.1", "http/1.1"},
        {true, NULL, ""},
        {true,
         "\x03"
         "foo",
         NULL},
        {true, "\x08http/1.0\x02h3", NULL},
        {false, "\x08http/1.1\x02h2", "http/1.1"},
        {false, "\x02h2", NULL},
        {false, NULL, ""},
    };
    struct files f = {.tls.min_version = TLS_1_2};
    UNUSED(state);
    add(&f, "first", NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        f.tls.h2 = cases[i].h2;
        struct tls_ctx *s = rig_server(&f.tls);
        struct rig_client c = {.alpn = cases[i].offers};
        rig_shake(&c, s);
        assert_int_equal(c.done, cases[i].gets != NULL);
        assert_string_equal(c.protocol, cases[i].gets != NULL ? cases[i].gets : "");
        assert_int_equal(c.alert, cases[i].gets != NULL ? 0 : TLS1_AD_NO_APPLICATION_PROTOCOL);
        rig_hang_up(&c);
        SSL_SESSION_free(c.session);
        tls_ctx_release(&s);
    }
}

/* --- client certificates --- */

static void make_client(const char *name, const char *ca, const char *subject)
{
    rig_run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -utf8 -subj '%s' "
            "-keyout %s.key -out %s.csr && openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key "
            "-days 2 -out %s.pem",
            subject, name, name, name, ca, ca, name);
}

static bool gets_in(struct tls_ctx *s, const char *cert, int version, struct tls_client *who,
                    struct rig_client *c)
{
    bool shown = false;
    *c = (struct rig_client){.cert = cert, .version = version};
    rig_shake(c, s);
    if (c->server_done)
        assert_int_equal(tls_client_of(c->server, who, &shown), ERR_OK);
    assert_int_equal(shown, c->server_done && cert != NULL);
    SSL_SESSION_free(c->session);
    return c->server_done;
}

static void clients_show_certificates(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct files f = {.tls.min_version = TLS_1_2};
    struct rig_client c;
    struct tls_client who;
    char ca[256];
    UNUSED(state);
    rig_certificate("client-ca", "ec", "DNS:ca");
    make_client("anna", "client-ca", "/O=W\xc3\xb6rk, Inc/CN=anna");
    make_client("eve", "first", "/CN=eve");
    add(&f, "first", NULL);
    (void)snprintf(ca, sizeof(ca), "%s", rig_path("client-ca.pem"));
    f.tls.client_ca = ca;
    for (int i = 0; i < 4; i++) {
        bool required = i / 2 == 1;
        f.tls.client_verify = required ? CLIENT_VERIFY_REQUIRED : CLIENT_VERIFY_OPTIONAL;
        struct tls_ctx *s = rig_server(&f.tls);
        assert_int_equal(gets_in(s, NULL, versions[i % 2], &who, &c), !required);
        rig_hang_up(&c);
        assert_false(gets_in(s, "eve", versions[i % 2], &who, &c));
        assert_int_equal(c.alert, SSL_AD_UNKNOWN_CA);
        rig_hang_up(&c);
        assert_true(gets_in(s, "anna", versions[i % 2], &who, &c));
        assert_true(span_eq(who.subject, SPAN("CN=anna,O=W\\C3\\B6rk\\, Inc")));
        assert_int_equal(who.fingerprint.n, 64);
        assert_true(who.certificate.n > 300);
        assert_true(who.certificate.p[0] == ':' && who.certificate.p[who.certificate.n - 1] == ':');
        rig_hang_up(&c);
        tls_ctx_release(&s);
    }
}

/* One intermediate is the default; a longer way to the CA is refused. */
static void depth_holds(void **state)
{
    struct files f = {.tls.min_version = TLS_1_2};
    struct rig_client c;
    struct tls_client who;
    char ca[256];
    UNUSED(state);
    rig_certificate("root", "ec", "DNS:root");
    rig_run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=middle "
            "-keyout middle.key -out middle.csr && printf basicConstraints=CA:true >ext && "
            "openssl x509 -req -in middle.csr -CA root.pem -CAkey root.key -days 2 -extfile ext "
            "-out middle.pem");
    make_client("low", "middle", "/CN=low");
    rig_run("cat middle.pem >>low.pem");
    add(&f, "first", NULL);
    (void)snprintf(ca, sizeof(ca), "%s", rig_path("root.pem"));
    f.tls.client_ca = ca;
    f.tls.client_verify = CLIENT_VERIFY_REQUIRED;
    for (unsigned depth = 0; depth < 2; depth++) {
        f.tls.client_depth = depth;
        struct tls_ctx *s = rig_server(&f.tls);
        assert_int_equal(gets_in(s, "low", 0, &who, &c), depth == 1);
        rig_hang_up(&c);
        tls_ctx_release(&s);
    }
}

static void a_bad_client_ca_is_named(void **state)
{
    struct files f = {.tls.min_version = TLS_1_2};
    struct complaints wrong = {.n = 0};
    struct tls_ctx *s = NULL;
    UNUSED(state);
    add(&f, "first", NULL);
    f.tls.client_verify = CLIENT_VERIFY_REQUIRED;
    f.tls.client_ca = "/nowhere/ca.pem";
    assert_int_equal(tls_ctx_server(&f.tls, "$", &s, &wrong), ERR_CONFIG);
    assert_string_equal(wrong.list[0].what,
                        "/nowhere/ca.pem cannot be used: No such file or directory");
    complaints_free(&wrong);
}

/* --- OCSP --- */

/* A CA's index with one certificate, and the response about it. */
static void make_response(const char *cert, const char *status, const char *more, const char *out)
{
    rig_run("serial=$(openssl x509 -in %s.pem -noout -serial | cut -d= -f2) && "
            "printf '%s\\t400101000000Z\\t%s\\t%%s\\tunknown\\t/CN=%s\\n' $serial >index && "
            "openssl ocsp -index index -CA ocsp-ca.pem -rsigner ocsp-ca.pem -rkey ocsp-ca.key "
            "-issuer ocsp-ca.pem -cert %s.pem %s -respout %s",
            cert, status, strcmp(status, "R") == 0 ? "250101000000Z" : "", cert, cert, more, out);
}

static X509 *read_certificate(const char *name)
{
    BIO *bio = BIO_new_file(rig_path(name), "rb");
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(cert);
    return cert;
}

/* The program makes none that has expired. */
static void make_expired_response(const char *out)
{
    X509 *cert = read_certificate("site.pem"), *ca = read_certificate("ocsp-ca.pem");
    BIO *in = BIO_new_file(rig_path("ocsp-ca.key"), "rb"), *to = BIO_new_file(rig_path(out), "wb");
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, cert, ca);
    ASN1_TIME *from = X509_gmtime_adj(NULL, -7200), *until = X509_gmtime_adj(NULL, -3600);
    assert_non_null(
        OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, from, until));
    assert_int_equal(OCSP_basic_sign(basic, ca, key, EVP_sha256(), NULL, 0), 1);
    OCSP_RESPONSE *r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char *der = NULL;
    int n = i2d_OCSP_RESPONSE(r, &der);
    assert_int_equal(BIO_write(to, der, n), n);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(r);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    EVP_PKEY_free(key);
    X509_free(cert);
    X509_free(ca);
    BIO_free(in);
    BIO_free(to);
}

static long staple_of(const char *cert, const char *ocsp, bool asks, int version)
{
    struct files f = {.tls.min_version = TLS_1_2};
    struct rig_client c = {.asks_status = asks, .version = version};
    add(&f, cert, ocsp);
    add(&f, "wild", NULL);
    struct tls_ctx *s = rig_server(&f.tls);
    rig_shake(&c, s);
    assert_true(c.done);
    rig_hang_up(&c);
    SSL_SESSION_free(c.session);
    struct rig_client other = {.asks_status = true, .name = "wild.test"};
    rig_shake(&other, s);
    assert_int_equal(other.staple, 0); /* it belongs to one certificate */
    rig_hang_up(&other);
    SSL_SESSION_free(other.session);
    tls_ctx_release(&s);
    return c.staple;
}

static uint64_t staples(const char *result)
{
    metric_slot slot;
    const char *const label[] = {result};
    assert_int_equal(metrics_series(METRIC_TLS_STAPLES, label, &slot), ERR_OK);
    return metric_read(slot);
}

static void refused(const char *cert, const char *ocsp, const char *why)
{
    struct files f = {.tls.min_version = TLS_1_2};
    struct complaints wrong = {.n = 0};
    struct tls_ctx *s = NULL;
    add(&f, cert, ocsp);
    assert_int_equal(tls_ctx_server(&f.tls, "$", &s, &wrong), ERR_CONFIG);
    assert_int_equal(wrong.n, 1);
    assert_string_equal(wrong.list[0].where, "$.certificates[0]");
    if (strstr(wrong.list[0].what, why) == NULL)
        fail_msg("%s", wrong.list[0].what);
    complaints_free(&wrong);
}

static void responses_are_stapled(void **state)
{
    uint64_t sent = staples("sent"), stale = staples("stale");
    UNUSED(state);
    rig_certificate("ocsp-ca", "ec", "DNS:ca");
    make_client("site", "ocsp-ca", "/CN=site");
    make_response("site", "V", "-ndays 2", "good.der");
    make_expired_response("old.der");
    make_response("site", "R", "-ndays 2", "revoked.der");
    assert_int_equal(staple_of("site", "good.der", false, 0), 0);
    assert_true(staple_of("site", "good.der", true, TLS1_2_VERSION) > 100);
    assert_true(staple_of("site", "good.der", true, TLS1_3_VERSION) > 100);
    assert_true(staple_of("site", "revoked.der", true, 0) > 100); /* honest */
    assert_int_equal(staples("sent") - sent, 3);
    assert_int_equal(staples("stale") - stale, 0);
    assert_int_equal(staple_of("site", "old.der", true, 0), 0);
    assert_int_equal(staples("stale") - stale, 1);
}

static void wrong_responses_are_refused(void **state)
{
    UNUSED(state);
    make_client("neighbour", "ocsp-ca", "/CN=neighbour");
    rig_run(": >empty.der");
    refused("neighbour", "good.der", "is about another certificate");
    refused("site", "site.pem", "is not an OCSP response");
    refused("site", "empty.der", "is not an OCSP response");
    refused("site", "none.der", "none.der cannot be used: No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_choose),
        cmocka_unit_test(signatures_choose),
        cmocka_unit_test(each_bad_file_is_named),
        cmocka_unit_test(passwords_are_not_asked_for),
        cmocka_unit_test(no_memory_is_survived),
        cmocka_unit_test(alpn_is_strict),
        cmocka_unit_test(clients_show_certificates),
        cmocka_unit_test(depth_holds),
        cmocka_unit_test(a_bad_client_ca_is_named),
        cmocka_unit_test(responses_are_stapled),
        cmocka_unit_test(wrong_responses_are_refused),
    };
    return cmocka_run_group_tests(tests, make_files, rig_end);
}
