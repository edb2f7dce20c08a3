/* weir weight: what share of a route goes to new. */
#include "cli/cli.h"

#include <string.h>

struct weight {
    struct cli_talk talk;
    struct cli_order order;
};

/* As `weir status` shows it, too: "5%". */
static struct span number_of(const char *percent)
{
    struct span s = span_str(percent);
    return s.n > 1 && s.p[s.n - 1] == '%' ? span_until(s, s.n - 1) : s;
}

static enum err compose(const char *route, const char *percent, struct buf *body)
{
    TRY(buf_append(body, SPAN("{")));
    TRY(cli_json_string(body, "route", route));
    if (strcmp(percent, "config") == 0)
        return buf_append(body, SPAN(", \"new_percent\": null"));
    unsigned points;
    TRY(config_percent(number_of(percent), &points));
    return buf_printf(body, ", \"new_percent\": %u.%02u", points / 100, points % 100);
}

static int run(const struct cli_call *call)
{
    const struct weight *w = call->options;
    struct buf body = BUF_INIT(0);
    enum err e = compose(call->args[0], call->args[1], &body);
    if (e != ERR_OK) {
        buf_free(&body);
        cli_say("weight: \"%s\": must be a number from 0 to 100 with at most two decimals, or "
                "config",
                call->args[1]);
        return CLI_WRONG;
    }
    return cli_send_order(call, &w->talk, &w->order, "/control", &body, CLI_ORDER_MS);
}

static const struct cli_option options[] = {
    CLI_ORDER_OPTIONS(struct weight),
    CLI_TALK_OPTIONS(struct weight),
};

const struct cli_command cmd_weight = {
    .name = "weight",
    .summary = "set what share of a route's users goes to new",
    .usage = "ROUTE PERCENT|config",
    .about = "Raising a weight only adds users to new, lowering it only takes back the ones added\n"
             "last. `config` removes the weight: the configured one counts again. A pinned route\n"
             "stays where it is until it is unpinned.\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct weight),
    .args_min = 2,
    .args_max = 2,
    .run = run,
};
