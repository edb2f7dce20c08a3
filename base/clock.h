/* Time. Durations inside the program are milliseconds unless a name says _us. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/base.h"

uint64_t clock_us(void);
/* Monotonic microseconds. */

uint64_t clock_wall_ms(void);
/* Milliseconds since 1970-01-01 UTC. */

enum { CLOCK_ISO_LEN = 24, CLOCK_HTTP_LEN = 29, CLOCK_CLF_LEN = 26 };

void clock_iso(char out[CLOCK_ISO_LEN + 1], uint64_t wall_ms);
/* 2026-03-01T02:13:00.123Z (RFC 3339), NUL-terminated. */

void clock_http(char out[CLOCK_HTTP_LEN + 1], uint64_t wall_ms);
/* Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 5.6.7), NUL-terminated. */

void clock_clf(char out[CLOCK_CLF_LEN + 1], uint64_t wall_ms);
/* 10/Oct/2000:13:55:36 +0000 (Common Log Format), NUL-terminated. */

#endif
