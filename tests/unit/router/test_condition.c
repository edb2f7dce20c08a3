/* Conditions beside host and path, wildcards, and the order of specificity: what route_order() says
 * is what route_match() does. */
#include "tests/unit/router/routes.h"

#include <stdlib.h>

#define ROUTE(name, match) "{\"name\": \"" name "\", \"match\": {" match "}}"
#define COND(key, rest)    "\"" key "\": [{" rest "}]"

enum { FIELDS_MAX = 8 };

struct asked {
    const char *method;
    const char *host;
    const char *target;
    const char *fields[FIELDS_MAX]; /* name, value, ... */
};

static struct arena memory;

static struct route_query query_of(const struct asked *a)
{
    struct http_head *h = arena_alloc(&memory, sizeof(*h));
    struct span target = span_str(a->target);
    assert_non_null(h);
    http_head_begin(h, &memory, false);
    h->method_name = span_str(a->method == NULL ? "GET" : a->method);
    h->target = target;
    for (size_t i = 0; i < FIELDS_MAX && a->fields[i] != NULL; i += 2)
        assert_int_equal(http_head_add(h, span_str(a->fields[i]), span_str(a->fields[i + 1])),
                         ERR_OK);
    return (struct route_query){
        .host = span_str(a->host), .path = span_until(target, span_find(target, '?')), .head = h};
}

static const char *matched(const struct route_table *t, struct asked a)
{
    struct route_query q = query_of(&a);
    const struct route *r = route_match(t, &q);
    return r == NULL ? "-" : r->config->name;
}

/* MATCHED(table, method, host, target, name, value, ...) */
#define MATCHED(t, method, host, target, ...) \
    matched(t, (struct asked){method, host, target, {__VA_ARGS__}})

static int begin(void **state)
{
    UNUSED(state);
    arena_begin(&memory, 64 << 20);
    return 0;
}

static int end(void **state)
{
    UNUSED(state);
    arena_end(&memory);
    return 0;
}

static void methods(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(ROUTE("all", "\"prefix\": \"/\"") "," ROUTE(
        "write", "\"prefix\": \"/\", \"methods\": [\"POST\", \"PROPFIND\"]"));
    assert_string_equal(MATCHED(t, "GET", "", "/", NULL), "all");
    assert_string_equal(MATCHED(t, "POST", "", "/", NULL), "write");
    assert_string_equal(MATCHED(t, "PROPFIND", "", "/x", NULL), "write");
    assert_string_equal(MATCHED(t, "post", "", "/", NULL), "all");
    assert_string_equal(MATCHED(t, "POS", "", "/", NULL), "all");
    route_table_free(&t);
}

