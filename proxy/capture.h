/* One side's answer on its way into a pair: the first bytes of the body are kept, and when there
 * are more than that all of it is hashed. Private to proxy/. */
#ifndef PROXY_CAPTURE_H
#define PROXY_CAPTURE_H

#include "shadow/shadow.h"

struct digest;

struct capture {
    struct shadow_answer *answer; /* in the pair */
    struct digest *digest;        /* running, once the body is longer than what is kept */
    bool done;
};

enum err capture_body(struct shadow_pair *p, struct capture *c, struct span data,
                      uint64_t keep) MUST_USE;
/* keep: as many bytes are kept. ERR_TOO_LARGE: the answer is too long to be followed to its end;
 * ERR_NO_MEMORY: the lane's share of shadow.memory is used up, or there is none. */

enum err capture_keep(struct shadow_pair *p, struct buf *to, struct span data) MUST_USE;
/* Appends to a buffer of the pair's; what it grows by is accounted to the lane. ERR_NO_MEMORY. */

void capture_end(struct capture *c, enum err outcome, uint64_t took_us);
void capture_free(struct capture *c);

#endif
