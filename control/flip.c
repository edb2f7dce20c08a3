/* The special difficulty is order. Three kinds of numbers look alike:
 *
 *   state.epoch      of the routing in force in this process. Grows with every change, also with a
 * reload, and with a bare word. Two instances may disagree about it. document.epoch   what a JSON
 * document carries. The same on every instance. state.seen       the highest document.epoch that
 * came from the store or went into it.
 *
 * Documents are ordered by `seen` alone, so that an instance which counted more reloads or more
 * bare words than another does not refuse the other's documents. docs/control.md tells it at
 * length. */
#include "control/flip.h"

#include "base/log.h"
#include "base/suggest.h"
#include "control/signature.h"
#include "control/words.h"

#include <stdio.h>
#include <stdlib.h>

enum { AUDIT_WAITING_MAX = 4 * 1024 * 1024 };

void flip_begin(struct flip *f, struct router *router)
{
    *f = (struct flip){.router = router,
                       .audit = BUF_INIT(AUDIT_WAITING_MAX),
                       .refused_text = BUF_INIT(DOCUMENT_MAX)};
}

void flip_end(struct flip *f)
{
    state_free(&f->state);
    buf_free(&f->audit);
    buf_free(&f->refused_text);
}

/* --- building and publishing --- */

static void put_document(const struct flip *f, const struct document *d, struct snapshot *s)
{
    if (d == NULL)
        return;
    s->pin = d->pin;
    for (size_t i = 0; i < d->nroutes; i++) {
        const struct document_route *r = &d->routes[i];
        const struct route *route = route_find(f->table, r->name);
        if (route == NULL)
            continue;
        struct route_state *state = &s->states[route->index];
        state->pin = (uint8_t)r->pin;
        state->paused_until_ms = r->paused_until_ms;
        if (r->weighs) {
            state->weight = r->weight;
            state->weight_from_control = true;
        }
    }
}

static enum err publish(struct flip *f, const struct document *d, uint64_t epoch)
{
    struct snapshot *s;
    TRY(snapshot_new(f->table, epoch, &s));
    put_document(f, d, s);
    f->generation = router_publish(f->router, &s);
    return ERR_OK;
}

static void audit(struct flip *f, const struct audit *a)
{
    size_t before = f->audit.n;
    if (audit_line(a, &f->audit) == ERR_OK)
        return;
    f->audit.n = before;
    log_error("control", "epoch %llu cannot be put on the audit trail: no memory",
              (unsigned long long)a->epoch);
}

void flip_note(struct flip *f, enum source source, uint64_t now_ms, const char *by,
               const char *what)
{
    audit(f, &(struct audit){.at_ms = now_ms,
                             .epoch = f->state.epoch,
                             .from = f->state.document,
                             .to = f->state.document,
                             .source = source,
                             .by = by[0] == '\0' ? NULL : by,
                             .why = what});
}

/* --- the table --- */

static void add(struct digest *d, const char *text)
{
    digest_add(d, span_str(text == NULL ? "" : text));
    digest_add(d, span_of("", 1));
}

static void add_conditions(struct digest *d, const struct config_condition *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add(d, c[i].name);
        add(d, c[i].value);
        add(d, c[i].prefix);
        add(d, c[i].regex);
    }
    add(d, "");
}

static void add_match(struct digest *d, const struct config_match *m)
{
    add(d, m->host);
    add(d, m->path);
    add(d, m->prefix);
    add(d, m->regex);
    for (size_t i = 0; i < m->methods.n; i++)
        add(d, m->methods.list[i]);
    add(d, "");
    add_conditions(d, m->headers, m->nheaders);
    add_conditions(d, m->cookies, m->ncookies);
    add_conditions(d, m->query, m->nquery);
}

static void add_route(struct digest *d, const struct config_route *r)
{
    char weight[16];
    (void)snprintf(weight, sizeof(weight), "%u", r->new_weight);
    add(d, r->name);
    add_match(d, &r->match);
    add(d, r->legacy);
    add(d, r->new_);
    add(d, weight);
    for (size_t i = 0; i < r->sticky.n; i++)
        add(d, r->sticky.list[i]);
    add(d, "");
    add(d, r->cohort);
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        for (size_t i = 0; i < r->users[s].n; i++)
            add(d, r->users[s].list[i]);
        add(d, "");
    }
}

