/* Text as Unicode. */
#ifndef SHADOW_UNICODE_H
#define SHADOW_UNICODE_H

#include "base/bytes.h"

bool unicode_is_valid(struct span s);
/* UTF-8 from end to end. */

bool unicode_same_text(struct span a, struct span b);
/* Whether both are the same characters, composed or not (canonical equivalence): NFC and NFD of one
 * text. False for texts longer than 64 KiB, ASCII alone, or without memory. */

#endif
