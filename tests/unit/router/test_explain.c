/* What `weir explain` says, word for word. */
#include "tests/unit/router/routes.h"

static const char routes[] =
    "{\"name\": \"half\", \"match\": {\"prefix\": \"/half/\", \"host\": \"shop.example\"},"
    " \"new_percent\": 50, \"sticky\": [\"header:x-user-id\", \"ip\"], \"shadow\": {\"percent\": "
    "100}},"
    "{\"name\": \"exact\", \"match\": {\"path\": \"/exact\"}, \"new_percent\": 12.5},"
    "{\"name\": \"writes\", \"match\": {\"path\": \"/writes\"},"
    " \"shadow\": {\"percent\": 100, \"unsafe\": \"sandbox\"}}";

static struct snapshot *snapshot_of_routes(void)
{
    struct snapshot *s = NULL;
    assert_int_equal(snapshot_new(table_of(routes), 7, &s), ERR_OK);
    return s;
}

static void says(const struct snapshot *s, const struct explain_request *r, enum err e,
                 const char *expected)
{
    struct complaints wrong = {.n = 0};
    struct buf text = BUF_INIT(0);
    struct decision d;
    assert_int_equal(route_explain(s, r, &d, &text, &wrong), e);
    assert_int_equal(buf_append(&text, span_of("", 1)), ERR_OK);
    assert_string_equal(text.p, expected);
    assert_int_equal(wrong.n, 0);
    buf_free(&text);
}

static void decisions_in_words(void **state)
{
    static const char *const user[] = {"X-User-Id: user-3"};
    static const char *const host[] = {"Host: shop.example:8443"};
    struct snapshot *s = snapshot_of_routes();
    UNUSED(state);
    says(s,
         &(struct explain_request){
             .url = "https://shop.example/x/../half/%41?q", .headers = user, .nheaders = 1},
         ERR_OK,
         "request  GET /x/../half/%41?q at shop.example, matched as /half/A\n"
         "route    half: prefix /half/ of host shop.example\n"
         "bucket   1846 of 0..9999, by header:x-user-id\n"
         "goes to  new, backend b\n"
         "reason   weight: bucket 1846 is below 5000: 50 % for new, as configured (epoch 7)\n"
         "shadow   a copy goes to legacy, backend a, and is compared\n");
    says(s,
         &(struct explain_request){
             .url = "/half/", .method = "POST", .headers = host, .nheaders = 1, .ip = "192.0.2.7"},
         ERR_OK,
         "request  POST /half/ at shop.example:8443\n"
         "route    half: prefix /half/ of host shop.example\n"
         "bucket   8698 of 0..9999, by ip\n"
         "goes to  legacy, backend a\n"
         "reason   weight: bucket 8698 is not below 5000: 50 % for new, as configured (epoch 7)\n"
         "shadow   none: only GET, HEAD and OPTIONS are mirrored\n");
    says(s, &(struct explain_request){.url = "/writes", .method = "POST", .ip = "192.0.2.7"},
         ERR_OK,
         "request  POST /writes\n"
         "route    writes: path /writes\n"
         "bucket   8698 of 0..9999, by ip\n"
         "goes to  legacy, backend a\n"
         "reason   weight: bucket 8698 is not below 0: 0 % for new, as configured (epoch 7)\n"
         "shadow   a copy goes to new, backend b, as long as that confirms to be a sandbox, and is "
         "compared\n");
    says(s, &(struct explain_request){.url = "/half/"}, ERR_NO_ROUTE,
         "request  GET /half/\nroute    none matches: weir answers 404 (no_route)\n");
    s->states[1].weight = 1;
    s->states[1].weight_from_control = true;
    says(s, &(struct explain_request){.url = "/exact", .ip = "::ffff:192.0.2.7"}, ERR_OK,
         "request  GET /exact\n"
         "route    exact: path /exact\n"
         "bucket   8698 of 0..9999, by ip\n"
         "goes to  legacy, backend a\n"
         "reason   weight: bucket 8698 is not below 1: 0.01 % for new, by the control document "
         "(epoch 7)\n"
         "shadow   none: the route mirrors nothing\n");
    s->states[1].pin = PIN_NEW;
    says(s, &(struct explain_request){.url = "/exact"}, ERR_OK,
         "request  GET /exact\n"
         "route    exact: path /exact\n"
         "bucket   6188 of 0..9999, by ip\n"
         "goes to  new, backend b\n"
         "reason   pin: the route is pinned to new (epoch 7)\n"
         "shadow   none: the route mirrors nothing\n");
    s->pin = PIN_LEGACY;
    s->states[1].pin = PIN_NONE;
    says(s, &(struct explain_request){.url = "/exact"}, ERR_OK,
         "request  GET /exact\n"
         "route    exact: path /exact\n"
         "bucket   6188 of 0..9999, by ip\n"
         "goes to  legacy, backend a\n"
         "reason   pin: everything is pinned to legacy (epoch 7)\n"
         "shadow   none: the route mirrors nothing\n");
    snapshot_free(&s);
}

