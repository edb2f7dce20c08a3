/* Numbers as JSON writes them, compared by what they mean and not by what a double can hold: 1, 1.0
 * and 1e0 are equal, two 30-digit ids that differ in the last digit are not. */
#ifndef SHADOW_DECIMAL_H
#define SHADOW_DECIMAL_H

#include "base/bytes.h"

/* A view of a JSON number: its significant digits (a point may stand between them) and the place of
 * the last one. */
struct decimal {
    struct span text; /* the whole lexeme, borrowed */
    uint32_t first;   /* first significant digit, as an index into text */
    uint32_t last;    /* last digit that is not 0 */
    uint32_t digits;  /* significant ones; 0: the number is zero */
    bool negative;    /* never for zero */
    bool huge;        /* the exponent is out of all reason; only an equal lexeme is equal */
    int64_t place;    /* the last digit stands for digit * 10^place */
};

struct decimal decimal_of(struct span lexeme);
/* lexeme must be a number by the grammar of RFC 8259. */

bool decimal_equal(const struct decimal *a, const struct decimal *b);

uint64_t decimal_hash(const struct decimal *a, uint64_t seed);
/* Equal numbers have equal hashes. */

bool decimal_within(const struct decimal *a, const struct decimal *b, double abs, double rel);
/* |a - b| <= max(abs, rel * max(|a|, |b|)). The difference is taken in decimal, so that 1.10
 * and 1.09 are within 0.01; numbers more than DECIMAL_EXACT places long are subtracted as doubles.
 */

enum { DECIMAL_EXACT = 400 };

#endif
