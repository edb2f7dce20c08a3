/* The whole control plane through its door: orders over the admin socket, the store, the disk,
 * restarts, reloads, signals. */
#include "tests/unit/control/rig_weir.h"

#include "control/disk.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char answer[65536];

static int post(const struct rig_weir *w, const char *path, const char *body)
{
    return rig_call(w, "POST", path, body, answer, sizeof(answer));
}

static void expect_in(const char *text)
{
    if (strstr(answer, text) == NULL)
        fail_msg("no %s in %s", text, answer);
}

static void slurp(const struct rig_weir *w, const char *name, struct buf *out)
{
    char path[PATH_MAX];
    *out = BUF_INIT(0);
    assert_int_equal(disk_path(path, sizeof(path), w->dir, name), ERR_OK);
    assert_int_equal(disk_read(path, 1 << 20, out), ERR_OK);
    assert_int_equal(buf_append(out, span_of("", 1)), ERR_OK);
}

static void spill(const struct rig_weir *w, const char *name, const char *text)
{
    char path[PATH_MAX];
    assert_int_equal(disk_path(path, sizeof(path), w->dir, name), ERR_OK);
    FILE *f = fopen(path, "w"); /* as a shell would: truncate, write */
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* --- without Redis --- */

static void test_upgrade_refused(void **state)
{
    struct rig_weir w;
    UNUSED(state);
    rig_weir_start(&w, "upgrade", NULL);
    assert_int_equal(post(&w, "/upgrade", "{\"wait\": true}"), 409);
    expect_in("only `weir run` can be upgraded");
    assert_true(rig_says(&w, "\"upgrade\": null"));
    rig_weir_end(&w);
}

static void test_flip_and_undo(void **state)
{
    struct rig_weir w;
    struct buf text;
    UNUSED(state);
    rig_weir_start(&w, "flip", NULL);
    rig_expect(&w, "\"epoch\": 1, \"source\": \"config\"");
    assert_int_equal(
        post(&w, "/control", "{\"pin\": \"legacy\", \"by\": \"dana\", \"why\": \"5xx\"}"), 200);
    expect_in("epoch 2 is in force");
    expect_in("historic: legacy, as everything is pinned (was 100% new, as configured)");
    expect_in("\"complete\": true");
    expect_in("\"store\": \"written\"");
    slurp(&w, "control.json", &text);
    assert_non_null(strstr(text.p, "\"epoch\": 2, \"pin\": \"legacy\", \"by\": \"dana\""));
    buf_free(&text);
    slurp(&w, "audit.ndjson", &text);
    assert_non_null(strstr(text.p, "\"why\":\"5xx\""));
    buf_free(&text);
    assert_true(rig_says(&w, "\"new_percent\": 0, \"pin\": null, \"decided_by\": \"pin\""));
    assert_int_equal(post(&w, "/undo", ""), 200);
    expect_in("historic: 100% new, as configured (was legacy, as everything is pinned)");
    assert_int_equal(post(&w, "/undo", "{}"), 409);
    expect_in("nothing_to_undo");
    rig_weir_end(&w);
}

static void test_weight_and_route(void **state)
{
    struct rig_weir w;
    UNUSED(state);
    rig_weir_start(&w, "weight", NULL);
    assert_int_equal(post(&w, "/control", "{\"route\": \"checkout\", \"new_percent\": 25}"), 200);
    expect_in("checkout: 25% new, as set (was 10% new, as configured)");
    assert_int_equal(post(&w, "/control", "{\"route\": \"checkout\", \"pin\": \"legacy\"}"), 200);
    expect_in("checkout: legacy, pinned (was 25% new, as set)");
    assert_int_equal(post(&w, "/control", "{\"route\": \"checkout\", \"new_percent\": 30}"), 200);
    expect_in("the new weight counts once the pin is gone");
    assert_int_equal(post(&w, "/control", "{\"pin\": \"new\"}"), 200);
    expect_in("checkout: stays legacy, pinned by itself");
    assert_int_equal(post(&w, "/control", "{\"pin\": \"new\", \"all\": true}"), 200);
    expect_in("checkout: new, as everything is pinned (was legacy, pinned)");
    assert_int_equal(post(&w, "/control", "{\"pin\": null}"), 200);
    expect_in("checkout: 30% new, as set");
    assert_int_equal(post(&w, "/control", "{\"pin\": \"config\"}"), 200);
    expect_in("checkout: 10% new, as configured");
    rig_weir_end(&w);
}

static void test_refused_orders(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *says;
    } cases[] = {
        {"", 400, "says nothing"},
        {"legacy", 400, "one JSON object"},
        {"[]", 400, "must be an object"},
        {"{}", 400, "give one of pin, new_percent and restore"},
        {"{\"pin\": \"old\"}", 400, "$.pin"},
        {"{\"pin\": 1}", 400, "is a number"},
        {"{\"pin\": \"new\", \"new_percent\": 1, \"route\": \"a\"}", 400, "more than one"},
        {"{\"new_percent\": 5}", 400, "a weight belongs to one route"},
        {"{\"new_percent\": 101, \"route\": \"checkout\"}", 400, "is 101"},
        {"{\"new_percent\": \"5\", \"route\": \"checkout\"}", 400, "is text"},
        {"{\"pin\": \"new\", \"route\": \"chekout\"}", 400, "did you mean \\\"checkout\\\"?"},
        {"{\"pin\": \"new\", \"rout\": \"checkout\"}", 400, "did you mean \\\"route\\\"?"},
        {"{\"pin\": \"new\", \"all\": 1}", 400, "true or false"},
        {"{\"pin\": \"new\", \"all\": true, \"route\": \"checkout\"}", 400, "$.all"},
        {"{\"pin\": \"new\", \"wait_ms\": -1}", 400, "$.wait_ms"},
        {"{\"pin\": \"new\", \"wait_ms\": 300001}", 400, "out of range"},
        {"{\"pin\": \"new\", \"pin\": \"legacy\"}", 400, "duplicate"},
    };
    struct rig_weir w;
    UNUSED(state);
    rig_weir_start(&w, "refused", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int status = post(&w, "/control", cases[i].body);
        if (status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].body, status, answer);
        expect_in(cases[i].says);
    }
    assert_int_equal(post(&w, "/undo", "{\"pin\": \"new\"}"), 400);
    assert_true(rig_says(&w, "\"epoch\": 1,"));
    rig_weir_end(&w);
}

