/* Which certificate a client gets. The default ones are in the context, so that a listener with one
 * certificate has nothing to choose; the others are put into the session when its client names
 * them.
 *
 * Every name has a set: one certificate per kind of key, of which OpenSSL takes the one that the
 * client's signature algorithms allow. */
#include "proxy/tls_ctx.h"

#include "base/clock.h"
#include "base/log.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    KINDS_MAX = 4, /* RSA, RSA-PSS, EC, EdDSA */
    NAME_MAX_BYTES = 255,
    WHERE_MAX = 4096 + 512, /* it begins with a file's name */
    CERTS_MAGIC = 0x544c4343,
};

struct cert_set {
    size_t at[KINDS_MAX]; /* in list; those beyond n are 0 */
    size_t n;
};

struct cert_name {
    char *text; /* lower-case, "*.example.com" for a wildcard */
    size_t cert;
    struct cert_set set;
};

struct tls_certs {
    unsigned magic;
    struct tls_pair *list;
    size_t n;
    struct cert_name *names; /* sorted by text, then by certificate; in the end each text once */
    size_t nnames;
    size_t cap;
    struct cert_set fallback;
};

/* --- names --- */

static struct span without_dot(struct span name)
{
    return name.n > 0 && name.p[name.n - 1] == '.' ? span_until(name, name.n - 1) : name;
}

static enum err add_name(struct tls_certs *c, struct span name, size_t cert)
{
    name = without_dot(name);
    if (name.n == 0 || name.n > NAME_MAX_BYTES || memchr(name.p, '\0', name.n) != NULL)
        return ERR_OK; /* nobody can ask for it */
    if (c->nnames == c->cap) {
        size_t cap = max_size(16, c->cap * 2);
        struct cert_name *more = realloc(c->names, cap * sizeof(*more));
        if (more == NULL)
            return ERR_NO_MEMORY;
        c->names = more;
        c->cap = cap;
    }
    char *text = strndup(name.p, name.n);
    if (text == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < name.n; i++)
        text[i] = byte_lower(text[i]);
    c->names[c->nnames++] = (struct cert_name){.text = text, .cert = cert};
    return ERR_OK;
}

static enum err add_names(struct tls_certs *c, size_t cert)
{
    enum err e = ERR_OK;
    GENERAL_NAMES *all = X509_get_ext_d2i(c->list[cert].cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; e == ERR_OK && i < sk_GENERAL_NAME_num(all); i++) {
        int kind;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all, i), &kind);
        if (kind == GEN_DNS)
            e = add_name(
                c, span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)), cert);
    }
    GENERAL_NAMES_free(all);
    return e;
}

static int by_text(const void *a, const void *b)
{
    const struct cert_name *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order != 0 ? order : (x->cert > y->cert) - (x->cert < y->cert);
}

static int against_text(const void *text, const void *name)
{
    return strcmp(text, ((const struct cert_name *)name)->text);
}

static struct cert_name *find_text(const struct tls_certs *c, const char *text)
{
    return c->nnames == 0 ? NULL
                          : bsearch(text, c->names, c->nnames, sizeof(*c->names), against_text);
}

/* "www.example.com" is looked for as "*.example.com" too. The text is changed. */
static struct cert_name *find_wildcard(const struct tls_certs *c, char *text)
{
    char *dot = strchr(text, '.');
    if (dot == NULL || dot == text)
        return NULL;
    dot[-1] = '*';
    return find_text(c, dot - 1);
}

static const struct cert_set *find_set(const struct tls_certs *c, const char *asked)
{
    char text[NAME_MAX_BYTES + 1];
    struct span name = without_dot(span_str(asked));
    if (name.n == 0 || name.n > NAME_MAX_BYTES)
        return &c->fallback;
    for (size_t i = 0; i < name.n; i++)
        text[i] = byte_lower(name.p[i]);
    text[name.n] = '\0';
    const struct cert_name *found = find_text(c, text);
    if (found == NULL)
        found = find_wildcard(c, text);
    return found == NULL ? &c->fallback : &found->set;
}

/* --- sets --- */

static void set_add(const struct tls_certs *c, struct cert_set *s, size_t cert)
{
    int kind = EVP_PKEY_get_base_id(c->list[cert].key);
    for (size_t i = 0; i < s->n; i++)
        if (EVP_PKEY_get_base_id(c->list[s->at[i]].key) == kind)
            return; /* the earlier one */
    if (s->n < KINDS_MAX)
        s->at[s->n++] = cert;
}

static void unite(struct tls_certs *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->nnames; i++) {
        struct cert_name *last = n == 0 ? NULL : &c->names[n - 1];
        if (last != NULL && strcmp(last->text, c->names[i].text) == 0) {
            set_add(c, &last->set, c->names[i].cert);
            free(c->names[i].text);
            continue;
        }
        c->names[n] = c->names[i];
        set_add(c, &c->names[n].set, c->names[n].cert);
        n++;
    }
    c->nnames = n;
}

/* A client that cannot verify what is there for the exact name may still take the wildcard's. */
static void take_from_wildcards(struct tls_certs *c)
{
    for (size_t i = 0; i < c->nnames; i++) {
        char text[NAME_MAX_BYTES + 1];
        (void)snprintf(text, sizeof(text), "%s", c->names[i].text);
        const struct cert_name *wild = text[0] == '*' ? NULL : find_wildcard(c, text);
        for (size_t k = 0; wild != NULL && k < wild->set.n; k++)
            set_add(c, &c->names[i].set, wild->set.at[k]);
    }
}

