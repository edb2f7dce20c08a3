/* Hot upgrade: the program is started anew, beside this process, and takes its place. What the two
 * say to each other is in base/handover.h.
 *
 * The special difficulty is that there must be one process in charge at every moment, and that the
 * other may die at any. So the old process holds still (ROLE_HANDING) from the moment its state is
 * on disk until the new one accepts connections, too; only then it says `yours`. From the answer,
 * `taken`, on it accepts nothing, but goes on looking at the store (ROLE_FOLLOWS): what still runs
 * here obeys flips. Whenever the other ends before that answer, everything is taken back. */
#include "control/room.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/notify.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REAP_MS = 20, REAP_TIMES = 100 };

static void remember(struct control *c, bool ok, const char *said)
{
    struct upgrade *u = &c->upgrade;
    const char *result = ok ? "ok" : "failed";
    metric_slot slot;
    u->any = true;
    u->ok = ok;
    u->at_ms = clock_wall_ms();
    (void)snprintf(u->said, sizeof(u->said), "%s", said);
    if (metrics_series(METRIC_UPGRADES, &result, &slot) == ERR_OK)
        metric_inc(slot);
    flip_note(&c->flip, SOURCE_UPGRADE, u->at_ms, u->by, said);
    persist_request(c);
}

static enum err say_to(int channel, const char *text, int fd)
{
    return handover_send(channel, span_str(text), fd);
}

/* --- the answer --- */

static void answer(struct control *c, int status, const char *said)
{
    struct admin_request *r = c->upgrade.waiting;
    c->upgrade.waiting = NULL;
    if (r == NULL)
        return;
    if (status == 200)
        api_say(r, 200,
                json_pack("{s:b, s:i, s:[s]}", "ok", 1, "pid", (int)c->upgrade.pid, "said", said));
    else
        api_refuse(r, status, "upgrade_failed", said, NULL);
    admin_return(r);
}

/* --- giving up --- */

static void stay(struct control *c, const char *why)
{
    struct upgrade *u = &c->upgrade;
    char said[UPGRADE_TEXT_MAX];
    (void)snprintf(said, sizeof(said),
                   "the new process (%d) did not take over: %.900s; this one stays", (int)u->pid,
                   why);
    log_error("upgrade", "%s", said);
    if (c->role == ROLE_FOLLOWS && !control_sign_lock(c))
        log_error("upgrade", "the lock of %s cannot be written: %s", c->state_dir, strerror(errno));
    c->role = ROLE_IN_CHARGE;
    u->step = UPGRADE_NONE;
    remember(c, false, said);
    answer(c, 422, said);
    local_look(c);
    reload_resume(c);
}

static void close_channel(struct upgrade *u)
{
    if (u->channel < 0)
        return;
    loop_io_del(&u->io);
    (void)close(u->channel);
    u->channel = -1;
}

static void end_other(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    loop_timer_clear(c->loop, &u->limit);
    loop_timer_clear(c->loop, &u->reap);
    (void)kill(u->pid, SIGKILL); /* before the channel closes: it would think we had ended */
    close_channel(u);
    (void)waitpid(u->pid, NULL, 0);
}

static void give_up(struct control *c, const char *why)
{
    end_other(c);
    stay(c, why);
}

void upgrade_cancel(struct control *c, const char *why)
{
    enum upgrade_step step = c->upgrade.step;
    if (step != UPGRADE_NONE && step != UPGRADE_DONE)
        give_up(c, why);
}

static void on_limit(void *arg)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    give_up(c, "it was not ready within timeouts.upgrade, and was ended");
}

/* What a process that has ended is to be told by. */
static void say_status(const struct upgrade *u, int status, char *out, size_t max)
{
    if (u->failed[0] != '\0')
        (void)snprintf(out, max, "%s", u->failed);
    else if (WIFSIGNALED(status))
        (void)snprintf(out, max, "it was ended by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else if (u->version[0] == '\0')
        (void)snprintf(
            out, max,
            "it ended with status %d, and said nothing: is it a weir that can be upgraded "
            "to? see its standard error",
            WEXITSTATUS(status));
    else
        (void)snprintf(out, max, "it ended with status %d; see its standard error",
                       WEXITSTATUS(status));
}

/* The channel closes a moment before the process has ended. */
static void on_reap(void *arg)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    struct upgrade *u = &c->upgrade;
    char why[UPGRADE_TEXT_MAX];
    int status = 0;
    if (waitpid(u->pid, &status, WNOHANG) == u->pid) {
        say_status(u, status, why, sizeof(why));
        stay(c, why);
    } else if (u->reaped++ < REAP_TIMES) {
        loop_timer_set(c->loop, &u->reap, REAP_MS);
    } else {
        give_up(c, u->failed[0] != '\0' ? u->failed : "it closed the channel, and was ended");
    }
}

