/* Replaying rules over records. What was stored decides what can be asked: paths and kinds always,
 * classes unless store is "paths", values only with "full". What a rule would need and is not there
 * is counted as undecided and stays a finding. */
#include "shadow/report_rules.h"

#include "base/clock.h"

enum { FULL_MAX = 200, PLACE_ARENA_MAX = 64 * 1024 };

enum err report_rules_begin(struct report *r, struct complaints *wrong)
{
    if (r->options->rules == NULL)
        return ERR_OK;
    TRY(rulebook_load(&r->book, r->options->rules, wrong));
    for (size_t i = 0; i < r->book.n; i++)
        r->rules[r->nrules++] =
            (struct report_rule){.id = r->book.list[i].id, .rule = &r->book.list[i]};
    return ERR_OK;
}

static struct report_rule *known(struct report *r, struct span id)
{
    for (size_t i = 0; i < r->nrules; i++)
        if (span_eq(span_str(r->rules[i].id), id))
            return &r->rules[i];
    return NULL;
}

static struct report_rule *find(struct report *r, struct span id)
{
    struct report_rule *x = known(r, id);
    if (x != NULL || r->nrules == REPORT_RULES_MAX)
        return x;
    const char *copy = arena_copy(&r->arena, id);
    if (copy == NULL)
        return NULL;
    r->rules[r->nrules] = (struct report_rule){.id = copy};
    return &r->rules[r->nrules++];
}

