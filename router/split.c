/* Which bucket a user is in. The same everywhere and for ever: the key comes from the salt alone,
 * the hash is SipHash-2-4 (Aumasson and Bernstein, 2012) over bytes, and no part of it depends on
 * the machine. Changing anything here moves users from one side to the other in the middle of a
 * migration. */
#include "router/room.h"

#include "base/digest.h"
#include "base/rand.h"

#include <endian.h>

/* --- SipHash-2-4 --- */

struct sip {
    uint64_t v[4];
    unsigned char tail[8]; /* bytes that do not make a word yet */
    size_t n;              /* bytes taken so far */
};

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static uint64_t word_of(const unsigned char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return le64toh(w);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_word(struct sip *s, uint64_t w)
{
    s->v[3] ^= w;
    sip_round(s->v);
    sip_round(s->v);
    s->v[0] ^= w;
}

static void sip_begin(struct sip *s, const unsigned char key[16])
{
    uint64_t k0 = word_of(key);
    uint64_t k1 = word_of(key + 8);
    s->v[0] = k0 ^ 0x736f6d6570736575u;
    s->v[1] = k1 ^ 0x646f72616e646f6du;
    s->v[2] = k0 ^ 0x6c7967656e657261u;
    s->v[3] = k1 ^ 0x7465646279746573u;
    s->n = 0;
}

static void sip_add(struct sip *s, struct span in)
{
    if (in.n == 0)
        return; /* in.p may be NULL */
    const unsigned char *p = (const unsigned char *)in.p;
    const unsigned char *end = p + in.n;
    while (p < end && s->n % 8 != 0) {
        s->tail[s->n++ % 8] = *p++;
        if (s->n % 8 == 0)
            sip_word(s, word_of(s->tail));
    }
    for (; end - p >= 8; p += 8, s->n += 8)
        sip_word(s, word_of(p));
    while (p < end)
        s->tail[s->n++ % 8] = *p++;
}

static uint64_t sip_end(struct sip *s)
{
    uint64_t last = (uint64_t)s->n << 56;
    for (size_t i = 0; i < s->n % 8; i++)
        last |= (uint64_t)s->tail[i] << (8 * i);
    sip_word(s, last);
    s->v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(s->v);
    return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

uint64_t split_hash(const unsigned char key[16], struct span a, struct span b)
{
    struct sip s;
    sip_begin(&s, key);
    sip_add(&s, a);
    sip_add(&s, b);
    return sip_end(&s);
}

/* --- buckets --- */

/* The high half of the product: each bucket gets the same share to within one part in 10^15,
 * without a division. */
static uint16_t scale(uint64_t hash)
{
    return (uint16_t)((unsigned __int128)hash * WEIGHT_ALL >> 64);
}

unsigned route_bucket(const unsigned char key[16], struct span sticky_key_bytes)
{
    return scale(split_hash(key, sticky_key_bytes, SPAN_NULL));
}

uint16_t sticky_bucket(const struct sticky_key *k, const unsigned char key[16])
{
    return scale(k->random ? rand_u64() : split_hash(key, k->parts[0], k->parts[1]));
}

/* One digest gives both keys, so who is mirrored says nothing about who is sent to new. */
static enum err digest_keys(struct span text, unsigned char key[2][16])
{
    unsigned char digest[DIGEST_BYTES];
    _Static_assert(DIGEST_BYTES == 32, "two keys of 16 bytes");
    TRY(digest_of(text, digest));
    memcpy(key[0], digest, 16);
    memcpy(key[1], digest + 16, 16);
    return ERR_OK;
}

enum err split_keys(const char *salt, unsigned char key[2][16])
{
    return digest_keys(span_str(salt), key);
}

enum err cohort_key(const struct route_table *t, struct route *r)
{
    struct buf text = BUF_INIT(0);
    unsigned char keys[2][16];
    memcpy(r->key, t->key[0], sizeof(r->key));
    if (r->config->cohort == NULL)
        return ERR_OK;
    enum err e = buf_printf(&text, "%s%c%s", t->config->salt, '\n', r->config->cohort);
    if (e == ERR_OK)
        e = buf_append(&text, span_of("", 1)); /* no salt alone ends like this */
    if (e == ERR_OK)
        e = digest_keys(buf_span(&text), keys);
    buf_free(&text);
    if (e == ERR_OK)
        memcpy(r->key, keys[0], sizeof(r->key));
    return e;
}

/* --- sticky sources --- */

static enum err parse_source(const char *text, struct sticky *out)
{
    struct span s = span_str(text);
    *out = (struct sticky){.source = STICKY_IP};
    if (span_eq(s, SPAN("ip")))
        return ERR_OK;
    if (span_eq(s, SPAN("ip+uri"))) {
        out->source = STICKY_IP_URI;
    } else if (span_eq(s, SPAN("random"))) {
        out->source = STICKY_RANDOM;
    } else if (span_eq(s, SPAN("minted"))) {
        out->source = STICKY_MINTED;
    } else if (span_has_prefix(s, SPAN("header:"))) {
        out->source = STICKY_HEADER;
        out->name = span_from(s, 7);
        out->field = http_field_lookup(out->name);
    } else if (span_has_prefix(s, SPAN("cookie:"))) {
        out->source = STICKY_COOKIE;
        out->name = span_from(s, 7);
    } else {
        return ERR_INVALID; /* the loader has let it through */
    }
    return ERR_OK;
}

enum err sticky_build(struct route *r, struct arena *a)
{
    const struct config_names *chain = &r->config->sticky;
    r->nsticky = chain->n;
    r->sticky = arena_alloc(a, (chain->n + 1) * sizeof(*r->sticky));
    if (r->sticky == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < chain->n; i++)
        TRY(parse_source(chain->list[i], &r->sticky[i]));
    return ERR_OK;
}

/* One client is one user, over IPv4 or the same IPv4 address mapped into IPv6 (RFC 4291 2.5.5.2).
 */
static struct span plain_ip(struct span ip)
{
    static const char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)0xff, (char)0xff};
    if (ip.n == 16 && memcmp(ip.p, mapped, sizeof(mapped)) == 0)
        return span_from(ip, sizeof(mapped));
    return ip;
}

