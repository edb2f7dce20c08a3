/* Endpoints by their neighbours: what folds and what does not, and that it is the set of paths that
 * decides, not their order, nor which of several tries saw which of them. */
#include "tests/unit/shadow/support.h"

#include "shadow/trie.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAMES = 120, NAME_MAX_LEN = 96 };

static struct trie t;

static int begin(void **state)
{
    UNUSED(state);
    trie_begin(&t);
    return 0;
}

static int end(void **state)
{
    UNUSED(state);
    trie_end(&t);
    return t.nodes == 0 ? 0 : -1;
}

static void add(struct trie *to, const char *name)
{
    assert_int_equal(trie_add(to, SPAN("r"), span_str(name)), ERR_OK);
}

static struct endpoint name_in(const struct trie *of, const char *name)
{
    struct endpoint e = {.n = strlen(name)}, out;
    memcpy(e.text, name, e.n);
    trie_name(of, SPAN("r"), &e, &out);
    return out;
}

static void is(const char *name, const char *wanted)
{
    struct endpoint e = name_in(&t, name);
    if (!span_eq(span_of(e.text, e.n), span_str(wanted)))
        fail_msg("%s is %.*s, not %s", name, (int)e.n, e.text, wanted);
}

static void add_names(const char *before, const char *after, unsigned n)
{
    char name[64];
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(name, sizeof(name), "%s%u%s", before, i, after);
        add(&t, name);
    }
}

/* --- rules --- */

static void numbers_fold_at_three(void **state)
{
    UNUSED(state);
    add(&t, "GET /items/1");
    add(&t, "GET /items/1");
    add(&t, "GET /items/2/parts");
    is("GET /items/1", "GET /items/1");
    is("GET /items/2", "GET /items/2");
    add(&t, "GET /items/3");
    is("GET /items/1", "GET /items/{}");
    is("GET /items/2/parts", "GET /items/{}/parts");
    is("GET /items/77", "GET /items/{}");
    is("GET /items", "GET /items");
}

static void versions_are_names(void **state)
{
    UNUSED(state);
    add_names("GET /v", "/x", 10);
    is("GET /v3/x", "GET /v3/x");
}

static void a_number_beside_an_id_is_one(void **state)
{
    UNUSED(state);
    add(&t, "GET /items/7");
    is("GET /items/7", "GET /items/7");
    add(&t, "GET /items/{}");
    is("GET /items/7", "GET /items/{}");
}

static void names_fold_beyond_thirty(void **state)
{
    UNUSED(state);
    add_names("GET /users/u", "/posts", TRIE_NAMES_MAX);
    add(&t, "GET /users/");
    is("GET /users/u3/posts", "GET /users/u3/posts");
    add(&t, "GET /users/one-more");
    is("GET /users/u3/posts", "GET /users/{*}/posts");
    is("GET /users/7/posts", "GET /users/{*}/posts");
    is("GET /users/nobody/posts", "GET /users/{*}/posts");
    is("GET /users/", "GET /users/");
}

static void what_folds_above_folds_below(void **state)
{
    UNUSED(state);
    add(&t, "GET /a/1/x/1");
    add(&t, "GET /a/2/x/2");
    add(&t, "GET /a/3/x/3");
    is("GET /a/1/x/1", "GET /a/{}/x/{}");
}

static void routes_are_apart(void **state)
{
    struct endpoint e = {.text = "GET /i/9", .n = 8}, out;
    UNUSED(state);
    add_names("GET /i/", "", 3);
    assert_int_equal(trie_add(&t, SPAN("other"), SPAN("GET /i/9")), ERR_OK);
    trie_name(&t, SPAN("other"), &e, &out);
    assert_true(span_eq(span_of(out.text, out.n), SPAN("GET /i/9")));
    e.fixed = true;
    trie_name(&t, SPAN("r"), &e, &out);
    assert_true(span_eq(span_of(out.text, out.n), SPAN("GET /i/9")));
}

static void unknown_numbers_fold_unknown_names_stay(void **state)
{
    UNUSED(state);
    is("GET /a/7/b", "GET /a/{}/b");
    is("OPTIONS *", "OPTIONS *");
    is("x", "x");
}

/* --- any paths --- */

