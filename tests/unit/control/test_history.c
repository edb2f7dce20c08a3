/* The audit trail as `weir audit` and `weir restore` read it. */
#include "tests/unit/control/rig.h"

#include "base/clock.h"
#include "control/control.h"
#include "control/disk.h"
#include "control/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/weir-history-XXXXXX";

static void path_of(char out[128], const char *name)
{
    (void)snprintf(out, 128, "%s/%s", dir, name);
}

static void write_line(const char *name, uint64_t ago_ms, uint64_t epoch, const char *from,
                       const char *to)
{
    char path[128];
    struct buf line = BUF_INIT(0);
    struct document *a = from == NULL ? NULL : rig_document(from);
    struct document *b = rig_document(to);
    const struct audit audit = {.at_ms = clock_wall_ms() - ago_ms,
                                .epoch = epoch,
                                .from = a,
                                .to = b,
                                .source = SOURCE_ADMIN,
                                .by = "dana"};
    path_of(path, name);
    assert_int_equal(audit_line(&audit, &line), ERR_OK);
    assert_int_equal(disk_append(path, buf_span(&line), AUDIT_ROTATE, 0600), ERR_OK);
    buf_free(&line);
    document_free(&a);
    document_free(&b);
}

static const char one[] = "{\"epoch\": 1, \"routes\": {\"a\": {\"new_percent\": 5}}}";
static const char two[] =
    "{\"epoch\": 2, \"routes\": {\"a\": {\"new_percent\": 5}, \"b\": {\"pin\": \"new\"}}}";

static int begin(void **state)
{
    UNUSED(state);
    assert_non_null(mkdtemp(dir));
    write_line("audit.ndjson.1", 7200000, 2, NULL, one);
    write_line("audit.ndjson", 1000, 3, one, two);
    write_line("audit.ndjson", 500, 4, two, "legacy");
    return 0;
}

static int end(void **state)
{
    char path[128];
    UNUSED(state);
    path_of(path, "audit.ndjson");
    (void)unlink(path);
    path_of(path, "audit.ndjson.1");
    (void)unlink(path);
    return rmdir(dir);
}

static void expect(const struct history_query *q, const char *const *has, size_t nhas, size_t lines)
{
    struct buf out = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    size_t n = 0;
    assert_int_equal(history_show(dir, q, &out, &wrong), ERR_OK);
    for (size_t i = 0; i < out.n; i++)
        n += out.p[i] == '\n';
    assert_int_equal(buf_append(&out, span_of("", 1)), ERR_OK);
    for (size_t i = 0; i < nhas; i++)
        if (strstr(out.p, has[i]) == NULL)
            fail_msg("no \"%s\" in\n%s", has[i], out.p);
    if (n != lines)
        fail_msg("%zu lines instead of %zu in\n%s", n, lines, out.p);
    buf_free(&out);
}

static void test_show(void **state)
{
    static const char *const all[] = {"a: 5%", "b: pinned to new", "everything: legacy",
                                      "a: as configured (was 5%)"};
    static const char *const json[] = {"\"epoch\":2,", "\"epoch\":4,"};
    UNUSED(state);
    expect(&(struct history_query){.since_ms = 0}, all, 4, 4);
    expect(&(struct history_query){.since_ms = 3600000}, all + 1, 3, 3);
    expect(&(struct history_query){.route = "b"}, all + 1, 2, 3);
    expect(&(struct history_query){.route = "other"}, all + 2, 1, 2);
    expect(&(struct history_query){.json = true}, json, 2, 3);
}

/* What a reload changed stands there, who and why, and a route's own trail has it. */
static void test_configuration(void **state)
{
    static const char *const said[] = {
        "config   eve         routes.z.new_percent: 5 (was 1); routes.y: removed; "
        "routes[\"x.shadow\"].new_percent: 2 (was 1)  [a quiet week]"};
    static const char *const undone[] = {"undo of 8: everything: not pinned (was legacy)"};
    struct buf line = BUF_INIT(0);
    struct document *was = rig_document("{\"epoch\": 8, \"pin\": \"legacy\"}");
    struct document *is = rig_document("{\"epoch\": 9, \"undoes\": 8}");
    json_t *changes = json_pack("[s, s, s]", "routes.z.new_percent: 5 (was 1)", "routes.y: removed",
                                "routes[\"x.shadow\"].new_percent: 2 (was 1)");
    struct audit a = {.at_ms = clock_wall_ms(),
                      .epoch = 7,
                      .source = SOURCE_CONFIG,
                      .by = "eve",
                      .why = "a quiet week",
                      .changes = changes};
    char path[128];
    UNUSED(state);
    path_of(path, "audit.ndjson");
    assert_int_equal(audit_line(&a, &line), ERR_OK);
    a = (struct audit){
        .at_ms = clock_wall_ms(), .epoch = 9, .from = was, .to = is, .source = SOURCE_ADMIN};
    assert_int_equal(audit_line(&a, &line), ERR_OK);
    assert_int_equal(disk_append(path, buf_span(&line), AUDIT_ROTATE, 0600), ERR_OK);
    expect(&(struct history_query){.since_ms = 0}, said, 1, 7);
    expect(&(struct history_query){.since_ms = 0}, undone, 1, 7);
    expect(&(struct history_query){.route = "z"}, said, 1, 4);
    expect(&(struct history_query){.route = "y"}, said, 1, 4);
    expect(&(struct history_query){.route = "x.shadow"}, said, 1, 4);
    expect(&(struct history_query){.route = "x"}, NULL, 0, 3);
    expect(&(struct history_query){.route = "new_percent"}, NULL, 0, 3);
    json_decref(changes);
    document_free(&was);
    document_free(&is);
    buf_free(&line);
}

static void expect_state(uint64_t epoch, const char *want)
{
    struct buf out = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    enum err e = history_state(dir, epoch, &out, &wrong);
    assert_int_equal(e, want == NULL ? ERR_NOT_FOUND : ERR_OK);
    assert_int_equal(wrong.n, want == NULL ? 1 : 0);
    if (want != NULL)
        assert_true(span_eq(buf_span(&out), span_str(want)));
    complaints_free(&wrong);
    buf_free(&out);
}

static void test_state(void **state)
{
    UNUSED(state);
    expect_state(2, "{\"epoch\":1,\"routes\":{\"a\":{\"new_percent\":5}}}");
    expect_state(4, "{\"pin\":\"legacy\"}");
    expect_state(5, NULL);
}

/* What a crash leaves is ended by the next line, and never read as one. */
static void test_half_a_line(void **state)
{
    char path[128];
    UNUSED(state);
    path_of(path, "audit.ndjson");
    assert_int_equal(disk_append(path, SPAN("{\"at\":\"2026-"), AUDIT_ROTATE, 0600), ERR_OK);
    expect(&(struct history_query){.json = true}, NULL, 0, 3);
    write_line("audit.ndjson", 100, 5, two, one);
    expect(&(struct history_query){.json = true}, NULL, 0, 4);
    expect_state(5, "{\"epoch\":1,\"routes\":{\"a\":{\"new_percent\":5}}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_show),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_half_a_line),
        cmocka_unit_test(test_configuration),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
