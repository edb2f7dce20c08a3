/* What a comparison of two saved answers came to, for a person and for a program. */
#ifndef SHADOW_DIFF_PRINT_H
#define SHADOW_DIFF_PRINT_H

#include "shadow/compare.h"

enum err diff_print_text(const struct shadow_diff_options *o, const struct comparison *c,
                         struct buf *out) MUST_USE;
enum err diff_print_json(const struct shadow_diff_options *o, const struct comparison *c,
                         struct buf *out) MUST_USE;

#endif
