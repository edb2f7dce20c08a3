/* weir diff: two saved answers, compared like the shadow does. */
#include "cli/cli.h"

#include "shadow/shadow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Those of diff(1). */
enum { DIFF_SAME = 0, DIFF_DIFFER = 1, DIFF_TROUBLE = 2 };

struct diff {
    const char *format;
    const char *type;
    struct cli_list ignore;
    struct cli_list tolerance;
    const char *rules;
};

/* PATH=0.01 or PATH=1% */
static bool read_tolerance(const char *text, char *path, size_t n, struct config_tolerance *out)
{
    const char *sign = strrchr(text, '=');
    char *end;
    if (sign == NULL || sign == text || (size_t)(sign - text) >= n)
        return false;
    memcpy(path, text, (size_t)(sign - text));
    path[sign - text] = '\0';
    double v = strtod(sign + 1, &end);
    *out = (struct config_tolerance){.path = path};
    if (end == sign + 1 || v < 0)
        return false;
    if (strcmp(end, "%") == 0)
        out->rel = v / 100;
    else
        out->abs = v;
    return *end == '\0' || strcmp(end, "%") == 0;
}

static bool read_format(const char *word, enum shadow_diff_format *out)
{
    static const char *const words[] = {"text", "json", "patch"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (word == NULL || strcmp(word, words[i]) == 0) {
            *out = (enum shadow_diff_format)i;
            return true;
        }
    }
    cli_say("diff: --format %s: must be text, json or patch", word);
    return false;
}

static bool read_type(const char *word, const char **out)
{
    static const char *const words[][2] = {{"json", "application/json"},
                                           {"text", "text/plain"},
                                           {"bytes", "application/octet-stream"}};
    *out = word;
    for (size_t i = 0; word != NULL && i < ARRAY_LEN(words); i++)
        if (strcmp(word, words[i][0]) == 0)
            *out = words[i][1];
    if (*out == NULL || strchr(*out, '/') != NULL)
        return true;
    cli_say("diff: --type %s: must be json, text, bytes or a media type", word);
    return false;
}

static int make(struct shadow_diff_options *o)
{
    static const int statuses[] = {DIFF_SAME, DIFF_DIFFER, DIFF_TROUBLE};
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    enum shadow_diff_result result;
    enum err e = shadow_diff(o, &text, &result, &wrong);
    if (e == ERR_OK && cli_write(NULL, buf_span(&text)) != ERR_OK) {
        e = ERR_SYSTEM;
        cli_say("standard output cannot be written: %s", strerror(errno));
    } else if (e != ERR_OK && wrong.n == 0) {
        cli_say("%s", err_sentence(e));
    }
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&text);
    return e == ERR_OK ? statuses[result] : DIFF_TROUBLE;
}

static bool read_files(const struct cli_call *call, struct buf bodies[2],
                       struct shadow_diff_options *o)
{
    for (size_t i = 0; i < 2; i++) {
        if (cli_read(call->args[i], &bodies[i]) != ERR_OK) {
            cli_say("%s cannot be read: %s", call->args[i], strerror(errno));
            return false;
        }
        o->names[i] = call->args[i];
        o->texts[i] = buf_span(&bodies[i]);
    }
    return true;
}

static bool read_rules(const struct diff *d, struct config_route_shadow *rules)
{
    static char paths[CLI_LIST_MAX][512];
    static struct config_tolerance tolerances[CLI_LIST_MAX];
    rules->ignore = (struct config_names){(const char **)(uintptr_t)d->ignore.list, d->ignore.n};
    rules->tolerance = tolerances;
    rules->ntolerance = d->tolerance.n;
    for (size_t i = 0; i < d->tolerance.n; i++) {
        if (!read_tolerance(d->tolerance.list[i], paths[i], sizeof(paths[i]), &tolerances[i])) {
            cli_say("diff: --tolerance %s: must be PATH=0.01 or PATH=1%%", d->tolerance.list[i]);
            return false;
        }
    }
    return true;
}

static int run(const struct cli_call *call)
{
    const struct diff *d = call->options;
    struct buf bodies[2] = {BUF_INIT(0), BUF_INIT(0)};
    struct config_route_shadow rules = {.percent = 10000};
    struct shadow_diff_options o = {.rules = &rules,
                                    .rules_file = d->rules,
                                    .width = call->terminal.width,
                                    .colour = call->terminal.colour};
    if (!read_format(d->format, &o.format) || !read_type(d->type, &o.type) ||
        !read_rules(d, &rules))
        return CLI_WRONG;
    if (o.format == SHADOW_DIFF_PATCH && (d->ignore.n + d->tolerance.n > 0 || d->rules != NULL)) {
        cli_say("diff: a patch makes the one of the other, whole: it knows no rules");
        return CLI_WRONG;
    }
    int status = read_files(call, bodies, &o) ? make(&o) : DIFF_TROUBLE;
    buf_free(&bodies[0]);
    buf_free(&bodies[1]);
    return status;
}

static const struct cli_option options[] = {
    {"format", CLI_TEXT, offsetof(struct diff, format), "NAME",
     "text (default), json, or patch: the JSON Patch (RFC 6902) that makes B of A"},
    {"ignore", CLI_LIST, offsetof(struct diff, ignore), "PATH",
     "Not compared: $.a.b, $.items[].at, header:NAME"},
    {"tolerance", CLI_LIST, offsetof(struct diff, tolerance), "PATH=N",
     "Numbers that may differ by 0.01 or by 1%"},
    {"rules", CLI_TEXT, offsetof(struct diff, rules), "FILE",
     "A file of rules (`weir rules`); those of all routes and endpoints"},
    {"type", CLI_TEXT, offsetof(struct diff, type), "TYPE",
     "What bodies without a Content-Type are: json, text, bytes or a media type; default: by "
     "the end of the name (.json), else a guess"},
};

const struct cli_command cmd_diff = {
    .name = "diff",
    .summary = "compare two saved answers like the shadow does",
    .usage = "A B",
    .about = "A is what the legacy side answered, B the new one: bodies, or what `curl -i` prints\n"
             "(status line, fields, an empty line, body). \"-\" is standard input.\n\n"
             "Exit status: 0 the same, 1 they differ, 2 they cannot be compared.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct diff),
    .args_min = 2,
    .args_max = 2,
    .run = run,
};
