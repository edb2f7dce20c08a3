/* HTTP messages: the head, its fields, how long the body is, and the vocabulary in which codecs and
 * their users speak. No I/O, no threads: an object here belongs to whoever drives it. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

/* --- head --- */

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_CONNECT,
    HTTP_OPTIONS,
    HTTP_TRACE,
    HTTP_PATCH,
    HTTP_OTHER_METHOD,
};

enum http_field_id {
    HTTP_UNKNOWN_FIELD = 0,
#define FIELD(name, text, hop) HTTP_##name,
#include "http/fields.def"
#undef FIELD
    HTTP_FIELD_IDS
};
_Static_assert(HTTP_FIELD_IDS <= 64, "http_head.seen is 64 bits");

enum {                          /* http_field.flags */
       HTTP_FIELD_DROPPED = 1,  /* not sent on */
       HTTP_FIELD_UNINDEXED = 2 /* came over HTTP/2 as never to be put into a compression table */
};

struct http_field {
    struct span name; /* as received; HTTP/2 names are lower-case */
    struct span value;
    uint8_t id; /* enum http_field_id */
    uint8_t flags;
};

enum http_version { HTTP_1_0 = 10, HTTP_1_1 = 11, HTTP_2 = 20 };

/* A request or response head. The spans live in `arena`, which belongs to whoever made the head. */
struct http_head {
    bool is_response;
    uint8_t version; /* enum http_version */
    uint8_t method;  /* enum http_method */
    uint16_t status; /* responses */
    bool bodiless;  /* no body follows: `end` is the next event (for interim answers: nothing is) */
    bool websocket; /* a request to open a WebSocket (it ends with its head); the 101 that does so
                       (a tunnel follows); a 426 that offers it */
    enum err refuse; /* not ERR_OK: the request broke a rule; answer with err_status() and end it */

    struct span method_name;
    struct span target;    /* origin-form (path and query) or "*" */
    struct span authority; /* the host this is for: Host, :authority or the absolute target's */
    struct span scheme;    /* requests, HTTP/2 only */
    struct span reason;    /* responses, HTTP/1 only */

    struct http_field *fields;
    size_t nfields;
    size_t cap;
    uint64_t seen; /* bit per enum http_field_id: at least one such field that is not dropped */
    struct arena *arena;
};

void http_head_begin(struct http_head *h, struct arena *a, bool is_response);

enum err http_head_add(struct http_head *h, struct span name, struct span value) MUST_USE;
/* Appends a field; the spans are kept, not copied, and must live as long as the arena. Looks the
 * name up. */

enum err http_head_add_id(struct http_head *h, enum http_field_id id, struct span value) MUST_USE;
/* The same for a known field; the name is its canonical lower-case text. */

void http_head_drop(struct http_head *h, enum http_field_id id);
/* Marks every field with this id as dropped. */

static inline bool http_head_has(const struct http_head *h, enum http_field_id id)
{
    return (h->seen & UINT64_C(1) << id) != 0;
}
/* False: there is none. True: there was one, though each may have been dropped since. */

const struct http_field *http_head_find(const struct http_head *h, enum http_field_id id);
/* The first field with this id that is not dropped, or NULL. */

const struct http_field *http_head_find_name(const struct http_head *h, struct span name);
/* The first field of this name (any case) that is not dropped, or NULL. */

struct span http_head_value(const struct http_head *h, enum http_field_id id);
/* Its value, or SPAN_NULL. */

enum err http_head_copy(struct http_head *to, const struct http_head *from,
                        struct arena *a) MUST_USE;
/* A deep copy without dropped fields, everything in a. */

enum http_field_id http_field_lookup(struct span name);
struct span http_field_text(enum http_field_id id);
enum http_method http_method_lookup(struct span name);

bool http_method_is_safe(enum http_method m);
/* GET, HEAD, OPTIONS, TRACE (RFC 9110 9.2.1). */

