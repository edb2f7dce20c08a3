/* weir status: what is in force, since when, by whom, and whether all is well. */
#include "cli/cli.h"

enum { STATUS_TIMEOUT_MS = 15000 };

struct status {
    struct cli_talk talk;
    bool json;
};

static int run(const struct cli_call *call)
{
    const struct status *s = call->options;
    return cli_ask(call, &s->talk, "GET", s->json ? "/status?json" : "/status", SPAN(""),
                   STATUS_TIMEOUT_MS);
}

static const struct cli_option options[] = {
    {"json", CLI_FLAG, offsetof(struct status, json), NULL, "As JSON, with more in it"},
    CLI_TALK_OPTIONS(struct status),
};

const struct cli_command cmd_status = {
    .name = "status",
    .summary = "what is in force, since when, by whom, and whether all is well",
    .usage = "",
    .about = CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct status),
    .run = run,
};
