/* weir undo: back to what was in force before the last change. */
#include "cli/cli.h"

struct undo {
    struct cli_talk talk;
    struct cli_order order;
};

static int run(const struct cli_call *call)
{
    const struct undo *u = call->options;
    struct buf body = BUF_INIT(0);
    return cli_send_order(call, &u->talk, &u->order, "/undo", &body, CLI_ORDER_MS);
}

static const struct cli_option options[] = {
    CLI_ORDER_OPTIONS(struct undo),
    CLI_TALK_OPTIONS(struct undo),
};

const struct cli_command cmd_undo = {
    .name = "undo",
    .summary = "take the last flip or weight back",
    .usage = "",
    .about = "Once more goes one step further back. Changes of the configuration are not taken "
             "back.\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct undo),
    .run = run,
};
