/* Control documents. Each folder of tests/control holds a document and what must come of it:
 *
 *   document        as it lies in Redis
 *   expected.json   the document, rendered (a bare word has no epoch)
 *   error.txt       or: the complaints, to the letter
 *
 * With WEIR_UPDATE set the error.txt files are written instead of compared; read the difference
 * before you commit it. */
#include "tests/unit/fail_alloc.h"

#include "control/disk.h"
#include "control/document.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool slurp(const char *dir, const char *name, struct buf *out)
{
    char path[PATH_MAX];
    *out = BUF_INIT(0);
    return disk_path(path, sizeof(path), dir, name) == ERR_OK &&
           disk_read(path, 2 * DOCUMENT_MAX, out) == ERR_OK;
}

static void expect_document(const char *dir, const struct document *d, const struct buf *want)
{
    json_t *expected = json_loadb(want->p, want->n, 0, NULL);
    json_t *got = document_to_json(d);
    assert_non_null(expected);
    assert_non_null(got);
    if (json_equal(expected, got) != 1)
        fail_msg("%s: got %s", dir, json_dumps(got, 0));
    assert_int_equal(d->word, json_object_get(expected, "epoch") == NULL);
    json_decref(expected);
    json_decref(got);
}

/* What is rendered reads back as the same document, and so does what is kept in state.json. */
static void expect_round_trip(const struct document *d)
{
    struct buf text = BUF_INIT(0);
    struct document *again = NULL;
    struct complaints wrong = {.n = 0};
    json_t *o = document_to_json(d);
    assert_int_equal(document_from_json(o, "again", &again, &wrong), ERR_OK);
    assert_true(document_same(d, again));
    assert_int_equal(d->epoch, again->epoch);
    document_free(&again);
    json_decref(o);
    if (!d->word) {
        assert_int_equal(document_render(d, &text), ERR_OK);
        assert_int_equal(document_parse(buf_span(&text), "again", &again, &wrong), ERR_OK);
        assert_true(document_same(d, again));
        document_free(&again);
    }
    assert_int_equal(document_copy(d, &again), ERR_OK);
    assert_true(document_same(d, again));
    document_free(&again);
    buf_free(&text);
}

static void expect_complaints(const char *dir, const struct complaints *wrong, const char *path)
{
    struct buf got = BUF_INIT(0);
    struct buf want;
    assert_int_equal(complaints_render(wrong, &got), ERR_OK);
    if (getenv("WEIR_UPDATE") != NULL)
        assert_int_equal(disk_replace(path, buf_span(&got), 0644), ERR_OK);
    assert_true(slurp(dir, "error.txt", &want));
    assert_true(got.n > 0);
    if (!span_eq(buf_span(&got), buf_span(&want)))
        fail_msg("%s: got " SPAN_FMT, dir, (int)got.n, got.p);
    buf_free(&got);
    buf_free(&want);
}

static void run_case(const char *dir)
{
    struct buf raw;
    struct buf want;
    char path[PATH_MAX];
    struct document *d = NULL;
    struct complaints wrong = {.n = 0};
    assert_true(slurp(dir, "document", &raw));
    assert_int_equal(disk_path(path, sizeof(path), dir, "error.txt"), ERR_OK);
    enum err e = document_parse(buf_span(&raw), "document", &d, &wrong);
    if (slurp(dir, "expected.json", &want)) {
        if (e != ERR_OK)
            fail_msg("%s: %s", dir, wrong.n > 0 ? wrong.list[0].what : err_word(e));
        expect_document(dir, d, &want);
        expect_round_trip(d);
    } else {
        if (e != ERR_CONTROL_MALFORMED)
            fail_msg("%s: was taken", dir);
        assert_null(d);
        expect_complaints(dir, &wrong, path);
    }
    document_free(&d);
    complaints_free(&wrong);
    buf_free(&raw);
    buf_free(&want);
}

static void test_cases(void **state)
{
    char dir[PATH_MAX];
    size_t n = 0;
    DIR *d = opendir(TESTS_DIR "/control");
    UNUSED(state);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (strchr(e->d_name, '.') != NULL) /* no case */
            continue;
        (void)snprintf(dir, sizeof(dir), "%s/%s", TESTS_DIR "/control", e->d_name);
        run_case(dir);
        n++;
    }
    closedir(d);
    assert_true(n >= 70);
}

static void test_size(void **state)
{
    char *text = malloc(DOCUMENT_MAX + 1);
    struct document *d = NULL;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    assert_non_null(text);
    memset(text, ' ', DOCUMENT_MAX + 1);
    memcpy(text, "legacy", 6);
    assert_int_equal(document_parse(span_of(text, DOCUMENT_MAX), "d", &d, &wrong), ERR_OK);
    document_free(&d);
    assert_int_equal(document_parse(span_of(text, DOCUMENT_MAX + 1), "d", &d, &wrong),
                     ERR_CONTROL_TOO_LARGE);
    assert_null(d);
    assert_int_equal(wrong.n, 1);
    complaints_free(&wrong);
    free(text);
}

/* --- no allocation is taken for granted --- */

static void *counted_malloc(size_t n)
{
    return malloc(n); /* wrapped: jansson's allocations fail, too */
}

static void counted_free(void *p)
{
    free(p);
}

static const char everything[] =
    "{\"epoch\": 42, \"pin\": \"legacy\", \"by\": \"dana\", \"why\": \"5xx\", \"at\": \"now\","
    " \"routes\": {\"a\": {\"pin\": \"new\"}, \"b\": {\"new_percent\": 12.5}}}";

static enum err build_parse(void *arg)
{
    struct document *d = NULL;
    struct complaints wrong = {.n = 0};
    UNUSED(arg);
    enum err e = document_parse(span_str(everything), "d", &d, &wrong);
    document_free(&d);
    complaints_free(&wrong);
    return e;
}

