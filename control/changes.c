/* Two configurations are compared as they would be printed, so that every option takes part, also
 * one that is added to the table tomorrow. Lists of named things are compared by name; their order
 * means nothing. */
#include "control/changes.h"
#include "control/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_LEN = 256, VALUE_LEN = 80 };

/* What a running weir does not change. */
static const char *const at_start[] = {
    "workers",        "state_dir", "admin.address", "control.instance", "shadow.compare_threads",
    "shadow.rechecks"};

struct walk {
    json_t *said;
    size_t n;
};

static void say(struct walk *w, const char *text)
{
    if (w->n++ < CHANGES_MAX - 1)
        (void)json_array_append_new(w->said, json_string(text));
}

/* One that does not fit is only counted; a text is not made for it. */
static bool fits(struct walk *w)
{
    if (w->n < CHANGES_MAX - 1)
        return true;
    w->n++;
    return false;
}

static void show(char out[VALUE_LEN], const json_t *v)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    size_t n = text == NULL ? 0 : strlen(text);
    (void)snprintf(out, VALUE_LEN, "%.*s%s", (int)(n < VALUE_LEN - 4 ? n : VALUE_LEN - 5),
                   text == NULL ? "?" : text, n < VALUE_LEN - 4 ? "" : "...");
    free(text);
}

static const char *note_of(const char *path)
{
    for (size_t i = 0; i < sizeof(at_start) / sizeof(at_start[0]); i++)
        if (strcmp(path, at_start[i]) == 0)
            return "; takes effect at the next start";
    return "";
}

static void differs(struct walk *w, const char *path, const json_t *a, const json_t *b)
{
    char was[VALUE_LEN];
    char is[VALUE_LEN];
    char line[PATH_LEN + 2 * VALUE_LEN + 64];
    if (!fits(w))
        return;
    show(was, a);
    show(is, b);
    (void)snprintf(line, sizeof(line), "%s: %s (was %s)%s", path, is, was, note_of(path));
    say(w, line);
}

static void one_sided(struct walk *w, const char *path, const json_t *v, bool added)
{
    char value[VALUE_LEN];
    char line[PATH_LEN + VALUE_LEN + 64];
    if (!fits(w))
        return;
    show(value, v);
    if (json_is_object(v))
        (void)snprintf(line, sizeof(line), "%s: %s", path, added ? "added" : "removed");
    else
        (void)snprintf(line, sizeof(line), "%s: %s%s%s", path, added ? value : "removed",
                       added ? "" : ", was ", added ? "" : value);
    say(w, line);
}

static void compare(struct walk *w, const char *path, json_t *a, json_t *b);

static void member_path(char out[PATH_LEN], const char *path, const char *key)
{
    (void)snprintf(out, PATH_LEN, "%.180s%s%.70s", path, path[0] == '\0' ? "" : ".", key);
}

static void compare_objects(struct walk *w, const char *path, json_t *a, json_t *b)
{
    char below[PATH_LEN];
    for (void *it = json_object_iter(a); it != NULL; it = json_object_iter_next(a, it)) {
        json_t *other = json_object_get(b, json_object_iter_key(it));
        member_path(below, path, json_object_iter_key(it));
        if (other == NULL)
            one_sided(w, below, json_object_iter_value(it), false);
        else
            compare(w, below, json_object_iter_value(it), other);
    }
    for (void *it = json_object_iter(b); it != NULL; it = json_object_iter_next(b, it)) {
        if (json_object_get(a, json_object_iter_key(it)) != NULL)
            continue;
        member_path(below, path, json_object_iter_key(it));
        one_sided(w, below, json_object_iter_value(it), true);
    }
}

/* A list of named things as an object; NULL when it is another kind of list, or a name is there
 * twice (header fields may be). */
static json_t *by_name(const json_t *list)
{
    json_t *o = json_object();
    for (size_t i = 0; o != NULL && i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(item, "name"));
        if (name == NULL)
            name = json_string_value(json_object_get(item, "address"));
        if (name == NULL || json_object_get(o, name) != NULL ||
            json_object_set(o, name, item) != 0) {
            json_decref(o);
            return NULL;
        }
    }
    return o;
}

static void compare_lists(struct walk *w, const char *path, json_t *a, json_t *b)
{
    json_t *x = by_name(a);
    json_t *y = by_name(b);
    if (x != NULL && y != NULL)
        compare_objects(w, path, x, y);
    else if (json_equal(a, b) != 1)
        differs(w, path, a, b);
    json_decref(x);
    json_decref(y);
}

static void compare(struct walk *w, const char *path, json_t *a, json_t *b)
{
    if (json_is_object(a) && json_is_object(b))
        compare_objects(w, path, a, b);
    else if (json_is_array(a) && json_is_array(b))
        compare_lists(w, path, a, b);
    else if (json_equal(a, b) != 1)
        differs(w, path, a, b);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool changes_same_names(const struct config_names *a, const struct config_names *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->list[i], b->list[i]) != 0)
            return false;
    return true;
}

