/* The special difficulty: "gone" must have been seen. A finding is gone only when the same place
 * was compared again and neither it nor anything above or below it differs; a round that stopped at
 * the status says nothing about bodies. */
#include "shadow/settle.h"

#include "shadow/reach.h"

static const char *const words[SETTLED_KINDS] = {
    [SETTLED_NOTHING] = "nothing",     [SETTLED_PERSISTENT] = "persistent",
    [SETTLED_TRANSIENT] = "transient", [SETTLED_SKEW] = "skew",
    [SETTLED_UNCHECKED] = "unchecked",
};

const char *settled_word(enum settled s)
{
    BUG_IF(s >= SETTLED_KINDS);
    return words[s];
}

bool settled_of(struct span word, enum settled *out)
{
    for (enum settled s = 0; s < SETTLED_KINDS; s++) {
        if (span_eq(word, span_str(words[s]))) {
            *out = s;
            return true;
        }
    }
    return false;
}

bool settled_counts(enum settled s)
{
    return s == SETTLED_PERSISTENT || s == SETTLED_UNCHECKED;
}

/* --- one round --- */

static bool other_version(const struct shadow_rules *r, const struct shadow_answer a[2])
{
    const struct http_field *v[2];
    if (r->version_header.n == 0)
        return false;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        v[s] = http_head_find_name(&a[s].head, r->version_header);
    return v[0] != NULL && v[1] != NULL && !span_eq(v[0]->value, v[1]->value);
}

/* The one leads to the other: equal, or followed by what begins a step. */
static bool is_above(struct span a, struct span b)
{
    return span_has_prefix(b, a) &&
           (a.n == b.n || (a.p[0] == '$' && (b.p[a.n] == '.' || b.p[a.n] == '[')));
}

static bool was_seen(const struct finding *f, const struct comparison *again)
{
    return reach_needed(f->path) <= reach_of(span_str(again->body));
}

static bool differs_again(const struct finding *f, const struct comparison *again)
{
    if (again->more > 0 || !was_seen(f, again))
        return true; /* as far as anybody knows */
    for (size_t i = 0; i < again->nfindings; i++)
        if (is_above(f->path, again->findings[i].path) ||
            is_above(again->findings[i].path, f->path))
            return true;
    return false;
}

/* False: the round says nothing. */
static bool look_again(struct comparer *c, const struct shadow_pair *pair, unsigned round,
                       struct comparison *again)
{
    struct shadow_pair view = *pair;
    memcpy(view.answers, pair->again[round], sizeof(view.answers));
    compare_pair(c, &view, again);
    return verdict_is_compared(again->verdict);
}

static bool all_gone(const struct settlement *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!s->gone[i])
            return false;
    return true;
}

/* --- all rounds --- */

static void mark_gone(struct settlement *s, const struct comparison *first,
                      const struct comparison *again)
{
    s->rounds++;
    if (first->more > 0 && again->verdict != VERDICT_MATCH)
        return;
    for (size_t i = 0; i < first->nfindings; i++)
        if (!differs_again(&first->findings[i], again))
            s->gone[i] = true;
}

void settle(struct comparer *c, const struct shadow_pair *pair, const struct comparison *first,
            struct settlement *out)
{
    struct comparison again;
    *out = (struct settlement){.end = pair->recheck};
    if (first->verdict != VERDICT_MISMATCH)
        return;
    bool skew = other_version(pair->rules, pair->answers);
    for (unsigned i = 0; i < pair->rounds && !all_gone(out, first->nfindings); i++) {
        if (!look_again(c, pair, i, &again)) {
            out->end = SHADOW_RECHECK_FAILED;
            continue;
        }
        skew = other_version(pair->rules, pair->again[i]);
        if (skew && again.verdict == VERDICT_MISMATCH)
            continue;
        mark_gone(out, first, &again);
    }
    if (all_gone(out, first->nfindings))
        out->said = SETTLED_TRANSIENT;
    else if (skew)
        out->said = SETTLED_SKEW;
    else
        out->said = out->rounds > 0 ? SETTLED_PERSISTENT : SETTLED_UNCHECKED;
    out->wants_round = out->said != SETTLED_TRANSIENT && pair->rounds < SHADOW_ROUNDS &&
                       pair->recheck == SHADOW_RECHECK_OPEN;
}

enum settled settled_said(const struct comparison *c)
{
    return c->settled == NULL ? SETTLED_UNCHECKED : c->settled->said;
}

bool settled_lasts(const struct comparison *c, size_t finding)
{
    return settled_counts(settled_said(c)) && (c->settled == NULL || !c->settled->gone[finding]);
}