static void headers(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(ROUTE("all", "\"prefix\": \"/\"") "," ROUTE(
        "there",
        "\"prefix\": \"/a\"," COND(
            "headers",
            "\"name\": \"X-Beta\"")) "," ROUTE("exact",
                                               "\"prefix\": \"/b\"," COND(
                                                   "headers",
                                                   "\"name\": \"accept\", \"value\": "
                                                   "\"x\"")) "," ROUTE("begins",
                                                                       "\"prefix\": "
                                                                       "\"/c\"," COND(
                                                                           "headers",
                                                                           "\"name\": "
                                                                           "\"x-v\", "
                                                                           "\"prefix\": "
                                                                           "\"2.\"")) "," ROUTE("re"
                                                                                                "ge"
                                                                                                "x",
                                                                                                "\""
                                                                                                "pr"
                                                                                                "ef"
                                                                                                "ix"
                                                                                                "\""
                                                                                                ": "
                                                                                                "\""
                                                                                                "/d"
                                                                                                "\""
                                                                                                "," COND(
                                                                                                    "headers",
                                                                                                    "\"name\": \"x-v\", \"regex\": "
                                                                                                    "\"^[0-9]+$\"")));
    assert_string_equal(MATCHED(t, NULL, "", "/a", "x-beta", ""), "there");
    assert_string_equal(MATCHED(t, NULL, "", "/a", "x-bet", "1"), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/a", NULL), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/b", "Accept", "x"), "exact");
    assert_string_equal(MATCHED(t, NULL, "", "/b", "Accept", "y", "accept", "x"), "exact");
    assert_string_equal(MATCHED(t, NULL, "", "/b", "Accept", "xx"), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/c", "X-V", "2.1"), "begins");
    assert_string_equal(MATCHED(t, NULL, "", "/c", "X-V", "12."), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/d", "X-V", "42"), "regex");
    assert_string_equal(MATCHED(t, NULL, "", "/d", "X-V", "42a"), "all");
    const struct route_query bare = {.path = SPAN("/a")};
    assert_string_equal(route_match(t, &bare)->config->name, "all"); /* no head at all */
    route_table_free(&t);
}

static void cookies_and_query(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(
        ROUTE("all", "\"prefix\": \"/\"") "," ROUTE("cookie", "\"prefix\": \"/c\"," COND("cookies", "\"name\": \"beta\", \"value\": \"1\"")) "," ROUTE(
            "there",
            "\"prefix\": \"/q\"," COND(
                "query",
                "\"name\": \"debug\"")) "," ROUTE("exact",
                                                  "\"prefix\": \"/v\"," COND(
                                                      "query",
                                                      "\"name\": \"a b\", \"value\": \"c&d e\"")));
    assert_string_equal(MATCHED(t, NULL, "", "/c", "cookie", "x=y; beta=1"), "cookie");
    assert_string_equal(MATCHED(t, NULL, "", "/c", "cookie", "x=y; beta=2"), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/c", NULL), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/q?debug", NULL), "there");
    assert_string_equal(MATCHED(t, NULL, "", "/q?x=1&debug=", NULL), "there");
    assert_string_equal(MATCHED(t, NULL, "", "/q?debug=1", NULL), "there");
    assert_string_equal(MATCHED(t, NULL, "", "/q?debugx", NULL), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/q?", NULL), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/q", NULL), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/v?a+b=c%26d%20e", NULL), "exact");
    assert_string_equal(MATCHED(t, NULL, "", "/v?a%20b=no&a+b=c%26d+e", NULL), "exact");
    assert_string_equal(MATCHED(t, NULL, "", "/v?a+b=c%2", NULL), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/v?a+b=%", NULL), "all");
    route_table_free(&t);
}

/* A value longer than what is decoded fits nothing, and is no way past the limit. */
static void endless_query(void **state)
{
    char target[10000];
    UNUSED(state);
    struct route_table *t = table_of(ROUTE("all", "\"prefix\": \"/\"") "," ROUTE(
        "q", "\"prefix\": \"/\"," COND("query", "\"name\": \"a\", \"prefix\": \"x\"")));
    (void)snprintf(target, sizeof(target), "/?a=%0*d&a=x", 9000, 0);
    assert_string_equal(MATCHED(t, NULL, "", target, NULL), "q");
    target[4] = 'x';
    target[9000] = '\0';
    assert_string_equal(MATCHED(t, NULL, "", target, NULL), "all");
    route_table_free(&t);
}

static void path_regex(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(
        ROUTE("all", "\"prefix\": \"/\"") "," ROUTE("api", "\"prefix\": \"/api/\"") "," ROUTE(
            "num",
            "\"prefix\": \"/api/\", \"regex\": \"^/api/v[0-9]+/(a|b)$\"") "," ROUTE("evil",
                                                                                    "\"prefix\": "
                                                                                    "\"/evil/\", "
                                                                                    "\"regex\": "
                                                                                    "\"^(/evil/"
                                                                                    ")(a+)+$\""));
    assert_string_equal(MATCHED(t, NULL, "", "/api/v12/a", NULL), "num");
    assert_string_equal(MATCHED(t, NULL, "", "/api/v12/b?x", NULL), "num");
    assert_string_equal(MATCHED(t, NULL, "", "/api/v12/c", NULL), "api");
    assert_string_equal(MATCHED(t, NULL, "", "/apiv12/c", NULL), "all");
    assert_string_equal(MATCHED(t, NULL, "", "/evil/aaaa", NULL), "evil");
    char target[4000] = "/evil/";
    memset(target + 6, 'a', sizeof(target) - 8);
    target[sizeof(target) - 2] = '!';
    target[sizeof(target) - 1] = '\0';
    assert_string_equal(MATCHED(t, NULL, "", target, NULL), "all"); /* ends, by the limit */
    route_table_free(&t);
}

static void more_conditions_first(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(ROUTE("plain", "\"path\": \"/x\"") "," ROUTE(
        "one",
        "\"path\": \"/x\", \"methods\": "
        "[\"GET\"]") "," ROUTE("two",
                               "\"pa"
                               "th\""
                               ": "
                               "\"/"
                               "x\","
                               " \"m"
                               "etho"
                               "ds\""
                               ": "
                               "[\"G"
                               "ET\""
                               "]"
                               "," COND(
                                   "query",
                                   "\"name\": \"q\"")) "," ROUTE("first",
                                                                 "\"path\": \"/y\"," COND(
                                                                     "query",
                                                                     "\"name\": \"q\"")) "," ROUTE("second",
                                                                                                   "\"path\": \"/y\"," COND(
                                                                                                       "query",
                                                                                                       "\"name\": \"r\"")) "," ROUTE("short",
                                                                                                                                     "\"prefix\": "
                                                                                                                                     "\"/\"") "," ROUTE("long",
                                                                                                                                                        "\"prefix\": \"/y\", \"methods\": [\"POST\"]"));
    assert_string_equal(MATCHED(t, "GET", "", "/x?q", NULL), "two");
    assert_string_equal(MATCHED(t, "GET", "", "/x", NULL), "one");
    assert_string_equal(MATCHED(t, "PUT", "", "/x?q", NULL), "plain");
    assert_string_equal(MATCHED(t, "PUT", "", "/y?r&q", NULL), "first");
    assert_string_equal(MATCHED(t, "PUT", "", "/y?r", NULL), "second");
    assert_string_equal(MATCHED(t, "POST", "", "/y", NULL), "long");
    assert_string_equal(MATCHED(t, "PUT", "", "/y", NULL), "short");
    route_table_free(&t);
}

static void wildcards(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(ROUTE("none", "\"prefix\": \"/\"") "," ROUTE(
        "com",
        "\"host\": \"*.example.com\", "
        "\"prefix\": \"/\"") "," ROUTE("api", "\"host\": \"*.API.example.com\", \"prefix\": "
                                              "\"/\"") "," ROUTE("exact", "\"host\": "
                                                                          "\"www.example.com\", "
                                                                          "\"prefix\": "
                                                                          "\"/only/\""));
    assert_string_equal(MATCHED(t, NULL, "a.example.com", "/", NULL), "com");
    assert_string_equal(MATCHED(t, NULL, "A.B.Example.com.:80", "/", NULL), "com");
    assert_string_equal(MATCHED(t, NULL, "x.api.example.com", "/", NULL), "api");
    assert_string_equal(MATCHED(t, NULL, "api.example.com", "/", NULL), "com");
    assert_string_equal(MATCHED(t, NULL, "example.com", "/", NULL), "none");
    assert_string_equal(MATCHED(t, NULL, ".example.com", "/", NULL), "none");
    assert_string_equal(MATCHED(t, NULL, "xexample.com", "/", NULL), "none");
    assert_string_equal(MATCHED(t, NULL, "www.example.com", "/only/x", NULL), "exact");
    assert_string_equal(MATCHED(t, NULL, "www.example.com", "/", NULL),
                        "com"); /* the next one to ask */
    route_table_free(&t);
}

static void patterns_are_refused(void **state)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    struct route_table *t;
    UNUSED(state);
    assert_int_equal(parse_routes(ROUTE("a", "\"prefix\": \"/\", \"regex\": \"(\"") "," ROUTE(
                                      "b", "\"prefix\": \"/\"," COND(
                                               "cookies", "\"name\": \"n\", \"regex\": \"[a\"")),
                                  "", &c),
                     ERR_OK);
    assert_int_equal(route_table_new(c, &t, &wrong), ERR_CONFIG);
    assert_null(t);
    assert_int_equal(wrong.n, 2);
    assert_string_equal(wrong.list[0].where, "test: $.routes[0].match.regex");
    assert_string_equal(wrong.list[0].what,
                        "\"(\" does not compile: missing closing parenthesis (at byte 1)");
    assert_string_equal(wrong.list[1].where, "test: $.routes[1].match.cookies");
    complaints_free(&wrong);
}

