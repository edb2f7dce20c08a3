/* Did the two sides agree? Takes pairs of captured answers, compares them in a pool of its own,
 * counts verdicts, keeps findings and writes redacted records; makes reports from the records.
 *
 * The data plane hands a pair over whole and never hears of it again. */
#ifndef SHADOW_SHADOW_H
#define SHADOW_SHADOW_H

#include "config/config.h"
#include "http/http.h"

struct scribe;
struct shadow;

/* --- what a worker fills in --- */

/* One side's answer. Everything but the body lives in the pair's arena. */
struct shadow_answer {
    enum err outcome; /* ERR_OK: complete; otherwise how it failed or where it was cut */
    bool has_head;
    struct http_head head; /* status and fields, as the backend sent them */
    struct buf body;       /* the first bytes, up to the limit; still content-coded */
    uint64_t body_length;  /* all bytes, kept or not */
    bool body_hashed;      /* body_sha256 covers all bytes (set when not all were kept) */
    unsigned char body_sha256[32];
    const struct http_head *trailers; /* after the body; NULL: none */
    uint64_t first_byte_us;           /* since the request was sent */
    uint64_t total_us;
};

/* Why a pair that differs was not asked again, or not to the end. */
enum shadow_recheck {
    SHADOW_RECHECK_OPEN,    /* it can be */
    SHADOW_RECHECK_OFF,     /* shadow.rechecks is 0 */
    SHADOW_RECHECK_UNSAFE,  /* the request has a body, or may change something */
    SHADOW_RECHECK_BUDGET,  /* as many as shadow.rechecks are being asked */
    SHADOW_RECHECK_SHED,    /* memory is short, or weir ends */
    SHADOW_RECHECK_CHANGED, /* a reload came between */
    SHADOW_RECHECK_FAILED,  /* one of the sides gave no whole answer */
    SHADOW_RECHECK_COUNT
};

const char *shadow_recheck_word(enum shadow_recheck r);

enum { SHADOW_ROUNDS = 2 }; /* a pair is asked again so often */

struct shadow_rules; /* what to ignore and tolerate on one route, compiled; rules.c */

struct shadow_pair {
    unsigned magic;
    struct arena arena;
    struct shadow_rules *rules; /* a reference of its own, see shadow_rules_hold */
    char id[33];                /* the access log's shadow id */
    uint64_t wall_ms;
    uint64_t epoch;
    uint16_t bucket;
    enum side served; /* which side's answer the client got */
    enum http_method method;
    struct span target; /* as received */
    struct span path;   /* normalised */
    struct span host;
    bool conditional;                /* the request carried If-* or Range */
    struct shadow_answer answers[2]; /* by enum side */
    bool probed;
    struct shadow_answer *probe; /* of the serving side to a second copy (A/A); with probed */
    void *asking; /* the worker's, in the arena: how both sides can be asked again; NULL: they
                     cannot be, `recheck` says why */
    enum shadow_recheck recheck;
    unsigned rounds;                  /* so often both were asked again */
    struct shadow_answer (*again)[2]; /* by round and enum side; see shadow_pair_may_repeat() */
    bool has_slot;                    /* it counts against shadow.rechecks */
    struct shadow_pair *next;         /* in the lane: on its way back to the worker, or spare */
    size_t memory;                    /* bytes accounted to the lane */
    struct shadow_lane *lane;
};

enum err shadow_rules_new(const struct config_route *route, const struct config *config,
                          struct shadow_rules **out, struct complaints *wrong) MUST_USE;
/* Compiles a route's ignore paths and tolerances. `where` of a complaint is the JSON path in the
 * configuration. The rules copy what they need. Any thread. */

void shadow_rules_hold(struct shadow_rules *r);
void shadow_rules_release(struct shadow_rules **r);
/* Atomic count; any thread. */

/* --- running --- */

enum err shadow_start(struct shadow **out, const struct config *config, unsigned lanes,
                      struct scribe *scribe, struct complaints *wrong) MUST_USE;
/* Starts the compare pool and opens the record file. lanes: one per worker. */

void shadow_stop(struct shadow **s);
/* Compares what was taken, writes it, ends the pool. Workers are gone by then. */

struct shadow_lane *shadow_lane(struct shadow *s, unsigned i);
/* The share of the budgets that belongs to worker i. */

bool shadow_memory_take(struct shadow_lane *l, size_t n) MUST_USE;
/* Accounts n bytes to the lane; false at its share of shadow.memory. The lane's worker. */

void shadow_memory_give(struct shadow_lane *l, size_t n);
/* Any thread. */

void shadow_submit(struct shadow_lane *l, struct shadow_pair **pair);
/* The lane's worker: hands the pair over, to be compared after the next shadow_lane_send(). With a
 * full queue it is dropped, counted and freed; one that was taken before always finds room. */

void shadow_lane_send(struct shadow_lane *l);
/* The lane's worker, when its turn ends: what was submitted goes to the compare threads, all at
 * once, since waking a thread costs more than what else a pair does here. */

