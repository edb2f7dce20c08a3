/* Certificates made with the openssl program, and a client that is OpenSSL itself, against weir's
 * side of a pair of sockets. */
#ifndef TESTS_UNIT_PROXY_TLS_RIG_H
#define TESTS_UNIT_PROXY_TLS_RIG_H

#include "tests/unit/fail_alloc.h"

#include "proxy/tls_ctx.h"

int rig_begin(void **state);
int rig_end(void **state);
/* A directory for files, and its removal. */

const char *rig_path(const char *name);
/* A file in it; the text lives until the fourth call after this one. */

void rig_run(const char *fmt, ...) PRINTF(1, 2);
/* A shell command in the directory; it must succeed. */

void rig_certificate(const char *name, const char *kind, const char *names);
/* NAME.pem and NAME.key, self-signed. kind: "ec" or "rsa"; names: as in subjectAltName. */

struct tls_ctx *rig_server(const struct config_listener_tls *t);
/* It must load. */

/* A client, and what became of its handshake. */
struct rig_client {
    const char *name;    /* SNI; NULL: none */
    const char *sigalgs; /* NULL: OpenSSL's */
    const char *alpn;    /* in wire format; NULL: none */
    const char *cert;    /* its certificate's name; NULL: none */
    int version;         /* the only one; 0: any */
    bool asks_status;
    SSL_SESSION *session; /* to resume, and what came of it; free it in the end */

    bool done;        /* both sides think so */
    bool server_done; /* weir's side does */
    bool resumed;
    char cn[64];        /* of the certificate that was served */
    char protocol[16];  /* ALPN's */
    long staple;        /* bytes of the OCSP response; 0: none */
    int alert;          /* that weir sent; 0: none */
    struct tls *server; /* the caller's to free, with rig_hang_up() */
    int fd[2];
};

void rig_shake(struct rig_client *c, struct tls_ctx *server);
void rig_hang_up(struct rig_client *c);

#endif
