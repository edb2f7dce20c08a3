/* Reading records into a report. Everything has a ceiling: a file of any size costs the same memory
 * once the ceilings are reached, and what went over them is counted. */
#include "shadow/report_noise.h"
#include "shadow/report_order.h"
#include "shadow/report_rules.h"
#include "shadow/report_tables.h"

#include "shadow/mix.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    ARENA_MAX = 256 * 1024 * 1024,
    ENDPOINT_INDEX = 4096,
    FINDING_INDEX = 32768,
    TEXT_MAX = 2048, /* of a target or value that is kept */
};

struct report_lookup {
    struct report_endpoint *endpoint;
    struct report_finding *finding;
    uint64_t hash;
};

static const char *keep(struct report *r, struct span s)
{
    return arena_copy(&r->arena, span_until(s, min_size(s.n, TEXT_MAX)));
}

static bool is_same(const char *a, struct span b)
{
    return span_eq(span_str(a), b);
}

/* --- endpoints --- */

static struct report_endpoint *endpoint_new(struct report *r, struct span route, struct span name)
{
    struct report_endpoint *e = arena_zalloc(&r->arena, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->route = keep(r, route);
    e->name = keep(r, name);
    if (e->route == NULL || e->name == NULL)
        return NULL;
    r->endpoints[r->nendpoints++] = e;
    return e;
}

struct report_endpoint *report_endpoint_of(struct report *r, struct span route, struct span name)
{
    uint64_t h = mix_bytes(mix_bytes(3, route), name);
    size_t at = h & (ENDPOINT_INDEX - 1);
    for (; r->endpoint_index[at] != 0; at = (at + 1) & (ENDPOINT_INDEX - 1)) {
        struct report_endpoint *e = r->endpoints[r->endpoint_index[at] - 1];
        if (is_same(e->route, route) && is_same(e->name, name))
            return e;
    }
    if (r->nendpoints < REPORT_ENDPOINTS_MAX) {
        struct report_endpoint *e = endpoint_new(r, route, name);
        if (e != NULL)
            r->endpoint_index[at] = (uint32_t)r->nendpoints;
        return e;
    }
    if (r->other == NULL)
        r->other = endpoint_new(r, SPAN(ENDPOINT_OTHER), SPAN(ENDPOINT_OTHER));
    return r->other;
}

static void count_status(struct report_endpoint *e, const struct record *x)
{
    uint16_t l = (uint16_t)x->status[SIDE_LEGACY], n = (uint16_t)x->status[SIDE_NEW];
    for (size_t i = 0; i < e->nstatuses; i++) {
        if (e->statuses[i].legacy == l && e->statuses[i].new_ == n) {
            e->statuses[i].n++;
            return;
        }
    }
    if (e->nstatuses < REPORT_STATUS_MAX)
        e->statuses[e->nstatuses++] = (struct report_status){l, n, 1};
    else
        e->other_statuses++;
}

/* --- findings --- */

static struct report_finding *finding_new(struct report *r, struct report_endpoint *e,
                                          const struct record_finding *x)
{
    struct report_finding *f = arena_zalloc(&r->arena, sizeof(*f));
    if (f == NULL)
        return NULL;
    f->path = keep(r, x->path);
    if (f->path == NULL)
        return NULL;
    f->kind = x->kind;
    f->next = e->findings;
    e->findings = f;
    e->nfindings++;
    r->nfindings++;
    return f;
}

enum err report_finding_of(struct report *r, struct report_endpoint *e,
                           const struct record_finding *x, struct report_finding **out)
{
    uint64_t h = mix_bytes(mix_two((uint64_t)(uintptr_t)e, (uint64_t)x->kind), x->path);
    size_t at = h & (FINDING_INDEX - 1);
    for (; r->finding_index[at].finding != NULL; at = (at + 1) & (FINDING_INDEX - 1)) {
        const struct report_lookup *l = &r->finding_index[at];
        *out = l->finding;
        if (l->hash == h && l->endpoint == e && l->finding->kind == x->kind &&
            is_same(l->finding->path, x->path))
            return ERR_OK;
    }
    *out = NULL;
    if (r->nfindings == REPORT_FINDINGS_MAX)
        return ERR_OK;
    *out = finding_new(r, e, x);
    if (*out == NULL)
        return ERR_NO_MEMORY;
    r->finding_index[at] = (struct report_lookup){e, *out, h};
    return ERR_OK;
}

/* What only probes had shown until now was made without words. */
static enum err describe(struct report *r, struct report_finding *f, const struct record_finding *x)
{
    f->detail = keep(r, x->detail);
    f->method = keep(r, x->method);
    f->classes[SIDE_LEGACY] = keep(r, x->classes[SIDE_LEGACY]);
    f->classes[SIDE_NEW] = keep(r, x->classes[SIDE_NEW]);
    return f->detail == NULL || f->method == NULL || f->classes[0] == NULL || f->classes[1] == NULL
               ? ERR_NO_MEMORY
               : ERR_OK;
}

static bool is_same_or_none(const char *a, struct span b)
{
    return a == NULL ? b.p == NULL : b.p != NULL && is_same(a, b);
}

/* Three times the same two values would show nothing more than once. */
static bool is_shown(const struct report_finding *f, const struct record_finding *xf)
{
    for (const struct report_example *e = f->examples; e != NULL; e = e->next)
        if (is_same_or_none(e->values[SIDE_LEGACY], xf->values[SIDE_LEGACY]) &&
            is_same_or_none(e->values[SIDE_NEW], xf->values[SIDE_NEW]) &&
            is_same(e->note, xf->note))
            return true;
    return false;
}

static bool is_named_before(const struct record *x, size_t i)
{
    size_t k = 0;
    while (!span_eq(x->hidden[k].rule, x->hidden[i].rule))
        k++;
    return k < i;
}

static const char *keep_hiders(struct report *r, const struct record *x)
{
    struct buf b = BUF_INIT(TEXT_MAX);
    enum err e = ERR_OK;
    for (size_t i = 0; i < x->nhidden && e == ERR_OK; i++) {
        if (is_named_before(x, i))
            continue;
        e = buf_append(&b, b.n == 0 ? SPAN("") : SPAN(", "));
        if (e == ERR_OK)
            e = buf_append(&b, x->hidden[i].rule);
    }
    const char *text = keep(r, buf_span(&b));
    buf_free(&b);
    return text;
}

static enum err add_example(struct report *r, struct report_finding *f, const struct record *x,
                            const struct record_finding *xf)
{
    struct report_example **last = &f->examples;
    struct report_example *e = arena_zalloc(&r->arena, sizeof(*e));
    if (e == NULL)
        return ERR_NO_MEMORY;
    e->at_ms = x->at_ms;
    e->id = keep(r, x->id);
    e->method = keep(r, x->method);
    e->host = keep(r, x->host);
    e->target = keep(r, x->target);
    e->note = keep(r, xf->note);
    e->said = x->settled == SETTLED_PERSISTENT && xf->gone ? SETTLED_TRANSIENT : x->settled;
    e->end = keep(r, x->recheck_end);
    e->rules = keep_hiders(r, x);
    if (e->end == NULL || e->rules == NULL || e->id == NULL || e->method == NULL ||
        e->host == NULL || e->target == NULL || e->note == NULL)
        return ERR_NO_MEMORY;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        if (xf->values[s].p == NULL)
            continue;
        e->values[s] = keep(r, xf->values[s]);
        if (e->values[s] == NULL)
            return ERR_NO_MEMORY;
    }
    TRY(report_patch_keep(r, x, &e->patch));
    while (*last != NULL)
        last = &(*last)->next;
    *last = e;
    f->nexamples++;
    return ERR_OK;
}

