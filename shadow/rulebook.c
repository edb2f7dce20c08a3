/* Reading rules, and asking one about a place. Everything wrong in a file is said at once. */
#include "shadow/rulebook.h"

#include "base/clock.h"
#include "shadow/decimal.h"
#include "shadow/mix.h"
#include "shadow/vclass.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_MAX = 4 * 1024 * 1024, FILE_MAX = 1024 * 1024, DAY_MS = 24 * 60 * 60 * 1000 };

static const char *const actions[RULE_ACTIONS] = {"ignore", "unordered", "tolerance", "time",
                                                  "class",  "expected",  "key"};

const char *rule_action_word(enum rule_action a)
{
    BUG_IF(a >= RULE_ACTIONS);
    return actions[a];
}

bool rule_action_of(struct span word, enum rule_action *out)
{
    for (*out = 0; *out < RULE_ACTIONS; (*out)++)
        if (span_eq(word, span_str(actions[*out])))
            return true;
    return false;
}

/* --- reading --- */

struct reader {
    struct rulebook *book;
    struct jdoc doc;
    const char *name;
    struct complaints *wrong;
    size_t i; /* the rule */
    uint32_t node;
    bool refused;
    bool no_memory;
};

static void refuse(struct reader *r, const char *member, const char *what, const char *right)
{
    char where[300];
    (void)snprintf(where, sizeof(where), "%.200s: $.rules[%zu]%s%s", r->name, r->i,
                   member == NULL ? "" : ".", member == NULL ? "" : member);
    complain(r->wrong, where, right, "%s", what);
    r->refused = true;
}

static const char *keep(struct reader *r, struct span s)
{
    const char *p = arena_copy(&r->book->arena, s);
    r->no_memory = r->no_memory || p == NULL;
    return p == NULL ? "" : p;
}

/* NULL: not there. */
static const char *text(struct reader *r, const char *key)
{
    uint32_t i = jdoc_member(&r->doc, r->node, span_str(key));
    if (i == JDOC_NONE)
        return NULL;
    if (r->doc.nodes[i].kind == JDOC_STRING)
        return keep(r, jdoc_text(&r->doc, i));
    refuse(r, key, "must be text", NULL);
    return NULL;
}

static const char *must_text(struct reader *r, const char *key, const char *right)
{
    const char *s = text(r, key);
    if (s != NULL && s[0] != '\0')
        return s;
    if (s != NULL || jdoc_member(&r->doc, r->node, span_str(key)) == JDOC_NONE)
        refuse(r, key, "is missing", right);
    return "";
}

static double amount(struct reader *r, const char *key)
{
    char copy[64];
    uint32_t i = jdoc_member(&r->doc, r->node, span_str(key));
    if (i == JDOC_NONE)
        return 0;
    struct span s = jdoc_text(&r->doc, i);
    if (r->doc.nodes[i].kind == JDOC_NUMBER && s.n < sizeof(copy)) {
        memcpy(copy, s.p, s.n);
        copy[s.n] = '\0';
        double v = strtod(copy, NULL);
        if (isfinite(v) && v >= 0)
            return v;
    }
    refuse(r, key, "must be a number, 0 or more", NULL);
    return 0;
}

/* "value" of the expected: any scalar, as text. */
static const char *scalar(struct reader *r, const char *key)
{
    uint32_t i = jdoc_member(&r->doc, r->node, span_str(key));
    bool is_scalar = i != JDOC_NONE && r->doc.nodes[i].kind < JDOC_ARRAY;
    if (!is_scalar)
        refuse(r, key, "must be a value: text, a number, true, false or null",
               "an expected change has legacy and new");
    return is_scalar ? keep(r, jdoc_text(&r->doc, i)) : "";
}

static bool instant(const char *s, uint64_t *ms)
{
    char whole[32];
    int64_t seconds;
    uint32_t nanos;
    (void)snprintf(whole, sizeof(whole), "%.10sT00:00:00Z", s);
    if (!vclass_instant(span_str(strlen(s) == 10 ? whole : s), &seconds, &nanos) || seconds < 0)
        return false;
    *ms = (uint64_t)seconds * 1000;
    return true;
}

static void read_end(struct reader *r, struct rule *rule)
{
    static const char right[] = "write a time such as 2026-03-15 or 2026-03-15T12:00:00Z";
    const char *added = text(r, "added"), *expires = text(r, "expires");
    uint64_t from;
    if (expires != NULL) {
        if (!instant(expires, &rule->expires_ms))
            refuse(r, "expires", "is no time", right);
    } else if (added != NULL && instant(added, &from)) {
        rule->expires_ms = from + (uint64_t)RULE_DAYS_DEFAULT * DAY_MS;
    } else {
        refuse(r, added == NULL ? "expires" : "added",
               added == NULL ? "is missing: no rule is for ever" : "is no time", right);
    }
}

