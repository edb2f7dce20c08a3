/* Answers that somebody saved: a body, or what `curl -i` prints when it begins with HTTP/. */
#ifndef SHADOW_SAVED_H
#define SHADOW_SAVED_H

#include "shadow/shadow.h"

enum err saved_read(struct span text, struct arena *a, struct shadow_answer *out,
                    bool *has_head) MUST_USE;
/* Fills *out, which is zeroed; everything but the body is copied to the arena. A body alone is an
 * answer with status 200 and no fields. Interim answers before the final one are passed over.
 * ERR_INVALID: it begins like an answer but its head is none. The caller frees out->body. */

#endif
