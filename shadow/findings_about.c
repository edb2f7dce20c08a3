/* What a table says beside counts: the options, rules and software that its pairs were compared
 * under, and what rules hid. Both lists are kept sorted, so that a table is written the same
 * however it came about. */
#include "shadow/findings.h"

#include "shadow/jwrite.h"
#include "shadow/mix.h"

#include <stdlib.h>

static const char changed_mark[] = ",\"changed\":true";

/* Room for one more at that place of a list. */
static void *insert(void *list, size_t n, size_t size, size_t at, void **grown)
{
    char *p = realloc(list, (n + 1) * size);
    if (p == NULL)
        return NULL;
    *grown = p;
    memmove(p + (at + 1) * size, p + at * size, (n - at) * size);
    return memset(p + at * size, 0, size);
}

/* --- notes --- */

static struct findings_note *note_find(const struct findings_about *a, enum record_type type,
                                       uint64_t key)
{
    for (size_t i = 0; i < a->nnotes; i++)
        if (a->notes[i].type == type && a->notes[i].key == key)
            return &a->notes[i];
    return NULL;
}

static bool note_is_before(const struct findings_note *n, enum record_type type, struct span route,
                           struct span text)
{
    int c = n->type != type ? (int)n->type - (int)type : span_cmp(span_str(n->route), route);
    return c != 0 ? c < 0 : span_cmp(span_str(n->text), text) < 0;
}

static void note_new(struct findings_about *a, const struct findings_note *like, struct span route,
                     struct span text)
{
    char *r = findings_copy(route), *t = findings_copy(text);
    struct findings_note *n = NULL;
    size_t at = 0;
    void *list = a->notes;
    while (at < a->nnotes && note_is_before(&a->notes[at], like->type, route, text))
        at++;
    if (r != NULL && t != NULL && a->nnotes < FINDINGS_NOTES_MAX)
        n = insert(list, a->nnotes, sizeof(*n), at, &list);
    a->notes = list;
    if (n == NULL) {
        free(r);
        free(t);
        return;
    }
    *n = *like;
    n->route = r;
    n->text = t;
    a->nnotes++;
}

static void note_put(struct findings_about *a, const struct findings_note *like, struct span route,
                     struct span text)
{
    struct findings_note *n = note_find(a, like->type, like->key);
    if (n == NULL) {
        note_new(a, like, route, text);
        return;
    }
    n->hash = like->hash;
    char *other = span_eq(span_str(n->text), text) ? NULL : findings_copy(text);
    if (other == NULL)
        return;
    free(n->text);
    n->text = other;
    n->at_ms = like->at_ms;
    n->changed = true;
}

static bool is_known(const struct findings_about *a, enum record_type type, uint64_t key,
                     uint64_t hash)
{
    const struct findings_note *n = note_find(a, type, key);
    return n != NULL && n->hash == hash;
}

static uint64_t route_key(struct span route)
{
    return mix_bytes(11, route);
}

static uint64_t stack_key(struct span route, struct span legacy, struct span new_)
{
    return mix_bytes(mix_bytes(route_key(route), legacy), new_);
}

static void note_options(struct findings_about *a, const struct shadow_pair *pair)
{
    struct span route = span_str(pair->rules->route);
    struct findings_note like = {.type = RECORD_OPTIONS,
                                 .key = route_key(route),
                                 .hash = pair->rules->options_hash,
                                 .at_ms = pair->wall_ms};
    if (!is_known(a, like.type, like.key, like.hash))
        note_put(a, &like, route, span_str(pair->rules->options));
}

/* A route without rules says so in its options. */
static void note_rules(struct findings_about *a, const struct shadow_pair *pair)
{
    const struct rulebook *book = &pair->rules->book;
    struct findings_note like = {.type = RECORD_RULES, .hash = book->hash, .at_ms = pair->wall_ms};
    struct buf text = BUF_INIT(RECORD_LINE_MAX);
    if (book->n == 0 || is_known(a, like.type, like.key, like.hash))
        return;
    if (record_rules_text(book, &text) == ERR_OK)
        note_put(a, &like, SPAN(""), buf_span(&text));
    buf_free(&text);
}

