/* The report as one page that needs nothing else: no font, no image, no script from elsewhere, and
 * a policy that forbids them; its own script only filters. Bars are SVG, because a style attribute
 * would need a weaker policy.
 */
#include "shadow/report_html.h"

#include "base/clock.h"
#include "base/digest.h"
#include "shadow/jwrite.h"

#include <stdarg.h>
#include <stdio.h>

enum { OPEN_FIRST = 3, DETAILED_MAX = 200, STRIP_WIDTH = 1000, HASH_TEXT = 48 };

/* --- writing --- */

void html_raw(struct html *h, const char *markup)
{
    if (h->err == ERR_OK)
        h->err = buf_append(h->out, span_str(markup));
}

static const char *entity(unsigned char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return c < 0x20 || c == 0x7f ? "\xef\xbf\xbd" : NULL;
    }
}

void html_text(struct html *h, const char *text)
{
    const char *from = text;
    for (; *text != '\0'; text++) {
        const char *e = entity((unsigned char)*text);
        if (e == NULL)
            continue;
        if (h->err == ERR_OK)
            h->err = buf_append(h->out, span_of(from, (size_t)(text - from)));
        html_raw(h, e);
        from = text + 1;
    }
    html_raw(h, from);
}

void html_lines(struct html *h, const char *text)
{
    struct span rest = span_str(text), line;
    char piece[512];
    for (bool first = true; span_cut(&rest, '\n', &line); first = false) {
        html_raw(h, first ? "" : "\n");
        for (size_t n; line.n > 0; line = span_from(line, n)) {
            n = jwrite_cut(line, sizeof(piece) - 1);
            memcpy(piece, line.p, n);
            piece[n] = '\0';
            html_text(h, piece);
        }
    }
}

void html_format(struct html *h, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(text))
        h->err = h->err == ERR_OK ? ERR_TOO_LARGE : h->err;
    else
        html_raw(h, text);
}

/* --- head --- */

static void hash_of(struct html *h, const char *text, char out[HASH_TEXT])
{
    unsigned char hash[DIGEST_BYTES];
    memset(out, 0, HASH_TEXT);
    if (h->err == ERR_OK)
        h->err = digest_of(span_str(text), hash);
    if (h->err == ERR_OK)
        (void)bytes_base64(out, hash, sizeof(hash));
}

