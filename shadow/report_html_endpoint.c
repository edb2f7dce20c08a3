/* One endpoint: status matrix, latency of both sides, and the fields that differ with their
 * examples. */
#include "shadow/report_html.h"

enum { MATRIX_MAX = 8 };

/* --- status matrix --- */

struct axis {
    uint16_t codes[MATRIX_MAX];
    size_t n;
    bool more; /* some code had no room */
};

static void axis_add(struct axis *a, uint16_t code)
{
    size_t i = 0;
    while (i < a->n && a->codes[i] != code)
        i++;
    if (i < a->n)
        return;
    if (a->n == MATRIX_MAX) {
        a->more = true;
        return;
    }
    for (i = a->n++; i > 0 && a->codes[i - 1] > code; i--)
        a->codes[i] = a->codes[i - 1];
    a->codes[i] = code;
}

static uint64_t cell(const struct report_endpoint *e, uint16_t legacy, uint16_t new_)
{
    for (size_t i = 0; i < e->nstatuses; i++)
        if (e->statuses[i].legacy == legacy && e->statuses[i].new_ == new_)
            return e->statuses[i].n;
    return 0;
}

static void matrix_row(struct html *h, const struct report_endpoint *e, uint16_t legacy,
                       const struct axis *columns)
{
    char text[PHRASE_MAX];
    html_format(h, "<tr><th scope=\"row\">%u</th>", legacy);
    for (size_t i = 0; i < columns->n; i++) {
        uint64_t n = cell(e, legacy, columns->codes[i]);
        const char *kind = n == 0 ? "none" : legacy == columns->codes[i] ? "same" : "other";
        html_format(h, "<td class=\"n %s\">%s</td>", kind, n == 0 ? "" : phrase_count(text, n));
    }
    html_raw(h, "</tr>\n");
}

static void matrix(struct html *h, const struct report_endpoint *e)
{
    struct axis rows = {.n = 0}, columns = {.n = 0};
    for (size_t i = 0; i < e->nstatuses; i++) { /* the frequent ones first */
        axis_add(&rows, e->statuses[i].legacy);
        axis_add(&columns, e->statuses[i].new_);
    }
    html_raw(h, "<table class=\"matrix\"><caption>Status</caption><thead><tr>"
                "<th class=\"dim\">legacy \xe2\x86\x93 new \xe2\x86\x92</th>");
    for (size_t i = 0; i < columns.n; i++)
        html_format(h, "<th scope=\"col\" class=\"n\">%u</th>", columns.codes[i]);
    html_raw(h, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < rows.n; i++)
        matrix_row(h, e, rows.codes[i], &columns);
    html_raw(h, "</tbody></table>\n");
    if (rows.more || columns.more || e->other_statuses > 0)
        html_raw(h, "<p class=\"dim\">Rarer codes are not shown.</p>\n");
}

/* --- latency --- */

static void latency(struct html *h, const struct report_endpoint *e)
{
    static const struct {
        const char *word;
        double q;
    } quantiles[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};
    char text[PHRASE_MAX];
    html_raw(h, "<table class=\"latency\"><caption>Latency</caption><thead><tr><th></th>"
                "<th scope=\"col\" class=\"n\">legacy</th><th scope=\"col\" class=\"n\">new</th>"
                "<th scope=\"col\" class=\"n\">ratio</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
        uint64_t l = stats_quantile(&e->times[SIDE_LEGACY], quantiles[i].q);
        uint64_t n = stats_quantile(&e->times[SIDE_NEW], quantiles[i].q);
        html_format(h, "<tr><th scope=\"row\">%s</th>", quantiles[i].word);
        html_format(h, "<td class=\"n\">%s</td>", phrase_duration(text, l));
        html_format(h, "<td class=\"n\">%s</td>", phrase_duration(text, n));
        html_format(h, "<td class=\"n\">%s</td></tr>\n", phrase_ratio(text, l, n));
    }
    html_raw(h, "</tbody></table>\n");
}

/* --- findings --- */

static void code(struct html *h, const char *text)
{
    html_raw(h, "<code>");
    html_text(h, text);
    html_raw(h, "</code>");
}

static void example(struct html *h, const struct report_example *x)
{
    char text[PHRASE_MAX], again[PHRASE_LONG];
    struct buf line = BUF_INIT(16 * 1024);
    html_format(h, "<li><p class=\"dim\"><time>%s</time> ", phrase_time(text, x->at_ms));
    if (x->id[0] != '\0') {
        html_raw(h, "shadow id ");
        code(h, x->id);
    }
    if (phrase_again(again, x)[0] != '\0') {
        html_raw(h, " \xc2\xb7 ");
        html_text(h, again);
    }
    html_raw(h, "</p>");
    if (x->values[SIDE_LEGACY] != NULL || x->values[SIDE_NEW] != NULL)
        html_sides(h, x->values);
    if (x->note[0] != '\0') {
        html_raw(h, "<p>");
        html_text(h, x->note);
        html_raw(h, "</p>");
    }
    if (phrase_curl(&line, x) == ERR_OK && line.n > 0 &&
        buf_append(&line, span_of("", 1)) == ERR_OK) {
        html_raw(h, "<pre tabindex=\"0\">");
        html_text(h, line.p);
        html_raw(h, "</pre>");
    }
    buf_free(&line);
    if (x->patch != NULL) {
        html_raw(h, "<details class=\"patch\"><summary>From legacy to new (RFC 6902)</summary>"
                    "<pre tabindex=\"0\">");
        html_lines(h, x->patch);
        html_raw(h, "</pre></details>");
    }
    html_raw(h, "</li>\n");
}

