/* The form of a path that routes are matched on: no second spelling may take another route. */
#include "tests/unit/base/seeded.h"
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/arena_fixture.h"

#include "http/http.h"

static void test_table(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/a?x=/../b", "/a"},
        {"/?", "/"},
        {"//", "/"},
        {"///a//b///", "/a/b/"},
        {"/.", "/"},
        {"/..", "/"},
        {"/./", "/"},
        {"/../", "/"},
        {"/../../..", "/"},
        {"/a/.", "/a/"},
        {"/a/..", "/"},
        {"/a/../", "/"},
        {"/a/./b", "/a/b"},
        {"/a/../b", "/b"},
        {"/a/b/../../c", "/c"},
        {"/a/b/..", "/a/"},
        {"/a//../b", "/b"}, /* empty segments are merged before dots count */
        {"/..a/.b/c..", "/..a/.b/c.."},
        {"/...", "/..."},
        {"/%2e%2E/a", "/a"},
        {"/a/%2e%2e/b", "/b"},
        {"/a/.%2e/b", "/b"},
        {"/a%2fb", "/a%2Fb"}, /* an encoded slash is no separator */
        {"/%2e%2e%2fa", "/..%2Fa"},
        {"/%41%7a%7E%5f%2D", "/Az~_-"},
        {"/%3f", "/%3F"},
        {"/%e2%82%ac", "/%E2%82%AC"},
        {"/%25", "/%25"},
        {"/%252e%252e/a", "/%252e%252e/a"}, /* decoded once, not twice */
        {"/a;x/..;/b", "/a;x/..;/b"},
        {"/a+b", "/a+b"},
        {"/%", NULL},
        {"/%4", NULL},
        {"/%4?4", NULL},
        {"/%zz", NULL},
        {"/%0", NULL},
        {"/%00", "/%00"},
        {"/%-1", NULL},
        {"", NULL},
        {"?x", NULL},
        {"a/b", NULL},
        {"*", NULL},
        {"%2f", NULL},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span got = SPAN_NULL;
        enum err e = http_path_normalise(span_str(cases[i].in), &arena, &got);
        if (cases[i].out == NULL ? e != ERR_BAD_TARGET
                                 : e != ERR_OK || !span_eq(got, span_str(cases[i].out)))
            fail_msg("%s: %s \"" SPAN_FMT "\"", cases[i].in, err_word(e), SPAN_ARG(got));
    }
    struct span got;
    assert_int_equal(http_path_normalise(SPAN_NULL, &arena, &got), ERR_BAD_TARGET);
}

static void test_admission(void **state)
{
    static const struct {
        const char *path;
        bool has_nul, has_slash;
    } cases[] = {
        {"/", false, false},     {"/a%25", false, false}, {"/%00", true, false},
        {"/a%00", true, false},  {"/a%2Fb", false, true}, {"/%5C", false, true},
        {"/a\\b", false, true},  {"/%2F%00", true, true}, {"/a%2", false, false},
        {"/%250", false, false},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span p = span_str(cases[i].path);
        bool odd = cases[i].has_nul || cases[i].has_slash;
        assert_int_equal(http_path_admit(p, true, true), ERR_OK);
        assert_int_equal(http_path_admit(p, false, true),
                         cases[i].has_nul ? ERR_BAD_TARGET : ERR_OK);
        assert_int_equal(http_path_admit(p, true, false),
                         cases[i].has_slash ? ERR_BAD_TARGET : ERR_OK);
        assert_int_equal(http_path_admit(p, false, false), odd ? ERR_BAD_TARGET : ERR_OK);
    }
}

static void test_nothing_to_do_takes_no_memory(void **state)
{
    UNUSED(state);
    static const char target[] = "/plain/path.html?q=//../";
    struct span got;
    assert_int_equal(http_path_normalise(span_str(target), &arena, &got), ERR_OK);
    assert_ptr_equal(got.p, target);
    assert_int_equal(arena.used, 0);
    struct arena none;
    arena_begin(&none, 0);
    assert_int_equal(http_path_normalise(SPAN("/a//b"), &none, &got), ERR_NO_MEMORY);
}

static size_t random_path(struct seeded *r, char *out, size_t max)
{
    static const char *const pieces[] = {"/",   "/",   "a",   ".",   "..",  "%2e", "%2E",
                                         "%2f", "%41", "%c3", "%25", "%7e", "b",   ";"};
    size_t n = 0;
    out[n++] = '/';
    while (n + 3 < max && seeded_below(r, 30) != 0) {
        const char *p = pieces[seeded_below(r, ARRAY_LEN(pieces))];
        memcpy(out + n, p, strlen(p));
        n += strlen(p);
    }
    return n;
}

static bool is_clean(struct span path)
{
    for (size_t i = 0; i < path.n; i++) {
        struct span rest = span_from(path, i);
        if (span_has_prefix(rest, SPAN("//")) || span_has_prefix(rest, SPAN("/./")) ||
            span_has_prefix(rest, SPAN("/../")) || span_eq(rest, SPAN("/.")) ||
            span_eq(rest, SPAN("/..")) || span_has_prefix(rest, SPAN("%2E")) ||
            span_has_prefix(rest, SPAN("%2e")))
            return false;
    }
    return path.n > 0 && path.p[0] == '/';
}

/* normalise(normalise(p)) == normalise(p), and nothing is left to resolve. */
static void test_idempotent(void **state)
{
    UNUSED(state);
    struct seeded r = seeded_begin(11);
    for (int i = 0; i < 20000; i++) {
        char text[120];
        struct span once, twice;
        struct span in = span_of(text, random_path(&r, text, sizeof(text)));
        SEEDED_ASSERT(&r, http_path_normalise(in, &arena, &once) == ERR_OK);
        SEEDED_ASSERT(&r, is_clean(once));
        SEEDED_ASSERT(&r, http_path_normalise(once, &arena, &twice) == ERR_OK);
        SEEDED_ASSERT(&r, span_eq(once, twice));
        SEEDED_ASSERT(&r, once.n <= in.n);
        arena_end(&arena);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_table),
        TEST(test_admission),
        TEST(test_nothing_to_do_takes_no_memory),
        TEST(test_idempotent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
