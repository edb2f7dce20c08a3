/* What the records come to: totals, endpoints, findings. Made by report.c in one pass over the
 * files in bounded memory; written by report_text.c, report_json.c and report_html.c, which only
 * read it. */
#ifndef SHADOW_REPORT_H
#define SHADOW_REPORT_H

#include "shadow/evidence.h"
#include "shadow/reach.h"
#include "shadow/record_read.h"
#include "shadow/report_trend.h"
#include "shadow/stats.h"

enum {
    REPORT_ENDPOINTS_MAX = 1000, /* more are put together as ~other */
    REPORT_FINDINGS_MAX = 10000, /* more are counted */
    REPORT_STATUS_MAX = 32,      /* per endpoint: combinations of two status codes */
    REPORT_REASONS_MAX = 48,     /* per report: reasons for skipped and failed */
    REPORT_STACKS_MAX = 16,
    REPORT_EXAMPLES_MAX = 3,
    REPORT_RULES_MAX = 2 * RULEBOOK_MAX,
    REPORT_RULE_PATHS = 5,
    REPORT_INSTANCES_MAX = 200, /* more are left out of the list, not of the sums */
    REPORT_IN_FORCE_MAX = 100,
    REPORT_COMMON_MAX = 5,
};

struct report_example {
    struct report_example *next;
    uint64_t at_ms;
    const char *id, *method, *host, *target; /* "" when not stored */
    const char *values[2];                   /* by enum side; NULL: not there or not stored */
    const char *note;
    enum settled said; /* what asking again said of this finding */
    const char *end;   /* why it was not asked again to the end; "": it was */
    const char *rules; /* "cent, tags": which hid something in this pair; "": none */
    const char *patch; /* RFC 6902, a line for each step; NULL: none, or not asked for */
};

struct report_finding {
    struct report_finding *next; /* of the same endpoint */
    const char *path;
    enum finding_kind kind;
    const char *detail, *method;
    const char *classes[2];
    uint64_t pairs;
    uint64_t lasting; /* of these: it was there when asked again, or nobody asked */
    uint64_t skew;    /* the data had another version */
    uint64_t places;
    struct evidence evidence;
    enum evidence_state state;
    uint64_t first_ms, last_ms;
    uint64_t within;      /* compared pairs in which the place around it existed */
    struct interval rate; /* of these */
    struct report_example *examples;
    size_t nexamples;
};

struct report_status {
    uint16_t legacy, new_;
    uint64_t n;
};

/* What came of planting one kind of defect. */
struct report_seed {
    uint64_t n[SEED_OUTCOMES];
    const char *by, *path; /* one that was missed, else hidden: by name; NULL: none */
};

/* A place that was not always there. */
struct report_absent {
    struct report_absent *next;
    const char *path;
    uint64_t pairs;
    uint64_t probes; /* of the pairs that are evidence */
};

struct report_endpoint {
    const char *route;
    const char *name;
    uint64_t verdicts[VERDICT_KINDS];
    uint64_t pairs;     /* all verdicts */
    uint64_t compared;  /* match and mismatch */
    uint64_t judged;    /* the same and failed: both sides were asked and one or both answered */
    uint64_t errors[2]; /* by enum side, of these: status 500 and above, or no answer */
    uint64_t settled[SETTLED_KINDS];  /* mismatches, by what asking again said */
    uint64_t counted;                 /* mismatches that lasted and are no noise */
    uint64_t noise;                   /* that lasted, but all that differs is noisy or blind */
    uint64_t probes[REACH_LEVELS];    /* in which all of this was compared */
    uint64_t states[EVIDENCE_STATES]; /* findings */
    struct interval rate;             /* of mismatches among the compared */
    double score; /* share of traffic x lower end of the rate of those that count */
    struct report_status statuses[REPORT_STATUS_MAX];
    size_t nstatuses;
    uint64_t other_statuses;
    struct stats_times times[2];     /* by enum side; pairs where both sides answered */
    struct report_finding *findings; /* sorted: what matters first */
    size_t nfindings;
    struct report_absent *absent;
    uint64_t more; /* differing places beyond 64 in a pair */
    struct report_seed seeds[SEED_KINDS];
    struct report_trend trend; /* of the compared */
};

