/* A hash table in stripes, each with its lock; the hash is keyed, because clients choose their
 * addresses. An entry lives as long as its count is not zero. */
#include "proxy/tally.h"

#include "base/digest.h"
#include "base/rand.h"

#include <pthread.h>
#include <stdlib.h>

enum { STRIPES = 64, BUCKETS = 256, PLACES = STRIPES * BUCKETS };

struct entry {
    struct entry *next;
    struct tally_key key;
    unsigned n;
};

struct stripe {
    pthread_mutex_t lock;
    struct entry *buckets[BUCKETS]; /* under lock */
};

struct tally {
    uint64_t seed[2];
    struct stripe stripes[STRIPES];
};

struct tally_key tally_client(const struct endpoint *client)
{
    struct tally_key k = {{0}};
    if (client->n == 4) {
        memset(k.bytes + 10, 0xff, 2);
        memcpy(k.bytes + 12, client->ip, 4);
    } else if (client->n == 16) {
        memcpy(k.bytes, client->ip, 8);
    }
    return k;
}

enum err tally_listener(const struct address *a, struct tally_key *out)
{
    unsigned char digest[DIGEST_BYTES];
    char text[160];
    size_t n = address_text(a, text, sizeof(text) - 1);
    text[n++] = (char)a->twin;
    TRY(digest_of(span_of(text, n), digest));
    memcpy(out->bytes, digest, sizeof(out->bytes));
    return ERR_OK;
}

enum err tally_new(struct tally **out)
{
    struct tally *t = calloc(1, sizeof(*t));
    *out = t;
    if (t == NULL)
        return ERR_NO_MEMORY;
    t->seed[0] = rand_u64();
    t->seed[1] = rand_u64() | 1;
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_init(&t->stripes[i].lock, NULL);
    return ERR_OK;
}

void tally_free(struct tally **tp)
{
    struct tally *t = *tp;
    *tp = NULL;
    if (t == NULL)
        return;
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&t->stripes[i].lock);
    free(t);
}

/* A product's upper bits depend on every bit of its factors, its lower ones do not: of IPv4, whose
 * bytes stand at the upper end, they would tell hardly any two clients apart. */
static unsigned hash(const struct tally *t, const struct tally_key *key)
{
    uint64_t word[2];
    memcpy(word, key->bytes, sizeof(word));
    uint64_t h = (word[0] ^ t->seed[0]) * t->seed[1];
    h = (h ^ h >> 32 ^ word[1]) * t->seed[1];
    return (unsigned)(h >> 32) / (UINT32_MAX / PLACES + 1);
}

/* Where the entry hangs, or would hang. */
static struct entry **find(struct stripe *s, unsigned h, const struct tally_key *key)
{
    struct entry **at = &s->buckets[h / STRIPES];
    while (*at != NULL && memcmp(&(*at)->key, key, sizeof(*key)) != 0)
        at = &(*at)->next;
    return at;
}

enum err tally_take(struct tally *t, const struct tally_key *key, unsigned max)
{
    unsigned h = hash(t, key);
    struct stripe *s = &t->stripes[h % STRIPES];
    enum err e = ERR_OK;
    pthread_mutex_lock(&s->lock);
    struct entry **at = find(s, h, key);
    if (*at == NULL && (*at = calloc(1, sizeof(**at))) != NULL)
        (*at)->key = *key;
    if (*at == NULL)
        e = ERR_NO_MEMORY;
    else if ((*at)->n >= max)
        e = ERR_QUEUE_FULL;
    else
        (*at)->n++;
    pthread_mutex_unlock(&s->lock);
    return e;
}

void tally_give(struct tally *t, const struct tally_key *key)
{
    unsigned h = hash(t, key);
    struct stripe *s = &t->stripes[h % STRIPES];
    pthread_mutex_lock(&s->lock);
    struct entry **at = find(s, h, key);
    struct entry *e = *at;
    BUG_IF(e == NULL || e->n == 0);
    if (--e->n == 0) {
        *at = e->next;
        free(e);
    }
    pthread_mutex_unlock(&s->lock);
}
