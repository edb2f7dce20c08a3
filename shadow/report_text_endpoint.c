/* One endpoint on the terminal: what it answered, how fast, and the fields that differ. */
#include "shadow/report_text.h"

#include <stdio.h>

enum {
    FINDINGS_SHOWN = 20,
    BELOW = 12, /* where the lines below a finding begin */
};

void text_number(struct term *p, enum term_style style, uint64_t n, unsigned columns)
{
    char text[PHRASE_MAX];
    term_right(p, style, phrase_count(text, n), columns);
}

void text_count(struct term *p, uint64_t n, const char *one, const char *many)
{
    char text[PHRASE_MAX];
    term_put(p, TERM_PLAIN, phrase_count(text, n));
    term_put(p, TERM_PLAIN, " ");
    term_put(p, TERM_PLAIN, n == 1 ? one : many);
}

enum term_style text_rate_style(const struct report_endpoint *e)
{
    if (e->counted == 0)
        return TERM_GREEN;
    return e->rate.low > 0.01 ? TERM_RED : TERM_YELLOW;
}

static void detail_verdicts(struct term *p, const struct report_endpoint *e)
{
    char text[PHRASE_MAX], counted[PHRASE_LONG];
    term_space(p, 4);
    text_count(p, e->compared, "pair compared, ", "pairs compared, ");
    term_put(p, text_rate_style(e), phrase_count(text, e->verdicts[VERDICT_MISMATCH]));
    term_put(p, text_rate_style(e), " differ, ");
    term_put(p, text_rate_style(e),
             phrase_percent(text, (double)e->verdicts[VERDICT_MISMATCH] / (double)e->compared));
    term_put(p, TERM_DIM, " (");
    term_put(p, TERM_DIM, phrase_interval(text, e->rate));
    term_put(p, TERM_DIM, ")");
    if (phrase_counted(counted, e->counted, e->noise, e->settled)[0] != '\0') {
        term_put(p, TERM_DIM, ";");
        term_wrapped(p, TERM_PLAIN, " of these ", 4);
        term_wrapped(p, TERM_PLAIN, counted, 4);
    }
    term_end(p);
}

static void status_word(char *out, size_t max, unsigned status)
{
    if (status == 0)
        (void)snprintf(out, max, "none");
    else
        (void)snprintf(out, max, "%u", status);
}

static void detail_statuses(struct term *p, const struct report_endpoint *e)
{
    char text[PHRASE_MAX], l[8], r[8];
    term_space(p, 4);
    term_left(p, TERM_DIM, "status", 9);
    unsigned used = 13;
    for (size_t i = 0; i < e->nstatuses; i++) {
        const struct report_status *s = &e->statuses[i];
        unsigned want = 12 + term_columns(phrase_count(text, s->n));
        status_word(l, sizeof(l), s->legacy);
        status_word(r, sizeof(r), s->new_);
        if (used + want > p->width) {
            term_end(p);
            term_space(p, 13);
            used = 13;
        } else if (i > 0) {
            term_put(p, TERM_DIM, TEXT_DOT);
        }
        enum term_style style = s->legacy == s->new_ ? TERM_PLAIN : TERM_RED;
        term_put(p, style, l);
        term_put(p, style, TEXT_ARROW);
        term_put(p, style, r);
        term_put(p, TERM_DIM, " ");
        term_put(p, TERM_PLAIN, phrase_count(text, s->n));
        used += want;
    }
    term_end(p);
}

static void detail_latency(struct term *p, const struct report_endpoint *e)
{
    static const struct {
        const char *word;
        double q;
    } quantiles[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};
    char text[PHRASE_MAX];
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
        uint64_t l = stats_quantile(&e->times[SIDE_LEGACY], quantiles[i].q);
        uint64_t n = stats_quantile(&e->times[SIDE_NEW], quantiles[i].q);
        term_space(p, 4);
        term_left(p, TERM_DIM, i == 0 ? "latency" : "", 9);
        term_left(p, TERM_DIM, quantiles[i].word, 5);
        term_right(p, TERM_PLAIN, phrase_duration(text, l), 9);
        term_put(p, TERM_DIM, TEXT_ARROW);
        term_right(p, TERM_PLAIN, phrase_duration(text, n), 9);
        term_right(p, TERM_PLAIN, phrase_ratio(text, l, n), 9);
        term_end(p);
    }
}

