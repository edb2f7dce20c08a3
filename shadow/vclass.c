/* Recognisers, the strictest first. Each is a plain scan; none allocates. */
#include "shadow/vclass.h"

#include <arpa/inet.h>

enum { LOOK_AT = 4096 };

static const char *const words[VCLASS_COUNT] = {
#define VCLASS(name, word) [VCLASS_##name] = word,
#include "shadow/vclass.def"
#undef VCLASS
};

const char *vclass_word(enum vclass c)
{
    BUG_IF(c >= VCLASS_COUNT);
    return words[c];
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    char l = byte_lower(c);
    return is_digit(c) || (l >= 'a' && l <= 'f');
}

static bool is_alnum(char c)
{
    char l = byte_lower(c);
    return is_digit(c) || (l >= 'a' && l <= 'z');
}

static bool all(struct span s, bool (*is)(char))
{
    for (size_t i = 0; i < s.n; i++)
        if (!is(s.p[i]))
            return false;
    return s.n > 0;
}

static bool any(struct span s, bool (*is)(char))
{
    for (size_t i = 0; i < s.n; i++)
        if (is(s.p[i]))
            return true;
    return false;
}

/* In a pattern 9 stands for a digit, anything else for itself. */
static bool like(struct span s, const char *pattern)
{
    size_t i = 0;
    for (; pattern[i] != '\0'; i++)
        if (i >= s.n || (pattern[i] == '9' ? !is_digit(s.p[i]) : s.p[i] != pattern[i]))
            return false;
    return true;
}

/* --- times --- */

static unsigned two(const char *p)
{
    return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; March begins the year, so that leap
 * days come last. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
    int64_t y = (int64_t)year - (month <= 2 ? 1 : 0);
    int64_t in_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

static bool is_date(struct span s)
{
    return like(s, "9999-99-99") && two(s.p + 5) >= 1 && two(s.p + 5) <= 12 && two(s.p + 8) >= 1 &&
           two(s.p + 8) <= 31;
}

/* Z, +hh:mm, +hhmm or +hh; the seconds to subtract. */
static bool offset_of(struct span s, int64_t *seconds)
{
    *seconds = 0;
    if (s.n == 1 && (s.p[0] == 'Z' || s.p[0] == 'z'))
        return true;
    if (s.n == 0 || (s.p[0] != '+' && s.p[0] != '-'))
        return false;
    struct span rest = span_from(s, 1);
    unsigned minutes = 0;
    if (rest.n == 5 && like(rest, "99:99"))
        minutes = two(rest.p + 3);
    else if (rest.n == 4 && like(rest, "9999"))
        minutes = two(rest.p + 2);
    else if (rest.n != 2 || !like(rest, "99"))
        return false;
    *seconds = (int64_t)(two(rest.p) * 60 + minutes) * (s.p[0] == '-' ? -60 : 60);
    return true;
}

static size_t fraction(struct span s, uint32_t *nanos)
{
    size_t i = 0;
    *nanos = 0;
    if (s.n == 0 || (s.p[0] != '.' && s.p[0] != ','))
        return 0;
    uint32_t unit = 100000000;
    for (i = 1; i < s.n && is_digit(s.p[i]); i++, unit /= 10)
        *nanos += (uint32_t)(s.p[i] - '0') * unit;
    return i > 1 ? i : 0;
}

/* Date and time of day; how many characters they took, 0 when they are none. Seconds are as if in
 * UTC. */
static size_t date_time(struct span s, int64_t *seconds, uint32_t *nanos)
{
    if (!is_date(s) || s.n < 16 || (s.p[10] != 'T' && s.p[10] != 't' && s.p[10] != ' ') ||
        !like(span_from(s, 11), "99:99"))
        return 0;
    bool has_seconds = s.n >= 19 && like(span_from(s, 16), ":99");
    unsigned sec = has_seconds ? two(s.p + 17) : 0;
    size_t at = has_seconds ? 19 : 16;
    if (two(s.p + 11) > 24 || two(s.p + 14) > 59 || sec > 60)
        return 0;
    at += fraction(span_from(s, at), nanos);
    unsigned year = two(s.p) * 100 + two(s.p + 2);
    *seconds = days_of(year, two(s.p + 5), two(s.p + 8)) * 86400 +
               (int64_t)(two(s.p + 11) * 3600 + two(s.p + 14) * 60 + sec);
    return at;
}

/* Sun, 06 Nov 1994 08:49:37 GMT, as HTTP writes it. */
static bool http_date(struct span s, int64_t *seconds)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    unsigned month = 0;
    if (s.n != 29 || s.p[3] != ',' || !like(span_from(s, 4), " 99 ") ||
        !like(span_from(s, 11), " 9999 99:99:99 GMT"))
        return false;
    while (month < 12 && memcmp(s.p + 8, months + (size_t)3 * month, 3) != 0)
        month++;
    unsigned year = two(s.p + 12) * 100 + two(s.p + 14);
    *seconds = days_of(year, month + 1, two(s.p + 5)) * 86400 +
               (int64_t)(two(s.p + 17) * 3600 + two(s.p + 20) * 60 + two(s.p + 23));
    return month < 12;
}

