/* Writing records. The special difficulty is the ceiling on a line: findings are added while there
 * is room and what does not fit is counted in "more", so that a line is always whole. */
#include "shadow/record.h"

#include "base/clock.h"
#include "base/scribe.h"
#include "shadow/jwrite.h"
#include "shadow/settle.h"

_Static_assert((int)RECORD_LINE_MAX <= (int)SCRIBE_LINE_MAX, "the scribe takes a line whole");

enum {
    FINDINGS_ROOM = RECORD_LINE_MAX - 16 * 1024, /* of the pair */
    PROBE_ROOM = RECORD_LINE_MAX - 8 * 1024,     /* and of its probe, behind them */
    RULES_ROOM = RECORD_LINE_MAX - 1024,
    RULES_NAMED = 8, /* with an example */
    RULE_PATH = 120, /* what a line says of a rule, in bytes: the rest is in its file */
    RULE_AUTHOR = 40,
    RULE_REASON = 100,
};

const char *record_store_word(enum shadow_store s)
{
    static const char *const words[] = {
        [SHADOW_STORE_NONE] = "none",
        [SHADOW_STORE_PATHS] = "paths",
        [SHADOW_STORE_TOKENS] = "tokens",
        [SHADOW_STORE_FULL] = "full",
    };
    return words[s];
}

enum err record_begin(struct buf *b, const char *type, uint64_t at_ms)
{
    TRY(buf_append(b, SPAN("{\"v\":")));
    TRY(jwrite_u64(b, RECORD_VERSION));
    TRY(jwrite_member(b, "t", span_str(type)));
    return jwrite_number(b, "at", at_ms);
}

static bool stores_values(const struct redactor *r)
{
    return r->store == SHADOW_STORE_TOKENS || r->store == SHADOW_STORE_FULL;
}

/* --- a pair --- */

static enum err whereabouts(const struct shadow_pair *p, const struct endpoint *endpoint,
                            struct buf *b)
{
    TRY(jwrite_member(b, "route", span_str(p->rules->route)));
    TRY(jwrite_member(b, "endpoint", span_of(endpoint->text, endpoint->n)));
    if (!endpoint->fixed)
        return ERR_OK;
    return jwrite_member(b, "endpoint_by", p->rules->exact_path ? SPAN("route") : SPAN("template"));
}

static enum err what(const struct shadow_pair *p, const struct endpoint *endpoint, struct buf *b)
{
    TRY(record_begin(b, "pair", p->wall_ms));
    TRY(jwrite_member(b, "id", span_str(p->id)));
    TRY(whereabouts(p, endpoint, b));
    TRY(jwrite_member(b, "served", span_str(side_word(p->served))));
    TRY(jwrite_number(b, "epoch", p->epoch));
    return jwrite_number(b, "bucket", p->bucket);
}

static enum err answers(const struct shadow_pair *p, struct buf *b)
{
    const struct shadow_answer *l = &p->answers[SIDE_LEGACY], *r = &p->answers[SIDE_NEW];
    TRY(jwrite_numbers(b, "status", l->has_head ? l->head.status : 0,
                       r->has_head ? r->head.status : 0));
    TRY(jwrite_numbers(b, "first_us", l->first_byte_us, r->first_byte_us));
    TRY(jwrite_numbers(b, "total_us", l->total_us, r->total_us));
    return jwrite_numbers(b, "bytes", l->body_length, r->body_length);
}

static enum err verdict(const struct comparison *c, struct buf *b)
{
    TRY(jwrite_member(b, "verdict", span_str(verdict_word(c->verdict))));
    if (c->reason != NULL)
        TRY(jwrite_member(b, "reason", span_str(c->reason)));
    if (c->costly)
        TRY(buf_append(b, SPAN(",\"costly\":true")));
    return jwrite_member(b, "body", span_str(c->body));
}

static enum err values(const struct redactor *r, const struct finding *f, struct buf *b)
{
    static const char *const keys[2] = {",\"legacy\":", ",\"new\":"};
    static const char *const class_keys[2] = {"legacy_class", "new_class"};
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        if (f->values[s].present && !f->open)
            TRY(jwrite_member(b, class_keys[s], span_str(vclass_word(f->values[s].vclass))));
        if (!stores_values(r) || (!f->values[0].present && !f->values[1].present))
            continue;
        TRY(buf_append(b, span_str(keys[s])));
        TRY(redact_value(r, f, s, b));
    }
    return ERR_OK;
}

