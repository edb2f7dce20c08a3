/* Forms. The order of different names does not matter in a form, that of equal ones does. */
#include "shadow/recast.h"

#include "shadow/jwrite.h"
#include "shadow/unicode.h"

#include <stdlib.h>

struct field {
    struct span name, value; /* in form.plain */
    size_t i;                /* which it was */
};

struct form {
    struct field *fields; /* sorted by name, those of a name in their order */
    size_t n;
    struct buf plain;
};

/* --- reading --- */

static enum err unescape(struct form *f, struct span s, struct span *out)
{
    size_t from = f->plain.n;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t v;
        char c = s.p[i] == '+' ? ' ' : s.p[i];
        if (c == '%' && s.n - i > 2 && span_hex_u64(span_of(s.p + i + 1, 2), &v)) {
            c = (char)v;
            i += 2;
        }
        TRY(buf_append(&f->plain, span_of(&c, 1)));
    }
    *out = span_of(f->plain.p + from, f->plain.n - from);
    return ERR_OK;
}

static int by_name(const void *pa, const void *pb)
{
    const struct field *a = pa, *b = pb;
    int c = span_cmp(a->name, b->name);
    return c != 0 ? c : a->i < b->i ? -1 : a->i > b->i;
}

static enum err read_form(struct span body, struct form *f)
{
    size_t most = 1;
    struct span item;
    for (size_t i = 0; i < body.n; i++)
        most += body.p[i] == '&' ? 1 : 0;
    if (most > RECAST_FIELDS_MAX)
        return ERR_INVALID;
    f->fields = calloc(most, sizeof(*f->fields));
    if (f->fields == NULL)
        return ERR_NO_MEMORY;
    TRY(buf_reserve(&f->plain, body.n + 1)); /* spans point into it: it must not move */
    while (span_cut(&body, '&', &item)) {
        if (item.n == 0)
            continue;
        size_t eq = span_find(item, '=');
        struct field *to = &f->fields[f->n];
        TRY(unescape(f, span_until(item, eq), &to->name));
        TRY(unescape(f, eq < item.n ? span_from(item, eq + 1) : SPAN(""), &to->value));
        to->i = f->n++;
    }
    qsort(f->fields, f->n, sizeof(*f->fields), by_name);
    return unicode_is_valid(buf_span(&f->plain)) ? ERR_OK : ERR_INVALID;
}

static void form_free(struct form *f)
{
    buf_free(&f->plain);
    free(f->fields);
}

/* --- writing --- */

/* How many fields have the name of field i and follow it, itself among them. */
static size_t alike(const struct form *f, size_t i)
{
    size_t n = 0;
    while (i + n < f->n && span_eq(f->fields[i + n].name, f->fields[i].name))
        n++;
    return n;
}

/* The first field of f that is not before the name. */
static size_t seek(const struct form *f, size_t from, struct span name)
{
    while (from < f->n && span_cmp(f->fields[from].name, name) < 0)
        from++;
    return from;
}

static enum err write_values(const struct form *f, size_t from, size_t n, bool list,
                             struct buf *out)
{
    TRY(buf_append(out, list ? SPAN("[") : SPAN("")));
    for (size_t i = 0; i < n; i++) {
        TRY(buf_append(out, i == 0 ? SPAN("") : SPAN(",")));
        TRY(jwrite_string(out, f->fields[from + i].value));
    }
    return buf_append(out, list ? SPAN("]") : SPAN(""));
}

static enum err write_form(const struct form *f, const struct form *other, struct buf *out)
{
    size_t at = 0;
    TRY(buf_append(out, SPAN("{")));
    for (size_t i = 0, n; i < f->n; i += n) {
        struct span name = f->fields[i].name;
        n = alike(f, i);
        at = seek(other, at, name);
        bool list = n > 1 || (at + 1 < other->n && span_eq(other->fields[at].name, name) &&
                              span_eq(other->fields[at + 1].name, name));
        TRY(buf_append(out, i == 0 ? SPAN("") : SPAN(",")));
        TRY(jwrite_string(out, name));
        TRY(buf_append(out, SPAN(":")));
        TRY(write_values(f, i, n, list, out));
    }
    return buf_append(out, SPAN("}"));
}

enum err recast_form(const struct span bodies[2], struct buf out[2])
{
    struct form forms[2] = {{.plain = BUF_INIT(0)}, {.plain = BUF_INIT(0)}};
    enum err e = read_form(bodies[0], &forms[0]);
    if (e == ERR_OK)
        e = read_form(bodies[1], &forms[1]);
    for (size_t s = 0; s < 2 && e == ERR_OK; s++)
        e = write_form(&forms[s], &forms[1 - s], &out[s]);
    form_free(&forms[0]);
    form_free(&forms[1]);
    return e;
}
