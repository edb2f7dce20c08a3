/* Defaults that the table cannot hold: they depend on the machine or on other options. */
#include "config/room.h"

#include <errno.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOST_NAME_BYTES = 256, WORKERS_MAX = 256 };

static unsigned cpus(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1; /* more cores than the set has bits */
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static enum err keep(struct loader *l, struct buf *made, const char **out)
{
    *out = arena_copy(l->arena, buf_span(made));
    buf_free(made);
    return *out == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static bool is_set(const char *value)
{
    return value != NULL && value[0] == '/';
}

static enum err guess_state_dir(struct loader *l)
{
    const struct place root = {.up = NULL};
    const char *systemd = getenv("STATE_DIRECTORY");
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    struct buf made = BUF_INIT(0);
    if (is_set(systemd)) /* several are separated by ':' */
        TRY(buf_append(&made, span_until(span_str(systemd), span_find(span_str(systemd), ':'))));
    else if (geteuid() == 0)
        TRY(buf_append(&made, SPAN("/var/lib/weir")));
    else if (is_set(xdg))
        TRY(buf_printf(&made, "%s/weir", xdg));
    else if (is_set(home))
        TRY(buf_printf(&made, "%s/.local/state/weir", home));
    if (made.n > 0)
        return keep(l, &made, &l->tree->state_dir);
    l->tree->state_dir = config_broken;
    loader_complain(l, &root, "name a directory that weir may write to",
                    "has no \"state_dir\", and neither STATE_DIRECTORY nor HOME is set");
    return ERR_OK;
}

static enum err derive_records(struct loader *l)
{
    struct buf made = BUF_INIT(0);
    if (l->tree->shadow.records != NULL)
        return ERR_OK;
    TRY(buf_printf(&made, "%s/shadow.ndjson", l->tree->state_dir));
    return keep(l, &made, &l->tree->shadow.records);
}

static enum err derive_instance(struct loader *l)
{
    char host[HOST_NAME_BYTES] = "";
    struct buf made = BUF_INIT(0);
    if (l->tree->control.instance != NULL)
        return ERR_OK;
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    TRY(buf_printf(&made, "%s:%s/admin.sock", host[0] == '\0' ? "localhost" : host,
                   l->tree->state_dir));
    return keep(l, &made, &l->tree->control.instance);
}

static enum err derive_store(struct loader *l)
{
    const char *redis = l->tree->control.redis;
    if (redis == NULL || redis == config_broken)
        return ERR_OK;
    /* Its syntax was checked, so only memory can be missing. */
    return redis_split(span_str(redis), l->arena, &l->tree->control.store) == NULL ? ERR_OK
                                                                                   : ERR_NO_MEMORY;
}

static void derive_bodies(struct loader *l)
{
    for (size_t i = 0; i < l->tree->nroutes; i++)
        if (l->tree->routes[i].body == 0)
            l->tree->routes[i].body = l->tree->limits.body;
}

enum err derive(struct loader *l)
{
    derive_bodies(l);
    if (l->tree->workers == 0)
        l->tree->workers = cpus();
    if (l->tree->state_dir == NULL)
        TRY(guess_state_dir(l));
    TRY(users_read(l));
    TRY(secrets_read(l));
    TRY(derive_records(l));
    TRY(derive_instance(l));
    return derive_store(l);
}
