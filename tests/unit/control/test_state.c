/* state.json: what is written comes back, what is damaged is never believed; the audit trail; files
 * replaced whole. */
#include "tests/unit/control/rig.h"

#include "base/rand.h"
#include "control/disk.h"
#include "control/state.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/weir-state-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[2][PATH_MAX];
    static int i;
    i = 1 - i;
    assert_int_equal(disk_path(path[i], PATH_MAX, dir, name), ERR_OK);
    return path[i];
}

static void fill(struct state *s)
{
    *s = (struct state){.epoch = 45, .seen = 44, .source = SOURCE_ADMIN, .at_ms = 1700000000123};
    s->document =
        rig_document("{\"epoch\": 44, \"pin\": \"legacy\", \"by\": \"dana\", \"routes\": {\"a\": "
                     "{\"new_percent\": 33.33}}}");
    s->pending = true;
    s->has_value = true;
    memset(s->value, 0xab, sizeof(s->value));
    memset(s->routing, 0x12, sizeof(s->routing));
    s->config = (struct state_config){1700000000456, "eve", "a quiet week"};
    struct document *nothing = NULL;
    struct document *word = rig_document("new");
    state_remember(s, &nothing);
    state_remember(s, &word);
}

static void expect_filled(const struct state *s)
{
    assert_int_equal(s->epoch, 45);
    assert_int_equal(s->seen, 44);
    assert_int_equal(s->source, SOURCE_ADMIN);
    assert_int_equal(s->at_ms, 1700000000123);
    assert_true(s->pending);
    assert_true(s->has_value);
    assert_int_equal(s->value[31], 0xab);
    assert_int_equal(s->routing[0], 0x12);
    assert_int_equal(s->config.at_ms, 1700000000456);
    assert_string_equal(s->config.by, "eve");
    assert_string_equal(s->config.why, "a quiet week");
    assert_int_equal(s->document->epoch, 44);
    assert_int_equal(s->document->pin, PIN_LEGACY);
    assert_string_equal(s->document->by, "dana");
    assert_int_equal(s->document->routes[0].weight, 3333);
    assert_int_equal(s->nundo, 2);
    assert_null(s->undo[0]);
    assert_int_equal(s->undo[1]->pin, PIN_NEW);
    assert_true(s->undo[1]->word);
}

static void test_round_trip(void **state)
{
    struct state s;
    struct state back;
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    fill(&s);
    assert_int_equal(state_render(&s, &text), ERR_OK);
    assert_int_equal(state_parse(buf_span(&text), "state", &back, &wrong), ERR_OK);
    expect_filled(&back);
    state_free(&s);
    state_free(&back);
    s = (struct state){.epoch = 1}; /* as it is after the first start */
    buf_free(&text);
    assert_int_equal(state_render(&s, &text), ERR_OK);
    assert_int_equal(state_parse(buf_span(&text), "state", &back, &wrong), ERR_OK);
    assert_null(back.document);
    assert_false(back.has_value);
    assert_int_equal(back.source, SOURCE_NONE);
    assert_int_equal(back.config.at_ms, 0);
    buf_free(&text);
}

/* A file of a weir that did not keep who reloaded. */
static void test_older(void **state)
{
    static const char text[] =
        "{\"weir_state\": 1,"
        " \"sha256\": \"29a46275b0537dc67890623ffa90f4987b5af4073a84a64b7947432e7cf24286\","
        " \"state\": {\"epoch\": 8, \"seen\": 8, \"source\": \"admin\", \"at_ms\": 1795297150434,"
        "  \"pending\": false, \"document\": {\"epoch\": 8, \"undoes\": 3, \"by\": \"root\","
        "  \"at\": \"2026-11-21T21:39:10.434Z\"},"
        "  \"value\": \"7ea0f731d4884fc3541514d9b2416f0afc801d4577241b1386a511dd42057ce0\","
        "  \"routing\": \"fb5526c961a4c2985032338aa7b74059818d6e4ef6f15410a86af936dcd6a9cb\","
        "  \"undo\": []}}";
    struct state s;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    assert_int_equal(state_parse(span_str(text), "state", &s, &wrong), ERR_OK);
    assert_int_equal(s.epoch, 8);
    assert_int_equal(s.config.at_ms, 0);
    state_free(&s);
}

