/* The linker sends every allocation of the program's own code through here (--wrap). */
#include "tests/unit/fail_alloc.h"

#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

static _Thread_local long countdown;
static _Thread_local bool failed;

void alloc_fail_at(long n)
{
    countdown = n;
    failed = false;
}

bool alloc_failed(void)
{
    return failed;
}

static bool fails(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t m)
{
    return fails() ? NULL : __real_calloc(n, m);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = fails() ? NULL : __real_malloc(len + 1);
    if (copy != NULL) {
        memcpy(copy, s, len);
        copy[len] = '\0';
    }
    return copy;
}

char *__wrap_strdup(const char *s)
{
    return __wrap_strndup(s, strlen(s));
}

void alloc_walk(enum err (*build)(void *arg), void *arg)
{
    for (long n = 1; n < 100000; n++) {
        alloc_fail_at(n);
        enum err e = build(arg);
        bool hit = failed;
        alloc_fail_at(0);
        if (!hit) {
            assert_int_equal(e, ERR_OK);
            return;
        }
    }
    fail_msg("the constructor never stops allocating");
}
