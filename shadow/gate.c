/* The gate. It never says yes because nothing was seen: every limit is held against an upper bound,
 * and what is too thin to have one is not covered. */
#include "shadow/gate.h"

#include <math.h>
#include <stdlib.h>

static const double wait_max_ms = 1e15;

/* --- words --- */

const char *gate_check_word(enum gate_check c)
{
    static const char *const words[GATE_CHECKS] = {"errors", "mismatch", "p95", "p99"};
    return words[c];
}

const char *gate_state_word(enum gate_state s)
{
    static const char *const words[] = {"holds", "thin", "over"};
    return words[s];
}

const char *gate_verdict_word(enum gate_verdict v)
{
    static const char *const words[] = {"promote", "hold", "roll back", "no data"};
    return words[v];
}

/* --- how many more --- */

struct outlook {
    double rates[2]; /* as they are now: of legacy and new, or of mismatches */
    double limit;
};

static uint64_t hits(double rate, uint64_t n)
{
    return (uint64_t)llround(rate * (double)n);
}

static bool errors_hold(const struct outlook *o, uint64_t n)
{
    return stats_difference(hits(o->rates[0], n), n, hits(o->rates[1], n), n).high <= o->limit;
}

/* The bound is below the limit; 100 % is no limit. */
static bool is_below(double upper, double limit)
{
    return upper < limit || limit >= 1;
}

static bool mismatch_holds(const struct outlook *o, uint64_t n)
{
    return is_below(stats_upper(hits(o->rates[0], n), n), o->limit);
}

/* The smallest n that would do if all goes on as it was, less what there is. */
static uint64_t needs(const struct outlook *o, bool (*holds)(const struct outlook *o, uint64_t n),
                      uint64_t have)
{
    uint64_t low = have, high = have == 0 ? 1 : have;
    while (!holds(o, high)) {
        if (high >= NEEDS_MAX)
            return NEEDS_MAX;
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (holds(o, middle))
            high = middle;
        else
            low = middle;
    }
    return high - have;
}

/* --- checks --- */

static double rate_of(uint64_t k, uint64_t n)
{
    return n == 0 ? 0 : (double)k / (double)n;
}

static enum gate_state state_of(const struct gate_result *c, bool holds)
{
    return holds ? GATE_HOLDS : c->observed > c->limit ? GATE_OVER : GATE_THIN;
}

static void check_errors(const struct report_endpoint *e, struct gate_result *c)
{
    const uint64_t *k = e->errors, n = e->judged;
    struct outlook o = {{rate_of(k[SIDE_LEGACY], n), rate_of(k[SIDE_NEW], n)}, c->limit};
    struct interval d = stats_difference(k[SIDE_LEGACY], n, k[SIDE_NEW], n);
    c->observed = o.rates[1] - o.rates[0];
    c->upper = d.high;
    c->proven = d.low > c->limit;
    c->state = state_of(c, d.high <= c->limit);
    if (c->state == GATE_THIN)
        c->needs = needs(&o, errors_hold, n);
}

static void check_mismatch(const struct report_endpoint *e, struct gate_result *c)
{
    uint64_t k = e->counted, n = e->compared;
    struct outlook o = {{rate_of(k, n), 0}, c->limit};
    c->observed = o.rates[0];
    c->upper = stats_upper(k, n);
    c->proven = stats_wilson(k, n).low > c->limit;
    c->state = state_of(c, is_below(c->upper, c->limit));
    if (c->state == GATE_THIN)
        c->needs = needs(&o, mismatch_holds, n);
}

/* The upper bound of a ratio from the intervals of both, in logarithms (Zou and Donner 2008). */
static void check_latency(const struct report_endpoint *e, double q, struct gate_result *c)
{
    const struct stats_times *l = &e->times[SIDE_LEGACY], *n = &e->times[SIDE_NEW];
    double pl = fmax(1, (double)stats_quantile(l, q)), pn = fmax(1, (double)stats_quantile(n, q));
    uint64_t l_low, l_high, n_low, n_high;
    c->observed = e->compared == 0 ? 0 : pn / pl;
    c->upper = HUGE_VAL;
    c->state = GATE_THIN;
    if (!stats_quantile_interval(l, q, &l_low, &l_high) ||
        !stats_quantile_interval(n, q, &n_low, &n_high)) {
        c->needs = stats_quantile_needs(q) - l->n;
        return;
    }
    double up = hypot(log(fmax(1, (double)n_high) / pn), log(pl / fmax(1, (double)l_low)));
    double down = hypot(log(pn / fmax(1, (double)n_low)), log(fmax(1, (double)l_high) / pl));
    double room = log(c->limit / c->observed);
    c->upper = c->observed * exp(up);
    c->proven = c->observed * exp(-down) > c->limit;
    c->state = state_of(c, c->upper <= c->limit);
    if (c->state == GATE_THIN) /* intervals shrink with the root of n */
        c->needs =
            (uint64_t)fmin(NEEDS_MAX, ceil((double)l->n * (pow(up / fmax(room, 1e-6), 2) - 1)));
}

