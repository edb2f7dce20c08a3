/* xoshiro256** (Blackman and Vigna, public domain algorithm), one state per thread. */
#include "base/rand.h"

#include <sys/random.h>

static _Thread_local uint64_t state[4];

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t rand_u64(void)
{
    if (UNLIKELY((state[0] | state[1] | state[2] | state[3]) == 0))
        BUG_IF(rand_secret(state, sizeof(state)) != ERR_OK);
    uint64_t result = rotl(state[1] * 5, 7) * 9;
    uint64_t t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotl(state[3], 45);
    return result;
}

enum err rand_secret(void *out, size_t n)
{
    BUG_IF(n > 256); /* up to here getrandom(2) is never cut short or interrupted */
    return getrandom(out, n, 0) == (ssize_t)n ? ERR_OK : ERR_SYSTEM;
}
