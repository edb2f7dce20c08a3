/* The report for a terminal: a strip of verdicts, the endpoints with the worst first, then what
 * differs on each. */
#include "shadow/report_text.h"

enum {
    WIDTH_DEFAULT = 80,
    WIDTH_MIN = 60,
    WIDTH_MAX = 160,
    WIDE = 108,        /* from here on there is room for more columns */
    DETAILED_MAX = 10, /* endpoints shown in detail */
    LISTED_MAX = 40,   /* endpoints in the table */
    LABEL = 10,
};

/* --- head --- */

static void title(struct term *p, const struct report *r)
{
    char text[PHRASE_MAX];
    term_put(p, TERM_BOLD, "weir shadow report");
    if (r->options->route != NULL) {
        term_put(p, TERM_PLAIN, TEXT_DOT);
        term_put(p, TERM_PLAIN, "route ");
        term_put(p, TERM_BOLD, r->options->route);
    }
    term_end(p);
    if (r->pairs == 0)
        return;
    term_put(p, TERM_DIM, phrase_time(text, r->first_ms));
    term_put(p, TERM_DIM, " to ");
    term_put(p, TERM_DIM, phrase_time(text, r->last_ms));
    term_put(p, TERM_DIM, " UTC ");
    term_fit(p, term_columns(phrase_span(text, r->last_ms - r->first_ms)) + 2, 0);
    term_put(p, TERM_DIM, "(");
    term_put(p, TERM_DIM, text);
    term_put(p, TERM_DIM, ")");
    if (r->store != NULL) {
        term_end(p);
        term_put(p, TERM_DIM, "values stored: ");
        term_put(p, TERM_DIM, r->mixed_stores ? "mixed" : r->store);
        term_put(p, TERM_DIM, TEXT_DOT "recorded by weir ");
        term_put(p, TERM_DIM, r->version);
    }
    term_end(p);
}

/* "word n, " of a list that goes on in the next line where the window ends. */
static void list_item(struct term *p, const char *word, uint64_t n, bool first)
{
    char text[PHRASE_MAX];
    term_put(p, TERM_DIM, first ? "" : ", ");
    term_fit(p, term_columns(word) + 2 + term_columns(phrase_count(text, n)), LABEL + 24);
    term_put(p, TERM_PLAIN, word);
    term_put(p, TERM_PLAIN, " ");
    term_put(p, TERM_PLAIN, text);
}

static void reason_list(struct term *p, const struct report *r, enum verdict_kind verdict)
{
    bool first = true;
    for (size_t i = 0; i < r->nreasons; i++) {
        if (r->reasons[i].verdict != verdict)
            continue;
        list_item(p, r->reasons[i].word, r->reasons[i].n, first);
        first = false;
    }
}

static void drop_list(struct term *p, const struct report *r)
{
    bool first = true;
    for (enum shadow_drop d = 0; d < SHADOW_DROP_COUNT; d++) {
        if (r->drops[d] == 0)
            continue;
        list_item(p, shadow_drop_word(d), r->drops[d], first);
        first = false;
    }
}

static void strip_begin(struct term *p, enum term_style style, const char *label, uint64_t n)
{
    term_space(p, 2);
    term_left(p, style, label, LABEL);
    text_number(p, TERM_PLAIN, n, 11);
}

static void strip_compared(struct term *p, const struct report *r, enum verdict_kind k,
                           enum term_style style)
{
    char text[PHRASE_MAX];
    uint64_t n = r->verdicts[k];
    double share = r->compared == 0 ? 0 : (double)n / (double)r->compared;
    unsigned room = p->width - 2 - LABEL - 11 - 9 - 2;
    strip_begin(p, style, verdict_word(k), n);
    term_right(p, TERM_PLAIN, r->compared == 0 ? "-" : phrase_percent(text, share), 9);
    term_space(p, 2);
    if (p->width >= TEXT_NARROW)
        term_bar(p, style, share, room > 30 ? room - 24 : 6);
    if (k == VERDICT_MISMATCH && r->compared > 0) {
        term_put(p, TERM_DIM, p->width >= TEXT_NARROW ? "  95 %: " : "95 %: ");
        term_put(p, TERM_DIM, phrase_interval(text, r->rate));
    }
    term_end(p);
}

