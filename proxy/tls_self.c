/* A certificate made in memory, for `weir demo` and tests. */
#include "base/bytes.h"
#include "base/rand.h"
#include "proxy/tls_ctx.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { DAY_S = 24 * 60 * 60 };

/* Names are as in the configuration: an IPv6 address stands in brackets. */
static bool add_name(struct buf *b, struct span name)
{
    unsigned char bytes[16];
    char text[INET6_ADDRSTRLEN];
    bool v6 = span_has_prefix(name, SPAN("["));
    if (v6)
        name = span_of(name.p + 1, name.n - 2);
    (void)snprintf(text, sizeof(text), SPAN_FMT, SPAN_ARG(name));
    bool address = v6 || inet_pton(AF_INET, text, bytes) == 1;
    return buf_printf(b, "%s%s:" SPAN_FMT, b->n > 0 ? "," : "", address ? "IP" : "DNS",
                      SPAN_ARG(name)) == ERR_OK;
}

static bool add_names(X509 *cert, const char *const *names, size_t n)
{
    struct buf b = BUF_INIT(64 * 1024);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = add_name(&b, span_str(names[i]));
    X509_EXTENSION *ext = ok ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, b.p) : NULL;
    ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    buf_free(&b);
    return ok;
}

static bool fill(X509 *cert, EVP_PKEY *key, const char *const *names, size_t n)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    return X509_set_version(cert, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), rand_u64() >> 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(cert), 365L * DAY_S) != NULL &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"weir self-signed", -1, -1, 0) == 1 &&
           X509_set_issuer_name(cert, subject) == 1 && X509_set_pubkey(cert, key) == 1 &&
           add_names(cert, names, n) && X509_sign(cert, key, EVP_sha256()) != 0;
}

bool tls_self_signed(struct tls_pair *p, const char *const *names, size_t n)
{
    *p = (struct tls_pair){.cert = X509_new(), .key = EVP_EC_gen("P-256")};
    if (p->key != NULL && p->cert != NULL && fill(p->cert, p->key, names, n))
        return true;
    tls_pair_free(p);
    return false;
}
