/* A whole control plane with its loop, a router and workers that do nothing but adopt. */
#ifndef TESTS_CONTROL_RIG_WEIR_H
#define TESTS_CONTROL_RIG_WEIR_H

#include "tests/unit/control/rig.h"

#include "control/control.h"

enum { RIG_WORKERS = 2 };

struct rig_weir;

struct rig_worker {
    struct rig_weir *weir;
    pthread_t thread;
    struct router_reader *reader;
};

struct rig_weir {
    struct rig_loop loop;
    struct router *router;
    struct control *control;
    char dir[128];    /* state_dir */
    char socket[160]; /* admin socket */
    struct rig_worker workers[RIG_WORKERS];
    _Atomic bool stop;
    _Atomic bool hold; /* workers do not adopt */
    _Atomic unsigned published;
    _Atomic unsigned drains;
    _Atomic unsigned stops;
    pthread_mutex_t lock;
    const char *routes; /* under lock: what the next load gives */
    const char *more;
    bool bad;         /* under lock: the next load fails */
    unsigned slow_ms; /* under lock: the next load takes so long */
    _Atomic unsigned loads;
};

void rig_weir_start(struct rig_weir *w, const char *name, const char *more);
/* name: of its state directory, kept when it exists. more: members of the configuration. */

enum err rig_weir_try(struct rig_weir *w, const char *name, const char *more,
                      struct complaints *wrong);
/* The same, when it is expected to fail; on failure nothing is left. */

void rig_weir_end(struct rig_weir *w);

void rig_weir_next(struct rig_weir *w, const char *routes, const char *more, bool bad);
/* What the next reload finds. */

/* --- asking it --- */

int rig_call(const struct rig_weir *w, const char *method, const char *path, const char *body,
             char *out, size_t cap);
/* The status; the answer in out. */

bool rig_says(const struct rig_weir *w, const char *text);
/* Whether GET /status has this in it, once white space is squeezed out. */

void rig_expect(const struct rig_weir *w, const char *text);
/* It does so within a few seconds. */

#endif
