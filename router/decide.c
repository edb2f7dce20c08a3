/* Route, bucket, side and the reason, in the order of precedence. A guardrail's rollback is a pin;
 * it takes its place behind the others when it comes. */
#include "router/room.h"

const char *reason_word(enum reason r)
{
    static const char *const words[REASON_COUNT] = {
        [REASON_PIN] = "pin",           [REASON_GUARDRAIL] = "guardrail",
        [REASON_OVERRIDE] = "override", [REASON_WEIGHT] = "weight",
        [REASON_FALLBACK] = "fallback", [REASON_ONLY_HEALTHY] = "only_healthy",
    };
    BUG_IF(r >= REASON_COUNT);
    return words[r];
}

static void decide_side(const struct snapshot *s, const struct route_query *q,
                        const struct sticky_key *key, struct decision *out)
{
    const struct route_state *state = &s->states[out->route->index];
    enum pin pin = state->pin != PIN_NONE ? (enum pin)state->pin : s->pin;
    out->reason = REASON_OVERRIDE;
    if (pin != PIN_NONE) {
        out->side = pin == PIN_NEW ? SIDE_NEW : SIDE_LEGACY;
        out->reason = REASON_PIN;
    } else if (!override_asked(s->table->config, q->head, &out->side) &&
               !override_listed(out->route, key, &out->side)) {
        out->side = out->bucket < state->weight ? SIDE_NEW : SIDE_LEGACY;
        out->reason = REASON_WEIGHT;
    }
}

/* Whole users are mirrored, not single requests: sessions stay coherent. */
static bool is_shadowed(const struct route_table *t, const struct route *r,
                        const struct sticky_key *key)
{
    unsigned percent = r->config->shadow.percent;
    if (percent == 0 || percent == WEIGHT_ALL)
        return percent != 0;
    return sticky_bucket(key, t->key[1]) < percent;
}

static enum err decide(const struct snapshot *s, const struct route_query *q,
                       const struct decision *was, struct decision *out)
{
    struct sticky_key key;
    const struct route *r = route_match(s->table, q);
    if (r == NULL)
        return ERR_NO_ROUTE;
    TRY(sticky_key(s->table, r, q, &key, out->minted));
    out->route = r;
    bool by_lot = key.random || out->minted[0] != '\0';
    out->bucket = was != NULL && by_lot ? was->bucket : sticky_bucket(&key, r->key);
    out->weight = s->states[r->index].weight;
    out->epoch = s->epoch;
    out->sticky = key.name;
    out->shadow = is_shadowed(s->table, r, &key);
    decide_side(s, q, &key, out);
    return ERR_OK;
}

enum err route_decide(const struct snapshot *s, const struct route_query *q, struct decision *out)
{
    return decide(s, q, NULL, out);
}

enum err route_decide_again(const struct snapshot *s, const struct route_query *q,
                            const struct decision *was, struct decision *out)
{
    return decide(s, q, was, out);
}