/* "persistent 5, transient 3": words of which some are 0 and left out. */
struct listed {
    const char *word;
    uint64_t n;
};

static void put_listed(struct term *p, const char *label, const struct listed *list, size_t n)
{
    bool first = true;
    term_space(p, 2);
    term_left(p, TERM_PLAIN, label, LABEL + 22);
    for (size_t i = 0; i < n; i++) {
        if (list[i].n == 0)
            continue;
        list_item(p, list[i].word, list[i].n, first);
        first = false;
    }
    term_end(p);
}

/* What became of the mismatches, and of the fields that differ. */
static void second_looks(struct term *p, const struct report *r)
{
    struct listed pairs[SETTLED_KINDS], fields[EVIDENCE_STATES + 1];
    for (enum settled s = SETTLED_PERSISTENT; s < SETTLED_KINDS; s++)
        pairs[s - SETTLED_PERSISTENT] = (struct listed){settled_word(s), r->settled[s]};
    pairs[SETTLED_KINDS - 1] = (struct listed){"of these noise", r->noise};
    for (enum evidence_state s = 0; s < EVIDENCE_STATES; s++)
        fields[s] = (struct listed){evidence_word(s), r->states[s]};
    fields[EVIDENCE_STATES] = (struct listed){"probes", r->probes};
    if (r->verdicts[VERDICT_MISMATCH] > 0)
        put_listed(p, "mismatches, asked again", pairs, ARRAY_LEN(pairs));
    if (r->nfindings > 0)
        put_listed(p, "fields that differ", fields, ARRAY_LEN(fields));
}

static void strip_dropped(struct term *p, const struct report *r)
{
    if (report_dropped(r) == 0)
        return;
    strip_begin(p, TERM_YELLOW, "not sent", report_dropped(r));
    term_space(p, 11);
    drop_list(p, r);
    term_end(p);
}

static void strip(struct term *p, const struct report *r)
{
    term_end(p);
    strip_compared(p, r, VERDICT_MATCH, TERM_GREEN);
    strip_compared(p, r, VERDICT_MISMATCH, TERM_RED);
    for (enum verdict_kind k = VERDICT_SKIPPED; k <= VERDICT_FAILED; k++) {
        strip_begin(p, k == VERDICT_FAILED && r->verdicts[k] > 0 ? TERM_YELLOW : TERM_PLAIN,
                    verdict_word(k), r->verdicts[k]);
        term_space(p, 11);
        reason_list(p, r, k);
        term_end(p);
    }
    strip_dropped(p, r);
    second_looks(p, r);
}

static void notices(struct term *p, const struct report *r)
{
    if (r->unreadable > 0) {
        term_put(p, TERM_YELLOW, "! ");
        text_count(p, r->unreadable, "line is no record and was left out.",
                   "lines are no records and were left out.");
        term_end(p);
    }
    if (r->newer > 0) {
        term_put(p, TERM_YELLOW, "! ");
        text_count(p, r->newer, "record of another version of weir was left out.",
                   "records of another version of weir were left out.");
        term_end(p);
    }
    if (r->lost_findings > 0) {
        term_put(p, TERM_YELLOW, "! ");
        text_count(p, r->lost_findings, "finding", "findings");
        term_put(p, TERM_PLAIN, " had no room in this report; narrow it with --route.");
        term_end(p);
    }
}

void text_instances(struct term *p, const struct report *r)
{
    struct buf text = BUF_INIT(0);
    if (r->ninstances > 0 && report_instances(r, &text) == ERR_OK) {
        term_put(p, TERM_DIM, "from tables of findings: ");
        term_wrapped(p, TERM_DIM, text.p, 2);
        term_end(p);
    }
    buf_free(&text);
}

