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
    return cli_send_order(call, &r->talk, &r->order, "/reload", &body, RELOAD_TIMEOUT_MS);
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
