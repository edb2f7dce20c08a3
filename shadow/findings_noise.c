/* Evidence from probes, kept with the findings it is about: what report_noise.c makes of records,
 * counted while the pair is there. */
#include "shadow/findings.h"

#include "shadow/reach.h"

#include <stdlib.h>

/* Whether the probe can be held against the pair: both were compared, and all of it is known. */
static bool is_evidence(const struct comparison *c, bool whole)
{
    return c->probe != NULL && verdict_is_compared(c->probe->verdict) && c->probe->more == 0 &&
           c->more == 0 && whole && settled_said(c) != SETTLED_SKEW;
}

static enum reach reach_of_both(const struct comparison *c)
{
    enum reach ab = reach_of(span_str(c->body)), aa = reach_of(span_str(c->probe->body));
    return ab < aa ? ab : aa;
}

static bool is_same(const struct finding *a, const struct finding *b)
{
    return a->kind == b->kind && span_eq(a->path, b->path);
}

static bool lasts_in(const struct comparison *c, const struct finding *x)
{
    for (size_t i = 0; i < c->nfindings; i++)
        if (is_same(&c->findings[i], x) && settled_lasts(c, i))
            return true;
    return false;
}

static bool is_in(const struct comparison *c, const struct finding *x)
{
    for (size_t i = 0; i < c->nfindings; i++)
        if (is_same(&c->findings[i], x))
            return true;
    return false;
}

static struct evidence *evidence_of(struct findings_table *t, struct findings_endpoint *e,
                                    const struct finding *x)
{
    const struct findings_texts only_path = {.path = x->path};
    struct findings_entry *entry = findings_entry(t, e, x->kind, &only_path);
    return entry == NULL ? NULL : &entry->evidence;
}

/* What has no room in the table is not counted there, either way. */
static void count_evidence(struct findings_table *t, struct findings_endpoint *e,
                           const struct comparison *c, enum reach reach)
{
    struct evidence *v;
    for (size_t i = 0; i < c->probe->nfindings; i++) {
        const struct finding *x = &c->probe->findings[i];
        if (reach_needed(x->path) <= reach && !lasts_in(c, x) && (v = evidence_of(t, e, x)) != NULL)
            v->c++;
    }
    for (size_t i = 0; i < c->nfindings; i++) {
        const struct finding *x = &c->findings[i];
        if (reach_needed(x->path) > reach || !settled_lasts(c, i) ||
            (v = evidence_of(t, e, x)) == NULL)
            continue;
        if (is_in(c->probe, x))
            v->both++;
        else
            v->b++;
    }
}

void findings_count_probe(struct findings_table *t, struct findings_endpoint *e,
                          const struct comparison *c, bool whole)
{
    bool evidence = is_evidence(c, whole);
    if (!verdict_is_compared(c->verdict))
        return;
    for (size_t i = 0; i < c->nabsent; i++)
        findings_count_absent(e, span_str(c->absent[i]), 1, evidence ? 1 : 0);
    if (!evidence)
        return;
    enum reach reach = reach_of_both(c);
    for (enum reach k = REACH_STATUS; k <= reach; k++)
        e->probes[k]++;
    count_evidence(t, e, c, reach);
}

static struct findings_absent *absent_new(struct findings_endpoint *e, struct span path)
{
    if (e->nabsent == FINDINGS_ABSENT_MAX)
        return NULL;
    struct findings_absent *list = realloc(e->absent, (e->nabsent + 1) * sizeof(*list));
    if (list == NULL)
        return NULL;
    e->absent = list;
    list[e->nabsent] = (struct findings_absent){.path = findings_copy(path)};
    return list[e->nabsent].path == NULL ? NULL : &list[e->nabsent++];
}

void findings_count_absent(struct findings_endpoint *e, struct span path, uint64_t pairs,
                           uint64_t probes)
{
    struct findings_absent *a = NULL;
    for (size_t i = 0; i < e->nabsent && a == NULL; i++)
        if (span_eq(span_str(e->absent[i].path), path))
            a = &e->absent[i];
    if (a == NULL && (a = absent_new(e, path)) == NULL)
        return;
    a->pairs = findings_sum(a->pairs, pairs);
    a->probes = findings_sum(a->probes, probes);
}

void findings_merge_evidence(struct evidence *into, const struct evidence *from)
{
    into->b = findings_sum(into->b, from->b);
    into->c = findings_sum(into->c, from->c);
    into->both = findings_sum(into->both, from->both);
}