static enum term_style severity_style(enum finding_severity s)
{
    return s == SEVERITY_HIGH ? TERM_RED : s == SEVERITY_MEDIUM ? TERM_YELLOW : TERM_CYAN;
}

/* What is noise is not called grave. */
static void finding_begin(struct term *p, const struct report_finding *f)
{
    enum finding_severity s = finding_severity(f->kind);
    term_space(p, 4);
    if (evidence_state_counts(f->state))
        term_left(p, severity_style(s), finding_severity_word(s), 8);
    else
        term_left(p, TERM_DIM, evidence_word(f->state), 8);
}

static unsigned interval_columns(const struct term *p)
{
    return p->width < TEXT_NARROW ? 0 : 14;
}

static unsigned path_columns(const struct term *p)
{
    return p->width - 4 - 8 - 9 - 8 - 9 - interval_columns(p);
}

static void finding_numbers(struct term *p, const struct report_finding *f)
{
    char text[PHRASE_MAX];
    text_number(p, TERM_PLAIN, f->pairs, 8);
    term_right(p, TERM_PLAIN, phrase_percent(text, (double)f->pairs / (double)f->within), 9);
    term_right(p, TERM_DIM, phrase_interval(text, f->rate), interval_columns(p));
    term_end(p);
}

static void finding_line(struct term *p, const struct report_finding *f)
{
    finding_begin(p, f);
    term_left(p, TERM_BOLD, finding_kind_word(f->kind), 9);
    if (term_columns(f->path) > path_columns(p)) { /* a path is never cut: it goes into rules */
        term_put(p, TERM_BOLD, f->path);
        term_end(p);
        term_space(p, 21 + path_columns(p));
    } else {
        term_left(p, TERM_BOLD, f->path, path_columns(p));
    }
    finding_numbers(p, f);
}

static void finding_facts(struct term *p, const struct report_finding *f)
{
    char text[PHRASE_MAX];
    term_space(p, BELOW);
    term_wrapped(p, TERM_DIM, finding_kind_sentence(f->kind), BELOW);
    if (f->detail[0] != '\0') {
        term_put(p, TERM_DIM, ": ");
        term_wrapped(p, TERM_DIM, f->detail, BELOW);
    }
    if (phrase_classes(text, f)[0] != '\0') {
        term_wrapped(p, TERM_DIM, TEXT_DOT, BELOW);
        term_wrapped(p, TERM_DIM, text, BELOW);
    }
    if (f->places > f->pairs) {
        term_wrapped(p, TERM_DIM, TEXT_DOT, BELOW);
        term_wrapped(p, TERM_DIM, phrase_count(text, f->places), BELOW);
        term_wrapped(p, TERM_DIM, " places", BELOW);
    }
    if (f->method[0] != '\0') {
        term_wrapped(p, TERM_DIM, TEXT_DOT, BELOW);
        term_wrapped(p, TERM_DIM, "matched by ", BELOW);
        term_wrapped(p, TERM_DIM, f->method, BELOW);
    }
    term_end(p);
    term_space(p, BELOW);
    term_put(p, TERM_DIM, "seen ");
    term_put(p, TERM_DIM, phrase_time(text, f->first_ms));
    term_wrapped(p, TERM_DIM, " to ", BELOW);
    term_wrapped(p, TERM_DIM, phrase_time(text, f->last_ms), BELOW);
    term_end(p);
}

static void finding_evidence(struct term *p, const struct report_finding *f)
{
    char text[PHRASE_LONG];
    term_space(p, BELOW);
    term_put(p, f->state == EVIDENCE_REGRESS ? TERM_RED : TERM_DIM, evidence_word(f->state));
    term_put(p, TERM_DIM, ": ");
    term_wrapped(p, TERM_DIM, phrase_evidence(text, f), BELOW);
    term_end(p);
}