void shadow_lane_open(struct shadow_lane *l, bool (*wake)(void *arg), void *arg);
/* The lane's worker: from here on a pair that differs and can be asked again comes back. wake is
 * called on a compare thread when the first waits to be taken; false: the worker hears nothing. */

struct shadow_pair *shadow_lane_take(struct shadow_lane *l);
/* The lane's worker: a pair that came back, NULL: none. It has both sides asked once more into
 * pair->again[pair->rounds], counts that in pair->rounds, or says in pair->recheck why it cannot,
 * and gives the pair to shadow_submit(). */

void shadow_lane_close(struct shadow_lane *l);
/* The lane's worker: no more come back. Those that wait are still to be taken. */

struct shadow_pair *shadow_pair_new(struct shadow_lane *l, struct shadow_rules *rules);
/* An empty pair, or NULL without memory or budget; holds the rules. The arena counts against the
 * lane with a flat 4 KiB (pair->memory begins with it), bodies by shadow_memory_take(), added to
 * pair->memory by the caller. wall_ms is set. */

bool shadow_pair_may_probe(struct shadow_pair *p) MUST_USE;
bool shadow_pair_may_repeat(struct shadow_pair *p) MUST_USE;
/* Room in the arena for p->probe, for p->again, which few pairs need. False: no memory. */

void shadow_pair_free(struct shadow_pair **pair);
/* Any thread; gives the memory back to the lane, and the pair as well, for its next one. */

enum shadow_drop {
    SHADOW_DROP_OVERSIZE,
    SHADOW_DROP_QUEUE_FULL,
    SHADOW_DROP_BUDGET,
    SHADOW_DROP_METHOD,
    SHADOW_DROP_NO_CONNECTION,
    SHADOW_DROP_TIMEOUT,
    SHADOW_DROP_LOOP,
    SHADOW_DROP_UPGRADE,
    SHADOW_DROP_SHED,
    SHADOW_DROP_FALLBACK,
    SHADOW_DROP_SANDBOX,
    SHADOW_DROP_INCOMPLETE,
    SHADOW_DROP_COUNT
};

const char *shadow_drop_word(enum shadow_drop d);
void shadow_count_drop(enum shadow_drop d);
/* A copy that was not sent or not compared; any thread. */

enum shadow_probe_end {
    SHADOW_PROBE_ANSWERED,
    SHADOW_PROBE_FAILED,  /* no connection, no whole answer, too late */
    SHADOW_PROBE_BUDGET,  /* no memory of the shadow's left, or the answer was too long */
    SHADOW_PROBE_DROPPED, /* the pair was dropped, or weir ends */
    SHADOW_PROBE_COUNT
};

void shadow_count_probe(enum shadow_probe_end e);
/* Any thread. */

/* --- looking --- */

enum err shadow_summary(struct shadow *s, struct buf *json) MUST_USE;
/* Appends a JSON object for `GET /status`: verdict counts and the number of findings, by route; and
 * whether routes could go back to legacy. Any thread. */

enum { SHADOW_WHY_MAX = 256 };

bool shadow_legacy_lags(struct shadow *s, const char *route, char why[SHADOW_WHY_MAX]) MUST_USE;
/* Whether legacy is known not to be ready to take over what new serves; why: one line. Any thread.
 */

void shadow_measure(struct shadow *s);
/* Brings gauges up to date that depend on the time. Always the same thread. */

/* --- the table of findings: docs/shadow-records.md; any thread --- */

enum err shadow_findings(struct shadow *s, const char *instance, size_t max,
                         struct buf *out) MUST_USE;
/* Appends it as lines, under the name of this instance. At most max bytes, 0: all of it. */

uint64_t shadow_findings_changes(struct shadow *s);
/* Another number than before: there is something new in it. */

enum err shadow_findings_restore(struct shadow *s, struct span text, const char *instance) MUST_USE;
/* Before the first pair: goes on with what was written under this name. */

bool shadow_findings_last(const struct shadow *s);
/* Whether it may leave the process: not with `store: none`. */

void shadow_findings_forget(struct shadow *s, const char *route);
/* What was found on a route; NULL: everything. */

void shadow_settle(struct shadow *s, uint64_t patience_ms);
/* Blocks until what was submitted has been compared. Nobody submits any more. */

/* --- reports (weir report), made from record files alone --- */

enum report_format {
    REPORT_TEXT,
    REPORT_JSON,
    REPORT_HTML,
    REPORT_MD, /* at most 60 lines */
    REPORT_JUNIT,
    REPORT_RULES, /* text: only what rules hide */
    REPORT_SEEDS, /* text: only what the self-tests came to */
};

struct report_options {
    const char *const *files; /* NDJSON, oldest first */
    size_t nfiles;
    struct span text; /* more of them, in memory */
    enum report_format format;
    const char *route; /* NULL: all */
    uint64_t since_ms; /* wall clock; 0: all */
    const char *rules; /* a file of rules, applied to what the records hold; NULL: none */
    unsigned width;    /* text: columns; 0: 80 */
    bool colour;       /* text */
    bool patches;      /* text, json, html: with examples, the RFC 6902 patch that was recorded */
};

