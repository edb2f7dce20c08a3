/* Did you mean ...: the legal word nearest to one that was not. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include "base/bytes.h"

struct suggestion {
    struct span asked; /* filled in by the caller, the rest zero */
    const char *best;  /* of the words offered so far; NULL: none is near */
    unsigned distance; /* its edits: insert, remove, replace, swap two neighbours; any case */
};

void suggest_offer(struct suggestion *s, const char *word);
/* One legal word more. It is near when no more than a third of the longer word is edited; words
 * over 64 bytes are not. The word must live as long as the suggestion. */

const char *suggest_nearest(struct span asked, const char *const *list, size_t n);
/* The nearest of a list, or NULL. */

#endif
