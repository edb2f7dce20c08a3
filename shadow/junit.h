/* JUnit XML, as build servers read it. */
#ifndef SHADOW_JUNIT_H
#define SHADOW_JUNIT_H

#include "base/bytes.h"

enum err junit_begin(struct buf *b, const char *suite, size_t tests, size_t failures,
                     size_t skipped) MUST_USE;
enum err junit_case(struct buf *b, const char *class_name, const char *name, const char *tag,
                    const char *message) MUST_USE;
/* tag: "failure" or "skipped" with a message; NULL: passed. */

enum err junit_end(struct buf *b) MUST_USE;

enum err junit_text(struct buf *b, const char *s) MUST_USE;
/* Escaped; characters that XML cannot have become U+FFFD. */

#endif
