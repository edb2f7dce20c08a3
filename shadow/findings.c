/* The tables, and the endpoints in them, of which there are a thousand at most: they are found by
 * looking at their hashes. When the trie folds, names change and what has the
 * same name now is put together; that happens at most twice per place in a path. */
#include "shadow/findings.h"

#include "base/clock.h"
#include "shadow/drops.h"
#include "shadow/jwrite.h"
#include "shadow/mix.h"

#include <stdlib.h>

enum { SUM_MAX_BITS = 53 };

uint64_t findings_sum(uint64_t a, uint64_t b)
{
    const uint64_t most = (uint64_t)1 << SUM_MAX_BITS; /* exact as a double, too */
    a = a > most ? most : a;
    return b > most - a ? most : a + b;
}

/* --- tables --- */

static enum err table_open(struct findings_table *t)
{
    memset(t, 0, sizeof(*t));
    t->index = calloc(FINDINGS_INDEX, sizeof(*t->index));
    t->endpoints = calloc(FINDINGS_ENDPOINTS_MAX + 1, sizeof(struct findings_endpoint *));
    return t->index != NULL && t->endpoints != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static void endpoint_free(struct findings_endpoint *e)
{
    for (size_t i = 0; i < e->nabsent; i++)
        free(e->absent[i].path);
    free(e->absent);
    findings_seeds_free(e);
    free(e->route);
    free(e->name);
    free(e);
}

static void table_empty(struct findings_table *t)
{
    for (size_t i = 0; i < t->nentries; i++)
        findings_entry_free(&t->entries[i]);
    for (size_t i = 0; i < t->nendpoints; i++)
        endpoint_free(t->endpoints[i]);
    t->nentries = t->nendpoints = 0;
    findings_about_forget(&t->about, NULL);
    t->lost = t->begun_ms = 0;
    memset(t->drops, 0, sizeof(t->drops));
    memset(t->index, 0, FINDINGS_INDEX * sizeof(*t->index));
}

static void table_close(struct findings_table *t)
{
    if (t->index != NULL && t->endpoints != NULL)
        table_empty(t);
    free(t->entries);
    free(t->endpoints);
    free(t->index);
}

/* --- endpoints --- */

static uint64_t hash_of(struct span route, struct span name)
{
    return mix_bytes(mix_bytes(5, route), name);
}

static struct findings_endpoint *endpoint_find(const struct findings_table *t, struct span route,
                                               struct span name)
{
    uint64_t hash = hash_of(route, name);
    for (size_t i = 0; i < t->nendpoints; i++) {
        struct findings_endpoint *e = t->endpoints[i];
        if (e->hash == hash && e->merged == NULL && span_eq(span_str(e->route), route) &&
            span_eq(span_str(e->name), name))
            return e;
    }
    return NULL;
}

char *findings_copy(struct span s)
{
    return strndup(s.p == NULL ? "" : s.p, s.n);
}

static struct findings_endpoint *endpoint_new(struct findings_table *t, struct span route,
                                              struct span name)
{
    struct findings_endpoint *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->route = findings_copy(route);
    e->name = findings_copy(name);
    if (e->route == NULL || e->name == NULL) {
        endpoint_free(e);
        return NULL;
    }
    e->hash = hash_of(route, name);
    t->endpoints[t->nendpoints++] = e;
    return e;
}

static struct findings_status *status_of(struct findings_endpoint *e, uint16_t legacy,
                                         uint16_t new_)
{
    for (size_t i = 0; i < e->nstatuses; i++)
        if (e->statuses[i].legacy == legacy && e->statuses[i].new_ == new_)
            return &e->statuses[i];
    if (e->nstatuses == FINDINGS_STATUS_MAX)
        return NULL;
    e->statuses[e->nstatuses] = (struct findings_status){legacy, new_, 0};
    return &e->statuses[e->nstatuses++];
}

static void count_status(struct findings_endpoint *e, uint16_t legacy, uint16_t new_, uint64_t n)
{
    struct findings_status *s = status_of(e, legacy, new_);
    uint64_t *at = s == NULL ? &e->other_statuses : &s->n;
    *at = findings_sum(*at, n);
}

static void count_reason(struct findings_endpoint *e, enum verdict_kind verdict, const char *word,
                         uint64_t n)
{
    for (size_t i = 0; i < e->nreasons; i++) {
        struct findings_reason *r = &e->reasons[i];
        if (r->verdict == verdict && strcmp(r->word, word) == 0) {
            r->n = findings_sum(r->n, n);
            return;
        }
    }
    if (e->nreasons == FINDINGS_REASONS_MAX)
        return;
    struct findings_reason *r = &e->reasons[e->nreasons++];
    *r = (struct findings_reason){.verdict = verdict, .n = n};
    memcpy(r->word, word, min_size(strlen(word), sizeof(r->word) - 1));
}

static void merge_times(struct stats_times *into, const struct stats_times *from)
{
    for (size_t i = 0; i < STATS_BUCKETS; i++) {
        uint32_t room = UINT32_MAX - into->buckets[i];
        uint32_t n = from->buckets[i] < room ? from->buckets[i] : room;
        into->buckets[i] += n;
        into->n += n;
    }
}

void findings_seen(uint64_t *first, uint64_t *last, uint64_t from, uint64_t to)
{
    if (*first == 0 || (from != 0 && from < *first))
        *first = from;
    *last = to > *last ? to : *last;
}

void findings_merge_endpoint(struct findings_endpoint *into, const struct findings_endpoint *from)
{
    into->fixed = into->fixed || from->fixed;
    for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++)
        into->verdicts[k] = findings_sum(into->verdicts[k], from->verdicts[k]);
    for (enum settled s = SETTLED_PERSISTENT; s < SETTLED_KINDS; s++)
        into->settled[s] = findings_sum(into->settled[s], from->settled[s]);
    into->judged = findings_sum(into->judged, from->judged);
    into->more = findings_sum(into->more, from->more);
    into->by_rules = findings_sum(into->by_rules, from->by_rules);
    findings_merge_seeds(into, from->seeds);
    into->other_statuses = findings_sum(into->other_statuses, from->other_statuses);
    findings_seen(&into->first_ms, &into->last_ms, from->first_ms, from->last_ms);
    for (size_t i = 0; i < from->nstatuses; i++)
        count_status(into, from->statuses[i].legacy, from->statuses[i].new_, from->statuses[i].n);
    for (size_t i = 0; i < from->nreasons; i++)
        count_reason(into, from->reasons[i].verdict, from->reasons[i].word, from->reasons[i].n);
    for (enum reach k = REACH_STATUS; k < REACH_LEVELS; k++)
        into->probes[k] = findings_sum(into->probes[k], from->probes[k]);
    for (size_t i = 0; i < from->nabsent; i++)
        findings_count_absent(into, span_str(from->absent[i].path), from->absent[i].pairs,
                              from->absent[i].probes);
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        into->errors[s] = findings_sum(into->errors[s], from->errors[s]);
        merge_times(&into->times[s], &from->times[s]);
    }
}

