/* What the tests of this room need around them: a loop in a thread, a real redis-server, a false
 * one, waiting. */
#ifndef TESTS_CONTROL_RIG_H
#define TESTS_CONTROL_RIG_H

#include "tests/unit/fail_alloc.h"

#include "base/loop.h"
#include "control/document.h"
#include "router/router.h"

#include <limits.h>
#include <pthread.h>
#include <sys/types.h>

/* --- a place for files --- */

const char *rig_dir(void);
/* A directory of this test program, removed at its end. */

const char *rig_path(const char *name);
/* In that directory; good until the fourth call after. */

void rig_make_dir(const char *name);

/* --- waiting: for something to become true, never for time to pass --- */

bool rig_wait(bool (*is)(void *arg), void *arg, unsigned ms);
uint64_t rig_now_ms(void);

/* --- a loop --- */

struct rig_loop {
    struct loop *loop;
    pthread_t thread;
};

void rig_loop_start(struct rig_loop *l);
void rig_loop_end(struct rig_loop *l);
/* Stops and frees it. */

void rig_loop_stop(struct rig_loop *l);
/* Stops the thread; the loop is still there, for what must be freed before it. */

void rig_loop_free(struct rig_loop *l);

void rig_on_loop(struct rig_loop *l, void (*fn)(void *arg), void *arg);
/* Runs fn on the loop's thread and waits for it. */

/* --- redis-server --- */

struct rig_redis {
    pid_t pid;
    unsigned port;
    char socket[PATH_MAX];
};

bool rig_have_redis(void);
void rig_redis_begin(struct rig_redis *r);
/* Chooses a socket and a port; starts nothing. */

void rig_redis_start(struct rig_redis *r, const char *const *more);
/* more: further arguments, ended by NULL; may be NULL. Returns when it answers. */

void rig_redis_signal(const struct rig_redis *r, int signo);
void rig_redis_kill(struct rig_redis *r);

char *rig_redis_ask(const struct rig_redis *r, const char *fmt, ...) PRINTF(2, 3);
/* One command, the answer as text ("" for nil), to be freed. Words are separated by one space. */

long long rig_redis_number(const struct rig_redis *r, const char *fmt, ...) PRINTF(2, 3);
void rig_redis_do(const struct rig_redis *r, const char *fmt, ...) PRINTF(2, 3);

/* --- something that only looks like Redis --- */

struct rig_false_redis {
    char socket[PATH_MAX];
    int fd;
    pthread_t thread;
    const char *(*answer)(void *arg, const char *command);
    void *arg;
    _Atomic bool stop;
    _Atomic unsigned connections;
};

void rig_false_redis_start(struct rig_false_redis *r,
                           const char *(*answer)(void *arg, const char *command), void *arg);
/* answer gets the words of a command ("CLIENT ID") and gives raw bytes to send; NULL: close; "":
 * say nothing. A command of
 * "" asks for what to say on connecting. */

void rig_false_redis_end(struct rig_false_redis *r);

/* --- configurations --- */

struct route_table *rig_table(const char *routes, const char *more);
/* routes: the list's members, NULL for three of them; more: further members of the root, each
 * followed by a comma. */

struct config *rig_config(const char *routes, const char *more);

struct document *rig_document(const char *text);

#endif
