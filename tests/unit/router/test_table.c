/* Building a table: what is refused, what is owned, what happens without memory. */
#include "tests/unit/router/routes.h"

static void sides_and_weights(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(
        "{\"name\": \"x\", \"match\": {\"prefix\": \"/\"}, \"new\": \"c\", \"new_percent\": 12.5},"
        "{\"name\": \"y\", \"match\": {\"path\": \"/\"}, \"legacy\": \"b\"}");
    assert_int_equal(t->nroutes, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(t->routes[i].index, i);
        assert_ptr_equal(t->routes[i].config, &t->config->routes[i]);
    }
    assert_string_equal(t->config->backends[t->routes[0].backends[SIDE_LEGACY]].name, "a");
    assert_string_equal(t->config->backends[t->routes[0].backends[SIDE_NEW]].name, "c");
    assert_string_equal(t->config->backends[t->routes[1].backends[SIDE_LEGACY]].name, "b");
    assert_string_equal(t->config->backends[t->routes[1].backends[SIDE_NEW]].name, "b");
    struct snapshot *s;
    assert_int_equal(snapshot_new(t, 7, &s), ERR_OK);
    assert_int_equal(s->epoch, 7);
    assert_int_equal(s->pin, PIN_NONE);
    assert_int_equal(s->states[0].weight, 1250);
    assert_int_equal(s->states[0].pin, PIN_NONE);
    assert_false(s->states[0].weight_from_control);
    assert_int_equal(s->states[1].weight, 0);
    assert_int_equal(t->users, 1);
    snapshot_free(&s); /* and the table with it */
    assert_null(s);
}

/* The loader refuses these; a tree that was made otherwise is refused here. */
static void same_match_is_refused(void **state)
{
    static const char *const second[] = {"\"prefix\": \"/b\"", "\"path\": \"/b\"",
                                         "\"host\": \"h\", \"prefix\": \"/b\""};
    static const char *const becomes[] = {"prefix", "path", "prefix"};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(second); i++) {
        struct buf routes = BUF_INIT(0);
        struct complaints wrong = {.n = 0};
        struct config *c;
        struct route_table *t;
        const char *host = i == 2 ? "\"host\": \"h\", " : "";
        assert_int_equal(buf_printf(&routes,
                                    "{\"name\": \"x\", \"match\": {%s\"%s\": \"/a\"}},"
                                    "{\"name\": \"y\", \"match\": {%s}}",
                                    host, becomes[i], second[i]),
                         ERR_OK);
        assert_int_equal(parse_routes(routes.p, "", &c), ERR_OK);
        c->routes[1].match = c->routes[0].match;
        assert_int_equal(route_table_new(c, &t, &wrong), ERR_CONFIG);
        assert_null(t);
        assert_int_equal(wrong.n, 1);
        assert_string_equal(wrong.list[0].where, "test: $.routes[1].match");
        assert_string_equal(wrong.list[0].what, "is the same as that of $.routes[0]");
        complaints_free(&wrong);
        buf_free(&routes);
    }
}

static unsigned freed;

static void attachment_free(void *attachment)
{
    assert_ptr_equal(attachment, &freed);
    freed++;
}

static void attachment_goes_with_the_table(void **state)
{
    struct snapshot *a;
    struct snapshot *b;
    UNUSED(state);
    struct route_table *t = table_of("{\"name\": \"x\", \"match\": {\"prefix\": \"/\"}}");
    t->attachment = &freed;
    t->attachment_free = attachment_free;
    freed = 0;
    assert_int_equal(snapshot_new(t, 1, &a), ERR_OK);
    assert_int_equal(snapshot_new(t, 2, &b), ERR_OK);
    snapshot_free(&a);
    assert_int_equal(freed, 0);
    snapshot_free(&b);
    assert_int_equal(freed, 1);
    snapshot_free(&b); /* NULL is fine */
}

static enum err build(void *arg)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    struct route_table *t;
    struct snapshot *s;
    UNUSED(arg);
    arena_thread_end(); /* or the blocks of its cache would be used */
    TRY(parse_routes("{\"name\": \"x\", \"match\": {\"prefix\": \"/\"},"
                     " \"sticky\": [\"header:a\", \"ip\"]},"
                     "{\"name\": \"y\", \"match\": {\"host\": \"h\", \"path\": \"/b\"}},"
                     "{\"name\": \"z\", \"match\": {\"host\": \"h\", \"prefix\": \"/b\"}}",
                     "", &c));
    TRY(route_table_new(c, &t, &wrong));
    enum err e = snapshot_new(t, 1, &s);
    if (e == ERR_OK)
        snapshot_free(&s);
    else
        route_table_free(&t);
    return e;
}

static void without_memory(void **state)
{
    UNUSED(state);
    alloc_walk(build, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sides_and_weights),
        cmocka_unit_test(same_match_is_refused),
        cmocka_unit_test(attachment_goes_with_the_table),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