/* Every prefix, every byte lost, every byte changed: refused, or the same state. */
static void test_damage(void **state)
{
    struct state s;
    struct buf text = BUF_INIT(0);
    UNUSED(state);
    fill(&s);
    assert_int_equal(state_render(&s, &text), ERR_OK);
    for (size_t i = 0; i < text.n; i++) {
        for (int how = 0; how < 3; how++) {
            struct buf bad = BUF_INIT(0);
            struct state out;
            struct complaints wrong = {.n = 0};
            assert_int_equal(buf_append(&bad, how == 0 ? span_of(text.p, i) : buf_span(&text)),
                             ERR_OK);
            if (how == 1)
                memmove(bad.p + i, bad.p + i + 1, --bad.n - i);
            if (how == 2)
                bad.p[i] ^= 1;
            enum err e = state_parse(buf_span(&bad), "state", &out, &wrong);
            if (e == ERR_OK)
                expect_filled(&out); /* white space, say */
            else
                assert_true(e == ERR_INVALID && wrong.n > 0 && out.document == NULL);
            state_free(&out);
            complaints_free(&wrong);
            buf_free(&bad);
        }
    }
    state_free(&s);
    buf_free(&text);
}

static void expect_damaged(const char *text)
{
    struct state out;
    struct stat st;
    struct complaints wrong = {.n = 0};
    (void)unlink(in_dir("state.json.bad"));
    assert_int_equal(disk_replace(in_dir("state.json"), span_str(text), 0600), ERR_OK);
    assert_int_equal(state_load(in_dir("state.json"), &out, &wrong), ERR_INVALID);
    assert_true(wrong.n >= 2); /* what is wrong, and where it was put */
    assert_int_not_equal(stat(in_dir("state.json"), &st), 0);
    assert_int_equal(stat(in_dir("state.json.bad"), &st), 0);
    complaints_free(&wrong);
}

