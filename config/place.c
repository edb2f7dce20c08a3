/* Where in a file a JSON path stands. jansson does not keep positions, so the text is walked along
 * the path when there is something to complain about. This is no second parser: it runs only over
 * text that jansson has accepted, so it can rely on the grammar, and it asks jansson what an
 * escaped key means. */
#include "config/room.h"

static bool is_plain_key(const char *key)
{
    for (const char *p = key; *p != '\0'; p++)
        if (!(byte_lower(*p) >= 'a' && byte_lower(*p) <= 'z') && !(*p >= '0' && *p <= '9') &&
            *p != '_' && *p != '-')
            return false;
    return *key != '\0';
}

/* The same form that a person may put into a JSON file; control bytes cannot break the line. */
static enum err put_quoted(const char *key, struct buf *out)
{
    TRY(buf_append(out, SPAN("[\"")));
    for (const char *p = key; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            TRY(buf_append(out, SPAN("\\")));
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            TRY(buf_printf(out, "\\u%04x", (unsigned)*p));
        else
            TRY(buf_append(out, span_of(p, 1)));
    }
    return buf_append(out, SPAN("\"]"));
}

enum err place_put(const struct place *at, struct buf *out)
{
    if (at->up == NULL)
        return buf_append(out, SPAN("$"));
    TRY(place_put(at->up, out));
    if (at->key == NULL)
        return buf_printf(out, "[%zu]", at->index);
    if (is_plain_key(at->key))
        return buf_printf(out, ".%s", at->key);
    return put_quoted(at->key, out);
}

struct walk {
    const char *p;
    const char *end;
    size_t line;
};

/* All of them stop at the end of the text at the latest, whatever the text is. */

static void skip_space(struct walk *w)
{
    for (; w->p < w->end; w->p++) {
        if (*w->p == '\n')
            w->line++;
        else if (*w->p != ' ' && *w->p != '\t' && *w->p != '\r')
            return;
    }
}

static void skip_byte(struct walk *w)
{
    if (w->p < w->end)
        w->p++;
}

static char byte_at(const struct walk *w)
{
    return w->p < w->end ? *w->p : '\0';
}

/* Returns the string with its quotes. No line break can stand in one. */
static struct span skip_string(struct walk *w)
{
    const char *start = w->p;
    skip_byte(w);
    while (w->p < w->end && *w->p != '"')
        w->p += *w->p == '\\' && w->p + 1 < w->end ? 2 : 1;
    skip_byte(w);
    return span_of(start, (size_t)(w->p - start));
}

static void skip_value(struct walk *w)
{
    size_t depth = 0;
    do {
        skip_space(w);
        char c = byte_at(w);
        if (c == '"') {
            (void)skip_string(w);
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        skip_byte(w);
        if (depth == 0) /* a number or a word: to its end */
            while (w->p < w->end && memchr(",]} \t\r\n", *w->p, 7) == NULL)
                w->p++;
    } while (depth > 0 && w->p < w->end);
}

static bool is_key(struct span quoted, const char *key)
{
    if (quoted.n < 2)
        return false;
    struct span plain = span_of(quoted.p + 1, quoted.n - 2);
    if (memchr(plain.p, '\\', plain.n) == NULL)
        return span_eq(plain, span_str(key));
    json_t *decoded = json_loadb(quoted.p, quoted.n, JSON_DECODE_ANY, NULL);
    bool same = decoded != NULL && strcmp(json_string_value(decoded), key) == 0;
    json_decref(decoded);
    return same;
}

/* From '{' to the value of the key; *line is the key's. */
static bool enter_member(struct walk *w, const char *key, size_t *line)
{
    do {
        skip_byte(w);
        skip_space(w);
        if (byte_at(w) != '"')
            return false;
        *line = w->line;
        struct span quoted = skip_string(w);
        skip_space(w);
        skip_byte(w); /* the colon */
        skip_space(w);
        if (is_key(quoted, key))
            return true;
        skip_value(w);
        skip_space(w);
    } while (byte_at(w) == ',');
    return false;
}

/* From '[' to the element. */
static bool enter_element(struct walk *w, size_t index, size_t *line)
{
    for (size_t i = 0;; i++) {
        skip_byte(w);
        skip_space(w);
        *line = w->line;
        if (i == index)
            return byte_at(w) != ']' && w->p < w->end;
        skip_value(w);
        skip_space(w);
        if (byte_at(w) != ',')
            return false;
    }
}

struct place_found place_find(const struct place *at, struct span text)
{
    const struct place *steps[PLACE_STEPS_MAX];
    size_t n = 0;
    struct walk w = {text.p, text.p + text.n, 1};
    for (; at->up != NULL && n < PLACE_STEPS_MAX; at = at->up)
        steps[n++] = at;
    skip_space(&w);
    struct place_found found = {.line = w.line, .whole = true};
    while (n > 0 && found.whole) {
        const struct place *step = steps[--n];
        size_t line = found.line;
        if (step->key != NULL)
            found.whole = byte_at(&w) == '{' && enter_member(&w, step->key, &line);
        else
            found.whole = byte_at(&w) == '[' && enter_element(&w, step->index, &line);
        if (found.whole)
            found.line = line;
    }
    found.is_object = found.whole && byte_at(&w) == '{';
    return found;
}
