/* What a value looks like: a time, a uuid, an e-mail address ... Shown beside every finding and in
 * every redacted value, so that a reader sees what changed without seeing the value. A class never
 * decides whether something is a finding. */
#ifndef SHADOW_VCLASS_H
#define SHADOW_VCLASS_H

#include "base/bytes.h"

enum vclass {
#define VCLASS(name, word) VCLASS_##name,
#include "shadow/vclass.def"
#undef VCLASS
    VCLASS_COUNT
};

const char *vclass_word(enum vclass c);

enum vclass vclass_of_string(struct span s);
/* The class of a text. Linear; long texts are judged by their first 4 KiB. */

enum vclass vclass_of_number(struct span lexeme);

bool vclass_is_id(struct span name);
/* Whether a key or path segment names one thing among many rather than a kind of thing: a number, a
 * uuid, long hex, a date, an address, anything longer than 64 bytes. Such names are elided. */

bool vclass_instant(struct span s, int64_t *seconds, uint32_t *nanos);
/* Reads a time in ISO 8601 / RFC 3339 notation with an offset. */

#endif
