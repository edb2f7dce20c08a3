/* One request and its answer, from the client's stream to a server's and back. Private to proxy/.
 *
 *   admit -> decide -> pick -> send -> relay -> finish
 *
 * exchange.c has the steps and what may fail in each; relay.c moves bodies between the two streams;
 * tunnel.c takes over from it when the server switches to WebSocket. */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "proxy/back.h"
#include "proxy/boundary.h"
#include "proxy/front.h"

struct mirror;
struct tunnel;
struct forwarded;

enum exchange_step { STEP_ADMIT, STEP_DECIDE, STEP_PICK, STEP_SEND, STEP_RELAY, STEP_FINISH };

enum { EXCHANGE_MAGIC = 0x45584348, REQUEST_ID_MAX = 128 };

struct exchange {
    unsigned magic;
    enum exchange_step step;
    bool running; /* exchange_run is on the stack */
    struct worker *worker;
    struct front
        *front; /* outlives the exchange: it is freed at the end of a turn, like the exchange */
    struct exchange *next; /* free list */
    struct arena arena;

    /* the client's side */
    struct http_stream *client; /* NULL: gone */
    struct http_head *request;
    struct forwarded *forwarded; /* what a trusted proxy said; NULL: the peer is the client */
    bool grpc;                   /* a gRPC call */
    bool is_copy;                /* it came with a shadow mark: never mirrored again */
    bool request_ended;
    bool has_body;   /* some of the request's body was seen */
    bool half_ended; /* the client ended its half of a tunnel that is not there yet */
    struct http_head *request_trailers;
    struct chunkq pending; /* body that came before there was a server to send it to */
    size_t client_held;    /* body bytes not yet said `consumed` to the client's stream */

    /* the decision */
    struct snapshot_hold *hold;
    struct span path; /* normalised */
    struct decision decision;
    bool decided;

    /* its route is paused (pause.c) */
    bool held;
    struct exchange **held_at; /* in worker.held */
    struct exchange *held_next;
    uint64_t held_since_ms;
    uint64_t held_ms; /* as long it has waited */

    /* the server's side */
    struct back_wish wish;
    struct endpoints who;        /* for the wish */
    struct http_stream *backend; /* NULL: none (yet, or any more) */
    bool picking;
    bool reused;   /* the connection had served before */
    bool sent;     /* the head was sent */
    bool sent_all; /* and the end of the request */
    bool taken;    /* and all of it was taken by the connection */
    unsigned attempts;
    size_t backend_held;
    struct mirror *mirror;
    enum err fallen; /* legacy answers because new failed in this way */
    bool keeping;    /* the body that is sent is kept, in case new fails */
    bool hinted;     /* an interim answer went to the client */
    struct chunkq kept;
    struct tunnel *tunnel; /* there from the server's 101 on */

    /* a flip that moves it away (leaving.c) */
    struct exchange *served_prev; /* in worker.served */
    struct exchange *served_next;
    bool served;  /* it is in there */
    bool leaving; /* and counted as one that is on the losing side */
    bool asked;   /* it is to end at the next boundary */
    struct timer leave;
    struct boundary boundary;

    /* the answer */
    bool answered;     /* the final head went to the client */
    bool answer_whole; /* its head ended it: there was no body */
    bool answer_ended;
    bool own_answer; /* it is weir's own */
    uint16_t status;
    int8_t grpc_status; /* of a call; -1: none was seen */
    enum err failure;   /* why it went wrong, ERR_OK when it did not */

    struct timer timer;
    uint64_t client_took; /* what client_progress() said when the timer was set */
    struct loop_task reap;
    struct span request_id;
    char shadow_id[33];
    uint64_t deadline_ms; /* 0: none */
    uint64_t start_us, sent_us, first_byte_us;
    uint64_t bytes_in, bytes_out;
};

enum err exchange_new(struct front *f, struct http_stream *s, struct arena **arena) MUST_USE;
/* A client began a request. */

void exchange_run(struct exchange *x);
/* Takes steps until one has to wait. */

void exchange_fail(struct exchange *x, enum err why);
/* It cannot be completed: the server's side is given up; the client gets weir's own answer if none
 * has begun, else its stream is cut. */

void exchange_blame_backend(const struct exchange *x, enum err why);
/* Counts a failure of the server that was chosen. */

void exchange_backend_lost(struct exchange *x, enum err why);
/* The server's stream is gone: try again where that is safe, else fail. */

void exchange_backend_failed(struct exchange *x, enum err why);
/* Its stream is still there and of no use: legacy answers in its place, or it fails. */

bool exchange_fall_back(struct exchange *x, enum err why) MUST_USE;
/* Its answer is of no use: whether legacy answers in its place. If not, nothing has changed. */

void exchanges_free(struct worker *w);
/* The free list, when the worker ends. */

/* relay.c */
extern const struct http_stream_events exchange_client_events;
extern const struct http_stream_events exchange_backend_events;

enum err relay_send_request(struct exchange *x) MUST_USE;
/* Head, and what has come of the body, to the server's stream. */

void relay_wait(struct exchange *x);
/* Arms the timer for what is awaited now. */

void relay_timeout(void *x);

/* request.c */
enum err request_admit(struct exchange *x) MUST_USE;
/* What must hold before anything is decided; the normalised path; the request id. */

enum err request_edit(struct exchange *x, enum side side, struct http_head *out) MUST_USE;
/* The head as this side's servers get it: hop-by-hop fields out, X-Forwarded-*, Via and
 * X-Request-ID in, then what the route changes. x->request stays what the client sent: it may be
 * decided again, and sent to the other side too. */

bool request_is_sided(const struct exchange *x);
/* Whether the two sides get different heads. */

void request_trailers_edit(struct exchange *x, struct http_head *trailers);
/* What holds for fields holds for these. */

/* forwarded.c */
enum err forwarded_read(struct exchange *x) MUST_USE;
/* Believes the peer if it is a trusted proxy: who the client is, and what it asked for. */

enum err forwarded_write(struct exchange *x, struct http_head *h) MUST_USE;
/* X-Forwarded-For, -Proto and -Host as servers get them, into h; Forwarded is taken out. */

struct span exchange_client_ip(const struct exchange *x);
struct span exchange_client_text(const struct exchange *x);
/* The client's address; of a client on a Unix socket no bytes, and "unix". */

struct endpoints exchange_endpoints(const struct exchange *x);
/* For a PROXY header: the client's own address, also behind a trusted proxy (its port is then
 * unknown, 0). */

enum err answer_edit(struct exchange *x, struct http_head *answer) MUST_USE;
/* The head as the client gets it: hop-by-hop fields out, Via and X-Backend in. */

/* answer.c */
enum err answer_send_own(struct exchange *x, enum err why) MUST_USE;
/* weir's own answer to the client: short, honest, JSON or text by Accept. */

enum err answer_redirect(struct exchange *x, const struct route_query *q) MUST_USE;
/* The answer of a route with a redirect. */

/* access.c */
enum err access_open(struct worker *w, struct scribe_file *file,
                     const struct config_log *log) MUST_USE;
/* file NULL: no access log. */
void access_close(struct worker *w);
void access_flush(struct worker *w);
void access_write(struct exchange *x);
/* One line for a finished exchange; none when its head never came to its end. */

#endif
