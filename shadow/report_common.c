/* What differs alike on several endpoints: a field that all answers have is one matter, not as many
 * as there are endpoints. */
#include "shadow/report_order.h"

#include <stdlib.h>

enum { SEVERAL = 3 }; /* endpoints */

static int by_place(const void *pa, const void *pb)
{
    const struct report_finding *a = *(const struct report_finding *const *)pa;
    const struct report_finding *b = *(const struct report_finding *const *)pb;
    int c = strcmp(a->path, b->path);
    return c != 0 ? c : (int)a->kind - (int)b->kind;
}

static bool is_wider(const struct report_common *a, const struct report_common *b)
{
    return a->endpoints != b->endpoints ? a->endpoints > b->endpoints : a->pairs > b->pairs;
}

/* Kept in order; the last one goes where there is no room. */
static void take(struct report *r, const struct report_common *x)
{
    size_t at = r->ncommon;
    while (at > 0 && is_wider(x, &r->common[at - 1]))
        at--;
    if (at == REPORT_COMMON_MAX)
        return;
    size_t n = r->ncommon < REPORT_COMMON_MAX ? r->ncommon++ : REPORT_COMMON_MAX - 1;
    memmove(&r->common[at + 1], &r->common[at], (n - at) * sizeof(*x));
    r->common[at] = *x;
}

static void group(struct report *r, const struct report_finding *const *list, size_t n)
{
    for (size_t i = 0, k; i < n; i = k) {
        struct report_common x = {.path = list[i]->path, .kind = list[i]->kind};
        for (k = i; k < n && by_place(&list[k], &list[i]) == 0; k++) {
            x.endpoints++;
            x.pairs += list[k]->pairs;
        }
        if (x.endpoints >= SEVERAL)
            take(r, &x);
    }
}

void report_common(struct report *r)
{
    const struct report_finding **list = calloc(r->nfindings + 1, sizeof(const void *));
    size_t n = 0;
    if (list == NULL) /* a report without it is one */
        return;
    for (size_t i = 0; i < r->nendpoints; i++)
        for (const struct report_finding *f = r->endpoints[i]->findings; f != NULL; f = f->next)
            if (evidence_state_counts(f->state) && n < r->nfindings)
                list[n++] = f;
    qsort(list, n, sizeof(*list), by_place);
    group(r, list, n);
    free(list);
}
