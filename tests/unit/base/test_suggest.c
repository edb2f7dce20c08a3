/* Did you mean ...: what counts as near. */
#include "tests/unit/fail_alloc.h"

#include "base/suggest.h"

#include <string.h>

static const char *near(const char *asked, const char *const *words)
{
    struct suggestion s = {.asked = span_str(asked)};
    for (; *words != NULL; words++)
        suggest_offer(&s, *words);
    return s.best == NULL ? "-" : s.best;
}

static void suggestions(void **state)
{
    static const char *const words[] = {"workers", "state_dir",  "listeners",        "salt",
                                        "log",     "h2_streams", "h2_stream_window", NULL};
    static const char *const letters[] = {"a", "b", NULL};
    char endless[300];
    UNUSED(state);
    assert_string_equal(near("worker", words), "workers");
    assert_string_equal(near("Workers", words), "workers");
    assert_string_equal(near("wrokers", words), "workers"); /* two neighbours swapped: one edit */
    assert_string_equal(near("statedir", words), "state_dir");
    assert_string_equal(near("listner", words), "listeners");
    assert_string_equal(near("slat", words), "salt");
    assert_string_equal(near("lgo", words), "log");
    assert_string_equal(near("h2_stream", words), "h2_streams");
    assert_string_equal(near("colour", words), "-");
    assert_string_equal(near("", words), "-");
    assert_string_equal(near("x", letters), "-"); /* everything would be one edit away */
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_string_equal(near(endless, words), "-");
}

static void the_nearest_of_a_list(void **state)
{
    static const char *const list[] = {"legacy", "new", "config"};
    UNUSED(state);
    assert_string_equal(suggest_nearest(SPAN("legcy"), list, 3), "legacy");
    assert_string_equal(suggest_nearest(SPAN("LEGACY"), list, 3), "legacy");
    assert_string_equal(suggest_nearest(SPAN("ne"), list, 3), "new");
    assert_null(suggest_nearest(SPAN("x"), list, 3));
    assert_null(suggest_nearest(SPAN(""), list, 3));
    assert_null(suggest_nearest(SPAN("something else"), list, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suggestions),
        cmocka_unit_test(the_nearest_of_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
