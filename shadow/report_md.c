/* The report for a pull request: Markdown (GitHub's), at most 60 lines whatever was found. Text
 * from records stands in code spans or is escaped; it can neither end a cell nor become markup. */
#include "shadow/report.h"

#include "base/clock.h"
#include "shadow/jwrite.h"

#include <stdio.h>

enum { ENDPOINTS = 8, FINDINGS = 12, RULES = 5, REASONS = 4, OPTIONS = 3, OPTIONS_TEXT = 300 };

/* --- cells --- */

static enum err escaped(struct buf *b, const char *s, const char *marks)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c == 0x7f)
            TRY(buf_append(b, SPAN(" ")));
        else if (strchr(marks, (char)c) != NULL)
            TRY(buf_printf(b, "\\%c", c));
        else
            TRY(buf_append(b, span_of(s, 1)));
    }
    return ERR_OK;
}

static enum err words(struct buf *b, const char *s)
{
    return escaped(b, s, "\\`*_[]<>|&#@~!");
}

/* Only a bar means something within a code span of a table, and a backtick would end it. */
static enum err code(struct buf *b, const char *s)
{
    TRY(buf_append(b, SPAN("`")));
    for (; *s != '\0'; s++) {
        char one[2] = {*s == '`' ? '\'' : *s, '\0'};
        TRY(escaped(b, one, "|"));
    }
    return buf_append(b, SPAN("`"));
}

static enum err rate_cell(struct buf *b, uint64_t hits, uint64_t n, struct interval i)
{
    char rate[PHRASE_MAX], interval[PHRASE_MAX];
    if (n == 0)
        return buf_append(b, SPAN(" - |"));
    return buf_printf(b, " %s (%s) |", phrase_percent(rate, (double)hits / (double)n),
                      phrase_interval(interval, i));
}

/* --- head --- */

static enum err looks(const struct report *r, struct buf *b)
{
    char text[PHRASE_LONG], probes[PHRASE_MAX];
    const char *counted = phrase_counted(text, r->counted, r->noise, r->settled);
    return buf_printf(b, "\nOf these %s; %s probes.\n", counted[0] == '\0' ? "all count" : counted,
                      phrase_count(probes, r->probes));
}

static enum err head(const struct report *r, struct buf *b)
{
    char text[PHRASE_MAX];
    uint64_t bad = r->verdicts[VERDICT_MISMATCH];
    TRY(buf_append(b, SPAN("## weir shadow report")));
    if (r->options->route != NULL) {
        TRY(buf_append(b, SPAN(": route ")));
        TRY(code(b, r->options->route));
    }
    if (r->compared == 0)
        return buf_append(b, SPAN("\n\nNo pair of answers was compared.\n"));
    TRY(buf_printf(b, "\n\n**%s of ", phrase_count(text, bad)));
    TRY(buf_printf(b, "%s pairs differ", phrase_count(text, r->compared)));
    TRY(buf_printf(b, ", %s", phrase_percent(text, (double)bad / (double)r->compared)));
    TRY(buf_printf(b, "** (95 %%: %s), ", phrase_interval(text, r->rate)));
    TRY(buf_printf(b, "%s to ", phrase_time(text, r->first_ms)));
    TRY(buf_printf(b, "%s UTC.\n", phrase_time(text, r->last_ms)));
    return bad == 0 ? ERR_OK : looks(r, b);
}

static enum err instances(const struct report *r, struct buf *b)
{
    struct buf text = BUF_INIT(0);
    if (r->ninstances == 0)
        return ERR_OK;
    enum err e = report_instances(r, &text);
    if (e == ERR_OK)
        e = buf_append(b, SPAN("\nFrom tables of findings: "));
    if (e == ERR_OK)
        e = code(b, text.p);
    buf_free(&text);
    return e == ERR_OK ? buf_printf(b, ". %s\n", report_not_held(r)) : e;
}

static enum err aside(const struct report *r, struct buf *b)
{
    char text[PHRASE_MAX];
    const char *sep = "\nNot compared: ";
    for (size_t i = 0; i < r->nreasons && i < REASONS; i++) {
        TRY(buf_printf(b, "%s%s ", sep, phrase_count(text, r->reasons[i].n)));
        TRY(buf_printf(b, "%s ", verdict_word(r->reasons[i].verdict)));
        TRY(code(b, r->reasons[i].word));
        sep = ", ";
    }
    return r->nreasons == 0 ? ERR_OK : buf_append(b, SPAN(".\n"));
}

static enum err drops(const struct report *r, struct buf *b)
{
    char text[PHRASE_MAX];
    const char *sep = "\nNot sent: ";
    for (enum shadow_drop d = 0; d < SHADOW_DROP_COUNT; d++) {
        if (r->drops[d] == 0)
            continue;
        TRY(buf_printf(b, "%s%s `%s`", sep, phrase_count(text, r->drops[d]), shadow_drop_word(d)));
        sep = ", ";
    }
    return report_dropped(r) == 0 ? ERR_OK : buf_append(b, SPAN(".\n"));
}

/* --- tables --- */

static enum err endpoint(const struct report_endpoint *e, struct buf *b)
{
    char text[PHRASE_MAX];
    TRY(buf_append(b, SPAN("| ")));
    TRY(code(b, e->name));
    TRY(buf_append(b, SPAN(" | ")));
    TRY(code(b, e->route));
    TRY(buf_printf(b, " | %s |", phrase_count(text, e->pairs)));
    TRY(rate_cell(b, e->verdicts[VERDICT_MISMATCH], e->compared, e->rate));
    TRY(buf_printf(b, " %s |", phrase_count(text, e->counted)));
    return buf_printf(b, " %s |\n",
                      phrase_ratio(text, stats_quantile(&e->times[SIDE_LEGACY], 0.95),
                                   stats_quantile(&e->times[SIDE_NEW], 0.95)));
}

