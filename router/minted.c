/* The sticky cookie: a random id and its signature, "<32 hex digits>.<64 hex digits>". A client can
 * neither choose its bucket nor try many: it only gets ids from us. */
#include "router/room.h"

#include "base/digest.h"

enum { SIGNATURE_BYTES = 2 * DIGEST_BYTES, COOKIE_BYTES = MINTED_ID_BYTES + 1 + SIGNATURE_BYTES };

static enum err sign(const struct config_sticky_cookie *c, struct span id,
                     char out[SIGNATURE_BYTES])
{
    unsigned char mac[DIGEST_BYTES];
    TRY(digest_hmac(span_str(c->secret), id, mac));
    bytes_hex(out, mac, sizeof(mac));
    return ERR_OK;
}

enum err minted_read(const struct config_sticky_cookie *c, const struct http_head *head,
                     struct span *id)
{
    char signature[SIGNATURE_BYTES];
    struct span value = head == NULL ? SPAN_NULL : http_cookie(head, span_str(c->name));
    *id = SPAN_NULL;
    if (value.n != COOKIE_BYTES || value.p[MINTED_ID_BYTES] != '.')
        return ERR_OK;
    struct span said = span_until(value, MINTED_ID_BYTES);
    TRY(sign(c, said, signature));
    if (digest_same(span_from(value, MINTED_ID_BYTES + 1), span_of(signature, sizeof(signature))))
        *id = said;
    return ERR_OK;
}

enum err route_cookie(const struct snapshot *s, const struct decision *d, struct buf *out)
{
    const struct config_sticky_cookie *c = s->table->config->sticky_cookie;
    char signature[SIGNATURE_BYTES];
    BUG_IF(c == NULL || d->minted[0] == '\0');
    TRY(sign(c, span_of(d->minted, MINTED_ID_BYTES), signature));
    return buf_printf(out, "%s=%s.%.*s; Path=/; Max-Age=%llu; %sHttpOnly; SameSite=Lax", c->name,
                      d->minted, (int)sizeof(signature), signature,
                      (unsigned long long)(c->max_age / 1000), c->secure ? "Secure; " : "");
}