static void random_name(struct dice *d, char out[NAME_MAX_LEN])
{
    static const char *const segments[] = {"",    "{}", "{*}", "1", "2", "3",   "4", "12345678",
                                           "new", "v1", "a",   "b", "c", "...", "%", "~"};
    size_t depth = 1 + dice_roll(d, 4), n = 4;
    memcpy(out, "GET ", 4);
    for (size_t i = 0; i < depth; i++) {
        if (dice_roll(d, 3) == 0)
            n += (size_t)snprintf(out + n, NAME_MAX_LEN - n, "/n%u", (unsigned)dice_roll(d, 40));
        else if (dice_roll(d, 12) == 0) /* rare, so that not everything folds */
            n += (size_t)snprintf(out + n, NAME_MAX_LEN - n, "/%s", segments[dice_roll(d, 3)]);
        else
            n += (size_t)snprintf(out + n, NAME_MAX_LEN - n, "/%s", segments[3 + dice_roll(d, 13)]);
    }
}

static void shuffle(struct dice *d, char names[][NAME_MAX_LEN], size_t n)
{
    char spare[NAME_MAX_LEN];
    for (size_t i = n; i > 1; i--) {
        size_t k = dice_roll(d, i);
        memcpy(spare, names[i - 1], NAME_MAX_LEN);
        memcpy(names[i - 1], names[k], NAME_MAX_LEN);
        memcpy(names[k], spare, NAME_MAX_LEN);
    }
}

static void same_names(const struct trie *a, const struct trie *b, char names[][NAME_MAX_LEN])
{
    for (size_t i = 0; i < NAMES; i++) {
        struct endpoint x = name_in(a, names[i]), y = name_in(b, names[i]);
        if (!span_eq(span_of(x.text, x.n), span_of(y.text, y.n)))
            fail_msg("%s: %.*s or %.*s", names[i], (int)x.n, x.text, (int)y.n, y.text);
    }
}

static void order_does_not_matter(void **state)
{
    static char names[NAMES][NAME_MAX_LEN];
    struct dice d = {5};
    UNUSED(state);
    for (int round = 0; round < 400; round++) {
        struct trie a, b;
        trie_begin(&a);
        trie_begin(&b);
        for (size_t i = 0; i < NAMES; i++)
            random_name(&d, names[i]);
        for (size_t i = 0; i < NAMES; i++)
            add(&a, names[i]);
        shuffle(&d, names, NAMES);
        for (size_t i = 0; i < NAMES; i++)
            add(&b, names[i]);
        same_names(&a, &b, names);
        trie_end(&a);
        trie_end(&b);
        assert_int_equal(a.nodes + b.nodes, 0);
    }
}

static void put_name(struct trie *into, const struct trie *from, const char *name)
{
    struct endpoint e = name_in(from, name);
    assert_int_equal(trie_add(into, SPAN("r"), span_of(e.text, e.n)), ERR_OK);
}

/* Two instances that saw a part each, put together by the names they gave, come to what one that
 * saw everything comes to; and a name keeps its name. */
static void parts_make_the_whole(void **state)
{
    static char names[NAMES][NAME_MAX_LEN];
    struct dice d = {6};
    UNUSED(state);
    for (int round = 0; round < 400; round++) {
        struct trie whole, parts[2], joined;
        trie_begin(&whole);
        trie_begin(&parts[0]);
        trie_begin(&parts[1]);
        trie_begin(&joined);
        for (size_t i = 0; i < NAMES; i++) {
            random_name(&d, names[i]);
            add(&whole, names[i]);
            add(&parts[i % 2], names[i]);
        }
        for (size_t i = 0; i < NAMES; i++)
            put_name(&joined, &parts[i % 2], names[i]);
        same_names(&whole, &joined, names);
        for (size_t i = 0; i < NAMES; i++) {
            struct endpoint once = name_in(&whole, names[i]), twice;
            once.fixed = false;
            trie_name(&whole, SPAN("r"), &once, &twice);
            assert_true(span_eq(span_of(once.text, once.n), span_of(twice.text, twice.n)));
        }
        trie_end(&whole);
        trie_end(&parts[0]);
        trie_end(&parts[1]);
        trie_end(&joined);
    }
}

