/* What matters first: rates and states, when all records are read, and the order they make. */
#include "shadow/report_order.h"

#include "shadow/report_noise.h"

#include <stdlib.h>

/* Regressions first, noise last; of each the grave ones first, of equally grave ones the frequent.
 */
static bool comes_before(const struct report_finding *a, const struct report_finding *b)
{
    if (a->state != b->state)
        return a->state < b->state;
    enum finding_severity sa = finding_severity(a->kind), sb = finding_severity(b->kind);
    if (sa != sb)
        return sa > sb;
    if (a->pairs != b->pairs)
        return a->pairs > b->pairs;
    int c = strcmp(a->path, b->path);
    return c != 0 ? c < 0 : a->kind < b->kind;
}

static struct report_finding *merge(struct report_finding *a, struct report_finding *b)
{
    struct report_finding *first = NULL, **last = &first;
    while (a != NULL && b != NULL) {
        struct report_finding **from = comes_before(b, a) ? &b : &a;
        *last = *from;
        last = &(*from)->next;
        *from = *last;
    }
    *last = a != NULL ? a : b;
    return first;
}

/* Merge sort of a list: recursion is as deep as the logarithm of its length. */
static struct report_finding *sorted(struct report_finding *list)
{
    struct report_finding *slow = list, *fast = list;
    if (list == NULL || list->next == NULL)
        return list;
    while (fast->next != NULL && fast->next->next != NULL) {
        slow = slow->next;
        fast = fast->next->next;
    }
    struct report_finding *half = slow->next;
    slow->next = NULL;
    return merge(sorted(list), sorted(half));
}

static int by_score(const void *pa, const void *pb)
{
    const struct report_endpoint *a = *(const struct report_endpoint *const *)pa;
    const struct report_endpoint *b = *(const struct report_endpoint *const *)pb;
    if ((a->states[EVIDENCE_REGRESS] > 0) != (b->states[EVIDENCE_REGRESS] > 0))
        return a->states[EVIDENCE_REGRESS] > 0 ? -1 : 1;
    if (a->score > b->score || a->score < b->score)
        return a->score > b->score ? -1 : 1;
    if (a->verdicts[VERDICT_MISMATCH] != b->verdicts[VERDICT_MISMATCH])
        return a->verdicts[VERDICT_MISMATCH] > b->verdicts[VERDICT_MISMATCH] ? -1 : 1;
    if (a->pairs != b->pairs)
        return a->pairs > b->pairs ? -1 : 1;
    int c = strcmp(a->name, b->name);
    return c != 0 ? c : strcmp(a->route, b->route);
}

static int by_count(const void *pa, const void *pb)
{
    const struct report_status *a = pa, *b = pb;
    return a->n > b->n ? -1 : a->n < b->n;
}

static int by_reason(const void *pa, const void *pb)
{
    const struct report_reason *a = pa, *b = pb;
    return a->n > b->n ? -1 : a->n < b->n;
}

void report_order(struct report *r)
{
    noise_finish(r);
    r->rate = stats_wilson(r->verdicts[VERDICT_MISMATCH], r->compared);
    for (size_t i = 0; i < r->nendpoints; i++) {
        struct report_endpoint *e = r->endpoints[i];
        e->rate = stats_wilson(e->verdicts[VERDICT_MISMATCH], e->compared);
        double low = stats_wilson(e->counted, e->compared).low;
        e->score = r->pairs == 0 ? 0 : (double)e->pairs / (double)r->pairs * low;
        if (e->compared == 0)
            e->score = 0;
        for (struct report_finding *f = e->findings; f != NULL; f = f->next)
            f->rate = stats_wilson(f->pairs, f->within);
        e->findings = sorted(e->findings);
        qsort(e->statuses, e->nstatuses, sizeof(e->statuses[0]), by_count);
    }
    qsort(r->endpoints, r->nendpoints, sizeof(*r->endpoints), by_score);
    qsort(r->reasons, r->nreasons, sizeof(r->reasons[0]), by_reason);
    report_common(r);
}
