/* The start of a process that takes another's place, or a socket's that systemd holds: what `run.c`
 * asks beside everything else. Private to cli/. */
#ifndef CLI_HEIR_H
#define CLI_HEIR_H

#include "base/handover.h"
#include "config/config.h"

struct sockets;

enum err heir_begin(struct handed_over *h, struct sockets *s, struct complaints *wrong) MUST_USE;
/* Takes the listening sockets of the process before, or of systemd, or of nobody: then h->channel
 * is -1 and nothing else here does anything. ERR_CONFIG: `wrong` says why. */

enum err heir_ready(struct handed_over *h, struct complaints *wrong) MUST_USE;
/* All is prepared: says so, and waits for the state of the process before to be on disk. */

void heir_failed(const struct handed_over *h, const struct complaints *wrong);
/* The start has failed: tells the process before why. */

void heir_end(struct handed_over *h);
/* Closes what nobody has taken. */

#endif
