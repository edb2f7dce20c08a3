/* Walks tests/diff: each folder is a pair of answers and what comparing them must come to.
 *
 *   legacy, new     a saved answer: a body, or status line, fields and body when it begins with
 * HTTP/ rules.json      optional: {"ignore": [...], "tolerance": [...], "served": "new",
 * "conditional": true, "method": "HEAD"} expected.json   {"verdict": ..., "reason": ..., "body":
 * ..., "findings": [{"path": ..., "kind": ..., ...}]}
 *
 * "rules" in rules.json are those of a rules file; with "one_way" the sides are not exchanged.
 * "hidden" in expected.json says what they must hide: [{"rule": ..., "path": ..., "kind": ...}].
 * legacy-trailers, new-trailers: optional, fields like those of a head.
 *
 * "n", "detail", "note", "method", "legacy" and "new" (the values) are compared when expected.json
 * names them; the list of findings must be complete. Every pair is compared a second time with the
 * sides exchanged. */
#include "tests/unit/shadow/support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct folder {
    char name[256];
    struct buf rules_text;
    struct buf expected_text;
    struct buf answers[2];
    struct buf trailers[2];
    bool one_way;
    struct jdoc rules;
    struct jdoc expected;
    struct bench bench;
    char texts[BENCH_RULES_MAX * 2][128]; /* rule paths, with an end */
    size_t ntexts;
};

static void read_part(const struct folder *f, const char *part, struct buf *out, bool must)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/diff/%s/%s", TESTS_DIR, f->name, part);
    if (!slurp(path, out) && must)
        fail_msg("%s cannot be read", path);
}

static void parse(const struct folder *f, struct jdoc *d, const struct buf *text, const char *what)
{
    if (jdoc_parse(d, buf_span(text)) != ERR_OK)
        fail_msg("%s/%s: %s at byte %zu", f->name, what, d->wrong, d->wrong_at);
}

/* --- rules.json --- */

static const char *keep_text(struct folder *f, struct span s)
{
    assert_true(f->ntexts < ARRAY_LEN(f->texts) && s.n < sizeof(f->texts[0]));
    char *to = f->texts[f->ntexts++];
    memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return to;
}

static double number(const struct jdoc *d, uint32_t object, const char *key)
{
    char text[64] = "0";
    uint32_t i = jdoc_member(d, object, span_str(key));
    if (i != JDOC_NONE)
        (void)snprintf(text, sizeof(text), SPAN_FMT, SPAN_ARG(jdoc_text(d, i)));
    return strtod(text, NULL);
}

static void read_lists(struct folder *f)
{
    const struct jdoc *d = &f->rules;
    uint32_t list = jdoc_member(d, 0, SPAN("ignore"));
    for (uint32_t i = list + 1; list != JDOC_NONE && i < d->nodes[list].next; i = d->nodes[i].next)
        bench_ignore(&f->bench, keep_text(f, jdoc_text(d, i)));
    list = jdoc_member(d, 0, SPAN("tolerance"));
    for (uint32_t i = list + 1; list != JDOC_NONE && i < d->nodes[list].next;
         i = d->nodes[i].next) {
        struct span path;
        assert_true(jdoc_string(d, i, "path", &path));
        bench_tolerate(&f->bench, keep_text(f, path), number(d, i, "abs"), number(d, i, "rel"));
    }
}

static bool is_true(const struct folder *f, const char *key)
{
    uint32_t i = jdoc_member(&f->rules, 0, span_str(key));
    return i != JDOC_NONE && f->rules.nodes[i].kind == JDOC_TRUE;
}

static void read_rules(struct folder *f)
{
    struct span word;
    read_part(f, "rules.json", &f->rules_text, false);
    if (f->rules_text.n == 0)
        return;
    parse(f, &f->rules, &f->rules_text, "rules.json");
    read_lists(f);
    if (jdoc_string(&f->rules, 0, "served", &word) && span_eq(word, SPAN("new")))
        f->bench.pair.served = SIDE_NEW;
    if (jdoc_string(&f->rules, 0, "method", &word))
        f->bench.pair.method = http_method_lookup(word);
    f->bench.pair.conditional = is_true(f, "conditional");
    f->one_way = is_true(f, "one_way");
}

/* After bench_rules(): those of a rules file. */
static void read_book(struct folder *f)
{
    struct complaints wrong = {.n = 0};
    if (f->rules_text.n == 0 || jdoc_member(&f->rules, 0, SPAN("rules")) == JDOC_NONE)
        return;
    if (rulebook_read(&f->bench.rules->book, buf_span(&f->rules_text), f->name, &wrong) != ERR_OK)
        fail_msg("%s: %s %s", f->name, wrong.list[0].where, wrong.list[0].what);
    complaints_free(&wrong);
}

/* --- expected.json --- */

static void check_word(const struct folder *f, uint32_t object, const char *key, struct span is)
{
    struct span want;
    if (jdoc_string(&f->expected, object, key, &want) && !span_eq(want, is))
        fail_msg("%s: %s is \"%.*s\", not \"%.*s\"", f->name, key, SPAN_ARG(is), SPAN_ARG(want));
}

static struct span shown(const struct diff_value *v)
{
    static char text[2][64];
    static unsigned turn;
    if (v->present && (v->vclass == VCLASS_OBJECT || v->vclass == VCLASS_ARRAY)) {
        char *to = text[turn++ % 2];
        return span_of(to, (size_t)snprintf(to, 64, "%s of %u", vclass_word(v->vclass), v->count));
    }
    return v->text;
}

