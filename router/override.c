/* Sides chosen beside the weight: by a tester who has the token, for one request; by the operator,
 * for users on a list. */
#include "router/room.h"

#include "base/digest.h"

static bool read_side(struct span word, enum side *side)
{
    *side = span_eq(word, SPAN("new")) ? SIDE_NEW : SIDE_LEGACY;
    return *side == SIDE_NEW || span_eq(word, SPAN("legacy"));
}

static struct span field(const struct http_head *h, struct span name)
{
    const struct http_field *f = http_head_find_name(h, name);
    return f == NULL ? SPAN_NULL : f->value;
}

static bool is_token(const struct config_override *o, struct span given)
{
    return given.n > 0 && digest_same(given, span_str(o->token));
}

bool override_asked(const struct config *c, const struct http_head *h, enum side *side)
{
    const struct config_override *o = c->override;
    if (o == NULL || h == NULL)
        return false;
    if (read_side(field(h, SPAN("x-weir-route")), side) &&
        is_token(o, field(h, SPAN("x-weir-token"))))
        return true;
    return read_side(http_cookie(h, SPAN("weir_route")), side) &&
           is_token(o, http_cookie(h, SPAN("weir_token")));
}

bool override_listed(const struct route *r, const struct sticky_key *key, enum side *side)
{
    if (r->users == NULL || !key->is_user)
        return false;
    uint32_t found = lookup_get(r->users, key->parts[0]);
    *side = found == SIDE_NEW ? SIDE_NEW : SIDE_LEGACY;
    return found != LOOKUP_NONE;
}

enum err users_build(const struct route_table *t, struct route *r, struct complaints *wrong)
{
    struct arena *a = &t->matcher->arena;
    const struct config_names *users = r->config->users;
    if (users[SIDE_LEGACY].n + users[SIDE_NEW].n == 0)
        return ERR_OK;
    r->users = arena_alloc(a, sizeof(*r->users));
    if (r->users == NULL)
        return ERR_NO_MEMORY;
    TRY(lookup_new(a, users[SIDE_LEGACY].n + users[SIDE_NEW].n, r->users));
    for (uint32_t side = SIDE_LEGACY; side <= SIDE_NEW; side++)
        for (size_t i = 0; i < users[side].n; i++) {
            uint32_t other = lookup_put(r->users, span_str(users[side].list[i]), side);
            if (other != LOOKUP_NONE && other != side)
                table_complain(t, wrong, r->index, "always_new",
                               "a user can only be on one of them",
                               "\"%s\" is on always_legacy too", users[side].list[i]);
        }
    return ERR_OK;
}
