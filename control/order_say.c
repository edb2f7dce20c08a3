/* What a change means for each route, in sentences. An operator who pins everything at three in the
 * morning must not have to know the order of precedence by heart: every route that now goes
 * elsewhere, or stays where it is against expectation, is named. */
#include "control/room.h"

#include "base/clock.h"

#include <stdio.h>

enum { SENTENCES_MAX = 12, SHARE_LEN = 96 };

static const struct document empty;

/* "legacy, pinned", "25% new, set", "10% new, as configured" */
static void share(char out[SHARE_LEN], const struct document *d, const struct config_route *r)
{
    const struct document_route *own = document_route(d, r->name);
    enum pin pin = own != NULL && own->pin != PIN_NONE ? own->pin : d->pin;
    bool weighs = own != NULL && own->weighs;
    unsigned weight = weighs ? own->weight : r->new_weight;
    if (pin != PIN_NONE)
        (void)snprintf(out, SHARE_LEN, "%s, %s", pin_word(pin),
                       own != NULL && own->pin != PIN_NONE ? "pinned" : "as everything is pinned");
    else
        (void)snprintf(out, SHARE_LEN, "%g%% new, %s", (double)weight / 100.0,
                       weighs ? "as set" : "as configured");
}

static enum err say(json_t *said, const char *text)
{
    return json_array_append_new(said, json_string(text)) == 0 ? ERR_OK : ERR_NO_MEMORY;
}

static bool stays(const struct document *d, const struct document_route *own)
{
    return d->pin != PIN_NONE && own != NULL && own->pin != PIN_NONE && own->pin != d->pin;
}

static bool weight_changed(const struct document_route *a, const struct document_route *b)
{
    bool wa = a != NULL && a->weighs;
    bool wb = b != NULL && b->weighs;
    return wa != wb || (wa && a->weight != b->weight);
}

static uint64_t pause_of(const struct document_route *r)
{
    return r == NULL ? 0 : r->paused_until_ms;
}

static bool say_pause(char *out, size_t cap, uint64_t before, uint64_t after, const char *name)
{
    char when[CLOCK_ISO_LEN + 1];
    if (before == after)
        return false;
    if (after == 0) {
        (void)snprintf(out, cap, "%s: whoever waits is let through", name);
        return true;
    }
    clock_iso(when, after);
    (void)snprintf(out, cap, "%s: new requests wait, until %s at the latest", name, when);
    return true;
}

/* False: there is nothing to say about this route. */
static bool sentence(char *out, size_t cap, const struct document *before,
                     const struct document *after, const struct config_route *r)
{
    char was[SHARE_LEN];
    char is[SHARE_LEN];
    const struct document_route *old = document_route(before, r->name);
    const struct document_route *own = document_route(after, r->name);
    share(was, before, r);
    share(is, after, r);
    if (strcmp(was, is) != 0)
        (void)snprintf(out, cap, "%s: %s (was %s)", r->name, is, was);
    else if (stays(after, own) && after->pin != before->pin)
        (void)snprintf(out, cap, "%s: stays %s by itself", r->name, is);
    else if (weight_changed(old, own))
        (void)snprintf(out, cap, "%s: %s; the new weight counts once the pin is gone", r->name, is);
    else
        return false;
    return true;
}

enum err order_describe(const struct flip *f, const struct document *before,
                        const struct document *after, json_t *said)
{
    char line[512];
    size_t n = 0;
    before = before == NULL ? &empty : before;
    after = after == NULL ? &empty : after;
    for (size_t i = 0; i < f->table->nroutes; i++) {
        const struct config_route *r = f->table->routes[i].config;
        if (sentence(line, sizeof(line), before, after, r) && n++ < SENTENCES_MAX)
            TRY(say(said, line));
        if (say_pause(line, sizeof(line), pause_of(document_route(before, r->name)),
                      pause_of(document_route(after, r->name)), r->name) &&
            n++ < SENTENCES_MAX)
            TRY(say(said, line));
    }
    if (n > SENTENCES_MAX) {
        (void)snprintf(line, sizeof(line), "and %zu more routes", n - SENTENCES_MAX);
        TRY(say(said, line));
    }
    return n == 0 ? say(said, "nothing goes elsewhere than before") : ERR_OK;
}

/* In basis points. */
static unsigned in_force(const struct document *d, const struct config_route *r)
{
    const struct document_route *own = document_route(d, r->name);
    enum pin pin = own != NULL && own->pin != PIN_NONE ? own->pin : d->pin;
    if (pin != PIN_NONE)
        return pin == PIN_NEW ? WEIGHT_ALL : 0;
    return own != NULL && own->weighs ? own->weight : r->new_weight;
}

enum err order_warn(const struct flip *f, struct shadow *shadow, const struct document *before,
                    const struct document *after, json_t *said)
{
    char why[SHADOW_WHY_MAX];
    char line[SHADOW_WHY_MAX + 256];
    size_t n = 0;
    before = before == NULL ? &empty : before;
    after = after == NULL ? &empty : after;
    for (size_t i = 0; i < f->table->nroutes && n < SENTENCES_MAX; i++) {
        const struct config_route *r = f->table->routes[i].config;
        if (in_force(before, r) == 0 || in_force(after, r) > 0 ||
            !shadow_legacy_lags(shadow, r->name, why))
            continue;
        (void)snprintf(line, sizeof(line), "%s: watch it, by its shadow: %s", r->name, why);
        TRY(say(said, line));
        n++;
    }
    return ERR_OK;
}
