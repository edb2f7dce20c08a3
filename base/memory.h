/* How much memory waits in buffers: chunk queues, exchange arenas, half-read heads; of all threads
 * together. Counted in coarse steps, so that counting costs nothing: exact to 64 KiB per thread. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/base.h"

void memory_note(ptrdiff_t change);
/* So many bytes more, or fewer. Any thread. */

size_t memory_in_buffers(void);
/* Any thread. */

void memory_thread_end(void);
/* Hands the rest of the calling thread's count over. */

#endif
