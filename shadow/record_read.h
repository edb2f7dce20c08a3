/* Reading records back. Strict about what it understands, silent about members it does not know: a
 * record written by a later weir with the same version number stays readable. */
#ifndef SHADOW_RECORD_READ_H
#define SHADOW_RECORD_READ_H

#include "shadow/record.h"
#include "shadow/settle.h"

enum record_type {
    RECORD_PAIR,
    RECORD_RUN,
    RECORD_DROPS,
    RECORD_SEEDS,
    RECORD_OPTIONS,
    RECORD_RULES,
    RECORD_STACK,    /* of tables alone, as what follows; in records it is the pair's */
    RECORD_TABLE,    /* begins somebody's table of findings; its lines follow */
    RECORD_ENDPOINT, /* of the table; findings_take() reads it */
    RECORD_FINDING,  /* likewise */
    RECORD_HIDDEN,   /* likewise: what a rule hid */
    RECORD_END,      /* no more lines of that table */
    RECORD_MISSING,  /* an instance that runs and whose table is not there */
    RECORD_OTHER
};

const char *record_type_word(enum record_type t);
/* Of any but RECORD_OTHER. */

struct record_finding {
    struct span path;
    enum finding_kind kind;
    uint64_t n;
    bool gone;                        /* when asked again it was not there */
    struct span detail, note, method; /* empty: none */
    struct span values[2];            /* by enum side; SPAN_NULL: none */
    struct span classes[2];
};

struct record_hidden {
    struct span rule, path;
    enum finding_kind kind;
    uint64_t n;
};

struct record_seed {
    enum seed_kind kind;
    enum seed_outcome outcome;
    struct span path, by; /* by: empty: nothing */
};

struct record_place {
    struct span path;
    enum finding_kind kind;
};

/* The serving side against itself. */
struct record_probe {
    bool is; /* there was one */
    enum verdict_kind verdict;
    uint64_t status;
    struct span body;
    struct record_place findings[DIFF_FINDINGS_MAX];
    size_t nfindings;
    uint64_t more;
};

/* Spans lie in the line or in the reader, until the next line is read. */
struct record {
    enum record_type type;
    uint64_t at_ms;
    struct span line; /* all of it */
    /* RECORD_PAIR */
    struct span id, route, endpoint, reason, body;
    enum side served;
    uint64_t status[2], first_us[2], total_us[2];
    enum verdict_kind verdict;
    struct span method, host, target;
    struct span stack[2]; /* also RECORD_STACK */
    struct record_finding findings[DIFF_FINDINGS_MAX];
    size_t nfindings;
    uint64_t more;
    struct record_hidden hidden[DIFF_HIDDEN_MAX]; /* what rules in force hid */
    size_t nhidden;
    enum settled settled;    /* of a mismatch; unchecked where the record does not say */
    struct span recheck_end; /* why it was not asked again to the end; empty: it was */
    struct record_probe probe;
    struct span absent[PARENTS_MAX]; /* places that were not in both bodies */
    size_t nabsent;
    bool endpoint_fixed;
    uint32_t patch; /* node of doc; JDOC_NONE: there is none */
    /* RECORD_SEEDS, and route and endpoint */
    struct record_seed seeds[SEED_KINDS];
    size_t nseeds;
    /* RECORD_OPTIONS, and route */
    const struct jdoc *doc; /* the whole line */
    /* RECORD_TABLE, RECORD_MISSING; at_ms is the generation of a table */
    struct span instance;
    uint64_t begun_ms, lost, left_out;
    /* RECORD_RUN, RECORD_TABLE */
    struct span version, store;
    /* RECORD_DROPS, RECORD_TABLE */
    uint64_t drops[SHADOW_DROP_COUNT];
};

struct record_reader {
    struct jdoc doc;
    struct record record;
};

enum err record_read(struct record_reader *r, struct span line) MUST_USE;
/* Fills r->record. ERR_INVALID: not a record. ERR_NOT_FOUND: a record of a version that is not
 * known here. */

void record_reader_free(struct record_reader *r);

/* --- lines of a file --- */

struct record_file {
    int fd;
    struct buf buf;
    size_t at; /* the next line begins here */
    bool end;
    bool overlong; /* within a line that is too long to be one of ours */
};

enum err record_file_open(struct record_file *f, const char *path) MUST_USE;
/* ERR_SYSTEM: errno says why. */

enum err record_text_open(struct record_file *f, struct span text) MUST_USE;
/* Lines of a text, which is copied. */

enum err record_file_next(struct record_file *f, struct span *line) MUST_USE;
/* The next line that is not empty, without its end; line->p NULL at the end of the file. A line
 * longer than RECORD_LINE_MAX is given as an empty one. */

void record_file_close(struct record_file *f);

#endif