static void instances(struct term *p, const struct report *r)
{
    text_instances(p, r);
    if (report_not_held(r) == NULL)
        return;
    term_wrapped(p, TERM_DIM, report_not_held(r), 0);
    term_end(p);
}

static void stacks(struct term *p, const struct report *r)
{
    for (size_t i = 0; i < r->nstacks; i++) {
        term_put(p, TERM_DIM, i == 0 ? "stack  legacy " : "       legacy ");
        term_put(p, TERM_DIM,
                 r->stacks[i].legacy[0] == '\0' ? "(says nothing)" : r->stacks[i].legacy);
        term_put(p, TERM_DIM, TEXT_ARROW);
        term_put(p, TERM_DIM, "new ");
        term_put(p, TERM_DIM, r->stacks[i].new_[0] == '\0' ? "(says nothing)" : r->stacks[i].new_);
        term_end(p);
    }
}

/* --- table of endpoints --- */

static unsigned route_columns(const struct term *p)
{
    return p->width < TEXT_NARROW ? 0 : 10;
}

static unsigned name_columns(const struct term *p)
{
    unsigned fixed =
        4 + 9 + 9 + 10 + 9 + route_columns(p); /* number, pairs, share, mismatch, p95 */
    return p->width - fixed - (p->width >= WIDE ? 16 + 20 : 0);
}

static void table_head(struct term *p)
{
    term_right(p, TERM_DIM, "#", 3);
    term_space(p, 1);
    term_left(p, TERM_DIM, "ENDPOINT", name_columns(p));
    term_left(p, TERM_DIM, " ROUTE", route_columns(p));
    term_right(p, TERM_DIM, "PAIRS", 9);
    term_right(p, TERM_DIM, "SHARE", 9);
    term_right(p, TERM_DIM, "MISMATCH", 10);
    if (p->width >= WIDE) {
        term_right(p, TERM_DIM, "95 %", 16);
        term_right(p, TERM_DIM, "P95 LEGACY", 11);
        term_right(p, TERM_DIM, "NEW", 9);
    }
    term_right(p, TERM_DIM, p->width >= WIDE ? "RATIO" : "P95", 9);
    term_end(p);
}

static void table_row(struct term *p, const struct report *r, size_t i)
{
    char text[PHRASE_MAX];
    const struct report_endpoint *e = r->endpoints[i];
    uint64_t legacy = stats_quantile(&e->times[SIDE_LEGACY], 0.95);
    uint64_t new_ = stats_quantile(&e->times[SIDE_NEW], 0.95);
    double rate =
        e->compared == 0 ? 0 : (double)e->verdicts[VERDICT_MISMATCH] / (double)e->compared;
    text_number(p, TERM_PLAIN, i + 1, 3);
    term_space(p, 1);
    term_left(p, TERM_PLAIN, e->name, name_columns(p));
    if (route_columns(p) > 0) {
        term_space(p, 1);
        term_left(p, TERM_DIM, e->route, route_columns(p) - 1);
    }
    text_number(p, TERM_PLAIN, e->pairs, 9);
    term_right(p, TERM_PLAIN, phrase_percent(text, (double)e->pairs / (double)r->pairs), 9);
    term_right(p, text_rate_style(e), e->compared == 0 ? "-" : phrase_percent(text, rate), 10);
    if (p->width >= WIDE) {
        term_right(p, TERM_DIM, e->compared == 0 ? "-" : phrase_interval(text, e->rate), 16);
        term_right(p, TERM_PLAIN, e->compared == 0 ? "-" : phrase_duration(text, legacy), 11);
        term_right(p, TERM_PLAIN, e->compared == 0 ? "-" : phrase_duration(text, new_), 9);
    }
    term_right(p, TERM_PLAIN, phrase_ratio(text, legacy, new_), 9);
    term_end(p);
}

static void table(struct term *p, const struct report *r)
{
    term_end(p);
    term_put(p, TERM_BOLD, "Endpoints");
    term_wrapped(p, TERM_DIM, ", by share of traffic times rate of mismatches that count", 0);
    term_end(p);
    table_head(p);
    for (size_t i = 0; i < r->nendpoints && i < LISTED_MAX; i++)
        table_row(p, r, i);
    if (r->nendpoints > LISTED_MAX) {
        term_space(p, 4);
        text_count(p, r->nendpoints - LISTED_MAX, "more endpoint; --format html shows all",
                   "more endpoints; --format html shows all");
        term_end(p);
    }
}

