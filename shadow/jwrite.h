/* Writing JSON into a buf: just enough for records, reports and the status. */
#ifndef SHADOW_JWRITE_H
#define SHADOW_JWRITE_H

#include "base/bytes.h"

enum err jwrite_string(struct buf *b, struct span s) MUST_USE;
/* In quotes. What is not UTF-8 becomes U+FFFD; half a pair of surrogates, as jdoc keeps it, its
 * escape. */

enum err jwrite_member(struct buf *b, const char *key, struct span s) MUST_USE;
/* ,"key":"s" */

enum err jwrite_u64(struct buf *b, uint64_t n) MUST_USE;

enum err jwrite_number(struct buf *b, const char *key, uint64_t n) MUST_USE;
/* ,"key":n */

enum err jwrite_numbers(struct buf *b, const char *key, uint64_t first, uint64_t second) MUST_USE;
/* ,"key":[first,second] */

size_t jwrite_cut(struct span s, size_t max);
/* The length of s cut to max bytes at most, not within a UTF-8 sequence. */

#endif
