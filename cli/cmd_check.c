/* weir check: is this configuration good, and what does it amount to? */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct check {
    const char *env;
    bool print;
    bool schema;
    bool manual;
};

static int show(enum err (*make)(struct buf *out))
{
    struct buf text = BUF_INIT(0);
    enum err e = make(&text);
    if (e == ERR_OK)
        e = cli_write(NULL, buf_span(&text));
    buf_free(&text);
    if (e == ERR_OK)
        return CLI_OK;
    cli_say("%s", e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
    return CLI_FAILED;
}

static int print(const struct config *c)
{
    struct buf text = BUF_INIT(0);
    enum err e = config_print(c, &text);
    if (e == ERR_OK)
        e = cli_write(NULL, buf_span(&text));
    buf_free(&text);
    if (e == ERR_OK)
        return CLI_OK;
    cli_say("%s", e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
    return CLI_FAILED;
}

static const char *s_of(size_t n)
{
    return n == 1 ? "" : "s";
}

static int check(const struct check *o, const char *file)
{
    struct config *c = NULL;
    struct complaints wrong = {.n = 0};
    if (config_load(file, o->env, &c, &wrong) != ERR_OK) {
        cli_complain(&wrong);
        size_t n = wrong.n + wrong.dropped;
        cli_say("%s is not good: %zu complaint%s", file, n, s_of(n));
        complaints_free(&wrong);
        return CLI_WRONG;
    }
    int status = CLI_OK;
    if (o->print)
        status = print(c);
    else
        (void)printf("%s is good: %zu listener%s, %zu backend%s, %zu route%s\n", file,
                     c->nlisteners, s_of(c->nlisteners), c->nbackends, s_of(c->nbackends),
                     c->nroutes, s_of(c->nroutes));
    config_free(&c);
    return status;
}

static int run(const struct cli_call *call)
{
    const struct check *o = call->options;
    if (o->schema || o->manual) {
        if (call->nargs > 0 || o->print || (o->schema && o->manual)) {
            cli_say("check: --schema and --manual stand alone");
            return CLI_WRONG;
        }
        return show(o->schema ? config_schema : config_manual);
    }
    if (call->nargs == 0) {
        cli_say("check: name the configuration file: weir check FILE");
        return CLI_WRONG;
    }
    return check(o, call->args[0]);
}

static const struct cli_option options[] = {
    {"env", CLI_TEXT, offsetof(struct check, env), "NAME",
     "Merge environments/NAME.json beside the file over it"},
    {"print", CLI_FLAG, offsetof(struct check, print), NULL,
     "Print the effective configuration, defaults included, secrets hidden"},
    {"schema", CLI_FLAG, offsetof(struct check, schema), NULL,
     "Print the JSON Schema of configuration files, for editors"},
    {"manual", CLI_FLAG, offsetof(struct check, manual), NULL, "Print the manual of all options"},
};

const struct cli_command cmd_check = {
    .name = "check",
    .summary = "is this configuration good, and what does it amount to?",
    .usage = "FILE",
    .about = "Exit status: 0 it is good, 2 it is not.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct check),
    .args_max = 1,
    .run = run,
};
