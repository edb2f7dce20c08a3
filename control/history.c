/* The audit trail, read: what `weir audit` shows and `weir restore` takes up again. It is read from
 * the state directory, so that it can be read when weir does not run, or should not be asked.
 *
 * The special difficulty is that weir may be writing at the same moment: a line is only a line with
 * its end, and a rotation between reading the two files must not hide any. */
#include "control/admin.h"
#include "control/control.h"
#include "control/disk.h"
#include "control/document.h"
#include "control/page.h"
#include "control/state.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { CHANGE_LEN = 400, SHARE_LEN = 64 };

struct entry {
    struct span line;
    json_t *o;
    struct document *from; /* NULL: none */
    struct document *to;
};

/* --- reading --- */

static void entry_free(struct entry *e)
{
    json_decref(e->o);
    document_free(&e->from);
    document_free(&e->to);
}

static bool side(const json_t *o, const char *key, struct document **out)
{
    struct complaints wrong = {.n = 0};
    const json_t *v = json_object_get(o, key);
    *out = NULL;
    bool ok = json_is_null(v) || document_from_json(v, key, out, &wrong) == ERR_OK;
    complaints_free(&wrong);
    return v != NULL && ok;
}

static bool entry_read(struct span line, struct entry *e)
{
    *e = (struct entry){.line = line, .o = json_loadb(line.p, line.n, 0, NULL)};
    bool ok = json_is_string(json_object_get(e->o, "at")) &&
              json_is_integer(json_object_get(e->o, "epoch")) && side(e->o, "from", &e->from) &&
              side(e->o, "to", &e->to);
    if (!ok)
        entry_free(e);
    return ok;
}

static enum err read_one(const char *dir, const char *name, struct buf *out,
                         struct complaints *wrong)
{
    char path[PATH_MAX];
    TRY(disk_path(path, sizeof(path), dir, name));
    enum err e = disk_read(path, 2 * AUDIT_ROTATE, out);
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e == ERR_SYSTEM)
        complain(wrong, path, NULL, "cannot be read: %s", strerror(errno));
    return e;
}

/* The newer file first: a rotation in between then shows its lines twice, never not at all. */
static enum err read_trail(const char *dir, struct buf *out, struct complaints *wrong)
{
    struct buf newer = BUF_INIT(0);
    struct stat st;
    if (stat(dir, &st) != 0) { /* where nothing has changed yet there is a directory */
        complain(wrong, dir, "name the state_dir of a weir: --state-dir DIR", "cannot be read: %s",
                 strerror(errno));
        return ERR_SYSTEM;
    }
    enum err e = read_one(dir, "audit.ndjson", &newer, wrong);
    if (e == ERR_OK)
        e = read_one(dir, "audit.ndjson.1", out, wrong);
    bool rotated = newer.n > 0 && out->n >= newer.n &&
                   memcmp(out->p + (out->n - newer.n), newer.p, newer.n) == 0;
    if (e == ERR_OK && !rotated)
        e = buf_append(out, buf_span(&newer));
    buf_free(&newer);
    return e;
}

/* --- what changed --- */

/* "pinned to new, 25%", "" when nothing is said */
static void share(char out[SHARE_LEN], const struct document_route *r)
{
    char percent[PAGE_SHORT];
    bool pinned = r != NULL && r->pin != PIN_NONE;
    out[0] = '\0';
    if (r == NULL)
        return;
    page_percent(percent, r->weight / 100.0);
    (void)snprintf(out, SHARE_LEN, "%s%s%s%s", pinned ? "pinned to " : "",
                   pinned ? pin_word(r->pin) : "", pinned && r->weighs ? ", " : "",
                   r->weighs ? percent : "");
}

struct sentence {
    char text[CHANGE_LEN];
    size_t n;
};

static void add(struct sentence *s, const char *what, const char *is, const char *was)
{
    if (s->n >= sizeof(s->text) - 1)
        return;
    int n =
        snprintf(s->text + s->n, sizeof(s->text) - s->n, "%s%.60s: %s%s%s%s", s->n == 0 ? "" : "; ",
                 what, is, was[0] == '\0' ? "" : " (was ", was, was[0] == '\0' ? "" : ")");
    s->n = min_size(s->n + (n < 0 ? 0 : (size_t)n), sizeof(s->text) - 1);
}

static void add_route(struct sentence *s, const char *name, const struct document *from,
                      const struct document *to)
{
    char was[SHARE_LEN];
    char is[SHARE_LEN];
    share(was, document_route(from, name));
    share(is, document_route(to, name));
    if (strcmp(was, is) != 0)
        add(s, name, is[0] == '\0' ? "as configured" : is, was);
}

static void describe_changes(struct sentence *s, const json_t *list)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        int n = snprintf(s->text + s->n, sizeof(s->text) - s->n, "%s%s", i == 0 ? "" : "; ",
                         json_string_value(v));
        s->n = min_size(s->n + (n < 0 ? 0 : (size_t)n), sizeof(s->text) - 1);
    }
}

static void describe(struct sentence *s, const struct document *from, const struct document *to)
{
    enum pin was = from == NULL ? PIN_NONE : from->pin;
    enum pin is = to == NULL ? PIN_NONE : to->pin;
    if (was != is)
        add(s, "everything", is == PIN_NONE ? "not pinned" : pin_word(is),
            was == PIN_NONE ? "" : pin_word(was));
    for (size_t i = 0; to != NULL && i < to->nroutes; i++)
        add_route(s, to->routes[i].name, from, to);
    for (size_t i = 0; from != NULL && i < from->nroutes; i++)
        if (document_route(to, from->routes[i].name) == NULL)
            add_route(s, from->routes[i].name, from, to);
}