/* Printed as *** on both sides. */
static void compare_secrets(struct walk *w, const struct config *a, const struct config *b)
{
    if (!same_text(a->admin.token, b->admin.token))
        say(w, "admin.token: another one");
    if (!same_text(a->control.store.password, b->control.store.password))
        say(w, "control.redis: another password");
    if (!same_text(a->control.sentinel_password, b->control.sentinel_password))
        say(w, "control.sentinel_password: another one");
    if (!changes_same_names(&a->control.secrets, &b->control.secrets))
        say(w, "control.secret_file: other secrets");
    if (a->sticky_cookie != NULL && b->sticky_cookie != NULL &&
        !same_text(a->sticky_cookie->secret, b->sticky_cookie->secret))
        say(w, "sticky_cookie.secret: another one; every client gets a new id");
    if (a->override != NULL && b->override != NULL &&
        !same_text(a->override->token, b->override->token))
        say(w, "override.token: another one");
}

static const struct config_route *route_named(const struct config *c, size_t guess,
                                              const char *name)
{
    if (guess < c->nroutes && strcmp(c->routes[guess].name, name) == 0)
        return &c->routes[guess];
    for (size_t i = 0; i < c->nroutes; i++)
        if (strcmp(c->routes[i].name, name) == 0)
            return &c->routes[i];
    return NULL;
}

/* What files hold is not printed. */
static void compare_users(struct walk *w, const struct config *a, const struct config *b)
{
    static const char *const keys[] = {
        [SIDE_LEGACY] = "always_legacy_file", [SIDE_NEW] = "always_new_file"};
    for (size_t i = 0; i < b->nroutes; i++) {
        const struct config_route *r = &b->routes[i];
        const char *files[] = {r->always_legacy_file, r->always_new_file};
        for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
            const struct config_route *was = files[s] == NULL ? NULL : route_named(a, i, r->name);
            char text[PATH_LEN];
            if (was == NULL || changes_same_names(&was->users[s], &r->users[s]))
                continue;
            (void)snprintf(text, sizeof(text), "routes.%s.%s: %zu users instead of %zu", r->name,
                           keys[s], r->users[s].n, was->users[s].n);
            say(w, text);
        }
    }
}

static json_t *printed(const struct config *c)
{
    struct buf text = BUF_INIT(0);
    json_t *o = NULL;
    if (config_print(c, &text) == ERR_OK)
        o = json_loadb(text.p, text.n, 0, NULL);
    buf_free(&text);
    return o;
}

json_t *changes_between(const struct config *before, const struct config *after)
{
    struct walk w = {json_array(), 0};
    char more[64];
    json_t *a = printed(before);
    json_t *b = printed(after);
    if (a == NULL || b == NULL || w.said == NULL) {
        json_decref(w.said);
        w.said = NULL;
    } else {
        compare(&w, "", a, b);
        compare_secrets(&w, before, after);
        compare_users(&w, before, after);
        (void)snprintf(more, sizeof(more), "and %zu more changes", w.n - (CHANGES_MAX - 1));
        if (w.n >= CHANGES_MAX)
            (void)json_array_append_new(w.said, json_string(more));
    }
    json_decref(a);
    json_decref(b);
    return w.said;
}

static void overruled(struct walk *w, const char *name, const struct document *d)
{
    const struct document_route *r = document_route(d, name);
    char percent[PAGE_SHORT];
    char line[PATH_LEN + 128];
    if (r != NULL && r->pin != PIN_NONE)
        (void)snprintf(line, sizeof(line),
                       "%.100s stays pinned to %s: `weir flip unpin --route %.100s`", name,
                       pin_word(r->pin), name);
    else if (d->pin != PIN_NONE)
        (void)snprintf(line, sizeof(line),
                       "%.100s stays pinned to %s with everything else: "
                       "`weir flip unpin`",
                       name, pin_word(d->pin));
    else if (r != NULL && r->weighs) {
        page_percent(percent, r->weight / 100.0);
        (void)snprintf(line, sizeof(line),
                       "%.100s stays at %s, as set: `weir weight %.100s config` makes the "
                       "configured weight count",
                       name, percent, name);
    } else
        return;
    say(w, line);
}

json_t *changes_overruled(const struct config *before, const struct config *after,
                          const struct document *d)
{
    struct walk w = {json_array(), 0};
    for (size_t i = 0; w.said != NULL && d != NULL && i < after->nroutes; i++) {
        const struct config_route *is = &after->routes[i];
        const struct config_route *was = route_named(before, i, is->name);
        if (was != NULL && was->new_weight != is->new_weight)
            overruled(&w, is->name, d);
    }
    return w.said;
}
