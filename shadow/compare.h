/* One pair of answers: outcome, status, headers, media type, body, in this order
 * (docs/shadow-records.md tells a reader what each step means). A comparer holds the memory for it
 * and is used by one thread at a time. */
#ifndef SHADOW_COMPARE_H
#define SHADOW_COMPARE_H

#include "shadow/decode.h"
#include "shadow/diff.h"
#include "shadow/endpoint.h"
#include "shadow/headers.h"

struct comparer {
    struct diff diff;
    struct decoder decoders[2]; /* by enum side */
    struct buf recast[2];       /* likewise: forms and events, written as JSON */
    size_t decoded_max;         /* bytes of a decoded body */
    struct endpoint endpoint;   /* of the pair, when there are rules that ask for it */
};

struct settlement; /* settle.h */

enum { PARENTS_MAX = 16 };

struct comparison {
    enum verdict_kind verdict;
    const char *reason;            /* of skipped and failed: a word; otherwise NULL. Static */
    const char *body;              /* how far the bodies were compared, a word. Static */
    struct headers_stack stack[2]; /* by enum side */
    struct span json[2]; /* likewise: the bodies, decoded, when they were compared as JSON */
    struct span patch;   /* RFC 6902; empty: none was made. The caller of compare_pair() does */
    const struct finding *findings;
    size_t nfindings;
    bool costly;   /* the work that a pair may take was not enough for all of it */
    uint64_t more; /* differing places beyond those listed */
    const struct diff_hidden *hidden;
    size_t nhidden;
    const char *absent[PARENTS_MAX]; /* places known to the endpoint that are not in both bodies */
    size_t nabsent;
    const struct settlement *settled; /* what asking again said; NULL: nobody looked */
    const struct comparison *probe;   /* the serving side with itself; NULL: it was not probed */
};

void compare_begin(struct comparer *c, size_t decoded_max);
void compare_end(struct comparer *c);

void compare_pair(struct comparer *c, const struct shadow_pair *pair, struct comparison *out);
/* *out lies in c and in the pair, until the next call. Never fails: without memory the verdict is
 * skipped(no_memory). */

bool compare_is_json(const struct shadow_pair *pair, const struct comparison *c);
/* Both bodies are JSON, as far as that is known. */

bool compare_docs(struct comparer *c, const struct shadow_pair *pair, const struct comparison *r,
                  const struct jdoc *out[2]) MUST_USE;
/* The two bodies that r compared as JSON, or found equal; one and the same when they are. */

void compare_probe(struct comparer *c, const struct shadow_pair *pair, struct comparison *out);
/* The same for the serving side's answer and its answer to the probe, which takes the other side's
 * place. */

void compare_trim(struct comparer *c);
/* The result has been used: gives back what an unusually large pair took. */

#endif
