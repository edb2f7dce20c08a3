/* Route, bucket, side and the reason, in the order of precedence. Guardrail and override take their
 * places between the pin and the weight when they come. */
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

static void decide_side(const struct snapshot *s, const struct route_state *state,
                        struct decision *out)
{
    enum pin pin = state->pin != PIN_NONE ? (enum pin)state->pin : s->pin;
    if (pin != PIN_NONE) {
        out->side = pin == PIN_NEW ? SIDE_NEW : SIDE_LEGACY;
        out->reason = REASON_PIN;
        return;
    }
    out->side = out->bucket < state->weight ? SIDE_NEW : SIDE_LEGACY;
    out->reason = REASON_WEIGHT;
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

enum err route_decide(const struct snapshot *s, const struct route_query *q, struct decision *out)
{
    struct sticky_key key;
    const struct route *r = route_match(s->table, q);
    if (r == NULL)
        return ERR_NO_ROUTE;
    const struct route_state *state = &s->states[r->index];
    sticky_key(r, q, &key);
    out->route = r;
    out->bucket = sticky_bucket(&key, s->table->key[0]);
    out->weight = state->weight;
    out->epoch = s->epoch;
    out->sticky = key.name;
    out->shadow = is_shadowed(s->table, r, &key);
    decide_side(s, state, out);
    return ERR_OK;
}
