/* Looking first, counting second. */
#include "shadow/report_tables.h"
#include "shadow/report_noise.h"
#include "shadow/report_rules.h"

#include "base/clock.h"

#include <stdlib.h>

/* --- the first time round --- */

static struct report_head *head_of(struct report *r, const struct record *x)
{
    struct report_tables *t = r->tables;
    for (size_t i = 0; i < t->nheads; i++)
        if (t->heads[i].begun_ms == x->begun_ms &&
            span_eq(span_str(t->heads[i].instance), x->instance))
            return &t->heads[i];
    return NULL;
}

static enum err survey_table(struct report *r, const struct record *x)
{
    struct report_tables *t = r->tables;
    struct report_head *h = head_of(r, x);
    if (h != NULL) {
        h->generation = x->at_ms > h->generation ? x->at_ms : h->generation;
        return ERR_OK;
    }
    if (t->nheads == REPORT_HEADS_MAX)
        return ERR_OK; /* counted as left out the second time */
    const char *instance = arena_copy(&r->arena, x->instance);
    if (instance == NULL)
        return ERR_NO_MEMORY;
    t->heads[t->nheads++] = (struct report_head){instance, x->begun_ms, x->at_ms, false};
    return ERR_OK;
}

enum err report_survey(struct report *r, const struct record *x)
{
    if (x->type == RECORD_TABLE)
        return survey_table(r, x);
    if (x->type != RECORD_PAIR)
        return ERR_OK;
    r->tables->pairs = true;
    if (x->endpoint_fixed)
        return ERR_OK;
    enum err e = trie_add(&r->tables->trie, x->route,
                          span_until(x->endpoint, min_size(x->endpoint.n, ENDPOINT_MAX)));
    return e == ERR_NO_MEMORY ? e : ERR_OK; /* without room it keeps its name */
}

enum err report_surveyed(struct report *r, struct complaints *wrong)
{
    if (r->tables->nheads > 0 && r->options->rules != NULL) {
        complain(wrong, "report", "give records",
                 "--rules are tried on pairs, which a table of findings does not hold; what rules "
                 "in force hide is in its report");
        return ERR_INVALID;
    }
    if (!r->tables->pairs || r->tables->nheads == 0)
        return ERR_OK;
    complain(wrong, "report", "give records or tables of findings",
             "these are both, and they count the same pairs");
    return ERR_INVALID;
}

void report_name(const struct report *r, const struct record *x, struct endpoint *out)
{
    struct endpoint e = {.n = min_size(x->endpoint.n, ENDPOINT_MAX), .fixed = x->endpoint_fixed};
    memcpy(e.text, x->endpoint.p, e.n);
    trie_name(&r->tables->trie, x->route, &e, out);
}

/* --- the second time --- */

static struct report_instance *instance_of(struct report *r, const char *name)
{
    for (size_t i = 0; i < r->ninstances; i++)
        if (strcmp(r->instances[i].name, name) == 0)
            return &r->instances[i];
    if (r->ninstances == REPORT_INSTANCES_MAX)
        return NULL;
    r->instances[r->ninstances] = (struct report_instance){.name = name};
    return &r->instances[r->ninstances++];
}

static void seen(struct report_instance *i, const struct report_head *h)
{
    i->at_ms = h->generation > i->at_ms ? h->generation : i->at_ms;
    i->since_ms = i->since_ms == 0 || h->begun_ms < i->since_ms ? h->begun_ms : i->since_ms;
}

