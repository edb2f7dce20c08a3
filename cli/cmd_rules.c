/* weir rules: the file of accepted differences. */
#include "cli/cli.h"

#include "base/clock.h"
#include "shadow/shadow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct rules {
    const char *id, *path, *action, *kind, *route, *endpoint, *author, *reason, *expires;
    const char *detail, *key;
    const char *abs, *rel, *within, *legacy, *new_;
};

static int finish(enum err e, struct complaints *wrong)
{
    if (e != ERR_OK && wrong->n == 0)
        cli_say("%s", err_sentence(e));
    cli_complain(wrong);
    complaints_free(wrong);
    return e == ERR_OK ? CLI_OK : CLI_FAILED;
}

static int print(enum err e, struct buf *text, struct complaints *wrong)
{
    if (e == ERR_OK && cli_write(NULL, buf_span(text)) != ERR_OK) {
        cli_say("standard output cannot be written: %s", strerror(errno));
        e = ERR_SYSTEM;
    }
    buf_free(text);
    return finish(e, wrong);
}

static int list(const struct cli_call *call, const char *file)
{
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    enum err e =
        shadow_rules_list(file, call->terminal.width, call->terminal.colour, &text, &wrong);
    return print(e, &text, &wrong);
}

static int test(const struct cli_call *call, const char *file)
{
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    struct report_options o = {.files = call->args + 2,
                               .nfiles = call->nargs - 2,
                               .format = REPORT_RULES,
                               .rules = file,
                               .width = call->terminal.width,
                               .colour = call->terminal.colour};
    if (o.nfiles == 0) {
        cli_say("rules test: name the record files to try them on");
        return CLI_WRONG;
    }
    return print(shadow_report(&o, &text, &wrong), &text, &wrong);
}

static int expire(const struct cli_call *call, const char *file)
{
    struct complaints wrong = {.n = 0};
    if (call->nargs != 3) {
        cli_say("rules expire: name the file and the rule");
        return CLI_WRONG;
    }
    enum err e = shadow_rules_expire(file, call->args[2], &wrong);
    if (e == ERR_OK)
        (void)printf("%s is over in %s; `weir reload` puts that into force\n", call->args[2], file);
    return finish(e, &wrong);
}

/* --- add --- */

/* A number, a word of JSON or text: what the value on the other side of HTTP would be. */
static enum err value(struct buf *b, const char *key, const char *text)
{
    if (text == NULL)
        return ERR_OK;
    size_t n = strspn(text, "-0123456789.eE+");
    bool number = n > 0 && text[n] == '\0' && strpbrk(text, "0123456789") != NULL;
    bool word =
        strcmp(text, "true") == 0 || strcmp(text, "false") == 0 || strcmp(text, "null") == 0;
    if (!number && !word)
        return cli_json_string(b, key, text);
    return buf_printf(b, ", \"%s\": %s", key, text);
}

static enum err rule_text(const struct rules *o, struct buf *b)
{
    char now[CLOCK_ISO_LEN + 1];
    clock_iso(now, clock_wall_ms());
    TRY(buf_append(b, SPAN("{")));
    TRY(cli_json_string(b, "id", o->id == NULL ? o->path : o->id));
    TRY(cli_json_string(b, "route", o->route));
    TRY(cli_json_string(b, "endpoint", o->endpoint));
    TRY(cli_json_string(b, "path", o->path));
    TRY(cli_json_string(b, "kind", o->kind));
    TRY(cli_json_string(b, "detail", o->detail));
    TRY(cli_json_string(b, "action", o->action == NULL ? "ignore" : o->action));
    TRY(cli_json_string(b, "key", o->key));
    TRY(value(b, "abs", o->abs));
    TRY(value(b, "rel", o->rel));
    TRY(cli_json_string(b, "within", o->within));
    TRY(value(b, "legacy", o->legacy));
    TRY(value(b, "new", o->new_));
    TRY(cli_json_string(b, "reason", o->reason));
    TRY(cli_json_string(b, "author", o->author == NULL ? cli_user() : o->author));
    TRY(cli_json_string(b, "added", now));
    TRY(cli_json_string(b, "expires", o->expires));
    return buf_append(b, SPAN("}"));
}

static int add(const struct cli_call *call, const char *file)
{
    const struct rules *o = call->options;
    struct buf rule = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    if (o->path == NULL || o->reason == NULL) {
        cli_say("rules add: --path and --reason are needed: what is accepted, and why");
        return CLI_WRONG;
    }
    enum err e = rule_text(o, &rule);
    if (e == ERR_OK)
        e = buf_append(&rule, span_of("", 1));
    if (e == ERR_OK)
        e = shadow_rules_add(file, rule.p, &wrong);
    buf_free(&rule);
    if (e == ERR_OK)
        (void)printf("%s is in %s; `weir reload` puts it into force\n",
                     o->id == NULL ? o->path : o->id, file);
    return finish(e, &wrong);
}

static int run(const struct cli_call *call)
{
    static const struct {
        const char *word;
        int (*run)(const struct cli_call *call, const char *file);
    } verbs[] = {{"list", list}, {"add", add}, {"test", test}, {"expire", expire}};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(call->args[0], verbs[i].word) == 0)
            return verbs[i].run(call, call->args[1]);
    cli_say("rules: \"%s\" must be list, add, test or expire", call->args[0]);
    return CLI_WRONG;
}

#define TEXT(name, member, value, help)                             \
    {                                                               \
        name, CLI_TEXT, offsetof(struct rules, member), value, help \
    }

static const struct cli_option options[] = {
    TEXT("path", path, "PATH",
         "add: where: $.items[].price, $form.name, header:NAME, status, media, text, body"),
    TEXT("action", action, "NAME",
         "add: ignore (default), unordered, tolerance, time, class, expected, key"),
    TEXT("kind", kind, "NAME", "add: only this kind of finding"),
    TEXT("detail", detail, "WORD",
         "add: only findings with this word more: \"unicode form\", \"letter case\" ..."),
    TEXT("key", key, "FIELD", "add: key: what tells the elements of this array apart"),
    TEXT("route", route, "GLOB", "add: only on routes like this"),
    TEXT("endpoint", endpoint, "GLOB", "add: only on endpoints like this: \"GET /items/*\""),
    TEXT("abs", abs, "N", "add: tolerance: numbers that are so far apart at most"),
    TEXT("rel", rel, "N", "add: tolerance: as a share of the larger one; 0.01 is one percent"),
    TEXT("within", within, "TIME", "add: time: instants that are so far apart at most, such as 5s"),
    TEXT("legacy", legacy, "VALUE", "add: expected: the value on legacy"),
    TEXT("new", new_, "VALUE", "add: expected: what it became on new"),
    TEXT("reason", reason, "TEXT", "add: why the difference is right"),
    TEXT("author", author, "NAME", "add: who says so; default: $SUDO_USER, else you"),
    TEXT("expires", expires, "TIME", "add: until when: 2026-03-15; default: 14 days from now"),
    TEXT("id", id, "NAME", "add: what reports call it; default: the path"),
};

const struct cli_command cmd_rules = {
    .name = "rules",
    .summary = "the file of accepted differences: list, add, test, expire",
    .usage = "list|add|test|expire FILE [ID | RECORDS...]",
    .about = "FILE is what shadow.rules of the configuration names; after a change: weir reload.\n"
             "test says what the rules would hide of what RECORDS hold; expire ends a rule now.",
    .options = options,
    .noptions = ARRAY_LEN(options),
    .size = sizeof(struct rules),
    .args_min = 2,
    .args_max = 1000,
    .run = run,
};
