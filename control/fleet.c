/* The table of findings beyond the process: written to state_dir/findings.ndjson every
 * shadow.findings_every, taken up again at the start, and with Redis told to the fleet. A work
 * thread makes the text, because that takes as long as the table is large; the control thread only
 * hands it on.
 *
 * What everybody told is read for whoever asks (GET /fleet), together with who is there and told
 * nothing. */
#include "control/disk.h"
#include "control/json_read.h"
#include "control/room.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    KEEP_MAGIC = 0x4b454550,
    FILE_MAX = 256 * 1024 * 1024,
    SETTLE_MS = 5000,
    LOOK_AGAIN_MS = 100,
};

static const char file_name[] = "findings.ndjson";

struct fleet_job { /* of control the thread takes the shadow and the lock, nothing else */
    unsigned magic;
    struct control *control;
    uint64_t changes;
    size_t publish_max; /* 0: it is not to be published */
    char path[PATH_MAX];
    char instance[INSTANCE_MAX];
    struct buf published;
    enum err err;
    int err_no;
};

/* --- writing --- */

static void job_free(void *arg)
{
    struct fleet_job *j;
    OBJ_CAST(j, arg, KEEP_MAGIC);
    buf_free(&j->published);
    j->magic = 0;
    free(j);
}

static enum err render_and_write(struct fleet_job *j)
{
    struct shadow *shadow = j->control->shadow;
    struct buf whole = BUF_INIT(FILE_MAX);
    enum err e = shadow_findings(shadow, j->instance, 0, &whole);
    if (e == ERR_OK)
        e = disk_replace(j->path, buf_span(&whole), 0600);
    j->err_no = errno;
    if (e == ERR_OK && j->publish_max > 0 && whole.n > j->publish_max)
        e = shadow_findings(shadow, j->instance, j->publish_max, &j->published);
    else if (e == ERR_OK && j->publish_max > 0)
        e = buf_append(&j->published, buf_span(&whole));
    buf_free(&whole);
    return e;
}

static void job_work(void *arg)
{
    struct fleet_job *j;
    OBJ_CAST(j, arg, KEEP_MAGIC);
    pthread_mutex_lock(&j->control->fleet.writing);
    j->err = render_and_write(j);
    pthread_mutex_unlock(&j->control->fleet.writing);
}

static void told(struct control *c, const struct fleet_job *j)
{
    struct fleet *k = &c->fleet;
    const char *why = j->err == ERR_SYSTEM ? strerror(j->err_no) : err_sentence(j->err);
    if (j->err != ERR_OK && !k->failed)
        log_warn("shadow", "%s/%s cannot be written: %s; findings would be lost at a restart",
                 c->state_dir, file_name, why);
    if (j->err == ERR_OK && k->failed)
        log_info("shadow", "%s/%s is written again", c->state_dir, file_name);
    k->failed = j->err != ERR_OK;
    if (j->err != ERR_OK)
        return;
    k->written = j->changes;
    metric_set(METRIC_SHADOW_FINDINGS_WRITTEN, clock_wall_ms() / 1000);
    if (j->publish_max > 0 && c->store != NULL)
        store_publish(c->store, j->changes, buf_span(&j->published));
}

static void job_done(void *arg)
{
    struct fleet_job *j;
    OBJ_CAST(j, arg, KEEP_MAGIC);
    struct control *c = j->control;
    c->fleet.running = false;
    told(c, j);
    job_free(j);
    upgrade_progress(c);
}

static const struct job_kind keep_kind = {job_work, job_done, job_free};

