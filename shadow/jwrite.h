/* Writing JSON into a buf: just enough for records, reports and the status. */
#ifndef SHADOW_JWRITE_H
#define SHADOW_JWRITE_H

#include "base/bytes.h"

enum err jwrite_string(struct buf *b, struct span s) MUST_USE;
/* In quotes. What is not UTF-8 becomes U+FFFD; half a pair of surrogates, as jdoc keeps it, its
 * escape. */

enum err jwrite_member(struct buf *b, const char *key, struct span s) MUST_USE;
/* ,"key":"s" */

size_t jwrite_cut(struct span s, size_t max);
/* The length of s cut to max bytes at most, not within a UTF-8 sequence. */

#endif
