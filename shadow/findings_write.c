/* Tables to lines. Counts first, then findings, each the weighty ones first, so that what a ceiling
 * cuts off is what matters least; the order does not depend on how the table came about. */
#include "shadow/findings.h"

#include "base/clock.h"
#include "shadow/drops.h"
#include "shadow/jwrite.h"

#include <stdlib.h>

enum { HEAD_ROOM = 4096, ABSENT_ROOM = RECORD_LINE_MAX / 4 };

/* A table in the order of writing. */
struct sorted {
    const struct findings_table *table;
    const struct findings_endpoint **endpoints;
    const struct findings_entry **entries;
    struct buf lines;
    size_t left_out; /* lines */
};

static uint64_t pairs_of(const struct findings_endpoint *e)
{
    uint64_t n = 0;
    for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++)
        n += e->verdicts[k];
    return n;
}

static int by_number(uint64_t a, uint64_t b) /* more is first */
{
    return a > b ? -1 : a < b;
}

static int by_place(const struct findings_endpoint *a, const struct findings_endpoint *b)
{
    int c = strcmp(a->route, b->route);
    return c != 0 ? c : strcmp(a->name, b->name);
}

static int by_pairs(const void *pa, const void *pb)
{
    const struct findings_endpoint *a = *(const struct findings_endpoint *const *)pa;
    const struct findings_endpoint *b = *(const struct findings_endpoint *const *)pb;
    int c = by_number(pairs_of(a), pairs_of(b));
    return c != 0 ? c : by_place(a, b);
}

static int by_weight(const void *pa, const void *pb)
{
    const struct findings_entry *a = *(const struct findings_entry *const *)pa;
    const struct findings_entry *b = *(const struct findings_entry *const *)pb;
    int c = by_number(finding_severity(a->kind), finding_severity(b->kind));
    c = c != 0 ? c : by_number(a->pairs, b->pairs);
    c = c != 0 ? c : by_place(a->endpoint, b->endpoint);
    c = c != 0 ? c : strcmp(a->text, b->text);
    return c != 0 ? c : (int)a->kind - (int)b->kind;
}

static void sorted_end(struct sorted *s)
{
    free(s->endpoints);
    free(s->entries);
    buf_free(&s->lines);
}

static enum err sorted_begin(struct sorted *s, const struct findings_table *t, size_t max)
{
    *s = (struct sorted){.table = t, .lines = BUF_INIT(max)};
    s->endpoints = calloc(t->nendpoints + 1, sizeof(*s->endpoints));
    s->entries = calloc(t->nentries + 1, sizeof(*s->entries));
    if (s->endpoints == NULL || s->entries == NULL) {
        sorted_end(s);
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < t->nendpoints; i++)
        s->endpoints[i] = t->endpoints[i];
    for (size_t i = 0; i < t->nentries; i++)
        s->entries[i] = &t->entries[i];
    qsort(s->endpoints, t->nendpoints, sizeof(*s->endpoints), by_pairs);
    qsort(s->entries, t->nentries, sizeof(*s->entries), by_weight);
    return ERR_OK;
}

/* --- members --- */

static enum err number(struct buf *b, const char *key, uint64_t n)
{
    return n == 0 ? ERR_OK : jwrite_number(b, key, n);
}

static enum err text(struct buf *b, const char *key, struct span s)
{
    return s.n == 0 ? ERR_OK : jwrite_member(b, key, s);
}

static enum err place(struct buf *b, const struct findings_endpoint *e)
{
    TRY(jwrite_member(b, "route", span_str(e->route)));
    TRY(jwrite_member(b, "endpoint", span_str(e->name)));
    return buf_append(b, e->fixed ? SPAN(",\"fixed\":true") : SPAN(""));
}

static int by_code(const void *pa, const void *pb)
{
    const struct findings_status *a = pa, *b = pb;
    return a->legacy != b->legacy ? a->legacy - b->legacy : a->new_ - b->new_;
}

