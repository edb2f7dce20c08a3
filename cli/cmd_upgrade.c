/* weir upgrade: the program that is now where this one was started from takes its place. */
#include "cli/cli.h"

enum { UPGRADE_TIMEOUT_MS = 320000 };

struct upgrade {
    struct cli_talk talk;
    bool wait;
};

static int run(const struct cli_call *call)
{
    const struct upgrade *u = call->options;
    struct span body = u->wait ? SPAN("{\"wait\": true}") : SPAN("{}");
    return cli_ask(call, &u->talk, "POST", "/upgrade", body, UPGRADE_TIMEOUT_MS);
}

static const struct cli_option options[] = {
    {"wait", CLI_FLAG, offsetof(struct upgrade, wait), NULL,
     "Wait until the new process has taken over, or say why it did not"},
    CLI_TALK_OPTIONS(struct upgrade),
};

const struct cli_command cmd_upgrade = {
    .name = "upgrade",
    .summary = "start the installed program in place of the running one; no connection is lost",
    .usage = "[--wait]",
    .about =
        "The same as SIGUSR2. The program is found anew by the name weir was started by, and gets\n"
        "the same arguments and the listening sockets. When it is ready it takes over, and the "
        "old\n"
        "process finishes what it runs, within timeouts.drain. If it does not become ready (a bad\n"
        "configuration, a crash, timeouts.upgrade is over) the old process stays in charge.\n"
        "Refused while the old process of the last upgrade still runs, and for process 1 of a\n"
        "container.\n\n"
        "  cmake --install build && weir upgrade --wait\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct upgrade),
    .run = run,
};
