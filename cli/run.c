/* The order of things: what is started last is stopped first, and nobody is freed while somebody
 * below still runs. */
#include "cli/run.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/notify.h"
#include "cli/heir.h"
#include "control/control.h"
#include "proxy/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONTROL_MAILBOX = 256,
    SCRIBE_QUEUE = 32 * 1024 * 1024, /* bytes of log lines that may wait for the disk */
    READERS_BESIDE_WORKERS = 2,      /* the admin thread, and one to spare */
    FILE_TABLE = 65536,              /* descriptors; 8 bytes of the kernel's memory for each */
};

struct runner {
    const struct run_hooks *hooks;
    struct handed_over handed; /* channel -1: this process takes nobody's place */
    struct sockets *sockets;
    struct scribe *scribe;
    struct route_table *table;
    struct shadow *shadow;
    struct router *router;
    struct loop *loop;
    struct control *control;
    struct proxy *proxy;
    pthread_mutex_t describing; /* the admin thread may be asking while the end begins */
    bool stopping;              /* under describing */
};

/* --- what control asks of the rest --- */

static enum err on_load(void *arg, struct config **out, struct complaints *wrong)
{
    struct runner *r = arg;
    return r->hooks->load(r->hooks->arg, out, wrong);
}

static enum err on_prepare(void *arg, struct route_table *t, struct complaints *wrong)
{
    struct runner *r = arg;
    TRY(proxy_prepare(t, wrong));
    return proxy_try_listen(r->sockets, t, wrong);
}

static void on_published(void *arg, const struct route_table *t)
{
    struct runner *r = arg;
    log_setup(t->config->log.level, t->config->log.format);
    if (r->proxy != NULL)
        proxy_published(r->proxy);
}

static void on_drain(void *arg)
{
    struct runner *r = arg;
    if (r->hooks->ending != NULL)
        r->hooks->ending(r->hooks->arg);
    log_info("drain", "accepting no more; what runs may finish within the drain time");
    proxy_drain(r->proxy);
}

static enum err on_hand_over(void *arg, int channel)
{
    struct runner *r = arg;
    return proxy_hand_over(r->proxy, channel);
}

static void on_leave(void *arg)
{
    struct runner *r = arg;
    log_info("drain",
             "another process accepts now; what runs here may finish within the drain time");
    scribe_rotate_no_more(r->scribe);
    proxy_leave(r->proxy);
}

static void on_in_charge(void *arg)
{
    struct runner *r = arg;
    sockets_remove_rest(r->sockets);
}

static bool on_alive(void *arg)
{
    struct runner *r = arg;
    return proxy_is_alive(r->proxy);
}

static void on_stop(void *arg)
{
    struct runner *r = arg;
    loop_stop(r->loop);
}

static enum err on_describe(void *arg, struct buf *json)
{
    struct runner *r = arg;
    struct buf urls = BUF_INIT(0);
    struct span rest, url;
    pthread_mutex_lock(&r->describing);
    enum err e = r->stopping ? ERR_OK : proxy_listening(r->proxy, &urls);
    pthread_mutex_unlock(&r->describing);
    if (e == ERR_OK)
        e = buf_append(json, SPAN("\"listeners\": ["));
    rest = buf_span(&urls);
    for (unsigned i = 0; e == ERR_OK && rest.n > 0 && span_cut(&rest, ' ', &url); i++)
        e = buf_printf(json, "%s\"" SPAN_FMT "\"", i > 0 ? ", " : "", SPAN_ARG(url));
    if (e == ERR_OK)
        e = buf_printf(json, "], \"connections\": %llu, \"requests_open\": %llu, ",
                       (unsigned long long)metric_read(METRIC_CONNECTIONS_OPEN),
                       (unsigned long long)metric_read(METRIC_REQUESTS_OPEN));
    buf_free(&urls);
    return e;
}

/* --- what the data plane tells control --- */

static void on_adopted(void *arg)
{
    struct runner *r = arg;
    control_adopted(r->control);
}

static void stop_loop(void *arg)
{
    struct runner *r = arg;
    log_info("drain", "everything has finished");
    loop_stop(r->loop);
}

static void on_drained(void *arg)
{
    struct runner *r = arg;
    if (!loop_post(r->loop, stop_loop, r))
        loop_stop(r->loop);
}

/* --- starting --- */

static void say(const struct complaints *wrong)
{
    struct buf text = BUF_INIT(0);
    if (complaints_render(wrong, &text) == ERR_OK)
        fprintf(stderr, SPAN_FMT, SPAN_ARG(buf_span(&text)));
    buf_free(&text);
}

/* One connection costs one descriptor, and one more towards a server: take what the system gives.
 */
static void raise_file_limit(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
}

/* What a container or a shell allows may be far less than what the configuration counts on. */
static void say_few_files(const struct config *c)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= c->limits.connections)
        return;
    log_warn(
        "start",
        "only %llu files may be open (ulimit -n), and limits.connections is %llu: clients will "
        "have to wait; raise the one or lower the other",
        (unsigned long long)l.rlim_cur, (unsigned long long)c->limits.connections);
}

/* The kernel doubles a process' table of descriptors when it is full, and where there are threads
 * it first waits until all processors are out of it: 10 to 20 ms in which the worker that wanted
 * the descriptor serves nobody. So the table gets its size now; it never shrinks. */
static void make_file_table(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return;
    int last = l.rlim_cur < FILE_TABLE ? (int)l.rlim_cur - 1 : FILE_TABLE - 1;
    int high = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, last);
    if (high >= 0)
        close(high);
}