static enum err finding(const struct redactor *r, const struct finding *f, bool gone, struct buf *b)
{
    TRY(buf_append(b, SPAN("{\"path\":")));
    TRY(jwrite_string(b, f->path));
    TRY(jwrite_member(b, "kind", span_str(finding_kind_word(f->kind))));
    if (f->n > 1)
        TRY(jwrite_number(b, "n", f->n));
    if (f->detail != NULL)
        TRY(jwrite_member(b, "detail", span_str(f->detail)));
    if (f->note.n > 0)
        TRY(jwrite_member(b, "note", f->note));
    if (f->method != NULL)
        TRY(jwrite_member(b, "method", span_str(f->method)));
    if (gone)
        TRY(buf_append(b, SPAN(",\"gone\":true")));
    TRY(values(r, f, b));
    return buf_append(b, SPAN("}"));
}

static enum err findings(const struct redactor *r, const struct comparison *c, struct buf *b)
{
    struct buf one = BUF_INIT(0);
    enum err e = buf_append(b, SPAN(",\"findings\":["));
    uint64_t more = c->more;
    for (size_t i = 0; i < c->nfindings && e == ERR_OK; i++) {
        one.n = 0;
        e = finding(r, &c->findings[i], c->settled != NULL && c->settled->gone[i], &one);
        if (e != ERR_OK)
            break;
        if (b->n + one.n > FINDINGS_ROOM) {
            more += c->findings[i].n;
            continue;
        }
        if (b->p[b->n - 1] == '}')
            e = buf_append(b, SPAN(","));
        if (e == ERR_OK)
            e = buf_append(b, buf_span(&one));
    }
    buf_free(&one);
    TRY(e);
    TRY(buf_append(b, SPAN("]")));
    return more == 0 ? ERR_OK : jwrite_number(b, "more", more);
}

static enum err hidden(const struct comparison *c, struct buf *b)
{
    TRY(buf_append(b, SPAN(",\"hidden\":[")));
    for (size_t i = 0; i < c->nhidden && b->n < FINDINGS_ROOM; i++) {
        const struct diff_hidden *h = &c->hidden[i];
        TRY(buf_append(b, i == 0 ? SPAN("{\"rule\":") : SPAN(",{\"rule\":")));
        TRY(jwrite_string(b, span_str(h->rule->id)));
        TRY(jwrite_member(b, "path", h->path));
        TRY(jwrite_member(b, "kind", span_str(finding_kind_word(h->kind))));
        TRY(jwrite_number(b, "n", h->n));
        TRY(buf_append(b, SPAN("}")));
    }
    return buf_append(b, SPAN("]"));
}

/* --- second looks --- */

static enum err recheck(const struct settlement *s, struct buf *b)
{
    TRY(buf_printf(b, ",\"recheck\":{\"said\":\"%s\",\"rounds\":%u", settled_word(s->said),
                   s->rounds));
    if (s->end != SHADOW_RECHECK_OPEN)
        TRY(jwrite_member(b, "reason", span_str(shadow_recheck_word(s->end))));
    return buf_append(b, SPAN("}"));
}

/* Paths and kinds only: values of the serving side's own noise are of no use to a reader. */
static enum err probe_findings(const struct comparison *c, struct buf *b)
{
    uint64_t more = c->more;
    const char *sep = "";
    TRY(buf_append(b, SPAN(",\"findings\":[")));
    for (size_t i = 0; i < c->nfindings; i++) {
        const struct finding *f = &c->findings[i];
        if (b->n + 2 * f->path.n > PROBE_ROOM) {
            more += f->n;
            continue;
        }
        TRY(buf_printf(b, "%s{\"path\":", sep));
        TRY(jwrite_string(b, f->path));
        TRY(jwrite_member(b, "kind", span_str(finding_kind_word(f->kind))));
        TRY(buf_append(b, SPAN("}")));
        sep = ",";
    }
    TRY(buf_append(b, SPAN("]")));
    return more == 0 ? ERR_OK : jwrite_number(b, "more", more);
}

static enum err probe(const struct shadow_pair *p, const struct comparison *c, struct buf *b)
{
    TRY(buf_printf(b, ",\"probe\":{\"status\":%u",
                   p->probe->has_head ? (unsigned)p->probe->head.status : 0u));
    TRY(verdict(c, b));
    if (c->nfindings > 0)
        TRY(probe_findings(c, b));
    return buf_append(b, SPAN("}"));
}

static enum err absent(const struct comparison *c, struct buf *b)
{
    const char *sep = "";
    if (c->nabsent == 0)
        return ERR_OK;
    TRY(buf_append(b, SPAN(",\"absent\":[")));
    for (size_t i = 0; i < c->nabsent && b->n < PROBE_ROOM - 2048; i++) {
        TRY(buf_append(b, span_str(sep)));
        TRY(jwrite_string(b, span_str(c->absent[i])));
        sep = ",";
    }
    return buf_append(b, SPAN("]"));
}

