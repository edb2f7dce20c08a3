/* The rules of routing state, with a real router: which document is taken, which is refused, what
 * epoch it gets. */
#include "tests/unit/control/rig_flip.h"

#include <stdio.h>
#include <stdlib.h>

static const struct route_state *state_of(const struct world *w, const char *route)
{
    return &router_current(w->router)->states[route_find(w->flip.table, route)->index];
}

/* --- words and epochs --- */

static void test_start(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    assert_int_equal(w.flip.state.epoch, 1);
    assert_int_equal(w.flip.state.config.at_ms, 0);
    assert_int_equal(state_of(&w, "a")->weight, 1000);
    assert_int_equal(state_of(&w, "c")->weight, 10000);
    assert_false(state_of(&w, "a")->weight_from_control);
    assert_int_equal(see(&w, NULL), FLIP_SAME); /* nothing was ever applied: not worth a warning */
    world_end(&w);
}

static void test_words(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "legacy", 2);
    assert_int_equal(router_current(w.router)->pin, PIN_LEGACY);
    expect_same(&w, "legacy", 2);
    expect_applied(&w, "new\n", 3);
    assert_int_equal(router_current(w.router)->pin, PIN_NEW);
    expect_applied(&w, "config", 4);
    assert_int_equal(router_current(w.router)->pin, PIN_NONE);
    expect_applied(&w, "legacy", 5);
    world_end(&w);
}

static void test_epochs(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "{\"epoch\": 42, \"pin\": \"legacy\"}", 42);
    expect_same(&w, "{\"epoch\": 42, \"pin\": \"legacy\"}", 42);
    expect_same(&w, "{\"pin\": \"legacy\", \"epoch\": 42, \"by\": \"reformatted\"}", 42);
    expect_refused(&w, "{\"epoch\": 42, \"pin\": \"new\"}", ERR_CONTROL_CONFLICT);
    expect_refused(&w, "{\"epoch\": 41, \"pin\": \"new\"}", ERR_CONTROL_STALE);
    expect_refused(&w, "{\"epoch\": 41, \"pin\": \"legacy\"}", ERR_CONTROL_STALE);
    expect_applied(&w, "{\"epoch\": 43}", 43);
    expect_applied(&w, "{\"epoch\": 1000}", 1000);
    expect_applied(&w, "legacy", 1001);
    expect_refused(&w, "{\"epoch\": 1000}", ERR_CONTROL_STALE); /* it was before the word */
    expect_applied(&w, "{\"epoch\": 1001}", 1002);
    world_end(&w);
}

/* A refused value is looked at once, not at every poll; so the log has it once. */
static void test_refused_once(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_refused(&w, "legcy", ERR_CONTROL_MALFORMED);
    assert_int_equal(see(&w, "legcy"), FLIP_SAME);
    assert_int_equal(w.flip.refused, ERR_CONTROL_MALFORMED);
    expect_refused(&w, "legcy!", ERR_CONTROL_MALFORMED);
    expect_applied(&w, "legacy", 2);
    expect_refused(&w, "{\"epoch\": 1", ERR_CONTROL_MALFORMED);
    assert_int_equal(router_current(w.router)->pin, PIN_LEGACY);
    expect_same(&w, "legacy", 2); /* back to what was applied: no new instruction */
    world_end(&w);
}

static void test_missing(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "legacy", 2);
    assert_int_equal(see(&w, NULL), FLIP_HELD);
    assert_int_equal(router_current(w.router)->pin, PIN_LEGACY);
    assert_int_equal(see(&w, NULL), FLIP_SAME); /* said once */
    expect_applied(&w, "new", 3);
    world_end(&w);
}

static void test_unreadable(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "legacy", 2);
    for (int i = 0; i < 2; i++) {
        w.fx.err = ERR_CONTROL_WRONG_TYPE;
        flip_value(&w.flip, SIGHT_UNREADABLE, SPAN(""), "k", SOURCE_REDIS, 1, &w.wrong, &w.fx);
        assert_int_equal(w.fx.outcome, i == 0 ? FLIP_REFUSED : FLIP_SAME);
        assert_int_equal(w.flip.refused, ERR_CONTROL_WRONG_TYPE);
    }
    w.fx.err = ERR_CONTROL_TOO_LARGE;
    flip_value(&w.flip, SIGHT_UNREADABLE, SPAN(""), "k", SOURCE_REDIS, 1, &w.wrong, &w.fx);
    assert_int_equal(w.fx.outcome, FLIP_REFUSED);
    assert_int_equal(router_current(w.router)->pin, PIN_LEGACY);
    world_end(&w);
}

