/* Each thread keeps what it has not told yet; the sum of what was told may be below zero for a
 * moment. */
#include "base/memory.h"

#include <stdatomic.h>

enum { STEP = 64 * 1024 };

static _Atomic ptrdiff_t told;
static _Thread_local ptrdiff_t untold;

void memory_thread_end(void)
{
    atomic_fetch_add_explicit(&told, untold, memory_order_relaxed);
    untold = 0;
}

void memory_note(ptrdiff_t change)
{
    untold += change;
    if (UNLIKELY(untold >= STEP || untold <= -STEP))
        memory_thread_end();
}

size_t memory_in_buffers(void)
{
    ptrdiff_t n = atomic_load_explicit(&told, memory_order_relaxed) + untold;
    return n < 0 ? 0 : (size_t)n;
}
