/* The table of routes. Columns are as wide as what stands in them; when the terminal is too narrow,
 * the least needed ones go first, then long names are cut. */
#include "control/page.h"
#include "control/status.h"

#include <stdio.h>
#include <stdlib.h>

enum column {
    COL_NAME,
    COL_MATCH,
    COL_SIDES,
    COL_PERCENT,
    COL_BAR,
    COL_BECAUSE,
    COL_REQUESTS,
    COLS
};

enum { CELL_LEN = 128, GAP = 2, NAME_MIN = 8, MATCH_ENOUGH = 24, NARROWEST = 40 };

struct row {
    char cells[COLS][CELL_LEN];
    double percent;
    bool pinned;
    bool failing;
};

struct table {
    size_t width[COLS]; /* 0: not shown */
    size_t bar;
};

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s == NULL ? "" : s;
}

static double percent_of(const json_t *route, const char *key)
{
    return json_number_value(json_object_get(route, key));
}

static uint64_t count_of(const json_t *route, const char *side, const char *what)
{
    const json_t *o = json_object_get(route, side);
    return (uint64_t)json_integer_value(json_object_get(o, what));
}

/* --- one row --- */

static void fill_match(char out[CELL_LEN], const json_t *route)
{
    const json_t *m = json_object_get(route, "match");
    const char *path = text_of(m, "path");
    (void)snprintf(out, CELL_LEN, "%.50s%s%.70s", text_of(m, "host"), path[0] != '\0' ? "=" : "",
                   path[0] != '\0' ? path : text_of(m, "prefix"));
}

static void fill_because(char out[CELL_LEN], const json_t *route)
{
    const char *by = text_of(route, "decided_by");
    char else_[PAGE_SHORT];
    page_percent(else_, percent_of(route, "weight_percent"));
    if (json_is_string(json_object_get(route, "paused_until")))
        (void)snprintf(out, CELL_LEN, "paused");
    else if (strcmp(by, "route pin") == 0)
        (void)snprintf(out, CELL_LEN, "pinned (%s)", else_);
    else if (strcmp(by, "pin") == 0)
        (void)snprintf(out, CELL_LEN, "all pinned (%s)", else_);
    else if (strcmp(by, "control") == 0)
        (void)snprintf(out, CELL_LEN, "set, config %g%%", percent_of(route, "configured_percent"));
    else
        (void)snprintf(out, CELL_LEN, "configured");
}

static void fill_requests(struct row *r, const json_t *route)
{
    char n[2][PAGE_SHORT];
    char failed[PAGE_SHORT];
    uint64_t bad = count_of(route, "on_legacy", "failed") + count_of(route, "on_new", "failed");
    uint64_t leaving =
        count_of(route, "on_legacy", "leaving") + count_of(route, "on_new", "leaving");
    char left[PAGE_SHORT];
    page_count(left, leaving);
    page_count(n[0], count_of(route, "on_legacy", "requests"));
    page_count(n[1], count_of(route, "on_new", "requests"));
    page_count(failed, bad);
    r->failing = bad > 0;
    (void)snprintf(r->cells[COL_REQUESTS], CELL_LEN, "%s / %s%s%s%s%s%s%s", n[0], n[1],
                   bad > 0 ? ", " : "", bad > 0 ? failed : "", bad > 0 ? " failed" : "",
                   leaving > 0 ? ", " : "", leaving > 0 ? left : "", leaving > 0 ? " leaving" : "");
}

static void fill(struct row *r, const struct admin_look *look, const json_t *route)
{
    const char *arrow = look->ascii ? "->" : "\xe2\x86\x92";
    r->percent = percent_of(route, "new_percent");
    r->pinned = strstr(text_of(route, "decided_by"), "pin") != NULL;
    (void)snprintf(r->cells[COL_NAME], CELL_LEN, "%.120s", text_of(route, "name"));
    fill_match(r->cells[COL_MATCH], route);
    (void)snprintf(r->cells[COL_SIDES], CELL_LEN, "%.50s %s %.50s", text_of(route, "legacy"), arrow,
                   text_of(route, "new"));
    page_percent(r->cells[COL_PERCENT], r->percent);
    r->cells[COL_BAR][0] = '\0';
    fill_because(r->cells[COL_BECAUSE], route);
    fill_requests(r, route);
}

