/* Tokens, and names that give a secret away. */
#include "shadow/redact.h"

#include "base/digest.h"
#include "base/rand.h"
#include "shadow/jwrite.h"

enum {
    FULL_MAX = 200,      /* bytes of a value in full */
    OPEN_MAX = 64,       /* bytes of a word of the protocol */
    TARGET_MAX = 2048,   /* bytes of a target, redacted */
    NAME_MAX_BYTES = 64, /* a longer query name is a value */
};

enum err redact_begin(struct redactor *r, enum shadow_store store)
{
    r->store = store;
    return rand_secret(r->key, sizeof(r->key));
}

/* --- names --- */

static size_t letters(struct span name, char *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < max; i++) {
        char c = byte_lower(name.p[i]);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            out[n++] = c;
    }
    return n;
}

static bool contains(struct span s, const char *part)
{
    return memmem(s.p, s.n, part, strlen(part)) != NULL;
}

bool redact_is_secret_name(struct span name)
{
    static const char *const parts[] = {
        "passw",     "passphrase", "secret",     "token",         "apikey",
        "accesskey", "privatekey", "credential", "authorization", "cookie",
        "sessionid", "bearer",     "signature",  "encryptionkey", "signingkey",
        "authkey",   "cardnumber", "csrf",       "xsrf",
    };
    static const char *const whole[] = {"pwd", "auth", "session", "sid", "pin",  "sig",       "ssn",
                                        "cvv", "cvc",  "otp",     "jwt", "iban", "creditcard"};
    char plain[64];
    if (name.n == 0)
        return false;
    struct span s = span_of(plain, letters(name, plain, sizeof(plain)));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (contains(s, parts[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (span_eq(s, span_str(whole[i])))
            return true;
    return false;
}

bool redact_is_secret_path(struct span path)
{
    size_t n = span_has_prefix(path, SPAN("header:"))    ? 7
               : span_has_prefix(path, SPAN("trailer:")) ? 8
                                                         : 0;
    return n > 0 && redact_is_secret_name(span_from(path, n));
}

/* --- values --- */

static enum err token(const struct redactor *r, enum vclass c, struct span text, size_t length,
                      struct buf *out)
{
    unsigned char mac[DIGEST_BYTES];
    char hex[6];
    TRY(digest_hmac(span_of(r->key, sizeof(r->key)), text.p == NULL ? SPAN("") : text, mac));
    bytes_hex(hex, mac, sizeof(hex) / 2);
    return buf_printf(out, "<%s#%.6s,%zu>", vclass_word(c), hex, length);
}

enum err redact_text(const struct redactor *r, struct span text, struct buf *out)
{
    return token(r, vclass_of_string(text), text, text.n, out);
}

static enum err value_token(const struct redactor *r, const struct diff_value *v, struct buf *json)
{
    bool container = v->vclass == VCLASS_OBJECT || v->vclass == VCLASS_ARRAY;
    TRY(buf_append(json, SPAN("\"")));
    if (container)
        TRY(token(r, v->vclass, span_of(&v->hash, sizeof(v->hash)), v->count, json));
    else if (v->vclass == VCLASS_NULL || v->vclass == VCLASS_EMPTY)
        TRY(buf_printf(json, "<%s>", vclass_word(v->vclass)));
    else
        TRY(token(r, v->vclass, v->text, v->vclass == VCLASS_BOOL ? 1 : v->text.n, json));
    return buf_append(json, SPAN("\""));
}

enum err redact_value(const struct redactor *r, const struct finding *f, enum side side,
                      struct buf *json)
{
    const struct diff_value *v = &f->values[side];
    bool container = v->vclass == VCLASS_OBJECT || v->vclass == VCLASS_ARRAY;
    BUG_IF(r->store != SHADOW_STORE_TOKENS && r->store != SHADOW_STORE_FULL);
    if (!v->present)
        return buf_append(json, SPAN("null"));
    if (f->open)
        return jwrite_string(json, span_until(v->text, jwrite_cut(v->text, OPEN_MAX)));
    if (f->secret)
        return buf_append(json, SPAN("\"<secret>\""));
    if (r->store == SHADOW_STORE_FULL && !container && !f->unread)
        return jwrite_string(json, span_until(v->text, jwrite_cut(v->text, FULL_MAX)));
    return value_token(r, v, json);
}

/* --- targets --- */

static bool unescape(struct span s, char *out, size_t max, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t v = (unsigned char)s.p[i];
        if (*n == max)
            return false;
        if (s.p[i] == '%' && s.n - i > 2 && span_hex_u64(span_of(s.p + i + 1, 2), &v))
            i += 2;
        out[(*n)++] = (char)v;
    }
    return true;
}

/* Short words and short numbers stay, so that a person can see where a request went. */
static bool is_harmless_segment(struct span s)
{
    char plain[64];
    size_t n;
    if (!unescape(s, plain, sizeof(plain), &n))
        return false;
    struct span t = span_of(plain, n);
    switch (vclass_of_string(t)) {
    case VCLASS_EMPTY:
    case VCLASS_TIME:
        return true;
    case VCLASS_DIGITS:
    case VCLASS_NUMERIC:
        return n <= 9;
    case VCLASS_TEXT:
        return n <= 32 && !vclass_is_id(t);
    default:
        return false;
    }
}

static enum err path_part(const struct redactor *r, struct span path, struct buf *out)
{
    struct span rest = path, segment;
    for (bool first = true; span_cut(&rest, '/', &segment); first = false) {
        if (!first)
            TRY(buf_append(out, SPAN("/")));
        if (r->store == SHADOW_STORE_FULL || is_harmless_segment(segment))
            TRY(buf_append(out, segment));
        else
            TRY(redact_text(r, segment, out));
    }
    return ERR_OK;
}

static bool is_harmless_name(struct span name)
{
    return name.n > 0 && name.n <= NAME_MAX_BYTES && !vclass_is_id(name);
}

static enum err query_item(const struct redactor *r, struct span item, struct buf *out)
{
    size_t eq = span_find(item, '=');
    struct span name = span_until(item, eq);
    char plain[NAME_MAX_BYTES * 3];
    size_t n;
    bool named = eq < item.n && unescape(name, plain, sizeof(plain), &n) &&
                 is_harmless_name(span_of(plain, n));
    if (!named) /* a flag, or a value without a name: there is no telling */
        return item.n == 0 ? ERR_OK : redact_text(r, item, out);
    struct span value = span_from(item, eq + 1);
    TRY(buf_append(out, name));
    TRY(buf_append(out, SPAN("=")));
    if (redact_is_secret_name(span_of(plain, n)))
        return buf_append(out, SPAN("<secret>"));
    if (r->store == SHADOW_STORE_FULL)
        return buf_append(out, value);
    return value.n == 0 ? ERR_OK : redact_text(r, value, out);
}

static enum err write_target(const struct redactor *r, struct span target, struct buf *out)
{
    size_t question = span_find(target, '?');
    TRY(path_part(r, span_until(target, question), out));
    if (question == target.n)
        return ERR_OK;
    struct span rest = span_from(target, question + 1), item;
    for (const char *sep = "?"; span_cut(&rest, '&', &item); sep = "&") {
        TRY(buf_append(out, span_str(sep)));
        TRY(query_item(r, item, out));
    }
    return ERR_OK;
}

enum err redact_target(const struct redactor *r, struct span target, struct buf *json)
{
    struct buf text = BUF_INIT(TARGET_MAX);
    enum err e = write_target(r, target, &text);
    if (e == ERR_TOO_LARGE) /* what fits is enough to recognise it */
        e = ERR_OK;
    if (e == ERR_OK)
        e = jwrite_string(json, buf_span(&text));
    buf_free(&text);
    return e;
}
