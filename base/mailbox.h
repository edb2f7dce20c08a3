/* Messages to a thread: a bounded queue of (function, argument), posted from any thread, run by the
 * one that drains it. */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include "base/err.h"

#include <pthread.h>

typedef void mail_fn(void *arg);

struct mail {
    mail_fn *fn;
    void *arg;
};

struct mailbox {
    pthread_mutex_t lock;
    struct { /* under lock */
        struct mail *ring;
        size_t cap;
        size_t first;
        size_t n;
        bool closed;
    } shared;
    mail_fn *wake; /* called by the poster, without the lock, when the box was empty; const after
                      begin */
    void *wake_arg;
};

enum err mailbox_begin(struct mailbox *m, size_t cap, mail_fn *wake, void *wake_arg) MUST_USE;
void mailbox_end(struct mailbox *m);
/* Nobody may post any more. What is left in the box is dropped. */

bool mailbox_post(struct mailbox *m, mail_fn *fn, void *arg) MUST_USE;
/* Any thread. False when the box is full or closed: the caller keeps arg. */

void mailbox_close(struct mailbox *m);
/* Any thread. From here on every post is refused; what is in the box can still be drained. */

void mailbox_drain(struct mailbox *m);
/* The owning thread: runs what is in the box now. Messages that come meanwhile wait for the next
 * call, for which it wakes its own thread. */

#endif
