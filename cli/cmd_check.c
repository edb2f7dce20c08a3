/* weir check: is this configuration good, and what does it amount to? */
#include "cli/cli.h"

#include "proxy/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct check {
    const char *env;
    bool syntax;
    bool print;
    bool schema;
    bool manual;
};

/* Writes a text that was made, or says why it could not be. */
static int show(enum err e, struct buf *text)
{
    if (e == ERR_OK)
        e = cli_write(NULL, buf_span(text));
    buf_free(text);
    if (e == ERR_OK)
        return CLI_OK;
    cli_say("%s", e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
    return CLI_FAILED;
}

static const char *s_of(size_t n)
{
    return n == 1 ? "" : "s";
}

static bool takes_everything(const struct config_match *m)
{
    return m->host == NULL && m->path == NULL && strcmp(m->prefix, "/") == 0 && m->regex == NULL &&
           m->methods.n + m->nheaders + m->ncookies + m->nquery == 0;
}

static bool is_every_request_taken(const struct config *c)
{
    for (size_t i = 0; i < c->nroutes; i++)
        if (takes_everything(&c->routes[i].match))
            return true;
    return false;
}

static void sum_up(const char *file, const struct config *c)
{
    (void)printf("%s is good: %zu listener%s, %zu backend%s, %zu route%s\n", file, c->nlisteners,
                 s_of(c->nlisteners), c->nbackends, s_of(c->nbackends), c->nroutes,
                 s_of(c->nroutes));
    if (!is_every_request_taken(c))
        (void)printf("What no route takes is answered with 404: there is none with only "
                     "{\"prefix\": \"/\"}.\n");
}

/* What `weir run` and a reload would do with it before they take it. */
static enum err prepare(const struct check *o, const char *file, struct route_table **t,
                        struct complaints *wrong)
{
    struct config *c;
    TRY(config_load(file, o->env, &c, wrong));
    TRY(route_table_new(c, t, wrong));
    return o->syntax ? ERR_OK : proxy_prepare(*t, wrong);
}

static int check(const struct check *o, const char *file)
{
    struct route_table *t = NULL;
    struct complaints wrong = {.n = 0};
    struct buf text = BUF_INIT(0);
    int status = CLI_OK;
    enum err e = prepare(o, file, &t, &wrong);
    if (e == ERR_OK && o->print)
        status = show(config_print(t->config, &text), &text);
    else if (e == ERR_OK)
        sum_up(file, t->config);
    if (e != ERR_OK) {
        size_t n = wrong.n + wrong.dropped;
        cli_complain(&wrong);
        if (n > 0)
            cli_say("%s is not good: %zu complaint%s", file, n, s_of(n));
        else
            cli_say("%s cannot be checked: %s", file, err_sentence(e));
        status = CLI_WRONG;
    }
    if (t != NULL)
        route_table_free(&t);
    complaints_free(&wrong);
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
        struct buf text = BUF_INIT(0);
        return show(o->schema ? config_schema(&text) : config_manual(&text), &text);
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
    {"syntax", CLI_FLAG, offsetof(struct check, syntax), NULL,
     "Only what the file says: open no certificate it names, look up no server"},
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
    .about = "Tries whatever `weir run` and a reload would: certificates are opened, servers "
             "looked up, listen\n"
             "addresses resolved (none is opened). Exit status: 0 it is good, 2 it is not.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct check),
    .args_max = 1,
    .run = run,
};
