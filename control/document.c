/* The model: making, comparing, changing and rendering documents. Reading them is document_parse.c.
 *
 * The routes are kept sorted, so that two documents which say the same compare equal whatever order
 * they were written in. */
#include "control/document.h"

#include "base/clock.h"

#include <stdlib.h>

const char *pin_word(enum pin p)
{
    static const char *const words[] = {"none", "legacy", "new"};
    return words[p];
}

/* --- life --- */

static void routes_free(struct document_route *routes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(routes[i].name);
    free(routes);
}

void document_free(struct document **dp)
{
    struct document *d = *dp;
    *dp = NULL;
    if (d == NULL)
        return;
    routes_free(d->routes, d->nroutes);
    free(d->by);
    free(d->why);
    free(d->at);
    free(d);
}

static enum err copy_text(char **to, const char *from)
{
    *to = from == NULL ? NULL : strdup(from);
    return from != NULL && *to == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* Room for one route more than there are: document_change() adds at most one. */
static enum err copy_routes(struct document *to, const struct document *from)
{
    size_t n = from == NULL ? 0 : from->nroutes;
    to->routes = calloc(n + 1, sizeof(*to->routes));
    if (to->routes == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        to->routes[i] = from->routes[i];
        to->nroutes = i + 1;
        TRY(copy_text(&to->routes[i].name, from->routes[i].name));
    }
    return ERR_OK;
}

static enum err copy_into(struct document *to, const struct document *from)
{
    to->word = from->word;
    to->epoch = from->epoch;
    to->undoes = from->undoes;
    to->pin = from->pin;
    TRY(copy_text(&to->by, from->by));
    TRY(copy_text(&to->why, from->why));
    TRY(copy_text(&to->at, from->at));
    return copy_routes(to, from);
}

enum err document_copy(const struct document *d, struct document **out)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL)
        return ERR_NO_MEMORY;
    enum err e = copy_into(*out, d);
    if (e != ERR_OK)
        document_free(out);
    return e;
}

/* --- comparing --- */

static bool same_route(const struct document_route *a, const struct document_route *b)
{
    return strcmp(a->name, b->name) == 0 && a->pin == b->pin && a->weighs == b->weighs &&
           (!a->weighs || a->weight == b->weight) && a->paused_until_ms == b->paused_until_ms;
}

bool document_same(const struct document *a, const struct document *b)
{
    static const struct document empty;
    a = a == NULL ? &empty : a;
    b = b == NULL ? &empty : b;
    if (a->pin != b->pin || a->nroutes != b->nroutes)
        return false;
    for (size_t i = 0; i < a->nroutes; i++)
        if (!same_route(&a->routes[i], &b->routes[i]))
            return false;
    return true;
}

static size_t place_of(const struct document *d, const char *name)
{
    size_t low = 0;
    size_t high = d->nroutes;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(d->routes[mid].name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct document_route *document_route(const struct document *d, const char *name)
{
    if (d == NULL)
        return NULL;
    size_t at = place_of(d, name);
    return at < d->nroutes && strcmp(d->routes[at].name, name) == 0 ? &d->routes[at] : NULL;
}

/* --- changing --- */

static enum err route_slot(struct document *d, const char *name, struct document_route **out)
{
    size_t at = place_of(d, name);
    *out = &d->routes[at];
    if (at < d->nroutes && strcmp(d->routes[at].name, name) == 0)
        return ERR_OK;
    char *copy = strdup(name);
    if (copy == NULL)
        return ERR_NO_MEMORY;
    memmove(*out + 1, *out, (d->nroutes - at) * sizeof(**out));
    **out = (struct document_route){.name = copy};
    d->nroutes++;
    return ERR_OK;
}

/* Routes about which nothing is said any more go. */
static void sweep(struct document *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->nroutes; i++) {
        const struct document_route *r = &d->routes[i];
        if (r->pin == PIN_NONE && !r->weighs && r->paused_until_ms == 0)
            free(d->routes[i].name);
        else
            d->routes[kept++] = d->routes[i];
    }
    d->nroutes = kept;
}

static void change_all(struct document *d, const struct change *ch)
{
    d->pin = ch->what == CHANGE_PIN ? ch->pin : PIN_NONE;
    for (size_t i = 0; i < d->nroutes; i++) {
        struct document_route *r = &d->routes[i];
        bool against = ch->pin == PIN_LEGACY || ch->all || r->pin != PIN_LEGACY;
        if (ch->what == CHANGE_CONFIG || (ch->what == CHANGE_PIN && against))
            r->pin = PIN_NONE;
        if (ch->what == CHANGE_CONFIG)
            r->weighs = false;
        r->paused_until_ms = 0;
    }
}

static enum err change_route(struct document *d, const struct change *ch, uint64_t now_ms)
{
    struct document_route *r;
    TRY(route_slot(d, ch->route, &r));
    r->paused_until_ms = ch->pause_ms > 0 ? now_ms + ch->pause_ms : 0;
    switch (ch->what) {
    case CHANGE_PIN:
        r->pin = ch->pin;
        break;
    case CHANGE_UNPIN:
        r->pin = PIN_NONE;
        break;
    case CHANGE_CONFIG:
        r->pin = PIN_NONE;
        r->weighs = false;
        break;
    case CHANGE_WEIGHT:
        r->weighs = true;
        r->weight = ch->weight;
        break;
    case CHANGE_UNWEIGHT:
        r->weighs = false;
        break;
    case CHANGE_PAUSE:
        break;
    case CHANGE_RESTORE:
        break; /* never about one route */
    }
    return ERR_OK;
}

static enum err sign(struct document *d, const struct change *ch, uint64_t epoch, uint64_t now_ms)
{
    char when[CLOCK_ISO_LEN + 1];
    clock_iso(when, now_ms);
    d->epoch = epoch;
    TRY(copy_text(&d->by, ch->by));
    TRY(copy_text(&d->why, ch->why));
    return copy_text(&d->at, when);
}

static enum err again_into(struct document *d, const struct document *content,
                           const struct change *ch, uint64_t epoch, uint64_t now_ms)
{
    d->pin = content == NULL ? PIN_NONE : content->pin;
    TRY(copy_routes(d, content));
    return sign(d, ch, epoch, now_ms);
}

static void end_pauses(struct document *d, uint64_t until_ms)
{
    for (size_t i = 0; i < d->nroutes; i++)
        if (d->routes[i].paused_until_ms <= until_ms)
            d->routes[i].paused_until_ms = 0;
    sweep(d);
}

static enum err again(const struct document *content, const struct change *ch, uint64_t epoch,
                      uint64_t undoes, uint64_t now_ms, struct document **out)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL)
        return ERR_NO_MEMORY;
    enum err e = again_into(*out, content, ch, epoch, now_ms);
    (*out)->undoes = undoes;
    if (e != ERR_OK)
        document_free(out);
    return e;
}