static struct span field_value(const struct sticky *s, const struct http_head *head)
{
    if (head == NULL)
        return SPAN_NULL;
    if (s->source == STICKY_COOKIE)
        return http_cookie(head, s->name);
    if (s->field != HTTP_UNKNOWN_FIELD)
        return http_head_value(head, s->field);
    const struct http_field *f = http_head_find_name(head, s->name);
    return f == NULL ? SPAN_NULL : f->value;
}

static void mint(char id[MINTED_ID_BYTES + 1])
{
    uint64_t r[2] = {rand_u64(), rand_u64()};
    _Static_assert(MINTED_ID_BYTES == 2 * sizeof(r), "in hex");
    bytes_hex(id, r, sizeof(r));
    id[MINTED_ID_BYTES] = '\0';
}

static enum err minted_key(const struct route_table *t, const struct route_query *q,
                           struct sticky_key *out, char minted[MINTED_ID_BYTES + 1])
{
    TRY(minted_read(t->config->sticky_cookie, q->head, &out->parts[0]));
    if (out->parts[0].n > 0)
        return ERR_OK;
    mint(minted);
    out->parts[0] = span_of(minted, MINTED_ID_BYTES);
    return ERR_OK;
}

enum err sticky_key(const struct route_table *t, const struct route *r, const struct route_query *q,
                    struct sticky_key *out, char minted[MINTED_ID_BYTES + 1])
{
    *out = (struct sticky_key){.parts = {plain_ip(q->client_ip)}, .name = "ip"};
    minted[0] = '\0';
    for (size_t i = 0; i < r->nsticky; i++) {
        const struct sticky *s = &r->sticky[i];
        if (s->source == STICKY_HEADER || s->source == STICKY_COOKIE) {
            struct span value = field_value(s, q->head);
            if (value.n == 0)
                continue;
            out->parts[0] = value;
            out->is_user = true;
        }
        if (s->source == STICKY_IP_URI)
            out->parts[1] = q->path;
        out->random = s->source == STICKY_RANDOM;
        out->name = r->config->sticky.list[i];
        return s->source == STICKY_MINTED ? minted_key(t, q, out, minted) : ERR_OK;
    }
    return ERR_OK;
}
