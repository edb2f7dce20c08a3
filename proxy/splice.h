/* Long bodies of answers that nobody here has to see go from the server's socket to the client's
 * without coming into the program. Private to proxy/. */
#ifndef PROXY_SPLICE_H
#define PROXY_SPLICE_H

#include "proxy/worker.h"

void splice_begin(struct worker *w);
void splice_end(struct worker *w);

bool splice_answer(struct conn *c, struct http_stream *s, char *p, size_t n, size_t *got);
/* In place of a read from a server's plaintext connection that codec_passing() gave s for. False:
 * nothing was done, read as usual. True: what had come is on its way to the client but for *got
 * bytes, now at p, which shall be fed as usual; the connection may have been closed. n is at least
 * 64 KiB. */

#endif
