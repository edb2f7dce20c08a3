/* The rules of RFC 9110 that hold for every version: syntax of tokens and values, lists, cookies,
 * what is hop-by-hop. */
#include "http/http.h"
#include "http/scan.h"

bool http_is_token(struct span s)
{
    return s.n > 0 && scan_class(s.p, s.p + s.n, BYTE_TOKEN) == s.p + s.n;
}

bool http_is_field_value(struct span s)
{
    const char *p = s.p;
    const char *end = s.p + s.n;
    while ((p = scan_text(p, end)) < end) {
        if (*p != '\t')
            return false;
        p++;
    }
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (byte_lower(c) >= 'a' && byte_lower(c) <= 'f');
}

/* "[" IP-literal "]": an IPv6 address, no zone (it means nothing on another host). */
static bool is_literal(struct span s)
{
    size_t colons = 0;
    for (size_t i = 1; i + 1 < s.n; i++) {
        colons += s.p[i] == ':';
        if (!is_hex(s.p[i]) && s.p[i] != ':' && s.p[i] != '.')
            return false;
    }
    return colons >= 2 && s.p[s.n - 1] == ']';
}

/* reg-name or an IPv4 address. */
static bool is_name(struct span s)
{
    if (s.n > 0 && scan_class(s.p, s.p + s.n, BYTE_LABEL) == s.p + s.n)
        return true; /* as nearly all are */
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!scan_is(c, BYTE_HOST) || c == '[' || c == ']' || c == ':')
            return false;
        if (c == '%' && (s.n - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2])))
            return false;
    }
    return s.n > 0;
}

bool http_is_authority(struct span s)
{
    size_t host = s.n;
    while (host > 0 && is_digit(s.p[host - 1]))
        host--;
    bool port = host > 0 && s.p[host - 1] == ':';
    if (s.n - host > 5 && port)
        return false;
    struct span name = span_until(s, port ? host - 1 : s.n);
    return name.n > 0 && name.p[0] == '[' ? is_literal(name) : is_name(name);
}

bool http_is_scheme(struct span s)
{
    return span_eq_nocase(s, SPAN("http")) || span_eq_nocase(s, SPAN("https"));
}

bool http_list_has(struct span list, struct span word)
{
    struct span item;
    while (span_cut(&list, ',', &item)) {
        item = span_trim(item);
        item = span_trim(span_until(item, span_find(item, ';')));
        if (span_eq_nocase(item, word))
            return true;
    }
    return false;
}

struct span http_cookie(const struct http_head *h, struct span name)
{
    if (http_head_find(h, HTTP_COOKIE) == NULL)
        return SPAN_NULL;
    for (size_t i = 0; i < h->nfields; i++) {
        struct span rest = h->fields[i].value;
        struct span pair;
        if (h->fields[i].id != HTTP_COOKIE || (h->fields[i].flags & HTTP_FIELD_DROPPED))
            continue;
        while (span_cut(&rest, ';', &pair)) {
            pair = span_trim(pair);
            size_t eq = span_find(pair, '=');
            if (eq < pair.n && span_eq(span_until(pair, eq), name))
                return span_from(pair, eq + 1);
        }
    }
    return SPAN_NULL;
}

/* --- hop-by-hop --- */

static const bool is_hop[HTTP_FIELD_IDS] = {
#define HOP                    true
#define END                    false
#define FIELD(name, text, hop) [HTTP_##name] = hop,
#include "http/fields.def"
#undef FIELD
#undef HOP
#undef END
};

/* What frames, routes or authenticates a message is not for Connection to strip (a known way to
 * smuggle). */
static bool may_be_nominated(enum http_field_id id)
{
    switch (id) {
    case HTTP_HOST:
    case HTTP_CONTENT_LENGTH:
    case HTTP_CONTENT_TYPE:
    case HTTP_CONTENT_ENCODING:
    case HTTP_AUTHORIZATION:
    case HTTP_SEC_WEBSOCKET_ACCEPT:
    case HTTP_SEC_WEBSOCKET_KEY:
    case HTTP_SEC_WEBSOCKET_VERSION:
    case HTTP_COOKIE:
    case HTTP_SET_COOKIE:
        return false;
    default:
        return true;
    }
}

