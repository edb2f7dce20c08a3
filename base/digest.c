/* OpenSSL 3 looks an algorithm up by name on every implicit fetch, which is slow; so it is fetched
 * once here. */
#include "base/digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

static EVP_MD *sha256;
static EVP_MD *sha1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release(void)
{
    EVP_MD_free(sha256);
    EVP_MD_free(sha1);
    sha256 = sha1 = NULL;
}

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    (void)OPENSSL_atexit(release);
}

static const EVP_MD *algorithm(void)
{
    pthread_once(&once, fetch);
    return sha256;
}

enum err digest_begin(struct digest **out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    *out = NULL;
    if (ctx == NULL)
        return ERR_NO_MEMORY;
    if (algorithm() == NULL || EVP_DigestInit_ex2(ctx, algorithm(), NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        return ERR_NO_MEMORY;
    }
    *out = (struct digest *)(void *)ctx;
    return ERR_OK;
}

void digest_add(struct digest *d, struct span s)
{
    BUG_IF(EVP_DigestUpdate((EVP_MD_CTX *)(void *)d, s.p, s.n) != 1);
}

void digest_end(struct digest **d, unsigned char out[DIGEST_BYTES])
{
    EVP_MD_CTX *ctx = (EVP_MD_CTX *)(void *)*d;
    *d = NULL;
    if (ctx == NULL)
        return;
    if (out != NULL)
        BUG_IF(EVP_DigestFinal_ex(ctx, out, NULL) != 1);
    EVP_MD_CTX_free(ctx);
}

enum err digest_of(struct span s, unsigned char out[DIGEST_BYTES])
{
    struct digest *d;
    TRY(digest_begin(&d));
    digest_add(d, s);
    digest_end(&d, out);
    return ERR_OK;
}

enum err digest_hmac(struct span key, struct span s, unsigned char out[DIGEST_BYTES])
{
    unsigned n = 0;
    if (algorithm() == NULL)
        return ERR_NO_MEMORY;
    if (key.n > INT_MAX)
        return ERR_TOO_LARGE;
    const char *k = key.n > 0 ? key.p : ""; /* a null key means "the one before" */
    if (HMAC(algorithm(), k, (int)key.n, (const unsigned char *)s.p, s.n, out, &n) == NULL)
        return ERR_NO_MEMORY;
    return n == DIGEST_BYTES ? ERR_OK : ERR_INVALID;
}

enum err digest_sha1(struct span s, unsigned char out[DIGEST_SHA1_BYTES])
{
    unsigned n;
    pthread_once(&once, fetch);
    if (sha1 == NULL || EVP_Digest(s.p, s.n, out, &n, sha1, NULL) != 1)
        return ERR_NO_MEMORY;
    return ERR_OK;
}

bool digest_same(struct span a, struct span b)
{
    return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}
