/* The one place where values from answers become what is written to disk. Everything that leaves
 * for a record goes through here: a value becomes <class#hhhhhh,length>, where hhhhhh is part of an
 * HMAC under a key that is made at start and never stored, so that same and different stay visible
 * within a run and nothing else does. */
#ifndef SHADOW_REDACT_H
#define SHADOW_REDACT_H

#include "shadow/diff.h"

struct redactor {
    enum shadow_store store;
    unsigned char key[32];
};

enum err redact_begin(struct redactor *r, enum shadow_store store) MUST_USE;

enum err redact_value(const struct redactor *r, const struct finding *f, enum side side,
                      struct buf *json) MUST_USE;
/* Appends a finding's value as a JSON string, or null when that side has none. Only with tokens or
 * full. */

enum err redact_target(const struct redactor *r, struct span target, struct buf *json) MUST_USE;
/* Appends a request target as a JSON string: names in the query are kept, values and path segments
 * that are ids are not (full: all is kept but what has a secret name). */

enum err redact_text(const struct redactor *r, struct span text, struct buf *out) MUST_USE;
/* Appends the token for a text, unquoted. */

bool redact_is_secret_name(struct span name);
/* Whether what a thing is called says that its value must not be stored in any mode: password,
 * token, api_key ... */

bool redact_is_secret_path(struct span path);
/* The same for header:NAME and other paths outside of JSON. */

#endif
