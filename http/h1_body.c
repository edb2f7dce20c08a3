/* The chunk parser is a state machine over bytes: a chunk's size line may arrive in pieces, and
 * nothing is buffered. */
#include "http/h1_body.h"

#include "http/scan.h"

void h1_body_begin(struct h1_body *b, const struct http_body_plan *plan)
{
    *b = (struct h1_body){.kind = plan->kind, .left = plan->length};
    switch (plan->kind) {
    case HTTP_BODY_NONE:
        b->state = H1_BODY_DONE;
        break;
    case HTTP_BODY_LENGTH:
        b->state = plan->length > 0 ? H1_BODY_DATA : H1_BODY_DONE;
        break;
    case HTTP_BODY_UNTIL_CLOSE:
        b->state = H1_BODY_DATA;
        break;
    case HTTP_BODY_CHUNKED:
        b->state = H1_BODY_SIZE;
        break;
    }
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = byte_lower(c);
    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}

/* Digits of the size. Sixteen at most, and the top bit clear, so that no reader can overflow where
 * we do not. */
static enum err size_digit(struct h1_body *b, char c)
{
    int d = hex(c);
    if (d < 0 || ++b->digits > 16 || b->left >> 59 != 0)
        return ERR_BAD_CHUNK;
    b->left = b->left << 4 | (uint64_t)d;
    b->state = H1_BODY_SIZE_MORE;
    return ERR_OK;
}

static enum err behind_size(struct h1_body *b, char c)
{
    if (c == '\r')
        b->state = H1_BODY_SIZE_LF;
    else if (c == ';')
        b->state = H1_BODY_EXTENSION;
    else if (c == ' ' || c == '\t')
        b->state = H1_BODY_SIZE_SPACE;
    else if (b->state == H1_BODY_SIZE_SPACE)
        return ERR_BAD_CHUNK;
    else
        return size_digit(b, c);
    return b->state == H1_BODY_SIZE_SPACE && ++b->extension > H1_EXTENSIONS_MAX ? ERR_BAD_CHUNK
                                                                                : ERR_OK;
}

static enum err extension_byte(struct h1_body *b, char c)
{
    if (c == '\r') {
        b->state = H1_BODY_SIZE_LF;
        return ERR_OK;
    }
    bool clean = (unsigned char)c >= 0x20 && c != 0x7f;
    if ((!clean && c != '\t') || ++b->extension > H1_EXTENSIONS_MAX)
        return ERR_BAD_CHUNK;
    return ERR_OK;
}

static enum err want(struct h1_body *b, char c, char wanted, enum h1_body_state next)
{
    if (c != wanted)
        return ERR_BAD_CHUNK;
    b->state = next;
    return ERR_OK;
}

static enum err line_byte(struct h1_body *b, char c)
{
    switch (b->state) {
    case H1_BODY_SIZE:
        b->left = b->digits = b->extension = 0;
        return size_digit(b, c);
    case H1_BODY_SIZE_MORE:
    case H1_BODY_SIZE_SPACE:
        return behind_size(b, c);
    case H1_BODY_EXTENSION:
        return extension_byte(b, c);
    case H1_BODY_SIZE_LF:
        return want(b, c, '\n', b->left > 0 ? H1_BODY_DATA : H1_BODY_TRAILERS);
    case H1_BODY_CHUNK_CR:
        return want(b, c, '\r', H1_BODY_CHUNK_LF);
    case H1_BODY_CHUNK_LF:
        return want(b, c, '\n', H1_BODY_SIZE);
    default:
        BUG_IF(true);
    }
    return ERR_OK;
}

static struct span take_data(struct h1_body *b, struct span in)
{
    if (b->kind == HTTP_BODY_UNTIL_CLOSE)
        return in;
    struct span data = span_until(in, b->left < in.n ? (size_t)b->left : in.n);
    b->left -= data.n;
    if (b->left == 0)
        b->state = b->kind == HTTP_BODY_CHUNKED ? H1_BODY_CHUNK_CR : H1_BODY_DONE;
    return data;
}

enum err h1_body_feed(struct h1_body *b, struct span in, size_t *used, struct span *data)
{
    *used = 0;
    *data = SPAN_NULL;
    while (*used < in.n && b->state != H1_BODY_TRAILERS && b->state != H1_BODY_DONE) {
        if (b->state == H1_BODY_DATA) {
            *data = take_data(b, span_from(in, *used));
            *used += data->n;
            return ERR_OK;
        }
        TRY(line_byte(b, in.p[*used]));
        (*used)++;
    }
    return ERR_OK;
}

size_t h1_chunk_head(char out[H1_CHUNK_HEAD_MAX], size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char rev[16];
    size_t len = 0;
    for (; n > 0; n >>= 4)
        rev[len++] = digits[n & 15];
    for (size_t i = 0; i < len; i++)
        out[i] = rev[len - 1 - i];
    out[len] = '\r';
    out[len + 1] = '\n';
    return len + 2;
}
