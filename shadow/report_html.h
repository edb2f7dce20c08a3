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

void html_lines(struct html *h, const char *text);
/* The same, but its line ends stay. */

void html_format(struct html *h, const char *fmt, ...) PRINTF(2, 3);
/* Numbers and our own words only. */

extern const char report_script[];
/* Filters; the page is whole without it. report_html_filter.c */

void html_filters(struct html *h, const struct report *r);
/* What the script shows: they are of no use without it. */

void html_trend(struct html *h, const struct report *r, const struct report_trend *t,
                const char *style);
/* Pairs and, in front of them, the rate of mismatch over the time of the report.
 * report_html_trend.c */

void html_seeds(struct html *h, const struct report *r);
void html_in_force(struct html *h, const struct report *r);
/* Sections: what the self-tests came to, options of the routes. report_html_more.c */

void html_sides(struct html *h, const char *const values[2]);
/* Two values side by side, with what differs marked. report_html_more.c */

void html_endpoint(struct html *h, const struct report_endpoint *e, size_t number, bool open);
/* The section of one endpoint. report_html_endpoint.c */

#endif
