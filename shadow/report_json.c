/* The report for programs. Numbers are numbers, rates are fractions of 1. */
#include "shadow/report.h"

#include "base/clock.h"

#include "shadow/jwrite.h"

static enum err member(struct buf *b, const char *key, const char *s)
{
    return s == NULL || s[0] == '\0' ? ERR_OK : jwrite_member(b, key, span_str(s));
}

static enum err rate(struct buf *b, uint64_t hits, uint64_t n, struct interval i)
{
    if (n == 0)
        return buf_append(b, SPAN(",\"rate\":null"));
    return buf_printf(b, ",\"rate\":%.6f,\"rate_low\":%.6f,\"rate_high\":%.6f",
                      (double)hits / (double)n, i.low, i.high);
}

static enum err verdicts(struct buf *b, const uint64_t counts[VERDICT_KINDS])
{
    for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++)
        TRY(jwrite_number(b, verdict_word(k), counts[k]));
    return ERR_OK;
}

static enum err reasons(const struct report *r, enum verdict_kind verdict, struct buf *b)
{
    const char *sep = "";
    TRY(buf_printf(b, ",\"%s_reasons\":{", verdict_word(verdict)));
    for (size_t i = 0; i < r->nreasons; i++) {
        if (r->reasons[i].verdict != verdict)
            continue;
        TRY(buf_append(b, span_str(sep)));
        TRY(jwrite_string(b, span_str(r->reasons[i].word)));
        TRY(buf_printf(b, ":%llu", (unsigned long long)r->reasons[i].n));
        sep = ",";
    }
    return buf_append(b, SPAN("}"));
}

static enum err drops(const struct report *r, struct buf *b)
{
    const char *sep = "";
    TRY(buf_append(b, SPAN(",\"not_sent\":{")));
    for (enum shadow_drop d = 0; d < SHADOW_DROP_COUNT; d++) {
        if (r->drops[d] == 0)
            continue;
        TRY(buf_printf(b, "%s\"%s\":%llu", sep, shadow_drop_word(d),
                       (unsigned long long)r->drops[d]));
        sep = ",";
    }
    return buf_append(b, SPAN("}"));
}

static enum err stacks(const struct report *r, struct buf *b)
{
    TRY(buf_append(b, SPAN(",\"stacks\":[")));
    for (size_t i = 0; i < r->nstacks; i++) {
        TRY(buf_append(b, i == 0 ? SPAN("{\"legacy\":") : SPAN(",{\"legacy\":")));
        TRY(jwrite_string(b, span_str(r->stacks[i].legacy)));
        TRY(jwrite_member(b, "new", span_str(r->stacks[i].new_)));
        TRY(buf_append(b, SPAN("}")));
    }
    return buf_append(b, SPAN("]"));
}

static enum err looks(struct buf *b, const uint64_t settled[SETTLED_KINDS], uint64_t counted,
                      uint64_t noise, const uint64_t states[EVIDENCE_STATES])
{
    for (enum settled s = SETTLED_PERSISTENT; s < SETTLED_KINDS; s++)
        TRY(jwrite_number(b, settled_word(s), settled[s]));
    TRY(jwrite_number(b, "counted", counted));
    TRY(jwrite_number(b, "noise", noise));
    TRY(buf_append(b, SPAN(",\"states\":{")));
    for (enum evidence_state s = 0; s < EVIDENCE_STATES; s++)
        TRY(buf_printf(b, "%s\"%s\":%llu", s == 0 ? "" : ",", evidence_word(s),
                       (unsigned long long)states[s]));
    return buf_append(b, SPAN("}"));
}

static enum err instances(const struct report *r, struct buf *b)
{
    TRY(buf_append(b, SPAN(",\"instances\":[")));
    for (size_t i = 0; i < r->ninstances; i++) {
        const struct report_instance *x = &r->instances[i];
        TRY(buf_append(b, i == 0 ? SPAN("{\"instance\":") : SPAN(",{\"instance\":")));
        TRY(jwrite_string(b, span_str(x->name)));
        TRY(jwrite_number(b, "since_ms", x->since_ms));
        TRY(jwrite_number(b, "at_ms", x->at_ms));
        TRY(buf_append(b, x->missing ? SPAN(",\"missing\":true}") : SPAN(",\"missing\":false}")));
    }
    return buf_append(b, SPAN("]"));
}