static void headings(struct row *r)
{
    static const char *const words[COLS] = {"route", "match", "legacy, new",    "new",
                                            "",      "why",   "on legacy / new"};
    for (size_t i = 0; i < COLS; i++)
        (void)snprintf(r->cells[i], CELL_LEN, "%s", words[i]);
}

/* --- widths --- */

static void widen(struct table *t, const struct row *r)
{
    for (size_t i = 0; i < COLS; i++)
        t->width[i] = max_size(t->width[i], page_width(r->cells[i]));
}

static size_t total(const struct table *t)
{
    size_t n = 0;
    for (size_t i = 0; i < COLS; i++)
        n += t->width[i] == 0 ? 0 : t->width[i] + GAP;
    return n == 0 ? 0 : n - GAP;
}

static void cut_to(struct table *t, enum column c, size_t room, size_t least)
{
    size_t all = total(t);
    size_t over = all > room ? all - room : 0;
    size_t spare = t->width[c] > least ? t->width[c] - least : 0;
    t->width[c] -= min_size(over, spare);
}

/* What goes first, as long as it does not fit. */
static void fit(struct table *t, size_t room)
{
    t->width[COL_BAR] = room >= 120 ? 20 : room >= 100 ? 10 : 8;
    cut_to(t, COL_MATCH, room, MATCH_ENOUGH);
    if (total(t) > room)
        t->width[COL_SIDES] = 0;
    if (total(t) > room)
        t->width[COL_BAR] = 0;
    cut_to(t, COL_MATCH, room, NAME_MIN);
    if (total(t) > room)
        t->width[COL_MATCH] = 0;
    cut_to(t, COL_NAME, room, NAME_MIN);
    t->bar = t->width[COL_BAR];
}

/* --- output --- */

static void put_cell(struct page *p, enum ink ink, const char *text, size_t width, bool right,
                     bool last)
{
    char cut[CELL_LEN];
    size_t n = page_width(text);
    if (n > width) { /* names are ASCII; a cut path may lose part of a letter at worst */
        (void)snprintf(cut, sizeof(cut), "%.*s%s", (int)(width - 1), text,
                       p->look->ascii ? "~" : "\xe2\x80\xa6");
        text = cut;
        n = width;
    }
    if (right)
        page_spaces(p, width - n);
    page_text(p, ink, text);
    if (!right && !last)
        page_spaces(p, width - n);
}

static enum ink ink_of(const struct row *r, enum column c, bool heading)
{
    if (heading)
        return INK_DIM;
    if (c == COL_NAME)
        return INK_BOLD;
    if (c == COL_REQUESTS && r->failing)
        return INK_BAD;
    return (c == COL_PERCENT || c == COL_BECAUSE) && r->pinned ? INK_WARN : INK_PLAIN;
}

static void put_row(struct page *p, const struct table *t, const struct row *r, bool heading)
{
    bool first = true;
    for (enum column c = 0; c < COLS; c++) {
        if (t->width[c] == 0)
            continue;
        if (!first)
            page_spaces(p, GAP);
        first = false;
        if (c == COL_BAR && !heading)
            page_bar(p, r->percent, t->bar);
        else
            put_cell(p, ink_of(r, c, heading), r->cells[c], t->width[c], c == COL_PERCENT,
                     c == COLS - 1);
    }
    page_end(p);
}

void status_table(struct page *p, const json_t *routes)
{
    struct table t = {.bar = 0};
    struct row row = {.percent = 0};
    headings(&row);
    widen(&t, &row);
    for (size_t i = 0; i < json_array_size(routes); i++) {
        fill(&row, p->look, json_array_get(routes, i));
        widen(&t, &row);
    }
    fit(&t, max_size(p->look->width, NARROWEST));
    headings(&row);
    put_row(p, &t, &row, true);
    for (size_t i = 0; i < json_array_size(routes); i++) {
        fill(&row, p->look, json_array_get(routes, i));
        put_row(p, &t, &row, false);
    }
}