static void on_ended(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    close_channel(u);
    loop_timer_clear(c->loop, &u->limit);
    if (u->step == UPGRADE_DONE) {
        log_error("upgrade", "process %d, which had taken over, has ended", (int)u->pid);
        return;
    }
    u->reaped = 0;
    on_reap(c);
}

/* By errno. */
static void cannot_send(struct control *c)
{
    char why[200];
    if (errno == EPIPE || errno == ECONNRESET) {
        on_ended(c);
        return;
    }
    (void)snprintf(why, sizeof(why), "nothing can be sent to it: %s", strerror(errno));
    give_up(c, why);
}

/* --- the old process, step by step --- */

static void on_hello(struct control *c, struct span version)
{
    struct upgrade *u = &c->upgrade;
    (void)snprintf(u->version, sizeof(u->version), SPAN_FMT, SPAN_ARG(version));
    enum err e = c->hooks.hand_over(c->hooks.arg, u->channel);
    if (e == ERR_OK)
        e = admin_hand_over(c->admin, u->channel);
    if (e == ERR_OK)
        e = say_to(u->channel, "given", -1);
    if (e != ERR_OK)
        cannot_send(c);
}

void upgrade_progress(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    char why[300];
    if (u->step != UPGRADE_SETTLING || c->purging.running > 0 || c->fleet.running)
        return; /* of files that the other takes up */
    if (c->role == ROLE_IN_CHARGE) {
        fleet_hand_over(c);
        c->role = ROLE_HANDING;
    }
    if (c->persist.running != NULL)
        return;
    if (c->persist.written != c->persist.wanted) {
        (void)snprintf(why, sizeof(why), "the routing state is not on disk: %s", c->persist.error);
        give_up(c, why);
        return;
    }
    u->step = UPGRADE_HANDED;
    if (say_to(u->channel, "state", c->lock_fd) != ERR_OK)
        cannot_send(c);
}

static void on_ready(struct control *c)
{
    c->upgrade.step = UPGRADE_SETTLING;
    upgrade_progress(c);
}

/* Both accept now. */
static void on_running(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    notify("MAINPID=%d", (int)u->pid);
    c->role = ROLE_FOLLOWS;
    u->step = UPGRADE_GIVEN;
    if (say_to(u->channel, "yours", -1) != ERR_OK)
        cannot_send(c);
}

/* From here on there is no way back. */
static void on_taken(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    char said[UPGRADE_TEXT_MAX];
    u->step = UPGRADE_DONE;
    loop_timer_clear(c->loop, &u->limit);
    atomic_store(&c->ready, false);
    if (c->store != NULL)
        store_yield(c->store);
    (void)close(c->lock_fd); /* the other holds the same lock */
    c->lock_fd = -1;
    (void)snprintf(said, sizeof(said),
                   "process %d (weir %s) has taken over; process %d finishes what it runs, for at "
                   "most %llu s",
                   (int)u->pid, u->version, (int)getpid(),
                   (unsigned long long)(control_config(c)->timeouts.drain + 999) / 1000);
    log_info("upgrade", "%s", said);
    answer(c, 200, said);
    orders_hurry(c);
    admin_leave(c->admin);
    if (c->reload.again) /* a SIGHUP that came when it had read the configuration already */
        (void)kill(u->pid, SIGHUP);
    c->hooks.leave(c->hooks.arg);
}

