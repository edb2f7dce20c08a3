/* Orders that are left in the state directory: for the night when neither Redis nor the admin
 * socket helps. `weir flip --local` writes order.json and sends SIGURG, which means nothing to a
 * process that does not expect it.
 *
 * The special difficulty is that an order must neither be lost nor, long after, come back. So it is
 * taken by a rename (to order.taken), and only forgotten when the state that it made is on disk; a
 * weir that ends in between finds it at its next start. */
#include "control/room.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/disk.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ORDER_MAX = 64 * 1024, LOOK_AGAIN_MS = 5, PID_TEXT = 32 };

static const char left[] = "order.json";
static const char taken[] = "order.taken";
static const char refused[] = "order.refused";

/* --- the process that is told --- */

/* What is said lies beside the state for whoever left the order. */
static void refuse(struct control *c, const struct complaints *wrong, enum err e)
{
    char path[PATH_MAX];
    struct buf text = BUF_INIT(ORDER_MAX);
    for (size_t i = 0; i < wrong->n; i++)
        log_warn("control", "an order left in the state directory is refused: %s: %s",
                 wrong->list[i].where, wrong->list[i].what);
    if (complaints_render(wrong, &text) != ERR_OK || text.n == 0)
        (void)!buf_printf(&text, "%s\n", err_sentence(e));
    if (disk_path(path, sizeof(path), c->state_dir, refused) == ERR_OK)
        (void)!disk_replace(path, buf_span(&text), 0644);
    buf_free(&text);
}

static enum err carry_out(struct control *c, struct span body, struct complaints *wrong)
{
    struct order_text text;
    struct flip_effect fx;
    TRY(order_read(body, true, &text, wrong));
    enum err e = flip_change(&c->flip, &text.change, clock_wall_ms(), wrong, &fx);
    if (e == ERR_OK) {
        log_info("control", "an order left in the state directory is carried out");
        apply_effect(c, &fx, SOURCE_ADMIN, wrong);
    }
    order_text_free(&text);
    return e;
}

static void forget(struct control *c)
{
    char path[PATH_MAX];
    c->local_order = 0;
    if (disk_path(path, sizeof(path), c->state_dir, taken) == ERR_OK)
        (void)unlink(path);
}

static void take(struct control *c, const char *path)
{
    struct complaints wrong = {.n = 0};
    struct buf text = BUF_INIT(0);
    enum err e = disk_read(path, ORDER_MAX, &text);
    if (e == ERR_OK)
        e = carry_out(c, buf_span(&text), &wrong);
    else if (e != ERR_NOT_FOUND)
        complain(&wrong, path, NULL, "cannot be read: %s",
                 e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
    if (e == ERR_OK)
        c->local_order = c->persist.wanted;
    else if (e != ERR_NOT_FOUND)
        refuse(c, &wrong, e);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        forget(c);
    complaints_free(&wrong);
    buf_free(&text);
}

void local_look(struct control *c)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    if (c->role != ROLE_IN_CHARGE)
        return;
    if (disk_path(from, sizeof(from), c->state_dir, left) != ERR_OK ||
        disk_path(to, sizeof(to), c->state_dir, taken) != ERR_OK)
        return;
    if (c->local_order == 0)
        take(c, to); /* of a weir that ended before its state was on disk */
    if (rename(from, to) == 0)
        take(c, to);
    else if (errno != ENOENT)
        log_warn("control", "%s cannot be taken: %s", from, strerror(errno));
}

void local_saved(struct control *c)
{
    if (c->local_order != 0 && c->persist.written >= c->local_order)
        forget(c);
}

/* --- the command line --- */

static bool is_there(const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    return disk_path(path, sizeof(path), dir, name) == ERR_OK && lstat(path, &st) == 0;
}

static long process_of(const char *dir)
{
    char path[PATH_MAX];
    struct buf text = BUF_INIT(0);
    long pid = 0;
    if (disk_path(path, sizeof(path), dir, "lock") == ERR_OK &&
        disk_read(path, PID_TEXT, &text) == ERR_OK && buf_append(&text, span_of("", 1)) == ERR_OK)
        pid = strtol(text.p, NULL, 10);
    buf_free(&text);
    return pid > 1 ? pid : 0;
}

static enum err write_order(const char *dir, struct span order, struct complaints *wrong)
{
    char path[PATH_MAX];
    TRY(disk_path(path, sizeof(path), dir, refused));
    (void)unlink(path);
    TRY(disk_path(path, sizeof(path), dir, left));
    mode_t before = umask(022); /* root leaves it, weir's user reads it; the directory is closed */
    enum err e = disk_replace(path, order, 0644);
    (void)umask(before);
    if (e != ERR_OK)
        complain(wrong, path,
                 errno == EACCES || errno == EPERM
                     ? "become root, or the user weir runs as"
                     : "name the state_dir of the weir that runs: --state-dir DIR",
                 "cannot be written: %s", strerror(errno));
    return e;
}

static enum err read_refusal(const char *dir, struct complaints *wrong)
{
    char path[PATH_MAX];
    struct buf text = BUF_INIT(0);
    TRY(disk_path(path, sizeof(path), dir, refused));
    if (disk_read(path, ORDER_MAX, &text) == ERR_OK && text.n > 0)
        complain(wrong, "weir refuses the order", NULL, SPAN_FMT, (int)min_size(text.n - 1, 2000),
                 text.p);
    buf_free(&text);
    (void)unlink(path);
    return ERR_INVALID;
}

enum err control_leave_order(const char *dir, struct span order, uint64_t patience_ms,
                             struct left_order *out, struct complaints *wrong)
{
    uint64_t end = clock_us() + patience_ms * 1000;
    *out = (struct left_order){.pid = process_of(dir)};
    TRY(write_order(dir, order, wrong));
    if (out->pid != 0 && kill((pid_t)out->pid, SIGURG) != 0) {
        if (errno != ESRCH)
            complain(wrong, dir, "run this as root or as its user",
                     "process %ld cannot be signalled: %s", out->pid, strerror(errno));
        if (errno != ESRCH)
            return ERR_SYSTEM;
        out->pid = 0;
    }
    while (out->pid != 0 && !out->taken && clock_us() < end) {
        if (is_there(dir, refused))
            return read_refusal(dir, wrong);
        out->taken = !is_there(dir, left) && !is_there(dir, taken);
        if (!out->taken)
            (void)poll(NULL, 0, LOOK_AGAIN_MS);
    }
    return is_there(dir, refused) ? read_refusal(dir, wrong) : ERR_OK;
}
