/* What stands beside the weight: cohorts, the minted cookie, lists of users, the tester's token;
 * and precedence over any stack of them. */
#include "tests/unit/router/routes.h"

#define TOKEN "tester-token-0123"
#define EXTRA                                   \
    "\"override\": {\"token\": \"" TOKEN "\"}," \
    "\"sticky_cookie\": {\"secret\": \"0123456789abcdef\"},"
#define ROUTE(name, rest) "{\"name\": \"" name "\", \"match\": {\"prefix\": \"/" name "\"}" rest "}"

struct request {
    struct arena arena;
    struct http_head head;
    struct route_query q;
};

static void begin(struct request *r, const char *path)
{
    static const unsigned char ip[4] = {192, 0, 2, 1};
    arena_begin(&r->arena, 65536);
    http_head_begin(&r->head, &r->arena, false);
    r->q = (struct route_query){
        .path = span_str(path), .head = &r->head, .client_ip = span_of(ip, sizeof(ip))};
}

static void with(struct request *r, const char *name, const char *value)
{
    assert_int_equal(http_head_add(&r->head, span_str(name), span_str(value)), ERR_OK);
}

static struct decision decide(const struct snapshot *s, struct request *r)
{
    struct decision d;
    memset(&d, 0xee, sizeof(d));
    assert_int_equal(route_decide(s, &r->q, &d), ERR_OK);
    return d;
}

static struct snapshot *snapshot_of(const char *routes)
{
    struct snapshot *s;
    assert_int_equal(snapshot_new(table_with(routes, EXTRA), 1, &s), ERR_OK);
    return s;
}

static struct decision of_user(const struct snapshot *s, const char *path, const char *user)
{
    struct request r;
    begin(&r, path);
    with(&r, "x-user", user);
    struct decision d = decide(s, &r);
    arena_end(&r.arena);
    return d;
}

/* --- cohorts --- */

#define BY_USER         ", \"new_percent\": 30, \"sticky\": [\"header:x-user\"]"
#define IN_COHORT(name) ", \"cohort\": \"" name "\"" BY_USER
#define TWO(a, b)       a "," b

static void cohorts_move_together(void **state)
{
    struct snapshot *s = snapshot_of(
        TWO(TWO(ROUTE("a", IN_COHORT("x")), ROUTE("b", IN_COHORT("x"))),
            TWO(ROUTE("c", IN_COHORT("y")), TWO(ROUTE("d", BY_USER), ROUTE("e", BY_USER)))));
    unsigned both[2] = {0, 0}; /* on new in x and y, in x and the common one */
    unsigned news = 0;
    UNUSED(state);
    for (unsigned i = 0; i < 5000; i++) {
        char user[16];
        (void)snprintf(user, sizeof(user), "u%u", i);
        struct decision a = of_user(s, "/a", user);
        assert_int_equal(a.bucket, of_user(s, "/b", user).bucket);
        assert_int_equal(of_user(s, "/d", user).bucket, of_user(s, "/e", user).bucket);
        assert_int_equal(of_user(s, "/d", user).bucket,
                         route_bucket(s->table->key[0], span_str(user))); /* as it ever was */
        news += a.side == SIDE_NEW;
        both[0] += a.side == SIDE_NEW && of_user(s, "/c", user).side == SIDE_NEW;
        both[1] += a.side == SIDE_NEW && of_user(s, "/d", user).side == SIDE_NEW;
    }
    assert_in_range(news, 1400, 1600);
    assert_in_range(both[0], 380, 520); /* 9 % of 5000: independent */
    assert_in_range(both[1], 380, 520);
    snapshot_free(&s);
}

/* --- the minted cookie --- */

static void cookie_of(const struct snapshot *s, const struct decision *d, struct buf *pair)
{
    assert_int_equal(route_cookie(s, d, pair), ERR_OK);
    assert_non_null(strstr(pair->p, "; Path=/; Max-Age=7776000; Secure; HttpOnly; SameSite=Lax"));
    pair->n = span_find(buf_span(pair), ';');
    pair->p[pair->n] = '\0';
}

