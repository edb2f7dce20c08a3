/* Connections to servers, kept in pools. A pool is one worker's connections to one server for one
 * purpose (serving, or copies, which must never share), HTTP/1 and HTTP/2 alike: over HTTP/1 a
 * connection is for one request at a time, over HTTP/2 for as many as both sides allow. Private to
 * proxy/. */
#ifndef PROXY_BACK_H
#define PROXY_BACK_H

#include "proxy/proxy_protocol.h"
#include "proxy/worker.h"

enum pool_kind { POOL_SERVE, POOL_MIRROR };

/* A wish for a stream. It lives in the asker's object until one of the two callbacks was called or
 * back_cancel(). */
struct back_wish {
    void (*ready)(void *owner, struct http_stream *s, bool reused);
    /* reused: the connection has served before, so the server may have closed it in this very
     * moment */
    void (*failed)(void *owner, enum err why);
    const struct http_stream_events *on; /* the stream's */
    void *owner;
    enum http_method method;
    struct arena *arena;         /* for the answer's head */
    const struct endpoints *who; /* for a PROXY header; lives as long as the wish */
    bool fresh;                  /* do not reuse a kept connection */
    bool http1;                  /* for a tunnel: HTTP/1 only, also where the servers speak both */
    struct back *back;           /* the connection it waits for */
    struct back_wish *next;      /* who waits for the same one */
};

void back_take(struct worker *w, const struct view *v, size_t backend, enum pool_kind kind,
               struct back_wish *wish);
/* A stream to one of the backend's servers, in turn. Calls ready or failed, now or later. */

void back_cancel(struct back_wish *wish);
/* The asker does not want it any more; a connection being made is kept for others. Nothing happens
 * when none is. */

void pools_trim(struct worker *w);
/* Every few hundred milliseconds: idle connections beyond limits.backend_idle are closed. Not at
 * once: under load many are idle for a moment between two requests. */

void pools_readdress(struct worker *w, const char *server, const struct address *list, size_t n);
/* A server (host:port as configured) has these addresses now; idle connections to others are
 * closed, busy ones when they become idle. */

void pools_free(struct worker *w);
/* Closes every connection; the worker ends. */

#endif
