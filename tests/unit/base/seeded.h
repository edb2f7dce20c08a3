/* Random numbers that are the same in every run (splitmix64). A test that fails prints its seed. */
#ifndef TESTS_SEEDED_H
#define TESTS_SEEDED_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct seeded {
    uint64_t seed;
    uint64_t state;
};

static inline struct seeded seeded_begin(uint64_t seed)
{
    return (struct seeded){seed, seed};
}

static inline uint64_t seeded_u64(struct seeded *r)
{
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 .. n-1 */
static inline size_t seeded_below(struct seeded *r, size_t n)
{
    return (size_t)(seeded_u64(r) % n);
}

/* An assertion in a loop over random inputs. */
#define SEEDED_ASSERT(r, cond)                                                       \
    do {                                                                             \
        if (!(cond)) {                                                               \
            print_error("seed %llu, %s\n", (unsigned long long)(r)->seed, __FILE__); \
            assert_true(cond);                                                       \
        }                                                                            \
    } while (0)

#endif
