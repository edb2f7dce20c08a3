/* A terminal page: text that is cut or padded to columns, colours when they are wanted. What comes
 * from records is cleaned of control characters on its way, so that no answer of a backend can
 * speak to the terminal. */
#ifndef SHADOW_TERM_H
#define SHADOW_TERM_H

#include "base/bytes.h"

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_DIM, TERM_RED, TERM_YELLOW, TERM_GREEN, TERM_CYAN };

struct term {
    struct buf *out;
    unsigned width;
    bool colour;
    enum err err; /* the first failure; everything after it does nothing */
};

unsigned term_columns(const char *s);
/* How many columns s takes: characters, combining ones not counted. */

void term_put(struct term *p, enum term_style style, const char *s);
/* s, cleaned. */

void term_left(struct term *p, enum term_style style, const char *s, unsigned columns);
void term_right(struct term *p, enum term_style style, const char *s, unsigned columns);
/* s in exactly so many columns, cut with an ellipsis when it is longer. */

void term_wrapped(struct term *p, enum term_style style, const char *s, unsigned indent);
/* s, which goes on below itself, so far to the right, where the window ends between two words. */

void term_fit(struct term *p, unsigned columns, unsigned indent);
/* Goes on in the next line, so far to the right, where there are not so many columns left. */

void term_space(struct term *p, unsigned columns);
void term_rule(struct term *p, unsigned columns);
/* A horizontal line. */

void term_bar(struct term *p, enum term_style style, double share, unsigned columns);
/* share of so many columns, in eighths; something is seen of any share above 0. */

void term_end(struct term *p);
/* Ends the line. */

#endif
