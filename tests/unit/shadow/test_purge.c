/* Taking records out of files: the right ones, all of them, and none of what is written meanwhile.
 */
#include "tests/unit/shadow/support.h"

#include "shadow/record_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/weir-test-purge-XXXXXX";
static char now[64], before[64];

static int begin(void **state)
{
    UNUSED(state);
    memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(now, sizeof(now), "%s/r", dir);
    (void)snprintf(before, sizeof(before), "%s/r.1", dir);
    return 0;
}

static int end(void **state)
{
    UNUSED(state);
    (void)unlink(now);
    (void)unlink(before);
    return rmdir(dir); /* nothing else is left */
}

static void put(FILE *f, const char *route, unsigned long long at)
{
    (void)fprintf(f,
                  "{\"v\":1,\"t\":\"pair\",\"at\":%llu,\"id\":\"x\",\"route\":\"%s\",\"endpoint\":"
                  "\"GET /a\",\"served\":\"legacy\",\"epoch\":1,\"bucket\":1,\"status\":[200,200],"
                  "\"first_us\":[1,1],\"total_us\":[1,1],\"bytes\":[1,1],\"verdict\":\"match\"}\n",
                  at, route);
}

/* What stands beside the pairs of a route and tells of it. */
static void put_beside(FILE *f, const char *route, unsigned long long at)
{
    (void)fprintf(
        f,
        "{\"v\":1,\"t\":\"options\",\"at\":%llu,\"route\":\"%s\",\"percent\":100}\n"
        "{\"v\":1,\"t\":\"selftest\",\"at\":%llu,\"route\":\"%s\",\"endpoint\":\"GET /a\","
        "\"defects\":[{\"defect\":\"cent\",\"outcome\":\"caught\",\"path\":\"$.bob\"}]}\n"
        "{\"v\":1,\"t\":\"stack\",\"at\":%llu,\"route\":\"%s\",\"stack\":[\"a\",\"b\"]}\n"
        "{\"v\":1,\"t\":\"hidden\",\"at\":%llu,\"route\":\"%s\",\"rule\":\"x\",\"pairs\":1,"
        "\"places\":1,\"paths\":[\"$.bob\"]}\n"
        "{\"v\":1,\"t\":\"rules\",\"at\":%llu,\"rules\":[]}\n",
        at, route, at, route, at, route, at, route, at);
}

/* So many of route a, then of b, at 1000, 1001, ... */
static void write_file(const char *path, unsigned a, unsigned b)
{
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    (void)fprintf(f, "{\"v\":1,\"t\":\"run\",\"at\":1,\"version\":\"0\",\"store\":\"full\"}\n");
    for (unsigned i = 0; i < a + b; i++)
        put(f, i < a ? "a" : "b", 1000 + i);
    (void)fprintf(f, "no record\n");
    assert_int_equal(fclose(f), 0);
}

static unsigned lines(const char *path, const char *with)
{
    struct buf text = BUF_INIT(0);
    struct span rest, line;
    unsigned n = 0;
    if (!slurp(path, &text))
        return 0;
    for (rest = buf_span(&text); span_cut(&rest, '\n', &line);)
        n += line.n > 0 && memmem(line.p, line.n, with, strlen(with)) != NULL ? 1 : 0;
    buf_free(&text);
    return n;
}

static uint64_t purge(const char *route, uint64_t before_ms)
{
    struct shadow_purge q = {.route = route, .before_ms = before_ms};
    uint64_t removed;
    assert_int_equal(shadow_purge(now, &q, &removed), ERR_OK);
    return removed;
}