struct report_reason {
    enum verdict_kind verdict;
    const char *word;
    uint64_t n;
};

struct report_rule {
    const char *id;
    const struct rule
        *rule; /* NULL: of a file that was in force then; all that is known is its id */
    uint64_t pairs, places; /* where it hid something */
    uint64_t undecided;     /* findings it would need values for that were not stored */
    uint64_t last_ms;
    const char *paths[REPORT_RULE_PATHS];
    size_t npaths;
    bool more_paths;
    uint64_t last_line; /* while reading */
};

struct report_stack {
    const char *legacy, *new_;
};

/* Whose table of findings this is made from. */
struct report_instance {
    const char *name;
    uint64_t at_ms; /* when it was written */
    uint64_t since_ms;
    bool missing; /* it runs, and its table is not there */
};

/* The options of a route, in words, as last recorded. */
struct report_in_force {
    const char *route, *text;
    bool changed;   /* they were others before, or are others on another instance */
    uint64_t at_ms; /* since when, as far as this is known */
};

/* A field that differs on several endpoints, and counts on each. */
struct report_common {
    const char *path;
    enum finding_kind kind;
    size_t endpoints;
    uint64_t pairs; /* of all of them */
};

struct report {
    const struct report_options *options;
    struct arena arena;
    uint64_t lines, unreadable, newer;
    uint64_t outside; /* records of other routes, or too old */
    uint64_t first_ms, last_ms;
    uint64_t pairs, compared;
    uint64_t verdicts[VERDICT_KINDS];
    uint64_t settled[SETTLED_KINDS];
    uint64_t counted, noise;
    uint64_t probes;
    uint64_t states[EVIDENCE_STATES]; /* findings */
    struct interval rate;
    uint64_t drops[SHADOW_DROP_COUNT];
    struct report_reason reasons[REPORT_REASONS_MAX];
    size_t nreasons;
    struct report_stack stacks[REPORT_STACKS_MAX];
    size_t nstacks;
    const char *store, *version; /* of the last run; NULL: not known */
    bool mixed_stores;
    struct rulebook book; /* of the options */
    struct report_rule rules[REPORT_RULES_MAX];
    size_t nrules;
    struct report_in_force in_force[REPORT_IN_FORCE_MAX];
    size_t nin_force;
    struct buf rules_line; /* the newest that says which rules are in force */
    uint64_t rules_ms, no_rules_ms;
    struct report_trend trend;          /* of the compared */
    uint64_t hidden_pairs;              /* matches that would be mismatches without rules */
    struct report_endpoint **endpoints; /* sorted: what matters first */
    size_t nendpoints;
    size_t nfindings;
    struct report_common common[REPORT_COMMON_MAX]; /* the widest first */
    size_t ncommon;
    uint64_t lost_findings; /* pairs with findings there was no room for */
    struct report_instance instances[REPORT_INSTANCES_MAX]; /* none: made from records */
    size_t ninstances;
    /* while reading */
    struct report_tables *tables;
    struct report_endpoint *other;
    uint32_t *endpoint_index;
    struct report_lookup *finding_index;
    struct report_set *sets; /* report_noise.c */
    size_t nsets;
};

enum err report_finding_of(struct report *r, struct report_endpoint *e,
                           const struct record_finding *x, struct report_finding **out) MUST_USE;
/* The endpoint's finding of this path and kind, made if need be; NULL: there is no room. */

enum err report_make(const struct report_options *o, struct report *r,
                     struct complaints *wrong) MUST_USE;
void report_free(struct report *r);

enum err report_text(const struct report *r, struct buf *out) MUST_USE;
enum err report_text_seeds(const struct report *r, struct buf *out) MUST_USE;
/* Only what the self-tests came to. */

