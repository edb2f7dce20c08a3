/* The control plane: the single writer of routing state. Reads the control store (Redis or a file),
 * takes orders from the admin API, reloads the configuration, publishes snapshots, acknowledges,
 * remembers.
 *
 * Runs on the main thread's loop; the admin API has a thread of its own. Nothing here is on a
 * request's path. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "base/loop.h"
#include "config/config.h"
#include "router/router.h"
#include "shadow/shadow.h"

struct control;
struct handed_over;
struct scribe;

/* What the program around it offers; control and the data plane do not know each other. */
struct control_hooks {
    void *arg;
    enum err (*load)(void *arg, struct config **out, struct complaints *wrong);
    /* Reads the configuration afresh. Work thread. */

    enum err (*prepare)(void *arg, struct route_table *table, struct complaints *wrong);
    /* Lets the data plane attach what it needs to a table that will be published; reports what it
     * cannot do (a certificate that does not load). Work thread. */

    void (*published)(void *arg, const struct route_table *table);
    /* A snapshot was published: wake the workers. Control thread. */

    void (*drain)(void *arg);
    /* SIGTERM or SIGINT: begin the graceful end. A second signal calls stop. Control thread. */

    void (*stop)(void *arg);
    /* End now. Control thread. */

    enum err (*hand_over)(void *arg, int channel);
    /* Sends listening sockets and secrets to the process that is to take this one's place. NULL:
     * there can be none. Control thread; waits a few seconds at most. */

    void (*leave)(void *arg);
    /* The other process has taken over: end as after SIGTERM, but accepting nothing is the other
     * one's business now. Control thread. */

    void (*in_charge)(void *arg);
    /* This process has taken the place of another one. Control thread. May be NULL. */

    bool (*alive)(void *arg);
    /* Whether all that should turn has turned since the last call. Control thread. NULL: yes. */

    const struct handed_over *handed; /* NULL: this process takes nobody's place. Kept: borrowed */

    enum err (*describe)(void *arg, struct buf *json);
    /* Appends members of the status object ("listeners": [...], "connections": n, ...), each
     * followed by a comma. Any thread. */
};

enum err control_new(struct control **out, struct loop *loop, struct router *router,
                     struct shadow *shadow, struct scribe *scribe, struct route_table **table,
                     const struct control_hooks *hooks, struct complaints *wrong) MUST_USE;
/* Takes *table (already prepared), restores the last known state and publishes the first snapshot.
 * Opens no socket yet. shadow and scribe may be NULL; the hooks are copied. ERR_CONFIG: `wrong`
 * says why. The table is freed on failure, too. */

enum err control_start(struct control *c, struct complaints *wrong) MUST_USE;
/* Workers run: opens the admin sockets, starts the admin thread, connects to Redis, installs
 * SIGHUP, SIGTERM, SIGINT, SIGUSR1 (reopen logs), SIGUSR2 (upgrade) and SIGURG (an order was left).
 * With `handed` the process before is told, and stays in charge until it answers: until then
 * nothing is written, no order is taken, and the store is not asked. */

void control_adopted(struct control *c);
/* Any thread: a worker has adopted a newer snapshot. */

void control_ready(struct control *c, bool ready);
/* Any thread: what /readyz answers. */

void control_free(struct control **c);
/* Ends the admin thread, closes everything, withdraws the ack. The loop has ended and does not run
 * again; the readers of the router may be gone. */

/* --- the command line's end of the admin API --- */

struct admin_answer {
    int status;
    struct buf body;
};

enum err admin_call(const char *socket_path, const char *method, const char *path, struct span body,
                    uint64_t timeout_ms, struct admin_answer *out,
                    struct complaints *wrong) MUST_USE;
/* One blocking request over the admin socket. */

struct history_query {
    uint64_t since_ms; /* only the last so many; 0: all */
    const char *route; /* only what concerns it; NULL: all */
    bool json;
};

enum err history_show(const char *dir, const struct history_query *q, struct buf *out,
                      struct complaints *wrong) MUST_USE;
/* Appends the audit trail of a state directory, oldest first: a table, or the lines as they are. */

enum err history_state(const char *dir, uint64_t epoch, struct buf *out,
                       struct complaints *wrong) MUST_USE;
/* out becomes the document (JSON, or null) that was in force after the change to this epoch.
 * ERR_NOT_FOUND: there is none. */

enum err kept_names(const char *dir, struct buf *out) MUST_USE;
/* Appends the names of the configurations kept in a state directory, oldest first, a line each. */

enum err kept_config(const char *dir, const char *name, struct buf *out,
                     struct complaints *wrong) MUST_USE;
/* Appends one of them, as `weir check --print` shows it. ERR_NOT_FOUND: there is none. */

struct control_purged {
    uint64_t removed; /* records */
    char message[768];
};

enum err control_purge(const char *dir, const struct shadow_purge *q, const char *by,
                       const char *why, struct control_purged *out,
                       struct complaints *wrong) MUST_USE;
/* Takes records and findings out of the files of a state directory where no weir runs, and puts
 * that on the audit trail. ERR_CONFIG, ERR_SYSTEM: `wrong` says why. */

struct left_order {
    long pid;   /* of the weir that was told; 0: none runs there */
    bool taken; /* in force there, and on disk */
};

enum err control_leave_order(const char *dir, struct span order, uint64_t patience_ms,
                             struct left_order *out, struct complaints *wrong) MUST_USE;
/* Leaves an order, the body of POST /control, in a state directory, signals the weir there, and
 * waits until it was taken. What is not taken counts when a weir starts there. ERR_INVALID:
 * refused; ERR_SYSTEM: it could not be left, or nobody told. */

enum err control_sign(const struct config *c, struct span text, struct buf *out,
                      struct complaints *wrong) MUST_USE;
/* Appends a control document with the signature of c's first secret. Refused as any instance would
 * refuse it, or when c has no secret: `wrong` says why. */

/* --- weir plan (plan.c) --- */

struct plan;

enum err plan_new(const struct route_table *was, const struct route_table *is,
                  struct plan **out) MUST_USE;
void plan_free(struct plan **p);
/* Compares what two configurations do with users; the tables outlive it. */

void plan_line(struct plan *p, struct span line);
/* A line of a JSON access log: where would this request have gone? */

enum err plan_say(const struct plan *p, struct buf *out) MUST_USE;
/* Appends what moves where. */

#endif
