/* Inside the Redis store: shared by store_redis.c (reading, writing, connecting), store_push.c and
 * store_acks.c. */
#ifndef CONTROL_STORE_REDIS_H
#define CONTROL_STORE_REDIS_H

#include "control/redis.h"
#include "control/resolve.h"
#include "control/store.h"

enum {
    REDIS_STORE_MAGIC = 0x53545252,
    REDIS_TIMEOUT_MS = 2000, /* without an answer for so long, Redis counts as lost */
    SAID_MAX = 16,
    SAID_LEN = 200,
};

struct redis_login { /* password NULL: none is asked for; user NULL: the default user */
    char *user;
    char *password;
};

#define REDIS_TABLE_PREFIX "weir:findings:"

struct sentinel_at {
    char *host;
    unsigned port;
};

/* The subscribed connection. */
enum push_step { PUSH_OFF, PUSH_CONNECTING, PUSH_SUBSCRIBING, PUSH_TRACKING, PUSH_ON };

struct redis_store {
    unsigned magic;
    struct store base;
    struct loop *loop;
    struct store_events events;

    /* from the configuration */
    char *path;
    char *host;
    unsigned port;
    unsigned db;
    struct redis_login login;
    char *key;
    uint64_t poll_ms;
    uint64_t ack_ttl_ms;

    /* asking sentinels for the master; nsentinels == 0: there are none */
    struct sentinel_at *sentinels;
    size_t nsentinels;
    struct redis_login sentinel_login;
    char *master;
    struct redis_link *sentinel;
    size_t next_sentinel;
    size_t sentinels_asked; /* for this connection, without success */
    bool watching;          /* the link to the sentinel is for news of the master only */
    struct timer sentinel_retry;

    /* connecting */
    struct resolve *resolving;
    struct resolved found;
    size_t next_ip;
    struct timer retry;
    uint64_t backoff_ms;
    char said[SAID_MAX][SAID_LEN]; /* reasons logged in this outage */
    size_t nsaid;
    bool yielded; /* another process acknowledges for this instance */
    bool up;      /* logged in, and a look was answered */
    bool was_up;  /* ever */

    /* the command connection */
    struct redis_link *cmd;
    struct timer poll;
    bool looking;
    bool look_again;
    bool first_look; /* since connecting */
    bool exists;
    enum sight value_sight; /* as looked at last, and what it was */
    struct buf value;
    bool writing;
    uint64_t write_epoch;
    struct buf write_raw;

    /* the push */
    struct redis_link *sub;
    enum push_step push;
    char sub_id[24];
    struct timer push_retry;
    uint64_t push_backoff_ms;
    bool push_said;          /* that it is gone was logged */
    char push_why[SAID_LEN]; /* what became of it */
    struct timer push_doubt; /* a change was seen that no push announced */
    uint64_t pushes_at_look; /* when the last look was answered */
    uint64_t pushes_at_doubt;

    /* the audit trail's copy */
    char *stream; /* NULL: none */
    unsigned stream_max;
    char *instance;
    bool stream_refused;

    /* the tables of findings */
    char *table_key;
    uint64_t keep_ms;
    uint64_t publishing;
    bool table_refused;
    struct tables_look *tables; /* somebody wants everybody's */

    /* acknowledgements */
    char *ack_key;
    struct buf ack;
    struct timer renew;
    bool ack_refused;
    struct peers peers;
    char **names;
    size_t nnames;
    void (*peers_fn)(void *arg, struct peers *p);
    void *peers_arg;
};

/* --- store_redis.c --- */

void redis_store_down(struct redis_store *s, const char *why);
void redis_store_refused(struct redis_store *s, const char *doing, const struct answer *a);
/* Redis answered no, or something else than it should: drops the connections and tries again later.
 */

void redis_store_look(struct redis_store *s);
void redis_store_login(struct redis_store *s, const struct redis_login *as, struct redis_link *l,
                       redis_fn *fn);
void redis_store_address(const struct redis_store *s, struct redis_at *at);
void redis_store_timer(struct redis_store *s, struct timer *t, uint64_t ms);
void redis_store_changed(struct redis_store *s);

bool redis_store_resolve(struct redis_store *s, const char *host, resolve_fn *fn);
/* fn is called with the addresses of host, maybe at once; never when this is false. */

void redis_store_at(struct redis_store *s, const char *host, unsigned port);
/* The sentinels say that the master is there: connects, unless it is what is in use. */

/* --- store_sentinel.c --- */

bool redis_store_begin_sentinels(struct redis_store *s, const struct config_redis *c);
/* False: no memory. */

void redis_store_ask_sentinels(struct redis_store *s);
/* Ends in redis_store_at(), or in redis_store_down() when none of them knows. */

void redis_store_check_role(struct redis_store *s);
/* Behind sentinels: leaves a server that says it is no master. */

void redis_store_sentinels_rest(struct redis_store *s);
/* The server is lost: nobody is being asked any more, but news of the master are still taken. */

void redis_store_sentinels_end(struct redis_store *s);

/* --- store_push.c --- */

void redis_store_begin_push(struct redis_store *s);
void redis_store_push_begin(struct redis_store *s);
void redis_store_push_end(struct redis_store *s);
void redis_store_push_check(struct redis_store *s);
/* The value changed: was it announced? */

/* --- store_acks.c --- */

void redis_store_begin_acks(struct redis_store *s);
void redis_store_ack(struct store *base, struct span json);
void redis_store_ack_now(struct redis_store *s);
void redis_store_withdraw(struct redis_store *s);
void redis_store_peers(struct store *base, void (*fn)(void *arg, struct peers *p), void *arg);
void redis_store_peers_failed(struct redis_store *s);
/* The connection is gone: answers who waits for peers. */

void redis_store_peers_end(struct redis_store *s);
/* Forgets who waits. */

/* --- store_notes.c --- */

void redis_store_note(struct store *base, struct span line);

/* --- store_tables.c --- */

void redis_store_publish(struct store *base, uint64_t number, struct span lines);
void redis_store_tables(struct store *base, void (*fn)(void *arg, struct store_tables *t),
                        void *arg);
void redis_store_tables_failed(struct redis_store *s);
/* The connection is gone: answers who waits. */

void redis_store_tables_end(struct redis_store *s);
/* Forgets who waits. */

#endif
