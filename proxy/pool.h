/* Inside the pools. Private to pool.c and back.c. */
#ifndef PROXY_POOL_H
#define PROXY_POOL_H

#include "proxy/back.h"

struct back;

/* Connections in a certain state, last used first. */
struct back_list {
    struct back *first;
    struct back *last;
    unsigned n;
};

enum { POOL_MAGIC = 0x504f4f4c };

struct pool {
    unsigned magic;
    struct worker *worker;
    struct pool *next;
    enum pool_kind kind;
    char *identity; /* plane_backend.identity, space, server */
    char *server;   /* host:port, for the log */
    char *host;     /* for SNI and verification */
    char *backend;  /* its name */
    struct address addresses[ADDRESSES_MAX];
    size_t naddresses;
    unsigned addressed;            /* how often the addresses were set */
    size_t address;                /* the one in use; moved on when connecting fails */
    struct tls_ctx *tls;           /* held; NULL: plaintext */
    struct tls_sessions *sessions; /* with tls: to resume */
    bool proxy_protocol;           /* a connection is for one client, so for one request */
    metric_slot connections;
    metric_slot connections_open;
    metric_slot handshakes[2];
    unsigned users; /* views that refer to it */
    struct back *all;
    struct back_list idle;   /* no requests */
    struct back_list shared; /* HTTP/2: some requests, and room for more */
    struct back *waited;     /* HTTP/2: the one being made that wishes may still wait for */
    enum backend_protocol protocol;
    bool h2;               /* HTTP/2 is spoken, or likely to be */
    unsigned streams;      /* how many requests such a connection takes at once, as was last seen */
    unsigned nconns;       /* open or being made */
    unsigned nobjects;     /* those, and closed ones not yet freed */
    struct log_gate *gate; /* one line a second about its failures */
};

void pool_left(struct pool *p);
/* A connection of the pool is gone: an unused pool goes with its last one. */

void back_close_idle(struct pool *p);
void back_close_all(struct pool *p);
void back_close_strays(struct pool *p);
/* Idle connections to an address the pool has no more. */

void back_trim(struct pool *p, unsigned keep);
/* Closes idle connections beyond `keep`, those unused for longest first, and only if they have
 * rested for a while; some at a time. */
/* back.c */

#endif
