/* Bodies of HTTP/1 messages: counts, chunks, or until the connection ends. Private to http/. */
#ifndef HTTP_H1_BODY_H
#define HTTP_H1_BODY_H

#include "http/http.h"

enum { H1_EXTENSIONS_MAX = 256 }; /* bytes of chunk extensions per chunk */

enum h1_body_state {
    H1_BODY_DATA,       /* within the body, or within a chunk */
    H1_BODY_SIZE,       /* at the first digit of a chunk size */
    H1_BODY_SIZE_MORE,  /* behind the first digit */
    H1_BODY_SIZE_SPACE, /* behind the size, in white space: only ';' or the line end may follow */
    H1_BODY_EXTENSION,  /* behind ';' */
    H1_BODY_SIZE_LF,    /* CR seen behind the size */
    H1_BODY_CHUNK_CR,   /* chunk over */
    H1_BODY_CHUNK_LF,
    H1_BODY_TRAILERS, /* the last chunk was seen: h1_head_end() takes over */
    H1_BODY_DONE,
};

struct h1_body {
    enum http_body_kind kind;
    enum h1_body_state state;
    uint64_t left;      /* of the body, or of the chunk */
    unsigned digits;    /* of the chunk size */
    unsigned extension; /* bytes of it */
};

void h1_body_begin(struct h1_body *b, const struct http_body_plan *plan);

enum err h1_body_feed(struct h1_body *b, struct span in, size_t *used, struct span *data) MUST_USE;
/* Takes bytes up to the end of the next stretch of body data and gives that stretch (empty when
 * there is none in `in`). Called again with the rest until *used is 0 or the state is TRAILERS or
 * DONE. ERR_BAD_CHUNK. */

enum { H1_CHUNK_HEAD_MAX = 18 };

size_t h1_chunk_head(char out[H1_CHUNK_HEAD_MAX], size_t n);
/* The line that opens a chunk of n > 0 bytes. Returns its length. */

#endif
