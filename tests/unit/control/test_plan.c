/* weir plan: shares by arithmetic, requests by replaying an access log. */
#include "tests/unit/router/routes.h"

#include "control/control.h"

#define ROUTE(name, rest) \
    "{\"name\": \"" name "\", \"match\": {\"prefix\": \"/" name "/\"}" rest "}"

static void says(const char *before, const char *after, const char *log, const char *expected)
{
    struct route_table *was = table_of(before);
    struct route_table *is = table_of(after);
    struct buf text = BUF_INIT(0);
    struct span rest = span_str(log);
    struct span line;
    struct plan *p;
    assert_int_equal(plan_new(was, is, &p), ERR_OK);
    while (log != NULL && rest.n > 0 && span_cut(&rest, '\n', &line))
        plan_line(p, line);
    assert_int_equal(plan_say(p, &text), ERR_OK);
    assert_int_equal(buf_append(&text, span_of("", 1)), ERR_OK);
    if (strstr(text.p, expected) == NULL)
        fail_msg("not in:\n%s\n: %s", text.p, expected);
    buf_free(&text);
    plan_free(&p);
    route_table_free(&was);
    route_table_free(&is);
}

static void shares_of_users(void **state)
{
    UNUSED(state);
    says(ROUTE("a", ", \"new_percent\": 10"), ROUTE("a", ", \"new_percent\": 12.5"), NULL,
         "a: 10 % -> 12.5 % on new; 2.5 % of users move to new, nobody the other way\n");
    says(ROUTE("a", ", \"new_percent\": 100"), ROUTE("a", ""), NULL,
         "a: 100 % -> 0 % on new; 100 % of users move to legacy, nobody the other way\n");
    says(ROUTE("a", ""), ROUTE("a", ""), NULL, "a: 0 % -> 0 % on new; nobody moves by weight\n");
    says(ROUTE("a", ", \"new_percent\": 50"),
         ROUTE("a", ", \"new_percent\": 50, \"cohort\": \"x\""), NULL,
         "assigned anew: 25 % of users move to new, 25 % to legacy\n");
    says(ROUTE("a", ""), ROUTE("a", ", \"new\": \"c\", \"legacy\": \"b\""), NULL,
         "; its legacy side is b instead of a; its new side is c instead of b\n");
    says(ROUTE("a", ""), ROUTE("b", ", \"new_percent\": 7"), NULL,
         "b: added, 7 % on new\na: removed\n");
    says(ROUTE("a", ", \"sticky\": [\"header:u\"]"),
         ROUTE("a", ", \"sticky\": [\"header:u\"], \"always_new\": [\"x\"]"), NULL,
         "nobody moves by weight; its lists of users change\n");
    says(ROUTE("a", ""),
         "{\"name\": \"a\", \"match\": {\"prefix\": \"/a/\", \"methods\": [\"GET\"]}}", NULL,
         "nobody moves by weight; it takes other requests\n");
}

static void recorded_requests(void **state)
{
    static const char log[] =
        "{\"method\":\"GET\",\"host\":\"h\",\"target\":\"/a/x?q\",\"bucket\":999}\n"
        "{\"method\":\"GET\",\"host\":\"h\",\"target\":\"/x/../a/%61\",\"bucket\":1000}\n"
        "{\"method\":\"GET\",\"host\":\"h\",\"target\":\"/a/x\",\"bucket\":2999}\n"
        "{\"method\":\"GET\",\"host\":\"h\",\"target\":\"/a/x\",\"bucket\":3000}\n"
        "{\"method\":\"GET\",\"host\":\"h\",\"target\":\"/gone/x\",\"bucket\":1}\n"
        "not JSON\n"
        "{\"target\":7}\n";
    UNUSED(state);
    says(ROUTE("a", ", \"new_percent\": 10") "," ROUTE("gone", ""),
         ROUTE("a", ", \"new_percent\": 30, \"legacy\": \"c\""), log,
         "of 5 recorded requests:\n"
         "a: 4 requests, 2 move to new, 0 to legacy, 1 to another backend\n"
         "1 would find no route any more: 404\n"
         "2 lines are no requests of a JSON access log\n");
    /* part of a route becomes a route of its own, with another weight */
    says(ROUTE("a", ", \"new_percent\": 100"),
         ROUTE("a", ", \"new_percent\": 100") ",{\"name\": \"q\", \"match\": {\"prefix\": \"/a/x\","
                                              " \"query\": [{\"name\": \"q\"}]}}",
         log,
         "a: 3 requests, 0 move to new, 0 to legacy, 0 to another backend\n"
         "q: 1 request, 0 move to new, 1 to legacy, 0 to another backend\n");
    says(ROUTE("a", ", \"new_percent\": 100"),
         ROUTE("a", ", \"new_percent\": 100") ",{\"name\": \"q\", \"match\": {\"prefix\": \"/a/x\","
                                              " \"query\": [{\"name\": \"q\", \"value\": \"1\"}]}}",
         "{\"method\":\"GET\",\"host\":\"h\",\"target\":\"/a/x?q=<cut>\",\"bucket\":9}\n",
         "a: 1 request, 0 move to new, 0 to legacy, 0 to another backend\n"
         "1 have values in the query that were not logged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_of_users),
        cmocka_unit_test(recorded_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
