/* Which mismatches count is known only when all records are read, because it takes the states of
 * their findings. So pairs are kept as sets of findings with a number: few sets, however many
 * pairs. Where there is no room for another set, its pairs count. */
#include "shadow/report_noise.h"

#include "shadow/mix.h"
#include "shadow/parents.h"
#include "shadow/reach.h"

#include <stdlib.h>

enum { SETS_MAX = 8192, SET_INDEX = 2 * SETS_MAX };

struct report_set {
    struct report_endpoint *endpoint;
    struct report_finding **findings; /* by address */
    size_t n;
    uint64_t pairs;
};

enum err noise_begin(struct report *r)
{
    r->sets = calloc(SET_INDEX, sizeof(*r->sets));
    return r->sets == NULL ? ERR_NO_MEMORY : ERR_OK;
}

void noise_end(struct report *r)
{
    free(r->sets);
}

/* --- sets --- */

static int by_address(const void *pa, const void *pb)
{
    const struct report_finding *a = *(struct report_finding *const *)pa;
    const struct report_finding *b = *(struct report_finding *const *)pb;
    return a < b ? -1 : a > b;
}

static bool is_set(const struct report_set *s, const struct report_endpoint *e,
                   const struct report_lasting *l)
{
    return s->endpoint == e && s->n == l->n &&
           memcmp(s->findings, l->list, l->n * sizeof(l->list[0])) == 0;
}

static struct report_set *set_of(struct report *r, struct report_endpoint *e,
                                 const struct report_lasting *l)
{
    struct span bytes = span_of((const char *)l->list, l->n * sizeof(l->list[0]));
    size_t at = mix_bytes((uint64_t)(uintptr_t)e, bytes) & (SET_INDEX - 1);
    for (; r->sets[at].endpoint != NULL; at = (at + 1) & (SET_INDEX - 1))
        if (is_set(&r->sets[at], e, l))
            return &r->sets[at];
    struct report_finding **copy = r->nsets == SETS_MAX ? NULL : arena_alloc(&r->arena, bytes.n);
    if (copy == NULL)
        return NULL;
    memcpy(copy, l->list, bytes.n);
    r->nsets++;
    r->sets[at] = (struct report_set){.endpoint = e, .findings = copy, .n = l->n};
    return &r->sets[at];
}

void noise_count_pair(struct report *r, struct report_endpoint *e, const struct record *x,
                      struct report_lasting *l)
{
    r->settled[x->settled]++;
    e->settled[x->settled]++;
    if (!settled_counts(x->settled))
        return;
    qsort(l->list, l->n, sizeof(l->list[0]), by_address);
    struct report_set *s = l->unknown || l->n == 0 ? NULL : set_of(r, e, l);
    if (s != NULL)
        s->pairs++;
    else
        e->counted++;
}

/* --- probes --- */

static bool has(const struct report_lasting *l, const struct report_finding *f)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->list[i] == f)
            return true;
    return false;
}

static enum err count_evidence(struct report *r, struct report_endpoint *e,
                               const struct record_probe *p, enum reach reach,
                               const struct report_lasting *l)
{
    struct report_lasting own = {.n = 0};
    for (size_t i = 0; i < p->nfindings; i++) {
        const struct record_finding x = {.path = p->findings[i].path, .kind = p->findings[i].kind};
        struct report_finding *f;
        TRY(report_finding_of(r, e, &x, &f));
        if (f == NULL || reach_needed(span_str(f->path)) > reach)
            continue;
        own.list[own.n++] = f;
        if (!has(l, f))
            f->evidence.c++;
    }
    for (size_t i = 0; i < l->n; i++) {
        struct report_finding *f = l->list[i];
        if (reach_needed(span_str(f->path)) > reach)
            continue;
        if (has(&own, f))
            f->evidence.both++;
        else
            f->evidence.b++;
    }
    return ERR_OK;
}

struct report_absent *report_absent_of(struct report *r, struct report_endpoint *e,
                                       struct span path)
{
    struct report_absent *a = e->absent;
    while (a != NULL && !span_eq(span_str(a->path), path))
        a = a->next;
    if (a != NULL)
        return a;
    a = arena_zalloc(&r->arena, sizeof(*a));
    const char *copy = arena_copy(&r->arena, path);
    if (a == NULL || copy == NULL)
        return NULL;
    *a = (struct report_absent){.next = e->absent, .path = copy};
    e->absent = a;
    return a;
}