static void check_finding(const struct folder *f, uint32_t object, bool swapped)
{
    struct span path, kind;
    enum finding_kind k;
    assert_true(jdoc_string(&f->expected, object, "path", &path));
    assert_true(jdoc_string(&f->expected, object, "kind", &kind));
    assert_true(finding_kind_of(kind, &k));
    char text[1024];
    (void)snprintf(text, sizeof(text), SPAN_FMT, SPAN_ARG(path));
    if (swapped)
        k = finding_kind_swapped(k);
    if (bench_finding(&f->bench, text, k) == NULL)
        print_error("in %s%s:\n", f->name, swapped ? ", sides exchanged" : "");
    bench_expect(&f->bench, text, k);
    const struct finding *found = bench_finding(&f->bench, text, k);
    uint64_t n;
    if (jdoc_u64(&f->expected, object, "n", &n) && n != found->n)
        fail_msg("%s: %s counted %u times", f->name, text, found->n);
    check_word(f, object, "method", span_str(found->method == NULL ? "" : found->method));
    if (swapped)
        return;
    check_word(f, object, "detail", span_str(found->detail == NULL ? "" : found->detail));
    check_word(f, object, "note", found->note);
    check_word(f, object, "legacy", shown(&found->values[SIDE_LEGACY]));
    check_word(f, object, "new", shown(&found->values[SIDE_NEW]));
}

static bool has_hidden(const struct comparison *c, struct span rule, struct span path,
                       struct span kind)
{
    for (size_t i = 0; i < c->nhidden; i++)
        if (span_eq(span_str(c->hidden[i].rule->id), rule) && span_eq(c->hidden[i].path, path) &&
            span_eq(span_str(finding_kind_word(c->hidden[i].kind)), kind))
            return true;
    return false;
}

static void check_hidden(const struct folder *f)
{
    const struct jdoc *d = &f->expected;
    const struct comparison *c = &f->bench.result;
    uint32_t list = jdoc_member(d, 0, SPAN("hidden")), n = 0;
    for (uint32_t i = list + 1; list != JDOC_NONE && i < d->nodes[list].next;
         i = d->nodes[i].next, n++) {
        struct span rule, path, kind;
        assert_true(jdoc_string(d, i, "rule", &rule));
        assert_true(jdoc_string(d, i, "path", &path));
        assert_true(jdoc_string(d, i, "kind", &kind));
        if (!has_hidden(c, rule, path, kind))
            fail_msg("%s: %.*s hid nothing at %.*s", f->name, SPAN_ARG(rule), SPAN_ARG(path));
    }
    if (n != c->nhidden)
        fail_msg("%s: rules hid %zu places, not %u", f->name, c->nhidden, n);
}

static void check(const struct folder *f, bool swapped)
{
    const struct jdoc *d = &f->expected;
    const struct comparison *c = &f->bench.result;
    uint32_t list = jdoc_member(d, 0, SPAN("findings")), n = 0;
    for (uint32_t i = list + 1; list != JDOC_NONE && i < d->nodes[list].next;
         i = d->nodes[i].next, n++)
        check_finding(f, i, swapped);
    if (n != c->nfindings)
        print_error("in %s%s:\n", f->name, swapped ? ", sides exchanged" : "");
    bench_expect_count(&f->bench, n);
    check_word(f, 0, "verdict", span_str(verdict_word(c->verdict)));
    check_word(f, 0, "reason", span_str(c->reason == NULL ? "" : c->reason));
    check_word(f, 0, "body", span_str(c->body));
    if (!swapped)
        check_hidden(f);
    uint64_t more;
    if (jdoc_u64(d, 0, "more", &more) && more != c->more)
        fail_msg("%s: %llu more", f->name, (unsigned long long)c->more);
}

/* --- walking --- */

static void compare(struct folder *f, bool swapped)
{
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        enum side from = swapped ? side_other(s) : s;
        bench_answer(&f->bench, s, buf_span(&f->answers[from]));
        bench_trailers(&f->bench, s, buf_span(&f->trailers[from]));
    }
    if (swapped)
        f->bench.pair.served = side_other(f->bench.pair.served);
    bench_compare(&f->bench);
    check(f, swapped);
}

static void run(const char *name)
{
    struct folder *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->name, sizeof(f->name), "%s", name);
    bench_begin(&f->bench);
    read_rules(f);
    bench_rules(&f->bench);
    read_book(f);
    read_part(f, "legacy", &f->answers[SIDE_LEGACY], true);
    read_part(f, "new", &f->answers[SIDE_NEW], true);
    read_part(f, "expected.json", &f->expected_text, true);
    parse(f, &f->expected, &f->expected_text, "expected.json");
    read_part(f, "legacy-trailers", &f->trailers[SIDE_LEGACY], false);
    read_part(f, "new-trailers", &f->trailers[SIDE_NEW], false);
    compare(f, false);
    if (!f->one_way)
        compare(f, true);
    bench_end(&f->bench);
    jdoc_free(&f->rules);
    jdoc_free(&f->expected);
    buf_free(&f->rules_text);
    buf_free(&f->expected_text);
    buf_free(&f->answers[0]);
    buf_free(&f->answers[1]);
    buf_free(&f->trailers[0]);
    buf_free(&f->trailers[1]);
    free(f);
}

static int is_case(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void every_case_comes_to_what_is_expected(void **state)
{
    struct dirent **list;
    UNUSED(state);
    int n = scandir(TESTS_DIR "/diff", &list, is_case, alphasort);
    assert_true(n >= 150);
    for (int i = 0; i < n; i++) {
        run(list[i]->d_name);
        free(list[i]);
    }
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_comes_to_what_is_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
