/* What a reload changes, in sentences. */
#ifndef CONTROL_CHANGES_H
#define CONTROL_CHANGES_H

#include "config/config.h"
#include "control/document.h"

#include <jansson.h>

enum { CHANGES_MAX = 60 };

json_t *changes_between(const struct config *before, const struct config *after);
/* A list of at most CHANGES_MAX sentences, the last of which says how many more there are; NULL
 * without memory. Secrets are compared but not shown. Any thread. */

json_t *changes_overruled(const struct route_table *before, const struct config *after,
                          const struct document *d);
/* A list of at most CHANGES_MAX sentences, one for each route whose configured weight is another
 * one but does not count, since d holds a pin or a weight; NULL without memory. Quick: it is asked
 * for on the control thread. */

bool changes_same_names(const struct config_names *a, const struct config_names *b);
/* The same texts in the same order. */

#endif
