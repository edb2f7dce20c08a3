/* OCSP stapling (RFC 6066 8, RFC 6960). The response hangs on its certificate, so that whichever
 * certificate a handshake chooses brings its own. weir fetches none: something like certbot's or
 * openssl ocsp's output is read from a file. Its signature is the client's to verify. */
#include "base/log.h"
#include "base/metrics.h"
#include "proxy/tls_ctx.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct staple {
    time_t from;
    time_t until;
    int n;
    unsigned char der[];
};

static int place; /* in certificates */
static metric_slot sent, stale;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_staple(void *parent, void *staple, CRYPTO_EX_DATA *data, int index, long l,
                        void *p)
{
    UNUSED(parent);
    UNUSED(data);
    UNUSED(index);
    UNUSED(l);
    UNUSED(p);
    free(staple);
}

static void begin(void)
{
    static const char *const words[2][1] = {{"sent"}, {"stale"}};
    place = X509_get_ex_new_index(0, NULL, NULL, NULL, free_staple);
    if (metrics_series(METRIC_TLS_STAPLES, words[0], &sent) != ERR_OK ||
        metrics_series(METRIC_TLS_STAPLES, words[1], &stale) != ERR_OK)
        log_warn("tls", "OCSP responses are not counted: %s", err_sentence(ERR_NO_MEMORY));
}

/* --- reading one --- */

/* The issuer's certificate may not be at hand: its name and the serial number identify. */
static bool is_about(OCSP_SINGLERESP *one, X509 *cert)
{
    ASN1_OCTET_STRING *name;
    ASN1_OBJECT *algorithm;
    ASN1_INTEGER *serial;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(one);
    if (OCSP_id_get0_info(&name, &algorithm, NULL, &serial, id) != 1)
        return false;
    const EVP_MD *md = EVP_get_digestbyobj(algorithm);
    return md != NULL && ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(cert)) == 0 &&
           X509_NAME_digest(X509_get_issuer_name(cert), md, hash, &n) == 1 &&
           span_eq(span_of(hash, n),
                   span_of(ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name)));
}

static OCSP_SINGLERESP *find_answer(OCSP_BASICRESP *basic, X509 *cert)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++)
        if (is_about(OCSP_resp_get0(basic, i), cert))
            return OCSP_resp_get0(basic, i);
    return NULL;
}

static void warn(const struct staple *s, int status, const char *file)
{
    time_t now = time(NULL);
    if (status != V_OCSP_CERTSTATUS_GOOD)
        log_warn("tls", "the OCSP response in %s says that the certificate is %s", file,
                 OCSP_cert_status_str(status));
    if (now >= s->until)
        log_warn("tls", "the OCSP response in %s has expired and is not sent", file);
    else if (now < s->from)
        log_warn("tls", "the OCSP response in %s is not valid yet and is not sent", file);
}

static enum err attach(X509 *cert, struct span der, OCSP_SINGLERESP *answer, const char *file)
{
    ASN1_GENERALIZEDTIME *from, *until;
    int status = OCSP_single_get0_status(answer, NULL, NULL, &from, &until);
    struct staple *s = malloc(sizeof(*s) + der.n);
    if (s == NULL)
        return ERR_NO_MEMORY;
    s->n = (int)der.n;
    memcpy(s->der, der.p, der.n);
    s->from = tls_seconds(from, 0);
    s->until = tls_seconds(until, INT64_MAX); /* without one it is good until there is a newer */
    warn(s, status, file);
    if (X509_set_ex_data(cert, place, s) == 1)
        return ERR_OK;
    free(s);
    return ERR_NO_MEMORY;
}

static enum err attach_answer(X509 *cert, struct span der, const char *file, const char **fault)
{
    const unsigned char *p = (const unsigned char *)der.p;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
    OCSP_BASICRESP *basic = NULL;
    OCSP_SINGLERESP *answer = NULL;
    if (response == NULL)
        *fault = "is not an OCSP response";
    else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        *fault = OCSP_response_status_str(OCSP_response_status(response));
    else if ((basic = OCSP_response_get1_basic(response)) == NULL)
        *fault = "holds no basic OCSP response";
    else if ((answer = find_answer(basic, cert)) == NULL)
        *fault = "is about another certificate";
    enum err e = answer == NULL ? ERR_CONFIG : attach(cert, der, answer, file);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return e;
}

enum err tls_ocsp_load(X509 *cert, const char *file, const char *where, struct complaints *wrong)
{
    struct buf der = BUF_INIT(0);
    const char *fault = NULL;
    pthread_once(&once, begin);
    enum err e = ERR_CONFIG;
    if (!tls_read_file(file, &der))
        fault = strerror(errno);
    else
        e = attach_answer(cert, buf_span(&der), file, &fault);
    if (fault != NULL)
        complain(wrong, where, "ocsp must be a DER file with the OCSP response for cert",
                 "%s cannot be used: %s", file, fault);
    buf_free(&der);
    return e;
}

/* --- sending it --- */

static int on_status_request(SSL *ssl, void *arg)
{
    UNUSED(arg);
    X509 *cert = SSL_get_certificate(ssl); /* the one that was chosen */
    const struct staple *s = cert == NULL ? NULL : X509_get_ex_data(cert, place);
    if (s == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    time_t now = time(NULL);
    bool valid = now >= s->from && now < s->until;
    metric_inc(valid ? sent : stale);
    unsigned char *copy = valid ? OPENSSL_memdup(s->der, (size_t)s->n) : NULL;
    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    (void)SSL_set_tlsext_status_ocsp_resp(ssl, copy, s->n); /* takes it */
    return SSL_TLSEXT_ERR_OK;
}

void tls_ocsp_staple(SSL_CTX *ssl)
{
    pthread_once(&once, begin);
    (void)SSL_CTX_set_tlsext_status_cb(ssl, on_status_request);
}
