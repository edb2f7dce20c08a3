/* Numbers as people write them: "32KiB", "500ms", "12.5". Exact in both directions: what is printed
 * is the shortest text that reads back as the same number. */
#include "config/room.h"

#include <stdio.h>
#include <stdlib.h>

struct unit {
    const char *word;
    uint64_t factor;
    bool printed; /* also used for printing */
};

/* Largest first. */
static const struct unit sizes[] = {
    {"TiB", (uint64_t)1 << 40, true}, {"TB", 1000000000000, false}, {"GiB", 1 << 30, true},
    {"GB", 1000000000, false},        {"MiB", 1 << 20, true},       {"MB", 1000000, false},
    {"KiB", 1 << 10, true},           {"kB", 1000, false},          {"B", 1, true},
};

static const struct unit durations[] = {
    {"d", 86400000, true}, {"h", 3600000, true}, {"m", 60000, true},
    {"s", 1000, true},     {"ms", 1, true},
};

static bool parse(struct span s, const struct unit *units, size_t nunits, uint64_t *out)
{
    size_t digits = 0;
    uint64_t number;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    if (!span_u64(span_until(s, digits), &number))
        return false;
    struct span word = span_from(s, digits);
    for (size_t i = 0; i < nunits; i++) {
        if (!span_eq(word, span_str(units[i].word)))
            continue;
        if (number > UINT64_MAX / units[i].factor)
            return false;
        *out = number * units[i].factor;
        return true;
    }
    return false;
}

static enum err put(struct buf *out, uint64_t v, const struct unit *units, size_t nunits)
{
    for (size_t i = 0; i + 1 < nunits; i++)
        if (units[i].printed && v != 0 && v % units[i].factor == 0)
            return buf_printf(out, "%llu%s", (unsigned long long)(v / units[i].factor),
                              units[i].word);
    return buf_printf(out, "%llu%s", (unsigned long long)v, units[nunits - 1].word);
}

bool unit_size(struct span s, uint64_t *bytes)
{
    return parse(s, sizes, ARRAY_LEN(sizes), bytes);
}

bool unit_duration(struct span s, uint64_t *ms)
{
    return parse(s, durations, ARRAY_LEN(durations), ms);
}

enum err unit_put_size(struct buf *out, uint64_t bytes)
{
    return put(out, bytes, sizes, ARRAY_LEN(sizes));
}

enum err unit_put_duration(struct buf *out, uint64_t ms)
{
    return put(out, ms, durations, ARRAY_LEN(durations));
}

enum err config_percent(struct span text, unsigned *basis_points)
{
    size_t dot = span_find(text, '.');
    struct span whole = span_until(text, dot);
    uint64_t percent;
    uint64_t rest = 0;
    if (whole.n > 3 || !span_u64(whole, &percent) || (whole.n > 1 && whole.p[0] == '0'))
        return ERR_INVALID;
    if (dot < text.n) {
        struct span decimals = span_from(text, dot + 1);
        if (decimals.n > 2 || !span_u64(decimals, &rest))
            return ERR_INVALID;
        if (decimals.n == 1)
            rest *= 10;
    }
    if (percent * 100 + rest > WEIGHT_ALL)
        return ERR_INVALID;
    *basis_points = (unsigned)(percent * 100 + rest);
    return ERR_OK;
}

enum err unit_put_percent(struct buf *out, unsigned basis_points)
{
    unsigned whole = basis_points / 100;
    unsigned rest = basis_points % 100;
    if (rest == 0)
        return buf_printf(out, "%u", whole);
    if (rest % 10 == 0)
        return buf_printf(out, "%u.%u", whole, rest / 10);
    return buf_printf(out, "%u.%02u", whole, rest);
}

bool unit_double(struct span s, double *out)
{
    char text[64];
    char *end;
    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        text[i] = s.p[i];
        if (memchr("0123456789.eE+-", s.p[i], 15) == NULL) /* no "inf", no "0x10" */
            return false;
    }
    text[s.n] = '\0';
    *out = strtod(text, &end);
    return *end == '\0';
}

enum err unit_put_double(struct buf *out, double v)
{
    char text[64];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return buf_append(out, span_str(text));
}
