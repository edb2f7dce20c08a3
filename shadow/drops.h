/* Counts behind shadow_count_drop(). */
#ifndef SHADOW_DROPS_H
#define SHADOW_DROPS_H

#include "base/metrics.h"
#include "shadow/shadow.h"

enum err drops_begin(void) MUST_USE;
/* Asks for the metric series; may be called again. */

void drops_read(uint64_t out[SHADOW_DROP_COUNT]);
/* Since the process began. Any thread. */

#endif
