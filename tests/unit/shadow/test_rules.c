/* Selectors and rules: what compiles, what is refused and with which words, and what they select.
 */
#include "tests/unit/shadow/support.h"

#include <stdio.h>
#include <stdlib.h>

/* --- selecting --- */

/* Walks a document along a path written as "member/member/[]" and says whether the selector selects
 * its end. */
static bool selects(const char *selector, const char *path)
{
    struct arena a;
    struct selector_set set = {.list = NULL};
    struct selector_walk w = {.set = NULL};
    struct selector_wrong wrong;
    struct span rest = span_str(path), part;
    arena_begin(&a, 65536);
    if (selector_add(&set, &a, span_str(selector), 7, &wrong) != ERR_OK)
        fail_msg("%s %s", selector, wrong.what);
    assert_int_equal(selector_walk_begin(&w, &set, SPAN_NULL), ERR_OK);
    size_t depth = 0;
    for (; rest.n > 0 && span_cut(&rest, '/', &part); depth++) {
        bool element = span_eq(part, SPAN("[]"));
        assert_int_equal(selector_push(&w, element, element ? SPAN_NULL : part), ERR_OK);
    }
    bool yes = selector_selects(&w);
    for (; depth > 0; depth--)
        selector_pop(&w);
    assert_int_equal(w.depth, 1);
    selector_walk_free(&w);
    arena_end(&a);
    return yes;
}

static void selectors_select_segment_by_segment(void **state)
{
    static const struct {
        const char *selector, *path;
        bool yes;
    } cases[] = {
        {"$", "", true},
        {"$", "a", false},
        {"$.a", "a", true},
        {"$.a", "ab", false},
        {"$.a", "a/b", false},
        {"$.a.b", "a/b", true},
        {"$.a.b", "b", false},
        {"$.*", "a", true},
        {"$.*", "[]", true},
        {"$.*", "a/b", false},
        {"$.a.*.c", "a/b/c", true},
        {"$.a.*.c", "a/c", false},
        {"$.**", "", true},
        {"$.**", "a/b/c", true},
        {"$.**.c", "c", true},
        {"$.**.c", "a/[]/c", true},
        {"$.**.c", "a/c/d", false},
        {"$.a.**.c", "a/c", true},
        {"$.a.**.c", "b/c", false},
        {"$.**.b.**.c", "a/b/x/c", true},
        {"$.**.b.**.c", "a/c", false},
        {"$.**.**.c", "x/c", true},
        {"$.items[].price", "items/[]/price", true},
        {"$.items[*].price", "items/[]/price", true},
        {"$.items[id].price", "items/[]/price", true},
        {"$.items[].price", "items/price", false},
        {"$.items[]", "items/x", false},
        {"$[]", "[]", true},
        {"$[][]", "[]/[]", true},
        {"$.m{}", "m/anything", true},
        {"$.m{}.x", "m/k/x", true},
        {"$.m{}", "m/[]", false},
        {"$[\"a b\"]", "a b", true},
        {"$[\"a\\u0020b\"].c", "a b/c", true},
        {"$[\"a.b\"]", "a/b", false},
        {"$.a-b_c", "a-b_c", true},
        {"$.9x", "9x", true},
        {"$[\"\"]", "[]", false},
        {"$.\xc3\xa9", "\xc3\xa9", true},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (selects(cases[i].selector, cases[i].path) != cases[i].yes)
            fail_msg("%s on %s", cases[i].selector, cases[i].path);
}

/* Many selectors with deep wildcards stay as many states as there are steps, however deep the
 * document. */
static void the_automaton_is_bounded(void **state)
{
    struct arena a;
    struct selector_set set = {.list = NULL};
    struct selector_walk w = {.set = NULL};
    struct selector_wrong wrong;
    size_t steps = 0;
    UNUSED(state);
    arena_begin(&a, 1 << 20);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(selector_add(&set, &a, SPAN("$.**.a.**.a.**.a.**.a"), i, &wrong), ERR_OK);
        steps += 9;
    }
    assert_int_equal(selector_walk_begin(&w, &set, SPAN_NULL), ERR_OK);
    for (size_t i = 0; i < JDOC_DEPTH_MAX; i++) {
        assert_int_equal(selector_push(&w, false, SPAN("a")), ERR_OK);
        assert_true(w.n - w.levels[w.depth] <= steps);
    }
    size_t hits = 0;
    for (size_t at = 0; selector_next(&w, &at) != NULL;)
        hits++;
    assert_int_equal(hits, 50);
    selector_walk_free(&w);
    arena_end(&a);
}

/* --- complaints --- */

static void refused(const char *ignore, const char *where, const char *what, const char *right)
{
    struct bench b;
    struct complaints wrong = {.n = 0};
    bench_begin(&b);
    bench_ignore(&b, "$.fine");
    bench_ignore(&b, ignore);
    assert_int_equal(shadow_rules_new(&b.route, &b.config, &b.rules, &wrong), ERR_CONFIG);
    assert_null(b.rules);
    assert_int_equal(wrong.n, 1);
    assert_string_equal(wrong.list[0].where, where);
    if (strstr(wrong.list[0].what, what) == NULL)
        fail_msg("%s: %s", ignore, wrong.list[0].what);
    if (strstr(wrong.list[0].right, right) == NULL)
        fail_msg("%s: %s", ignore, wrong.list[0].right);
    complaints_free(&wrong);
    bench_end(&b);
}

