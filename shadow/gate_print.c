/* The gate's decision for a person, a program and a build server. */
#include "shadow/gate.h"
#include "shadow/junit.h"
#include "shadow/jwrite.h"
#include "shadow/report_text.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>

enum {
    LISTED_MAX = 20,
    MESSAGE_MAX = 256,
    WIDTH_DEFAULT = 80,
    BELOW = 10, /* where the lines below an endpoint begin */
    RANKS = 4,
};

static const char *amount(char out[PHRASE_MAX], enum gate_check c, double v)
{
    if (isinf(v))
        (void)snprintf(out, PHRASE_MAX, "?");
    else if (c == CHECK_ERRORS || c == CHECK_MISMATCH)
        (void)snprintf(out, PHRASE_MAX, "%.3g %%", fabs(v) < 1e-6 ? 0 : v * 100);
    else
        (void)snprintf(out, PHRASE_MAX, "x%.2f", v);
    return out;
}

/* "mismatch is 5.1 %, may be 6.2 %, limit 0.1 %; needs 1,662 more" */
static const char *message(char out[MESSAGE_MAX], enum gate_check c, const struct gate_result *x)
{
    char seen[PHRASE_MAX], upper[PHRASE_MAX], limit[PHRASE_MAX], more[PHRASE_MAX];
    bool bound = !isinf(x->upper);
    int n = snprintf(out, MESSAGE_MAX, "%s %s, %s%s, limit %s", gate_check_word(c),
                     amount(seen, c, x->observed), bound ? "at most " : "no bound yet",
                     bound ? amount(upper, c, x->upper) : "", amount(limit, c, x->limit));
    size_t room = MESSAGE_MAX - (size_t)n;
    if (x->state == GATE_THIN && x->needs >= NEEDS_MAX)
        (void)snprintf(out + n, room, "; more requests like these would not show it");
    else if (x->state == GATE_THIN)
        (void)snprintf(out + n, room, "; needs %s more requests", phrase_count(more, x->needs));
    else if (x->state == GATE_OVER && x->proven)
        (void)snprintf(out + n, room, "; proven");
    return out;
}

/* --- text --- */

static void put_check(struct term *p, enum gate_check c, const struct gate_result *x)
{
    char text[MESSAGE_MAX];
    term_space(p, BELOW);
    term_wrapped(p, x->state == GATE_OVER ? TERM_RED : TERM_YELLOW, message(text, c, x), BELOW + 2);
    term_end(p);
}

static void put_needs(struct term *p, const struct gate_endpoint *e)
{
    char text[PHRASE_MAX];
    if (e->state != GATE_THIN || e->needs >= NEEDS_MAX)
        return;
    term_space(p, BELOW);
    term_put(p, TERM_PLAIN, "needs ");
    text_count(p, e->needs, "more request", "more requests");
    if (e->wait_ms > 0) {
        term_put(p, TERM_PLAIN, ", about ");
        term_put(p, TERM_PLAIN, phrase_span(text, e->wait_ms));
        term_wrapped(p, TERM_PLAIN, " at the present rate", BELOW + 2);
    }
    term_end(p);
}

static void put_endpoint(struct term *p, const struct gate_endpoint *e)
{
    static const enum term_style styles[] = {TERM_GREEN, TERM_YELLOW, TERM_RED};
    term_space(p, 2);
    term_left(p, styles[e->state], gate_state_word(e->state), 8);
    term_put(p, TERM_BOLD, e->endpoint->name);
    term_wrapped(p, TERM_DIM, TEXT_DOT "route ", BELOW);
    term_wrapped(p, TERM_DIM, e->endpoint->route, BELOW);
    term_wrapped(p, TERM_DIM, TEXT_DOT, BELOW);
    text_count(p, e->endpoint->compared, "pair", "pairs");
    term_end(p);
    for (enum gate_check c = 0; c < GATE_CHECKS; c++)
        if (e->checks[c].state != GATE_HOLDS)
            put_check(p, c, &e->checks[c]);
    put_needs(p, e);
}

