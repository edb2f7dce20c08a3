/* What self-tests came to, per endpoint and kind of defect: a report of tables shows the same as
 * one of records (report_seeds.c). */
#include "shadow/findings.h"

#include "shadow/jwrite.h"

#include <stdlib.h>

static struct findings_seed *seed_of_kind(struct findings_endpoint *e, enum seed_kind k)
{
    if (e->seeds == NULL)
        e->seeds = calloc(SEED_KINDS, sizeof(*e->seeds));
    return e->seeds == NULL ? NULL : &e->seeds[k];
}

/* missed: whether s had one by then. */
static void tell(struct findings_seed *s, bool missed, enum seed_outcome outcome, struct span path,
                 struct span by)
{
    if (path.n == 0 || !seed_is_told(outcome, path, s->path, missed))
        return;
    char *p = findings_copy(path), *b = findings_copy(by);
    if (p == NULL || b == NULL) {
        free(p);
        free(b);
        return;
    }
    free(s->path);
    free(s->by);
    s->path = p;
    s->by = b;
}

static void add_one(struct findings_endpoint *e, enum seed_kind k, const struct seed_result *r)
{
    struct findings_seed *s = r->outcome == SEED_NOWHERE ? NULL : seed_of_kind(e, k);
    if (s == NULL)
        return;
    tell(s, s->n[SEED_MISSED] > 0, r->outcome, span_of(r->path, r->path_n), span_str(r->by));
    s->n[r->outcome]++;
}

void findings_add_seeds(struct findings *f, const struct shadow_pair *pair,
                        const struct endpoint *endpoint,
                        const struct seed_result results[SEED_KINDS])
{
    pthread_mutex_lock(&f->lock);
    findings_rotate(f, pair->wall_ms);
    f->shared.changes++;
    struct findings_endpoint *e =
        findings_endpoint(f, &f->shared.tables[0], span_str(pair->rules->route), endpoint);
    for (enum seed_kind k = 0; k < SEED_KINDS && e != NULL; k++)
        add_one(e, k, &results[k]);
    pthread_mutex_unlock(&f->lock);
}

static void merge_one(struct findings_seed *to, const struct findings_seed *from)
{
    if (from->path != NULL)
        tell(to, to->n[SEED_MISSED] > 0, from->n[SEED_MISSED] > 0 ? SEED_MISSED : SEED_HIDDEN,
             span_str(from->path), span_str(from->by));
    for (enum seed_outcome o = 0; o < SEED_OUTCOMES; o++)
        to->n[o] = findings_sum(to->n[o], from->n[o]);
}

void findings_merge_seeds(struct findings_endpoint *into, const struct findings_seed *from)
{
    for (enum seed_kind k = 0; k < SEED_KINDS && from != NULL; k++) {
        struct findings_seed *to = seed_of_kind(into, k);
        if (to != NULL)
            merge_one(to, &from[k]);
    }
}

void findings_seeds_free(struct findings_endpoint *e)
{
    for (enum seed_kind k = 0; k < SEED_KINDS && e->seeds != NULL; k++) {
        free(e->seeds[k].path);
        free(e->seeds[k].by);
    }
    free(e->seeds);
    e->seeds = NULL;
}

/* --- lines --- */

static enum err write_one(enum seed_kind k, const struct findings_seed *s, const char *sep,
                          struct buf *b)
{
    TRY(buf_printf(b, "%s{\"defect\":\"%s\"", sep, seed_word(k)));
    for (enum seed_outcome o = SEED_CAUGHT; o < SEED_OUTCOMES; o++)
        if (s->n[o] > 0)
            TRY(jwrite_number(b, seed_outcome_word(o), s->n[o]));
    if (s->path != NULL) {
        TRY(jwrite_member(b, "path", span_str(s->path)));
        TRY(jwrite_member(b, "by", span_str(s->by)));
    }
    return buf_append(b, SPAN("}"));
}

enum err findings_write_seeds(const struct findings_seed *s, struct buf *b)
{
    const char *sep = "";
    if (s == NULL)
        return ERR_OK;
    TRY(buf_append(b, SPAN(",\"defects\":[")));
    for (enum seed_kind k = 0; k < SEED_KINDS; k++) {
        if (s[k].n[SEED_CAUGHT] + s[k].n[SEED_HIDDEN] + s[k].n[SEED_MISSED] == 0)
            continue;
        TRY(write_one(k, &s[k], sep, b));
        sep = ",";
    }
    return buf_append(b, SPAN("]"));
}

static void read_one(struct findings_endpoint *e, const struct jdoc *d, uint32_t object)
{
    struct findings_seed x = {.path = NULL}, *to;
    struct span word = SPAN_NULL, path = SPAN_NULL, by = SPAN_NULL;
    enum seed_kind k;
    if (!jdoc_string(d, object, "defect", &word) || !seed_of(word, &k) ||
        (to = seed_of_kind(e, k)) == NULL)
        return;
    for (enum seed_outcome o = SEED_CAUGHT; o < SEED_OUTCOMES; o++)
        if (!jdoc_u64(d, object, seed_outcome_word(o), &x.n[o]))
            x.n[o] = 0;
    bool told = jdoc_string(d, object, "path", &path) && jdoc_string(d, object, "by", &by);
    if (told && path.n <= PATH_TEXT_MAX && by.n <= FINDINGS_NAME_MAX) {
        x.path = findings_copy(path);
        x.by = findings_copy(by);
    }
    if (x.path == NULL || x.by == NULL) {
        free(x.path);
        x.path = NULL;
    }
    merge_one(to, &x);
    free(x.path);
    free(x.by);
}

void findings_read_seeds(struct findings_endpoint *e, const struct jdoc *d)
{
    uint32_t list = jdoc_list(d, 0, "defects");
    for (uint32_t i = list + 1; list != JDOC_NONE && i < d->nodes[list].next; i = d->nodes[i].next)
        read_one(e, d, i);
}
