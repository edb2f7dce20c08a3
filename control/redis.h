/* One connection to Redis: commands out, answers in, deadlines. The only door to hiredis.
 *
 * Control thread. */
#ifndef CONTROL_REDIS_H
#define CONTROL_REDIS_H

#include "base/bytes.h"
#include "base/loop.h"

enum answer_kind {
    ANSWER_TEXT, /* a string or a status */
    ANSWER_NUMBER,
    ANSWER_NOTHING, /* nil */
    ANSWER_LIST,
    ANSWER_REFUSAL, /* Redis says no; text says why */
};

struct answer {
    enum answer_kind kind;
    struct span text;
    long long number;
    size_t n;         /* ANSWER_LIST */
    const void *list; /* see answer_item() */
};

struct answer answer_item(const struct answer *list, size_t i);

struct redis_link;

typedef void redis_fn(void *arg, const struct answer *a);
/* Called once per command, or for every message on a subscribed connection. Not called for what is
 * unanswered when the connection goes. May send and may close the connection. */

struct redis_at {
    const char *path; /* Unix socket; NULL: TCP */
    const char *ip; /* numeric: names are resolved elsewhere, because hiredis would block on them */
    unsigned port;
};

struct redis_events {
    void *arg;
    void (*gone)(void *arg, const char *why);
    /* The connection failed, broke or did not answer in time. It is still to be closed with
     * redis_close(). */
};

enum err redis_open(struct redis_link **out, struct loop *loop, const struct redis_at *at,
                    uint64_t timeout_ms, const struct redis_events *ev, char *why,
                    size_t why_cap) MUST_USE;
/* Begins to connect; commands may be sent at once. A command that has no answer after timeout_ms
 * ends the connection; connecting counts as a command. Keeps the pointers in *at only until it
 * returns. On failure `why` says why. */

void redis_send(struct redis_link *l, redis_fn *fn, void *arg, size_t argc,
                const struct span *argv);
/* When that is not possible any more the command is forgotten: gone() is called then, or was. */

void redis_finish(struct redis_link *l, uint64_t ms);
/* Blocks until every command is answered or ms are over, but calls nobody any more: for last words.
 */

void redis_close(struct redis_link **l);
/* Any time, also within redis_fn and gone(). Nothing is called any more. */

#endif
