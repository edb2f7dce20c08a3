/* The tree. The special difficulty is that folding must end at the same tree whatever came first:
 * children meet their like by joining (join()), which puts every grandchild through the front door
 * (settle()), where the rules of the place are applied again. */
#include "shadow/trie.h"

#include <stdlib.h>

struct trie_node {
    struct trie_node *first; /* child */
    struct trie_node *next;  /* sibling */
    uint16_t numbers, names; /* children of this kind */
    bool folds_numbers, folds_all;
    uint16_t n;
    char text[];
};

enum kind { KIND_EMPTY, KIND_ID, KIND_ALL, KIND_NUMBER, KIND_NAME };

static enum kind kind_of(struct span s)
{
    if (s.n == 0)
        return KIND_EMPTY;
    if (span_eq(s, SPAN(ENDPOINT_ID)))
        return KIND_ID;
    if (span_eq(s, SPAN(ENDPOINT_NAME)))
        return KIND_ALL;
    return endpoint_is_number(s) ? KIND_NUMBER : KIND_NAME;
}

static struct span text_of(const struct trie_node *x)
{
    return span_of(x->text, x->n);
}

/* --- nodes --- */

static struct trie_node *node_new(struct trie *t, struct span text)
{
    struct trie_node *x = calloc(1, sizeof(*x) + text.n);
    if (x == NULL)
        return NULL;
    x->n = (uint16_t)text.n;
    memcpy(x->text, text.p == NULL ? "" : text.p, text.n);
    t->nodes++;
    return x;
}

static void node_free(struct trie *t, struct trie_node *x)
{
    t->nodes--;
    free(x);
}

/* A number is as deep as the tree at most, which is bounded. */
static void tree_free(struct trie *t, struct trie_node *x)
{
    while (x != NULL) {
        struct trie_node *next = x->next;
        tree_free(t, x->first);
        node_free(t, x);
        x = next;
    }
}

static struct trie_node *child_of(const struct trie_node *x, struct span text)
{
    for (struct trie_node *c = x->first; c != NULL; c = c->next)
        if (span_eq(text_of(c), text))
            return c;
    return NULL;
}

static void count(struct trie_node *parent, enum kind k, int by)
{
    if (k == KIND_NUMBER)
        parent->numbers = (uint16_t)(parent->numbers + by);
    else if (k == KIND_NAME)
        parent->names = (uint16_t)(parent->names + by);
}

static void link_child(struct trie_node *parent, struct trie_node *c)
{
    c->next = parent->first;
    parent->first = c;
    count(parent, kind_of(text_of(c)), 1);
}

static struct trie_node *unlink_child(struct trie_node *parent, struct trie_node **at)
{
    struct trie_node *c = *at;
    *at = c->next;
    c->next = NULL;
    count(parent, kind_of(text_of(c)), -1);
    return c;
}

/* --- folding --- */

/* What a segment is called below this node. */
static struct span called(const struct trie_node *parent, struct span text)
{
    enum kind k = kind_of(text);
    if (k == KIND_EMPTY)
        return text;
    if (parent->folds_all)
        return SPAN(ENDPOINT_NAME);
    return k == KIND_NUMBER && parent->folds_numbers ? SPAN(ENDPOINT_ID) : text;
}

static enum err settle(struct trie *t, struct trie_node *parent, struct trie_node *c);

static enum err join(struct trie *t, struct trie_node *into, struct trie_node *from)
{
    enum err e = ERR_OK;
    while (from->first != NULL) {
        enum err one = settle(t, into, unlink_child(from, &from->first));
        e = one == ERR_OK ? e : one;
    }
    node_free(t, from);
    return e;
}

/* Puts everything below x that the rules now call otherwise where it belongs. */
static enum err refold(struct trie *t, struct trie_node *x)
{
    enum err e = ERR_OK;
    t->folds++;
    for (struct trie_node **at = &x->first; *at != NULL;) {
        if (span_eq(called(x, text_of(*at)), text_of(*at))) {
            at = &(*at)->next;
            continue;
        }
        enum err one = settle(t, x, unlink_child(x, at));
        e = one == ERR_OK ? e : one;
        at = &x->first;
    }
    return e;
}

/* Whether its children tell that something folds here that did not before. */
static bool learns(struct trie_node *x, enum kind added)
{
    bool all = added == KIND_ALL || x->names > TRIE_NAMES_MAX;
    bool numbers = added == KIND_ID || x->numbers > TRIE_NUMBERS_MAX;
    bool news = (all && !x->folds_all) || (numbers && !x->folds_numbers);
    x->folds_all = x->folds_all || all;
    x->folds_numbers = x->folds_numbers || numbers;
    return news;
}