static enum err build_change(void *arg)
{
    struct document *d = NULL;
    struct buf text = BUF_INIT(0);
    struct change ch = {.what = CHANGE_WEIGHT, .weight = 1, .route = "c", .by = "x", .why = "y"};
    enum err e = document_change(arg, &ch, 43, 1, &d);
    if (e == ERR_OK)
        e = document_render(d, &text);
    document_free(&d);
    buf_free(&text);
    return e;
}

static void test_no_memory(void **state)
{
    struct document *base = NULL;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    json_set_alloc_funcs(counted_malloc, counted_free);
    alloc_walk(build_parse, NULL);
    assert_int_equal(document_parse(span_str(everything), "d", &base, &wrong), ERR_OK);
    alloc_walk(build_change, base);
    document_free(&base);
    json_set_alloc_funcs(malloc, free);
}

/* --- changing --- */

static struct document *parsed(const char *text)
{
    struct document *d = NULL;
    struct complaints wrong = {.n = 0};
    assert_int_equal(document_parse(span_str(text), "d", &d, &wrong), ERR_OK);
    return d;
}

static void expect_change(const char *base, const struct change *ch, const char *want)
{
    struct document *from = base == NULL ? NULL : parsed(base);
    struct document *expected = parsed(want);
    struct document *got = NULL;
    assert_int_equal(document_change(from, ch, 9, 0, &got), ERR_OK);
    if (!document_same(got, expected))
        fail_msg("got %s", json_dumps(document_to_json(got), 0));
    assert_int_equal(got->epoch, 9);
    assert_string_equal(got->at, "1970-01-01T00:00:00.000Z");
    document_free(&from);
    document_free(&got);
    document_free(&expected);
}

static void test_change(void **state)
{
    static const char pins[] =
        "{\"epoch\": 1, \"routes\": {\"a\": {\"pin\": \"new\", \"new_percent\": 5}, \"b\": "
        "{\"pin\": \"legacy\"}}}";
    struct change legacy = {.what = CHANGE_PIN, .pin = PIN_LEGACY};
    struct change new_ = {.what = CHANGE_PIN, .pin = PIN_NEW};
    struct change all_new = {.what = CHANGE_PIN, .pin = PIN_NEW, .all = true};
    struct change config = {.what = CHANGE_CONFIG};
    struct change unpin = {.what = CHANGE_UNPIN};
    UNUSED(state);
    expect_change(NULL, &legacy, "legacy");
    /* Everything to legacy means everything; weights are kept for later. */
    expect_change(pins, &legacy,
                  "{\"epoch\": 1, \"pin\": \"legacy\", \"routes\": {\"a\": {\"new_percent\": 5}}}");
    /* Everything to new leaves alone what somebody pinned to legacy. */
    expect_change(pins, &new_,
                  "{\"epoch\": 1, \"pin\": \"new\", \"routes\": {\"a\": {\"new_percent\": 5}, "
                  "\"b\": {\"pin\": \"legacy\"}}}");
    expect_change(pins, &all_new,
                  "{\"epoch\": 1, \"pin\": \"new\", \"routes\": {\"a\": {\"new_percent\": 5}}}");
    expect_change(pins, &config, "config");
    expect_change(pins, &unpin, pins);
    expect_change("legacy", &unpin, "config");
}

static void test_change_route(void **state)
{
    struct change pin = {.what = CHANGE_PIN, .pin = PIN_LEGACY, .route = "b"};
    struct change unpin = {.what = CHANGE_UNPIN, .route = "b"};
    struct change config = {.what = CHANGE_CONFIG, .route = "b"};
    struct change weight = {.what = CHANGE_WEIGHT, .weight = 2500, .route = "b"};
    struct change unweight = {.what = CHANGE_UNWEIGHT, .route = "b"};
    static const char b[] = "{\"epoch\": 1, \"routes\": {\"b\": {\"pin\": \"legacy\"}}}";
    static const char both[] =
        "{\"epoch\": 1, \"routes\": {\"b\": {\"pin\": \"legacy\", \"new_percent\": 25}}}";
    static const char heavy[] = "{\"epoch\": 1, \"routes\": {\"b\": {\"new_percent\": 25}}}";
    UNUSED(state);
    expect_change(NULL, &pin, b);
    expect_change(b, &weight, both);
    expect_change(both, &unpin, heavy);
    expect_change(both, &unweight, b);
    expect_change(both, &config, "config");
    expect_change(NULL, &unpin, "config");
    expect_change(NULL, &unweight, "config");
    /* The global pin is another matter. */
    expect_change("new", &pin,
                  "{\"epoch\": 1, \"pin\": \"new\", \"routes\": {\"b\": {\"pin\": \"legacy\"}}}");
}

static void test_order_does_not_matter(void **state)
{
    struct document *a = parsed("{\"epoch\": 1, \"routes\": {\"x\": {\"pin\": \"new\"}, \"a\": "
                                "{\"new_percent\": 1}}}");
    struct document *b = parsed("{\"epoch\": 2, \"by\": \"somebody\", \"routes\": {\"a\": "
                                "{\"new_percent\": 1.0}, \"x\": {\"pin\": \"new\"}}}");
    UNUSED(state);
    assert_true(document_same(a, b));
    assert_non_null(document_route(a, "a"));
    assert_null(document_route(a, "b"));
    assert_null(document_route(NULL, "a"));
    assert_false(document_same(a, NULL));
    assert_true(document_same(NULL, NULL));
    document_free(&a);
    document_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),        cmocka_unit_test(test_size),
        cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_change),
        cmocka_unit_test(test_change_route), cmocka_unit_test(test_order_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