/* What of a configuration decides where a request goes. */
static enum err routing_of(const struct config *c, unsigned char out[DIGEST_BYTES])
{
    struct digest *d;
    TRY(digest_begin(&d));
    add(d, c->salt);
    for (size_t i = 0; i < c->nbackends; i++) {
        add(d, c->backends[i].name);
        for (size_t k = 0; k < c->backends[i].servers.n; k++)
            add(d, c->backends[i].servers.list[k]);
        add(d, "");
    }
    add(d, "routes");
    for (size_t i = 0; i < c->nroutes; i++)
        add_route(d, &c->routes[i]);
    digest_end(&d, out);
    return ERR_OK;
}

static enum err swap_table(struct flip *f, struct route_table *table, uint64_t epoch)
{
    struct route_table *before = f->table;
    f->table = table;
    enum err e = publish(f, f->state.document, epoch);
    if (e != ERR_OK)
        f->table = before;
    return e;
}

/* Who made the epoch: for the status, and on the audit trail. */
static void note_table(struct flip *f, const struct flip_reload *reload, uint64_t now_ms)
{
    struct audit a = {.at_ms = now_ms,
                      .epoch = f->state.epoch,
                      .from = f->state.document,
                      .to = f->state.document,
                      .source = SOURCE_CONFIG,
                      .why = "another configuration at the start"};
    if (reload != NULL) {
        a.by = reload->by;
        a.why = reload->why;
        a.changes = reload->changes;
    }
    (void)snprintf(f->state.config.by, sizeof(f->state.config.by), "%s", a.by == NULL ? "" : a.by);
    (void)snprintf(f->state.config.why, sizeof(f->state.config.why), "%s",
                   a.why == NULL ? "" : a.why);
    f->state.config.at_ms = now_ms;
    audit(f, &a);
}

enum err flip_table(struct flip *f, struct route_table **table, const struct flip_reload *reload,
                    uint64_t now_ms, struct flip_effect *out)
{
    static const unsigned char none[DIGEST_BYTES];
    unsigned char routing[DIGEST_BYTES];
    struct route_table *t = *table;
    *table = NULL;
    *out = (struct flip_effect){.outcome = FLIP_APPLIED};
    enum err e = routing_of(t->config, routing);
    bool first = memcmp(f->state.routing, none, sizeof(none)) == 0;
    bool differs = memcmp(f->state.routing, routing, sizeof(routing)) != 0;
    uint64_t epoch = f->state.epoch + (differs ? 1 : 0);
    if (e == ERR_OK)
        e = swap_table(f, t, epoch);
    if (e != ERR_OK) {
        if (t->users == 0)
            route_table_free(&t);
        return e;
    }
    memcpy(f->state.routing, routing, sizeof(routing));
    f->state.epoch = epoch;
    out->rerouted = out->persist = differs;
    if (differs && !first)
        note_table(f, reload, now_ms);
    return ERR_OK;
}

/* --- applying a document --- */

struct applying {
    struct document *document; /* taken */
    enum source source;
    uint64_t now_ms;
    bool pending;
};

static bool takes_back(const struct state *s, const struct document *d)
{
    return d->undoes != 0 && s->nundo > 0 && document_same(d, s->undo[s->nundo - 1]);
}

/* What was in force becomes the newest thing to return to, unless this is the return. */
static void turn_page(struct state *s, struct document *d)
{
    struct document *was = s->document;
    if (takes_back(s, d))
        document_free(&s->undo[--s->nundo]);
    else if (!document_same(was, d))
        state_remember(s, &was);
    document_free(&was);
    s->document = d;
}