/* Takes c, whatever it is called, as a child of parent. */
static enum err settle(struct trie *t, struct trie_node *parent, struct trie_node *c)
{
    struct span name = called(parent, text_of(c));
    struct trie_node *same = child_of(parent, name);
    if (same != NULL)
        return join(t, same, c);
    if (!span_eq(name, text_of(c))) {
        struct trie_node *renamed = node_new(t, name);
        if (renamed == NULL) {
            tree_free(t, c);
            return ERR_NO_MEMORY;
        }
        link_child(parent, renamed);
        enum err e = join(t, renamed, c);
        return learns(parent, kind_of(name)) ? refold(t, parent) : e;
    }
    link_child(parent, c);
    return learns(parent, kind_of(name)) ? refold(t, parent) : ERR_OK;
}

/* --- names --- */

/* "GET " and "/items/7"; the first segment of a path that begins with a slash is empty. */
static struct span method_of(struct span endpoint)
{
    size_t space = span_find(endpoint, ' ');
    return span_until(endpoint, space < endpoint.n ? space + 1 : 0);
}

static enum err enter(struct trie *t, struct trie_node **at, struct span segment)
{
    struct trie_node *c = child_of(*at, called(*at, segment));
    if (c == NULL) {
        if (t->nodes >= TRIE_NODES_MAX)
            return ERR_TOO_LARGE;
        c = node_new(t, segment);
        if (c == NULL)
            return ERR_NO_MEMORY;
        TRY(settle(t, *at, c));
        c = child_of(*at, called(*at, segment));
        if (c == NULL)
            return ERR_NO_MEMORY;
    }
    *at = c;
    return ERR_OK;
}

/* Routes do not fold: they stand below the root as they are. */
static enum err route_of(struct trie *t, struct span route, struct trie_node **out)
{
    if (t->root == NULL)
        t->root = node_new(t, SPAN(""));
    if (t->root == NULL)
        return ERR_NO_MEMORY;
    *out = child_of(t->root, route);
    if (*out != NULL)
        return ERR_OK;
    if (t->routes == TRIE_ROUTES_MAX || t->nodes >= TRIE_NODES_MAX)
        return ERR_TOO_LARGE;
    *out = node_new(t, route);
    if (*out == NULL)
        return ERR_NO_MEMORY;
    (*out)->next = t->root->first;
    t->root->first = *out;
    t->routes++;
    return ERR_OK;
}

enum err trie_add(struct trie *t, struct span route, struct span endpoint)
{
    struct span rest = span_from(endpoint, method_of(endpoint).n), segment;
    struct trie_node *at;
    TRY(route_of(t, route, &at));
    for (unsigned depth = 0; depth < TRIE_DEPTH_MAX && span_cut(&rest, '/', &segment); depth++)
        TRY(enter(t, &at, segment));
    return ERR_OK;
}

static void put(struct endpoint *e, struct span s)
{
    size_t n = min_size(s.n, sizeof(e->text) - e->n);
    memcpy(e->text + e->n, s.p, n);
    e->n += n;
}

void trie_name(const struct trie *t, struct span route, const struct endpoint *e,
               struct endpoint *out)
{
    struct span whole = span_of(e->text, e->n), method = method_of(whole);
    struct span rest = span_from(whole, method.n), segment;
    const struct trie_node *at = t->root == NULL ? NULL : child_of(t->root, route);
    if (e->fixed) {
        *out = *e;
        return;
    }
    *out = (struct endpoint){.n = 0};
    put(out, method);
    for (unsigned depth = 0; span_cut(&rest, '/', &segment); depth++) {
        struct span name = segment;
        if (depth < TRIE_DEPTH_MAX) {
            name = at == NULL ? segment : called(at, segment);
            at = at == NULL ? NULL : child_of(at, name);
            if (at == NULL && endpoint_is_number(name))
                name = SPAN(ENDPOINT_ID);
        }
        put(out, depth == 0 ? SPAN("") : SPAN("/"));
        put(out, name);
    }
}

/* --- life --- */

void trie_begin(struct trie *t)
{
    *t = (struct trie){.root = NULL};
}

void trie_end(struct trie *t)
{
    tree_free(t, t->root);
    trie_begin(t);
}
