/* A ring under a mutex. Messages are rare (flips, results, requests of an operator), so a lock is
 * the simple right thing. */
#include "base/mailbox.h"

#include <stdlib.h>

enum err mailbox_begin(struct mailbox *m, size_t cap, mail_fn *wake, void *wake_arg)
{
    *m = (struct mailbox){.wake = wake, .wake_arg = wake_arg};
    m->shared.ring = calloc(cap, sizeof(*m->shared.ring));
    if (m->shared.ring == NULL)
        return ERR_NO_MEMORY;
    m->shared.cap = cap;
    pthread_mutex_init(&m->lock, NULL);
    return ERR_OK;
}

void mailbox_end(struct mailbox *m)
{
    if (m->shared.ring == NULL)
        return;
    pthread_mutex_destroy(&m->lock);
    free(m->shared.ring);
    m->shared.ring = NULL;
}

bool mailbox_post(struct mailbox *m, mail_fn *fn, void *arg)
{
    pthread_mutex_lock(&m->lock);
    bool ok = !m->shared.closed && m->shared.n < m->shared.cap;
    bool was_empty = m->shared.n == 0;
    if (ok) {
        size_t at = (m->shared.first + m->shared.n++) % m->shared.cap;
        m->shared.ring[at] = (struct mail){fn, arg};
    }
    pthread_mutex_unlock(&m->lock);
    if (ok && was_empty)
        m->wake(m->wake_arg);
    return ok;
}

void mailbox_close(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    m->shared.closed = true;
    pthread_mutex_unlock(&m->lock);
}

static bool take(struct mailbox *m, struct mail *out)
{
    pthread_mutex_lock(&m->lock);
    bool some = m->shared.n > 0;
    if (some) {
        *out = m->shared.ring[m->shared.first];
        m->shared.first = (m->shared.first + 1) % m->shared.cap;
        m->shared.n--;
    }
    pthread_mutex_unlock(&m->lock);
    return some;
}

static size_t waiting(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    size_t n = m->shared.n;
    pthread_mutex_unlock(&m->lock);
    return n;
}

void mailbox_drain(struct mailbox *m)
{
    struct mail mail;
    for (size_t n = waiting(m); n > 0 && take(m, &mail); n--)
        mail.fn(mail.arg);
    /* What came meanwhile found the box not empty, so nobody was woken for it. */
    if (waiting(m) > 0)
        m->wake(m->wake_arg);
}