static void test_explain(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *says;
    } cases[] = {
        {"{\"url\": \"/checkout/1\"}", 200, "\"route\": \"checkout\""},
        {"{\"url\": \"/checkout/1\", \"headers\": [\"x-a: b\"], \"ip\": \"::1\", \"method\": "
         "\"PUT\"}",
         200, "\"reason\": \"weight\""},
        {"{\"url\": \"/%00\"}", 400, "must be /path"},
        {"{\"method\": \"GET\"}", 400, "is missing"},
        {"{\"url\": 1}", 400, "is a number"},
        {"{\"url\": \"/\", \"headers\": \"x\"}", 400, "list of at most 64"},
        {"{\"url\": \"/\", \"headers\": [1]}", 400, "must be text"},
        {"{\"url\": \"/\", \"headers\": [\"x\"]}", 400, "must be name: value"},
        {"{\"url\": \"/\", \"header\": []}", 400, "did you mean \\\"headers\\\"?"},
        {"{\"url\": \"/\", \"ip\": \"1.2\"}", 400, "IPv4 or IPv6"},
        {"{\"url\": \"/\", \"method\": \"G T\"}", 400, "must be a method"},
        {"[]", 400, "send an object"},
        {"", 400, "send an object"},
    };
    struct rig_weir w;
    UNUSED(state);
    rig_weir_start(&w, "explain", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int status = post(&w, "/explain", cases[i].body);
        if (status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].body, status, answer);
        expect_in(cases[i].says);
    }
    assert_int_equal(post(&w, "/control", "{\"pin\": \"new\", \"route\": \"checkout\"}"), 200);
    assert_int_equal(post(&w, "/explain", "{\"url\": \"/checkout/1\"}"), 200);
    expect_in("\"reason\": \"pin\"");
    expect_in("the route is pinned to new");
    rig_weir_end(&w);
}

static void test_file_by_hand(void **state)
{
    struct rig_weir w;
    UNUSED(state);
    rig_weir_start(&w, "hand", "\"control\": {\"poll\": \"60s\"},");
    rig_expect(&w, "\"value\": \"missing\"");
    spill(&w, "control.json", "legacy\n");
    rig_expect(&w, "\"epoch\": 2, \"source\": \"file\", \"document\": null, \"pin\": \"legacy\"");
    spill(&w, "control.json", "legcy\n");
    rig_expect(&w, "\"value\": \"refused\"");
    assert_true(rig_says(&w, "\"epoch\": 2,"));
    spill(&w, "control.json", "{\"epoch\": 9, \"routes\": {\"later\": {\"pin\": \"new\"}}}");
    rig_expect(&w, "\"epoch\": 9,");
    assert_true(rig_says(&w, "\"unknown_routes\": [\"later\"]"));
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/control.json", w.dir);
    assert_int_equal(unlink(path), 0);
    rig_expect(&w, "\"value\": \"missing\"");
    assert_true(rig_says(&w, "\"epoch\": 9,"));
    /* An order goes on from there, and comes back as the file. */
    assert_int_equal(post(&w, "/control", "{\"pin\": \"new\"}"), 200);
    rig_expect(&w, "\"value\": \"in force\"");
    assert_int_equal(mkdir(rig_path("x"), 0700), 0);
    rig_weir_end(&w);
}

