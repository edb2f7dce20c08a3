/* From one JSON text to another in steps: a JSON Patch (RFC 6902). */
#ifndef SHADOW_PATCH_H
#define SHADOW_PATCH_H

#include "shadow/diff.h"

enum err patch_make(struct diff *d, struct span from, struct span to, bool redacted,
                    struct buf *out, size_t *steps) MUST_USE;
/* Appends the array of operations that make `to` of `from`, one to a line. Numbers that mean the
 * same are the same, as RFC 6902 4.6 has it; of a repeated key the last counts. Uses d as its
 * memory. redacted: values that a name says are secret become "<secret>"; then the patch shows what
 * changed but does not make `to`. ERR_SHADOW_MALFORMED, ERR_SHADOW_TOO_DEEP, ERR_TOO_LARGE: one of
 * them is not JSON, or too much of it; d->docs say what is wrong. */

enum err patch_write_value(const struct jdoc *d, uint32_t i, bool redacted,
                           struct buf *out) MUST_USE;
/* Appends the value at node i as JSON, on one line. */

#endif
