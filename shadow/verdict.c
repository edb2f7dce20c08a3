/* Words and their tables. */
#include "shadow/verdict.h"

static const char *const verdicts[VERDICT_KINDS] = {
    [VERDICT_MATCH] = "match",
    [VERDICT_MISMATCH] = "mismatch",
    [VERDICT_SKIPPED] = "skipped",
    [VERDICT_FAILED] = "failed",
};

static const struct {
    const char *word;
    const char *sentence;
    enum finding_severity severity;
} kinds[FINDING_KINDS] = {
#define KIND(name, word, severity, sentence) [KIND_##name] = {word, sentence, SEVERITY_##severity},
#include "shadow/kinds.def"
#undef KIND
};

const char *verdict_word(enum verdict_kind k)
{
    BUG_IF(k >= VERDICT_KINDS);
    return verdicts[k];
}

bool verdict_of(struct span word, enum verdict_kind *out)
{
    for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++) {
        if (span_eq(word, span_str(verdicts[k]))) {
            *out = k;
            return true;
        }
    }
    return false;
}

bool verdict_is_compared(enum verdict_kind k)
{
    return k == VERDICT_MATCH || k == VERDICT_MISMATCH;
}

const char *finding_kind_word(enum finding_kind k)
{
    BUG_IF(k >= FINDING_KINDS);
    return kinds[k].word;
}

const char *finding_kind_sentence(enum finding_kind k)
{
    BUG_IF(k >= FINDING_KINDS);
    return kinds[k].sentence;
}

enum finding_severity finding_severity(enum finding_kind k)
{
    BUG_IF(k >= FINDING_KINDS);
    return kinds[k].severity;
}

const char *finding_severity_word(enum finding_severity s)
{
    static const char *const words[] = {"low", "medium", "high"};
    BUG_IF(s > SEVERITY_HIGH);
    return words[s];
}

bool finding_kind_of(struct span word, enum finding_kind *out)
{
    for (enum finding_kind k = 0; k < FINDING_KINDS; k++) {
        if (span_eq(word, span_str(kinds[k].word))) {
            *out = k;
            return true;
        }
    }
    return false;
}

enum finding_kind finding_kind_swapped(enum finding_kind k)
{
    switch (k) {
    case KIND_MISSING:
        return KIND_EXTRA;
    case KIND_EXTRA:
        return KIND_MISSING;
    default:
        return k;
    }
}
