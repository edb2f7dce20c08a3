/* What is kept of an answer: whole, hashed, too long, over the budget. */
#include "tests/unit/fail_alloc.h"

#include "base/digest.h"
#include "base/metrics.h"
#include "base/scribe.h"
#include "proxy/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEEP = 1000 };

struct room {
    char dir[64];
    char path[128];
    struct config config;
    struct config_route route;
    struct config_backend backends[2];
    const char *servers[2];
    struct scribe *scribe;
    struct shadow *shadow;
    struct shadow_rules *rules;
    struct shadow_pair *pair;
    struct capture capture;
};

static void room_open(struct room *r, uint64_t memory)
{
    struct complaints wrong = {.n = 0};
    memset(r, 0, sizeof(*r));
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/weir-test-capture-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->path, sizeof(r->path), "%s/shadow.ndjson", r->dir);
    r->servers[0] = r->servers[1] = "a.test:80";
    for (int i = 0; i < 2; i++) {
        r->backends[i].name = i == 0 ? "legacy" : "new";
        r->backends[i].servers = (struct config_names){&r->servers[i], 1};
    }
    r->route.name = "default";
    r->route.legacy = "legacy";
    r->route.new_ = "new";
    r->route.shadow.percent = 10000;
    r->config.routes = &r->route;
    r->config.nroutes = 1;
    r->config.backends = r->backends;
    r->config.nbackends = 2;
    r->config.state_dir = r->dir;
    r->config.shadow.queue = 10;
    r->config.shadow.compare_threads = 1;
    r->config.shadow.compare_body = KEEP;
    r->config.shadow.memory = memory;
    r->config.shadow.records_max = 1 << 30;
    r->config.shadow.records = r->path;
    assert_int_equal(scribe_start(&r->scribe, 1 << 20), ERR_OK);
    assert_int_equal(shadow_rules_new(&r->route, &r->config, &r->rules, &wrong), ERR_OK);
    assert_int_equal(shadow_start(&r->shadow, &r->config, 1, r->scribe, &wrong), ERR_OK);
    r->pair = shadow_pair_new(shadow_lane(r->shadow, 0), r->rules);
    assert_non_null(r->pair);
    r->capture.answer = &r->pair->answers[SIDE_NEW];
}

static void room_close(struct room *r)
{
    capture_free(&r->capture);
    shadow_pair_free(&r->pair);
    shadow_rules_release(&r->rules);
    shadow_stop(&r->shadow);
    scribe_stop(&r->scribe);
    (void)unlink(r->path);
    assert_int_equal(rmdir(r->dir), 0);
    assert_int_equal(metric_read(METRIC_SHADOW_MEMORY), 0); /* all of it was given back */
}

static enum err give(struct room *r, const char *text, size_t n, size_t piece)
{
    for (size_t at = 0; at < n; at += piece) {
        size_t k = n - at < piece ? n - at : piece;
        TRY(capture_body(r->pair, &r->capture, span_of(text + at, k), KEEP));
    }
    return ERR_OK;
}

/* At every length around the limit, in pieces of several sizes: kept whole, or hashed whole. */
static void kept_or_hashed(void **state)
{
    static const size_t lengths[] = {0, 1, KEEP - 1, KEEP, KEEP + 1, 3 * KEEP};
    static const size_t pieces[] = {1, 7, KEEP, 4 * KEEP};
    char text[3 * KEEP];
    UNUSED(state);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 31 + i / 256);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
            struct room r;
            unsigned char hash[DIGEST_BYTES];
            room_open(&r, 1 << 20);
            const struct shadow_answer *a = r.capture.answer;
            assert_int_equal(give(&r, text, lengths[i], pieces[k]), ERR_OK);
            capture_end(&r.capture, ERR_OK, 5);
            assert_true(r.capture.done);
            assert_int_equal(a->body_length, lengths[i]);
            assert_int_equal(a->total_us, 5);
            assert_int_equal(a->body_hashed, lengths[i] > KEEP);
            assert_true(a->body.n <= KEEP);
            assert_int_equal(digest_of(span_of(text, lengths[i]), hash), ERR_OK);
            if (a->body_hashed)
                assert_memory_equal(a->body_sha256, hash, DIGEST_BYTES);
            else
                assert_true(span_eq(buf_span(&a->body), span_of(text, lengths[i])));
            room_close(&r);
        }
    }
}

static void followed_so_far(void **state)
{
    static const char text[KEEP];
    struct room r;
    enum err e = ERR_OK;
    unsigned given = 0;
    UNUSED(state);
    room_open(&r, 1 << 20);
    while (e == ERR_OK && given++ < 100)
        e = capture_body(r.pair, &r.capture, span_of(text, sizeof(text)), KEEP);
    assert_int_equal(e, ERR_TOO_LARGE);
    assert_int_equal(given, 17);
    room_close(&r);
}

static void within_the_budget(void **state)
{
    static const char text[KEEP];
    struct room r;
    UNUSED(state);
    room_open(&r, 4096 + 64); /* of which the pair itself has taken 4096 */
    assert_int_equal(capture_body(r.pair, &r.capture, span_of(text, sizeof(text)), KEEP),
                     ERR_NO_MEMORY);
    assert_true(metric_read(METRIC_SHADOW_MEMORY) <= 4096 + 64);
    room_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_or_hashed),
        cmocka_unit_test(followed_so_far),
        cmocka_unit_test(within_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
