/* What two configurations differ in, told by the table of options, so that every option takes part,
 * also one that is added to the table tomorrow. */
#include "config/room.h"

#include <stdio.h>
#include <stdlib.h>

struct walk {
    config_differs_fn *fn;
    void *arg;
    enum err err;
};

/* --- are they the same --- */

/* Secrets are, when what may be shown of them is. */
static bool is_same_text(const struct option *o, const char *a, const char *b)
{
    struct buf x = BUF_INIT(0);
    struct buf y = BUF_INIT(0);
    if (a == NULL || b == NULL || strcmp(a, b) == 0)
        return a == b || (a != NULL && b != NULL);
    bool same = o->syntax->secret && syntax_redact(o->syntax, span_str(a), &x) == ERR_OK &&
                syntax_redact(o->syntax, span_str(b), &y) == ERR_OK &&
                span_eq(buf_span(&x), buf_span(&y));
    buf_free(&x);
    buf_free(&y);
    return same;
}

static bool is_same_names(const struct option *o, const struct config_names *a,
                          const struct config_names *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!is_same_text(o, a->list[i], b->list[i]))
            return false;
    return true;
}

static bool is_same_scope(enum scope s, const void *a, const void *b);

static const char *entry_at(const struct option *o, const struct sequence *seq, size_t i)
{
    return (const char *)seq->list + i * scope_info(o->to)->size;
}

/* An entry of a map begins with its name; in a list one of its options may be it. */
static const char *entry_name(const struct option *o, const void *entry)
{
    const struct option *name = scope_find(o->to, "name");
    if (o->type == OPTION_MAP)
        return *(const char *const *)entry;
    if (name == NULL)
        name = scope_find(o->to, "address");
    return name == NULL ? NULL : *(const char *const *)option_value(name, entry);
}

static bool is_same_sequence(const struct option *o, const struct sequence *a,
                             const struct sequence *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const char *x = entry_at(o, a, i);
        const char *y = entry_at(o, b, i);
        if (o->type == OPTION_MAP && strcmp(entry_name(o, x), entry_name(o, y)) != 0)
            return false;
        if (!is_same_scope(o->to, x, y))
            return false;
    }
    return true;
}

static bool is_same_optional(const struct option *o, const void *a, const void *b)
{
    return a == NULL || b == NULL ? a == b : is_same_scope(o->to, a, b);
}

static bool is_same(const struct option *o, const void *a, const void *b)
{
    switch (o->type) {
    case OPTION_UINT:
    case OPTION_PERCENT:
    case OPTION_ENUM: /* as wide, see options.c */
        return *(const unsigned *)a == *(const unsigned *)b;
    case OPTION_SIZE:
    case OPTION_DURATION:
        return *(const uint64_t *)a == *(const uint64_t *)b;
    case OPTION_DOUBLE:
        return memcmp(a, b, sizeof(double)) == 0;
    case OPTION_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case OPTION_NAMES:
        return is_same_names(o, a, b);
    case OPTION_SECTION:
        return is_same_scope(o->to, a, b);
    case OPTION_OPTIONAL:
        return is_same_optional(o, *(const void *const *)a, *(const void *const *)b);
    case OPTION_LIST:
    case OPTION_MAP:
        return is_same_sequence(o, a, b);
    default:
        return is_same_text(o, *(const char *const *)a, *(const char *const *)b);
    }
}

static bool is_same_scope(enum scope s, const void *a, const void *b)
{
    size_t n;
    const struct option *o = scope_options(s, &n);
    for (size_t i = 0; i < n; i++)
        if (!is_same(&o[i], option_value(&o[i], a), option_value(&o[i], b)))
            return false;
    return true;
}

/* --- in what are they not --- */

static bool is_object(const struct option *o)
{
    return o->type == OPTION_SECTION || o->type == OPTION_OPTIONAL || o->type == OPTION_MAP;
}

void config_path_member(char out[CONFIG_PATH_MAX], const char *path, const char *name)
{
    if (strchr(name, '.') != NULL)
        (void)snprintf(out, CONFIG_PATH_MAX, "%.176s[\"%.70s\"]", path, name);
    else
        (void)snprintf(out, CONFIG_PATH_MAX, "%.180s%s%.70s", path, path[0] == '\0' ? "" : ".",
                       name);
}

static void tell(struct walk *w, const char *path, const struct option *o, const void *was,
                 const void *is)
{
    const struct option *shown = is_object(o) ? NULL : o;
    const struct config_value before = {shown, was};
    const struct config_value after = {shown, is};
    w->fn(w->arg, path, was == NULL ? NULL : &before, is == NULL ? NULL : &after);
}