static void example_value(struct term *p, const char *label, const char *value)
{
    term_put(p, TERM_DIM, label);
    term_put(p, TERM_PLAIN, value == NULL ? "(absent)" : value);
}

static void example_patch(struct term *p, const char *patch)
{
    struct span rest = span_str(patch == NULL ? "" : patch), line;
    char text[512];
    while (rest.n > 0 && span_cut(&rest, '\n', &line)) {
        size_t n = min_size(line.n, sizeof(text) - 1);
        memcpy(text, line.p, n);
        text[n] = '\0';
        term_space(p, BELOW);
        term_put(p, TERM_DIM, text);
        term_end(p);
    }
}

static void example(struct term *p, const struct report_example *x, bool with_curl)
{
    char again[PHRASE_LONG];
    if (x->values[0] != NULL || x->values[1] != NULL) {
        term_space(p, BELOW);
        example_value(p, "legacy ", x->values[SIDE_LEGACY]);
        if (term_columns(x->values[0] == NULL ? "" : x->values[0]) +
                term_columns(x->values[1] == NULL ? "" : x->values[1]) + 26 >
            p->width) {
            term_end(p);
            term_space(p, BELOW);
            example_value(p, "new    ", x->values[SIDE_NEW]);
        } else {
            example_value(p, "  new ", x->values[SIDE_NEW]);
        }
        term_end(p);
    }
    if (x->note[0] != '\0') {
        term_space(p, BELOW);
        term_wrapped(p, TERM_PLAIN, x->note, BELOW);
        term_end(p);
    }
    if (phrase_again(again, x)[0] != '\0') {
        term_space(p, BELOW);
        term_wrapped(p, TERM_DIM, again, BELOW);
        term_end(p);
    }
    struct buf line = BUF_INIT(16 * 1024);
    if (with_curl && phrase_curl(&line, x) == ERR_OK && line.n > 0 &&
        buf_append(&line, span_of("", 1)) == ERR_OK) {
        term_space(p, BELOW);
        term_put(p, TERM_CYAN, line.p);
        term_end(p);
    }
    buf_free(&line);
    if (with_curl)
        example_patch(p, x->patch);
}

static void detail_findings(struct term *p, const struct report_endpoint *e)
{
    size_t shown = 0;
    term_end(p);
    term_space(p, 4);
    term_left(p, TERM_DIM, "", 8);
    term_left(p, TERM_DIM, "KIND", 9);
    term_left(p, TERM_DIM, "FIELD", path_columns(p));
    term_right(p, TERM_DIM, "PAIRS", 8);
    term_right(p, TERM_DIM, "RATE", 9);
    term_right(p, TERM_DIM, "95 %", interval_columns(p));
    term_end(p);
    for (const struct report_finding *f = e->findings; f != NULL && shown < FINDINGS_SHOWN;
         f = f->next) {
        finding_line(p, f);
        finding_evidence(p, f);
        finding_facts(p, f);
        for (const struct report_example *x = f->examples; x != NULL; x = x->next)
            example(p, x, x == f->examples);
        shown++;
    }
    if (shown < e->nfindings) {
        term_space(p, 4);
        text_count(p, e->nfindings - shown, "more finding", "more findings");
        term_end(p);
    }
    if (e->more > 0) {
        term_space(p, 4);
        text_count(p, e->more, "more place differs, beyond the 64 findings kept per pair",
                   "more places differ, beyond the 64 findings kept per pair");
        term_end(p);
    }
}

void text_endpoint(struct term *p, const struct report_endpoint *e, size_t number)
{
    char text[PHRASE_MAX];
    term_end(p);
    term_rule(p, p->width);
    term_end(p);
    term_right(p, TERM_BOLD, phrase_count(text, number), 3);
    term_space(p, 1);
    term_put(p, TERM_BOLD, e->name);
    term_put(p, TERM_DIM, TEXT_DOT);
    term_wrapped(p, TERM_DIM, "route ", 4);
    term_wrapped(p, TERM_DIM, e->route, 4);
    term_end(p);
    detail_verdicts(p, e);
    detail_statuses(p, e);
    detail_latency(p, e);
    detail_findings(p, e);
}
