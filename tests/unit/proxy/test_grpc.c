/* What is a gRPC call, and what its clients are told. */
#include "proxy/grpc.h"
#include "tests/unit/fail_alloc.h"

static bool is_call(const char *type)
{
    struct arena a;
    struct http_head h;
    arena_begin(&a, 4096);
    http_head_begin(&h, &a, false);
    if (type != NULL)
        assert_int_equal(http_head_add_id(&h, HTTP_CONTENT_TYPE, span_str(type)), ERR_OK);
    bool is = grpc_is_call(&h);
    arena_end(&a);
    return is;
}

static void test_calls(void **state)
{
    UNUSED(state);
    assert_true(is_call("application/grpc"));
    assert_true(is_call("Application/GRPC+proto"));
    assert_true(is_call("application/grpc;v=1"));
    assert_true(is_call("application/grpc ;v=1"));
    assert_false(is_call("application/grpc-web"));
    assert_false(is_call("application/grpc-web+proto"));
    assert_false(is_call("application/grp"));
    assert_false(is_call("text/plain"));
    assert_false(is_call(""));
    assert_false(is_call(NULL));
}

/* grpc-message is percent-encoded: these need no encoding. */
static void test_sentences(void **state)
{
    UNUSED(state);
    for (enum err e = 1; e < ERR_COUNT; e++)
        for (const char *p = err_sentence(e); *p != '\0'; p++)
            assert_true(*p >= ' ' && *p <= '~' && *p != '%');
}

static void test_statuses(void **state)
{
    UNUSED(state);
    for (enum err e = 1; e < ERR_COUNT; e++)
        assert_in_range(grpc_status_of(e), 1, GRPC_STATUS_MAX);
    assert_int_equal(grpc_status_of(ERR_DEADLINE), 4);
    assert_int_equal(grpc_status_of(ERR_CONNECT_REFUSED), 14);
    assert_int_equal(grpc_status_of(ERR_CONNECT_TIMEOUT), 14); /* worth another attempt */
    assert_int_equal(grpc_status_of(ERR_BACKEND_FIRST_BYTE_TIMEOUT), 4);
    assert_int_equal(grpc_status_of(ERR_NO_ROUTE), 12);
    assert_int_equal(grpc_status_of(ERR_BAD_FIELD), 13);
}

static void expect_status(const char *text, int want)
{
    struct exchange x = {.grpc_status = GRPC_NO_STATUS};
    struct arena a;
    struct http_head h;
    arena_begin(&a, 4096);
    http_head_begin(&h, &a, true);
    assert_int_equal(http_head_add(&h, SPAN("grpc-status"), span_str(text)), ERR_OK);
    grpc_note_status(&x, &h);
    assert_int_equal(x.grpc_status, want);
    grpc_note_status(&x, NULL);
    assert_int_equal(x.grpc_status, want);
    arena_end(&a);
}

static void test_status_of_servers(void **state)
{
    UNUSED(state);
    expect_status("0", 0);
    expect_status("16", 16);
    expect_status("17", 2);
    expect_status("-1", 2);
    expect_status("", 2);
    expect_status("ok", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_status_of_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