static void facts(struct html *h, const struct report_finding *f)
{
    char text[PHRASE_MAX], evidence[PHRASE_LONG];
    html_format(h, "<p><strong>%s</strong>: %s.</p>\n", evidence_word(f->state),
                phrase_evidence(evidence, f));
    html_format(h, "<p>%s", finding_kind_sentence(f->kind));
    if (f->detail[0] != '\0') {
        html_raw(h, ": ");
        html_text(h, f->detail);
    }
    if (phrase_classes(text, f)[0] != '\0') {
        html_raw(h, " (");
        html_text(h, text);
        html_raw(h, ")");
    }
    if (f->places > f->pairs)
        html_format(h, ", in %s places", phrase_count(text, f->places));
    if (f->method[0] != '\0') {
        html_raw(h, ", elements matched by ");
        html_text(h, f->method);
    }
    html_format(h, ". <span class=\"dim\">Seen from <time>%s</time> ",
                phrase_time(text, f->first_ms));
    html_format(h, "to <time>%s</time> UTC.</span></p>\n", phrase_time(text, f->last_ms));
}

/* The interval of a rate on a line from 0 to 100 percent. */
static void interval(struct html *h, double rate, struct interval i)
{
    double low = i.low * 100, width = (i.high - i.low) * 100;
    html_format(h,
                "<svg class=\"rate\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
                "aria-hidden=\"true\">"
                "<rect class=\"rail\" y=\"4\" width=\"100\" height=\"2\"/>"
                "<rect class=\"range\" x=\"%.2f\" y=\"2\" width=\"%.2f\" height=\"6\"/>"
                "<rect class=\"point\" x=\"%.2f\" width=\"1.4\" height=\"10\"/></svg>",
                low, width < 1 ? 1 : width, rate * 100 > 98.6 ? 98.6 : rate * 100);
}

static void finding(struct html *h, const struct report_finding *f)
{
    char text[PHRASE_MAX];
    bool grave = evidence_state_counts(f->state);
    const char *severity = grave ? finding_severity_word(finding_severity(f->kind)) : "low";
    double rate = (double)f->pairs / (double)f->within;
    html_format(h,
                "<details class=\"finding\" data-kind=\"%s\" data-severity=\"%s\" "
                "data-state=\"%s\" data-text=\"",
                finding_kind_word(f->kind), finding_severity_word(finding_severity(f->kind)),
                evidence_word(f->state));
    html_text(h, f->path);
    html_format(h, "\"><summary><span class=\"severity %s\">%s</span> ", severity,
                grave ? severity : evidence_word(f->state));
    html_format(h, "<span class=\"kind\">%s</span> ", finding_kind_word(f->kind));
    code(h, f->path);
    html_format(h, "<span class=\"n\">%s</span>", phrase_count(text, f->pairs));
    html_format(h, "<span class=\"n\">%s</span>", phrase_percent(text, rate));
    interval(h, rate, f->rate);
    html_format(h, "<span class=\"n dim\">%s</span></summary>\n<div>",
                phrase_interval(text, f->rate));
    facts(h, f);
    html_raw(h, "<ol class=\"examples\">\n");
    for (const struct report_example *x = f->examples; x != NULL; x = x->next)
        example(h, x);
    html_raw(h, "</ol></div></details>\n");
}

void html_endpoint(struct html *h, const struct report_endpoint *e, size_t number, bool open)
{
    char text[PHRASE_MAX], counted[PHRASE_LONG];
    double rate = (double)e->verdicts[VERDICT_MISMATCH] / (double)e->compared;
    html_format(h, "<details class=\"endpoint\" id=\"e%zu\"%s data-text=\"", number,
                open ? " open" : "");
    html_text(h, e->name);
    html_raw(h, " ");
    html_text(h, e->route);
    html_format(h, "\"><summary><span class=\"dim\">%zu</span> <h3>", number);
    html_text(h, e->name);
    html_raw(h, "</h3> <span class=\"tag\">");
    html_text(h, e->route);
    if (phrase_counted(counted, e->counted, e->noise, e->settled)[0] != '\0')
        html_format(h, "</span> <span class=\"tag\">%s", counted);
    html_format(h, "</span> <span class=\"n %s\">%s</span>", e->counted == 0 ? "good" : "bad",
                phrase_percent(text, rate));
    html_format(h, "<span class=\"dim\">of %s compared</span></summary>\n<div class=\"facts\">\n",
                phrase_count(text, e->compared));
    matrix(h, e);
    latency(h, e);
    html_raw(h, "</div>\n<div class=\"findings\"><div class=\"finding-head\" "
                "aria-hidden=\"true\"><span></span>"
                "<span>kind</span><span>field</span><span class=\"n\">pairs</span><span "
                "class=\"n\">rate</span>"
                "<span></span><span class=\"n\">95 %</span></div>\n");
    for (const struct report_finding *f = e->findings; f != NULL; f = f->next)
        finding(h, f);
    html_raw(h, "</div>\n");
    if (e->more > 0)
        html_format(h,
                    "<p class=\"notice\">%s more places differ, beyond the 64 findings kept per "
                    "pair.</p>\n",
                    phrase_count(text, e->more));
    html_raw(h, "</details>\n");
}
