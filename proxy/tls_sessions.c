/* Sessions with one server, kept to shorten the next handshake with it. TLS 1.3 servers send
 * tickets that are used once, so that nobody can tell connections of one client by them (RFC 8446
 * C.4); a session of TLS 1.2 may be used again. */
#include "base/clock.h"
#include "proxy/tls_ctx.h"

#include <stdlib.h>

enum {
    KEPT_MAX = 8,          /* then the oldest goes */
    KEPT_MS = 3600 * 1000, /* a server's certificate is verified anew at least this often */
    SESSIONS_MAGIC = 0x544c5353 + 1,
};

struct kept {
    SSL_SESSION *session;
    uint64_t since_ms;
};

struct tls_sessions {
    unsigned magic;
    size_t n;
    struct kept list[KEPT_MAX]; /* oldest first */
};

enum err tls_sessions_new(struct tls_sessions **out)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(*out, SESSIONS_MAGIC);
    return ERR_OK;
}

void tls_sessions_forget(struct tls_sessions *s)
{
    OBJ_CHECK(s, SESSIONS_MAGIC);
    while (s->n > 0)
        SSL_SESSION_free(s->list[--s->n].session);
}

void tls_sessions_free(struct tls_sessions **sp)
{
    struct tls_sessions *s;
    if (*sp == NULL)
        return;
    OBJ_TAKE(s, sp, SESSIONS_MAGIC);
    tls_sessions_forget(s);
    s->magic = 0;
    free(s);
}

void tls_sessions_put(struct tls_sessions *s, SSL_SESSION *session)
{
    OBJ_CHECK(s, SESSIONS_MAGIC);
    if (s->n == KEPT_MAX) {
        SSL_SESSION_free(s->list[0].session);
        memmove(&s->list[0], &s->list[1], (KEPT_MAX - 1) * sizeof(s->list[0]));
        s->n--;
    }
    s->list[s->n++] = (struct kept){session, clock_us() / 1000};
}

SSL_SESSION *tls_sessions_take(struct tls_sessions *s)
{
    OBJ_CHECK(s, SESSIONS_MAGIC);
    if (s->n == 0)
        return NULL;
    struct kept *k = &s->list[s->n - 1];
    if (clock_us() / 1000 - k->since_ms >= KEPT_MS || SSL_SESSION_is_resumable(k->session) != 1) {
        tls_sessions_forget(s); /* the others are older */
        return NULL;
    }
    SSL_SESSION *session = k->session;
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
        s->n--;
    else
        (void)SSL_SESSION_up_ref(session);
    return session;
}
