/* What has been found, in memory: counts per endpoint and one entry per (endpoint, path, kind),
 * each with a redacted example. Bounded; what does not fit is counted.
 *
 * A table begins at some moment; when it is old enough it is put aside and another one begins, and
 * the one put aside before is dropped. So a table is known by its instance and its beginning, and
 * only ever grows: of two copies the one of the higher generation is the whole truth, and different
 * ones add up, in whatever order. */
#ifndef SHADOW_FINDINGS_H
#define SHADOW_FINDINGS_H

#include "shadow/compare.h"
#include "shadow/evidence.h"
#include "shadow/reach.h"
#include "shadow/record_read.h"
#include "shadow/redact.h"
#include "shadow/seeds.h"
#include "shadow/settle.h"
#include "shadow/stats.h"
#include "shadow/trie.h"

#include <pthread.h>

enum {
    FINDINGS_MAX = 10000,
    FINDINGS_ENDPOINTS_MAX = 1000, /* more are counted together as ~other */
    FINDINGS_ROUTES_MAX = 1000,    /* likewise */
    FINDINGS_STATUS_MAX = 32,      /* per endpoint: combinations of two status codes */
    FINDINGS_REASONS_MAX = 16,     /* per endpoint */
    FINDINGS_ABSENT_MAX = 64,      /* likewise; more are taken to be there always */
    FINDINGS_EXAMPLE_MAX = 2048,   /* bytes */
    FINDINGS_NOTES_MAX = 200,      /* options, rules, software */
    FINDINGS_HIDERS_MAX = 1000,    /* rules by route; what more of them hide is not told */
    FINDINGS_HIDER_PATHS = 5,
    FINDINGS_NAME_MAX = 64, /* bytes of a route's name, or a word about a finding */
    FINDINGS_TABLES = 2,
    FINDINGS_INDEX = 32768,
};

struct findings_status {
    uint16_t legacy, new_;
    uint64_t n;
};

struct findings_reason {
    enum verdict_kind verdict;
    char word[32];
    uint64_t n;
};

/* A place that was not in both bodies. */
struct findings_absent {
    char *path;
    uint64_t pairs, probes; /* probes: of the pairs that are evidence */
};

/* What came of planting one kind of defect (seeds.h). */
struct findings_seed {
    uint64_t n[SEED_OUTCOMES];
    char *path, *by; /* one that was missed, else one that was hidden; NULL: none */
};

struct findings_endpoint {
    uint64_t hash; /* of route and name */
    char *route, *name;
    bool fixed;
    struct findings_endpoint *merged; /* into this one; while names are changed */
    uint64_t verdicts[VERDICT_KINDS];
    uint64_t settled[SETTLED_KINDS]; /* mismatches, by what asking again said */
    uint64_t judged, errors[2];
    uint64_t more;     /* differing places beyond those listed with their pair */
    uint64_t by_rules; /* of the matches: those that are some because of rules */
    uint64_t first_ms, last_ms;
    struct findings_status statuses[FINDINGS_STATUS_MAX];
    size_t nstatuses;
    uint64_t other_statuses;
    struct findings_reason reasons[FINDINGS_REASONS_MAX];
    size_t nreasons;
    struct stats_times times[2];   /* by enum side; pairs that were compared */
    uint64_t probes[REACH_LEVELS]; /* by what was compared in them */
    struct findings_absent *absent;
    size_t nabsent;
    struct findings_seed *seeds; /* by kind; NULL: none was planted */
};

/* How its pairs were compared: the options of a route, the rules, which software answered. */
struct findings_note {
    enum record_type type;
    uint64_t key;  /* what it is about */
    uint64_t hash; /* as last seen; 0: it was read and not seen since */
    uint64_t at_ms;
    bool changed; /* it was another before */
    char *route;  /* "" for rules, which are of all */
    char *text;   /* members of a JSON object */
};

