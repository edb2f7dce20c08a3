/* Coarse timers on a wheel: setting one that is already set to a later time is a plain store, so a
 * timeout that is pushed back on every read costs nothing. Resolution is TIMER_TICK_MS; a timer
 * fires up to one tick late, never early.
 *
 * One wheel belongs to one thread. base/loop.h drives it; this file knows no clock. */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include "base/base.h"

enum { TIMER_TICK_MS = 20, TIMER_SLOTS = 1024 };

struct timer_link {
    struct timer_link *prev;
    struct timer_link *next;
};

typedef void timer_fn(void *arg);

struct timer {
    struct timer_link link; /* next == NULL: not set */
    uint64_t due_ms;        /* when it shall fire */
    uint64_t placed_ms;     /* when the wheel will look at it (<= due_ms + one tick) */
    timer_fn *fn;
    void *arg;
};

struct timer_wheel {
    struct timer_link slots[TIMER_SLOTS];
    struct timer_link firing;
    uint64_t tick; /* the next slot to look at, in ticks */
    size_t count;  /* timers set */
};

void timer_wheel_begin(struct timer_wheel *w, uint64_t now_ms);
void timer_wheel_run(struct timer_wheel *w, uint64_t now_ms);
/* Fires what is due. A callback may set and clear any timer, its own included. */

void timer_begin(struct timer *t, timer_fn *fn, void *arg);
void timer_set(struct timer_wheel *w, struct timer *t, uint64_t due_ms);
/* (Re)arms t for due_ms on the wheel's time scale. */

void timer_clear(struct timer_wheel *w, struct timer *t);
/* Disarms t; nothing happens when it is not set. */

static inline bool timer_is_set(const struct timer *t)
{
    return t->link.next != NULL;
}

#endif
