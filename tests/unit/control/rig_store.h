/* A store in a loop of its own, and what it reported. */
#ifndef TESTS_CONTROL_RIG_STORE_H
#define TESTS_CONTROL_RIG_STORE_H

#include "tests/unit/control/rig.h"

#include "control/store.h"

struct watch {
    struct rig_loop loop;
    struct store *store;
    pthread_mutex_t lock;
    struct seen { /* under lock */
        unsigned looks;
        enum sight sight;
        enum err unreadable;
        char raw[4096];
        size_t raw_n;
        unsigned wrote;
        enum store_write how;
        char why[256];
        struct store_facts facts;
        unsigned peers_calls;
        struct peers peers;
    } seen;
    struct config *config;
    const char *instance;
    char *to_write;
    bool accepted;
};

void watch_begin(struct watch *w, const char *url, const char *more);
/* Opens a store on control.redis = url; more: further members of `control`, each after a comma. */

void watch_end(struct watch *w);

const struct seen *seen(struct watch *w);
/* What was reported until now; good until the next call. */

void forget(struct watch *w);
/* How the last write ended, and who the peers were. */

void expect(bool (*is)(void *arg), struct watch *w, const char *what);
void expect_holds(struct watch *w, const char *raw);
void expect_error(struct watch *w, const char *text);
/* Within a few seconds. */

bool is_connected(void *arg);
bool is_lost(void *arg);
bool is_pushed(void *arg);
bool is_polled(void *arg);
bool is_settled(void *arg);
bool is_missing(void *arg);
bool is_unreadable(void *arg);
bool has_written(void *arg);
bool has_peers(void *arg);

#endif
