/* Lines of JSON paths: by example, and in random documents whose author knows where everything
 * stands. */
#include "tests/unit/fail_alloc.h"

#include "config/room.h"

#include <stdio.h>
#include <stdlib.h>

static const struct place root = {.up = NULL};

static struct place_found find(const char *text, const struct place *at)
{
    return place_find(at, span_str(text));
}

static void by_example(void **state)
{
    static const char text[] = "\n{ \"a\" : 1,\n"
                               "  \"b\\u0063\": [ 10,\n"
                               "    {\"x\": \"}]\\\\\", \"y\":\n"
                               "      null}, [],\n"
                               "    true ],\n"
                               "  \"\": {},\n"
                               "  \"a\\\"q\"\n: -1.5e3 }\n";
    const struct place a = {.up = &root, .key = "a"};
    const struct place bc = {.up = &root, .key = "bc"};
    const struct place one = {.up = &bc, .index = 1};
    const struct place y = {.up = &one, .key = "y"};
    const struct place x = {.up = &one, .key = "x"};
    const struct place last = {.up = &bc, .index = 3};
    const struct place beyond = {.up = &bc, .index = 4};
    const struct place inside = {.up = &beyond, .key = "z"};
    const struct place empty = {.up = &root, .key = ""};
    const struct place in_empty = {.up = &empty, .key = "z"};
    const struct place quoted = {.up = &root, .key = "a\"q"};
    const struct place missing = {.up = &root, .key = "nosuch"};
    const struct place in_number = {.up = &a, .key = "z"};
    const struct place no_list = {.up = &a, .index = 0};
    UNUSED(state);
    const struct {
        const struct place *at;
        size_t line;
        bool whole, is_object;
    } rows[] = {
        {&root, 2, true, true},      {&a, 2, true, false},          {&bc, 3, true, false},
        {&one, 4, true, true},       {&x, 4, true, false},          {&y, 4, true, false},
        {&last, 6, true, false},     {&beyond, 3, false, false},    {&inside, 3, false, false},
        {&empty, 7, true, true},     {&in_empty, 7, false, false},  {&quoted, 8, true, false},
        {&missing, 2, false, false}, {&in_number, 2, false, false}, {&no_list, 2, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct place_found f = find(text, rows[i].at);
        if (f.line != rows[i].line || f.whole != rows[i].whole || f.is_object != rows[i].is_object)
            fail_msg("row %zu: line %zu", i, f.line);
    }
}

static void assert_path(const struct place *at, const char *want)
{
    struct buf out = BUF_INIT(0);
    assert_int_equal(place_put(at, &out), ERR_OK);
    assert_true(span_eq(buf_span(&out), span_str(want)));
    buf_free(&out);
}

static void paths_in_words(void **state)
{
    const struct place routes = {.up = &root, .key = "routes"};
    const struct place third = {.up = &routes, .index = 2};
    const struct place dash = {.up = &third, .key = "a-b_C9"};
    const struct place space = {.up = &dash, .key = "a b"};
    const struct place odd = {.up = &space, .key = "\"\\\n\x7f"};
    const struct place empty = {.up = &odd, .key = ""};
    UNUSED(state);
    assert_path(&root, "$");
    assert_path(&dash, "$.routes[2].a-b_C9");
    assert_path(&empty, "$.routes[2].a-b_C9[\"a b\"][\"\\\"\\\\\\u000a\\u007f\"][\"\"]");
}

/* --- random documents --- */

enum { LEAVES_MAX = 4000 };

struct writing {
    uint64_t seed;
    struct buf text;
    size_t line;
    struct place places[LEAVES_MAX]; /* of everything that was written */
    size_t lines[LEAVES_MAX];
    char keys[LEAVES_MAX][16];
    size_t n;
};

static uint64_t dice(struct writing *w, uint64_t sides)
{
    uint64_t z = (w->seed += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % sides;
}

static void put(struct writing *w, const char *s)
{
    for (; *s != '\0'; s++) {
        w->line += *s == '\n';
        assert_int_equal(buf_append(&w->text, span_of(s, 1)), ERR_OK);
    }
}

static void put_space(struct writing *w)
{
    static const char *const spaces[] = {"", "", "", " ", "\n", "\t\n ", "\r\n", "\n\n"};
    put(w, spaces[dice(w, ARRAY_LEN(spaces))]);
}

static void put_value(struct writing *w, const struct place *here, unsigned depth);

static struct place *note(struct writing *w, const struct place *up)
{
    struct place *made = &w->places[w->n];
    *made = (struct place){.up = up};
    w->lines[w->n] = w->line;
    w->n++;
    return made;
}

static void put_members(struct writing *w, const struct place *here, unsigned depth, unsigned n)
{
    for (unsigned i = 0; i < n && w->n < LEAVES_MAX; i++) {
        if (i > 0)
            put(w, ",");
        put_space(w);
        char *key = w->keys[w->n];
        bool escaped = dice(w, 4) == 0;
        struct place *made = note(w, here);
        (void)snprintf(key, sizeof(w->keys[0]), "%s%u", escaped ? "\"" : "k", i);
        made->key = key;
        put(w, escaped ? "\"\\u0022" : "\"k");
        put(w, key + 1);
        put(w, "\"");
        put_space(w);
        put(w, ":");
        put_space(w);
        put_value(w, made, depth);
        put_space(w);
    }
}

static void put_elements(struct writing *w, const struct place *here, unsigned depth, unsigned n)
{
    for (unsigned i = 0; i < n && w->n < LEAVES_MAX; i++) {
        if (i > 0)
            put(w, ",");
        put_space(w);
        struct place *made = note(w, here);
        made->index = i;
        put_value(w, made, depth);
        put_space(w);
    }
}

static void put_value(struct writing *w, const struct place *here, unsigned depth)
{
    static const char *const scalars[] = {"1",     "-2.5e+3", "true",       "null",
                                          "false", "\"\"",    "\"{[,:]}\"", "\"\\\"\\\\\"",
                                          "[]",    "{}",      "[ \n ]"};
    uint64_t kind = depth == 0 ? 9 : dice(w, 10);
    if (kind > 5) {
        put(w, scalars[dice(w, ARRAY_LEN(scalars))]);
        return;
    }
    put(w, kind < 3 ? "{" : "[");
    unsigned n = 1 + (unsigned)dice(w, 6);
    if (kind < 3)
        put_members(w, here, depth - 1, n);
    else
        put_elements(w, here, depth - 1, n);
    put(w, kind < 3 ? "}" : "]");
}

static void random_documents(void **state)
{
    static struct writing w;
    size_t found = 0;
    UNUSED(state);
    for (uint64_t round = 1; round <= 20; round++) {
        w.seed = round;
        w.line = 1;
        w.n = 0;
        put_space(&w);
        put(&w, "{");
        put_members(&w, &root, 6, 6);
        put(&w, "}");
        json_t *j = json_loadb(w.text.p, w.text.n, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(j); /* only then may it be walked */
        json_decref(j);
        for (size_t i = 0; i < w.n; i++, found++) {
            struct place_found f = place_find(&w.places[i], buf_span(&w.text));
            if (!f.whole || f.line != w.lines[i])
                fail_msg("seed %llu: line %zu instead of %zu in\n%.*s", (unsigned long long)round,
                         f.line, w.lines[i], (int)w.text.n, w.text.p);
        }
        buf_free(&w.text);
    }
    assert_true(found > 5000);
}

/* It is never called for such text; if it were, it would still stop at the end. */
static void broken_text_is_survived(void **state)
{
    static const char whole[] = "{\"a\": [1, {\"b\": \"\\\"\"}], \"c\": {}}";
    const struct place a = {.up = &root, .key = "a"};
    const struct place one = {.up = &a, .index = 1};
    const struct place b = {.up = &one, .key = "b"};
    const struct place c = {.up = &root, .key = "c"};
    UNUSED(state);
    for (size_t n = 0; n < sizeof(whole); n++) {
        char *exact = malloc(n + (n == 0));
        memcpy(exact, whole, n);
        (void)place_find(&b, span_of(exact, n));
        (void)place_find(&c, span_of(exact, n));
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_example),
        cmocka_unit_test(paths_in_words),
        cmocka_unit_test(random_documents),
        cmocka_unit_test(broken_text_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
