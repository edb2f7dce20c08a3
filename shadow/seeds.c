/* See seeds.h. The difficulty is to say the truth about what was not found: a rule, ignore and
 * tolerance are told apart by comparing once more without them. */
#include "shadow/seeds.h"

#include "shadow/mix.h"

enum { ARENA_MAX = 1024 * 1024, KEEP = 1024 * 1024, COUNT_MAX = 1 << 30 };

static const struct {
    const char *word, *sentence;
} seeds[SEED_KINDS] = {
#define SEED(name, word, sentence) [SEED_##name] = {word, sentence},
#include "shadow/seeds.def"
#undef SEED
};

static const char *const outcomes[SEED_OUTCOMES] = {"nowhere", "caught", "hidden", "missed"};

const char *seed_word(enum seed_kind k)
{
    return seeds[k].word;
}

const char *seed_sentence(enum seed_kind k)
{
    return seeds[k].sentence;
}

bool seed_of(struct span word, enum seed_kind *out)
{
    for (*out = 0; *out < SEED_KINDS; (*out)++)
        if (span_eq(word, span_str(seeds[*out].word)))
            return true;
    return false;
}

const char *seed_outcome_word(enum seed_outcome o)
{
    return outcomes[o];
}

bool seed_outcome_of(struct span word, enum seed_outcome *out)
{
    for (*out = 0; *out < SEED_OUTCOMES; (*out)++)
        if (span_eq(word, span_str(outcomes[*out])))
            return true;
    return false;
}

bool seed_is_told(enum seed_outcome o, struct span path, const char *had, bool missed)
{
    if (o != SEED_MISSED && (o != SEED_HIDDEN || missed))
        return false;
    return (o == SEED_MISSED && !missed) || had == NULL || span_cmp(path, span_str(had)) < 0;
}

/* --- when --- */

bool seeds_due(struct seeder *s, const struct shadow_pair *pair, const struct endpoint *endpoint,
               unsigned every)
{
    uint64_t h = endpoint_hash(mix_bytes(1, span_str(pair->rules->route)), endpoint);
    uint32_t *count = &s->counts[h % SEEDS_COUNTS];
    if (every == 0)
        return false;
    *count = *count == COUNT_MAX ? 1 : *count + 1;
    return (*count & (*count - 1)) == 0 || *count % every == 0;
}

/* --- one defect --- */

/* A pair of our own: the answer as it was given, decoded, on the legacy side; on the other the same
 * with the defect. */
struct trial {
    struct seeder *s;
    struct shadow_pair pair;
    bool json;
    uint64_t dice;
};

static enum verdict_kind ask(struct trial *t, struct shadow_rules *rules, struct comparison *c)
{
    t->pair.rules = rules;
    compare_pair(&t->s->comparer, &t->pair, c);
    return c->verdict;
}

/* What hid it: the comparison is asked again with less and less that could. */
static void find_hider(struct trial *t, struct shadow_rules *rules, struct seed_result *r)
{
    static struct selector_set none;
    struct comparison c;
    struct shadow_rules less = *rules;
    r->outcome = SEED_HIDDEN;
    less.ignore = none;
    less.nheaders = 0;
    r->by = "shadow.ignore";
    if (ask(t, &less, &c) == VERDICT_MISMATCH || c.nhidden > 0)
        return;
    less.tolerance = none;
    r->by = "shadow.tolerance";
    if (ask(t, &less, &c) == VERDICT_MISMATCH || c.nhidden > 0)
        return;
    r->outcome = SEED_MISSED;
    r->by = "";
}

static void judge(struct trial *t, struct shadow_rules *rules, struct seed_result *r)
{
    struct comparison c;
    enum verdict_kind v = ask(t, rules, &c);
    r->by = "";
    r->outcome = SEED_CAUGHT;
    if (v == VERDICT_MISMATCH)
        return;
    r->outcome = SEED_MISSED;
    if (v == VERDICT_SKIPPED) {
        r->by = c.reason;
    } else if (c.nhidden > 0) {
        r->outcome = SEED_HIDDEN;
        r->by = c.hidden[0].rule->id;
    } else {
        find_hider(t, rules, r);
    }
}

static void set_path(struct seed_result *r, struct span path)
{
    memcpy(r->path, path.p, path.n);
    r->path_n = path.n;
}

