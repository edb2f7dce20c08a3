/* How texts must look that change messages: fields, dates, places to go. */
#include "config/room.h"

/* --- fields --- */

/* Whoever changes these changes where a message ends or whom it is for, or speaks with weir's
 * voice. */
static const char *const kept[] = {
    "connection",
    "content-length",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "expect",
    "x-backend",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
};

static const char *edit_field_fault(struct span s)
{
    const char *fault = syntax_field.fault(s);
    if (fault != NULL)
        return fault;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (span_eq_nocase(s, span_str(kept[i])))
            return "is hop-by-hop, frames or routes the message, or is weir's own";
    if (s.n >= 7 && span_eq_nocase(span_until(s, 7), SPAN("x-weir-")))
        return "is weir's own";
    return NULL;
}

static const char *field_value_fault(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
            return "has a control byte";
    struct span trimmed = span_trim(s);
    return trimmed.n == s.n ? NULL : "begins or ends with a space";
}

static const char *visible_fault(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return "has a space, a control or a non-ASCII byte";
    return NULL;
}

static const char *link_fault(struct span s)
{
    const char *fault = visible_fault(s);
    if (fault == NULL && (span_find(s, '<') < s.n || span_find(s, '>') < s.n))
        fault = "has a < or >";
    return fault;
}

/* --- redirects --- */

static const char *location_fault(struct span s)
{
    static const char *const known[] = {"{scheme}", "{host}", "{path}", "{query}"};
    const char *fault = visible_fault(s);
    if (fault != NULL)
        return fault;
    if (!span_has_prefix(s, SPAN("/")) && !span_has_prefix(s, SPAN("{path}")) &&
        !span_has_prefix(s, SPAN("http://")) && !span_has_prefix(s, SPAN("https://")) &&
        !span_has_prefix(s, SPAN("{scheme}://")))
        return "is neither a URL nor a path";
    for (size_t i = 0; i < s.n; i++) {
        bool ok = s.p[i] != '{' && s.p[i] != '}';
        for (size_t k = 0; !ok && k < ARRAY_LEN(known); k++)
            if (span_has_prefix(span_from(s, i), span_str(known[k]))) {
                ok = true;
                i += strlen(known[k]) - 1;
            }
        if (!ok)
            return "has braces around something unknown";
    }
    return NULL;
}

/* --- dates --- */

static bool digits(struct span s, size_t at, size_t n, unsigned *out)
{
    uint64_t v;
    if (at + n > s.n || !span_u64(span_of(s.p + at, n), &v))
        return false;
    *out = (unsigned)v;
    return true;
}

static bool punctuated(struct span s)
{
    if (s.p[4] != '-' || s.p[7] != '-')
        return false;
    return s.n == 10 || (s.p[10] == 'T' && s.p[13] == ':' && s.p[16] == ':' && s.p[19] == 'Z');
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static uint64_t days_before(unsigned year, unsigned month)
{
    unsigned y = year - 1;
    uint64_t days = (uint64_t)y * 365 + y / 4 - y / 100 + y / 400 - 719162; /* to 1970 */
    for (unsigned m = 1; m < month; m++)
        days += days_in(year, m);
    return days;
}

enum err config_date(struct span s, uint64_t *unix_s)
{
    unsigned year, month, day, h = 0, m = 0, sec = 0;
    *unix_s = 0;
    if ((s.n != 10 && s.n != 20) || !punctuated(s) || !digits(s, 0, 4, &year) ||
        !digits(s, 5, 2, &month) || !digits(s, 8, 2, &day))
        return ERR_INVALID;
    if (s.n == 20 && (!digits(s, 11, 2, &h) || !digits(s, 14, 2, &m) || !digits(s, 17, 2, &sec)))
        return ERR_INVALID;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || h > 23 ||
        m > 59 || sec > 59)
        return ERR_INVALID;
    *unix_s = (days_before(year, month) + day - 1) * 86400 + h * 3600 + m * 60 + sec;
    return ERR_OK;
}

static const char *date_fault(struct span s)
{
    uint64_t unix_s;
    return config_date(s, &unix_s) == ERR_OK ? NULL : "is no such day or time";
}

const struct syntax syntax_edit_field = {
    .fault = edit_field_fault,
    .right = "the name of a header field that may be changed, such as \"x-tenant\"",
    .pattern = "^[!#-'*+.^_`|~0-9A-Za-z-]+$",
};

const struct syntax syntax_field_value = {
    .fault = field_value_fault,
    .right = "text without control bytes",
    .pattern = "^[^\\x00-\\x1f\\x7f]+$",
};

const struct syntax syntax_location = {
    .fault = location_fault,
    .right =
        "a URL or a path, in which {scheme}, {host}, {path} and {query} stand for the request's",
    .pattern = "^(/|https?://|\\{scheme\\}://|\\{path\\})[!-~]*$",
};

const struct syntax syntax_date = {
    .fault = date_fault,
    .right = "a date such as \"2026-03-01\" or \"2026-03-01T12:00:00Z\"",
    .pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$",
};

const struct syntax syntax_link = {
    .fault = link_fault,
    .right = "a URL",
    .pattern = "^[!-~]+$",
};