static void tell_entry(struct walk *w, const char *path, const void *was, const void *is)
{
    const struct config_value before = {NULL, was};
    const struct config_value after = {NULL, is};
    w->fn(w->arg, path, was == NULL ? NULL : &before, is == NULL ? NULL : &after);
}

static void compare_scopes(struct walk *w, const char *path, enum scope s, const void *a,
                           const void *b);

struct named {
    const char *name;
    const void *entry;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* The entries in the order of their names. NULL: they have none, or one is there twice (header
 * fields may be), or there is no memory. */
static struct named *index_of(struct walk *w, const struct option *o, const struct sequence *seq)
{
    struct named *list = calloc(seq->n + 1, sizeof(*list));
    bool unique = list != NULL;
    if (list == NULL)
        w->err = ERR_NO_MEMORY;
    for (size_t i = 0; unique && i < seq->n; i++) {
        list[i] = (struct named){entry_name(o, entry_at(o, seq, i)), entry_at(o, seq, i)};
        unique = list[i].name != NULL;
    }
    if (unique)
        qsort(list, seq->n, sizeof(*list), by_name);
    for (size_t i = 1; unique && i < seq->n; i++)
        unique = by_name(&list[i - 1], &list[i]) != 0;
    if (!unique) {
        free(list);
        return NULL;
    }
    return list;
}

static const void *find(const struct named *list, size_t n, const char *name)
{
    const struct named key = {name, NULL};
    const struct named *found = bsearch(&key, list, n, sizeof(*list), by_name);
    return found == NULL ? NULL : found->entry;
}

static void compare_named(struct walk *w, const char *path, const struct option *o,
                          const struct sequence *a, const struct sequence *b,
                          const struct named *in_a, const struct named *in_b)
{
    char below[CONFIG_PATH_MAX];
    for (size_t i = 0; i < a->n; i++) {
        const char *was = entry_at(o, a, i);
        const void *is = find(in_b, b->n, entry_name(o, was));
        config_path_member(below, path, entry_name(o, was));
        if (is == NULL)
            tell_entry(w, below, was, NULL);
        else
            compare_scopes(w, below, o->to, was, is);
    }
    for (size_t i = 0; i < b->n; i++) {
        const char *is = entry_at(o, b, i);
        config_path_member(below, path, entry_name(o, is));
        if (find(in_a, a->n, entry_name(o, is)) == NULL)
            tell_entry(w, below, NULL, is);
    }
}

static void compare_sequences(struct walk *w, const char *path, const struct option *o,
                              const struct sequence *a, const struct sequence *b)
{
    struct named *in_a = index_of(w, o, a);
    struct named *in_b = index_of(w, o, b);
    if (in_a != NULL && in_b != NULL)
        compare_named(w, path, o, a, b, in_a, in_b);
    else
        tell(w, path, o, a, b);
    free(in_a);
    free(in_b);
}

static void compare(struct walk *w, const char *path, const struct option *o, const void *a,
                    const void *b)
{
    if (is_same(o, a, b))
        return;
    switch (o->type) {
    case OPTION_SECTION:
        compare_scopes(w, path, o->to, a, b);
        break;
    case OPTION_OPTIONAL:
        compare_scopes(w, path, o->to, *(const void *const *)a, *(const void *const *)b);
        break;
    case OPTION_LIST:
    case OPTION_MAP:
        compare_sequences(w, path, o, a, b);
        break;
    default:
        tell(w, path, o, a, b);
        break;
    }
}

/* What has gone or is different first, then what is new. */
static void compare_scopes(struct walk *w, const char *path, enum scope s, const void *a,
                           const void *b)
{
    size_t n;
    char below[CONFIG_PATH_MAX];
    const struct option *o = scope_options(s, &n);
    for (size_t i = 0; i < n; i++) {
        const void *was = option_value(&o[i], a);
        const void *is = option_value(&o[i], b);
        if (option_is_absent(&o[i], was))
            continue;
        config_path_member(below, path, o[i].key);
        if (option_is_absent(&o[i], is))
            tell(w, below, &o[i], was, NULL);
        else
            compare(w, below, &o[i], was, is);
    }
    for (size_t i = 0; i < n; i++) {
        const void *is = option_value(&o[i], b);
        if (!option_is_absent(&o[i], option_value(&o[i], a)) || option_is_absent(&o[i], is))
            continue;
        config_path_member(below, path, o[i].key);
        tell(w, below, &o[i], NULL, is);
    }
}

enum err config_compare(const struct config *before, const struct config *after,
                        config_differs_fn *fn, void *arg)
{
    struct walk w = {fn, arg, ERR_OK};
    compare_scopes(&w, "", SCOPE_root, before, after);
    return w.err;
}

bool config_at_start(const struct config_value *v)
{
    return v->option != NULL && strstr(v->option->help, "Takes effect at start.") != NULL;
}
