/* The self-test: every planted defect is found, and what hides one is named. */
#include "tests/unit/shadow/support.h"

#include "shadow/seeds.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

struct world {
    struct bench bench;
    struct seeder seeder;
};

static void begin(struct world *w)
{
    bench_begin(&w->bench);
    seeds_begin(&w->seeder);
}

static void end(struct world *w)
{
    seeds_end(&w->seeder);
    bench_end(&w->bench);
}

static const char order[] =
    "{\"id\":7,\"total\":12.50,\"paid\":true,\"note\":\"as ordered\",\"lines\":["
    "{\"sku\":\"a\",\"cents\":100},{\"sku\":\"b\",\"cents\":250}]}";

static bool run(struct world *w, const char *json)
{
    bench_json(&w->bench, json, json);
    return seeds_run(&w->seeder, &w->bench.pair);
}

static const struct seed_result *result(const struct world *w, enum seed_kind k)
{
    return &w->seeder.results[k];
}

static void expect(const struct world *w, enum seed_kind k, enum seed_outcome o, const char *by)
{
    const struct seed_result *r = result(w, k);
    if (r->outcome != o || (by != NULL && strcmp(r->by, by) != 0))
        fail_msg("%s at %.*s: %s by %s", seed_word(k), (int)r->path_n, r->path,
                 seed_outcome_word(r->outcome), r->outcome == SEED_NOWHERE ? "-" : r->by);
}

static void every_defect_is_caught(void **state)
{
    struct world w;
    UNUSED(state);
    begin(&w);
    bench_rules(&w.bench);
    for (unsigned i = 0; i < 200; i++) { /* other places each time */
        (void)snprintf(w.bench.pair.id, sizeof(w.bench.pair.id), "%032x", i);
        assert_true(run(&w, order));
        for (enum seed_kind k = 0; k < SEED_KINDS; k++) {
            expect(&w, k, SEED_CAUGHT, "");
            assert_true(result(&w, k)->path_n > 0);
        }
    }
    end(&w);
}

static bool planted(struct world *w, enum seed_kind k, const char *path)
{
    return result(w, k)->path_n == strlen(path) &&
           memcmp(result(w, k)->path, path, strlen(path)) == 0;
}

/* In the end every place has had its turn, and is named as findings name it. */
static void defects_are_planted_everywhere(void **state)
{
    static const char *const numbers[] = {"$.id", "$.total", "$.lines[].cents"};
    bool seen[ARRAY_LEN(numbers)] = {false};
    struct world w;
    UNUSED(state);
    begin(&w);
    bench_rules(&w.bench);
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(w.bench.pair.id, sizeof(w.bench.pair.id), "%032x", i);
        assert_true(run(&w, order));
        for (size_t n = 0; n < ARRAY_LEN(numbers); n++)
            seen[n] = seen[n] || planted(&w, SEED_CENT, numbers[n]);
        assert_true(planted(&w, SEED_ORDER, "$.lines"));
    }
    for (size_t n = 0; n < ARRAY_LEN(numbers); n++)
        assert_true(seen[n]);
    end(&w);
}

static void options_that_hide_are_named(void **state)
{
    struct world w;
    UNUSED(state);
    begin(&w);
    bench_ignore(&w.bench, "$.note");
    bench_tolerate(&w.bench, "$.**", 0.05, 0);
    bench_rules(&w.bench);
    assert_true(run(&w, "{\"note\":\"x\",\"n\":3}"));
    expect(&w, SEED_VALUE, SEED_HIDDEN, "shadow.ignore");
    expect(&w, SEED_CENT, SEED_HIDDEN, "shadow.tolerance");
    expect(&w, SEED_STATUS, SEED_CAUGHT, "");
    expect(&w, SEED_ORDER, SEED_NOWHERE, NULL);
    end(&w);
}

static void rules_that_hide_are_named(void **state)
{
    static const char rules[] = "{\"rules\":[{\"id\":\"cent\",\"path\":\"$.n\",\"action\":"
                                "\"tolerance\",\"abs\":0.01,\"author\":\"a\","
                                "\"reason\":\"r\",\"expires\":\"2100-01-01\"}]}";
    struct world w;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    begin(&w);
    bench_rules(&w.bench);
    assert_int_equal(rulebook_read(&w.bench.rules->book, span_str(rules), "rules", &wrong), ERR_OK);
    assert_true(run(&w, "{\"n\":3}"));
    expect(&w, SEED_CENT, SEED_HIDDEN, "cent");
    expect(&w, SEED_TYPE, SEED_CAUGHT, "");
    expect(&w, SEED_DROPPED, SEED_CAUGHT, "");
    end(&w);
}

static void cents_are_added_as_decimals(void **state)
{
    static const char *const texts[][2] = {
        {"[0.99]", "[1.00]"},    {"[-0.01]", "[0.00]"},
        {"[-1]", "[-0.99]"},     {"[5]", "[5.01]"},
        {"[0.125]", "[0.135]"},  {"[99999999999999]", "[99999999999999.01]"},
        {"[-0.005]", "[0.005]"},
    };
    struct world w;
    UNUSED(state);
    begin(&w);
    bench_rules(&w.bench);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf out = BUF_INIT(0);
        struct seed_result r;
        bench_json(&w.bench, texts[i][0], "[1e5]");
        const struct jdoc *d = &w.bench.comparer.diff.docs[SIDE_LEGACY];
        assert_int_equal(seed_plant(d, SEED_CENT, i, &out, &r), ERR_OK);
        if (!span_eq(buf_span(&out), span_str(texts[i][1])))
            fail_msg("%s became %.*s", texts[i][0], (int)out.n, out.p);
        assert_int_equal(seed_plant(&w.bench.comparer.diff.docs[SIDE_NEW], SEED_CENT, i, &out, &r),
                         ERR_NOT_FOUND);
        buf_free(&out);
    }
    end(&w);
}

