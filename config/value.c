/* One option's value: numbers and words here, texts in text.c. What a value may be is in the table;
 * what was given instead is said in the complaint. */
#include "config/room.h"

union number {
    uint64_t u;
    double d;
};

/* --- numbers and words --- */

static bool word_index(const struct option *o, struct span s, uint64_t *out)
{
    for (*out = 0; o->words[*out] != NULL; (*out)++)
        if (span_eq(s, span_str(o->words[*out])))
            return true;
    return false;
}

static bool in_range(const struct option *o, uint64_t v)
{
    return v >= o->min && v <= o->max;
}

static bool from_text(const struct option *o, struct span s, union number *out)
{
    unsigned percent = 0;
    switch (o->type) {
    case OPTION_UINT:
        return span_u64(s, &out->u) && in_range(o, out->u);
    case OPTION_SIZE:
        return (span_u64(s, &out->u) || unit_size(s, &out->u)) && in_range(o, out->u);
    case OPTION_DURATION:
        return unit_duration(s, &out->u) && in_range(o, out->u);
    case OPTION_PERCENT:
        if (config_percent(s, &percent) != ERR_OK)
            return false;
        out->u = percent;
        return in_range(o, out->u);
    case OPTION_DOUBLE:
        return unit_double(s, &out->d) && out->d >= (double)o->min && out->d <= (double)o->max;
    case OPTION_BOOL:
        out->u = span_eq(s, SPAN("true"));
        return out->u == 1 || span_eq(s, SPAN("false"));
    case OPTION_ENUM:
        return word_index(o, s, &out->u);
    default:
        return false;
    }
}

/* 12.5 is the double nearest to 1250/100: the test is exact, without an epsilon. */
static bool percent_from(double v, uint64_t *out)
{
    if (!(v >= 0 && v <= 100))
        return false;
    *out = (uint64_t)(v * 100 + 0.5);
    return (double)*out / 100.0 == v;
}

static bool from_number(const struct option *o, const json_t *j, union number *out)
{
    double d = json_number_value(j);
    switch (o->type) {
    case OPTION_UINT:
    case OPTION_SIZE:
        if (!(d >= 0 && d <= 9007199254740992.0) || (double)(uint64_t)d != d)
            return false;
        out->u = (uint64_t)d;
        return in_range(o, out->u);
    case OPTION_PERCENT:
        return percent_from(d, &out->u) && in_range(o, out->u);
    case OPTION_DOUBLE:
        out->d = d;
        return d >= (double)o->min && d <= (double)o->max;
    default:
        return false;
    }
}

static void store(const struct option *o, union number v, void *at)
{
    switch (o->type) {
    case OPTION_UINT:
    case OPTION_PERCENT:
        *(unsigned *)at = (unsigned)v.u;
        break;
    case OPTION_SIZE:
    case OPTION_DURATION:
        *(uint64_t *)at = v.u;
        break;
    case OPTION_DOUBLE:
        *(double *)at = v.d;
        break;
    case OPTION_BOOL:
        *(bool *)at = v.u != 0;
        break;
    default: { /* an enumeration, as wide as an int: options.c sees to it */
        int word = (int)v.u;
        memcpy(at, &word, sizeof(word));
        break;
    }
    }
}

/* --- complaints --- */

static enum err put_kind(const json_t *j, bool secret, struct buf *out)
{
    struct shown shown;
    if (json_is_null(j))
        return buf_append(out, SPAN("is null"));
    if (json_is_boolean(j))
        return buf_append(out, json_is_true(j) ? SPAN("is true") : SPAN("is false"));
    if (json_is_array(j))
        return buf_append(out, SPAN("is a list"));
    if (json_is_object(j))
        return buf_append(out, SPAN("is an object"));
    if (secret)
        return buf_append(out, json_is_string(j) ? SPAN("is text") : SPAN("is a number"));
    if (json_is_integer(j))
        return buf_printf(out, "is %lld", (long long)json_integer_value(j));
    if (json_is_real(j)) {
        TRY(buf_append(out, SPAN("is ")));
        return unit_put_double(out, json_real_value(j));
    }
    struct span s = span_of(json_string_value(j), json_string_length(j));
    return buf_printf(out, "is the text \"%s\"", shown_text(&shown, s));
}

