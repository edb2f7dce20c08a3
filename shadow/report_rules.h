/* Rules in a report: what those in force hid, and what others would hide. */
#ifndef SHADOW_REPORT_RULES_H
#define SHADOW_REPORT_RULES_H

#include "shadow/report.h"

enum err report_rules_begin(struct report *r, struct complaints *wrong) MUST_USE;
/* Loads the file of the options, when there is one. */

enum err report_rules_apply(struct report *r, struct record *x) MUST_USE;
/* Takes the findings out that rules hide and counts for every rule what it hid, then and now. A
 * mismatch with nothing left is a match from here on. */

enum err report_rules_line(struct report *r, const struct record *x) MUST_USE;
/* A line of type RECORD_RULES: of several the newest counts, in whatever order they come. */

enum err report_rules_hidden(struct report *r, struct span id, uint64_t pairs, uint64_t places,
                             uint64_t last_ms, struct span *paths, size_t npaths,
                             bool more) MUST_USE;
/* What a rule in force hid by the count of a table. */

enum err report_rules_finish(struct report *r) MUST_USE;
/* Says who accepted what, and adds the rules in force that hid nothing. */

#endif
