/* Names of fields: from text in any case to the number weir knows them by, and back.
 *
 * A request has some twenty of them looked up, so they are compared a word at a time: where the
 * known name has a letter, the bit that tells upper from lower case is left out. */
#include "http/http.h"

enum { INDEX_SIZE = 128, LONGEST = 32 };

static const struct span field_texts[HTTP_FIELD_IDS] = {
#define FIELD(name, text, hop) [HTTP_##name] = {text, sizeof(text) - 1},
#include "http/fields.def"
#undef FIELD
};

/* Open addressing over a hash of length, first, middle and last byte; filled before main(). */
static uint8_t field_index[INDEX_SIZE];

static unsigned field_hash(struct span s)
{
    unsigned h = (unsigned)s.n * 11u;
    h += (unsigned)(s.p[0] & 0x1f) * 5u;
    h += (unsigned)(s.p[s.n / 2] & 0x1f) * 3u;
    h += (unsigned)(s.p[s.n - 1] & 0x1f) * 17u;
    return h & (INDEX_SIZE - 1);
}

/* By byte of each name: all bits, or all but that of the case. */
static char masks[HTTP_FIELD_IDS][LONGEST];

static void mask(unsigned id)
{
    struct span text = field_texts[id];
    BUG_IF(text.n > LONGEST);
    for (size_t i = 0; i < text.n; i++)
        masks[id][i] = text.p[i] >= 'a' && text.p[i] <= 'z' ? (char)0xdf : (char)0xff;
}

__attribute__((constructor)) static void index_fields(void)
{
    for (unsigned id = 1; id < HTTP_FIELD_IDS; id++) {
        mask(id);
        unsigned h = field_hash(field_texts[id]);
        while (field_index[h] != 0)
            h = (h + 1) & (INDEX_SIZE - 1);
        field_index[h] = (uint8_t)id;
    }
}

static bool differs_8(const char *a, const char *b, const char *mask)
{
    uint64_t x, y, m;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    memcpy(&m, mask, sizeof(m));
    return ((x ^ y) & m) != 0;
}

static bool differs_4(const char *a, const char *b, const char *mask)
{
    uint32_t x, y, m;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    memcpy(&m, mask, sizeof(m));
    return ((x ^ y) & m) != 0;
}

/* The last word overlaps the one before it. */
static bool is_named(unsigned id, struct span name)
{
    const char *known = field_texts[id].p;
    size_t n = field_texts[id].n;
    if (n != name.n)
        return false;
    if (n < 4)
        return span_eq_nocase(field_texts[id], name);
    if (n < 8)
        return !differs_4(known, name.p, masks[id]) &&
               !differs_4(known + n - 4, name.p + n - 4, masks[id] + n - 4);
    for (size_t i = 0; i + 8 < n; i += 8)
        if (differs_8(known + i, name.p + i, masks[id] + i))
            return false;
    return !differs_8(known + n - 8, name.p + n - 8, masks[id] + n - 8);
}

enum http_field_id http_field_lookup(struct span name)
{
    if (name.n == 0)
        return HTTP_UNKNOWN_FIELD;
    for (unsigned h = field_hash(name); field_index[h] != 0; h = (h + 1) & (INDEX_SIZE - 1))
        if (is_named(field_index[h], name))
            return field_index[h];
    return HTTP_UNKNOWN_FIELD;
}

struct span http_field_text(enum http_field_id id)
{
    BUG_IF(id == HTTP_UNKNOWN_FIELD || id >= HTTP_FIELD_IDS);
    return field_texts[id];
}