/* what: "is 150". Freed here. */
static enum err complain_expected(struct loader *l, const struct option *o, struct buf *what,
                                  enum err e, const struct place *here)
{
    struct buf right = BUF_INIT(0);
    if (e == ERR_OK)
        e = buf_end(what);
    if (e == ERR_OK)
        e = buf_append(&right, SPAN("must be "));
    if (e == ERR_OK)
        e = option_expects(o, &right);
    if (e == ERR_OK)
        e = buf_end(&right);
    if (e == ERR_OK)
        loader_complain(l, here, right.p, "%s", what->p);
    buf_free(&right);
    buf_free(what);
    return e;
}

enum err value_complain(struct loader *l, const struct option *o, const json_t *given,
                        const struct place *here)
{
    struct buf what = BUF_INIT(0);
    enum err e = put_kind(given, o->syntax != NULL && o->syntax->secret, &what);
    return complain_expected(l, o, &what, e, here);
}

enum err value_complain_count(struct loader *l, const struct option *o, size_t n,
                              const struct place *here)
{
    struct buf what = BUF_INIT(0);
    enum err e =
        n == 0 ? buf_append(&what, SPAN("is empty")) : buf_printf(&what, "has %zu entries", n);
    return complain_expected(l, o, &what, e, here);
}

/* --- filling in --- */

/* A number or a word that was given as text: as such, or by a variable. */
static enum err fill_scalar_text(struct loader *l, const struct option *o, const json_t *given,
                                 void *at, const struct place *here)
{
    struct text t = {.raw = span_of(json_string_value(given), json_string_length(given))};
    struct buf what = BUF_INIT(0);
    union number v;
    bool usable;
    enum err e = expand_text(l, here, t.raw, &t.out, &t.changed, &usable);
    bool may_be_text =
        t.changed || o->type == OPTION_SIZE || o->type == OPTION_DURATION || o->type == OPTION_ENUM;
    if (e == ERR_OK && usable && may_be_text && from_text(o, buf_span(&t.out), &v)) {
        store(o, v, at);
    } else if (e == ERR_OK && usable) {
        e = buf_append(&what, may_be_text ? SPAN("is ") : SPAN("is the text "));
        if (e == ERR_OK)
            e = text_put(&t, &what);
        e = complain_expected(l, o, &what, e, here);
    }
    buf_free(&t.out);
    return e;
}

enum err value_fill(struct loader *l, const struct option *o, const json_t *given, void *at,
                    const struct place *here)
{
    union number v = {.u = 0};
    if (o->type == OPTION_NAMES)
        return text_fill_names(l, o, given, at, here);
    if (option_is_text(o))
        return text_fill(l, o, given, at, here);
    if (json_is_string(given))
        return fill_scalar_text(l, o, given, at, here);
    if (o->type == OPTION_BOOL && json_is_boolean(given))
        v.u = json_is_true(given);
    else if (!json_is_number(given) || !from_number(o, given, &v))
        return value_complain(l, o, given, here);
    store(o, v, at);
    return ERR_OK;
}

static enum err default_names(struct loader *l, const struct option *o, struct config_names *out)
{
    out->list = arena_alloc(l->arena, sizeof(*out->list));
    if (out->list == NULL)
        return ERR_NO_MEMORY;
    out->list[0] = o->fallback; /* one, and it lives as long as the program */
    out->n = 1;
    return ERR_OK;
}

enum err value_default(struct loader *l, const struct option *o, void *at)
{
    union number v;
    if (o->fallback[0] == '\0')
        return ERR_OK;
    if (o->type == OPTION_NAMES)
        return default_names(l, o, at);
    if (option_is_text(o))
        return text_keep(l, o, span_str(o->fallback), at);
    BUG_IF(!from_text(o, span_str(o->fallback), &v));
    store(o, v, at);
    return ERR_OK;
}
