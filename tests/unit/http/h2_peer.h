/* An HTTP/2 client, by nghttp2, at the other end of a rig. What it receives is kept as one line of
 * text per stream: fields, body, END, and the code it was closed with. */
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
    const char *send; /* the request's body */
    size_t send_n;
    size_t sent;
    const char *trailers; /* "a: b|c: d" */
    bool pause;           /* it has more to send, later */
};

struct peer {
    nghttp2_session *ng;
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