static enum err apply(struct flip *f, struct applying *a, struct flip_effect *out)
{
    struct state *s = &f->state;
    struct document *d = a->document;
    uint64_t epoch = d->epoch > s->epoch ? d->epoch : s->epoch + 1;
    enum err e = publish(f, d, epoch);
    if (e != ERR_OK) {
        document_free(&a->document);
        return e;
    }
    audit(f, &(struct audit){.at_ms = a->now_ms,
                             .epoch = epoch,
                             .from = s->document,
                             .to = d,
                             .source = a->source,
                             .by = d->by,
                             .why = d->why});
    out->outcome = FLIP_APPLIED;
    out->persist = true;
    out->rerouted = !document_same(s->document, d);
    out->overtaken = s->pending && !a->pending;
    turn_page(s, d);
    s->epoch = epoch;
    s->source = a->source;
    s->at_ms = a->now_ms;
    s->config = (struct state_config){.at_ms = 0};
    s->pending = a->pending;
    return ERR_OK;
}

/* --- the store's value --- */

struct looking {
    const char *name;
    enum source source;
    uint64_t now_ms;
    unsigned char digest[DIGEST_BYTES];
    struct complaints *wrong;
    struct flip_effect *out;
};

static void refuse(struct flip *f, const struct looking *l, enum err e)
{
    l->out->outcome = FLIP_REFUSED;
    l->out->err = e;
    l->out->write = f->state.pending;
    f->refused = e;
    buf_free(&f->refused_text);
    if (complaints_render(l->wrong, &f->refused_text) != ERR_OK)
        buf_free(&f->refused_text);
}

static void take_store(struct flip *f, const struct looking *l, struct document **d)
{
    uint64_t epoch = (*d)->epoch;
    struct applying a = {*d, l->source, l->now_ms, false};
    *d = NULL;
    enum err e = apply(f, &a, l->out);
    if (e != ERR_OK) {
        complain(l->wrong, l->name, NULL, "cannot be applied: %s", err_sentence(e));
        refuse(f, l, e);
        f->sight = SIGHT_NONE; /* the next look tries again */
        return;
    }
    f->state.has_value = true;
    memcpy(f->state.value, l->digest, DIGEST_BYTES);
    if (epoch > f->state.seen)
        f->state.seen = epoch;
}

static bool applied_before(const struct flip *f, const struct looking *l)
{
    return f->state.has_value && memcmp(f->state.value, l->digest, DIGEST_BYTES) == 0;
}

/* Our own document, written by us, whose confirmation was lost. */
static void arrived(struct flip *f, const struct looking *l, uint64_t epoch)
{
    struct state *s = &f->state;
    s->pending = false;
    s->seen = epoch;
    s->has_value = true;
    memcpy(s->value, l->digest, DIGEST_BYTES);
    l->out->persist = true;
}

static void newer(struct flip *f, const struct looking *l, struct document **d)
{
    const struct state *s = &f->state;
    uint64_t epoch = (*d)->epoch;
    if (s->pending && epoch == s->document->epoch && document_same(*d, s->document)) {
        arrived(f, l, epoch);
    } else if (s->pending && epoch < s->document->epoch) {
        f->state.seen = epoch; /* the change made here is newer still, and replaces it */
        l->out->persist = true;
        l->out->write = true;
    } else {
        take_store(f, l, d);
    }
}

/* The store has lost what it held: it gets it back, so that an instance that starts now does not
 * begin with the past. Only at the first look after connecting: what somebody writes under our eyes
 * with an old epoch is a mistake, to be seen and refused, not overwritten. */
static bool lost_ours(const struct flip *f, uint64_t epoch)
{
    const struct state *s = &f->state;
    return f->connected_anew && epoch < s->seen && s->document != NULL &&
           s->document->epoch >= s->seen;
}

static void not_newer(struct flip *f, const struct looking *l, uint64_t epoch)
{
    const struct state *s = &f->state;
    unsigned long long e = epoch;
    unsigned long long seen = s->seen;
    char right[96];
    (void)snprintf(right, sizeof(right), "the next one must carry %llu or more", seen + 1);
    if (epoch == seen && s->document != NULL && s->document->epoch == epoch) {
        complain(l->wrong, l->name, right,
                 "says something else under epoch %llu, which is in force already", e);
        f->state.pending = false; /* whoever wrote it was first */
        refuse(f, l, ERR_CONTROL_CONFLICT);
    } else {
        bool lost = lost_ours(f, epoch);
        f->state.pending = s->pending || lost;
        if (lost)
            (void)snprintf(right, sizeof(right), "the store has lost it, and gets it back");
        complain(l->wrong, l->name, right,
                 "carries epoch %llu, and a document with epoch %llu was already applied", e, seen);
        refuse(f, l, ERR_CONTROL_STALE);
    }
    l->out->persist = true; /* whether it is to be written */
}

