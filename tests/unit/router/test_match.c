/* The matcher against examples, and against a search that looks at every route. */
#include "tests/unit/router/routes.h"

static const struct route *match(const struct route_table *t, const char *host, struct span path)
{
    const struct route_query q = {.host = span_str(host), .path = path};
    return route_match(t, &q);
}

static const char *matched(const struct route_table *t, const char *host, const char *path)
{
    const struct route *r = match(t, host, span_str(path));
    return r == NULL ? "-" : r->config->name;
}

#define ROUTE(name, match) "{\"name\": \"" name "\", \"match\": {" match "}}"

static void longest_prefix_wins(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(
        ROUTE("root", "\"prefix\": \"/\"") "," ROUTE("api", "\"prefix\": \"/api/\"") "," ROUTE(
            "v2", "\"prefix\": \"/api/v2\"") "," ROUTE("ab", "\"prefix\": \"/ab\""));
    assert_string_equal(matched(t, "", "/"), "root");
    assert_string_equal(matched(t, "", "/x"), "root");
    assert_string_equal(matched(t, "", "/a"), "root");
    assert_string_equal(matched(t, "", "/ab"), "ab");
    assert_string_equal(matched(t, "", "/abc"), "ab");
    assert_string_equal(matched(t, "", "/api/"), "api");
    assert_string_equal(matched(t, "", "/api/v1"), "api");
    assert_string_equal(matched(t, "", "/api/v2"), "v2");
    assert_string_equal(matched(t, "", "/api/v20/x"), "v2");
    assert_string_equal(matched(t, "", "/API/"), "root"); /* paths have case */
    assert_string_equal(matched(t, "", "*"), "-");
    assert_string_equal(matched(t, "", ""), "-");
    route_table_free(&t);
}

/* What options.def promises: a plain string prefix, with and without the slash at its end. */
static void slash_at_the_end(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(
        ROUTE("with", "\"prefix\": \"/with/\"") "," ROUTE("without", "\"prefix\": \"/without\""));
    assert_string_equal(matched(t, "", "/with/"), "with");
    assert_string_equal(matched(t, "", "/with/x"), "with");
    assert_string_equal(matched(t, "", "/with"), "-");
    assert_string_equal(matched(t, "", "/withx"), "-");
    assert_string_equal(matched(t, "", "/without"), "without");
    assert_string_equal(matched(t, "", "/without/"), "without");
    assert_string_equal(matched(t, "", "/without/x"), "without");
    assert_string_equal(matched(t, "", "/withoutx"), "without");
    route_table_free(&t);
}

static void exact_before_prefix(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(
        ROUTE("exact", "\"path\": \"/a\"") "," ROUTE("prefix", "\"prefix\": \"/a\"") "," ROUTE(
            "longer", "\"prefix\": \"/a/b\"") "," ROUTE("root", "\"path\": \"/\""));
    assert_string_equal(matched(t, "", "/a"), "exact");
    assert_string_equal(matched(t, "", "/a/"), "prefix");
    assert_string_equal(matched(t, "", "/a/b"), "longer");
    assert_string_equal(matched(t, "", "/"), "root");
    assert_string_equal(matched(t, "", "/b"), "-");
    route_table_free(&t);
}

static void hosts_before_no_host(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(ROUTE("any", "\"prefix\": \"/\"") "," ROUTE(
        "any-long",
        "\"prefix\": "
        "\"/long/path\"") "," ROUTE("h",
                                    "\"host\": \"API.example.com\", \"prefix\": "
                                    "\"/l\"") "," ROUTE("h2",
                                                        "\"host\": "
                                                        "\"b.example\", "
                                                        "\"path\": "
                                                        "\"/only\"") "," ROUTE("v6",
                                                                               "\"host\": "
                                                                               "\"[2001:DB8::1]\", "
                                                                               "\"prefix\": "
                                                                               "\"/\""));
    assert_string_equal(matched(t, "api.example.com", "/long/path"), "h"); /* not the longer one */
    assert_string_equal(matched(t, "api.example.com", "/x"), "any");
    assert_string_equal(matched(t, "other.example", "/long/path"), "any-long");
    assert_string_equal(matched(t, "b.example", "/only"), "h2");
    assert_string_equal(matched(t, "b.example", "/only/"), "any");
    assert_string_equal(matched(t, "", "/"), "any");
    assert_string_equal(matched(t, "[2001:db8::1]", "/"), "v6");
    assert_string_equal(matched(t, "2001:db8::1", "/"), "any"); /* not a host without brackets */
    route_table_free(&t);
}

static void host_spellings(void **state)
{
    static const char *const same[] = {"api.example.com",     "API.EXAMPLE.COM",
                                       "Api.Example.Com:443", "api.example.com.",
                                       "api.example.com.:80", "api.example.com:"};
    static const char *const other[] = {"api.example.co",
                                        "api.example.com.x",
                                        "api.example.comx",
                                        "",
                                        ".",
                                        ":80",
                                        "..",
                                        "[",
                                        "[]",
                                        "[api.example.com]",
                                        "api.example.com..",
                                        "xapi.example.com"};
    char endless[4096];
    UNUSED(state);
    struct route_table *t =
        table_of(ROUTE("h", "\"host\": \"api.example.com\", \"prefix\": \"/\"") "," ROUTE(
            "v6", "\"host\": \"[::1]\", \"prefix\": \"/\""));
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        assert_string_equal(matched(t, same[i], "/"), "h");
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        assert_string_equal(matched(t, other[i], "/"), "-");
    assert_string_equal(matched(t, "[::1]:8080", "/"), "v6");
    assert_string_equal(matched(t, "[::1]", "/"), "v6");
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_string_equal(matched(t, endless, "/"), "-");
    route_table_free(&t);
}