static void head(struct html *h)
{
    char style[HASH_TEXT], script[HASH_TEXT];
    hash_of(h, report_style, style);
    hash_of(h, report_script, script);
    html_raw(h, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    html_format(
        h,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n",
        style, script);
    html_raw(h, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n"
                "<meta name=\"referrer\" content=\"no-referrer\">\n"
                "<title>weir shadow report</title>\n<style>");
    html_raw(h, report_style);
    html_raw(h, "</style></head>\n<body>\n<a class=\"skip\" href=\"#endpoints\">Skip to the "
                "endpoints</a>\n");
}

static void title(struct html *h, const struct report *r)
{
    char text[PHRASE_MAX];
    html_raw(h, "<header><h1>Shadow report");
    if (r->options->route != NULL) {
        html_raw(h, " <span class=\"tag\">route ");
        html_text(h, r->options->route);
        html_raw(h, "</span>");
    }
    html_raw(h, "</h1>\n<p class=\"dim\">");
    if (r->pairs > 0) {
        html_format(h, "<time>%s</time> to ", phrase_time(text, r->first_ms));
        html_format(h, "<time>%s</time> UTC, ", phrase_time(text, r->last_ms));
        html_format(h, "%s. ", phrase_span(text, r->last_ms - r->first_ms));
    }
    if (r->store != NULL) {
        html_raw(h, "Values stored: ");
        html_text(h, r->mixed_stores ? "mixed" : r->store);
        html_raw(h, ". ");
    }
    if (r->ninstances > 0) {
        struct buf whose = BUF_INIT(0);
        html_raw(h, "From tables of findings: ");
        if (report_instances(r, &whose) == ERR_OK)
            html_text(h, whose.p);
        html_raw(h, ". ");
        html_text(h, report_not_held(r));
        html_raw(h, " ");
        buf_free(&whose);
    }
    html_raw(h, "Made by weir " WEIR_VERSION ".</p></header>\n<main>\n");
}

/* --- verdicts --- */

static void tile(struct html *h, const char *kind, const char *label, uint64_t n, const char *more)
{
    char text[PHRASE_MAX];
    html_format(h, "<div class=\"tile %s\"><dt>%s</dt><dd><b>%s</b>", kind, label,
                phrase_count(text, n));
    if (more != NULL)
        html_format(h, " <span>%s</span>", more);
}

static void tile_end(struct html *h)
{
    html_raw(h, "</dd></div>\n");
}

static void reasons(struct html *h, const struct report *r, enum verdict_kind verdict)
{
    char text[PHRASE_MAX];
    bool any = false;
    for (size_t i = 0; i < r->nreasons; i++) {
        if (r->reasons[i].verdict != verdict)
            continue;
        html_raw(h, any ? "" : "<ul>");
        html_raw(h, "<li>");
        html_text(h, r->reasons[i].word);
        html_format(h, " <i>%s</i></li>", phrase_count(text, r->reasons[i].n));
        any = true;
    }
    html_raw(h, any ? "</ul>" : "");
}

static void drops(struct html *h, const struct report *r)
{
    char text[PHRASE_MAX];
    html_raw(h, "<ul>");
    for (enum shadow_drop d = 0; d < SHADOW_DROP_COUNT; d++)
        if (r->drops[d] > 0)
            html_format(h, "<li>%s <i>%s</i></li>", shadow_drop_word(d),
                        phrase_count(text, r->drops[d]));
    html_raw(h, "</ul>");
}

static void strip_part(struct html *h, const char *kind, double from, double width)
{
    if (width > 0)
        html_format(h, "<rect class=\"%s\" x=\"%.2f\" width=\"%.2f\" height=\"14\"/>", kind, from,
                    width < 2 ? 2 : width);
}

static void strip(struct html *h, const struct report *r)
{
    static const char *const kinds[] = {
        [VERDICT_MATCH] = "match",
        [VERDICT_MISMATCH] = "mismatch",
        [VERDICT_SKIPPED] = "skipped",
        [VERDICT_FAILED] = "failed",
    };
    double at = 0;
    html_raw(h, "<svg class=\"strip\" viewBox=\"0 0 1000 14\" preserveAspectRatio=\"none\" "
                "aria-hidden=\"true\">");
    for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++) {
        double width = STRIP_WIDTH * (double)r->verdicts[k] / (double)r->pairs;
        strip_part(h, kinds[k], at, width);
        at += width;
    }
    html_raw(h, "</svg>\n");
}

static void verdicts(struct html *h, const struct report *r)
{
    char share[PHRASE_MAX], counted[PHRASE_LONG];
    double compared = (double)r->compared;
    html_raw(h, "<section aria-label=\"Verdicts\">\n");
    strip(h, r);
    html_raw(h, "<dl class=\"tiles\">\n");
    tile(h, "match", "match", r->verdicts[VERDICT_MATCH],
         r->compared == 0 ? NULL
                          : phrase_percent(share, (double)r->verdicts[VERDICT_MATCH] / compared));
    tile_end(h);
    tile(h, "mismatch", "mismatch", r->verdicts[VERDICT_MISMATCH],
         r->compared == 0
             ? NULL
             : phrase_percent(share, (double)r->verdicts[VERDICT_MISMATCH] / compared));
    if (r->compared > 0)
        html_format(h, "<p>95 %%: %s of compared pairs</p>", phrase_interval(share, r->rate));
    if (phrase_counted(counted, r->counted, r->noise, r->settled)[0] != '\0')
        html_format(h, "<p>%s</p>", counted);
    tile_end(h);
    tile(h, "skipped", "skipped", r->verdicts[VERDICT_SKIPPED], NULL);
    reasons(h, r, VERDICT_SKIPPED);
    tile_end(h);
    tile(h, "failed", "failed", r->verdicts[VERDICT_FAILED], NULL);
    reasons(h, r, VERDICT_FAILED);
    tile_end(h);
    tile(h, "dropped", "not sent", report_dropped(r), NULL);
    drops(h, r);
    tile_end(h);
    html_raw(h, "</dl>\n");
    html_trend(h, r, &r->trend, "wide");
    html_raw(h, "</section>\n");
}