static void test_restart(void **state)
{
    struct rig_weir w;
    UNUSED(state);
    rig_weir_start(&w, "restart", NULL);
    assert_int_equal(post(&w, "/control", "{\"pin\": \"legacy\", \"by\": \"dana\"}"), 200);
    assert_int_equal(post(&w, "/control", "{\"pin\": \"new\"}"), 200);
    rig_weir_end(&w);
    rig_weir_start(&w, "restart", NULL);
    rig_expect(&w, "\"epoch\": 3, \"source\": \"admin\", \"document\": 3, \"pin\": \"new\"");
    assert_int_equal(post(&w, "/undo", ""), 200); /* what can be undone is remembered, too */
    assert_true(rig_says(&w, "\"pin\": \"legacy\""));
    rig_weir_end(&w);
}

static void test_damaged_state(void **state)
{
    struct rig_weir w;
    struct buf text;
    UNUSED(state);
    rig_weir_start(&w, "damaged", NULL);
    assert_int_equal(post(&w, "/control", "{\"pin\": \"legacy\"}"), 200);
    rig_weir_end(&w);
    spill(&w, "state.json", "{\"weir_state\": 1, \"sha256\": \"");
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/control.json", w.dir);
    assert_int_equal(unlink(path), 0);
    rig_weir_start(&w, "damaged", NULL);
    assert_true(rig_says(&w, "\"epoch\": 1, \"source\": \"config\""));
    assert_true(rig_says(&w, "state.json.bad"));
    slurp(&w, "state.json.bad", &text);
    buf_free(&text);
    rig_weir_end(&w);
}

static void test_two_of_us(void **state)
{
    struct rig_weir w;
    struct rig_weir second;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    rig_weir_start(&w, "two", NULL);
    assert_int_equal(rig_weir_try(&second, "two", NULL, &wrong), ERR_CONFIG);
    assert_non_null(strstr(wrong.list[0].what, "another weir (process "));
    complaints_free(&wrong);
    assert_true(rig_says(&w, "\"epoch\": 1"));
    rig_weir_end(&w);
    struct stat st;
    assert_int_not_equal(stat(w.socket, &st), 0); /* nothing is left to be in the way */
    rig_weir_start(&w, "two", NULL);
    rig_weir_end(&w);
}

static void test_stale_socket(void **state)
{
    struct rig_weir w;
    struct stat st;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    rig_make_dir("stale");
    rig_weir_start(&w, "stale", NULL);
    assert_int_equal(stat(w.socket, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(w.dir, &st), 0);
    rig_weir_end(&w);
    /* Left behind by one that was killed. */
    char command[PATH_MAX];
    (void)snprintf(command, sizeof(command),
                   "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"%s\")'",
                   w.socket);
    assert_int_equal(system(command), 0);
    rig_weir_start(&w, "stale", NULL);
    rig_weir_end(&w);
    /* Something that is no socket is not ours to remove. */
    spill(&w, "admin.sock", "precious");
    assert_int_equal(rig_weir_try(&w, "stale", NULL, &wrong), ERR_SYSTEM);
    assert_non_null(strstr(wrong.list[0].what, "not a socket"));
    complaints_free(&wrong);
}

static void test_state_dir_impossible(void **state)
{
    struct rig_weir w;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    assert_int_equal(disk_replace(rig_path("plain"), SPAN("x"), 0600), ERR_OK);
    assert_int_equal(rig_weir_try(&w, "plain/below", NULL, &wrong), ERR_CONFIG);
    assert_non_null(strstr(wrong.list[0].what, "the state directory cannot be made"));
    complaints_free(&wrong);
}

/* --- workers --- */

static void test_slow_worker(void **state)
{
    struct rig_weir w;
    UNUSED(state);
    rig_weir_start(&w, "slow", NULL);
    rig_expect(&w, "\"adopted\": true");
    w.hold = true;
    assert_int_equal(post(&w, "/control", "{\"pin\": \"legacy\"}"), 202);
    expect_in("not every worker has taken it over yet");
    expect_in("\"complete\": false");
    assert_true(rig_says(&w, "\"adopted\": false"));
    w.hold = false;
    rig_expect(&w, "\"adopted\": true");
    rig_weir_end(&w);
}

static void *flip_on(void *arg)
{
    static _Thread_local char out[65536];
    const struct rig_weir *w = arg;
    for (int i = 0; i < 25; i++) {
        int status =
            rig_call(w, "POST", "/control", i % 2 ? "{\"pin\": \"legacy\"}" : "{\"pin\": \"new\"}",
                     out, sizeof(out));
        assert_true(status == 200 || status == 202);
    }
    return NULL;
}

/* Orders from many at once, status in between, reloads beside it: all are answered, the epoch
 * counts them. */
static void test_crowd(void **state)
{
    struct rig_weir w;
    pthread_t t[4];
    UNUSED(state);
    rig_weir_start(&w, "crowd", NULL);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, flip_on, &w), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(post(&w, "/reload", ""), 200);
        assert_true(rig_says(&w, "\"historic\""));
    }
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        pthread_join(t[i], NULL);
    rig_expect(&w, "\"epoch\": 101,");
    rig_expect(&w, "\"pending_write\": false");
    rig_weir_end(&w);
}

