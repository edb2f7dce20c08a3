/* Reloading: the configuration is read, checked and prepared by a work thread; only the swap
 * happens here. Whatever is wrong with it, what runs goes on running.
 *
 * Requests that arrive while one is being carried out are answered by the next one, which begins
 * after it: the file may have changed since the first one read it. */
#include "control/changes.h"
#include "control/room.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/notify.h"

#include <stdio.h>
#include <stdlib.h>

enum { RELOAD_MAGIC = 0x524c4f44, LOGGED_MAX = 20 };

struct reload_job {
    unsigned magic;
    struct control *control;
    struct control_hooks hooks;
    const struct config *before; /* in force; nothing else replaces it while this runs */
    struct route_table *table;
    struct order_text who; /* asked for it, and why; nobody by SIGHUP */
    json_t *changes;
    json_t *overruled; /* what of it does not count, by the document */
    struct complaints wrong;
    enum err err;
};

/* --- the work thread --- */

static void job_work(void *arg)
{
    struct reload_job *j;
    OBJ_CAST(j, arg, RELOAD_MAGIC);
    struct config *config = NULL;
    j->err = j->hooks.load(j->hooks.arg, &config, &j->wrong);
    if (j->err == ERR_OK)
        j->changes = changes_between(j->before, config);
    if (j->err == ERR_OK)
        j->err = route_table_new(config, &j->table, &j->wrong);
    if (j->err == ERR_OK && j->hooks.prepare != NULL)
        j->err = j->hooks.prepare(j->hooks.arg, j->table, &j->wrong);
    if (j->err != ERR_OK && j->table != NULL)
        route_table_free(&j->table);
}

static void job_free(void *arg)
{
    struct reload_job *j;
    OBJ_CAST(j, arg, RELOAD_MAGIC);
    if (j->table != NULL)
        route_table_free(&j->table);
    order_text_free(&j->who);
    json_decref(j->changes);
    json_decref(j->overruled);
    complaints_free(&j->wrong);
    j->magic = 0;
    free(j);
}

/* --- the result --- */

static void count(const char *result)
{
    metric_slot slot;
    if (metrics_series(METRIC_RELOADS, &result, &slot) == ERR_OK)
        metric_inc(slot);
}

static void remember(struct control *c, bool ok, json_t *said)
{
    struct reload *r = &c->reload;
    r->any = true;
    r->ok = ok;
    r->at_ms = clock_wall_ms();
    json_decref(r->said);
    r->said = json_incref(said);
}

