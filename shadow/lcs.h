/* The longest common subsequence of two lists of hashes, given up when they are too far apart. */
#ifndef SHADOW_LCS_H
#define SHADOW_LCS_H

#include "shadow/scratch.h"

#include "base/err.h"

struct lcs {
    const uint64_t *a;
    uint32_t na;
    const uint64_t *b;
    uint32_t nb;
    uint32_t max;      /* longest list that is tried, after what both ends have in common */
    uint32_t distance; /* most insertions and deletions */
    uint32_t *to;      /* out: for each of a, its partner in b + 1, or 0; room for na */
    bool found;        /* out: false: too far apart; then `to` holds only the common ends */
    uint64_t work;     /* out: steps taken are added */
};

enum err lcs_align(struct lcs *x, struct scratch *s) MUST_USE;

#endif
