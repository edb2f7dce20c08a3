/* weir gate: may the weight go up? The answer is the exit status. */
#include "cli/cli.h"

#include "base/clock.h"
#include "shadow/shadow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NO_DATA = 30 };

struct gate {
    const char *format, *route, *since, *rules;
    struct cli_source source;
    const char *errors, *mismatch, *p95, *p99, *coverage;
};

static bool wrong(const char *name, const char *text, const char *what)
{
    cli_say("gate: --%s %s: must be %s", name, text, what);
    return false;
}

/* "0.1%"; without the sign nobody could tell 0.1 from 10 %. */
static bool share(const char *name, const char *text, double *out)
{
    char *end;
    if (text == NULL)
        return true;
    double v = strtod(text, &end);
    if (end == text || strcmp(end, "%") != 0 || !(v >= 0 && v <= 100))
        return wrong(name, text, "a percentage such as 0.1%");
    *out = v / 100;
    return true;
}

static bool ratio(const char *name, const char *text, double *out)
{
    char *end;
    if (text == NULL)
        return true;
    double v = strtod(text, &end);
    if (end == text || *end != '\0' || !(v >= 0 && v < 1e9))
        return wrong(name, text, "a ratio such as 1.15");
    *out = v;
    return true;
}

static bool read_limits(const struct gate *o, struct gate_limits *l)
{
    return share("max-errors", o->errors, &l->errors) &&
           share("max-mismatch", o->mismatch, &l->mismatch) && ratio("max-p95", o->p95, &l->p95) &&
           ratio("max-p99", o->p99, &l->p99) && share("coverage", o->coverage, &l->coverage);
}

static bool read_format(const char *word, enum gate_format *out)
{
    static const char *const words[] = {"text", "json", "junit"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (word == NULL || strcmp(word, words[i]) == 0) {
            *out = (enum gate_format)i;
            return true;
        }
    }
    cli_say("gate: --format %s: must be text, json or junit", word);
    return false;
}

static bool read_since(const char *text, uint64_t *since_ms)
{
    uint64_t since, now = clock_wall_ms();
    if (text == NULL)
        return true;
    if (!cli_duration(text, &since)) {
        cli_say("gate: --since %s: must be a time such as 30m, 24h or 7d", text);
        return false;
    }
    *since_ms = since < now ? now - since : 0;
    return true;
}

static int decide(const struct report_options *r, const struct gate_limits *l,
                  enum gate_format format)
{
    static const int statuses[] = {0, 10, 20, 30};
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    enum gate_verdict verdict;
    enum err e = shadow_gate(r, l, format, &text, &verdict, &wrong);
    if (e == ERR_OK && cli_write(NULL, buf_span(&text)) != ERR_OK) {
        cli_say("standard output cannot be written: %s", strerror(errno));
        e = ERR_SYSTEM;
    } else if (e != ERR_OK && wrong.n == 0) {
        cli_say("%s", err_sentence(e));
    }
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&text);
    return e == ERR_OK ? statuses[verdict] : statuses[GATE_NO_DATA];
}

static int run(const struct cli_call *call)
{
    const struct gate *o = call->options;
    struct gate_limits limits = {
        .errors = 0.005, .mismatch = 0.001, .p95 = 1.15, .p99 = 1.30, .coverage = 0.95};
    struct report_options r = {.route = o->route,
                               .rules = o->rules,
                               .width = call->terminal.width,
                               .colour = call->terminal.colour};
    enum gate_format format;
    struct cli_records d;
    if (!read_format(o->format, &format) || !read_limits(o, &limits) ||
        !read_since(o->since, &r.since_ms))
        return CLI_WRONG;
    int found = cli_find_records(call, &o->source, &d, &r);
    int status = found == CLI_OK      ? decide(&r, &limits, format)
                 : found == CLI_WRONG ? CLI_WRONG
                                      : NO_DATA;
    buf_free(&d.text);
    return status;
}

static const struct cli_option options[] = {
    {"format", CLI_TEXT, offsetof(struct gate, format), "NAME", "text (default), json or junit"},
    {"route", CLI_TEXT, offsetof(struct gate, route), "NAME", "Only this route"},
    {"since", CLI_TEXT, offsetof(struct gate, since), "TIME",
     "Only what was recorded within this time, such as 24h"},
    {"rules", CLI_TEXT, offsetof(struct gate, rules), "FILE",
     "As it would be under these rules, as far as what was stored can tell"},
    {"max-errors", CLI_TEXT, offsetof(struct gate, errors), "PERCENT",
     "How much more often new may fail than legacy (default 0.5%)"},
    {"max-mismatch", CLI_TEXT, offsetof(struct gate, mismatch), "PERCENT",
     "How often answers may differ (default 0.1%)"},
    {"max-p95", CLI_TEXT, offsetof(struct gate, p95), "RATIO",
     "p95 of new in proportion to legacy (default 1.15)"},
    {"max-p99", CLI_TEXT, offsetof(struct gate, p99), "RATIO", "The same for p99 (default 1.30)"},
    {"coverage", CLI_TEXT, offsetof(struct gate, coverage), "PERCENT",
     "Share of the traffic that must be covered (default 95%)"},
    CLI_SOURCE_OPTIONS(struct gate),
};

const struct cli_command cmd_gate = {
    .name = "gate",
    .summary = "may the weight go up? decided from records, by exit status",
    .usage = "[FILE...]",
    .about =
        "Every limit is held against an upper bound (95 %), on every endpoint: few requests are\n"
        "no reason to go on.\n\n"
        "Exit status: 0 promote, 10 hold, 20 roll back, 30 no data; 2 wrong usage.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct gate),
    .args_max = 1000,
    .run = run,
};
