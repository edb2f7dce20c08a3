/* Content codings: gzip, deflate, br, one upon another, with a cap on what comes out. */
#ifndef SHADOW_DECODE_H
#define SHADOW_DECODE_H

#include "http/http.h"

enum {
    DECODE_CODINGS_MAX = 4,
    DECODE_RATIO_MAX = 256,         /* output over input ... */
    DECODE_RATIO_FROM = 256 * 1024, /* ... once there is more output than this */
};

struct decoder {
    struct buf bufs[2]; /* reused from one body to the next */
};

enum err decode_body(struct decoder *d, struct span codings, struct span body, size_t max,
                     struct span *out) MUST_USE;
/* codings: the Content-Encoding fields, joined by commas; empty: none. *out lies in body or in d
 * until its next use. ERR_SHADOW_UNDECODABLE: damaged, cut short, or a coding that is not known
 * here. ERR_TOO_LARGE: more than max bytes or too high a ratio. ERR_NO_MEMORY. */

enum err decode_answer(struct decoder *d, const struct http_head *head, struct span body,
                       size_t max, struct span *out) MUST_USE;
/* The same for the codings that a head names, in one Content-Encoding or several. */

bool decode_same_codings(const struct http_head *a, const struct http_head *b);

void decode_free(struct decoder *d);
void decode_trim(struct decoder *d, size_t keep);

#endif
