/* The table against itself, and every row of it against the loader: both bounds, what is just
 * beyond them, every word, every wrong kind of value. */
#include "tests/unit/fail_alloc.h"

#include "config/room.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct complaints wrong;
static struct config tree;

/* Room for a member of any type. */
union member {
    unsigned u;
    uint64_t size;
    double d;
    bool b;
    int word;
    const char *text;
    struct config_names names;
    unsigned char bytes[256];
};

/* Fills one option from JSON text; returns whether it was taken. Exactly one complaint otherwise.
 */
static bool fill(const struct option *o, const char *json, union member *out)
{
    struct loader l = {.tree = &tree, .arena = &arena, .wrong = &wrong, .dir = "/etc/weir"};
    const struct place root = {.up = NULL};
    const struct place here = {.up = &root, .key = o->key};
    json_t *v = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(v);
    memset(out, 0, sizeof(*out));
    assert_int_equal(value_fill(&l, o, v, out, &here), ERR_OK);
    json_decref(v);
    size_t made = wrong.n + wrong.dropped;
    assert_int_equal(made, l.complaints);
    assert_true(made <= 1);
    complaints_free(&wrong);
    return made == 0;
}

static void each_option(void (*check)(const struct option *o))
{
    for (enum scope s = 0; s < SCOPE_COUNT; s++) {
        size_t n;
        const struct option *o = scope_options(s, &n);
        for (size_t i = 0; i < n; i++)
            check(&o[i]);
    }
}

static bool is_sentence(const char *s)
{
    size_t n = strlen(s);
    return n > 10 && s[n - 1] == '.' && !(s[0] >= 'a' && s[0] <= 'z');
}

static bool is_container(const struct option *o)
{
    return o->type == OPTION_SECTION || o->type == OPTION_OPTIONAL || o->type == OPTION_LIST ||
           o->type == OPTION_MAP;
}

static unsigned rows;

static void row_is_sound(const struct option *o)
{
    size_t n;
    const struct option *siblings = scope_options(o->scope, &n);
    rows++;
    assert_true(o >= siblings && o < siblings + n); /* it stands under its own SCOPE */
    assert_ptr_equal(scope_find(o->scope, o->key), o);
    assert_true(o->min <= o->max);
    if (is_container(o))
        assert_true(o->to < SCOPE_COUNT && o->to != SCOPE_root);
    if (o->type == OPTION_ENUM)
        assert_non_null(o->words);
    if (option_is_text(o) || o->type == OPTION_NAMES)
        assert_non_null(o->syntax);
    if (option_is_text(o))
        assert_true(o->min >= 1 && o->max <= 4096);
    if (o->type != OPTION_SECTION && o->type != OPTION_OPTIONAL && o->type != OPTION_ENUM &&
        o->type != OPTION_BOOL)
        assert_true(o->max > 0); /* everything has a bound */
    if (!is_sentence(o->help))
        fail_msg("%s: %s", o->key, o->help);
}

static void table_is_sound(void **state)
{
    UNUSED(state);
    rows = 0;
    each_option(row_is_sound);
    assert_true(rows > 80);
    for (enum scope s = 0; s < SCOPE_COUNT; s++)
        assert_true(is_sentence(scope_info(s)->help));
}

/* --- numbers --- */

static bool as_written(const struct option *o, uint64_t v, char *out, size_t max)
{
    switch (o->type) {
    case OPTION_UINT:
    case OPTION_SIZE:
    case OPTION_DOUBLE:
        (void)snprintf(out, max, "%llu", (unsigned long long)v);
        return true;
    case OPTION_DURATION:
        (void)snprintf(out, max, "\"%llums\"", (unsigned long long)v);
        return true;
    case OPTION_PERCENT:
        (void)snprintf(out, max, "%llu.%02llu", (unsigned long long)v / 100,
                       (unsigned long long)v % 100);
        return true;
    default:
        return false;
    }
}

static uint64_t value_of(const struct option *o, const union member *m)
{
    if (o->type == OPTION_UINT || o->type == OPTION_PERCENT)
        return m->u;
    return o->type == OPTION_DOUBLE ? (uint64_t)m->d : m->size;
}

