/* What every file needs: attributes, checks that stay on in release builds, object magic.
 *
 * BUG_IF() is for what cannot happen unless the program is wrong: it says where and aborts.
 * Anything a peer, an operator or the system can cause is an `enum err` (err.h), never a BUG. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE     __attribute__((warn_unused_result))
#define NORETURN     __attribute__((noreturn))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define LIKELY(x)    __builtin_expect(!!(x), 1)
#define UNLIKELY(x)  __builtin_expect(!!(x), 0)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define UNUSED(x)    ((void)(x))

#define CONTAINER_OF(p, type, member) ((type *)((uintptr_t)(p)-offsetof(type, member)))

NORETURN void base_bug(const char *file, int line, const char *what);
/* Prints "BUG file:line: what" to stderr and aborts. */

#define BUG_IF(cond)                             \
    do {                                         \
        if (UNLIKELY(cond))                      \
            base_bug(__FILE__, __LINE__, #cond); \
    } while (0)

/* Every object that travels through a `void *` begins with `unsigned magic`. A callback opens with
 * OBJ_CAST, a destructor takes `T **`, checks, wipes the magic and nulls the giver's pointer with
 * OBJ_TAKE. */
#define OBJ_INIT(p, m)  ((p)->magic = (m))
#define OBJ_CHECK(p, m) BUG_IF((p) == NULL || (p)->magic != (m))
#define OBJ_CAST(to, from, m) \
    do {                      \
        (to) = (from);        \
        OBJ_CHECK(to, m);     \
    } while (0)
#define OBJ_TAKE(to, from, m)   \
    do {                        \
        BUG_IF((from) == NULL); \
        (to) = *(from);         \
        *(from) = NULL;         \
        OBJ_CHECK(to, m);       \
    } while (0)

static inline size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
