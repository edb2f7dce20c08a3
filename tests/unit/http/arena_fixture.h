/* One arena for a whole test program: group setup and teardown. */
#ifndef TESTS_ARENA_FIXTURE_H
#define TESTS_ARENA_FIXTURE_H

#include "base/arena.h"

static struct arena arena;

static int setup(void **state)
{
    UNUSED(state);
    arena_begin(&arena, 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    UNUSED(state);
    arena_end(&arena);
    arena_thread_end();
    return 0;
}

#endif