static enum err count_finding(struct report *r, struct report_finding *f, const struct record *x,
                              const struct record_finding *xf)
{
    if (f->pairs == 0)
        TRY(describe(r, f, xf));
    if (f->pairs == 0 || x->at_ms < f->first_ms)
        f->first_ms = x->at_ms;
    if (x->at_ms > f->last_ms)
        f->last_ms = x->at_ms;
    f->pairs++;
    f->skew += x->settled == SETTLED_SKEW;
    f->places += xf->n;
    if (f->nexamples < REPORT_EXAMPLES_MAX && !is_shown(f, xf))
        return add_example(r, f, x, xf);
    return ERR_OK;
}

enum err report_finding_add(struct report *r, struct report_endpoint *e, const struct record *x,
                            const struct record_finding *xf, struct report_finding **out)
{
    TRY(report_finding_of(r, e, xf, out));
    if (*out == NULL) {
        r->lost_findings++;
        return ERR_OK;
    }
    return count_finding(r, *out, x, xf);
}

static enum err count_findings(struct report *r, struct report_endpoint *e, const struct record *x,
                               struct report_lasting *lasting)
{
    *lasting = (struct report_lasting){.unknown = x->more > 0};
    for (size_t i = 0; i < x->nfindings; i++) {
        struct report_finding *f;
        TRY(report_finding_add(r, e, x, &x->findings[i], &f));
        if (f == NULL) {
            lasting->unknown = true;
            continue;
        }
        if (x->findings[i].gone || !settled_counts(x->settled))
            continue;
        f->lasting++;
        lasting->list[lasting->n++] = f;
    }
    e->more += x->more;
    return ERR_OK;
}

