/* Where event streams and streams of messages may end, at every cut of the input. */
#include "proxy/boundary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ENDS_MAX = 8 };

/* Feeds the text in pieces; where something ended, given as offsets, 0 behind the last. */
static void check(enum boundary_kind kind, struct span text, const size_t ends[ENDS_MAX])
{
    for (size_t piece = 1; piece <= text.n; piece++) {
        struct boundary b = {.kind = (uint8_t)kind};
        size_t found = 0;
        size_t at = 0;
        while (at < text.n) {
            size_t upto = at + piece < text.n ? at + piece : text.n;
            size_t n = boundary_follow(&b, span_of(text.p + at, upto - at));
            assert_true(n > 0 && n <= upto - at);
            assert_true(n == upto - at || !b.inside);
            at += n;
            if (!b.inside && at == ends[found])
                found++;
            else
                assert_true(b.inside || (found > 0 && at > ends[found - 1]));
        }
        assert_int_equal(ends[found], 0);
    }
}

static void events(void **state)
{
    UNUSED(state);
    check(BOUNDARY_EVENT, SPAN("data: 1\n\nid: 2\ndata: x\n\ndata"), (size_t[ENDS_MAX]){9, 24});
    check(BOUNDARY_EVENT, SPAN("a: 1\r\n\r\nb\r\n\r\n"), (size_t[ENDS_MAX]){7, 12});
    check(BOUNDARY_EVENT, SPAN("a: 1\r\rb\r\r"), (size_t[ENDS_MAX]){6, 9});
    check(BOUNDARY_EVENT, SPAN("a: 1\r\nb: 2\r\n"), (size_t[ENDS_MAX]){0});
}

static void messages(void **state)
{
    static const char two[] = "\0\0\0\0\3abc\1\0\0\0\0\0\0\0\1\2";
    static const char fill[256] = {0};
    UNUSED(state);
    check(BOUNDARY_MESSAGE, span_of(two, sizeof(two) - 1), (size_t[ENDS_MAX]){8, 13});
    struct boundary b = {.kind = BOUNDARY_MESSAGE};
    assert_int_equal(boundary_follow(&b, SPAN("\0\0\0\1\2")), 5);
    assert_int_equal(boundary_follow(&b, span_of(fill, 256)), 256);
    assert_true(b.inside);
    assert_int_equal(boundary_follow(&b, span_of(fill, 256)), 2);
    assert_false(b.inside);
}

static void others_have_none(void **state)
{
    struct boundary b = {.kind = BOUNDARY_NONE};
    UNUSED(state);
    assert_int_equal(boundary_follow(&b, SPAN("\n\n\n\n")), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),
        cmocka_unit_test(messages),
        cmocka_unit_test(others_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