static struct fleet_job *job_new(struct control *c)
{
    struct fleet_job *j = calloc(1, sizeof(*j));
    if (j == NULL)
        return NULL;
    OBJ_INIT(j, KEEP_MAGIC);
    j->control = c;
    j->changes = shadow_findings_changes(c->shadow);
    if (c->store != NULL && store_publishes(c->store))
        j->publish_max = (size_t)control_config(c)->shadow.publish_max;
    j->published = BUF_INIT(0);
    (void)snprintf(j->instance, sizeof(j->instance), "%s", c->instance);
    if (disk_path(j->path, sizeof(j->path), c->state_dir, file_name) == ERR_OK)
        return j;
    job_free(j);
    return NULL;
}

/* Whether there is something that the file, or those who are told, do not have. */
static bool has_news(const struct control *c)
{
    uint64_t changes = shadow_findings_changes(c->shadow);
    bool told_all = c->store == NULL || !store_publishes(c->store) || !c->store->facts.connected ||
                    control_config(c)->shadow.publish_max == 0 ||
                    c->store->facts.published == changes;
    return changes != c->fleet.written || (changes > 0 && !told_all);
}

static void on_tick(void *arg)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    struct fleet *k = &c->fleet;
    loop_timer_set(c->loop, &k->tick, control_config(c)->shadow.findings_every);
    if (c->role != ROLE_IN_CHARGE) /* another process has the file, and our name in the fleet */
        return;
    purge_old(c);
    if (k->running || !has_news(c))
        return;
    struct fleet_job *j = job_new(c);
    k->running = j != NULL && jobs_run(c->disk, &keep_kind, j) == ERR_OK;
    if (j != NULL && !k->running)
        job_free(j);
}

/* --- life --- */

