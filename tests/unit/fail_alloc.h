/* A failing allocator: every constructor is walked with the first, second, third ... allocation
 * failing. */
#ifndef TESTS_FAIL_ALLOC_H
#define TESTS_FAIL_ALLOC_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

void alloc_fail_at(long n);
/* The n-th allocation from now on (1 is the next) of this thread fails, and only that one. 0: none.
 */

bool alloc_failed(void);
/* Whether that has happened since the last alloc_fail_at(). */

/* Runs `build` with every allocation failing in turn, until one run needs no failing allocation.
 * `build` returns ERR_OK after cleaning up what it built, or the failure, with nothing left behind
 * (AddressSanitizer sees the rest). */
void alloc_walk(enum err (*build)(void *arg), void *arg);

#endif
