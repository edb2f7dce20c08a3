/* Two saved answers: how they are read, the verdict, the two formats, patches. */
#include "tests/unit/shadow/support.h"

#include <stdio.h>
#include <stdlib.h>

static struct buf out;
static char why[1024];

static enum shadow_diff_result diff_named(enum shadow_diff_format format, const char *name,
                                          const char *legacy, const char *new_, const char *ignore)
{
    struct config_route_shadow rules = {.ignore = {&ignore, ignore == NULL ? 0 : 1}};
    struct shadow_diff_options o = {.names = {name, name}, .format = format, .rules = &rules};
    struct complaints wrong = {.n = 0};
    enum shadow_diff_result result;
    o.texts[SIDE_LEGACY] = span_str(legacy);
    o.texts[SIDE_NEW] = span_str(new_);
    buf_free(&out);
    enum err e = shadow_diff(&o, &out, &result, &wrong);
    (void)snprintf(why, sizeof(why), "%s", wrong.n == 0 ? "" : wrong.list[0].what);
    complaints_free(&wrong);
    assert_int_equal(e == ERR_OK, why[0] == '\0');
    assert_int_equal(buf_append(&out, span_of("", 1)), ERR_OK);
    return result;
}

static enum shadow_diff_result diff(const char *legacy, const char *new_, const char *ignore)
{
    return diff_named(SHADOW_DIFF_TEXT, "x", legacy, new_, ignore);
}

static void says(const char *text)
{
    if (strstr(out.p, text) == NULL)
        fail_msg("\"%s\" is not in:\n%s", text, out.p);
}

/* --- verdicts --- */

static void bodies_alone_are_compared_as_what_they_look_like(void **state)
{
    UNUSED(state);
    assert_int_equal(diff("{\"a\": 1}", "{\"a\":1.0}", NULL), SHADOW_DIFF_SAME);
    assert_int_equal(diff("{\"a\": 1}", "{\"a\": 2}", NULL), SHADOW_DIFF_DIFFER);
    says("$.a");
    assert_int_equal(diff("{\"a\": 1}", "{\"a\": 2}", "$.a"), SHADOW_DIFF_SAME);
    assert_int_equal(diff("a\nb\n", "a\nc\n", NULL), SHADOW_DIFF_DIFFER);
    says("bodies: text");
    assert_int_equal(diff("a\001b", "a\001c", NULL), SHADOW_DIFF_DIFFER);
    says("bodies: bytes");
    assert_int_equal(diff("", "", NULL), SHADOW_DIFF_SAME);
    assert_int_equal(diff_named(SHADOW_DIFF_TEXT, "x.json", "1", "1.0", NULL), SHADOW_DIFF_SAME);
    assert_int_equal(diff("1", "1.0", NULL), SHADOW_DIFF_DIFFER); /* nobody said it is JSON */
}

