/* weir flip: everything, or one route, to one side. */
#include "cli/cli.h"

#include "base/suggest.h"

#include <string.h>

struct flip {
    struct cli_talk talk;
    struct cli_order order;
    const char *route;
    bool all;
    bool local;
};

static enum err compose(const struct flip *f, const char *word, struct buf *body)
{
    TRY(buf_append(body, SPAN("{")));
    if (strcmp(word, "unpin") == 0)
        TRY(buf_append(body, SPAN("\"pin\": null")));
    else
        TRY(cli_json_string(body, "pin", word));
    if (f->all)
        TRY(buf_append(body, SPAN(", \"all\": true")));
    return cli_json_string(body, "route", f->route);
}

static int run(const struct cli_call *call)
{
    static const char *const words[] = {"legacy", "new", "config", "unpin"};
    const struct flip *f = call->options;
    const char *word = call->args[0];
    struct buf body = BUF_INIT(0);
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        known = known || strcmp(word, words[i]) == 0;
    if (!known) {
        const char *near = suggest_nearest(span_str(word), words, ARRAY_LEN(words));
        cli_say("flip: \"%s\" is neither legacy, new, config nor unpin%s%s%s", word,
                near == NULL ? "" : "; did you mean ", near == NULL ? "" : near,
                near == NULL ? "" : "?");
        return CLI_WRONG;
    }
    if (compose(f, word, &body) != ERR_OK) {
        buf_free(&body);
        cli_say("%s", err_sentence(ERR_NO_MEMORY));
        return CLI_FAILED;
    }
    if (f->local)
        return cli_leave_order(&f->talk, &f->order, &body);
    return cli_send_order(call, &f->talk, &f->order, "/control", &body, CLI_ORDER_MS);
}

static const struct cli_option options[] = {
    {"route", CLI_TEXT, offsetof(struct flip, route), "NAME", "Only this route"},
    {"all", CLI_FLAG, offsetof(struct flip, all), NULL,
     "With `new`: also the routes that are pinned to legacy by themselves"},
    {"local", CLI_FLAG, offsetof(struct flip, local), NULL,
     "Without the admin socket: by a file in the state directory and a signal"},
    CLI_ORDER_OPTIONS(struct flip),
    CLI_TALK_OPTIONS(struct flip),
};

const struct cli_command cmd_flip = {
    .name = "flip",
    .summary = "send everything, or one route, to legacy or new; at once, on every instance",
    .usage = "legacy|new|config|unpin",
    .about =
        "  legacy   pins everything to legacy, whatever weights and pins there are\n"
        "  new      pins everything to new, but for routes pinned to legacy by themselves\n"
        "  config   as the configuration says: no pins, no weights of `weir weight`\n"
        "  unpin    removes the pin; weights count again\n\n"
        "`weir undo` takes it back. In an emergency, when neither Redis nor the admin socket\n"
        "answers, --local reaches the weir of a state directory; it counts at the next start if "
        "none runs.\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct flip),
    .args_min = 1,
    .args_max = 1,
    .run = run,
};