bool vclass_instant(struct span s, int64_t *seconds, uint32_t *nanos)
{
    int64_t offset;
    *nanos = 0;
    if (http_date(s, seconds))
        return true;
    size_t at = date_time(s, seconds, nanos);
    if (at == 0 || !offset_of(span_from(s, at), &offset))
        return false;
    *seconds -= offset;
    return true;
}

static bool is_time(struct span s)
{
    int64_t seconds, offset;
    uint32_t nanos;
    if (s.n == 10)
        return is_date(s);
    size_t at = date_time(s, &seconds, &nanos);
    if (at > 0)
        return at == s.n || offset_of(span_from(s, at), &offset);
    return http_date(s, &seconds);
}

/* --- the others --- */

static bool is_uuid(struct span s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !is_hex(s.p[i]))
            return false;
    }
    return true;
}

static bool is_ulid(struct span s)
{
    return s.n == 26 && s.p[0] >= '0' && s.p[0] <= '7' && all(s, is_alnum) && any(s, is_digit) &&
           span_find(s, 'I') == 26 && span_find(s, 'L') == 26 && span_find(s, 'O') == 26 &&
           span_find(s, 'U') == 26;
}

static bool is_hex_id(struct span s)
{
    return s.n >= 8 && all(s, is_hex) && (s.n >= 16 || any(s, is_digit));
}

static bool is_base64_char(char c)
{
    return is_alnum(c) || c == '+' || c == '/' || c == '-' || c == '_';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_base64(struct span s)
{
    size_t n = s.n;
    while (n > 0 && s.n - n < 2 && s.p[n - 1] == '=')
        n--;
    return s.n >= 24 && all(span_until(s, n), is_base64_char) && any(s, is_digit) &&
           any(s, is_upper);
}

static bool is_jwt(struct span s)
{
    struct span rest = s, part;
    size_t parts = 0;
    if (s.n < 20 || !span_has_prefix(s, SPAN("eyJ")))
        return false;
    for (; span_cut(&rest, '.', &part); parts++)
        if (part.n > 0 ? !all(part, is_base64_char) : parts != 2)
            return false;
    return parts == 3;
}

static bool is_ip(struct span s)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    if (s.n < 3 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool is_email(struct span s)
{
    size_t at = span_find(s, '@');
    if (s.n > 254 || at == 0 || at >= s.n || span_find(s, ' ') < s.n)
        return false;
    struct span host = span_from(s, at + 1);
    size_t dot = span_find(host, '.');
    return span_find(host, '@') == host.n && dot > 0 && dot + 1 < host.n;
}

static bool is_url(struct span s)
{
    return s.n > 8 &&
           (span_eq_nocase(span_until(s, 7), SPAN("http://")) ||
            span_eq_nocase(span_until(s, 8), SPAN("https://"))) &&
           span_find(s, ' ') == s.n;
}

/* A number as text that is more than digits: -3, 9.99. */
static bool is_numeric(struct span s)
{
    size_t i = s.n > 1 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0, digits = 0, points = 0;
    for (; i < s.n; i++) {
        points += s.p[i] == '.' ? 1 : 0;
        digits += is_digit(s.p[i]) ? 1 : 0;
        if (!is_digit(s.p[i]) && s.p[i] != '.')
            return false;
    }
    return digits > 0 && points <= 1;
}

enum vclass vclass_of_string(struct span s)
{
    s = span_until(s, min_size(s.n, LOOK_AT));
    if (s.n == 0)
        return VCLASS_EMPTY;
    if (all(s, is_digit))
        return VCLASS_DIGITS;
    if (is_numeric(s))
        return VCLASS_NUMERIC;
    if (is_time(s))
        return VCLASS_TIME;
    if (is_uuid(s))
        return VCLASS_UUID;
    if (is_ip(s))
        return VCLASS_IP;
    if (is_hex_id(s))
        return VCLASS_HEX;
    if (is_ulid(s))
        return VCLASS_ULID;
    if (is_jwt(s))
        return VCLASS_JWT;
    if (is_url(s))
        return VCLASS_URL;
    if (is_email(s))
        return VCLASS_EMAIL;
    return is_base64(s) ? VCLASS_BASE64 : VCLASS_TEXT;
}

static bool is_fraction_char(char c)
{
    return c == '.' || c == 'e' || c == 'E';
}

enum vclass vclass_of_number(struct span lexeme)
{
    return any(lexeme, is_fraction_char) ? VCLASS_DECIMAL : VCLASS_INT;
}

/* A long camelCase word with a digit in it looks like base64; one with three digits hardly ever is
 * a word. */
static bool has_three_digits(struct span s)
{
    size_t digits = 0;
    for (size_t i = 0; i < s.n; i++)
        digits += is_digit(s.p[i]) ? 1 : 0;
    return digits >= 3;
}

bool vclass_is_id(struct span name)
{
    if (name.n > 64 || (name.n == 7 && like(name, "9999-99"))) /* a month */
        return true;
    switch (vclass_of_string(name)) {
    case VCLASS_EMPTY:
    case VCLASS_TEXT:
        return false;
    case VCLASS_BASE64:
        return has_three_digits(name);
    case VCLASS_NUMERIC: /* -7 is a number; 1.0 and +1 are names people use */
        return name.p[0] == '-' && span_find(name, '.') == name.n;
    default:
        return true;
    }
}
