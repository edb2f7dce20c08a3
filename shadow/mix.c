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

static uint64_t load_eight(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* One to eight bytes, without a loop: the halves overlap where there are fewer. */
static uint64_t load_rest(const char *p, size_t n)
{
    uint32_t first, last;
    if (n < 4)
        return (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[n / 2] << 8 |
               (uint64_t)(unsigned char)p[n - 1] << 16;
    memcpy(&first, p, sizeof(first));
    memcpy(&last, p + n - sizeof(last), sizeof(last));
    return (uint64_t)first << 32 | last;
}

uint64_t mix_bytes(uint64_t seed, struct span s)
{
    uint64_t h = mix_two(seed, s.n);
    const char *p = s.p;
    size_t left = s.n;
    for (; left > 8; left -= 8, p += 8)
        h = mix_two(h, load_eight(p));
    return left == 0 ? h : mix_two(h, load_rest(p, left) ^ 0x5bd1e995);
}