/* --- names that change --- */

static void rename_endpoint(const struct trie *trie, struct findings_table *t, size_t i)
{
    struct findings_endpoint *e = t->endpoints[i];
    struct endpoint was = {.n = min_size(strlen(e->name), ENDPOINT_MAX), .fixed = e->fixed}, is;
    memcpy(was.text, e->name, was.n);
    trie_name(trie, span_str(e->route), &was, &is);
    struct span name = span_of(is.text, is.n), route = span_str(e->route);
    if (span_eq(name, span_str(e->name)))
        return;
    struct findings_endpoint *same = endpoint_find(t, route, name);
    char *text = same == NULL ? findings_copy(name) : NULL;
    if (same != NULL) {
        findings_merge_endpoint(same, e);
        e->merged = same;
    } else if (text != NULL) { /* without memory it keeps its name; the next fold tries again */
        free(e->name);
        e->name = text;
        e->hash = hash_of(route, name);
    }
}

static void sweep(struct findings_table *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->nendpoints; i++) {
        if (t->endpoints[i]->merged != NULL)
            endpoint_free(t->endpoints[i]);
        else
            t->endpoints[kept++] = t->endpoints[i];
    }
    t->nendpoints = kept;
}

static void follow(struct findings_table *t, const struct trie *trie)
{
    if (t->folds == trie->folds)
        return;
    t->folds = trie->folds;
    for (size_t i = 0; i < t->nendpoints; i++)
        rename_endpoint(trie, t, i);
    findings_index_again(t);
    sweep(t);
}

void findings_settle(struct findings *f)
{
    for (size_t i = 0; i < FINDINGS_TABLES; i++)
        follow(&f->shared.tables[i], &f->shared.trie);
}

