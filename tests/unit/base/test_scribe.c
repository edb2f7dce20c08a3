/* The writing thread: whole lines in order, losses counted, files that move under it. */
#include "tests/unit/fail_alloc.h"

#include "base/metrics.h"
#include "base/scribe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static struct scribe *scribe;

static const char *in_dir(const char *name)
{
    static char path[4][128];
    static unsigned turn;
    char *p = path[turn++ % 4];
    (void)snprintf(p, 128, "%s/%s", dir, name);
    return p;
}

static struct buf slurp(const char *path)
{
    struct buf b = BUF_INIT(0);
    FILE *f = fopen(path, "rb");
    size_t n = f == NULL ? 0 : 1;
    while (n > 0) {
        assert_int_equal(buf_reserve(&b, 65536), ERR_OK);
        n = fread(b.p + b.n, 1, 65536, f);
        b.n += n;
    }
    if (f != NULL)
        (void)fclose(f);
    return b;
}

static void expect_file(const char *name, const char *text)
{
    struct buf b = slurp(in_dir(name));
    if (!span_eq(buf_span(&b), span_str(text)))
        fail_msg("%s holds \"" SPAN_FMT "\", not \"%s\"", name, SPAN_ARG(buf_span(&b)), text);
    buf_free(&b);
}

static int setup(void **state)
{
    UNUSED(state);
    (void)snprintf(dir, sizeof(dir), "/tmp/weir-scribe-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    metrics_reset();
    return scribe_start(&scribe, 1024 * 1024) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"a", "a.1", "b", "c", "d/x"};
    UNUSED(state);
    if (scribe != NULL)
        scribe_stop(&scribe);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unlink(in_dir(names[i]));
    (void)rmdir(in_dir("a.1"));
    (void)rmdir(in_dir("d"));
    return rmdir(dir);
}

static struct scribe_file *open_file(const char *name, uint64_t max)
{
    struct scribe_file *f;
    assert_int_equal(scribe_open(scribe, name[0] == '/' ? name : in_dir(name), max, &f), ERR_OK);
    return f;
}

static void put(struct scribe_writer *w, const char *line)
{
    size_t n = strlen(line);
    char *room = scribe_room(w, n);
    assert_non_null(room);
    memcpy(room, line, n);
    scribe_commit(w, n);
}

static void test_lines_arrive(void **state)
{
    struct scribe_writer *w;
    struct stat st;
    UNUSED(state);
    struct scribe_file *f = open_file("a", 0);
    assert_int_equal(scribe_writer_new(f, &w), ERR_OK);
    put(w, "one\n");
    put(w, "two\n");
    scribe_flush(w);
    scribe_flush(w);
    assert_true(scribe_put(f, SPAN("three\n")));
    assert_true(scribe_put(f, SPAN_NULL));
    put(w, "four\n");
    scribe_writer_free(&w); /* hands over what is left */
    assert_null(w);
    scribe_writer_free(&w);
    scribe_stop(&scribe);
    expect_file("a", "one\ntwo\nthree\nfour\n");
    assert_int_equal(stat(in_dir("a"), &st), 0);
    assert_int_equal(st.st_mode & 07, 0); /* not for everybody */
    assert_int_equal(metric_read(METRIC_LOG_DROPPED), 0);
}

enum { WRITERS = 4, LINES = 5000 };

struct producer {
    struct scribe_file *file;
    unsigned number;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    struct scribe_writer *w;
    char line[64];
    metrics_thread_begin("producer");
    assert_int_equal(scribe_writer_new(p->file, &w), ERR_OK);
    for (unsigned i = 0; i < LINES; i++) {
        (void)snprintf(line, sizeof(line), "%u %u\n", p->number, i);
        if (i % 100 == 99)
            while (!scribe_put(p->file, span_str("0 x\n")))
                ;
        put(w, line);
    }
    scribe_writer_free(&w);
    metrics_thread_end();
    return NULL;
}

