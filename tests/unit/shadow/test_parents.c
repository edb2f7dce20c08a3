/* Places around findings: which they are, and whether an answer has them. */
#include "tests/unit/shadow/support.h"

#include "shadow/parents.h"

#include <stdio.h>

static void the_parent_is_all_but_the_last_segment(void **state)
{
    static const char *const rows[][2] = {
        {"$.a", "$"},
        {"$.a.b", "$.a"},
        {"$.items[].price", "$.items[]"},
        {"$.items[]", "$.items"},
        {"$.items[id].price", "$.items[id]"},
        {"$[]", "$"},
        {"$.m{}.x", "$.m{}"},
        {"$.m{}", "$.m"},
        {"$[\"a b\"]", "$"},
        {"$.a[\"x.y\"].z", "$.a[\"x.y\"]"},
        {"$.a[\"x]y\"].z", "$.a[\"x]y\"]"},
        {"$", NULL},
        {"status", NULL},
        {"header:x", NULL},
        {"$.a...~12ab34", NULL},
        {"$.a[\"say \\\"\"].b", NULL},
        {"$.a[", NULL},
        {"$.a[\"", NULL},
        {"$.", NULL},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span got = SPAN_NULL;
        bool has = parent_of(span_str(rows[i][0]), &got);
        if (has != (rows[i][1] != NULL) || (has && !span_eq(got, span_str(rows[i][1]))))
            fail_msg("%s: %.*s", rows[i][0], SPAN_ARG(got));
    }
}

static void an_answer_has_it_or_not(void **state)
{
    static const struct {
        const char *doc, *path;
        bool there;
    } rows[] = {
        {"{}", "$", true},
        {"[]", "$", true},
        {"1", "$", false},
        {"{\"a\":{}}", "$.a", true},
        {"{\"a\":null}", "$.a", false},
        {"{\"a\":1}", "$.a", false},
        {"{\"a\":{\"b\":[]}}", "$.a.b", true},
        {"{\"items\":[]}", "$.items[]", false},
        {"{\"items\":[1,2]}", "$.items[]", false},
        {"{\"items\":[1,{}]}", "$.items[]", true},
        {"{\"items\":[1,{}]}", "$.items[id]", true},
        {"{\"items\":{\"x\":{}}}", "$.items[]", false},
        {"{\"items\":[{\"o\":1},{\"o\":{\"p\":{}}}]}", "$.items[].o.p", true},
        {"{\"m\":{\"1\":2,\"2\":{}}}", "$.m{}", true},
        {"{\"m\":{\"1\":2,\"2\":3}}", "$.m{}", false},
        {"{\"m\":[{}]}", "$.m{}", false},
        {"{\"a b\":{}}", "$[\"a b\"]", true},
        {"{\"a\":{}}", "$.a...~123456", true},
    };
    struct jdoc d = JDOC_INIT;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(jdoc_parse(&d, span_str(rows[i].doc)), ERR_OK);
        if (parent_exists(&d, span_str(rows[i].path)) != rows[i].there)
            fail_msg("%s in %s", rows[i].path, rows[i].doc);
    }
    jdoc_free(&d);
}

static const struct endpoint endpoint = {"GET /items/{}", 13, false};

static void open_both(struct parents *p, struct findings *f)
{
    assert_int_equal(findings_begin(f, NULL, 0), ERR_OK);
    assert_int_equal(parents_begin(p, f), ERR_OK);
}

static void close_both(struct parents *p, struct findings *f)
{
    parents_end(p);
    findings_end(f);
}

static void look(struct bench *b, struct parents *p, const char *legacy, const char *new_)
{
    bench_json(b, legacy, new_);
    parents_look(p, &b->comparer, &b->pair, &endpoint, &b->result);
}

static bool is_absent(const struct bench *b, const char *path)
{
    for (size_t i = 0; i < b->result.nabsent; i++)
        if (strcmp(b->result.absent[i], path) == 0)
            return true;
    return false;
}

