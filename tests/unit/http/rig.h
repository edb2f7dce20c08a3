/* A connection made of memory: a codec, what was written, and owners that do what a script says and
 * keep a diary of every event. It also holds the codec to its door: no event from within a verb,
 * none after the last, nothing borrowed for longer than allowed (that memory is gone then, and
 * AddressSanitizer tells).
 *
 * It knows no test framework, so that fuzzers use it as well: what is wrong is a BUG. */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "tests/unit/base/seeded.h"

#include "http/codec.h"

enum rig_role { RIG_H1_CLIENT, RIG_H1_BACKEND, RIG_H2_CLIENT, RIG_H2_BACKEND };

/* Where in a stream's life something is done. */
enum rig_point { NOWHERE, ON_HEAD, ON_BODY, ON_END, SENT_HEAD, SENT_BODY, BY_HAND };

/* What an owner does: the n-th stream follows the n-th of these, later ones the last. */
struct rig_script {
    enum rig_point
        when; /* it sends its message: ON_HEAD, ON_END, BY_HAND or NOWHERE. Requests: at once */
    unsigned interim;   /* a 1xx answer before the final one */
    unsigned status;    /* answers; 0: 200 */
    const char *method; /* requests; NULL: GET */
    const char *target; /* requests; NULL: "/" */
    const char *fields; /* "A: b|C: d" */
    const char *body;   /* NULL: none, the head ends the message */
    size_t repeat;      /* the body is so many times that text; 0: once */
    size_t piece;       /* bytes per send_body; 0: all at once */
    const char *trailers;
    enum rig_point reset; /* the owner gives up here */
    enum rig_point stop;  /* SENT_HEAD, SENT_BODY: it sends no further than this */
    bool tunnel; /* it asks for a tunnel, or opens one with 101 (who does not ask gets 200); body is
                    what it says there, then (or with stop SENT_BODY: when the peer's half ends) its
                    half ends */
    bool hold;   /* says `consumed` only when told by rig_release() */
    size_t arena; /* ceiling; 0: plenty */
    bool refuse;  /* the host has no capacity for it */
};

struct rig_owner;
struct rig_loan;

/* Growing text in memory that never fails: a failing allocator is for the codec. */
struct rig_text {
    char *p;
    size_t n;
    size_t cap;
};

void rig_add(struct rig_text *t, struct span s);
void rig_printf(struct rig_text *t, const char *fmt, ...) PRINTF(2, 3);
const char *rig_string(struct rig_text *t);
/* NUL-terminated, until the next call. */

void rig_text_free(struct rig_text *t);

static inline struct span rig_span(const struct rig_text *t)
{
    return (struct span){t->p, t->n};
}

struct rig {
    enum rig_role role;
    struct codec_options options;
    struct codec *codec;
    struct chunkq out;
    const struct rig_script *script;
    size_t nscript;
    struct rig_owner *owners; /* newest first; kept until rig_end() */
    struct rig_loan *loans;
    unsigned nstreams;
    unsigned ntold; /* whose request was sent */
    size_t window;  /* bytes the socket takes per flush */
    bool lazy;      /* writes only when the codec will not read, or when told to */
    bool in_codec;  /* events may come */
    bool in_verb;   /* events may not */
    bool dirty;
    const char *flooded;   /* the codec said so */
    bool half_closed;      /* the codec said ends_sending */
    bool failed;           /* codec_feed or codec_drain said so */
    bool quiet;            /* no diary: fuzzers */
    unsigned reads;        /* how often the codec asked to be fed again */
    unsigned flushes;      /* without an end to it: a loop between codec and host */
    struct span rx;        /* fed and not yet taken */
    struct rig_text wire;  /* everything that was written */
    struct rig_text diary; /* one line per event; body events that follow each other are one */
    unsigned in_body;      /* the stream whose body line is open, 0: none */
};

enum err rig_begin(struct rig *r, enum rig_role role, const struct rig_script *script,
                   size_t n) MUST_USE;
/* *r is all 0 but for options, window, lazy and quiet. */

void rig_end(struct rig *r);

void rig_options(struct rig *r);
/* Fills in the options that are 0; called by rig_begin(). */

void rig_feed(struct rig *r, struct span in, size_t piece, struct seeded *seed);
/* Bytes from the peer: in one piece (0), of one byte each (1), or of 1 to `piece` bytes. */

void rig_flush(struct rig *r);
/* The socket takes what its window allows. */

void rig_close(struct rig *r, enum err why);
/* The peer ended (ERR_OK) or the connection broke. */

bool rig_ask(struct rig *r);
/* Backend side: opens a stream and sends the script's next request. False: no stream. */

void rig_release(struct rig *r);
/* Every owner says `consumed` for what it holds. */

void rig_say(struct rig *r, unsigned stream, enum err reset);
/* The owner of a BY_HAND stream sends its message; or resets. */

bool rig_is_open(const struct rig *r, unsigned stream);

const char *rig_diary(struct rig *r);
/* NUL-terminated. */

#endif