/* --- orders of operators, and the store beside them --- */

static void test_order_and_written(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "{\"epoch\": 42}", 42);
    order(&w, &to_legacy, 43);
    assert_int_equal(w.flip.state.seen, 42);
    written(&w);
    assert_false(w.flip.state.pending);
    assert_int_equal(w.flip.state.seen, 43);
    expect_refused(&w, "{\"epoch\": 43, \"pin\": \"new\"}", ERR_CONTROL_CONFLICT);
    world_end(&w);
}

/* Redis was away: what was ordered here goes in as soon as it is back, unless something newer is
 * there. */
static void test_pending(void **state)
{
    static const char before[] = "{\"epoch\": 42}";
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, before, 42);
    order(&w, &to_legacy, 43);
    expect_same(&w, before, 43);
    assert_true(w.fx.write);
    assert_int_equal(see(&w, NULL), FLIP_SAME); /* restarted empty */
    assert_true(w.fx.write);
    expect_refused(&w, "garbage", ERR_CONTROL_MALFORMED);
    assert_true(w.fx.write); /* an order may replace garbage */
    expect_refused(&w, "{\"epoch\": 7, \"pin\": \"new\"}", ERR_CONTROL_STALE);
    assert_true(w.fx.write);
    w.fx.err = ERR_CONTROL_WRONG_TYPE;
    flip_value(&w.flip, SIGHT_UNREADABLE, SPAN(""), "k", SOURCE_REDIS, 1, &w.wrong, &w.fx);
    assert_false(w.fx.write); /* but not somebody's list */
    w.fx.err = ERR_CONTROL_WRONG_TYPE;
    flip_value(&w.flip, SIGHT_UNREADABLE, SPAN(""), "k", SOURCE_REDIS, 1, &w.wrong, &w.fx);
    assert_false(w.fx.write);
    assert_true(w.flip.state.pending);
    world_end(&w);
}

static void test_overtaken(void **state)
{
    static const char *const newer[] = {"{\"epoch\": 43, \"pin\": \"new\"}",
                                        "{\"epoch\": 44, \"pin\": \"new\"}", "new"};
    struct world w;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(newer); i++) {
        world_begin(&w, NULL);
        expect_applied(&w, "{\"epoch\": 42}", 42);
        order(&w, &to_legacy, 43);
        assert_int_equal(see(&w, newer[i]), FLIP_APPLIED);
        assert_true(w.fx.overtaken);
        assert_false(w.flip.state.pending);
        assert_false(w.fx.write);
        assert_int_equal(router_current(w.router)->pin, PIN_NEW);
        assert_int_equal(w.flip.state.epoch, 44);
        world_end(&w);
    }
}

/* Two orders here, one there: ours has the higher epoch and replaces it. */
static void test_newer_here(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "{\"epoch\": 42}", 42);
    order(&w, &to_new, 43);
    order(&w, &to_legacy, 44);
    expect_same(&w, "{\"epoch\": 43, \"pin\": \"new\"}", 44);
    assert_true(w.fx.write);
    assert_int_equal(w.flip.state.seen, 43);
    assert_int_equal(router_current(w.router)->pin, PIN_LEGACY);
    world_end(&w);
}

/* The write arrived, its confirmation did not. */
static void test_confirmation_lost(void **state)
{
    struct world w;
    struct buf text = BUF_INIT(0);
    UNUSED(state);
    world_begin(&w, NULL);
    order(&w, &to_legacy, 2);
    assert_int_equal(document_render(w.flip.state.document, &text), ERR_OK);
    assert_int_equal(buf_append(&text, span_of("", 1)), ERR_OK);
    expect_same(&w, text.p, 2);
    assert_false(w.flip.state.pending);
    assert_false(w.fx.write);
    assert_int_equal(w.flip.state.seen, 2);
    buf_free(&text);
    world_end(&w);
}

