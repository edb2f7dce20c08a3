/* What is wrong with a file, collected for a person, with the line it stands on. */
#include "config/room.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static char *copy(const char *s)
{
    return s == NULL ? NULL : strdup(s);
}

PRINTF(1, 0)
static char *format(const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *text = n < 0 ? NULL : malloc((size_t)n + 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)n + 1, fmt, ap);
    return text;
}

static void forget(struct complaint *c)
{
    free(c->where);
    free(c->what);
    free(c->right);
    *c = (struct complaint){0};
}

PRINTF(4, 0)
static void add(struct complaints *c, const char *where, const char *right, const char *fmt,
                va_list ap)
{
    if (c->n == COMPLAINTS_MAX) {
        c->dropped++;
        return;
    }
    struct complaint *made = &c->list[c->n];
    made->where = copy(where);
    made->what = format(fmt, ap);
    made->right = copy(right);
    if (made->where != NULL && made->what != NULL && (right == NULL || made->right != NULL)) {
        c->n++;
        return;
    }
    forget(made);
    c->dropped++;
}

void complain(struct complaints *c, const char *where, const char *right, const char *what_fmt, ...)
{
    va_list ap;
    va_start(ap, what_fmt);
    add(c, where, right, what_fmt, ap);
    va_end(ap);
}

void complaints_free(struct complaints *c)
{
    for (size_t i = 0; i < c->n; i++)
        forget(&c->list[i]);
    *c = (struct complaints){.n = 0};
}

enum err complaints_render(const struct complaints *c, struct buf *out)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct complaint *one = &c->list[i];
        TRY(buf_printf(out, "%s: %s%s%s\n", one->where, one->what, one->right == NULL ? "" : "; ",
                       one->right == NULL ? "" : one->right));
    }
    if (c->dropped > 0)
        TRY(buf_printf(out, "and %zu more\n", c->dropped));
    return ERR_OK;
}

/* --- showing what somebody wrote --- */

/* Not in the middle of a UTF-8 sequence. */
static size_t cut_at(struct span s, size_t n)
{
    while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

const char *shown_text(struct shown *out, struct span s)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = s.n <= SHOWN_BYTES ? s.n : cut_at(s, SHOWN_BYTES);
    char *w = out->text;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != 0x7f) {
            *w++ = (char)c;
            continue;
        }
        memcpy(w, "\\x", 2);
        w[2] = hex[c >> 4];
        w[3] = hex[c & 15];
        w += 4;
    }
    memcpy(w, "...", 4);
    if (n == s.n)
        *w = '\0';
    return out->text;
}

/* --- with a place --- */

/* A value comes from the overlay when it stands there, except that objects of both files are
 * merged: the base is where one would look for what an object lacks. */
static const struct source *locate(const struct loader *l, const struct place *at, size_t *line)
{
    struct place_found base = place_find(at, buf_span(&l->base.text));
    *line = base.line;
    if (l->overlay.text.n == 0)
        return &l->base;
    struct place_found over = place_find(at, buf_span(&l->overlay.text));
    if (!over.whole || (base.whole && base.is_object && over.is_object))
        return &l->base;
    *line = over.line;
    return &l->overlay;
}

static enum err put_where(const struct loader *l, const struct place *at, struct buf *where)
{
    size_t line;
    const struct source *s = locate(l, at, &line);
    if (l->dir == NULL) /* nobody has seen the lines of what weir made itself */
        TRY(buf_printf(where, "%s: ", s->name));
    else
        TRY(buf_printf(where, "%s:%zu: ", s->name, line));
    TRY(place_put(at, where));
    return buf_end(where);
}

void loader_complain(struct loader *l, const struct place *at, const char *right,
                     const char *what_fmt, ...)
{
    struct buf where = BUF_INIT(0);
    va_list ap;
    l->complaints++;
    if (l->wrong->n == COMPLAINTS_MAX || put_where(l, at, &where) != ERR_OK) {
        l->wrong->dropped++; /* finding the line of what is not shown would be wasted */
        buf_free(&where);
        return;
    }
    va_start(ap, what_fmt);
    add(l->wrong, where.p, right, what_fmt, ap);
    va_end(ap);
    buf_free(&where);
}

void loader_complain_file(struct loader *l, const char *name, size_t line, size_t column,
                          const char *right, const char *what)
{
    struct buf where = BUF_INIT(0);
    enum err e = line == 0 ? buf_printf(&where, "%s", name)
                           : buf_printf(&where, "%s:%zu:%zu", name, line, column);
    l->complaints++;
    if (e == ERR_OK)
        complain(l->wrong, where.p, right, "%s", what);
    else
        l->wrong->dropped++;
    buf_free(&where);
}
