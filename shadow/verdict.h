/* What comparing a pair came to. The words are those of metrics, records and reports. */
#ifndef SHADOW_VERDICT_H
#define SHADOW_VERDICT_H

#include "base/bytes.h"

enum verdict_kind {
    VERDICT_MATCH,
    VERDICT_MISMATCH,
    VERDICT_SKIPPED, /* there was nothing to compare; reason says why */
    VERDICT_FAILED,  /* the copy failed; reason is the word of err.def */
    VERDICT_KINDS
};

const char *verdict_word(enum verdict_kind k);

enum finding_severity { SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH };

enum finding_kind {
#define KIND(name, word, severity, sentence) KIND_##name,
#include "shadow/kinds.def"
#undef KIND
    FINDING_KINDS
};

const char *finding_kind_word(enum finding_kind k);
const char *finding_kind_sentence(enum finding_kind k);
enum finding_severity finding_severity(enum finding_kind k);
const char *finding_severity_word(enum finding_severity s);

bool finding_kind_of(struct span word, enum finding_kind *out);
bool verdict_of(struct span word, enum verdict_kind *out);

bool verdict_is_compared(enum verdict_kind k);
/* There were two answers to look at. */

enum finding_kind finding_kind_swapped(enum finding_kind k);
/* What a kind becomes when the sides are exchanged. */

#endif