/* What was seen to differ and is not held against new. */
static void put_left_out(struct term *p, const struct report *r)
{
    const struct {
        const char *word;
        uint64_t n;
    } list[] = {{"of noise", r->noise},
                {"transient", r->settled[SETTLED_TRANSIENT]},
                {"of skew", r->settled[SETTLED_SKEW]}};
    char text[PHRASE_LONG], n[PHRASE_MAX];
    const char *sep = "mismatches not counted: ";
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        if (list[i].n == 0)
            continue;
        (void)snprintf(text, sizeof(text), "%s%s %s", sep, phrase_count(n, list[i].n),
                       list[i].word);
        term_wrapped(p, TERM_DIM, text, 2);
        sep = ", ";
    }
    if (sep[0] == ',')
        term_end(p);
    if (r->states[EVIDENCE_BLIND] == 0)
        return;
    bool one = r->states[EVIDENCE_BLIND] == 1;
    (void)snprintf(text, sizeof(text),
                   "nothing can be told about %s field%s: legacy differs from "
                   "itself there",
                   phrase_count(n, r->states[EVIDENCE_BLIND]), one ? "" : "s");
    term_wrapped(p, TERM_YELLOW, text, 2);
    term_end(p);
}

/* A gate that looks at what is long past says so. */
static void put_when(struct term *p, const struct report *r)
{
    char text[PHRASE_MAX], ago[PHRASE_MAX + 16];
    uint64_t now = clock_wall_ms();
    if (r->pairs == 0)
        return;
    term_put(p, TERM_DIM, phrase_time(text, r->first_ms));
    term_put(p, TERM_DIM, " to ");
    term_put(p, TERM_DIM, phrase_time(text, r->last_ms));
    (void)snprintf(ago, sizeof(ago), " UTC, %s ago",
                   phrase_span(text, now > r->last_ms ? now - r->last_ms : 0));
    term_wrapped(p, TERM_DIM, ago, 2);
    term_end(p);
}

/* What a comparison with a hole lets through counts as clean. */
static void put_holes(struct term *p, const struct report *r)
{
    uint64_t seeds[SEED_OUTCOMES];
    report_seeds_total(r, seeds);
    if (seeds[SEED_MISSED] == 0)
        return;
    term_put(p, TERM_RED, "! ");
    text_count(p, seeds[SEED_MISSED], "planted defect was missed:", "planted defects were missed:");
    term_wrapped(p, TERM_PLAIN, " `weir report --seed-defects` says which", 2);
    term_end(p);
}

/* Whose tables it is decided from, and what is not in them. */
static void put_source(struct term *p, const struct report *r)
{
    char n[PHRASE_MAX];
    text_instances(p, r);
    if (r->compared > 0 || report_dropped(r) == 0)
        return;
    term_put(p, TERM_DIM, phrase_count(n, report_dropped(r)));
    term_wrapped(p, TERM_DIM,
                 " copies were not sent, or not compared: `weir report` has the reasons", 2);
    term_end(p);
}

/* What decides comes first: new is worse for sure, over a limit, thin, holds. */
static unsigned rank_of(const struct gate_endpoint *e)
{
    return e->checks[CHECK_ERRORS].proven ? RANKS - 1 : (unsigned)e->state;
}

static size_t put_endpoints(struct term *p, const struct gate *g)
{
    size_t listed = 0;
    for (unsigned rank = RANKS; rank-- > 0;)
        for (size_t i = 0; i < g->n && listed < LISTED_MAX; i++)
            if (rank_of(&g->endpoints[i]) == rank) {
                put_endpoint(p, &g->endpoints[i]);
                listed++;
            }
    return listed;
}

static void put_share(struct term *p, double share)
{
    char text[PHRASE_MAX];
    term_fit(p, term_columns(phrase_percent(text, share)), 2);
    term_put(p, TERM_PLAIN, text);
}

enum err gate_text(const struct gate *g, struct buf *out)
{
    static const enum term_style styles[] = {TERM_GREEN, TERM_YELLOW, TERM_RED, TERM_YELLOW};
    static const char *const words[] = {"PROMOTE", "HOLD", "ROLL BACK", "NO DATA"};
    const struct report_options *o = g->report->options;
    struct term p = {out, o->width == 0 ? WIDTH_DEFAULT : o->width, o->colour, ERR_OK};
    term_put(&p, styles[g->verdict], words[g->verdict]);
    term_put(&p, TERM_PLAIN, ": ");
    term_wrapped(&p, TERM_PLAIN, g->why, 2);
    if (g->report->compared > 0) {
        term_wrapped(&p, TERM_PLAIN, "; covered ", 2);
        put_share(&p, g->coverage);
        term_wrapped(&p, TERM_PLAIN, " of the traffic, needs ", 2);
        put_share(&p, g->limits->coverage);
    }
    term_end(&p);
    put_when(&p, g->report);
    put_source(&p, g->report);
    put_holes(&p, g->report);
    put_left_out(&p, g->report);
    size_t listed = put_endpoints(&p, g);
    if (g->n > listed) {
        term_space(&p, 2);
        text_count(&p, g->n - listed, "more endpoint", "more endpoints");
        term_end(&p);
    }
    return p.err;
}

