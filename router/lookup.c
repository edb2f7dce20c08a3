/* Text to number by open addressing, at most half full. The texts come from the configuration, so
 * nobody can make them collide from outside; what requests bring is only looked up. */
#include "router/room.h"

static uint64_t word(const char *p, size_t n)
{
    uint64_t w = 0;
    if (n > 0)
        memcpy(&w, p, n);
    return w;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Eight bytes a step, each multiplied into the next. */
static uint64_t hash(struct span s)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ s.n;
    for (; s.n > 8; s = span_from(s, 8))
        h = fold(h ^ word(s.p, 8), 0xd6e8feb86659fd93u);
    return fold(h ^ word(s.p, s.n), 0xa0761d6478bd642fu);
}

enum err lookup_new(struct arena *a, size_t n, struct lookup *out)
{
    size_t slots = 2;
    *out = (struct lookup){NULL, 0};
    if (n == 0)
        return ERR_OK;
    while (slots < 2 * n)
        slots *= 2;
    out->slots = arena_zalloc(a, slots * sizeof(*out->slots));
    out->mask = slots - 1;
    return out->slots == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* The slot the text is in, or the free one where it would be. */
static struct lookup_slot *seek(const struct lookup *l, struct span text, uint64_t h)
{
    size_t i = h & l->mask;
    while (l->slots[i].text.p != NULL &&
           (l->slots[i].hash != h || !span_eq(l->slots[i].text, text)))
        i = (i + 1) & l->mask;
    return &l->slots[i];
}

uint32_t lookup_put(struct lookup *l, struct span text, uint32_t value)
{
    uint64_t h = hash(text);
    struct lookup_slot *slot = seek(l, text, h);
    if (slot->text.p != NULL)
        return slot->value;
    *slot = (struct lookup_slot){h, text, value};
    return LOOKUP_NONE;
}

uint32_t lookup_get(const struct lookup *l, struct span text)
{
    if (l->slots == NULL)
        return LOOKUP_NONE;
    const struct lookup_slot *slot = seek(l, text, hash(text));
    return slot->text.p == NULL ? LOOKUP_NONE : slot->value;
}