/* --- reloading --- */

static const char other_routes[] =
    "{\"name\": \"checkout\", \"match\": {\"prefix\": \"/checkout/\"}, \"new_percent\": 20},"
    "{\"name\": \"added\", \"match\": {\"prefix\": \"/\"}}";

static void test_reload(void **state)
{
    struct rig_weir w;
    UNUSED(state);
    rig_weir_start(&w, "reload", NULL);
    assert_true(rig_says(&w, "\"reload\": null"));
    assert_int_equal(post(&w, "/reload", ""), 200);
    expect_in("nothing in the configuration has changed");
    rig_weir_next(&w, other_routes, NULL, false);
    assert_int_equal(post(&w, "/reload", "{\"whi\": \"x\"}"), 400);
    expect_in("did you mean \\\"why\\\"?");
    assert_int_equal(post(&w, "/reload", "{\"by\": \"eve\", \"why\": \"a quiet week\"}"), 200);
    expect_in("routes.checkout.new_percent: 20 (was 10)");
    expect_in("routes.historic: removed");
    expect_in("routes.added: added");
    expect_in("\"epoch\": 2");
    assert_true(rig_says(&w, "\"name\": \"added\""));
    rig_weir_next(&w, NULL, NULL, true);
    assert_int_equal(post(&w, "/reload", ""), 422);
    expect_in("weir.json:7: $.routes[0].new_percent");
    expect_in("must be a number from 0 to 100");
    assert_true(rig_says(&w, "\"name\": \"added\""));
    assert_true(rig_says(&w, "\"ok\": false"));
    assert_true(rig_says(&w, "\"epoch\": 2"));
    rig_weir_next(&w, NULL, "\"log\": {\"level\": \"warn\"}, \"workers\": 3,", false);
    assert_int_equal(post(&w, "/reload", ""), 200);
    expect_in("log.level: \\\"warn\\\" (was \\\"info\\\")");
    expect_in("workers: 3");
    expect_in("takes effect at the next start");
    rig_expect(&w, "\"saved\": true");
    struct buf text;
    slurp(&w, "audit.ndjson", &text);
    rig_weir_end(&w);
    assert_non_null(strstr(text.p, "\"source\":\"config\",\"by\":\"eve\",\"why\":\"a quiet week\","
                                   "\"changes\":["));
    assert_non_null(strstr(text.p, "\"routes.checkout.new_percent: 20 (was 10)\""));
    /* Who does not say is known by the socket, as with any other order. */
    const struct passwd *pw = getpwuid(geteuid());
    char line[200];
    assert_non_null(pw);
    (void)snprintf(line, sizeof(line), "\"epoch\":3,\"source\":\"config\",\"by\":\"%s\",",
                   pw->pw_name);
    assert_non_null(strstr(text.p, line));
    buf_free(&text);
}

static void *ask_reload(void *arg)
{
    static _Thread_local char out[65536];
    assert_int_equal(rig_call(arg, "POST", "/reload", "", out, sizeof(out)), 200);
    return NULL;
}

/* While one runs, others wait for one more, which reads the file again: two loads, not one, not
 * five. */
static void test_reload_meanwhile(void **state)
{
    struct rig_weir w;
    pthread_t t[5];
    UNUSED(state);
    rig_weir_start(&w, "meanwhile", NULL);
    rig_expect(&w, "\"ready\": true");
    unsigned before = w.loads;
    w.slow_ms = 300;
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        assert_int_equal(pthread_create(&t[i], NULL, ask_reload, &w), 0);
        if (i == 0)
            while (w.loads == before)
                ;
    }
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        pthread_join(t[i], NULL);
    assert_int_equal(w.loads - before, 2);
    rig_weir_end(&w);
}