static void notice(struct html *h, uint64_t n, const char *what)
{
    char text[PHRASE_MAX];
    if (n > 0)
        html_format(h, "<p class=\"notice\">%s %s</p>\n", phrase_count(text, n), what);
}

static void notices(struct html *h, const struct report *r)
{
    notice(h, r->unreadable, "line(s) are no records and were left out.");
    notice(h, r->newer, "record(s) of another version of weir were left out.");
    notice(h, r->lost_findings,
           "finding(s) had no room in this report; narrow it with <code>--route</code>.");
    if (r->nstacks == 0)
        return;
    html_raw(h, "<p class=\"dim\">Software, by its own words: ");
    for (size_t i = 0; i < r->nstacks; i++) {
        html_raw(h, i == 0 ? "legacy <code>" : "; legacy <code>");
        html_text(h, r->stacks[i].legacy[0] == '\0' ? "(none)" : r->stacks[i].legacy);
        html_raw(h, "</code>, new <code>");
        html_text(h, r->stacks[i].new_[0] == '\0' ? "(none)" : r->stacks[i].new_);
        html_raw(h, "</code>");
    }
    html_raw(h, ".</p>\n");
}

/* --- table of endpoints --- */

static void times(struct html *h, const struct report_endpoint *e)
{
    char text[PHRASE_MAX];
    uint64_t l = stats_quantile(&e->times[SIDE_LEGACY], 0.95),
             n = stats_quantile(&e->times[SIDE_NEW], 0.95);
    if (e->compared == 0) {
        html_raw(h, "<td class=\"n\">-</td><td class=\"n\">-</td><td class=\"n\">-</td>");
        return;
    }
    html_format(h, "<td class=\"n\">%s</td>", phrase_duration(text, l));
    html_format(h, "<td class=\"n\">%s</td>", phrase_duration(text, n));
    html_format(h, "<td class=\"n%s\">%s</td>", n > l + l / 4 && n > l + 1000 ? " slow" : "",
                phrase_ratio(text, l, n));
}

static void row(struct html *h, const struct report *r, size_t i)
{
    char text[PHRASE_MAX];
    const struct report_endpoint *e = r->endpoints[i];
    uint64_t bad = e->verdicts[VERDICT_MISMATCH];
    double rate = e->compared == 0 ? 0 : (double)bad / (double)e->compared;
    bool linked = e->nfindings > 0 && i < DETAILED_MAX;
    html_raw(h, "<tr data-text=\"");
    html_text(h, e->name);
    html_raw(h, " ");
    html_text(h, e->route);
    html_format(h, "\"><td class=\"n dim\">%zu</td><th scope=\"row\">", i + 1);
    if (linked)
        html_format(h, "<a href=\"#e%zu\">", i + 1);
    html_text(h, e->name);
    html_raw(h, linked ? "</a>" : "");
    html_raw(h, "</th><td><span class=\"tag\">");
    html_text(h, e->route);
    html_raw(h, "</span></td><td>");
    html_trend(h, r, &e->trend, "small");
    html_raw(h, "</td>");
    html_format(h, "<td class=\"n\">%s</td>", phrase_count(text, e->pairs));
    html_format(h, "<td class=\"n\">%s</td>",
                phrase_percent(text, (double)e->pairs / (double)r->pairs));
    html_format(h, "<td class=\"n %s\">%s</td>", e->counted == 0 ? "good" : "bad",
                e->compared == 0 ? "-" : phrase_percent(text, rate));
    html_format(h, "<td class=\"n dim\">%s</td>",
                e->compared == 0 ? "-" : phrase_interval(text, e->rate));
    times(h, e);
    html_raw(h, "</tr>\n");
}

