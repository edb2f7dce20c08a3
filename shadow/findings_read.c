/* Lines to tables. They come from a disk or from Redis: nothing is taken that could not have been
 * written by us, and no sum of what is taken can overflow. */
#include "shadow/findings.h"

#include "base/clock.h"
#include "shadow/jwrite.h"

#include <stdlib.h>

enum { CLOCKS_MS = 24 * 3600 * 1000 }; /* two clocks, or one that was put right */

static uint64_t number(const struct jdoc *d, const char *key)
{
    uint64_t n;
    return jdoc_u64(d, 0, key, &n) ? findings_sum(n, 0) : 0;
}

static struct span text(const struct jdoc *d, uint32_t object, const char *key)
{
    struct span s = SPAN_NULL;
    return jdoc_string(d, object, key, &s) ? s : SPAN_NULL;
}

/* The next number of a list; *at begins at the list and ends at 0. */
static bool next_number(const struct jdoc *d, uint32_t list, uint32_t *at, uint64_t *out)
{
    *at = *at == list ? list + 1 : d->nodes[*at].next;
    return *at < d->nodes[list].next && d->nodes[*at].kind == JDOC_NUMBER &&
           span_u64(jdoc_text(d, *at), out);
}

/* --- an endpoint's counts --- */

static void read_times(const struct jdoc *d, const char *key, struct stats_times *t)
{
    uint32_t list = jdoc_list(d, 0, key), at = list;
    uint64_t bucket, n;
    while (list != JDOC_NONE && next_number(d, list, &at, &bucket) &&
           next_number(d, list, &at, &n)) {
        if (bucket >= STATS_BUCKETS || n > UINT32_MAX - t->buckets[bucket])
            continue;
        t->buckets[bucket] += (uint32_t)n;
        t->n += n;
    }
}

static void read_statuses(const struct jdoc *d, struct findings_endpoint *e)
{
    uint32_t list = jdoc_list(d, 0, "status"), at = list;
    uint64_t legacy, new_, n;
    while (list != JDOC_NONE && next_number(d, list, &at, &legacy) &&
           next_number(d, list, &at, &new_) && next_number(d, list, &at, &n)) {
        if (legacy > 999 || new_ > 999 || e->nstatuses == FINDINGS_STATUS_MAX)
            continue;
        e->statuses[e->nstatuses++] =
            (struct findings_status){(uint16_t)legacy, (uint16_t)new_, findings_sum(n, 0)};
    }
}

static void read_reasons(const struct jdoc *d, struct findings_endpoint *e)
{
    uint32_t list = jdoc_list(d, 0, "reasons");
    for (uint32_t i = list + 1; list != JDOC_NONE && i < d->nodes[list].next;
         i = d->nodes[i].next) {
        struct findings_reason r = {.n = 0};
        struct span word = text(d, i, "reason");
        if (word.n == 0 || word.n >= sizeof(r.word) || e->nreasons == FINDINGS_REASONS_MAX ||
            !verdict_of(text(d, i, "verdict"), &r.verdict) || !jdoc_u64(d, i, "n", &r.n))
            continue;
        memcpy(r.word, word.p, word.n);
        r.n = findings_sum(r.n, 0);
        e->reasons[e->nreasons++] = r;
    }
}

static void read_probes(const struct jdoc *d, struct findings_endpoint *e)
{
    uint32_t list = jdoc_list(d, 0, "probes"), at = list;
    uint64_t n;
    for (enum reach k = REACH_STATUS;
         list != JDOC_NONE && k < REACH_LEVELS && next_number(d, list, &at, &n); k++)
        e->probes[k] = findings_sum(n, 0);
}

bool findings_is_name(struct span s, size_t max)
{
    return s.n > 0 && s.n <= max && memchr(s.p, '\0', s.n) == NULL;
}

static void take_absent(const struct jdoc *d, struct findings_endpoint *e)
{
    uint32_t list = jdoc_list(d, 0, "absent");
    for (uint32_t i = list + 1; list != JDOC_NONE && i < d->nodes[list].next;
         i = d->nodes[i].next) {
        struct span path = text(d, i, "path");
        uint64_t pairs, probes;
        if (findings_is_name(path, PATH_TEXT_MAX) && jdoc_u64(d, i, "pairs", &pairs) &&
            jdoc_u64(d, i, "probes", &probes))
            findings_count_absent(e, path, pairs, probes);
    }
}