/* What a rule hid on a route. */
struct findings_hider {
    char *route, *rule;
    uint64_t pairs, places, last_ms;
    char *paths[FINDINGS_HIDER_PATHS];
    size_t npaths;
    bool more_paths;
    uint64_t seen; /* the pair that was last counted */
};

/* What a report says beside findings; both lists are sorted. findings_about.c */
struct findings_about {
    struct findings_note *notes;
    size_t nnotes;
    struct findings_hider *hiders;
    size_t nhiders;
};

/* The texts of an entry; "" for none. */
struct findings_texts {
    struct span path, detail, method, classes[2];
};

struct findings_entry {
    struct findings_endpoint *endpoint;
    uint64_t key;
    char *text; /* the texts, each with its NUL; those of the earliest pair that is known */
    size_t text_n;
    uint64_t text_ms;
    enum finding_kind kind;
    uint64_t pairs, places;   /* no pairs: only the serving side differed, from itself */
    uint64_t lasting;         /* of the pairs: it was there when asked again, or nobody asked */
    uint64_t skew;            /* of the pairs: the data had another version */
    struct evidence evidence; /* but its probes, which are the endpoint's */
    uint64_t first_ms, last_ms;
    char *example; /* a JSON object; NULL: none */
    uint64_t example_ms;
};

struct findings_table {
    uint64_t begun_ms; /* 0: nothing in it yet */
    struct findings_endpoint **endpoints;
    size_t nendpoints;
    struct findings_entry *entries;
    size_t nentries, cap;
    uint32_t *index; /* open addressing: number of an entry + 1 */
    uint64_t lost;   /* findings of pairs that had no room */
    uint64_t drops[SHADOW_DROP_COUNT];
    uint64_t folds; /* of the trie, when the names were last made to agree with it */
    struct findings_about about;
};

struct findings_route {
    char *name;
    uint64_t verdicts[VERDICT_KINDS];
};

struct findings {
    pthread_mutex_t lock;
    const struct redactor *redactor;                   /* NULL: no examples */
    uint64_t keep_ms;                                  /* 0: one table for good */
    struct {                                           /* under lock */
        struct findings_table tables[FINDINGS_TABLES]; /* the one that grows, the one before */
        struct trie trie;
        struct findings_route *routes; /* since the start of the process */
        size_t nroutes;
        uint64_t changes, written; /* how many there were, and had been when it was last written */
        uint64_t generation;       /* as last written: milliseconds, and always more than before */
        uint64_t drops[SHADOW_DROP_COUNT];
    } shared;
};

enum err findings_begin(struct findings *f, const struct redactor *r, uint64_t keep_ms) MUST_USE;
void findings_end(struct findings *f);

void findings_add(struct findings *f, const struct shadow_pair *pair,
                  const struct endpoint *endpoint, const struct comparison *c);
/* Counts the verdict and folds the findings in. Without memory they are counted as lost. */

void findings_add_seeds(struct findings *f, const struct shadow_pair *pair,
                        const struct endpoint *endpoint,
                        const struct seed_result results[SEED_KINDS]);
/* What a self-test came to. */

uint64_t findings_name(struct findings *f, struct span route, const struct endpoint *e,
                       struct endpoint *out);
/* What it is called by now (trie_name()). Another number than before: names that were given before
 * may have changed. Any thread. */

enum err findings_summary(struct findings *f, struct buf *json) MUST_USE;
/* Appends the members "findings", "endpoints", "lost", "since" and "routes" of an object. */

uint64_t findings_changes(struct findings *f);
/* Grows with every pair and every copy that was dropped, and when something got too old to be kept,
 * which is dropped now. */

void findings_forget(struct findings *f, const char *route);
/* Drops what was found on a route, or everything (NULL). */

/* --- tables as lines (findings_write.c, findings_read.c; docs/shadow-records.md) --- */

enum err findings_write(struct findings *f, const char *instance, size_t max,
                        struct buf *out) MUST_USE;