/* What several endpoints have in common, before each of them. */
static void common(struct term *p, const struct report *r)
{
    char text[PHRASE_MAX];
    for (size_t i = 0; i < r->ncommon; i++) {
        const struct report_common *x = &r->common[i];
        if (i == 0) {
            term_end(p);
            term_put(p, TERM_BOLD, "The same on several endpoints");
            term_end(p);
        }
        term_space(p, 4);
        term_put(p, TERM_PLAIN, finding_kind_word(x->kind));
        term_put(p, TERM_PLAIN, " ");
        term_wrapped(p, TERM_BOLD, x->path, 6);
        term_wrapped(p, TERM_DIM, ": on ", 6);
        term_put(p, TERM_PLAIN, phrase_count(text, x->endpoints));
        term_wrapped(p, TERM_DIM, " of ", 6);
        term_put(p, TERM_PLAIN, phrase_count(text, r->nendpoints));
        term_wrapped(p, TERM_DIM, " endpoints, in ", 6);
        text_count(p, x->pairs, "pair", "pairs");
        term_end(p);
    }
}

static void details(struct term *p, const struct report *r)
{
    size_t shown = 0, with = 0;
    bool curl = false;
    for (size_t i = 0; i < r->nendpoints; i++) {
        if (r->endpoints[i]->nfindings == 0)
            continue;
        with++;
        if (shown == DETAILED_MAX)
            continue;
        text_endpoint(p, r->endpoints[i], i + 1);
        curl = curl || r->endpoints[i]->findings->examples->target[0] != '\0';
        shown++;
    }
    term_end(p);
    if (with > shown) {
        text_count(p, with - shown, "more endpoint has findings; --format html shows all.",
                   "more endpoints have findings; --format html shows all.");
        term_end(p);
    }
    if (curl) {
        term_wrapped(p, TERM_DIM,
                     "BASE in a curl line is the address to ask: weir, or either backend.", 0);
        term_end(p);
    }
    if (with == 0 && r->compared > 0) {
        term_put(p, TERM_GREEN, "Nothing differs.");
        term_end(p);
    }
}

/* --- nothing to report --- */

static void nothing(struct term *p, const struct report *r)
{
    term_end(p);
    if (r->lines == 0)
        term_wrapped(p, TERM_PLAIN,
                     "The record files are empty: no pair of answers has been compared yet.", 0);
    else if (r->outside > 0)
        term_put(p, TERM_PLAIN, "No record is of this route and time.");
    else
        term_put(p, TERM_PLAIN, "There are no pairs in these records.");
    term_end(p);
    if (r->outside > 0) {
        text_count(p, r->outside, "record was left out: of another route, or too old.",
                   "records were left out: of other routes, or too old.");
        term_end(p);
    } else {
        term_wrapped(p, TERM_DIM,
                     report_dropped(r) == 0
                         ? "Pairs are made for routes with shadow.percent above 0."
                         : "Copies were not sent, or not compared (docs/shadow.md has the "
                           "reasons):",
                     0);
        term_end(p);
    }
    strip_dropped(p, r);
}

enum err report_text(const struct report *r, struct buf *out)
{
    unsigned width = r->options->width == 0 ? WIDTH_DEFAULT : r->options->width;
    width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
    struct term p = {out, width, r->options->colour, ERR_OK};
    title(&p, r);
    if (r->pairs == 0)
        nothing(&p, r);
    else
        strip(&p, r);
    notices(&p, r);
    instances(&p, r);
    stacks(&p, r);
    if (r->pairs > 0) {
        table(&p, r);
        common(&p, r);
        details(&p, r);
        text_options(&p, r);
        text_rules(&p, r);
        text_seeds(&p, r);
    }
    return p.err;
}
