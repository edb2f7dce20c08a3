/* What the two files of the text report share. */
#ifndef SHADOW_REPORT_TEXT_H
#define SHADOW_REPORT_TEXT_H

#include "shadow/report.h"
#include "shadow/term.h"

#define TEXT_DOT   " \xc2\xb7 "
#define TEXT_ARROW " \xe2\x86\x92 "

enum { TEXT_NARROW = 72 }; /* up to here there is room for less */

void text_number(struct term *p, enum term_style style, uint64_t n, unsigned columns);
/* 12,345 to the right. */

void text_count(struct term *p, uint64_t n, const char *one, const char *many);
/* "12,345 pairs" */

void text_instances(struct term *p, const struct report *r);
/* Whose tables it is made from; nothing when it is made from records. */

enum term_style text_rate_style(const struct report_endpoint *e);

void text_options(struct term *p, const struct report *r);
/* What was in force on each route. report_text_rules.c */

void text_rules(struct term *p, const struct report *r);
/* What rules hide, and what they cost; nothing when there are none. report_text_rules.c */

void text_seeds(struct term *p, const struct report *r);
/* What the self-tests came to, in a line; nothing when there were none. report_text_seeds.c */

void text_endpoint(struct term *p, const struct report_endpoint *e, size_t number);
/* Everything about one endpoint. */

#endif