static void on_message(struct control *c, const struct handover_message *m)
{
    struct upgrade *u = &c->upgrade;
    if (span_eq(m->word, SPAN("hello")) && u->step == UPGRADE_BEGUN && u->version[0] == '\0')
        on_hello(c, m->rest);
    else if (span_eq(m->word, SPAN("ready")) && u->step == UPGRADE_BEGUN)
        on_ready(c);
    else if (span_eq(m->word, SPAN("failed")))
        (void)snprintf(u->failed, sizeof(u->failed), SPAN_FMT,
                       (int)min_size(m->rest.n, sizeof(u->failed) - 1), m->rest.p);
    else if (span_eq(m->word, SPAN("running")) && u->step == UPGRADE_HANDED)
        on_running(c);
    else if (span_eq(m->word, SPAN("taken")) && u->step == UPGRADE_GIVEN)
        on_taken(c);
}

static void on_channel(void *arg, unsigned what)
{
    struct control *c;
    struct handover_message m;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    UNUSED(what);
    while (c->upgrade.channel >= 0) {
        enum handover_got got = handover_receive(c->upgrade.channel, false, &m);
        if (got == HANDOVER_NOTHING)
            return;
        if (got == HANDOVER_ENDED) {
            on_ended(c);
            return;
        }
        if (m.fd >= 0)
            (void)close(m.fd);
        on_message(c, &m);
    }
}

/* --- asking for it --- */

static const char *why_not(const struct control *c, char *out, size_t max)
{
    const struct upgrade *u = &c->upgrade;
    if (c->hooks.hand_over == NULL)
        return "only `weir run` can be upgraded";
    if (c->stop_signals > 0)
        return "weir is ending";
    if (getpid() == 1)
        return "this is process 1 of its container, whose end would end the new one, too: replace "
               "the container";
    if (c->reload.running != NULL)
        return "the configuration is being reloaded; try again when that is done";
    if (u->step != UPGRADE_NONE)
        (void)snprintf(out, max, "an upgrade is under way: process %d", (int)u->pid);
    else if (u->before >= 0)
        (void)snprintf(
            out, max,
            "the process before this one (%d) still finishes what it runs; there is one "
            "old process at a time: try again when it has ended (`weir status` shows it)",
            (int)u->before_pid);
    else
        return NULL;
    return out;
}

static enum err start_other(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    u->version[0] = u->failed[0] = '\0';
    TRY(handover_spawn(&u->channel, &u->pid));
    u->step = UPGRADE_BEGUN;
    enum err e = loop_io_add(c->loop, &u->io, u->channel, LOOP_READ, on_channel, c);
    if (e != ERR_OK) {
        u->step = UPGRADE_NONE;
        end_other(c);
        return e;
    }
    loop_timer_set(c->loop, &u->limit, control_config(c)->timeouts.upgrade);
    log_info("upgrade", "process %d has been started to take over from this one", (int)u->pid);
    return ERR_OK;
}

static bool wants_to_wait(const struct admin_request *r)
{
    json_t *o =
        json_loadb(r->body.n > 0 ? r->body.p : "{}", r->body.n > 0 ? r->body.n : 2, 0, NULL);
    bool wait = json_is_true(json_object_get(o, "wait"));
    json_decref(o);
    return wait;
}

static void answer_begun(struct control *c)
{
    char said[200];
    (void)snprintf(
        said, sizeof(said),
        "process %d has been started, and takes over when it is ready; the log and `weir "
        "status` say what came of it",
        (int)c->upgrade.pid);
    answer(c, 200, said);
}

static void refuse(struct admin_request *r, const char *why)
{
    log_warn("upgrade", "refused: %s", why);
    if (r == NULL)
        return;
    api_refuse(r, 409, "upgrade_refused", why, NULL);
    admin_return(r);
}

void upgrade_request(struct control *c, struct admin_request *r)
{
    struct upgrade *u = &c->upgrade;
    char text[300];
    const char *why = why_not(c, text, sizeof(text));
    if (why != NULL) {
        refuse(r, why);
        return;
    }
    (void)snprintf(u->by, sizeof(u->by), "%s", r == NULL ? "SIGUSR2" : r->user);
    if (start_other(c) != ERR_OK) {
        (void)snprintf(text, sizeof(text), "the program cannot be started: %s; this one stays",
                       strerror(errno));
        log_error("upgrade", "%s", text);
        remember(c, false, text);
        u->waiting = r;
        answer(c, 422, text);
        return;
    }
    u->waiting = r;
    if (r != NULL && !wants_to_wait(r))
        answer_begun(c);
}