static void read_kind(struct reader *r, struct rule *rule)
{
    const char *kind = text(r, "kind");
    rule->any_kind = kind == NULL;
    if (kind != NULL && !finding_kind_of(span_str(kind), &rule->kind))
        refuse(r, "kind", "is no kind of finding",
               "value, type, missing, extra, order, count, subtree, status, header, media, length");
}

static bool read_duration(const char *s, uint64_t *ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", DAY_MS}};
    size_t digits = strspn(s, "0123456789");
    uint64_t n;
    if (digits > 9 || !span_u64(span_of(s, digits), &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(s + digits, units[i].unit) == 0) {
            *ms = n * units[i].ms;
            return true;
        }
    }
    return false;
}

static void read_action(struct reader *r, struct rule *rule)
{
    static const char all[] = "ignore, unordered, tolerance, time, class, expected, key";
    const char *word = must_text(r, "action", all);
    if (!rule_action_of(span_str(word), &rule->action) && word[0] != '\0')
        refuse(r, "action", "is no action", all);
    if (rule->action == RULE_TOLERANCE) {
        rule->abs = amount(r, "abs");
        rule->rel = amount(r, "rel");
        if (rule->abs <= 0 && rule->rel <= 0)
            refuse(r, NULL, "tolerates nothing", "give abs or rel a value above 0");
    } else if (rule->action == RULE_TIME) {
        const char *s = must_text(r, "within", "a duration such as 5s");
        if (s[0] != '\0' && !read_duration(s, &rule->within_ms))
            refuse(r, "within", "is no duration", "write 500ms, 5s, 10m, 24h or 7d");
    } else if (rule->action == RULE_EXPECTED) {
        rule->values[SIDE_LEGACY] = scalar(r, "legacy");
        rule->values[SIDE_NEW] = scalar(r, "new");
    } else if (rule->action == RULE_KEY) {
        rule->key = must_text(r, "key", "the field that tells elements apart");
    }
}

static const char path_right[] = "$.a.b, header:NAME, status, media, text or body";

/* Whether anything outside of bodies could have such a path. */
static bool is_anywhere(struct span path)
{
    static const char *const words[] = {"status", "grpc-status", "media", "text", "body"};
    static const char *const fields[] = {"header:", "trailer:"};
    struct span literal = span_until(path, span_find(path, '*'));
    bool open = literal.n < path.n;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct span w = span_str(words[i]);
        if (open ? span_has_prefix(w, literal) : span_eq(w, path))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct span f = span_str(fields[i]);
        if ((open && span_has_prefix(f, literal)) || (span_has_prefix(path, f) && path.n > f.n))
            return true;
    }
    return false;
}

static enum err read_path(struct reader *r, struct rule *rule)
{
    struct selector_wrong wrong;
    rule->path = must_text(r, "path", path_right);
    rule->in_body = rule->path[0] == '$';
    if (!rule->in_body && rule->action == RULE_KEY)
        refuse(r, "path", "is no array", "a key is for the array at a path such as $.items");
    else if (!rule->in_body && rule->path[0] != '\0' && !is_anywhere(span_str(rule->path)))
        refuse(r, "path", "is no place in an answer", path_right);
    if (!rule->in_body)
        return ERR_OK;
    rule->selector = r->book->selectors.n;
    enum err e = selector_add(&r->book->selectors, &r->book->arena, span_str(rule->path),
                              r->book->n, &wrong);
    if (e != ERR_INVALID)
        return e;
    refuse(r, "path", wrong.what, wrong.right);
    return ERR_OK;
}

static bool is_known(struct span key)
{
    static const char *const keys[] = {"id",     "route", "endpoint", "path",   "kind", "action",
                                       "abs",    "rel",   "within",   "legacy", "new",  "author",
                                       "reason", "added", "expires",  "detail", "key"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (span_eq(key, span_str(keys[i])))
            return true;
    return false;
}

static void check_keys(struct reader *r)
{
    const struct jdoc_node *nodes = r->doc.nodes;
    for (uint32_t i = r->node + 1; i < nodes[r->node].next; i = nodes[i + 1].next) {
        struct span key = jdoc_text(&r->doc, i);
        char name[64];
        if (is_known(key))
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)min_size(key.n, 60), key.p);
        refuse(r, name, "is not known",
               "a rule has id, route, endpoint, path, kind, detail, action, "
               "author, reason, added, expires");
    }
}