static enum err totals(const struct report *r, struct buf *b)
{
    TRY(buf_printf(b, "{\"report\":1,\"pairs\":%llu", (unsigned long long)r->pairs));
    TRY(jwrite_number(b, "compared", r->compared));
    TRY(verdicts(b, r->verdicts));
    TRY(rate(b, r->verdicts[VERDICT_MISMATCH], r->compared, r->rate));
    TRY(looks(b, r->settled, r->counted, r->noise, r->states));
    TRY(jwrite_number(b, "probes", r->probes));
    TRY(reasons(r, VERDICT_SKIPPED, b));
    TRY(reasons(r, VERDICT_FAILED, b));
    TRY(drops(r, b));
    TRY(jwrite_number(b, "first_ms", r->first_ms));
    TRY(jwrite_number(b, "last_ms", r->last_ms));
    TRY(buf_printf(b, ",\"records\":{\"lines\":%llu", (unsigned long long)r->lines));
    TRY(jwrite_number(b, "unreadable", r->unreadable));
    TRY(jwrite_number(b, "other_version", r->newer));
    TRY(jwrite_number(b, "left_out", r->outside));
    TRY(member(b, "store", r->store));
    TRY(member(b, "weir", r->version));
    TRY(buf_append(b, SPAN("}")));
    TRY(member(b, "route", r->options->route));
    TRY(jwrite_number(b, "since_ms", r->options->since_ms));
    TRY(jwrite_number(b, "findings_left_out", r->lost_findings));
    TRY(member(b, "source", report_not_held(r) == NULL ? "records" : "tables"));
    if (report_not_held(r) != NULL)
        TRY(member(b, "not_held", report_not_held(r)));
    TRY(instances(r, b));
    return stacks(r, b);
}

/* --- endpoints --- */

static enum err example(const struct report_example *e, struct buf *b)
{
    TRY(buf_printf(b, "{\"at\":%llu", (unsigned long long)e->at_ms));
    TRY(member(b, "id", e->id));
    TRY(member(b, "method", e->method));
    TRY(member(b, "host", e->host));
    TRY(member(b, "target", e->target));
    TRY(member(b, "note", e->note));
    if (e->said != SETTLED_NOTHING)
        TRY(member(b, "recheck", settled_word(e->said)));
    TRY(member(b, "recheck_end", e->end));
    TRY(member(b, "rules", e->rules));
    if (e->values[SIDE_LEGACY] != NULL)
        TRY(jwrite_member(b, "legacy", span_str(e->values[SIDE_LEGACY])));
    if (e->values[SIDE_NEW] != NULL)
        TRY(jwrite_member(b, "new", span_str(e->values[SIDE_NEW])));
    if (e->patch != NULL) {
        TRY(buf_append(b, SPAN(",\"patch\":")));
        TRY(buf_append(b, span_str(e->patch)));
    }
    return buf_append(b, SPAN("}"));
}

static enum err evidence(const struct report_finding *f, struct buf *b)
{
    const struct evidence *e = &f->evidence;
    TRY(member(b, "state", evidence_word(f->state)));
    TRY(jwrite_number(b, "lasting", f->lasting));
    TRY(jwrite_number(b, "transient", f->pairs - f->lasting - f->skew));
    TRY(jwrite_number(b, "skew", f->skew));
    TRY(buf_printf(b, ",\"evidence\":{\"probes\":%llu", (unsigned long long)e->probes));
    TRY(jwrite_number(b, "b", e->b));
    TRY(jwrite_number(b, "c", e->c));
    TRY(jwrite_number(b, "both", e->both));
    return buf_printf(b, ",\"ln_e\":%.4f}", evidence_log(e->b, e->c));
}

