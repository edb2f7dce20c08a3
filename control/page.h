/* Text for a terminal: safe, coloured or not, in columns. */
#ifndef CONTROL_PAGE_H
#define CONTROL_PAGE_H

#include "control/admin.h"

enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_GOOD, INK_WARN, INK_BAD };

struct page {
    struct buf *out;
    const struct admin_look *look;
    enum err err; /* the first failure; further writing does nothing */
};

void page_text(struct page *p, enum ink ink, const char *text);
/* Control characters are shown as '?': what is printed was written by others, too. */

void page_printf(struct page *p, enum ink ink, const char *fmt, ...) PRINTF(3, 4);
void page_spaces(struct page *p, size_t n);
void page_bar(struct page *p, double percent, size_t cells);

void page_label(struct page *p, const char *label);
/* Begins a line of the form "label    value". */

void page_end(struct page *p);

size_t page_width(const char *text);
/* Columns it takes: its code points. */

/* --- numbers for people --- */

enum { PAGE_SHORT = 24 };

void page_count(char out[PAGE_SHORT], uint64_t n);
/* 999, 1.2k, 34M */

void page_age(char out[PAGE_SHORT], uint64_t seconds);
/* 5 s, 12 min, 3 h, 2 d */

void page_percent(char out[PAGE_SHORT], double percent);
/* 12.5% */

#endif
