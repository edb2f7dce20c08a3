/* weir demo: the whole job in one process, with two backends of its own, traffic of its own, and a
 * text that says what to try. Everything it makes lies in one directory (cli_demo_dir()), which
 * goes with it. */
#include "base/metrics.h"
#include "cli/cli.h"
#include "cli/demo_backend.h"
#include "cli/demo_traffic.h"
#include "cli/embedded.h"
#include "cli/run.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { HTTPS_PORT = 8443, HTTP_PORT = 8080, RATE_DEFAULT = 10, RATE_MAX = 1000 };

struct demo_options {
    const char *rate;
    const char *new_percent;
};

struct demo {
    const struct cli_call *call;
    char dir[CLI_DEMO_DIR_MAX];
    char https[64];
    char http[64];
    struct demo_backend *legacy;
    struct demo_backend *new_;
    struct demo_traffic *traffic;
    unsigned rate;
    char file[CLI_DEMO_DIR_MAX + 16]; /* the configuration: a real one, to be edited */
    const char *new_percent;
    metric_slot matches;
    metric_slot mismatches;
    bool ready;
};

/* --- a place for it --- */

static bool answers(const char *dir)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/admin.sock", dir);
    bool yes = fd >= 0 && connect(fd, (struct sockaddr *)(void *)&at, sizeof(at)) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

static int make_dir(struct demo *d)
{
    if (cli_demo_dir(d->dir)) {
        if (answers(d->dir)) {
            cli_say("a demo of yours runs already (%s); end it with Ctrl-C first", d->dir);
            return CLI_FAILED;
        }
        cli_remove_dir(d->dir); /* left behind by one that was killed */
    }
    if (mkdir(d->dir, 0700) == 0)
        return CLI_OK;
    cli_say("%s cannot be made: %s", d->dir, strerror(errno));
    return CLI_FAILED;
}

static unsigned free_port(unsigned wanted)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)wanted),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)(void *)&at, sizeof(at)) == 0;
    if (fd >= 0)
        close(fd);
    return ok ? wanted : 0; /* 0: the kernel chooses one */
}

/* --- what it says --- */

/* The program as the user would call it from here. */
static const char *program(char out[512])
{
    char cwd[256];
    ssize_t n = readlink("/proc/self/exe", out, 511);
    if (n <= 0)
        return "weir";
    out[n] = '\0';
    size_t len = getcwd(cwd, sizeof(cwd)) == NULL ? 0 : strlen(cwd);
    if (len > 1 && strncmp(out, cwd, len) == 0 && out[len] == '/')
        return out + len + 1;
    return out;
}

static void say_what_to_try(const struct demo *d, struct span https, struct span http)
{
    char path[512];
    const char *weir = program(path);
    const char *bold = d->call->terminal.colour ? "\033[1m" : "";
    const char *plain = d->call->terminal.colour ? "\033[0m" : "";
    printf(
        "%sweir demo%s  %s %% of the users go to new; every GET is mirrored to the other side and "
        "the\n"
        "answers are compared. %u requests a second come from here; send your own, too.\n\n",
        bold, plain, d->new_percent, d->rate);
    printf("  " SPAN_FMT "/   TLS with a certificate made in memory, HTTP/2 and HTTP/1.1\n"
           "  " SPAN_FMT "/    plaintext\n\n",
           SPAN_ARG(https), SPAN_ARG(http));
    printf("%sTry, in another terminal here:%s\n\n", bold, plain);
    printf(
        "  curl -ki " SPAN_FMT "/api/orders/17                        # x-backend: who answered\n"
        "  curl -k " SPAN_FMT "/api/orders/17 -H 'x-user-id: user-3'  # a user stays on a side\n",
        SPAN_ARG(https), SPAN_ARG(https));
    printf(
        "  curl -sN --http1.1 --output - " SPAN_FMT
        "/live -H 'Connection: Upgrade' -H 'Upgrade: websocket' \\\n"
        "       -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=='\n"
        "                                               # a WebSocket, until a flip moves it\n",
        SPAN_ARG(http));
    printf("  %s explain /api/orders/17 --header 'x-user-id: user-3'\n", weir);
    printf("  %s status\n", weir);
    printf("  %s weight default 50 --why 'half of them'\n", weir);
    printf("  %s flip legacy --why 'something is wrong'   # everybody, on the next request\n",
           weir);
    printf("  %s undo\n", weir);
    printf("  sed -i 's/\"new_percent\": [0-9]*/\"new_percent\": 25/' %s\n", d->file);
    printf(
        "  kill -HUP %ld                                # reads that file again; or: %s reload\n",
        (long)getpid(), weir);
    printf("  %s audit                                    # who changed what, and why\n", weir);
    printf("  %s report                                   # what differs, and how often\n", weir);
    printf("  %s report --format html --output report.html\n\n", weir);
    printf("Ctrl-C ends it and leaves nothing behind.\n\n");
    (void)fflush(stdout);
}

static void live_line(void *arg, const struct demo_counts *c)
{
    const struct demo *d = arg;
    if (!d->call->terminal.is_terminal)
        return;
    /* The cursor goes back, so that a line of the log stands in its place, not behind it. */
    printf("\033[Kanswered by legacy %lu, by new %lu, failed %lu; compared: %llu alike, %llu "
           "different\r",
           c->legacy, c->new_, c->failed, (unsigned long long)metric_read(d->matches),
           (unsigned long long)metric_read(d->mismatches));
    (void)fflush(stdout);
}

/* --- running --- */

static enum err load(void *arg, struct config **out, struct complaints *wrong)
{
    const struct demo *d = arg;
    return config_load(d->file, NULL, out, wrong);
}

