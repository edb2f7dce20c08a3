/* The special difficulty: a digit's place depends on the point and the exponent, both optional, and
 * the exponent may be longer than any integer type. */
#include "shadow/decimal.h"

#include "shadow/mix.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXPONENT_DIGITS = 15, DOUBLE_DIGITS = 40 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The exponent after the mantissa, which ends at `at`. False: too large to count with. */
static bool exponent(struct span t, size_t at, int64_t *out)
{
    *out = 0;
    if (at == t.n)
        return true;
    at++; /* e */
    bool negative = t.p[at] == '-';
    if (t.p[at] == '-' || t.p[at] == '+')
        at++;
    while (at < t.n && t.p[at] == '0')
        at++;
    if (t.n - at > EXPONENT_DIGITS)
        return false;
    for (; at < t.n; at++)
        *out = *out * 10 + (t.p[at] - '0');
    if (negative)
        *out = -*out;
    return true;
}

struct decimal decimal_of(struct span lexeme)
{
    struct decimal d = {.text = lexeme};
    size_t i = lexeme.p[0] == '-' ? 1 : 0;
    uint32_t seen = 0, before_point = 0, first_seen = 0, last_seen = 0;
    bool point = false, any = false;
    for (; i < lexeme.n && (is_digit(lexeme.p[i]) || lexeme.p[i] == '.'); i++) {
        if (lexeme.p[i] == '.') {
            point = true;
            continue;
        }
        if (lexeme.p[i] != '0') {
            d.first = any ? d.first : (uint32_t)i;
            first_seen = any ? first_seen : seen;
            d.last = (uint32_t)i;
            last_seen = seen;
            any = true;
        }
        seen++;
        before_point += point ? 0 : 1;
    }
    if (!any)
        return d;
    d.negative = lexeme.p[0] == '-';
    d.digits = last_seen - first_seen + 1;
    d.huge = !exponent(lexeme, i, &d.place);
    d.place += (int64_t)before_point - 1 - (int64_t)last_seen;
    return d;
}

/* The next significant digit, stepping over a point. */
static char next_digit(const struct decimal *d, uint32_t *at)
{
    if (d->text.p[*at] == '.')
        ++*at;
    return d->text.p[(*at)++];
}

bool decimal_equal(const struct decimal *a, const struct decimal *b)
{
    if (a->digits == 0 || b->digits == 0)
        return a->digits == b->digits;
    if (a->huge || b->huge)
        return span_eq(a->text, b->text);
    if (a->negative != b->negative || a->digits != b->digits || a->place != b->place)
        return false;
    uint32_t i = a->first, k = b->first;
    for (uint32_t n = 0; n < a->digits; n++)
        if (next_digit(a, &i) != next_digit(b, &k))
            return false;
    return true;
}

uint64_t decimal_hash(const struct decimal *a, uint64_t seed)
{
    if (a->digits == 0)
        return mix_two(seed, 0);
    if (a->huge)
        return mix_bytes(seed, a->text);
    uint64_t h = mix_two(seed + (a->negative ? 1 : 0), (uint64_t)a->place);
    uint64_t group = 1; /* up to 18 digits at once */
    uint32_t at = a->first;
    for (uint32_t n = 0; n < a->digits; n++) {
        group = group * 10 + (uint64_t)(next_digit(a, &at) - '0');
        if (n % 18 == 17) {
            h = mix_two(h, group);
            group = 1;
        }
    }
    return mix_two(h, group);
}

/* --- tolerance --- */

/* The nearest double: the first digits and the place they stand at, without a point, which strtod
 * would read by the locale. */
static double to_double(const struct decimal *a)
{
    char text[DOUBLE_DIGITS + 32];
    size_t n = 0;
    if (a->digits == 0)
        return 0;
    uint32_t take = a->digits < DOUBLE_DIGITS ? a->digits : DOUBLE_DIGITS;
    uint32_t at = a->first;
    while (n < take)
        text[n++] = next_digit(a, &at);
    int64_t place = a->place + (int64_t)(a->digits - take);
    if (place > 100000 || place < -100000)
        place = place > 0 ? 100000 : -100000;
    (void)snprintf(text + n, sizeof(text) - n, "e%lld", (long long)place);
    double v = strtod(text, NULL);
    return a->negative ? -v : v;
}

struct column {
    signed char digit[DECIMAL_EXACT]; /* lowest place first */
};

static void spread(const struct decimal *a, int64_t bottom, struct column *out)
{
    memset(out, 0, sizeof(*out));
    uint32_t at = a->first;
    for (uint32_t n = a->digits; n > 0; n--)
        out->digit[a->place - bottom + (int64_t)n - 1] = (signed char)(next_digit(a, &at) - '0');
}

/* x - y or x + y, digit by digit; the sign of the result does not matter. */
static double column_distance(const struct column *x, const struct column *y, bool add, size_t n,
                              int64_t bottom)
{
    const struct column *big = x, *small = y;
    for (size_t i = n; !add && i-- > 0;) {
        if (x->digit[i] == y->digit[i])
            continue;
        if (x->digit[i] < y->digit[i]) {
            big = y;
            small = x;
        }
        break;
    }
    char text[DECIMAL_EXACT + 32];
    int carry = 0;
    for (size_t i = 0; i < n; i++) {
        int v = big->digit[i] + (add ? small->digit[i] : -small->digit[i]) + carry;
        carry = v < 0 ? -1 : v / 10;
        text[n - i] = (char)('0' + (v + 10) % 10);
    }
    text[0] = (char)('0' + carry);
    (void)snprintf(text + n + 1, sizeof(text) - n - 1, "e%lld", (long long)bottom);
    return strtod(text, NULL);
}

static double distance(const struct decimal *a, const struct decimal *b)
{
    if (a->digits == 0 || b->digits == 0)
        return fabs(to_double(a) - to_double(b));
    int64_t bottom = a->place < b->place ? a->place : b->place;
    int64_t top_a = a->place + a->digits, top_b = b->place + b->digits;
    int64_t width = (top_a > top_b ? top_a : top_b) - bottom;
    if (width > DECIMAL_EXACT || bottom > 100000 || bottom < -100000)
        return fabs(to_double(a) - to_double(b));
    struct column x, y;
    spread(a, bottom, &x);
    spread(b, bottom, &y);
    return column_distance(&x, &y, a->negative != b->negative, (size_t)width, bottom);
}

bool decimal_within(const struct decimal *a, const struct decimal *b, double abs, double rel)
{
    if (decimal_equal(a, b))
        return true;
    if (a->huge || b->huge)
        return false;
    double larger = fmax(fabs(to_double(a)), fabs(to_double(b)));
    double limit = fmax(abs, rel * larger * (1 + 4 * DBL_EPSILON));
    double d = distance(a, b);
    return isfinite(d) && d <= limit;
}
