/* The life of the control plane: what is made in which order, signals, and the end. */
#include "control/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/notify.h"
#include "base/scribe.h"
#include "control/disk.h"
#include "control/room.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- making --- */

static enum err system_error(struct complaints *wrong, const char *where, const char *doing)
{
    complain(wrong, where, NULL, "%s: %s", doing, strerror(errno));
    return ERR_CONFIG;
}

static void say_locked(int fd, const char *path, struct complaints *wrong)
{
    char pid[32] = "?";
    ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[n > 0 ? n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    complain(wrong, path, "stop it, or give this one another state_dir",
             "another weir (process %s) uses this state directory", pid[0] == '\0' ? "?" : pid);
}

/* The process before has locked it; this must be the same state directory. */
static enum err take_lock(struct control *c, struct complaints *wrong)
{
    char path[PATH_MAX];
    struct stat theirs, ours;
    c->lock_fd = c->hooks.handed->lock;
    TRY(disk_path(path, sizeof(path), c->state_dir, "lock"));
    if (fstat(c->lock_fd, &theirs) == 0 && stat(path, &ours) == 0 && theirs.st_ino == ours.st_ino &&
        theirs.st_dev == ours.st_dev)
        return ERR_OK;
    complain(wrong, "$.state_dir", "restart weir to change it",
             "is %s, not the directory of the process this one is to take over from", c->state_dir);
    return ERR_CONFIG;
}

/* Held while we live: two of us in one directory would overwrite each other's state. */
static enum err lock_state(struct control *c, struct complaints *wrong)
{
    char path[PATH_MAX];
    if (c->hooks.handed != NULL)
        return take_lock(c, wrong);
    if (disk_path(path, sizeof(path), c->state_dir, "lock") != ERR_OK)
        return ERR_TOO_LARGE;
    c->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (c->lock_fd < 0)
        return system_error(wrong, path, "cannot be opened");
    if (flock(c->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        say_locked(c->lock_fd, path, wrong);
        return ERR_CONFIG;
    }
    if (!control_sign_lock(c))
        return system_error(wrong, path, "cannot be written");
    return ERR_OK;
}

bool control_sign_lock(struct control *c)
{
    char pid[32];
    int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    return ftruncate(c->lock_fd, 0) == 0 && pwrite(c->lock_fd, pid, (size_t)n, 0) == n;
}

static enum err name_instance(struct control *c, const struct config *config)
{
    if (gethostname(c->host, sizeof(c->host) - 1) != 0)
        (void)snprintf(c->host, sizeof(c->host), "localhost");
    const char *given = config->control.instance;
    int n = given != NULL ? snprintf(c->instance, sizeof(c->instance), "%s", given)
                          : snprintf(c->instance, sizeof(c->instance), "%.100s:%.140s/admin.sock",
                                     c->host, c->state_dir);
    return n > 0 ? ERR_OK : ERR_INVALID;
}

static enum err make_state_dir(struct control *c, const struct config *config,
                               struct complaints *wrong)
{
    if ((size_t)snprintf(c->state_dir, sizeof(c->state_dir), "%s", config->state_dir) >=
        sizeof(c->state_dir)) {
        complain(wrong, "$.state_dir", NULL, "is too long");
        return ERR_CONFIG;
    }
    if (disk_directory(c->state_dir) != ERR_OK)
        return system_error(wrong, c->state_dir, "the state directory cannot be made");
    TRY(lock_state(c, wrong));
    return name_instance(c, config);
}

/* A damaged state is no reason not to start: the configured weights apply, loudly. */
static enum err restore(struct control *c, struct complaints *wrong)
{
    char path[PATH_MAX];
    struct complaints damage = {.n = 0};
    struct buf text = BUF_INIT(4096);
    TRY(disk_path(path, sizeof(path), c->state_dir, "state.json"));
    enum err e = state_load(path, &c->flip.state, &damage);
    if (e == ERR_INVALID) {
        for (size_t i = 0; i < damage.n; i++)
            log_error("control", "%s: %s; the configured weights apply", damage.list[i].where,
                      damage.list[i].what);
        if (complaints_render(&damage, &text) == ERR_OK &&
            buf_append(&text, span_of("", 1)) == ERR_OK)
            c->damaged = text.p;
        else
            buf_free(&text);
        e = ERR_OK;
    } else if (e == ERR_SYSTEM) {
        for (size_t i = 0; i < damage.n; i++)
            complain(wrong, damage.list[i].where, damage.list[i].right, "%s", damage.list[i].what);
        e = ERR_CONFIG;
    }
    complaints_free(&damage);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static void begin_timers(struct control *c)
{
    persist_begin(c);
    orders_begin(c);
    apply_begin(c);
    upgrade_begin(c);
    fleet_begin(c);
}

/* Counters that exist from the start: a scraper cannot tell "none yet" from "no such thing". */
static void begin_metrics(void)
{
    static const enum err refusals[] = {
        ERR_CONTROL_MALFORMED,  ERR_CONTROL_STALE,    ERR_CONTROL_CONFLICT, ERR_CONTROL_TOO_LARGE,
        ERR_CONTROL_WRONG_TYPE, ERR_CONTROL_UNSIGNED, ERR_CONTROL_SIGNATURE};
    static const char *const results[] = {"ok", "refused"};
    static const char *const upgrades[] = {"ok", "failed"};
    metric_slot slot;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        (void)!metrics_series(METRIC_CONTROL_REFUSED, &(const char *){err_word(refusals[i])},
                              &slot);
    for (size_t i = 0; i < ARRAY_LEN(results); i++)
        (void)!metrics_series(METRIC_RELOADS, &results[i], &slot);
    for (size_t i = 0; i < ARRAY_LEN(upgrades); i++)
        (void)!metrics_series(METRIC_UPGRADES, &upgrades[i], &slot);
    for (enum source s = SOURCE_REDIS; s <= SOURCE_CONFIG; s++)
        (void)!metrics_series(METRIC_FLIPS, &(const char *){source_word(s)}, &slot);
    if (metrics_series(METRIC_INFO, &(const char *){WEIR_VERSION}, &slot) == ERR_OK)
        metric_set(slot, 1);
}

static enum err make(struct control *c, struct route_table **table, struct complaints *wrong)
{
    struct flip_effect fx;
    TRY(make_state_dir(c, (*table)->config, wrong));
    TRY(jobs_new(&c->disk, c->loop, "weir-disk", 1));
    TRY(jobs_new(&c->loads, c->loop, "weir-load", 1));
    TRY(restore(c, wrong));
    fleet_restore(c);
    TRY(flip_table(&c->flip, table, NULL, clock_wall_ms(), &fx));
    metric_set(METRIC_EPOCH, c->flip.state.epoch);
    if (fx.persist)
        persist_request(c);
    if (c->role != ROLE_IN_CHARGE)
        return ERR_OK;
    local_look(c);
    keep_config(c);
    return ERR_OK;
}

enum err control_new(struct control **out, struct loop *loop, struct router *router,
                     struct shadow *shadow, struct scribe *scribe, struct route_table **table,
                     const struct control_hooks *hooks, struct complaints *wrong)
{
    *out = NULL;
    struct control *c = calloc(1, sizeof(*c));
    enum err e = ERR_NO_MEMORY;
    if (c != NULL) {
        OBJ_INIT(c, CONTROL_MAGIC);
        c->loop = loop;
        c->router = router;
        c->shadow = shadow;
        c->scribe = scribe;
        c->hooks = *hooks;
        c->lock_fd = -1;
        c->role = hooks->handed != NULL ? ROLE_HEIR : ROLE_IN_CHARGE;
        c->started_ms = clock_wall_ms();
        flip_begin(&c->flip, router);
        begin_timers(c);
        begin_metrics();
        e = make(c, table, wrong);
    }
    if (*table != NULL)
        route_table_free(table);
    if (e != ERR_OK && c != NULL)
        control_free(&c);
    *out = c;
    return e;
}

/* --- signals --- */

static void on_stop_signal(void *arg, int signo)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    const char *name = signo == SIGINT ? "SIGINT" : "SIGTERM";
    atomic_store(&c->ready, false);
    upgrade_cancel(c, "this one was told to end");
    if (c->stop_signals++ == 0) {
        if (c->role == ROLE_IN_CHARGE)
            notify("STOPPING=1");
        log_info("control", "%s: finishing what runs; once more ends it now", name);
        if (c->hooks.drain != NULL)
            c->hooks.drain(c->hooks.arg);
    } else {
        log_warn("control", "%s again: ending now", name);
        if (c->hooks.stop != NULL)
            c->hooks.stop(c->hooks.arg);
    }
}

static void on_reload_signal(void *arg, int signo)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    UNUSED(signo);
    reload_request(c, NULL);
}

static void on_reopen_signal(void *arg, int signo)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    UNUSED(signo);
    if (c->scribe != NULL)
        scribe_reopen(c->scribe);
    log_info("control", "SIGUSR1: log files are opened anew");
}