static void test_end_during_reload(void **state)
{
    struct rig_weir w;
    struct complaints wrong = {.n = 0};
    struct admin_answer a;
    UNUSED(state);
    rig_weir_start(&w, "ending", NULL);
    w.slow_ms = 300;
    unsigned before = w.loads;
    assert_int_equal(admin_call(w.socket, "POST", "/reload", SPAN(""), 50, &a, &wrong),
                     ERR_CONTROL_STORE);
    assert_non_null(strstr(wrong.list[0].what, "no answer in time"));
    complaints_free(&wrong);
    assert_true(w.loads > before);
    rig_weir_end(&w); /* nothing leaks, nothing is touched afterwards */
}

/* --- signals --- */

static struct rig_weir *signalled;

static bool reloaded(void *arg)
{
    UNUSED(arg);
    return rig_says(signalled, "\"ok\": true");
}

static bool drained(void *arg)
{
    return signalled->drains + signalled->stops == *(unsigned *)arg;
}

static void test_signals(void **state)
{
    struct rig_weir w;
    unsigned n = 1;
    UNUSED(state);
    rig_weir_start(&w, "signals", NULL);
    signalled = &w;
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    assert_true(rig_wait(reloaded, NULL, 5000));
    assert_int_equal(kill(getpid(), SIGPIPE), 0);
    assert_true(rig_says(&w, "\"ready\": true"));
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_true(rig_wait(drained, &n, 5000));
    assert_int_equal(w.drains, 1);
    assert_true(rig_says(&w, "\"ready\": false"));
    n = 2;
    assert_int_equal(kill(getpid(), SIGINT), 0);
    assert_true(rig_wait(drained, &n, 5000));
    assert_int_equal(w.stops, 1);
    rig_weir_end(&w);
}

/* --- the disk --- */

static void test_disk_fails(void **state)
{
    struct rig_weir w;
    char path[PATH_MAX];
    UNUSED(state);
    rig_weir_start(&w, "disk", NULL);
    rig_expect(&w, "\"saved\": true");
    (void)snprintf(path, sizeof(path), "%s/state.json.tmp", w.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(post(&w, "/control", "{\"pin\": \"legacy\"}"), 202);
    expect_in("would be lost at a restart");
    assert_true(rig_says(&w, "\"saved\": false"));
    assert_true(rig_says(&w, "\"pin\": \"legacy\"")); /* it is in force all the same */
    assert_int_equal(rmdir(path), 0);
    rig_expect(&w, "\"saved\": true");
    struct buf text;
    slurp(&w, "audit.ndjson", &text);
    const char *first = strstr(text.p, "\"epoch\":2,\"source\"");
    assert_non_null(first);
    assert_null(
        strstr(first + 1, "\"epoch\":2,\"source\"")); /* once, although it was tried twice */
    buf_free(&text);
    rig_weir_end(&w);
}

/* What could not be put on the audit trail is put there later, in order. */
static void test_audit_fails(void **state)
{
    struct rig_weir w;
    struct buf text;
    char path[PATH_MAX];
    UNUSED(state);
    rig_weir_start(&w, "audit", NULL);
    rig_expect(&w, "\"saved\": true");
    (void)snprintf(path, sizeof(path), "%s/audit.ndjson", w.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(post(&w, "/control", "{\"pin\": \"legacy\"}"), 202);
    assert_int_equal(post(&w, "/control", "{\"pin\": \"new\"}"), 202);
    assert_int_equal(rmdir(path), 0);
    rig_expect(&w, "\"saved\": true");
    slurp(&w, "audit.ndjson", &text);
    const char *second = strstr(text.p, "\"epoch\":2,\"source\"");
    assert_non_null(second);
    assert_non_null(strstr(second, "\"epoch\":3,\"source\""));
    buf_free(&text);
    rig_weir_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flip_and_undo),
        cmocka_unit_test(test_upgrade_refused),
        cmocka_unit_test(test_weight_and_route),
        cmocka_unit_test(test_refused_orders),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_file_by_hand),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_damaged_state),
        cmocka_unit_test(test_two_of_us),
        cmocka_unit_test(test_stale_socket),
        cmocka_unit_test(test_state_dir_impossible),
        cmocka_unit_test(test_slow_worker),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_reload_meanwhile),
        cmocka_unit_test(test_end_during_reload),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_disk_fails),
        cmocka_unit_test(test_audit_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
