/* Files that cannot be read, defaults that depend on the machine, bounds, and every allocation
 * failing in turn. What is said about wrong configurations is in tests/conf. */
#include "tests/unit/fail_alloc.h"

#include "config/room.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_TEXT(extra)                                                              \
    "{" extra "\"listeners\": [{\"address\": \"*:80\"}],"                               \
    "\"backends\": {\"a\": {\"servers\": [\"a:1\"]}, \"b\": {\"servers\": [\"b:1\"]}}," \
    "\"defaults\": {\"legacy\": \"a\", \"new\": \"b\"},"                                \
    "\"routes\": [{\"name\": \"r\", \"match\": {\"prefix\": \"/\"}}]}"

static char dir[64];

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static struct config *load(const char *file)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    enum err e = config_load(file, NULL, &c, &wrong);
    for (size_t i = 0; i < wrong.n; i++)
        print_error("%s: %s\n", wrong.list[i].where, wrong.list[i].what);
    assert_int_equal(e, ERR_OK);
    return c;
}

static struct config *parse(const char *text)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    assert_int_equal(config_parse(span_str(text), "test", &c, &wrong), ERR_OK);
    return c;
}

/* The only complaint, as one line. */
static void assert_refused(const char *file, const char *want)
{
    struct complaints wrong = {.n = 0};
    struct buf text = BUF_INIT(0);
    struct config *c = (struct config *)dir; /* must be overwritten */
    assert_int_equal(config_load(file, NULL, &c, &wrong), ERR_CONFIG);
    assert_null(c);
    assert_int_equal(complaints_render(&wrong, &text), ERR_OK);
    text.p[text.n - 1] = '\0';
    assert_string_equal(text.p, want);
    complaints_free(&wrong);
    buf_free(&text);
}

/* --- files --- */

static void files_that_are_none(void **state)
{
    UNUSED(state);
    assert_refused("nosuch.json", "nosuch.json: cannot be read: No such file or directory");
    assert_refused(".", ".: cannot be read: Is a directory");
    assert_refused("", ": cannot be read: No such file or directory");
}

static void endless_file(void **state)
{
    UNUSED(state);
    write_file("large.json", " ");
    assert_int_equal(truncate("large.json", FILE_MAX_BYTES + 1), 0);
    assert_refused("large.json", "large.json: cannot be read: too large");
    assert_int_equal(unlink("large.json"), 0);
}

static void values_from_files(void **state)
{
    char large[VALUE_MAX_BYTES + 2];
    UNUSED(state);
    write_file("salt.json", CONFIG_TEXT("\"salt\": \"${file:value}\","));
    write_file("value", "first\nsecond\r\n");
    struct config *c = load("salt.json");
    assert_string_equal(c->salt, "first\nsecond"); /* only the last line break is none of it */
    config_free(&c);
    write_file("value", "a ${HOME} $$ b");
    c = load("salt.json");
    assert_string_equal(c->salt, "a ${HOME} $$ b"); /* not looked at again */
    config_free(&c);
    memset(large, 'x', sizeof(large));
    large[VALUE_MAX_BYTES + 1] = '\0';
    write_file("value", large);
    assert_refused("salt.json",
                   "salt.json:1: $.salt: ${file:value} cannot be read: too large; name a readable "
                   "file of at most 64 KiB");
    assert_int_equal(unlink("value"), 0);
    assert_int_equal(mkfifo("value", 0600), 0); /* nobody writes to it: it would hang */
    assert_refused("salt.json",
                   "salt.json:1: $.salt: ${file:value} cannot be read: not a regular file; name a "
                   "readable file of at most 64 KiB");
    assert_int_equal(unlink("value"), 0);
}

static void relative_to_the_file(void **state)
{
    char want[128];
    UNUSED(state);
    assert_int_equal(mkdir("sub", 0700), 0);
    write_file("sub/weir.json",
               CONFIG_TEXT("\"state_dir\": \"state\", \"salt\": \"${file:salt}\","));
    write_file("sub/salt", "pepper");
    struct config *c = load("sub/weir.json");
    (void)snprintf(want, sizeof(want), "%s/sub/state", dir);
    assert_string_equal(c->state_dir, want);
    assert_string_equal(c->salt, "pepper");
    assert_string_equal(c->file, "sub/weir.json");
    config_free(&c);
    (void)snprintf(want, sizeof(want), "%s/sub/weir.json", dir);
    c = load(want);
    (void)snprintf(want, sizeof(want), "%s/sub/state", dir);
    assert_string_equal(c->state_dir, want);
    config_free(&c);
    c = parse(CONFIG_TEXT("\"state_dir\": \"state\",")); /* no file, no directory */
    assert_string_equal(c->state_dir, "state");
    config_free(&c);
}

