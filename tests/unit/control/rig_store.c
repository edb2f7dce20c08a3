#include "tests/unit/control/rig_store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void on_looked(void *arg, enum sight sight, struct span raw, enum err unreadable)
{
    struct watch *w = arg;
    pthread_mutex_lock(&w->lock);
    w->seen.looks++;
    w->seen.sight = sight;
    w->seen.unreadable = unreadable;
    w->seen.raw_n = raw.n;
    size_t n = min_size(raw.n, sizeof(w->seen.raw) - 1);
    memcpy(w->seen.raw, raw.p == NULL ? "" : raw.p, n);
    w->seen.raw[n] = '\0';
    w->seen.facts = w->store->facts;
    pthread_mutex_unlock(&w->lock);
}

static void on_wrote(void *arg, enum store_write how, uint64_t epoch, struct span raw,
                     const char *why)
{
    struct watch *w = arg;
    UNUSED(epoch);
    UNUSED(raw);
    pthread_mutex_lock(&w->lock);
    w->seen.wrote++;
    w->seen.how = how;
    (void)snprintf(w->seen.why, sizeof(w->seen.why), "%s", why == NULL ? "" : why);
    pthread_mutex_unlock(&w->lock);
}

static void on_changed(void *arg)
{
    struct watch *w = arg;
    pthread_mutex_lock(&w->lock);
    w->seen.facts = w->store->facts;
    pthread_mutex_unlock(&w->lock);
}

static void open_store(void *arg)
{
    struct watch *w = arg;
    struct store_options o = {.loop = w->loop.loop,
                              .events = {w, on_looked, on_wrote, on_changed},
                              .config = w->config,
                              .state_dir = rig_dir(),
                              .instance = w->instance};
    assert_int_equal(store_new(&o, &w->store), ERR_OK);
    store_start(w->store);
}

static void close_store(void *arg)
{
    struct watch *w = arg;
    store_close(&w->store);
}

static void watch_begin_as(struct watch *w, const char *url, const char *more, const char *instance)
{
    char control[PATH_MAX + 200];
    (void)signal(SIGPIPE, SIG_IGN);
    *w = (struct watch){.lock = PTHREAD_MUTEX_INITIALIZER, .instance = instance};
    (void)snprintf(control, sizeof(control), "\"control\": {\"redis\": \"%s\"%s},", url, more);
    w->config = rig_config(NULL, control);
    rig_loop_start(&w->loop);
    rig_on_loop(&w->loop, open_store, w);
}

void watch_begin(struct watch *w, const char *url, const char *more)
{
    watch_begin_as(w, url, more, "me");
}

void watch_end(struct watch *w)
{
    rig_on_loop(&w->loop, close_store, w);
    rig_loop_end(&w->loop);
    peers_free(&w->seen.peers);
    config_free(&w->config);
}

/* What was seen until now. */
const struct seen *seen(struct watch *w)
{
    static struct seen copy;
    pthread_mutex_lock(&w->lock);
    copy = w->seen;
    pthread_mutex_unlock(&w->lock);
    return &copy;
}

void forget(struct watch *w)
{
    pthread_mutex_lock(&w->lock);
    w->seen.wrote = 0;
    w->seen.peers_calls = 0;
    pthread_mutex_unlock(&w->lock);
}

/* --- conditions --- */

static const char *wanted;

#define CONDITION(name, expr)           \
    bool name(void *arg)                \
    {                                   \
        struct watch *w = arg;          \
        pthread_mutex_lock(&w->lock);   \
        bool is_so = (expr);            \
        pthread_mutex_unlock(&w->lock); \
        return is_so;                   \
    }

CONDITION(is_connected, w->seen.facts.connected)
CONDITION(is_lost, w->seen.facts.kind != NULL && !w->seen.facts.connected)
CONDITION(is_pushed, w->seen.facts.connected &&strcmp(w->seen.facts.mode, "push and poll") == 0)
CONDITION(is_polled, w->seen.facts.connected &&strncmp(w->seen.facts.mode, "poll only", 9) == 0)
CONDITION(is_settled,
          w->seen.facts.connected && (strcmp(w->seen.facts.mode, "push and poll") == 0 ||
                                      strncmp(w->seen.facts.mode, "poll only", 9) == 0))
CONDITION(is_missing, w->seen.looks > 0 && w->seen.sight == SIGHT_MISSING)
CONDITION(is_unreadable, w->seen.sight == SIGHT_UNREADABLE)
static CONDITION(has_value, w->seen.sight == SIGHT_VALUE && strcmp(w->seen.raw, wanted) == 0)
    CONDITION(has_written, w->seen.wrote > 0)
        CONDITION(has_peers, w->seen.peers_calls >
                                 0) static CONDITION(says_error,
                                                     strstr(w->seen.facts.error, wanted) != NULL)

            void expect(bool (*is)(void *arg), struct watch *w, const char *what)
{
    if (!rig_wait(is, w, 15000))
        fail_msg("never: %s (mode %s, error %s, sight %d, raw %s)", what, seen(w)->facts.mode,
                 seen(w)->facts.error, (int)seen(w)->sight, seen(w)->raw);
}

void expect_holds(struct watch *w, const char *raw)
{
    wanted = raw;
    expect(has_value, w, raw);
}

void expect_error(struct watch *w, const char *text)
{
    wanted = text;
    expect(says_error, w, text);
}