static enum err finding(const struct report_finding *f, struct buf *b)
{
    TRY(buf_append(b, SPAN("{\"path\":")));
    TRY(jwrite_string(b, span_str(f->path)));
    TRY(member(b, "kind", finding_kind_word(f->kind)));
    TRY(member(b, "severity", finding_severity_word(finding_severity(f->kind))));
    TRY(member(b, "detail", f->detail));
    TRY(member(b, "method", f->method));
    TRY(member(b, "legacy_class", f->classes[SIDE_LEGACY]));
    TRY(member(b, "new_class", f->classes[SIDE_NEW]));
    TRY(evidence(f, b));
    TRY(jwrite_number(b, "pairs", f->pairs));
    TRY(jwrite_number(b, "places", f->places));
    TRY(jwrite_number(b, "within", f->within));
    TRY(rate(b, f->pairs, f->within, f->rate));
    TRY(jwrite_number(b, "first_ms", f->first_ms));
    TRY(jwrite_number(b, "last_ms", f->last_ms));
    TRY(buf_append(b, SPAN(",\"examples\":[")));
    for (const struct report_example *x = f->examples; x != NULL; x = x->next) {
        TRY(example(x, b));
        TRY(buf_append(b, x->next == NULL ? SPAN("") : SPAN(",")));
    }
    return buf_append(b, SPAN("]}"));
}

static enum err latency(const struct report_endpoint *e, struct buf *b)
{
    static const struct {
        const char *word;
        double q;
    } quantiles[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};
    TRY(buf_append(b, SPAN(",\"latency_us\":{")));
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
        TRY(buf_printf(b, "%s\"%s\":[%llu,%llu]", i == 0 ? "" : ",", quantiles[i].word,
                       (unsigned long long)stats_quantile(&e->times[SIDE_LEGACY], quantiles[i].q),
                       (unsigned long long)stats_quantile(&e->times[SIDE_NEW], quantiles[i].q)));
    return buf_append(b, SPAN("}"));
}

static enum err statuses(const struct report_endpoint *e, struct buf *b)
{
    TRY(buf_append(b, SPAN(",\"status\":[")));
    for (size_t i = 0; i < e->nstatuses; i++)
        TRY(buf_printf(b, "%s{\"legacy\":%u,\"new\":%u,\"pairs\":%llu}", i == 0 ? "" : ",",
                       e->statuses[i].legacy, e->statuses[i].new_,
                       (unsigned long long)e->statuses[i].n));
    return buf_append(b, SPAN("]"));
}

static enum err seeds(const struct report_endpoint *e, struct buf *b)
{
    const char *sep = "";
    TRY(buf_append(b, SPAN(",\"self_test\":[")));
    for (enum seed_kind k = 0; k < SEED_KINDS; k++) {
        const struct report_seed *s = &e->seeds[k];
        if (report_seeds_planted(s) == 0)
            continue;
        TRY(buf_printf(b, "%s{\"defect\":\"%s\"", sep, seed_word(k)));
        TRY(jwrite_number(b, "caught", s->n[SEED_CAUGHT]));
        TRY(jwrite_number(b, "hidden", s->n[SEED_HIDDEN]));
        TRY(jwrite_number(b, "missed", s->n[SEED_MISSED]));
        TRY(member(b, "path", s->path));
        TRY(member(b, "by", s->by));
        TRY(buf_append(b, SPAN("}")));
        sep = ",";
    }
    return buf_append(b, SPAN("]"));
}

static enum err endpoint(const struct report *r, const struct report_endpoint *e, struct buf *b)
{
    TRY(buf_append(b, SPAN("{\"endpoint\":")));
    TRY(jwrite_string(b, span_str(e->name)));
    TRY(jwrite_member(b, "route", span_str(e->route)));
    TRY(jwrite_number(b, "pairs", e->pairs));
    TRY(buf_printf(b, ",\"share\":%.6f", (double)e->pairs / (double)r->pairs));
    TRY(jwrite_number(b, "compared", e->compared));
    TRY(verdicts(b, e->verdicts));
    TRY(rate(b, e->verdicts[VERDICT_MISMATCH], e->compared, e->rate));
    TRY(looks(b, e->settled, e->counted, e->noise, e->states));
    TRY(jwrite_number(b, "probes", e->probes[0]));
    TRY(statuses(e, b));
    TRY(latency(e, b));
    TRY(seeds(e, b));
    TRY(jwrite_number(b, "places_left_out", e->more));
    TRY(buf_append(b, SPAN(",\"findings\":[")));
    for (const struct report_finding *f = e->findings; f != NULL; f = f->next) {
        TRY(finding(f, b));
        TRY(buf_append(b, f->next == NULL ? SPAN("") : SPAN(",")));
    }
    return buf_append(b, SPAN("]}"));
}

