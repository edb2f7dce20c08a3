/* The files that are made from the table are those that are checked in. WEIR_UPDATE=1 writes them.
 */
#include "tests/unit/fail_alloc.h"

#include "config/room.h"

#include <stdio.h>
#include <stdlib.h>

static void compare(const char *file, enum err (*make)(struct buf *))
{
    struct buf want = BUF_INIT(0);
    struct buf got = BUF_INIT(0);
    const char *why;
    assert_int_equal(make(&want), ERR_OK);
    if (getenv("WEIR_UPDATE") != NULL) {
        FILE *f = fopen(file, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(want.p, 1, want.n, f), want.n);
        assert_int_equal(fclose(f), 0);
    }
    assert_int_equal(source_read(file, FILE_MAX_BYTES, true, &got, &why), ERR_OK);
    if (!span_eq(buf_span(&want), buf_span(&got)))
        fail_msg("%s is not what config/options.def says: run this test with WEIR_UPDATE=1", file);
    buf_free(&want);
    buf_free(&got);
}

static void manual(void **state)
{
    UNUSED(state);
    compare(TESTS_DIR "/../docs/options.md", config_manual);
}

static void schema(void **state)
{
    UNUSED(state);
    compare(TESTS_DIR "/../config/weir.schema.json", config_schema);
}

static void schema_is_json(void **state)
{
    struct buf text = BUF_INIT(0);
    json_error_t e;
    UNUSED(state);
    assert_int_equal(config_schema(&text), ERR_OK);
    json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &e);
    if (j == NULL)
        fail_msg("%s", e.text);
    json_decref(j);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manual),
        cmocka_unit_test(schema),
        cmocka_unit_test(schema_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