/* --- any table: the first of route_order() that takes a request is the one that route_match()
 * gives */

static bool host_takes(const char *pattern, const char *host)
{
    size_t n = strlen(host);
    if (pattern == NULL)
        return true;
    if (pattern[0] != '*')
        return strcmp(pattern, host) == 0;
    size_t tail = strlen(pattern) - 1;
    return n > tail && strcmp(host + n - tail, pattern + 1) == 0;
}

static bool takes(const struct config_match *m, const struct asked *a)
{
    const char *path = a->target;
    if (!host_takes(m->host, a->host))
        return false;
    if (m->path != NULL ? strcmp(m->path, path) != 0 : strncmp(path, m->prefix, strlen(m->prefix)))
        return false;
    if (m->methods.n > 0 && strcmp(m->methods.list[0], a->method) != 0)
        return false;
    if (m->nheaders > 0 && (a->fields[0] == NULL || strcmp(m->headers[0].value, a->fields[1]) != 0))
        return false;
    return m->regex == NULL || path[strlen(path) - 1] == 'b';
}

static const char *const hosts[] = {"", "a.x.example", "b.x.example", "x.example", "y.example"};
static const char *const patterns[] = {NULL, "a.x.example", "*.x.example", "*.example",
                                       "y.example"};

static void random_path(uint64_t *seed, char *out)
{
    size_t n = next_random(seed) % 5;
    *out++ = '/';
    for (size_t i = 0; i < n; i++)
        *out++ = "ab"[next_random(seed) % 2];
    *out = '\0';
}

