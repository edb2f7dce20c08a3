/* Rules in a report: what those in force hid, and what others would hide. */
#ifndef SHADOW_REPORT_RULES_H
#define SHADOW_REPORT_RULES_H

#include "shadow/report.h"

enum err report_rules_begin(struct report *r, struct complaints *wrong) MUST_USE;
/* Loads the file of the options, when there is one. */

enum err report_rules_apply(struct report *r, struct record *x) MUST_USE;
/* Takes the findings out that rules hide and counts for every rule what it hid, then and now. A
 * mismatch with nothing left is a match from here on. */

#endif
