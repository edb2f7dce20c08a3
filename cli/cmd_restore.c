/* weir restore: pins and weights as they were at an earlier epoch, or a configuration that was in
 * force. The latter is only shown: the file belongs to whoever deploys it. */
#include "cli/cli.h"

#include <string.h>

enum { LIST_MS = 72 * 3600 * 1000 };

struct restore {
    struct cli_talk talk;
    struct cli_order order;
    bool list;
};

static enum err compose(const char *dir, uint64_t epoch, struct buf *body, struct complaints *wrong)
{
    struct buf state = BUF_INIT(0);
    enum err e = history_state(dir, epoch, &state, wrong);
    if (e == ERR_OK)
        e = buf_printf(body, "{\"restore\": " SPAN_FMT, SPAN_ARG(buf_span(&state)));
    buf_free(&state);
    return e;
}

static int restore(const struct cli_call *call, const struct restore *r, uint64_t epoch)
{
    char dir[PATH_MAX];
    struct complaints wrong = {.n = 0};
    struct buf body = BUF_INIT(0);
    int status = cli_find_state(&r->talk, dir);
    if (status != CLI_OK)
        return status;
    enum err e = compose(dir, epoch, &body, &wrong);
    if (e == ERR_OK)
        return cli_send_order(call, &r->talk, &r->order, "/control", &body, CLI_ORDER_MS);
    if (wrong.n == 0)
        complain(&wrong, "weir restore", NULL, "%s", err_sentence(e));
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&body);
    return CLI_FAILED;
}

static int show(const struct cli_talk *talk, const char *name)
{
    char dir[PATH_MAX];
    struct complaints wrong = {.n = 0};
    struct buf text = BUF_INIT(0);
    int status = cli_find_state(talk, dir);
    if (status != CLI_OK)
        return status;
    enum err e = name == NULL ? kept_names(dir, &text) : kept_config(dir, name, &text, &wrong);
    if (e == ERR_OK)
        e = cli_write(NULL, buf_span(&text));
    if (e != ERR_OK && wrong.n == 0)
        complain(&wrong, dir, NULL, "%s", err_sentence(e));
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&text);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

static int list(const struct cli_talk *talk)
{
    const struct history_query q = {.since_ms = LIST_MS};
    int status = cli_history(talk, &q);
    return status == CLI_OK ? show(talk, NULL) : status;
}

static int run(const struct cli_call *call)
{
    const struct restore *r = call->options;
    uint64_t epoch;
    if (r->list && call->nargs == 0)
        return list(&r->talk);
    if (!r->list && call->nargs == 1 && strncmp(call->args[0], "config-", 7) == 0)
        return show(&r->talk, call->args[0]);
    if (!r->list && call->nargs == 1 && span_u64(span_str(call->args[0]), &epoch))
        return restore(call, r, epoch);
    cli_say("restore: name an epoch, such as 42, or a configuration; --list shows what there is");
    return CLI_WRONG;
}

static const struct cli_option options[] = {
    {"list", CLI_FLAG, offsetof(struct restore, list), NULL,
     "The epochs and configurations of the last 72 hours"},
    CLI_ORDER_OPTIONS(struct restore),
    CLI_TALK_OPTIONS(struct restore),
};

const struct cli_command cmd_restore = {
    .name = "restore",
    .summary = "pins and weights as they were, or a configuration that was in force",
    .usage = "EPOCH | config-TIME | --list",
    .about = "EPOCH puts into force what the control document said after the change that made it. "
             "It is a\n"
             "change itself and gets an epoch of its own; `weir undo` takes it back.\n\n"
             "config-TIME prints the configuration that was in force from that time on, with "
             "secrets as\n"
             "***: fill them in, put it into place, and `weir reload`.\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct restore),
    .args_max = 1,
    .run = run,
};
