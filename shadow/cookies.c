/* Set-Cookie, by cookie and attribute (RFC 6265). Whether a session cookie lost its HttpOnly
 * matters; its value is never looked at nor stored. */
#include "shadow/headers.h"

#include <stdio.h>

struct cookie {
    struct cookie *other; /* of the other side */
    struct span name;
    struct span path;
    struct span domain;
    struct span same_site;
    bool has_max_age;
    int64_t max_age;
    bool expires;
    bool secure;
    bool http_only;
    bool partitioned;
};

struct cookies {
    struct cookie *list;
    size_t n;
};

/* Digits, perhaps with a minus; how many is no matter: more than a browser keeps is for ever. */
static bool age(struct span s, int64_t *out)
{
    uint64_t v = INT64_MAX;
    bool negative = s.n > 0 && s.p[0] == '-';
    struct span digits = span_from(s, negative ? 1 : 0);
    if (digits.n == 0)
        return false;
    for (size_t i = 0; i < digits.n; i++)
        if (digits.p[i] < '0' || digits.p[i] > '9')
            return false;
    if (!span_u64(digits, &v) || v > INT64_MAX)
        v = INT64_MAX;
    *out = negative ? -(int64_t)v : (int64_t)v;
    return true;
}

static void attribute(struct cookie *c, struct span name, struct span value)
{
    if (span_eq_nocase(name, SPAN("path")))
        c->path = value;
    else if (span_eq_nocase(name, SPAN("domain")))
        c->domain = span_has_prefix(value, SPAN(".")) ? span_from(value, 1) : value;
    else if (span_eq_nocase(name, SPAN("samesite")))
        c->same_site = value;
    else if (span_eq_nocase(name, SPAN("max-age")))
        c->has_max_age = age(value, &c->max_age);
    else if (span_eq_nocase(name, SPAN("expires")))
        c->expires = true;
    else if (span_eq_nocase(name, SPAN("secure")))
        c->secure = true;
    else if (span_eq_nocase(name, SPAN("httponly")))
        c->http_only = true;
    else if (span_eq_nocase(name, SPAN("partitioned")))
        c->partitioned = true;
}

static struct cookie parse(struct span text)
{
    struct span rest = text, item;
    struct cookie c = {.name = SPAN_NULL};
    bool first = true;
    while (span_cut(&rest, ';', &item)) {
        size_t eq = span_find(item, '=');
        struct span name = span_trim(span_until(item, eq));
        struct span value = eq < item.n ? span_trim(span_from(item, eq + 1)) : SPAN_NULL;
        if (first)
            c.name = name;
        else
            attribute(&c, name, value);
        first = false;
    }
    return c;
}

/* A browser tells cookies apart by name, domain and path (RFC 6265 5.3). */
static bool same_place(const struct cookie *a, const struct cookie *b)
{
    return span_eq(a->path, b->path) && span_eq_nocase(a->domain, b->domain);
}

/* Of two that are one to a browser the last counts. */
static enum err gather(struct diff *d, const struct http_head *h, struct cookies *out)
{
    *out = (struct cookies){scratch_take(&d->scratch, h->nfields, sizeof(*out->list)), 0};
    if (out->list == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < h->nfields; i++) {
        const struct http_field *f = &h->fields[i];
        if (f->id != HTTP_SET_COOKIE || (f->flags & HTTP_FIELD_DROPPED) || f->value.n == 0)
            continue;
        struct cookie c = parse(f->value);
        size_t at = 0;
        while (at < out->n &&
               !(span_eq(out->list[at].name, c.name) && same_place(&out->list[at], &c)))
            at++;
        out->list[at] = c;
        out->n = max_size(out->n, at + 1);
    }
    return ERR_OK;
}

/* Those that have no partner yet get one of the same name, and of the same place if they must. */
static void pair_up(struct cookies *l, struct cookies *r, bool place)
{
    for (size_t i = 0; i < l->n; i++) {
        struct cookie *a = &l->list[i];
        for (size_t k = 0; k < r->n && a->other == NULL; k++) {
            struct cookie *b = &r->list[k];
            if (b->other != NULL || !span_eq(a->name, b->name) || (place && !same_place(a, b)))
                continue;
            a->other = b;
            b->other = a;
        }
    }
}

/* --- findings --- */

/* Names like wp_session_3f2a9c01 carry an id; each part that is one becomes {}. */
static size_t put_name(char *out, size_t max, struct span name)
{
    size_t n = 0;
    struct span rest = name;
    while (rest.n > 0 && n + 4 < max) {
        size_t end = 0;
        while (end < rest.n && memchr("_-.", rest.p[end], 3) == NULL)
            end++;
        struct span part = span_until(rest, end);
        bool id = part.n > 0 && vclass_is_id(part);
        size_t len = id ? 2 : min_size(part.n, max - n - 2);
        memcpy(out + n, id ? "{}" : part.p, len);
        n += len;
        if (end < rest.n)
            out[n++] = rest.p[end++];
        rest = span_from(rest, end);
    }
    return n;
}

