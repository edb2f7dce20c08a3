/* How far a comparison came: what lies behind was not looked at, so that it is neither equal nor
 * different there. */
#ifndef SHADOW_REACH_H
#define SHADOW_REACH_H

#include "base/bytes.h"

/* status; how a gRPC call ended; headers, trailers and media type; bodies. */
enum reach { REACH_STATUS, REACH_CALL, REACH_HEADERS, REACH_BODY, REACH_LEVELS };

enum reach reach_of(struct span body);
/* By the word for how far the bodies were compared. */

enum reach reach_needed(struct span path);
/* To see a finding of this path. */

#endif
