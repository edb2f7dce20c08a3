/* Is what new answers there only what legacy answers anyway? From exchanges that were sent twice to
 * the serving side (an A/A probe): a pair of comparisons each. Only those count in which one of the
 * two differs and the other does not; were new like legacy, either would be as likely.
 *
 * The evidence may be looked at as often as one likes: were nothing wrong, it would ever reach 1 /
 * EVIDENCE_ALPHA with a probability of at most EVIDENCE_ALPHA (Ville's inequality; it is the
 * likelihood ratio of a uniform mixture over p in (1/2, 1), a martingale at p = 1/2). */
#ifndef SHADOW_EVIDENCE_H
#define SHADOW_EVIDENCE_H

#include "base/base.h"

#define EVIDENCE_ALPHA 0.01

enum {
    EVIDENCE_FEWEST = 9,     /* pairs that can show anything: all of them for it, none against */
    EVIDENCE_BLIND_NUM = 19, /* blind: legacy differs from itself in 19 of 20 probes or more */
    EVIDENCE_BLIND_DEN = 20,
};

struct evidence {
    uint64_t b;      /* only the other side differs from the serving one */
    uint64_t c;      /* only the serving side differs, from itself */
    uint64_t both;   /* both do */
    uint64_t probes; /* all exchanges in which both could be seen */
};

enum evidence_state {
    EVIDENCE_REGRESS, /* E reached 1 / alpha */
    EVIDENCE_THIN,    /* too few probes to say */
    EVIDENCE_BLIND,   /* legacy nearly always differs from itself: no number of probes shows more */
    EVIDENCE_NOISY,   /* legacy differs from itself, and new is not seen to differ more often */
    EVIDENCE_CLEAN,   /* nothing differs that stayed so */
    EVIDENCE_STATES
};

double evidence_log(uint64_t b, uint64_t c);
/* ln E, E = 2 * 2^m * integral from 1/2 to 1 of p^b (1-p)^c dp, m = b + c. */

enum evidence_state evidence_state(const struct evidence *e, bool differs);
/* differs: it was found between the sides, and not only for a moment. */

bool evidence_state_counts(enum evidence_state s);
/* Whether it is held against the other side: nothing shows that it is noise. */

uint64_t evidence_needs(const struct evidence *e);
/* How many more exchanges in which only new differs would make it a regression. 0: it is one. */

const char *evidence_word(enum evidence_state s);

#endif
