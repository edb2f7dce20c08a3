/* The JSON Schema of the file, for editors and for checks before weir is at hand. It is a little
 * more generous than the loader: names that refer to each other, duplicates and the finer points of
 * addresses are beyond it. Any text may hold a
 * ${variable}, so every pattern also takes that. */
#include "config/room.h"

#include <stdio.h>

#define VARIABLE "\\$\\{"

static void put_type(struct writer *w, const char *type)
{
    write_key(w, "type");
    write_text(w, span_str(type));
}

/* A number that a variable may stand for. */
static void put_types(struct writer *w, const char *type)
{
    write_key(w, "type");
    write_raw(w, "[\"%s\", \"string\"]", type);
}

static void put_pattern(struct writer *w, const char *pattern)
{
    struct buf either = BUF_INIT(0);
    enum err e = pattern == NULL ? buf_append(&either, SPAN(VARIABLE))
                                 : buf_printf(&either, "%s|" VARIABLE, pattern);
    write_key(w, "pattern");
    write_text(w, buf_span(&either));
    if (w->err == ERR_OK)
        w->err = e;
    buf_free(&either);
}

static void put_bounds(struct writer *w, const char *min_key, const char *max_key, double min,
                       double max)
{
    write_key(w, min_key);
    write_raw(w, "%.17g", min);
    write_key(w, max_key);
    write_raw(w, "%.17g", max);
}

static void put_ref(struct writer *w, enum scope to)
{
    write_key(w, "$ref");
    write_raw(w, "\"#/$defs/%s\"", scope_info(to)->name);
}

static void put_words(struct writer *w, const struct option *o)
{
    write_key(w, "anyOf");
    write_open(w, '[');
    write_item(w);
    write_open(w, '{');
    write_key(w, "enum");
    write_open(w, '[');
    for (const char *const *word = o->words; *word != NULL; word++) {
        write_item(w);
        write_text(w, span_str(*word));
    }
    write_close(w, ']');
    write_close(w, '}');
    write_item(w);
    write_open(w, '{');
    put_type(w, "string");
    put_pattern(w, NULL);
    write_close(w, '}');
    write_close(w, ']');
}

static void put_text(struct writer *w, const struct option *o)
{
    const struct syntax *s = o->syntax;
    char sized[64];
    put_type(w, "string");
    if (s->sized)
        (void)snprintf(sized, sizeof(sized), "^%s{%llu,%llu}$", s->pattern,
                       (unsigned long long)o->min, (unsigned long long)o->max);
    if (s->pattern != NULL)
        put_pattern(w, s->sized ? sized : s->pattern);
    write_key(w, "minLength");
    write_raw(w, "1");
}

static void put_many(struct writer *w, const struct option *o)
{
    bool map = o->type == OPTION_MAP;
    put_type(w, map ? "object" : "array");
    put_bounds(w, map ? "minProperties" : "minItems", map ? "maxProperties" : "maxItems",
               (double)o->min, (double)o->max);
    if (map) {
        write_key(w, "propertyNames");
        write_open(w, '{');
        write_key(w, "pattern");
        write_text(w, span_str(syntax_name.pattern));
        write_key(w, "maxLength");
        write_raw(w, "64");
        write_close(w, '}');
    }
    write_key(w, map ? "additionalProperties" : "items");
    write_open(w, '{');
    if (o->type == OPTION_NAMES)
        put_text(w, o);
    else
        put_ref(w, o->to);
    write_close(w, '}');
}