static enum err statuses(struct buf *b, const struct findings_endpoint *e)
{
    struct findings_status list[FINDINGS_STATUS_MAX];
    memcpy(list, e->statuses, sizeof(list));
    qsort(list, e->nstatuses, sizeof(list[0]), by_code);
    TRY(buf_append(b, SPAN(",\"status\":[")));
    for (size_t i = 0; i < e->nstatuses; i++)
        TRY(buf_printf(b, "%s%u,%u,%llu", i == 0 ? "" : ",", list[i].legacy, list[i].new_,
                       (unsigned long long)list[i].n));
    return buf_append(b, SPAN("]"));
}

/* Bucket, count, bucket, count: most are empty. */
static enum err times(struct buf *b, const char *key, const struct stats_times *t)
{
    const char *sep = "";
    TRY(buf_printf(b, ",\"%s\":[", key));
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        if (t->buckets[i] == 0)
            continue;
        TRY(buf_printf(b, "%s%u,%u", sep, i, t->buckets[i]));
        sep = ",";
    }
    return buf_append(b, SPAN("]"));
}

static int by_word(const void *pa, const void *pb)
{
    const struct findings_reason *a = pa, *b = pb;
    return a->verdict != b->verdict ? (int)a->verdict - (int)b->verdict : strcmp(a->word, b->word);
}

static enum err reasons(struct buf *b, const struct findings_endpoint *e)
{
    struct findings_reason list[FINDINGS_REASONS_MAX];
    memcpy(list, e->reasons, sizeof(list));
    qsort(list, e->nreasons, sizeof(list[0]), by_word);
    TRY(buf_append(b, SPAN(",\"reasons\":[")));
    for (size_t i = 0; i < e->nreasons; i++) {
        TRY(buf_printf(b, "%s{\"verdict\":\"%s\"", i == 0 ? "" : ",",
                       verdict_word(list[i].verdict)));
        TRY(jwrite_member(b, "reason", span_str(list[i].word)));
        TRY(buf_printf(b, ",\"n\":%llu}", (unsigned long long)list[i].n));
    }
    return buf_append(b, SPAN("]"));
}

static enum err probes(struct buf *b, const struct findings_endpoint *e)
{
    for (enum reach k = REACH_STATUS; k < REACH_LEVELS && e->probes[REACH_STATUS] > 0; k++)
        TRY(buf_printf(b, "%s%llu", k == REACH_STATUS ? ",\"probes\":[" : ",",
                       (unsigned long long)e->probes[k]));
    return e->probes[REACH_STATUS] > 0 ? buf_append(b, SPAN("]")) : ERR_OK;
}

static int by_path(const void *pa, const void *pb)
{
    const struct findings_absent *a = pa, *b = pb;
    return strcmp(a->path, b->path);
}

/* What was not there is told last, as far as a line has room. */
static enum err absent(struct buf *b, const struct findings_endpoint *e)
{
    struct findings_absent list[FINDINGS_ABSENT_MAX];
    const char *sep = "";
    if (e->nabsent == 0)
        return ERR_OK;
    memcpy(list, e->absent, e->nabsent * sizeof(list[0]));
    qsort(list, e->nabsent, sizeof(list[0]), by_path);
    TRY(buf_append(b, SPAN(",\"absent\":[")));
    for (size_t i = 0, room = ABSENT_ROOM; i < e->nabsent; i++) {
        size_t before = b->n;
        TRY(buf_printf(b, "%s{\"pairs\":%llu,\"probes\":%llu", sep,
                       (unsigned long long)list[i].pairs, (unsigned long long)list[i].probes));
        TRY(jwrite_member(b, "path", span_str(list[i].path)));
        TRY(buf_append(b, SPAN("}")));
        if (b->n - before > room) {
            b->n = before;
            break;
        }
        room -= b->n - before;
        sep = ",";
    }
    return buf_append(b, SPAN("]"));
}

