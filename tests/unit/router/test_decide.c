/* Precedence, and where the sticky key comes from. */
#include "tests/unit/router/routes.h"

struct request {
    struct arena arena;
    struct http_head head;
    struct route_query q;
};

static const unsigned char ip4[4] = {192, 0, 2, 1};
static const unsigned char mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
static const unsigned char ip6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

static void request_begin(struct request *r, const char *path)
{
    arena_begin(&r->arena, 65536);
    http_head_begin(&r->head, &r->arena, false);
    r->q = (struct route_query){
        .path = span_str(path), .head = &r->head, .client_ip = span_of(ip4, sizeof(ip4))};
}

static void with(struct request *r, const char *name, const char *value)
{
    assert_int_equal(http_head_add(&r->head, span_str(name), span_str(value)), ERR_OK);
}

static void request_end(struct request *r)
{
    arena_end(&r->arena);
}

static struct snapshot *snapshot_of(const char *routes)
{
    struct snapshot *s;
    assert_int_equal(snapshot_new(table_of(routes), 5, &s), ERR_OK);
    return s;
}

static struct decision decide(const struct snapshot *s, const struct request *r)
{
    struct decision d;
    memset(&d, 0xee, sizeof(d)); /* whatever is not set is seen */
    assert_int_equal(route_decide(s, &r->q, &d), ERR_OK);
    assert_int_equal(d.epoch, 5);
    assert_true(d.bucket < WEIGHT_ALL);
    assert_int_equal(d.weight, s->states[d.route->index].weight);
    return d;
}

/* --- precedence --- */

static void pins_before_weights(void **state)
{
    /* own pin, global pin, weight -> side, reason */
    static const struct {
        enum pin own, global;
        uint16_t weight;
        enum side side;
        enum reason reason;
    } rows[] = {
        {PIN_NONE, PIN_NONE, 0, SIDE_LEGACY, REASON_WEIGHT},
        {PIN_NONE, PIN_NONE, WEIGHT_ALL, SIDE_NEW, REASON_WEIGHT},
        {PIN_NONE, PIN_LEGACY, WEIGHT_ALL, SIDE_LEGACY, REASON_PIN},
        {PIN_NONE, PIN_NEW, 0, SIDE_NEW, REASON_PIN},
        {PIN_LEGACY, PIN_NONE, WEIGHT_ALL, SIDE_LEGACY, REASON_PIN},
        {PIN_NEW, PIN_NONE, 0, SIDE_NEW, REASON_PIN},
        {PIN_LEGACY, PIN_NEW, WEIGHT_ALL, SIDE_LEGACY, REASON_PIN},
        {PIN_NEW, PIN_LEGACY, 0, SIDE_NEW, REASON_PIN},
        {PIN_NEW, PIN_NEW, 0, SIDE_NEW, REASON_PIN},
        {PIN_LEGACY, PIN_LEGACY, WEIGHT_ALL, SIDE_LEGACY, REASON_PIN},
    };
    struct request r;
    UNUSED(state);
    struct snapshot *s = snapshot_of("{\"name\": \"a\", \"match\": {\"prefix\": \"/a\"}},"
                                     "{\"name\": \"b\", \"match\": {\"prefix\": \"/\"}}");
    request_begin(&r, "/a");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        s->pin = rows[i].global;
        s->states[0].pin = (uint8_t)rows[i].own;
        s->states[0].weight = rows[i].weight;
        struct decision d = decide(s, &r);
        assert_string_equal(d.route->config->name, "a");
        assert_int_equal(d.side, rows[i].side);
        assert_int_equal(d.reason, rows[i].reason);
    }
    s->pin = PIN_NONE; /* the pin of one route is not that of another */
    r.q.path = SPAN("/b");
    assert_int_equal(decide(s, &r).reason, REASON_WEIGHT);
    snapshot_free(&s);
    request_end(&r);
}

