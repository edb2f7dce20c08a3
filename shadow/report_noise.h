/* What second looks make of a report's findings: evidence from probes, and which pairs count. */
#ifndef SHADOW_REPORT_NOISE_H
#define SHADOW_REPORT_NOISE_H

#include "shadow/report.h"

/* A pair's findings that were still there when asked again, or that nobody asked about. */
struct report_lasting {
    struct report_finding *list[DIFF_FINDINGS_MAX];
    size_t n;
    bool unknown; /* some had no room, here or in the record */
};

enum err noise_begin(struct report *r) MUST_USE;
void noise_end(struct report *r);

void noise_count_pair(struct report *r, struct report_endpoint *e, const struct record *x,
                      struct report_lasting *l);
/* A mismatch: by what the re-check said, and under the set of its findings. Sorts the list. */

enum err noise_count_probe(struct report *r, struct report_endpoint *e, const struct record *x,
                           const struct report_lasting *l) MUST_USE;
/* Any compared pair; does nothing unless it was probed, and the probe can be held against it. */

struct report_absent *report_absent_of(struct report *r, struct report_endpoint *e,
                                       struct span path);
/* Made if need be; NULL: no memory. */

void noise_finish(struct report *r);
/* All records are read: states of findings, then what counts. Drops findings that only the serving
 * side had with itself. */

#endif
