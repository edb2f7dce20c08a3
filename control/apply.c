/* What follows from a change: the workers are told, it is counted and logged, written to disk and
 * to the store, and once every worker has it, acknowledged. Also the other direction: what the
 * store reports goes into flip.c here. */
#include "control/room.h"
#include "control/signature.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ADOPTION_POLL_MS = 20 };

const struct config *control_config(const struct control *c)
{
    return c->flip.table->config;
}

static void count(enum metric family, const char *value)
{
    metric_slot slot;
    if (metrics_series(family, &value, &slot) == ERR_OK)
        metric_inc(slot);
}

/* --- acknowledging --- */

static void send_ack(struct control *c)
{
    char when[CLOCK_ISO_LEN + 1];
    clock_iso(when, clock_wall_ms());
    if (c->store == NULL || c->role != ROLE_IN_CHARGE)
        return;
    json_t *o =
        json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:i, s:s}", "epoch",
                  (json_int_t)c->flip.state.epoch, "document", (json_int_t)c->flip.state.seen,
                  "applied_at", when, "key", control_config(c)->control.key, "instance",
                  c->instance, "host", c->host, "pid", (int)getpid(), "version", WEIR_VERSION);
    char *text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
    if (text != NULL)
        store_ack(c->store, span_str(text));
    free(text);
    json_decref(o);
}

static void reap(struct control *c)
{
    if (atomic_load(&c->lookers) == 0)
        router_reap(c->router);
}

void apply_check_adopted(struct control *c)
{
    if (!router_adopted(c->router, c->flip.generation)) {
        loop_timer_set(c->loop, &c->adoption, ADOPTION_POLL_MS);
        return;
    }
    reap(c);
    if (c->adopted == c->flip.generation)
        return;
    c->adopted = c->flip.generation;
    loop_timer_clear(c->loop, &c->adoption);
    send_ack(c);
    orders_progress(c);
}

static void on_adoption(void *arg)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    apply_check_adopted(c);
}

static void published(struct control *c)
{
    metric_set(METRIC_EPOCH, c->flip.state.epoch);
    if (c->hooks.published != NULL)
        c->hooks.published(c->hooks.arg, c->flip.table);
    apply_check_adopted(c);
}

/* --- writing to the store --- */

static void write_document(struct control *c)
{
    struct buf text = BUF_INIT(DOCUMENT_MAX);
    const struct document *d = c->flip.state.document;
    if (c->store != NULL && c->role == ROLE_IN_CHARGE && document_render(d, &text) == ERR_OK &&
        signature_add(&control_config(c)->control.secrets, &text) == ERR_OK)
        (void)!store_write(c->store, d->epoch,
                           buf_span(&text)); /* else the next look tries again */
    buf_free(&text);
}

static void say_unknown(struct control *c)
{
    const char *names[5];
    char list[300];
    size_t at = 0;
    size_t n = flip_unknown(&c->flip, names, ARRAY_LEN(names));
    if (n == 0)
        return;
    for (size_t i = 0; i < n && i < ARRAY_LEN(names) && at < sizeof(list); i++)
        at +=
            (size_t)snprintf(list + at, sizeof(list) - at, "%s%.50s", i == 0 ? "" : ", ", names[i]);
    log_warn("control",
             "the document names %zu route%s this configuration does not have (%s%s): kept for "
             "when it does, the rest is in force",
             n, n == 1 ? "" : "s", list, n > ARRAY_LEN(names) ? ", ..." : "");
}

static void say_applied(struct control *c, enum source source)
{
    const struct state *s = &c->flip.state;
    const struct document *d = s->document;
    size_t npins = 0;
    size_t nweights = 0;
    for (size_t i = 0; i < d->nroutes; i++) {
        npins += d->routes[i].pin != PIN_NONE;
        nweights += d->routes[i].weighs;
    }
    log_info("control", "epoch %llu by %s%s%s: pin %s, %zu pinned and %zu weighted routes%s%s%s",
             (unsigned long long)s->epoch, source_word(source), d->by == NULL ? "" : ", ",
             d->by == NULL ? "" : d->by, pin_word(d->pin), npins, nweights,
             d->why == NULL ? "" : " (", d->why == NULL ? "" : d->why, d->why == NULL ? "" : ")");
    say_unknown(c);
}

static void say_refused(const struct flip_effect *fx, const struct complaints *wrong)
{
    count(METRIC_CONTROL_REFUSED, err_word(fx->err));
    for (size_t i = 0; i < wrong->n; i++)
        log_warn("control", "refused: %s: %s%s%s; routing stays as it is", wrong->list[i].where,
                 wrong->list[i].what, wrong->list[i].right == NULL ? "" : "; ",
                 wrong->list[i].right == NULL ? "" : wrong->list[i].right);
}

