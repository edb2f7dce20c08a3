/* weir replay: recorded requests once more, to both sides, and a report. It is a weir of its own
 * that does the work: it listens on a port of the loopback, everybody goes to legacy, everything is
 * mirrored to new, and what was compared is reported when it ends. So TLS, HTTP/2 and the
 * comparison are those of every day. */
#include "base/metrics.h"
#include "cli/cli.h"
#include "cli/embedded.h"
#include "cli/run.h"
#include "shadow/shadow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    RATE_DEFAULT = 10,
    RATE_MAX = 1000,
    TIMEOUT_S = 65,         /* longer than weir itself waits for legacy */
    LAST_COPIES_MS = 15000, /* longer than a copy may take */
    STEP_MS = 20,
};

struct options {
    const char *legacy, *new_, *rate, *format, *output, *records, *rules;
    struct cli_list headers;
};

struct replay {
    const struct cli_call *call;
    struct options o;
    unsigned rate;
    char dir[64];
    char file[4096]; /* the records */
    struct buf config;
    unsigned port;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    uint64_t sent, failed;
    struct shadow_requests requests;
    bool unreadable;
    metric_slot verdicts[4];
};

/* --- asking --- */

static void rest_a_while(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

/* HOST[:PORT] of a URL that the configuration has accepted. */
static struct span host_of(const char *url)
{
    struct span s = span_str(url);
    const char *slashes = strstr(url, "://");
    if (slashes != NULL)
        s = span_str(slashes + 3);
    return span_until(s, span_find(s, '/'));
}

static enum err compose(const struct replay *r, const struct shadow_request *q, struct buf *out)
{
    struct span host = q->host.n > 0 ? q->host : host_of(r->o.legacy);
    TRY(buf_printf(out, SPAN_FMT " " SPAN_FMT " HTTP/1.1\r\nHost: " SPAN_FMT "\r\n",
                   SPAN_ARG(q->method), SPAN_ARG(q->target), SPAN_ARG(host)));
    for (size_t i = 0; i < r->o.headers.n; i++)
        TRY(buf_printf(out, "%s\r\n", r->o.headers.list[i]));
    return buf_append(out, SPAN("Connection: close\r\n\r\n"));
}

/* Whether there was an answer; what it says is compared by others. */
static bool ask(const struct replay *r, struct span request)
{
    char answer[16384];
    ssize_t n, all = 0;
    int fd = cli_dial(r->port, TIMEOUT_S);
    if (fd < 0)
        return false;
    if (send(fd, request.p, request.n, MSG_NOSIGNAL) == (ssize_t)request.n)
        while ((n = recv(fd, answer, sizeof(answer), 0)) > 0)
            all += n;
    close(fd);
    return all > 0;
}

static void show_progress(const struct replay *r, bool last)
{
    if (!isatty(STDERR_FILENO))
        return;
    (void)fprintf(stderr, "\r\033[Ksent %llu, compared: %llu alike, %llu different%s",
                  (unsigned long long)r->sent, (unsigned long long)metric_read(r->verdicts[0]),
                  (unsigned long long)metric_read(r->verdicts[1]), last ? "\n" : "");
}

static bool take(void *arg, const struct shadow_request *q)
{
    struct replay *r = arg;
    struct buf request = BUF_INIT(256 * 1024);
    if (atomic_load(&r->stop))
        return false;
    bool answered = compose(r, q, &request) == ERR_OK && ask(r, buf_span(&request));
    buf_free(&request);
    r->sent++;
    r->failed += answered ? 0 : 1;
    show_progress(r, false);
    rest_a_while(1000 / r->rate);
    return true;
}

/* The copies may still be on their way when the last answer is there. */
static void wait_for_copies(const struct replay *r)
{
    for (unsigned ms = 0; ms < LAST_COPIES_MS && !atomic_load(&r->stop); ms += STEP_MS) {
        uint64_t done = r->failed;
        for (size_t i = 0; i < ARRAY_LEN(r->verdicts); i++)
            done += metric_read(r->verdicts[i]);
        if (done >= r->sent)
            return;
        rest_a_while(STEP_MS);
    }
}

static void *replay_main(void *arg)
{
    struct replay *r = arg;
    struct complaints wrong = {.n = 0};
    (void)pthread_setname_np(pthread_self(), "replay");
    r->unreadable =
        shadow_requests_read(r->call->args, r->call->nargs, &r->requests, &wrong) != ERR_OK;
    cli_complain(&wrong);
    complaints_free(&wrong);
    wait_for_copies(r);
    show_progress(r, true);
    (void)kill(getpid(), SIGTERM);
    return NULL;
}

/* --- the weir that does it --- */

static enum err load(void *arg, struct config **out, struct complaints *wrong)
{
    const struct replay *r = arg;
    return config_parse(buf_span(&r->config), "replay", out, wrong);
}

static void on_ready(void *arg, const struct config *c, const char *listening)
{
    static const char *const words[] = {"match", "mismatch", "skipped", "failed"};
    struct replay *r = arg;
    const char *colon = strrchr(listening, ':');
    uint64_t port = 0;
    UNUSED(c);
    bool good =
        colon != NULL && span_u64(span_of(colon + 1, strspn(colon + 1, "0123456789")), &port);
    for (size_t i = 0; i < ARRAY_LEN(words) && good; i++) {
        const char *const labels[] = {"default", words[i]};
        good = metrics_series(METRIC_SHADOW_VERDICTS, labels, &r->verdicts[i]) == ERR_OK;
    }
    r->port = (unsigned)port;
    r->started = good && pthread_create(&r->thread, NULL, replay_main, r) == 0;
    if (!r->started)
        (void)kill(getpid(), SIGTERM);
}

static void on_ending(void *arg)
{
    struct replay *r = arg;
    atomic_store(&r->stop, true);
}

static int configure(struct replay *r)
{
    struct complaints wrong = {.n = 0};
    const struct embedded e = {.listen = {"127.0.0.1:0"},
                               .legacy = r->o.legacy,
                               .new_ = r->o.new_,
                               .shadow_percent = "100",
                               .once = true,
                               .state_dir = r->dir,
                               .records = r->file,
                               .rules = r->o.rules,
                               .log_level = "error",
                               .workers = "1"};
    enum err err = embedded_text(&e, &r->config, &wrong);
    cli_complain(&wrong);
    complaints_free(&wrong);
    return err == ERR_OK ? CLI_OK : CLI_WRONG;
}

/* --- what came of it --- */

static int report(struct replay *r, enum report_format format)
{
    const char *files[] = {r->file};
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    struct report_options o = {.files = files,
                               .nfiles = 1,
                               .format = format,
                               .width = r->call->terminal.width,
                               .colour = r->o.output == NULL && r->call->terminal.colour};
    enum err e = shadow_report(&o, &text, &wrong);
    if (e == ERR_OK)
        e = cli_write(r->o.output, buf_span(&text));
    if (e != ERR_OK && wrong.n == 0)
        cli_say("the report cannot be written: %s",
                e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&text);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

static int replay_all(struct replay *r, enum report_format format)
{
    const struct run_hooks hooks = {.arg = r, .load = load, .ready = on_ready, .ending = on_ending};
    int status = configure(r);
    if (status != CLI_OK)
        return status;
    status = run_weir(&hooks);
    if (r->started)
        (void)pthread_join(r->thread, NULL);
    if (status != RUN_OK)
        return CLI_FAILED;
    (void)fprintf(stderr,
                  "sent %llu requests, %llu without an answer; left out %llu lines that hold "
                  "no safe request in full\n",
                  (unsigned long long)r->sent, (unsigned long long)r->failed,
                  (unsigned long long)r->requests.left_out);
    status = report(r, format);
    return r->unreadable || r->sent == 0 ? CLI_FAILED : status;
}

static int read_options(struct replay *r, enum report_format *format)
{
    static const char *const formats[] = {"text", "json", "html", "md", "junit"};
    uint64_t rate = RATE_DEFAULT;
    size_t i = 0;
    if (r->o.legacy == NULL || r->o.new_ == NULL) {
        cli_say("replay: --legacy URL and --new URL are needed");
        return CLI_WRONG;
    }
    if (r->o.rate != NULL &&
        (!span_u64(span_str(r->o.rate), &rate) || rate == 0 || rate > RATE_MAX)) {
        cli_say("replay: --rate %s: must be a whole number from 1 to %d", r->o.rate, RATE_MAX);
        return CLI_WRONG;
    }
    while (i < ARRAY_LEN(formats) && r->o.format != NULL && strcmp(r->o.format, formats[i]) != 0)
        i++;
    if (i == ARRAY_LEN(formats)) {
        cli_say("replay: --format %s: must be text, json, html, md or junit", r->o.format);
        return CLI_WRONG;
    }
    for (size_t k = 0; k < r->o.headers.n; k++) {
        if (strchr(r->o.headers.list[k], ':') == NULL ||
            strpbrk(r->o.headers.list[k], "\r\n") != NULL) {
            cli_say("replay: --header %s: must be \"Name: value\"", r->o.headers.list[k]);
            return CLI_WRONG;
        }
    }
    r->rate = (unsigned)rate;
    *format = (enum report_format)i;
    return CLI_OK;
}

/* Those of another replay are not added to: nobody could tell them apart. */
static int name_records(struct replay *r)
{
    const char *name = r->o.records;
    int n = name != NULL ? snprintf(r->file, sizeof(r->file), "%s", name)
                         : snprintf(r->file, sizeof(r->file), "%s/shadow.ndjson", r->dir);
    if (n < 0 || (size_t)n >= sizeof(r->file)) {
        cli_say("replay: --records: the name is too long");
        return CLI_WRONG;
    }
    if (access(r->file, F_OK) == 0) {
        cli_say("replay: --records %s: is there already; name a file that is not", r->file);
        return CLI_WRONG;
    }
    return CLI_OK;
}

static int run(const struct cli_call *call)
{
    struct replay r = {.call = call, .o = *(const struct options *)call->options};
    enum report_format format = REPORT_TEXT;
    int status = read_options(&r, &format);
    if (status != CLI_OK)
        return status;
    r.requests = (struct shadow_requests){.take = take, .arg = &r};
    (void)snprintf(r.dir, sizeof(r.dir), "/tmp/weir-replay-XXXXXX");
    if (mkdtemp(r.dir) == NULL) {
        cli_say("%s cannot be made: %s", r.dir, strerror(errno));
        return CLI_FAILED;
    }
    status = name_records(&r);
    if (status == CLI_OK)
        status = replay_all(&r, format);
    cli_remove_dir(r.dir);
    buf_free(&r.config);
    return status;
}

static const struct cli_option options[] = {
    {"legacy", CLI_TEXT, offsetof(struct options, legacy), "URL", "http[s]://HOST[:PORT]"},
    {"new", CLI_TEXT, offsetof(struct options, new_), "URL", "The other side"},
    {"rate", CLI_TEXT, offsetof(struct options, rate), "N",
     "Requests a second at most, to each side; one at a time (default 10)"},
    {"header", CLI_LIST, offsetof(struct options, headers), "FIELD",
     "\"Name: value\" for every request, such as an authorization: records have none"},
    {"format", CLI_TEXT, offsetof(struct options, format), "NAME",
     "text (default), json, html, md or junit"},
    {"output", CLI_TEXT, offsetof(struct options, output), "FILE", "Into a file"},
    {"records", CLI_TEXT, offsetof(struct options, records), "FILE",
     "Keeps the records of the replay, for `weir report` and `weir gate`; a new file"},
    {"rules", CLI_TEXT, offsetof(struct options, rules), "FILE",
     "Rules: differences that were looked at and accepted"},
};

const struct cli_command cmd_replay = {
    .name = "replay",
    .summary = "send recorded GET, HEAD and OPTIONS requests to both sides again, and report",
    .usage = "RECORDS...",
    .about =
        "RECORDS are record files of a weir with shadow.store \"full\" (those hold the requests "
        "of\n"
        "pairs that did not match) or access logs (all requests), in JSON or in the combined\n"
        "format; that has no host, so the host of --legacy is asked for. Ctrl-C ends it early;\n"
        "what was compared by then is reported.\n\n"
        "Exit status: 0 done, whatever was found; 1 nothing could be sent.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct options),
    .args_min = 1,
    .args_max = 1000,
    .run = run,
};
