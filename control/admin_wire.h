/* Inside the admin API: shared by admin.c (life, requests, the token) and admin_wire.c (what
 * happens on a connection). */
#ifndef CONTROL_ADMIN_WIRE_H
#define CONTROL_ADMIN_WIRE_H

#include "base/mailbox.h"
#include "control/room.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum {
    ADMIN_MAGIC = 0x41444d4e,
    LISTENER_MAGIC = 0x414c5354,
    CONN_MAGIC = 0x41434f4e,
    CONNECTIONS_MAX = 64, /* per listener: TCP cannot crowd out the Unix socket */
    REQUESTS_MAX = 256,   /* also those whose client has left */
    FDS_MAX = 2 * CONNECTIONS_MAX + 32,
    HEAD_TIMEOUT_S = 10,
    BODY_TIMEOUT_MS = 15000,
    SEND_TIMEOUT_S = 20,
    SEND_MAX_MS = 60000,
    LEAVE_MS = 5000, /* for what is being sent when the process ends */
    WRITE_STEP = 16 * 1024,
};

struct conn;

struct listener {
    unsigned magic;
    struct admin *admin;
    int fd; /* -1: none, or libwebsockets' */
    bool tcp;
    unsigned open;
    struct conn *adopting; /* being handed to libwebsockets just now */
    struct lws *wsi;       /* NULL: none, or closed */
};

/* One accepted connection. */
struct conn {
    unsigned magic;
    struct listener *listener;
    char user[ADMIN_USER_MAX];
};

/* libwebsockets' per-connection memory. */
struct session {
    struct lws *wsi;
    struct admin_request *request;
    enum { READING, WAITING, SENDING } step;
    bool head_sent;
    size_t sent;
};

struct admin {
    unsigned magic;
    struct control *control;
    struct lws_context *context;
    struct lws_vhost *vhost;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    struct mailbox returned;
    struct listener listeners[2];
    int tcp_fd; /* of listeners[1], to be handed over; -1: none */
    atomic_bool left;
    char socket_path[PATH_MAX];
    char *tcp_address;
    struct stat socket_stat;
    struct admin_request *requests; /* all there are; this thread's, then admin_stop()'s */
    size_t nrequests;
    pthread_mutex_t lock;
    char *token; /* under lock */
};

/* --- admin.c --- */

struct admin_request *admin_request_new(struct admin *a, struct session *s, const struct conn *c);
/* NULL: there are too many, or there is no memory. */

void admin_request_free(struct admin_request *r);

/* --- admin_wire.c --- */

extern const struct lws_protocols admin_protocols[];
/* "http" for connections, "listener" for the sockets that accept them. */

void admin_wire_returned(void *arg);
/* The admin thread: a request has its answer. */

#endif
