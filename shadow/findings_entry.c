/* The entries of a table of findings: a growing list, and an index over it by endpoint, kind and
 * path. */
#include "shadow/findings.h"

#include "shadow/mix.h"

#include <stdlib.h>

_Static_assert(FINDINGS_MAX <= FINDINGS_INDEX / 2, "the index is at most half full");

enum { TEXTS = 5 };

/* A key of JSON may have a NUL in it. */
static struct span until_nul(struct span s)
{
    return s.p == NULL ? SPAN("") : span_until(s, strnlen(s.p, s.n));
}

static void texts_list(const struct findings_texts *t, struct span out[TEXTS])
{
    out[0] = until_nul(t->path);
    out[1] = until_nul(t->detail);
    out[2] = until_nul(t->method);
    out[3] = until_nul(t->classes[SIDE_LEGACY]);
    out[4] = until_nul(t->classes[SIDE_NEW]);
}

void findings_texts(const struct findings_entry *e, struct findings_texts *out)
{
    const char *p = e->text;
    struct span list[TEXTS];
    for (size_t i = 0; i < TEXTS; i++) {
        list[i] = span_str(p);
        p += list[i].n + 1;
    }
    *out = (struct findings_texts){list[0], list[1], list[2], {list[3], list[4]}};
}

static char *texts_copy(const struct findings_texts *t, size_t *n)
{
    struct span list[TEXTS];
    *n = 0;
    texts_list(t, list);
    for (size_t i = 0; i < TEXTS; i++)
        *n += list[i].n + 1;
    char *text = calloc(1, *n), *p = text;
    for (size_t i = 0; i < TEXTS && text != NULL; i++) {
        if (list[i].n > 0)
            memcpy(p, list[i].p, list[i].n);
        p += list[i].n + 1;
    }
    return text;
}

static uint64_t entry_key(const struct findings_endpoint *e, enum finding_kind kind,
                          struct span path)
{
    return mix_bytes(mix_two(e->hash, (uint64_t)kind), path);
}

/* Where it is, or where it would be put. */
static uint32_t *slot_of(const struct findings_table *t, const struct findings_endpoint *e,
                         enum finding_kind kind, struct span path)
{
    uint64_t key = entry_key(e, kind, path);
    uint32_t at = (uint32_t)key & (FINDINGS_INDEX - 1);
    for (; t->index[at] != 0; at = (at + 1) & (FINDINGS_INDEX - 1)) {
        const struct findings_entry *x = &t->entries[t->index[at] - 1];
        if (x->key == key && x->endpoint == e && x->kind == kind &&
            span_eq(span_str(x->text), path))
            break;
    }
    return &t->index[at];
}

static bool has_room(struct findings_table *t)
{
    if (t->nentries == FINDINGS_MAX)
        return false;
    if (t->nentries < t->cap)
        return true;
    size_t cap = t->cap == 0 ? 64 : t->cap * 2;
    struct findings_entry *p = realloc(t->entries, cap * sizeof(*p));
    if (p == NULL)
        return false;
    t->entries = p;
    t->cap = cap;
    return true;
}

struct findings_entry *findings_entry(struct findings_table *t, struct findings_endpoint *e,
                                      enum finding_kind kind, const struct findings_texts *texts)
{
    struct span path = until_nul(texts->path);
    uint32_t *slot = slot_of(t, e, kind, path);
    if (*slot != 0)
        return &t->entries[*slot - 1];
    size_t n;
    char *text = has_room(t) ? texts_copy(texts, &n) : NULL;
    if (text == NULL)
        return NULL;
    struct findings_entry *x = &t->entries[t->nentries++];
    *x = (struct findings_entry){
        .endpoint = e, .text = text, .text_n = n, .text_ms = UINT64_MAX, .kind = kind};
    x->key = entry_key(e, kind, path);
    *slot = (uint32_t)t->nentries;
    return x;
}

/* Takes text and gives back the one that is not needed. */
static char *earlier_text(struct findings_entry *e, uint64_t at_ms, char *text, size_t n)
{
    struct span is = span_of(text, n), was = span_of(e->text, e->text_n);
    char *old = e->text;
    if (at_ms > e->text_ms || (at_ms == e->text_ms && span_cmp(is, was) >= 0))
        return text;
    e->text = text;
    e->text_n = n;
    e->text_ms = at_ms;
    return old;
}

void findings_retell(struct findings_entry *e, uint64_t at_ms, const struct findings_texts *texts)
{
    size_t n;
    char *text = at_ms <= e->text_ms ? texts_copy(texts, &n) : NULL;
    if (text != NULL)
        free(earlier_text(e, at_ms, text, n));
}

static bool comes_first(const struct findings_entry *e, uint64_t at_ms, struct span json)
{
    if (e->example == NULL || at_ms != e->example_ms)
        return e->example == NULL || at_ms < e->example_ms;
    return span_cmp(json, span_str(e->example)) < 0;
}

void findings_example(struct findings_entry *e, uint64_t at_ms, struct span json)
{
    char *example = NULL;
    if (json.n == 0 || json.n > FINDINGS_EXAMPLE_MAX || !comes_first(e, at_ms, json) ||
        (example = findings_copy(json)) == NULL)
        return;
    free(e->example);
    e->example = example;
    e->example_ms = at_ms;
}

static void merge_entry(struct findings_entry *into, struct findings_entry *from)
{
    into->pairs = findings_sum(into->pairs, from->pairs);
    into->lasting = findings_sum(into->lasting, from->lasting);
    into->skew = findings_sum(into->skew, from->skew);
    into->places = findings_sum(into->places, from->places);
    findings_merge_evidence(&into->evidence, &from->evidence);
    findings_seen(&into->first_ms, &into->last_ms, from->first_ms, from->last_ms);
    findings_example(into, from->example_ms, span_str(from->example));
    from->text = earlier_text(into, from->text_ms, from->text, from->text_n);
}

void findings_entry_free(struct findings_entry *e)
{
    free(e->text);
    free(e->example);
}

void findings_index_again(struct findings_table *t)
{
    size_t kept = 0;
    memset(t->index, 0, FINDINGS_INDEX * sizeof(*t->index));
    for (size_t i = 0; i < t->nentries; i++) {
        struct findings_entry x = t->entries[i];
        while (x.endpoint->merged != NULL)
            x.endpoint = x.endpoint->merged;
        x.key = entry_key(x.endpoint, x.kind, span_str(x.text));
        uint32_t *slot = slot_of(t, x.endpoint, x.kind, span_str(x.text));
        if (*slot != 0) {
            merge_entry(&t->entries[*slot - 1], &x);
            findings_entry_free(&x);
            continue;
        }
        t->entries[kept++] = x;
        *slot = (uint32_t)kept;
    }
    t->nentries = kept;
}