bool upgrade_refuses(struct control *c, struct admin_request *r)
{
    if (c->role == ROLE_IN_CHARGE)
        return false;
    api_refuse(r, 421, "not_in_charge",
               c->role == ROLE_FOLLOWS
                   ? "another process has taken over from this one; ask again"
                   : "weir is being upgraded and changes nothing for a moment; ask again",
               NULL);
    admin_return(r);
    return true;
}

/* --- the new process --- */

static void take_charge(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    char said[200];
    (void)snprintf(said, sizeof(said), "weir %s (process %d) took over from process %d",
                   WEIR_VERSION, (int)getpid(), (int)u->before_pid);
    c->role = ROLE_IN_CHARGE;
    atomic_store(&c->ready, true);
    if (!control_sign_lock(c))
        log_error("upgrade", "the lock of %s cannot be written: %s", c->state_dir, strerror(errno));
    admin_take_name(c->admin);
    if (u->before >= 0)
        (void)!say_to(u->before, "taken", -1);
    if (c->hooks.in_charge != NULL)
        c->hooks.in_charge(c->hooks.arg);
    log_info("upgrade", "%s", said);
    remember(c, true, said);
    local_look(c);
    keep_config(c);
    if (apply_open_store(c) != ERR_OK)
        log_error("upgrade", "the control store cannot be opened: no memory");
    fleet_start(c);
    notify_ready(said);
}

static void before_ended(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    loop_io_del(&u->before_io);
    (void)close(u->before);
    u->before = -1;
    if (c->role == ROLE_HEIR) { /* it has not let go, but it is gone */
        log_warn("upgrade", "process %d ended before it had handed everything over",
                 (int)u->before_pid);
        take_charge(c);
    }
    log_info("upgrade", "the process before this one (%d) has ended", (int)u->before_pid);
}

static void on_before(void *arg, unsigned what)
{
    struct control *c;
    struct handover_message m;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    UNUSED(what);
    while (c->upgrade.before >= 0) {
        enum handover_got got = handover_receive(c->upgrade.before, false, &m);
        if (got == HANDOVER_NOTHING)
            return;
        if (got == HANDOVER_ENDED) {
            before_ended(c);
            return;
        }
        if (m.fd >= 0)
            (void)close(m.fd);
        if (span_eq(m.word, SPAN("yours")) && c->role == ROLE_HEIR)
            take_charge(c);
    }
}

enum err upgrade_follow(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    u->before = c->hooks.handed->channel;
    u->before_pid = c->hooks.handed->from;
    TRY(loop_io_add(c->loop, &u->before_io, u->before, LOOP_READ, on_before, c));
    if (say_to(u->before, "running", -1) != ERR_OK)
        log_warn("upgrade", "process %d does not listen any more", (int)u->before_pid);
    return ERR_OK;
}

/* --- the service manager's watchdog --- */

static void on_watchdog(void *arg)
{
    struct control *c;
    OBJ_CAST(c, arg, CONTROL_MAGIC);
    struct upgrade *u = &c->upgrade;
    if (c->role == ROLE_IN_CHARGE && (c->hooks.alive == NULL || c->hooks.alive(c->hooks.arg)))
        notify("WATCHDOG=1");
    loop_timer_set(c->loop, &u->watchdog, u->watchdog_ms);
}

/* --- life --- */

void upgrade_begin(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    u->channel = u->before = -1;
    timer_begin(&u->limit, on_limit, c);
    timer_begin(&u->reap, on_reap, c);
    timer_begin(&u->watchdog, on_watchdog, c);
    u->watchdog_ms = notify_watchdog_ms() / 2;
    if (u->watchdog_ms > 0)
        loop_timer_set(c->loop, &u->watchdog, u->watchdog_ms);
}

void upgrade_end(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    if (u->step != UPGRADE_NONE && u->step != UPGRADE_DONE)
        end_other(c);
    u->waiting = NULL; /* the admin thread's to free */
    loop_timer_clear(c->loop, &u->watchdog);
    close_channel(u);
    if (u->before < 0)
        return;
    loop_io_del(&u->before_io);
    (void)close(u->before);
    u->before = -1;
}
