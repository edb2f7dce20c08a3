/* Paths in rules: `$.items[].price`, `$.**.updated_at`, `$["a b"].*`. A set of them is walked along
 * with a document: at each step down it knows which selectors still apply, so that a value costs
 * what the rules that reach it cost, not what all do.
 *
 *   $  $form  $events    JSON; the fields of a form; the list of a stream of events
 *   .name  ["any text"]   the member of that name
 *   .*                    any member or element, one level
 *   .**                   any number of levels, none included
 *   []  [*]  [id]         the elements of an array, however they were matched to each other
 *   {}                    the entries of an object that is a map, or any member */
#ifndef SHADOW_SELECTOR_H
#define SHADOW_SELECTOR_H

#include "base/arena.h"

enum selector_step_kind { STEP_KEY, STEP_ANY, STEP_DEEP, STEP_ELEMENT, STEP_ENTRY };

struct selector_step {
    enum selector_step_kind kind;
    struct span key; /* STEP_KEY */
};

struct selector {
    struct span root; /* what follows the $: empty, "form" or "events". Static */
    struct selector_step *steps;
    size_t n;
    size_t tag; /* the owner's */
};

struct selector_set {
    struct selector *list;
    size_t n;
    size_t cap;
};

enum { SELECTOR_STEPS_MAX = 63 };

/* What is wrong with a selector, for a complaint; both static. */
struct selector_wrong {
    const char *what;
    const char *right;
};

enum err selector_add(struct selector_set *set, struct arena *a, struct span text, size_t tag,
                      struct selector_wrong *wrong) MUST_USE;
/* Reads a selector and adds it to the set; all memory is the arena's. ERR_INVALID: `wrong` says
 * why. */

/* --- one place --- */

/* A step to it: into an array, or to a member; the key of a map's entry may not be known. */
struct selector_place {
    bool element;
    struct span key;
};

bool selector_reaches(const struct selector *s, struct span root,
                      const struct selector_place *place, size_t n, bool below);
/* Whether it selects the place; below: or something around it. */

/* --- walking --- */

struct selector_state {
    uint32_t selector;
    uint32_t
        step; /* of the selector: this one is next; n: the selector selects the value we stand at */
};

struct selector_walk {
    const struct selector_set *set;
    struct selector_state *states;
    size_t n;
    size_t cap;
    size_t *levels; /* where each level's states begin */
    size_t depth;
    size_t depth_cap;
};

enum err selector_walk_begin(struct selector_walk *w, const struct selector_set *set,
                             struct span root) MUST_USE;
/* Stands at the root, with the selectors for it. The walk may have been used before; its memory is
 * reused. */

void selector_walk_free(struct selector_walk *w);

enum err selector_push(struct selector_walk *w, bool element, struct span key) MUST_USE;
void selector_pop(struct selector_walk *w);

const struct selector *selector_next(const struct selector_walk *w, size_t *at);
/* The selectors that select the value we stand at, one by one; *at begins as 0. NULL: no more. */

static inline size_t selector_width(const struct selector_walk *w)
{
    return w->n - w->levels[w->depth];
}
/* How many selectors are still followed here. */

static inline bool selector_selects(const struct selector_walk *w)
{
    size_t at = 0;
    return selector_next(w, &at) != NULL;
}

#endif
