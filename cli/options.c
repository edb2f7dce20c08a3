/* One parser for all commands, driven by their tables. Options and arguments may be mixed; "--"
 * ends the options. */
#include "cli/cli.h"

#include "base/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTIONS_MAX = 64, LABEL_LEN = 64, GAP = 2 };

static int wrong(const struct cli_command *c, const char *what)
{
    size_t n = strlen(what);
    if (n > 0 && what[n - 1] == '?')
        cli_say("%s: %s", c->name, what);
    else
        cli_say("%s: %s; `weir %s --help` tells more", c->name, what, c->name);
    return CLI_WRONG;
}

static const struct cli_option *find(const struct cli_command *c, struct span name)
{
    for (size_t i = 0; i < c->noptions; i++)
        if (span_eq(span_str(c->options[i].name), name))
            return &c->options[i];
    return NULL;
}

static int unknown(const struct cli_command *c, const char *dashes, struct span name)
{
    char word[LABEL_LEN];
    char what[4 * LABEL_LEN];
    const char *names[OPTIONS_MAX];
    size_t n = 0;
    for (; n < c->noptions && n < OPTIONS_MAX; n++)
        names[n] = c->options[n].name;
    (void)snprintf(word, sizeof(word), SPAN_FMT, SPAN_ARG(name));
    const char *near = suggest_nearest(name, names, n);
    if (near != NULL)
        (void)snprintf(what, sizeof(what), "there is no option %s%s; did you mean --%s?", dashes,
                       word, near);
    else
        (void)snprintf(what, sizeof(what), "there is no option %s%s", dashes, word);
    return wrong(c, what);
}

static bool put_more(struct cli_list *l, const char *value)
{
    if (l->n == CLI_LIST_MAX)
        return false;
    l->list[l->n++] = value;
    return true;
}

/* False: a list is full. */
static bool put(const struct cli_call *call, const struct cli_option *o, const char *value)
{
    char *at = (char *)call->options + o->at;
    if (o->kind == CLI_FLAG)
        *(bool *)(void *)at = true;
    else if (o->kind == CLI_LIST)
        return put_more((struct cli_list *)(void *)at, value);
    else
        *(const char **)(void *)at = value;
    return true;
}

/* *i is moved on when the value is the next word. */
static int take_option(struct cli_call *call, int argc, char **argv, int *i)
{
    char what[2 * LABEL_LEN];
    const struct cli_command *c = call->command;
    struct span word = span_str(argv[*i] + 2);
    size_t eq = span_find(word, '=');
    const char *value = eq < word.n ? word.p + eq + 1 : NULL;
    const struct cli_option *o = find(c, span_until(word, eq));
    if (o == NULL)
        return unknown(c, "--", span_until(word, eq));
    if (o->kind == CLI_FLAG && value != NULL) {
        (void)snprintf(what, sizeof(what), "--%s takes no value", o->name);
        return wrong(c, what);
    }
    if ((o->kind == CLI_TEXT || o->kind == CLI_LIST) && value == NULL) {
        if (*i + 1 == argc) {
            (void)snprintf(what, sizeof(what), "--%s needs a value: %s", o->name, o->value);
            return wrong(c, what);
        }
        value = argv[++*i];
    }
    if (put(call, o, value == NULL ? "" : value))
        return CLI_OK;
    (void)snprintf(what, sizeof(what), "--%s may be given %d times", o->name, CLI_LIST_MAX);
    return wrong(c, what);
}

static int take_all(struct cli_call *call, int argc, char **argv, bool *wants_help)
{
    const char **args = calloc((size_t)argc + 1, sizeof(*args));
    bool options = true;
    if (args == NULL)
        return wrong(call->command, err_sentence(ERR_NO_MEMORY));
    call->args = args;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (options && strcmp(word, "--") == 0) {
            options = false;
        } else if (options && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            *wants_help = true;
        } else if (options && strncmp(word, "--", 2) == 0) {
            if (take_option(call, argc, argv, &i) != CLI_OK)
                return CLI_WRONG;
        } else if (options && word[0] == '-' && word[1] != '\0') {
            return unknown(call->command, "-", span_str(word + 1));
        } else {
            args[call->nargs++] = word;
        }
    }
    return CLI_OK;
}

