/* Requests per route and side. The data plane owns those counters; what this room may know of them
 * is the text every scraper gets, so that is read. */
#include "control/status.h"

#include "base/metrics.h"

#include <stdlib.h>

static const struct span finished = SPAN("weir_requests_total{");
static const struct span leaving = SPAN("weir_requests_leaving{");
static const struct span stopped = SPAN("weir_shadow_sandbox_stopped{");

void counts_free(struct route_counts *c)
{
    buf_free(&c->text);
    free(c->list);
    c->list = NULL;
    c->n = 0;
}

/* The value of label="..." in a series; names and words hold nothing that is escaped. */
static struct span label(struct span series, struct span name)
{
    for (size_t at = 0; at + name.n + 2 <= series.n; at++) {
        struct span rest = span_from(series, at);
        bool begins = at == 0 || series.p[at - 1] == ',' || series.p[at - 1] == '{';
        if (!begins || !span_has_prefix(rest, name) || rest.p[name.n] != '=' ||
            rest.p[name.n + 1] != '"')
            continue;
        rest = span_from(rest, name.n + 2);
        return span_until(rest, span_find(rest, '"'));
    }
    return SPAN_NULL;
}

static void add(struct route_count *c, struct span line, struct span side, struct span class,
                uint64_t n)
{
    bool is_new = span_eq(side, SPAN("new"));
    if (!is_new && !span_eq(side, SPAN("legacy")))
        return;
    enum side s = is_new ? SIDE_NEW : SIDE_LEGACY;
    if (class.p == NULL) {
        *(span_has_prefix(line, stopped) ? &c->stopped[s] : &c->leaving[s]) += n;
        return;
    }
    c->requests[s] += n;
    if (span_eq(class, SPAN("5xx")) || span_eq(class, SPAN("none")))
        c->failed[s] += n;
}

static int by_route(const void *a, const void *b)
{
    const struct route_count *x = a;
    const struct route_count *y = b;
    return span_cmp(x->route, y->route);
}

/* One entry per series first; those of one route are merged afterwards. */
static void merge(struct route_counts *c)
{
    size_t kept = 0;
    qsort(c->list, c->n, sizeof(*c->list), by_route);
    for (size_t i = 0; i < c->n; i++) {
        struct route_count *last = kept == 0 ? NULL : &c->list[kept - 1];
        if (last == NULL || !span_eq(last->route, c->list[i].route)) {
            c->list[kept++] = c->list[i];
            continue;
        }
        for (int s = 0; s < 2; s++) {
            last->requests[s] += c->list[i].requests[s];
            last->failed[s] += c->list[i].failed[s];
            last->leaving[s] += c->list[i].leaving[s];
            last->stopped[s] += c->list[i].stopped[s];
        }
    }
    c->n = kept;
}

static bool is_ours(struct span line)
{
    return span_has_prefix(line, finished) || span_has_prefix(line, leaving) ||
           span_has_prefix(line, stopped);
}

static size_t series_in(struct span text)
{
    struct span line;
    size_t n = 0;
    while (span_cut(&text, '\n', &line))
        n += is_ours(line) ? 1 : 0;
    return n;
}

enum err counts_parse(struct route_counts *c)
{
    struct span text = buf_span(&c->text);
    struct span line;
    uint64_t n;
    size_t all = series_in(text);
    c->list = calloc(all + 1, sizeof(*c->list));
    if (c->list == NULL)
        return ERR_NO_MEMORY;
    while (text.n > 0 && span_cut(&text, '\n', &line)) {
        size_t end = span_find(line, '}');
        if (!is_ours(line) || end + 2 > line.n)
            continue;
        struct span series = span_from(span_until(line, end), span_find(line, '{') + 1);
        struct route_count *one = &c->list[c->n];
        one->route = label(series, SPAN("route"));
        if (one->route.p == NULL || !span_u64(span_from(line, end + 2), &n))
            continue;
        add(one, line, label(series, SPAN("side")), label(series, SPAN("class")), n);
        c->n++;
    }
    merge(c);
    return ERR_OK;
}

enum err counts_read(struct route_counts *out)
{
    *out = (struct route_counts){.text = BUF_INIT(0)};
    enum err e = metrics_render(&out->text);
    if (e == ERR_OK)
        e = counts_parse(out);
    if (e != ERR_OK)
        counts_free(out);
    return e;
}

const struct route_count *counts_of(const struct route_counts *c, const char *route)
{
    struct route_count key = {.route = span_str(route)};
    if (c->n == 0)
        return NULL;
    return bsearch(&key, c->list, c->n, sizeof(key), by_route);
}