void fleet_restore(struct control *c)
{
    char path[PATH_MAX];
    struct buf text = BUF_INIT(0);
    if (c->shadow == NULL || !shadow_findings_last(c->shadow) ||
        disk_path(path, sizeof(path), c->state_dir, file_name) != ERR_OK)
        return;
    enum err e = disk_read(path, FILE_MAX, &text);
    if (e == ERR_OK)
        e = shadow_findings_restore(c->shadow, buf_span(&text), c->instance);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        log_warn("shadow", "%s cannot be read: %s; findings are counted anew", path,
                 e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
    buf_free(&text);
}

static void on_look(void *arg);

void fleet_begin(struct control *c)
{
    struct fleet *k = &c->fleet;
    pthread_mutex_init(&k->writing, NULL);
    timer_begin(&k->tick, on_tick, c);
    timer_begin(&k->look, on_look, c);
}

void fleet_start(struct control *c)
{
    if (c->shadow == NULL || !shadow_findings_last(c->shadow))
        return;
    c->fleet.on = true;
    loop_timer_set(c->loop, &c->fleet.tick, control_config(c)->shadow.findings_every);
}

void fleet_soon(struct control *c)
{
    if (c->fleet.on)
        loop_timer_set(c->loop, &c->fleet.tick, 0);
}

static void write_now(struct control *c)
{
    struct fleet_job *j = has_news(c) ? job_new(c) : NULL;
    if (j == NULL)
        return;
    job_work(j);
    told(c, j);
    job_free(j);
}

void fleet_hand_over(struct control *c)
{
    if (c->fleet.on)
        write_now(c);
}

void fleet_last(struct control *c)
{
    struct fleet *k = &c->fleet;
    loop_timer_clear(c->loop, &k->tick);
    loop_timer_clear(c->loop, &k->look);
    buf_free(&k->looking.lines);
    buf_free(&k->looking.whose);
    if (!k->on || c->role != ROLE_IN_CHARGE)
        return;
    shadow_settle(c->shadow, SETTLE_MS);
    write_now(c);
}

void fleet_end(struct control *c)
{
    pthread_mutex_destroy(&c->fleet.writing);
}

/* --- looking --- */

void fleet_findings(struct admin_request *r)
{
    struct control *c = r->control;
    r->status = 200;
    r->type = "application/x-ndjson";
    if (c->shadow == NULL || shadow_findings(c->shadow, c->instance, 0, &r->answer) != ERR_OK)
        api_say(r, 503, NULL);
}

static struct fleet_look *look_of(struct control *c)
{
    return &c->fleet.looking;
}

static void look_ends(struct control *c, const char *why)
{
    struct fleet_look *l = look_of(c);
    for (size_t i = 0; i < l->n; i++) {
        struct admin_request *r = l->requests[i];
        r->status = 200;
        r->type = "application/x-ndjson";
        if (why != NULL)
            api_refuse(r, 503, err_word(ERR_CONTROL_STORE), why, NULL);
        else if (buf_append(&r->answer, buf_span(&l->lines)) != ERR_OK)
            api_say(r, 503, NULL);
        admin_return(r);
    }
    buf_free(&l->lines);
    buf_free(&l->whose);
    *l = (struct fleet_look){.n = 0};
}

void fleet_store_gone(struct control *c)
{
    loop_timer_clear(c->loop, &c->fleet.look);
    look_ends(c, "the control store was exchanged by a reload; try again");
}

/* The lines themselves are too many to be looked through for each. */
static bool has_table(const struct fleet_look *l, const char *instance)
{
    char name[INSTANCE_MAX + 2];
    int n = snprintf(name, sizeof(name), "%c%s", '\0', instance);
    return l->whose.n > 0 && n > 0 && (size_t)n < sizeof(name) &&
           memmem(l->whose.p, l->whose.n, name, (size_t)n + 1) != NULL;
}

/* Who acknowledges and has no table. */
static enum err add_missing(struct fleet_look *l, const struct peer *p)
{
    if (has_table(l, p->instance))
        return ERR_OK;
    json_t *text = json_text(span_str(p->instance));
    char *quoted = text == NULL ? NULL : json_dumps(text, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    enum err e = ERR_NO_MEMORY;
    if (quoted != NULL)
        e = buf_printf(&l->lines, "{\"v\":1,\"t\":\"missing\",\"at\":%llu,\"instance\":%s}\n",
                       (unsigned long long)clock_wall_ms(), quoted);
    free(quoted);
    json_decref(text);
    return e;
}

static void on_peers(void *arg, struct peers *p)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    struct fleet_look *l = look_of(c);
    enum err e = ERR_OK;
    c->orders.asking = false;
    for (size_t i = 0; i < p->n && e == ERR_OK; i++)
        e = add_missing(l, &p->list[i]);
    bool complete = p->complete;
    peers_free(p);
    look_ends(c, e != ERR_OK ? err_sentence(e)
                 : complete  ? NULL
                             : "the control store was lost meanwhile; try again");
}

/* One asks for peers at a time, and orders go first. */
static void on_look(void *arg)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    if (c->orders.asking || c->store == NULL) {
        loop_timer_set(c->loop, &c->fleet.look, LOOK_AGAIN_MS);
        return;
    }
    c->orders.asking = true;
    store_peers(c->store, on_peers, c);
}

static void on_tables(void *arg, struct store_tables *t)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    struct fleet_look *l = look_of(c);
    l->lines = t->lines;
    l->whose = t->whose;
    if (!t->complete)
        look_ends(c, "the control store does not answer");
    else if (t->left_out > 0)
        look_ends(c, "the tables of the fleet are too large to be read together");
    else
        on_look(c);
}

void fleet_request(struct control *c, struct admin_request *r)
{
    struct fleet_look *l = look_of(c);
    if (c->store == NULL || !store_publishes(c->store)) {
        api_refuse(r, 409, "no_fleet",
                   "there is no control.redis, so nobody tells others of findings: GET /findings",
                   NULL);
        admin_return(r);
        return;
    }
    if (l->n == ARRAY_LEN(l->requests)) {
        api_refuse(r, 503, err_word(ERR_QUEUE_FULL), "too many look at the fleet", NULL);
        admin_return(r);
        return;
    }
    l->requests[l->n++] = r;
    if (l->n == 1)
        store_tables(c->store, on_tables, c);
}
