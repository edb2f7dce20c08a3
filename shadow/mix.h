/* Hashing inside one process: keyed by a secret made at the first use, so that nobody who can shape
 * an answer can also aim at collisions. Values never leave the process; what is written to disk
 * goes through redact.c. */
#ifndef SHADOW_MIX_H
#define SHADOW_MIX_H

#include "base/bytes.h"

uint64_t mix_secret(void);
/* The process's secret. Any thread. */

uint64_t mix_bytes(uint64_t seed, struct span s);

static inline uint64_t mix_two(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xd6e8feb86659fd93u);
    uint64_t h = (uint64_t)m ^ (uint64_t)(m >> 64);
    return h ^ (h >> 29);
}

#endif