/* --- records --- */

enum err report_reason_add(struct report *r, enum verdict_kind verdict, struct span reason,
                           uint64_t n)
{
    if (reason.n == 0)
        return ERR_OK;
    for (size_t i = 0; i < r->nreasons; i++) {
        if (r->reasons[i].verdict == verdict && is_same(r->reasons[i].word, reason)) {
            r->reasons[i].n += n;
            return ERR_OK;
        }
    }
    if (r->nreasons == REPORT_REASONS_MAX)
        return ERR_OK;
    const char *word = keep(r, reason);
    if (word == NULL)
        return ERR_NO_MEMORY;
    r->reasons[r->nreasons++] = (struct report_reason){verdict, word, n};
    return ERR_OK;
}

static enum err stack_add(struct report *r, const struct record *x)
{
    const struct span l = x->stack[SIDE_LEGACY], n = x->stack[SIDE_NEW];
    if ((l.n == 0 && n.n == 0) || r->nstacks == REPORT_STACKS_MAX)
        return ERR_OK;
    for (size_t i = 0; i < r->nstacks; i++)
        if (is_same(r->stacks[i].legacy, l) && is_same(r->stacks[i].new_, n))
            return ERR_OK;
    struct report_stack s = {keep(r, l), keep(r, n)};
    if (s.legacy == NULL || s.new_ == NULL)
        return ERR_NO_MEMORY;
    r->stacks[r->nstacks++] = s;
    return ERR_OK;
}

static void count_time(struct report *r, uint64_t at_ms)
{
    if (r->first_ms == 0 || at_ms < r->first_ms)
        r->first_ms = at_ms;
    if (at_ms > r->last_ms)
        r->last_ms = at_ms;
}

static void count_errors(struct report_endpoint *e, const struct record *x)
{
    e->judged++;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        if (x->status[s] >= 500 || (x->verdict == VERDICT_FAILED && s != x->served))
            e->errors[s]++;
}

static struct report_endpoint *endpoint_named(struct report *r, const struct record *x)
{
    struct endpoint name;
    report_name(r, x, &name);
    return report_endpoint_of(r, x->route, span_of(name.text, name.n));
}