static void make_sets(struct tls_certs *c)
{
    const struct cert_name *first = NULL;
    if (c->nnames > 1)
        qsort(c->names, c->nnames, sizeof(*c->names), by_text);
    unite(c);
    take_from_wildcards(c);
    for (size_t i = 0; first == NULL && i < c->nnames; i++)
        if (c->names[i].cert == 0)
            first = &c->names[i];
    set_add(c, &c->fallback, 0);
    for (size_t k = 0; first != NULL && k < first->set.n; k++)
        set_add(c, &c->fallback, first->set.at[k]);
}

static bool same_set(const struct cert_set *a, const struct cert_set *b)
{
    return a->n == b->n && memcmp(a->at, b->at, sizeof(a->at)) == 0;
}

/* --- choosing --- */

static const struct cert_set *asked_for(const struct tls_certs *c, const SSL *ssl)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    return name == NULL ? &c->fallback : find_set(c, name);
}

static int on_certificate(SSL *ssl, void *arg)
{
    struct tls_certs *c;
    OBJ_CAST(c, arg, CERTS_MAGIC);
    const struct cert_set *s = asked_for(c, ssl);
    if (same_set(s, &c->fallback))
        return 1;
    SSL_certs_clear(ssl);
    for (size_t i = 0; i < s->n; i++) {
        const struct tls_pair *p = &c->list[s->at[i]];
        if (SSL_use_cert_and_key(ssl, p->cert, p->key, p->chain, 1) != 1)
            return 0;
    }
    return 1;
}

/* --- until when --- */

enum { DAY_S = 24 * 3600 };

static uint64_t expiry_of(const X509 *cert)
{
    time_t at = tls_seconds(X509_get0_notAfter(cert), 0);
    return at > 0 ? (uint64_t)at : 0;
}

static void warn_of_expiry(const X509 *cert, const char *file)
{
    char date[CLOCK_ISO_LEN + 1];
    uint64_t now = clock_wall_ms() / 1000, at = expiry_of(cert);
    if (at > now + CERTIFICATE_SOON_DAYS * DAY_S)
        return;
    clock_iso(date, at * 1000);
    log_warn("tls", "the certificate in %s %s on %.10s", file, at > now ? "expires" : "expired",
             date);
}

uint64_t tls_certs_expiry(const struct tls_certs *c)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < c->n; i++) {
        uint64_t at = expiry_of(c->list[i].cert);
        first = at < first ? at : first;
    }
    return first;
}

/* --- loading --- */

static enum err load_one(struct tls_certs *c, SSL *probe, const struct config_certificate *cert,
                         const char *where, struct complaints *wrong)
{
    struct tls_pair *p = &c->list[c->n];
    ERR_clear_error();
    if (cert->self_signed.n == 0) {
        TRY(tls_pair_load(p, cert->cert, cert->key, where, wrong));
    } else if (!tls_self_signed(p, cert->self_signed.list, cert->self_signed.n)) {
        complain(wrong, where, NULL, "no certificate could be made: %s", tls_openssl_reason());
        return ERR_CONFIG;
    }
    c->n++;
    if (SSL_use_cert_and_key(probe, p->cert, p->key, p->chain, 1) != 1) {
        complain(wrong, where, "cert and its chain must be strong enough to be believed",
                 "%s cannot be used: %s", cert->cert, tls_openssl_reason());
        return ERR_CONFIG;
    }
    if (cert->self_signed.n == 0)
        warn_of_expiry(p->cert, cert->cert);
    TRY(add_names(c, c->n - 1));
    return cert->ocsp == NULL ? ERR_OK : tls_ocsp_load(p->cert, cert->ocsp, where, wrong);
}

static enum err load_all(struct tls_certs *c, const struct config_listener_tls *config,
                         const char *where, SSL_CTX *ssl, struct complaints *wrong)
{
    enum err e = ERR_OK;
    SSL *probe = SSL_new(ssl);
    if (probe == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < config->ncertificates; i++) {
        char here[WHERE_MAX];
        (void)snprintf(here, sizeof(here), "%s.certificates[%zu]", where, i);
        enum err one = load_one(c, probe, &config->certificates[i], here, wrong);
        if (one != ERR_OK)
            e = one; /* the others' faults are worth knowing too */
    }
    SSL_free(probe);
    return e;
}

static enum err use(struct tls_certs *c, SSL_CTX *ssl)
{
    make_sets(c);
    for (size_t i = 0; i < c->fallback.n; i++) {
        const struct tls_pair *p = &c->list[c->fallback.at[i]];
        if (SSL_CTX_use_cert_and_key(ssl, p->cert, p->key, p->chain, 1) != 1)
            return ERR_NO_MEMORY;
    }
    if (c->n > c->fallback.n)
        SSL_CTX_set_cert_cb(ssl, on_certificate, c);
    tls_ocsp_staple(ssl);
    return ERR_OK;
}

enum err tls_certs_load(const struct config_listener_tls *config, const char *where, SSL_CTX *ssl,
                        struct tls_certs **out, struct complaints *wrong)
{
    *out = NULL;
    struct tls_certs *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(c, CERTS_MAGIC);
    c->list = calloc(config->ncertificates, sizeof(*c->list));
    enum err e = c->list == NULL ? ERR_NO_MEMORY : load_all(c, config, where, ssl, wrong);
    if (e == ERR_OK)
        e = use(c, ssl);
    if (e != ERR_OK) {
        tls_certs_free(&c);
        return e;
    }
    *out = c;
    return ERR_OK;
}

void tls_certs_free(struct tls_certs **cp)
{
    struct tls_certs *c;
    OBJ_TAKE(c, cp, CERTS_MAGIC);
    for (size_t i = 0; i < c->n; i++)
        tls_pair_free(&c->list[i]);
    for (size_t i = 0; i < c->nnames; i++)
        free(c->names[i].text);
    free(c->list);
    free(c->names);
    c->magic = 0;
    free(c);
}