static void bounds_of(const struct option *o)
{
    union member m;
    char text[64];
    if (!as_written(o, o->min, text, sizeof(text)))
        return;
    rows++;
    assert_true(fill(o, text, &m));
    assert_int_equal(value_of(o, &m), o->min);
    (void)as_written(o, o->max, text, sizeof(text));
    assert_true(fill(o, text, &m));
    assert_int_equal(value_of(o, &m), o->max);
    if (o->type != OPTION_DOUBLE ||
        o->max < 1000000) { /* beyond 2^53 the next number is the same */
        (void)as_written(o, o->max + 1, text, sizeof(text));
        if (fill(o, text, &m))
            fail_msg("%s takes %s", o->key, text);
    }
    if (o->min > 0) {
        (void)as_written(o, o->min - 1, text, sizeof(text));
        if (fill(o, text, &m))
            fail_msg("%s takes %s", o->key, text);
    } else if (o->type != OPTION_DURATION) {
        assert_false(fill(o, "-1", &m));
        assert_false(fill(o, "-0.01", &m));
    }
    assert_false(fill(o, "\"18446744073709551616ms\"", &m));
    assert_false(fill(o, "1e300", &m));
}

static void numbers_have_bounds(void **state)
{
    UNUSED(state);
    rows = 0;
    each_option(bounds_of);
    assert_true(rows > 30);
}

static void same_size_by_number_and_text(void **state)
{
    const struct option *o = scope_find(SCOPE_limits, "buffer");
    union member m;
    UNUSED(state);
    assert_true(fill(o, "65536", &m) && m.size == 65536);
    assert_true(fill(o, "65536.0", &m) && m.size == 65536);
    assert_true(fill(o, "\"64KiB\"", &m) && m.size == 65536);
    assert_true(fill(o, "\"65536\"", &m) && m.size == 65536);
    assert_true(fill(o, "\"65536B\"", &m) && m.size == 65536);
    assert_true(fill(o, "\"66kB\"", &m) && m.size == 66000);
    assert_false(fill(o, "65536.5", &m));
    assert_false(fill(o, "\"64KiB \"", &m));
}

/* --- words --- */

static void words_of(const struct option *o)
{
    union member m;
    char text[64];
    if (o->type != OPTION_ENUM)
        return;
    rows++;
    for (int i = 0; o->words[i] != NULL; i++) {
        (void)snprintf(text, sizeof(text), "\"%s\"", o->words[i]);
        assert_true(fill(o, text, &m));
        assert_int_equal(m.word, i);
        (void)snprintf(text, sizeof(text), "\"%s \"", o->words[i]);
        assert_false(fill(o, text, &m));
    }
    assert_false(fill(o, "\"\"", &m));
    assert_false(fill(o, "0", &m));
}

static void words_are_exact(void **state)
{
    union member m;
    UNUSED(state);
    rows = 0;
    each_option(words_of);
    assert_int_equal(rows, 8);
    const struct option *verify = scope_find(SCOPE_backend_tls, "verify");
    assert_true(fill(verify, "true", &m) && m.b);
    assert_true(fill(verify, "false", &m) && !m.b);
    assert_false(fill(verify, "\"true\"", &m));
    assert_false(fill(verify, "1", &m));
    assert_false(fill(verify, "0", &m));
}

/* --- wrong kinds --- */

static void kinds_of(const struct option *o)
{
    static const char *const kinds[] = {"null", "true", "7.25", "\"\\u0001\"", "[7]", "{\"a\": 1}"};
    union member m;
    if (is_container(o))
        return;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        bool fits =
            (o->type == OPTION_BOOL && i == 1) ||
            (i == 2 && ((o->type == OPTION_DOUBLE && o->max > 7) || o->type == OPTION_PERCENT)) ||
            (i == 3 && (option_is_text(o) && o->syntax == &syntax_any));
        if (fill(o, kinds[i], &m) != fits)
            fail_msg("%s: %s", o->key, kinds[i]);
    }
}

static void wrong_kinds_are_refused(void **state)
{
    UNUSED(state);
    each_option(kinds_of);
}

/* --- texts --- */

static void lengths_of(const struct option *o)
{
    union member m;
    static char text[8192];
    if (!option_is_text(o) || o->syntax != &syntax_any)
        return;
    memset(text, 'a', sizeof(text));
    text[0] = text[o->max + 1] = '"';
    text[1] = '/';
    text[o->max + 2] = '\0';
    assert_true(fill(o, text, &m));
    assert_int_equal(strlen(m.text), o->max);
    text[o->max + 1] = 'a';
    text[o->max + 2] = '"';
    text[o->max + 3] = '\0';
    assert_false(fill(o, text, &m));
    assert_false(fill(o, "\"\"", &m));
    assert_true(fill(o, "\"/\"", &m));
}

