/* Telling the service manager how we are: systemd's notification protocol (sd_notify(3)), datagrams
 * of lines VARIABLE=VALUE to the socket $NOTIFY_SOCKET names. Without it nothing is sent, and
 * nothing that goes wrong here matters to anybody. Any thread. */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include "base/base.h"

void notify(const char *fmt, ...) PRINTF(1, 2);
/* Sends these lines as one message. */

void notify_ready(const char *status);
/* Ready, after the start or a reload. status: one line for `systemctl status`; NULL: as it was. */

void notify_reloading(void);
/* A reload begins; notify_ready() says that it is over. */

uint64_t notify_watchdog_ms(void);
/* How often WATCHDOG=1 is expected of this process at the least ($WATCHDOG_USEC); 0: never. */

#endif
