/* Tables for tests of the router, from a few words of JSON. */
#ifndef TESTS_ROUTES_H
#define TESTS_ROUTES_H

#include "tests/unit/fail_alloc.h"

#include "router/room.h"

#include <stdio.h>

/* A generator of one's own: the same numbers on every machine. */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* routes: the elements of "routes"; extra: further members of the top level, each followed by a
 * comma. */
static inline enum err parse_routes(const char *routes, const char *extra, struct config **out)
{
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    *out = NULL;
    enum err e = buf_printf(&text,
                            "{%s\"state_dir\": \"/tmp\", \"workers\": 1,"
                            "\"listeners\": [{\"address\": \"*:80\"}],"
                            "\"backends\": {\"a\": {\"servers\": [\"a:1\"]},"
                            "\"b\": {\"servers\": [\"b:1\"]}, \"c\": {\"servers\": [\"c:1\"]}},"
                            "\"defaults\": {\"legacy\": \"a\", \"new\": \"b\"}, \"routes\": [%s]}",
                            extra, routes);
    if (e == ERR_OK)
        e = config_parse(buf_span(&text), "test", out, &wrong);
    for (size_t i = 0; i < wrong.n; i++)
        print_error("%s: %s; %s\n", wrong.list[i].where, wrong.list[i].what, wrong.list[i].right);
    complaints_free(&wrong);
    buf_free(&text);
    return e;
}

static inline struct route_table *table_with(const char *routes, const char *extra)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    struct route_table *t;
    assert_int_equal(parse_routes(routes, extra, &c), ERR_OK);
    assert_int_equal(route_table_new(c, &t, &wrong), ERR_OK);
    return t;
}

static inline struct route_table *table_of(const char *routes)
{
    return table_with(routes, "");
}

#endif
