/* Heads: the names weir knows, the field list with its dropped fields, copies. */
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/arena_fixture.h"

#include "http/http.h"

#include <ctype.h>

static void test_every_name_is_found(void **state)
{
    UNUSED(state);
    for (enum http_field_id id = 1; id < HTTP_FIELD_IDS; id++) {
        struct span text = http_field_text(id);
        char other[64];
        assert_int_equal(http_field_lookup(text), id);
        for (size_t i = 0; i < text.n; i++)
            other[i] = (char)toupper(text.p[i]);
        assert_int_equal(http_field_lookup(span_of(other, text.n)), id);
        other[0] ^= 1;
        assert_int_equal(http_field_lookup(span_of(other, text.n)), HTTP_UNKNOWN_FIELD);
        assert_int_equal(http_field_lookup(span_until(text, text.n - 1)) == id, false);
    }
    assert_int_equal(http_field_lookup(SPAN("")), HTTP_UNKNOWN_FIELD);
    assert_int_equal(http_field_lookup(SPAN("x")), HTTP_UNKNOWN_FIELD);
    assert_int_equal(http_field_lookup(SPAN("\xff\xff\xff\xff")), HTTP_UNKNOWN_FIELD);
}

static void add(struct http_head *h, const char *name, const char *value)
{
    assert_int_equal(http_head_add(h, span_str(name), span_str(value)), ERR_OK);
}

static void test_list(void **state)
{
    struct http_head h;
    UNUSED(state);
    http_head_begin(&h, &arena, false);
    assert_null(http_head_find(&h, HTTP_HOST));
    assert_null(http_head_find_name(&h, SPAN("x")));
    assert_null(http_head_value(&h, HTTP_HOST).p);
    add(&h, "Host", "a");
    add(&h, "X-Thing", "1");
    add(&h, "x-THING", "2");
    add(&h, "COOKIE", "c=1");
    add(&h, "cookie", "d=2");
    assert_int_equal(http_head_add_id(&h, HTTP_VIA, SPAN("1.1 weir")), ERR_OK);
    assert_true(span_eq(http_head_value(&h, HTTP_HOST), SPAN("a")));
    assert_true(span_eq(http_head_find_name(&h, SPAN("x-thing"))->value, SPAN("1")));
    assert_true(span_eq(http_head_find_name(&h, SPAN("VIA"))->name, SPAN("via")));
    http_head_drop(&h, HTTP_COOKIE);
    http_head_drop(&h, HTTP_ACCEPT); /* none there */
    assert_null(http_head_find(&h, HTTP_COOKIE));
    assert_null(http_head_find_name(&h, SPAN("cookie")));
    add(&h, "Cookie", "e=3"); /* added after the drop: found again, alone */
    assert_true(span_eq(http_head_value(&h, HTTP_COOKIE), SPAN("e=3")));
}

static void test_copy(void **state)
{
    struct http_head h, copy;
    struct arena other;
    UNUSED(state);
    http_head_begin(&h, &arena, true);
    h.status = 404;
    h.version = HTTP_1_0;
    h.reason = SPAN("Gone fishing");
    for (int i = 0; i < 40; i++)
        add(&h, i % 2 == 0 ? "X-Even" : "Via", i < 20 ? "low" : "high");
    http_head_drop(&h, HTTP_VIA);
    arena_begin(&other, 100000);
    assert_int_equal(http_head_copy(&copy, &h, &other), ERR_OK);
    arena_end(&arena);
    assert_int_equal(copy.nfields, 20);
    assert_int_equal(copy.status, 404);
    assert_true(copy.is_response);
    assert_true(span_eq(copy.reason, SPAN("Gone fishing")));
    assert_null(copy.target.p);
    assert_null(http_head_find(&copy, HTTP_VIA));
    for (size_t i = 0; i < copy.nfields; i++) {
        assert_true(span_eq(copy.fields[i].name, SPAN("X-Even")));
        assert_true(span_eq(copy.fields[i].value, i < 10 ? SPAN("low") : SPAN("high")));
    }
    arena_end(&other);
}

/* The i-th line of a head that was read: two characters, ": ", two characters, CR LF. */
static void add_line(struct http_head *h, const char *raw, size_t i)
{
    assert_int_equal(http_head_add(h, span_of(raw + 8 * i, 2), span_of(raw + 8 * i + 4, 2)),
                     ERR_OK);
}

