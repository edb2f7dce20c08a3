/* Inside control/: the struct behind the door, and what its files offer one another. Everything
 * here belongs to the control thread unless it says otherwise. */
#ifndef CONTROL_ROOM_H
#define CONTROL_ROOM_H

#include "control/admin.h"
#include "control/control.h"
#include "control/flip.h"
#include "control/jobs.h"
#include "control/store.h"

#include "base/handover.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

enum { CONTROL_MAGIC = 0x4354524c, INSTANCE_MAX = 256, ORDERS_MAX = 64 };

/* --- persist.c: state.json and audit.ndjson, written by a thread --- */

struct persist {
    struct persist_job *running;
    uint64_t wanted;  /* generations of the state: the newest, */
    uint64_t written; /* and the newest on disk */
    char error[160];  /* of the last attempt; empty while all is well */
    uint64_t lost_audit;
    struct timer retry;
};

void persist_begin(struct control *c);
void persist_request(struct control *c);
/* Writes the state as it is now, soon. */

void persist_last(struct control *c);
/* At the end, when the loop does not run any more: writes what is not on disk, blocking. */

/* --- orders.c: what operators ask for and wait for --- */

enum order_store {
    ORDER_NO_STORE,  /* nothing is to be written (a reload) */
    ORDER_WAITS,     /* not yet written */
    ORDER_WRITTEN,   /* in the store */
    ORDER_OVERTAKEN, /* the store held something newer, which is in force now */
    ORDER_LATER,     /* the store cannot be written at present */
};

struct order {
    struct order *next;
    struct admin_request *request;
    json_t *answer;      /* grows: what changed, what is in force, who has it */
    json_t *said;        /* borrowed from answer: sentences for a person */
    uint64_t document;   /* the epoch it was given; 0: a reload */
    uint64_t generation; /* to be adopted by the workers */
    uint64_t persisted;  /* to be on disk */
    enum order_store store;
    bool wait; /* for the other instances, too */
    bool all;  /* they have it */
    struct peers peers;
    uint64_t deadline_ms; /* on the loop's clock */
};

struct orders {
    struct order *first;
    size_t n;
    struct timer tick;
    bool asking; /* store_peers() is under way */
};

void orders_begin(struct control *c);
void orders_end(struct control *c);
void orders_change(struct control *c, struct admin_request *r);
void orders_undo(struct control *c, struct admin_request *r);

void orders_progress(struct control *c);
/* Something an order may be waiting for has happened. */

void orders_hurry(struct control *c);
/* Nobody can wait any longer: every order is answered with what has come true. */

void orders_store(struct control *c, enum order_store how);
/* What became of the document in force in the store. */

void orders_reloaded(struct control *c, struct admin_request *r, json_t *answer);
/* Takes *answer; it is sent when the workers have the new table. */

/* --- order_read.c --- */

struct order_text {
    struct change change; /* its strings lie below */
    uint64_t wait_ms;     /* 0: do not wait for the others */
    char *route;
    char *by;
    char *why;
    struct document *content;
};

enum err order_read(struct span body, bool change, struct order_text *out,
                    struct complaints *wrong) MUST_USE;
/* The body of POST /control (change), POST /undo or POST /reload. ERR_INVALID, ERR_NO_MEMORY. */

enum err order_read_request(const struct admin_request *r, bool change, struct order_text *out,
                            struct complaints *wrong) MUST_USE;
/* The same; whom the body does not name, the socket does: out->change.by may then lie in r. */

void order_text_free(struct order_text *o);

/* --- order_say.c: what an order means, in sentences --- */

enum err order_describe(const struct flip *f, const struct document *before,
                        const struct document *after, json_t *said) MUST_USE;

/* --- local.c: orders left in the state directory --- */

enum err order_warn(const struct flip *f, struct shadow *shadow, const struct document *before,
                    const struct document *after, json_t *said) MUST_USE;
/* Appends a sentence for each route that went back to legacy altogether, if the copies that legacy
 * was sent say that it is not ready for that. */

