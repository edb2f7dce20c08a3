/* How far a comparison came: what lies behind was not looked at, so that it is neither equal nor
 * different there. */
#ifndef SHADOW_REACH_H
#define SHADOW_REACH_H

#include "base/bytes.h"

enum reach { REACH_STATUS, REACH_HEADERS, REACH_BODY, REACH_LEVELS };

enum reach reach_of(uint64_t a, uint64_t b, struct span body);
/* Of two status codes, and the word for how far the bodies were compared. */

enum reach reach_needed(struct span path);
/* To see a finding of this path. */

#endif