static void conditions_in_words(void **state)
{
    static const char *const beta[] = {"x-beta: 1"};
    struct snapshot *s = NULL;
    UNUSED(state);
    assert_int_equal(
        snapshot_new(
            table_of("{\"name\": \"all\", \"match\": {\"prefix\": \"/n/\"}},"
                     "{\"name\": \"num\", \"match\": {\"prefix\": \"/n/\", \"regex\": \"[0-9]$\"}},"
                     "{\"name\": \"beta\", \"match\": {\"prefix\": \"/n/\", \"host\": \"*.x\","
                     " \"methods\": [\"GET\", \"PUT\"], \"headers\": [{\"name\": \"x-beta\","
                     " \"value\": \"1\"}], \"query\": [{\"name\": \"v\", \"regex\": \"^2\"}]}}"),
            1, &s),
        ERR_OK);
    says(s, &(struct explain_request){.url = "a.x/n/7?v=1", .headers = beta, .nheaders = 1}, ERR_OK,
         "request  GET /n/7?v=1 at a.x\n"
         "not      beta: prefix /n/ of host *.x, GET|PUT, header x-beta = 1, query v ~ ^2\n"
         "route    num: prefix /n/ ~ [0-9]$\n"
         "bucket   6188 of 0..9999, by ip\n"
         "goes to  legacy, backend a\n"
         "reason   weight: bucket 6188 is not below 0: 0 % for new, as configured (epoch 1)\n"
         "shadow   none: the route mirrors nothing\n");
    snapshot_free(&s);
}

static void what_is_no_request(void **state)
{
    static const char *const bad_header[] = {"no colon"};
    const struct explain_request bad[] = {
        {.url = "/%zz"},
        {.url = "/", .method = ""},
        {.url = "/", .ip = "here"},
        {.url = "/", .headers = bad_header, .nheaders = 1},
    };
    struct snapshot *s = snapshot_of_routes();
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct complaints wrong = {.n = 0};
        struct buf text = BUF_INIT(0);
        struct decision d;
        assert_int_equal(route_explain(s, &bad[i], &d, &text, &wrong), ERR_INVALID);
        assert_int_equal(wrong.n, 1);
        complaints_free(&wrong);
        buf_free(&text);
    }
    snapshot_free(&s);
}

static enum err explain_once(void *arg)
{
    static const char *const user[] = {"X-User-Id: user-3"};
    const struct explain_request r = {
        .url = "shop.example/half/%41", .headers = user, .nheaders = 1};
    struct complaints wrong = {.n = 0};
    struct buf text = BUF_INIT(0);
    struct decision d;
    enum err e = route_explain(arg, &r, &d, &text, &wrong);
    complaints_free(&wrong);
    buf_free(&text);
    return e;
}

static void memory_may_run_out(void **state)
{
    struct snapshot *s = snapshot_of_routes();
    UNUSED(state);
    alloc_walk(explain_once, s);
    snapshot_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions_in_words),
        cmocka_unit_test(conditions_in_words),
        cmocka_unit_test(what_is_no_request),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
