/* A small hash table over 64-bit hashes that are already well mixed, in scratch memory; its size is
 * known beforehand. */
#ifndef SHADOW_TABLE_H
#define SHADOW_TABLE_H

#include "shadow/scratch.h"

#include "base/err.h"

struct table_slot {
    uint64_t hash;
    uint32_t value;
    bool used;
};

struct table {
    struct table_slot *slots;
    uint32_t mask;
};

enum err table_begin(struct table *t, struct scratch *s, uint32_t n) MUST_USE;
/* Room for n different hashes. */

bool table_put(struct table *t, uint64_t hash, uint32_t value) MUST_USE;
/* False when the hash is there already. */

bool table_get(const struct table *t, uint64_t hash, uint32_t *value) MUST_USE;

void table_count(struct table *t, uint64_t hash, uint32_t n);
/* Adds n to what stands under the hash, which begins at 0. */

bool table_uncount(struct table *t, uint64_t hash) MUST_USE;
/* Takes one away; false when none is left. */

#endif
