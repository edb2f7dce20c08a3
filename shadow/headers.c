/* Fields are looked at by name; those that are equal as text need no further thought, so the table
 * is consulted only for the few that are not. */
#include "shadow/headers.h"

#include <stdlib.h>

enum how { TEXT, SKIP, PRESENCE, STACK, LIST, WORDS, VARY, ORIGIN, LOCATION, LINK, COOKIE };

static const struct {
    struct span name; /* in lower case; "abc*": all that begin so */
    enum how how;
} table[] = {
#define HEADER(name, how) {SPAN(name), how},
#include "shadow/headers.def"
#undef HEADER
};

enum { PREFIX_MAX = 8 };

static bool is_named(struct span entry, struct span name)
{
    if (entry.p[entry.n - 1] != '*')
        return span_eq_nocase(entry, name);
    entry.n--;
    return name.n >= entry.n && span_eq_nocase(span_until(name, entry.n), entry);
}

static enum how how_of(struct span name)
{
    char first = name.n == 0 ? '\0' : byte_lower(name.p[0]);
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].name.p[0] == first && is_named(table[i].name, name))
            return table[i].how;
    return TEXT;
}

static bool is_kept(const struct http_field *f)
{
    return (f->flags & HTTP_FIELD_DROPPED) == 0;
}

static bool same_name(const struct http_field *f, struct span name)
{
    return is_kept(f) && f->name.n == name.n && span_eq_nocase(f->name, name);
}

/* --- the value of a field, several joined by commas --- */

/* SPAN_NULL: the field is absent. */
static enum err value_of(struct diff *d, const struct http_head *h, struct span name,
                         struct span *out)
{
    size_t total = 0, n = 0;
    *out = SPAN_NULL;
    for (size_t i = 0; i < h->nfields; i++) {
        if (!same_name(&h->fields[i], name))
            continue;
        *out = h->fields[i].value.p == NULL ? SPAN("") : span_trim(h->fields[i].value);
        total += out->n + 2;
        n++;
    }
    if (n <= 1)
        return ERR_OK;
    char *p = scratch_take(&d->scratch, total, 1);
    if (p == NULL)
        return ERR_NO_MEMORY;
    struct buf b = {p, 0, total, total};
    for (size_t i = 0; i < h->nfields; i++) {
        if (!same_name(&h->fields[i], name))
            continue;
        TRY(buf_append(&b, b.n > 0 ? SPAN(", ") : SPAN("")));
        TRY(buf_append(&b, span_trim(h->fields[i].value)));
    }
    *out = buf_span(&b);
    return ERR_OK;
}

/* --- normal forms --- */

static int by_bytes(const void *a, const void *b)
{
    return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* The next item of a comma-separated list; commas in quotes and in <> belong to the item. */
static bool next_item(struct span *rest, struct span *item)
{
    bool quoted = false, link = false;
    size_t i = 0;
    if (rest->p == NULL)
        return false;
    for (; i < rest->n; i++) {
        char c = rest->p[i];
        if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '<' || c == '>'))
            link = c == '<';
        else if (c == ',' && !quoted && !link)
            break;
    }
    *item = span_trim(span_until(*rest, i));
    *rest = i < rest->n ? span_from(*rest, i + 1) : SPAN_NULL;
    return true;
}

/* Without quotes and spaces. */
static enum err plain_word(struct diff *d, bool cased, struct span *s)
{
    char *p = scratch_take(&d->scratch, s->n + 1, 1);
    size_t n = 0;
    if (p == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < s->n; i++)
        if (s->p[i] != '"' && s->p[i] != ' ' && s->p[i] != '\t')
            p[n++] = cased ? s->p[i] : byte_lower(s->p[i]);
    *s = span_of(p, n);
    return ERR_OK;
}

/* <http://us/next>; rel=next becomes </next>; rel=next. */
static enum err plain_link(struct diff *d, struct span *s)
{
    if (s->n == 0 || s->p[0] != '<')
        return ERR_OK;
    struct span target = span_from(*s, 1);
    size_t own =
        origin_prefix(&d->rules->origins, d->own, span_until(target, span_find(target, '>')));
    char *p = scratch_take(&d->scratch, s->n + 1, 1);
    size_t n = 0;
    if (p == NULL)
        return ERR_NO_MEMORY;
    p[n++] = '<';
    for (size_t i = 1 + own; i < s->n; i++)
        if (s->p[i] != ' ' && s->p[i] != '"')
            p[n++] = s->p[i];
    *s = span_of(p, n);
    return ERR_OK;
}

