/* weir report: what the shadow found, made from its records. */
#include "cli/cli.h"

#include "base/clock.h"
#include "shadow/shadow.h"

#include <errno.h>
#include <string.h>

struct report {
    const char *format;
    const char *route;
    const char *since;
    const char *output;
    const char *rules;
    struct cli_source source;
    bool seed_defects;
    bool patches;
};

static int read_options(const struct report *o, struct report_options *r)
{
    static const char *const formats[] = {"text", "json", "html", "md", "junit"};
    const char *format = o->format == NULL ? "text" : o->format;
    uint64_t since;
    size_t i = 0;
    while (i < ARRAY_LEN(formats) && strcmp(format, formats[i]) != 0)
        i++;
    if (i == ARRAY_LEN(formats)) {
        cli_say("report: --format %s: must be text, json, html, md or junit", format);
        return CLI_WRONG;
    }
    r->format = o->seed_defects ? REPORT_SEEDS : (enum report_format)i;
    if (o->seed_defects && i != 0) {
        cli_say("report: --seed-defects is text; the other formats have the self-test in them");
        return CLI_WRONG;
    }
    r->route = o->route;
    r->patches = o->patches;
    r->rules = o->rules;
    if (o->since == NULL)
        return CLI_OK;
    if (!cli_duration(o->since, &since)) {
        cli_say("report: --since %s: must be a time such as 30m, 24h or 7d", o->since);
        return CLI_WRONG;
    }
    uint64_t now = clock_wall_ms();
    r->since_ms = since < now ? now - since : 0;
    return CLI_OK;
}

static int make(const struct report *o, const struct report_options *r)
{
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    enum err e = shadow_report(r, &text, &wrong);
    if (e == ERR_OK)
        e = cli_write(o->output, buf_span(&text));
    if (e == ERR_SYSTEM && wrong.n == 0)
        cli_say("%s cannot be written: %s", o->output == NULL ? "standard output" : o->output,
                strerror(errno));
    else if (e != ERR_OK && wrong.n == 0)
        cli_say("%s", err_sentence(e));
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&text);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

static int run(const struct cli_call *call)
{
    const struct report *o = call->options;
    struct cli_records d;
    bool to_terminal = o->output == NULL && call->terminal.is_terminal;
    struct report_options r = {.width = call->terminal.width,
                               .colour = o->output == NULL && call->terminal.colour};
    int status = read_options(o, &r);
    if (status == CLI_OK && r.format == REPORT_HTML && to_terminal) {
        cli_say("report: a page of HTML is nothing for a terminal: give --output FILE");
        return CLI_WRONG;
    }
    if (status != CLI_OK)
        return status;
    status = cli_find_records(call, &o->source, &d, &r);
    if (status == CLI_OK)
        status = make(o, &r);
    buf_free(&d.text);
    return status;
}

static const struct cli_option options[] = {
    {"format", CLI_TEXT, offsetof(struct report, format), "NAME",
     "text (default), json, html, md (for a pull request, at most 60 lines) or junit"},
    {"route", CLI_TEXT, offsetof(struct report, route), "NAME", "Only this route"},
    {"since", CLI_TEXT, offsetof(struct report, since), "TIME",
     "Only what was recorded within this time, such as 24h"},
    {"rules", CLI_TEXT, offsetof(struct report, rules), "FILE",
     "As it would be under these rules, as far as what was stored can tell"},
    {"patches", CLI_FLAG, offsetof(struct report, patches), NULL,
     "With examples, what makes the new answer of the legacy one: RFC 6902 (store \"full\")"},
    {"seed-defects", CLI_FLAG, offsetof(struct report, seed_defects), NULL,
     "Only the self-test: which planted defects were caught, hidden by a rule, or missed"},
    {"output", CLI_TEXT, offsetof(struct report, output), "FILE", "Into a file"},
    CLI_SOURCE_OPTIONS(struct report),
};

const struct cli_command cmd_report = {
    .name = "report",
    .summary = "what the shadow found: endpoints, fields, kinds of difference, examples",
    .usage = "[FILE...]",
    .about =
        "Made from record files alone; weir need not be running. Without files: shadow.ndjson.1\n"
        "and shadow.ndjson of the state directory (--state-dir, else that of --admin or\n"
        "$WEIR_ADMIN, else the default, else that of a demo of yours), and where there are none\n"
        "its findings.ndjson.\n"
        "Tables of findings (--live, --fleet, findings.ndjson) go back further than records; they\n"
        "know one example of each finding, and no pairs: --rules and --patches need records.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct report),
    .args_max = 1000,
    .run = run,
};