static void minted_ids_stick(void **state)
{
    struct snapshot *s = snapshot_of(ROUTE("a", ", \"sticky\": [\"minted\"]"));
    UNUSED(state);
    for (unsigned i = 0; i < 50; i++) {
        struct request first, second;
        struct buf pair = BUF_INIT(0);
        begin(&first, "/a");
        struct decision d = decide(s, &first);
        assert_int_equal(strlen(d.minted), MINTED_ID_BYTES);
        cookie_of(s, &d, &pair);
        begin(&second, "/a");
        with(&second, "cookie", pair.p);
        struct decision again = decide(s, &second);
        assert_string_equal(again.minted, "");
        assert_int_equal(again.bucket, d.bucket);
        assert_string_equal(again.sticky, "minted");
        arena_end(&first.arena);
        arena_end(&second.arena);
        buf_free(&pair);
    }
    snapshot_free(&s);
}

/* Each byte of a good cookie, changed: as if there were none. */
static void forged_ids_count_for_nothing(void **state)
{
    struct snapshot *s = snapshot_of(ROUTE("a", ", \"sticky\": [\"minted\"]"));
    struct request first;
    struct buf pair = BUF_INIT(0);
    UNUSED(state);
    begin(&first, "/a");
    struct decision d = decide(s, &first);
    cookie_of(s, &d, &pair);
    for (size_t i = strlen("weir_id="); i < pair.n; i++) {
        struct request r;
        char was = pair.p[i];
        begin(&r, "/a");
        pair.p[i] = was == '0' ? '1' : '0';
        with(&r, "cookie", pair.p);
        assert_int_equal(strlen(decide(s, &r).minted), MINTED_ID_BYTES);
        pair.p[i] = was;
        arena_end(&r.arena);
    }
    arena_end(&first.arena);
    buf_free(&pair);
    snapshot_free(&s);
}

/* --- any stack of pins, overrides, lists and weights --- */

struct stack {
    enum pin own, global;
    unsigned token;  /* 0: none, 1: right, 2: wrong, 3: right as a cookie */
    enum side asked; /* with the token */
    unsigned list;   /* 0: none, 1: always_legacy, 2: always_new */
    uint16_t weight;
};

static void expected(const struct stack *k, unsigned bucket, enum side *side, enum reason *reason)
{
    enum pin pin = k->own != PIN_NONE ? k->own : k->global;
    if (pin != PIN_NONE) {
        *side = pin == PIN_NEW ? SIDE_NEW : SIDE_LEGACY;
        *reason = REASON_PIN;
    } else if (k->token == 1 || k->token == 3) {
        *side = k->asked;
        *reason = REASON_OVERRIDE;
    } else if (k->list != 0) {
        *side = k->list == 2 ? SIDE_NEW : SIDE_LEGACY;
        *reason = REASON_OVERRIDE;
    } else {
        *side = bucket < k->weight ? SIDE_NEW : SIDE_LEGACY;
        *reason = REASON_WEIGHT;
    }
}

static void ask(struct request *r, const struct stack *k, unsigned user)
{
    static const char *const names[] = {"u", "old-", "new-"};
    char name[32];
    char cookie[64];
    begin(r, "/a");
    (void)snprintf(name, sizeof(name), "%s%u", names[k->list], k->list == 0 ? user : user % 50);
    (void)snprintf(cookie, sizeof(cookie), "weir_route=%s; weir_token=" TOKEN, side_word(k->asked));
    with(r, "x-user", arena_copy(&r->arena, span_of(name, strlen(name) + 1)));
    if (k->token == 1 || k->token == 2) {
        with(r, "X-Weir-Route", side_word(k->asked));
        with(r, "x-weir-token", k->token == 1 ? TOKEN : "tester-token-0124");
    } else if (k->token == 3) {
        with(r, "cookie", arena_copy(&r->arena, span_of(cookie, strlen(cookie) + 1)));
    }
}

