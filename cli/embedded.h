/* Configurations made from a command line: for `weir run --legacy URL --new URL` and `weir demo`.
 * Private to cli/. */
#ifndef CLI_EMBEDDED_H
#define CLI_EMBEDDED_H

#include "config/config.h"

struct embedded {
    const char *listen[3]; /* "HOST:PORT", "http://...", "https://..."; NULL ends it */
    const char *legacy;    /* http://HOST[:PORT] or https://HOST[:PORT] */
    const char *new_;
    const char *new_percent;    /* NULL: 0 */
    const char *shadow_percent; /* NULL: 0 */
    const char *drain;          /* on_flip: drain, within this time; NULL: finish */
    bool once;                  /* each side is asked once: no probes, nothing asked again */
    const char *sticky;         /* comma-separated; NULL: ip */
    const char *cert;           /* NULL: a self-signed certificate for https listeners */
    const char *key;
    const char *state_dir;  /* NULL: the default */
    const char *redis;      /* NULL: the local file */
    const char *access_log; /* NULL: none */
    const char *log_level;  /* NULL: info */
    const char *workers;    /* NULL: one per core */
    const char *records;    /* of the shadow; NULL: the default */
    const char *rules;      /* likewise; NULL: none */
};

enum err embedded_text(const struct embedded *e, struct buf *out,
                       struct complaints *wrong) MUST_USE;
/* The configuration file this amounts to. ERR_CONFIG for what can only be said on a command line
 * (URLs). */

#endif
