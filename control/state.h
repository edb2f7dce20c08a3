/* What an instance remembers over a restart: the document in force, its epochs, what may be undone.
 * Kept in state_dir/state.json; every change is also a line of state_dir/audit.ndjson. */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "base/digest.h"
#include "control/document.h"

enum source {
    SOURCE_NONE,
    SOURCE_REDIS,
    SOURCE_FILE,
    SOURCE_ADMIN,
    SOURCE_CONFIG,
    SOURCE_UPGRADE,
    SOURCE_COUNT
};

const char *source_word(enum source s);
/* "redis", "file", "admin", "config", "upgrade" (on the audit trail only); "none". */

enum { UNDO_MAX = 64 };

/* A configuration that routes differently than the one before it: of a reload, or of a start. */
struct state_config {
    uint64_t at_ms;                 /* when it came into force; wall clock */
    char by[DOCUMENT_BY_MAX + 1];   /* empty: nobody said */
    char why[DOCUMENT_WHY_MAX + 1]; /* the same */
};

struct state {
    uint64_t epoch;             /* of the routing in force here; grows with every change */
    struct state_config config; /* what made the epoch; at_ms 0: the document, or nothing yet */
    uint64_t seen; /* highest epoch of a document that was read from the store or written to it */
    struct document *document;         /* in force; NULL: none was ever applied */
    enum source source;                /* who gave it */
    uint64_t at_ms;                    /* when it was applied; wall clock */
    bool pending;                      /* it has yet to be written to the store */
    bool has_value;                    /* `value` is set */
    unsigned char value[DIGEST_BYTES]; /* the store's value that was applied last */
    unsigned char
        routing[DIGEST_BYTES]; /* of the configuration the epoch was counted for; all zero: none */
    struct document
        *undo[UNDO_MAX]; /* what was in force before, oldest first; NULL entries: no document */
    size_t nundo;
};

void state_free(struct state *s);
/* Everything it holds; s is empty afterwards. */

void state_remember(struct state *s, struct document **d);
/* Takes *d (may point at NULL) as the newest entry of the undo list; the oldest goes when it is
 * full. */

enum err state_render(const struct state *s, struct buf *out) MUST_USE;
/* Appends the text of state.json. */

enum err state_parse(struct span text, const char *name, struct state *out,
                     struct complaints *wrong) MUST_USE;
/* *out is empty on failure. ERR_INVALID: the text is damaged, `wrong` says how. */

enum err state_load(const char *path, struct state *out, struct complaints *wrong) MUST_USE;
/* ERR_NOT_FOUND: there is none. ERR_INVALID: it is damaged; it has been renamed to path.bad and
 * `wrong` says so. ERR_SYSTEM: it cannot be read. */

/* --- the audit trail --- */

struct audit {
    uint64_t at_ms;
    uint64_t epoch;
    const struct document *from; /* may be NULL */
    const struct document *to;   /* may be NULL */
    enum source source;
    const char *by;
    const char *why;
    const json_t *changes; /* of the configuration: sentences (control/changes.h); may be NULL */
};

enum { AUDIT_CHANGES_MAX = 16 }; /* more sentences are only counted */

enum { AUDIT_ROTATE = 8 * 1024 * 1024 };

enum err audit_line(const struct audit *a, struct buf *out) MUST_USE;
/* Appends one line of JSON with its line end. */

#endif