enum err document_again(const struct document *content, const struct change *ch, uint64_t epoch,
                        uint64_t undoes, uint64_t now_ms, struct document **out)
{
    TRY(again(content, ch, epoch, undoes, now_ms, out));
    end_pauses(*out, UINT64_MAX);
    return ERR_OK;
}

enum err document_change(const struct document *base, const struct change *ch, uint64_t epoch,
                         uint64_t now_ms, struct document **out)
{
    BUG_IF((ch->what == CHANGE_WEIGHT || ch->what == CHANGE_UNWEIGHT) && ch->route == NULL);
    if (ch->what == CHANGE_RESTORE)
        return document_again(ch->content, ch, epoch, 0, now_ms, out);
    TRY(again(base, ch, epoch, 0, now_ms, out));
    enum err e = ERR_OK;
    if (ch->route == NULL)
        change_all(*out, ch);
    else
        e = change_route(*out, ch, now_ms);
    if (e != ERR_OK) {
        document_free(out);
        return e;
    }
    end_pauses(*out, now_ms);
    return ERR_OK;
}

/* --- rendering --- */

/* A percentage with at most two decimals, so that it reads back as the same basis points. */
static json_t *percent_to_json(uint16_t weight)
{
    return weight % 100 == 0 ? json_integer(weight / 100) : json_real((double)weight / 100.0);
}

static bool put_text(json_t *o, const char *key, const char *text)
{
    return text == NULL || json_object_set_new(o, key, json_string(text)) == 0;
}

static bool put_number(json_t *o, const char *key, uint64_t n)
{
    return n == 0 || json_object_set_new(o, key, json_integer((json_int_t)n)) == 0;
}

static bool put_route(json_t *routes, const struct document_route *r)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    if (ok && r->pin != PIN_NONE)
        ok = put_text(o, "pin", pin_word(r->pin));
    if (ok && r->weighs)
        ok = json_object_set_new(o, "new_percent", percent_to_json(r->weight)) == 0;
    if (!ok || !put_number(o, "paused_until_ms", r->paused_until_ms)) {
        json_decref(o);
        return false;
    }
    return json_object_set_new(routes, r->name, o) == 0;
}

static bool put_routes(json_t *o, const struct document *d)
{
    if (d->nroutes == 0)
        return true;
    json_t *routes = json_object();
    bool ok = routes != NULL;
    for (size_t i = 0; ok && i < d->nroutes; i++)
        ok = put_route(routes, &d->routes[i]);
    if (!ok) {
        json_decref(routes);
        return false;
    }
    return json_object_set_new(o, "routes", routes) == 0;
}

json_t *document_to_json(const struct document *d)
{
    json_t *o = json_object();
    if (o != NULL && put_number(o, "epoch", d->epoch) && put_number(o, "undoes", d->undoes) &&
        put_text(o, "pin", d->pin == PIN_NONE ? NULL : pin_word(d->pin)) &&
        put_text(o, "by", d->by) && put_text(o, "why", d->why) && put_text(o, "at", d->at) &&
        put_routes(o, d))
        return o;
    json_decref(o);
    return NULL;
}

enum err document_render(const struct document *d, struct buf *out)
{
    json_t *o = document_to_json(d);
    char *text = o == NULL ? NULL : json_dumps(o, JSON_REAL_PRECISION(15));
    enum err e = text == NULL ? ERR_NO_MEMORY : buf_append(out, span_str(text));
    free(text);
    json_decref(o);
    return e;
}
