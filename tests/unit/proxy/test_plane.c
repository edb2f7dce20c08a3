/* Preparing a table: addresses, bad TLS files, and memory that runs out at every step. */
#include "tests/unit/fail_alloc.h"

#include "base/metrics.h"
#include "proxy/plane.h"
#include "proxy/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static struct route_table *table_of(const char *text)
{
    struct config *c = NULL;
    struct route_table *t = NULL;
    struct complaints wrong = {.n = 0};
    assert_int_equal(config_parse(span_str(text), "test", &c, &wrong), ERR_OK);
    assert_int_equal(route_table_new(c, &t, &wrong), ERR_OK);
    return t;
}

#define REST                                                                                    \
    "\"backends\": {\"old\": {\"servers\": [\"127.0.0.1:81\", \"[::1]:82\"]},"                  \
    "               \"new\": {\"servers\": [\"127.0.0.1:83\"], \"tls\": {\"verify\": false}}}," \
    "\"defaults\": {\"legacy\": \"old\", \"new\": \"new\"},"                                    \
    "\"routes\": [{\"name\": \"r\", \"match\": {\"prefix\": \"/\"},"                            \
    "              \"shadow\": {\"percent\": 100, \"ignore\": [\"$.at\"]}}]}"

static const char good[] = "{\"listeners\": [{\"address\": \"127.0.0.1:0\"},"
                           "  {\"address\": \"*:0\", \"tls\": {\"certificates\": "
                           "[{\"self_signed\": [\"localhost\"]}]}}]," REST;

static const char bad_tls[] = "{\"listeners\": ["
                              "  {\"address\": \"127.0.0.1:1\", \"tls\": {\"certificates\": "
                              "[{\"cert\": \"/none.pem\", \"key\": \"/k\"}]}},"
                              "  {\"address\": \"127.0.0.1:2\", \"tls\": {\"certificates\": "
                              "[{\"cert\": \"/no.pem\", \"key\": \"/k\"}]}}]," REST;

static void texts(const struct address *a, const char *expected)
{
    char text[64];
    size_t n = address_text(a, text, sizeof(text));
    assert_string_equal(text, expected);
    assert_int_equal(n, strlen(expected));
}

static void a_table_is_prepared(void **state)
{
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    struct route_table *t = table_of(good);
    assert_int_equal(proxy_prepare(t, &wrong), ERR_OK);
    assert_int_equal(wrong.n, 0);
    const struct plane *p = t->attachment;
    assert_int_equal(p->backends[0].nservers, 2);
    texts(&p->backends[0].servers[0].addresses[0], "127.0.0.1:81");
    texts(&p->backends[0].servers[1].addresses[0], "[::1]:82");
    assert_null(p->backends[0].tls);
    assert_non_null(p->backends[1].tls);
    assert_null(p->listeners[0].tls);
    assert_non_null(p->listeners[1].tls);
    texts(&p->listeners[1].address, "[::]:0");
    assert_non_null(p->routes[0].rules);
    assert_string_not_equal(p->backends[0].identity, p->backends[1].identity);
    route_table_free(&t);
}

static void every_bad_file_is_told(void **state)
{
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    struct route_table *t = table_of(bad_tls);
    assert_int_equal(proxy_prepare(t, &wrong), ERR_CONFIG);
    assert_int_equal(wrong.n, 2);
    assert_string_equal(wrong.list[0].where, "test: $.listeners[0].tls.certificates[0]");
    assert_string_equal(wrong.list[1].where, "test: $.listeners[1].tls.certificates[0]");
    assert_null(t->attachment);
    complaints_free(&wrong);
    route_table_free(&t);
}

static void name_servers_are_addresses(void **state)
{
    static const char *const bad[] = {"dns.test:53", "unix:/run/dns"};
    UNUSED(state);
    for (size_t i = 0; i < 2; i++) {
        struct complaints wrong = {.n = 0};
        char text[1024];
        (void)snprintf(text, sizeof(text),
                       "{\"listeners\": [{\"address\": \"127.0.0.1:0\"}], \"resolver\": "
                       "{\"name_servers\": [\"127.0.0.1:53\", \"%s\"]}," REST,
                       bad[i]);
        struct route_table *t = table_of(text);
        assert_int_equal(proxy_prepare(t, &wrong), ERR_CONFIG);
        assert_int_equal(wrong.n, 1);
        assert_string_equal(wrong.list[0].where, "test: $.resolver.name_servers[1]");
        complaints_free(&wrong);
        route_table_free(&t);
    }
}

static enum err build(void *arg)
{
    struct complaints wrong = {.n = 0};
    struct route_table *t = arg;
    enum err e = proxy_prepare(t, &wrong);
    complaints_free(&wrong);
    if (e == ERR_OK) {
        t->attachment_free(t->attachment);
        t->attachment = NULL;
    }
    return e;
}

static void memory_may_run_out(void **state)
{
    UNUSED(state);
    struct route_table *t = table_of(good);
    /* The series are asked for again and again: they exist from the first successful walk on. */
    assert_int_equal(build(t), ERR_OK);
    alloc_walk(build, t);
    route_table_free(&t);
    metrics_reset();
}

static char *many_routes(size_t n)
{
    struct buf b = BUF_INIT(0);
    static const char head[] =
        "{\"listeners\": [{\"address\": \"127.0.0.1:0\"}],"
        "\"backends\": {\"old\": {\"servers\": [\"127.0.0.1:81\"]}, \"new\": {\"servers\": "
        "[\"127.0.0.1:83\"]}},"
        "\"defaults\": {\"legacy\": \"old\", \"new\": \"new\"}, \"routes\": [";
    assert_int_equal(buf_append(&b, span_str(head)), ERR_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_printf(&b,
                                    "%s{\"name\": \"m%zu\", \"match\": {\"prefix\": \"/%zu/\"}}",
                                    i == 0 ? "" : ", ", i, i),
                         ERR_OK);
    assert_int_equal(buf_append(&b, span_of("]}", 3)), ERR_OK);
    return b.p;
}

static void too_many_series_are_told_once(void **state)
{
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    struct route_table *known = table_of(good);
    assert_int_equal(build(known), ERR_OK);
    char *text = many_routes(METRICS_SERIES_MAX / 30);
    struct route_table *t = table_of(text);
    assert_int_equal(proxy_prepare(t, &wrong), ERR_CONFIG);
    assert_int_equal(wrong.n, 1);
    assert_string_equal(wrong.list[0].where, "test: $.routes");
    assert_non_null(strstr(wrong.list[0].what, "524288"));
    assert_null(t->attachment);
    assert_int_equal(build(known), ERR_OK); /* what was there before goes on */
    complaints_free(&wrong);
    route_table_free(&t);
    route_table_free(&known);
    free(text);
    metrics_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_prepared),           cmocka_unit_test(every_bad_file_is_told),
        cmocka_unit_test(name_servers_are_addresses),    cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(too_many_series_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
