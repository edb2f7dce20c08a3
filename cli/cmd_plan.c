/* weir plan: who would move if this configuration took the place of that one? */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan_options {
    const char *env;
    const char *log;
};

static bool read_log(struct plan *p, const char *file)
{
    char *line = NULL;
    size_t cap = 0;
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
    ssize_t n;
    if (f == NULL) {
        cli_say("plan: %s cannot be read: %s", file, strerror(errno));
        return false;
    }
    while ((n = getline(&line, &cap, f)) > 0)
        plan_line(p, span_of(line, (size_t)n));
    bool ok = ferror(f) == 0;
    if (!ok)
        cli_say("plan: %s cannot be read to its end", file);
    free(line);
    if (f != stdin)
        (void)fclose(f);
    return ok;
}

static int compare(const struct plan_options *o, const struct snapshot *was,
                   const struct snapshot *is)
{
    struct buf text = BUF_INIT(0);
    struct plan *p;
    int status = CLI_FAILED;
    enum err e = plan_new(was->table, is->table, &p);
    bool read = e == ERR_OK && (o->log == NULL || read_log(p, o->log));
    if (read)
        e = plan_say(p, &text);
    if (e != ERR_OK)
        cli_say("plan: %s", err_sentence(e));
    else if (read && cli_write(NULL, buf_span(&text)) != ERR_OK)
        cli_say("standard output cannot be written: %s", strerror(errno));
    else if (read)
        status = CLI_OK;
    buf_free(&text);
    plan_free(&p);
    return status;
}

static int run(const struct cli_call *call)
{
    const struct plan_options *o = call->options;
    struct complaints wrong = {.n = 0};
    struct snapshot *was = NULL;
    struct snapshot *is = NULL;
    int status = CLI_WRONG;
    enum err e = cli_load(call->args[0], o->env, &was, &wrong);
    if (e == ERR_OK)
        e = cli_load(call->args[1], o->env, &is, &wrong);
    cli_complain(&wrong);
    if (e == ERR_OK)
        status = compare(o, was, is);
    if (was != NULL)
        snapshot_free(&was);
    if (is != NULL)
        snapshot_free(&is);
    complaints_free(&wrong);
    return status;
}

static const struct cli_option options[] = {
    {"env", CLI_TEXT, offsetof(struct plan_options, env), "NAME",
     "The environment of both: environments/NAME.json beside each file"},
    {"log", CLI_TEXT, offsetof(struct plan_options, log), "FILE",
     "A JSON access log, - for standard input: count its requests that would move"},
};

const struct cli_command cmd_plan = {
    .name = "plan",
    .summary = "what share of users, or of recorded requests, a new configuration moves",
    .usage = "OLD NEW",
    .about = "Compares two configuration files; nothing is changed and no weir is asked.\n\n"
             "  weir plan weir.json weir-next.json --log access.json",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct plan_options),
    .args_min = 2,
    .args_max = 2,
    .run = run,
};