/* Lines that stand one behind the other stay so, but what was dropped is not copied with them, nor
 * is a name twice that is a constant. */
static void test_copy_of_lines(void **state)
{
    static const char text[] = "X1: a1\r\nX2: b2\r\nX3: c3\r\nX4: d4\r\nX5: e5\r\n";
    struct http_head h, copy;
    char raw[sizeof(text)];
    struct arena other;
    UNUSED(state);
    memcpy(raw, text, sizeof(text));
    http_head_begin(&h, &arena, true);
    for (size_t i = 0; i < 5; i++)
        add_line(&h, raw, i);
    h.fields[2].flags |= HTTP_FIELD_DROPPED;
    h.fields[4].value = SPAN("changed");
    assert_int_equal(http_head_add_id(&h, HTTP_VIA, span_of(raw + 4, 2)), ERR_OK);
    arena_begin(&other, 100000);
    assert_int_equal(http_head_copy(&copy, &h, &other), ERR_OK);
    memset(raw, '?', sizeof(raw));
    assert_int_equal(copy.nfields, 5);
    const struct http_field *f = copy.fields;
    assert_memory_equal(f[0].name.p, "X1: a1\r\nX2: b2", 14);
    assert_ptr_equal(f[1].name.p, f[0].name.p + 8);
    assert_memory_equal(f[2].name.p, "X4: d4", 6);
    assert_true(span_eq(f[3].name, SPAN("X5")) && span_eq(f[3].value, SPAN("changed")));
    assert_ptr_equal(f[4].name.p, http_field_text(HTTP_VIA).p);
    assert_true(span_eq(f[4].value, SPAN("a1")));
    assert_true(http_head_has(&copy, HTTP_VIA));
    arena_end(&other);
}

/* At every ceiling the arena may have, a copy fails cleanly or is whole. */
static void test_copy_at_every_ceiling(void **state)
{
    struct http_head h, copy;
    size_t fits = 0;
    UNUSED(state);
    http_head_begin(&h, &arena, false);
    h.method_name = SPAN("GET");
    h.target = SPAN("/path");
    h.authority = SPAN("host");
    for (int i = 0; i < 20; i++)
        add(&h, "name", "a value of some length");
    for (size_t max = 0; max < 4000; max++) {
        struct arena other;
        arena_begin(&other, max);
        enum err e = http_head_copy(&copy, &h, &other);
        assert_true(e == ERR_NO_MEMORY || (e == ERR_OK && copy.nfields == 20));
        fits += e == ERR_OK;
        arena_end(&other);
    }
    assert_true(fits > 0 && fits < 4000);
}

static void test_methods(void **state)
{
    static const struct {
        const char *name;
        enum http_method m;
        bool safe, idempotent;
    } cases[] = {
        {"GET", HTTP_GET, true, true},           {"HEAD", HTTP_HEAD, true, true},
        {"OPTIONS", HTTP_OPTIONS, true, true},   {"TRACE", HTTP_TRACE, true, true},
        {"PUT", HTTP_PUT, false, true},          {"DELETE", HTTP_DELETE, false, true},
        {"POST", HTTP_POST, false, false},       {"PATCH", HTTP_PATCH, false, false},
        {"CONNECT", HTTP_CONNECT, false, false}, {"get", HTTP_OTHER_METHOD, false, false},
        {"", HTTP_OTHER_METHOD, false, false},   {"GETS", HTTP_OTHER_METHOD, false, false},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(http_method_lookup(span_str(cases[i].name)), cases[i].m);
        assert_int_equal(http_method_is_safe(cases[i].m), cases[i].safe);
        assert_int_equal(http_method_is_idempotent(cases[i].m), cases[i].idempotent);
    }
}

static void test_status_texts(void **state)
{
    UNUSED(state);
    for (unsigned s = 0; s < 1000; s++)
        assert_true(http_is_field_value(http_status_text(s)) && http_status_text(s).n > 0);
    for (enum err e = 0; e < ERR_COUNT; e++) /* each answer of weir's own has a name */
        if (err_status(e) != 0)
            assert_false(span_eq(http_status_text((unsigned)err_status(e)), SPAN("Unknown")));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_name_is_found),
        TEST(test_list),
        TEST(test_copy),
        TEST(test_copy_of_lines),
        TEST(test_copy_at_every_ceiling),
        TEST(test_methods),
        TEST(test_status_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