enum err report_patch_keep(struct report *r, const struct record *x, const char **out) MUST_USE;
/* The patch of a record as text. report_options.c */

enum err report_options_add(struct report *r, const struct record *x) MUST_USE;
/* Of several the newest counts, in whatever order they come. report_options.c */

enum err report_seeds_add(struct report *r, struct report_endpoint *e,
                          const struct record *x) MUST_USE;
uint64_t report_seeds_planted(const struct report_seed *s);
void report_seeds_total(const struct report *r, uint64_t out[SEED_OUTCOMES]);
/* report_seeds.c */

enum err report_text_rules(const struct report *r, struct buf *out) MUST_USE;
/* Only the part about rules. */

enum err report_json(const struct report *r, struct buf *out) MUST_USE;
enum err report_md(const struct report *r, struct buf *out) MUST_USE;
enum err report_junit(const struct report *r, struct buf *out) MUST_USE;
enum err report_html(const struct report *r, struct buf *out) MUST_USE;

/* --- phrases the formats share; each writes into out and returns it --- */

enum { PHRASE_MAX = 64 };

const char *phrase_count(char out[PHRASE_MAX], uint64_t n);
/* 12,345 */

const char *phrase_percent(char out[PHRASE_MAX], double rate);
/* 1.9 %: as many decimals as make sense, never 0 % or 100 % for what is neither. */

const char *phrase_interval(char out[PHRASE_MAX], struct interval i);
/* 1.7-2.2 % with an en dash */

const char *phrase_duration(char out[PHRASE_MAX], uint64_t us);
/* 850 us, 12.3 ms, 1.20 s */

const char *phrase_ratio(char out[PHRASE_MAX], uint64_t from, uint64_t to);
/* x1.25; "-" when one of them is 0 */

const char *phrase_classes(char out[PHRASE_MAX], const struct report_finding *f);
/* What the values look like: "int to numeric", "email"; empty when there is nothing to say. */

enum { PHRASE_LONG = 160 };

const char *phrase_evidence(char out[PHRASE_LONG], const struct report_finding *f);
/* Why it has its state: "in 12 of 40 probes only the sides differ, in 0 only one with itself (E
 * 630)". */

const char *phrase_time(char out[PHRASE_MAX], uint64_t wall_ms);
/* 2026-03-01 02:13:00 */

const char *phrase_span(char out[PHRASE_MAX], uint64_t ms);
/* 1 h 31 min */

enum err report_instances(const struct report *r, struct buf *out) MUST_USE;
/* "a 3 s ago, b 5 min ago; missing: c": whose tables it is made from. out->p is a string then. */

const char *phrase_again(char out[PHRASE_LONG], const struct report_example *e);
/* "asked again: still there; rules that hid something: cent"; empty: nothing is known. */

const char *phrase_counted(char out[PHRASE_LONG], uint64_t counted, uint64_t noise,
                           const uint64_t settled[SETTLED_KINDS]);
/* "6,677 count; 1,496 are noise, 2 transient": of mismatches; empty when all of them count. */

const char *phrase_changed(const struct report *r, const struct report_in_force *f);
/* Whether what is in force was so all the time, and everywhere; "" for yes. */

const char *phrase_rules(char out[PHRASE_LONG], const struct report *r);
/* "mismatches without them 3.1 %, hidden 2.0 %, left 1.1 %". */

const char *phrase_rule(char out[PHRASE_LONG], const struct report_rule *x);
/* What a rule that hid nothing did instead; empty when it hid something. */

uint64_t report_dropped(const struct report *r);
/* Copies that were not sent or not compared. */

const char *report_not_held(const struct report *r);
/* What a report of tables cannot tell, as a sentence; NULL: it is made from records. */

enum err phrase_curl(struct buf *out, const struct report_example *e) MUST_USE;
/* A line for a shell; nothing when the target was not stored. */

#endif
