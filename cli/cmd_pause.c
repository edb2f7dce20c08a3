/* weir pause: a route's new requests wait while something behind it is switched. */
#include "cli/cli.h"

#include <string.h>

enum { PAUSE_MAX_MS = 60 * 1000 };

struct pause {
    struct cli_talk talk;
    struct cli_order order;
    const char *time;
    const char *then;
};

static bool is_side(const char *word)
{
    return strcmp(word, "legacy") == 0 || strcmp(word, "new") == 0 || strcmp(word, "config") == 0;
}

static enum err compose(const char *route, uint64_t ms, const char *then, struct buf *body)
{
    TRY(buf_append(body, SPAN("{")));
    TRY(cli_json_string(body, "route", route));
    TRY(cli_json_string(body, "pin", then));
    return buf_printf(body, ", \"pause_ms\": %llu", (unsigned long long)ms);
}

static int run(const struct cli_call *call)
{
    const struct pause *p = call->options;
    struct buf body = BUF_INIT(0);
    uint64_t ms = 0;
    if (p->time == NULL || !cli_duration(p->time, &ms) || ms > PAUSE_MAX_MS) {
        cli_say("pause: --for%s%s: give a time up to 1m, such as 500ms or 5s; 0s ends a pause",
                p->time == NULL ? "" : " ", p->time == NULL ? "" : p->time);
        return CLI_WRONG;
    }
    if (p->then != NULL && !is_side(p->then)) {
        cli_say("pause: --then %s: must be legacy, new or config", p->then);
        return CLI_WRONG;
    }
    if (compose(call->args[0], ms, p->then, &body) != ERR_OK) {
        buf_free(&body);
        cli_say("%s", err_sentence(ERR_NO_MEMORY));
        return CLI_FAILED;
    }
    return cli_send_order(call, &p->talk, &p->order, "/control", &body, CLI_ORDER_MS);
}

static const struct cli_option options[] = {
    {"for", CLI_TEXT, offsetof(struct pause, time), "TIME", "How long at most; up to 1m"},
    {"then", CLI_TEXT, offsetof(struct pause, then), "SIDE",
     "Where they go then: legacy, new or config; default: as before"},
    CLI_ORDER_OPTIONS(struct pause),
    CLI_TALK_OPTIONS(struct pause),
};

const struct cli_command cmd_pause = {
    .name = "pause",
    .summary = "let a route's new requests wait while data is switched",
    .usage = "ROUTE --for TIME",
    .about = "Requests that run go on where they are; new ones wait in weir. They are let through\n"
             "when the time is over, and at once by a flip, a weight or an undo that concerns the\n"
             "route, or `weir pause ROUTE --for 0s`.\n\n"
             "  weir pause checkout --for 5s --then new --wait\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct pause),
    .args_min = 1,
    .args_max = 1,
    .run = run,
};