enum err shadow_report(const struct report_options *o, struct buf *out,
                       struct complaints *wrong) MUST_USE;
/* Reads the records and appends the report. A line that is not a record is counted and said in the
 * report. */

/* --- taking records out of their files (weir purge) --- */

struct shadow_purge {
    const char *route;         /* only of this one; NULL: all */
    uint64_t before_ms;        /* only older ones; 0: all */
    void (*reopen)(void *arg); /* tells who writes the file to open it anew; NULL: nobody does */
    void *arg;
};

enum err shadow_purge(const char *path, const struct shadow_purge *q, uint64_t *removed) MUST_USE;
/* From the record file at path and the one before it; what is left becomes the one before. Blocks.
 * ERR_SYSTEM with errno: what was not purged yet is where the next purge finds it. */

bool shadow_purge_was_cut(const char *path);
/* Whether a purge has been interrupted: what it moved away is still to be put back, by the next. */

enum err shadow_purge_table(const char *path, const struct shadow_purge *q) MUST_USE;
/* From a table of findings that nobody writes: there is the old one or the new one at any time.
 * ERR_SYSTEM with errno: the old one. */

uint64_t shadow_oldest(const char *path);
/* When the first pair of the two files was recorded; 0: there is none. */

const char *shadow_records(const struct shadow *s);
/* The record file. */

/* --- requests to send again (weir replay) --- */

struct shadow_request {
    struct span method; /* GET, HEAD or OPTIONS */
    struct span host;   /* empty: not known */
    struct span target;
};

struct shadow_requests {
    bool (*take)(void *arg, const struct shadow_request *q);
    /* For each request, which lasts until it returns; false: no more of this file. */
    void *arg;
    uint64_t left_out; /* lines that hold no safe request in full */
};

enum err shadow_requests_read(const char *const *files, size_t n, struct shadow_requests *r,
                              struct complaints *wrong) MUST_USE;
/* From records (store: full) and access logs, in JSON and in the combined format. */

/* --- may the weight go up? (weir gate) --- */

enum gate_verdict { GATE_PROMOTE, GATE_HOLD, GATE_ROLL_BACK, GATE_NO_DATA };
enum gate_format { GATE_TEXT, GATE_JSON, GATE_JUNIT };

/* Limits that upper bounds must stay within, on every endpoint that counts as covered. */
struct gate_limits {
    double errors;   /* rate of new less that of legacy */
    double mismatch; /* rate */
    double p95, p99; /* new : legacy */
    double coverage; /* share of the traffic that covered endpoints have, at least */
};

enum err shadow_gate(const struct report_options *o, const struct gate_limits *limits,
                     enum gate_format format, struct buf *out, enum gate_verdict *verdict,
                     struct complaints *wrong) MUST_USE;
/* Reads the records, decides and appends why. o->format is not looked at. */

/* --- the rules file (weir rules) --- */

enum err shadow_rules_list(const char *file, unsigned width, bool colour, struct buf *out,
                           struct complaints *wrong) MUST_USE;

enum err shadow_rules_add(const char *file, const char *rule, struct complaints *wrong) MUST_USE;
/* Adds a rule, a JSON object (docs/shadow.md). The file is made when there is none, and replaced
 * only when all of it can be read. ERR_CONFIG, ERR_SYSTEM: `wrong` says why. */

enum err shadow_rules_expire(const char *file, const char *id, struct complaints *wrong) MUST_USE;
/* Ends a rule now; it stays in the file. ERR_NOT_FOUND, ERR_CONFIG, ERR_SYSTEM: `wrong` says why.
 */

/* --- two saved answers (weir diff) --- */

enum shadow_diff_format { SHADOW_DIFF_TEXT, SHADOW_DIFF_JSON, SHADOW_DIFF_PATCH };

struct shadow_diff_options {
    const char *names[2]; /* by enum side: what they are called */
    struct span
        texts[2];     /* a body; or a status line, fields and a body when it begins with HTTP/ */
    const char *type; /* media type of bodies without a Content-Type; NULL: guess */
    const struct config_route_shadow *rules; /* ignore and tolerance */
    const char *rules_file;                  /* NULL: none */
    enum shadow_diff_format format;
    unsigned width; /* text: columns; 0: 80 */
    bool colour;    /* text */
};

enum shadow_diff_result { SHADOW_DIFF_SAME, SHADOW_DIFF_DIFFER, SHADOW_DIFF_UNKNOWN };

enum err shadow_diff(const struct shadow_diff_options *o, struct buf *out,
                     enum shadow_diff_result *result, struct complaints *wrong) MUST_USE;
/* Compares like the shadow does and appends what differs; a patch (RFC 6902) makes the new of the
 * legacy one and knows no rules. UNKNOWN: they cannot be compared; the text says why. ERR_INVALID,
 * ERR_CONFIG: `wrong` says why. */

#endif