enum err record_stack_text(const struct comparison *c, struct buf *b)
{
    TRY(buf_append(b, SPAN(",\"stack\":[")));
    TRY(jwrite_string(b, span_of(c->stack[SIDE_LEGACY].text, c->stack[SIDE_LEGACY].n)));
    TRY(buf_append(b, SPAN(",")));
    TRY(jwrite_string(b, span_of(c->stack[SIDE_NEW].text, c->stack[SIDE_NEW].n)));
    return buf_append(b, SPAN("]"));
}

static enum err request(const struct redactor *r, const struct shadow_pair *p, struct buf *b)
{
    TRY(jwrite_member(b, "method", span_str(endpoint_method(p->method))));
    TRY(jwrite_member(b, "host", span_until(p->host, min_size(p->host.n, 255))));
    TRY(buf_append(b, SPAN(",\"target\":")));
    return redact_target(r, p->target, b);
}

/* On one line, when there is room for it. */
static enum err patch(const struct comparison *c, struct buf *b)
{
    if (c->patch.n == 0 || b->n + c->patch.n + 32 > RECORD_LINE_MAX)
        return ERR_OK;
    TRY(buf_append(b, SPAN(",\"patch\":")));
    size_t from = b->n;
    TRY(buf_append(b, c->patch));
    for (size_t i = from; i < b->n; i++)
        if (b->p[i] == '\n') /* in texts it is written \\n */
            b->p[i] = ' ';
    return ERR_OK;
}

enum err record_pair(const struct redactor *r, const struct shadow_pair *pair,
                     const struct endpoint *endpoint, const struct comparison *c, bool with_stack,
                     struct buf *line)
{
    TRY(what(pair, endpoint, line));
    TRY(answers(pair, line));
    TRY(verdict(c, line));
    if (with_stack)
        TRY(record_stack_text(c, line));
    if (c->verdict != VERDICT_MATCH && stores_values(r))
        TRY(request(r, pair, line));
    if (c->nfindings > 0)
        TRY(findings(r, c, line));
    if (c->nhidden > 0)
        TRY(hidden(c, line));
    TRY(absent(c, line));
    if (c->settled != NULL && c->settled->said != SETTLED_NOTHING)
        TRY(recheck(c->settled, line));
    if (c->probe != NULL)
        TRY(probe(pair, c->probe, line));
    TRY(patch(c, line));
    return buf_append(line, SPAN("}\n"));
}

static bool is_named_before(const struct comparison *c, size_t i)
{
    size_t k = 0;
    while (c->hidden[k].rule != c->hidden[i].rule)
        k++;
    return k < i;
}

static enum err hiders(const struct comparison *c, struct buf *b)
{
    unsigned named = 0;
    TRY(buf_append(b, c->nhidden == 0 ? SPAN("") : SPAN(",\"rules\":[")));
    for (size_t i = 0; i < c->nhidden && named < RULES_NAMED; i++) {
        if (is_named_before(c, i))
            continue;
        TRY(buf_append(b, named++ == 0 ? SPAN("") : SPAN(",")));
        TRY(jwrite_string(b, span_str(c->hidden[i].rule->id)));
    }
    return buf_append(b, c->nhidden == 0 ? SPAN("") : SPAN("]"));
}

static enum err said(const struct comparison *c, size_t i, struct buf *b)
{
    enum settled s = settled_said(c);
    if (s == SETTLED_NOTHING)
        return ERR_OK;
    if (s == SETTLED_PERSISTENT && !settled_lasts(c, i))
        s = SETTLED_TRANSIENT;
    TRY(jwrite_member(b, "said", span_str(settled_word(s))));
    if (c->settled == NULL || c->settled->end == SHADOW_RECHECK_OPEN)
        return ERR_OK;
    return jwrite_member(b, "end", span_str(shadow_recheck_word(c->settled->end)));
}

/* Only as much of it as has room: without the request, and then without the values. */
static enum err example(const struct redactor *r, const struct shadow_pair *p,
                        const struct comparison *c, size_t i, unsigned less, struct buf *b)
{
    const struct finding *f = &c->findings[i];
    TRY(buf_printf(b, "{\"at\":%llu", (unsigned long long)p->wall_ms));
    TRY(jwrite_member(b, "id", span_str(p->id)));
    TRY(said(c, i, b));
    if (less < 2)
        TRY(hiders(c, b));
    if (stores_values(r) && less < 1)
        TRY(request(r, p, b));
    if (f->note.n > 0 && less < 2)
        TRY(jwrite_member(b, "note", f->note));
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW && less < 2 && stores_values(r); s++) {
        if (!f->values[s].present)
            continue;
        TRY(buf_append(b, s == SIDE_LEGACY ? SPAN(",\"legacy\":") : SPAN(",\"new\":")));
        TRY(redact_value(r, f, s, b));
    }
    return buf_append(b, SPAN("}"));
}