static void drop_nominated(struct http_head *h, struct span connection)
{
    struct span word;
    if (span_eq_nocase(connection, SPAN("keep-alive"))) /* nearly always */
        return;
    while (span_cut(&connection, ',', &word)) {
        word = span_trim(word);
        if (word.n == 0 || span_eq_nocase(word, SPAN("close")) ||
            span_eq_nocase(word, SPAN("keep-alive")))
            continue;
        enum http_field_id id = http_field_lookup(word);
        if (id != HTTP_UNKNOWN_FIELD) {
            if (may_be_nominated(id))
                http_head_drop(h, id);
            continue;
        }
        for (size_t i = 0; i < h->nfields; i++)
            if (h->fields[i].id == HTTP_UNKNOWN_FIELD && span_eq_nocase(h->fields[i].name, word))
                h->fields[i].flags |= HTTP_FIELD_DROPPED;
    }
}

void http_strip_hop_by_hop(struct http_head *h)
{
    const uint64_t hops = 0
#define HOP                    *1
#define END                    *0
#define FIELD(name, text, hop) | (UINT64_C(1) << HTTP_##name) hop
#include "http/fields.def"
#undef FIELD
#undef HOP
#undef END
        ;
    if ((h->seen & hops) == 0)
        return;
    for (size_t i = 0; i < h->nfields; i++)
        if (h->fields[i].id == HTTP_CONNECTION)
            drop_nominated(h, h->fields[i].value);
    for (size_t i = 0; i < h->nfields; i++)
        if (hops >> h->fields[i].id & 1)
            h->fields[i].flags |= HTTP_FIELD_DROPPED;
    h->seen &= ~hops;
}

/* Names weir does not know otherwise, and prefixes ('-' at the end). */
static bool is_refused_trailer(struct span name)
{
    static const struct span refused[] = {
        SPAN("cache-control"), SPAN("content-range"), SPAN("max-forwards"),     SPAN("range"),
        SPAN("retry-after"),   SPAN("vary"),          SPAN("www-authenticate"), SPAN("if-"),
        SPAN("proxy-"),        SPAN("x-forwarded-"),  SPAN("x-weir-"),
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct span r = refused[i];
        bool prefix = r.p[r.n - 1] == '-';
        if (name.n >= r.n && (prefix || name.n == r.n) && span_eq_nocase(span_until(name, r.n), r))
            return true;
    }
    return false;
}

bool http_trailer_allowed(const struct http_field *f)
{
    switch (f->id) {
    case HTTP_HOST:
    case HTTP_CONTENT_LENGTH:
    case HTTP_CONTENT_TYPE:
    case HTTP_CONTENT_ENCODING:
    case HTTP_AUTHORIZATION:
    case HTTP_COOKIE:
    case HTTP_SET_COOKIE:
    case HTTP_EXPECT:
    case HTTP_TRAILER:
    case HTTP_CLIENT_CERT:
    case HTTP_CLIENT_CERT_CHAIN:
    case HTTP_X_CLIENT_CERT_FINGERPRINT:
    case HTTP_X_CLIENT_CERT_SUBJECT:
    case HTTP_FORWARDED:
    case HTTP_X_FORWARDED_FOR:
    case HTTP_X_FORWARDED_HOST:
    case HTTP_X_FORWARDED_PROTO:
    case HTTP_X_REQUEST_ID:
    case HTTP_X_BACKEND:
    case HTTP_X_WEIR_SHADOW:
    case HTTP_DATE:
    case HTTP_IDEMPOTENCY_KEY:
    case HTTP_LOCATION:
    case HTTP_VIA:
        return false;
    case HTTP_UNKNOWN_FIELD:
        return !is_refused_trailer(f->name);
    default:
        return !is_hop[f->id];
    }
}
