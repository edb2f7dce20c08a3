/* Orders of operators: carried out at once, answered when they are true. An answer waits, within a
 * time limit, for the workers (every one routes by it), the disk (it survives a restart) and the
 * store (the others get it); with `wait_ms` also for the other instances' acknowledgements. What is
 * still missing at the end of the time is named. */
#include "control/room.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 2000, TICK_MS = 40 };

static void say(json_t *said, const char *text)
{
    (void)json_array_append_new(said, json_string(text));
}

static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value); /* without memory the answer is shorter */
}

/* --- the answer --- */

static void say_store(struct control *c, struct order *o)
{
    static const char *const words[] = {[ORDER_NO_STORE] = "none",
                                        [ORDER_WAITS] = "pending",
                                        [ORDER_WRITTEN] = "written",
                                        [ORDER_OVERTAKEN] = "overtaken",
                                        [ORDER_LATER] = "pending"};
    char line[640];
    if (o->store == ORDER_NO_STORE)
        return;
    put(o->answer, "store", json_string(words[o->store]));
    if (o->store == ORDER_OVERTAKEN) {
        (void)snprintf(line, sizeof(line),
                       "but %s held something newer, and that is in force now: see `weir status`",
                       c->store->facts.name);
        say(o->said, line);
    } else if (o->store != ORDER_WRITTEN) {
        const char *why = c->write_error[0] != '\0' ? c->write_error : c->store->facts.error;
        (void)snprintf(line, sizeof(line),
                       "in force on this instance only: it could not be written to %s%s%s; it will "
                       "be as soon as that is possible",
                       c->store->facts.name, why[0] == '\0' ? "" : ": ", why);
        say(o->said, line);
    }
}

static void say_local(struct control *c, struct order *o)
{
    bool adopted = router_adopted(c->router, o->generation);
    bool saved = c->persist.written >= o->persisted;
    char line[256];
    put(o->answer, "adopted", json_boolean(adopted));
    put(o->answer, "saved", json_boolean(saved));
    if (!adopted)
        say(o->said, "not every worker has taken it over yet");
    if (saved)
        return;
    (void)snprintf(line, sizeof(line), "it is not on disk yet and would be lost at a restart%s%s",
                   c->persist.error[0] == '\0' ? "" : ": ", c->persist.error);
    say(o->said, line);
}

static void say_peer(const struct order *o, const struct peer *p, json_t *list, json_t *laggards)
{
    bool has = p->document >= o->document;
    (void)json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:b}", "instance", p->instance,
                                                "epoch", (json_int_t)p->epoch, "document",
                                                (json_int_t)p->document, "has_it", has));
    if (!has)
        (void)json_array_append_new(laggards, json_string(p->instance));
}

static void say_peers(const struct control *c, struct order *o)
{
    json_t *list = json_array();
    json_t *laggards = json_array();
    char line[400];
    size_t n = o->peers.n;
    if (!o->wait)
        goto out;
    for (size_t i = 0; i < n; i++)
        say_peer(o, &o->peers.list[i], list, laggards);
    put(o->answer, "instances", json_incref(list));
    put(o->answer, "laggards", json_incref(laggards));
    if (o->all && n > 1)
        (void)snprintf(line, sizeof(line), "all %zu instances have it", n);
    else if (o->all)
        (void)snprintf(line, sizeof(line), "the only instance (%.200s) has it", c->instance);
    else if (n == 0)
        (void)snprintf(
            line, sizeof(line),
            "which other instances there are is not known: the store could not be asked");
    else
        (void)snprintf(line, sizeof(line), "%zu of %zu instances do not have it yet%s",
                       json_array_size(laggards), n,
                       o->peers.complete ? "" : "; the store could not be asked");
    say(o->said, line);
    for (size_t i = 0; i < json_array_size(laggards); i++) {
        (void)snprintf(line, sizeof(line), "behind: %.300s",
                       json_string_value(json_array_get(laggards, i)));
        say(o->said, line);
    }
out:
    json_decref(list);
    json_decref(laggards);
}

static int status_of(const struct control *c, const struct order *o)
{
    if (o->store == ORDER_OVERTAKEN)
        return 409;
    bool local = router_adopted(c->router, o->generation) && c->persist.written >= o->persisted;
    bool stored = o->store == ORDER_WRITTEN || o->store == ORDER_NO_STORE;
    return local && stored && (!o->wait || o->all) ? 200 : 202;
}

