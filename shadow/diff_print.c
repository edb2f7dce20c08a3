/* The two formats of `weir diff`. The values are those of the person's own files and are shown. */
#include "shadow/diff_print.h"

#include "shadow/jwrite.h"
#include "shadow/term.h"

#include <stdio.h>

enum { WIDTH_DEFAULT = 80, VALUE_MAX = 4096, LABEL = 8, INDENT = 10 };

static const char *const sides[2] = {"legacy", "new"};

/* Whoever shows a value shows the same: text, or how large it is. */
static struct span value_text(const struct diff_value *v, char *room, size_t n)
{
    if (v->vclass != VCLASS_OBJECT && v->vclass != VCLASS_ARRAY)
        return span_until(v->text, jwrite_cut(v->text, VALUE_MAX));
    bool object = v->vclass == VCLASS_OBJECT;
    const char *what = object ? "member" : "element";
    int used = snprintf(room, n, "%s of %u %s%s", object ? "object" : "array", v->count, what,
                        v->count == 1 ? "" : "s");
    return span_of(room, (size_t)used);
}

/* --- text --- */

static void put_span(struct term *p, enum term_style style, struct span s, unsigned columns)
{
    char text[VALUE_MAX + 1];
    size_t n = min_size(s.n, VALUE_MAX);
    memcpy(text, s.n == 0 ? "" : s.p, n);
    text[n] = '\0';
    if (term_columns(text) > columns)
        term_left(p, style, text, columns);
    else
        term_put(p, style, text);
}

static void put_value(struct term *p, const struct finding *f, enum side s)
{
    char room[64];
    const struct diff_value *v = &f->values[s];
    unsigned columns = p->width > INDENT + LABEL + 24 ? p->width - INDENT - LABEL - 12 : 24;
    if (!f->values[0].present && !f->values[1].present)
        return;
    term_space(p, INDENT);
    term_left(p, TERM_DIM, sides[s], LABEL);
    if (!v->present) {
        term_put(p, TERM_DIM, "(absent)");
    } else {
        put_span(p, s == SIDE_LEGACY ? TERM_RED : TERM_GREEN, value_text(v, room, sizeof(room)),
                 columns);
        bool says_it = f->open || v->vclass == VCLASS_TEXT || v->vclass == VCLASS_OBJECT ||
                       v->vclass == VCLASS_ARRAY || v->vclass == VCLASS_NULL;
        term_put(p, TERM_DIM, says_it ? "" : "  ");
        term_put(p, TERM_DIM, says_it ? "" : vclass_word(v->vclass));
    }
    term_end(p);
}

static enum term_style severity_style(enum finding_kind k)
{
    static const enum term_style styles[] = {TERM_DIM, TERM_YELLOW, TERM_RED};
    return styles[finding_severity(k)];
}

static void put_finding(struct term *p, const struct finding *f)
{
    char more[64] = "";
    term_space(p, 2);
    term_left(p, severity_style(f->kind), finding_kind_word(f->kind), LABEL);
    put_span(p, TERM_BOLD, f->path, p->width);
    if (f->n > 1)
        (void)snprintf(more, sizeof(more), "  %u places, the first:", f->n);
    term_put(p, TERM_DIM, more);
    term_end(p);
    put_value(p, f, SIDE_LEGACY);
    put_value(p, f, SIDE_NEW);
    if (f->note.n == 0 && f->detail == NULL)
        return;
    term_space(p, INDENT);
    term_put(p, TERM_DIM, f->detail == NULL ? "" : f->detail);
    term_put(p, TERM_DIM, f->detail == NULL || f->note.n == 0 ? "" : ", ");
    put_span(p, TERM_DIM, f->note, p->width);
    term_end(p);
}

static void put_hidden(struct term *p, const struct diff_hidden *h)
{
    term_space(p, 2);
    term_left(p, TERM_DIM, finding_kind_word(h->kind), LABEL);
    put_span(p, TERM_PLAIN, h->path, p->width);
    term_put(p, TERM_DIM, "  hidden by the rule ");
    term_put(p, TERM_DIM, h->rule->id);
    term_end(p);
}

