/* A set of selectors is a nondeterministic automaton: a state is (selector, next step). States of
 * all levels lie on one stack. */
#include "shadow/selector.h"

#include "shadow/jdoc.h"

#include <stdlib.h>

/* --- reading --- */

struct reader {
    struct span rest;
    struct arena *arena;
    struct selector_step steps[SELECTOR_STEPS_MAX];
    size_t n;
    struct selector_wrong *wrong;
};

static enum err refuse(struct reader *r, const char *what, const char *right)
{
    *r->wrong = (struct selector_wrong){what, right};
    return ERR_INVALID;
}

static enum err step_add(struct reader *r, enum selector_step_kind kind, struct span key)
{
    if (r->n == SELECTOR_STEPS_MAX)
        return refuse(r, "has more than 63 steps", "use .** for the levels in between");
    if (kind == STEP_DEEP && r->n > 0 && r->steps[r->n - 1].kind == STEP_DEEP)
        return ERR_OK; /* .**.** says no more than .** */
    if (kind == STEP_KEY) {
        key.p = arena_copy(r->arena, key);
        if (key.p == NULL)
            return ERR_NO_MEMORY;
    }
    r->steps[r->n++] = (struct selector_step){kind, key};
    return ERR_OK;
}

static bool is_bare(char c)
{
    char l = byte_lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '$' ||
           c == '@' || c == ':' || (unsigned char)c >= 0x80;
}

static enum err after_dot(struct reader *r)
{
    static const char quote[] = "quote keys that are not plain words: $[\"a b\"]";
    size_t n = 0;
    if (span_has_prefix(r->rest, SPAN("**"))) {
        r->rest = span_from(r->rest, 2);
        return step_add(r, STEP_DEEP, SPAN_NULL);
    }
    if (span_has_prefix(r->rest, SPAN("*"))) {
        r->rest = span_from(r->rest, 1);
        return step_add(r, STEP_ANY, SPAN_NULL);
    }
    if (span_has_prefix(r->rest, SPAN(".")))
        return refuse(r, "has two dots in a row", "write $.**.name for a name at any depth");
    while (n < r->rest.n && is_bare(r->rest.p[n]))
        n++;
    if (n == 0)
        return refuse(r, "has a dot without a name after it", quote);
    struct span name = span_until(r->rest, n);
    r->rest = span_from(r->rest, n);
    if (r->rest.n > 0 && memchr(".[{", r->rest.p[0], 3) == NULL)
        return refuse(r, "has a character that a plain name cannot have", quote);
    return step_add(r, STEP_KEY, name);
}

/* ["..."]: a JSON string. */
static enum err quoted(struct reader *r)
{
    struct jdoc d = JDOC_INIT;
    size_t end = 1;
    while (end < r->rest.n && r->rest.p[end] != '"')
        end += r->rest.p[end] == '\\' ? 2 : 1;
    if (end + 1 >= r->rest.n || r->rest.p[end + 1] != ']')
        return refuse(r, "has a quoted name that does not end", "write $[\"a b\"]");
    enum err e = jdoc_parse(&d, span_until(r->rest, end + 1));
    if (e == ERR_OK)
        e = step_add(r, STEP_KEY, jdoc_text(&d, 0));
    else if (e != ERR_NO_MEMORY)
        e = refuse(r, "has a quoted name that is not a JSON string", "write $[\"a b\"]");
    jdoc_free(&d);
    r->rest = span_from(r->rest, end + 2);
    return e;
}

static bool all_digits(struct span s)
{
    uint64_t v;
    return span_u64(s, &v);
}

static enum err after_bracket(struct reader *r)
{
    if (span_has_prefix(r->rest, SPAN("\"")))
        return quoted(r);
    if (span_has_prefix(r->rest, SPAN("'")))
        return refuse(r, "has a name in single quotes", "use double quotes: $[\"a b\"]");
    size_t end = span_find(r->rest, ']');
    if (end == r->rest.n)
        return refuse(r, "has a [ without a ]", "write $.items[].price for the elements");
    struct span inner = span_until(r->rest, end);
    r->rest = span_from(r->rest, end + 1);
    if (all_digits(inner))
        return refuse(r, "names an element by its index",
                      "write [] for all elements: the order of a list is compared by itself");
    return step_add(r, STEP_ELEMENT, SPAN_NULL);
}

static enum err read_step(struct reader *r)
{
    char c = r->rest.p[0];
    if (span_has_prefix(r->rest, SPAN("{}"))) {
        r->rest = span_from(r->rest, 2);
        return step_add(r, STEP_ENTRY, SPAN_NULL);
    }
    r->rest = span_from(r->rest, 1);
    if (c == '.')
        return after_dot(r);
    if (c == '[')
        return after_bracket(r);
    return refuse(r, "continues with something that is no step",
                  "steps are .name, .*, .**, [], {} and [\"a b\"]");
}

/* What may follow the $. */
static struct span read_root(struct reader *r)
{
    static const char *const roots[] = {"form", "events"};
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        struct span root = span_str(roots[i]),
                    after = span_from(r->rest, min_size(root.n, r->rest.n));
        if (!span_has_prefix(r->rest, root) ||
            (after.n > 0 && memchr(".[{", after.p[0], 3) == NULL))
            continue;
        r->rest = after;
        return root;
    }
    return SPAN_NULL;
}

