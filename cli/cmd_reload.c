/* weir reload: read the configuration again, and hear what came of it. */
#include "cli/cli.h"

enum { RELOAD_TIMEOUT_MS = 130000 };

struct reload {
    struct cli_talk talk;
    struct cli_order order;
};

static int run(const struct cli_call *call)
{
    const struct reload *r = call->options;
    struct buf body = BUF_INIT(0);
    int status = CLI_FAILED;
    enum err e = buf_append(&body, SPAN("{"));
    if (e == ERR_OK)
        e = cli_complete_order(&r->order, 0, &body);
    if (e == ERR_OK)
        status = cli_ask(call, &r->talk, "POST", "/reload", buf_span(&body), RELOAD_TIMEOUT_MS);
    else
        cli_say("%s", err_sentence(e));
    buf_free(&body);
    return status;
}

static const struct cli_option options[] = {
    CLI_WHO_OPTIONS(struct reload),
    CLI_TALK_OPTIONS(struct reload),
};

const struct cli_command cmd_reload = {
    .name = "reload",
    .summary = "read the configuration again; says what changed, or why it was refused",
    .usage = "",
    .about = "The same as SIGHUP, but it waits and tells, and `weir audit` knows who and why. A\n"
             "configuration that is wrong changes nothing.\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct reload),
    .run = run,
};
