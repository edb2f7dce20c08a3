/* GET /status. The control thread fills in what it alone knows, quickly, because flips wait for it;
 * the admin thread adds the routes, the counts and what the other rooms have to say, and makes text
 * of it. */
#include "control/status.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "control/json_read.h"
#include "control/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { UNKNOWN_MAX = 20 };

static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value); /* without memory the answer is shorter */
}

static json_t *text_or_null(const char *s)
{
    return s == NULL || s[0] == '\0' ? json_null() : json_string(s);
}

static json_t *time_or_null(uint64_t ms)
{
    char when[CLOCK_ISO_LEN + 1];
    if (ms == 0)
        return json_null();
    clock_iso(when, ms);
    return json_string(when);
}

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* --- the control thread --- */

static const char *value_word(const struct control *c)
{
    static const char *const words[] = {[SIGHT_NONE] = "not read yet",
                                        [SIGHT_MISSING] = "missing",
                                        [SIGHT_VALUE] = "in force",
                                        [SIGHT_UNREADABLE] = "refused"};
    if (c->flip.refused != ERR_OK)
        return "refused";
    if (c->flip.sight == SIGHT_VALUE && c->flip.state.pending)
        return "older";
    return words[c->flip.sight];
}

static json_t *refusal(const struct control *c)
{
    if (c->flip.refused == ERR_OK)
        return json_null();
    const struct buf *t = &c->flip.refused_text;
    struct span text = t->n > 0 ? buf_span(t) : span_str(err_sentence(c->flip.refused));
    while (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    return json_text(text);
}

static json_t *store_json(const struct control *c)
{
    const struct store_facts *f = &c->store->facts;
    json_t *o = json_object();
    put(o, "kind", json_string(f->kind));
    put(o, "where", json_string(f->where));
    put(o, "name", json_string(f->name));
    put(o, "connected", json_boolean(f->connected));
    put(o, "since", time_or_null(f->since_ms));
    put(o, "mode", json_string(f->mode));
    put(o, "server", text_or_null(f->server));
    put(o, "error", text_or_null(f->error));
    put(o, "value", json_string(value_word(c)));
    put(o, "refused", refusal(c));
    put(o, "pending_write", json_boolean(c->flip.state.pending));
    put(o, "write_error", text_or_null(c->flip.state.pending ? c->write_error : NULL));
    put(o, "looks", number(f->looks));
    put(o, "pushes", number(f->pushes));
    put(o, "lost", number(f->lost));
    return o;
}

static json_t *state_json(const struct control *c)
{
    json_t *o = json_object();
    put(o, "dir", json_string(c->state_dir));
    put(o, "saved", json_boolean(c->persist.written == c->persist.wanted));
    put(o, "error", text_or_null(c->persist.error));
    put(o, "damaged", text_or_null(c->damaged));
    put(o, "undo", number(c->flip.state.nundo));
    return o;
}

static json_t *reload_json(const struct control *c)
{
    const struct reload *r = &c->reload;
    if (!r->any)
        return json_null();
    json_t *o = json_object();
    put(o, "at", time_or_null(r->at_ms));
    put(o, "ok", json_boolean(r->ok));
    /* A copy to the last: jansson's counts of references are not made for two threads. */
    json_t *said = r->said == NULL ? json_array() : json_deep_copy(r->said);
    put(o, r->ok ? "said" : "complaints", said);
    return o;
}

static json_t *upgrade_json(const struct control *c)
{
    const struct upgrade *u = &c->upgrade;
    if (!u->any)
        return json_null();
    json_t *o = json_object();
    put(o, "at", time_or_null(u->at_ms));
    put(o, "ok", json_boolean(u->ok));
    put(o, "said", json_text(span_str(u->said)));
    put(o, "before", u->before >= 0 ? number((uint64_t)u->before_pid) : json_null());
    return o;
}

static json_t *unknown_json(const struct control *c)
{
    const char *names[UNKNOWN_MAX];
    json_t *list = json_array();
    size_t n = flip_unknown(&c->flip, names, UNKNOWN_MAX);
    for (size_t i = 0; i < n && i < UNKNOWN_MAX; i++)
        (void)json_array_append_new(list, json_string(names[i]));
    return list;
}

static void put_who(json_t *o, uint64_t at_ms, const char *by, const char *why)
{
    put(o, "since", time_or_null(at_ms));
    put(o, "by", text_or_null(by));
    put(o, "why", text_or_null(why));
}

static json_t *document_from(const struct state *s)
{
    if (s->document == NULL)
        return json_null();
    json_t *o = json_pack("{s:s}", "source", source_word(s->source));
    put_who(o, s->at_ms, s->document->by, s->document->why);
    return o;
}

/* A reload makes an epoch, too, and leaves the document in force that somebody else gave. */
static void put_epoch(json_t *o, const struct state *s)
{
    const struct document *d = s->document;
    bool by_config = d == NULL || s->config.at_ms != 0;
    put(o, "epoch", number(s->epoch));
    put(o, "source", json_string(source_word(by_config ? SOURCE_CONFIG : s->source)));
    put(o, "document", d == NULL || d->epoch == 0 ? json_null() : number(d->epoch));
    put(o, "pin", d == NULL || d->pin == PIN_NONE ? json_null() : json_string(pin_word(d->pin)));
    if (by_config)
        put_who(o, s->config.at_ms, s->config.by, s->config.why);
    else
        put_who(o, s->at_ms, d->by, d->why);
    put(o, "document_from", document_from(s));
}

static json_t *head_json(struct control *c)
{
    json_t *o = json_object();
    put(o, "version", json_string(WEIR_VERSION));
    put(o, "pid", json_integer(getpid()));
    put(o, "instance", json_string(c->instance));
    put(o, "host", json_string(c->host));
    put(o, "started", time_or_null(c->started_ms));
    put(o, "uptime_seconds", number((clock_wall_ms() - c->started_ms) / 1000));
    put(o, "ready", json_boolean(atomic_load(&c->ready)));
    put_epoch(o, &c->flip.state);
    put(o, "unknown_routes", unknown_json(c));
    put(o, "adopted", json_boolean(c->adopted == c->flip.generation));
    put(o, "store", c->store == NULL ? json_null() : store_json(c));
    put(o, "state", state_json(c));
    put(o, "reload", reload_json(c));
    put(o, "upgrade", upgrade_json(c));
    return o;
}

void status_gather(struct control *c, struct admin_request *r)
{
    const struct snapshot *s = router_current(c->router);
    size_t states = c->flip.table->nroutes * sizeof(struct route_state);
    struct status_facts *f = calloc(1, sizeof(*f) + states);
    if (f == NULL) {
        api_say(r, 503, NULL);
        admin_return(r);
        return;
    }
    f->head = head_json(c);
    f->table = c->flip.table;
    f->pin = s->pin;
    memcpy(f->states, s->states, states);
    atomic_fetch_add(&c->lookers, 1);
    r->facts = f;
    admin_return(r);
}

void status_facts_free(struct control *c, struct status_facts **fp)
{
    struct status_facts *f = *fp;
    *fp = NULL;
    if (f == NULL)
        return;
    atomic_fetch_sub(&c->lookers, 1);
    json_decref(f->head);
    free(f);
}

/* --- the admin thread --- */

static json_t *percent(unsigned weight)
{
    return weight % 100 == 0 ? json_integer(weight / 100) : json_real((double)weight / 100.0);
}

static void put_conditions(json_t *o, const char *key, const struct config_condition *c, size_t n)
{
    json_t *list = n == 0 ? NULL : json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_pack("{s:s}", "name", c[i].name);
        if (c[i].value != NULL)
            put(one, "value", json_string(c[i].value));
        if (c[i].prefix != NULL)
            put(one, "prefix", json_string(c[i].prefix));
        if (c[i].regex != NULL)
            put(one, "regex", json_string(c[i].regex));
        (void)json_array_append_new(list, one);
    }
    if (list != NULL)
        put(o, key, list);
}