/* header:set-cookie[NAME] or header:set-cookie[NAME].attribute */
static struct span cookie_path(char *out, size_t max, struct span name, const char *attr)
{
    char shown[PATH_KEY_MAX];
    size_t n = put_name(shown, sizeof(shown), name);
    return span_of(out, (size_t)snprintf(out, max, "header:set-cookie[%.*s]%s%s", (int)n, shown,
                                         attr == NULL ? "" : ".", attr == NULL ? "" : attr));
}

static enum err presence(struct diff *d, struct span name, const char *attr, bool legacy, bool new_)
{
    char path[2 * PATH_KEY_MAX];
    if (legacy == new_)
        return ERR_OK;
    return headers_finding(d, cookie_path(path, sizeof(path), name, attr),
                           legacy ? SPAN("present") : SPAN_NULL, new_ ? SPAN("present") : SPAN_NULL,
                           true);
}

static enum err words(struct diff *d, struct span name, const char *attr, struct span legacy,
                      struct span new_, bool equal, bool open)
{
    char path[2 * PATH_KEY_MAX];
    if (equal)
        return ERR_OK;
    return headers_finding(d, cookie_path(path, sizeof(path), name, attr),
                           legacy.n == 0 ? SPAN_NULL : legacy, new_.n == 0 ? SPAN_NULL : new_,
                           open);
}

/* Both live for about as long: within five percent. */
static bool same_age(const struct cookie *a, const struct cookie *b)
{
    if (a->max_age <= 0 || b->max_age <= 0)
        return a->max_age <= 0 && b->max_age <= 0;
    int64_t more = a->max_age > b->max_age ? a->max_age : b->max_age;
    int64_t less = a->max_age > b->max_age ? b->max_age : a->max_age;
    return more - less <= more / 20;
}

static enum err max_age(struct diff *d, const struct cookie *a, const struct cookie *b)
{
    char l[20], r[20];
    if (!a->has_max_age || !b->has_max_age)
        return presence(d, a->name, "max-age", a->has_max_age, b->has_max_age);
    struct span ls = span_of(l, bytes_u64(l, a->max_age < 0 ? 0 : (uint64_t)a->max_age));
    struct span rs = span_of(r, bytes_u64(r, b->max_age < 0 ? 0 : (uint64_t)b->max_age));
    return words(d, a->name, "max-age", ls, rs, same_age(a, b), true);
}

static bool same_domain(const struct diff *d, struct span a, struct span b)
{
    return span_eq_nocase(a, b) || (origin_is_host(&d->rules->origins, d->own, a) &&
                                    origin_is_host(&d->rules->origins, d->own, b));
}

static enum err compare(struct diff *d, const struct cookie *a, const struct cookie *b)
{
    TRY(words(d, a->name, "path", a->path, b->path, span_eq(a->path, b->path), false));
    TRY(words(d, a->name, "domain", a->domain, b->domain, same_domain(d, a->domain, b->domain),
              false));
    TRY(words(d, a->name, "samesite", a->same_site, b->same_site,
              span_eq_nocase(a->same_site, b->same_site), true));
    TRY(max_age(d, a, b));
    TRY(presence(d, a->name, "expires", a->expires, b->expires));
    TRY(presence(d, a->name, "secure", a->secure, b->secure));
    TRY(presence(d, a->name, "httponly", a->http_only, b->http_only));
    return presence(d, a->name, "partitioned", a->partitioned, b->partitioned);
}

static enum err compare_all(struct diff *d, const struct http_head *legacy,
                            const struct http_head *new_)
{
    struct cookies l, r;
    TRY(gather(d, legacy, &l));
    TRY(gather(d, new_, &r));
    pair_up(&l, &r, true);
    pair_up(&l, &r, false);
    for (size_t i = 0; i < l.n; i++) {
        const struct cookie *a = &l.list[i];
        TRY(a->other == NULL ? presence(d, a->name, NULL, true, false) : compare(d, a, a->other));
    }
    for (size_t i = 0; i < r.n; i++)
        if (r.list[i].other == NULL)
            TRY(presence(d, r.list[i].name, NULL, false, true));
    return ERR_OK;
}

enum err headers_cookies(struct diff *d, const struct http_head *legacy,
                         const struct http_head *new_)
{
    struct scratch_mark back = scratch_mark(&d->scratch);
    enum err e = compare_all(d, legacy, new_);
    scratch_back(&d->scratch, back);
    return e;
}