static void order_free(struct order *o)
{
    json_decref(o->answer);
    peers_free(&o->peers);
    free(o);
}

static void reply(struct control *c, struct order *o)
{
    int status = status_of(c, o);
    put(o->answer, "complete", json_boolean(status == 200));
    say_local(c, o);
    say_store(c, o);
    say_peers(c, o);
    api_say(o->request, status, json_incref(o->answer));
    admin_return(o->request);
    order_free(o);
}

/* --- waiting --- */

static bool is_done(const struct control *c, const struct order *o)
{
    bool saved = c->persist.written >= o->persisted || c->persist.error[0] != '\0';
    if (!router_adopted(c->router, o->generation) || !saved || o->store == ORDER_WAITS)
        return false;
    return !o->wait || o->all || o->store == ORDER_OVERTAKEN || o->store == ORDER_LATER;
}

void orders_progress(struct control *c)
{
    uint64_t now = loop_now_ms(c->loop);
    for (struct order **at = &c->orders.first; *at != NULL;) {
        struct order *o = *at;
        if (!is_done(c, o) && now < o->deadline_ms) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        c->orders.n--;
        reply(c, o);
    }
    if (c->orders.first == NULL)
        loop_timer_clear(c->loop, &c->orders.tick);
}

void orders_hurry(struct control *c)
{
    for (struct order *o = c->orders.first; o != NULL; o = o->next)
        o->deadline_ms = 0;
    orders_progress(c);
}

void orders_store(struct control *c, enum order_store how)
{
    for (struct order *o = c->orders.first; o != NULL; o = o->next)
        if (o->store == ORDER_WAITS || (o->store == ORDER_LATER && how != ORDER_LATER))
            o->store = how;
    orders_progress(c);
}

/* --- the other instances --- */

static struct order *who_waits(struct control *c)
{
    for (struct order *o = c->orders.first; o != NULL; o = o->next)
        if (o->wait && !o->all && o->store == ORDER_WRITTEN)
            return o;
    return NULL;
}

static bool copy_peers(struct peers *to, const struct peers *from)
{
    peers_free(to);
    to->complete = from->complete;
    to->list = calloc(from->n + 1, sizeof(*to->list));
    for (; to->list != NULL && to->n < from->n; to->n++) {
        to->list[to->n] = from->list[to->n];
        to->list[to->n].instance = strdup(from->list[to->n].instance);
        if (to->list[to->n].instance == NULL)
            break;
    }
    return to->n == from->n;
}

static void take_peers(struct order *o, const struct peers *p)
{
    bool all = p->complete && copy_peers(&o->peers, p);
    for (size_t i = 0; all && i < p->n; i++)
        all = p->list[i].document >= o->document;
    o->all = all;
}

static void on_peers(void *arg, struct peers *p)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    c->orders.asking = false;
    for (struct order *o = c->orders.first; o != NULL; o = o->next)
        if (o->wait && !o->all && o->store == ORDER_WRITTEN)
            take_peers(o, p);
    peers_free(p);
    orders_progress(c);
}

static void on_tick(void *arg)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    if (c->orders.first != NULL)
        loop_timer_set(c->loop, &c->orders.tick, TICK_MS);
    orders_progress(c);
    if (who_waits(c) != NULL && !c->orders.asking && c->store != NULL) {
        c->orders.asking = true;
        store_peers(c->store, on_peers, c);
    }
}

/* --- taking orders --- */

static void refuse(struct admin_request *r, enum err e, const struct complaints *wrong)
{
    int status = err_status(e) != 0 ? err_status(e) : 500;
    api_refuse(r, status, err_word(e), err_sentence(e), wrong);
    admin_return(r);
}

static struct order *order_new(struct control *c, struct admin_request *r, json_t *answer,
                               uint64_t wait_ms)
{
    struct order *o = calloc(1, sizeof(*o));
    if (o == NULL || answer == NULL) {
        free(o);
        json_decref(answer);
        return NULL;
    }
    o->request = r;
    o->answer = answer;
    o->said = json_object_get(answer, "said");
    o->generation = c->flip.generation;
    o->persisted = c->persist.wanted;
    o->wait = wait_ms > 0;
    o->deadline_ms = loop_now_ms(c->loop) + (o->wait ? wait_ms : PATIENCE_MS);
    return o;
}