static enum err note_path(struct report *r, struct report_rule *rule, struct span path)
{
    for (size_t i = 0; i < rule->npaths; i++)
        if (span_eq(span_str(rule->paths[i]), path))
            return ERR_OK;
    if (rule->npaths == REPORT_RULE_PATHS) {
        rule->more_paths = true;
        return ERR_OK;
    }
    rule->paths[rule->npaths] = arena_copy(&r->arena, path);
    return rule->paths[rule->npaths++] == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* at_ms of the last pair counted keeps a pair with three hidden fields one pair. */
static enum err count(struct report *r, const struct record *x, struct span id, struct span path,
                      uint64_t n)
{
    struct report_rule *rule = find(r, id);
    if (rule == NULL)
        return r->nrules == REPORT_RULES_MAX ? ERR_OK : ERR_NO_MEMORY;
    if (rule->last_line != r->lines)
        rule->pairs++;
    rule->last_line = r->lines;
    rule->places += n;
    rule->last_ms = x->at_ms > rule->last_ms ? x->at_ms : rule->last_ms;
    return note_path(r, rule, path);
}

/* --- asking --- */

static struct rule_value value_of(const struct report *r, const struct record_finding *f,
                                  enum side s)
{
    bool full = r->store != NULL && strcmp(r->store, "full") == 0;
    struct span v = f->values[s];
    struct rule_value out = {.class_word = f->classes[s], .text = v};
    out.present = f->classes[s].n > 0 || v.p != NULL;
    out.known = full && v.n < FULL_MAX && !span_eq(v, SPAN("<secret>")) && f->n == 1 &&
                !span_eq(f->classes[s], SPAN("object")) && !span_eq(f->classes[s], SPAN("array"));
    return out;
}

/* The steps of a path as records have it. False: it is none (it was cut). */
static bool steps_of(struct arena *a, struct span path, struct selector_place *out,
                     struct rule_place *p)
{
    struct selector_set set = {.list = NULL};
    struct selector_wrong wrong;
    if (selector_add(&set, a, path, 0, &wrong) != ERR_OK)
        return false;
    p->root = set.list[0].root;
    p->nsteps = set.list[0].n;
    for (size_t i = 0; i < p->nsteps; i++) {
        const struct selector_step *s = &set.list[0].steps[i];
        out[i] = (struct selector_place){s->kind == STEP_ELEMENT, s->key};
    }
    return true;
}

static const struct rule *hider(struct report *r, const struct record *x,
                                const struct record_finding *f)
{
    struct selector_place steps[SELECTOR_STEPS_MAX];
    struct rule_place p = {.kind = f->kind, .detail = f->detail, .path = f->path, .steps = steps};
    struct arena a;
    const struct rule *hit = NULL;
    uint64_t now = clock_wall_ms();
    arena_begin(&a, PLACE_ARENA_MAX);
    p.values[SIDE_LEGACY] = value_of(r, f, SIDE_LEGACY);
    p.values[SIDE_NEW] = value_of(r, f, SIDE_NEW);
    bool known = f->path.p[0] != '$' || steps_of(&a, f->path, steps, &p);
    for (size_t i = 0; i < r->book.n && hit == NULL && known; i++) {
        const struct rule *rule = &r->book.list[i];
        if (rule_expired(rule, now) || !rule_is_for(rule, x->route, x->endpoint))
            continue;
        enum rule_answer answer = rule_ask(&r->book, rule, &p);
        if (answer == RULE_HIDES)
            hit = rule;
        else if (answer == RULE_UNKNOWN)
            r->rules[i].undecided++;
    }
    arena_end(&a);
    return hit;
}

static enum err replay(struct report *r, struct record *x)
{
    size_t left = 0, before = x->nfindings;
    for (size_t i = 0; i < before; i++) {
        const struct rule *rule = hider(r, x, &x->findings[i]);
        if (rule == NULL)
            x->findings[left++] = x->findings[i];
        else
            TRY(count(r, x, span_str(rule->id), x->findings[i].path, x->findings[i].n));
    }
    x->nfindings = left;
    if (x->verdict != VERDICT_MISMATCH || left > 0 || x->more > 0 || before == 0)
        return ERR_OK;
    x->verdict = VERDICT_MATCH;
    x->settled = SETTLED_NOTHING;
    r->hidden_pairs++;
    return ERR_OK;
}

enum err report_rules_apply(struct report *r, struct record *x)
{
    for (size_t i = 0; i < x->nhidden; i++)
        TRY(count(r, x, x->hidden[i].rule, x->hidden[i].path, x->hidden[i].n));
    if (x->nhidden > 0 && x->verdict == VERDICT_MATCH)
        r->hidden_pairs++;
    return r->book.n == 0 ? ERR_OK : replay(r, x);
}

/* --- those in force --- */

enum err report_rules_line(struct report *r, const struct record *x)
{
    struct span was = buf_span(&r->rules_line);
    if (x->at_ms < r->rules_ms || (x->at_ms == r->rules_ms && span_cmp(x->line, was) <= 0))
        return ERR_OK;
    r->rules_ms = x->at_ms;
    r->rules_line.n = 0;
    return buf_append(&r->rules_line, x->line);
}

enum err report_rules_hidden(struct report *r, struct span id, uint64_t pairs, uint64_t places,
                             uint64_t last_ms, struct span *paths, size_t npaths, bool more)
{
    struct report_rule *rule = find(r, id);
    if (rule == NULL)
        return r->nrules == REPORT_RULES_MAX ? ERR_OK : ERR_NO_MEMORY;
    rule->pairs += pairs;
    rule->pairs = rule->pairs < r->compared ? rule->pairs : r->compared;
    rule->places += places;
    rule->last_ms = last_ms > rule->last_ms ? last_ms : rule->last_ms;
    rule->more_paths = rule->more_paths || more;
    for (size_t i = 0; i < npaths; i++)
        TRY(note_path(r, rule, paths[i]));
    return ERR_OK;
}

static const char *member(struct report *r, const struct jdoc *d, uint32_t object, const char *key,
                          const char *otherwise)
{
    struct span s = SPAN_NULL;
    return jdoc_string(d, object, key, &s) ? arena_copy(&r->arena, s) : otherwise;
}

static enum err read_rule(struct report *r, const struct jdoc *d, uint32_t object,
                          struct rule **out)
{
    struct rule *rule = arena_zalloc(&r->arena, sizeof(*rule));
    struct span action = SPAN_NULL;
    *out = rule;
    if (rule == NULL)
        return ERR_NO_MEMORY;
    rule->id = member(r, d, object, "id", "");
    rule->route = member(r, d, object, "route", "*");
    rule->endpoint = "*";
    rule->path = member(r, d, object, "path", "");
    rule->author = member(r, d, object, "author", "");
    rule->reason = member(r, d, object, "reason", "");
    rule->key = member(r, d, object, "key", "");
    (void)jdoc_u64(d, object, "expires", &rule->expires_ms);
    (void)jdoc_string(d, object, "action", &action);
    if (!rule_action_of(action, &rule->action))
        rule->action = RULE_IGNORE;
    return rule->id == NULL || rule->route == NULL || rule->path == NULL || rule->author == NULL ||
                   rule->reason == NULL || rule->key == NULL
               ? ERR_NO_MEMORY
               : ERR_OK;
}

/* With other rules on trial only those count that hid something. */
static bool is_shown(const struct report *r, const struct rule *rule)
{
    return r->options->rules == NULL &&
           (r->options->route == NULL || rule_is_for(rule, span_str(r->options->route), SPAN_NULL));
}

static enum err add_rule(struct report *r, const struct jdoc *d, uint32_t object)
{
    struct rule *rule;
    TRY(read_rule(r, d, object, &rule));
    if (rule->id[0] == '\0')
        return ERR_OK;
    struct report_rule *x = known(r, span_str(rule->id));
    if (x == NULL && is_shown(r, rule) && r->nrules < REPORT_RULES_MAX) {
        x = &r->rules[r->nrules++];
        *x = (struct report_rule){.id = rule->id};
    }
    if (x != NULL && x->rule == NULL)
        x->rule = rule;
    return ERR_OK;
}

enum err report_rules_finish(struct report *r)
{
    struct jdoc d = JDOC_INIT;
    if (r->rules_line.n == 0 || r->no_rules_ms > r->rules_ms)
        return ERR_OK;
    enum err e = jdoc_parse(&d, buf_span(&r->rules_line));
    uint32_t list = e == ERR_OK ? jdoc_list(&d, 0, "rules") : JDOC_NONE;
    for (uint32_t i = list + 1; list != JDOC_NONE && i < d.nodes[list].next && e == ERR_OK;
         i = d.nodes[i].next)
        e = add_rule(r, &d, i);
    jdoc_free(&d);
    return e;
}