struct findings_endpoint *findings_endpoint(struct findings *f, struct findings_table *t,
                                            struct span route, const struct endpoint *e)
{
    struct trie *trie = &f->shared.trie;
    struct span other = SPAN(ENDPOINT_OTHER);
    struct endpoint is;
    if (!e->fixed) /* without room it goes by the name it has */
        (void)!trie_add(trie, route, span_of(e->text, e->n));
    follow(t, trie);
    trie_name(trie, route, e, &is);
    struct findings_endpoint *x = endpoint_find(t, route, span_of(is.text, is.n));
    if (x == NULL && t->nendpoints < FINDINGS_ENDPOINTS_MAX)
        x = endpoint_new(t, route, span_of(is.text, is.n));
    else if (x == NULL && (x = endpoint_find(t, other, other)) == NULL)
        x = t->nendpoints <= FINDINGS_ENDPOINTS_MAX ? endpoint_new(t, other, other) : NULL;
    if (x != NULL)
        x->fixed = x->fixed || e->fixed || span_eq(span_str(x->name), other);
    return x;
}

uint64_t findings_name(struct findings *f, struct span route, const struct endpoint *e,
                       struct endpoint *out)
{
    pthread_mutex_lock(&f->lock);
    trie_name(&f->shared.trie, route, e, out);
    uint64_t folds = f->shared.trie.folds;
    pthread_mutex_unlock(&f->lock);
    return folds;
}

/* --- tables that grow old --- */

static void learn_again(struct findings *f)
{
    const struct findings_table *t = &f->shared.tables[1];
    uint64_t folds = f->shared.trie.folds;
    trie_end(&f->shared.trie);
    f->shared.trie.folds = folds + 1;
    for (size_t i = 0; i < t->nendpoints; i++)
        if (!t->endpoints[i]->fixed)
            (void)!trie_add(&f->shared.trie, span_str(t->endpoints[i]->route),
                            span_str(t->endpoints[i]->name));
}

/* The one that grew is put aside; what was put aside before is emptied and grows. */
static void turn(struct findings *f, uint64_t now_ms)
{
    struct findings_table *t = f->shared.tables;
    struct findings_table old = t[0];
    table_empty(&t[1]);
    t[0] = t[1];
    t[1] = old;
    t[0].begun_ms = now_ms > old.begun_ms ? now_ms : old.begun_ms + 1;
    learn_again(f);
}

static void grow_old(struct findings *f, uint64_t now_ms)
{
    struct findings_table *t = f->shared.tables;
    uint64_t half = f->keep_ms / 2;
    if (half > 0 && t[0].begun_ms != 0 && now_ms >= t[0].begun_ms + half) {
        turn(f, now_ms);
        f->shared.changes++;
    }
    if (half > 0 && t[1].begun_ms != 0 && now_ms >= t[1].begun_ms + f->keep_ms) {
        table_empty(&t[1]);
        f->shared.changes++;
    }
}

void findings_rotate(struct findings *f, uint64_t now_ms)
{
    struct findings_table *t = f->shared.tables;
    grow_old(f, now_ms);
    if (t[0].begun_ms == 0)
        t[0].begun_ms = now_ms > t[1].begun_ms ? now_ms : t[1].begun_ms + 1;
}

/* --- adding --- */

static size_t route_at(const struct findings *f, const char *name)
{
    size_t i = 0;
    while (i < f->shared.nroutes && strcmp(f->shared.routes[i].name, name) != 0)
        i++;
    return i;
}

static bool count_route(struct findings *f, const char *name, enum verdict_kind verdict)
{
    size_t i = route_at(f, name);
    if (i >= FINDINGS_ROUTES_MAX)
        i = route_at(f, name = ENDPOINT_OTHER);
    if (i == f->shared.nroutes) {
        f->shared.routes[i].name = strdup(name);
        if (f->shared.routes[i].name == NULL)
            return false;
        f->shared.nroutes++;
    }
    f->shared.routes[i].verdicts[verdict]++;
    return true;
}

static uint16_t status_in(const struct shadow_answer *a)
{
    return a->has_head ? a->head.status : 0;
}