/* --- JSON --- */

static enum err json_check(enum gate_check c, const struct gate_result *x, struct buf *b)
{
    TRY(buf_printf(b, "%s\"%s\":{\"state\":\"%s\",\"observed\":%.6f,\"limit\":%.6f",
                   c == 0 ? "" : ",", gate_check_word(c), gate_state_word(x->state), x->observed,
                   x->limit));
    TRY(isinf(x->upper) ? buf_append(b, SPAN(",\"upper\":null"))
                        : buf_printf(b, ",\"upper\":%.6f", x->upper));
    return buf_printf(b, ",\"needs\":%llu}", (unsigned long long)x->needs);
}

static enum err json_endpoint(const struct gate_endpoint *e, struct buf *b)
{
    TRY(buf_append(b, SPAN("{\"endpoint\":")));
    TRY(jwrite_string(b, span_str(e->endpoint->name)));
    TRY(jwrite_member(b, "route", span_str(e->endpoint->route)));
    TRY(jwrite_member(b, "state", span_str(gate_state_word(e->state))));
    TRY(buf_printf(b,
                   ",\"pairs\":%llu,\"compared\":%llu,\"needs\":%llu,\"wait_ms\":%llu,"
                   "\"checks\":{",
                   (unsigned long long)e->endpoint->pairs,
                   (unsigned long long)e->endpoint->compared, (unsigned long long)e->needs,
                   (unsigned long long)e->wait_ms));
    for (enum gate_check c = 0; c < GATE_CHECKS; c++)
        TRY(json_check(c, &e->checks[c], b));
    return buf_append(b, SPAN("}}"));
}

enum err gate_json(const struct gate *g, struct buf *out)
{
    TRY(buf_printf(out, "{\"gate\":1,\"verdict\":\"%s\",\"exit\":%d,\"why\":\"%s\"",
                   gate_verdict_word(g->verdict), 10 * (int)g->verdict, g->why));
    TRY(buf_printf(out,
                   ",\"coverage\":%.6f,\"coverage_limit\":%.6f,\"pairs\":%llu,"
                   "\"first_ms\":%llu,\"last_ms\":%llu,\"not_counted\":{\"transient\":%llu,"
                   "\"skew\":%llu,\"noise\":%llu},"
                   "\"blind\":%llu,\"endpoints\":[",
                   g->coverage, g->limits->coverage, (unsigned long long)g->report->pairs,
                   (unsigned long long)g->report->first_ms, (unsigned long long)g->report->last_ms,
                   (unsigned long long)g->report->settled[SETTLED_TRANSIENT],
                   (unsigned long long)g->report->settled[SETTLED_SKEW],
                   (unsigned long long)g->report->noise,
                   (unsigned long long)g->report->states[EVIDENCE_BLIND]));
    for (size_t i = 0; i < g->n; i++) {
        TRY(buf_append(out, i == 0 ? SPAN("\n") : SPAN(",\n")));
        TRY(json_endpoint(&g->endpoints[i], out));
    }
    return buf_append(out, SPAN("]}\n"));
}

/* --- JUnit --- */

static enum err junit_endpoint(const struct gate_endpoint *e, struct buf *out)
{
    static const char *const tags[] = {NULL, "skipped", "failure"};
    char text[MESSAGE_MAX];
    for (enum gate_check c = 0; c < GATE_CHECKS; c++)
        TRY(junit_case(out, e->endpoint->name, gate_check_word(c), tags[e->checks[c].state],
                       message(text, c, &e->checks[c])));
    return ERR_OK;
}

enum err gate_junit(const struct gate *g, struct buf *out)
{
    size_t counts[3] = {0, 0, 0};
    bool good = g->verdict == GATE_PROMOTE;
    for (size_t i = 0; i < g->n; i++)
        for (enum gate_check c = 0; c < GATE_CHECKS; c++)
            counts[g->endpoints[i].checks[c].state]++;
    TRY(junit_begin(out, "weir gate", g->n * GATE_CHECKS + 1, counts[GATE_OVER] + (good ? 0 : 1),
                    counts[GATE_THIN]));
    TRY(junit_case(out, "weir gate", gate_verdict_word(g->verdict), good ? NULL : "failure",
                   g->why));
    for (size_t i = 0; i < g->n; i++)
        TRY(junit_endpoint(&g->endpoints[i], out));
    return junit_end(out);
}
