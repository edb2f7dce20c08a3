/* zlib and brotli, fed whole, drained in steps, so that a small body that decodes to gigabytes is
 * stopped early. */
#include "shadow/decode.h"

#include <brotli/decode.h>
#include <zlib.h>

enum { STEP = 64 * 1024 };

enum { ZLIB_GZIP = 15 + 16, ZLIB_ZLIB = 15, ZLIB_RAW = -15 };

static enum err more_room(struct buf *out, size_t input, size_t max)
{
    if (out->n >= max)
        return ERR_TOO_LARGE;
    if (out->n > DECODE_RATIO_FROM && out->n / DECODE_RATIO_MAX > input)
        return ERR_TOO_LARGE;
    return buf_reserve(out, STEP);
}

/* --- zlib --- */

/* One member or stream; *left is what follows it. */
static enum err inflate_all(z_stream *z, struct buf *out, size_t input, size_t max)
{
    int r = Z_OK;
    while (r != Z_STREAM_END) {
        TRY(more_room(out, input, max));
        uInt room = (uInt)min_size(out->cap - out->n, 1 << 30);
        z->next_out = (Bytef *)(out->p + out->n);
        z->avail_out = room;
        r = inflate(z, Z_NO_FLUSH);
        out->n += room - z->avail_out;
        if (r == Z_MEM_ERROR)
            return ERR_NO_MEMORY;
        if (r != Z_OK && r != Z_STREAM_END) /* Z_BUF_ERROR: it is cut short */
            return ERR_SHADOW_UNDECODABLE;
    }
    return ERR_OK;
}

static bool another_member(const z_stream *z)
{
    return z->avail_in > 2 && z->next_in[0] == 0x1f && z->next_in[1] == 0x8b;
}

static enum err zlib(struct span in, int window, struct buf *out, size_t max)
{
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n};
    if (in.n > UINT32_MAX)
        return ERR_TOO_LARGE;
    if (inflateInit2(&z, window) != Z_OK)
        return ERR_NO_MEMORY;
    enum err e = inflate_all(&z, out, in.n, max);
    while (e == ERR_OK && window == ZLIB_GZIP && another_member(&z) && inflateReset(&z) == Z_OK)
        e = inflate_all(&z, out, in.n, max);
    inflateEnd(&z);
    return e;
}

/* "deflate" means the zlib format (RFC 9110 8.4.1.2); many send the raw one. */
static enum err deflated(struct span in, struct buf *out, size_t max)
{
    enum err e = zlib(in, ZLIB_ZLIB, out, max);
    if (e != ERR_SHADOW_UNDECODABLE)
        return e;
    out->n = 0;
    return zlib(in, ZLIB_RAW, out, max);
}

/* --- brotli --- */

static enum err brotli_all(BrotliDecoderState *s, struct span in, struct buf *out, size_t max)
{
    const uint8_t *next = (const uint8_t *)in.p;
    size_t left = in.n;
    for (;;) {
        TRY(more_room(out, in.n, max));
        uint8_t *to = (uint8_t *)out->p + out->n;
        size_t room = out->cap - out->n;
        BrotliDecoderResult r = BrotliDecoderDecompressStream(s, &left, &next, &room, &to, NULL);
        out->n = out->cap - room;
        if (r == BROTLI_DECODER_RESULT_SUCCESS)
            return ERR_OK;
        if (r != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT)
            return ERR_SHADOW_UNDECODABLE;
    }
}

static enum err brotli(struct span in, struct buf *out, size_t max)
{
    BrotliDecoderState *s = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    if (s == NULL)
        return ERR_NO_MEMORY;
    enum err e = brotli_all(s, in, out, max);
    BrotliDecoderDestroyInstance(s);
    return e;
}

/* --- all codings of a body --- */

static enum err one(struct span coding, struct span in, struct buf *out, size_t max)
{
    out->n = 0;
    if (span_eq_nocase(coding, SPAN("gzip")) || span_eq_nocase(coding, SPAN("x-gzip")))
        return zlib(in, ZLIB_GZIP, out, max);
    if (span_eq_nocase(coding, SPAN("deflate")))
        return deflated(in, out, max);
    if (span_eq_nocase(coding, SPAN("br")))
        return brotli(in, out, max);
    return ERR_SHADOW_UNDECODABLE;
}

enum err decode_body(struct decoder *d, struct span codings, struct span body, size_t max,
                     struct span *out)
{
    struct span list[DECODE_CODINGS_MAX], rest = codings, item;
    size_t n = 0;
    while (span_cut(&rest, ',', &item)) {
        item = span_trim(item);
        if (item.n == 0 || span_eq_nocase(item, SPAN("identity")))
            continue;
        if (n == DECODE_CODINGS_MAX)
            return ERR_SHADOW_UNDECODABLE;
        list[n++] = item;
    }
    *out = body;
    while (n > 0 && body.n > 0) { /* the last one was applied last */
        struct buf *to = &d->bufs[n % 2];
        TRY(one(list[--n], *out, to, max));
        if (to->n > max)
            return ERR_TOO_LARGE;
        *out = buf_span(to);
    }
    return ERR_OK;
}

/* --- what a head says --- */

enum { NAMES_MAX = 256 };

/* Joined by commas in room, when there are several; what is longer is no coding that is known. */
static struct span names_of(const struct http_head *h, char room[NAMES_MAX])
{
    struct buf b = {room, 0, NAMES_MAX, NAMES_MAX};
    for (size_t i = 0; i < h->nfields; i++) {
        const struct http_field *f = &h->fields[i];
        if (f->id != HTTP_CONTENT_ENCODING || (f->flags & HTTP_FIELD_DROPPED) != 0)
            continue;
        if ((b.n > 0 && buf_append(&b, SPAN(",")) != ERR_OK) || buf_append(&b, f->value) != ERR_OK)
            return SPAN("?");
    }
    return buf_span(&b);
}

enum err decode_answer(struct decoder *d, const struct http_head *head, struct span body,
                       size_t max, struct span *out)
{
    char room[NAMES_MAX];
    return decode_body(d, names_of(head, room), body, max, out);
}

bool decode_same_codings(const struct http_head *a, const struct http_head *b)
{
    char rooms[2][NAMES_MAX];
    return span_eq_nocase(names_of(a, rooms[0]), names_of(b, rooms[1]));
}

void decode_free(struct decoder *d)
{
    buf_free(&d->bufs[0]);
    buf_free(&d->bufs[1]);
}

void decode_trim(struct decoder *d, size_t keep)
{
    if (d->bufs[0].cap + d->bufs[1].cap > keep)
        decode_free(d);
}