static void test_many_writers(void **state)
{
    struct producer p[WRITERS];
    pthread_t threads[WRITERS];
    unsigned next[WRITERS + 1] = {0};
    UNUSED(state);
    struct scribe_file *f = open_file("a", 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        p[i] = (struct producer){f, i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &p[i]), 0);
    }
    scribe_reopen(scribe);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    scribe_stop(&scribe);
    assert_int_equal(metric_read(METRIC_LOG_DROPPED), 0);
    struct buf b = slurp(in_dir("a"));
    struct span rest = buf_span(&b), line;
    while (span_cut(&rest, '\n', &line) && line.n > 0) {
        unsigned who = (unsigned)(line.p[0] - '0');
        uint64_t number;
        assert_in_range(who, 0, WRITERS);
        if (who > 0) {
            assert_true(span_u64(span_from(line, 2), &number));
            assert_int_equal(number, next[who]); /* whole and in order */
        }
        next[who]++;
    }
    for (unsigned i = 1; i <= WRITERS; i++)
        assert_int_equal(next[i], LINES);
    assert_int_equal(next[0], WRITERS * LINES / 100);
    buf_free(&b);
}

static void test_longest_lines(void **state)
{
    struct scribe_writer *w;
    UNUSED(state);
    struct scribe_file *f = open_file("a", 0);
    assert_int_equal(scribe_writer_new(f, &w), ERR_OK);
    for (int i = 0; i < 8; i++) {
        char *room = scribe_room(w, SCRIBE_LINE_MAX);
        assert_non_null(room);
        memset(room, 'a' + i, SCRIBE_LINE_MAX - 1);
        room[SCRIBE_LINE_MAX - 1] = '\n';
        scribe_commit(w, SCRIBE_LINE_MAX);
        put(w, "short\n");
    }
    scribe_writer_free(&w);
    scribe_stop(&scribe);
    struct buf b = slurp(in_dir("a"));
    assert_int_equal(b.n, 8 * (SCRIBE_LINE_MAX + 6));
    buf_free(&b);
}

/* --- files that move --- */

static void test_rotation(void **state)
{
    UNUSED(state);
    struct scribe_file *f = open_file("a", 10);
    assert_true(scribe_put(f, SPAN("12345\n")));
    assert_true(scribe_put(f, SPAN("67\n")));
    assert_true(scribe_put(f, SPAN("new\n"))); /* would make it 13 */
    scribe_stop(&scribe);
    expect_file("a.1", "12345\n67\n");
    expect_file("a", "new\n");
}

/* Another process does. */
static void test_rotation_no_more(void **state)
{
    UNUSED(state);
    struct scribe_file *f = open_file("a", 10);
    scribe_rotate_no_more(scribe);
    assert_true(scribe_put(f, SPAN("12345\n")));
    assert_true(scribe_put(f, SPAN("67890\n")));
    scribe_stop(&scribe);
    expect_file("a", "12345\n67890\n");
}

static void test_rotation_counts_what_was_there(void **state)
{
    UNUSED(state);
    struct scribe_file *f = open_file("a", 0);
    assert_true(scribe_put(f, SPAN("123456789\n")));
    scribe_stop(&scribe);
    assert_int_equal(scribe_start(&scribe, 1024 * 1024), ERR_OK);
    f = open_file("a", 10);
    assert_true(scribe_put(f, SPAN("a line longer than the limit\n")));
    scribe_stop(&scribe);
    expect_file("a.1", "123456789\n");
    expect_file("a", "a line longer than the limit\n");
}

/* The old name is taken by a folder: the file grows on rather than losing lines. */
static void test_rotation_impossible(void **state)
{
    UNUSED(state);
    assert_int_equal(mkdir(in_dir("a.1"), 0700), 0);
    struct scribe_file *f = open_file("a", 10);
    for (int i = 0; i < 5; i++)
        assert_true(scribe_put(f, SPAN("12345678\n")));
    scribe_stop(&scribe);
    expect_file("a", "12345678\n12345678\n12345678\n12345678\n12345678\n");
    assert_int_equal(metric_read(METRIC_LOG_DROPPED), 0);
}

static void wait_until_written(const char *name, const char *text)
{
    for (;;) {
        struct buf b = slurp(in_dir(name));
        bool there = span_eq(buf_span(&b), span_str(text));
        buf_free(&b);
        if (there)
            return;
        usleep(1000);
    }
}

static void test_reopen(void **state)
{
    UNUSED(state);
    struct scribe_file *f = open_file("a", 0);
    assert_true(scribe_put(f, SPAN("before\n")));
    wait_until_written("a", "before\n");
    assert_int_equal(rename(in_dir("a"), in_dir("b")), 0);
    assert_true(scribe_put(f, SPAN("between\n")));
    wait_until_written("b", "before\nbetween\n");
    scribe_reopen(scribe);
    assert_true(scribe_put(f, SPAN("after\n")));
    scribe_stop(&scribe);
    expect_file("a", "after\n");
    expect_file("b", "before\nbetween\n");
}