static void on_order_signal(void *arg, int signo)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    UNUSED(signo);
    local_look(c);
}

static void on_upgrade_signal(void *arg, int signo)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    UNUSED(signo);
    upgrade_request(c, NULL);
}

static enum err take_signals(struct control *c)
{
    (void)signal(SIGPIPE, SIG_IGN); /* hiredis writes with write(2) */
    TRY(loop_signal(c->loop, SIGHUP, on_reload_signal, c));
    TRY(loop_signal(c->loop, SIGTERM, on_stop_signal, c));
    TRY(loop_signal(c->loop, SIGINT, on_stop_signal, c));
    TRY(loop_signal(c->loop, SIGURG, on_order_signal, c));
    TRY(loop_signal(c->loop, SIGUSR2, on_upgrade_signal, c));
    return loop_signal(c->loop, SIGUSR1, on_reopen_signal, c);
}

enum err control_start(struct control *c, struct complaints *wrong)
{
    OBJ_CHECK(c, CONTROL_MAGIC);
    TRY(take_signals(c));
    TRY(admin_start(&c->admin, c, c->state_dir, &control_config(c)->admin, wrong));
    if (c->role == ROLE_HEIR) {
        apply_check_adopted(c);
        return upgrade_follow(c);
    }
    TRY(apply_open_store(c));
    fleet_start(c);
    local_look(c); /* left before the signal was taken */
    apply_check_adopted(c);
    return ERR_OK;
}

