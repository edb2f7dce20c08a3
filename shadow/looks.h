/* Counts of second looks: probes and pairs that were asked again. */
#ifndef SHADOW_LOOKS_H
#define SHADOW_LOOKS_H

#include "base/metrics.h"
#include "shadow/settle.h"

enum err looks_begin(void) MUST_USE;
/* Asks for the metric series; may be called again. */

void looks_count(const struct settlement *s);
/* A pair that differed is recorded. Any thread. */

#endif