static void test_load(void **state)
{
    struct state s;
    struct state back;
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    struct stat st;
    UNUSED(state);
    assert_int_equal(state_load(in_dir("state.json"), &back, &wrong), ERR_NOT_FOUND);
    fill(&s);
    assert_int_equal(state_render(&s, &text), ERR_OK);
    assert_int_equal(disk_replace(in_dir("state.json"), buf_span(&text), 0600), ERR_OK);
    assert_int_equal(stat(in_dir("state.json"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(state_load(in_dir("state.json"), &back, &wrong), ERR_OK);
    expect_filled(&back);
    assert_int_equal(wrong.n, 0);
    expect_damaged("");
    expect_damaged("{}");
    expect_damaged("legacy");
    expect_damaged("{\"weir_state\": 1, \"sha256\": \"00\", \"state\": {\"epoch\": 1}}");
    expect_damaged("{\"weir_state\": 2}");
    state_free(&s);
    state_free(&back);
    buf_free(&text);
}

static void test_unreadable(void **state)
{
    struct state back;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    assert_int_equal(mkdir(in_dir("a-directory"), 0700), 0);
    assert_int_equal(state_load(in_dir("a-directory"), &back, &wrong), ERR_SYSTEM);
    assert_int_equal(wrong.n, 1);
    complaints_free(&wrong);
}

static void test_undo_is_bounded(void **state)
{
    struct state s = {.epoch = 1};
    char text[64];
    UNUSED(state);
    for (int i = 0; i < 3 * UNDO_MAX; i++) {
        (void)snprintf(text, sizeof(text), "{\"epoch\": %d}", i + 1);
        struct document *d = rig_document(text);
        state_remember(&s, &d);
        assert_null(d);
    }
    assert_int_equal(s.nundo, UNDO_MAX);
    assert_true(s.nundo >= 32);
    assert_int_equal(s.undo[0]->epoch, 2 * UNDO_MAX + 1);
    assert_int_equal(s.undo[UNDO_MAX - 1]->epoch, 3 * UNDO_MAX);
    state_free(&s);
}

static enum err build(void *arg)
{
    struct state s;
    struct buf text = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    enum err e = state_render(arg, &text);
    if (e == ERR_OK)
        e = state_parse(buf_span(&text), "state", &s, &wrong);
    else
        s = (struct state){.epoch = 0};
    state_free(&s);
    buf_free(&text);
    complaints_free(&wrong);
    return e;
}

static void *counted_malloc(size_t n)
{
    return malloc(n);
}

static void counted_free(void *p)
{
    free(p);
}

static void test_no_memory(void **state)
{
    struct state s;
    UNUSED(state);
    fill(&s);
    json_set_alloc_funcs(counted_malloc, counted_free);
    alloc_walk(build, &s);
    json_set_alloc_funcs(malloc, free);
    state_free(&s);
}

static void test_audit(void **state)
{
    struct buf line = BUF_INIT(0);
    struct document *to = rig_document("legacy");
    struct audit a = {.at_ms = 1700000000123,
                      .epoch = 7,
                      .to = to,
                      .source = SOURCE_REDIS,
                      .by = "a \"quoted\"\nname"};
    UNUSED(state);
    assert_int_equal(audit_line(&a, &line), ERR_OK);
    assert_int_equal(buf_append(&line, span_of("", 1)), ERR_OK);
    assert_string_equal(line.p, "{\"at\":\"2023-11-14T22:13:20.123Z\",\"epoch\":7,\"source\":"
                                "\"redis\",\"by\":\"a \\\"quoted\\\"\\nname\",\"from\":null,\"to\":"
                                "{\"pin\":\"legacy\"}}\n");
    document_free(&to);
    buf_free(&line);
}

static void test_append_rotates(void **state)
{
    struct stat st;
    struct buf text = BUF_INIT(0);
    char line[100];
    UNUSED(state);
    memset(line, 'x', sizeof(line));
    line[99] = '\n';
    for (int i = 0; i < 25; i++)
        assert_int_equal(disk_append(in_dir("audit"), span_of(line, 100), 1000, 0600), ERR_OK);
    assert_int_equal(stat(in_dir("audit"), &st), 0);
    assert_int_equal(st.st_size, 500);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(in_dir("audit.1"), &st), 0);
    assert_int_equal(st.st_size, 1000);
    assert_int_equal(disk_read(in_dir("audit"), 499, &text), ERR_TOO_LARGE);
    assert_int_equal(text.n, 499);
    buf_free(&text);
}

static void test_replace_failing(void **state)
{
    struct buf text = BUF_INIT(0);
    UNUSED(state);
    assert_int_equal(disk_replace(in_dir("none/file"), SPAN("x"), 0600), ERR_SYSTEM);
    assert_int_equal(disk_replace(in_dir("f"), SPAN("old"), 0600), ERR_OK);
    assert_int_equal(mkdir(in_dir("f.tmp"), 0700), 0); /* the temporary file cannot be made */
    assert_int_equal(disk_replace(in_dir("f"), SPAN("new"), 0600), ERR_SYSTEM);
    assert_int_equal(disk_read(in_dir("f"), 100, &text), ERR_OK);
    assert_true(span_eq(buf_span(&text), SPAN("old")));
    buf_free(&text);
}

static void test_directory(void **state)
{
    struct stat st;
    UNUSED(state);
    assert_int_equal(disk_directory(in_dir("a/b//c")), ERR_OK);
    assert_int_equal(stat(in_dir("a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(disk_directory(in_dir("a/b/c")), ERR_OK);
    assert_int_equal(disk_replace(in_dir("plain"), SPAN("x"), 0600), ERR_OK);
    assert_int_equal(disk_directory(in_dir("plain")), ERR_SYSTEM);
    assert_int_equal(disk_directory(in_dir("plain/x")), ERR_SYSTEM);
    assert_int_equal(disk_directory(""), ERR_SYSTEM);
}

static int begin(void **state)
{
    UNUSED(state);
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int end(void **state)
{
    char command[PATH_MAX + 16];
    UNUSED(state);
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_older),
        cmocka_unit_test(test_damage),          cmocka_unit_test(test_load),
        cmocka_unit_test(test_unreadable),      cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_undo_is_bounded), cmocka_unit_test(test_audit),
        cmocka_unit_test(test_append_rotates),  cmocka_unit_test(test_directory),
        cmocka_unit_test(test_replace_failing),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