static void common(struct html *h, const struct report *r)
{
    char on[PHRASE_MAX], of[PHRASE_MAX], pairs[PHRASE_MAX];
    html_raw(h, r->ncommon == 0
                    ? ""
                    : "<div class=\"common\"><h3>The same on several endpoints</h3>\n<ul>");
    for (size_t i = 0; i < r->ncommon; i++) {
        const struct report_common *x = &r->common[i];
        html_format(h, "<li>%s <code>", finding_kind_word(x->kind));
        html_text(h, x->path);
        html_format(h, "</code> on %s of %s endpoints, in %s pairs</li>",
                    phrase_count(on, x->endpoints), phrase_count(of, r->nendpoints),
                    phrase_count(pairs, x->pairs));
    }
    html_raw(h, r->ncommon == 0 ? "" : "</ul></div>\n");
}

static void table(struct html *h, const struct report *r)
{
    html_raw(h,
             "<section id=\"endpoints\"><h2>Endpoints</h2>\n"
             "<p class=\"dim\">Sorted by share of traffic times rate of the mismatches that count "
             "(its lower 95 % bound). Over time: pairs, and in red the rate of mismatch, full "
             "height at 2 % or "
             "at the highest.</p>\n"
             "<div class=\"scroll\"><table><thead><tr><th></th><th scope=\"col\">Endpoint</th>"
             "<th scope=\"col\">Route</th><th scope=\"col\">Over time</th>"
             "<th scope=\"col\" class=\"n\">Pairs</th>"
             "<th scope=\"col\" class=\"n\">Share</th><th scope=\"col\" class=\"n\">Mismatch</th>"
             "<th scope=\"col\" class=\"n\">95 %</th><th scope=\"col\" class=\"n\">p95 legacy</th>"
             "<th scope=\"col\" class=\"n\">p95 new</th><th scope=\"col\" class=\"n\">Ratio</th>"
             "</tr></thead><tbody>\n");
    for (size_t i = 0; i < r->nendpoints; i++)
        row(h, r, i);
    html_raw(h, "</tbody></table></div>\n");
    common(h, r);
    html_raw(h, "</section>\n");
}

static void details(struct html *h, const struct report *r)
{
    size_t open = 0, left_out = 0;
    bool any = false;
    for (size_t i = 0; i < r->nendpoints; i++)
        any = any || r->endpoints[i]->nfindings > 0;
    if (!any) {
        html_raw(h, r->compared > 0 ? "<p class=\"good\">Nothing differs.</p>\n" : "");
        return;
    }
    html_raw(h, "<section id=\"differs\"><h2>What differs</h2>\n");
    html_filters(h, r);
    for (size_t i = 0; i < r->nendpoints; i++) {
        if (r->endpoints[i]->nfindings == 0)
            continue;
        if (i < DETAILED_MAX)
            html_endpoint(h, r->endpoints[i], i + 1, open++ < OPEN_FIRST);
        else
            left_out++;
    }
    notice(h, left_out, "more endpoint(s) have findings; <code>--format json</code> has all.");
    html_raw(h, "</section>\n");
}

/* --- rules --- */

/* Who accepted it is in the file of rules, not in records. */
static bool authors_known(const struct report *r)
{
    for (size_t i = 0; i < r->nrules; i++)
        if (r->rules[i].rule != NULL)
            return true;
    return false;
}