/* Appends both tables, at most max bytes (0: all of it): what is left out is counted in them. */

enum err findings_restore(struct findings *f, struct span text, const char *instance) MUST_USE;
/* Before the first pair: takes up the tables of this instance that were written. Lines that are
 * none are left out. */

enum err findings_take(struct findings *f, const struct jdoc *line,
                       const struct record *x) MUST_USE;
/* Adds a line of somebody's table, of type RECORD_ENDPOINT, RECORD_FINDING or RECORD_HIDDEN, to the
 * first of ours.
 * ERR_INVALID: there is no sense in it. */

/* --- inside --- */

void findings_about_pair(struct findings_table *t, const struct shadow_pair *pair,
                         const struct comparison *c, uint64_t number);
/* Notes how it was compared, and counts what rules hid. number: another one for each pair. */

void findings_about_note(struct findings_table *t, const struct record *x);
/* A line of type RECORD_OPTIONS, RECORD_RULES or RECORD_STACK of a table that is restored. */

void findings_about_hidden(struct findings_table *t, const struct jdoc *d, const struct record *x);
/* A line of type RECORD_HIDDEN of somebody's table. */

void findings_about_forget(struct findings_about *a, const char *route);
/* NULL: everything. */

enum err findings_note_line(const struct findings_note *n, struct buf *b) MUST_USE;
enum err findings_hider_line(const struct findings_hider *h, struct buf *b) MUST_USE;

void findings_merge_seeds(struct findings_endpoint *into, const struct findings_seed *from);
enum err findings_write_seeds(const struct findings_seed *s, struct buf *b) MUST_USE;
void findings_read_seeds(struct findings_endpoint *e, const struct jdoc *d);
void findings_seeds_free(struct findings_endpoint *e);
/* findings_seeds.c */

struct findings_endpoint *findings_endpoint(struct findings *f, struct findings_table *t,
                                            struct span route, const struct endpoint *e);
/* By name, which is made to fold as the trie wants it; ~other when there is no room; NULL: no
 * memory. */

struct findings_entry *findings_entry(struct findings_table *t, struct findings_endpoint *e,
                                      enum finding_kind kind, const struct findings_texts *texts);
/* NULL: no room, or no memory. */

void findings_entry_free(struct findings_entry *e);
/* What it owns. */

void findings_index_again(struct findings_table *t);
/* After endpoints were merged or entries taken out: puts together what is the same now. */

void findings_texts(const struct findings_entry *e, struct findings_texts *out);
void findings_retell(struct findings_entry *e, uint64_t at_ms, const struct findings_texts *texts);
/* Takes other texts when they are earlier. The path is the same. */

void findings_example(struct findings_entry *e, uint64_t at_ms, struct span json);
/* Kept when it is earlier than the one there is. */

void findings_merge_endpoint(struct findings_endpoint *into, const struct findings_endpoint *from);
void findings_merge_evidence(struct evidence *into, const struct evidence *from);

void findings_count_probe(struct findings_table *t, struct findings_endpoint *e,
                          const struct comparison *c, bool whole);
/* Any pair; whole: all of its findings are in the table. findings_noise.c */

void findings_count_absent(struct findings_endpoint *e, struct span path, uint64_t pairs,
                           uint64_t probes);
char *findings_copy(struct span s);
/* For free(). */

bool findings_is_name(struct span s, size_t max);
/* Something, not too long, without a NUL. */

uint64_t findings_sum(uint64_t a, uint64_t b);
/* Never wraps. */

void findings_seen(uint64_t *first, uint64_t *last, uint64_t from, uint64_t to);
/* Widens first to last by from to to; 0 is no time. */

void findings_settle(struct findings *f);
/* Names as the trie has them now. Under the lock. */

void findings_rotate(struct findings *f, uint64_t now_ms);
/* Begins another table when it is time. Under the lock. */

#endif
