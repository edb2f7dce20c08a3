/* Finding a running weir and asking it. */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    WAIT_DEFAULT_MS = 5000,
    WAIT_MAX_MS = 300000,
    LEFT_PATIENCE_MS = 2000,
    ASK_AGAIN_MS = 50,
    ASK_AGAIN_TIMES = 100,
    NOT_IN_CHARGE = 421, /* weir is being upgraded: for milliseconds nobody takes orders */
};

/* Where the socket is, and how we came to look there. */
struct found {
    char path[PATH_MAX];
    bool demo;
};

static bool join(char out[PATH_MAX], const char *dir, const char *name)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return n > 0 && n < PATH_MAX;
}

static bool is_socket(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A demo that was killed left its socket behind. */
static bool listens(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    int n = snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    bool fits = n > 0 && (size_t)n < sizeof(a.sun_path);
    bool yes = fits && (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 || errno == EAGAIN);
    (void)close(fd);
    return yes;
}

static bool find_demo(char out[PATH_MAX])
{
    char dir[CLI_DEMO_DIR_MAX];
    return cli_demo_dir(dir) && join(out, dir, "admin.sock") && is_socket(out) && listens(out);
}

static int not_found(const char *tried)
{
    cli_say("no weir answers: there is no socket %s and no demo of yours.\n"
            "      Start one with `weir run` or `weir demo`, or name the one that runs with "
            "--admin PATH or --state-dir DIR.",
            tried);
    return CLI_NOBODY;
}

/* The socket that is named, or NULL. */
static const char *socket_named(const struct cli_talk *talk)
{
    const char *env = getenv("WEIR_ADMIN");
    if (talk->admin != NULL || talk->state_dir != NULL)
        return talk->admin;
    return env == NULL || env[0] == '\0' ? NULL : env;
}

bool cli_is_named(const struct cli_talk *talk)
{
    return talk->state_dir != NULL || socket_named(talk) != NULL;
}

/* off: it need not run. */
static int find(const struct cli_talk *talk, bool off, struct found *f)
{
    *f = (struct found){.demo = false};
    const char *given = socket_named(talk);
    if (given != NULL) {
        (void)snprintf(f->path, sizeof(f->path), "%s", given);
        return CLI_OK;
    }
    const char *dir = talk->state_dir != NULL ? talk->state_dir : cli_state_dir();
    if (dir == NULL)
        return CLI_WRONG;
    if (!join(f->path, dir, "admin.sock")) {
        cli_say("%s is too long for a directory", dir);
        return CLI_WRONG;
    }
    if (talk->state_dir != NULL || is_socket(f->path))
        return CLI_OK;
    char demo[PATH_MAX];
    if (!find_demo(demo))
        return off ? CLI_OK : not_found(f->path);
    (void)snprintf(f->path, sizeof(f->path), "%s", demo);
    f->demo = true;
    return CLI_OK;
}

int cli_find_state(const struct cli_talk *talk, char dir[PATH_MAX])
{
    struct found f;
    int status = find(talk, true, &f);
    const char *slash = status == CLI_OK ? strrchr(f.path, '/') : NULL;
    size_t n = slash == NULL ? 0 : (size_t)(slash - f.path);
    (void)snprintf(dir, PATH_MAX, "%.*s", n == 0 ? 1 : (int)n, n == 0 ? "." : f.path);
    return status;
}

static int exit_of(int status)
{
    if (status == 200)
        return CLI_OK;
    return status == 202 ? CLI_PARTLY : CLI_FAILED;
}

/* The answer of a refusal goes where errors go. */
static int print(const struct admin_answer *a)
{
    int code = exit_of(a->status);
    if (code == CLI_FAILED) {
        (void)fflush(stdout);
        if (a->body.n > 0)
            (void)fwrite(a->body.p, 1, a->body.n, stderr);
        else
            cli_say("weir answered with status %d", a->status);
        return code;
    }
    if (cli_write(NULL, buf_span(&a->body)) != ERR_OK) {
        cli_say("standard output cannot be written: %s", strerror(errno));
        return CLI_FAILED;
    }
    return code;
}

/* Text, as wide and as colourful as the terminal takes it. */
static bool with_look(const struct cli_call *call, const char *path, char out[256])
{
    int n =
        snprintf(out, 256, "%s?text&width=%u%s%s", path, call->terminal.width,
                 call->terminal.colour ? "&colour" : "", call->terminal.unicode ? "" : "&ascii");
    return n > 0 && n < 256;
}

static enum err call_weir(const struct found *f, const char *method, const char *path,
                          struct span body, uint64_t timeout_ms, struct admin_answer *out,
                          struct complaints *wrong)
{
    enum err e = admin_call(f->path, method, path, body, timeout_ms, out, wrong);
    for (int i = 0; e == ERR_OK && out->status == NOT_IN_CHARGE && i < ASK_AGAIN_TIMES; i++) {
        buf_free(&out->body);
        (void)poll(NULL, 0, ASK_AGAIN_MS);
        e = admin_call(f->path, method, path, body, timeout_ms, out, wrong);
    }
    return e;
}

int cli_ask(const struct cli_call *call, const struct cli_talk *talk, const char *method,
            const char *path, struct span body, uint64_t timeout_ms)
{
    struct found f;
    struct admin_answer answer;
    struct complaints wrong = {.n = 0};
    char with[256];
    int status = find(talk, false, &f);
    if (status != CLI_OK)
        return status;
    bool text = strchr(path, '?') == NULL;
    if (text && with_look(call, path, with))
        path = with;
    enum err e = call_weir(&f, method, path, body, timeout_ms, &answer, &wrong);
    if (e != ERR_OK) {
        cli_complain(&wrong);
        complaints_free(&wrong);
        return CLI_NOBODY;
    }
    if (f.demo && text)
        (void)fprintf(stderr, "(your demo answers: %s)\n", f.path);
    status = print(&answer);
    buf_free(&answer.body);
    return status;
}

int cli_fetch(const struct cli_talk *talk, const char *path, uint64_t timeout_ms, struct buf *out)
{
    struct found f;
    struct admin_answer answer;
    struct complaints wrong = {.n = 0};
    int status = find(talk, false, &f);
    if (status != CLI_OK)
        return status;
    if (admin_call(f.path, "GET", path, SPAN(""), timeout_ms, &answer, &wrong) != ERR_OK) {
        cli_complain(&wrong);
        complaints_free(&wrong);
        return CLI_NOBODY;
    }
    if (f.demo)
        (void)fprintf(stderr, "(your demo answers: %s)\n", f.path);
    if (answer.status != 200)
        status = print(&answer);
    else if (buf_append(out, buf_span(&answer.body)) != ERR_OK)
        status = CLI_FAILED;
    buf_free(&answer.body);
    return status;
}

/* --- orders --- */

enum err cli_json_escaped(struct buf *out, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            TRY(buf_printf(out, "\\%c", c));
        else if (c < 0x20)
            TRY(buf_printf(out, "\\u%04x", c));
        else
            TRY(buf_append(out, span_of(s, 1)));
    }
    return ERR_OK;
}

