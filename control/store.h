/* The control store: where the control document of a fleet lives. Two kinds behind one face, Redis
 * (store_redis.c) and a local file (store_file.c).
 *
 * A store looks at its value by itself, whenever it may have changed and at least every `poll`, and
 * reports every look. Control thread; nothing here blocks. */
#ifndef CONTROL_STORE_H
#define CONTROL_STORE_H

#include "base/loop.h"
#include "control/flip.h"
#include "control/jobs.h"

struct store;

enum store_write { STORE_WRITTEN, STORE_CONFLICT, STORE_FAILED };

/* Another instance, as it acknowledged last. */
struct peer {
    char *instance;
    uint64_t epoch;    /* in force there */
    uint64_t document; /* highest epoch of a document it took from the store */
};

struct peers {
    struct peer *list;
    size_t n;
    bool complete; /* false: the store could not be asked */
};

void peers_free(struct peers *p);

struct store_events {
    void *arg;
    void (*looked)(void *arg, enum sight sight, struct span raw, enum err unreadable);
    /* After every look that was answered. */

    void (*wrote)(void *arg, enum store_write how, uint64_t epoch, struct span raw,
                  const char *why);
    /* How store_write() ended. STORE_CONFLICT: the value is no longer the one looked at last;
     * another look follows. */

    void (*changed)(void *arg);
    /* The facts changed: connected, lost, another mode. */
};

/* What status shows. */
struct store_facts {
    const char *kind; /* "redis", "file" */
    char where[300];  /* without secrets */
    char name[300];   /* how complaints call the value: "redis key weir:control" */
    bool connected;
    uint64_t since_ms; /* of `connected`; wall clock */
    char mode[160];    /* "push and poll", "poll" and why */
    char server[32];   /* its version */
    char error[200];   /* the last failure; empty while all is well */
    uint64_t looks;
    uint64_t pushes;
    uint64_t lost;      /* connections lost */
    uint64_t published; /* which publication of the findings is there */
};

/* The findings of a fleet, as lines. */
struct store_tables {
    struct buf lines;
    struct buf whose; /* the instances, each between two NULs */
    size_t left_out;  /* tables that had no room here */
    bool complete;    /* false: the store could not be asked */
};

struct store_options {
    struct loop *loop;
    struct jobs *disk;
    struct store_events events;
    const struct config *config; /* copied from */
    const char *state_dir;
    const char *instance;
};

struct store_ops {
    void (*start)(struct store *s);
    bool (*write)(struct store *s, uint64_t epoch, struct span raw);
    void (*ack)(struct store *s, struct span json);
    void (*peers)(struct store *s, void (*fn)(void *arg, struct peers *p), void *arg);
    void (*note)(struct store *s, struct span line);
    void (*yield)(struct store *s);
    void (*publish)(struct store *s, uint64_t number, struct span lines); /* NULL: it cannot */
    void (*tables)(struct store *s, void (*fn)(void *arg, struct store_tables *t), void *arg);
    void (*close)(struct store **s);
};

struct store {
    const struct store_ops *ops;
    struct store_facts facts;
};

enum err store_new(const struct store_options *o, struct store **out) MUST_USE;
/* Redis when the configuration names one, else the file. Does nothing yet. */

enum err store_redis_new(const struct store_options *o, struct store **out) MUST_USE;
enum err store_file_new(const struct store_options *o, struct store **out) MUST_USE;

static inline void store_start(struct store *s)
{
    s->ops->start(s);
}

/* Replaces the value looked at last by raw, if it is still that one; wrote() says how it ended.
 * False: not now, because the store is not connected, was not looked at or is still writing. */
static inline bool store_write(struct store *s, uint64_t epoch, struct span raw) MUST_USE;
static inline bool store_write(struct store *s, uint64_t epoch, struct span raw)
{
    return s->ops->write(s, epoch, raw);
}

/* Says what this instance has in force; kept alive until the store is closed, then withdrawn. */
static inline void store_ack(struct store *s, struct span json)
{
    s->ops->ack(s, json);
}

/* Asks once who is there, this instance included. fn is called exactly once, maybe at once, and
 * frees *p. One at a time. */
static inline void store_peers(struct store *s, void (*fn)(void *arg, struct peers *p), void *arg)
{
    s->ops->peers(s, fn, arg);
}

/* A line of the audit trail for everybody to see, where the store can do that and is there: the
 * trail itself is on disk. */
static inline void store_note(struct store *s, struct span line)
{
    s->ops->note(s, line);
}

/* Another process acknowledges under this instance's name: no more of it here, and nothing is
 * withdrawn at the end. Looking goes on. */
static inline void store_yield(struct store *s)
{
    s->ops->yield(s);
}

/* Whether others can be told of our findings. */
static inline bool store_publishes(const struct store *s)
{
    return s->ops->publish != NULL;
}

/* Replaces what we told of our findings; facts.published becomes number when it is there. */
static inline void store_publish(struct store *s, uint64_t number, struct span lines)
{
    if (store_publishes(s))
        s->ops->publish(s, number, lines);
}

/* What every instance told last. fn is called exactly once, maybe at once, and frees both texts.
 * One at a time; only where store_publishes(). */
static inline void store_tables(struct store *s, void (*fn)(void *arg, struct store_tables *t),
                                void *arg)
{
    s->ops->tables(s, fn, arg);
}

static inline void store_close(struct store **s)
{
    if (*s != NULL)
        (*s)->ops->close(s);
}

#endif