/* While the first was being written, a second order came. */
static void test_write_in_flight(void **state)
{
    struct world w;
    struct buf text = BUF_INIT(0);
    UNUSED(state);
    world_begin(&w, NULL);
    order(&w, &to_legacy, 2);
    assert_int_equal(document_render(w.flip.state.document, &text), ERR_OK);
    order(&w, &to_new, 3);
    flip_written(&w.flip, 2, buf_span(&text), &w.fx);
    assert_true(w.flip.state.pending);
    assert_true(w.fx.write);
    buf_free(&text);
    world_end(&w);
}

static void test_unknown_route_in_order(void **state)
{
    /* One letter is near to nothing: the routes are called a, b and c. */
    struct change ch = {.what = CHANGE_PIN, .pin = PIN_NEW, .route = "aa"};
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    assert_int_equal(flip_change(&w.flip, &ch, 1, &w.wrong, &w.fx), ERR_CONTROL_UNKNOWN_ROUTE);
    assert_string_equal(w.wrong.list[0].right, "`weir status` lists the routes");
    assert_int_equal(w.flip.state.epoch, 1);
    assert_false(w.flip.state.pending);
    world_end(&w);
}

static void test_last_epoch(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "{\"epoch\": 9007199254740991}", 9007199254740991);
    assert_int_equal(flip_change(&w.flip, &to_legacy, 1, &w.wrong, &w.fx), ERR_TOO_LARGE);
    expect_applied(&w, "legacy", 9007199254740992); /* a word always works */
    world_end(&w);
}

/* --- routes a document names and the configuration does not have (yet) --- */

static void test_unknown_routes(void **state)
{
    struct world w;
    const char *names[2];
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w,
                   "{\"epoch\": 5, \"routes\": {\"a\": {\"pin\": \"legacy\"}, \"later\": {\"pin\": "
                   "\"legacy\"}}}",
                   5);
    assert_int_equal(state_of(&w, "a")->pin, PIN_LEGACY);
    assert_int_equal(flip_unknown(&w.flip, names, 2), 1);
    assert_string_equal(names[0], "later");
    /* An order for another route keeps it, and a reload that brings the route puts it into force.
     */
    struct change ch = {.what = CHANGE_WEIGHT, .weight = 1, .route = "b"};
    order(&w, &ch, 6);
    assert_int_equal(flip_unknown(&w.flip, names, 2), 1);
    struct route_table *t = world_table("{\"name\": \"later\", \"match\": {\"prefix\": \"/\"}}");
    assert_int_equal(flip_table(&w.flip, &t, NULL, 1, &w.fx), ERR_OK);
    assert_int_equal(state_of(&w, "later")->pin, PIN_LEGACY);
    assert_int_equal(flip_unknown(&w.flip, names, 2), 2); /* a and b are gone */
    router_reap(w.router);
    world_end(&w);
}

/* --- reloading --- */

static void reload(struct world *w, const char *routes, uint64_t epoch, bool rerouted)
{
    struct route_table *t = world_table(routes);
    const struct flip_reload by = {.by = "eve"};
    assert_int_equal(flip_table(&w->flip, &t, &by, 5000, &w->fx), ERR_OK);
    assert_int_equal(w->flip.state.epoch, epoch);
    assert_int_equal(router_current(w->router)->epoch, epoch);
    assert_int_equal(w->fx.rerouted, rerouted);
    router_reap(w->router);
}