static json_t *match_json(const struct config_match *m)
{
    json_t *o = json_object();
    json_t *methods = m->methods.n == 0 ? NULL : json_array();
    if (m->host != NULL)
        put(o, "host", json_string(m->host));
    if (m->path != NULL)
        put(o, "path", json_string(m->path));
    else if (m->prefix != NULL)
        put(o, "prefix", json_string(m->prefix));
    if (m->regex != NULL)
        put(o, "regex", json_string(m->regex));
    for (size_t i = 0; i < m->methods.n; i++)
        (void)json_array_append_new(methods, json_string(m->methods.list[i]));
    if (methods != NULL)
        put(o, "methods", methods);
    put_conditions(o, "headers", m->headers, m->nheaders);
    put_conditions(o, "cookies", m->cookies, m->ncookies);
    put_conditions(o, "query", m->query, m->nquery);
    return o;
}

static json_t *counts_json(const struct route_count *n, enum side side)
{
    json_t *o = json_object();
    put(o, "requests", number(n == NULL ? 0 : n->requests[side]));
    put(o, "failed", number(n == NULL ? 0 : n->failed[side]));
    put(o, "leaving", number(n == NULL ? 0 : n->leaving[side]));
    if (n != NULL && n->stopped[side] > 0)
        put(o, "sandbox_stopped", json_true());
    return o;
}