static void put_verdict(struct term *p, const struct comparison *c)
{
    static const enum term_style styles[VERDICT_KINDS] = {TERM_GREEN, TERM_RED, TERM_YELLOW,
                                                          TERM_YELLOW};
    char text[128];
    term_put(p, styles[c->verdict], verdict_word(c->verdict));
    (void)snprintf(text, sizeof(text), "%s%s%s, bodies: %s", c->reason == NULL ? "" : " (",
                   c->reason == NULL ? "" : c->reason, c->reason == NULL ? "" : ")", c->body);
    term_put(p, TERM_PLAIN, text);
    if (c->nfindings > 0)
        (void)snprintf(text, sizeof(text), ", %zu finding%s", c->nfindings,
                       c->nfindings == 1 ? "" : "s");
    term_put(p, TERM_PLAIN, c->nfindings > 0 ? text : "");
    (void)snprintf(text, sizeof(text), ", %llu more places", (unsigned long long)c->more);
    term_put(p, TERM_PLAIN, c->more > 0 ? text : "");
    term_end(p);
}

enum err diff_print_text(const struct shadow_diff_options *o, const struct comparison *c,
                         struct buf *out)
{
    struct term p = {out, o->width == 0 ? WIDTH_DEFAULT : o->width, o->colour, ERR_OK};
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        term_left(&p, TERM_DIM, sides[s], LABEL);
        term_put(&p, TERM_PLAIN, o->names[s]);
        term_end(&p);
    }
    put_verdict(&p, c);
    for (size_t i = 0; i < c->nfindings; i++)
        put_finding(&p, &c->findings[i]);
    for (size_t i = 0; i < c->nhidden; i++)
        put_hidden(&p, &c->hidden[i]);
    return p.err;
}

/* --- JSON --- */

static enum err json_value(const struct finding *f, enum side s, struct buf *b)
{
    char room[64];
    const struct diff_value *v = &f->values[s];
    TRY(buf_printf(b, ", \"%s\": ", sides[s]));
    if (!v->present)
        return buf_append(b, SPAN("null"));
    TRY(jwrite_string(b, value_text(v, room, sizeof(room))));
    return buf_printf(b, ", \"%s_class\": \"%s\"", sides[s], vclass_word(v->vclass));
}

static enum err json_finding(const struct finding *f, struct buf *b)
{
    TRY(buf_append(b, SPAN("    {\"path\": ")));
    TRY(jwrite_string(b, f->path));
    TRY(buf_printf(b, ", \"kind\": \"%s\", \"severity\": \"%s\", \"n\": %u",
                   finding_kind_word(f->kind), finding_severity_word(finding_severity(f->kind)),
                   f->n));
    if (f->detail != NULL)
        TRY(jwrite_member(b, "detail", span_str(f->detail)));
    if (f->note.n > 0)
        TRY(jwrite_member(b, "note", f->note));
    if (f->method != NULL)
        TRY(jwrite_member(b, "method", span_str(f->method)));
    if (f->values[0].present || f->values[1].present) {
        TRY(json_value(f, SIDE_LEGACY, b));
        TRY(json_value(f, SIDE_NEW, b));
    }
    return buf_append(b, SPAN("}"));
}

enum err diff_print_json(const struct shadow_diff_options *o, const struct comparison *c,
                         struct buf *out)
{
    TRY(buf_append(out, SPAN("{\"diff\": 1, \"legacy\": ")));
    TRY(jwrite_string(out, span_str(o->names[SIDE_LEGACY])));
    TRY(jwrite_member(out, "new", span_str(o->names[SIDE_NEW])));
    TRY(buf_printf(out, ", \"verdict\": \"%s\", \"body\": \"%s\"", verdict_word(c->verdict),
                   c->body));
    if (c->reason != NULL)
        TRY(jwrite_member(out, "reason", span_str(c->reason)));
    TRY(buf_printf(out, ", \"more\": %llu,\n  \"findings\": [", (unsigned long long)c->more));
    for (size_t i = 0; i < c->nfindings; i++) {
        TRY(buf_append(out, i == 0 ? SPAN("\n") : SPAN(",\n")));
        TRY(json_finding(&c->findings[i], out));
    }
    TRY(buf_append(out, SPAN("],\n  \"hidden\": [")));
    for (size_t i = 0; i < c->nhidden; i++) {
        TRY(buf_append(out, i == 0 ? SPAN("\n    {\"rule\": ") : SPAN(",\n    {\"rule\": ")));
        TRY(jwrite_string(out, span_str(c->hidden[i].rule->id)));
        TRY(jwrite_member(out, "path", c->hidden[i].path));
        TRY(buf_printf(out, ", \"kind\": \"%s\", \"n\": %u}", finding_kind_word(c->hidden[i].kind),
                       c->hidden[i].n));
    }
    return buf_append(out, SPAN("]}\n"));
}