static enum err endpoints(const struct report *r, struct buf *b)
{
    TRY(buf_append(b, SPAN("\n| endpoint | route | pairs | differ (95 %) | count | p95 |\n"
                           "|---|---|--:|--:|--:|--:|\n")));
    for (size_t i = 0; i < r->nendpoints && i < ENDPOINTS; i++)
        TRY(endpoint(r->endpoints[i], b));
    if (r->nendpoints > ENDPOINTS)
        TRY(buf_printf(b, "\n%zu more endpoints.\n", r->nendpoints - ENDPOINTS));
    return ERR_OK;
}

static enum err finding(const struct report_endpoint *e, const struct report_finding *f,
                        struct buf *b)
{
    char text[PHRASE_MAX];
    TRY(buf_printf(b, "| %s", evidence_word(f->state)));
    if (f->state != EVIDENCE_BLIND && f->state != EVIDENCE_CLEAN)
        TRY(buf_printf(b, " %llu:%llu", (unsigned long long)f->evidence.b,
                       (unsigned long long)f->evidence.c));
    TRY(buf_printf(b, " | %s | %s | ", finding_severity_word(finding_severity(f->kind)),
                   finding_kind_word(f->kind)));
    TRY(code(b, f->path));
    TRY(buf_append(b, SPAN(" | ")));
    TRY(code(b, e->name));
    TRY(buf_printf(b, " | %s |", phrase_count(text, f->pairs)));
    TRY(rate_cell(b, f->pairs, f->within, f->rate));
    return buf_append(b, SPAN("\n"));
}

/* The worst of every endpoint before the second of any: one endpoint must not fill the table. */
static enum err findings(const struct report *r, struct buf *b)
{
    size_t shown = 0;
    if (r->nfindings == 0)
        return buf_append(b, SPAN("\nNothing differs.\n"));
    TRY(buf_append(
        b, SPAN("\n| evidence | severity | kind | field | endpoint | pairs | rate (95 %) |\n"
                "|---|---|---|---|---|--:|--:|\n")));
    for (size_t round = 0; round < FINDINGS; round++) {
        for (size_t i = 0; i < r->nendpoints && shown < FINDINGS; i++) {
            const struct report_finding *f = r->endpoints[i]->findings;
            for (size_t k = 0; k < round && f != NULL; k++)
                f = f->next;
            if (f == NULL)
                continue;
            TRY(finding(r->endpoints[i], f, b));
            shown++;
        }
    }
    return r->nfindings == shown ? ERR_OK
                                 : buf_printf(b, "\n%zu more findings.\n", r->nfindings - shown);
}

static enum err rule(const struct report_rule *x, struct buf *b)
{
    char text[PHRASE_MAX], instead[PHRASE_LONG], end[CLOCK_ISO_LEN + 1] = "";
    TRY(buf_append(b, SPAN("| ")));
    TRY(code(b, x->id));
    TRY(buf_printf(b, " | %s | ", phrase_count(text, x->pairs)));
    if (phrase_rule(instead, x)[0] != '\0') {
        TRY(words(b, instead));
        TRY(buf_append(b, x->rule == NULL ? SPAN("") : SPAN("; ")));
    }
    if (x->rule != NULL) {
        clock_iso(end, x->rule->expires_ms);
        end[10] = '\0';
        TRY(words(b, x->rule->author));
        TRY(buf_append(b, SPAN(": ")));
        TRY(words(b, x->rule->reason));
    }
    return buf_printf(b, " | %s |\n", end);
}

static enum err rules(const struct report *r, struct buf *b)
{
    char text[PHRASE_LONG];
    if (r->nrules == 0)
        return ERR_OK;
    TRY(buf_printf(b, "\nRules: %s.\n", phrase_rules(text, r)));
    TRY(buf_append(b, SPAN("\n| rule | pairs | who and why | ends |\n|---|--:|---|---|\n")));
    for (size_t i = 0; i < r->nrules && i < RULES; i++)
        TRY(rule(&r->rules[i], b));
    return r->nrules <= RULES ? ERR_OK : buf_printf(b, "\n%zu more rules.\n", r->nrules - RULES);
}

static enum err option(const struct report *r, const struct report_in_force *f, struct buf *b)
{
    char text[OPTIONS_TEXT + 4];
    struct span all = span_str(f->text);
    size_t n = jwrite_cut(all, OPTIONS_TEXT);
    (void)snprintf(text, sizeof(text), SPAN_FMT "%s", (int)n, all.p, n < all.n ? "..." : "");
    TRY(buf_append(b, SPAN("- ")));
    TRY(code(b, f->route));
    TRY(buf_append(b, SPAN(": ")));
    TRY(words(b, text));
    return buf_printf(b, "%s%s\n", f->changed ? "; " : "", phrase_changed(r, f));
}

static enum err options(const struct report *r, struct buf *b)
{
    TRY(buf_append(b, r->nin_force == 0 ? SPAN("") : SPAN("\nOptions in force:\n\n")));
    for (size_t i = 0; i < r->nin_force && i < OPTIONS; i++)
        TRY(option(r, &r->in_force[i], b));
    return r->nin_force <= OPTIONS ? ERR_OK
                                   : buf_printf(b, "- %zu more routes.\n", r->nin_force - OPTIONS);
}

enum err report_md(const struct report *r, struct buf *out)
{
    TRY(head(r, out));
    TRY(instances(r, out));
    TRY(aside(r, out));
    TRY(drops(r, out));
    if (r->compared == 0)
        return ERR_OK;
    TRY(endpoints(r, out));
    TRY(findings(r, out));
    TRY(rules(r, out));
    return options(r, out);
}
