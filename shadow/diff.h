/* One comparison: what is compared with what, under which rules, and the findings it comes to.
 * Findings of the same path and kind are one finding with a count; more than eight different ones
 * below one parent become one `subtree`; at most DIFF_FINDINGS_MAX are kept. One thread at a time;
 * meant to be used again and again. */
#ifndef SHADOW_DIFF_H
#define SHADOW_DIFF_H

#include "shadow/jdoc.h"
#include "shadow/path.h"
#include "shadow/rules.h"
#include "shadow/scratch.h"
#include "shadow/vclass.h"
#include "shadow/verdict.h"

enum {
    DIFF_FINDINGS_MAX = 64,
    DIFF_HIDDEN_MAX = 32, /* more are hidden all the same, but not listed */
    DIFF_FOLD = 8,        /* more different leaves below one parent are a subtree */
    DIFF_MAP_KEYS = 50,   /* an object with more is a map */
    DIFF_LCS_MAX = 2000,  /* elements */
    DIFF_LCS_DISTANCE = 64,
    DIFF_WORK_MAX = 16 * 1000 * 1000, /* steps; beyond, arrays are compared by position or count */
    DIFF_WORK_STOP = 2 * DIFF_WORK_MAX, /* beyond, nothing more is compared */
};

/* One side of a finding. The text is borrowed from what was compared. */
struct diff_value {
    bool present;
    enum vclass vclass;
    struct span text; /* a scalar: the string's value, the number's lexeme, "true" */
    uint32_t count;   /* an object or array: members or elements */
    uint64_t hash;    /* likewise: equal content, equal hash within this process */
};

struct finding {
    enum finding_kind kind;
    struct span path;
    uint32_t n;  /* places with this path and kind */
    bool secret; /* a name on the path says that the values are secret */
    bool unread; /* the values have names in them that could not be read */
    bool open;   /* the values are words of the protocol, a status or media type: nothing to hide */
    const char *method; /* how the elements of the array around it were matched; NULL: in no array.
                           Static */
    const char *detail; /* a word more: "missing", "same instant" ... or NULL. Static */
    struct span note;   /* numbers that go with it, for a person; may be empty */
    struct diff_value values[2]; /* by enum side */
    uint64_t key;                /* hash of path and kind */
};

struct diff_pending {
    enum finding_kind kind;
    struct seg seg;
    uint32_t n;
    const char *method;
    const char *detail;
    struct diff_value values[2];
};

/* An array or object that is being compared: its differing leaves wait here until it is known
 * whether they are few. */
struct diff_frame {
    struct diff_frame *up;
    uint32_t nodes[2]; /* the array or object on either side */
    size_t from;       /* first in diff.pending */
    uint32_t counts[FINDING_KINDS];
    const char *method; /* of the nearest array: how its elements were matched */
    bool folded;
};

/* What a rule of the rules file hid, one for each path and kind. */
struct diff_hidden {
    const struct rule *rule;
    enum finding_kind kind;
    struct span path;
    uint32_t n;
    uint64_t key;
};

struct diff {
    /* what is compared */
    const struct shadow_rules *rules;
    const struct rulebook *book; /* the rules file; NULL: none that is for this endpoint */
    const struct rule *active[RULEBOOK_MAX]; /* of it: those for this endpoint and not over */
    size_t nactive;
    bool details;      /* one of them asks for the detail of a finding */
    struct span own;   /* the host the request was for */
    bool error_answer; /* both answers are errors: sentences and ids of the failure do not count */
    bool unread;       /* what is reported now has names that could not be read */
    struct jdoc docs[2]; /* by enum side */
    uint64_t *loose[2];  /* per node, scratch memory; NULL when every difference counts */
    bool
        flip; /* alignment takes the new side first, so that it does not depend on which is which */

    /* where we are */
    struct path path;
    struct selector_walk ignore;
    struct selector_walk tolerance;
    bool tolerates; /* the rules have tolerances: the walk is kept up */
    struct diff_frame *frame;
    struct diff_pending *pending;
    size_t npending;
    size_t pending_cap;
    struct scratch scratch;
    uint64_t work;

    /* what came out */
    struct finding findings[DIFF_FINDINGS_MAX];
    size_t n;
    uint64_t more; /* differing places that are not listed */
    struct diff_hidden hidden[DIFF_HIDDEN_MAX];
    size_t nhidden;
    struct arena texts; /* paths and notes */
};

void diff_begin(struct diff *d, const struct shadow_rules *rules, struct span own,
                bool error_answer);
/* Forgets the previous comparison. d is zeroed before the first one. */

void diff_apply(struct diff *d, const struct rulebook *book, struct span endpoint,
                uint64_t wall_ms);
/* After diff_begin(): rules that hide findings, those that are for this endpoint and not over by
 * then. */

void diff_root(struct diff *d, struct span root);
/* What the paths of the document begin with after the $; static. Otherwise nothing. */

void diff_free(struct diff *d);

void diff_trim(struct diff *d);
/* Gives back what an unusually large comparison took. */

enum err diff_report(struct diff *d, const struct finding *f) MUST_USE;
/* A finding outside of JSON: status, header:NAME, media, text, body. The caller fills in kind,
 * path, values and what else there is to say; all text is copied, values up to their first 4 KiB.
 */

struct diff_value diff_text_value(struct span text);
/* The value of a header, a line: a string, or absent when text.p is NULL. */

struct diff_value diff_node_value(const struct jdoc *d, uint32_t node);

/* --- for diff_json.c and diff_array.c --- */

void diff_enter(struct diff *d, struct diff_frame *f, uint32_t l, uint32_t r);
enum err diff_leave(struct diff *d) MUST_USE;
/* Around the members or elements of the container that the path stands at. */

enum err diff_leaf(struct diff *d, enum finding_kind kind, const struct seg *seg, uint32_t l,
                   uint32_t r) MUST_USE;
/* A value, type, missing or extra at the path and one segment more; seg NULL: at the root. l, r:
 * nodes, JDOC_NONE: absent (never both; at the root node 0 is meant). */

enum err diff_here(struct diff *d, enum finding_kind kind, uint32_t l, uint32_t r,
                   const char *method, struct span note) MUST_USE;
/* order or count at the path itself. */

struct span diff_array_key(const struct diff *d);
/* The field that a rule names for the array at the path; SPAN_NULL: none does. */

enum err diff_work(struct diff *d, uint64_t steps) MUST_USE;
/* Counts them; ERR_SHADOW_COSTLY when there were too many. */

enum err diff_json(struct diff *d) MUST_USE;
/* Compares d->docs, which have been parsed. diff_json.c */

enum err diff_nodes(struct diff *d, uint32_t l, uint32_t r, const struct seg *seg) MUST_USE;
/* Compares two values; seg leads to them from the path. diff_json.c */

bool diff_nodes_equal(const struct diff *d, uint32_t l, uint32_t r);
/* Nothing to be found between these two, whatever the rules. diff_json.c */

enum err diff_array(struct diff *d, uint32_t l, uint32_t r) MUST_USE;
/* The elements of two arrays; the path stands at them. diff_array.c */

enum err diff_text(struct diff *d, struct span legacy, struct span new_) MUST_USE;
/* Line by line, one finding at most. diff_text.c */

enum err shape_hash(struct diff *d, enum side side) MUST_USE;
/* Hashes every value of a document under the rules: ignored values count for nothing. shape.c */

#endif
