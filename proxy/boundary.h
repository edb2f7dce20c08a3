/* Where a stream of answers may end without cutting anything: between two server-sent events,
 * between two gRPC messages. Private to proxy/. */
#ifndef PROXY_BOUNDARY_H
#define PROXY_BOUNDARY_H

#include "base/bytes.h"

enum boundary_kind {
    BOUNDARY_NONE,
    BOUNDARY_EVENT,   /* text/event-stream: an empty line; lines end in CR LF, LF or CR */
    BOUNDARY_MESSAGE, /* application/grpc: a byte, a length of four, as many bytes */
};

struct boundary {
    uint8_t kind;
    bool inside;   /* an event or message is under way */
    bool in_line;  /* event: there is something in this line */
    bool after_cr; /* event: an LF here belongs to the CR before it */
    uint8_t got;   /* message: bytes of its head */
    uint64_t left; /* message: bytes that are still to come, as far as is known */
};

size_t boundary_follow(struct boundary *b, struct span data) MUST_USE;
/* Goes on to the end of the event or message that is under way, or that begins here; returns how
 * many bytes that took: all of data when it goes on behind it. */

#endif
