/* WebSocket (RFC 6455): the opening handshake, and where frames begin and end. Nothing is unmasked,
 * checked or put together: the tunnel's two ends do that. It is followed only so that a Close can
 * be said between two frames, and heard. */
#ifndef HTTP_WS_H
#define HTTP_WS_H

#include "http/http.h"

/* --- the opening handshake --- */

enum { WS_KEY_LEN = 24, WS_ACCEPT_LEN = 28 };

enum err ws_open_check(struct http_head *h, bool has_body) MUST_USE;
/* An HTTP/1 request with an Upgrade field: sets h->websocket when it opens a WebSocket, that is a
 * GET in HTTP/1.1 whose Upgrade names websocket and whose Connection names upgrade. Everything else
 * is an ordinary request, as if the field were not there (RFC 9110 7.8). ERR_BAD_WEBSOCKET,
 * ERR_WEBSOCKET_VERSION: it wants to open one, and not in the way of RFC 6455 4.1. */

enum err ws_open_version(const struct http_head *h) MUST_USE;
/* The part of that which holds for HTTP/2 as well (RFC 8441 5.1): one Sec-WebSocket-Version: 13. */

enum err ws_open_key(struct http_head *h) MUST_USE;
/* Replaces the key by one of weir's own; for requests that came by HTTP/2, which have none. */

enum err ws_accept_for(struct span key, char out[WS_ACCEPT_LEN]) MUST_USE;
/* What Sec-WebSocket-Accept must be in the answer to a key (RFC 6455 4.2.2). */

bool ws_is_accepted(const struct http_head *answer, struct span accept);
/* Whether a 101 says exactly that, and switches to websocket and nothing else (RFC 6455 4.1). */

/* --- frames (5.2) --- */

struct ws {
    bool masked;     /* this way goes to a server */
    bool lost;       /* this is no WebSocket, or one we do not know: no frame ends any more */
    bool said_close; /* a Close frame went by */
    bool fin;
    uint8_t opcode;
    uint8_t got;   /* header bytes of the frame that is under way */
    uint8_t need;  /* as many as its header has, as far as is known */
    uint8_t extra; /* of them, bytes of an extended length */
    uint64_t left; /* of its payload */
};

void ws_begin(struct ws *w, bool masked);
/* One way of a tunnel, at its first byte. */

size_t ws_follow(struct ws *w, struct span data) MUST_USE;
/* Goes on to the end of the frame that is under way, or that begins here; returns how many bytes
 * that took: all of data when the frame goes on behind it. */

bool ws_is_between(const struct ws *w);
/* Between two frames: another frame may be put in here, also between fragments of a message when it
 * is a control frame (5.4). */

enum { WS_GOING_AWAY = 1001, WS_SERVICE_RESTART = 1012 };
enum { WS_CLOSE_MAX = 8 };

size_t ws_close(char out[WS_CLOSE_MAX], unsigned code, bool masked);
/* A Close frame without a reason; returns its length. */

#endif
