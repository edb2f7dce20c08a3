/* What holds for any documents, orders and sequences of them: precedence, by an oracle; the epoch
 * only grows; no memory, no change. */
#include "tests/unit/control/rig_flip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fixed seed: a failure can be repeated. */
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t random_next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1d >> 16;
}

/* --- precedence: random stacks against a naive oracle --- */

static unsigned oracle(const struct config_route *r, const struct document *d)
{
    for (size_t i = 0; i < d->nroutes; i++)
        if (strcmp(d->routes[i].name, r->name) == 0 && d->routes[i].pin != PIN_NONE)
            return d->routes[i].pin == PIN_NEW ? 10000 : 0;
    if (d->pin != PIN_NONE)
        return d->pin == PIN_NEW ? 10000 : 0;
    for (size_t i = 0; i < d->nroutes; i++)
        if (strcmp(d->routes[i].name, r->name) == 0 && d->routes[i].weighs)
            return d->routes[i].weight;
    return r->new_weight;
}

static void random_document(struct buf *out, uint64_t epoch)
{
    static const char *const pins[] = {"", ", \"pin\": \"legacy\"", ", \"pin\": \"new\""};
    static const char *const names[] = {"a", "b", "c", "nowhere"};
    bool first = true;
    buf_free(out);
    assert_int_equal(buf_printf(out, "{\"epoch\": %llu%s, \"routes\": {", (unsigned long long)epoch,
                                pins[random_next() % 3]),
                     ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        uint64_t pick = random_next() % 4;
        if (pick == 0)
            continue;
        assert_int_equal(buf_printf(out, "%s\"%s\": {", first ? "" : ", ", names[i]), ERR_OK);
        first = false;
        if (pick & 1)
            assert_int_equal(buf_printf(out, "\"pin\": \"%s\"%s",
                                        random_next() % 2 ? "new" : "legacy",
                                        pick == 3 ? ", " : ""),
                             ERR_OK);
        if (pick & 2)
            assert_int_equal(
                buf_printf(out, "\"new_percent\": %g", (double)(random_next() % 10001) / 100.0),
                ERR_OK);
        assert_int_equal(buf_append(out, SPAN("}")), ERR_OK);
    }
    assert_int_equal(buf_append(out, span_of("}}", 3)), ERR_OK);
}

static void expect_precedence(const struct world *w, const char *text)
{
    static const char *const paths[] = {"/a/x", "/b/x", "/x"};
    for (size_t p = 0; p < ARRAY_LEN(paths); p++) {
        for (unsigned i = 0; i < 20; i++) {
            uint64_t ip = random_next();
            struct route_query q = {
                .host = SPAN("h"), .path = span_str(paths[p]), .client_ip = span_of(&ip, 4)};
            struct decision d;
            assert_int_equal(route_decide(router_current(w->router), &q, &d), ERR_OK);
            unsigned weight = oracle(d.route->config, w->flip.state.document);
            enum side want = d.bucket < weight ? SIDE_NEW : SIDE_LEGACY;
            if (d.side != want)
                fail_msg("%s: route %s, bucket %u went to %s", text, d.route->config->name,
                         d.bucket, side_word(d.side));
        }
    }
}

static void test_precedence(void **state)
{
    struct world w;
    struct buf text = BUF_INIT(0);
    UNUSED(state);
    world_begin(&w, NULL);
    for (uint64_t epoch = 2; epoch < 2002; epoch++) {
        random_document(&text, epoch);
        expect_applied(&w, text.p, epoch);
        expect_precedence(&w, text.p);
        router_reap(w.router);
    }
    buf_free(&text);
    world_end(&w);
}

/* Whatever sequence of values and orders: the epoch never falls, and never stays when something was
 * published. */
static void test_epoch_only_grows(void **state)
{
    static const char *const words[] = {"legacy", "new", "config", "rubbish"};
    struct world w;
    struct buf text = BUF_INIT(0);
    UNUSED(state);
    world_begin(&w, NULL);
    for (int i = 0; i < 3000; i++) {
        uint64_t before = w.flip.state.epoch;
        uint64_t seen = w.flip.state.seen;
        switch (random_next() % 6) {
        case 0:
            (void)see(&w, words[random_next() % 4]);
            break;
        case 1:
            (void)see(&w, NULL);
            break;
        case 2:
        case 3:
            random_document(&text, 1 + random_next() % (before + 2));
            (void)see(&w, text.p);
            break;
        case 4:
            complaints_free(&w.wrong);
            assert_int_equal(
                flip_change(&w.flip, random_next() % 2 ? &to_legacy : &to_new, 1, &w.wrong, &w.fx),
                ERR_OK);
            break;
        default:
            if (w.flip.state.pending)
                written(&w);
            else
                w.fx.outcome = FLIP_SAME;
        }
        bool grew = w.flip.state.epoch > before;
        assert_true(w.flip.state.epoch >= before && w.flip.state.seen >= seen);
        assert_int_equal(grew, w.fx.outcome == FLIP_APPLIED);
        assert_int_equal(router_current(w.router)->epoch, w.flip.state.epoch);
        router_reap(w.router);
    }
    buf_free(&text);
    world_end(&w);
}

/* --- no memory: nothing changes, and the next look tries again --- */

static void test_no_memory(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    for (long n = 1;; n++) {
        uint64_t epoch = w.flip.state.epoch;
        alloc_fail_at(n);
        enum flip_outcome o = see(&w, n % 2 ? "legacy" : "new");
        bool hit = alloc_failed();
        alloc_fail_at(0);
        if (o != FLIP_APPLIED)
            assert_int_equal(w.flip.state.epoch, epoch);
        assert_int_equal(see(&w, n % 2 ? "legacy" : "new"),
                         o == FLIP_APPLIED ? FLIP_SAME : FLIP_APPLIED);
        assert_int_equal(w.flip.state.epoch, epoch + 1);
        router_reap(w.router);
        if (!hit)
            break;
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_epoch_only_grows),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