enum err selector_add(struct selector_set *set, struct arena *a, struct span text, size_t tag,
                      struct selector_wrong *wrong)
{
    struct reader r = {.arena = a, .wrong = wrong};
    *wrong = (struct selector_wrong){NULL, NULL};
    if (!span_has_prefix(text, SPAN("$")))
        return refuse(&r, "does not begin with $", "write $.name or header:NAME");
    r.rest = span_from(text, 1);
    struct span root = read_root(&r);
    while (r.rest.n > 0)
        TRY(read_step(&r));
    void *list = set->list;
    if (set->n == set->cap && !arena_grow(a, &list, &set->cap, sizeof(*set->list)))
        return ERR_NO_MEMORY;
    set->list = list;
    struct selector_step *steps = arena_alloc(a, (r.n + 1) * sizeof(*steps));
    if (steps == NULL)
        return ERR_NO_MEMORY;
    memcpy(steps, r.steps, r.n * sizeof(*steps));
    set->list[set->n++] = (struct selector){root, steps, r.n, tag};
    return ERR_OK;
}

/* --- walking --- */

static enum err state_add(struct selector_walk *w, uint32_t selector, uint32_t step)
{
    /* States come in the order of their selectors, so its others are the last ones. */
    for (size_t i = w->n; i > w->levels[w->depth] && w->states[i - 1].selector == selector; i--)
        if (w->states[i - 1].step == step)
            return ERR_OK;
    if (w->n == w->cap) {
        size_t cap = w->cap == 0 ? 64 : w->cap * 2;
        struct selector_state *p = realloc(w->states, cap * sizeof(*p));
        if (p == NULL)
            return ERR_NO_MEMORY;
        w->states = p;
        w->cap = cap;
    }
    w->states[w->n++] = (struct selector_state){selector, step};
    const struct selector *s = &w->set->list[selector];
    if (step < s->n && s->steps[step].kind == STEP_DEEP) /* none of the levels it may skip */
        return state_add(w, selector, step + 1);
    return ERR_OK;
}

static enum err level_add(struct selector_walk *w)
{
    if (w->depth + 1 >= w->depth_cap) {
        size_t cap = w->depth_cap == 0 ? 32 : w->depth_cap * 2;
        size_t *p = realloc(w->levels, cap * sizeof(*p));
        if (p == NULL)
            return ERR_NO_MEMORY;
        w->levels = p;
        w->depth_cap = cap;
    }
    w->levels[++w->depth] = w->n;
    return ERR_OK;
}

enum err selector_walk_begin(struct selector_walk *w, const struct selector_set *set,
                             struct span root)
{
    w->set = set;
    w->n = w->depth = 0;
    TRY(level_add(w));
    for (size_t i = 0; i < set->n; i++)
        if (span_eq(set->list[i].root, root))
            TRY(state_add(w, (uint32_t)i, 0));
    return ERR_OK;
}

void selector_walk_free(struct selector_walk *w)
{
    free(w->states);
    free(w->levels);
    *w = (struct selector_walk){.set = NULL};
}

static bool step_takes(const struct selector_step *s, bool element, struct span key)
{
    switch (s->kind) {
    case STEP_KEY:
        return !element && span_eq(s->key, key);
    case STEP_ELEMENT:
        return element;
    case STEP_ENTRY:
        return !element;
    default:
        return true;
    }
}

enum err selector_push(struct selector_walk *w, bool element, struct span key)
{
    size_t from = w->levels[w->depth], to = w->n;
    TRY(level_add(w));
    enum err e = ERR_OK;
    for (size_t i = from; i < to && e == ERR_OK; i++) {
        struct selector_state s = w->states[i];
        const struct selector *sel = &w->set->list[s.selector];
        if (s.step == sel->n || !step_takes(&sel->steps[s.step], element, key))
            continue;
        bool stays = sel->steps[s.step].kind == STEP_DEEP;
        e = state_add(w, s.selector, stays ? s.step : s.step + 1);
    }
    if (e != ERR_OK)
        selector_pop(w);
    return e;
}

void selector_pop(struct selector_walk *w)
{
    w->n = w->levels[w->depth--];
}

const struct selector *selector_next(const struct selector_walk *w, size_t *at)
{
    for (size_t i = w->levels[w->depth] + *at; i < w->n; i++) {
        const struct selector *s = &w->set->list[w->states[i].selector];
        if (w->states[i].step == s->n) {
            *at = i + 1 - w->levels[w->depth];
            return s;
        }
    }
    return NULL;
}

/* --- one place --- */

/* Which steps may come next, as bits; bit n: all were taken. */
static uint64_t skipped(const struct selector *s, uint64_t next)
{
    for (size_t k = 0; k < s->n; k++)
        if (((next >> k) & 1) != 0 && s->steps[k].kind == STEP_DEEP)
            next |= (uint64_t)1 << (k + 1);
    return next;
}

_Static_assert((int)SELECTOR_STEPS_MAX < 64, "a bit for each step and one for the end");

bool selector_reaches(const struct selector *s, struct span root,
                      const struct selector_place *place, size_t n, bool below)
{
    if (!span_eq(s->root, root))
        return false;
    uint64_t next = skipped(s, 1);
    for (size_t i = 0; i < n; i++) {
        uint64_t after = 0;
        if (below && ((next >> s->n) & 1) != 0)
            return true;
        for (size_t k = 0; k < s->n; k++)
            if (((next >> k) & 1) != 0 && step_takes(&s->steps[k], place[i].element, place[i].key))
                after |= (uint64_t)1 << (s->steps[k].kind == STEP_DEEP ? k : k + 1);
        next = skipped(s, after);
    }
    return ((next >> s->n) & 1) != 0;
}
