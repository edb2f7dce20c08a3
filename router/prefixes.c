/* A compressed radix tree over path prefixes. A node's label is what its prefixes have in common
 * beyond the parent; the children of a node lie side by side in one array, and so do their first
 * bytes: one memchr() finds the way on.
 *
 * Built breadth first from the sorted prefixes, so that neither the depth of a tree nor its shape
 * costs stack. */
#include "router/room.h"

#include <stdlib.h>

struct prefix_node {
    const char *label;
    uint32_t nlabel;
    uint32_t children;  /* index of the first */
    uint32_t nchildren; /* at most 256 */
    uint32_t route;     /* LOOKUP_NONE: no prefix ends here */
};

/* The sorted prefixes below a node, all equal up to `from`, where its label begins. */
struct range {
    uint32_t low, high;
    uint32_t from;
    uint32_t above; /* route of the longest prefix that ends before */
};

struct builder {
    struct prefix *list;
    struct prefix_node *nodes;
    unsigned char *firsts;
    struct range *ranges; /* by node */
    uint32_t n;           /* nodes made */
};

static int by_text(const void *a, const void *b)
{
    const struct prefix *x = a;
    const struct prefix *y = b;
    return span_cmp(x->text, y->text);
}

/* Of a sorted range, the first and the last have in common what all have. */
static size_t common(const struct prefix *list, struct range r)
{
    struct span a = list[r.low].text;
    struct span b = list[r.high - 1].text;
    size_t n = r.from;
    while (n < a.n && n < b.n && a.p[n] == b.p[n])
        n++;
    return n;
}

static void add_node(struct builder *b, struct range r)
{
    b->ranges[b->n] = r;
    b->firsts[b->n] = (unsigned char)b->list[r.low].text.p[r.from];
    b->n++;
}

static void build_node(struct builder *b, uint32_t i)
{
    struct range r = b->ranges[i];
    size_t end = common(b->list, r);
    struct prefix_node *node = &b->nodes[i];
    node->label = b->list[r.low].text.p + r.from;
    node->nlabel = (uint32_t)(end - r.from);
    node->route = LOOKUP_NONE;
    if (b->list[r.low].text.n == end) {
        b->list[r.low].shorter = r.above;
        r.above = node->route = b->list[r.low++].route;
    }
    node->children = b->n;
    while (r.low < r.high) {
        struct range child = {r.low, r.low, (uint32_t)end, r.above};
        char first = b->list[r.low].text.p[end];
        while (child.high < r.high && b->list[child.high].text.p[end] == first)
            child.high++;
        add_node(b, child);
        r.low = child.high;
    }
    node->nchildren = b->n - node->children;
}

enum err prefixes_new(struct arena *a, struct prefix *list, size_t n, struct prefixes *out)
{
    size_t most = 2 * n; /* each node but the root ends a prefix or parts two */
    *out = (struct prefixes){NULL, NULL};
    if (n == 0)
        return ERR_OK;
    qsort(list, n, sizeof(*list), by_text);
    struct builder b = {
        .list = list,
        .nodes = arena_zalloc(a, most * sizeof(*b.nodes)),
        .firsts = arena_zalloc(a, most),
        .ranges = arena_zalloc(a, most * sizeof(*b.ranges)),
    };
    if (b.nodes == NULL || b.firsts == NULL || b.ranges == NULL)
        return ERR_NO_MEMORY;
    add_node(&b, (struct range){0, (uint32_t)n, 0, LOOKUP_NONE});
    for (uint32_t i = 0; i < b.n; i++)
        build_node(&b, i);
    *out = (struct prefixes){b.nodes, b.firsts};
    return ERR_OK;
}

uint32_t prefixes_find(const struct prefixes *p, struct span path)
{
    uint32_t best = LOOKUP_NONE;
    const struct prefix_node *node = p->nodes;
    while (node != NULL && path.n >= node->nlabel &&
           memcmp(path.p, node->label, node->nlabel) == 0) {
        path = span_from(path, node->nlabel);
        if (node->route != LOOKUP_NONE)
            best = node->route;
        if (path.n == 0 || node->nchildren == 0)
            break;
        const unsigned char *firsts = p->firsts + node->children;
        const unsigned char *at = memchr(firsts, path.p[0], node->nchildren);
        node = at == NULL ? NULL : &p->nodes[node->children + (size_t)(at - firsts)];
    }
    return best;
}
