/* Listening Unix sockets. A path has one socket, which all workers accept from: SO_REUSEPORT knows
 * no paths. Private to proxy/. */
#ifndef PROXY_LOCAL_H
#define PROXY_LOCAL_H

#include "proxy/plane.h"

#include <pthread.h>
#include <sys/types.h>

enum { LOCALS_MAX = 64 };

struct local {
    struct address at;
    int fd;         /* kept to be duplicated */
    unsigned users; /* 0: free */
    dev_t dev;      /* of the file, so that another's is not removed */
    ino_t ino;
};

struct locals {
    pthread_mutex_t lock;
    struct local list[LOCALS_MAX]; /* under lock */
    bool keep_files;               /* under lock */
};

enum err local_open(struct locals *l, const struct address *at, mode_t mode, int backlog, int given,
                    int *fd) MUST_USE;
/* A descriptor of the listening socket, which is made if it is not there, or is `given` (taken; -1:
 * none). A socket file that nobody listens on is replaced. ERR_SYSTEM: errno says why. Any thread.
 */

bool local_try(const struct address *at);
/* Whether it could be opened, or is open already; false: errno says why. Makes nothing. */

void local_close(struct locals *l, const struct address *at, int fd);
/* Gives one back; the file goes with the last. */

enum err local_hand_over(struct locals *l, int channel) MUST_USE;
/* Sends those that are open to the process that is to take this one's place. */

void local_keep_files(struct locals *l);
/* The files are another process's from here on. */

#endif
