/* The special difficulty is the change from no secret to one, and from one to another, in a fleet
 * that is not reloaded at one moment: so a line is understood also where none is required, and
 * several secrets verify while the first one signs. */
#include "control/signature.h"

#include "control/control.h"
#include "control/document.h"

#include "base/digest.h"
#include "control/words.h"

enum { HEX_LEN = 2 * DIGEST_BYTES };

static const struct span tag = {"hmac-sha256 ", 12};

static enum err sign(const char *secret, struct span text, char out[HEX_LEN])
{
    unsigned char mac[DIGEST_BYTES];
    TRY(digest_hmac(span_str(secret), text, mac));
    bytes_hex(out, mac, sizeof(mac));
    return ERR_OK;
}

enum err signature_add(const struct config_names *secrets, struct buf *text)
{
    char hex[HEX_LEN];
    if (secrets->n == 0)
        return ERR_OK;
    TRY(sign(secrets->list[0], words_strip(buf_span(text)), hex));
    return buf_printf(text, "\n" SPAN_FMT SPAN_FMT "\n", SPAN_ARG(tag), HEX_LEN, hex);
}

/* Takes the last line off when it is a signature. */
static bool split(struct span *text, struct span *hex)
{
    size_t at = text->n;
    while (at > 0 && text->p[at - 1] != '\n')
        at--;
    struct span last = span_from(*text, at);
    if (at == 0 || !span_has_prefix(last, tag))
        return false;
    *hex = words_strip(span_from(last, tag.n));
    *text = words_strip(span_until(*text, at));
    return true;
}

static enum err verify(const struct config_names *secrets, struct span text, struct span hex)
{
    char want[HEX_LEN];
    bool good = false;
    for (size_t i = 0; i < secrets->n; i++) {
        TRY(sign(secrets->list[i], text, want));
        good = digest_same(span_of(want, HEX_LEN), hex) || good;
    }
    return good ? ERR_OK : ERR_CONTROL_SIGNATURE;
}

enum err signature_check(const struct config_names *secrets, struct span raw, const char *name,
                         struct span *text, struct complaints *wrong)
{
    struct span hex = SPAN_NULL;
    *text = words_strip(raw);
    bool is_signed = split(text, &hex);
    enum err e = ERR_OK;
    if (secrets->n > 0 && text->n > 0)
        e = is_signed && text->p[0] == '{' ? verify(secrets, *text, hex) : ERR_CONTROL_UNSIGNED;
    if (e == ERR_CONTROL_UNSIGNED)
        complain(wrong, name, "`weir flip` signs, `weir sign` does it for a document of yours",
                 text->p[0] == '{' ? "is not signed"
                                   : "is no object, and only objects can be signed");
    if (e == ERR_CONTROL_SIGNATURE)
        complain(wrong, name, "sign it with the first line of control.secret_file",
                 "carries a signature that none of the secrets has made");
    return e;
}

enum err control_sign(const struct config *c, struct span raw, struct buf *out,
                      struct complaints *wrong)
{
    static const struct config_names none;
    struct document *d = NULL;
    struct span text;
    if (c->control.secrets.n == 0) {
        complain(wrong, "$.control.secret_file", "without it documents need no signature",
                 "is not configured");
        return ERR_INVALID;
    }
    TRY(signature_check(&none, raw, "document", &text, wrong)); /* takes an old signature off */
    TRY(document_parse(text, "document", &d, wrong));
    bool word = d->word;
    document_free(&d);
    if (word) {
        complain(wrong, "document", "write it as an object with an epoch",
                 "is a bare word, which anybody could show again later");
        return ERR_CONTROL_UNSIGNED;
    }
    TRY(buf_append(out, text));
    return signature_add(&c->control.secrets, out);
}
