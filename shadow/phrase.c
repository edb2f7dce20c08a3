/* Numbers, times and commands as a person reads them. */
#include "shadow/report.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>

const char *phrase_count(char out[PHRASE_MAX], uint64_t n)
{
    char digits[20];
    size_t len = bytes_u64(digits, n), at = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

/* Enough decimals that 99.96 does not become 100 nor 0.04 become 0. */
static int decimals(double percent)
{
    double edge = fmin(percent, 100 - percent);
    if (edge <= 0 || edge >= 1)
        return 1;
    return edge >= 0.1 ? 1 : edge >= 0.01 ? 2 : 3;
}

static const char *number(char *out, size_t max, double percent)
{
    if (percent <= 0 || percent >= 100)
        (void)snprintf(out, max, "%d", percent <= 0 ? 0 : 100);
    else if (percent < 0.001)
        (void)snprintf(out, max, "<0.001");
    else
        (void)snprintf(out, max, "%.*f", decimals(percent), percent);
    return out;
}

const char *phrase_percent(char out[PHRASE_MAX], double rate)
{
    char n[24];
    (void)snprintf(out, PHRASE_MAX, "%s %%", number(n, sizeof(n), rate * 100));
    return out;
}

const char *phrase_interval(char out[PHRASE_MAX], struct interval i)
{
    char low[24], high[24];
    (void)snprintf(out, PHRASE_MAX, "%s\xe2\x80\x93%s %%", number(low, sizeof(low), i.low * 100),
                   number(high, sizeof(high), i.high * 100));
    return out;
}

const char *phrase_duration(char out[PHRASE_MAX], uint64_t us)
{
    if (us < 1000)
        (void)snprintf(out, PHRASE_MAX, "%llu \xc2\xb5s", (unsigned long long)us);
    else if (us < 100000)
        (void)snprintf(out, PHRASE_MAX, "%.1f ms", (double)us / 1e3);
    else if (us < 1000000)
        (void)snprintf(out, PHRASE_MAX, "%.0f ms", (double)us / 1e3);
    else
        (void)snprintf(out, PHRASE_MAX, "%.2f s", (double)us / 1e6);
    return out;
}

const char *phrase_ratio(char out[PHRASE_MAX], uint64_t from, uint64_t to)
{
    if (from == 0 || to == 0)
        (void)snprintf(out, PHRASE_MAX, "-");
    else
        (void)snprintf(out, PHRASE_MAX, "\xc3\x97%.2f", (double)to / (double)from);
    return out;
}

const char *phrase_classes(char out[PHRASE_MAX], const struct report_finding *f)
{
    const char *l = f->classes[SIDE_LEGACY], *r = f->classes[SIDE_NEW];
    const char *one = l[0] == '\0' ? r : l;
    out[0] = '\0';
    if (f->kind == KIND_ORDER || f->kind == KIND_COUNT || f->kind == KIND_SUBTREE)
        return out;
    if (l[0] == '\0' || r[0] == '\0' || strcmp(l, r) == 0)
        (void)snprintf(out, PHRASE_MAX, "%.24s", one);
    else
        (void)snprintf(out, PHRASE_MAX, "%.24s \xe2\x86\x92 %.24s", l, r);
    return out;
}

static int evidence_counts(char *out, const struct evidence *e)
{
    char n[PHRASE_MAX], b[PHRASE_MAX], c[PHRASE_MAX];
    return snprintf(out, PHRASE_LONG,
                    "in %s of %s probes only the sides differ, in %s only one with itself",
                    phrase_count(b, e->b), phrase_count(n, e->probes), phrase_count(c, e->c));
}

const char *phrase_evidence(char out[PHRASE_LONG], const struct report_finding *f)
{
    const struct evidence *e = &f->evidence;
    char a[PHRASE_MAX], b[PHRASE_MAX];
    int n = evidence_counts(out, e);
    size_t room = PHRASE_LONG - (size_t)n;
    double log_e = evidence_log(e->b, e->c);
    if (f->state == EVIDENCE_REGRESS)
        (void)snprintf(out + n, room, " (E %.3g)", exp(fmin(log_e, 700)));
    else if (f->state == EVIDENCE_THIN && e->probes == 0)
        (void)snprintf(out, PHRASE_LONG, "not probed yet");
    else if (f->state == EVIDENCE_THIN)
        (void)snprintf(out + n, room, "; %s more would be a regression",
                       phrase_count(a, evidence_needs(e)));
    else if (f->state == EVIDENCE_CLEAN)
        (void)snprintf(out, PHRASE_LONG, "not there when asked again: transient %s, skew %s",
                       phrase_count(a, f->pairs - f->skew), phrase_count(b, f->skew));
    else if (f->state == EVIDENCE_BLIND)
        (void)snprintf(out, PHRASE_LONG, "one side differs from itself in %s of %s probes",
                       phrase_count(a, e->c + e->both), phrase_count(b, e->probes));
    return out;
}

const char *phrase_time(char out[PHRASE_MAX], uint64_t wall_ms)
{
    char iso[CLOCK_ISO_LEN + 1];
    clock_iso(iso, wall_ms);
    iso[10] = ' ';
    iso[19] = '\0';
    (void)snprintf(out, PHRASE_MAX, "%s", iso);
    return out;
}

const char *phrase_span(char out[PHRASE_MAX], uint64_t ms)
{
    unsigned long long s = ms / 1000;
    if (s < 60)
        (void)snprintf(out, PHRASE_MAX, "%llu s", s);
    else if (s < 3600)
        (void)snprintf(out, PHRASE_MAX, "%llu min %llu s", s / 60, s % 60);
    else if (s < 48ULL * 3600)
        (void)snprintf(out, PHRASE_MAX, "%llu h %llu min", s / 3600, s / 60 % 60);
    else
        (void)snprintf(out, PHRASE_MAX, "%llu days %llu h", s / 86400, s / 3600 % 24);
    return out;
}

/* Within single quotes nothing is special to a shell but the quote itself. */
static enum err put_quoted(struct buf *out, const char *s)
{
    TRY(buf_append(out, SPAN("'")));
    for (; *s != '\0'; s++)
        TRY(*s == '\'' ? buf_append(out, SPAN("'\\''")) : buf_append(out, span_of(s, 1)));
    return buf_append(out, SPAN("'"));
}

enum err phrase_curl(struct buf *out, const struct report_example *e)
{
    if (e->target[0] == '\0')
        return ERR_OK;
    TRY(buf_append(out, SPAN("curl -sS ")));
    if (strcmp(e->method, "HEAD") == 0) {
        TRY(buf_append(out, SPAN("-I ")));
    } else if (e->method[0] != '\0' && strcmp(e->method, "GET") != 0) {
        TRY(buf_append(out, SPAN("-X ")));
        TRY(put_quoted(out, e->method));
        TRY(buf_append(out, SPAN(" ")));
    }
    if (e->host[0] != '\0') {
        char header[300];
        (void)snprintf(header, sizeof(header), "Host: %s", e->host);
        TRY(buf_append(out, SPAN("-H ")));
        TRY(put_quoted(out, header));
        TRY(buf_append(out, SPAN(" ")));
    }
    TRY(buf_append(out, SPAN("\"$BASE\"")));
    return put_quoted(out, e->target);
}

const char *phrase_again(char out[PHRASE_LONG], const struct report_example *e)
{
    static const char *const words[SETTLED_KINDS] = {
        [SETTLED_NOTHING] = "",
        [SETTLED_PERSISTENT] = "asked again: still there",
        [SETTLED_TRANSIENT] = "asked again: gone",
        [SETTLED_SKEW] = "asked again: the sides had other versions of the data",
        [SETTLED_UNCHECKED] = "not asked again",
    };
    bool unchecked = e->said == SETTLED_UNCHECKED && e->end[0] != '\0';
    (void)snprintf(out, PHRASE_LONG, "%s%s%.16s%s%.60s", words[e->said], unchecked ? ": " : "",
                   unchecked ? e->end : "",
                   e->rules[0] == '\0' ? "" : "; rules that hid something: ", e->rules);
    return out;
}

const char *phrase_counted(char out[PHRASE_LONG], uint64_t counted, uint64_t noise,
                           const uint64_t settled[SETTLED_KINDS])
{
    const struct {
        const char *word;
        uint64_t n;
    } list[] = {{"noise", noise},
                {"transient", settled[SETTLED_TRANSIENT]},
                {"other versions", settled[SETTLED_SKEW]}};
    char text[PHRASE_MAX];
    const char *sep = "; ";
    out[0] = '\0';
    if (list[0].n + list[1].n + list[2].n == 0)
        return out;
    int n = snprintf(out, PHRASE_LONG, "%.30s count",
                     counted == 0 ? "none" : phrase_count(text, counted));
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        if (list[i].n == 0)
            continue;
        n += snprintf(out + n, PHRASE_LONG - (size_t)n, "%s%.30s %.16s", sep,
                      phrase_count(text, list[i].n), list[i].word);
        sep = ", ";
    }
    return out;
}

