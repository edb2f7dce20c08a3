/* The rules of routing state: which document is taken, which is refused, what epoch comes of it,
 * what is published.
 *
 * No I/O and no clock: whoever calls (control.c) brings the store's values and the time, and does
 * what the effect says. Control thread. */
#ifndef CONTROL_FLIP_H
#define CONTROL_FLIP_H

#include "control/state.h"

/* What the store showed. */
enum sight {
    SIGHT_NONE,       /* not looked yet */
    SIGHT_MISSING,    /* no key, no file */
    SIGHT_VALUE,      /* some bytes */
    SIGHT_UNREADABLE, /* a key of another type, a value that is too large */
};

struct flip {
    struct router *router;
    struct route_table *table; /* of the snapshot published last; owned by it */
    uint64_t generation;
    struct state state;
    struct buf audit; /* lines that wait to be written */

    /* the store as it was seen last */
    enum sight sight;
    unsigned char sight_digest[DIGEST_BYTES];
    enum err refused; /* why its value is not in force; ERR_OK when it is, or when there is none */
    struct buf refused_text; /* the complaints */
    bool connected_anew;     /* the store may be another one than at the last look */
};

enum flip_outcome {
    FLIP_SAME,    /* nothing changed */
    FLIP_APPLIED, /* a snapshot was published */
    FLIP_REFUSED, /* `err` and the complaints say why */
    FLIP_HELD,    /* the key is gone; the last document stays in force */
};

struct flip_effect {
    enum flip_outcome outcome;
    enum err err;   /* FLIP_REFUSED */
    bool write;     /* the document in force is to be written to the store */
    bool overtaken; /* a change made here, not yet in the store, gave way to what the store holds */
    bool persist;   /* the state changed: write it to disk */
    bool rerouted;  /* FLIP_APPLIED: something routes differently now */
};

void flip_begin(struct flip *f, struct router *router);
void flip_end(struct flip *f);

struct flip_reload {
    const char *by, *why;  /* NULL: nobody said */
    const json_t *changes; /* sentences for the audit trail */
};

enum err flip_table(struct flip *f, struct route_table **table, const struct flip_reload *reload,
                    uint64_t now_ms, struct flip_effect *out) MUST_USE;
/* A new table (reload NULL: the first; else after a reload) under the document in force. Takes
 * *table, also on failure. The epoch grows when the configuration routes differently than the one
 * it was counted for. */

void flip_value(struct flip *f, enum sight sight, struct span raw, const char *name,
                enum source source, uint64_t now_ms, struct complaints *wrong,
                struct flip_effect *out);
/* What the store holds now. SIGHT_UNREADABLE: raw is empty and out->err says on entry which failure
 * it is. */

void flip_connected(struct flip *f);
/* The store answers (again): what it shows next may be older than what it has shown, because it was
 * restored, or a replica took over. Then the document in force is to be written back. */

void flip_written(struct flip *f, uint64_t epoch, struct span raw, struct flip_effect *out);
/* The document with this epoch was written to the store as `raw`. */

enum err flip_change(struct flip *f, const struct change *ch, uint64_t now_ms,
                     struct complaints *wrong, struct flip_effect *out) MUST_USE;
/* An order of an operator. ERR_CONTROL_UNKNOWN_ROUTE, ERR_CONTROL_TOO_LARGE, ERR_NO_MEMORY: nothing
 * changed. */

enum err flip_undo(struct flip *f, const struct change *by_why, uint64_t now_ms,
                   struct complaints *wrong, struct flip_effect *out) MUST_USE;
/* Back to what was in force before the last change. ERR_NOTHING_TO_UNDO. */

void flip_note(struct flip *f, enum source source, uint64_t now_ms, const char *by,
               const char *what);
/* A line of the audit trail for something that changes no routing: an upgrade, a purge. by: "" when
 * nobody is known. */

size_t flip_unknown(const struct flip *f, const char **names, size_t max);
/* Routes the document names and the table does not have: how many, the first `max` of them in
 * names. */

#endif
