/* Puts the rooms together and runs them: for `weir run` and `weir demo`. Private to cli/. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "config/config.h"

struct run_hooks {
    void *arg;
    enum err (*load)(void *arg, struct config **out, struct complaints *wrong);
    /* The configuration: at start, and again at every reload (then on another thread). */

    void (*ready)(void *arg, const struct config *c, const char *listening);
    /* Everything runs; listening: the URLs, separated by spaces. NULL: a line of the log says so.
     * The main thread. */

    bool upgrades;
    /* A process started anew with the same arguments may take this one's place. */

    void (*ending)(void *arg);
    /* The end begins: no connection is accepted any more once this returns. May be NULL. The main
     * thread. */
};

enum { RUN_OK = 0, RUN_FAILED = 1, RUN_BAD_CONFIG = 2 };

int run_weir(const struct run_hooks *hooks);
/* Runs until a signal ends it. Returns an exit status; says on standard error what went wrong. */

#endif
