/* The channel between a process and the one that is to take its place (docs/upgrade.md): a pair of
 * sockets (SOCK_SEQPACKET) of which the new process inherits one end as descriptor 3 and finds it
 * named in WEIR_HANDOVER. A message is a line of text, the first word says what it is, and maybe a
 * descriptor.
 *
 *   old                          new
 *                                hello VERSION       it runs, and understands this
 *   listener TWIN ADDRESS  +fd
 *   tickets MADE N BYTES                             the keys of TLS sessions
 *   admin ADDRESS          +fd                       the admin API over TCP
 *   given
 *                                ready               the configuration is good, all is prepared
 *                                failed TEXT         or not
 *   state                  +fd                       the state is on disk; the lock of state_dir
 *                                running             it accepts on every socket
 *   yours                                            the old one writes nothing from here on
 *                                taken               and accepts nothing from here on
 *
 * A word that is not known is passed over. Until `taken` the old process takes everything back when
 * the new one ends.
 * Both ends stay open until the old one ends: that is how the new one knows. */
#ifndef BASE_HANDOVER_H
#define BASE_HANDOVER_H

#include "base/bytes.h"

#include <sys/types.h>

enum { HANDOVER_MAX = 16 * 1024 };

struct handover_message {
    struct span word;
    struct span rest; /* behind the blank; both lie in text */
    int fd;           /* -1: none; the receiver's */
    char text[HANDOVER_MAX + 1];
};

enum handover_got { HANDOVER_MESSAGE, HANDOVER_NOTHING, HANDOVER_ENDED };

enum err handover_spawn(int *channel, pid_t *pid) MUST_USE;
/* Starts the program this process was started as, found anew, with the same arguments, environment
 * and directory. ERR_SYSTEM with errno. */

int handover_inherited(void);
/* The channel to the process that started this one to be its successor; -1: nobody did. Once, at
 * the start: the variable is taken out of the environment. */

enum err handover_send(int channel, struct span text, int fd) MUST_USE;
/* fd: -1, or goes along; stays open here. Waits a few seconds for room. ERR_SYSTEM with errno. */

enum handover_got handover_receive(int channel, bool wait, struct handover_message *m);

/* What the new process has been handed, beside the listeners. */
struct handed_over {
    int channel;
    pid_t from;
    int lock;  /* of the state directory */
    int admin; /* -1: none */
    char admin_address[256];
};

#endif
