/* weir reload: read the configuration again, and hear what came of it. */
#include "cli/cli.h"

enum { RELOAD_TIMEOUT_MS = 130000 };

struct reload {
    struct cli_talk talk;
};

static int run(const struct cli_call *call)
{
    const struct reload *r = call->options;
    return cli_ask(call, &r->talk, "POST", "/reload", SPAN(""), RELOAD_TIMEOUT_MS);
}

static const struct cli_option options[] = {
    CLI_TALK_OPTIONS(struct reload),
};

const struct cli_command cmd_reload = {
    .name = "reload",
    .summary = "read the configuration again; says what changed, or why it was refused",
    .usage = "",
    .about = "The same as SIGHUP, but it waits and tells. A configuration that is wrong changes\n"
             "nothing.\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct reload),
    .run = run,
};
