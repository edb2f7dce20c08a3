/* The operational log: what weir has to say to the person who runs it. One line per event, for a
 * reader who has never seen the source. (The access log is proxy/access.c; records of the shadow
 * are shadow/.) */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/base.h"

struct scribe;

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

void log_setup(enum log_level level, enum log_format format);
/* Before threads start, and by the control thread at a reload. Default: LOG_INFO, LOG_TEXT. */

void log_attach(struct scribe *s);
/* From here on lines go through the scribe; NULL: written directly again. Control thread, before
 * workers start and after they have ended. */

bool log_wants(enum log_level level);

void log_line(enum log_level level, const char *area, const char *fmt, ...) PRINTF(3, 4);
/* Any thread. area: the room that speaks ("redis", "tls", "reload"). Never blocks once a scribe is
 * attached. */

void log_direct(enum log_level level, const char *area, const char *fmt, ...) PRINTF(3, 4);
/* Past the scribe, straight to standard error: for the scribe itself and for last words. */

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                        \
    do {                                      \
        if (UNLIKELY(log_wants(LOG_DEBUG)))   \
            log_line(LOG_DEBUG, __VA_ARGS__); \
    } while (0)

/* A log site that peers can trigger at will: at most one line a second per site, the rest counted
 * into the next one. */
struct log_gate {
    _Atomic uint64_t next_ms;
    _Atomic unsigned held;
};

bool log_gate_open(struct log_gate *g, unsigned *held);
/* True when a line may be written now; *held is how many were kept back since the last. Any thread.
 */

enum { LOG_HELD_MAX = 32 };

const char *log_held(unsigned held, char out[LOG_HELD_MAX]);
/* For the end of that line: " (7 more like this)"; nothing when none was. */

#endif
