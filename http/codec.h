/* A codec turns a connection's bytes into stream events and a stream's verbs into bytes. It does no
 * I/O: the host (a connection, a test, a fuzzer) feeds it and writes out what it queued.
 *
 * Not thread-safe; one codec, one connection, one thread. */
#ifndef HTTP_CODEC_H
#define HTTP_CODEC_H

#include "http/http.h"

struct codec;

/* What a codec needs from the connection it sits on. Every function may be called from within
 * codec_feed. */
struct codec_host {
    bool (*open)(void *host, struct http_stream *s, struct arena **arena);
    /* A client began a request: set s->on and s->owner, and give the arena its head shall live in.
     * False: no capacity; the stream is refused. Client side only. */

    void (*wants_write)(void *host);
    /* There is something to send; flush when the running handler is done. */

    void (*wants_read)(void *host);
    /* The codec will take bytes again after it had taken fewer than it was fed, or a body was
     * consumed. */

    void (*ends_sending)(void *host);
    /* Nothing more will be sent, though the peer may still be sending: end that half of the
     * connection when everything is written. Tunnels only. */

    void (*flooded)(void *host, const char *kind);
    /* The connection ends because of a row of floods.def, or ("hpack") of a header table that is
     * larger than allowed or broken. May be NULL. */
};

struct codec_options {
    struct http_limits limits;
    size_t buffer;             /* bytes queued per stream before send_body says 0 */
    unsigned h2_streams;       /* SETTINGS_MAX_CONCURRENT_STREAMS */
    unsigned h2_stream_window; /* SETTINGS_INITIAL_WINDOW_SIZE */
    unsigned h2_connection_window;
    unsigned h2_backend_streams; /* requests on one connection to a server, whatever it allows */
};

/* opts and host functions outlive the codec; out is where bytes to send are queued. */
enum err codec_h1_client(struct codec **c, const struct codec_options *opts,
                         const struct codec_host *host, void *arg, struct chunkq *out) MUST_USE;
enum err codec_h1_backend(struct codec **c, const struct codec_options *opts,
                          const struct codec_host *host, void *arg, struct chunkq *out) MUST_USE;
enum err codec_h2_client(struct codec **c, const struct codec_options *opts,
                         const struct codec_host *host, void *arg, struct chunkq *out) MUST_USE;
enum err codec_h2_backend(struct codec **c, const struct codec_options *opts, bool secure,
                          const struct codec_host *host, void *arg, struct chunkq *out) MUST_USE;
/* secure: the connection is TLS, which is what :scheme says. */

void codec_free(struct codec **c);
/* Streams still open get no event: the connection calls codec_closed() before. */

enum err codec_feed(struct codec *c, struct span in, size_t *used) MUST_USE;
/* Bytes from the peer. *used < in.n with ERR_OK: the rest shall be fed again, with more behind it,
 * or after wants_read. Not ERR_OK: the connection is beyond repair; flush what is queued and close.
 */

void codec_closed(struct codec *c, enum err why);
/* The peer ended its sending (why == ERR_OK: an orderly end) or the connection broke. Ends or kills
 * the streams. */

bool codec_drain(struct codec *c) MUST_USE;
/* Before writing, at the end of every handler that used a stream of this codec: moves what may be
 * sent into `out` and copies whatever else its streams still borrow. False: no memory, the
 * connection must be closed. */

void codec_flushed(struct codec *c);
/* Everything in `out` was handed to the kernel: `ready` and `gone` events follow. */

struct http_stream *codec_open(struct codec *c, enum http_method method, struct arena *arena,
                               const struct http_stream_events *on, void *owner);
/* Backend side: a stream for one request; the answer's head will live in arena. NULL when the
 * connection cannot take one (codec_is_reusable), or without memory. */

void codec_shutdown(struct codec *c, bool now);
/* Graceful end. HTTP/1 says Connection: close with the next answer, which may be to a request that
 * is still on its way; HTTP/2 announces the end with a GOAWAY that refuses nothing yet. now: refuse
 * what has not begun; called some time after the first, or at once. */

bool codec_is_idle(const struct codec *c);
/* No stream is open, and none was left unfinished. A head may be half-received. */

bool codec_is_blank(const struct codec *c);
/* HTTP/1 towards a client: as good as a new one, with not a byte of a request seen; it may be freed
 * and made again when bytes come. */

bool codec_is_done(const struct codec *c);
/* Nothing more can happen on this connection: close it when everything is written. */

bool codec_is_cut(const struct codec *c);
/* The last message was given up where an orderly end would make it look complete: close with a TCP
 * reset. */

bool codec_is_reading(const struct codec *c);
/* Whether codec_feed would take bytes now. True on an idle connection to a server: bytes that come
 * there make it done. */

bool codec_expects(const struct codec *c);
/* Whether the peer still has to send: the rest of a message that has begun, or what it was asked
 * for. */

bool codec_is_reusable(const struct codec *c);
/* Backend side: fit for another request now. HTTP/1: when it is idle; HTTP/2: while there are fewer
 * streams than both sides allow, and no more than one until the server has said what it allows. */

unsigned codec_streams_max(const struct codec *c);
/* Backend side: how many requests there may be at once on this connection. UINT_MAX: the server has
 * not yet said. */

bool codec_is_shared(const struct codec *c);
/* HTTP/2: other streams may add to what is queued before it is written. */

struct http_stream *codec_passing(struct codec *c);
/* HTTP/1: the stream whose body is arriving and has a length, with nothing held; see
 * http_may_pass(). NULL: none. */

bool codec_ping(struct codec *c);
/* HTTP/2: asks the peer for a sign of life. False: the last one was not answered yet. */

#endif
