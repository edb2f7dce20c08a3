/* ${VAR}, ${VAR:-default} and ${file:/path} within a text. Done once: what comes in is not looked
 * at again, so a password with a $ in it is safe. */
#include "config/room.h"

#include <stdlib.h>

struct expansion {
    struct loader *l;
    const struct place *at;
    struct buf *out;
    bool usable;
};

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = byte_lower(s.p[i]);
        if (!(c >= 'a' && c <= 'z') && c != '_' && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return s.n > 0;
}

static void refuse(struct expansion *x, const char *right, struct span inside, const char *why)
{
    struct shown shown;
    x->usable = false;
    loader_complain(x->l, x->at, right, "${%s} %s", shown_text(&shown, inside), why);
}

/* jansson checks UTF-8 for us. */
static bool is_text(struct span s)
{
    json_t *j = memchr(s.p, '\0', s.n) != NULL ? NULL : json_stringn(s.p, s.n);
    bool ok = j != NULL;
    json_decref(j);
    return ok;
}

static enum err put_text(struct expansion *x, struct span inside, struct span text)
{
    if (text.n > 0 && !is_text(text)) {
        refuse(x, "it must be UTF-8 without NUL bytes", inside, "is not text");
        return ERR_OK;
    }
    return buf_append(x->out, text);
}

static enum err expand_file(struct expansion *x, struct span inside)
{
    struct span path = span_from(inside, 5);
    struct buf name = BUF_INIT(0);
    struct buf text = BUF_INIT(0);
    const char *why = NULL;
    bool relative = path.n > 0 && path.p[0] != '/' && x->l->dir != NULL;
    enum err e = buf_printf(&name, "%s%s" SPAN_FMT, relative ? x->l->dir : "", relative ? "/" : "",
                            SPAN_ARG(path));
    if (e == ERR_OK)
        e = source_read(name.p, VALUE_MAX_BYTES, true, &text, &why);
    if (e == ERR_TOO_LARGE || e == ERR_SYSTEM || e == ERR_INVALID) {
        struct shown shown;
        x->usable = false;
        loader_complain(x->l, x->at, "name a readable file of at most 64 KiB",
                        "${%s} cannot be read: %s", shown_text(&shown, inside), why);
    }
    struct span content = buf_span(&text);
    if (e == ERR_OK) { /* files end in a line break that is not part of the value */
        if (span_has_suffix(content, SPAN("\n")))
            content.n--;
        if (span_has_suffix(content, SPAN("\r")))
            content.n--;
        e = put_text(x, inside, content);
    }
    buf_free(&name);
    buf_free(&text);
    return e == ERR_NO_MEMORY ? e : ERR_OK;
}

static enum err expand_variable(struct expansion *x, struct span inside)
{
    size_t end = 0;
    while (end < inside.n && inside.p[end] != ':')
        end++;
    struct span name = span_until(inside, end);
    struct span rest = span_from(inside, end);
    bool has_default = span_has_prefix(rest, SPAN(":-"));
    if (!is_name(name) || (rest.n > 0 && !has_default)) {
        refuse(x, "write ${VAR}, ${VAR:-default} or ${file:/path}; a plain ${ is written $${",
               inside, "is not a variable");
        return ERR_OK;
    }
    struct buf key = BUF_INIT(0);
    TRY(buf_printf(&key, SPAN_FMT, SPAN_ARG(name)));
    const char *value = getenv(key.p);
    buf_free(&key);
    if (has_default && (value == NULL || value[0] == '\0'))
        return buf_append(x->out, span_from(rest, 2));
    if (value == NULL) {
        refuse(x, "set the variable, or give a default: ${VAR:-default}", inside,
               "is not in the environment");
        return ERR_OK;
    }
    return put_text(x, inside, span_str(value));
}

/* in begins with "${". Returns how much of it was used. */
static enum err expand_one(struct expansion *x, struct span in, size_t *used)
{
    size_t close = span_find(in, '}');
    struct span inside = span_of(in.p + 2, close - 2);
    *used = in.n;
    if (close == in.n) {
        x->usable = false;
        loader_complain(x->l, x->at, "close it with '}'; a plain ${ is written $${",
                        "has a \"${\" that does not end");
        return ERR_OK;
    }
    *used = close + 1;
    if (span_has_prefix(inside, SPAN("file:")))
        return expand_file(x, inside);
    for (size_t i = 0; i + 1 < inside.n; i++)
        if (inside.p[i] == '$' && inside.p[i + 1] == '{') {
            refuse(x, "a default is plain text", inside, "is nested");
            return ERR_OK;
        }
    return expand_variable(x, inside);
}

enum err expand_text(struct loader *l, const struct place *at, struct span in, struct buf *out,
                     bool *changed, bool *usable)
{
    struct expansion x = {.l = l, .at = at, .out = out, .usable = true};
    *changed = false;
    for (size_t i = 0; i < in.n;) {
        size_t dollar = i + span_find(span_from(in, i), '$');
        TRY(buf_append(out, span_of(in.p + i, dollar - i)));
        i = dollar;
        if (i == in.n)
            break;
        char next = i + 1 < in.n ? in.p[i + 1] : '\0';
        size_t used = next == '$' ? 2 : 1;
        if (next == '{') {
            *changed = true;
            TRY(expand_one(&x, span_from(in, i), &used));
        } else {
            TRY(buf_append(out, SPAN("$")));
        }
        i += used;
    }
    *usable = x.usable;
    return ERR_OK;
}
