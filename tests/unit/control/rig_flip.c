#include "tests/unit/control/rig_flip.h"

static const char abc[] =
    "{\"name\": \"a\", \"match\": {\"prefix\": \"/a/\"}, \"new_percent\": 10},"
    "{\"name\": \"b\", \"match\": {\"prefix\": \"/b/\"}, \"new_percent\": 0},"
    "{\"name\": \"c\", \"match\": {\"prefix\": \"/\"}, \"new_percent\": 100}";

struct route_table *world_table(const char *routes)
{
    return rig_table(routes == NULL ? abc : routes, NULL);
}

void world_begin(struct world *w, const char *routes)
{
    struct route_table *t = world_table(routes);
    *w = (struct world){.router = NULL};
    assert_int_equal(router_new(1, &w->router), ERR_OK);
    flip_begin(&w->flip, w->router);
    assert_int_equal(flip_table(&w->flip, &t, NULL, 1000, &w->fx), ERR_OK);
    assert_null(t);
}

void world_end(struct world *w)
{
    complaints_free(&w->wrong);
    flip_end(&w->flip);
    router_free(&w->router);
}

enum flip_outcome see(struct world *w, const char *raw)
{
    enum sight sight = raw == NULL ? SIGHT_MISSING : SIGHT_VALUE;
    complaints_free(&w->wrong);
    w->fx.err = ERR_OK;
    flip_value(&w->flip, sight, span_str(raw), "redis key k", SOURCE_REDIS, 2000, &w->wrong,
               &w->fx);
    return w->fx.outcome;
}

void expect_applied(struct world *w, const char *raw, uint64_t epoch)
{
    if (see(w, raw) != FLIP_APPLIED)
        fail_msg("%s was not applied: %s", raw, err_word(w->fx.err));
    assert_int_equal(w->flip.state.epoch, epoch);
    assert_int_equal(router_current(w->router)->epoch, epoch);
    assert_true(w->fx.persist);
}

void expect_same(struct world *w, const char *raw, uint64_t epoch)
{
    assert_int_equal(see(w, raw), FLIP_SAME);
    assert_int_equal(w->flip.state.epoch, epoch);
    assert_int_equal(w->flip.refused, ERR_OK);
}

void expect_refused(struct world *w, const char *raw, enum err e)
{
    uint64_t epoch = w->flip.state.epoch;
    const struct snapshot *before = router_current(w->router);
    assert_int_equal(see(w, raw), FLIP_REFUSED);
    assert_int_equal(w->fx.err, e);
    assert_int_equal(w->flip.refused, e);
    assert_int_equal(w->flip.state.epoch, epoch);
    assert_ptr_equal(router_current(w->router), before);
    assert_true(w->wrong.n > 0);
    assert_true(w->flip.refused_text.n > 0);
}

void order(struct world *w, const struct change *ch, uint64_t epoch)
{
    complaints_free(&w->wrong);
    assert_int_equal(flip_change(&w->flip, ch, 3000, &w->wrong, &w->fx), ERR_OK);
    assert_int_equal(w->fx.outcome, FLIP_APPLIED);
    assert_true(w->fx.write);
    assert_true(w->flip.state.pending);
    assert_int_equal(w->flip.state.epoch, epoch);
}

void written(struct world *w)
{
    struct buf text = BUF_INIT(0);
    assert_int_equal(document_render(w->flip.state.document, &text), ERR_OK);
    flip_written(&w->flip, w->flip.state.document->epoch, buf_span(&text), &w->fx);
    buf_free(&text);
}

const struct change to_legacy = {.what = CHANGE_PIN, .pin = PIN_LEGACY, .by = "dana"};
const struct change to_new = {.what = CHANGE_PIN, .pin = PIN_NEW};