enum err record_example(const struct redactor *r, const struct shadow_pair *pair,
                        const struct comparison *c, size_t finding, struct buf *json)
{
    enum err e = ERR_TOO_LARGE;
    for (unsigned less = 0; less < 3 && e == ERR_TOO_LARGE; less++) {
        json->n = 0;
        e = example(r, pair, c, finding, less, json);
    }
    return e;
}

/* --- the other lines --- */

enum err record_run(const struct redactor *r, uint64_t wall_ms, struct buf *line)
{
    TRY(record_begin(line, "run", wall_ms));
    TRY(jwrite_member(line, "version", SPAN(WEIR_VERSION)));
    TRY(jwrite_member(line, "store", span_str(record_store_word(r->store))));
    return buf_append(line, SPAN("}\n"));
}

enum err record_drops(uint64_t wall_ms, const uint64_t counts[SHADOW_DROP_COUNT], struct buf *line)
{
    const char *sep = "";
    TRY(record_begin(line, "drops", wall_ms));
    TRY(buf_append(line, SPAN(",\"dropped\":{")));
    for (enum shadow_drop d = 0; d < SHADOW_DROP_COUNT; d++) {
        if (counts[d] == 0)
            continue;
        TRY(buf_printf(line, "%s\"%s\":%llu", sep, shadow_drop_word(d),
                       (unsigned long long)counts[d]));
        sep = ",";
    }
    return buf_append(line, SPAN("}}\n"));
}

enum err record_options(const struct shadow_rules *rules, uint64_t wall_ms, struct buf *b)
{
    TRY(record_begin(b, "options", wall_ms));
    TRY(jwrite_member(b, "route", span_str(rules->route)));
    return buf_printf(b, "%s}\n", rules->options);
}

/* --- rules in force --- */

static enum err short_member(struct buf *b, const char *key, const char *text, size_t max)
{
    struct span s = span_str(text);
    return jwrite_member(b, key, span_until(s, jwrite_cut(s, max)));
}

static enum err rule_text(const struct rule *r, struct buf *b)
{
    TRY(buf_append(b, SPAN("{\"id\":")));
    TRY(jwrite_string(b, span_str(r->id)));
    TRY(jwrite_member(b, "action", span_str(rule_action_word(r->action))));
    if (strcmp(r->route, "*") != 0)
        TRY(jwrite_member(b, "route", span_str(r->route)));
    if (r->action == RULE_KEY)
        TRY(jwrite_member(b, "key", span_str(r->key)));
    TRY(short_member(b, "path", r->path, RULE_PATH));
    TRY(short_member(b, "author", r->author, RULE_AUTHOR));
    TRY(short_member(b, "reason", r->reason, RULE_REASON));
    return buf_printf(b, ",\"expires\":%llu}", (unsigned long long)r->expires_ms);
}

enum err record_rules_text(const struct rulebook *book, struct buf *b)
{
    const char *sep = "";
    size_t end = b->n + RULES_ROOM, more = 0;
    TRY(buf_append(b, SPAN(",\"rules\":[")));
    for (size_t i = 0; i < book->n; i++) {
        size_t before = b->n;
        TRY(buf_append(b, span_str(sep)));
        enum err e = rule_text(&book->list[i], b);
        if (e == ERR_NO_MEMORY)
            return e;
        if (e != ERR_OK || b->n > end) {
            b->n = before;
            more++;
            continue;
        }
        sep = ",";
    }
    TRY(buf_append(b, SPAN("]")));
    return more == 0 ? ERR_OK : buf_printf(b, ",\"more\":%zu", more);
}

enum err record_rules(const struct rulebook *book, uint64_t wall_ms, struct buf *line)
{
    TRY(record_begin(line, "rules", wall_ms));
    TRY(record_rules_text(book, line));
    return buf_append(line, SPAN("}\n"));
}

enum err record_seeds(const struct shadow_pair *p, const struct endpoint *endpoint,
                      const struct seed_result results[SEED_KINDS], struct buf *b)
{
    const char *sep = "";
    TRY(record_begin(b, "selftest", p->wall_ms));
    TRY(whereabouts(p, endpoint, b));
    TRY(buf_append(b, SPAN(",\"defects\":[")));
    for (enum seed_kind k = 0; k < SEED_KINDS; k++) {
        const struct seed_result *r = &results[k];
        if (r->outcome == SEED_NOWHERE)
            continue;
        TRY(buf_printf(b, "%s{\"defect\":\"%s\"", sep, seed_word(k)));
        TRY(jwrite_member(b, "outcome", span_str(seed_outcome_word(r->outcome))));
        TRY(jwrite_member(b, "path", span_of(r->path, r->path_n)));
        if (r->by[0] != '\0')
            TRY(jwrite_member(b, "by", span_str(r->by)));
        TRY(buf_append(b, SPAN("}")));
        sep = ",";
    }
    return buf_append(b, SPAN("]}\n"));
}
