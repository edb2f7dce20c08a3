/* weir routes: every route, in the order in which they are asked. Of the weir that runs, or of a
 * file. */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>

enum { ROUTES_TIMEOUT_MS = 15000 };

struct routes {
    struct cli_talk talk;
    const char *env;
};

static int show_file(const struct routes *x, const char *file)
{
    struct complaints wrong = {.n = 0};
    struct snapshot *s = NULL;
    struct buf text = BUF_INIT(0);
    enum err e = cli_load(file, x->env, &s, &wrong);
    if (e == ERR_OK)
        e = route_list(s, &text);
    cli_complain(&wrong);
    if (e == ERR_OK && cli_write(NULL, buf_span(&text)) != ERR_OK)
        cli_say("standard output cannot be written: %s", strerror(errno));
    if (s != NULL)
        snapshot_free(&s);
    buf_free(&text);
    complaints_free(&wrong);
    return e == ERR_OK ? CLI_OK : CLI_WRONG;
}

static int run(const struct cli_call *call)
{
    const struct routes *x = call->options;
    if (call->nargs > 0)
        return show_file(x, call->args[0]);
    if (x->env == NULL)
        return cli_ask(call, &x->talk, "GET", "/routes", SPAN_NULL, ROUTES_TIMEOUT_MS);
    cli_say("routes: --env goes with FILE");
    return CLI_WRONG;
}

static const struct cli_option options[] = {
    {"env", CLI_TEXT, offsetof(struct routes, env), "NAME",
     "With FILE: merge environments/NAME.json beside it over it"},
    CLI_TALK_OPTIONS(struct routes),
};

const struct cli_command cmd_routes = {
    .name = "routes",
    .summary = "every route, in the order in which they are asked",
    .usage = "[FILE]",
    .about =
        "Of the weir that runs, with the pins and weights in force there, or of a configuration "
        "FILE.\n"
        "Where two routes take the same request, the one further up gets it.\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct routes),
    .args_max = 1,
    .run = run,
};