static void note_stack(struct findings_about *a, const struct shadow_pair *pair,
                       const struct comparison *c)
{
    struct span route = span_str(pair->rules->route);
    struct span l = span_of(c->stack[SIDE_LEGACY].text, c->stack[SIDE_LEGACY].n);
    struct span n = span_of(c->stack[SIDE_NEW].text, c->stack[SIDE_NEW].n);
    uint64_t key = stack_key(route, l, n);
    struct findings_note like = {
        .type = RECORD_STACK, .key = key, .hash = key, .at_ms = pair->wall_ms};
    struct buf text = BUF_INIT(RECORD_LINE_MAX);
    if ((l.n == 0 && n.n == 0) || is_known(a, like.type, key, key))
        return;
    if (record_stack_text(c, &text) == ERR_OK)
        note_put(a, &like, route, buf_span(&text));
    buf_free(&text);
}

static enum err note_begin(enum record_type type, uint64_t at_ms, struct span route, struct buf *b)
{
    TRY(record_begin(b, record_type_word(type), at_ms));
    return route.n == 0 ? ERR_OK : jwrite_member(b, "route", route);
}

enum err findings_note_line(const struct findings_note *n, struct buf *b)
{
    TRY(note_begin(n->type, n->at_ms, span_str(n->route), b));
    TRY(buf_append(b, span_str(n->text)));
    TRY(buf_append(b, span_str(n->changed ? changed_mark : "")));
    return buf_append(b, SPAN("}\n"));
}

/* The line as it was written: what does not begin like one of ours is none. */
void findings_about_note(struct findings_table *t, const struct record *x)
{
    bool of_route = x->type != RECORD_RULES;
    struct span route = of_route ? x->route : SPAN(""), rest = x->line,
                mark = span_str(changed_mark);
    struct findings_note like = {.type = x->type, .at_ms = x->at_ms};
    struct buf begin = BUF_INIT(RECORD_LINE_MAX);
    if (route.n <= FINDINGS_NAME_MAX && note_begin(x->type, x->at_ms, route, &begin) == ERR_OK &&
        span_has_prefix(rest, buf_span(&begin)) && span_has_suffix(rest, SPAN("}"))) {
        rest = span_until(span_from(rest, begin.n), rest.n - begin.n - 1);
        like.changed = span_has_suffix(rest, mark);
        rest.n -= like.changed ? mark.n : 0;
        like.key = x->type == RECORD_STACK     ? stack_key(route, x->stack[0], x->stack[1])
                   : x->type == RECORD_OPTIONS ? route_key(route)
                                               : 0;
        if (note_find(&t->about, like.type, like.key) == NULL)
            note_new(&t->about, &like, route, rest);
    }
    buf_free(&begin);
}

/* --- what rules hid --- */

static int by_rule(const struct findings_hider *h, struct span route, struct span rule)
{
    int c = span_cmp(span_str(h->rule), rule);
    return c != 0 ? c : span_cmp(span_str(h->route), route);
}

/* NULL: no room, or no memory. */
static struct findings_hider *hider_of(struct findings_about *a, struct span route,
                                       struct span rule)
{
    size_t at = 0;
    void *list = a->hiders;
    while (at < a->nhiders && by_rule(&a->hiders[at], route, rule) < 0)
        at++;
    if (at < a->nhiders && by_rule(&a->hiders[at], route, rule) == 0)
        return &a->hiders[at];
    char *r = findings_copy(route), *id = findings_copy(rule);
    struct findings_hider *h = NULL;
    if (r != NULL && id != NULL && a->nhiders < FINDINGS_HIDERS_MAX)
        h = insert(list, a->nhiders, sizeof(*h), at, &list);
    a->hiders = list;
    if (h == NULL) {
        free(r);
        free(id);
        return NULL;
    }
    h->route = r;
    h->rule = id;
    a->nhiders++;
    return h;
}

/* Of many the first in the alphabet stay, whatever came first. */
static void hider_path(struct findings_hider *h, struct span path)
{
    size_t at = 0;
    while (at < h->npaths && span_cmp(span_str(h->paths[at]), path) < 0)
        at++;
    if (at < h->npaths && span_eq(span_str(h->paths[at]), path))
        return;
    bool full = h->npaths == FINDINGS_HIDER_PATHS;
    h->more_paths = h->more_paths || full;
    char *one = at == FINDINGS_HIDER_PATHS ? NULL : findings_copy(path);
    if (one == NULL)
        return;
    if (full)
        free(h->paths[--h->npaths]);
    memmove(&h->paths[at + 1], &h->paths[at], (h->npaths - at) * sizeof(h->paths[0]));
    h->paths[at] = one;
    h->npaths++;
}