static enum err count_pair(struct report *r, struct record *x)
{
    struct report_lasting lasting;
    if (r->options->route != NULL && !is_same(r->options->route, x->route)) {
        r->outside++;
        return ERR_OK;
    }
    struct report_endpoint *e = endpoint_named(r, x);
    if (e == NULL)
        return ERR_NO_MEMORY;
    TRY(report_rules_apply(r, x));
    bool compared = verdict_is_compared(x->verdict);
    count_time(r, x->at_ms);
    r->pairs++;
    e->pairs++;
    r->verdicts[x->verdict]++;
    e->verdicts[x->verdict]++;
    TRY(report_reason_add(r, x->verdict, x->reason, 1));
    TRY(stack_add(r, x));
    if (x->verdict != VERDICT_SKIPPED)
        count_errors(e, x);
    if (!compared)
        return ERR_OK;
    r->compared++;
    e->compared++;
    trend_add(&r->trend, x->at_ms, x->verdict == VERDICT_MISMATCH);
    trend_add(&e->trend, x->at_ms, x->verdict == VERDICT_MISMATCH);
    count_status(e, x);
    stats_add(&e->times[SIDE_LEGACY], x->total_us[SIDE_LEGACY]);
    stats_add(&e->times[SIDE_NEW], x->total_us[SIDE_NEW]);
    TRY(count_findings(r, e, x, &lasting));
    if (x->verdict == VERDICT_MISMATCH)
        noise_count_pair(r, e, x, &lasting);
    return noise_count_probe(r, e, x, &lasting);
}

static enum err count_seeds(struct report *r, const struct record *x)
{
    if (r->pairs == 0 || (r->options->route != NULL && !is_same(r->options->route, x->route)))
        return ERR_OK;
    struct report_endpoint *e = endpoint_named(r, x);
    return e == NULL ? ERR_NO_MEMORY : report_seeds_add(r, e, x);
}

static enum err count_run(struct report *r, const struct record *x)
{
    if (r->store != NULL && !is_same(r->store, x->store))
        r->mixed_stores = true;
    r->store = keep(r, x->store);
    r->version = keep(r, x->version);
    return r->store == NULL || r->version == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err add_about(struct report *r, const struct record *x)
{
    if (r->options->route != NULL && !is_same(r->options->route, x->route))
        return ERR_OK;
    return x->type == RECORD_OPTIONS ? report_options_add(r, x) : stack_add(r, x);
}

static enum err count_record(struct report *r, struct record_reader *reader)
{
    struct record *x = &reader->record;
    if (x->type >= RECORD_TABLE && x->type <= RECORD_MISSING)
        return report_tables_line(r, reader);
    if (!report_tables_wants(r))
        return ERR_OK;
    if (x->type == RECORD_RUN) /* however old: it says how the records after it were made */
        return count_run(r, x);
    if (x->type == RECORD_RULES)
        return report_rules_line(r, x);
    if (x->type == RECORD_OPTIONS || x->type == RECORD_STACK)
        return add_about(r, x);
    if (x->at_ms < r->options->since_ms) {
        r->outside++;
        return ERR_OK;
    }
    if (x->type == RECORD_PAIR)
        return count_pair(r, x);
    if (x->type == RECORD_SEEDS)
        return count_seeds(r, x);
    for (size_t d = 0; d < SHADOW_DROP_COUNT && x->type == RECORD_DROPS; d++)
        r->drops[d] += x->drops[d];
    return ERR_OK;
}

static enum err count_line(struct report *r, struct record_reader *reader, struct span line)
{
    r->lines++;
    enum err e = record_read(reader, line);
    if (e == ERR_NO_MEMORY)
        return e;
    if (e == ERR_OK)
        return count_record(r, reader);
    if (e == ERR_NOT_FOUND)
        r->newer++;
    else
        r->unreadable++;
    return ERR_OK;
}

/* The first time round: what is no record is said the second time. */
static enum err survey_line(struct report *r, struct record_reader *reader, struct span line)
{
    enum err e = record_read(reader, line);
    if (e != ERR_OK)
        return e == ERR_NO_MEMORY ? e : ERR_OK;
    return report_survey(r, &reader->record);
}

typedef enum err line_fn(struct report *r, struct record_reader *reader, struct span line);

static enum err read_lines(struct report *r, struct record_reader *reader, struct record_file *f,
                           line_fn *fn)
{
    struct span line;
    enum err e = ERR_OK;
    while (e == ERR_OK) {
        e = record_file_next(f, &line);
        if (e != ERR_OK || line.p == NULL)
            break;
        e = fn(r, reader, line);
    }
    int saved = errno;
    record_file_close(f);
    errno = saved;
    return e;
}

/* A pipe can be read once only: its pairs are named by what the files before told. */
static bool is_read_twice(const struct record_file *f)
{
    struct stat st;
    return fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode);
}