static struct snapshot *snapshot_with_lists(void)
{
    struct buf routes = BUF_INIT(0);
    assert_int_equal(buf_printf(&routes, "{\"name\": \"a\", \"match\": {\"prefix\": \"/a\"},"
                                         "\"sticky\": [\"header:x-user\"]"),
                     ERR_OK);
    for (unsigned side = 0; side < 2; side++) {
        assert_int_equal(buf_printf(&routes, ", \"always_%s\": [", side == 0 ? "legacy" : "new"),
                         ERR_OK);
        for (unsigned i = 0; i < 50; i++)
            assert_int_equal(
                buf_printf(&routes, "%s\"%s-%u\"", i == 0 ? "" : ",", side == 0 ? "old" : "new", i),
                ERR_OK);
        assert_int_equal(buf_printf(&routes, "]"), ERR_OK);
    }
    assert_int_equal(buf_printf(&routes, "}"), ERR_OK);
    struct snapshot *s = snapshot_of(routes.p);
    buf_free(&routes);
    return s;
}

static void precedence_of_any_stack(void **state)
{
    struct snapshot *s = snapshot_with_lists();
    uint64_t seed = 7;
    UNUSED(state);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t x = next_random(&seed);
        static const uint16_t weights[] = {0, 1, 5000, 9999, 10000};
        const struct stack k = {.own = (enum pin)(x % 3),
                                .global = (enum pin)(x / 3 % 3),
                                .token = (unsigned)(x / 9 % 4),
                                .asked = x / 36 % 2 == 0 ? SIDE_LEGACY : SIDE_NEW,
                                .list = (unsigned)(x / 72 % 3),
                                .weight = weights[x / 216 % ARRAY_LEN(weights)]};
        struct request r;
        enum side side;
        enum reason reason;
        s->pin = k.global;
        s->states[0].pin = (uint8_t)k.own;
        s->states[0].weight = k.weight;
        ask(&r, &k, (unsigned)(x >> 40));
        struct decision d = decide(s, &r);
        expected(&k, d.bucket, &side, &reason);
        if (d.side != side || d.reason != reason)
            fail_msg("own %d, global %d, token %u, list %u, weight %u: %s by %s", k.own, k.global,
                     k.token, k.list, k.weight, side_word(d.side), reason_word(d.reason));
        arena_end(&r.arena);
    }
    snapshot_free(&s);
}

static void no_token_no_choice(void **state)
{
    struct snapshot *s;
    struct request r;
    UNUSED(state);
    assert_int_equal(snapshot_new(table_of(ROUTE("a", "")), 1, &s), ERR_OK);
    begin(&r, "/a");
    with(&r, "x-weir-route", "new");
    with(&r, "x-weir-token", "");
    struct decision d = decide(s, &r);
    assert_int_equal(d.side, SIDE_LEGACY);
    assert_int_equal(d.reason, REASON_WEIGHT);
    arena_end(&r.arena);
    snapshot_free(&s);
}

/* Whoever is on new stays there as the weight grows, in every cohort. */
static void weights_only_add(void **state)
{
    struct snapshot *s =
        snapshot_of(ROUTE("a", ", \"cohort\": \"x\", \"sticky\": [\"header:x-user\"]"));
    UNUSED(state);
    for (unsigned i = 0; i < 300; i++) {
        char user[16];
        bool was_new = false;
        (void)snprintf(user, sizeof(user), "u%u", i);
        for (unsigned w = 0; w <= WEIGHT_ALL; w += 125) {
            s->states[0].weight = (uint16_t)w;
            bool is_new = of_user(s, "/a", user).side == SIDE_NEW;
            assert_true(is_new || !was_new);
            was_new = is_new;
            assert_true(w > 0 || !is_new);
        }
        assert_true(was_new);
    }
    snapshot_free(&s);
}

static void both_lists_are_refused(void **state)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    struct route_table *t;
    UNUSED(state);
    assert_int_equal(parse_routes(ROUTE("a", ", \"sticky\": [\"cookie:u\"], \"always_new\": "
                                             "[\"x\", \"y\"], \"always_legacy\": [\"y\"]"),
                                  "", &c),
                     ERR_OK);
    assert_int_equal(route_table_new(c, &t, &wrong), ERR_CONFIG);
    assert_int_equal(wrong.n, 1);
    assert_string_equal(wrong.list[0].what, "\"y\" is on always_legacy too");
    complaints_free(&wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cohorts_move_together),        cmocka_unit_test(minted_ids_stick),
        cmocka_unit_test(forged_ids_count_for_nothing), cmocka_unit_test(precedence_of_any_stack),
        cmocka_unit_test(no_token_no_choice),           cmocka_unit_test(weights_only_add),
        cmocka_unit_test(both_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
