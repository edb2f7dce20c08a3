/* The event loop of one thread: libevent's raw persistent edge-triggered events, wrapped. One
 * registration serves a file descriptor for life; a handler reads until a short read says "empty"
 * and writes at once.
 *
 * Everything but loop_post() and loop_stop() is called by the loop's own thread (or before it
 * runs). */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/err.h"
#include "base/mailbox.h"
#include "base/timer.h"

#include <stdalign.h>

struct loop;

enum err loop_new(struct loop **out, size_t mailbox_cap) MUST_USE;
void loop_free(struct loop **l);
/* No descriptor may be registered any more. */

void loop_run(struct loop *l);
/* Runs turns until loop_stop(). A turn: wait, handlers, due timers, messages, deferred tasks. In
 * the end no more messages are taken, and those that were are delivered. */

void loop_finish(struct loop *l);
/* After loop_run(): runs the deferred tasks that are left, until none is. */

void loop_stop(struct loop *l);
/* Any thread, and signal handlers of this loop: the current turn is the last. */

typedef void loop_turn_fn(void *arg, uint64_t us, uint64_t longest_us);

void loop_on_turn(struct loop *l, loop_turn_fn *fn, void *arg);
/* Before loop_run(): fn hears at the end of each turn how long it took, from the end of its wait;
 * whatever else the loop serves waited as long. longest_us: of its steps. A step is a handler, all
 * timers that are due, all messages, all deferred tasks. */

bool loop_is_late(const struct loop *l);
/* Whether the running step has taken so long (half a millisecond) that the rest of a long list
 * should wait for the next turn: see loop_defer(). */

uint64_t loop_now_us(const struct loop *l);
/* Monotonic microseconds, read when the running handler was entered. */

uint64_t loop_now_ms(const struct loop *l);

void *loop_event_base(struct loop *l);
/* The struct event_base, for the one library that brings its own libevent adapter (hiredis). */

/* --- descriptors --- */

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_CLOSED = 4 };

typedef void loop_io_fn(void *arg, unsigned what);
/* what: LOOP_READ there may be bytes (or an end, or an error); LOOP_WRITE there may be room;
 * LOOP_CLOSED the peer will send no more, so read until the end shows. */

struct loop_io {
    alignas(void *) unsigned char event[128]; /* struct event; its size is asserted in loop.c */
    struct loop *loop;                        /* NULL: not registered */
    loop_io_fn *fn;
    void *arg;
};

enum err loop_io_add(struct loop *l, struct loop_io *io, int fd, unsigned what, loop_io_fn *fn,
                     void *arg) MUST_USE;
/* Registers fd, edge-triggered, for `what` until loop_io_del(). */

void loop_io_del(struct loop_io *io);
/* Before the descriptor is closed. Nothing happens when it is not registered. */

/* --- timers (base/timer.h) --- */

void loop_timer_set(struct loop *l, struct timer *t, uint64_t ms);
/* Fires ms from now. */

void loop_timer_clear(struct loop *l, struct timer *t);

/* --- at the end of the turn --- */

struct loop_task {
    struct loop_task *next;
    mail_fn *fn;
    void *arg;
    unsigned turn; /* the turn it was queued in */
    bool queued;
};

void loop_defer(struct loop *l, struct loop_task *t, mail_fn *fn, void *arg);
/* Runs fn(arg) once, when this turn's handlers are done; from within a task: at the end of the next
 * turn, which then does not wait. Queued twice is queued once. The task lives in the caller's
 * object and is forgotten before fn is called, so fn may free it. */

void loop_undefer(struct loop *l, struct loop_task *t);
/* Takes a queued task back. */

/* --- messages and signals --- */

bool loop_post(struct loop *l, mail_fn *fn, void *arg) MUST_USE;
/* Any thread: fn(arg) runs on the loop's thread soon. False when its mailbox is full or loop_run()
 * has ended: the caller keeps arg. */

enum err loop_signal(struct loop *l, int signo, void (*fn)(void *arg, int signo),
                     void *arg) MUST_USE;
/* fn runs as an ordinary handler of the loop. One registration per signal, kept until loop_free().
 */

#endif
