/* How long a body is: the one decision request smuggling lives on, so it is made in one place and
 * refuses whatever two readers could understand in two ways (RFC 9112 6). */
#include "http/http.h"

enum err http_content_length(const struct http_head *h, bool *present, uint64_t *length)
{
    *present = false;
    if (!http_head_has(h, HTTP_CONTENT_LENGTH))
        return ERR_OK;
    for (size_t i = 0; i < h->nfields; i++) {
        const struct http_field *f = &h->fields[i];
        if (f->id != HTTP_CONTENT_LENGTH || (f->flags & HTTP_FIELD_DROPPED))
            continue;
        /* Repeated, even with equal values, is refused; so is a list, and anything above 2^63-1. */
        if (*present || !span_u64(f->value, length) || *length > INT64_MAX)
            return ERR_BAD_LENGTH;
        *present = true;
    }
    return ERR_OK;
}

static enum err coding(const struct http_head *h, bool *chunked)
{
    unsigned n = 0;
    *chunked = false;
    if (http_head_find(h, HTTP_TRANSFER_ENCODING) == NULL)
        return ERR_OK;
    for (size_t i = 0; i < h->nfields; i++) {
        const struct http_field *f = &h->fields[i];
        if (f->id != HTTP_TRANSFER_ENCODING || (f->flags & HTTP_FIELD_DROPPED))
            continue;
        if (n++ > 0 || !span_eq_nocase(f->value, SPAN("chunked")))
            return ERR_BAD_CODING;
    }
    if (h->version != HTTP_1_1)
        return ERR_BAD_CODING;
    *chunked = true;
    return ERR_OK;
}

static bool never_has_body(const struct http_head *h, enum http_method answered)
{
    if (!h->is_response)
        return false;
    return h->status < 200 || h->status == 204 || h->status == 304 || answered == HTTP_HEAD;
}

enum err http_framing(const struct http_head *h, enum http_method answered,
                      struct http_body_plan *out)
{
    bool chunked, has_length;
    uint64_t length = 0;
    *out = (struct http_body_plan){HTTP_BODY_NONE, 0};
    TRY(coding(h, &chunked));
    TRY(http_content_length(h, &has_length, &length));
    if (chunked && has_length)
        return ERR_LENGTH_AND_CODING;
    if (never_has_body(h, answered))
        return ERR_OK;
    if (chunked)
        out->kind = HTTP_BODY_CHUNKED;
    else if (has_length)
        *out = (struct http_body_plan){length > 0 ? HTTP_BODY_LENGTH : HTTP_BODY_NONE, length};
    else if (h->is_response)
        out->kind = HTTP_BODY_UNTIL_CLOSE;
    return ERR_OK;
}
