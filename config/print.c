/* The effective configuration. Whatever is printed reads back as the same tree: a $ that would
 * begin a variable is doubled, numbers keep their last digit; only secrets do not come back. */
#include "config/room.h"

struct printer {
    struct writer w;
    bool secrets;
};

static void print_text(struct printer *p, const struct syntax *s, const char *text)
{
    struct buf shown = BUF_INIT(0);
    struct buf escaped = BUF_INIT(0);
    enum err e = s->secret && !p->secrets ? syntax_redact(s, span_str(text), &shown)
                                          : buf_append(&shown, span_str(text));
    struct span rest = buf_span(&shown);
    while (rest.n > 0 && e == ERR_OK) {
        size_t dollar = span_find(rest, '$');
        bool special =
            dollar + 1 < rest.n && (rest.p[dollar + 1] == '{' || rest.p[dollar + 1] == '$');
        size_t taken = min_size(dollar + 1, rest.n);
        e = buf_append(&escaped, span_until(rest, taken));
        if (e == ERR_OK && special)
            e = buf_append(&escaped, SPAN("$"));
        rest = span_from(rest, taken);
    }
    if (e == ERR_OK)
        write_text(&p->w, buf_span(&escaped));
    else if (p->w.err == ERR_OK)
        p->w.err = e;
    buf_free(&shown);
    buf_free(&escaped);
}

static void print_quantity(struct printer *p, uint64_t v, enum err (*put)(struct buf *, uint64_t))
{
    struct buf text = BUF_INIT(0);
    enum err e = put(&text, v);
    if (e == ERR_OK)
        write_text(&p->w, buf_span(&text));
    else if (p->w.err == ERR_OK)
        p->w.err = e;
    buf_free(&text);
}

static void print_names(struct printer *p, const struct option *o, const struct config_names *names)
{
    write_open(&p->w, '[');
    for (size_t i = 0; i < names->n; i++) {
        write_item(&p->w);
        print_text(p, o->syntax, names->list[i]);
    }
    write_close(&p->w, ']');
}

static const char *word_of(const struct option *o, const void *value)
{
    int word;
    memcpy(&word, value, sizeof(word));
    return o->words[word];
}

static void print_scalar(struct printer *p, const struct option *o, const void *value)
{
    switch (o->type) {
    case OPTION_UINT:
        write_raw(&p->w, "%u", *(const unsigned *)value);
        break;
    case OPTION_SIZE:
        print_quantity(p, *(const uint64_t *)value, unit_put_size);
        break;
    case OPTION_DURATION:
        print_quantity(p, *(const uint64_t *)value, unit_put_duration);
        break;
    case OPTION_PERCENT:
        if (p->w.err == ERR_OK)
            p->w.err = unit_put_percent(p->w.out, *(const unsigned *)value);
        break;
    case OPTION_DOUBLE:
        if (p->w.err == ERR_OK)
            p->w.err = unit_put_double(p->w.out, *(const double *)value);
        break;
    case OPTION_BOOL:
        write_raw(&p->w, "%s", *(const bool *)value ? "true" : "false");
        break;
    case OPTION_ENUM:
        write_text(&p->w, span_str(word_of(o, value)));
        break;
    case OPTION_NAMES:
        print_names(p, o, value);
        break;
    default:
        print_text(p, o->syntax, *(const char *const *)value);
        break;
    }
}

static void print_scope(struct printer *p, enum scope s, const void *at);

static void print_sequence(struct printer *p, const struct option *o, const void *value)
{
    struct sequence seq;
    size_t size = scope_info(o->to)->size;
    bool map = o->type == OPTION_MAP;
    memcpy(&seq, value, sizeof(seq));
    write_open(&p->w, map ? '{' : '[');
    for (size_t i = 0; i < seq.n; i++) {
        const char *entry = (const char *)seq.list + i * size;
        if (map) /* an entry of a map begins with its name */
            write_key(&p->w, *(const char *const *)(const void *)entry);
        else
            write_item(&p->w);
        print_scope(p, o->to, entry);
    }
    write_close(&p->w, map ? '}' : ']');
}

bool option_is_absent(const struct option *o, const void *value)
{
    const void *pointer = NULL;
    switch (o->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_STREAM:
    case OPTION_OPTIONAL:
        memcpy(&pointer, value, sizeof(pointer));
        return pointer == NULL;
    case OPTION_NAMES:
        return o->min > 0 && ((const struct config_names *)value)->n == 0;
    case OPTION_LIST: {
        struct sequence seq;
        memcpy(&seq, value, sizeof(seq));
        return o->min > 0 && seq.n == 0;
    }
    default:
        return false;
    }
}

static void print_option(struct printer *p, const struct option *o, const void *value)
{
    const void *section = value;
    switch (o->type) {
    case OPTION_OPTIONAL:
        memcpy(&section, value, sizeof(section));
        print_scope(p, o->to, section);
        break;
    case OPTION_SECTION:
        print_scope(p, o->to, section);
        break;
    case OPTION_LIST:
    case OPTION_MAP:
        print_sequence(p, o, value);
        break;
    default:
        print_scalar(p, o, value);
        break;
    }
}

static void print_scope(struct printer *p, enum scope s, const void *at)
{
    size_t n;
    const struct option *o = scope_options(s, &n);
    write_open(&p->w, '{');
    for (size_t i = 0; i < n; i++) {
        const void *value = option_value(&o[i], at);
        if (option_is_absent(&o[i], value))
            continue;
        write_key(&p->w, o[i].key);
        print_option(p, &o[i], value);
    }
    write_close(&p->w, '}');
}

enum err config_write(const struct config *c, bool secrets, struct buf *out)
{
    struct printer p = {.w = {.out = out, .first = true}, .secrets = secrets};
    print_scope(&p, SCOPE_root, c);
    write_raw(&p.w, "\n");
    return p.w.err;
}

enum err config_print(const struct config *c, struct buf *out)
{
    return config_write(c, false, out);
}

enum err config_print_value(const struct config_value *v, struct buf *out)
{
    struct printer p = {.w = {.out = out, .first = true}};
    print_option(&p, v->option, v->at);
    return p.w.err;
}
