/* Listening sockets beyond one configuration, and one process: those that were there before we
 * were (from the process whose place this one takes, or from systemd), and those that are open now
 * and can be handed on. Private to proxy/, but for what proxy/proxy.h says.
 *
 * Handed on is the socket itself, with the connections that wait in it: both processes accept from
 * it for a moment, and none is lost when the first one closes it. */
#ifndef PROXY_SOCKETS_H
#define PROXY_SOCKETS_H

#include "proxy/plane.h"
#include "proxy/proxy.h"

int sockets_take(struct sockets *s, const struct address *at, unsigned worker, unsigned nworkers);
/* The next one for this address that was given and falls to this worker, ready to accept from; -1:
 * there is none (more). Every socket falls to a worker, also when there were more workers before.
 */

int sockets_share(struct sockets *s, const struct address *at);
/* A duplicate of one that is open for this address; -1: none is. */

bool sockets_have(struct sockets *s, const struct address *at);
/* Whether one was given for this address or is open. */

bool sockets_have_port(struct sockets *s, const struct address *at);
/* The same for its port, whatever the address. */

enum err sockets_opened(struct sockets *s, const struct address *at, int fd) MUST_USE;
void sockets_closing(struct sockets *s, int fd);
/* A worker listens on this address (as configured) with fd; it is about to close it. Any thread. */

enum err sockets_hand_over(struct sockets *s, int channel) MUST_USE;
/* Sends all that are open, but for Unix sockets. */

enum err sockets_send(int channel, const struct address *at, int fd) MUST_USE;
/* Sends one. */

enum err sockets_check(struct sockets *s, const struct plane *p, struct complaints *wrong) MUST_USE;
/* ERR_CONFIG: the service manager gave one that no listener names. */

#endif