/* Where nobody says how a mismatch settled, nobody looked again: it counts. */
static void read_settled(const struct jdoc *d, struct findings_endpoint *e)
{
    uint64_t said = 0, mismatch = e->verdicts[VERDICT_MISMATCH];
    for (enum settled s = SETTLED_PERSISTENT; s < SETTLED_KINDS; s++) {
        uint64_t n = number(d, settled_word(s));
        e->settled[s] = n < mismatch - said ? n : mismatch - said;
        said += e->settled[s];
    }
    e->settled[SETTLED_UNCHECKED] += mismatch - said;
}

static void read_counts(const struct jdoc *d, uint64_t at_ms, struct findings_endpoint *e)
{
    for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++)
        e->verdicts[k] = number(d, verdict_word(k));
    read_settled(d, e);
    e->judged = number(d, "judged");
    e->errors[SIDE_LEGACY] = number(d, "legacy_errors");
    e->errors[SIDE_NEW] = number(d, "new_errors");
    e->more = number(d, "more");
    e->first_ms = number(d, "first");
    e->last_ms = findings_sum(at_ms, 0);
    e->other_statuses = number(d, "other_statuses");
    read_statuses(d, e);
    read_times(d, "legacy_us", &e->times[SIDE_LEGACY]);
    read_times(d, "new_us", &e->times[SIDE_NEW]);
    read_reasons(d, e);
    read_probes(d, e);
    e->by_rules = number(d, "by_rules");
    e->by_rules =
        e->by_rules < e->verdicts[VERDICT_MATCH] ? e->by_rules : e->verdicts[VERDICT_MATCH];
}

/* --- a finding's --- */

enum { RULES_AFTER = 2 }; /* of the texts below: where rules stand in an example */

static const uint32_t no_example = JDOC_NONE;

static enum err read_rules(const struct jdoc *d, uint32_t object, struct buf *json)
{
    uint32_t list = jdoc_list(d, object, "rules");
    const char *sep = "";
    if (list == JDOC_NONE)
        return ERR_OK;
    TRY(buf_append(json, SPAN(",\"rules\":[")));
    for (uint32_t i = list + 1; i < d->nodes[list].next; i = d->nodes[i].next) {
        if (d->nodes[i].kind != JDOC_STRING)
            continue;
        TRY(buf_append(json, span_str(sep)));
        TRY(jwrite_string(json, jdoc_text(d, i)));
        sep = ",";
    }
    return buf_append(json, SPAN("]"));
}

/* As it was written, member by member: what else stands in it is left behind. */
static enum err read_example(const struct jdoc *d, uint32_t object, uint64_t *at_ms,
                             struct buf *json)
{
    static const char *const texts[] = {"id",     "said", "end",    "method", "host",
                                        "target", "note", "legacy", "new"};
    if (!jdoc_u64(d, object, "at", at_ms))
        return ERR_INVALID;
    *at_ms = findings_sum(*at_ms, 0);
    TRY(buf_printf(json, "{\"at\":%llu", (unsigned long long)*at_ms));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct span s = text(d, object, texts[i]);
        if (s.p != NULL)
            TRY(jwrite_member(json, texts[i], s));
        if (i == RULES_AFTER)
            TRY(read_rules(d, object, json));
    }
    return buf_append(json, SPAN("}"));
}

static void take_example(const struct jdoc *d, struct findings_entry *e)
{
    struct buf json = BUF_INIT(FINDINGS_EXAMPLE_MAX);
    uint32_t object = jdoc_member(d, 0, SPAN("example"));
    uint64_t at_ms;
    if (object != no_example && d->nodes[object].kind == JDOC_OBJECT &&
        read_example(d, object, &at_ms, &json) == ERR_OK)
        findings_example(e, at_ms, buf_span(&json));
    buf_free(&json);
}

static bool are_words(const struct findings_texts *t)
{
    return t->detail.n <= FINDINGS_NAME_MAX && t->method.n <= FINDINGS_NAME_MAX &&
           t->classes[SIDE_LEGACY].n <= FINDINGS_NAME_MAX &&
           t->classes[SIDE_NEW].n <= FINDINGS_NAME_MAX;
}