/* The greatest of all, so that it does not matter which was read last. */
static enum err take_run(struct report *r, const struct record *x)
{
    if (r->store != NULL && !span_eq(span_str(r->store), x->store))
        r->mixed_stores = true;
    if (r->store == NULL || span_cmp(x->store, span_str(r->store)) > 0)
        r->store = arena_copy(&r->arena, x->store);
    if (r->version == NULL || span_cmp(x->version, span_str(r->version)) > 0)
        r->version = arena_copy(&r->arena, x->version);
    return r->store == NULL || r->version == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err take_head(struct report *r, const struct record *x)
{
    struct report_tables *t = r->tables;
    struct report_head *h = head_of(r, x);
    t->current = h != NULL && h->generation == x->at_ms && !h->taken;
    if (t->current && x->at_ms < r->options->since_ms) {
        t->current = false;
        r->outside++;
    }
    if (!t->current)
        return ERR_OK;
    h->taken = t->any = true;
    struct report_instance *i = instance_of(r, h->instance);
    if (i != NULL)
        seen(i, h);
    r->lost_findings = findings_sum(r->lost_findings, findings_sum(x->lost, x->left_out));
    for (size_t d = 0; d < SHADOW_DROP_COUNT; d++)
        r->drops[d] = findings_sum(r->drops[d], x->drops[d]);
    return take_run(r, x);
}

static enum err take_missing(struct report *r, const struct record *x)
{
    const char *name = arena_copy(&r->arena, x->instance);
    struct report_instance *i = name == NULL ? NULL : instance_of(r, name);
    if (i != NULL)
        i->missing = i->at_ms == 0;
    return name == NULL ? ERR_NO_MEMORY : ERR_OK;
}

enum err report_tables_line(struct report *r, const struct record_reader *reader)
{
    const struct record *x = &reader->record;
    if (x->type == RECORD_TABLE)
        return take_head(r, x);
    if (x->type == RECORD_MISSING)
        return take_missing(r, x);
    r->tables->current = r->tables->current && x->type != RECORD_END;
    if (!r->tables->current)
        return ERR_OK;
    if (r->options->route != NULL && !span_eq(span_str(r->options->route), x->route)) {
        r->outside++;
        return ERR_OK;
    }
    enum err e = findings_take(&r->tables->sum, &reader->doc, x);
    r->unreadable += e == ERR_INVALID ? 1 : 0;
    return e == ERR_INVALID ? ERR_OK : e;
}

bool report_tables_wants(const struct report *r)
{
    return r->tables->nheads == 0 || r->tables->current;
}

/* --- from the sum to the report --- */

static void copy_counts(struct report *r, const struct findings_endpoint *from,
                        struct report_endpoint *e)
{
    for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++) {
        e->verdicts[k] = from->verdicts[k];
        r->verdicts[k] = findings_sum(r->verdicts[k], from->verdicts[k]);
        e->pairs = findings_sum(e->pairs, from->verdicts[k]);
    }
    r->pairs = findings_sum(r->pairs, e->pairs);
    e->compared = findings_sum(e->verdicts[VERDICT_MATCH], e->verdicts[VERDICT_MISMATCH]);
    r->compared = findings_sum(r->compared, e->compared);
    for (enum settled s = SETTLED_PERSISTENT; s < SETTLED_KINDS; s++) {
        e->settled[s] = from->settled[s];
        r->settled[s] = findings_sum(r->settled[s], from->settled[s]);
        if (settled_counts(s))
            e->counted = findings_sum(e->counted, from->settled[s]);
    }
    r->hidden_pairs = findings_sum(r->hidden_pairs, from->by_rules);
    e->judged = from->judged;
    e->more = from->more;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW;
         s++) /* a forged table must not make a rate > 1 */
        e->errors[s] = from->errors[s] < e->judged ? from->errors[s] : e->judged;
    if (from->times[SIDE_LEGACY].n == from->times[SIDE_NEW].n)
        memcpy(e->times, from->times, sizeof(e->times));
    e->nstatuses = min_size(from->nstatuses, REPORT_STATUS_MAX);
    for (size_t i = 0; i < e->nstatuses; i++)
        e->statuses[i] = (struct report_status){from->statuses[i].legacy, from->statuses[i].new_,
                                                from->statuses[i].n};
    e->other_statuses = from->other_statuses;
    memcpy(e->probes, from->probes, sizeof(e->probes));
    r->probes = findings_sum(r->probes, e->probes[REACH_STATUS]);
}

static enum err copy_absent(struct report *r, const struct findings_endpoint *from,
                            struct report_endpoint *e)
{
    for (size_t i = 0; i < from->nabsent; i++) {
        struct report_absent *a = report_absent_of(r, e, span_str(from->absent[i].path));
        if (a == NULL)
            return ERR_NO_MEMORY;
        a->pairs = from->absent[i].pairs;
        a->probes = from->absent[i].probes;
    }
    return ERR_OK;
}

/* One whose counts were left out tells of no rate. */
static bool is_counted(const struct findings_endpoint *e)
{
    uint64_t n = 0;
    for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++)
        n |= e->verdicts[k];
    return n > 0;
}