enum err cli_json_string(struct buf *out, const char *key, const char *value)
{
    if (value == NULL)
        return ERR_OK;
    const char *comma = out->n > 0 && out->p[out->n - 1] != '{' ? ", " : "";
    TRY(buf_printf(out, "%s\"%s\": \"", comma, key));
    TRY(cli_json_escaped(out, value));
    return buf_append(out, SPAN("\""));
}

const char *cli_user(void)
{
    const char *sudo = getenv("SUDO_USER");
    if (sudo != NULL && sudo[0] != '\0')
        return sudo;
    const struct passwd *pw = getpwuid(geteuid());
    return pw == NULL ? NULL : pw->pw_name;
}

static bool read_wait(const struct cli_order *order, uint64_t *ms)
{
    *ms = 0;
    if (order->wait == NULL)
        return true;
    *ms = WAIT_DEFAULT_MS;
    if (order->wait[0] == '\0')
        return true;
    return cli_duration(order->wait, ms) && *ms > 0 && *ms <= WAIT_MAX_MS;
}

static enum err complete(const struct cli_order *order, uint64_t wait_ms, struct buf *body)
{
    if (body->n == 0)
        TRY(buf_append(body, SPAN("{")));
    TRY(cli_json_string(body, "by", order->by != NULL ? order->by : cli_user()));
    TRY(cli_json_string(body, "why", order->why));
    if (wait_ms > 0)
        TRY(buf_printf(body, "%s\"wait_ms\": %llu", body->p[body->n - 1] == '{' ? "" : ", ",
                       (unsigned long long)wait_ms));
    return buf_append(body, SPAN("}"));
}

int cli_send_order(const struct cli_call *call, const struct cli_talk *talk,
                   const struct cli_order *order, const char *path, struct buf *body,
                   uint64_t patience_ms)
{
    uint64_t wait_ms;
    int status = CLI_FAILED;
    if (!read_wait(order, &wait_ms)) {
        cli_say("--wait=%s: must be a time up to 5m, such as 500ms, 5s or 1m", order->wait);
        status = CLI_WRONG;
    } else if (complete(order, wait_ms, body) != ERR_OK) {
        cli_say("%s", err_sentence(ERR_NO_MEMORY));
    } else {
        status = cli_ask(call, talk, "POST", path, buf_span(body), wait_ms + patience_ms);
    }
    buf_free(body);
    return status;
}

static int say_left(const char *dir, const struct left_order *l)
{
    if (l->taken)
        (void)printf("weir (process %ld) has carried it out, and it is on disk\n", l->pid);
    else if (l->pid != 0)
        (void)printf(
            "weir (process %ld) was told, but has not got it on disk within %d s; it lies in "
            "%s and counts at its next start at the latest\n",
            l->pid, LEFT_PATIENCE_MS / 1000, dir);
    else
        (void)printf("no weir runs in %s; it lies there and counts when one starts\n", dir);
    return l->taken ? CLI_OK : CLI_PARTLY;
}

int cli_leave_order(const struct cli_talk *talk, const struct cli_order *order, struct buf *body)
{
    char dir[PATH_MAX];
    struct left_order l;
    struct complaints wrong = {.n = 0};
    int status = CLI_WRONG;
    if (order->wait != NULL)
        cli_say("--wait needs the admin socket, which --local does without");
    else
        status = cli_find_state(talk, dir);
    if (status == CLI_OK) {
        enum err e = complete(order, 0, body);
        if (e == ERR_OK)
            e = control_leave_order(dir, buf_span(body), LEFT_PATIENCE_MS, &l, &wrong);
        if (e != ERR_OK && wrong.n == 0)
            cli_say("%s", err_sentence(e));
        status = e == ERR_OK ? say_left(dir, &l) : CLI_FAILED;
    }
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(body);
    return status;
}

/* --- history --- */

int cli_history(const struct cli_talk *talk, const struct history_query *q)
{
    char dir[PATH_MAX];
    struct buf out = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    int status = cli_find_state(talk, dir);
    if (status != CLI_OK)
        return status;
    enum err e = history_show(dir, q, &out, &wrong);
    if (e == ERR_OK)
        e = cli_write(NULL, buf_span(&out));
    if (e != ERR_OK && wrong.n == 0)
        complain(&wrong, dir, NULL, "%s", err_sentence(e));
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&out);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}
