/* weir run: the proxy itself, from a configuration file or from a few options. */
#include "cli/cli.h"
#include "cli/embedded.h"
#include "cli/run.h"

#include <string.h>
#include <unistd.h>

static const char default_config[] = "/etc/weir/weir.json";

struct run_options {
    const char *config;
    const char *env;
    const char *listen;
    struct embedded e;
};

struct source {
    const struct run_options *o;
    struct buf text; /* of an embedded configuration */
};

static enum err load_file(void *arg, struct config **out, struct complaints *wrong)
{
    const struct source *s = arg;
    return config_load(s->o->config, s->o->env, out, wrong);
}

static enum err load_text(void *arg, struct config **out, struct complaints *wrong)
{
    const struct source *s = arg;
    return config_parse(buf_span(&s->text), "command line", out, wrong);
}

static int run_file(struct run_options *o)
{
    struct source s = {.o = o};
    const struct run_hooks hooks = {.arg = &s, .load = load_file, .upgrades = true};
    return run_weir(&hooks);
}

static int run_embedded(struct run_options *o)
{
    struct source s = {.o = o};
    const struct run_hooks hooks = {.arg = &s, .load = load_text, .upgrades = true};
    struct complaints wrong = {.n = 0};
    o->e.listen[0] = o->listen != NULL ? o->listen : "127.0.0.1:8080";
    enum err e = embedded_text(&o->e, &s.text, &wrong);
    int status = CLI_WRONG;
    if (e == ERR_OK)
        status = run_weir(&hooks);
    else
        cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&s.text);
    return status;
}

static bool says_embedded(const struct run_options *o)
{
    const struct embedded none = {.legacy = NULL};
    return o->listen != NULL || memcmp(&o->e, &none, sizeof(none)) != 0;
}

static int run(const struct cli_call *call)
{
    struct run_options *o = call->options;
    if (o->config != NULL && says_embedded(o)) {
        cli_say("run: --config says it all; give either --config or --legacy and --new");
        return CLI_WRONG;
    }
    if (o->e.legacy != NULL && o->e.new_ != NULL)
        return run_embedded(o);
    if (says_embedded(o)) {
        cli_say("run: both sides are needed: --legacy URL --new URL");
        return CLI_WRONG;
    }
    if (o->config == NULL && access(default_config, R_OK) == 0)
        o->config = default_config;
    if (o->config != NULL)
        return run_file(o);
    cli_say("run: there is nothing to run: name a configuration with --config FILE,\n"
            "      or both sides: weir run --legacy http://HOST:PORT --new http://HOST:PORT");
    return CLI_WRONG;
}

#define AT(member) offsetof(struct run_options, member)

static const struct cli_option options[] = {
    {"config", CLI_TEXT, AT(config), "FILE", "The configuration; default: /etc/weir/weir.json"},
    {"env", CLI_TEXT, AT(env), "NAME", "Merge environments/NAME.json beside it over it"},
    {"legacy", CLI_TEXT, AT(e.legacy), "URL",
     "Without a file: the legacy side, http:// or https://"},
    {"new", CLI_TEXT, AT(e.new_), "URL", "Without a file: the new side"},
    {"new-percent", CLI_TEXT, AT(e.new_percent), "PERCENT", "Share of users for new; default 0"},
    {"shadow-percent", CLI_TEXT, AT(e.shadow_percent), "PERCENT",
     "Share of users whose GETs are mirrored and compared; default 0"},
    {"sticky", CLI_TEXT, AT(e.sticky), "LIST",
     "What makes a user: header:NAME,cookie:NAME,ip; default ip"},
    {"listen", CLI_TEXT, AT(listen), "ADDRESS",
     "HOST:PORT or https://HOST:PORT; default 127.0.0.1:8080"},
    {"cert", CLI_TEXT, AT(e.cert), "FILE", "Certificate for https; default: one made in memory"},
    {"key", CLI_TEXT, AT(e.key), "FILE", "Its private key"},
    {"redis", CLI_TEXT, AT(e.redis), "URL",
     "Control store; default: a file in the state directory"},
    {"state-dir", CLI_TEXT, AT(e.state_dir), "DIR", "Admin socket, routing state, shadow records"},
    {"access-log", CLI_TEXT, AT(e.access_log), "FILE", "Access log; - is standard output"},
    {"workers", CLI_TEXT, AT(e.workers), "N", "Worker threads; default: one per core"},
};

const struct cli_command cmd_run = {
    .name = "run",
    .summary = "run the proxy",
    .usage = "[--config FILE | --legacy URL --new URL]",
    .about =
        "SIGHUP reads the configuration again, SIGTERM ends gracefully, a second one at once,\n"
        "SIGUSR1 opens the logs again, SIGUSR2 is `weir upgrade`. Under systemd it says when it "
        "is\n"
        "ready (Type=notify) and takes the sockets of a socket unit.\n\n"
        "Exit status: 0 ended in order, 1 could not start, 2 wrong usage or configuration.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct run_options),
    .run = run,
};