static void refused(struct control *c, const struct reload_job *j)
{
    struct reload *r = &c->reload;
    json_t *list = api_complaints(&j->wrong);
    count("refused");
    log_error("reload", "the configuration is refused, what runs goes on: %s (%zu complaint%s)",
              err_sentence(j->err), j->wrong.n + j->wrong.dropped,
              j->wrong.n + j->wrong.dropped == 1 ? "" : "s");
    for (size_t i = 0; i < j->wrong.n; i++)
        log_error("reload", "%s: %s%s%s", j->wrong.list[i].where, j->wrong.list[i].what,
                  j->wrong.list[i].right == NULL ? "" : "; ",
                  j->wrong.list[i].right == NULL ? "" : j->wrong.list[i].right);
    remember(c, false, list);
    json_decref(list);
    for (size_t i = 0; i < r->nwaiting; i++) {
        api_refuse(r->waiting[i], 422, err_word(j->err),
                   "the configuration is refused; what runs goes on as it was", &j->wrong);
        admin_return(r->waiting[i]);
    }
    r->nwaiting = 0;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_store(const struct config_control *a, const struct config_control *b)
{
    return same_text(a->redis, b->redis) && same_text(a->store.password, b->store.password) &&
           same_text(a->sentinel_user, b->sentinel_user) &&
           same_text(a->sentinel_password, b->sentinel_password) && same_text(a->key, b->key) &&
           a->poll == b->poll && a->ack_ttl == b->ack_ttl &&
           same_text(a->audit_stream, b->audit_stream) &&
           a->audit_stream_max == b->audit_stream_max &&
           changes_same_names(&a->secrets, &b->secrets);
}

static json_t *copy_list(const json_t *list)
{
    json_t *copy = list == NULL ? json_array() : json_copy((json_t *)(uintptr_t)list);
    if (copy != NULL && json_array_size(copy) == 0)
        (void)json_array_append_new(copy,
                                    json_string("nothing in the configuration has changed; files "
                                                "it names were read again"));
    return copy;
}

static void answer_waiting(struct control *c, const struct reload_job *j)
{
    struct reload *r = &c->reload;
    for (size_t i = 0; i < r->nwaiting; i++) {
        json_t *list = copy_list(j->changes);
        if (list != NULL && j->overruled != NULL)
            (void)json_array_extend(list, j->overruled);
        orders_reloaded(c, r->waiting[i],
                        json_pack("{s:b, s:I, s:o}", "ok", 1, "epoch",
                                  (json_int_t)c->flip.state.epoch, "said", list));
    }
    r->nwaiting = 0;
}

static void succeeded(struct control *c, const struct reload_job *j, const struct flip_effect *fx,
                      bool other_store)
{
    const struct config *now = control_config(c);
    size_t n = json_array_size(j->changes);
    count("ok");
    log_setup(now->log.level, now->log.format);
    log_info("reload", "the configuration was reloaded: %zu change%s, epoch %llu", n,
             n == 1 ? "" : "s", (unsigned long long)c->flip.state.epoch);
    for (size_t i = 0; i < n && i < LOGGED_MAX; i++)
        log_info("reload", "%s", json_string_value(json_array_get(j->changes, i)));
    for (size_t i = 0; i < json_array_size(j->overruled) && i < LOGGED_MAX; i++)
        log_warn("reload", "%s", json_string_value(json_array_get(j->overruled, i)));
    remember(c, true, j->changes);
    if (c->admin != NULL)
        admin_token(c->admin, now->admin.token);
    apply_reloaded(c, fx);
    keep_config(c);
    if (other_store && c->store != NULL && apply_open_store(c) != ERR_OK)
        log_error("reload", "the new control store cannot be opened; the old one stays in use");
    answer_waiting(c, j);
    orders_progress(c);
}

static void begin(struct control *c);

static void job_done(void *arg)
{
    struct reload_job *j;
    OBJ_CAST(j, arg, RELOAD_MAGIC);
    struct control *c = j->control;
    struct flip_effect fx = {.outcome = FLIP_SAME};
    bool other_store = false;
    c->reload.running = NULL;
    if (j->err == ERR_OK) {
        other_store = !same_store(&j->before->control, &j->table->config->control);
        j->overruled = changes_overruled(c->flip.table, j->table->config, c->flip.state.document);
        const struct flip_reload said = {j->who.change.by, j->who.change.why, j->changes};
        j->err = flip_table(&c->flip, &j->table, &said, clock_wall_ms(), &fx);
    }
    if (j->err == ERR_OK)
        succeeded(c, j, &fx, other_store);
    else
        refused(c, j);
    job_free(j);
    notify_ready(NULL);
    if (c->reload.again && c->upgrade.step == UPGRADE_NONE)
        begin(c);
}

static const struct job_kind kind = {job_work, job_done, job_free};

/* --- asking for it --- */

static void cannot(struct control *c, enum err e)
{
    struct reload *r = &c->reload;
    order_text_free(&r->who);
    notify_ready(NULL);
    log_error("reload", "the configuration cannot be reloaded: %s", err_sentence(e));
    for (size_t i = 0; i < r->nwaiting; i++) {
        api_refuse(r->waiting[i], 503, err_word(e), err_sentence(e), NULL);
        admin_return(r->waiting[i]);
    }
    r->nwaiting = 0;
}

static void begin(struct control *c)
{
    struct reload *r = &c->reload;
    r->again = false;
    memcpy(r->waiting, r->next, r->nnext * sizeof(r->next[0]));
    r->nwaiting = r->nnext;
    r->nnext = 0;
    notify_reloading();
    struct reload_job *j = calloc(1, sizeof(*j));
    if (j == NULL) {
        cannot(c, ERR_NO_MEMORY);
        return;
    }
    OBJ_INIT(j, RELOAD_MAGIC);
    j->control = c;
    j->hooks = c->hooks;
    j->before = control_config(c);
    j->who = r->who;
    r->who = (struct order_text){.wait_ms = 0};
    enum err e = jobs_run(c->loads, &kind, j);
    if (e != ERR_OK) {
        job_free(j);
        cannot(c, e);
        return;
    }
    r->running = j;
}

static bool understood(struct reload *r, struct admin_request *request)
{
    struct order_text text;
    struct complaints wrong = {.n = 0};
    enum err e = order_read_request(request, false, &text, &wrong);
    if (e != ERR_OK) {
        api_refuse(request, err_status(e), err_word(e), err_sentence(e), &wrong);
        admin_return(request);
    } else if (r->who.change.by == NULL && r->who.change.why == NULL) {
        r->who = text;
    } else {
        order_text_free(&text);
    }
    complaints_free(&wrong);
    return e == ERR_OK;
}

void reload_request(struct control *c, struct admin_request *request)
{
    struct reload *r = &c->reload;
    if (request != NULL && c->upgrade.step != UPGRADE_NONE) {
        api_refuse(request, 409, "upgrade_under_way",
                   "an upgrade is under way, and reads the configuration", NULL);
        admin_return(request);
        return;
    }
    if (request != NULL && r->nnext == ORDERS_MAX) {
        api_refuse(request, 503, err_word(ERR_QUEUE_FULL), err_sentence(ERR_QUEUE_FULL), NULL);
        admin_return(request);
        return;
    }
    if (request != NULL && !understood(r, request))
        return;
    if (request != NULL)
        r->next[r->nnext++] = request;
    r->again = true;
    if (r->running == NULL && c->upgrade.step == UPGRADE_NONE)
        begin(c);
}

void reload_resume(struct control *c)
{
    if (c->reload.again && c->reload.running == NULL)
        begin(c);
}

void reload_end(struct control *c)
{
    json_decref(c->reload.said);
    c->reload.said = NULL;
    order_text_free(&c->reload.who);
    c->reload.nwaiting = c->reload.nnext = 0; /* the admin thread's to free */
}