const char *phrase_changed(const struct report *r, const struct report_in_force *f)
{
    if (!f->changed)
        return "";
    return r->ninstances > 1 ? "not the same everywhere, or changed meanwhile"
                             : "changed meanwhile";
}

const char *phrase_rules(char out[PHRASE_LONG], const struct report *r)
{
    char before[PHRASE_MAX], hidden[PHRASE_MAX], left[PHRASE_MAX];
    double n = r->compared == 0 ? 1 : (double)r->compared;
    uint64_t bad = r->verdicts[VERDICT_MISMATCH];
    (void)snprintf(out, PHRASE_LONG, "mismatches without them %.30s, hidden %.30s, left %.30s",
                   phrase_percent(before, (double)(bad + r->hidden_pairs) / n),
                   phrase_percent(hidden, (double)r->hidden_pairs / n),
                   phrase_percent(left, (double)bad / n));
    return out;
}

const char *phrase_rule(char out[PHRASE_LONG], const struct report_rule *x)
{
    out[0] = '\0';
    if (x->rule != NULL && x->rule->action == RULE_KEY)
        (void)snprintf(out, PHRASE_LONG,
                       "hides nothing: elements are told apart by \"%.64s\" when they are compared",
                       x->rule->key);
    else if (x->pairs == 0 && x->undecided == 0)
        (void)snprintf(out, PHRASE_LONG, "matches nothing");
    return out;
}

uint64_t report_dropped(const struct report *r)
{
    uint64_t n = 0;
    for (size_t d = 0; d < SHADOW_DROP_COUNT; d++)
        n += r->drops[d];
    return n;
}
