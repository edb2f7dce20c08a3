/* weir sign: a signature for a control document that somebody writes by hand. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READ_STEP = 64 * 1024, READ_MAX = 1024 * 1024 };

static const char default_config[] = "/etc/weir/weir.json";

struct sign {
    const char *config;
    const char *env;
};

static enum err read_all(FILE *from, struct buf *out)
{
    size_t n;
    do {
        TRY(buf_reserve(out, READ_STEP));
        n = fread(out->p + out->n, 1, READ_STEP, from);
        out->n += n;
        if (out->n > READ_MAX)
            return ERR_TOO_LARGE;
    } while (n > 0);
    return ferror(from) ? ERR_SYSTEM : ERR_OK;
}

static enum err read_document(const char *path, struct buf *out)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *from = standard ? stdin : fopen(path, "re");
    if (from == NULL)
        return ERR_SYSTEM;
    enum err e = read_all(from, out);
    if (!standard)
        (void)fclose(from);
    return e;
}

static int sign(const struct config *c, struct span text)
{
    struct complaints wrong = {.n = 0};
    struct buf out = BUF_INIT(0);
    enum err e = control_sign(c, text, &out, &wrong);
    if (e == ERR_OK)
        e = cli_write(NULL, buf_span(&out));
    if (wrong.n == 0 && e != ERR_OK)
        complain(&wrong, "weir sign", NULL, "%s", err_sentence(e));
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&out);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

static int run(const struct cli_call *call)
{
    const struct sign *s = call->options;
    const char *path = call->nargs > 0 ? call->args[0] : "-";
    struct complaints wrong = {.n = 0};
    struct buf text = BUF_INIT(0);
    struct config *c = NULL;
    int status = CLI_WRONG;
    enum err e = config_load(s->config != NULL ? s->config : default_config, s->env, &c, &wrong);
    if (e == ERR_OK && (e = read_document(path, &text)) != ERR_OK)
        cli_say("%s cannot be read: %s", path, e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
    else if (e == ERR_OK)
        status = sign(c, buf_span(&text));
    cli_complain(&wrong);
    complaints_free(&wrong);
    buf_free(&text);
    config_free(&c);
    return status;
}

static const struct cli_option options[] = {
    {"config", CLI_TEXT, offsetof(struct sign, config), "FILE",
     "The configuration whose control.secret_file signs; default: /etc/weir/weir.json"},
    {"env", CLI_TEXT, offsetof(struct sign, env), "NAME",
     "Merge environments/NAME.json beside it over it"},
};

const struct cli_command cmd_sign = {
    .name = "sign",
    .summary = "sign a control document that you write into the store yourself",
    .usage = "[FILE]",
    .about =
        "Reads FILE or standard input, refuses what weir would refuse, and prints the document "
        "with its\nsignature. For example:\n\n"
        "  weir sign --config weir.json document.json | redis-cli -x SET weir:control\n\n"
        "`weir flip` and the others sign by themselves.\n\n"
        "Exit status: 0 signed, 1 refused, 2 wrong usage or configuration.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct sign),
    .args_max = 1,
    .run = run,
};
