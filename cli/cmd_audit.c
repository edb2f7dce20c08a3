/* weir audit: who changed what, when and why. */
#include "cli/cli.h"

struct audit {
    struct cli_talk talk;
    const char *since;
    const char *route;
    bool json;
};

static int run(const struct cli_call *call)
{
    const struct audit *a = call->options;
    struct history_query q = {.route = a->route, .json = a->json};
    if (a->since != NULL && (!cli_duration(a->since, &q.since_ms) || q.since_ms == 0)) {
        cli_say("audit: --since %s: must be a time such as 30m, 24h or 7d", a->since);
        return CLI_WRONG;
    }
    return cli_history(&a->talk, &q);
}

static const struct cli_option options[] = {
    {"since", CLI_TEXT, offsetof(struct audit, since), "TIME", "Only the last 30m, 24h, 7d"},
    {"route", CLI_TEXT, offsetof(struct audit, route), "NAME",
     "Only what changed this route, or everything"},
    {"json", CLI_FLAG, offsetof(struct audit, json), NULL, "The lines as they are, JSON"},
    CLI_TALK_OPTIONS(struct audit),
};

const struct cli_command cmd_audit = {
    .name = "audit",
    .summary = "who changed what, when and why",
    .usage = "",
    .about =
        "Reads audit.ndjson in the state directory of the weir that is found by --admin, else\n"
        "$WEIR_ADMIN, else --state-dir, else the default; it need not run.\n\n"
        "Exit status: 0 done, 1 it cannot be read, 2 wrong usage.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct audit),
    .run = run,
};
