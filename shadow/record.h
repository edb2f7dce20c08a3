/* One line of NDJSON per pair: docs/shadow-records.md. */
#ifndef SHADOW_RECORD_H
#define SHADOW_RECORD_H

#include "shadow/compare.h"
#include "shadow/endpoint.h"
#include "shadow/redact.h"
#include "shadow/seeds.h"

enum {
    RECORD_VERSION = 1,
    RECORD_LINE_MAX = 64 * 1024,
    RECORD_PATCH_MAX = 8 * 1024,
    RECORD_EXAMPLE_FINDINGS = DIFF_FINDINGS_MAX
};

enum err record_pair(const struct redactor *r, const struct shadow_pair *pair,
                     const struct endpoint *endpoint, const struct comparison *c, bool with_stack,
                     struct buf *line) MUST_USE;
/* Appends the line, newline included, never longer than RECORD_LINE_MAX. */

enum err record_example(const struct redactor *r, const struct shadow_pair *pair,
                        const struct comparison *c, size_t finding, struct buf *json) MUST_USE;
/* Makes *json, which has a ceiling, one JSON object: the pair, its request, what asking again said,
 * which rules hid something in it, and the values of the finding, redacted like a record; what does
 * not fit is left out. */

enum err record_begin(struct buf *line, const char *type, uint64_t at_ms) MUST_USE;
/* What every line begins with: {"v":1,"t":"type","at":N */

enum err record_stack_text(const struct comparison *c, struct buf *members) MUST_USE;
/* Appends ,"stack":["legacy","new"]: the software that answered. */

enum err record_run(const struct redactor *r, uint64_t wall_ms, struct buf *line) MUST_USE;
/* The line that begins a run: version, what is stored. */

enum err record_drops(uint64_t wall_ms, const uint64_t counts[SHADOW_DROP_COUNT],
                      struct buf *line) MUST_USE;
/* Copies that were not sent or not compared since the line before. */

enum err record_options(const struct shadow_rules *rules, uint64_t wall_ms,
                        struct buf *line) MUST_USE;
/* What is compared how on a route from here on. */

enum err record_rules_text(const struct rulebook *book, struct buf *members) MUST_USE;
/* Appends ,"rules":[...]: who accepted what, and until when; shortened to what a line has room for.
 */

enum err record_rules(const struct rulebook *book, uint64_t wall_ms, struct buf *line) MUST_USE;
/* The rules in force from here on. */

enum err record_seeds(const struct shadow_pair *pair, const struct endpoint *endpoint,
                      const struct seed_result results[SEED_KINDS], struct buf *line) MUST_USE;
/* What came of a self-test: words and paths, no values. */

const char *record_store_word(enum shadow_store s);

#endif
