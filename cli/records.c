/* What reports are made from, when nobody names files. */
#include "cli/cli.h"

#include "shadow/shadow.h"

#include <stdio.h>
#include <sys/stat.h>

enum { FETCH_MS = 120000 };

static bool is_there(char out[PATH_MAX], const char *dir, const char *name)
{
    struct stat st;
    int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return n > 0 && n < PATH_MAX && stat(out, &st) == 0;
}

static size_t find_in(struct cli_records *d, const char *dir)
{
    size_t n = 0;
    if (is_there(d->before, dir, "shadow.ndjson.1"))
        d->files[n++] = d->before;
    if (is_there(d->now, dir, "shadow.ndjson"))
        d->files[n++] = d->now;
    if (n == 0 && is_there(d->now, dir, "findings.ndjson")) {
        (void)fprintf(stderr, "(there are no records; from the table of findings: %s)\n", d->now);
        d->files[n++] = d->now;
    }
    return n;
}

/* Of the weir that is named, else of the default state directory, else of a demo. */
static int find_files(const struct cli_talk *talk, struct cli_records *d, size_t *n)
{
    char named[PATH_MAX];
    char demo[CLI_DEMO_DIR_MAX];
    bool is_named = cli_is_named(talk);
    if (is_named && cli_find_state(talk, named) != CLI_OK)
        return CLI_WRONG;
    const char *dir = is_named ? named : cli_state_dir();
    if (dir == NULL)
        return CLI_WRONG;
    *n = find_in(d, dir);
    if (*n > 0)
        return CLI_OK;
    if (!is_named && cli_demo_dir(demo) && (*n = find_in(d, demo)) > 0) {
        (void)fprintf(stderr, "(records of your demo: %s)\n", demo);
        return CLI_OK;
    }
    cli_say("there are no records in %s: name the files (shadow.records of the configuration), or "
            "--state-dir DIR",
            dir);
    return CLI_FAILED;
}

int cli_find_records(const struct cli_call *call, const struct cli_source *s, struct cli_records *d,
                     struct report_options *r)
{
    *d = (struct cli_records){.text = BUF_INIT(0)};
    r->files = call->args;
    r->nfiles = call->nargs;
    if (s->live + s->fleet + (call->nargs > 0) > 1) {
        cli_say("%s: files, --live or --fleet: one of them", call->command->name);
        return CLI_WRONG;
    }
    if (s->live || s->fleet) {
        int status = cli_fetch(&s->talk, s->fleet ? "/fleet" : "/findings", FETCH_MS, &d->text);
        r->text = buf_span(&d->text);
        return status;
    }
    if (call->nargs > 0)
        return CLI_OK;
    r->files = d->files;
    return find_files(&s->talk, d, &r->nfiles);
}