/* --- lines --- */

static enum err endpoint_line(struct buf *b, const struct findings_endpoint *e)
{
    TRY(record_begin(b, "endpoint", e->last_ms));
    TRY(place(b, e));
    TRY(number(b, "first", e->first_ms));
    for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++)
        TRY(number(b, verdict_word(k), e->verdicts[k]));
    for (enum settled s = SETTLED_PERSISTENT; s < SETTLED_KINDS; s++)
        TRY(number(b, settled_word(s), e->settled[s]));
    TRY(number(b, "judged", e->judged));
    TRY(number(b, "legacy_errors", e->errors[SIDE_LEGACY]));
    TRY(number(b, "new_errors", e->errors[SIDE_NEW]));
    TRY(number(b, "more", e->more));
    TRY(statuses(b, e));
    TRY(number(b, "other_statuses", e->other_statuses));
    TRY(times(b, "legacy_us", &e->times[SIDE_LEGACY]));
    TRY(times(b, "new_us", &e->times[SIDE_NEW]));
    TRY(reasons(b, e));
    TRY(probes(b, e));
    TRY(number(b, "by_rules", e->by_rules));
    TRY(findings_write_seeds(e->seeds, b));
    TRY(absent(b, e));
    return buf_append(b, SPAN("}\n"));
}

static enum err finding_line(struct buf *b, const struct findings_entry *e)
{
    struct findings_texts t;
    findings_texts(e, &t);
    TRY(record_begin(b, "finding", e->last_ms));
    TRY(place(b, e->endpoint));
    TRY(jwrite_member(b, "path", t.path));
    TRY(jwrite_member(b, "kind", span_str(finding_kind_word(e->kind))));
    TRY(number(b, "first", e->first_ms));
    TRY(number(b, "pairs", e->pairs));
    TRY(number(b, "lasting", e->lasting));
    TRY(number(b, "skew", e->skew));
    TRY(number(b, "places", e->places));
    TRY(number(b, "b", e->evidence.b));
    TRY(number(b, "c", e->evidence.c));
    TRY(number(b, "both", e->evidence.both));
    TRY(text(b, "detail", t.detail));
    TRY(text(b, "method", t.method));
    TRY(text(b, "legacy_class", t.classes[SIDE_LEGACY]));
    TRY(text(b, "new_class", t.classes[SIDE_NEW]));
    if (e->example != NULL)
        TRY(buf_printf(b, ",\"example\":%s", e->example));
    return buf_append(b, SPAN("}\n"));
}

/* A line is there whole or not at all. */
static enum err left_out(struct sorted *s, size_t before, enum err e)
{
    if (e == ERR_OK && s->lines.n - before <= RECORD_LINE_MAX)
        return ERR_OK;
    s->lines.n = before;
    s->left_out++;
    return e == ERR_NO_MEMORY ? e : ERR_OK;
}

/* How it was compared gets a quarter of the room at most. */
static enum err about_lines(struct sorted *s, size_t max)
{
    const struct findings_about *a = &s->table->about;
    s->lines.max = max == 0 ? 0 : max / 4 + 1;
    for (size_t i = 0; i < a->nnotes; i++) {
        size_t before = s->lines.n;
        TRY(left_out(s, before, findings_note_line(&a->notes[i], &s->lines)));
    }
    for (size_t i = 0; i < a->nhiders; i++) {
        size_t before = s->lines.n;
        TRY(left_out(s, before, findings_hider_line(&a->hiders[i], &s->lines)));
    }
    return ERR_OK;
}