static void no_route(void **state)
{
    struct request r;
    struct decision d;
    UNUSED(state);
    struct snapshot *s = snapshot_of("{\"name\": \"a\", \"match\": {\"prefix\": \"/a\"}}");
    request_begin(&r, "/b");
    assert_int_equal(route_decide(s, &r.q, &d), ERR_NO_ROUTE);
    snapshot_free(&s);
    request_end(&r);
}

static void reasons_have_words(void **state)
{
    static const char *const words[] = {"pin",    "guardrail", "override",
                                        "weight", "fallback",  "only_healthy"};
    UNUSED(state);
    assert_int_equal(ARRAY_LEN(words), REASON_COUNT);
    for (enum reason r = 0; r < REASON_COUNT; r++)
        assert_string_equal(reason_word(r), words[r]);
}

/* --- sticky keys --- */

static unsigned bucket_of(const struct snapshot *s, const void *p, size_t n)
{
    return route_bucket(s->table->key[0], span_of(p, n));
}

#define CHAIN(list) "{\"name\": \"a\", \"match\": {\"prefix\": \"/\"}, \"sticky\": [" list "]}"

static void first_source_that_is_present(void **state)
{
    struct request r;
    UNUSED(state);
    struct snapshot *s = snapshot_of(CHAIN("\"header:X-User-Id\", \"cookie:session\", \"ip\""));
    request_begin(&r, "/");
    struct decision d = decide(s, &r);
    assert_string_equal(d.sticky, "ip");
    assert_int_equal(d.bucket, bucket_of(s, ip4, 4));

    with(&r, "Cookie", "a=b; session=alice; c=d");
    d = decide(s, &r);
    assert_string_equal(d.sticky, "cookie:session");
    assert_int_equal(d.bucket, bucket_of(s, "alice", 5));

    with(&r, "x-user-ID", "bob");
    d = decide(s, &r);
    assert_string_equal(d.sticky, "header:X-User-Id");
    assert_int_equal(d.bucket, bucket_of(s, "bob", 3));
    snapshot_free(&s);
    request_end(&r);
}

/* Everybody without a session would share one bucket. */
static void empty_values_do_not_count(void **state)
{
    struct request r;
    UNUSED(state);
    struct snapshot *s = snapshot_of(CHAIN("\"header:x-user-id\", \"cookie:session\""));
    request_begin(&r, "/");
    with(&r, "x-user-id", "");
    with(&r, "cookie", "session=");
    struct decision d = decide(s, &r);
    assert_string_equal(d.sticky, "ip"); /* not in the chain, but always there */
    assert_int_equal(d.bucket, bucket_of(s, ip4, 4));
    r.q.head = NULL;
    assert_int_equal(decide(s, &r).bucket, bucket_of(s, ip4, 4));
    r.q.client_ip = SPAN_NULL;
    assert_int_equal(decide(s, &r).bucket, bucket_of(s, "", 0));
    snapshot_free(&s);
    request_end(&r);
}

/* A field weir knows by number is found too. */
static void known_fields(void **state)
{
    struct request r;
    UNUSED(state);
    struct snapshot *s = snapshot_of(CHAIN("\"header:Authorization\""));
    request_begin(&r, "/");
    with(&r, "authorization", "Bearer x");
    assert_int_equal(decide(s, &r).bucket, bucket_of(s, "Bearer x", 8));
    http_head_drop(&r.head, HTTP_AUTHORIZATION);
    assert_string_equal(decide(s, &r).sticky, "ip");
    snapshot_free(&s);
    request_end(&r);
}

