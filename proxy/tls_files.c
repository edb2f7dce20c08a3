/* Certificates and keys from files. Errors name the file and OpenSSL's own reason. */
#include "proxy/tls_ctx.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

enum { FILE_MAX = 1024 * 1024 };

const char *tls_openssl_reason(void)
{
    unsigned long e = ERR_peek_error();
    const char *text = e == 0 ? NULL : ERR_reason_error_string(e);
    if (e != 0 && ERR_SYSTEM_ERROR(e))
        text = strerror(ERR_GET_REASON(e));
    return text != NULL ? text : "unknown reason";
}

void tls_pair_free(struct tls_pair *p)
{
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
    sk_X509_pop_free(p->chain, X509_free);
    *p = (struct tls_pair){NULL, NULL, NULL};
}

bool tls_read_file(const char *file, struct buf *out)
{
    char part[4096];
    size_t n;
    FILE *f = fopen(file, "rbe");
    if (f == NULL)
        return false;
    out->max = FILE_MAX;
    errno = 0;
    bool ok = true;
    while (ok && (n = fread(part, 1, sizeof(part), f)) > 0)
        if (buf_append(out, span_of(part, n)) != ERR_OK) {
            errno = EFBIG;
            ok = false;
        }
    ok = ok && ferror(f) == 0;
    int e = errno;
    (void)fclose(f);
    errno = e;
    return ok;
}

/* An encrypted key would make OpenSSL ask at the terminal. */
static int no_password(char *out, int max, int writing, void *arg)
{
    UNUSED(out);
    UNUSED(max);
    UNUSED(writing);
    UNUSED(arg);
    return -1;
}

static bool is_end_of_file(void)
{
    unsigned long e = ERR_peek_last_error();
    return ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

static bool read_chain(BIO *bio, struct tls_pair *p)
{
    p->cert = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
    p->chain = p->cert == NULL ? NULL : sk_X509_new_null();
    if (p->chain == NULL)
        return false;
    for (;;) {
        X509 *next = PEM_read_bio_X509(bio, NULL, no_password, NULL);
        if (next == NULL)
            break;
        if (sk_X509_push(p->chain, next) == 0) {
            X509_free(next);
            return false;
        }
    }
    bool ok = is_end_of_file();
    if (ok)
        ERR_clear_error();
    return ok;
}

static bool load_chain(struct tls_pair *p, const char *file)
{
    BIO *bio = BIO_new_file(file, "rb");
    bool ok = bio != NULL && read_chain(bio, p);
    BIO_free(bio);
    return ok;
}

static bool load_key(struct tls_pair *p, const char *file)
{
    BIO *bio = BIO_new_file(file, "rb");
    if (bio != NULL)
        p->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    return p->key != NULL;
}

enum err tls_pair_load(struct tls_pair *p, const char *cert, const char *key, const char *where,
                       struct complaints *wrong)
{
    *p = (struct tls_pair){NULL, NULL, NULL};
    ERR_clear_error();
    if (!load_chain(p, cert))
        complain(wrong, where, "cert must be a PEM file with the certificate and its chain",
                 "%s cannot be used: %s", cert, tls_openssl_reason());
    else if (!load_key(p, key))
        complain(wrong, where,
                 "key must be the PEM file of the certificate's private key, without a password",
                 "%s cannot be used: %s", key, tls_openssl_reason());
    else if (X509_check_private_key(p->cert, p->key) != 1)
        complain(wrong, where, "cert and key must belong together", "%s is not the key of %s", key,
                 cert);
    else
        return ERR_OK;
    ERR_clear_error();
    tls_pair_free(p);
    return ERR_CONFIG;
}
