/* Random numbers for identifiers and jitter (not for keys: those come straight from the kernel by
 * rand_secret). */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include "base/err.h"

uint64_t rand_u64(void);
/* The calling thread's xoshiro256**, seeded from the kernel at first use. */

enum err rand_secret(void *out, size_t n) MUST_USE;
/* n bytes (<= 256) from getrandom(2), for keys and tokens. */

#endif
