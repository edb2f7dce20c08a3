/* HTTP/2 inside, in five files: h2_session.c has the connection, h2_receive.c what comes in,
 * h2_floods.c what comes in too often, h2_stream.c the streams and what they send, h2_roles.c what
 * requests and answers look like. All of it serves both roles: a server towards clients, a client
 * towards servers. Private to http/. */
#ifndef HTTP_H2_INTERNAL_H
#define HTTP_H2_INTERNAL_H

#include "http/codec_internal.h"

#include <nghttp2/nghttp2.h>

enum {
    H2_OUT_MAX = 64 * 1024,    /* frames queued ahead of the socket */
    H2_REST_MAX = 1024 * 1024, /* of a request that was answered early: then RST_STREAM NO_ERROR */
};

enum h2_flood {
#define FLOOD(name, kind, burst, per_second) H2_##name,
#include "http/floods.def"
#undef FLOOD
    H2_FLOODS
};

struct h2_stream;

struct h2 {
    struct codec codec;
    nghttp2_session *ng;
    bool client;                /* the peer is a client, we are its server */
    struct h2_stream *streams;  /* all of them */
    struct h2_stream *borrowed; /* those whose queue still borrows */
    size_t nstreams;
    size_t nfull; /* streams whose owner waits for `ready` */
    size_t nrest; /* answered streams of which only the rest of the request is awaited */
    bool stalled; /* too much waits to be sent: the host does not feed us */
    bool failed;  /* the session cannot go on */

    bool flooded; /* one was too much: GOAWAY, and nothing is read any more */
    uint32_t spent[H2_FLOODS];
    uint64_t flood_second; /* when `spent` last became less */

    /* towards servers */
    bool secure;       /* over TLS */
    bool has_settings; /* the server's first SETTINGS came */
    bool draining;     /* codec_shutdown: no more streams */
    bool broke;        /* the server violated the protocol */
    bool pinged;       /* a PING waits for its answer */
};

struct h2_stream {
    struct http_stream stream;
    struct h2 *h2;
    int32_t id; /* 0: a request that nghttp2 does not know yet */
    struct h2_stream *prev;
    struct h2_stream *next;
    struct h2_stream *next_borrowed;
    bool in_borrowed;

    bool open; /* has an owner */
    struct arena *arena;
    struct http_head *head; /* the head or trailer section being received */
    size_t head_bytes;
    size_t head_fields; /* all cookie crumbs count as one */
    bool head_given;    /* the final one */
    bool rx_end;
    bool rx_reset;    /* the peer sent RST_STREAM */
    bool unsent;      /* a request that nghttp2 gave back: nothing of it went out */
    unsigned interim; /* 1xx answers received */
    size_t held;      /* body bytes given to the owner and not yet consumed */

    struct chunkq body; /* to be sent */
    struct http_head *trailers;
    bool tx_head;     /* the final head was submitted */
    bool tx_end;      /* send_end, or a head without a body */
    bool tx_done;     /* END_STREAM was handed to the connection */
    bool tx_deferred; /* nghttp2 waits for nghttp2_session_resume_data */
    bool tx_full;     /* send_body said 0 */

    bool tunnel; /* both bodies are a tunnel's halves */

    bool rest;      /* answered; the rest of the request is thrown away */
    size_t dropped; /* bytes of it */
};

static inline struct h2 *h2_of(const struct codec *c)
{
    return CONTAINER_OF(c, struct h2, codec);
}

static inline void h2_wants_write(struct h2 *h)
{
    h->codec.host->wants_write(h->codec.host_arg);
}

/* h2_stream.c */
struct h2_stream *h2_stream_new(struct h2 *h, int32_t id);
void h2_stream_free(struct h2_stream *s);
void h2_stream_gone(struct h2_stream *s, enum err why);
/* Tells the owner, when there is one; it forgets the stream. */

void h2_stream_credit(struct h2_stream *s);
/* What the owner did not consume any more must not stay in the connection's window. */

void h2_stream_rest(struct h2_stream *s);
/* The answer was sent before the request was complete (RFC 9113 8.1): the owner is done with it. A
 * reset at once would make many clients throw the answer away, so what still comes is dropped, up
 * to H2_REST_MAX. */

void h2_stream_rst(struct h2_stream *s, uint32_t code);
int h2_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t n,
                 nghttp2_data_source *source, void *h2);
/* nghttp2's callback for a DATA frame without a copy. */

struct http_stream *h2_stream_open(struct codec *c, enum http_method method, struct arena *arena,
                                   const struct http_stream_events *on, void *owner);
/* codec_open(): a stream that gets its id when its head is sent. */

/* h2_floods.c */
bool h2_flood_frame(struct h2 *h, const nghttp2_frame_hd *f) MUST_USE;
/* A frame begins. False: one too many, the connection is over. */

bool h2_flood_spend(struct h2 *h, enum h2_flood what) MUST_USE;
/* One more. False: too many, the connection is over. */

void h2_flood_pay_back(struct h2 *h, enum h2_flood what);

/* h2_receive.c */
void h2_receive_callbacks(nghttp2_session_callbacks *cb);

/* h2_roles.c */
enum err h2_request_field(struct h2_stream *s, struct span name, struct span value) MUST_USE;
/* One field of a request, pseudo-header fields included, copied into the stream's arena. */

enum err h2_request_complete(struct http_head *h, const struct http_limits *l) MUST_USE;
/* All fields are there: authority and Host agree, the target is one we serve, cookie crumbs are
 * joined. */

enum err h2_response_field(struct h2_stream *s, struct span name, struct span value) MUST_USE;
/* One field of an answer, :status included, copied into the stream's arena. */

enum err h2_request_submit(struct h2_stream *s, const struct http_head *h,
                           const nghttp2_data_provider *body) MUST_USE;
/* Gives the stream its id. body NULL: the head ends the request. */

enum err h2_response_submit(struct h2_stream *s, const struct http_head *h,
                            const nghttp2_data_provider *body) MUST_USE;
/* body NULL: the head ends the stream. Interim answers go out without ending anything. */

enum err h2_trailers_submit(struct h2_stream *s, const struct http_head *trailers) MUST_USE;

#endif
