/* Texts and lists of texts: variables replaced, length and syntax checked, relative paths made
 * whole. A complaint shows what was written and what came of it, and nothing of what may be a
 * secret. */
#include "config/room.h"

#include <stdio.h>

enum { ENTRY_MAX_BYTES = 1024 }; /* one text of a list */

const char config_broken[] = "";

static bool reads_file(struct span raw)
{
    for (size_t i = 0; i < raw.n; i++)
        if (span_has_prefix(span_from(raw, i), SPAN("${file:")))
            return true;
    return false;
}

enum err text_put(const struct text *t, struct buf *out)
{
    struct shown raw;
    struct shown value;
    (void)shown_text(&raw, t->raw);
    if (!t->changed || reads_file(t->raw))
        return buf_printf(out, "\"%s\"", raw.text);
    return buf_printf(out, "\"%s\" (written \"%s\")", shown_text(&value, buf_span(&t->out)),
                      raw.text);
}

static enum err complain_text(struct loader *l, const struct place *here, const struct syntax *s,
                              const struct text *t, const char *fault)
{
    struct buf what = BUF_INIT(0);
    struct buf right = BUF_INIT(0);
    enum err e = ERR_OK;
    if (!s->secret)
        e = text_put(t, &what);
    if (e == ERR_OK)
        e = buf_printf(&what, "%s%s", what.n == 0 ? "" : " ", fault);
    if (e == ERR_OK && s->right != NULL)
        e = buf_printf(&right, "must be %s", s->right);
    if (e == ERR_OK)
        loader_complain(l, here, right.p, "%s", what.p);
    buf_free(&what);
    buf_free(&right);
    return e;
}

/* Once for each way a text can be wrong. *ok: it may go into the tree. */
static enum err check_text(struct loader *l, const struct option *o, const struct text *t,
                           const struct place *here, bool *ok)
{
    struct span value = buf_span(&t->out);
    *ok = false;
    if (syntax_is_redacted(o->syntax, value)) {
        loader_complain(l, here, "put the secret itself here, by ${file:/path} or ${VAR}",
                        "has \"***\", which stands for a secret that was not printed");
        return ERR_OK;
    }
    if (value.n == 0) {
        loader_complain(l, here,
                        option_required(o) ? "give it a value" : "leave it out, or give it a value",
                        "is empty%s", t->changed ? " after its variables were replaced" : "");
        return ERR_OK;
    }
    if (value.n < o->min || value.n > o->max) {
        char right[64];
        (void)snprintf(right, sizeof(right), "must be %llu to %llu bytes",
                       (unsigned long long)o->min, (unsigned long long)o->max);
        loader_complain(l, here, right, "is %zu bytes long", value.n);
        return ERR_OK;
    }
    const char *fault = o->syntax->fault(value);
    if (fault != NULL)
        return complain_text(l, here, o->syntax, t, fault);
    *ok = true;
    return ERR_OK;
}

enum err text_keep(struct loader *l, const struct option *o, struct span value, const char **out)
{
    bool path = o->type == OPTION_PATH || o->type == OPTION_STREAM;
    bool stands = !path || l->dir == NULL || value.p[0] == '/' ||
                  (o->type == OPTION_STREAM && span_eq(value, SPAN("-")));
    size_t dir = stands ? 0 : strlen(l->dir) + 1;
    char *copy = arena_alloc(l->arena, dir + value.n + 1);
    if (copy == NULL)
        return ERR_NO_MEMORY;
    if (dir > 0) {
        memcpy(copy, l->dir, dir - 1);
        copy[dir - 1] = '/';
    }
    memcpy(copy + dir, value.p, value.n);
    copy[dir + value.n] = '\0';
    if (o->syntax->tidy != NULL)
        o->syntax->tidy(copy);
    *out = copy;
    return ERR_OK;
}

enum err text_fill(struct loader *l, const struct option *o, const json_t *given, const char **out,
                   const struct place *here)
{
    struct text t = {.raw = span_of(json_string_value(given), json_string_length(given))};
    bool ok = false;
    *out = config_broken;
    if (!json_is_string(given))
        return value_complain(l, o, given, here);
    enum err e = expand_text(l, here, t.raw, &t.out, &t.changed, &ok);
    if (e == ERR_OK && ok)
        e = check_text(l, o, &t, here, &ok);
    if (e == ERR_OK && ok)
        e = text_keep(l, o, buf_span(&t.out), out);
    buf_free(&t.out);
    return e;
}

enum err text_fill_names(struct loader *l, const struct option *o, const json_t *given,
                         struct config_names *out, const struct place *here)
{
    size_t n = json_array_size(given);
    if (!json_is_array(given))
        return value_complain(l, o, given, here);
    if (n < o->min || n > o->max)
        return value_complain_count(l, o, n, here);
    out->list = arena_zalloc(l->arena, (n + 1) * sizeof(*out->list));
    if (out->list == NULL)
        return ERR_NO_MEMORY;
    struct option one = *o; /* what each entry must be */
    one.type = OPTION_TEXT;
    one.min = 1;
    one.max = ENTRY_MAX_BYTES;
    one.fallback = "!";
    for (; out->n < n; out->n++) {
        struct place place = {.up = here, .index = out->n};
        TRY(text_fill(l, &one, json_array_get(given, out->n), &out->list[out->n], &place));
    }
    return ERR_OK;
}
