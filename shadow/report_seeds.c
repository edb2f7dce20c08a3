/* Self-tests in reports: what would have been found, by endpoint and kind of defect. */
#include "shadow/report.h"

uint64_t report_seeds_planted(const struct report_seed *s)
{
    return s->n[SEED_CAUGHT] + s->n[SEED_HIDDEN] + s->n[SEED_MISSED];
}

enum err report_seeds_add(struct report *r, struct report_endpoint *e, const struct record *x)
{
    for (size_t i = 0; i < x->nseeds; i++) {
        const struct record_seed *from = &x->seeds[i];
        struct report_seed *to = &e->seeds[from->kind];
        bool told = seed_is_told(from->outcome, from->path, to->path, to->n[SEED_MISSED] > 0);
        to->n[from->outcome]++;
        if (!told)
            continue;
        to->by = arena_copy(&r->arena, from->by);
        to->path = arena_copy(&r->arena, from->path);
        if (to->by == NULL || to->path == NULL)
            return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

void report_seeds_total(const struct report *r, uint64_t out[SEED_OUTCOMES])
{
    memset(out, 0, SEED_OUTCOMES * sizeof(out[0]));
    for (size_t i = 0; i < r->nendpoints; i++)
        for (enum seed_kind k = 0; k < SEED_KINDS; k++)
            for (enum seed_outcome o = 0; o < SEED_OUTCOMES; o++)
                out[o] += r->endpoints[i]->seeds[k].n[o];
}