static void a_route_goes(void **state)
{
    UNUSED(state);
    write_file(before, 3, 2);
    write_file(now, 4, 1);
    assert_int_equal(purge("a", 0), 7);
    assert_int_equal(access(now, F_OK), -1);
    assert_int_equal(lines(before, "\"route\":\"a\""), 0);
    assert_int_equal(lines(before, "\"route\":\"b\""), 3);
    assert_int_equal(lines(before, "\"t\":\"run\""), 2);
    assert_int_equal(lines(before, "no record"), 2);
    struct stat st;
    assert_int_equal(stat(before, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void the_old_go(void **state)
{
    UNUSED(state);
    write_file(now, 3, 3);
    assert_int_equal(shadow_oldest(now), 1000);
    assert_int_equal(purge(NULL, 1004), 4);
    assert_int_equal(shadow_oldest(now), 1004);
    assert_int_equal(purge("b", 1005), 1);
    assert_int_equal(lines(before, "\"route\":\"b\""), 1);
    assert_int_equal(purge("b", 1005), 0);
}

static void what_stands_beside_goes_too(void **state)
{
    UNUSED(state);
    for (unsigned i = 0; i < 2; i++) {
        FILE *f = fopen(i == 0 ? before : now, "a");
        assert_non_null(f);
        put_beside(f, "a", 1000 + i);
        put(f, "a", 1000 + i);
        put_beside(f, "b", 1000 + i);
        put(f, "b", 1000 + i);
        assert_int_equal(fclose(f), 0);
    }
    assert_int_equal(purge("a", 0), 2); /* the pairs are what is counted */
    assert_int_equal(lines(before, "\"route\":\"a\""), 0);
    assert_int_equal(lines(before, "\"route\":\"b\""), 10);
    assert_int_equal(lines(before, "\"t\":\"rules\""), 4); /* of all routes */
    assert_int_equal(purge(NULL, 1001), 1);
    assert_int_equal(lines(before, "\"route\":\"b\""), 5);
    assert_int_equal(lines(before, "\"at\":1000"), 0);
}

static void everything_goes(void **state)
{
    UNUSED(state);
    assert_int_equal(purge(NULL, 0), 0); /* there are no files */
    assert_int_equal(shadow_oldest(now), 0);
    write_file(before, 2, 2);
    write_file(now, 1, 0);
    assert_int_equal(purge(NULL, 0), 7); /* and what is no record */
    assert_int_equal(lines(before, "route"), 0);
}

/* A writer that has the file open goes on in the old one until it is told. */
struct writer {
    FILE *f;
    unsigned reopened;
};

static void reopen(void *arg)
{
    struct writer *w = arg;
    put(w->f, "b", 5000);
    put(w->f, "a", 5000);
    assert_int_equal(fclose(w->f), 0);
    w->f = fopen(now, "a");
    assert_non_null(w->f);
    w->reopened++;
}

static void what_is_written_meanwhile_stays(void **state)
{
    struct writer w = {.reopened = 0};
    struct shadow_purge q = {.route = "a", .reopen = reopen, .arg = &w};
    uint64_t removed;
    UNUSED(state);
    write_file(now, 2, 2);
    w.f = fopen(now, "a");
    assert_non_null(w.f);
    assert_int_equal(shadow_purge(now, &q, &removed), ERR_OK);
    assert_int_equal(w.reopened, 1);
    assert_int_equal(removed, 3);
    put(w.f, "a", 6000);
    assert_int_equal(fclose(w.f), 0);
    assert_int_equal(lines(before, "\"route\":\"b\""), 3);
    assert_int_equal(lines(now, "\"route\":\"a\""), 1);
}

/* Ended in the middle: the files lie under other names. */
static void an_interrupted_purge_is_ended(void **state)
{
    char old_now[80], old_before[80], left[80];
    UNUSED(state);
    (void)snprintf(old_now, sizeof(old_now), "%s.purging", now);
    (void)snprintf(old_before, sizeof(old_before), "%s.purging.1", now);
    (void)snprintf(left, sizeof(left), "%s.purged", now);
    write_file(old_now, 1, 1);
    write_file(old_before, 1, 1);
    write_file(left, 9, 9);
    write_file(now, 1, 1);
    assert_true(shadow_purge_was_cut(now));
    assert_int_equal(purge("a", 0), 3);
    assert_int_equal(lines(before, "\"route\":\"b\""), 3);
    assert_false(shadow_purge_was_cut(now));
}

/* Killed when only one of the files had been moved: the other is no newer one. */
static void nothing_is_lost_between_two_moves(void **state)
{
    char old_now[80];
    UNUSED(state);
    (void)snprintf(old_now, sizeof(old_now), "%s.purging", now);
    write_file(before, 1, 1);
    write_file(old_now, 1, 1);
    write_file(now, 1, 1);
    assert_int_equal(purge("a", 0), 3);
    assert_int_equal(lines(before, "\"route\":\"b\""), 3);
}

/* Killed when all was in place, but for the tidying. */
static void nothing_comes_twice(void **state)
{
    char old_now[80], left[80];
    UNUSED(state);
    (void)snprintf(old_now, sizeof(old_now), "%s.purging", now);
    (void)snprintf(left, sizeof(left), "%s.purged", now);
    write_file(before, 0, 2);
    assert_int_equal(link(before, left), 0);
    write_file(old_now, 1, 1);
    assert_true(shadow_purge_was_cut(now));
    assert_int_equal(purge("a", 0), 0);
    assert_int_equal(lines(before, "\"route\":\"b\""), 2);
    assert_false(shadow_purge_was_cut(now));
}

static void a_table_is_replaced_whole_or_not_at_all(void **state)
{
    const struct shadow_purge q = {.route = "a"};
    char left[80];
    UNUSED(state);
    (void)snprintf(left, sizeof(left), "%s.purged", now);
    assert_int_equal(shadow_purge_table(now, &q), ERR_OK); /* there is none */
    assert_int_equal(access(now, F_OK), -1);
    write_file(now, 3, 2);
    assert_int_equal(mkdir(left, 0700), 0); /* it cannot be written */
    assert_int_equal(shadow_purge_table(now, &q), ERR_SYSTEM);
    assert_int_equal(lines(now, "\"route\":\"a\""), 3);
    assert_int_equal(rmdir(left), 0);
    assert_int_equal(shadow_purge_table(now, &q), ERR_OK);
    assert_int_equal(lines(now, "\"route\":\"a\""), 0);
    assert_int_equal(lines(now, "\"route\":\"b\""), 2);
    assert_int_equal(access(before, F_OK), -1);
}

static enum err build(void *arg)
{
    struct shadow_purge q = {.route = "a"};
    uint64_t removed;
    UNUSED(arg);
    return shadow_purge(now, &q, &removed);
}

static void failing_allocations_lose_nothing(void **state)
{
    UNUSED(state);
    write_file(before, 1, 2);
    write_file(now, 1, 2);
    alloc_walk(build, NULL);
    assert_int_equal(lines(before, "\"route\":\"b\""), 4);
    assert_int_equal(lines(before, "\"route\":\"a\""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_route_goes, begin, end),
        cmocka_unit_test_setup_teardown(the_old_go, begin, end),
        cmocka_unit_test_setup_teardown(what_stands_beside_goes_too, begin, end),
        cmocka_unit_test_setup_teardown(everything_goes, begin, end),
        cmocka_unit_test_setup_teardown(what_is_written_meanwhile_stays, begin, end),
        cmocka_unit_test_setup_teardown(an_interrupted_purge_is_ended, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_lost_between_two_moves, begin, end),
        cmocka_unit_test_setup_teardown(nothing_comes_twice, begin, end),
        cmocka_unit_test_setup_teardown(a_table_is_replaced_whole_or_not_at_all, begin, end),
        cmocka_unit_test_setup_teardown(failing_allocations_lose_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