static enum err fill_seeds(struct report *r, const struct findings_endpoint *from,
                           struct report_endpoint *e)
{
    for (enum seed_kind k = 0; k < SEED_KINDS && from->seeds != NULL; k++) {
        const struct findings_seed *x = &from->seeds[k];
        memcpy(e->seeds[k].n, x->n, sizeof(x->n));
        if (x->path == NULL)
            continue;
        e->seeds[k].path = arena_copy(&r->arena, span_str(x->path));
        e->seeds[k].by = arena_copy(&r->arena, span_str(x->by));
        if (e->seeds[k].path == NULL || e->seeds[k].by == NULL)
            return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

static enum err fill_endpoint(struct report *r, const struct findings_endpoint *from)
{
    if (!is_counted(from))
        return ERR_OK;
    struct report_endpoint *e = report_endpoint_of(r, span_str(from->route), span_str(from->name));
    if (e == NULL)
        return ERR_NO_MEMORY;
    copy_counts(r, from, e);
    TRY(copy_absent(r, from, e));
    TRY(fill_seeds(r, from, e));
    for (size_t i = 0; i < from->nreasons; i++)
        TRY(report_reason_add(r, from->reasons[i].verdict, span_str(from->reasons[i].word),
                              from->reasons[i].n));
    if (r->first_ms == 0 || (from->first_ms != 0 && from->first_ms < r->first_ms))
        r->first_ms = from->first_ms;
    r->last_ms = from->last_ms > r->last_ms ? from->last_ms : r->last_ms;
    return ERR_OK;
}

/* By rule, over all routes: they are sorted so. */
static enum err fill_hidden(struct report *r, const struct findings_about *a)
{
    struct span paths[FINDINGS_HIDER_PATHS];
    for (size_t i = 0; i < a->nhiders; i++) {
        const struct findings_hider *h = &a->hiders[i];
        for (size_t k = 0; k < h->npaths; k++)
            paths[k] = span_str(h->paths[k]);
        TRY(report_rules_hidden(r, span_str(h->rule), h->pairs, h->places, h->last_ms, paths,
                                h->npaths, h->more_paths));
    }
    return ERR_OK;
}

static int by_software(const void *pa, const void *pb)
{
    const struct report_stack *a = pa, *b = pb;
    int c = strcmp(a->legacy, b->legacy);
    return c != 0 ? c : strcmp(a->new_, b->new_);
}

static int by_route(const void *pa, const void *pb)
{
    const struct report_in_force *a = pa, *b = pb;
    return strcmp(a->route, b->route);
}

static void read_hiders(const struct jdoc *d, struct record *x)
{
    uint32_t list = jdoc_list(d, 0, "rules");
    for (uint32_t i = list + 1;
         list != JDOC_NONE && i < d->nodes[list].next && x->nhidden < DIFF_HIDDEN_MAX;
         i = d->nodes[i].next)
        if (d->nodes[i].kind == JDOC_STRING)
            x->hidden[x->nhidden++].rule = jdoc_text(d, i);
}

/* Members of the example, as those of a record. */
static void read_example(struct jdoc *d, const struct findings_entry *e, struct record *x,
                         struct record_finding *xf)
{
    if (e->example == NULL || jdoc_parse(d, span_str(e->example)) != ERR_OK)
        return;
    x->at_ms = e->example_ms;
    (void)jdoc_string(d, 0, "id", &x->id);
    (void)jdoc_string(d, 0, "method", &x->method);
    (void)jdoc_string(d, 0, "host", &x->host);
    (void)jdoc_string(d, 0, "target", &x->target);
    (void)jdoc_string(d, 0, "note", &xf->note);
    (void)jdoc_string(d, 0, "legacy", &xf->values[SIDE_LEGACY]);
    (void)jdoc_string(d, 0, "new", &xf->values[SIDE_NEW]);
    (void)jdoc_string(d, 0, "end", &x->recheck_end);
    struct span said = SPAN_NULL;
    if (jdoc_string(d, 0, "said", &said))
        (void)settled_of(said, &x->settled);
    read_hiders(d, x);
}

/* In proportion: a forged number must not make work. */
static void copy_evidence(const struct evidence *from, uint64_t most, struct evidence *to)
{
    to->b = from->b < most ? from->b : most;
    to->c = from->c < most ? from->c : most;
    to->both = from->both < most ? from->both : most;
    while (to->b > EVIDENCE_PROBES_MAX || to->c > EVIDENCE_PROBES_MAX ||
           to->both > EVIDENCE_PROBES_MAX) {
        to->b /= 2;
        to->c /= 2;
        to->both /= 2;
    }
}

static enum err fill_finding(struct report *r, struct record *x, struct jdoc *d,
                             const struct findings_entry *from)
{
    struct findings_texts t;
    struct record_finding xf = {.kind = from->kind, .n = from->places};
    struct report_finding *f;
    if (from->pairs == 0) /* only the serving side had it, with itself */
        return ERR_OK;
    if (!is_counted(from->endpoint)) {
        r->lost_findings++;
        return ERR_OK;
    }
    findings_texts(from, &t);
    xf.path = t.path;
    xf.detail = t.detail;
    xf.method = t.method;
    memcpy(xf.classes, t.classes, sizeof(xf.classes));
    memset(x, 0, sizeof(*x));
    x->at_ms = from->first_ms;
    read_example(d, from, x, &xf);
    struct report_endpoint *e =
        report_endpoint_of(r, span_str(from->endpoint->route), span_str(from->endpoint->name));
    if (e == NULL)
        return ERR_NO_MEMORY;
    TRY(report_finding_add(r, e, x, &xf, &f));
    if (f == NULL)
        return ERR_OK;
    f->pairs = from->pairs < e->compared ? from->pairs : e->compared;
    f->lasting = from->lasting < f->pairs ? from->lasting : f->pairs;
    f->skew = from->skew < f->pairs - f->lasting ? from->skew : f->pairs - f->lasting;
    f->places = from->places;
    copy_evidence(&from->evidence, e->compared, &f->evidence);
    f->first_ms = from->first_ms;
    f->last_ms = from->last_ms;
    return ERR_OK;
}

static int by_name(const void *pa, const void *pb)
{
    const struct report_instance *a = pa, *b = pb;
    return strcmp(a->name, b->name);
}

enum err report_tables_finish(struct report *r)
{
    struct findings *sum = &r->tables->sum;
    struct findings_table *t = &sum->shared.tables[0];
    struct jdoc d = JDOC_INIT;
    enum err e = ERR_OK;
    qsort(r->instances, r->ninstances, sizeof(r->instances[0]), by_name);
    if (!r->tables->any)
        return ERR_OK;
    struct record *x = calloc(1, sizeof(*x));
    if (x == NULL)
        return ERR_NO_MEMORY;
    findings_settle(sum);
    r->lost_findings = findings_sum(r->lost_findings, t->lost);
    qsort(r->stacks, r->nstacks, sizeof(r->stacks[0]), by_software);
    qsort(r->in_force, r->nin_force, sizeof(r->in_force[0]), by_route);
    for (size_t i = 0; i < t->nendpoints && e == ERR_OK; i++)
        e = fill_endpoint(r, t->endpoints[i]);
    for (size_t i = 0; i < t->nentries && e == ERR_OK; i++)
        e = fill_finding(r, x, &d, &t->entries[i]);
    if (e == ERR_OK)
        e = fill_hidden(r, &t->about);
    jdoc_free(&d);
    free(x);
    return e;
}

/* --- life --- */

enum err report_tables_begin(struct report *r)
{
    r->tables = calloc(1, sizeof(*r->tables));
    if (r->tables == NULL)
        return ERR_NO_MEMORY;
    trie_begin(&r->tables->trie);
    enum err e = findings_begin(&r->tables->sum, NULL, 0);
    if (e != ERR_OK) {
        free(r->tables);
        r->tables = NULL;
    }
    return e;
}

void report_tables_end(struct report *r)
{
    if (r->tables == NULL)
        return;
    trie_end(&r->tables->trie);
    findings_end(&r->tables->sum);
    free(r->tables);
    r->tables = NULL;
}

/* --- whose they are --- */

enum err report_instances(const struct report *r, struct buf *out)
{
    char text[PHRASE_MAX];
    uint64_t now = clock_wall_ms();
    const char *sep = "";
    for (size_t i = 0; i < r->ninstances; i++) {
        const struct report_instance *x = &r->instances[i];
        if (x->missing)
            continue;
        uint64_t age = now > x->at_ms ? now - x->at_ms : 0;
        TRY(buf_printf(out, "%s%s %s ago", sep, x->name, phrase_span(text, age)));
        sep = ", ";
    }
    sep = r->ninstances > 0 && sep[0] != '\0' ? "; missing: " : "missing: ";
    for (size_t i = 0; i < r->ninstances; i++) {
        if (!r->instances[i].missing)
            continue;
        TRY(buf_printf(out, "%s%s", sep, r->instances[i].name));
        sep = ", ";
    }
    return buf_append(out, span_of("", 1));
}

const char *report_not_held(const struct report *r)
{
    return r->ninstances == 0
               ? NULL
               : "Tables hold one example of a finding; bars over time and patches need records.";
}
