/* Things that must be there once, found by sorting: see check.h. */
#include "config/check.h"

#include <stdlib.h>

static int by_text(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    int c = strcmp(x->text, y->text);
    if (c != 0)
        return c;
    return x->index < y->index ? -1 : x->index > y->index;
}

enum err entries_new(struct loader *l, size_t max, struct entries *out)
{
    out->n = 0;
    out->list = arena_alloc(l->arena, (max + 1) * sizeof(*out->list));
    return out->list == NULL ? ERR_NO_MEMORY : ERR_OK;
}

void entries_add(struct entries *e, const char *text, size_t index)
{
    if (text != NULL && text != config_broken)
        e->list[e->n++] = (struct entry){text, index};
}

void entries_sort(struct entries *e)
{
    if (e->n > 1)
        qsort(e->list, e->n, sizeof(*e->list), by_text);
}

bool entries_have(const struct entries *e, const char *text)
{
    const struct entry key = {text, 0};
    size_t low = 0;
    size_t high = e->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(e->list[mid].text, key.text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < e->n && strcmp(e->list[low].text, text) == 0;
}

void entries_unique(struct loader *l, struct entries *e,
                    void (*twice)(struct loader *l, const void *arg, size_t index, size_t first),
                    const void *arg)
{
    entries_sort(e);
    size_t first = 0;
    for (size_t i = 1; i < e->n; i++) {
        if (strcmp(e->list[i].text, e->list[first].text) == 0)
            twice(l, arg, e->list[i].index, e->list[first].index);
        else
            first = i;
    }
}
