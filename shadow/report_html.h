/* Writing HTML: everything that is text goes through html_text(), which escapes it. */
#ifndef SHADOW_REPORT_HTML_H
#define SHADOW_REPORT_HTML_H

#include "shadow/report.h"

struct html {
    struct buf *out;
    enum err err; /* the first failure; everything after it does nothing */
};

extern const char report_style[];
/* The style sheet. report_style.c */

void html_raw(struct html *h, const char *markup);
void html_text(struct html *h, const char *text);
/* Escaped; control characters become U+FFFD. */

void html_format(struct html *h, const char *fmt, ...) PRINTF(2, 3);
/* Numbers and our own words only. */

void html_endpoint(struct html *h, const struct report_endpoint *e, size_t number, bool open);
/* The section of one endpoint. report_html_endpoint.c */

#endif
