/* From one JSON text to another in steps: a JSON Patch (RFC 6902). */
#ifndef SHADOW_PATCH_H
#define SHADOW_PATCH_H

#include "shadow/diff.h"

enum err patch_make(struct diff *d, struct span from, struct span to, struct buf *out,
                    size_t *steps) MUST_USE;
/* Appends the array of operations that make `to` of `from`, one to a line. Numbers that mean the
 * same are the same, as RFC 6902 4.6 has it; of a repeated key the last counts. Uses d as its
 * memory. ERR_SHADOW_MALFORMED, ERR_SHADOW_TOO_DEEP, ERR_TOO_LARGE: one of them is not JSON, or too
 * much of it; d->docs say what is wrong. */

#endif