static enum err read_file(struct report *r, struct record_reader *reader, const char *path,
                          line_fn *fn)
{
    struct record_file f;
    enum err e = record_file_open(&f, path);
    if (e != ERR_OK || (fn == survey_line && !is_read_twice(&f))) {
        record_file_close(&f);
        return e;
    }
    return read_lines(r, reader, &f, fn);
}

static enum err read_all(struct report *r, struct record_reader *reader, line_fn *fn,
                         struct complaints *wrong)
{
    const struct report_options *o = r->options;
    struct record_file f;
    for (size_t i = 0; i < o->nfiles; i++) {
        enum err e = read_file(r, reader, o->files[i], fn);
        if (e == ERR_SYSTEM)
            complain(wrong, o->files[i], "give the file that shadow.records names",
                     "the records cannot be read: %s", strerror(errno));
        TRY(e);
    }
    if (o->text.n == 0)
        return ERR_OK;
    TRY(record_text_open(&f, o->text));
    return read_lines(r, reader, &f, fn);
}

/* --- life --- */

static enum err begin(struct report *r, const struct report_options *o)
{
    memset(r, 0, sizeof(*r));
    r->options = o;
    arena_begin(&r->arena, ARENA_MAX);
    r->endpoints = calloc(REPORT_ENDPOINTS_MAX + 1, sizeof(struct report_endpoint *));
    r->endpoint_index = calloc(ENDPOINT_INDEX, sizeof(*r->endpoint_index));
    r->finding_index = calloc(FINDING_INDEX, sizeof(*r->finding_index));
    if (r->endpoints != NULL && r->endpoint_index != NULL && r->finding_index != NULL &&
        noise_begin(r) == ERR_OK && report_tables_begin(r) == ERR_OK)
        return ERR_OK;
    report_free(r);
    return ERR_NO_MEMORY;
}

void report_free(struct report *r)
{
    report_tables_end(r);
    rulebook_free(&r->book);
    buf_free(&r->rules_line);
    arena_end(&r->arena);
    free(r->endpoints);
    free(r->endpoint_index);
    free(r->finding_index);
    noise_end(r);
    memset(r, 0, sizeof(*r));
}

static enum err make(struct report *r, struct record_reader *reader, struct complaints *wrong)
{
    TRY(read_all(r, reader, survey_line, wrong));
    TRY(report_surveyed(r, wrong));
    TRY(read_all(r, reader, count_line, wrong));
    TRY(report_tables_finish(r));
    return report_rules_finish(r);
}

enum err report_make(const struct report_options *o, struct report *r, struct complaints *wrong)
{
    struct record_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return ERR_NO_MEMORY;
    enum err e = begin(r, o);
    if (e == ERR_OK) {
        e = report_rules_begin(r, wrong);
        if (e != ERR_OK)
            report_free(r);
    }
    if (e == ERR_OK) {
        e = make(r, reader, wrong);
        if (e != ERR_OK)
            report_free(r);
    }
    record_reader_free(reader);
    free(reader);
    if (e == ERR_OK)
        report_order(r);
    return e;
}

enum err shadow_report(const struct report_options *o, struct buf *out, struct complaints *wrong)
{
    struct report r;
    TRY(report_make(o, &r, wrong));
    enum err e = ERR_INVALID;
    switch (o->format) {
    case REPORT_TEXT:
        e = report_text(&r, out);
        break;
    case REPORT_MD:
        e = report_md(&r, out);
        break;
    case REPORT_JUNIT:
        e = report_junit(&r, out);
        break;
    case REPORT_RULES:
        e = report_text_rules(&r, out);
        break;
    case REPORT_SEEDS:
        e = report_text_seeds(&r, out);
        break;
    case REPORT_JSON:
        e = report_json(&r, out);
        break;
    case REPORT_HTML:
        e = report_html(&r, out);
        break;
    }
    report_free(&r);
    return e;
}
