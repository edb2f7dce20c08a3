/* Heads of HTTP/1 messages, parsed strictly (RFC 9112) and written. Private to http/. */
#ifndef HTTP_H1_HEAD_H
#define HTTP_H1_HEAD_H

#include "http/http.h"

enum err h1_head_end(struct span in, size_t *scanned, size_t *end) MUST_USE;
/* Looks for the empty line that ends a head. *end is the length of the head with it, or 0 when it
 * is not there yet; *scanned remembers, between calls with a growing `in`, up to where lines were
 * seen (0 at the beginning). ERR_BAD_LINE_END as soon as a line ends in a bare LF. */

enum err h1_request_parse(struct span raw, const struct http_limits *l,
                          struct http_head *h) MUST_USE;
/* raw: a whole request head, living as long as h. On failure h->refuse is set as well and h has
 * what was read so far. */

enum err h1_response_parse(struct span raw, const struct http_limits *l,
                           struct http_head *h) MUST_USE;
/* The same for a response head. */

enum err h1_trailers_parse(struct span raw, const struct http_limits *l,
                           struct http_head *h) MUST_USE;
/* A trailer section with its final empty line; fields that may not be trailers are dropped. */

/* What the codec adds to a head it writes. */
struct h1_write {
    bool chunked;     /* Transfer-Encoding: chunked */
    bool zero_length; /* Content-Length: 0 */
    bool close;       /* Connection: close */
    bool keep_alive;  /* Connection: keep-alive (for HTTP/1.0 clients) */
    bool upgrade;     /* Upgrade: websocket, and Connection says so */
};

enum err h1_request_write(const struct http_head *h, const struct h1_write *w,
                          struct chunkq *out) MUST_USE;
enum err h1_response_write(const struct http_head *h, const struct h1_write *w,
                           struct chunkq *out) MUST_USE;
enum err h1_trailers_write(const struct http_head *h, struct chunkq *out) MUST_USE;
/* Appends the head without h's own Connection, Upgrade and Transfer-Encoding. ERR_TOO_LARGE when it
 * would be over 256 KiB. On failure nothing was appended. */

#endif