static void enqueue(struct control *c, struct order *o)
{
    struct order **at = &c->orders.first;
    while (*at != NULL)
        at = &(*at)->next;
    *at = o;
    c->orders.n++;
    loop_timer_set(c->loop, &c->orders.tick, TICK_MS);
}

static bool no_room(const struct control *c, struct admin_request *r)
{
    if (c->orders.n < ORDERS_MAX)
        return false;
    refuse(r, ERR_QUEUE_FULL, NULL);
    return true;
}

static json_t *answer_of(const struct control *c, const struct document *before)
{
    const struct state *s = &c->flip.state;
    const struct document *d = s->document;
    json_t *said = json_array();
    char line[128];
    (void)snprintf(line, sizeof(line), "epoch %llu is in force", (unsigned long long)s->epoch);
    if (said != NULL) {
        say(said, line);
        (void)!order_describe(&c->flip, before, d, said);
        if (c->shadow != NULL)
            (void)!order_warn(&c->flip, c->shadow, before, d, said);
    }
    return json_pack("{s:I, s:I, s:s, s:o}", "epoch", (json_int_t)s->epoch, "document",
                     (json_int_t)d->epoch, "pin", pin_word(d->pin), "said", said);
}

typedef enum err order_fn(struct flip *f, const struct change *ch, uint64_t now_ms,
                          struct complaints *wrong, struct flip_effect *out);

/* fx.write makes apply_effect() write to the store; what becomes of it arrives in orders_store().
 * So the order is queued before the effects are applied. */
static void carry_out(struct control *c, struct admin_request *r, const struct order_text *text,
                      order_fn *fn, struct complaints *wrong)
{
    struct flip_effect fx;
    struct document *before = NULL;
    const struct document *now = c->flip.state.document;
    if (now != NULL && document_copy(now, &before) != ERR_OK) {
        refuse(r, ERR_NO_MEMORY, NULL);
        return;
    }
    enum err e = fn(&c->flip, &text->change, clock_wall_ms(), wrong, &fx);
    if (e != ERR_OK) {
        document_free(&before);
        refuse(r, e, wrong);
        return;
    }
    struct order *o = order_new(c, r, answer_of(c, before), text->wait_ms);
    document_free(&before);
    if (o != NULL) {
        o->document = c->flip.state.document->epoch;
        o->persisted = c->persist.wanted + 1;
        o->store = c->store != NULL && c->store->facts.connected ? ORDER_WAITS : ORDER_LATER;
        enqueue(c, o);
    } else { /* the order stands, only the answer is short */
        api_say(r, 202, NULL);
        admin_return(r);
    }
    apply_effect(c, &fx, SOURCE_ADMIN, wrong);
    orders_progress(c);
}

static void take(struct control *c, struct admin_request *r, bool change, order_fn *fn)
{
    struct order_text text;
    struct complaints wrong = {.n = 0};
    if (no_room(c, r))
        return;
    enum err e = order_read_request(r, change, &text, &wrong);
    if (e == ERR_OK) {
        carry_out(c, r, &text, fn, &wrong);
        order_text_free(&text);
    } else {
        refuse(r, e, &wrong);
    }
    complaints_free(&wrong);
}

void orders_change(struct control *c, struct admin_request *r)
{
    take(c, r, true, flip_change);
}

void orders_undo(struct control *c, struct admin_request *r)
{
    take(c, r, false, flip_undo);
}

void orders_reloaded(struct control *c, struct admin_request *r, json_t *answer)
{
    struct order *o = order_new(c, r, answer, 0);
    if (o == NULL) {
        api_say(r, 200, NULL);
        admin_return(r);
        return;
    }
    enqueue(c, o);
}

void orders_begin(struct control *c)
{
    timer_begin(&c->orders.tick, on_tick, c);
}

void orders_end(struct control *c)
{
    loop_timer_clear(c->loop, &c->orders.tick);
    while (c->orders.first != NULL) {
        struct order *o = c->orders.first;
        c->orders.first = o->next;
        order_free(o); /* the request is the admin thread's to free */
    }
    c->orders.n = 0;
}