static void rule(struct html *h, const struct report_rule *x, bool authors)
{
    char text[PHRASE_MAX], instead[PHRASE_LONG];
    html_raw(h, "<tr><th scope=\"row\">");
    html_text(h, x->id);
    html_format(h, "</th><td class=\"n\">%s</td><td>", phrase_count(text, x->pairs));
    for (size_t i = 0; i < x->npaths; i++) {
        html_raw(h, i == 0 ? "<code>" : ", <code>");
        html_text(h, x->paths[i]);
        html_raw(h, "</code>");
    }
    html_text(h, phrase_rule(instead, x));
    html_raw(h, x->more_paths ? ", more" : "");
    if (x->rule != NULL) {
        html_raw(h, "</td><td>");
        html_text(h, x->rule->author);
        html_raw(h, ": ");
        html_text(h, x->rule->reason);
        html_format(h, "</td><td class=\"dim\">%.10s</td></tr>\n",
                    phrase_time(text, x->rule->expires_ms));
        return;
    }
    html_raw(h, authors ? "</td><td></td><td></td></tr>\n" : "</td></tr>\n");
}

static void rules(struct html *h, const struct report *r)
{
    char cost[PHRASE_LONG], text[PHRASE_MAX];
    if (r->nrules == 0)
        return;
    bool authors = authors_known(r);
    html_format(h,
                "<section id=\"rules\"><h2>Rules</h2>\n<p class=\"dim\">Pairs that match only "
                "because of them: %s; %s.%s</p>\n",
                phrase_count(text, r->hidden_pairs), phrase_rules(cost, r),
                authors ? ""
                        : " <code>--rules FILE</code> shows who accepted what, and until when.");
    html_raw(h, "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Rule</th>"
                "<th scope=\"col\" class=\"n\">Pairs</th><th scope=\"col\">Hides</th>");
    if (authors)
        html_raw(h, "<th scope=\"col\">Who and why</th><th scope=\"col\">Ends</th>");
    html_raw(h, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < r->nrules; i++)
        rule(h, &r->rules[i], authors);
    html_raw(h, "</tbody></table></div></section>\n");
}

static void nothing(struct html *h, const struct report *r)
{
    char text[PHRASE_MAX];
    html_raw(h, "<section class=\"empty\"><p>");
    if (r->lines == 0)
        html_raw(h, "The record files are empty: no pair of answers has been compared yet.");
    else if (r->outside > 0)
        html_format(h, "No record is of this route and time; %s were left out.",
                    phrase_count(text, r->outside));
    else
        html_raw(h, "There are no pairs in these records.");
    if (report_dropped(r) > 0) {
        html_format(h, "</p><p>%s copies were not sent, or not compared:</p>",
                    phrase_count(text, report_dropped(r)));
        drops(h, r);
        html_raw(h, "</section>\n");
        return;
    }
    html_raw(h, "</p><p class=\"dim\">Pairs are made for routes with <code>shadow.percent</code> "
                "above 0.</p>"
                "</section>\n");
}

enum err report_html(const struct report *r, struct buf *out)
{
    struct html h = {out, ERR_OK};
    head(&h);
    title(&h, r);
    if (r->pairs == 0)
        nothing(&h, r);
    else
        verdicts(&h, r);
    notices(&h, r);
    if (r->pairs > 0) {
        table(&h, r);
        details(&h, r);
        rules(&h, r);
        html_seeds(&h, r);
        html_in_force(&h, r);
    }
    html_raw(
        &h,
        "<footer>In a curl line <code>BASE</code> is the address to ask: weir, or either backend. "
        "A value like <code>&lt;int#5e6ba2,3&gt;</code> stands for an int of 3 characters; within "
        "a run of "
        "weir equal values have equal tokens.</footer>\n</main>\n<script>");
    html_raw(&h, report_script);
    html_raw(&h, "</script>\n</body></html>\n");
    return h.err;
}
