/* The tree from JSON, by the table: sections, lists, maps. Goes on after a complaint, so that one
 * run tells everything. */
#include "config/room.h"

/* --- keys that are no options --- */

static enum err list_keys(enum scope s, struct buf *out)
{
    size_t n;
    const struct option *o = scope_options(s, &n);
    TRY(buf_append(out, SPAN("known here:")));
    for (size_t i = 0; i < n; i++)
        TRY(buf_printf(out, "%s %s", i == 0 ? "" : ",", o[i].key));
    return ERR_OK;
}

/* The key as it is, but in another scope. */
static const struct scope_info *home_of(const char *key)
{
    for (enum scope s = 0; s < SCOPE_COUNT; s++)
        if (scope_find(s, key) != NULL)
            return scope_info(s);
    return NULL;
}

static enum err put_right_key(enum scope s, const char *key, struct buf *out)
{
    struct suggestion near = {.asked = span_str(key)};
    size_t n;
    const struct option *o = scope_options(s, &n);
    for (size_t i = 0; i < n; i++)
        suggest_offer(&near, o[i].key);
    if (near.best != NULL)
        return buf_printf(out, "did you mean \"%s\"?", near.best);
    const struct scope_info *home = home_of(key);
    if (home != NULL)
        return buf_printf(out, "it belongs %s%s",
                          home->path[0] == '\0' ? "at the top level" : "in ", home->path);
    return list_keys(s, out);
}

static enum err complain_unknown(struct loader *l, enum scope s, const char *key,
                                 const struct place *here)
{
    struct buf right = BUF_INIT(0);
    struct place place = {.up = here, .key = key};
    enum err e = put_right_key(s, key, &right);
    if (e == ERR_OK)
        loader_complain(l, &place, right.p, "is not an option");
    buf_free(&right);
    return e;
}

static enum err complain_missing(struct loader *l, const struct option *o, const struct place *here)
{
    struct buf right = BUF_INIT(0);
    enum err e = buf_printf(&right, "\"%s\" must be ", o->key);
    if (e == ERR_OK)
        e = option_expects(o, &right);
    if (e == ERR_OK)
        e = buf_end(&right);
    if (e == ERR_OK)
        loader_complain(l, here, right.p, "has no \"%s\"", o->key);
    buf_free(&right);
    return e;
}

/* --- containers --- */

enum { BACKEND_NAME_BYTES = 64 };

/* The members have pointer types of their own, so they are written as bytes. */
static enum err make_sequence(struct loader *l, size_t n, size_t size, char **list, void *at)
{
    struct sequence made = {arena_zalloc(l->arena, (n + 1) * size), n};
    if (made.list == NULL)
        return ERR_NO_MEMORY;
    *list = made.list;
    memcpy(at, &made, sizeof(made));
    return ERR_OK;
}

static enum err fill_list(struct loader *l, const struct option *o, const json_t *given, void *at,
                          const struct place *here)
{
    size_t n = json_array_size(given);
    size_t size = scope_info(o->to)->size;
    if (!json_is_array(given))
        return value_complain(l, o, given, here);
    if (n < o->min || n > o->max)
        return value_complain_count(l, o, n, here);
    char *entry;
    TRY(make_sequence(l, n, size, &entry, at));
    for (size_t i = 0; i < n; i++) {
        struct place place = {.up = here, .index = i};
        TRY(fill_scope(l, o->to, json_array_get(given, i), entry + i * size, &place));
    }
    return ERR_OK;
}

static enum err fill_entry(struct loader *l, const struct option *o, const char *key,
                           const json_t *given, void *at, const struct place *here)
{
    struct place place = {.up = here, .key = key};
    const char *fault = key[0] == '\0' ? "has an empty name" : syntax_name.fault(span_str(key));
    const char **name = at; /* first in the struct, options.c sees to it */
    *name = fault == NULL ? arena_copy(l->arena, span_str(key)) : config_broken;
    if (*name == NULL)
        return ERR_NO_MEMORY;
    if (fault != NULL)
        loader_complain(l, &place, "must be a name of letters, digits, '-', '_', '.'", "%s", fault);
    else if (strlen(key) > BACKEND_NAME_BYTES)
        loader_complain(l, &place, "must be 1 to 64 bytes", "has a name of %zu bytes", strlen(key));
    return fill_scope(l, o->to, given, at, &place);
}