/* --- what depends on the machine --- */

static void assert_state_dir(const char *want)
{
    struct config *c = parse(CONFIG_TEXT(""));
    char text[300];
    assert_string_equal(c->state_dir, want);
    (void)snprintf(text, sizeof(text), "%s/shadow.ndjson", want);
    assert_string_equal(c->shadow.records, text);
    (void)snprintf(text, sizeof(text), ":%s/admin.sock", want);
    assert_non_null(strstr(c->control.instance, text));
    assert_true(c->control.instance[0] != ':');
    config_free(&c);
}

/* As root the answer would always be the same. */
static void as_somebody(bool on)
{
    static bool was_root;
    if (on)
        was_root = geteuid() == 0;
    if (was_root)
        assert_int_equal(seteuid(on ? 65534 : 0), 0);
}

static void state_directory(void **state)
{
    UNUSED(state);
    (void)setenv("HOME", "/home/dana", 1);
    (void)setenv("XDG_STATE_HOME", "/home/dana/state", 1);
    (void)setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
    assert_state_dir("/var/lib/one");
    (void)setenv("STATE_DIRECTORY", "", 1);
    if (geteuid() == 0)
        assert_state_dir("/var/lib/weir");
    as_somebody(true);
    assert_state_dir("/home/dana/state/weir");
    (void)setenv("XDG_STATE_HOME", "relative", 1); /* the specification: to be ignored */
    assert_state_dir("/home/dana/.local/state/weir");
    as_somebody(false);
    struct config *c = parse(CONFIG_TEXT("\"state_dir\": \"/s\", \"shadow\": {\"records\": \"/r\"},"
                                         " \"control\": {\"instance\": \"i\"},"));
    assert_string_equal(c->state_dir, "/s");
    assert_string_equal(c->shadow.records, "/r");
    assert_string_equal(c->control.instance, "i");
    config_free(&c);
}

static void no_home(void **state)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    UNUSED(state);
    (void)unsetenv("HOME");
    (void)unsetenv("XDG_STATE_HOME");
    (void)unsetenv("STATE_DIRECTORY");
    as_somebody(true);
    assert_int_equal(config_parse(SPAN(CONFIG_TEXT("")), "test", &c, &wrong), ERR_CONFIG);
    as_somebody(false);
    assert_int_equal(wrong.n, 1);
    assert_string_equal(wrong.list[0].where, "test: $");
    complaints_free(&wrong);
    (void)setenv("STATE_DIRECTORY", "/var/lib/weir-test", 1);
}

static void workers(void **state)
{
    cpu_set_t set;
    UNUSED(state);
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    struct config *c = parse(CONFIG_TEXT(""));
    assert_int_equal(c->workers, CPU_COUNT(&set));
    config_free(&c);
    c = parse(CONFIG_TEXT("\"workers\": 0,"));
    assert_int_equal(c->workers, CPU_COUNT(&set));
    config_free(&c);
    c = parse(CONFIG_TEXT("\"workers\": 7,"));
    assert_int_equal(c->workers, 7);
    config_free(&c);
}

static void redis_taken_apart(void **state)
{
    UNUSED(state);
    struct config *c =
        parse(CONFIG_TEXT("\"control\": {\"redis\": \"redis://dana:p%40ss@[::1]:7000/3\"},"));
    assert_string_equal(c->control.store.host, "::1");
    assert_int_equal(c->control.store.port, 7000);
    assert_int_equal(c->control.store.db, 3);
    assert_string_equal(c->control.store.user, "dana");
    assert_string_equal(c->control.store.password, "p@ss");
    assert_null(c->control.store.path);
    config_free(&c);
    c = parse(CONFIG_TEXT(""));
    assert_null(c->control.redis);
    assert_null(c->control.store.host);
    config_free(&c);
}

static void backends_are_found(void **state)
{
    UNUSED(state);
    struct config *c = parse(CONFIG_TEXT(""));
    assert_ptr_equal(config_backend_find(c, "a"), &c->backends[0]);
    assert_ptr_equal(config_backend_find(c, "b"), &c->backends[1]);
    assert_null(config_backend_find(c, "c"));
    assert_string_equal(c->routes[0].legacy, "a");
    assert_string_equal(c->routes[0].new_, "b");
    config_free(&c);
    assert_null(c);
    config_free(&c);
}

/* --- complaints --- */