static void test_reload(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "{\"epoch\": 42, \"routes\": {\"a\": {\"new_percent\": 50}}}", 42);
    reload(&w, NULL, 42, false);
    assert_int_equal(w.flip.state.config.at_ms, 0); /* it made no epoch */
    reload(&w,
           "{\"name\": \"a\", \"match\": {\"prefix\": \"/a/\"}, \"new_percent\": 20},"
           "{\"name\": \"x\", \"match\": {\"prefix\": \"/\"}, \"new_percent\": 30}",
           43, true);
    assert_int_equal(state_of(&w, "a")->weight, 5000);
    assert_true(state_of(&w, "a")->weight_from_control);
    assert_int_equal(state_of(&w, "x")->weight, 3000);
    assert_int_equal(w.flip.state.config.at_ms, 5000);
    assert_string_equal(w.flip.state.config.by, "eve");
    assert_string_equal(w.flip.state.config.why, "");
    assert_int_equal(w.flip.state.at_ms, 2000); /* the document's own */
    /* The reload used an epoch up here, but documents are not ordered by it: the fleet's next one
     * is good. */
    expect_applied(&w, "{\"epoch\": 43, \"pin\": \"legacy\"}", 44);
    assert_int_equal(w.flip.state.seen, 43);
    assert_int_equal(w.flip.state.config.at_ms, 0);
    world_end(&w);
}

/* --- undo --- */

static void undo(struct world *w, enum pin pin, size_t left)
{
    struct change by = {.by = "eve", .why = "oops"};
    assert_int_equal(flip_undo(&w->flip, &by, 4000, &w->wrong, &w->fx), ERR_OK);
    assert_int_equal(router_current(w->router)->pin, pin);
    assert_int_equal(w->flip.state.nundo, left);
    assert_string_equal(w->flip.state.document->by, "eve");
}

static void test_undo(void **state)
{
    struct world w;
    struct change none = {.by = NULL};
    UNUSED(state);
    world_begin(&w, NULL);
    assert_int_equal(flip_undo(&w.flip, &none, 1, &w.wrong, &w.fx), ERR_NOTHING_TO_UNDO);
    order(&w, &to_legacy, 2);
    order(&w, &to_legacy, 3); /* the same once more: not a page of its own */
    assert_int_equal(w.flip.state.nundo, 1);
    order(&w, &to_new, 4);
    expect_applied(&w, "config", 5);
    undo(&w, PIN_NEW, 2);
    undo(&w, PIN_LEGACY, 1);
    undo(&w, PIN_NONE, 0);
    assert_int_equal(flip_undo(&w.flip, &none, 1, &w.wrong, &w.fx), ERR_NOTHING_TO_UNDO);
    assert_int_equal(w.flip.state.epoch, 8);
    world_end(&w);
}

/* Another instance's undo turns the page back here, too; so a second undo, here, goes further back.
 */
static void test_undo_in_a_fleet(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "{\"epoch\": 10, \"pin\": \"legacy\"}", 10);
    expect_applied(&w, "{\"epoch\": 11, \"pin\": \"new\"}", 11);
    assert_int_equal(w.flip.state.nundo, 2);
    expect_applied(&w, "{\"epoch\": 12, \"pin\": \"legacy\", \"undoes\": 11}", 12);
    assert_int_equal(w.flip.state.nundo, 1);
    undo(&w, PIN_NONE, 0);
    world_end(&w);
}

/* --- restarting --- */

static void restart(struct world *w, const char *routes)
{
    struct buf text = BUF_INIT(0);
    struct route_table *t = world_table(routes);
    struct world next = {.router = NULL};
    assert_int_equal(state_render(&w->flip.state, &text), ERR_OK);
    world_end(w);
    assert_int_equal(router_new(1, &next.router), ERR_OK);
    flip_begin(&next.flip, next.router);
    assert_int_equal(state_parse(buf_span(&text), "s", &next.flip.state, &next.wrong), ERR_OK);
    assert_int_equal(flip_table(&next.flip, &t, NULL, 9000, &next.fx), ERR_OK);
    *w = next;
    w->flip.router = w->router;
    buf_free(&text);
}

static void test_restart(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "legacy", 2);
    restart(&w, NULL);
    assert_int_equal(w.flip.state.epoch, 2);
    assert_int_equal(router_current(w.router)->pin, PIN_LEGACY); /* before Redis was asked */
    expect_same(&w, "legacy", 2); /* the word is not a new instruction */
    expect_applied(&w, "{\"epoch\": 3, \"pin\": \"new\"}", 3);
    restart(&w, NULL);
    expect_same(&w, "{\"epoch\": 3, \"pin\": \"new\"}", 3);
    assert_int_equal(see(&w, NULL), FLIP_HELD);
    restart(&w, "{\"name\": \"other\", \"match\": {\"prefix\": \"/\"}}");
    assert_int_equal(w.flip.state.epoch, 4); /* the configuration changed meanwhile */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(w.flip.state.config.at_ms, 9000);
        assert_string_equal(w.flip.state.config.why, "another configuration at the start");
        restart(&w, "{\"name\": \"other\", \"match\": {\"prefix\": \"/\"}}");
    }
    assert_int_equal(w.flip.state.epoch, 4);
    world_end(&w);
}

