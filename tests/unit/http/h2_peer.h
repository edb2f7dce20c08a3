/* An HTTP/2 client or server, by nghttp2, at the other end of a rig. What it receives is kept as
 * one line of text per stream: fields, body, END, and the code it was closed with. A ! before a
 * name: it is never to be put into a compression table. */
#ifndef TESTS_H2_PEER_H
#define TESTS_H2_PEER_H

#include "tests/unit/http/rig.h"

#include <nghttp2/nghttp2.h>

enum { PEER_STREAMS = 256 };

struct peer_stream {
    int32_t id;
    struct rig_text got;
    size_t body; /* bytes received */
    bool in_body;
    bool closed;
    uint32_t code;
    const char *send; /* the message's body */
    size_t send_unit; /* of which it repeats so much, */
    bool repeats;     /* when this says so */
    size_t send_n;
    size_t sent;
    const char *trailers; /* "a: b|c: d" */
    bool pause;           /* it has more to send, later */
    bool due;             /* a server has something to say */
    bool said;            /* all but the reset */
};

/* What a server says to a request: interim, head, body, trailers, a reset, as far as they are
 * given.
 */
struct peer_answer {
    bool at_head;       /* at the request's head, not its end */
    unsigned interims;  /* so many 103 */
    const char *fields; /* ":status: 200|a: b"; NULL: no head */
    const char *body;   /* NULL: the head ends the answer */
    size_t repeat;      /* the body is so many times that text; 0: once */
    const char *trailers;
    bool open;  /* the end is never sent */
    bool reset; /* RST_STREAM behind what was said, with */
    uint32_t code;
};

struct peer {
    nghttp2_session *ng;
    const struct peer_answer
        *answers; /* a server: the n-th request gets the n-th, later the last */
    size_t nanswers;
    struct rig *rig;
    size_t wire_at; /* of the rig's wire that was read */
    struct peer_stream streams[PEER_STREAMS];
    size_t n;
    bool short_bodies; /* bodies are counted, not kept */
    bool goaway;
    int32_t goaway_last;
    uint32_t goaway_code;
    unsigned pings;
    bool broken;
};

void peer_begin(struct peer *p, struct rig *r, bool manual_windows);
void peer_begin_server(struct peer *p, struct rig *r, const struct peer_answer *answers, size_t n);
/* The rig's role is RIG_H2_BACKEND. Sends SETTINGS with the first peer_send(). */

void peer_end(struct peer *p);

struct peer_stream *peer_ask(struct peer *p, const char *fields, const char *body, size_t n,
                             const char *trailers);
/* fields: ":method: GET|:path: /|...". body NULL: none. */

void peer_send(struct peer *p, size_t piece, struct seeded *seed);
/* What the client has to send goes to the codec. */

void peer_receive(struct peer *p, size_t piece, struct seeded *seed);
/* What was written goes to the client. */

void peer_pump(struct peer *p, size_t piece, struct seeded *seed);
/* Both, until neither side has anything to say. */

const char *peer_got(struct peer_stream *s);

#define PEER_GET(path) ":method: GET|:scheme: https|:authority: a|:path: " path
#define PEER_TUNNEL(protocol) \
    ":method: CONNECT|:protocol: " protocol "|:scheme: https|:authority: a|:path: /"
#define PEER_POST(path) ":method: POST|:scheme: https|:authority: a|:path: " path

#endif