/* Findings get a quarter at least. */
static enum err lines_of(struct sorted *s, size_t max)
{
    const struct findings_table *t = s->table;
    TRY(about_lines(s, max));
    s->lines.max = max == 0 ? 0 : max / 4 * 3 + 1;
    for (size_t i = 0; i < t->nendpoints; i++) {
        size_t before = s->lines.n;
        TRY(left_out(s, before, endpoint_line(&s->lines, s->endpoints[i])));
    }
    s->lines.max = max;
    for (size_t i = 0; i < t->nentries; i++) {
        size_t before = s->lines.n;
        TRY(left_out(s, before, finding_line(&s->lines, s->entries[i])));
    }
    return ERR_OK;
}

static enum err head(const struct findings *f, const struct sorted *s, const char *instance,
                     struct buf *out)
{
    const struct findings_table *t = s->table;
    enum shadow_store store = f->redactor == NULL ? SHADOW_STORE_NONE : f->redactor->store;
    const char *sep = "";
    TRY(record_begin(out, "table", f->shared.generation));
    TRY(jwrite_member(out, "instance", span_str(instance)));
    TRY(buf_printf(out, ",\"begun\":%llu", (unsigned long long)t->begun_ms));
    TRY(jwrite_member(out, "version", SPAN(WEIR_VERSION)));
    TRY(jwrite_member(out, "store", span_str(record_store_word(store))));
    TRY(number(out, "lost", t->lost));
    TRY(number(out, "left_out", s->left_out));
    TRY(buf_append(out, SPAN(",\"dropped\":{")));
    for (enum shadow_drop d = 0; d < SHADOW_DROP_COUNT; d++) {
        if (t->drops[d] == 0)
            continue;
        TRY(buf_printf(out, "%s\"%s\":%llu", sep, shadow_drop_word(d),
                       (unsigned long long)t->drops[d]));
        sep = ",";
    }
    return buf_append(out, SPAN("}}\n"));
}

static enum err write_table(const struct findings *f, const struct findings_table *t,
                            const char *instance, size_t max, struct buf *out)
{
    struct sorted s;
    if (t->begun_ms == 0)
        return ERR_OK;
    TRY(sorted_begin(&s, t, max));
    enum err e = lines_of(&s, max);
    if (e == ERR_OK)
        e = head(f, &s, instance, out);
    if (e == ERR_OK)
        e = buf_append(out, buf_span(&s.lines));
    sorted_end(&s);
    return e;
}

/* They begin a table, too: where every copy is dropped no pair ever does. */
static void take_drops(struct findings *f)
{
    uint64_t now[SHADOW_DROP_COUNT];
    struct findings_table *t = &f->shared.tables[0];
    drops_read(now);
    if (memcmp(now, f->shared.drops, sizeof(now)) == 0)
        return;
    findings_rotate(f, clock_wall_ms());
    for (size_t d = 0; d < SHADOW_DROP_COUNT; d++) {
        f->shared.changes += now[d] != f->shared.drops[d] ? 1 : 0;
        t->drops[d] = findings_sum(t->drops[d], now[d] - f->shared.drops[d]);
        f->shared.drops[d] = now[d];
    }
}

static void next_generation(struct findings *f, uint64_t now_ms)
{
    if (f->shared.generation != 0 && f->shared.changes == f->shared.written)
        return;
    f->shared.written = f->shared.changes;
    f->shared.generation = now_ms > f->shared.generation ? now_ms : f->shared.generation + 1;
}

/* Of the room, the table that grows gets two thirds. */
enum err findings_write(struct findings *f, const char *instance, size_t max, struct buf *out)
{
    const struct findings_table *t = f->shared.tables;
    size_t room = max > 2 * HEAD_ROOM ? max - 2 * HEAD_ROOM : max == 0 ? 0 : 1;
    pthread_mutex_lock(&f->lock);
    findings_settle(f);
    take_drops(f);
    next_generation(f, clock_wall_ms());
    enum err e = write_table(f, &t[0], instance, t[1].begun_ms == 0 ? room : room / 3 * 2, out);
    if (e == ERR_OK)
        e = write_table(f, &t[1], instance, room / 3, out);
    pthread_mutex_unlock(&f->lock);
    return e;
}