static void other_answers(void **state)
{
    struct world w;
    unsigned char packed[256];
    uLongf n = sizeof(packed);
    UNUSED(state);
    begin(&w);
    bench_rules(&w.bench);
    /* text: one byte is another */
    bench_answer(&w.bench, SIDE_LEGACY,
                 SPAN("HTTP/1.1 200 X\nContent-Type: text/plain\n\nhello\n"));
    assert_true(seeds_run(&w.seeder, &w.bench.pair));
    expect(&w, SEED_VALUE, SEED_CAUGHT, "");
    expect(&w, SEED_CENT, SEED_NOWHERE, NULL);
    /* a coding is undone */
    assert_int_equal(compress(packed, &n, (const Bytef *)order, strlen(order)), Z_OK);
    char text[512];
    int head =
        snprintf(text, sizeof(text),
                 "HTTP/1.1 200 X\nContent-Type: application/json\nContent-Encoding: deflate\n\n");
    memcpy(text + head, packed, n);
    bench_answer(&w.bench, SIDE_LEGACY, span_of(text, (size_t)head + n));
    assert_true(seeds_run(&w.seeder, &w.bench.pair));
    expect(&w, SEED_CENT, SEED_CAUGHT, "");
    /* what says nothing about the endpoint is not used */
    bench_answer(&w.bench, SIDE_LEGACY, SPAN("HTTP/1.1 404 X\n\n"));
    assert_false(seeds_run(&w.seeder, &w.bench.pair));
    bench_answer(&w.bench, SIDE_LEGACY, SPAN("HTTP/1.1 200 X\n\n"));
    w.bench.pair.answers[SIDE_LEGACY].body_length = 100;
    assert_false(seeds_run(&w.seeder, &w.bench.pair));
    end(&w);
}

static void due_soon_and_then_seldom(void **state)
{
    const struct endpoint x = {"GET /x", 6, false};
    static const unsigned when[] = {1, 2, 4, 8, 16, 32, 64, 100, 128, 200, 256, 300};
    struct world w;
    size_t at = 0;
    UNUSED(state);
    begin(&w);
    bench_rules(&w.bench);
    assert_false(seeds_due(&w.seeder, &w.bench.pair, &x, 0));
    memset(w.seeder.counts, 0, sizeof(w.seeder.counts));
    for (unsigned i = 1; i <= 300; i++)
        if (seeds_due(&w.seeder, &w.bench.pair, &x, 100))
            assert_int_equal(when[at++], i);
    assert_int_equal(at, ARRAY_LEN(when));
    end(&w);
}

/* --- answers of all shapes: those of tests/diff --- */

static void no_hole(struct world *w, const char *name)
{
    for (enum seed_kind k = 0; k < SEED_KINDS; k++)
        if ((result(w, k)->outcome == SEED_MISSED && strcmp(result(w, k)->by, "too_deep") != 0) ||
            result(w, k)->outcome == SEED_HIDDEN)
            fail_msg("%s: %s at %.*s: %s", name, seed_word(k), (int)result(w, k)->path_n,
                     result(w, k)->path, seed_outcome_word(result(w, k)->outcome));
}

static unsigned try_folder(struct world *w, const char *name)
{
    char path[1024];
    unsigned used = 0;
    struct buf text = BUF_INIT(0);
    (void)snprintf(path, sizeof(path), "%s/diff/%s/legacy", TESTS_DIR, name);
    assert_true(slurp(path, &text));
    for (unsigned i = 0; i < 5; i++) {
        (void)snprintf(w->bench.pair.id, sizeof(w->bench.pair.id), "%032x", i);
        bench_clear(&w->bench);
        bench_answer(&w->bench, SIDE_LEGACY, buf_span(&text));
        if (!seeds_run(&w->seeder, &w->bench.pair))
            continue;
        no_hole(w, name);
        used++;
    }
    buf_free(&text);
    return used;
}

static int is_case(const struct dirent *e)
{
    return e->d_name[0] != '.' && strncmp(e->d_name, "events-", 7) != 0;
}

static void the_net_has_no_hole(void **state)
{
    struct world w;
    struct dirent **list;
    unsigned used = 0;
    UNUSED(state);
    begin(&w);
    bench_rules(&w.bench);
    int n = scandir(TESTS_DIR "/diff", &list, is_case, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        used += try_folder(&w, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    assert_true(used > 500);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_defect_is_caught),
        cmocka_unit_test(defects_are_planted_everywhere),
        cmocka_unit_test(options_that_hide_are_named),
        cmocka_unit_test(rules_that_hide_are_named),
        cmocka_unit_test(cents_are_added_as_decimals),
        cmocka_unit_test(other_answers),
        cmocka_unit_test(due_soon_and_then_seldom),
        cmocka_unit_test(the_net_has_no_hole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
