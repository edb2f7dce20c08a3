/* weir explain: where would this request go, and why? Asks the weir that runs, so that pins and
 * weights in force count; with --config it asks a file instead. */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>

enum { EXPLAIN_TIMEOUT_MS = 15000 };

struct explain {
    struct cli_talk talk;
    struct cli_list headers;
    const char *method;
    const char *ip;
    const char *config;
    const char *env;
    bool json;
};

static enum err compose(const struct explain *x, const char *url, struct buf *body)
{
    TRY(buf_append(body, SPAN("{")));
    TRY(cli_json_string(body, "url", url));
    TRY(cli_json_string(body, "method", x->method));
    TRY(cli_json_string(body, "ip", x->ip));
    TRY(buf_append(body, SPAN(", \"headers\": [")));
    for (size_t i = 0; i < x->headers.n; i++) {
        TRY(buf_append(body, i == 0 ? SPAN("\"") : SPAN(", \"")));
        TRY(cli_json_escaped(body, x->headers.list[i]));
        TRY(buf_append(body, SPAN("\"")));
    }
    return buf_append(body, SPAN("]}"));
}

static int ask(const struct cli_call *call, const struct explain *x)
{
    struct buf body = BUF_INIT(64 * 1024);
    int status = CLI_FAILED;
    if (compose(x, call->args[0], &body) == ERR_OK)
        status = cli_ask(call, &x->talk, "POST", x->json ? "/explain?json" : "/explain",
                         buf_span(&body), EXPLAIN_TIMEOUT_MS);
    else
        cli_say("explain: that is too much for one request");
    buf_free(&body);
    return status;
}

/* --- from a file --- */

static int read_file(const struct explain *x, const char *url)
{
    const struct explain_request q = {.method = x->method,
                                      .url = url,
                                      .ip = x->ip,
                                      .headers = x->headers.list,
                                      .nheaders = x->headers.n};
    struct complaints wrong = {.n = 0};
    struct snapshot *s = NULL;
    struct decision d;
    struct buf text = BUF_INIT(0);
    enum err e = cli_load(x->config, x->env, &s, &wrong);
    if (e == ERR_OK)
        e = route_explain(s, &q, &d, &text, &wrong);
    cli_complain(&wrong);
    bool known = e == ERR_OK || e == ERR_NO_ROUTE;
    if (known && cli_write(NULL, buf_span(&text)) != ERR_OK)
        cli_say("standard output cannot be written: %s", strerror(errno));
    if (s != NULL)
        snapshot_free(&s);
    buf_free(&text);
    complaints_free(&wrong);
    return known ? CLI_OK : CLI_WRONG;
}

static int run(const struct cli_call *call)
{
    const struct explain *x = call->options;
    if (x->config == NULL && x->env == NULL)
        return ask(call, x);
    if (x->config != NULL && !x->json)
        return read_file(x, call->args[0]);
    cli_say(x->config == NULL ? "explain: --env goes with --config"
                              : "explain: --json asks the weir that runs; leave --config out");
    return CLI_WRONG;
}

#define AT(member) offsetof(struct explain, member)

static const struct cli_option options[] = {
    {"header", CLI_LIST, AT(headers), "LINE",
     "A header of the request, \"name: value\"; repeatable"},
    {"method", CLI_TEXT, AT(method), "METHOD", "Default: GET"},
    {"ip", CLI_TEXT, AT(ip), "ADDRESS", "The client's address; default: 127.0.0.1"},
    {"json", CLI_FLAG, AT(json), NULL, "The decision as JSON"},
    {"config", CLI_TEXT, AT(config), "FILE",
     "Decide by this configuration, without pins and weights in force"},
    {"env", CLI_TEXT, AT(env), "NAME", "With --config: its environment"},
    CLI_TALK_OPTIONS(struct explain),
};

const struct cli_command cmd_explain = {
    .name = "explain",
    .summary = "which route, which backend, and why, for a request you make up",
    .usage = "URL",
    .about =
        "URL is /path, host/path or https://host/path. The weir that runs decides by what is in\n"
        "force there, exactly as it would for a real request.\n\n"
        "  weir explain /api/orders/17 --header 'x-user-id: user-3'\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct explain),
    .args_min = 1,
    .args_max = 1,
    .run = run,
};