static void count_pair(struct findings_endpoint *e, const struct shadow_pair *pair,
                       const struct comparison *c)
{
    const struct shadow_answer *a = pair->answers;
    bool compared = verdict_is_compared(c->verdict);
    e->verdicts[c->verdict]++;
    if (c->verdict == VERDICT_MISMATCH)
        e->settled[settled_said(c)]++;
    e->more += c->more;
    e->by_rules += c->verdict == VERDICT_MATCH && c->nhidden > 0;
    findings_seen(&e->first_ms, &e->last_ms, pair->wall_ms, pair->wall_ms);
    if (c->reason != NULL)
        count_reason(e, c->verdict, c->reason, 1);
    if (c->verdict != VERDICT_SKIPPED)
        e->judged++;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        bool failed = c->verdict == VERDICT_FAILED && s != pair->served;
        if (c->verdict != VERDICT_SKIPPED && (status_in(&a[s]) >= 500 || failed))
            e->errors[s]++;
        if (compared)
            stats_add(&e->times[s], a[s].total_us);
    }
    if (compared)
        count_status(e, status_in(&a[SIDE_LEGACY]), status_in(&a[SIDE_NEW]), 1);
}

static struct span word(const char *s)
{
    return s == NULL ? SPAN("") : span_str(s);
}

/* Rendered only for an entry that has none: the first is the one that stays. */
static void add_example(const struct findings *f, struct findings_entry *e,
                        const struct shadow_pair *pair, const struct comparison *c, size_t i)
{
    struct buf json = BUF_INIT(FINDINGS_EXAMPLE_MAX);
    if (f->redactor == NULL || e->example != NULL)
        return;
    if (record_example(f->redactor, pair, c, i, &json) == ERR_OK)
        findings_example(e, pair->wall_ms, buf_span(&json));
    buf_free(&json);
}

static bool add_finding(struct findings *f, struct findings_endpoint *e,
                        const struct shadow_pair *pair, const struct comparison *c, size_t i)
{
    const struct finding *x = &c->findings[i];
    struct findings_texts t = {x->path, word(x->detail), word(x->method), {SPAN(""), SPAN("")}};
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        if (x->values[s].present && !x->open)
            t.classes[s] = span_str(vclass_word(x->values[s].vclass));
    struct findings_entry *entry = findings_entry(&f->shared.tables[0], e, x->kind, &t);
    if (entry == NULL)
        return false;
    if (entry->pairs == 0) /* what only probes had shown until now has no other words */
        findings_retell(entry, pair->wall_ms, &t);
    entry->pairs++;
    entry->lasting += settled_lasts(c, i);
    entry->skew += settled_said(c) == SETTLED_SKEW;
    entry->places += x->n;
    findings_seen(&entry->first_ms, &entry->last_ms, pair->wall_ms, pair->wall_ms);
    add_example(f, entry, pair, c, i);
    return true;
}

static void lose(struct findings_table *t, size_t n)
{
    t->lost += n;
    metric_add(METRIC_SHADOW_FINDINGS_LOST, n);
}

static void add_locked(struct findings *f, const struct shadow_pair *pair,
                       const struct endpoint *endpoint, const struct comparison *c)
{
    struct findings_table *t = &f->shared.tables[0];
    findings_rotate(f, pair->wall_ms);
    f->shared.changes++;
    struct findings_endpoint *e = findings_endpoint(f, t, span_str(pair->rules->route), endpoint);
    if (!count_route(f, pair->rules->route, c->verdict) || e == NULL) {
        lose(t, c->nfindings);
        return;
    }
    findings_about_pair(t, pair, c, f->shared.changes);
    count_pair(e, pair, c);
    size_t lost = 0;
    for (size_t i = 0; i < c->nfindings; i++)
        lost += add_finding(f, e, pair, c, i) ? 0 : 1;
    lose(t, lost);
    findings_count_probe(t, e, c, lost == 0);
    metric_set(METRIC_SHADOW_FINDINGS, t->nentries);
}

void findings_add(struct findings *f, const struct shadow_pair *pair,
                  const struct endpoint *endpoint, const struct comparison *c)
{
    pthread_mutex_lock(&f->lock);
    add_locked(f, pair, endpoint, c);
    pthread_mutex_unlock(&f->lock);
}

/* --- forgetting --- */

static void table_forget(struct findings_table *t, const char *route)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->nentries; i++) {
        if (strcmp(t->entries[i].endpoint->route, route) == 0)
            findings_entry_free(&t->entries[i]);
        else
            t->entries[kept++] = t->entries[i];
    }
    t->nentries = kept;
    kept = 0;
    for (size_t i = 0; i < t->nendpoints; i++) {
        if (strcmp(t->endpoints[i]->route, route) == 0)
            endpoint_free(t->endpoints[i]);
        else
            t->endpoints[kept++] = t->endpoints[i];
    }
    t->nendpoints = kept;
    findings_index_again(t);
    findings_about_forget(&t->about, route);
}

