/* What records say beside findings: the options of each route, in words; patches. */
#include "shadow/report.h"

#include "shadow/patch.h"

enum { TEXT_LIST = 12, TEXT_ROOM = 4096 };

static enum err put_list(const struct jdoc *d, const char *name, const char *word, struct buf *b)
{
    uint32_t list = jdoc_list(d, 0, name), n = 0;
    if (list == JDOC_NONE || d->nodes[list].n == 0)
        return ERR_OK;
    TRY(buf_printf(b, "; %s ", word));
    for (uint32_t i = list + 1; i < d->nodes[list].next && n < TEXT_LIST; i = d->nodes[i].next) {
        struct span path = d->nodes[i].kind == JDOC_STRING ? jdoc_text(d, i) : SPAN_NULL;
        if (path.p == NULL && !jdoc_string(d, i, "path", &path))
            continue;
        TRY(buf_append(b, n++ == 0 ? SPAN("") : SPAN(", ")));
        TRY(buf_append(b, path));
        for (const char *const *key = (const char *const[]){"abs", "rel", NULL}; *key != NULL;
             key++) {
            uint32_t v = jdoc_member(d, i, span_str(*key));
            if (v != JDOC_NONE && !span_eq(jdoc_text(d, v), SPAN("0")))
                TRY(buf_printf(b, " %s " SPAN_FMT, *key, SPAN_ARG(jdoc_text(d, v))));
        }
    }
    return d->nodes[list].n > n ? buf_printf(b, ", %u more", d->nodes[list].n - n) : ERR_OK;
}

static enum err write_text(const struct jdoc *d, struct buf *b)
{
    uint32_t percent = jdoc_member(d, 0, SPAN("percent"));
    uint64_t rules = 0;
    if (percent == JDOC_NONE)
        return buf_append(b, SPAN("too many options for a record"));
    struct span share = jdoc_text(d, percent);
    if (span_has_suffix(share, SPAN(".00")))
        share.n -= 3;
    TRY(buf_printf(b, SPAN_FMT " %% mirrored", SPAN_ARG(share)));
    TRY(put_list(d, "ignore", "ignore", b));
    TRY(put_list(d, "tolerance", "tolerance", b));
    if (jdoc_u64(d, 0, "rules", &rules) && rules > 0)
        TRY(buf_printf(b, "; %llu rule%s", (unsigned long long)rules, rules == 1 ? "" : "s"));
    return ERR_OK;
}

static struct report_in_force *find(struct report *r, struct span route)
{
    for (size_t i = 0; i < r->nin_force; i++)
        if (span_eq(span_str(r->in_force[i].route), route))
            return &r->in_force[i];
    return NULL;
}

static enum err set_text(struct report *r, struct report_in_force *f, const struct record *x,
                         struct span text)
{
    bool is_other = f->text != NULL && !span_eq(span_str(f->text), text);
    bool is_newer = f->text == NULL || x->at_ms > f->at_ms ||
                    (x->at_ms == f->at_ms && span_cmp(text, span_str(f->text)) > 0);
    f->changed = f->changed || is_other || jdoc_true(x->doc, 0, "changed");
    if (!is_newer)
        return ERR_OK;
    f->text = is_other || f->text == NULL ? arena_copy(&r->arena, text) : f->text;
    f->at_ms = x->at_ms;
    return f->text == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static struct report_in_force *make(struct report *r, struct span route)
{
    struct report_in_force *f = &r->in_force[r->nin_force];
    *f = (struct report_in_force){.route = arena_copy(&r->arena, route)};
    r->nin_force += f->route != NULL;
    return f->route == NULL ? NULL : f;
}

enum err report_options_add(struct report *r, const struct record *x)
{
    struct buf b = BUF_INIT(TEXT_ROOM);
    struct report_in_force *f = find(r, x->route);
    uint64_t rules;
    if (jdoc_u64(x->doc, 0, "rules", &rules) && rules == 0 && x->at_ms > r->no_rules_ms)
        r->no_rules_ms = x->at_ms;
    if (f == NULL && r->nin_force == REPORT_IN_FORCE_MAX)
        return ERR_OK;
    if (f == NULL && (f = make(r, x->route)) == NULL)
        return ERR_NO_MEMORY;
    enum err e = write_text(x->doc, &b);
    if (e == ERR_OK || e == ERR_TOO_LARGE) /* what fits says enough */
        e = set_text(r, f, x, buf_span(&b));
    buf_free(&b);
    return e;
}

/* --- patches --- */

static enum err write_patch(const struct jdoc *d, uint32_t list, struct buf *b)
{
    const char *sep = "[";
    for (uint32_t i = list + 1; i < d->nodes[list].next; i = d->nodes[i].next) {
        TRY(buf_printf(b, "%s\n  ", sep));
        TRY(patch_write_value(d, i, false, b));
        sep = ",";
    }
    return buf_append(b, d->nodes[list].n == 0 ? SPAN("[]") : SPAN("\n]"));
}

enum err report_patch_keep(struct report *r, const struct record *x, const char **out)
{
    struct buf b = BUF_INIT(2 * RECORD_LINE_MAX);
    *out = NULL;
    if (!r->options->patches || x->patch == JDOC_NONE || x->doc->nodes[x->patch].kind != JDOC_ARRAY)
        return ERR_OK;
    enum err e = write_patch(x->doc, x->patch, &b);
    if (e == ERR_OK) {
        *out = arena_copy(&r->arena, buf_span(&b));
        e = *out == NULL ? ERR_NO_MEMORY : ERR_OK;
    }
    buf_free(&b);
    return e;
}
