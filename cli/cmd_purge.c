/* weir purge: records and findings that are to go, now. */
#include "cli/cli.h"

#include "base/clock.h"
#include "shadow/shadow.h"

#include <errno.h>
#include <string.h>

enum { PURGE_MS = 300000 };

struct purge {
    struct cli_talk talk;
    struct cli_order order;
    const char *route, *older;
    bool all, offline, json;
};

static enum err compose(const struct purge *o, uint64_t older_ms, struct buf *body)
{
    TRY(buf_append(body, SPAN("{")));
    TRY(cli_json_string(body, "route", o->route));
    if (older_ms == 0)
        return ERR_OK;
    return buf_printf(body, "%s\"older_ms\": %llu", o->route == NULL ? "" : ", ",
                      (unsigned long long)older_ms);
}

static int ask(const struct cli_call *call, const struct purge *o, uint64_t older_ms)
{
    struct buf body = BUF_INIT(0);
    enum err e = compose(o, older_ms, &body);
    if (e != ERR_OK) {
        buf_free(&body);
        cli_say("%s", err_sentence(e));
        return CLI_FAILED;
    }
    return cli_send_order(call, &o->talk, &o->order, o->json ? "/purge?json" : "/purge", &body,
                          PURGE_MS);
}

/* As a running weir says it. */
static enum err say(const struct control_purged *p, bool json, struct buf *out)
{
    if (!json)
        return buf_printf(out, "%s\n", p->message);
    TRY(buf_append(out, SPAN("{\n  \"message\": \"")));
    TRY(cli_json_escaped(out, p->message));
    return buf_printf(out, "\",\n  \"removed\": %llu\n}\n", (unsigned long long)p->removed);
}

static enum err print(const struct control_purged *p, bool json)
{
    struct buf text = BUF_INIT(0);
    enum err e = say(p, json, &text);
    if (e == ERR_OK)
        e = cli_write(NULL, buf_span(&text));
    buf_free(&text);
    return e;
}

static int do_it(const struct purge *o, uint64_t older_ms)
{
    char dir[PATH_MAX];
    struct complaints wrong = {.n = 0};
    struct control_purged purged = {.removed = 0};
    uint64_t now = clock_wall_ms();
    struct shadow_purge q = {.route = o->route};
    if (older_ms > 0)
        q.before_ms = older_ms < now ? now - older_ms : 1;
    int status = cli_find_state(&o->talk, dir);
    if (status != CLI_OK)
        return status;
    const char *by = o->order.by != NULL ? o->order.by : cli_user();
    enum err e = control_purge(dir, &q, by, o->order.why, &purged, &wrong);
    if (e == ERR_OK)
        e = print(&purged, o->json);
    if (e != ERR_OK && wrong.n == 0)
        cli_say("%s", e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
    cli_complain(&wrong);
    complaints_free(&wrong);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

static int run(const struct cli_call *call)
{
    const struct purge *o = call->options;
    uint64_t older_ms = 0;
    if (o->older != NULL && (!cli_duration(o->older, &older_ms) || older_ms == 0)) {
        cli_say("purge: --older %s: must be a time such as 30m, 24h or 7d", o->older);
        return CLI_WRONG;
    }
    if (!o->all && o->route == NULL && o->older == NULL) {
        cli_say("purge: say what: --route NAME, --older TIME, or --all");
        return CLI_WRONG;
    }
    if (o->all && (o->route != NULL || o->older != NULL)) {
        cli_say("purge: --all is everything: no --route and no --older beside it");
        return CLI_WRONG;
    }
    return o->offline ? do_it(o, older_ms) : ask(call, o, older_ms);
}

static const struct cli_option options[] = {
    {"route", CLI_TEXT, offsetof(struct purge, route), "NAME", "Only of this route"},
    {"older", CLI_TEXT, offsetof(struct purge, older), "TIME",
     "Only what is older, such as 24h; the table of findings stays"},
    {"all", CLI_FLAG, offsetof(struct purge, all), NULL, "Everything"},
    CLI_WHO_OPTIONS(struct purge),
    {"offline", CLI_FLAG, offsetof(struct purge, offline), NULL,
     "No weir runs: do it in the files of the state directory"},
    {"json", CLI_FLAG, offsetof(struct purge, json), NULL, "What was done as JSON"},
    CLI_TALK_OPTIONS(struct purge),
};

const struct cli_command cmd_purge = {
    .name = "purge",
    .summary = "remove shadow records and findings, by route or age; audited",
    .usage = "--route NAME | --older TIME | --all",
    .about =
        "What is removed cannot be had again. Without --older the table of findings forgets it\n"
        "as well, and so does what is published of it. It stands in `weir "
        "audit`.\n\n" CLI_TALK_ABOUT,
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct purge),
    .run = run,
};
