/* Who a client is, by its certificate, in the words that backends read: made once per connection,
 * when the first request asks. */
#include "proxy/tls_peer.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>

/* RFC 2253; what is not printable ASCII is escaped, so that it can stand in a field. */
static enum err put_subject(struct buf *out, X509 *cert)
{
    char *text;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL ||
        X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) < 0) {
        BIO_free(bio);
        return ERR_NO_MEMORY;
    }
    long n = BIO_get_mem_data(bio, &text);
    enum err e = buf_append(out, span_of(text, n < 0 ? 0 : (size_t)n));
    BIO_free(bio);
    return e;
}

static enum err put_fingerprint(struct buf *out, X509 *cert)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (X509_digest(cert, EVP_sha256(), hash, &n) != 1)
        return ERR_NO_MEMORY;
    bytes_hex(hex, hash, n);
    return buf_append(out, span_of(hex, (size_t)2 * n));
}

/* RFC 9440 2.2: a byte sequence of structured fields, ":" base64 ":". */
static enum err put_certificate(struct buf *out, X509 *cert)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    if (n <= 0)
        return ERR_NO_MEMORY;
    size_t room = ((size_t)n + 2) / 3 * 4;
    enum err e = buf_reserve(out, room + 3); /* two colons, and EVP_EncodeBlock's NUL */
    if (e == ERR_OK) {
        out->p[out->n++] = ':';
        out->n += (size_t)EVP_EncodeBlock((unsigned char *)out->p + out->n, der, n);
        out->p[out->n++] = ':';
    }
    OPENSSL_free(der);
    return e;
}

static enum err fill(struct tls_peer *p, X509 *cert)
{
    TRY(put_subject(&p->text, cert));
    p->subject_n = p->text.n;
    TRY(put_fingerprint(&p->text, cert));
    p->fingerprint_n = p->text.n - p->subject_n;
    return put_certificate(&p->text, cert);
}

enum err tls_peer_new(const SSL *ssl, struct tls_peer **out)
{
    *out = NULL;
    X509 *cert = SSL_get0_peer_certificate(ssl);
    if (cert == NULL)
        return ERR_OK;
    struct tls_peer *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_NO_MEMORY;
    enum err e = fill(p, cert);
    if (e != ERR_OK)
        tls_peer_free(&p);
    ERR_clear_error();
    *out = p;
    return e;
}

void tls_peer_free(struct tls_peer **p)
{
    if (*p == NULL)
        return;
    buf_free(&(*p)->text);
    free(*p);
    *p = NULL;
}
