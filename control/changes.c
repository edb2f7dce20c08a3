/* What a reload changes, in sentences; config_compare() finds it. */
#include "control/changes.h"
#include "control/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_LEN = 80 };

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

static void show(char out[VALUE_LEN], const struct config_value *v)
{
    struct buf printed = BUF_INIT(0);
    json_t *o = NULL;
    if (config_print_value(v, &printed) == ERR_OK)
        o = json_loadb(printed.p, printed.n, JSON_DECODE_ANY, NULL);
    char *text = json_dumps(o, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    size_t n = text == NULL ? 0 : strlen(text);
    (void)snprintf(out, VALUE_LEN, "%.*s%s", (int)(n < VALUE_LEN - 4 ? n : VALUE_LEN - 5),
                   text == NULL ? "?" : text, n < VALUE_LEN - 4 ? "" : "...");
    free(text);
    json_decref(o);
    buf_free(&printed);
}

static const char *note_of(const struct config_value *v)
{
    return config_at_start(v) ? "; takes effect at the next start" : "";
}

static void two_sided(struct walk *w, const char *path, const struct config_value *a,
                      const struct config_value *b)
{
    char was[VALUE_LEN];
    char is[VALUE_LEN];
    char line[CONFIG_PATH_MAX + 2 * VALUE_LEN + 80];
    show(was, a);
    show(is, b);
    (void)snprintf(line, sizeof(line), "%s: %s (was %s)%s", path, is, was, note_of(b));
    say(w, line);
}

static void one_sided(struct walk *w, const char *path, const struct config_value *v, bool added)
{
    char value[VALUE_LEN];
    char line[CONFIG_PATH_MAX + VALUE_LEN + 80];
    if (v->option == NULL) {
        (void)snprintf(line, sizeof(line), "%s: %s", path, added ? "added" : "removed");
    } else {
        show(value, v);
        (void)snprintf(line, sizeof(line), "%s: %s%s%s%s", path, added ? value : "removed",
                       added ? "" : ", was ", added ? "" : value, note_of(v));
    }
    say(w, line);
}

static void differs(void *arg, const char *path, const struct config_value *was,
                    const struct config_value *is)
{
    struct walk *w = arg;
    if (!fits(w))
        return;
    if (was == NULL || is == NULL)
        one_sided(w, path, is == NULL ? was : is, is != NULL);
    else
        two_sided(w, path, was, is);
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
            char path[CONFIG_PATH_MAX];
            char text[CONFIG_PATH_MAX + 80];
            if (was == NULL || changes_same_names(&was->users[s], &r->users[s]))
                continue;
            config_path_member(path, "routes", r->name);
            (void)snprintf(text, sizeof(text), "%s.%s: %zu users instead of %zu", path, keys[s],
                           r->users[s].n, was->users[s].n);
            say(w, text);
        }
    }
}

json_t *changes_between(const struct config *before, const struct config *after)
{
    struct walk w = {json_array(), 0};
    char more[64];
    if (w.said == NULL || config_compare(before, after, differs, &w) != ERR_OK) {
        json_decref(w.said);
        return NULL;
    }
    compare_secrets(&w, before, after);
    compare_users(&w, before, after);
    (void)snprintf(more, sizeof(more), "and %zu more changes", w.n - (CHANGES_MAX - 1));
    if (w.n >= CHANGES_MAX)
        (void)json_array_append_new(w.said, json_string(more));
    return w.said;
}

static void overruled(struct walk *w, const char *name, const struct document *d)
{
    const struct document_route *r = document_route(d, name);
    char percent[PAGE_SHORT];
    char line[CONFIG_PATH_MAX + 128];
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

json_t *changes_overruled(const struct route_table *before, const struct config *after,
                          const struct document *d)
{
    struct walk w = {json_array(), 0};
    for (size_t i = 0; w.said != NULL && d != NULL && i < after->nroutes; i++) {
        const struct config_route *is = &after->routes[i];
        const struct route *was = route_find(before, is->name);
        if (was != NULL && was->config->new_weight != is->new_weight)
            overruled(&w, is->name, d);
    }
    return w.said;
}