/* A change made here that is not in the store yet. */
static bool ours_is_newer(const struct state *s)
{
    return s->pending && s->document->epoch > s->seen;
}

static void consider(struct flip *f, const struct looking *l, struct document **d)
{
    const struct state *s = &f->state;
    bool newest = (*d)->word || (*d)->epoch > s->seen;
    if ((*d)->word)
        take_store(f, l, d);
    else if (newest)
        newer(f, l, d);
    else if ((*d)->epoch == s->seen && (ours_is_newer(s) || document_same(*d, s->document)))
        l->out->write = s->pending;
    else
        not_newer(f, l, (*d)->epoch);
}

static bool seen_it(struct flip *f, enum sight sight, const struct looking *l)
{
    bool same = f->sight == sight &&
                (sight != SIGHT_VALUE || memcmp(f->sight_digest, l->digest, DIGEST_BYTES) == 0) &&
                (sight != SIGHT_UNREADABLE || f->refused == l->out->err);
    f->sight = sight;
    memcpy(f->sight_digest, l->digest, DIGEST_BYTES);
    return same;
}

static void look_at_value(struct flip *f, struct span raw, const struct looking *l)
{
    struct document *d = NULL;
    struct span text;
    const struct config_names *secrets = &f->table->config->control.secrets;
    if (applied_before(f, l)) {
        l->out->write = f->state.pending;
        return;
    }
    enum err e = signature_check(secrets, raw, l->name, &text, l->wrong);
    if (e == ERR_OK)
        e = document_parse(text, l->name, &d, l->wrong);
    if (e != ERR_OK) {
        refuse(f, l, e);
        if (e == ERR_NO_MEMORY)
            f->sight = SIGHT_NONE;
        return;
    }
    consider(f, l, &d);
    document_free(&d);
}

static void look_afresh(struct flip *f, enum sight sight, struct span raw, enum err unreadable,
                        const struct looking *l)
{
    f->refused = ERR_OK;
    buf_free(&f->refused_text);
    if (sight == SIGHT_VALUE) {
        look_at_value(f, raw, l);
    } else if (sight == SIGHT_MISSING) {
        l->out->write = f->state.pending;
        l->out->outcome = f->state.document != NULL && !l->out->write ? FLIP_HELD : FLIP_SAME;
    } else {
        complain(l->wrong, l->name, "replace it by a document, or delete it", "%s",
                 err_sentence(unreadable));
        refuse(f, l, unreadable);
        l->out->write = false;
    }
}

void flip_value(struct flip *f, enum sight sight, struct span raw, const char *name,
                enum source source, uint64_t now_ms, struct complaints *wrong,
                struct flip_effect *out)
{
    enum err unreadable = out->err;
    struct looking l = {name, source, now_ms, {0}, wrong, out};
    if (sight == SIGHT_VALUE && digest_of(raw, l.digest) != ERR_OK) {
        *out = (struct flip_effect){.outcome = FLIP_SAME};
        return; /* no memory: look again next time */
    }
    bool judge_again = f->connected_anew && f->refused == ERR_CONTROL_STALE;
    bool same = seen_it(f, sight, &l) && !judge_again;
    *out = (struct flip_effect){.outcome = FLIP_SAME};
    if (same)
        out->write = f->state.pending && sight != SIGHT_UNREADABLE;
    else
        look_afresh(f, sight, raw, unreadable, &l);
    f->connected_anew = false;
}

void flip_connected(struct flip *f)
{
    f->connected_anew = true;
}

void flip_written(struct flip *f, uint64_t epoch, struct span raw, struct flip_effect *out)
{
    struct state *s = &f->state;
    *out = (struct flip_effect){.outcome = FLIP_SAME, .persist = true};
    if (epoch > s->seen)
        s->seen = epoch;
    if (digest_of(raw, s->value) == ERR_OK) {
        s->has_value = true;
        f->sight = SIGHT_VALUE;
        memcpy(f->sight_digest, s->value, DIGEST_BYTES);
    }
    f->refused = ERR_OK;
    buf_free(&f->refused_text);
    if (s->document != NULL && s->document->epoch == epoch)
        s->pending = false;
    out->write = s->pending;
}