static void wait_for_drops(uint64_t n)
{
    while (metric_read(METRIC_LOG_DROPPED) < n)
        usleep(1000);
    assert_int_equal(metric_read(METRIC_LOG_DROPPED), n);
}

/* The folder went away at a rotation and came back: no need for an operator. */
static void test_comes_back(void **state)
{
    UNUSED(state);
    assert_int_equal(mkdir(in_dir("d"), 0700), 0);
    struct scribe_file *f = open_file("d/x", 0);
    assert_int_equal(unlink(in_dir("d/x")), 0);
    assert_int_equal(rmdir(in_dir("d")), 0);
    scribe_reopen(scribe);
    assert_true(scribe_put(f, SPAN("lost\n")));
    wait_for_drops(1);
    assert_int_equal(mkdir(in_dir("d"), 0700), 0);
    assert_true(scribe_put(f, SPAN("found\n")));
    scribe_stop(&scribe);
    expect_file("d/x", "found\n");
}

/* --- losses --- */

static void test_disk_full_is_counted(void **state)
{
    struct scribe_writer *w;
    UNUSED(state);
    struct scribe_file *f = open_file("/dev/full", 0);
    assert_int_equal(scribe_writer_new(f, &w), ERR_OK);
    put(w, "one\n");
    put(w, "two\n");
    put(w, "three\n");
    scribe_writer_free(&w);
    scribe_stop(&scribe);
    assert_int_equal(metric_read(METRIC_LOG_DROPPED), 3);
}

