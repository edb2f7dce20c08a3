/* HTTP/1 inside: the state of a connection, in three files. h1_codec.c has the life of a message
 * pair and the door's questions, h1_receive.c what comes in, h1_send.c what goes out. Private to
 * http/. */
#ifndef HTTP_H1_INTERNAL_H
#define HTTP_H1_INTERNAL_H

#include "http/codec_internal.h"
#include "http/h1_body.h"

enum rx { RX_HEAD, RX_BODY, RX_COMPLETE, RX_CUT };
enum tx { TX_HEAD, TX_BODY, TX_COMPLETE, TX_BROKEN };

/* Every idle connection to a server has one, so flags stand together. */
struct h1 {
    struct codec codec;
    struct http_stream stream;
    struct arena *arena; /* of the open stream: heads live in it */
    struct h1_body rx_body;
    size_t scanned;     /* of an incomplete head or trailer section */
    size_t held;        /* body bytes given to the owner and not yet consumed */
    uint64_t tx_left;   /* HTTP_BODY_LENGTH */
    const char *accept; /* towards a server: the Sec-WebSocket-Accept that is due, or NULL */

    enum rx rx;
    enum tx tx;
    enum http_body_kind tx_kind;
    uint8_t method;  /* of the request */
    uint8_t version; /* of the client's request */
    uint8_t interim; /* answers so far */
    bool client;     /* the peer is a client */
    bool open;       /* stream has an owner */
    bool busy;       /* a message pair is running, with an owner or without */
    bool bodiless;   /* the head that is being given to the owner is the whole request */
    bool skipped;    /* the one empty line before a request was seen */
    bool tx_full;    /* send_body said 0 */
    bool tx_told;    /* the owner knows that all of the request was sent */

    bool keep;     /* the connection may serve another pair */
    bool draining; /* codec_shutdown: this pair is the last */
    bool done;     /* nothing more can happen */
    bool abort;    /* what was sent would look complete: close with a reset */
    bool tunnel;   /* the 101 was given or sent: both bodies are a tunnel's halves */
};

static inline struct h1 *h1_of(const struct codec *c)
{
    return CONTAINER_OF(c, struct h1, codec);
}

static inline struct h1 *h1_of_stream(struct http_stream *s)
{
    return CONTAINER_OF(s, struct h1, stream);
}

/* h1_codec.c */
void h1_wants_write(struct h1 *h);
void h1_wants_read(struct h1 *h);

void h1_pair_begin(struct h1 *h);
void h1_end_if_over(struct h1 *h);
/* Ends the pair when both directions are complete and written: the only good end. */

void h1_detach(struct h1 *h);
/* The owner forgets the stream; the connection may still have to finish or end. */

void h1_gone(struct h1 *h, enum err why);
void h1_finish(struct h1 *h);
/* Nothing more can happen on this connection. */

void h1_tunnel_begin(struct h1 *h);
/* The 101 is on its way: from here on both directions are bytes until they end. */

void h1_give_up(struct h1 *h, enum err why);
/* Towards a server: the answer cannot be used and neither can the connection. */

/* h1_receive.c */
enum err h1_feed(struct codec *c, struct span in, size_t *used) MUST_USE;
bool h1_reads(const struct h1 *h);

/* h1_pass.c */
struct http_stream *h1_passing(struct codec *c);

/* h1_send.c */
extern const struct http_stream_ops h1_ops;

#endif
