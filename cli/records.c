/* Where records lie when nobody says so. */
#include "cli/cli.h"

#include <stdio.h>
#include <sys/stat.h>

static void add_if_there(struct cli_records *d, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        d->files[d->n++] = path;
}

static bool find_in(struct cli_records *d, const char *dir)
{
    d->n = 0;
    if ((size_t)snprintf(d->now, sizeof(d->now), "%s/shadow.ndjson", dir) >= sizeof(d->now) ||
        (size_t)snprintf(d->before, sizeof(d->before), "%s/shadow.ndjson.1", dir) >=
            sizeof(d->before))
        return false;
    add_if_there(d, d->before);
    add_if_there(d, d->now);
    return d->n > 0;
}

int cli_find_records(const char *state_dir, struct cli_records *d)
{
    char demo[CLI_DEMO_DIR_MAX];
    const char *dir = state_dir != NULL ? state_dir : cli_state_dir();
    if (dir == NULL)
        return CLI_WRONG;
    if (find_in(d, dir))
        return CLI_OK;
    if (state_dir == NULL && cli_demo_dir(demo) && find_in(d, demo)) {
        (void)fprintf(stderr, "(records of your demo: %s)\n", demo);
        return CLI_OK;
    }
    cli_say("there are no records in %s: name the files, or --state-dir DIR", dir);
    return CLI_FAILED;
}