/* --- an endpoint --- */

static void judge(const struct gate *g, const struct report_endpoint *e, struct gate_endpoint *out)
{
    const struct gate_limits *limits = g->limits;
    const struct report *r = g->report;
    uint64_t span = r->last_ms > r->first_ms ? r->last_ms - r->first_ms : 0;
    *out = (struct gate_endpoint){.endpoint = e};
    out->checks[CHECK_ERRORS].limit = limits->errors;
    out->checks[CHECK_MISMATCH].limit = limits->mismatch;
    out->checks[CHECK_P95].limit = limits->p95;
    out->checks[CHECK_P99].limit = limits->p99;
    check_errors(e, &out->checks[CHECK_ERRORS]);
    check_mismatch(e, &out->checks[CHECK_MISMATCH]);
    check_latency(e, 0.95, &out->checks[CHECK_P95]);
    check_latency(e, 0.99, &out->checks[CHECK_P99]);
    for (enum gate_check c = 0; c < GATE_CHECKS; c++) {
        if (out->checks[c].state > out->state)
            out->state = out->checks[c].state;
        if (out->checks[c].needs > out->needs)
            out->needs = out->checks[c].needs;
    }
    if (e->compared > 0)
        out->wait_ms =
            (uint64_t)fmin(wait_max_ms, (double)span / (double)e->compared * (double)out->needs);
}

/* --- all of it --- */

static bool is_proven_worse(const struct gate *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->endpoints[i].checks[CHECK_ERRORS].proven)
            return true;
    return false;
}

static bool some_are_over(const struct gate *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->endpoints[i].state == GATE_OVER)
            return true;
    return false;
}

static void say(struct gate *g, enum gate_verdict verdict, const char *why)
{
    g->verdict = verdict;
    g->why = why;
}

static uint64_t conditional(const struct report *r)
{
    for (size_t i = 0; i < r->nreasons; i++)
        if (r->reasons[i].verdict == VERDICT_SKIPPED &&
            strcmp(r->reasons[i].word, "conditional") == 0)
            return r->reasons[i].n;
    return 0;
}

/* Skipped pairs say nothing about either side; too many of them and nothing was measured. */
static bool is_broken(const struct report *r)
{
    return (r->verdicts[VERDICT_SKIPPED] - conditional(r)) * 2 > r->pairs ||
           (r->unreadable + r->newer) * 10 > r->lines;
}

static void conclude(struct gate *g)
{
    const struct report *r = g->report;
    if (r->pairs == 0 && r->outside > 0)
        say(g, GATE_NO_DATA, "no record is of this route and time");
    else if (r->pairs == 0 || r->compared + r->verdicts[VERDICT_FAILED] == 0)
        say(g, GATE_NO_DATA, "no pair of answers was compared");
    else if (is_broken(r))
        say(g, GATE_NO_DATA, "most of what was recorded could not be compared or read");
    else if (is_proven_worse(g))
        say(g, GATE_ROLL_BACK, "new fails more often than legacy, by more than is allowed");
    else if (some_are_over(g))
        say(g, GATE_HOLD, "a limit is exceeded");
    else if (g->coverage < g->limits->coverage)
        say(g, GATE_HOLD, "too few requests to be sure");
    else
        say(g, GATE_PROMOTE, "every limit holds");
}

enum err gate_make(const struct report *r, const struct gate_limits *limits, struct gate *g)
{
    uint64_t covered = 0;
    *g = (struct gate){.report = r, .limits = limits};
    g->endpoints = calloc(r->nendpoints + 1, sizeof(*g->endpoints));
    if (g->endpoints == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < r->nendpoints; i++) {
        judge(g, r->endpoints[i], &g->endpoints[i]);
        if (g->endpoints[i].state == GATE_HOLDS)
            covered += r->endpoints[i]->pairs;
    }
    g->n = r->nendpoints;
    g->coverage = rate_of(covered, r->pairs);
    conclude(g);
    return ERR_OK;
}

void gate_free(struct gate *g)
{
    free(g->endpoints);
    *g = (struct gate){.endpoints = NULL};
}

enum err shadow_gate(const struct report_options *o, const struct gate_limits *limits,
                     enum gate_format format, struct buf *out, enum gate_verdict *verdict,
                     struct complaints *wrong)
{
    struct report *r = calloc(1, sizeof(*r));
    struct gate g;
    *verdict = GATE_NO_DATA;
    enum err e = r == NULL ? ERR_NO_MEMORY : report_make(o, r, wrong);
    if (e != ERR_OK) {
        free(r);
        return e;
    }
    e = gate_make(r, limits, &g);
    if (e == ERR_OK) {
        *verdict = g.verdict;
        e = format == GATE_JSON    ? gate_json(&g, out)
            : format == GATE_JUNIT ? gate_junit(&g, out)
                                   : gate_text(&g, out);
        gate_free(&g);
    }
    report_free(r);
    free(r);
    return e;
}