static void texts_have_bounds(void **state)
{
    UNUSED(state);
    each_option(lengths_of);
}

static void paths_are_made_whole(void **state)
{
    const struct option *path = scope_find(SCOPE_certificate, "cert");
    const struct option *stream = scope_find(SCOPE_log, "access");
    union member m;
    UNUSED(state);
    assert_true(fill(path, "\"a/b.pem\"", &m));
    assert_string_equal(m.text, "/etc/weir/a/b.pem");
    assert_true(fill(path, "\"/b.pem\"", &m));
    assert_string_equal(m.text, "/b.pem");
    assert_true(fill(path, "\"-\"", &m));
    assert_string_equal(m.text, "/etc/weir/-");
    assert_true(fill(stream, "\"-\"", &m));
    assert_string_equal(m.text, "-");
    assert_true(fill(stream, "\"--\"", &m));
    assert_string_equal(m.text, "/etc/weir/--");
}

static void lists_have_bounds(void **state)
{
    const struct option *sticky = scope_find(SCOPE_route, "sticky");
    const struct option *ignore = scope_find(SCOPE_route_shadow, "ignore");
    union member m;
    UNUSED(state);
    assert_true(fill(sticky, "[\"header:a\", \"ip\"]", &m));
    assert_int_equal(m.names.n, 2);
    assert_string_equal(m.names.list[0], "header:a");
    assert_true(fill(sticky, "[\"ip\",\"ip\",\"ip\",\"ip\",\"ip\",\"ip\",\"ip\",\"ip\"]", &m));
    assert_false(
        fill(sticky, "[\"ip\",\"ip\",\"ip\",\"ip\",\"ip\",\"ip\",\"ip\",\"ip\",\"ip\"]", &m));
    assert_false(fill(sticky, "[]", &m));
    assert_true(fill(ignore, "[]", &m));
    assert_int_equal(m.names.n, 0);
    assert_false(fill(ignore, "[\"\"]", &m));
}

/* --- defaults --- */

static void default_of(const struct option *o)
{
    struct loader l = {.tree = &tree, .arena = &arena, .wrong = &wrong};
    union member m;
    struct buf want = BUF_INIT(0);
    if (is_container(o) || option_required(o) || o->fallback[0] == '\0')
        return;
    rows++;
    memset(&m, 0xee, sizeof(m));
    assert_int_equal(value_default(&l, o, &m), ERR_OK);
    union member again;
    bool bare = o->type == OPTION_UINT || o->type == OPTION_PERCENT || o->type == OPTION_DOUBLE ||
                o->type == OPTION_BOOL;
    bool names = o->type == OPTION_NAMES;
    assert_int_equal(buf_printf(&want, "%s%s%s%s%s", names ? "[" : "", bare ? "" : "\"",
                                o->fallback, bare ? "" : "\"", names ? "]" : ""),
                     ERR_OK);
    assert_true(fill(o, want.p, &again)); /* written into the file, it is the same */
    if (option_is_text(o))
        assert_string_equal(m.text, again.text);
    else if (names)
        assert_string_equal(m.names.list[0], again.names.list[0]);
    else if (o->type == OPTION_BOOL)
        assert_int_equal(m.b, again.b);
    else if (o->type == OPTION_ENUM)
        assert_int_equal(m.word, again.word);
    else
        assert_int_equal(value_of(o, &m), value_of(o, &again));
    buf_free(&want);
}

static void defaults_are_valid(void **state)
{
    UNUSED(state);
    rows = 0;
    each_option(default_of);
    assert_true(rows > 40);
}

static int begin(void **state)
{
    UNUSED(state);
    arena_begin(&arena, 1 << 20);
    return 0;
}

static int end(void **state)
{
    UNUSED(state);
    arena_end(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(same_size_by_number_and_text),
        cmocka_unit_test(words_are_exact),
        cmocka_unit_test(wrong_kinds_are_refused),
        cmocka_unit_test(texts_have_bounds),
        cmocka_unit_test(paths_are_made_whole),
        cmocka_unit_test(lists_have_bounds),
        cmocka_unit_test(defaults_are_valid),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
