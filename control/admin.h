/* The admin API: HTTP on a Unix socket, and over TCP with a token, in a thread of its own
 * (libwebsockets).
 *
 * A request lives from the moment its head is read until its answer is written. It belongs to the
 * admin thread; one that needs the control thread is handed over whole and comes back with its
 * answer. If the client leaves meanwhile, the order is carried out all the same. */
#ifndef CONTROL_ADMIN_H
#define CONTROL_ADMIN_H

#include "config/config.h"

#include <jansson.h>

struct admin;
struct api_row;
struct control;
struct session;
struct status_facts;

enum {
    ADMIN_REQUEST_MAGIC = 0x41524551,
    ADMIN_BODY_MAX = 64 * 1024,
    ADMIN_USER_MAX = 64,
    ADMIN_HEADER_MAX = 512,
};

enum admin_method { ADMIN_GET, ADMIN_HEAD, ADMIN_POST, ADMIN_OTHER };

/* What the checks look at; "" where the request has no such header. */
struct admin_head {
    enum admin_method method;
    bool tcp;
    char path[256];
    char query[256];
    char host[ADMIN_HEADER_MAX];
    char origin[ADMIN_HEADER_MAX];
    char sec_fetch_site[64];
    char authorization[ADMIN_HEADER_MAX];
    char content_type[128];
    bool chunked;
    uint64_t length;
};

/* How a person wants to read the answer (query ?text&width=100&colour&ascii); else it is JSON. */
struct admin_look {
    bool text;
    bool colour;
    bool ascii;
    unsigned width;
};

struct admin_request {
    unsigned magic;
    struct admin *admin;
    struct control *control;
    struct session *session; /* admin thread; NULL: the client has left */
    struct admin_request *next;
    const struct api_row *row;
    char user[ADMIN_USER_MAX]; /* who is at the other end of the Unix socket; "" unknown */
    struct admin_look look;
    struct buf body;
    struct status_facts *facts; /* GET /status */

    int status;
    const char *type;
    const char *allow; /* 405 */
    bool challenge;    /* 401 */
    bool head_only;    /* HEAD */
    struct buf answer;
};

/* --- admin.c --- */

enum err admin_start(struct admin **out, struct control *c, const char *state_dir,
                     const struct config_admin *config, struct complaints *wrong) MUST_USE;
void admin_take_name(struct admin *a);
/* Control thread: the socket that admin_start() opened beside admin.sock, because another process
 * listens there, becomes admin.sock. */

enum err admin_hand_over(struct admin *a, int channel) MUST_USE;
/* Control thread: sends the TCP socket, if there is one. */

void admin_leave(struct admin *a);
/* Control thread: another process has the sockets. What was asked for is answered, those who have
 * connected already are served. */

void admin_stop(struct admin **a);
/* Ends the thread; requests that wait for the control thread are dropped. */

void admin_return(struct admin_request *r);
/* Any thread: the answer is filled in. */

void admin_token(struct admin *a, const char *token);
/* Any thread: after a reload. NULL: none, so that TCP serves the health checks only. */

bool admin_token_is(struct admin *a, struct span token);
/* Any thread; in constant time. False when there is none. */

const char *admin_tcp_address(const struct admin *a);
/* As configured; NULL: none. */

/* --- admin_listen.c --- */

enum err admin_listen_unix(const char *path, int *fd, struct complaints *wrong) MUST_USE;
/* A listening socket of mode 0600. A socket file that is there already is replaced: the caller
 * holds the lock of the state directory, so nobody can be listening on it. */

enum err admin_listen_tcp(const char *address, int *fd, struct complaints *wrong) MUST_USE;

int admin_accept(int fd, bool unix_socket, char user[ADMIN_USER_MAX]);
/* -1: nobody is waiting. */

/* --- admin_api.c: no libwebsockets here --- */

bool api_open(const struct admin_head *h, struct admin_request *r);
/* Whether the request may go on. False: r has its answer. */

uint64_t api_patience_ms(const struct admin_request *r);
/* How long the control thread may take. */

void api_run(struct admin_request *r);
/* Admin thread, with the body there: answers at once (admin_return() was called) or hands over. */

void api_finish(struct admin_request *r);
/* Admin thread, before the answer is sent. */

void api_say(struct admin_request *r, int status, json_t *answer);
/* Any thread. Takes answer (NULL: no memory): fills in the answer as JSON, or as text from its
 * members `said`, `complaints` and `message`. */

void api_refuse(struct admin_request *r, int status, const char *word, const char *message,
                const struct complaints *wrong);
/* The same for {"error": word, "message": ..., "complaints": [...]}; wrong may be NULL. */

json_t *api_complaints(const struct complaints *wrong);
/* A list; NULL without memory. */

#endif