/* Whoever sends paths to fill us up fills a trie that is bounded, and names stay bounded. */
static void hostile_paths_are_bounded(void **state)
{
    static const char alphabet[] = "/abcdefghijklmnop0123456789%.{}*~";
    struct dice d = {7};
    bool full = false;
    UNUSED(state);
    for (int i = 0; i < 60000; i++) {
        char path[ENDPOINT_MAX * 2];
        struct endpoint e, out;
        size_t n = dice_roll(&d, sizeof(path));
        for (size_t k = 0; k < n; k++)
            path[k] = alphabet[dice_roll(&d, k % 3 == 0 ? 1 : sizeof(alphabet) - 1)];
        endpoint_of(HTTP_GET, span_of(path, n), &e);
        enum err err = trie_add(&t, SPAN("r"), span_of(e.text, e.n));
        assert_true(err == ERR_OK || err == ERR_TOO_LARGE);
        full = full || err == ERR_TOO_LARGE;
        assert_true(t.nodes <= TRIE_NODES_MAX + 2);
        trie_name(&t, SPAN("r"), &e, &out);
        assert_true(out.n <= ENDPOINT_MAX);
    }
    assert_true(full); /* or this has shown nothing */
}

/* --- failing allocations --- */

static enum err build(void *arg)
{
    static const char *const names[] = {"GET /a/1/x", "GET /a/2/y", "GET /a/3/x", "GET /a/{}",
                                        "GET /a/{*}"};
    struct trie x;
    enum err e = ERR_OK;
    UNUSED(arg);
    trie_begin(&x);
    for (size_t i = 0; i < ARRAY_LEN(names) && e == ERR_OK; i++)
        e = trie_add(&x, SPAN("r"), span_str(names[i]));
    trie_end(&x);
    BUG_IF(x.nodes != 0);
    return e;
}

static void failing_allocations_are_survived(void **state)
{
    UNUSED(state);
    alloc_walk(build, NULL);
}

/* --- templates --- */

static void templates_are_read(void **state)
{
    static const struct {
        const char *value;
        const char *is; /* NULL: none */
    } cases[] = {
        {"/items/{id}", "GET /items/{}"},
        {" /items/:id/parts/<int:n> ", "GET /items/{}/parts/{}"},
        {"GET /items/[id]", "GET /items/{}"},
        {"/v1/2024", "GET /v1/2024"},
        {"/files/*rest", "GET /files/{}"},
        {"/", "GET /"},
        {"", NULL},
        {"items", NULL},
        {"/a b", NULL},
        {"/a\x01", NULL},
    };
    struct endpoint e;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool is_one = endpoint_of_template(HTTP_GET, span_str(cases[i].value), &e);
        if (is_one != (cases[i].is != NULL) ||
            (is_one && !span_eq(span_of(e.text, e.n), span_str(cases[i].is))))
            fail_msg("%s: %.*s", cases[i].value, is_one ? (int)e.n : 4, is_one ? e.text : "none");
        assert_true(!is_one || e.fixed);
    }
}

static void routes_are_bounded(void **state)
{
    char route[32];
    UNUSED(state);
    for (unsigned i = 0; i < 3 * TRIE_ROUTES_MAX; i++) {
        (void)snprintf(route, sizeof(route), "r%u", i);
        assert_int_equal(trie_add(&t, span_str(route), SPAN("GET /a")),
                         i < TRIE_ROUTES_MAX ? ERR_OK : ERR_TOO_LARGE);
    }
    assert_int_equal(t.nodes, 1 + 3 * TRIE_ROUTES_MAX); /* the root; a route, "" and "a" each */
    assert_int_equal(trie_add(&t, SPAN("r0"), SPAN("GET /b")), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_fold_at_three, begin, end),
        cmocka_unit_test_setup_teardown(versions_are_names, begin, end),
        cmocka_unit_test_setup_teardown(a_number_beside_an_id_is_one, begin, end),
        cmocka_unit_test_setup_teardown(names_fold_beyond_thirty, begin, end),
        cmocka_unit_test_setup_teardown(what_folds_above_folds_below, begin, end),
        cmocka_unit_test_setup_teardown(routes_are_apart, begin, end),
        cmocka_unit_test_setup_teardown(unknown_numbers_fold_unknown_names_stay, begin, end),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(parts_make_the_whole),
        cmocka_unit_test_setup_teardown(hostile_paths_are_bounded, begin, end),
        cmocka_unit_test_setup_teardown(routes_are_bounded, begin, end),
        cmocka_unit_test(failing_allocations_are_survived),
        cmocka_unit_test(templates_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
