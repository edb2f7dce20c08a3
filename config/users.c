/* Lists of users: what stands in the configuration, and what files hold, one user per line. */
#include "config/room.h"

static const struct place root = {.up = NULL};
static const struct place routes = {.up = &root, .key = "routes"};

static bool is_user(struct span line)
{
    return line.n > 0 && line.p[0] != '#';
}

static size_t count_users(struct span text)
{
    struct span line;
    size_t n = 0;
    while (span_cut(&text, '\n', &line))
        n += is_user(span_trim(line));
    return n;
}

static enum err add_lines(struct loader *l, struct span text, struct config_names *to)
{
    struct span line;
    while (span_cut(&text, '\n', &line)) {
        if (span_has_suffix(line, SPAN("\r")))
            line.n--;
        line = span_trim(line);
        if (!is_user(line))
            continue;
        to->list[to->n] = arena_copy(l->arena, line);
        if (to->list[to->n++] == NULL)
            return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

static enum err join(struct loader *l, const struct config_names *list, struct span text,
                     struct config_names *out)
{
    out->list = arena_alloc(l->arena, (list->n + count_users(text) + 1) * sizeof(*out->list));
    if (out->list == NULL)
        return ERR_NO_MEMORY;
    for (out->n = 0; out->n < list->n; out->n++)
        out->list[out->n] = list->list[out->n];
    return add_lines(l, text, out);
}

static enum err read_side(struct loader *l, size_t route, const char *key,
                          const struct config_names *list, const char *file,
                          struct config_names *out)
{
    struct place here = {.up = &routes, .index = route};
    struct place place = {.up = &here, .key = key};
    struct buf text = BUF_INIT(0);
    const char *why = NULL;
    *out = *list;
    if (file == NULL || file == config_broken)
        return ERR_OK;
    enum err e = source_read(file, FILE_MAX_BYTES, true, &text, &why);
    if (e == ERR_OK) {
        e = memchr(text.p == NULL ? "" : text.p, '\0', text.n) == NULL
                ? join(l, list, buf_span(&text), out)
                : ERR_INVALID;
        why = "it is not text";
    }
    buf_free(&text);
    if (e == ERR_OK || e == ERR_NO_MEMORY)
        return e;
    loader_complain(l, &place, "name a readable file of one user per line",
                    "\"%s\" cannot be read: %s", file, why);
    return ERR_OK;
}

enum err users_read(struct loader *l)
{
    for (size_t i = 0; i < l->tree->nroutes; i++) {
        struct config_route *r = &l->tree->routes[i];
        TRY(read_side(l, i, "always_legacy_file", &r->always_legacy, r->always_legacy_file,
                      &r->users[SIDE_LEGACY]));
        TRY(read_side(l, i, "always_new_file", &r->always_new, r->always_new_file,
                      &r->users[SIDE_NEW]));
    }
    return ERR_OK;
}
