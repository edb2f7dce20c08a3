/* Bodies that are no JSON but have fields or a list in them, written as JSON, so that they are
 * compared by the same engine and under the same rules. */
#ifndef SHADOW_RECAST_H
#define SHADOW_RECAST_H

#include "base/bytes.h"

enum { RECAST_FIELDS_MAX = 10000 };

enum err recast_form(const struct span bodies[2], struct buf out[2]) MUST_USE;
/* application/x-www-form-urlencoded, both sides at once: an object of the fields; a name that is
 * there more than once on either side is a list on both. ERR_INVALID: not UTF-8, or too many
 * fields. */

enum err recast_events(struct span body, struct buf *out) MUST_USE;
/* text/event-stream: a list of objects with event, id, retry and data. Data that is a JSON object
 * or list stays JSON; comments are no part of it; what follows the last blank line is an event that
 * is marked incomplete. ERR_INVALID: not UTF-8. */

#endif