static void what_was_found_once_is_looked_for_then(void **state)
{
    struct bench b;
    struct parents p;
    struct findings f;
    UNUSED(state);
    bench_begin(&b);
    bench_rules(&b);
    open_both(&p, &f);
    look(&b, &p, "{\"x\":{\"y\":1}}", "{\"x\":{\"y\":1}}");
    assert_int_equal(b.result.nabsent, 0); /* nothing is known yet */
    look(&b, &p, "{\"a\":1,\"x\":{\"y\":1}}", "{\"a\":2,\"x\":{\"y\":2}}");
    assert_int_equal(b.result.nabsent, 0);
    look(&b, &p, "{\"a\":1,\"x\":{\"y\":3}}", "{\"a\":1,\"x\":{\"y\":3}}");
    assert_int_equal(b.result.nabsent, 0);
    look(&b, &p, "{\"a\":1}", "{\"a\":1}"); /* equal: parsed for this */
    assert_true(b.result.nabsent == 1 && is_absent(&b, "$.x"));
    look(&b, &p, "{\"a\":1}", "{ \"a\":1}");
    assert_true(b.result.nabsent == 1 && is_absent(&b, "$.x"));
    look(&b, &p, "{\"a\":1,\"x\":{}}", "{\"a\":1}"); /* on both sides, or not at all */
    assert_true(is_absent(&b, "$.x"));
    look(&b, &p, "", "");
    assert_true(b.result.nabsent == 2 && is_absent(&b, "$") && is_absent(&b, "$.x"));
    look(&b, &p, "{\"a\":1", "{\"a\":1}"); /* half of it is no JSON: nobody knows */
    assert_int_equal(b.result.nabsent, 0);
    close_both(&p, &f);
    bench_end(&b);
}

/* As a compare thread does it. */
static void look_at(struct bench *b, struct parents *p, struct findings *f, const char *path,
                    bool differs)
{
    struct endpoint e;
    endpoint_of(HTTP_GET, span_str(path), &e);
    bench_json(b, "{\"x\":{\"y\":1}}", differs ? "{\"x\":{\"y\":2}}" : "{\"x\":{\"y\":1}}");
    if (!differs)
        bench_json(b, "{\"a\":1}", "{\"a\":1}");
    parents_look(p, &b->comparer, &b->pair, &e, &b->result);
    findings_add(f, &b->pair, &e, &b->result);
}

static void what_folds_is_one_endpoint(void **state)
{
    struct bench b;
    struct parents p;
    struct findings f;
    char path[32];
    UNUSED(state);
    bench_begin(&b);
    bench_rules(&b);
    open_both(&p, &f);
    look_at(&b, &p, &f, "/city/zurich", true);
    for (unsigned i = 0; i <= TRIE_NAMES_MAX; i++) {
        (void)snprintf(path, sizeof(path), "/city/%c%c%c", 'a' + i % 26, 'p', 'a' + i / 26);
        look_at(&b, &p, &f, path, false);
        assert_int_equal(b.result.nabsent, i == TRIE_NAMES_MAX); /* {*} from here on */
    }
    look_at(&b, &p, &f, "/city/paris", false);
    assert_int_equal(b.result.nabsent, 1);
    assert_string_equal(b.result.absent[0], "$.x");
    assert_int_equal(p.shared.n, 1);
    const struct findings_endpoint *e = f.shared.tables[0].endpoints[0];
    assert_string_equal(e->name, "GET /city/{*}");
    assert_int_equal(e->absent[0].pairs, 2);
    close_both(&p, &f);
    bench_end(&b);
}

static void the_table_is_bounded(void **state)
{
    struct bench b;
    struct parents p;
    struct findings f;
    struct buf l = BUF_INIT(0), r = BUF_INIT(0);
    UNUSED(state);
    bench_begin(&b);
    bench_rules(&b);
    open_both(&p, &f);
    for (unsigned i = 0; i < 26; i++) {
        assert_int_equal(buf_printf(&l, "%s\"k%c\":{\"v\":1}", i == 0 ? "{" : ",", 'A' + i),
                         ERR_OK);
        assert_int_equal(buf_printf(&r, "%s\"k%c\":{\"v\":2}", i == 0 ? "{" : ",", 'A' + i),
                         ERR_OK);
    }
    assert_int_equal(buf_append(&l, span_of("}", 2)), ERR_OK);
    assert_int_equal(buf_append(&r, span_of("}", 2)), ERR_OK);
    look(&b, &p, l.p, r.p);
    look(&b, &p, "[]", "[]");
    assert_int_equal(b.result.nabsent, PARENTS_MAX);
    for (unsigned i = 0; i < 2 * PARENTS_ENDPOINTS; i++) {
        struct endpoint e;
        e.n = (size_t)snprintf(e.text, sizeof(e.text), "GET /x%u", i);
        bench_json(&b, "{\"x\":{\"y\":1}}", "{\"x\":{\"y\":2}}");
        parents_look(&p, &b.comparer, &b.pair, &e, &b.result);
    }
    assert_int_equal(p.shared.n, PARENTS_ENDPOINTS);
    close_both(&p, &f);
    buf_free(&l);
    buf_free(&r);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parent_is_all_but_the_last_segment),
        cmocka_unit_test(an_answer_has_it_or_not),
        cmocka_unit_test(what_was_found_once_is_looked_for_then),
        cmocka_unit_test(what_folds_is_one_endpoint),
        cmocka_unit_test(the_table_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