static json_t *mutable(const json_t *j)
{
    return (json_t *)(uintptr_t)j; /* jansson has no const iterators */
}

static enum err fill_map(struct loader *l, const struct option *o, const json_t *given, void *at,
                         const struct place *here)
{
    size_t n = json_object_size(given);
    size_t size = scope_info(o->to)->size;
    const char *key;
    json_t *v;
    if (!json_is_object(given))
        return value_complain(l, o, given, here);
    if (n < o->min || n > o->max)
        return value_complain_count(l, o, n, here);
    char *entry;
    TRY(make_sequence(l, n, size, &entry, at));
    json_object_foreach(mutable(given), key, v)
    {
        TRY(fill_entry(l, o, key, v, entry, here));
        entry += size;
    }
    return ERR_OK;
}

static enum err fill_optional(struct loader *l, const struct option *o, const json_t *given,
                              void *at, const struct place *here)
{
    void *made = arena_zalloc(l->arena, scope_info(o->to)->size);
    if (made == NULL)
        return ERR_NO_MEMORY;
    memcpy(at, &made, sizeof(made));
    return fill_scope(l, o->to, given, made, here);
}

static enum err fill_option(struct loader *l, const struct option *o, const json_t *given, void *at,
                            const struct place *here)
{
    switch (o->type) {
    case OPTION_SECTION:
        return fill_scope(l, o->to, given, at, here);
    case OPTION_OPTIONAL:
        return fill_optional(l, o, given, at, here);
    case OPTION_LIST:
        return fill_list(l, o, given, at, here);
    case OPTION_MAP:
        return fill_map(l, o, given, at, here);
    default:
        return value_fill(l, o, given, at, here);
    }
}

static enum err fill_absent(struct loader *l, const struct option *o, void *at,
                            const struct place *here)
{
    if (option_required(o))
        return complain_missing(l, o, here);
    if (o->type == OPTION_SECTION)
        return fill_scope(l, o->to, NULL, at, here);
    if (o->type == OPTION_OPTIONAL || o->type == OPTION_LIST || o->type == OPTION_MAP)
        return ERR_OK;
    return value_default(l, o, at);
}

static void check_exactly_one(struct loader *l, enum scope s, const json_t *given,
                              const struct place *here)
{
    struct span first = span_str(scope_info(s)->exactly_one);
    struct span second;
    if (first.n == 0)
        return;
    size_t space = span_find(first, ' ');
    second = span_from(first, space + 1);
    first.n = space;
    bool has_first = json_object_getn(given, first.p, first.n) != NULL;
    bool has_second = json_object_getn(given, second.p, second.n) != NULL;
    if (has_first != has_second)
        return;
    loader_complain(l, here, "must have exactly one of the two",
                    "has %s \"" SPAN_FMT "\" %s \"" SPAN_FMT "\"", has_first ? "both" : "neither",
                    SPAN_ARG(first), has_first ? "and" : "nor", SPAN_ARG(second));
}

enum err fill_scope(struct loader *l, enum scope s, const json_t *given, void *at,
                    const struct place *here)
{
    size_t n;
    const struct option *o = scope_options(s, &n);
    const char *key;
    json_t *v;
    if (given != NULL && !json_is_object(given)) {
        struct option one = {.type = OPTION_SECTION};
        return value_complain(l, &one, given, here);
    }
    json_object_foreach(mutable(given), key, v)
    {
        struct place place = {.up = here, .key = key};
        const struct option *known = scope_find(s, key);
        if (known != NULL)
            TRY(fill_option(l, known, v, option_member(known, at), &place));
        else if (s != SCOPE_root || strcmp(key, "$schema") != 0) /* editors look for it */
            TRY(complain_unknown(l, s, key, here));
    }
    for (size_t i = 0; i < n; i++)
        if (json_object_get(given, o[i].key) == NULL)
            TRY(fill_absent(l, &o[i], option_member(&o[i], at), here));
    if (given != NULL)
        check_exactly_one(l, s, given, here);
    return ERR_OK;
}

enum err fill_root(struct loader *l, const json_t *root)
{
    const struct place here = {.up = NULL};
    return fill_scope(l, SCOPE_root, root, l->tree, &here);
}
