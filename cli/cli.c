/* Finding the command, and help. */
#include "cli/cli.h"

#include "base/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_WIDTH = 10, COMMANDS_MAX = 64 };

static void list_commands(FILE *to, const struct cli_group *groups, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(to, "\n%s\n", groups[i].title);
        for (size_t k = 0; k < groups[i].n; k++)
            (void)fprintf(to, "  %-*s %s\n", NAME_WIDTH, groups[i].commands[k]->name,
                          groups[i].commands[k]->summary);
    }
}

static void usage(FILE *to, const struct cli_group *groups, size_t n)
{
    (void)fprintf(to,
                  "weir %s: moves traffic from a legacy backend to a new one, step by step\n\n"
                  "usage: weir COMMAND [ARGUMENTS]\n",
                  WEIR_VERSION);
    list_commands(to, groups, n);
    (void)fprintf(to, "\n`weir help COMMAND` or `weir COMMAND --help` tells more; "
                      "`weir --version` the version.\n");
}

static const struct cli_command *find(const struct cli_group *groups, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < groups[i].n; k++)
            if (strcmp(groups[i].commands[k]->name, name) == 0)
                return groups[i].commands[k];
    return NULL;
}

static int unknown(const struct cli_group *groups, size_t n, const char *name)
{
    const char *names[COMMANDS_MAX];
    size_t known = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < groups[i].n && known < COMMANDS_MAX; k++)
            names[known++] = groups[i].commands[k]->name;
    const char *near = suggest_nearest(span_str(name), names, known);
    if (near != NULL)
        cli_say("there is no command \"%s\"; did you mean \"%s\"?", name, near);
    else
        cli_say("there is no command \"%s\"; `weir help` lists them", name);
    return CLI_WRONG;
}

static int help(const struct cli_group *groups, size_t n, int argc, char **argv)
{
    struct cli_terminal t = cli_terminal(STDOUT_FILENO);
    if (argc == 0) {
        usage(stdout, groups, n);
        return CLI_OK;
    }
    const struct cli_command *c = find(groups, n, argv[0]);
    if (c == NULL)
        return unknown(groups, n, argv[0]);
    cli_help(c, &t);
    return CLI_OK;
}

static int run(const struct cli_command *c, int argc, char **argv)
{
    struct cli_call call;
    bool wants_help = false;
    int status = cli_parse(c, argc, argv, &call, &wants_help);
    if (status == CLI_OK && wants_help)
        cli_help(c, &call.terminal);
    else if (status == CLI_OK)
        status = c->run(&call);
    cli_call_free(&call);
    if (fflush(stdout) != 0 && status == CLI_OK) {
        cli_say("standard output cannot be written");
        status = CLI_FAILED;
    }
    return status;
}

int cli_main(int argc, char **argv, const struct cli_group *groups, size_t n)
{
    if (argc < 2) {
        usage(stderr, groups, n);
        return CLI_WRONG;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        (void)printf("weir %s\n", WEIR_VERSION);
        return CLI_OK;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(groups, n, argc - 2, argv + 2);
    const struct cli_command *c = find(groups, n, name);
    return c == NULL ? unknown(groups, n, name) : run(c, argc - 2, argv + 2);
}
