/* From a file to a tree: read, merge the overlay, fill by the table, derive, check. Nothing
 * half-made leaves this file: the caller gets a whole tree or complaints. */
#include "config/room.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONFIG_MAGIC = 0x434f4e46 };

static const size_t arena_max = (size_t)1 << 30;

/* What config_free() needs beside the tree everybody sees. */
struct box {
    unsigned magic;
    struct arena arena;
    struct config tree;
};

static struct box *box_of(struct config *c)
{
    struct box *b = CONTAINER_OF(c, struct box, tree);
    OBJ_CHECK(b, CONFIG_MAGIC);
    return b;
}

void config_free(struct config **c)
{
    if (*c == NULL)
        return;
    struct box *b = box_of(*c);
    *c = NULL;
    b->magic = 0;
    arena_end(&b->arena);
    free(b);
}

static enum err box_new(const char *file, struct config **out)
{
    struct box *b = calloc(1, sizeof(*b));
    *out = NULL;
    if (b == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(b, CONFIG_MAGIC);
    arena_begin(&b->arena, arena_max);
    *out = &b->tree;
    b->tree.file = arena_copy(&b->arena, span_str(file));
    if (b->tree.file != NULL)
        return ERR_OK;
    config_free(out);
    return ERR_NO_MEMORY;
}

/* RFC 7396: objects merge, null removes, everything else replaces. Both are at most DEPTH_MAX deep.
 */
static bool merge(json_t *base, json_t *over)
{
    const char *key;
    json_t *v;
    json_object_foreach(over, key, v)
    {
        json_t *old = json_object_get(base, key);
        if (json_is_null(v)) {
            (void)json_object_del(base, key);
            continue;
        }
        if (!json_is_object(v)) {
            if (json_object_set(base, key, v) != 0)
                return false;
            continue;
        }
        if (!json_is_object(old) && json_object_set_new(base, key, old = json_object()) != 0)
            return false;
        if (!merge(old, v))
            return false;
    }
    return true;
}

static enum err build(struct loader *l, struct config **out)
{
    struct config *tree;
    if (l->overlay.json != NULL && !merge(l->base.json, l->overlay.json))
        return ERR_NO_MEMORY;
    TRY(box_new(l->base.name, &tree));
    l->tree = tree;
    l->arena = &box_of(tree)->arena;
    enum err e = fill_root(l, l->base.json);
    if (e == ERR_OK)
        e = derive(l);
    if (e == ERR_OK)
        e = check_tree(l);
    if (e == ERR_OK && l->complaints > 0)
        e = ERR_CONFIG;
    if (e != ERR_OK)
        config_free(&tree);
    *out = tree;
    return e;
}

/* --- the files --- */

/* Appends "/work/etc" for "etc/weir.json", without resolving links: behind a link that is switched
 * (a mounted Kubernetes ConfigMap) the files of the next load may be others. */
static enum err put_dir(const char *file, struct buf *out)
{
    const char *slash = strrchr(file, '/');
    char here[PATH_MAX];
    if (file[0] != '/') {
        if (getcwd(here, sizeof(here)) == NULL)
            return ERR_SYSTEM;
        TRY(buf_append(out, span_str(here)));
        if (slash != NULL)
            TRY(buf_append(out, SPAN("/")));
    }
    if (slash != NULL)
        TRY(buf_append(out, span_of(file, (size_t)(slash - file))));
    return buf_end(out);
}

static enum err read_source(struct loader *l, struct source *s, const char *right)
{
    const char *why = NULL;
    enum err e = source_read(s->name, FILE_MAX_BYTES, false, &s->text, &why);
    if (e == ERR_OK)
        return source_parse(l, s);
    if (e == ERR_NO_MEMORY)
        return e;
    struct buf what = BUF_INIT(0);
    TRY(buf_printf(&what, "cannot be read: %s", why));
    loader_complain_file(l, s->name, 0, 0, right, what.p);
    buf_free(&what);
    return ERR_OK;
}

static bool is_env_name(const char *env)
{
    return env[0] != '\0' && env[0] != '.' && syntax_name.fault(span_str(env)) == NULL;
}

/* The environments there are, for one that is not. */
static enum err put_environments(const char *dir, struct buf *out)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    enum err err =
        buf_append(out, d == NULL ? SPAN("there is no such folder") : SPAN("there are:"));
    unsigned n = 0;
    while (d != NULL && err == ERR_OK && (e = readdir(d)) != NULL) {
        struct span name = span_str(e->d_name);
        if (name.p[0] == '.' || !span_has_suffix(name, SPAN(".json")) || n++ >= 8)
            continue;
        err = buf_printf(out, " " SPAN_FMT, (int)name.n - 5, name.p);
    }
    if (d != NULL)
        (void)closedir(d);
    if (err == ERR_OK && d != NULL && n == 0)
        err = buf_append(out, SPAN(" none"));
    return err == ERR_OK ? buf_end(out) : err;
}

static enum err load_overlay(struct loader *l, const char *file, const char *env, struct buf *name)
{
    const char *slash = strrchr(file, '/');
    struct span dir = span_of(file, slash == NULL ? 0 : (size_t)(slash - file) + 1);
    struct buf right = BUF_INIT(0);
    if (!is_env_name(env)) {
        struct shown shown;
        complain(l->wrong, "environment", "must be a name of letters, digits, '-', '_', '.'",
                 "\"%s\" cannot be the name of a file", shown_text(&shown, span_str(env)));
        l->complaints++;
        return ERR_OK;
    }
    TRY(buf_printf(name, SPAN_FMT "environments", SPAN_ARG(dir)));
    TRY(buf_reserve(name, 1));
    name->p[name->n] = '\0';
    enum err e = put_environments(name->p, &right);
    if (e == ERR_OK)
        e = buf_printf(name, "/%s.json", env);
    l->overlay.name = name->p;
    if (e == ERR_OK)
        e = read_source(l, &l->overlay, right.p);
    buf_free(&right);
    return e;
}

static enum err finish(struct loader *l, enum err e, struct config **out)
{
    if (e == ERR_OK && l->complaints == 0)
        e = build(l, out);
    else if (e == ERR_OK)
        e = ERR_CONFIG;
    source_free(&l->base);
    source_free(&l->overlay);
    return e;
}

enum err config_load(const char *file, const char *env, struct config **out,
                     struct complaints *wrong)
{
    struct loader l = {.base.name = file, .wrong = wrong};
    struct buf dir = BUF_INIT(0);
    struct buf overlay = BUF_INIT(0);
    *out = NULL;
    enum err e = put_dir(file, &dir);
    l.dir = dir.p;
    if (e == ERR_OK)
        e = read_source(&l, &l.base, NULL);
    if (e == ERR_OK && env != NULL)
        e = load_overlay(&l, file, env, &overlay);
    e = finish(&l, e, out);
    buf_free(&dir);
    buf_free(&overlay);
    return e;
}

enum err config_parse(struct span text, const char *name, struct config **out,
                      struct complaints *wrong)
{
    struct loader l = {.base.name = name, .wrong = wrong};
    *out = NULL;
    enum err e = ERR_TOO_LARGE;
    if (text.n <= FILE_MAX_BYTES)
        e = buf_append(&l.base.text, text);
    if (e == ERR_OK)
        e = source_parse(&l, &l.base);
    return finish(&l, e, out);
}

const struct config_backend *config_backend_find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->nbackends; i++)
        if (strcmp(c->backends[i].name, name) == 0)
            return &c->backends[i];
    return NULL;
}
