#include "tests/unit/control/rig_weir.h"

#include "base/arena.h"
#include "control/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void nap(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* --- hooks --- */

static enum err load(void *arg, struct config **out, struct complaints *wrong)
{
    struct rig_weir *w = arg;
    char state_dir[512];
    pthread_mutex_lock(&w->lock);
    bool bad = w->bad;
    unsigned slow = w->slow_ms;
    (void)snprintf(state_dir, sizeof(state_dir), "\"state_dir\": \"%s\", %.300s", w->dir, w->more);
    *out = bad ? NULL : rig_config(w->routes, state_dir);
    pthread_mutex_unlock(&w->lock);
    w->loads++;
    nap(slow);
    if (!bad)
        return ERR_OK;
    complain(wrong, "weir.json:7: $.routes[0].new_percent", "must be a number from 0 to 100",
             "is 150");
    return ERR_CONFIG;
}

static enum err prepare(void *arg, struct route_table *table, struct complaints *wrong)
{
    UNUSED(arg);
    UNUSED(table);
    UNUSED(wrong);
    return ERR_OK;
}

static void published(void *arg, const struct route_table *table)
{
    struct rig_weir *w = arg;
    UNUSED(table);
    w->published++;
}

static void drain(void *arg)
{
    ((struct rig_weir *)arg)->drains++;
}

static void stop(void *arg)
{
    ((struct rig_weir *)arg)->stops++;
}

static enum err describe(void *arg, struct buf *json)
{
    UNUSED(arg);
    return buf_append(json, SPAN("\"listeners\": [\"127.0.0.1:1\"], \"connections\": 3,"));
}

/* --- workers --- */

static void *worker_main(void *arg)
{
    struct rig_worker *k = arg;
    struct rig_weir *w = k->weir;
    uint64_t generation = 0;
    while (!w->stop) {
        nap(1);
        if (w->hold)
            continue;
        const struct snapshot_hold *h = router_adopt(k->reader);
        if (h->snapshot->generation != generation) {
            generation = h->snapshot->generation;
            control_adopted(w->control);
        }
    }
    router_reader_free(&k->reader);
    return NULL;
}

static void start_workers(struct rig_weir *w)
{
    for (int i = 0; i < RIG_WORKERS; i++) {
        struct rig_worker *k = &w->workers[i];
        k->weir = w;
        assert_int_equal(router_reader_new(w->router, NULL, NULL, &k->reader), ERR_OK);
        assert_int_equal(pthread_create(&k->thread, NULL, worker_main, k), 0);
    }
}

static void stop_workers(struct rig_weir *w)
{
    w->stop = true;
    for (int i = 0; i < RIG_WORKERS; i++)
        pthread_join(w->workers[i].thread, NULL);
}

/* --- life --- */

static void *loop_main(void *arg)
{
    loop_run(arg);
    arena_thread_end(); /* tables are freed here */
    return NULL;
}

static enum err make(struct rig_weir *w, struct complaints *wrong)
{
    static const struct control_hooks plain = {.load = load,
                                               .prepare = prepare,
                                               .published = published,
                                               .drain = drain,
                                               .stop = stop,
                                               .describe = describe};
    struct control_hooks hooks = plain;
    struct config *config = NULL;
    struct route_table *table = NULL;
    hooks.arg = w;
    assert_int_equal(load(w, &config, wrong), ERR_OK);
    assert_int_equal(route_table_new(config, &table, wrong), ERR_OK);
    assert_int_equal(router_new(RIG_WORKERS, &w->router), ERR_OK);
    return control_new(&w->control, w->loop.loop, w->router, NULL, NULL, &table, &hooks, wrong);
}

enum err rig_weir_try(struct rig_weir *w, const char *name, const char *more,
                      struct complaints *wrong)
{
    *w = (struct rig_weir){.lock = PTHREAD_MUTEX_INITIALIZER, .more = more == NULL ? "" : more};
    (void)snprintf(w->dir, sizeof(w->dir), "%s/%s", rig_dir(), name);
    (void)snprintf(w->socket, sizeof(w->socket), "%s/admin.sock", w->dir);
    assert_int_equal(loop_new(&w->loop.loop, 1024), ERR_OK);
    enum err e = make(w, wrong);
    if (e == ERR_OK) {
        start_workers(w);
        e = control_start(w->control, wrong);
        if (e != ERR_OK)
            stop_workers(w);
    }
    if (e != ERR_OK) {
        control_free(&w->control);
        router_free(&w->router);
        loop_free(&w->loop.loop);
        return e;
    }
    control_ready(w->control, true);
    assert_int_equal(pthread_create(&w->loop.thread, NULL, loop_main, w->loop.loop), 0);
    return ERR_OK;
}

void rig_weir_start(struct rig_weir *w, const char *name, const char *more)
{
    struct complaints wrong = {.n = 0};
    if (rig_weir_try(w, name, more, &wrong) != ERR_OK)
        fail_msg("%s: %s", wrong.list[0].where, wrong.list[0].what);
}

void rig_weir_end(struct rig_weir *w)
{
    rig_loop_stop(&w->loop);
    stop_workers(w);
    control_free(&w->control);
    router_free(&w->router);
    rig_loop_free(&w->loop);
}

void rig_weir_next(struct rig_weir *w, const char *routes, const char *more, bool bad)
{
    pthread_mutex_lock(&w->lock);
    w->routes = routes;
    if (more != NULL)
        w->more = more;
    w->bad = bad;
    pthread_mutex_unlock(&w->lock);
}

/* --- asking --- */

int rig_call(const struct rig_weir *w, const char *method, const char *path, const char *body,
             char *out, size_t cap)
{
    struct admin_answer answer;
    struct complaints wrong = {.n = 0};
    if (admin_call(w->socket, method, path, span_str(body), 20000, &answer, &wrong) != ERR_OK)
        fail_msg("%s %s: %s: %s", method, path, wrong.list[0].where, wrong.list[0].what);
    (void)snprintf(out, cap, "%.*s", (int)answer.body.n,
                   answer.body.p == NULL ? "" : answer.body.p);
    buf_free(&answer.body);
    return answer.status;
}

static void squeeze(char *s)
{
    char *to = s;
    for (; *s != '\0'; s++)
        if (*s != ' ' && *s != '\n')
            *to++ = *s;
    *to = '\0';
}

bool rig_says(const struct rig_weir *w, const char *text)
{
    char status[32768];
    char want[512];
    assert_int_equal(rig_call(w, "GET", "/status", NULL, status, sizeof(status)), 200);
    (void)snprintf(want, sizeof(want), "%s", text);
    squeeze(status);
    squeeze(want);
    return strstr(status, want) != NULL;
}

struct saying {
    const struct rig_weir *w;
    const char *text;
};

static bool says(void *arg)
{
    const struct saying *s = arg;
    return rig_says(s->w, s->text);
}

void rig_expect(const struct rig_weir *w, const char *text)
{
    char status[32768];
    if (rig_wait(says, &(struct saying){w, text}, 10000))
        return;
    (void)rig_call(w, "GET", "/status", NULL, status, sizeof(status));
    fail_msg("never: %s in %s", text, status);
}
