/* Session tickets (RFC 5077, RFC 8446 4.6.1): a session's state, encrypted with AES-256-CBC and
 * authenticated with HMAC-SHA256, kept by the client. Who has the keys can read recorded TLS 1.2
 * connections, so keys in memory live for a day at most and never touch the disk. They belong to
 * the process, so that a reload, which makes new contexts, does not forget sessions. */
#include "base/clock.h"
#include "base/handover.h"
#include "base/rand.h"
#include "proxy/tls_ctx.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NAME_BYTES = 16,
    KEY_BYTES = 32,
    TICKET_KEYS_MAX = 64, /* in a file */
    PERIOD_MS = 12 * 60 * 60 * 1000,
    TICKETS_MAGIC = 0x544c544b,
};

struct key { /* as nginx and HAProxy have it in files */
    unsigned char name[NAME_BYTES];
    unsigned char hmac[KEY_BYTES];
    unsigned char aes[KEY_BYTES];
};
_Static_assert(sizeof(struct key) == 80, "a ticket key has 80 bytes");

struct tls_tickets {
    unsigned magic;
    size_t n; /* 0: the keys in memory */
    struct key keys[];
};

/* --- the keys in memory --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {         /* under lock */
    struct key keys[2]; /* the one in use, the one before */
    size_t n;
    uint64_t made_ms;
} memory;

static void turn(uint64_t now_ms)
{
    uint64_t periods = now_ms < memory.made_ms ? 0 : (now_ms - memory.made_ms) / PERIOD_MS;
    struct key fresh;
    if ((memory.n > 0 && periods == 0) || rand_secret(&fresh, sizeof(fresh)) != ERR_OK)
        return;
    memory.keys[1] = memory.keys[0];
    memory.keys[0] = fresh;
    memory.n = memory.n == 0 || periods > 1 ? 1 : 2; /* nobody came for a period: too old already */
    if (memory.n == 1)
        OPENSSL_cleanse(&memory.keys[1], sizeof(memory.keys[1]));
    memory.made_ms = now_ms;
    OPENSSL_cleanse(&fresh, sizeof(fresh));
}

void tls_tickets_turn(uint64_t now_ms)
{
    pthread_mutex_lock(&lock);
    turn(now_ms);
    pthread_mutex_unlock(&lock);
}

/* --- to the process that takes our place --- */

/* "tickets MADE N " and the keys: they never leave the memory of the two. */
enum err tls_tickets_hand_over(int channel)
{
    char text[64 + sizeof(memory.keys)];
    pthread_mutex_lock(&lock);
    int n = snprintf(text, sizeof(text), "tickets %llu %zu ", (unsigned long long)memory.made_ms,
                     memory.n);
    memcpy(text + n, memory.keys, memory.n * sizeof(struct key));
    size_t all = (size_t)n + memory.n * sizeof(struct key);
    pthread_mutex_unlock(&lock);
    enum err e = handover_send(channel, span_of(text, all), -1);
    OPENSSL_cleanse(text, sizeof(text));
    return e;
}

void tls_tickets_take(struct span text)
{
    struct span made, count;
    uint64_t made_ms, n;
    if (!span_cut(&text, ' ', &made) || !span_cut(&text, ' ', &count) ||
        !span_u64(made, &made_ms) || !span_u64(count, &n) || n > 2 ||
        text.n != n * sizeof(struct key))
        return;
    pthread_mutex_lock(&lock);
    memcpy(memory.keys, text.p, text.n);
    memory.n = n;
    memory.made_ms = made_ms;
    pthread_mutex_unlock(&lock);
}

/* --- choosing --- */

/* The key of that name (NULL: the one to encrypt with). Its place, or -1. */
static int find(const struct key *keys, size_t n, const unsigned char *name, struct key *out)
{
    for (size_t i = 0; i < n; i++)
        if (name == NULL || memcmp(keys[i].name, name, NAME_BYTES) == 0) {
            *out = keys[i];
            return (int)i;
        }
    return -1;
}

static int pick(const struct tls_tickets *t, const unsigned char *name, struct key *out)
{
    if (t->n > 0)
        return find(t->keys, t->n, name, out);
    pthread_mutex_lock(&lock);
    turn(clock_us() / 1000);
    int at = find(memory.keys, memory.n, name, out);
    pthread_mutex_unlock(&lock);
    return at;
}

/* --- OpenSSL's questions --- */

static bool ready_mac(EVP_MAC_CTX *mac, struct key *k)
{
    char digest[] = "SHA256";
    OSSL_PARAM with[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->hmac, sizeof(k->hmac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, with) == 1;
}

/* 0: no ticket, or one of an unknown key, so a full handshake; 1: this key; 2: this key, and the
 * client gets a new ticket. TLS 1.3 clients use a ticket once. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int encrypt)
{
    struct tls_tickets *t;
    struct key k;
    OBJ_CAST(t, SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)), TICKETS_MAGIC);
    int at = pick(t, encrypt ? NULL : name, &k);
    if (at < 0)
        return 0;
    bool ok = ready_mac(mac, &k);
    if (encrypt) {
        memcpy(name, k.name, NAME_BYTES);
        ok = ok && RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
             EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k.aes, iv) == 1;
    } else {
        ok = ok && EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k.aes, iv) == 1;
    }
    OPENSSL_cleanse(&k, sizeof(k));
    if (!ok)
        return -1;
    return !encrypt && (at > 0 || SSL_version(ssl) >= TLS1_3_VERSION) ? 2 : 1;
}

/* --- life --- */

static enum err read_keys(const char *file, const char *where, struct buf *out,
                          struct complaints *wrong)
{
    if (!tls_read_file(file, out))
        complain(wrong, where, "ticket_keys must be a file that weir can read",
                 "%s cannot be read: %s", file, strerror(errno));
    else if (out->n == 0 || out->n % sizeof(struct key) != 0 ||
             out->n / sizeof(struct key) > TICKET_KEYS_MAX)
        complain(wrong, where, "it must hold 1 to 64 keys of 80 bytes", "%s has %zu bytes", file,
                 out->n);
    else
        return ERR_OK;
    return ERR_CONFIG;
}

enum err tls_tickets_load(const char *file, const char *where, SSL_CTX *ssl,
                          struct tls_tickets **out, struct complaints *wrong)
{
    struct buf bytes = BUF_INIT(0);
    enum err e = file == NULL ? ERR_OK : read_keys(file, where, &bytes, wrong);
    *out = e != ERR_OK ? NULL : calloc(1, sizeof(**out) + bytes.n);
    if (*out != NULL) {
        OBJ_INIT(*out, TICKETS_MAGIC);
        (*out)->n = bytes.n / sizeof(struct key);
        if (bytes.n > 0)
            memcpy((*out)->keys, bytes.p, bytes.n);
        SSL_CTX_set_app_data(ssl, *out);
        (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
    } else if (e == ERR_OK) {
        e = ERR_NO_MEMORY;
    }
    if (bytes.n > 0)
        OPENSSL_cleanse(bytes.p, bytes.n);
    buf_free(&bytes);
    return e;
}

void tls_tickets_free(struct tls_tickets **tp)
{
    struct tls_tickets *t;
    OBJ_TAKE(t, tp, TICKETS_MAGIC);
    OPENSSL_cleanse(t->keys, t->n * sizeof(struct key));
    t->magic = 0;
    free(t);
}