/* mkdir -p, private to the user: it holds the admin socket. */
static enum err make_state_dir(const char *dir, struct complaints *wrong)
{
    char path[4096];
    size_t n = strlen(dir);
    if (n >= sizeof(path))
        return ERR_TOO_LARGE;
    memcpy(path, dir, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        char c = path[i];
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            complain(wrong, "$.state_dir", "must be a directory that weir may create and write to",
                     "%s cannot be created: %s", path, strerror(errno));
            return ERR_CONFIG;
        }
        path[i] = c;
    }
    if (access(dir, W_OK | X_OK) == 0)
        return ERR_OK;
    complain(wrong, "$.state_dir", "must be a directory that weir may write to", "%s: %s", dir,
             strerror(errno));
    return ERR_CONFIG;
}

static enum err start_table(struct runner *r, struct complaints *wrong)
{
    struct config *config;
    TRY(on_load(r, &config, wrong));
    log_setup(config->log.level, config->log.format);
    TRY(route_table_new(config, &r->table, wrong));
    TRY(make_state_dir(r->table->config->state_dir, wrong));
    return on_prepare(r, r->table, wrong);
}

static enum err start(struct runner *r, struct complaints *wrong)
{
    const struct control_hooks hooks = {.arg = r,
                                        .load = on_load,
                                        .prepare = on_prepare,
                                        .published = on_published,
                                        .drain = on_drain,
                                        .stop = on_stop,
                                        .hand_over = r->hooks->upgrades ? on_hand_over : NULL,
                                        .leave = on_leave,
                                        .in_charge = on_in_charge,
                                        .alive = on_alive,
                                        .handed = r->handed.channel >= 0 ? &r->handed : NULL,
                                        .describe = on_describe};
    struct proxy_options po = {.adopted = on_adopted, .drained = on_drained, .arg = r};
    TRY(start_table(r, wrong));
    TRY(heir_ready(&r->handed, wrong));
    const struct config *c = r->table->config;
    TRY(scribe_start(&r->scribe, SCRIBE_QUEUE));
    log_attach(r->scribe);
    say_few_files(c);
    TRY(shadow_start(&r->shadow, c, c->workers, r->scribe, wrong));
    TRY(router_new(c->workers + READERS_BESIDE_WORKERS, &r->router));
    TRY(loop_new(&r->loop, CONTROL_MAILBOX));
    TRY(control_new(&r->control, r->loop, r->router, r->shadow, r->scribe, &r->table, &hooks,
                    wrong));
    po.router = r->router;
    po.shadow = r->shadow;
    po.scribe = r->scribe;
    po.sockets = r->sockets;
    TRY(proxy_start(&r->proxy, &po, wrong));
    sockets_drop_rest(r->sockets);
    return control_start(r->control, wrong);
}

static void stop(struct runner *r)
{
    pthread_mutex_lock(&r->describing);
    r->stopping = true;
    pthread_mutex_unlock(&r->describing);
    if (r->proxy != NULL)
        proxy_stop(&r->proxy);
    sockets_free(&r->sockets);
    if (r->control != NULL)
        control_free(&r->control);
    if (r->table != NULL)
        route_table_free(&r->table);
    if (r->shadow != NULL)
        shadow_stop(&r->shadow);
    if (r->router != NULL)
        router_free(&r->router);
    if (r->loop != NULL)
        loop_free(&r->loop);
    log_attach(NULL);
    if (r->scribe != NULL)
        scribe_stop(&r->scribe);
}

static void announce(struct runner *r)
{
    const struct config *c = router_current(r->router)->table->config;
    struct buf urls = BUF_INIT(0);
    if (proxy_listening(r->proxy, &urls) == ERR_OK && buf_append(&urls, span_of("", 1)) == ERR_OK) {
        if (r->hooks->ready != NULL)
            r->hooks->ready(r->hooks->arg, c, urls.p);
        else
            log_info("start", "weir %s listens on %s with %u workers, admin socket %s/admin.sock",
                     WEIR_VERSION, urls.p, c->workers, c->state_dir);
    }
    buf_free(&urls);
}

/* What an heir does when it is in charge. */
static void begin_service(struct runner *r)
{
    control_ready(r->control, true);
    notify_ready("weir " WEIR_VERSION " is running");
}

int run_weir(const struct run_hooks *hooks)
{
    struct runner r = {.hooks = hooks, .handed = {.channel = -1, .lock = -1, .admin = -1}};
    struct complaints wrong = {0};
    (void)signal(SIGPIPE, SIG_IGN);
    pthread_mutex_init(&r.describing, NULL);
    raise_file_limit();
    make_file_table();
    metrics_thread_begin("weir");
    enum err e = sockets_new(&r.sockets);
    if (e == ERR_OK)
        e = heir_begin(&r.handed, r.sockets, &wrong);
    if (e == ERR_OK)
        e = start(&r, &wrong);
    if (e == ERR_OK) {
        announce(&r);
        if (r.handed.channel < 0)
            begin_service(&r);
        loop_run(r.loop);
    } else {
        if (wrong.n == 0)
            complain(&wrong, "weir", NULL, "cannot start: %s", err_sentence(e));
        heir_failed(&r.handed, &wrong);
        say(&wrong);
    }
    stop(&r);
    heir_end(&r.handed);
    complaints_free(&wrong);
    pthread_mutex_destroy(&r.describing);
    metrics_thread_end();
    if (e == ERR_OK)
        return RUN_OK;
    return e == ERR_CONFIG ? RUN_BAD_CONFIG : RUN_FAILED;
}
