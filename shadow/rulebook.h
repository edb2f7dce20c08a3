/* The rules file: differences that people have looked at and accepted, each with who, why and until
 * when. A rule hides findings, one place at a time and before they fold into a subtree; what it
 * hides is counted, so that a report can say what it costs. Const after rulebook_read(); any
 * thread.
 */
#ifndef SHADOW_RULEBOOK_H
#define SHADOW_RULEBOOK_H

#include "config/config.h"
#include "shadow/path.h"
#include "shadow/selector.h"
#include "shadow/verdict.h"

enum {
    RULEBOOK_MAX = 200,
    RULE_DAYS_DEFAULT = 14,
};

enum rule_action {
    RULE_IGNORE,    /* whatever differs there and below */
    RULE_UNORDERED, /* the order of an array */
    RULE_TOLERANCE, /* numbers within abs or rel */
    RULE_TIME,      /* times within a duration, whatever their notation */
    RULE_CLASS,     /* any two values that look alike: two uuids, two times */
    RULE_EXPECTED,  /* exactly this value became exactly that one */
    RULE_KEY,       /* hides nothing: the field that tells the elements of an array apart */
    RULE_ACTIONS
};

struct rule {
    const char *id;
    const char *route;    /* glob; "*": all */
    const char *endpoint; /* likewise */
    const char *path; /* as written: $... or a glob over status, media, header:NAME, text, body */
    const char *author;
    const char *reason;
    enum rule_action action;
    const char *detail; /* only findings with this word more; NULL: all */
    const char *key;    /* RULE_KEY */
    bool any_kind;
    enum finding_kind kind;
    double abs, rel;
    uint64_t within_ms;
    const char *values[2]; /* RULE_EXPECTED, by enum side */
    uint64_t expires_ms;
    size_t selector; /* of a path that begins with $: index into rulebook.selectors */
    bool in_body;
};

struct rulebook {
    struct arena arena;
    struct rule *list;
    size_t n;
    uint64_t hash; /* of the file; 0: there is none */
    struct selector_set selectors;
};

enum err rulebook_read(struct rulebook *b, struct span text, const char *name,
                       struct complaints *wrong) MUST_USE;
/* b is empty before. ERR_CONFIG: `wrong` says all that is wrong; b is empty again. */

enum err rulebook_load(struct rulebook *b, const char *file, struct complaints *wrong) MUST_USE;

void rulebook_free(struct rulebook *b);

const char *rule_action_word(enum rule_action a);
bool rule_action_of(struct span word, enum rule_action *out);
bool rule_expired(const struct rule *r, uint64_t wall_ms);

bool rule_is_for(const struct rule *r, struct span route, struct span endpoint);
/* An empty span means not known: every rule is for it. */

/* --- one place that differs --- */

struct rule_value {
    bool known; /* the text is all of the value */
    bool present;
    struct span class_word; /* what it looks like: shadow/vclass.def */
    struct span text;
};

struct rule_place {
    enum finding_kind kind;
    struct span detail;
    struct span path; /* when it does not begin with $ */
    struct span root; /* otherwise: see struct selector */
    const struct selector_place *steps;
    size_t nsteps;
    struct rule_value values[2];
};

const char *rulebook_key(const struct rulebook *b, const struct rule *r,
                         const struct rule_place *p);
/* The key field that the rule gives the array at that place, or NULL. */

enum rule_answer { RULE_NOT, RULE_HIDES, RULE_UNKNOWN };

enum rule_answer rule_ask(const struct rulebook *b, const struct rule *r,
                          const struct rule_place *p);
/* UNKNOWN: it would depend on values that were not stored. */

#endif
