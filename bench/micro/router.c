/* What a decision costs: with 10 routes, with 10,000, with the header, the cookie or the address as
 * sticky key. Paths differ from call to call, so that the tree is not always in the nearest cache.
 */
#include "router/router.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATHS = 4096 };

static unsigned rounds = 500; /* 1 in a test */

/* How the routes find their requests. */
enum match {
    MATCH_PREFIX,
    MATCH_PATH,  /* exact */
    MATCH_REGEX, /* and a prefix */
    MATCH_MIXED, /* a prefix; a third of them also asks for a header that is there, a third for a
                    regex */
};

#define REGEX  ",\"regex\":\"/items/[0-9]+$\""
#define HEADER ",\"headers\":[{\"name\":\"accept\",\"value\":\"*/*\"}]"

static const char *conditions_of(unsigned i, enum match how)
{
    if (how == MATCH_REGEX || (how == MATCH_MIXED && i % 3 == 2))
        return REGEX;
    return how == MATCH_MIXED && i % 3 == 1 ? HEADER : "";
}

static struct route_table *make_table(unsigned routes, const char *sticky, enum match how)
{
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    struct config *c;
    struct route_table *t;
    BUG_IF(buf_printf(&text,
                      "{\"listeners\":[{\"address\":\"*:80\"}],\"state_dir\":\"/tmp\","
                      "\"backends\":{\"a\":{\"servers\":[\"a:1\"]},\"b\":{\"servers\":"
                      "[\"b:1\"]}},\"defaults\":{\"legacy\":\"a\",\"new\":\"b\"},\"routes\":[") !=
           ERR_OK);
    for (unsigned i = 0; i < routes; i++)
        BUG_IF(buf_printf(&text,
                          "%s{\"name\":\"r%u\",\"match\":{\"%s\":\"/svc%u/api/v%u/%s\"%s},"
                          "\"new_percent\":10,\"sticky\":[\"%s\"]}",
                          i == 0 ? "" : ",", i, how == MATCH_PATH ? "path" : "prefix", i % 97, i,
                          how == MATCH_PATH ? "items" : "", conditions_of(i, how),
                          sticky) != ERR_OK);
    BUG_IF(buf_printf(&text, "]}") != ERR_OK);
    uint64_t start = clock_us();
    BUG_IF(config_parse(buf_span(&text), "bench", &c, &wrong) != ERR_OK);
    uint64_t parsed = clock_us();
    BUG_IF(route_table_new(c, &t, &wrong) != ERR_OK);
    printf("%6u routes: config %.1f ms, table %.1f ms\n", routes, (double)(parsed - start) / 1e3,
           (double)(clock_us() - parsed) / 1e3);
    buf_free(&text);
    return t;
}

static void make_paths(struct buf *text, struct span paths[PATHS], unsigned routes, enum match how)
{
    size_t at[PATHS + 1] = {0};
    srand(1);
    for (unsigned i = 0; i < PATHS; i++) {
        unsigned r = (unsigned)rand() % routes;
        BUG_IF(buf_printf(text, "/svc%u/api/v%u/items", r % 97, r) != ERR_OK);
        if (how != MATCH_PATH)
            BUG_IF(buf_printf(text, "/%d", rand() % 1000) != ERR_OK);
        at[i + 1] = text->n;
    }
    for (unsigned i = 0; i < PATHS; i++)
        paths[i] = span_of(text->p + at[i], at[i + 1] - at[i]);
}

static void report(const char *what, uint64_t us, unsigned ops)
{
    printf("  %-30s %6.1f ns\n", what, (double)us * 1e3 / ops);
}

static void decide_all(const struct snapshot *s, const struct span paths[PATHS],
                       const struct http_head *head, const char *what)
{
    const unsigned char ip[4] = {192, 0, 2, 1};
    struct decision d;
    unsigned news = 0;
    uint64_t start = clock_us();
    for (unsigned i = 0; i < rounds * PATHS; i++) {
        const struct route_query q = {.host = SPAN("api.example.com:443"),
                                      .path = paths[i % PATHS],
                                      .head = head,
                                      .client_ip = span_of(ip, sizeof(ip))};
        if (route_decide(s, &q, &d) == ERR_OK)
            news += d.side == SIDE_NEW;
    }
    report(what, clock_us() - start, rounds * PATHS);
    BUG_IF(news == rounds * PATHS);
}

static void measure(unsigned routes, const char *sticky, enum match how, const char *what)
{
    struct span paths[PATHS];
    struct buf text = BUF_INIT(0);
    struct arena arena;
    struct http_head head;
    struct snapshot *s;
    arena_begin(&arena, 65536);
    http_head_begin(&head, &arena, false);
    BUG_IF(http_head_add(&head, SPAN("accept"), SPAN("*/*")) != ERR_OK);
    BUG_IF(http_head_add(&head, SPAN("user-agent"), SPAN("curl/8.0")) != ERR_OK);
    BUG_IF(http_head_add(&head, SPAN("x-user-id"), SPAN("u-1234567890")) != ERR_OK);
    BUG_IF(http_head_add(&head, SPAN("cookie"), SPAN("a=b; c=d; session=0123456789abcdef")) !=
           ERR_OK);
    struct route_table *t = make_table(routes, sticky, how);
    BUG_IF(snapshot_new(t, 1, &s) != ERR_OK);
    make_paths(&text, paths, routes, how);
    decide_all(s, paths, &head, what);
    snapshot_free(&s);
    buf_free(&text);
    arena_end(&arena);
}

static void measure_bucket(void)
{
    const unsigned char key[16] = "0123456789abcde";
    char user[32] = "";
    unsigned sum = 0;
    uint64_t start = clock_us();
    for (unsigned i = 0; i < rounds * PATHS; i++) {
        memcpy(user, &i, sizeof(i));
        sum += route_bucket(key, span_of(user, 12));
    }
    report("bucket of a 12-byte key", clock_us() - start, rounds * PATHS);
    BUG_IF(sum == 0);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        rounds = 1;
    measure(10, "ip", MATCH_PREFIX, "prefix, by address");
    measure(10, "header:x-user-id", MATCH_PREFIX, "prefix, by header");
    measure(10, "cookie:session", MATCH_PREFIX, "prefix, by cookie");
    measure(10, "random", MATCH_PREFIX, "prefix, at random");
    for (unsigned routes = 10; routes <= 10000; routes *= routes == 10 ? 100 : 10) {
        measure(routes, "ip", MATCH_PATH, "exact path, by address");
        if (routes > 10)
            measure(routes, "ip", MATCH_PREFIX, "prefix, by address");
        measure(routes, "ip", MATCH_REGEX, "prefix and regex, by address");
        measure(routes, "ip", MATCH_MIXED, "mixed conditions, by address");
    }
    measure_bucket();
    return 0;
}
