/* Configurations that were in force, kept beside the state: what was running on Tuesday evening?
 * Each is a file of the state directory, as `weir check --print` shows it, so without secrets. A
 * new one is kept only when it differs from the newest; those of more than 72 hours ago go, but for
 * the newest of them: it was in force 72 hours ago. */
#include "control/control.h"
#include "control/disk.h"
#include "control/room.h"

#include "base/clock.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    KEEP_MAGIC = 0x4b454550,
    KEEP_MS = 72 * 3600 * 1000,
    KEEP_MAX = 100,
    TEXT_MAX = 64 * 1024 * 1024,
    NAME_LEN = sizeof("config-20261121T141131123Z") - 1,
};

static const char suffix[] = ".json";

struct keep_job {
    unsigned magic;
    char dir[PATH_MAX];
    char name[NAME_LEN + 1];
    char oldest[NAME_LEN + 1]; /* names before this one are old */
    struct buf text;
    enum err err;
    int err_no;
};

/* Names sort by time: 2026-11-21T14:11:31.123Z without its punctuation. */
static void name_of(char out[NAME_LEN + 1], uint64_t at_ms)
{
    char when[CLOCK_ISO_LEN + 1];
    size_t n = 0;
    clock_iso(when, at_ms);
    memcpy(out, "config-", 7);
    n = 7;
    for (const char *p = when; *p != '\0' && n < NAME_LEN; p++)
        if (*p != '-' && *p != ':' && *p != '.')
            out[n++] = *p;
    out[n] = '\0';
}

static bool is_name(const char *name)
{
    return strlen(name) == NAME_LEN && strncmp(name, "config-", 7) == 0 &&
           strspn(name + 7, "0123456789TZ") == NAME_LEN - 7;
}

static int is_kept(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    char name[NAME_LEN + 1];
    if (n != NAME_LEN + sizeof(suffix) - 1 || strcmp(d->d_name + NAME_LEN, suffix) != 0)
        return 0;
    memcpy(name, d->d_name, NAME_LEN);
    name[NAME_LEN] = '\0';
    return is_name(name);
}

/* Oldest first. */
static int list(const char *dir, struct dirent ***out)
{
    *out = NULL;
    int n = scandir(dir, out, is_kept, alphasort);
    return n < 0 ? 0 : n;
}

static void list_free(struct dirent **files, int n)
{
    for (int i = 0; i < n; i++)
        free(files[i]);
    free(files);
}

/* --- keeping: a work thread --- */

static bool is_newest(const struct keep_job *j, struct dirent *const *files, int n)
{
    char path[PATH_MAX];
    struct buf text = BUF_INIT(0);
    bool same = n > 0 && disk_path(path, sizeof(path), j->dir, files[n - 1]->d_name) == ERR_OK &&
                disk_read(path, TEXT_MAX, &text) == ERR_OK &&
                span_eq(buf_span(&text), buf_span(&j->text));
    buf_free(&text);
    return same;
}

static void prune(const struct keep_job *j, struct dirent *const *files, int n)
{
    char path[PATH_MAX];
    for (int i = 0; i + 1 < n; i++) {
        bool old = strcmp(files[i + 1]->d_name, j->oldest) < 0;
        if ((old || n - i > KEEP_MAX) &&
            disk_path(path, sizeof(path), j->dir, files[i]->d_name) == ERR_OK)
            (void)unlink(path);
    }
}

static void keep_work(void *arg)
{
    struct keep_job *j;
    OBJ_CAST(j, arg, KEEP_MAGIC);
    char path[PATH_MAX];
    char file[NAME_LEN + sizeof(suffix)];
    struct dirent **files;
    (void)snprintf(file, sizeof(file), "%s%s", j->name, suffix);
    int n = list(j->dir, &files);
    if (!is_newest(j, files, n)) {
        j->err = disk_path(path, sizeof(path), j->dir, file);
        if (j->err == ERR_OK)
            j->err = disk_replace(path, buf_span(&j->text), 0600);
        j->err_no = errno;
    }
    prune(j, files, n);
    list_free(files, n);
}

static void job_free(void *arg)
{
    struct keep_job *j;
    OBJ_CAST(j, arg, KEEP_MAGIC);
    buf_free(&j->text);
    j->magic = 0;
    free(j);
}

static void keep_done(void *arg)
{
    struct keep_job *j;
    OBJ_CAST(j, arg, KEEP_MAGIC);
    if (j->err != ERR_OK)
        log_warn("control", "the configuration cannot be kept in %s: %s", j->dir,
                 j->err == ERR_SYSTEM ? strerror(j->err_no) : err_sentence(j->err));
    job_free(j);
}

static const struct job_kind keep_kind = {keep_work, keep_done, job_free};

void keep_config(struct control *c)
{
    uint64_t now = clock_wall_ms();
    struct keep_job *j = calloc(1, sizeof(*j));
    if (j == NULL)
        return;
    OBJ_INIT(j, KEEP_MAGIC);
    (void)snprintf(j->dir, sizeof(j->dir), "%s", c->state_dir);
    name_of(j->name, now);
    name_of(j->oldest, now - KEEP_MS);
    if (config_print(control_config(c), &j->text) != ERR_OK ||
        jobs_run(c->disk, &keep_kind, j) != ERR_OK)
        job_free(j);
}

/* --- the command line --- */

enum err kept_names(const char *dir, struct buf *out)
{
    struct dirent **files;
    enum err e = ERR_OK;
    int n = list(dir, &files);
    for (int i = 0; e == ERR_OK && i < n; i++)
        e = buf_printf(out, "%.*s\n", (int)NAME_LEN, files[i]->d_name);
    list_free(files, n);
    return e;
}

enum err kept_config(const char *dir, const char *name, struct buf *out, struct complaints *wrong)
{
    char path[PATH_MAX];
    char file[NAME_LEN + sizeof(suffix)];
    enum err e = ERR_NOT_FOUND;
    if (is_name(name)) {
        (void)snprintf(file, sizeof(file), "%s%s", name, suffix);
        TRY(disk_path(path, sizeof(path), dir, file));
        e = disk_read(path, TEXT_MAX, out);
    }
    if (e != ERR_OK)
        complain(wrong, dir, "`weir restore --list` shows what there is",
                 "no configuration %.60s is kept there: %s", name,
                 e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
    return e;
}