bool http_method_is_idempotent(enum http_method m);
/* Safe ones, PUT, DELETE (RFC 9110 9.2.2). */

struct span http_status_text(unsigned status);
/* The reason phrase registered for a status code, "Unknown" without one. */

bool http_is_token(struct span s);
/* One or more tchar (RFC 9110 5.6.2). */

bool http_is_field_value(struct span s);
/* No control byte but HTAB (RFC 9110 5.5); bytes over 0x7f are allowed. */

bool http_is_authority(struct span s);
/* host [":" port] with a host (RFC 9110 7.2, RFC 3986 3.2.2), without user information. */

bool http_is_scheme(struct span s);
/* "http" or "https", in any case: what is proxied here. */

bool http_list_has(struct span list, struct span word);
/* Whether a comma-separated list contains a word, any case, parameters ignored. */

struct span http_cookie(const struct http_head *h, struct span name);
/* The value of a cookie in the request's Cookie fields, or SPAN_NULL. */

/* --- what every parser refuses beyond --- */

struct http_limits {
    size_t header_bytes; /* request line or status line and all fields */
    size_t header_fields;
    size_t target_bytes;
};

/* --- framing --- */

enum http_body_kind {
    HTTP_BODY_NONE,        /* ends with the head */
    HTTP_BODY_LENGTH,      /* exactly .length bytes */
    HTTP_BODY_CHUNKED,     /* RFC 9112 7.1 */
    HTTP_BODY_UNTIL_CLOSE, /* responses: ends with the connection */
};

struct http_body_plan {
    enum http_body_kind kind;
    uint64_t length;
};

enum err http_framing(const struct http_head *h, enum http_method answered,
                      struct http_body_plan *out) MUST_USE;
/* Decides how long the body of an HTTP/1 message is (RFC 9112 6.3), or refuses what is ambiguous:
 * ERR_BAD_LENGTH, ERR_BAD_CODING, ERR_LENGTH_AND_CODING. answered: the method of the request a
 * response belongs to; ignored for requests. The only place in the program that decides this. */

enum err http_content_length(const struct http_head *h, bool *has, uint64_t *length) MUST_USE;
/* The one well-formed Content-Length, for HTTP/2's check against DATA (RFC 9113 8.1.1). */

/* --- paths --- */

enum err http_path_normalise(struct span target, struct arena *a, struct span *path) MUST_USE;
/* The path of an origin-form target in the form that routes are matched on (RFC 3986 6.2.2, 6.2.3):
 * query cut off, dot segments resolved, %XX of unreserved characters decoded, other escapes in
 * upper case, duplicate slashes merged. Gives a part of `target` when nothing had to change,
 * otherwise arena memory. ERR_BAD_TARGET: it does not begin with '/', or has a broken escape. */

enum err http_path_admit(struct span path, bool nul, bool slash) MUST_USE;
/* For a path in that form: whether %00, and %2F, %5C and '\\' may be in it. ERR_BAD_TARGET when one
 * is that may not. */

/* --- edits on the way through (RFC 9110 7.6) --- */

void http_strip_hop_by_hop(struct http_head *h);
/* Drops the hop-by-hop fields and what Connection nominates; never fields that frame or route the
 * message. */

bool http_trailer_allowed(const struct http_field *f);
/* Whether a trailer field may be passed on: nothing that frames, routes, authenticates or says what
 * the message is (RFC 9110 6.5.1), and no name of weir's own. */

/* --- streams: one exchange's half on one connection ---
 *
 * The same words serve HTTP/1 and HTTP/2, towards clients and towards backends. Up (events, called
 * by the codec from within codec_feed, codec_drain, codec_flushed and codec_closed) and down
 * (verbs, called by the owner at any time).
 *
 * A stream's life ends in exactly one of two ways: the codec calls `gone`, or the owner calls
 * `reset`. After either, both sides have forgotten each other. A verb may not be followed by an
 * event before it returns. */

struct http_stream;