/* The body with the defect, in s->text. False: it has no place. */
static bool plant_body(struct trial *t, enum seed_kind k, struct seed_result *r)
{
    struct seeder *s = t->s;
    struct span whole = buf_span(&t->pair.answers[SIDE_LEGACY].body);
    s->text.n = 0;
    if (whole.n == 0 || t->pair.method == HTTP_HEAD)
        return false;
    if (t->json)
        return seed_plant(&s->plain.docs[SIDE_LEGACY], k, t->dice, &s->text, r) == ERR_OK;
    if (k != SEED_VALUE || buf_append(&s->text, whole) != ERR_OK)
        return false;
    s->text.p[whole.n / 2] ^= 1;
    set_path(r, SPAN("$"));
    return true;
}

static void try_one(struct trial *t, struct shadow_rules *rules, enum seed_kind k,
                    struct seed_result *r)
{
    struct shadow_answer *changed = &t->pair.answers[SIDE_NEW];
    *changed = t->pair.answers[SIDE_LEGACY];
    r->outcome = SEED_NOWHERE;
    if (k == SEED_STATUS) {
        changed->head.status = 500;
        set_path(r, SPAN("status"));
    } else if (plant_body(t, k, r)) {
        changed->body = t->s->text;
        changed->body_length = t->s->text.n;
    } else {
        return;
    }
    judge(t, rules, r);
}

/* --- the answer --- */

static bool is_usable(const struct shadow_answer *a)
{
    return a->outcome == ERR_OK && a->has_head && a->head.status < 400 &&
           a->body.n == a->body_length && a->body.n <= SEEDS_BODY_MAX;
}

/* Takes the answer into the trial, decoded and without its coding. */
static bool take_answer(struct trial *t, const struct shadow_answer *a)
{
    struct span body;
    struct shadow_answer *to = &t->pair.answers[SIDE_LEGACY];
    if (!is_usable(a) || decode_answer(&t->s->decoder, &a->head, buf_span(&a->body), SEEDS_BODY_MAX,
                                       &body) != ERR_OK)
        return false;
    *to = *a;
    if (http_head_copy(&to->head, &a->head, &t->s->arena) != ERR_OK)
        return false;
    http_head_drop(&to->head, HTTP_CONTENT_ENCODING);
    char *p = arena_copy(&t->s->arena, body); /* a buf that is only looked at */
    to->body = (struct buf){p, body.n, body.n, body.n};
    to->body_length = body.n;
    to->body_hashed = false;
    return p != NULL;
}

static bool read_json(struct trial *t)
{
    static const struct shadow_rules none;
    struct diff *d = &t->s->plain;
    const struct shadow_answer *a = &t->pair.answers[SIDE_LEGACY];
    struct media media = media_of(&a->head);
    diff_begin(d, &none, SPAN_NULL, false);
    return media_is_json(&media) &&
           jdoc_parse(&d->docs[SIDE_LEGACY], buf_span(&a->body)) == ERR_OK &&
           shape_hash(d, SIDE_LEGACY) == ERR_OK;
}

bool seeds_run(struct seeder *s, const struct shadow_pair *pair)
{
    struct trial t = {.s = s, .pair = *pair, .dice = mix_bytes(2, span_str(pair->id))};
    arena_begin(&s->arena, ARENA_MAX);
    t.pair.conditional = false;
    bool usable = take_answer(&t, &pair->answers[pair->served]);
    if (usable) {
        t.json = read_json(&t);
        for (enum seed_kind k = 0; k < SEED_KINDS; k++)
            try_one(&t, pair->rules, k, &s->results[k]);
    }
    arena_end(&s->arena);
    compare_trim(&s->comparer);
    diff_trim(&s->plain);
    decode_trim(&s->decoder, KEEP);
    return usable;
}

void seeds_begin(struct seeder *s)
{
    memset(s, 0, sizeof(*s));
    compare_begin(&s->comparer, 4 * SEEDS_BODY_MAX);
    s->text = BUF_INIT(4 * SEEDS_BODY_MAX);
}

void seeds_end(struct seeder *s)
{
    compare_end(&s->comparer);
    diff_free(&s->plain);
    decode_free(&s->decoder);
    buf_free(&s->text);
}
