/* Names that refer to each other, and sections that hang together; see check.h. */
#include "config/check.h"

const struct place at_root = {.up = NULL};
const struct place at_routes = {.up = &at_root, .key = "routes"};
const struct place at_listeners = {.up = &at_root, .key = "listeners"};
const struct place at_backends = {.up = &at_root, .key = "backends"};

/* --- references to backends --- */

static enum err put_known_backends(const struct config *c, const char *asked, struct buf *out)
{
    struct suggestion near = {.asked = span_str(asked)};
    const size_t shown = 8;
    for (size_t i = 0; i < c->nbackends; i++)
        suggest_offer(&near, c->backends[i].name);
    if (near.best != NULL)
        return buf_printf(out, "did you mean \"%s\"?", near.best);
    TRY(buf_append(out, SPAN("there are:")));
    for (size_t i = 0; i < c->nbackends && i < shown; i++)
        TRY(buf_printf(out, "%s %s", i == 0 ? "" : ",", c->backends[i].name));
    return c->nbackends > shown ? buf_printf(out, " and %zu more", c->nbackends - shown) : ERR_OK;
}

static enum err check_backend_name(struct loader *l, const struct entries *known, const char *name,
                                   const struct place *here)
{
    struct buf right = BUF_INIT(0);
    if (name == NULL || name == config_broken || known->n == 0 || entries_have(known, name))
        return ERR_OK;
    enum err e = put_known_backends(l->tree, name, &right);
    if (e == ERR_OK)
        e = buf_end(&right);
    if (e == ERR_OK)
        loader_complain(l, here, right.p, "\"%s\" is not a backend", name);
    buf_free(&right);
    return e;
}

/* A route without a side of its own takes that of the defaults. */
static enum err check_side(struct loader *l, const struct entries *known, size_t route,
                           const char *key, const char **side, const char *fallback)
{
    struct place here = {.up = &at_routes, .index = route};
    struct place place = {.up = &here, .key = key};
    if (*side != NULL)
        return check_backend_name(l, known, *side, &place);
    *side = fallback;
    if (fallback == NULL)
        loader_complain(l, &here, "name a backend here, or for all routes in \"defaults\"",
                        "has no \"%s\"", key);
    return ERR_OK;
}

static enum err check_references(struct loader *l)
{
    struct config *c = l->tree;
    const struct place defaults = {.up = &at_root, .key = "defaults"};
    const struct place legacy = {.up = &defaults, .key = "legacy"};
    const struct place new_side = {.up = &defaults, .key = "new"};
    struct entries known;
    TRY(entries_new(l, c->nbackends, &known));
    for (size_t i = 0; i < c->nbackends; i++)
        entries_add(&known, c->backends[i].name, i);
    entries_sort(&known);
    TRY(check_backend_name(l, &known, c->defaults.legacy, &legacy));
    TRY(check_backend_name(l, &known, c->defaults.new_, &new_side));
    for (size_t i = 0; i < c->nroutes; i++) {
        struct config_route *r = &c->routes[i];
        TRY(check_side(l, &known, i, "legacy", &r->legacy, c->defaults.legacy));
        TRY(check_side(l, &known, i, "new", &r->new_, c->defaults.new_));
    }
    return ERR_OK;
}

/* --- the rest --- */

static void check_admin(struct loader *l)
{
    const struct config_admin *a = &l->tree->admin;
    const struct place here = {.up = &at_root, .key = "admin"};
    if (a->address != NULL && a->token == NULL)
        loader_complain(l, &here, "add \"token\": \"${file:/path}\", or remove \"address\"",
                        "has an \"address\" without a \"token\"");
}

static void check_control(struct loader *l)
{
    const struct config_control *c = &l->tree->control;
    const struct place at = {.up = &at_root, .key = "control"};
    const struct place user = {.up = &at, .key = "sentinel_user"};
    const struct place password = {.up = &at, .key = "sentinel_password"};
    if (c->sentinel_user != NULL && c->sentinel_password == NULL)
        loader_complain(l, &user, "add \"sentinel_password\"", "is a user without a password");
    if (c->sentinel_password != NULL && c->redis != config_broken && c->store.nsentinels == 0)
        loader_complain(l, &password, "\"redis\" must be redis+sentinel://..., or remove this",
                        "is for sentinels, and there are none");
}

static void check_state_dir(struct loader *l)
{
    const struct place here = {.up = &at_root, .key = "state_dir"};
    const char *dir = l->tree->state_dir;
    size_t n = strlen(dir) + strlen("/admin.sock");
    if (n > UNIX_PATH_BYTES)
        loader_complain(l, &here, "a Unix socket's path has at most 107 bytes",
                        "makes %zu bytes of STATE_DIR/admin.sock", n);
}

static void check_shadow(struct loader *l)
{
    const struct config_shadow *s = &l->tree->shadow;
    const struct place at = {.up = &at_root, .key = "shadow"};
    const struct place here = {.up = &at, .key = "total"};
    if (s->total < s->first_byte && s->total > 0)
        loader_complain(l, &here, "it covers the whole copy",
                        "is shorter than \"first_byte\" (%llu ms)",
                        (unsigned long long)s->first_byte);
}

enum err check_tree(struct loader *l)
{
    TRY(check_references(l));
    TRY(check_routes(l));
    TRY(check_ends(l));
    check_admin(l);
    check_control(l);
    check_state_dir(l);
    check_shadow(l);
    return ERR_OK;
}