static void addresses(void **state)
{
    struct request r;
    UNUSED(state);
    struct snapshot *s = snapshot_of(CHAIN("\"ip\""));
    request_begin(&r, "/a/b");
    assert_int_equal(decide(s, &r).bucket, 5897); /* by another implementation, see test_split.c */
    r.q.client_ip = span_of(mapped, sizeof(mapped));
    assert_int_equal(decide(s, &r).bucket, 5897);
    r.q.client_ip = span_of(ip6, sizeof(ip6));
    assert_int_equal(decide(s, &r).bucket, 1192);
    snapshot_free(&s);
    s = snapshot_of(CHAIN("\"ip+uri\""));
    r.q.client_ip = span_of(ip4, sizeof(ip4));
    struct decision d = decide(s, &r);
    assert_int_equal(d.bucket, 9218);
    assert_string_equal(d.sticky, "ip+uri");
    r.q.client_ip = span_of(mapped, sizeof(mapped));
    assert_int_equal(decide(s, &r).bucket, 9218);
    r.q.path = SPAN("/a/c");
    assert_int_not_equal(decide(s, &r).bucket, 9218);
    snapshot_free(&s);
    request_end(&r);
}

static void lots_are_drawn_once(void **state)
{
    struct request r;
    struct decision again;
    UNUSED(state);
    struct snapshot *s = snapshot_of("{\"name\": \"a\", \"match\": {\"prefix\": \"/\"},"
                                     " \"sticky\": [\"random\"], \"new_percent\": 50},"
                                     "{\"name\": \"b\", \"match\": {\"prefix\": \"/b\"},"
                                     " \"sticky\": [\"header:x-user\"], \"new_percent\": 50}");
    request_begin(&r, "/");
    for (unsigned i = 0; i < 200; i++) {
        struct decision was = decide(s, &r);
        assert_int_equal(route_decide_again(s, &r.q, &was, &again), ERR_OK);
        assert_int_equal(again.bucket, was.bucket);
        assert_int_equal(again.side, was.side);
    }
    request_end(&r);
    request_begin(&r, "/b");
    with(&r, "x-user", "u");
    struct decision was = decide(s, &r);
    uint16_t bucket = was.bucket;
    was.bucket = (uint16_t)(bucket / 2);
    assert_int_equal(route_decide_again(s, &r.q, &was, &again), ERR_OK);
    assert_int_equal(again.bucket, bucket); /* a user's is what it is now */
    snapshot_free(&s);
    request_end(&r);
}

static void random_is_even(void **state)
{
    enum { ROUNDS = 20000 };
    struct request r;
    unsigned news = 0;
    unsigned shadows = 0;
    unsigned both = 0;
    UNUSED(state);
    struct snapshot *s = snapshot_of("{\"name\": \"a\", \"match\": {\"prefix\": \"/\"},"
                                     " \"sticky\": [\"random\"], \"new_percent\": 50,"
                                     " \"shadow\": {\"percent\": 50}}");
    request_begin(&r, "/");
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct decision d = decide(s, &r);
        assert_string_equal(d.sticky, "random");
        news += d.side == SIDE_NEW;
        shadows += d.shadow;
        both += d.shadow && d.side == SIDE_NEW;
    }
    /* Eight standard deviations: it is random, but it does not fail in a lifetime. */
    assert_true(news > ROUNDS / 2 - 566 && news < ROUNDS / 2 + 566);
    assert_true(shadows > ROUNDS / 2 - 566 && shadows < ROUNDS / 2 + 566);
    assert_true(both > ROUNDS / 4 - 490 && both < ROUNDS / 4 + 490);
    snapshot_free(&s);
    request_end(&r);
}

/* --- shadow --- */

static void whole_users_are_mirrored(void **state)
{
    static const char routes[] = "{\"name\": \"none\", \"match\": {\"prefix\": \"/none\"}},"
                                 "{\"name\": \"some\", \"match\": {\"prefix\": \"/some\"},"
                                 " \"sticky\": [\"header:x-user\"], \"shadow\": {\"percent\": 20}},"
                                 "{\"name\": \"all\", \"match\": {\"prefix\": \"/all\"},"
                                 " \"shadow\": {\"percent\": 100}}";
    struct request r;
    unsigned n = 0;
    UNUSED(state);
    struct snapshot *s = snapshot_of(routes);
    request_begin(&r, "/");
    with(&r, "x-user", "");
    for (unsigned i = 0; i < 10000; i++) {
        char user[32];
        r.head.fields[0].value = span_of(user, (size_t)snprintf(user, sizeof(user), "u%u", i));
        r.q.path = SPAN("/none");
        assert_false(decide(s, &r).shadow);
        r.q.path = SPAN("/all");
        assert_true(decide(s, &r).shadow);
        r.q.path = SPAN("/some/1");
        bool shadow = decide(s, &r).shadow;
        r.q.path = SPAN("/some/2");
        assert_int_equal(decide(s, &r).shadow, shadow);
        assert_int_equal(shadow, route_bucket(s->table->key[1], r.head.fields[0].value) < 2000);
        n += shadow;
    }
    assert_true(n > 1800 && n < 2200);
    snapshot_free(&s);
    request_end(&r);
}

