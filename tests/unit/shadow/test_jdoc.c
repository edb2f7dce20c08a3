/* The JSON parser: what it takes, what it refuses and where, and that its limits hold. */
#include "tests/unit/shadow/support.h"

#include <stdio.h>
#include <stdlib.h>

static struct jdoc doc;

static enum err parse(const char *text)
{
    return jdoc_parse(&doc, span_str(text));
}

static void takes_what_the_grammar_allows(void **state)
{
    static const char *const good[] = {
        "null",
        " true\n",
        "\tfalse\r",
        "0",
        "-0",
        "10",
        "-1.5e+10",
        "0.0",
        "1E5",
        "1e-999999999999999999999",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1,2 , 3]",
        "{\"a\":1,\"a\":2}",
        "[[[[]]]]",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud800\"",
        "\"\\udc00x\"",
        "\"\\ud800\\u0041\"",
        "\"\x7f\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "\xef\xbb\xbf[1]",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (parse(good[i]) != ERR_OK)
            fail_msg("%s: %s at %zu", good[i], doc.wrong, doc.wrong_at);
}

static void refuses_everything_else_and_says_where(void **state)
{
    static const struct {
        const char *text;
        size_t at;
    } bad[] = {
        {"", 0},
        {" ", 1},
        {"nul", 0},
        {"nulll", 4},
        {"True", 0},
        {"01", 2},
        {"-", 1},
        {"+1", 0},
        {".5", 0},
        {"1.", 2},
        {"1.e5", 2},
        {"1e", 2},
        {"1e+", 3},
        {"-01", 3},
        {"0x10", 1},
        {"NaN", 0},
        {"Infinity", 0},
        {"[1,]", 3},
        {"[,1]", 1},
        {"[1 2]", 3},
        {"[", 1},
        {"]", 0},
        {"[1", 2},
        {"[1}", 2},
        {"{\"a\":1,}", 7},
        {"{a:1}", 1},
        {"{\"a\"}", 4},
        {"{\"a\":}", 5},
        {"{\"a\" 1}", 5},
        {"{\"a\":1", 6},
        {"{1:2}", 1},
        {"\"", 1},
        {"\"a", 2},
        {"\"\\", 2},
        {"\"\\x\"", 2},
        {"\"\\u12\"", 3},
        {"\"\\u12g4\"", 3},
        {"'a'", 0},
        {"\"a\nb\"", 2},
        {"\"\x1f\"", 1},
        {"\"\t\"", 1},
        {"1 2", 2},
        {"[] []", 3},
        {"// c\n1", 0},
        {"/**/1", 0},
        {"\"\xff\"", 1},
        {"\"\xc3\"", 1},
        {"\"\xc0\xaf\"", 1},
        {"\"\xed\xa0\x80\"", 1},
        {"\"\xf4\x90\x80\x80\"", 1},
        {"\"\xe0\x80\xaf\"", 1},
        {"\"\xf0\x80\x80\xaf\"", 1},
        {"\"\x80\"", 1},
        {"\"\xe2\x82\"", 1},
        {"\"abcdefgh\x01\"", 9},
        {"\"abcdefghijklmnop\xff\"", 17},
        {"\xef\xbb[]", 0},
        {"[1]\xef\xbb\xbf", 3},
        {"\"\\u00e9\xff\"", 7},
        {"tru", 0},
        {"[tru]", 1},
        {"\v1", 0},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse(bad[i].text) != ERR_SHADOW_MALFORMED)
            fail_msg("%s was taken", bad[i].text);
        assert_non_null(doc.wrong);
        if (doc.wrong_at != bad[i].at)
            fail_msg("%s: at %zu, not %zu (%s)", bad[i].text, doc.wrong_at, bad[i].at, doc.wrong);
    }
    assert_int_equal(jdoc_parse(&doc, span_of("[1]\0", 4)), ERR_SHADOW_MALFORMED);
    assert_int_equal(jdoc_parse(&doc, SPAN_NULL), ERR_SHADOW_MALFORMED);
}

static void decodes_strings(void **state)
{
    static const struct {
        const char *text;
        struct span value;
    } cases[] = {
        {"\"plain text that is long\"", {"plain text that is long", 23}},
        {"\"\\u00e9\\u20ac\\ud83d\\ude00\"", {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9}},
        {"\"a\\u0000b\"", {"a\0b", 3}},
        {"\"\\n\\t\\\\x\"", {"\n\t\\x", 4}},
        {"\"\\ud800\"", {"\xed\xa0\x80", 3}},
        {"\"\\ud800\\ue000\"", {"\xed\xa0\x80\xee\x80\x80", 6}},
        {"\"12345678\\u004190\"", {"12345678A90", 11}},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse(cases[i].text), ERR_OK);
        assert_true(span_eq(jdoc_text(&doc, 0), cases[i].value));
    }
    /* several decoded strings in one document stay apart */
    assert_int_equal(parse("[\"\\u0061\",\"b\",\"\\u0063\\u0064\"]"), ERR_OK);
    assert_true(span_eq(jdoc_text(&doc, 1), SPAN("a")));
    assert_true(span_eq(jdoc_text(&doc, 2), SPAN("b")));
    assert_true(span_eq(jdoc_text(&doc, 3), SPAN("cd")));
}

