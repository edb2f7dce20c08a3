/* Did the difference stay? A pair that differs is asked again on both sides; what is gone by then
 * was the moment's, and where the sides say that they have other versions of the data nothing can
 * be told. */
#ifndef SHADOW_SETTLE_H
#define SHADOW_SETTLE_H

#include "shadow/compare.h"

enum settled {
    SETTLED_NOTHING,    /* the pair does not differ */
    SETTLED_PERSISTENT, /* it differed again */
    SETTLED_TRANSIENT,  /* nothing of what differed did so again */
    SETTLED_SKEW,       /* when last seen to differ, the sides had different versions of the data */
    SETTLED_UNCHECKED,  /* nobody could look again */
    SETTLED_KINDS
};

const char *settled_word(enum settled s);
bool settled_of(struct span word, enum settled *out);

enum settled settled_said(const struct comparison *c);
/* Unchecked when nobody looked. */

bool settled_lasts(const struct comparison *c, size_t finding);
/* It counts, and this finding was there again. */

bool settled_counts(enum settled s);
/* Whether it is held against the other side: unless shown to be the moment's or the data's. */

struct settlement {
    enum settled said;
    unsigned rounds; /* that could be compared */
    enum shadow_recheck end;
    bool wants_round;             /* one more would tell more, and can be had */
    bool gone[DIFF_FINDINGS_MAX]; /* finding i of the pair was not there again */
};

void settle(struct comparer *c, const struct shadow_pair *pair, const struct comparison *first,
            struct settlement *out);
/* c: not the one that `first` lies in. */

#endif