void local_look(struct control *c);
/* Carries out what was left there, if anything. */

void local_saved(struct control *c);
/* A newer state is on disk. */

/* --- keep.c --- */

void keep_config(struct control *c);
/* Keeps the configuration in force beside the state, unless it is the newest there already. */

/* --- reload.c --- */

struct reload {
    struct reload_job *running;
    bool again;
    struct admin_request *waiting[ORDERS_MAX]; /* for the one that runs */
    size_t nwaiting;
    struct admin_request *next[ORDERS_MAX]; /* for the one after it */
    size_t nnext;
    struct order_text who; /* of those in next, the first that says it */
    /* the last one, for status */
    bool any;
    bool ok;
    uint64_t at_ms;
    json_t *said; /* changes or complaints: a list */
};

void reload_request(struct control *c, struct admin_request *r);
/* r may be NULL (SIGHUP). One runs at a time; a request during one runs after it. */

void reload_end(struct control *c);

void reload_resume(struct control *c);
/* This process stays in charge after all: what was asked for meanwhile. */

/* --- upgrade.c: the process before, and the process after --- */

enum role {
    ROLE_IN_CHARGE, /* writes the state, takes orders, acknowledges */
    ROLE_HEIR,      /* is ready to, and waits for the process before */
    ROLE_HANDING,   /* all is on disk and nothing changes any more: the other takes it up */
    ROLE_FOLLOWS,   /* was; finishes what runs here by what the store says, and writes nothing */
};

enum upgrade_step {
    UPGRADE_NONE,
    UPGRADE_BEGUN,    /* the other runs; it must say hello and then that it is ready */
    UPGRADE_SETTLING, /* it is ready; what writes files ends, and the state is on its way there */
    UPGRADE_HANDED,   /* it has the state */
    UPGRADE_GIVEN,    /* it accepts, and was told that everything is its own */
    UPGRADE_DONE,     /* it has taken it */
};

enum { UPGRADE_TEXT_MAX = 1200 };

struct upgrade {
    enum upgrade_step step;
    int channel; /* to the process after this one; -1: none */
    pid_t pid;
    struct loop_io io;
    struct timer limit;
    struct timer reap; /* it has closed the channel; has it ended? */
    unsigned reaped;   /* times looked */
    struct admin_request *waiting;
    char by[ADMIN_USER_MAX];
    char version[64];
    char failed[UPGRADE_TEXT_MAX]; /* what it said was wrong */

    int before; /* channel to the process before this one; -1: it has ended, or there was none */
    pid_t before_pid;
    struct loop_io before_io;

    bool any; /* for status: the last one */
    bool ok;
    uint64_t at_ms;
    char said[UPGRADE_TEXT_MAX];

    struct timer watchdog;
    uint64_t watchdog_ms;
};

void upgrade_begin(struct control *c);
void upgrade_request(struct control *c, struct admin_request *r);
/* r may be NULL (SIGUSR2). */

void upgrade_progress(struct control *c);
/* A file is written: of the state, of the table of findings, or by a purge. */

void upgrade_cancel(struct control *c, const char *why);
/* Gives one up that is under way. */

bool upgrade_refuses(struct control *c, struct admin_request *r);
/* True: this process may change nothing at present; r has its answer. */

enum err upgrade_follow(struct control *c) MUST_USE;
/* The end of the start of an heir: tells the process before, and waits for its word. */

void upgrade_end(struct control *c);

/* --- fleet.c: the table of findings on disk and in Redis --- */

enum { FLEET_LOOKS_MAX = 8 };

/* Who waits for the tables of the fleet. */
struct fleet_look {
    struct admin_request *requests[FLEET_LOOKS_MAX];
    size_t n;
    struct buf lines;
    struct buf whose; /* tables they are, see store_tables */
};