static void check_id(struct reader *r, const struct rule *rule)
{
    for (size_t i = 0; i < r->book->n; i++)
        if (strcmp(r->book->list[i].id, rule->id) == 0 && rule->id[0] != '\0')
            refuse(r, "id", "is used by a rule before", "every rule has its own");
    if (strlen(rule->id) > 64)
        refuse(r, "id", "is longer than 64 bytes", NULL);
}

static enum err read_rule(struct reader *r)
{
    struct rule rule = {.id = NULL};
    if (r->doc.nodes[r->node].kind != JDOC_OBJECT) {
        refuse(r, NULL, "must be an object", NULL);
        return ERR_OK;
    }
    check_keys(r);
    rule.id = must_text(r, "id", "a short name that reports can show");
    rule.author = must_text(r, "author", "who can be asked about it");
    rule.reason = must_text(r, "reason", "why the difference is right");
    const char *route = text(r, "route"), *endpoint = text(r, "endpoint");
    rule.route = route == NULL ? "*" : route;
    rule.endpoint = endpoint == NULL ? "*" : endpoint;
    rule.detail = text(r, "detail");
    read_kind(r, &rule);
    read_action(r, &rule);
    read_end(r, &rule);
    check_id(r, &rule);
    TRY(read_path(r, &rule));
    r->book->list[r->book->n++] = rule;
    return r->no_memory ? ERR_NO_MEMORY : ERR_OK;
}

static enum err read_list(struct reader *r)
{
    uint32_t list =
        r->doc.nodes[0].kind == JDOC_OBJECT ? jdoc_member(&r->doc, 0, SPAN("rules")) : JDOC_NONE;
    if (list == JDOC_NONE || r->doc.nodes[list].kind != JDOC_ARRAY ||
        r->doc.nodes[list].n > RULEBOOK_MAX) {
        complain(r->wrong, r->name, "write {\"rules\": [...]}, at most 200 of them",
                 "is no file of rules");
        return ERR_CONFIG;
    }
    r->book->list = arena_alloc(&r->book->arena, (r->doc.nodes[list].n + 1) * sizeof(struct rule));
    if (r->book->list == NULL)
        return ERR_NO_MEMORY;
    for (r->node = list + 1; r->node < r->doc.nodes[list].next;
         r->node = r->doc.nodes[r->node].next) {
        TRY(read_rule(r));
        r->i++;
    }
    return r->refused ? ERR_CONFIG : ERR_OK;
}

enum err rulebook_read(struct rulebook *b, struct span json, const char *name,
                       struct complaints *wrong)
{
    struct reader r = {.book = b, .doc = JDOC_INIT, .name = name, .wrong = wrong};
    *b = (struct rulebook){.list = NULL};
    arena_begin(&b->arena, ARENA_MAX);
    enum err e = jdoc_parse(&r.doc, json);
    if (e == ERR_OK)
        e = read_list(&r);
    else if (e != ERR_NO_MEMORY) {
        complain(wrong, name, NULL, "is not JSON: %s, at byte %zu",
                 r.doc.wrong == NULL ? err_sentence(e) : r.doc.wrong, r.doc.wrong_at);
        e = ERR_CONFIG;
    }
    jdoc_free(&r.doc);
    b->hash = mix_bytes(7, json) | 1;
    if (e != ERR_OK)
        rulebook_free(b);
    return e;
}

static enum err slurp(const char *file, struct buf *out)
{
    ssize_t n = 1;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    enum err e = fd < 0 ? ERR_SYSTEM : ERR_OK;
    while (e == ERR_OK && n != 0) {
        e = buf_reserve(out, 16384);
        if (e != ERR_OK)
            break;
        n = read(fd, out->p + out->n, 16384);
        if (n > 0)
            out->n += (size_t)n;
        else if (n < 0 && errno != EINTR)
            e = ERR_SYSTEM;
    }
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return e;
}

enum err rulebook_load(struct rulebook *b, const char *file, struct complaints *wrong)
{
    struct buf json = BUF_INIT(FILE_MAX);
    enum err e = slurp(file, &json);
    *b = (struct rulebook){.list = NULL};
    if (e == ERR_OK) {
        e = rulebook_read(b, buf_span(&json), file, wrong);
    } else if (e != ERR_NO_MEMORY) {
        complain(wrong, file, "give a file of rules: `weir rules add` makes one",
                 "cannot be read: %s", e == ERR_SYSTEM ? strerror(errno) : "more than 1 MiB");
        e = ERR_CONFIG;
    }
    buf_free(&json);
    return e;
}