static struct snapshot *mirroring(unsigned percent)
{
    char routes[1024];
    (void)snprintf(routes, sizeof(routes),
                   "{\"name\": \"one\", \"match\": {\"prefix\": \"/one\"}, \"new_percent\": 30,"
                   " \"sticky\": [\"header:x-user\"], \"shadow\": {\"percent\": %u}},"
                   "{\"name\": \"two\", \"match\": {\"prefix\": \"/two\"}, \"cohort\": \"other\","
                   " \"sticky\": [\"header:x-user\"], \"shadow\": {\"percent\": %u}}",
                   percent, percent);
    return snapshot_of(routes);
}

/* For users and shares by chance: a session is mirrored on all routes of one share or on none, a
 * larger share only adds users, and who is mirrored says nothing about who goes to new. */
static void the_mirrored_share_is_a_cohort(void **state)
{
    enum { USERS = 20000, SHARES = 6 };
    static const unsigned shares[SHARES] = {1, 7, 20, 50, 80, 99};
    struct snapshot *s[SHARES];
    struct request r;
    uint64_t chance = 7;
    unsigned mirrored[SHARES] = {0}, to_new[SHARES] = {0};
    UNUSED(state);
    for (size_t i = 0; i < SHARES; i++)
        s[i] = mirroring(shares[i]);
    request_begin(&r, "/");
    with(&r, "x-user", "");
    for (unsigned u = 0; u < USERS; u++) {
        char user[32];
        int n = snprintf(user, sizeof(user), "%llx", (unsigned long long)next_random(&chance));
        bool before = false;
        r.head.fields[0].value = span_of(user, (size_t)n);
        for (size_t i = 0; i < SHARES; i++) {
            r.q.path = SPAN("/one/page");
            struct decision one = decide(s[i], &r);
            r.q.path = SPAN("/two");
            struct decision two = decide(s[i], &r);
            s[i]->pin = u % 2 == 0 ? PIN_NEW : PIN_NONE;
            assert_int_equal(decide(s[i], &r).shadow, two.shadow); /* whoever serves */
            s[i]->pin = PIN_NONE;
            assert_int_equal(one.shadow, two.shadow);
            assert_true(one.shadow || !before);
            before = one.shadow;
            mirrored[i] += one.shadow;
            to_new[i] += one.shadow && one.side == SIDE_NEW;
        }
    }
    for (size_t i = 0; i < SHARES; i++) {
        double share = (double)mirrored[i] / USERS, expected = shares[i] / 100.0;
        assert_true(share > expected - 0.02 && share < expected + 0.02);
        double split = (double)to_new[i] / mirrored[i];
        double room = shares[i] == 1 ? 0.15 : 0.06;
        assert_true(split > 0.3 - room && split < 0.3 + room);
        snapshot_free(&s[i]);
    }
    request_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pins_before_weights),
        cmocka_unit_test(no_route),
        cmocka_unit_test(reasons_have_words),
        cmocka_unit_test(first_source_that_is_present),
        cmocka_unit_test(empty_values_do_not_count),
        cmocka_unit_test(known_fields),
        cmocka_unit_test(addresses),
        cmocka_unit_test(lots_are_drawn_once),
        cmocka_unit_test(random_is_even),
        cmocka_unit_test(whole_users_are_mirrored),
        cmocka_unit_test(the_mirrored_share_is_a_cohort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