/* "routes.NAME.new_percent: 5 (was 1)", "routes.NAME: removed" */
static bool configures(const struct entry *e, const char *route)
{
    char head[CONFIG_PATH_MAX];
    const json_t *list = json_object_get(e->o, "changes");
    config_path_member(head, "routes", route);
    size_t n = strlen(head);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text != NULL && strncmp(text, head, n) == 0 && (text[n] == '.' || text[n] == ':'))
            return true;
    }
    return false;
}

static bool concerns(const struct entry *e, const char *route)
{
    char was[SHARE_LEN];
    char is[SHARE_LEN];
    enum pin from = e->from == NULL ? PIN_NONE : e->from->pin;
    enum pin to = e->to == NULL ? PIN_NONE : e->to->pin;
    share(was, document_route(e->from, route));
    share(is, document_route(e->to, route));
    return from != to || strcmp(was, is) != 0 || configures(e, route);
}

/* --- showing --- */

static const char *text_of(const struct entry *e, const char *key)
{
    const char *s = json_string_value(json_object_get(e->o, key));
    return s == NULL ? "" : s;
}

static unsigned long long epoch_of(const struct entry *e)
{
    return (unsigned long long)json_integer_value(json_object_get(e->o, "epoch"));
}

/* The document keeps saying what it undid as long as it is in force. */
static bool undoes(const struct entry *e)
{
    return e->to != NULL && e->to->undoes != 0 &&
           (e->from == NULL || e->from->epoch != e->to->epoch);
}

static void put_row(struct page *p, const struct entry *e)
{
    struct sentence s = {.n = 0};
    const char *by = text_of(e, "by");
    const char *why = text_of(e, "why");
    describe(&s, e->from, e->to);
    if (s.n == 0)
        describe_changes(&s, json_object_get(e->o, "changes"));
    page_printf(p, INK_PLAIN, "%.19sZ %7llu  %-7s  %-10s  ", text_of(e, "at"), epoch_of(e),
                text_of(e, "source"), by[0] == '\0' ? "-" : by);
    if (undoes(e))
        page_printf(p, INK_PLAIN, "undo of %llu: ", (unsigned long long)e->to->undoes);
    if (s.n == 0) /* an upgrade, a purge: why is all there is to say */
        page_text(p, INK_PLAIN, why[0] != '\0' ? why : "no change");
    else
        page_printf(p, INK_PLAIN, why[0] != '\0' ? "%s  [%s]" : "%s", s.text, why);
    page_end(p);
}

static bool wanted(const struct entry *e, const struct history_query *q)
{
    char since[CLOCK_ISO_LEN + 1];
    uint64_t now = clock_wall_ms();
    clock_iso(since, now > q->since_ms ? now - q->since_ms : 0);
    return (q->since_ms == 0 || strcmp(text_of(e, "at"), since) >= 0) &&
           (q->route == NULL || concerns(e, q->route));
}

enum err history_show(const char *dir, const struct history_query *q, struct buf *out,
                      struct complaints *wrong)
{
    static const struct admin_look look = {.text = true, .width = 80};
    struct page p = {out, &look, ERR_OK};
    struct buf text = BUF_INIT(0);
    enum err e = read_trail(dir, &text, wrong);
    struct span rest = buf_span(&text);
    struct span line;
    if (e == ERR_OK && !q->json) {
        page_printf(&p, INK_PLAIN, "%-20s %7s  %-7s  %-10s  change", "when", "epoch", "source",
                    "who");
        page_end(&p);
    }
    while (e == ERR_OK && p.err == ERR_OK && span_cut(&rest, '\n', &line)) {
        struct entry entry;
        if (!entry_read(line, &entry))
            continue; /* half a line, cut off by a crash or not yet complete */
        if (wanted(&entry, q) && q->json)
            e = buf_printf(out, SPAN_FMT "\n", SPAN_ARG(line));
        else if (wanted(&entry, q))
            put_row(&p, &entry);
        entry_free(&entry);
    }
    buf_free(&text);
    return e == ERR_OK ? p.err : e;
}

/* --- taking up again --- */

static enum err put_state(const struct entry *e, struct buf *out)
{
    char *text = json_dumps(json_object_get(e->o, "to"),
                            JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    out->n = 0;
    enum err result = text == NULL ? ERR_NO_MEMORY : buf_append(out, span_str(text));
    free(text);
    return result;
}

enum err history_state(const char *dir, uint64_t epoch, struct buf *out, struct complaints *wrong)
{
    struct buf text = BUF_INIT(0);
    enum err e = read_trail(dir, &text, wrong);
    struct span rest = buf_span(&text);
    struct span line;
    while (e == ERR_OK && span_cut(&rest, '\n', &line)) {
        struct entry entry;
        if (!entry_read(line, &entry))
            continue;
        if (epoch_of(&entry) == epoch)
            e = put_state(&entry, out);
        entry_free(&entry);
    }
    buf_free(&text);
    if (e == ERR_OK && out->n == 0) {
        complain(wrong, dir, "`weir restore --list` shows what there is",
                 "the audit trail has no epoch %llu", (unsigned long long)epoch);
        e = ERR_NOT_FOUND;
    }
    return e;
}