static void complaints_say_where_what_and_what_is_right(void **state)
{
    static const char where[] = "$.routes[0].shadow.ignore[1]";
    UNUSED(state);
    refused("price", where, "does not begin with $", "$.name or header:NAME");
    refused("", where, "does not begin with $", "$.name");
    refused("$..price", where, "two dots", "$.**.name");
    refused("$.", where, "without a name", "$[\"a b\"]");
    refused("$.a b", where, "character", "$[\"a b\"]");
    refused("$a", where, "continues", "steps are");
    refused("$.items[0].x", where, "by its index", "write []");
    refused("$.items[", where, "[ without a ]", "$.items[].price");
    refused("$['a']", where, "single quotes", "double quotes");
    refused("$[\"a", where, "does not end", "$[\"a b\"]");
    refused("$[\"a\\", where, "does not end", "$[\"a b\"]");
    refused("$[\"\\q\"]", where, "not a JSON string", "$[\"a b\"]");
    refused("header:", where, "names no header", "header:NAME");
    refused("header:a b", where, "names no header", "header:NAME");
    refused("header:*", where, "names no header", "header:NAME");
}

static void too_many_steps_are_refused(void **state)
{
    char text[512] = "$";
    UNUSED(state);
    for (size_t i = 0; i <= SELECTOR_STEPS_MAX; i++)
        memcpy(text + 1 + 2 * i, ".a", 3);
    refused(text, "$.routes[0].shadow.ignore[1]", "63 steps", ".**");
}

static void tolerances_are_checked(void **state)
{
    static const struct {
        double abs, rel;
        const char *path, *where;
    } cases[] = {
        {0, 0, "$.a", "$.routes[0].shadow.tolerance[0]"},
        {-1, 1, "$.a", "$.routes[0].shadow.tolerance[0].abs"},
        {1, -0.5, "$.a", "$.routes[0].shadow.tolerance[0].rel"},
        {1.0 / 0.0, 0, "$.a", "$.routes[0].shadow.tolerance[0].abs"},
        {1, 0, "a", "$.routes[0].shadow.tolerance[0].path"},
        {1, 0, "header:x", "$.routes[0].shadow.tolerance[0].path"},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b;
        struct complaints wrong = {.n = 0};
        bench_begin(&b);
        bench_tolerate(&b, cases[i].path, cases[i].abs, cases[i].rel);
        assert_int_equal(shadow_rules_new(&b.route, &b.config, &b.rules, &wrong), ERR_CONFIG);
        assert_int_equal(wrong.n, 1);
        assert_string_equal(wrong.list[0].where, cases[i].where);
        complaints_free(&wrong);
        bench_end(&b);
    }
}

static void the_file_and_the_route_are_named(void **state)
{
    struct config_route routes[3];
    struct bench b;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    bench_begin(&b);
    bench_ignore(&b, "bad");
    for (size_t i = 0; i < 3; i++)
        routes[i] = b.route;
    b.config.file = "weir.json";
    b.config.routes = routes;
    b.config.nroutes = 3;
    assert_int_equal(shadow_rules_new(&routes[2], &b.config, &b.rules, &wrong), ERR_CONFIG);
    assert_string_equal(wrong.list[0].where, "weir.json: $.routes[2].shadow.ignore[0]");
    assert_string_equal(wrong.list[0].what, "\"bad\" does not begin with $");
    complaints_free(&wrong);
    bench_end(&b);
}

/* --- life --- */

static void rules_live_until_the_last_holder(void **state)
{
    struct bench b;
    UNUSED(state);
    bench_begin(&b);
    bench_ignore(&b, "header:X-Debug-*");
    bench_rules(&b);
    assert_true(rules_ignore_header(b.rules, SPAN("x-debug-trace")));
    assert_true(rules_ignore_header(b.rules, SPAN("X-DEBUG-")));
    assert_false(rules_ignore_header(b.rules, SPAN("x-debu")));
    struct shadow_rules *mine = b.rules;
    shadow_rules_hold(mine);
    shadow_rules_release(&b.rules);
    assert_null(b.rules);
    assert_string_equal(mine->route, "default");
    shadow_rules_release(&mine);
    shadow_rules_release(&mine); /* NULL is no rules */
    bench_end(&b);
}

static enum err build(void *arg)
{
    struct bench *b = arg;
    struct complaints wrong = {.n = 0};
    enum err e = shadow_rules_new(&b->route, &b->config, &b->rules, &wrong);
    complaints_free(&wrong);
    shadow_rules_release(&b->rules);
    arena_thread_end();
    return e;
}

static void failing_allocations_are_survived(void **state)
{
    struct bench b;
    UNUSED(state);
    bench_begin(&b);
    bench_ignore(&b, "$.**.a");
    bench_ignore(&b, "$[\"a\\u0020b\"]");
    bench_ignore(&b, "header:x-*");
    bench_tolerate(&b, "$.b", 1, 0);
    alloc_walk(build, &b);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors_select_segment_by_segment),
        cmocka_unit_test(the_automaton_is_bounded),
        cmocka_unit_test(complaints_say_where_what_and_what_is_right),
        cmocka_unit_test(too_many_steps_are_refused),
        cmocka_unit_test(tolerances_are_checked),
        cmocka_unit_test(the_file_and_the_route_are_named),
        cmocka_unit_test(rules_live_until_the_last_holder),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