static enum err count_absent(struct report *r, struct report_endpoint *e, const struct record *x,
                             bool evidence)
{
    for (size_t i = 0; i < x->nabsent; i++) {
        struct report_absent *a = report_absent_of(r, e, x->absent[i]);
        if (a == NULL)
            return ERR_NO_MEMORY;
        a->pairs++;
        a->probes += evidence;
    }
    return ERR_OK;
}

/* Whether the probe can be held against the pair: both were compared, and all of it is known. */
static bool is_evidence(const struct record *x, const struct report_lasting *l)
{
    const struct record_probe *p = &x->probe;
    return p->is && verdict_is_compared(p->verdict) && p->more == 0 && !l->unknown &&
           x->settled != SETTLED_SKEW;
}

enum err noise_count_probe(struct report *r, struct report_endpoint *e, const struct record *x,
                           const struct report_lasting *l)
{
    const struct record_probe *p = &x->probe;
    bool evidence = is_evidence(x, l);
    TRY(count_absent(r, e, x, evidence));
    if (!evidence)
        return ERR_OK;
    enum reach ab = reach_of(x->body), aa = reach_of(p->body);
    enum reach reach = ab < aa ? ab : aa;
    r->probes++;
    for (enum reach k = REACH_STATUS; k <= reach; k++)
        e->probes[k]++;
    return count_evidence(r, e, p, reach, l);
}

/* --- in the end --- */

static void drop_unseen(struct report *r, struct report_endpoint *e)
{
    struct report_finding **at = &e->findings;
    while (*at != NULL) {
        struct report_finding *f = *at;
        if (f->pairs > 0) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        e->nfindings--;
        r->nfindings--;
    }
}

static uint64_t less(uint64_t n, uint64_t by, uint64_t least)
{
    return n > by && n - by > least ? n - by : least;
}

/* Out of how many: those in which the place around it existed. */
static void denominators(const struct report_endpoint *e, struct report_finding *f)
{
    struct span parent;
    const struct report_absent *a = e->absent;
    const struct evidence *v = &f->evidence;
    f->within = e->compared;
    f->evidence.probes = e->probes[reach_needed(span_str(f->path))];
    if (!parent_of(span_str(f->path), &parent))
        return;
    while (a != NULL && !span_eq(span_str(a->path), parent))
        a = a->next;
    if (a == NULL)
        return;
    f->within = less(e->compared, a->pairs, f->pairs);
    f->evidence.probes = less(v->probes, a->probes, v->b + v->c + v->both);
}

static void judge(struct report *r, struct report_endpoint *e)
{
    for (struct report_finding *f = e->findings; f != NULL; f = f->next) {
        denominators(e, f);
        f->state = evidence_state(&f->evidence, f->lasting > 0);
        e->states[f->state]++;
        r->states[f->state]++;
    }
}

static bool set_counts(const struct report_set *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (evidence_state_counts(s->findings[i]->state))
            return true;
    return false;
}

/* Tables know no pairs, so of those that lasted (all are in e->counted) as many count as the
 * findings that count were in: rather a few too many, where a pair has several of them. */
static void count_without_sets(const struct report *r, struct report_endpoint *e)
{
    uint64_t most = e->more;
    for (const struct report_finding *f = e->findings; f != NULL; f = f->next)
        if (evidence_state_counts(f->state))
            most = f->lasting < UINT64_MAX - most ? most + f->lasting : UINT64_MAX;
    if (r->lost_findings > 0 || most >= e->counted)
        return;
    e->noise = e->counted - most;
    e->counted = most;
}

void noise_finish(struct report *r)
{
    for (size_t i = 0; i < r->nendpoints; i++) {
        drop_unseen(r, r->endpoints[i]);
        judge(r, r->endpoints[i]);
    }
    for (size_t i = 0; i < SET_INDEX; i++) {
        const struct report_set *s = &r->sets[i];
        if (s->endpoint == NULL)
            continue;
        if (set_counts(s))
            s->endpoint->counted += s->pairs;
        else
            s->endpoint->noise += s->pairs;
    }
    for (size_t i = 0; i < r->nendpoints; i++) {
        if (r->ninstances > 0)
            count_without_sets(r, r->endpoints[i]);
        r->counted += r->endpoints[i]->counted;
        r->noise += r->endpoints[i]->noise;
    }
}