static enum err rule(const struct report_rule *x, struct buf *b)
{
    char instead[PHRASE_LONG];
    TRY(buf_append(b, SPAN("{\"id\":")));
    TRY(jwrite_string(b, span_str(x->id)));
    if (x->rule != NULL) {
        char end[CLOCK_ISO_LEN + 1];
        clock_iso(end, x->rule->expires_ms);
        TRY(member(b, "action", rule_action_word(x->rule->action)));
        TRY(member(b, "path", x->rule->path));
        TRY(member(b, "author", x->rule->author));
        TRY(member(b, "reason", x->rule->reason));
        TRY(member(b, "expires", end));
    }
    TRY(jwrite_number(b, "pairs", x->pairs));
    TRY(jwrite_number(b, "places", x->places));
    TRY(jwrite_number(b, "undecided", x->undecided));
    if (phrase_rule(instead, x)[0] != '\0')
        TRY(member(b, "instead", instead));
    TRY(buf_append(b, SPAN(",\"paths\":[")));
    for (size_t i = 0; i < x->npaths; i++) {
        TRY(buf_append(b, i == 0 ? SPAN("") : SPAN(",")));
        TRY(jwrite_string(b, span_str(x->paths[i])));
    }
    return buf_append(b, SPAN("]}"));
}

static enum err rules(const struct report *r, struct buf *b)
{
    TRY(jwrite_number(b, "matches_by_rules", r->hidden_pairs));
    TRY(buf_append(b, SPAN(",\"rules\":[")));
    for (size_t i = 0; i < r->nrules; i++) {
        TRY(buf_append(b, i == 0 ? SPAN("") : SPAN(",")));
        TRY(rule(&r->rules[i], b));
    }
    return buf_append(b, SPAN("]"));
}

static enum err in_force(const struct report *r, struct buf *b)
{
    TRY(buf_append(b, SPAN(",\"options\":[")));
    for (size_t i = 0; i < r->nin_force; i++) {
        TRY(buf_append(b, i == 0 ? SPAN("{\"route\":") : SPAN(",{\"route\":")));
        TRY(jwrite_string(b, span_str(r->in_force[i].route)));
        TRY(jwrite_member(b, "in_force", span_str(r->in_force[i].text)));
        TRY(buf_printf(b, ",\"changed\":%s}", r->in_force[i].changed ? "true" : "false"));
    }
    return buf_append(b, SPAN("]"));
}

static enum err common(const struct report *r, struct buf *b)
{
    TRY(buf_append(b, SPAN(",\"common\":[")));
    for (size_t i = 0; i < r->ncommon; i++) {
        TRY(buf_append(b, i == 0 ? SPAN("{\"path\":") : SPAN(",{\"path\":")));
        TRY(jwrite_string(b, span_str(r->common[i].path)));
        TRY(member(b, "kind", finding_kind_word(r->common[i].kind)));
        TRY(jwrite_number(b, "endpoints", r->common[i].endpoints));
        TRY(jwrite_number(b, "pairs", r->common[i].pairs));
        TRY(buf_append(b, SPAN("}")));
    }
    return buf_append(b, SPAN("]"));
}

enum err report_json(const struct report *r, struct buf *out)
{
    TRY(totals(r, out));
    TRY(rules(r, out));
    TRY(in_force(r, out));
    TRY(common(r, out));
    TRY(buf_append(out, SPAN(",\"endpoints\":[")));
    for (size_t i = 0; i < r->nendpoints; i++) {
        TRY(buf_append(out, i == 0 ? SPAN("\n") : SPAN(",\n")));
        TRY(endpoint(r, r->endpoints[i], out));
    }
    return buf_append(out, SPAN("]}\n"));
}
