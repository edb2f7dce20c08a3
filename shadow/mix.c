/* Multiply and fold, eight bytes at a time. */
#include "shadow/mix.h"

#include "base/clock.h"
#include "base/rand.h"

#include <pthread.h>

static uint64_t secret;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_secret(void)
{
    if (rand_secret(&secret, sizeof(secret)) != ERR_OK)
        secret = mix_two(clock_us(), (uint64_t)(uintptr_t)&secret);
}

uint64_t mix_secret(void)
{
    pthread_once(&once, make_secret);
    return secret;
}

static uint64_t load(const char *p, size_t n)
{
    uint64_t v = 0;
    memcpy(&v, p, n);
    return v;
}

uint64_t mix_bytes(uint64_t seed, struct span s)
{
    uint64_t h = mix_two(seed, s.n);
    const char *p = s.p;
    size_t left = s.n;
    for (; left > 8; left -= 8, p += 8)
        h = mix_two(h, load(p, 8));
    return left == 0 ? h : mix_two(h, load(p, left) ^ 0x5bd1e995);
}
