/* The part of a report that looks at all input before any of it is counted, because of two things
 * only the whole can tell: what an endpoint is called (trie.h), and which of several copies of a
 * table is the newest. And what becomes of tables: they are put together, and the report is filled
 * from what that comes to.
 *
 * Tables count the same pairs as the records of the same weir, so they are not mixed. */
#ifndef SHADOW_REPORT_TABLES_H
#define SHADOW_REPORT_TABLES_H

#include "shadow/findings.h"
#include "shadow/report.h"

enum { EVIDENCE_PROBES_MAX = 1000000 }; /* more of a finding tell nothing more */

enum { REPORT_HEADS_MAX = 2 * REPORT_INSTANCES_MAX };

/* One table of one instance. */
struct report_head {
    const char *instance;
    uint64_t begun_ms;
    uint64_t generation; /* the highest there is */
    bool taken;
};

struct report_tables {
    struct trie trie; /* of the pairs' endpoints */
    bool pairs;       /* there are some */
    struct report_head heads[REPORT_HEADS_MAX];
    size_t nheads;
    bool current; /* lines of a table follow that counts */
    bool any;
    struct findings sum;
};

enum err report_tables_begin(struct report *r) MUST_USE;
void report_tables_end(struct report *r);

enum err report_survey(struct report *r, const struct record *x) MUST_USE;
/* The first time round. */

enum err report_surveyed(struct report *r, struct complaints *wrong) MUST_USE;
/* ERR_INVALID: `wrong` says why this is no report. */

enum err report_tables_line(struct report *r, const struct record_reader *reader) MUST_USE;
/* The second time: a line that belongs to tables. */

bool report_tables_wants(const struct report *r);
/* Whether a line that tables and records have in common counts: not in an old copy of a table. */

enum err report_tables_finish(struct report *r) MUST_USE;
/* Fills the report from the sum. */

void report_name(const struct report *r, const struct record *x, struct endpoint *out);
/* What the endpoint of a pair is called. */

/* --- report.c --- */

struct report_endpoint *report_endpoint_of(struct report *r, struct span route,
                                           struct span name) MUST_USE;
enum err report_finding_add(struct report *r, struct report_endpoint *e, const struct record *x,
                            const struct record_finding *xf, struct report_finding **out) MUST_USE;
/* Counts one finding of a pair. *out NULL: there was no room. */

enum err report_reason_add(struct report *r, enum verdict_kind verdict, struct span word,
                           uint64_t n) MUST_USE;

#endif