static void put_value(struct writer *w, const struct option *o)
{
    switch (o->type) {
    case OPTION_UINT:
        put_types(w, "integer");
        put_bounds(w, "minimum", "maximum", (double)o->min, (double)o->max);
        put_pattern(w, NULL);
        break;
    case OPTION_SIZE:
        put_types(w, "integer");
        put_bounds(w, "minimum", "maximum", (double)o->min, (double)o->max);
        put_pattern(w, "^[0-9]+(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB)?$");
        break;
    case OPTION_DURATION:
        put_type(w, "string");
        put_pattern(w, "^[0-9]+(ms|s|m|h|d)$");
        break;
    case OPTION_PERCENT:
        put_types(w, "number");
        put_bounds(w, "minimum", "maximum", (double)o->min / 100, (double)o->max / 100);
        put_pattern(w, NULL);
        break;
    case OPTION_DOUBLE:
        put_types(w, "number");
        put_bounds(w, "minimum", "maximum", (double)o->min, (double)o->max);
        put_pattern(w, NULL);
        break;
    case OPTION_BOOL:
        put_types(w, "boolean");
        put_pattern(w, NULL);
        break;
    case OPTION_ENUM:
        put_words(w, o);
        break;
    case OPTION_SECTION:
    case OPTION_OPTIONAL:
        put_ref(w, o->to);
        break;
    case OPTION_LIST:
    case OPTION_MAP:
    case OPTION_NAMES:
        put_many(w, o);
        break;
    default:
        put_text(w, o);
        break;
    }
}

static bool is_bare_default(const struct option *o)
{
    return o->type == OPTION_UINT || o->type == OPTION_PERCENT || o->type == OPTION_DOUBLE ||
           o->type == OPTION_BOOL;
}

static void put_default(struct writer *w, const struct option *o)
{
    if (o->fallback[0] == '\0' || option_required(o))
        return;
    write_key(w, "default");
    if (is_bare_default(o)) {
        write_raw(w, "%s", o->fallback);
        return;
    }
    if (o->type == OPTION_NAMES)
        write_raw(w, "[");
    write_text(w, span_str(o->fallback));
    if (o->type == OPTION_NAMES)
        write_raw(w, "]");
}

static void put_required(struct writer *w, const struct option *o, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= option_required(&o[i]);
    if (!any)
        return;
    write_key(w, "required");
    write_open(w, '[');
    for (size_t i = 0; i < n; i++)
        if (option_required(&o[i])) {
            write_item(w);
            write_text(w, span_str(o[i].key));
        }
    write_close(w, ']');
}

static void put_exactly_one(struct writer *w, const char *keys)
{
    struct span rest = span_str(keys);
    struct span key;
    if (rest.n == 0)
        return;
    write_key(w, "oneOf");
    write_open(w, '[');
    while (span_cut(&rest, ' ', &key)) {
        write_item(w);
        write_open(w, '{');
        write_key(w, "required");
        write_open(w, '[');
        write_item(w);
        write_text(w, key);
        write_close(w, ']');
        write_close(w, '}');
    }
    write_close(w, ']');
}

/* The members of an object's schema, without its braces. */
static void put_scope(struct writer *w, enum scope s)
{
    size_t n;
    const struct option *o = scope_options(s, &n);
    put_type(w, "object");
    write_key(w, "description");
    write_text(w, span_str(scope_info(s)->help));
    write_key(w, "properties");
    write_open(w, '{');
    if (s == SCOPE_root) {
        write_key(w, "$schema");
        write_raw(w, "{\"type\": \"string\"}");
    }
    for (size_t i = 0; i < n; i++) {
        write_key(w, o[i].key);
        write_open(w, '{');
        write_key(w, "description");
        write_text(w, span_str(o[i].help));
        put_value(w, &o[i]);
        put_default(w, &o[i]);
        write_close(w, '}');
    }
    write_close(w, '}');
    put_required(w, o, n);
    put_exactly_one(w, scope_info(s)->exactly_one);
    write_key(w, "additionalProperties");
    write_raw(w, "false");
}

enum err config_schema(struct buf *out)
{
    struct writer w = {.out = out, .first = true};
    write_open(&w, '{');
    write_key(&w, "$schema");
    write_text(&w, SPAN("https://json-schema.org/draft/2020-12/schema"));
    write_key(&w, "title");
    write_text(&w, SPAN("Configuration of weir"));
    put_scope(&w, SCOPE_root);
    write_key(&w, "$defs");
    write_open(&w, '{');
    for (enum scope s = SCOPE_root + 1; s < SCOPE_COUNT; s++) {
        write_key(&w, scope_info(s)->name);
        write_open(&w, '{');
        put_scope(&w, s);
        write_close(&w, '}');
    }
    write_close(&w, '}');
    write_close(&w, '}');
    write_raw(&w, "\n");
    return w.err;
}