void rulebook_free(struct rulebook *b)
{
    arena_end(&b->arena);
    *b = (struct rulebook){.list = NULL};
}

/* --- asking --- */

bool rule_expired(const struct rule *r, uint64_t wall_ms)
{
    return wall_ms >= r->expires_ms;
}

/* {} and {*}, as endpoints in reports have them, stand for one segment: how much of the pattern
 * that is; 0: it is something else. */
static size_t one_segment(const char *pattern)
{
    if (strncmp(pattern, "{}", 2) == 0)
        return 2;
    return strncmp(pattern, "{*}", 3) == 0 ? 3 : 0;
}

/* * stands for anything, also nothing. */
static bool glob(const char *pattern, struct span s)
{
    const char *star = NULL;
    size_t i = 0, from = 0, n;
    while (i < s.n) {
        if (*pattern == '*') {
            star = pattern++;
            from = i;
        } else if ((n = one_segment(pattern)) > 0 && s.p[i] != '/') {
            pattern += n;
            i += span_find(span_from(s, i), '/');
        } else if (*pattern == s.p[i] && *pattern != '\0') {
            pattern++;
            i++;
        } else if (star != NULL) {
            pattern = star + 1;
            i = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

bool rule_is_for(const struct rule *r, struct span route, struct span endpoint)
{
    return (route.n == 0 || glob(r->route, route)) &&
           (endpoint.n == 0 || glob(r->endpoint, endpoint));
}

static bool reaches(const struct rulebook *b, const struct rule *r, const struct rule_place *p)
{
    if (!r->in_body)
        return p->path.n > 0 && p->path.p[0] != '$' && glob(r->path, p->path);
    if (p->path.n > 0 && p->path.p[0] != '$')
        return false;
    return selector_reaches(&b->selectors.list[r->selector], p->root, p->steps, p->nsteps,
                            r->action == RULE_IGNORE);
}

static bool is_number(const struct rule_value *v)
{
    return span_eq(v->class_word, SPAN("int")) || span_eq(v->class_word, SPAN("decimal"));
}

static bool within_time(const struct rule *r, const struct rule_value v[2])
{
    int64_t s[2];
    uint32_t ns[2];
    for (size_t i = 0; i < 2; i++)
        if (!vclass_instant(v[i].text, &s[i], &ns[i]))
            return false;
    int64_t ms = (s[0] - s[1]) * 1000 + ((int64_t)ns[0] - (int64_t)ns[1]) / 1000000;
    return (uint64_t)(ms < 0 ? -ms : ms) <= r->within_ms;
}

static bool agree(const struct rule *r, const struct rule_value v[2])
{
    if (r->action == RULE_EXPECTED)
        return span_eq(v[SIDE_LEGACY].text, span_str(r->values[SIDE_LEGACY])) &&
               span_eq(v[SIDE_NEW].text, span_str(r->values[SIDE_NEW]));
    if (r->action == RULE_TIME)
        return within_time(r, v);
    if (!is_number(&v[0]) || !is_number(&v[1]))
        return false;
    struct decimal a = decimal_of(v[0].text), b = decimal_of(v[1].text);
    return decimal_within(&a, &b, r->abs, r->rel);
}

const char *rulebook_key(const struct rulebook *b, const struct rule *r, const struct rule_place *p)
{
    return r->action == RULE_KEY && reaches(b, r, p) ? r->key : NULL;
}

enum rule_answer rule_ask(const struct rulebook *b, const struct rule *r,
                          const struct rule_place *p)
{
    const struct rule_value *v = p->values;
    if (r->action == RULE_KEY || (!r->any_kind && r->kind != p->kind) ||
        (r->detail != NULL && !span_eq(span_str(r->detail), p->detail)) || !reaches(b, r, p))
        return RULE_NOT;
    if (r->action == RULE_IGNORE)
        return RULE_HIDES;
    if (r->action == RULE_UNORDERED)
        return p->kind == KIND_ORDER ? RULE_HIDES : RULE_NOT;
    if (!v[SIDE_LEGACY].present || !v[SIDE_NEW].present)
        return RULE_NOT;
    if (r->action == RULE_CLASS)
        return span_eq(v[0].class_word, v[1].class_word) && v[0].class_word.n > 0 &&
                       !span_eq(v[0].class_word, SPAN("text"))
                   ? RULE_HIDES
                   : RULE_NOT;
    if (!v[SIDE_LEGACY].known || !v[SIDE_NEW].known)
        return RULE_UNKNOWN;
    return agree(r, v) ? RULE_HIDES : RULE_NOT;
}