struct fleet {
    pthread_mutex_t writing; /* the file: at the end, the last one waits for the one that runs */
    bool on, running, failed;
    uint64_t written; /* how many changes the file has */
    struct timer tick;
    struct timer look;
    struct fleet_look looking;
};

void fleet_begin(struct control *c);
void fleet_restore(struct control *c);
/* At the start: goes on with what is on disk. */

void fleet_start(struct control *c);

void fleet_soon(struct control *c);
/* Something is gone from the table: what is on disk and what others were told is to follow now. */

void fleet_hand_over(struct control *c);
/* Another process is about to go on with the table: writes what is new, blocking. What is still
 * compared here after that is in the records only. */

void fleet_last(struct control *c);
/* At the end, the workers are gone, the store is not: writes and tells what is new, blocking. */

void fleet_end(struct control *c);
/* No job runs any more. */

void fleet_store_gone(struct control *c);
/* The store is closed: answers who waits for it. */

void fleet_findings(struct admin_request *r);
/* GET /findings. Admin thread. */

void fleet_request(struct control *c, struct admin_request *r);
/* GET /fleet */

/* --- purge.c: records that are to go --- */

struct purging {
    unsigned running; /* they wait for each other */
    bool asked;       /* one of them was, by POST /purge */
    uint64_t looked_ms;
};

void purge_old(struct control *c);
/* Every now and then: removes what is older than shadow.keep. */

void purge_request(struct control *c, struct admin_request *r);
/* POST /purge */

/* --- explain.c --- */

void explain_request(struct control *c, struct admin_request *r);
/* POST /explain: decides a made-up request by the snapshot in force. */

void routes_request(struct control *c, struct admin_request *r);
/* GET /routes: all routes of the snapshot in force, the most specific first. */

/* --- the whole --- */

struct control {
    unsigned magic;
    struct loop *loop;
    struct router *router;
    struct shadow *shadow;
    struct scribe *scribe;
    struct control_hooks hooks;
    uint64_t started_ms; /* wall clock */
    char state_dir[PATH_MAX];
    char instance[INSTANCE_MAX];
    char host[HOST_NAME_MAX + 1];
    int lock_fd;
    enum role role;
    struct upgrade upgrade;
    struct jobs *disk;
    struct jobs *loads;
    struct flip flip;
    struct store *store;
    struct persist persist;
    struct orders orders;
    struct fleet fleet;
    struct purging purging;
    struct reload reload;
    struct admin *admin;
    struct timer adoption;
    uint64_t adopted;      /* generation all workers have */
    char *damaged;         /* why state.json was not used; NULL: it was */
    char write_error[200]; /* why the document in force is not in the store yet */
    uint64_t
        local_order; /* generation of the state to be on disk before it is forgotten; 0: none */
    bool connected;  /* the store was, when it last said so */
    bool held;       /* the key is gone; said so */
    unsigned stop_signals;
    atomic_bool ready;
    atomic_bool adoption_posted;
    atomic_uint
        lookers; /* status answers being made: they point into the table, so nothing is reaped */
};

bool control_sign_lock(struct control *c);
/* Writes this process's number into the lock of the state directory. */

/* --- status.c --- */

void status_gather(struct control *c, struct admin_request *r);
/* Control thread: fills r->facts. */

void status_render(struct control *c, struct admin_request *r);
/* Admin thread. */

void status_facts_free(struct control *c, struct status_facts **f);

/* --- apply.c: what follows from a change --- */

void apply_effect(struct control *c, const struct flip_effect *fx, enum source source,
                  const struct complaints *wrong);
/* Publishes to the workers, counts, logs, persists, writes to the store. */

void apply_reloaded(struct control *c, const struct flip_effect *fx);
/* The same for a new table. */

void apply_check_adopted(struct control *c);
enum err apply_open_store(struct control *c) MUST_USE;
/* Closes the store there is, if any, and opens the one the configuration names. */

void apply_begin(struct control *c);
void apply_end(struct control *c);

const struct config *control_config(const struct control *c);
/* In force; good until the next publish. */

#endif