static void test_restart_pending(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "new", 2);
    order(&w, &to_legacy, 3);
    restart(&w, NULL);
    assert_true(w.flip.state.pending);
    expect_same(&w, "new", 3); /* the old word must not overrule the order given since */
    assert_true(w.fx.write);
    assert_int_equal(router_current(w.router)->pin, PIN_LEGACY);
    world_end(&w);
}

/* --- a store that lost what it held --- */

static const char at_41[] = "{\"epoch\": 41, \"pin\": \"new\"}";
static const char at_42[] = "{\"epoch\": 42, \"pin\": \"legacy\"}";

static void test_failover_lost_a_write(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, at_41, 41);
    expect_applied(&w, at_42, 42);
    expect_refused(&w, at_41, ERR_CONTROL_STALE); /* written by hand: to be seen, not overwritten */
    assert_false(w.fx.write);
    flip_connected(&w.flip);
    expect_refused(&w, at_41, ERR_CONTROL_STALE);
    assert_true(w.fx.write);
    assert_true(w.flip.state.pending);
    written(&w);
    assert_false(w.flip.state.pending);
    assert_int_equal(w.flip.refused, ERR_OK);
    assert_int_equal(w.flip.state.epoch, 42);
    assert_int_equal(router_current(w.router)->pin, PIN_LEGACY);
    expect_refused(&w, at_41, ERR_CONTROL_STALE); /* not a second time */
    assert_false(w.fx.write);
    world_end(&w);
}

/* Two instances find the loss; the one that knows more is last. */
static void test_failover_two_know(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, "{\"epoch\": 43, \"pin\": \"legacy\"}", 43);
    flip_connected(&w.flip);
    expect_refused(&w, at_41, ERR_CONTROL_STALE);
    assert_true(w.fx.write);
    expect_refused(&w, at_42, ERR_CONTROL_STALE); /* the other was faster: a conflict, a new look */
    assert_true(w.fx.write);
    written(&w);
    expect_applied(&w, "{\"epoch\": 44}", 44);
    world_end(&w);
}

/* The write that was lost, and one of the same number that was not. */
static void test_failover_conflict(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, at_42, 42);
    flip_connected(&w.flip);
    expect_refused(&w, at_41, ERR_CONTROL_STALE);
    expect_refused(&w, "{\"epoch\": 42, \"pin\": \"new\"}", ERR_CONTROL_CONFLICT);
    assert_false(w.fx.write);
    assert_false(w.flip.state.pending);
    world_end(&w);
}

/* A word has no number: there is nothing to write back. */
static void test_failover_word(void **state)
{
    struct world w;
    UNUSED(state);
    world_begin(&w, NULL);
    expect_applied(&w, at_42, 42);
    expect_applied(&w, "new", 43);
    flip_connected(&w.flip);
    expect_refused(&w, at_41, ERR_CONTROL_STALE);
    assert_false(w.fx.write);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_refused_once),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_order_and_written),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_overtaken),
        cmocka_unit_test(test_newer_here),
        cmocka_unit_test(test_confirmation_lost),
        cmocka_unit_test(test_write_in_flight),
        cmocka_unit_test(test_unknown_route_in_order),
        cmocka_unit_test(test_last_epoch),
        cmocka_unit_test(test_unknown_routes),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_undo),
        cmocka_unit_test(test_undo_in_a_fleet),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_restart_pending),
        cmocka_unit_test(test_failover_lost_a_write),
        cmocka_unit_test(test_failover_two_know),
        cmocka_unit_test(test_failover_conflict),
        cmocka_unit_test(test_failover_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