struct items {
    struct span *list;
    size_t n;
};

static enum err items_begin(struct diff *d, struct span text, char between, struct items *out)
{
    size_t most = 1;
    for (size_t i = 0; i < text.n; i++)
        most += text.p[i] == between ? 1 : 0;
    out->n = 0;
    out->list = scratch_take(&d->scratch, most, sizeof(*out->list));
    return out->list == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* </next>; title=a; rel=next becomes </next>;rel=next;title=a. */
static enum err sort_parameters(struct diff *d, struct span *link)
{
    struct items items;
    struct span target = span_until(*link, span_find(*link, '>')), item;
    struct span rest = span_from(*link, target.n); /* >;rel=next */
    TRY(items_begin(d, rest, ';', &items));
    while (span_cut(&rest, ';', &item))
        items.list[items.n++] = item;
    if (items.n < 3)
        return ERR_OK;
    qsort(items.list + 1, items.n - 1, sizeof(items.list[0]), by_bytes);
    char *p = scratch_take(&d->scratch, link->n + 1, 1);
    if (p == NULL)
        return ERR_NO_MEMORY;
    struct buf b = {p, 0, link->n + 1, link->n + 1};
    TRY(buf_append(&b, target));
    for (size_t i = 0; i < items.n; i++) {
        TRY(buf_append(&b, i == 0 ? SPAN("") : SPAN(";")));
        TRY(buf_append(&b, items.list[i]));
    }
    *link = buf_span(&b);
    return ERR_OK;
}

static enum err items_of(struct diff *d, struct span text, enum how how, struct items *out)
{
    struct span rest = text, item;
    TRY(items_begin(d, text, ',', out));
    while (next_item(&rest, &item)) {
        TRY(how == LINK ? plain_link(d, &item) : plain_word(d, how == WORDS, &item));
        if (how == LINK)
            TRY(sort_parameters(d, &item));
        if (item.n > 0 && (how != VARY || !span_eq(item, SPAN("accept-encoding"))))
            out->list[out->n++] = item;
    }
    qsort(out->list, out->n, sizeof(out->list[0]), by_bytes);
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++)
        if (n == 0 || !span_eq(out->list[n - 1], out->list[i]))
            out->list[n++] = out->list[i];
    out->n = n;
    return ERR_OK;
}

static enum err same_items(struct diff *d, struct span a, struct span b, enum how how, bool *same)
{
    struct items ia, ib;
    TRY(items_of(d, a, how, &ia));
    TRY(items_of(d, b, how, &ib));
    *same = ia.n == ib.n;
    for (size_t i = 0; i < ia.n && *same; i++)
        *same = span_eq(ia.list[i], ib.list[i]);
    return ERR_OK;
}

/* What follows an origin of ours. */
static struct span without_origin(const struct diff *d, struct span s, bool location, bool *own)
{
    size_t n = origin_prefix(&d->rules->origins, d->own, s);
    *own = n > 0 || (location && s.n > 0 && s.p[0] == '/' && (s.n == 1 || s.p[1] != '/'));
    s = span_from(s, n);
    return n > 0 && s.n == 0 && location ? SPAN("/") : s;
}

static bool same_origin_value(const struct diff *d, struct span a, struct span b, bool location)
{
    bool own_a, own_b;
    a = without_origin(d, a, location, &own_a);
    b = without_origin(d, b, location, &own_b);
    return own_a == own_b && span_eq(a, b);
}

static enum err same_value(struct diff *d, enum how how, struct span a, struct span b, bool *same)
{
    *same = true;
    switch (how) {
    case TEXT:
        *same = span_eq(a, b);
        return ERR_OK;
    case LIST:
    case WORDS:
    case VARY:
    case LINK:
        return same_items(d, a, b, how, same);
    case ORIGIN:
    case LOCATION:
        *same = same_origin_value(d, a, b, how == LOCATION);
        return ERR_OK;
    default:
        return ERR_OK;
    }
}

/* --- findings --- */

enum err headers_finding(struct diff *d, struct span path, struct span legacy, struct span new_,
                         bool open)
{
    struct finding f = {.kind = KIND_HEADER, .path = path, .open = open, .detail = "value"};
    f.values[SIDE_LEGACY] = diff_text_value(legacy);
    f.values[SIDE_NEW] = diff_text_value(new_);
    if (new_.p == NULL)
        f.detail = "missing";
    else if (legacy.p == NULL)
        f.detail = "extra";
    return diff_report(d, &f);
}