static void put_random_route(uint64_t *seed, struct buf *out, unsigned i)
{
    char path[16];
    const char *host = patterns[next_random(seed) % ARRAY_LEN(patterns)];
    uint64_t with = next_random(seed);
    bool exact = with % 4 == 0;
    random_path(seed, path);
    assert_int_equal(buf_printf(out, "%s{\"name\": \"r%u\", \"match\": {\"%s\": \"%s\"",
                                out->n == 0 ? "" : ",", i, exact ? "path" : "prefix", path),
                     ERR_OK);
    if (host != NULL)
        assert_int_equal(buf_printf(out, ", \"host\": \"%s\"", host), ERR_OK);
    if (!exact && with & 4)
        assert_int_equal(buf_printf(out, ", \"regex\": \"b$\""), ERR_OK);
    if (with & 8)
        assert_int_equal(buf_printf(out, ", \"methods\": [\"%s\"]", with & 16 ? "GET" : "POST"),
                         ERR_OK);
    if (with & 64)
        assert_int_equal(buf_printf(out, ", " COND("headers", "\"name\": \"x\", \"value\": \"%s\""),
                                    with & 32 ? "1" : "2"),
                         ERR_OK);
    assert_int_equal(buf_printf(out, "}}"), ERR_OK);
}

/* A match that is there already would be refused: its text behind the name tells. */
static bool is_new(const struct buf *routes, size_t from)
{
    const char *match = strstr(routes->p + from, "\"match\"");
    char text[256];
    (void)snprintf(text, sizeof(text), "%s", match);
    return strstr(routes->p, text) == match;
}

static struct route_table *random_table(uint64_t *seed)
{
    struct buf routes = BUF_INIT(0);
    unsigned n = 1 + (unsigned)(next_random(seed) % 60);
    for (unsigned i = 0; i < n; i++) {
        size_t before = routes.n;
        put_random_route(seed, &routes, i);
        if (!is_new(&routes, before))
            routes.p[routes.n = before] = '\0';
    }
    struct route_table *t = table_of(routes.p);
    buf_free(&routes);
    return t;
}

static void order_is_what_happens(void **state)
{
    UNUSED(state);
    for (uint64_t round = 1; round <= 40; round++) {
        uint64_t seed = round;
        const struct route **order;
        struct route_table *t = random_table(&seed);
        assert_int_equal(route_order(t, &order), ERR_OK);
        for (unsigned i = 0; i < 500; i++) {
            char path[16];
            random_path(&seed, path);
            struct asked a = {.method = next_random(&seed) % 2 ? "GET" : "POST",
                              .host = hosts[next_random(&seed) % ARRAY_LEN(hosts)],
                              .target = path,
                              .fields = {"x", next_random(&seed) % 2 ? "1" : "2"}};
            const char *want = "-";
            for (size_t k = 0; k < t->nroutes; k++)
                if (takes(&order[k]->config->match, &a)) {
                    want = order[k]->config->name;
                    break;
                }
            const char *got = matched(t, a);
            if (strcmp(got, want) != 0)
                fail_msg("seed %llu: %s %s%s: %s instead of %s", (unsigned long long)round,
                         a.method, a.host, path, got, want);
        }
        free(order);
        route_table_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods),
        cmocka_unit_test(headers),
        cmocka_unit_test(cookies_and_query),
        cmocka_unit_test(endless_query),
        cmocka_unit_test(path_regex),
        cmocka_unit_test(more_conditions_first),
        cmocka_unit_test(wildcards),
        cmocka_unit_test(patterns_are_refused),
        cmocka_unit_test(order_is_what_happens),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