void apply_effect(struct control *c, const struct flip_effect *fx, enum source source,
                  const struct complaints *wrong)
{
    if (fx->outcome == FLIP_APPLIED)
        published(c); /* before anything else: this is what somebody waits for */
    if (fx->persist)
        persist_request(c);
    if (fx->write)
        write_document(c);
    if (fx->outcome == FLIP_APPLIED) {
        count(METRIC_FLIPS, source_word(source));
        say_applied(c, source);
    }
    if (fx->outcome == FLIP_REFUSED)
        say_refused(fx, wrong);
    if (fx->overtaken) {
        log_warn("control",
                 "a change made here was not in the store yet and gave way to epoch "
                 "%llu, which the store holds",
                 (unsigned long long)c->flip.state.document->epoch);
        orders_store(c, ORDER_OVERTAKEN);
    }
    if (fx->outcome == FLIP_HELD && !c->held)
        log_warn("control", "%s is gone; epoch %llu stays in force", c->store->facts.name,
                 (unsigned long long)c->flip.state.epoch);
    c->held = fx->outcome == FLIP_HELD ||
              (c->held && fx->outcome == FLIP_SAME && c->flip.sight == SIGHT_MISSING);
}

void apply_reloaded(struct control *c, const struct flip_effect *fx)
{
    published(c);
    if (fx->persist)
        persist_request(c);
    if (fx->rerouted)
        count(METRIC_FLIPS, source_word(SOURCE_CONFIG));
    say_unknown(c);
}

/* --- what the store says --- */

static enum source store_source(const struct control *c)
{
    return control_config(c)->control.redis != NULL ? SOURCE_REDIS : SOURCE_FILE;
}

static void on_looked(void *arg, enum sight sight, struct span raw, enum err unreadable)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    struct complaints wrong = {.n = 0};
    struct flip_effect fx = {.err = unreadable};
    enum source source = store_source(c);
    if (c->role == ROLE_HANDING) /* the other process looks itself, and must not be ahead of us */
        return;
    bool was_pending = c->flip.state.pending;
    flip_value(&c->flip, sight, raw, c->store->facts.name, source, clock_wall_ms(), &wrong, &fx);
    apply_effect(c, &fx, source, &wrong);
    if (was_pending && !c->flip.state.pending && !fx.overtaken)
        orders_store(c, ORDER_WRITTEN);
    else if (c->flip.state.pending && !fx.write)
        orders_store(c, ORDER_LATER);
    complaints_free(&wrong);
}

static void write_went_wrong(struct control *c, const char *why)
{
    bool news = strcmp(c->write_error, why) != 0;
    (void)snprintf(c->write_error, sizeof(c->write_error), "%s", why);
    if (news)
        log_warn("control",
                 "epoch %llu is in force here, but is not in %s yet: %s; it is tried again",
                 (unsigned long long)c->flip.state.epoch, c->store->facts.name, why);
}

static void on_wrote(void *arg, enum store_write how, uint64_t epoch, struct span raw,
                     const char *why)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    struct complaints none = {.n = 0};
    struct flip_effect fx;
    if (how == STORE_FAILED)
        write_went_wrong(c, why);
    if (how == STORE_FAILED)
        orders_store(c, ORDER_LATER);
    if (how != STORE_WRITTEN)
        return; /* after a conflict the store looks again by itself */
    c->write_error[0] = '\0';
    flip_written(&c->flip, epoch, raw, &fx);
    if (!c->flip.state.pending) {
        log_info("control", "epoch %llu is in %s", (unsigned long long)epoch, c->store->facts.name);
        orders_store(c, ORDER_WRITTEN);
    }
    apply_effect(c, &fx, SOURCE_ADMIN, &none);
    if (c->adopted == c->flip.generation)
        send_ack(c); /* the document's epoch counts as seen now */
}

static void on_changed(void *arg)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    bool connected = c->store != NULL && c->store->facts.connected;
    if (connected && !c->connected)
        flip_connected(&c->flip);
    c->connected = connected;
    if (c->store != NULL && !connected)
        orders_store(c, ORDER_LATER);
}

enum err apply_open_store(struct control *c)
{
    struct store *s;
    struct store_options o = {
        .loop = c->loop,
        .disk = c->disk,
        .events = {c, on_looked, on_wrote, on_changed},
        .config = control_config(c),
        .state_dir = c->state_dir,
        .instance = c->instance,
    };
    TRY(store_new(&o, &s));
    if (c->store != NULL) {
        store_close(&c->store);
        c->orders.asking = false;
    }
    c->flip.sight = SIGHT_NONE;
    c->connected = false;
    c->store = s;
    if (c->adopted == c->flip.generation)
        send_ack(c);
    store_start(c->store);
    return ERR_OK;
}

void apply_begin(struct control *c)
{
    timer_begin(&c->adoption, on_adoption, c);
}

void apply_end(struct control *c)
{
    loop_timer_clear(c->loop, &c->adoption);
}