static void whole_answers_are_compared_with_status_and_fields(void **state)
{
    UNUSED(state);
    static const char a[] = "HTTP/2 200 \r\ncontent-type: application/json\r\nx-a: 1\r\n\r\n[1]";
    static const char b[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\n"
                            "Content-Type: application/json\nX-A: 2\n\n[2]";
    assert_int_equal(diff(a, a, NULL), SHADOW_DIFF_SAME);
    assert_int_equal(diff(a, b, NULL), SHADOW_DIFF_DIFFER);
    says("status");
    says("header:x-a");
    says("$[]");
    assert_int_equal(diff(a, "[1]", NULL), SHADOW_DIFF_SAME); /* no head to compare with */
    assert_int_equal(diff("[2]", a, NULL), SHADOW_DIFF_DIFFER);
    assert_int_equal(diff(a, "HTTP/1.1 200 OK\r\nx-a: 1\r\n\r\n[1]", NULL), SHADOW_DIFF_DIFFER);
    says("media"); /* an answer that does not say what it is lacks something, a body does not */
}

static void a_body_that_was_unzipped_when_saved_is_taken_as_it_is(void **state)
{
    UNUSED(state);
    static const char gzip[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n{\"a\":1}";
    static const char br[] = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n{\"a\":1}";
    assert_int_equal(diff(gzip, "{\"a\":1.0}", NULL), SHADOW_DIFF_SAME);
    assert_int_equal(diff(br, "{\"a\":1.0}", NULL), SHADOW_DIFF_UNKNOWN);
    says("undecodable");
}

static void what_cannot_be_read_is_named(void **state)
{
    UNUSED(state);
    static const char *const broken[] = {"HTTP/1.1",
                                         "HTTP/1.1 200 OK\r\n",
                                         "HTTP/1.1 abc\r\n\r\n",
                                         "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                                         "HTTP/1.1 100 Continue\r\n\r\n",
                                         "HTTP/1.1 200OK\r\n\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        assert_int_equal(diff(broken[i], "x", NULL), SHADOW_DIFF_UNKNOWN);
        assert_non_null(strstr(why, "is no answer"));
    }
    assert_int_equal(diff("{}", "{}", "a.b"), SHADOW_DIFF_UNKNOWN);
    assert_non_null(strstr(why, "does not begin with $"));
}

static void json_output_can_be_parsed_and_shows_values(void **state)
{
    struct jdoc d = JDOC_INIT;
    UNUSED(state);
    assert_int_equal(diff_named(SHADOW_DIFF_JSON, "q\"\033", "{\"a\":\"\\u001b\",\"b\":1}",
                                "{\"a\":\"y\"}", NULL),
                     SHADOW_DIFF_DIFFER);
    assert_int_equal(jdoc_parse(&d, span_of(out.p, out.n - 1)), ERR_OK);
    uint32_t list = jdoc_member(&d, 0, SPAN("findings"));
    assert_int_equal(d.nodes[list].n, 2);
    jdoc_free(&d);
}

static void text_output_does_not_speak_to_the_terminal(void **state)
{
    UNUSED(state);
    (void)diff("a\033[2J", "b", NULL);
    assert_null(strchr(out.p, '\033'));
}

/* --- patches --- */

static void patch(const char *legacy, const char *new_, const char *expected)
{
    enum shadow_diff_result r = diff_named(SHADOW_DIFF_PATCH, "x", legacy, new_, NULL);
    assert_int_equal(r, strcmp(expected, "[]\n") == 0 ? SHADOW_DIFF_SAME : SHADOW_DIFF_DIFFER);
    assert_string_equal(out.p, expected);
}

static void a_patch_has_the_steps_in_the_order_they_are_applied(void **state)
{
    UNUSED(state);
    patch("{\"a\":1,\"b\":[1]}", "{\"b\":[1.0],\"a\":1e0}", "[]\n");
    patch("1", "\"1\"", "[\n  {\"op\": \"replace\", \"path\": \"\", \"value\": \"1\"}\n]\n");
    patch("{\"a/b\":1,\"~\":2}", "{\"\":{\"x\":[null]}}",
          "[\n  {\"op\": \"remove\", \"path\": \"/a~1b\"},\n"
          "  {\"op\": \"remove\", \"path\": \"/~0\"},\n"
          "  {\"op\": \"add\", \"path\": \"/\", \"value\": {\"x\": [null]}}\n]\n");
    patch("[1,2,3,4]", "[0,2,4,5]",
          "[\n  {\"op\": \"replace\", \"path\": \"/0\", \"value\": 0},\n"
          "  {\"op\": \"remove\", \"path\": \"/2\"},\n"
          "  {\"op\": \"add\", \"path\": \"/3\", \"value\": 5}\n]\n");
    patch("{\"a\":1,\"a\":2}", "{\"a\":3}",
          "[\n  {\"op\": \"replace\", \"path\": \"/a\", \"value\": 3}\n]\n");
}

static void a_patch_needs_json_on_both_sides(void **state)
{
    UNUSED(state);
    assert_int_equal(diff_named(SHADOW_DIFF_PATCH, "x", "{}", "{", NULL), SHADOW_DIFF_UNKNOWN);
    assert_non_null(strstr(why, "is not JSON"));
}

static enum err make_patch(void *arg)
{
    struct config_route_shadow rules = {.percent = 1};
    struct shadow_diff_options o = {.names = {"x", "y"}, .format = SHADOW_DIFF_PATCH};
    struct complaints wrong = {.n = 0};
    enum shadow_diff_result result;
    UNUSED(arg);
    o.rules = &rules;
    o.texts[SIDE_LEGACY] = SPAN("{\"a\":[1,2,3]}");
    o.texts[SIDE_NEW] = SPAN("{\"a\":[1,3],\"b\":1}");
    buf_free(&out);
    enum err e = shadow_diff(&o, &out, &result, &wrong);
    complaints_free(&wrong);
    return e;
}

static void without_memory_nothing_is_claimed(void **state)
{
    UNUSED(state);
    alloc_walk(make_patch, NULL);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_alone_are_compared_as_what_they_look_like),
        cmocka_unit_test(whole_answers_are_compared_with_status_and_fields),
        cmocka_unit_test(a_body_that_was_unzipped_when_saved_is_taken_as_it_is),
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(json_output_can_be_parsed_and_shows_values),
        cmocka_unit_test(text_output_does_not_speak_to_the_terminal),
        cmocka_unit_test(a_patch_has_the_steps_in_the_order_they_are_applied),
        cmocka_unit_test(a_patch_needs_json_on_both_sides),
        cmocka_unit_test(without_memory_nothing_is_claimed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