static json_t *route_json(const struct status_facts *f, const struct route *route,
                          const struct route_count *n)
{
    const struct config_route *r = route->config;
    const struct route_state *s = &f->states[route->index];
    enum pin pin = s->pin != PIN_NONE ? (enum pin)s->pin : f->pin;
    unsigned in_force = pin == PIN_LEGACY ? 0 : pin == PIN_NEW ? WEIGHT_ALL : s->weight;
    const char *from = s->pin != PIN_NONE       ? "route pin"
                       : f->pin != PIN_NONE     ? "pin"
                       : s->weight_from_control ? "control"
                                                : "config";
    json_t *o = json_object();
    put(o, "name", json_string(r->name));
    put(o, "match", match_json(&r->match));
    put(o, "legacy", json_string(r->legacy));
    put(o, "new", json_string(r->new_));
    put(o, "configured_percent", percent(r->new_weight));
    put(o, "weight_percent", percent(s->weight));
    put(o, "new_percent", percent(in_force));
    put(o, "pin", s->pin == PIN_NONE ? json_null() : json_string(pin_word((enum pin)s->pin)));
    put(o, "decided_by", json_string(from));
    put(o, "paused_until",
        time_or_null(s->paused_until_ms > clock_wall_ms() ? s->paused_until_ms : 0));
    put(o, "shadow_percent", percent(r->shadow.percent));
    put(o, "on_legacy", counts_json(n, SIDE_LEGACY));
    put(o, "on_new", counts_json(n, SIDE_NEW));
    return o;
}

static json_t *routes_json(const struct status_facts *f)
{
    struct route_counts counts;
    json_t *list = json_array();
    bool counted = counts_read(&counts) == ERR_OK;
    for (size_t i = 0; i < f->table->nroutes; i++) {
        const struct route *route = &f->table->routes[i];
        const struct route_count *n = counted ? counts_of(&counts, route->config->name) : NULL;
        (void)json_array_append_new(list, route_json(f, route, n));
    }
    if (counted)
        counts_free(&counts);
    return list;
}

/* What others append as text is taken in only if it is what they promised. */
static json_t *parse(const struct buf *text, const char *whose)
{
    json_t *o = json_loadb(text->p, text->n, 0, NULL);
    if (o == NULL)
        log_debug("admin", "%s did not describe itself in JSON", whose);
    return o;
}

static void add_data_plane(struct control *c, json_t *status)
{
    struct buf text = BUF_INIT(16 * 1024 * 1024);
    json_t *o = NULL;
    if (c->hooks.describe == NULL)
        return;
    if (buf_append(&text, SPAN("{")) == ERR_OK &&
        c->hooks.describe(c->hooks.arg, &text) == ERR_OK &&
        buf_append(&text, SPAN("\"_\":0}")) == ERR_OK)
        o = parse(&text, "the data plane");
    if (o != NULL) {
        (void)json_object_del(o, "_");
        (void)json_object_update_missing(status, o);
    }
    json_decref(o);
    buf_free(&text);
}

static void add_shadow(struct control *c, json_t *status)
{
    struct buf text = BUF_INIT(16 * 1024 * 1024);
    json_t *o = NULL;
    if (c->shadow != NULL && shadow_summary(c->shadow, &text) == ERR_OK)
        o = parse(&text, "the shadow");
    put(status, "shadow", o == NULL ? json_null() : o);
    buf_free(&text);
}

static json_t *rollback_json(const json_t *route, json_t *known)
{
    json_t *o = json_object_get(known, json_string_value(json_object_get(route, "name")));
    if (json_number_value(json_object_get(route, "shadow_percent")) <= 0)
        return json_pack("{s:s, s:s}", "state", "unknown", "why", "the route mirrors nothing");
    if (o == NULL)
        return json_pack("{s:s, s:s}", "state", "unknown", "why", "no copy in 10 min");
    return json_incref(o);
}

/* Each route of which new serves a part says whether it could go back. */
static void add_rollback(json_t *status)
{
    json_t *shadow = json_object_get(status, "shadow");
    json_t *known = json_object_get(shadow, "rollback");
    json_t *routes = json_object_get(status, "routes");
    for (size_t i = 0; i < json_array_size(routes); i++) {
        json_t *route = json_array_get(routes, i);
        if (json_number_value(json_object_get(route, "new_percent")) > 0)
            put(route, "rollback_ready", rollback_json(route, known));
    }
    (void)json_object_del(shadow, "rollback");
}

void status_render(struct control *c, struct admin_request *r)
{
    struct status_facts *f = r->facts;
    json_t *status = f->head;
    f->head = NULL;
    if (status != NULL) {
        put(status, "routes", routes_json(f));
        add_shadow(c, status);
        add_rollback(status);
        put(status, "logs",
            json_pack("{s:I, s:I}", "failing", (json_int_t)metric_read(METRIC_LOG_FAILING),
                      "lines_lost", (json_int_t)metric_read(METRIC_LOG_DROPPED)));
        put(status, "certificate_expiry",
            json_integer((json_int_t)metric_read(METRIC_CERTIFICATE_EXPIRY)));
        add_data_plane(c, status);
    }
    status_facts_free(c, &r->facts);
    if (!r->look.text || status == NULL) {
        api_say(r, status == NULL ? 503 : 200, status);
        return;
    }
    r->status = 200;
    r->type = "text/plain; charset=utf-8";
    if (status_text(status, &r->look, clock_wall_ms(), &r->answer) != ERR_OK)
        api_say(r, 503, NULL);
    json_decref(status);
}