static void names_are_found(void **state)
{
    UNUSED(state);
    struct route_table *t =
        table_of(ROUTE("one", "\"prefix\": \"/\"") "," ROUTE("two", "\"path\": \"/\""));
    assert_ptr_equal(route_find(t, "one"), &t->routes[0]);
    assert_ptr_equal(route_find(t, "two"), &t->routes[1]);
    assert_null(route_find(t, "three"));
    assert_null(route_find(t, ""));
    assert_null(route_find(t, "ONE"));
    route_table_free(&t);
}

/* --- random tables, against looking at every route --- */

static bool takes(const struct config_match *m, const char *host, const char *path, bool exact)
{
    if (strcmp(m->host == NULL ? "" : m->host, host) != 0)
        return false;
    if (exact)
        return m->path != NULL && strcmp(m->path, path) == 0;
    return m->prefix != NULL && strncmp(path, m->prefix, strlen(m->prefix)) == 0;
}

static const struct route *naive_in(const struct route_table *t, const char *host, const char *path)
{
    const struct route *best = NULL;
    for (size_t i = 0; i < t->nroutes; i++) {
        const struct config_match *m = &t->routes[i].config->match;
        if (takes(m, host, path, true))
            return &t->routes[i];
        if (takes(m, host, path, false) &&
            (best == NULL || strlen(m->prefix) > strlen(best->config->match.prefix)))
            best = &t->routes[i];
    }
    return best;
}

static const struct route *naive(const struct route_table *t, const char *host, const char *path)
{
    const struct route *r = host[0] == '\0' ? NULL : naive_in(t, host, path);
    return r != NULL ? r : naive_in(t, "", path);
}

/* Few letters, so that prefixes share a lot. */
static void random_path(uint64_t *seed, char *out, size_t max)
{
    size_t n = next_random(seed) % max;
    *out++ = '/';
    for (size_t i = 0; i < n; i++) {
        char c = "aab/"[next_random(seed) % 4];
        if (c == '/' && out[-1] == '/')
            c = 'c';
        *out++ = c;
    }
    *out = '\0';
}

static const char *random_host(uint64_t *seed)
{
    static const char *const hosts[] = {"", "", "x.example", "y.example", "z.example"};
    return hosts[next_random(seed) % ARRAY_LEN(hosts)];
}

/* Without the matches that are there already: the loader refuses those. */
static struct route_table *random_table(uint64_t *seed, unsigned n)
{
    struct buf routes = BUF_INIT(0);
    struct buf seen = BUF_INIT(0);
    for (unsigned i = 0; i < n; i++) {
        char path[64];
        char match[160];
        const char *host = random_host(seed);
        bool exact = next_random(seed) % 3 == 0;
        random_path(seed, path, 12);
        (void)snprintf(match, sizeof(match), "\n%s %s %s\n", host, exact ? "path" : "prefix", path);
        assert_int_equal(buf_append(&seen, span_of("", 1)), ERR_OK);
        seen.n--;
        if (strstr(seen.p, match) != NULL)
            continue;
        assert_int_equal(buf_printf(&seen, "%s", match), ERR_OK);
        assert_int_equal(
            buf_printf(&routes, "%s{\"name\": \"r%u\", \"match\": {%s%s%s\"%s\": \"%s\"}}",
                       routes.n == 0 ? "" : ",", i, host[0] == '\0' ? "" : "\"host\": \"", host,
                       host[0] == '\0' ? "" : "\", ", exact ? "path" : "prefix", path),
            ERR_OK);
    }
    struct route_table *t = table_of(routes.p);
    buf_free(&routes);
    buf_free(&seen);
    return t;
}

static void like_the_naive_search(void **state)
{
    UNUSED(state);
    for (uint64_t round = 1; round <= 60; round++) {
        uint64_t seed = round;
        struct route_table *t = random_table(&seed, 1 + (unsigned)(next_random(&seed) % 150));
        for (unsigned i = 0; i < 2000; i++) {
            char path[64];
            const char *host = random_host(&seed);
            random_path(&seed, path, 16);
            const struct route *want = naive(t, host, path);
            const struct route *got = match(t, host, span_str(path));
            if (want != got)
                fail_msg("seed %llu: %s %s: %s instead of %s", (unsigned long long)round, host,
                         path, got == NULL ? "-" : got->config->name,
                         want == NULL ? "-" : want->config->name);
        }
        route_table_free(&t);
    }
}

/* A chain of 4,000 prefixes, each one byte longer: deep, not wide. */
static void deep_prefixes(void **state)
{
    struct buf routes = BUF_INIT(0);
    char path[4096];
    UNUSED(state);
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    for (unsigned n = 1; n < 4000; n += 7)
        assert_int_equal(buf_printf(&routes,
                                    "%s{\"name\": \"r%u\", \"match\": {\"prefix\": \"%.*s\"}}",
                                    n == 1 ? "" : ",", n, (int)n, path),
                         ERR_OK);
    struct route_table *t = table_of(routes.p);
    for (unsigned n = 1; n < 4000; n++) {
        char name[16];
        const struct route *r = match(t, NULL, span_of(path, n));
        (void)snprintf(name, sizeof(name), "r%u", 1 + (n - 1) / 7 * 7);
        assert_string_equal(r->config->name, name);
    }
    route_table_free(&t);
    buf_free(&routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_prefix_wins),   cmocka_unit_test(slash_at_the_end),
        cmocka_unit_test(exact_before_prefix),   cmocka_unit_test(hosts_before_no_host),
        cmocka_unit_test(host_spellings),        cmocka_unit_test(names_are_found),
        cmocka_unit_test(like_the_naive_search), cmocka_unit_test(deep_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