/* --- from other threads --- */

static void on_adopted(void *arg)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    atomic_store(&c->adoption_posted, false);
    apply_check_adopted(c);
}

void control_adopted(struct control *c)
{
    OBJ_CHECK(c, CONTROL_MAGIC);
    if (atomic_exchange(&c->adoption_posted, true))
        return;
    if (!loop_post(c->loop, on_adopted, c)) /* then the timer finds it */
        atomic_store(&c->adoption_posted, false);
}

void control_ready(struct control *c, bool ready)
{
    OBJ_CHECK(c, CONTROL_MAGIC);
    atomic_store(&c->ready, ready);
}

/* --- the end --- */

void control_free(struct control **cp)
{
    struct control *c;
    if (*cp == NULL)
        return;
    OBJ_TAKE(c, cp, CONTROL_MAGIC);
    upgrade_end(c);
    admin_stop(&c->admin);
    fleet_last(c);
    store_close(&c->store);
    jobs_end(&c->loads);
    jobs_end(&c->disk);
    fleet_end(c);
    orders_end(c);
    reload_end(c);
    apply_end(c);
    if (c->flip.table != NULL)
        persist_last(c);
    flip_end(&c->flip);
    free(c->damaged);
    if (c->lock_fd >= 0)
        (void)close(c->lock_fd);
    c->magic = 0;
    free(c);
}