/* A write that stopped within a line: the next begins on a line of its own. */
static void test_torn_line(void **state)
{
    struct rlimit before, small = {10, RLIM_INFINITY};
    UNUSED(state);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    struct scribe_file *f = open_file("a", 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_true(scribe_put(f, SPAN("first\n")));
    assert_true(scribe_put(f, SPAN("torn to pieces\n")));
    wait_for_drops(1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(scribe_put(f, SPAN("last\n")));
    scribe_stop(&scribe);
    expect_file("a", "first\ntorn\nlast\n");
}

/* Standard output is a pipe that nobody reads: the queue fills up, what does not fit is dropped and
 * counted, producers never wait, and what was taken is written once someone reads. */
struct pipe_out {
    int ends[2], saved;
};

static void pipe_begin(struct pipe_out *p, int flags)
{
    (void)fflush(stdout);
    assert_int_equal(pipe2(p->ends, flags), 0);
    p->saved = dup(STDOUT_FILENO);
    assert_true(dup2(p->ends[1], STDOUT_FILENO) >= 0);
    close(p->ends[1]);
}

static void pipe_end(struct pipe_out *p)
{
    assert_true(dup2(p->saved, STDOUT_FILENO) >= 0);
    close(p->saved);
}

static size_t pipe_lines(struct pipe_out *p)
{
    char bytes[4096];
    size_t lines = 0;
    ssize_t n;
    while ((n = read(p->ends[0], bytes, sizeof(bytes))) != 0) {
        assert_true(n > 0 || errno == EAGAIN);
        for (ssize_t i = 0; i < n; i++)
            lines += bytes[i] == '\n';
    }
    close(p->ends[0]);
    return lines;
}

static void *stop_it(void *arg)
{
    UNUSED(arg);
    scribe_stop(&scribe);
    return NULL;
}

static void fill(struct scribe_file *f, unsigned *taken, unsigned *refused)
{
    char line[1000];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (unsigned i = 0; i < 4000; i++) {
        bool ok = scribe_put(f, span_of(line, sizeof(line)));
        *taken += ok;
        *refused += !ok;
    }
}

static void test_full_queue(void **state)
{
    struct pipe_out p;
    unsigned taken = 0, refused = 0;
    pthread_t stopper;
    UNUSED(state);
    pipe_begin(&p, 0);
    struct scribe_file *f;
    enum err e = scribe_open(scribe, SCRIBE_STDOUT, 5, &f); /* a stream is never rotated */
    if (e == ERR_OK)
        fill(f, &taken, &refused);
    pipe_end(&p);
    assert_int_equal(e, ERR_OK);
    assert_true(refused > 0);
    assert_true(taken > 500 && taken < 1300); /* 1 MiB in the queue and 64 KiB in the pipe */
    assert_int_equal(metric_read(METRIC_LOG_DROPPED), refused);
    assert_int_equal(pthread_create(&stopper, NULL, stop_it, NULL), 0);
    assert_int_equal(pipe_lines(&p), taken);
    pthread_join(stopper, NULL);
}

/* A buffer that is flushed with one short line in it counts as little as it holds. */
static void test_small_buffers_in_a_full_queue(void **state)
{
    struct pipe_out p;
    struct scribe_writer *w = NULL;
    pthread_t stopper;
    UNUSED(state);
    pipe_begin(&p, 0);
    struct scribe_file *f = NULL;
    enum err e = scribe_open(scribe, SCRIBE_STDOUT, 0, &f);
    if (e == ERR_OK)
        e = scribe_writer_new(f, &w);
    for (int i = 0; e == ERR_OK && i < 5000; i++) {
        put(w, "short\n");
        scribe_flush(w);
    }
    pipe_end(&p);
    assert_int_equal(e, ERR_OK);
    scribe_writer_free(&w);
    assert_int_equal(metric_read(METRIC_LOG_DROPPED), 0);
    assert_int_equal(pthread_create(&stopper, NULL, stop_it, NULL), 0);
    assert_int_equal(pipe_lines(&p), 5000);
    pthread_join(stopper, NULL);
}

/* The pipe is in non-blocking mode (a parent's doing): it is waited for, nothing is lost. */
static void test_non_blocking_stream(void **state)
{
    struct pipe_out p;
    pthread_t stopper;
    UNUSED(state);
    pipe_begin(&p, O_NONBLOCK);
    struct scribe_file *f = NULL;
    char line[1000];
    bool ok = scribe_open(scribe, SCRIBE_STDOUT, 0, &f) == ERR_OK;
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (int i = 0; ok && i < 200; i++)
        ok = scribe_put(f, span_of(line, sizeof(line)));
    pipe_end(&p);
    assert_true(ok);
    assert_int_equal(pthread_create(&stopper, NULL, stop_it, NULL), 0);
    assert_int_equal(pipe_lines(&p), 200);
    pthread_join(stopper, NULL);
    assert_int_equal(metric_read(METRIC_LOG_DROPPED), 0);
}

/* --- refusals --- */

static void test_refused_files(void **state)
{
    struct scribe_file *f;
    char longest[5000];
    UNUSED(state);
    assert_int_equal(scribe_open(scribe, in_dir("no/such/folder"), 0, &f), ERR_SYSTEM);
    assert_null(f);
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(scribe_open(scribe, longest, 0, &f), ERR_TOO_LARGE);
    enum err e = ERR_OK;
    int opened = 0;
    for (; e == ERR_OK && opened < 100; opened++)
        e = scribe_open(scribe, in_dir("a"), 0, &f);
    assert_int_equal(e, ERR_TOO_LARGE);
}

static enum err build(void *arg)
{
    struct scribe *s;
    struct scribe_file *f = NULL;
    struct scribe_writer *w = NULL;
    UNUSED(arg);
    enum err e = scribe_start(&s, 1000000);
    if (e != ERR_OK)
        return e;
    e = scribe_open(s, in_dir("a"), 0, &f);
    if (e == ERR_OK)
        e = scribe_writer_new(f, &w);
    if (e == ERR_OK && scribe_room(w, 10) == NULL)
        e = ERR_NO_MEMORY;
    if (e == ERR_OK)
        scribe_commit(w, 0);
    if (e == ERR_OK && !scribe_put(f, SPAN("x\n")))
        e = ERR_NO_MEMORY;
    scribe_writer_free(&w);
    scribe_stop(&s);
    return e;
}

static void test_without_memory(void **state)
{
    UNUSED(state);
    alloc_walk(build, NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_lines_arrive),
        TEST(test_many_writers),
        TEST(test_longest_lines),
        TEST(test_rotation),
        TEST(test_rotation_no_more),
        TEST(test_rotation_counts_what_was_there),
        TEST(test_rotation_impossible),
        TEST(test_reopen),
        TEST(test_comes_back),
        TEST(test_disk_full_is_counted),
        TEST(test_torn_line),
        TEST(test_full_queue),
        TEST(test_small_buffers_in_a_full_queue),
        TEST(test_non_blocking_stream),
        TEST(test_refused_files),
        TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