static unsigned port_of(struct span url)
{
    uint64_t port = 0;
    size_t colon = url.n;
    while (colon > 0 && url.p[colon - 1] != ':')
        colon--;
    return span_u64(span_from(url, colon), &port) ? (unsigned)port : 0;
}

static void on_ready(void *arg, const struct config *c, const char *listening)
{
    struct demo *d = arg;
    static const char *const match[] = {"default", "match"};
    static const char *const mismatch[] = {"default", "mismatch"};
    struct span http = span_str(listening), https;
    UNUSED(c);
    if (!span_cut(&http, ' ', &https))
        return;
    d->ready = true;
    say_what_to_try(d, https, http);
    if (metrics_series(METRIC_SHADOW_VERDICTS, match, &d->matches) != ERR_OK ||
        metrics_series(METRIC_SHADOW_VERDICTS, mismatch, &d->mismatches) != ERR_OK ||
        (d->rate > 0 &&
         demo_traffic_start(port_of(http), d->rate, live_line, d, &d->traffic) != ERR_OK))
        cli_say("the demo's own traffic could not be started; send some yourself");
}

/* Before nobody answers any more: what failed then would be no failure of what the demo shows. */
static void on_ending(void *arg)
{
    struct demo *d = arg;
    if (d->traffic == NULL)
        return;
    struct demo_counts c = demo_traffic_counts(d->traffic);
    demo_traffic_stop(&d->traffic);
    printf("%sanswered by legacy %lu, by new %lu, failed %lu; the demo is over\n",
           d->call->terminal.is_terminal ? "\033[K" : "", c.legacy, c.new_, c.failed);
}

static enum err write_file(struct demo *d, const struct embedded *e, struct complaints *wrong)
{
    struct buf text = BUF_INIT(0);
    (void)snprintf(d->file, sizeof(d->file), "%s/weir.json", d->dir);
    enum err err = embedded_text(e, &text, wrong);
    if (err == ERR_OK) {
        err = cli_write(d->file, buf_span(&text));
        if (err != ERR_OK)
            complain(wrong, d->file, NULL, "cannot be written: %s", strerror(errno));
    }
    buf_free(&text);
    return err;
}

static int compose(struct demo *d, const struct demo_options *o)
{
    char legacy[64], new_[64];
    struct complaints wrong = {.n = 0};
    d->new_percent = o->new_percent == NULL ? "10" : o->new_percent;
    (void)snprintf(legacy, sizeof(legacy), "http://127.0.0.1:%u", demo_backend_port(d->legacy));
    (void)snprintf(new_, sizeof(new_), "http://127.0.0.1:%u", demo_backend_port(d->new_));
    (void)snprintf(d->https, sizeof(d->https), "https://127.0.0.1:%u", free_port(HTTPS_PORT));
    (void)snprintf(d->http, sizeof(d->http), "http://127.0.0.1:%u", free_port(HTTP_PORT));
    const struct embedded e = {.listen = {d->https, d->http},
                               .legacy = legacy,
                               .new_ = new_,
                               .new_percent = d->new_percent,
                               .shadow_percent = "100",
                               .drain = "2s",
                               .sticky = "header:x-user-id,ip",
                               .state_dir = d->dir,
                               .log_level = "info",
                               .workers = "2"};
    enum err err = write_file(d, &e, &wrong);
    cli_complain(&wrong);
    complaints_free(&wrong);
    return err == ERR_OK ? CLI_OK : CLI_WRONG;
}

static int run_all(struct demo *d, const struct demo_options *o)
{
    const struct run_hooks hooks = {.arg = d, .load = load, .ready = on_ready, .ending = on_ending};
    if (demo_backend_start(SIDE_LEGACY, &d->legacy) != ERR_OK ||
        demo_backend_start(SIDE_NEW, &d->new_) != ERR_OK) {
        cli_say("the demo's backends cannot be started: %s", strerror(errno));
        return CLI_FAILED;
    }
    int status = compose(d, o);
    return status == CLI_OK ? run_weir(&hooks) : status;
}

static void end(struct demo *d)
{
    on_ending(d); /* unless a signal did it */
    if (d->legacy != NULL)
        demo_backend_stop(&d->legacy);
    if (d->new_ != NULL)
        demo_backend_stop(&d->new_);
    cli_remove_dir(d->dir);
}

static int run(const struct cli_call *call)
{
    const struct demo_options *o = call->options;
    struct demo d = {.call = call, .rate = RATE_DEFAULT};
    uint64_t rate;
    if (o->rate != NULL) {
        if (!span_u64(span_str(o->rate), &rate) || rate > RATE_MAX) {
            cli_say("demo: --rate %s: must be a whole number from 0 to %d", o->rate, RATE_MAX);
            return CLI_WRONG;
        }
        d.rate = (unsigned)rate;
    }
    int status = make_dir(&d);
    if (status != CLI_OK)
        return status;
    status = run_all(&d, o);
    end(&d);
    return status;
}

static const struct cli_option options[] = {
    {"rate", CLI_TEXT, offsetof(struct demo_options, rate), "N",
     "Requests a second of its own; default 10, 0 for none"},
    {"new-percent", CLI_TEXT, offsetof(struct demo_options, new_percent), "PERCENT",
     "Share of users for new at the beginning; default 10"},
};

const struct cli_command cmd_demo = {
    .name = "demo",
    .summary = "see it work: two backends, TLS, a split, shadow comparison, in one process",
    .usage = "",
    .about = "Starts two small backends that differ on purpose, a proxy before them, and gentle\n"
             "traffic; prints what to try. Needs nothing and leaves nothing behind.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct demo_options),
    .run = run,
};