static enum err report(struct diff *d, const char *prefix, struct span name, struct span legacy,
                       struct span new_)
{
    char path[PREFIX_MAX + PATH_KEY_MAX];
    size_t n = min_size(name.n, PATH_KEY_MAX), at = strlen(prefix);
    BUG_IF(at > PREFIX_MAX);
    memcpy(path, prefix, at);
    for (size_t i = 0; i < n; i++)
        path[at + i] = byte_lower(name.p[i]);
    return headers_finding(d, span_of(path, at + n), legacy, new_, false);
}

/* A Vary that names nothing but accept-encoding is as good as none. */
static enum err says_nothing(struct diff *d, enum how how, struct span text, bool *nothing)
{
    struct items items;
    *nothing = false;
    if (how != VARY || text.p == NULL)
        return ERR_OK;
    TRY(items_of(d, text, how, &items));
    *nothing = items.n == 0;
    return ERR_OK;
}

static bool nominated(const struct http_head *h, struct span name)
{
    for (size_t i = 0; i < h->nfields; i++)
        if (h->fields[i].id == HTTP_CONNECTION && http_list_has(h->fields[i].value, name))
            return true;
    return false;
}

static enum err compare_field(struct diff *d, const char *prefix, const struct http_head *legacy,
                              const struct http_head *new_, struct span name)
{
    struct span a, b;
    bool same, nothing_a, nothing_b;
    TRY(value_of(d, legacy, name, &a));
    TRY(value_of(d, new_, name, &b));
    if (a.p != NULL && b.p != NULL && span_eq(a, b))
        return ERR_OK;
    enum how how = how_of(name);
    if (how == SKIP || how == STACK || how == COOKIE || rules_ignore_header(d->rules, name) ||
        nominated(legacy, name) || nominated(new_, name))
        return ERR_OK;
    TRY(says_nothing(d, how, a, &nothing_a));
    TRY(says_nothing(d, how, b, &nothing_b));
    if ((a.p == NULL || nothing_a) && (b.p == NULL || nothing_b))
        return ERR_OK;
    same = false;
    if (a.p != NULL && b.p != NULL)
        TRY(same_value(d, how, a, b, &same));
    return same ? ERR_OK : report(d, prefix, name, a, b);
}

static bool seen_before(const struct http_head *h, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (same_name(&h->fields[k], h->fields[i].name))
            return true;
    return false;
}

static bool has_name(const struct http_head *h, struct span name)
{
    for (size_t i = 0; i < h->nfields; i++)
        if (same_name(&h->fields[i], name))
            return true;
    return false;
}

enum err headers_compare_as(struct diff *d, const char *prefix, const struct http_head *legacy,
                            const struct http_head *new_)
{
    struct scratch_mark back = scratch_mark(&d->scratch);
    for (size_t i = 0; i < legacy->nfields; i++)
        if (is_kept(&legacy->fields[i]) && !seen_before(legacy, i))
            TRY(compare_field(d, prefix, legacy, new_, legacy->fields[i].name));
    for (size_t i = 0; i < new_->nfields; i++)
        if (is_kept(&new_->fields[i]) && !seen_before(new_, i) &&
            !has_name(legacy, new_->fields[i].name))
            TRY(compare_field(d, prefix, legacy, new_, new_->fields[i].name));
    scratch_back(&d->scratch, back);
    return ERR_OK;
}

enum err headers_compare(struct diff *d, const struct http_head *legacy,
                         const struct http_head *new_)
{
    TRY(headers_compare_as(d, "header:", legacy, new_));
    return rules_ignore_header(d->rules, SPAN("set-cookie")) ? ERR_OK
                                                             : headers_cookies(d, legacy, new_);
}

void headers_stack(const struct http_head *h, struct headers_stack *out)
{
    out->n = 0;
    for (size_t i = 0; i < h->nfields; i++) {
        const struct http_field *f = &h->fields[i];
        size_t n = f->name.n + f->value.n + 4;
        if (f->id != HTTP_UNKNOWN_FIELD || !is_kept(f) || out->n + n > sizeof(out->text) ||
            how_of(f->name) != STACK)
            continue;
        if (out->n > 0)
            out->text[out->n++] = ';';
        if (out->n > 0)
            out->text[out->n++] = ' ';
        for (size_t k = 0; k < f->name.n; k++)
            out->text[out->n++] = byte_lower(f->name.p[k]);
        memcpy(out->text + out->n, ": ", 2);
        out->n += 2;
        if (f->value.n > 0)
            memcpy(out->text + out->n, f->value.p, f->value.n);
        out->n += f->value.n;
    }
}
