/* Open addressing, at most half full. */
#include "shadow/table.h"

#include <string.h>

enum err table_begin(struct table *t, struct scratch *s, uint32_t n)
{
    uint32_t size = 8;
    while (size < 2 * n)
        size *= 2;
    t->mask = size - 1;
    t->slots = scratch_take(s, size, sizeof(*t->slots));
    if (t->slots == NULL)
        return ERR_NO_MEMORY;
    memset(t->slots, 0, size * sizeof(*t->slots));
    return ERR_OK;
}

static struct table_slot *find(const struct table *t, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & t->mask;
    while (t->slots[at].used && t->slots[at].hash != hash)
        at = (at + 1) & t->mask;
    return &t->slots[at];
}

bool table_put(struct table *t, uint64_t hash, uint32_t value)
{
    struct table_slot *s = find(t, hash);
    if (s->used)
        return false;
    *s = (struct table_slot){hash, value, true};
    return true;
}

bool table_get(const struct table *t, uint64_t hash, uint32_t *value)
{
    const struct table_slot *s = find(t, hash);
    if (s->used)
        *value = s->value;
    return s->used;
}

void table_count(struct table *t, uint64_t hash, uint32_t n)
{
    struct table_slot *s = find(t, hash);
    if (!s->used)
        *s = (struct table_slot){hash, 0, true};
    s->value += n;
}

bool table_uncount(struct table *t, uint64_t hash)
{
    struct table_slot *s = find(t, hash);
    if (!s->used || s->value == 0)
        return false;
    s->value--;
    return true;
}