static enum err take_finding(struct findings_table *t, struct findings_endpoint *e,
                             const struct jdoc *d, uint64_t at_ms)
{
    struct findings_texts texts = {
        .path = text(d, 0, "path"),
        .detail = text(d, 0, "detail"),
        .method = text(d, 0, "method"),
        .classes = {text(d, 0, "legacy_class"), text(d, 0, "new_class")}};
    enum finding_kind kind;
    if (texts.path.n == 0 || texts.path.n > PATH_TEXT_MAX || !are_words(&texts) ||
        !finding_kind_of(text(d, 0, "kind"), &kind))
        return ERR_INVALID;
    struct findings_entry *x = findings_entry(t, e, kind, &texts);
    if (x == NULL) {
        t->lost++;
        return ERR_OK;
    }
    const struct evidence evidence = {
        .b = number(d, "b"), .c = number(d, "c"), .both = number(d, "both")};
    uint64_t first = number(d, "first");
    if (first != 0)
        findings_retell(x, first, &texts);
    x->pairs = findings_sum(x->pairs, number(d, "pairs"));
    x->lasting = findings_sum(x->lasting, number(d, "lasting"));
    x->skew = findings_sum(x->skew, number(d, "skew"));
    x->places = findings_sum(x->places, number(d, "places"));
    findings_merge_evidence(&x->evidence, &evidence);
    findings_seen(&x->first_ms, &x->last_ms, first, findings_sum(at_ms, 0));
    take_example(d, x);
    return ERR_OK;
}

/* --- a line --- */

static enum err take(struct findings *f, struct findings_table *t, const struct jdoc *d,
                     const struct record *x)
{
    struct endpoint name = {.n = x->endpoint.n};
    if (x->type == RECORD_HIDDEN) {
        findings_about_hidden(t, d, x);
        return ERR_OK;
    }
    if (!findings_is_name(x->route, FINDINGS_NAME_MAX) ||
        !findings_is_name(x->endpoint, ENDPOINT_MAX))
        return ERR_INVALID;
    memcpy(name.text, x->endpoint.p, x->endpoint.n);
    name.fixed = jdoc_true(d, 0, "fixed") || span_eq(x->endpoint, SPAN(ENDPOINT_OTHER));
    struct findings_endpoint *e = findings_endpoint(f, t, x->route, &name);
    if (e == NULL)
        return ERR_NO_MEMORY;
    if (x->type == RECORD_FINDING)
        return take_finding(t, e, d, x->at_ms);
    struct findings_endpoint *counts = calloc(1, sizeof(*counts));
    if (counts == NULL)
        return ERR_NO_MEMORY;
    read_counts(d, x->at_ms, counts);
    findings_merge_endpoint(e, counts);
    take_absent(d, e);
    findings_read_seeds(e, d);
    free(counts);
    return ERR_OK;
}

enum err findings_take(struct findings *f, const struct jdoc *line, const struct record *x)
{
    return take(f, &f->shared.tables[0], line, x);
}

/* --- after a restart --- */

static void take_head(struct findings *f, const struct record *x, const char *instance,
                      struct findings_table **at)
{
    struct findings_table *t = f->shared.tables;
    *at = NULL;
    if (!span_eq(x->instance, span_str(instance)) || x->begun_ms == 0 || x->begun_ms > x->at_ms ||
        x->at_ms > clock_wall_ms() + CLOCKS_MS)
        return; /* one of the far future would never grow old */
    if (t[0].begun_ms == 0)
        *at = &t[0];
    else if (t[1].begun_ms == 0 && x->begun_ms < t[0].begun_ms)
        *at = &t[1];
    else
        return;
    (*at)->begun_ms = x->begun_ms;
    (*at)->lost = findings_sum(x->lost, 0);
    for (size_t d = 0; d < SHADOW_DROP_COUNT; d++)
        (*at)->drops[d] = findings_sum(x->drops[d], 0);
    f->shared.generation = x->at_ms > f->shared.generation ? x->at_ms : f->shared.generation;
}

static enum err restore(struct findings *f, struct record_reader *reader, struct span text_,
                        const char *instance)
{
    struct findings_table *at = NULL;
    struct span rest = text_, line;
    while (span_cut(&rest, '\n', &line)) {
        bool is_line = line.n > 0 && line.n <= RECORD_LINE_MAX;
        enum err e = is_line ? record_read(reader, line) : ERR_INVALID;
        const struct record *x = &reader->record;
        if (e == ERR_OK && x->type == RECORD_TABLE)
            take_head(f, x, instance, &at);
        else if (e == ERR_OK && at != NULL && x->type >= RECORD_OPTIONS && x->type <= RECORD_STACK)
            findings_about_note(at, x);
        else if (e == ERR_OK && at != NULL && x->type >= RECORD_ENDPOINT &&
                 x->type <= RECORD_HIDDEN)
            e = take(f, at, &reader->doc, x);
        if (e == ERR_NO_MEMORY)
            return e;
    }
    return ERR_OK;
}

enum err findings_restore(struct findings *f, struct span text_, const char *instance)
{
    struct record_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return ERR_NO_MEMORY;
    pthread_mutex_lock(&f->lock);
    enum err e = restore(f, reader, text_, instance);
    findings_settle(f);
    f->shared.changes++;
    pthread_mutex_unlock(&f->lock);
    record_reader_free(reader);
    free(reader);
    return e;
}
