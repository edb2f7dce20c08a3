/* The rules file as a person keeps it: listed, added to, ended. A file is replaced whole, and only
 * by one that can be read. */
#include "shadow/rulebook.h"
#include "shadow/term.h"

#include "base/clock.h"
#include "shadow/shadow.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PLACE_MAX = 4096, DAY_MS = 24 * 60 * 60 * 1000 };

/* --- list --- */

static void put_two(struct term *p, const char *label, const char *text)
{
    term_space(p, 4);
    term_left(p, TERM_DIM, label, 10);
    term_put(p, TERM_PLAIN, text);
    term_end(p);
}

static void put_rule(struct term *p, const struct rule *r, uint64_t now)
{
    char end[CLOCK_ISO_LEN + 1], rest[64];
    bool over = rule_expired(r, now);
    clock_iso(end, r->expires_ms);
    end[16] = '\0'; /* to the minute */
    end[10] = ' ';
    (void)snprintf(rest, sizeof(rest), over ? "over since %s" : "until %s, %llu more days", end,
                   (unsigned long long)((r->expires_ms - (over ? 0 : now) + DAY_MS - 1) / DAY_MS));
    term_put(p, over ? TERM_DIM : TERM_BOLD, r->id);
    term_put(p, TERM_PLAIN, "  ");
    term_put(p, TERM_CYAN, rule_action_word(r->action));
    term_put(p, TERM_PLAIN, "  ");
    term_put(p, TERM_PLAIN, r->path);
    term_put(p, TERM_DIM, r->any_kind ? "" : "  only ");
    term_put(p, TERM_DIM, r->any_kind ? "" : finding_kind_word(r->kind));
    term_end(p);
    if (strcmp(r->route, "*") != 0)
        put_two(p, "route", r->route);
    if (strcmp(r->endpoint, "*") != 0)
        put_two(p, "endpoint", r->endpoint);
    put_two(p, "reason", r->reason);
    put_two(p, "author", r->author);
    put_two(p, over ? "ended" : "ends", rest);
}

enum err shadow_rules_list(const char *file, unsigned width, bool colour, struct buf *out,
                           struct complaints *wrong)
{
    struct rulebook b;
    struct term p = {out, width == 0 ? 80 : width, colour, ERR_OK};
    uint64_t now = clock_wall_ms();
    TRY(rulebook_load(&b, file, wrong));
    for (size_t i = 0; i < b.n; i++)
        put_rule(&p, &b.list[i], now);
    if (b.n == 0) {
        term_put(&p, TERM_DIM, "No rules: nothing is hidden.");
        term_end(&p);
    }
    rulebook_free(&b);
    return p.err;
}

/* --- change --- */

static json_t *open_file(const char *file, bool may_be_new, struct complaints *wrong)
{
    json_error_t error;
    if (may_be_new && access(file, F_OK) != 0 && errno == ENOENT)
        return json_pack("{s:[]}", "rules");
    json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        complain(wrong, file, NULL, "cannot be read: %s", error.text);
    else if (!json_is_array(json_object_get(root, "rules"))) {
        complain(wrong, file, "write {\"rules\": [...]}", "is no file of rules");
        json_decref(root);
        root = NULL;
    }
    return root;
}

static enum err replace(const char *file, struct span text)
{
    char temporary[PLACE_MAX];
    int n = snprintf(temporary, sizeof(temporary), "%s.new", file);
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return ERR_SYSTEM;
    FILE *f = fopen(temporary, "we");
    if (f == NULL)
        return ERR_SYSTEM;
    bool good = fwrite(text.p, 1, text.n, f) == text.n && fflush(f) == 0 && fsync(fileno(f)) == 0;
    good = fclose(f) == 0 && good;
    if (good && rename(temporary, file) == 0)
        return ERR_OK;
    int saved = errno;
    (void)unlink(temporary);
    errno = saved;
    return ERR_SYSTEM;
}

static enum err check_new(const struct rulebook *b, const char *file, struct complaints *wrong)
{
    if (!rule_expired(&b->list[b->n - 1], clock_wall_ms()))
        return ERR_OK;
    complain(wrong, file, "give a time to come, or none: it ends after 14 days then",
             "the new rule would be over already");
    return ERR_CONFIG;
}

/* Writes what a weir would take, or nothing. added: the last rule is new. */
static enum err store(json_t *root, const char *file, bool added, struct complaints *wrong)
{
    struct rulebook b;
    struct buf text = BUF_INIT(0);
    char *dump = json_dumps(root, JSON_INDENT(2));
    enum err e = dump == NULL ? ERR_NO_MEMORY : buf_printf(&text, "%s\n", dump);
    if (e == ERR_OK)
        e = rulebook_read(&b, buf_span(&text), file, wrong);
    if (e == ERR_OK) {
        if (added)
            e = check_new(&b, file, wrong);
        rulebook_free(&b);
    }
    if (e == ERR_OK) {
        e = replace(file, buf_span(&text));
        if (e != ERR_OK)
            complain(wrong, file, NULL, "cannot be written: %s", strerror(errno));
    }
    buf_free(&text);
    free(dump);
    return e;
}

enum err shadow_rules_add(const char *file, const char *rule, struct complaints *wrong)
{
    json_error_t error;
    json_t *root = open_file(file, true, wrong), *one = json_loads(rule, 0, &error);
    enum err e = root == NULL ? ERR_CONFIG : one == NULL ? ERR_INVALID : ERR_OK;
    if (e == ERR_INVALID)
        complain(wrong, "the rule", NULL, "is not JSON: %s", error.text);
    if (e == ERR_OK && json_array_append(json_object_get(root, "rules"), one) != 0)
        e = ERR_NO_MEMORY;
    if (e == ERR_OK)
        e = store(root, file, true, wrong);
    json_decref(root);
    json_decref(one);
    return e;
}

enum err shadow_rules_expire(const char *file, const char *id, struct complaints *wrong)
{
    char now[CLOCK_ISO_LEN + 1];
    size_t i;
    json_t *rule, *root = open_file(file, false, wrong);
    bool found = false;
    if (root == NULL)
        return ERR_CONFIG;
    clock_iso(now, clock_wall_ms());
    json_array_foreach(json_object_get(root, "rules"), i, rule)
    {
        const char *name = json_string_value(json_object_get(rule, "id"));
        if (name == NULL || strcmp(name, id) != 0)
            continue;
        found = json_object_set_new(rule, "expires", json_string(now)) == 0;
    }
    if (!found)
        complain(wrong, file, "`weir rules list` shows them", "has no rule \"%s\"", id);
    enum err e = found ? store(root, file, false, wrong) : ERR_NOT_FOUND;
    json_decref(root);
    return e;
}