static int check_number(const struct cli_call *call)
{
    char what[4 * LABEL_LEN];
    const struct cli_command *c = call->command;
    if (call->nargs >= c->args_min && call->nargs <= c->args_max)
        return CLI_OK;
    if (call->nargs > c->args_max)
        (void)snprintf(what, sizeof(what), "\"%.60s\" is one word too many: weir %s%s%s",
                       call->args[c->args_max], c->name, c->usage[0] == '\0' ? "" : " ", c->usage);
    else
        (void)snprintf(what, sizeof(what), "something is missing: weir %s %s", c->name, c->usage);
    return wrong(c, what);
}

int cli_parse(const struct cli_command *c, int argc, char **argv, struct cli_call *call,
              bool *wants_help)
{
    *call = (struct cli_call){.command = c, .terminal = cli_terminal(STDOUT_FILENO)};
    *wants_help = false;
    call->options = calloc(1, c->size == 0 ? 1 : c->size);
    if (call->options == NULL)
        return wrong(c, err_sentence(ERR_NO_MEMORY));
    int status = take_all(call, argc, argv, wants_help);
    return status != CLI_OK || *wants_help ? status : check_number(call);
}

void cli_call_free(struct cli_call *call)
{
    free((void *)(uintptr_t)call->args);
    free(call->options);
    *call = (struct cli_call){.command = NULL};
}

/* --- help --- */

static void label_of(const struct cli_option *o, char out[LABEL_LEN])
{
    const char *v = o->value == NULL ? "" : o->value;
    if (o->kind == CLI_FLAG)
        (void)snprintf(out, LABEL_LEN, "--%s", o->name);
    else if (o->kind == CLI_TEXT || o->kind == CLI_LIST)
        (void)snprintf(out, LABEL_LEN, "--%s %s", o->name, v);
    else
        (void)snprintf(out, LABEL_LEN, "--%s[=%s]", o->name, v);
}

/* Breaks help text at words, with what follows under what came before. */
static void print_wrapped(const char *text, size_t indent, size_t width)
{
    size_t room = width > indent + 20 ? width - indent : 20;
    size_t column = 0;
    struct span rest = span_str(text);
    struct span word;
    while (rest.n > 0 && span_cut(&rest, ' ', &word)) {
        if (column > 0 && column + 1 + word.n > room) {
            (void)printf("\n%*s", (int)indent, "");
            column = 0;
        }
        (void)printf("%s" SPAN_FMT, column > 0 ? " " : "", SPAN_ARG(word));
        column += word.n + (column > 0 ? 1 : 0);
    }
    (void)printf("\n");
}

void cli_help(const struct cli_command *c, const struct cli_terminal *t)
{
    char label[LABEL_LEN];
    size_t widest = 0;
    (void)printf("weir %s: %s\n\nusage: weir %s%s%s%s\n", c->name, c->summary, c->name,
                 c->usage[0] == '\0' ? "" : " ", c->usage, c->noptions > 0 ? " [OPTIONS]" : "");
    if (c->noptions > 0)
        (void)printf("\n");
    for (size_t i = 0; i < c->noptions; i++) {
        label_of(&c->options[i], label);
        widest = max_size(widest, strlen(label));
    }
    for (size_t i = 0; i < c->noptions; i++) {
        label_of(&c->options[i], label);
        (void)printf("  %-*s%*s", (int)widest, label, GAP, "");
        print_wrapped(c->options[i].help, widest + 2 + GAP, t->width);
    }
    if (c->about != NULL)
        (void)printf("\n%s\n", c->about);
}
