/* The control document: pins and weights, an epoch, who and why. What people write into Redis or
 * control.json, what `weir flip` writes there, and what is remembered on disk.
 *
 * A document never changes once it is made. */
#ifndef CONTROL_DOCUMENT_H
#define CONTROL_DOCUMENT_H

#include "config/config.h"
#include "router/router.h"

#include <jansson.h>

enum {
    DOCUMENT_PAUSE_MAX_MS = 60 * 1000,
    DOCUMENT_MAX = 1024 * 1024, /* bytes of text */
    DOCUMENT_BY_MAX = 200,
    DOCUMENT_WHY_MAX = 1000,
    DOCUMENT_AT_MAX = 64,
    DOCUMENT_NAME_MAX = 200,
};

/* Epochs travel as JSON numbers, and other languages read those as doubles. */
#define DOCUMENT_EPOCH_MAX ((UINT64_C(1) << 53) - 1)

struct document_route {
    char *name;
    enum pin pin;
    bool weighs;              /* weight overrides the configured one */
    uint16_t weight;          /* basis points */
    uint64_t paused_until_ms; /* requests wait until then; 0: they do not */
};

struct document {
    bool word;       /* written as a bare word: without an epoch of its own */
    uint64_t epoch;  /* 0 for a bare word */
    uint64_t undoes; /* the epoch this one takes back; 0: none */
    enum pin pin;
    char *by; /* NULL: not given */
    char *why;
    char *at;
    struct document_route *routes; /* sorted by name, each says something */
    size_t nroutes;
};

enum err document_parse(struct span raw, const char *name, struct document **out,
                        struct complaints *wrong) MUST_USE;
/* A bare word or a JSON object. name ("redis key weir:control") begins every complaint.
 * ERR_CONTROL_MALFORMED, ERR_CONTROL_TOO_LARGE, ERR_NO_MEMORY. Any thread. */

enum err document_from_json(const json_t *object, const char *name, struct document **out,
                            struct complaints *wrong) MUST_USE;
/* The same from a parsed object in which a missing epoch means a bare word: how documents lie in
 * state.json. */

json_t *document_to_json(const struct document *d);
/* A new reference; NULL without memory. A document without an epoch comes out without one. */

enum err document_render(const struct document *d, struct buf *out) MUST_USE;
/* Appends the JSON text, one line without a line end. */

enum err document_copy(const struct document *d, struct document **out) MUST_USE;
void document_free(struct document **d);

bool document_same(const struct document *a, const struct document *b);
/* Whether both route alike: same pins, weights, pauses. NULL is the empty document. */

const struct document_route *document_route(const struct document *d, const char *name);
/* NULL when the document says nothing about that route. d may be NULL. */

const char *pin_word(enum pin p);
/* "legacy", "new", or "none". */

/* --- changing: a new document made of an old one and an order --- */

enum change_what {
    CHANGE_PIN,      /* pin to a side */
    CHANGE_UNPIN,    /* weights rule again */
    CHANGE_CONFIG,   /* as configured: no pin, no weight */
    CHANGE_WEIGHT,   /* a weight for one route */
    CHANGE_UNWEIGHT, /* its configured weight again */
    CHANGE_PAUSE,    /* only what pause_ms says */
    CHANGE_RESTORE,  /* what another document says, and nothing else */
};

struct change {
    enum change_what what;
    enum pin pin;                   /* CHANGE_PIN */
    uint16_t weight;                /* CHANGE_WEIGHT */
    const char *route;              /* NULL: all */
    const struct document *content; /* CHANGE_RESTORE; NULL: empty */
    uint64_t pause_ms; /* the route's requests wait as long; 0: whoever waits does so no more */
    bool all; /* a pin of everything to new takes the routes along that are pinned to legacy */
    const char *by; /* may be NULL */
    const char *why;
};

enum err document_change(const struct document *base, const struct change *ch, uint64_t epoch,
                         uint64_t now_ms, struct document **out) MUST_USE;
/* base may be NULL. Pinning everything to legacy drops the routes' own pins, so that everything
 * does go to legacy; pinning everything to new keeps what is pinned to legacy, unless `all`. */

enum err document_again(const struct document *content, const struct change *ch, uint64_t epoch,
                        uint64_t undoes, uint64_t now_ms, struct document **out) MUST_USE;
/* What `content` (NULL: empty) says, as a new document by whom and why `ch` says. Nothing is paused
 * in it. */

#endif