static void complaints_have_an_end(void **state)
{
    struct complaints c = {.n = 0};
    struct buf out = BUF_INIT(0);
    UNUSED(state);
    for (int i = 0; i < COMPLAINTS_MAX + 3; i++)
        complain(&c, "here", i == 0 ? NULL : "there", "is %d", i);
    assert_int_equal(c.n, COMPLAINTS_MAX);
    assert_int_equal(c.dropped, 3);
    assert_int_equal(complaints_render(&c, &out), ERR_OK);
    assert_true(span_has_prefix(buf_span(&out), SPAN("here: is 0\nhere: is 1; there\n")));
    assert_true(span_has_suffix(buf_span(&out), SPAN("\nand 3 more\n")));
    complaints_free(&c);
    assert_int_equal(c.n + c.dropped, 0);
    buf_free(&out);
    for (long n = 1; n <= 3; n++) { /* without memory they are counted */
        alloc_fail_at(n);
        complain(&c, "here", "there", "is %d", 1);
        alloc_fail_at(0);
        assert_int_equal(c.n, 0);
        assert_int_equal(c.dropped, n);
    }
    complaints_free(&c);
}

/* --- without memory --- */

static const char everything[] = CONFIG_TEXT(
    "\"workers\": \"${WEIR_TEST_UNSET:-3}\", \"salt\": \"a$$b${c\\u0061\","
    "\"admin\": {\"address\": \"127.0.0.1:1\", \"token\": \"0123456789\"},"
    "\"control\": {\"redis\": \"redis://dana:secret@host:1/2\"}, \"log\": {\"access\": \"x\"},"
    "\"limits\": {\"buffer\": 1, \"nosuch\": 3}, \"timeouts\": {\"connect\": \"5 s\"},");

/* All kinds of complaints on the way, or none. */
static enum err parse_walk(void *arg)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    arena_thread_end();
    enum err e = config_parse(span_str(arg), "walk", &c, &wrong);
    assert_int_equal(e == ERR_OK, c != NULL);
    config_free(&c);
    complaints_free(&wrong);
    return e == ERR_CONFIG ? ERR_OK : e;
}

static enum err load_walk(void *arg)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    arena_thread_end();
    enum err e = config_load(arg, "test", &c, &wrong);
    assert_int_equal(e == ERR_OK, c != NULL);
    config_free(&c);
    complaints_free(&wrong);
    return e == ERR_CONFIG && !alloc_failed() ? ERR_INVALID : e;
}

static enum err write_walk(void *arg)
{
    struct buf out = BUF_INIT(0);
    enum err e = config_write(arg, true, &out);
    if (e == ERR_OK)
        e = config_print(arg, &out);
    if (e == ERR_OK)
        e = config_schema(&out);
    if (e == ERR_OK)
        e = config_manual(&out);
    buf_free(&out);
    return e;
}

static void without_memory(void **state)
{
    static char plain[] =
        CONFIG_TEXT("\"control\": {\"redis\": \"redis://dana:secret@host:1/2\"},");
    static char file[] = "base.json";
    char text[sizeof(everything)];
    UNUSED(state);
    json_set_alloc_funcs(malloc, free); /* so that jansson's fail, too */
    alloc_walk(parse_walk, plain);
    memcpy(text, everything, sizeof(text));
    alloc_walk(parse_walk, text);
    write_file(file, plain);
    (void)mkdir("environments", 0700);
    write_file("environments/test.json", "{\"log\": {\"level\": \"warn\"}, \"admin\": null}");
    alloc_walk(load_walk, file);
    struct config *c = parse(plain);
    alloc_walk(write_walk, c);
    config_free(&c);
}

static int begin(void **state)
{
    UNUSED(state);
    (void)snprintf(dir, sizeof(dir), "/tmp/weir-test-config-XXXXXX");
    (void)unsetenv("WEIR_TEST_UNSET");
    return mkdtemp(dir) != NULL && chdir(dir) == 0 ? 0 : -1;
}

static int end(void **state)
{
    static const char *const files[] = {"salt.json", "sub/weir.json", "sub/salt", "base.json",
                                        "environments/test.json"};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        (void)unlink(files[i]);
    (void)rmdir("sub");
    (void)rmdir("environments");
    return chdir("/") == 0 && rmdir(dir) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(endless_file),
        cmocka_unit_test(values_from_files),
        cmocka_unit_test(relative_to_the_file),
        cmocka_unit_test(state_directory),
        cmocka_unit_test(no_home),
        cmocka_unit_test(workers),
        cmocka_unit_test(redis_taken_apart),
        cmocka_unit_test(backends_are_found),
        cmocka_unit_test(complaints_have_an_end),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