static void keeps_lexemes_and_repeated_keys(void **state)
{
    struct span s;
    uint64_t n;
    UNUSED(state);
    assert_int_equal(
        parse("{\"a\":1.10,\"b\":{\"c\":[]},\"a\":123456789012345678901234567890,\"s\":\"x\"}"),
        ERR_OK);
    assert_int_equal(doc.nodes[0].n, 4);
    assert_true(span_eq(jdoc_text(&doc, jdoc_member(&doc, 0, SPAN("a"))),
                        SPAN("123456789012345678901234567890")));
    assert_int_equal(jdoc_member(&doc, 0, SPAN("zz")), JDOC_NONE);
    assert_int_equal(jdoc_member(&doc, 2, SPAN("a")), JDOC_NONE);
    assert_true(jdoc_string(&doc, 0, "s", &s) && span_eq(s, SPAN("x")));
    assert_false(jdoc_string(&doc, 0, "b", &s));
    assert_false(jdoc_u64(&doc, 0, "a", &n)); /* does not fit */
    assert_int_equal(jdoc_list(&doc, 0, "b"), JDOC_NONE);
    uint32_t b = jdoc_member(&doc, 0, SPAN("b"));
    assert_int_equal(doc.nodes[jdoc_list(&doc, b, "c")].kind, JDOC_ARRAY);
    assert_false(jdoc_true(&doc, 0, "s") || jdoc_true(&doc, 0, "zz"));
}

static void nesting_stops_at_the_limit(void **state)
{
    char text[2 * JDOC_DEPTH_MAX + 4];
    UNUSED(state);
    for (size_t depth = JDOC_DEPTH_MAX; depth <= JDOC_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        enum err e = jdoc_parse(&doc, span_of(text, 2 * depth));
        assert_int_equal(e, depth == JDOC_DEPTH_MAX ? ERR_OK : ERR_SHADOW_TOO_DEEP);
    }
}

static void the_number_of_values_stops_at_the_limit(void **state)
{
    size_t n = 2 * (size_t)JDOC_NODES_MAX + 64;
    char *text = malloc(n);
    UNUSED(state);
    assert_non_null(text);
    text[0] = '[';
    for (size_t i = 1; i < n; i += 2) {
        text[i] = '1';
        if (i + 1 < n)
            text[i + 1] = ',';
    }
    assert_int_equal(jdoc_parse(&doc, span_of(text, n)), ERR_TOO_LARGE);
    size_t just = 2 * ((size_t)JDOC_NODES_MAX - 1);
    text[just] = ']';
    assert_int_equal(jdoc_parse(&doc, span_of(text, just + 1)), ERR_OK);
    assert_int_equal(doc.n, JDOC_NODES_MAX);
    jdoc_trim(&doc, 1024);
    assert_null(doc.nodes);
    free(text);
}

/* Every prefix of a text is refused, and reading it never goes beyond: each lies at the end of its
 * own block. */
static void every_prefix_is_refused(void **state)
{
    static const char whole[] =
        "{\"a\":[1.5e3,true,null,\"x\\u00e9\\n\xc3\xa9\"],\"b\":{\"c\":\"\\ud83d\\ude00\"}}";
    UNUSED(state);
    assert_int_equal(parse(whole), ERR_OK);
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        char *part = malloc(n == 0 ? 1 : n);
        assert_non_null(part);
        memcpy(part, whole, n);
        assert_int_equal(jdoc_parse(&doc, span_of(part, n)), ERR_SHADOW_MALFORMED);
        free(part);
    }
}

/* --- failing allocations --- */

static enum err build(void *arg)
{
    struct jdoc d = JDOC_INIT;
    enum err e = jdoc_parse(&d, span_str(arg));
    jdoc_free(&d);
    return e;
}

static void failing_allocations_are_survived(void **state)
{
    char *text = malloc(8192);
    size_t n = 0;
    UNUSED(state);
    assert_non_null(text);
    n += (size_t)snprintf(text, 8192, "[\"\\u00e9\"");
    for (int i = 0; i < 600; i++)
        n += (size_t)snprintf(text + n, 8192 - n, ",%d", i);
    (void)snprintf(text + n, 8192 - n, "]");
    alloc_walk(build, text);
    free(text);
}

static int end(void **state)
{
    UNUSED(state);
    jdoc_free(&doc);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_the_grammar_allows),
        cmocka_unit_test(refuses_everything_else_and_says_where),
        cmocka_unit_test(decodes_strings),
        cmocka_unit_test(keeps_lexemes_and_repeated_keys),
        cmocka_unit_test(nesting_stops_at_the_limit),
        cmocka_unit_test(the_number_of_values_stops_at_the_limit),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