static void count_hidden(struct findings_about *a, const struct shadow_pair *pair,
                         const struct diff_hidden *x, uint64_t number)
{
    struct findings_hider *h = hider_of(a, span_str(pair->rules->route), span_str(x->rule->id));
    if (h == NULL)
        return;
    h->pairs += h->seen != number;
    h->seen = number;
    h->places += x->n;
    h->last_ms = pair->wall_ms > h->last_ms ? pair->wall_ms : h->last_ms;
    hider_path(h, x->path);
}

enum err findings_hider_line(const struct findings_hider *h, struct buf *b)
{
    TRY(record_begin(b, record_type_word(RECORD_HIDDEN), h->last_ms));
    TRY(jwrite_member(b, "route", span_str(h->route)));
    TRY(jwrite_member(b, "rule", span_str(h->rule)));
    TRY(jwrite_number(b, "pairs", h->pairs));
    TRY(jwrite_number(b, "places", h->places));
    TRY(buf_append(b, SPAN(",\"paths\":[")));
    for (size_t i = 0; i < h->npaths; i++) {
        TRY(buf_append(b, i == 0 ? SPAN("") : SPAN(",")));
        TRY(jwrite_string(b, span_str(h->paths[i])));
    }
    return buf_append(b, h->more_paths ? SPAN("],\"more_paths\":true}\n") : SPAN("]}\n"));
}

static void take_paths(struct findings_hider *h, const struct jdoc *d)
{
    uint32_t list = jdoc_list(d, 0, "paths");
    h->more_paths = h->more_paths || jdoc_true(d, 0, "more_paths");
    for (uint32_t i = list + 1; list != JDOC_NONE && i < d->nodes[list].next; i = d->nodes[i].next)
        if (d->nodes[i].kind == JDOC_STRING && findings_is_name(jdoc_text(d, i), PATH_TEXT_MAX))
            hider_path(h, jdoc_text(d, i));
}

void findings_about_hidden(struct findings_table *t, const struct jdoc *d, const struct record *x)
{
    struct span rule = SPAN_NULL;
    uint64_t pairs = 0, places = 0, at_ms = findings_sum(x->at_ms, 0);
    if (!findings_is_name(x->route, FINDINGS_NAME_MAX) || !jdoc_string(d, 0, "rule", &rule) ||
        !findings_is_name(rule, FINDINGS_NAME_MAX) || !jdoc_u64(d, 0, "pairs", &pairs) ||
        !jdoc_u64(d, 0, "places", &places))
        return;
    struct findings_hider *h = hider_of(&t->about, x->route, rule);
    if (h == NULL)
        return;
    h->pairs = findings_sum(h->pairs, pairs);
    h->places = findings_sum(h->places, places);
    h->last_ms = at_ms > h->last_ms ? at_ms : h->last_ms;
    take_paths(h, d);
}

/* --- all of it --- */

void findings_about_pair(struct findings_table *t, const struct shadow_pair *pair,
                         const struct comparison *c, uint64_t number)
{
    note_options(&t->about, pair);
    note_rules(&t->about, pair);
    note_stack(&t->about, pair, c);
    for (size_t i = 0; i < c->nhidden; i++)
        count_hidden(&t->about, pair, &c->hidden[i], number);
}

static void note_free(struct findings_note *n)
{
    free(n->route);
    free(n->text);
}

static void hider_free(struct findings_hider *h)
{
    free(h->route);
    free(h->rule);
    for (size_t i = 0; i < h->npaths; i++)
        free(h->paths[i]);
}

static bool goes(const char *of, const char *route)
{
    return route == NULL || strcmp(of, route) == 0;
}

void findings_about_forget(struct findings_about *a, const char *route)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->nnotes; i++) {
        if (goes(a->notes[i].route, route))
            note_free(&a->notes[i]);
        else
            a->notes[kept++] = a->notes[i];
    }
    a->nnotes = kept;
    kept = 0;
    for (size_t i = 0; i < a->nhiders; i++) {
        if (goes(a->hiders[i].route, route))
            hider_free(&a->hiders[i]);
        else
            a->hiders[kept++] = a->hiders[i];
    }
    a->nhiders = kept;
    if (route != NULL)
        return;
    free(a->notes);
    free(a->hiders);
    *a = (struct findings_about){.notes = NULL};
}
