/* All routes as a table, the most specific first (weir routes). */
#include "router/room.h"

#include <stdlib.h>

enum { COLUMNS = 9, CELL_MAX = 60, LIST_ARENA_MAX = 256 << 20 };

struct lister {
    const struct snapshot *s;
    struct arena arena;
    const char *(*rows)[COLUMNS];
    size_t widths[COLUMNS];
};

/* --- cells --- */

static enum err put_match(const struct config_match *m, struct buf *out)
{
    TRY(buf_printf(out, "%s%s", m->path != NULL ? "= " : "",
                   m->path != NULL ? m->path : m->prefix));
    return m->regex == NULL ? ERR_OK : buf_printf(out, " ~ %s", m->regex);
}

static enum err put_percent(unsigned points, struct buf *out)
{
    if (points % 100 == 0)
        return buf_printf(out, "%u", points / 100);
    return buf_printf(out, "%u.%02u", points / 100, points % 100);
}

/* What is in force, not what is configured. */
static enum err put_weight(const struct snapshot *s, const struct route *r, struct buf *out)
{
    const struct route_state *state = &s->states[r->index];
    enum pin pin = state->pin != PIN_NONE ? (enum pin)state->pin : s->pin;
    if (pin != PIN_NONE)
        return buf_printf(out, "pin %s", pin == PIN_NEW ? "new" : "legacy");
    return put_percent(state->weight, out);
}

static enum err put_names(const struct config_names *names, struct buf *out)
{
    for (size_t i = 0; i < names->n; i++)
        TRY(buf_printf(out, "%s%s", i == 0 ? "" : ",", names->list[i]));
    return ERR_OK;
}

static enum err put_cell(const struct snapshot *s, const struct route *r, size_t column,
                         struct buf *out)
{
    const struct config_route *c = r->config;
    switch (column) {
    case 0:
        return buf_printf(out, "%s", c->name);
    case 1:
        return buf_printf(out, "%s", c->match.host == NULL ? "" : c->match.host);
    case 2:
        return put_match(&c->match, out);
    case 3:
        return conditions_say(&c->match, out);
    case 4:
        return buf_printf(out, "%s -> %s", c->legacy, c->new_);
    case 5:
        return put_weight(s, r, out);
    case 6:
        return put_names(&c->sticky, out);
    case 7:
        return buf_printf(out, "%s", c->cohort == NULL ? "" : c->cohort);
    default:
        return put_percent(c->shadow.percent, out);
    }
}

/* --- the table --- */

static const char *const titles[COLUMNS] = {"route", "host",   "path",   "conditions", "sides",
                                            "new %", "sticky", "cohort", "shadow %"};

static enum err fill_row(struct lister *l, const struct route *r, const char *row[COLUMNS])
{
    for (size_t i = 0; i < COLUMNS; i++) {
        struct buf text = BUF_INIT(0);
        enum err e = put_cell(l->s, r, i, &text);
        if (e == ERR_OK && text.n == 0)
            e = buf_append(&text, SPAN("-"));
        row[i] = e == ERR_OK ? arena_copy(&l->arena, buf_span(&text)) : NULL;
        size_t width = text.n < CELL_MAX ? text.n : CELL_MAX;
        l->widths[i] = width > l->widths[i] ? width : l->widths[i];
        buf_free(&text);
        if (row[i] == NULL)
            return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

static enum err put_row(const struct lister *l, const char *const row[COLUMNS], struct buf *out)
{
    for (size_t i = 0; i + 1 < COLUMNS; i++)
        TRY(buf_printf(out, "%-*s  ", (int)l->widths[i], row[i]));
    return buf_printf(out, "%s\n", row[COLUMNS - 1]);
}

static enum err list(struct lister *l, const struct route *const *order, struct buf *out)
{
    size_t n = l->s->table->nroutes;
    l->rows = arena_alloc(&l->arena, (n + 1) * sizeof(*l->rows));
    if (l->rows == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < COLUMNS; i++)
        l->widths[i] = strlen(titles[i]);
    for (size_t i = 0; i < n; i++)
        TRY(fill_row(l, order[i], l->rows[i]));
    TRY(put_row(l, titles, out));
    for (size_t i = 0; i < n; i++)
        TRY(put_row(l, l->rows[i], out));
    return ERR_OK;
}

enum err route_list(const struct snapshot *s, struct buf *out)
{
    struct lister l = {.s = s};
    const struct route **order;
    TRY(route_order(s->table, &order));
    arena_begin(&l.arena, LIST_ARENA_MAX);
    enum err e = list(&l, order, out);
    arena_end(&l.arena);
    free(order);
    return e;
}