/* --- orders --- */

static enum err next_epoch(const struct flip *f, uint64_t *out, struct complaints *wrong)
{
    uint64_t known = f->state.seen > f->state.epoch ? f->state.seen : f->state.epoch;
    if (known >= DOCUMENT_EPOCH_MAX) {
        complain(wrong, "epoch", "stop every instance, remove its state.json and the control key",
                 "%llu is the last there is", (unsigned long long)known);
        return ERR_TOO_LARGE;
    }
    *out = known + 1;
    return ERR_OK;
}

static enum err unknown_route(const struct flip *f, const char *name, struct complaints *wrong)
{
    char quoted[WORDS_QUOTE_MAX];
    char right[160];
    size_t n = f->table->nroutes;
    const char **names = calloc(n + 1, sizeof(*names));
    if (names == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        names[i] = f->table->routes[i].config->name;
    const char *near = suggest_nearest(span_str(name), names, n);
    (void)snprintf(right, sizeof(right),
                   near == NULL ? "`weir status` lists the routes%s" : "did you mean \"%.100s\"?",
                   near == NULL ? "" : near);
    free(names);
    words_quote(quoted, span_str(name));
    complain(wrong, "route", right, "%s is not in the configuration of this instance", quoted);
    return ERR_CONTROL_UNKNOWN_ROUTE;
}

static enum err fits(const struct document *d, struct complaints *wrong)
{
    struct buf text = BUF_INIT(DOCUMENT_MAX - SIGNATURE_ROOM);
    enum err e = document_render(d, &text);
    buf_free(&text);
    if (e != ERR_TOO_LARGE)
        return e;
    complain(wrong, "document", "`weir flip config` begins anew", "would be larger than 1 MiB");
    return ERR_CONTROL_TOO_LARGE;
}

static enum err order(struct flip *f, struct document *d, uint64_t now_ms, struct complaints *wrong,
                      struct flip_effect *out)
{
    enum err e = fits(d, wrong);
    if (e != ERR_OK) {
        document_free(&d);
        return e;
    }
    struct applying a = {d, SOURCE_ADMIN, now_ms, true};
    TRY(apply(f, &a, out));
    out->write = true;
    return ERR_OK;
}

enum err flip_change(struct flip *f, const struct change *ch, uint64_t now_ms,
                     struct complaints *wrong, struct flip_effect *out)
{
    struct document *d;
    uint64_t epoch;
    *out = (struct flip_effect){.outcome = FLIP_SAME};
    if (ch->route != NULL && route_find(f->table, ch->route) == NULL)
        return unknown_route(f, ch->route, wrong);
    TRY(next_epoch(f, &epoch, wrong));
    TRY(document_change(f->state.document, ch, epoch, now_ms, &d));
    return order(f, d, now_ms, wrong, out);
}

enum err flip_undo(struct flip *f, const struct change *by_why, uint64_t now_ms,
                   struct complaints *wrong, struct flip_effect *out)
{
    const struct state *s = &f->state;
    struct document *d;
    uint64_t epoch;
    *out = (struct flip_effect){.outcome = FLIP_SAME};
    if (s->nundo == 0) {
        complain(wrong, "undo", NULL, "nothing was changed since this instance began to remember");
        return ERR_NOTHING_TO_UNDO;
    }
    TRY(next_epoch(f, &epoch, wrong));
    uint64_t undoes =
        s->document != NULL && s->document->epoch != 0 ? s->document->epoch : s->epoch;
    TRY(document_again(s->undo[s->nundo - 1], by_why, epoch, undoes, now_ms, &d));
    return order(f, d, now_ms, wrong, out);
}

size_t flip_unknown(const struct flip *f, const char **names, size_t max)
{
    const struct document *d = f->state.document;
    size_t n = 0;
    for (size_t i = 0; d != NULL && i < d->nroutes; i++) {
        if (route_find(f->table, d->routes[i].name) != NULL)
            continue;
        if (n < max)
            names[n] = d->routes[i].name;
        n++;
    }
    return n;
}
