/* The opening handshake. Whoever answers 101 must have understood the request: the key and its
 * answer keep a cache or a server that only repeats fields from being taken for one that did. */
#include "http/ws.h"

#include "base/digest.h"
#include "base/rand.h"
#include "http/scan.h"

static unsigned count(const struct http_head *h, enum http_field_id id)
{
    unsigned n = 0;
    for (size_t i = 0; i < h->nfields; i++)
        n += h->fields[i].id == id && (h->fields[i].flags & HTTP_FIELD_DROPPED) == 0;
    return n;
}

/* Whether any of the fields with this id lists the word. */
static bool names(const struct http_head *h, enum http_field_id id, struct span word)
{
    for (size_t i = 0; i < h->nfields; i++)
        if (h->fields[i].id == id && (h->fields[i].flags & HTTP_FIELD_DROPPED) == 0 &&
            http_list_has(h->fields[i].value, word))
            return true;
    return false;
}

/* 16 bytes in base64: 22 digits and "==". */
static bool is_key(struct span key)
{
    if (key.n != WS_KEY_LEN || key.p[WS_KEY_LEN - 2] != '=' || key.p[WS_KEY_LEN - 1] != '=')
        return false;
    for (size_t i = 0; i < WS_KEY_LEN - 2; i++) {
        char c = byte_lower(key.p[i]);
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '/')
            return false;
    }
    return true;
}

enum err ws_open_version(const struct http_head *h)
{
    if (count(h, HTTP_SEC_WEBSOCKET_VERSION) != 1)
        return ERR_BAD_WEBSOCKET;
    struct span version = http_head_value(h, HTTP_SEC_WEBSOCKET_VERSION);
    return span_eq(version, SPAN("13")) ? ERR_OK : ERR_WEBSOCKET_VERSION;
}

enum err ws_open_check(struct http_head *h, bool has_body)
{
    if (h->method != HTTP_GET || h->version != HTTP_1_1 ||
        !names(h, HTTP_UPGRADE, SPAN("websocket")) || !names(h, HTTP_CONNECTION, SPAN("upgrade")))
        return ERR_OK;
    TRY(ws_open_version(h));
    if (has_body || count(h, HTTP_SEC_WEBSOCKET_KEY) != 1 ||
        !is_key(http_head_value(h, HTTP_SEC_WEBSOCKET_KEY)))
        return ERR_BAD_WEBSOCKET;
    h->websocket = true;
    return ERR_OK;
}

enum err ws_open_key(struct http_head *h)
{
    uint64_t nonce[2] = {rand_u64(), rand_u64()};
    char *key = arena_alloc(h->arena, WS_KEY_LEN);
    if (key == NULL)
        return ERR_NO_MEMORY;
    bytes_base64(key, nonce, sizeof(nonce));
    http_head_drop(h, HTTP_SEC_WEBSOCKET_KEY);
    return http_head_add_id(h, HTTP_SEC_WEBSOCKET_KEY, span_of(key, WS_KEY_LEN));
}

enum err ws_accept_for(struct span key, char out[WS_ACCEPT_LEN])
{
    static const struct span guid = {"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36};
    char text[WS_KEY_LEN + 36];
    unsigned char hash[DIGEST_SHA1_BYTES];
    if (key.n != WS_KEY_LEN)
        return ERR_BAD_WEBSOCKET;
    memcpy(text, key.p, key.n);
    memcpy(text + key.n, guid.p, guid.n);
    TRY(digest_sha1(span_of(text, sizeof(text)), hash));
    bytes_base64(out, hash, sizeof(hash));
    return ERR_OK;
}

bool ws_is_accepted(const struct http_head *h, struct span accept)
{
    return count(h, HTTP_SEC_WEBSOCKET_ACCEPT) == 1 && count(h, HTTP_UPGRADE) == 1 &&
           span_eq(http_head_value(h, HTTP_SEC_WEBSOCKET_ACCEPT), accept) &&
           span_eq_nocase(http_head_value(h, HTTP_UPGRADE), SPAN("websocket")) &&
           names(h, HTTP_CONNECTION, SPAN("upgrade"));
}