/* A tunnel (RFC 6455, RFC 8441) is what follows an ordinary request without a body, `end` and all,
 * whose head says websocket, once the answer to it is a 101 that says so too: `body` and `end` then
 * come once more and are sent once more, on both streams and in both directions, each direction
 * ending by itself. HTTP/1 holds back what a client sends before the 101; HTTP/2 gives it to the
 * owner at once, who keeps it until then. Any other answer, and there is no tunnel. */

struct http_stream_events {
    void (*head)(void *owner, struct http_head *head);
    /* Client side: the request; lives in the arena the owner gave. Backend side: an answer; status
     * < 200 is interim and more will follow. */

    void (*body)(void *owner, struct span data);
    /* Borrowed until the call returns. The owner says `consumed` for each byte, now or later; until
     * then the codec holds the peer back. */

    void (*end)(void *owner, enum err how, struct http_head *trailers);
    /* The peer's message is over. ERR_OK: complete; trailers may be NULL. Otherwise it was cut
     * short or malformed, the stream can still be written to, and ends with the connection (client
     * side only). */

    void (*ready)(void *owner);
    /* There is room again after send_body returned 0. */

    void (*sent)(void *owner);
    /* Backend side: the last byte of the request was handed to the connection. May be NULL. */

    void (*gone)(void *owner, enum err why);
    /* The last event. ERR_OK: both messages were complete and the last byte was handed to the
     * connection. */
};

struct http_stream_ops {
    enum err (*send_head)(struct http_stream *s, const struct http_head *h, bool end);
    /* end: no body follows. Interim answers (1xx) may precede the final one. The head is read
     * before the call returns. */

    size_t (*send_body)(struct http_stream *s, struct span data);
    /* Takes all of data, at the latest when the connection is flushed (data must live until then,
     * which is when the calling handler returns). Returns the room that is left; 0: send no more
     * until `ready`. */

    enum err (*send_end)(struct http_stream *s, const struct http_head *trailers);
    /* trailers may be NULL. */

    void (*consumed)(struct http_stream *s, size_t n);
    /* n bytes of body have gone on: the peer may send as many more. */

    void (*reset)(struct http_stream *s, enum err why);
    /* Gives the stream up: HTTP/2 sends RST_STREAM, HTTP/1 closes the connection unless everything
     * had been exchanged. */
};

enum { HTTP_STREAM_MAGIC = 0x48535452 };

struct http_stream {
    unsigned magic;
    const struct http_stream_ops *ops;
    const struct http_stream_events *on;
    void *owner;
    uint64_t passed; /* HTTP/2: body bytes that the peer's windows let through */
};

static inline enum err http_send_head(struct http_stream *s, const struct http_head *h, bool end)
{
    OBJ_CHECK(s, HTTP_STREAM_MAGIC);
    return s->ops->send_head(s, h, end);
}

static inline size_t http_send_body(struct http_stream *s, struct span data)
{
    OBJ_CHECK(s, HTTP_STREAM_MAGIC);
    return s->ops->send_body(s, data);
}

static inline enum err http_send_end(struct http_stream *s, const struct http_head *trailers)
{
    OBJ_CHECK(s, HTTP_STREAM_MAGIC);
    return s->ops->send_end(s, trailers);
}

static inline void http_consumed(struct http_stream *s, size_t n)
{
    OBJ_CHECK(s, HTTP_STREAM_MAGIC);
    s->ops->consumed(s, n);
}

static inline void http_reset(struct http_stream *s, enum err why)
{
    OBJ_CHECK(s, HTTP_STREAM_MAGIC);
    s->ops->reset(s, why);
}

/* Body bytes may go from one socket to the other and the streams be told afterwards, where both are
 * HTTP/1 and both bodies have a length. */

uint64_t http_may_pass(struct http_stream *from, struct http_stream *to);
/* How many: none while anything that came before is still queued or held, and never the last one of
 * a body, so that the end comes as an event. */

void http_passed(struct http_stream *from, struct http_stream *to, uint64_t n);
/* So many have. */

#endif
