/* weir restore: pins and weights as they were at an earlier epoch. */
#include "cli/cli.h"

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
        return cli_send_order(call, &r->talk, &r->order, "/control", &body);
    if (wrong.n == 0)
        complain(&wrong, "weir restore", NULL, "%s", err_sentence(e));
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&body);
    return CLI_FAILED;
}

static int run(const struct cli_call *call)
{
    const struct restore *r = call->options;
    const struct history_query q = {.since_ms = LIST_MS};
    uint64_t epoch;
    if (r->list && call->nargs == 0)
        return cli_history(&r->talk, &q);
    if (!r->list && call->nargs == 1 && span_u64(span_str(call->args[0]), &epoch))
        return restore(call, r, epoch);
    cli_say("restore: name an epoch, such as 42, or list them with --list");
    return CLI_WRONG;
}

static const struct cli_option options[] = {
    {"list", CLI_FLAG, offsetof(struct restore, list), NULL, "The epochs of the last 72 hours"},
    CLI_ORDER_OPTIONS(struct restore),
    CLI_TALK_OPTIONS(struct restore),
};

const struct cli_command cmd_restore = {
    .name = "restore",
    .summary = "pins and weights as they were at an earlier epoch",
    .usage = "EPOCH | --list",
    .about =
        "Puts into force what the control document said after the change that made EPOCH. It is a\n"
        "change itself and gets an epoch of its own; `weir undo` takes it back. The configuration\n"
        "stays as it is.\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct restore),
    .args_max = 1,
    .run = run,
};