/* The tables keep their beginnings: in the next generation they say less. */
void findings_forget(struct findings *f, const char *route)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < FINDINGS_TABLES; i++) {
        if (route == NULL)
            table_empty(&f->shared.tables[i]);
        else
            table_forget(&f->shared.tables[i], route);
    }
    f->shared.changes++;
    pthread_mutex_unlock(&f->lock);
}

/* --- life --- */

enum err findings_begin(struct findings *f, const struct redactor *r, uint64_t keep_ms)
{
    memset(f, 0, sizeof(*f));
    pthread_mutex_init(&f->lock, NULL);
    f->redactor = r;
    f->keep_ms = keep_ms;
    trie_begin(&f->shared.trie);
    drops_read(f->shared.drops);
    f->shared.routes = calloc(FINDINGS_ROUTES_MAX + 1, sizeof(*f->shared.routes));
    enum err e = f->shared.routes == NULL ? ERR_NO_MEMORY : ERR_OK;
    for (size_t i = 0; i < FINDINGS_TABLES && e == ERR_OK; i++)
        e = table_open(&f->shared.tables[i]);
    if (e != ERR_OK)
        findings_end(f);
    return e;
}

void findings_end(struct findings *f)
{
    for (size_t i = 0; i < FINDINGS_TABLES; i++)
        table_close(&f->shared.tables[i]);
    for (size_t i = 0; i < f->shared.nroutes; i++)
        free(f->shared.routes[i].name);
    free(f->shared.routes);
    trie_end(&f->shared.trie);
    pthread_mutex_destroy(&f->lock);
    memset(f, 0, sizeof(*f));
}

/* --- looking --- */

uint64_t findings_changes(struct findings *f)
{
    uint64_t now[SHADOW_DROP_COUNT], dropped = 0;
    drops_read(now);
    for (size_t d = 0; d < SHADOW_DROP_COUNT; d++)
        dropped += now[d];
    pthread_mutex_lock(&f->lock);
    grow_old(f, clock_wall_ms()); /* also when nothing comes any more */
    uint64_t n = f->shared.changes + dropped;
    pthread_mutex_unlock(&f->lock);
    return n;
}

/* NULL: on all routes. */
static uint64_t findings_on(const struct findings_table *t, const char *route)
{
    uint64_t n = 0;
    for (size_t i = 0; i < t->nentries; i++)
        n += t->entries[i].pairs > 0 &&
             (route == NULL || strcmp(t->entries[i].endpoint->route, route) == 0);
    return n;
}

/* Both tables know most findings: how many there are, the fuller one tells. */
static enum err summary_locked(const struct findings *f, struct buf *json)
{
    const struct findings_table *t = f->shared.tables;
    const struct findings_table *fuller = t[1].nentries > t[0].nentries ? &t[1] : &t[0];
    uint64_t since = t[1].begun_ms != 0 ? t[1].begun_ms : t[0].begun_ms;
    TRY(buf_printf(json, "\"findings\":%llu,\"endpoints\":%zu,\"lost\":%llu,\"since\":%llu",
                   (unsigned long long)findings_on(fuller, NULL), fuller->nendpoints,
                   (unsigned long long)(t[0].lost + t[1].lost), (unsigned long long)since));
    TRY(buf_append(json, SPAN(",\"routes\":{")));
    for (size_t i = 0; i < f->shared.nroutes; i++) {
        const struct findings_route *r = &f->shared.routes[i];
        TRY(buf_append(json, i == 0 ? SPAN("") : SPAN(",")));
        TRY(jwrite_string(json, span_str(r->name)));
        TRY(buf_append(json, SPAN(":{")));
        for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++)
            TRY(buf_printf(json, "\"%s\":%llu,", verdict_word(k),
                           (unsigned long long)r->verdicts[k]));
        TRY(buf_printf(json, "\"findings\":%llu}",
                       (unsigned long long)findings_on(fuller, r->name)));
    }
    return buf_append(json, SPAN("}"));
}

enum err findings_summary(struct findings *f, struct buf *json)
{
    pthread_mutex_lock(&f->lock);
    enum err e = summary_locked(f, json);
    pthread_mutex_unlock(&f->lock);
    return e;
}
