/* TLS for both sides, by OpenSSL, straight on the socket. Private to proxy/. Contexts are made by
 * any thread and then only read; a session belongs to the worker of its connection. */
#ifndef PROXY_TLS_H
#define PROXY_TLS_H

#include "config/config.h"

struct tls_ctx;
struct tls_sessions;
struct tls;

enum err tls_ctx_server(const struct config_listener_tls *config, const char *where,
                        struct tls_ctx **out, struct complaints *wrong) MUST_USE;
/* Loads certificates, OCSP responses, ticket keys and client CAs; complains under `where` (the
 * section) with OpenSSL's own reason. */

enum err tls_ctx_client(const struct config_backend_tls *config, enum backend_protocol protocol,
                        const char *where, struct tls_ctx **out, struct complaints *wrong) MUST_USE;
/* protocol: what ALPN offers. */

/* Loads the CA and the client certificate. */

uint64_t tls_ctx_expiry(const struct tls_ctx *c);
/* Of one for clients: when the first of its certificates expires, in seconds of Unix time. */

void tls_ctx_hold(struct tls_ctx *c);
void tls_ctx_release(struct tls_ctx **c);
/* Any thread; an atomic count. */

enum tls_io {
    TLS_DONE,       /* it went through */
    TLS_WANT_READ,  /* again when the socket is readable */
    TLS_WANT_WRITE, /* again when the socket is writable, with the same bytes first */
    TLS_END,        /* the peer said close_notify */
    TLS_CUT,        /* the peer ended without it */
    TLS_REFUSED,    /* the peer's alert is about our certificate: tls_reason() */
    TLS_FAILED,     /* reset, or a protocol error: tls_reason() */
};

enum err tls_sessions_new(struct tls_sessions **out) MUST_USE;
void tls_sessions_free(struct tls_sessions **s);
void tls_sessions_forget(struct tls_sessions *s);
/* The few newest sessions with one server, for one worker. They skip verification, so they are
 * forgotten when the context changes. */

enum err tls_accept(struct tls_ctx *c, int fd, struct tls **out) MUST_USE;
enum err tls_connect(struct tls_ctx *c, int fd, const char *name, struct tls_sessions *kept,
                     struct tls **out) MUST_USE;
/* name: for SNI and verification; an address is verified as an address and not sent. kept: where a
 * session is taken from and put, outlives the result; NULL: each handshake is a full one. */

enum err tls_offer_http1(struct tls *t) MUST_USE;
/* Before the handshake: offers http/1.1 alone, whatever the context offers. */

void tls_free(struct tls **t);

enum tls_io tls_handshake(struct tls *t);
enum tls_io tls_read(struct tls *t, char *p, size_t n, size_t *got);
enum tls_io tls_write(struct tls *t, const char *p, size_t n, size_t *put);
/* At most one record (16 KiB) is written. */

void tls_bye(struct tls *t);
/* Sends close_notify, best effort. */

bool tls_was_refused(struct tls *t);
/* After a write that failed: the peer had refused our certificate before it closed. The connection
 * is of no use any more. */

void tls_readable(struct tls *t);
/* The socket became readable: what an earlier read said of it does not hold any more. */

bool tls_has_more(const struct tls *t);
/* After a read: there may be more bytes in the session or the socket without a new readable event.
 */

bool tls_is_h2(const struct tls *t);
/* ALPN chose h2. */

bool tls_is_resumed(const struct tls *t);

struct tls_client {
    struct span subject;     /* RFC 2253, printable ASCII */
    struct span fingerprint; /* SHA-256 of the certificate, lower-case hex */
    struct span certificate; /* as in Client-Cert (RFC 9440) */
};

enum err tls_client_of(struct tls *t, struct tls_client *out, bool *shown) MUST_USE;
/* Who the client is, by the certificate it has shown and weir has verified. The texts live with t.
 */

const char *tls_reason(const struct tls *t);
/* Why the handshake or verification failed, for the log. Lives with t. */

/* --- session tickets, to the process that takes this one's place (tls_tickets.c) --- */

enum err tls_tickets_hand_over(int channel) MUST_USE;
void tls_tickets_take(struct span text);
/* The keys in memory, in a message and out of it (base/handover.h): sessions go on. Any thread. */

#endif
