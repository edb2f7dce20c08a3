/* The command line: options by table, suggestions, finding a running weir, and the operators'
 * commands against a control plane that runs in this process. */
#include "tests/unit/control/rig_weir.h"

#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* --- running a command with its output caught --- */

static char out[65536];
static char err[65536];

static void read_back(int fd, char *text, size_t cap)
{
    ssize_t n = pread(fd, text, cap - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
}

static int caught(int (*fn)(int argc, char **argv), int argc, char **argv)
{
    int to_out = open(rig_path("out"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    int to_err = open(rig_path("err"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    (void)fflush(stdout);
    (void)fflush(stderr);
    int old_out = dup(STDOUT_FILENO);
    int old_err = dup(STDERR_FILENO);
    (void)dup2(to_out, STDOUT_FILENO);
    (void)dup2(to_err, STDERR_FILENO);
    int status = fn(argc, argv);
    (void)fflush(stdout);
    (void)fflush(stderr);
    (void)dup2(old_out, STDOUT_FILENO);
    (void)dup2(old_err, STDERR_FILENO);
    close(old_out);
    close(old_err);
    read_back(to_out, out, sizeof(out));
    read_back(to_err, err, sizeof(err));
    return status;
}

/* --- a command that only shows what it was given --- */

struct given {
    const char *text;
    const char *maybe;
    bool flag;
};

static int show(const struct cli_call *call)
{
    const struct given *g = call->options;
    (void)printf("text=%s maybe=%s flag=%d", g->text == NULL ? "-" : g->text,
                 g->maybe == NULL ? "-" : g->maybe, g->flag);
    for (size_t i = 0; i < call->nargs; i++)
        (void)printf(" [%s]", call->args[i]);
    return 7;
}

static const struct cli_option options[] = {
    {"text", CLI_TEXT, offsetof(struct given, text), "WORD",
     "Some text that is long enough to be "
     "broken over two lines in the help"},
    {"maybe", CLI_MAYBE, offsetof(struct given, maybe), "WORD", "May have a value"},
    {"flag", CLI_FLAG, offsetof(struct given, flag), NULL, "No value"},
};

static const struct cli_command test = {.name = "test",
                                        .summary = "shows",
                                        .usage = "ONE [TWO]",
                                        .about = "More about it.",
                                        .options = options,
                                        .noptions = ARRAY_LEN(options),
                                        .size = sizeof(struct given),
                                        .args_min = 1,
                                        .args_max = 2,
                                        .run = show};

static const struct cli_command *const all[] = {&test,       &cmd_flip,   &cmd_weight, &cmd_undo,
                                                &cmd_status, &cmd_reload, &cmd_check,  &cmd_report,
                                                &cmd_diff,   &cmd_rules,  &cmd_gate,   &cmd_replay};

static int call_main(int argc, char **argv)
{
    static const struct cli_group groups[] = {{"First", all, 2},
                                              {"Then", all + 2, ARRAY_LEN(all) - 2}};
    return cli_main(argc, argv, groups, ARRAY_LEN(groups));
}

/* Words separated by '|'. */
static int weir(const char *line)
{
    char copy[4096];
    char *argv[32] = {(char[]){"weir"}};
    int argc = 1;
    char *rest = copy;
    (void)snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strsep(&rest, "|"); word != NULL && argc < 31; word = strsep(&rest, "|"))
        argv[argc++] = word;
    return caught(call_main, argc, argv);
}

static void expect_run(const char *line, int status, const char *says)
{
    int got = weir(line);
    if (got != status || (strstr(out, says) == NULL && strstr(err, says) == NULL))
        fail_msg("%s -> %d, not %d, without %s\n%s%s", line, got, status, says, out, err);
}

/* --- options --- */

static void test_options(void **state)
{
    UNUSED(state);
    expect_run("test|a", 7, "text=- maybe=- flag=0 [a]");
    expect_run("test|--text|x|a", 7, "text=x maybe=- flag=0 [a]");
    expect_run("test|a|--text=x", 7, "text=x maybe=- flag=0 [a]");
    expect_run("test|a|--text=", 7, "text= maybe=-");
    expect_run("test|a|--text=a=b", 7, "text=a=b ");
    expect_run("test|--text|--flag|a", 7, "text=--flag maybe=- flag=0 [a]");
    expect_run("test|--maybe|a", 7, "maybe= flag=0 [a]");
    expect_run("test|--maybe=5s|a", 7, "maybe=5s flag=0 [a]");
    expect_run("test|--flag|a|b", 7, "flag=1 [a] [b]");
    expect_run("test|--|--flag|--", 7, "flag=0 [--flag] [--]");
    expect_run("test|-|a", 7, "[-] [a]");
    expect_run("test|--text|one|--text|two|a", 7, "text=two");
}

static void test_wrong_options(void **state)
{
    UNUSED(state);
    expect_run("test", CLI_WRONG, "something is missing: weir test ONE [TWO]");
    expect_run("test|a|b|c", CLI_WRONG, "\"c\" is one word too many: weir test ONE [TWO]");
    expect_run("test|--txt|x|a", CLI_WRONG, "there is no option --txt; did you mean --text?");
    expect_run("test|--zzzzzz|a", CLI_WRONG, "there is no option --zzzzzz; `weir test --help`");
    expect_run("test|-x|a", CLI_WRONG, "there is no option -x");
    expect_run("test|--=x|a", CLI_WRONG, "there is no option --");
    expect_run("test|a|--text", CLI_WRONG, "--text needs a value: WORD");
    expect_run("test|a|--flag=1", CLI_WRONG, "--flag takes no value");
    char line[600] = "test|--";
    memset(line + 7, 'z', 500);
    expect_run(line, CLI_WRONG, "there is no option --zzz");
}

static void test_help(void **state)
{
    UNUSED(state);
    expect_run("test|--help", CLI_OK, "usage: weir test ONE [TWO] [OPTIONS]");
    assert_non_null(strstr(out, "--maybe[=WORD]  May have a value"));
    assert_non_null(strstr(out, "More about it."));
    for (struct span rest = span_str(out), line; rest.n > 0 && span_cut(&rest, '\n', &line);)
        assert_true(line.n <= 80);
    expect_run("help|test", CLI_OK, "usage: weir test");
    expect_run("help", CLI_OK, "usage: weir COMMAND");
    expect_run("help", CLI_OK, "\n\nFirst\n  test       shows\n  flip ");
    expect_run("help", CLI_OK, "\n\nThen\n  weight ");
    expect_run("--help", CLI_OK, "usage: weir COMMAND");
    expect_run("help|tst", CLI_WRONG, "did you mean \"test\"?");
    expect_run("tets", CLI_WRONG, "there is no command \"tets\"; did you mean \"test\"?");
    expect_run("nonsense", CLI_WRONG, "`weir help` lists them");
    expect_run("--version", CLI_OK, "weir " WEIR_VERSION "\n");
    char *nothing[] = {(char[]){"weir"}};
    assert_int_equal(caught(call_main, 1, nothing), CLI_WRONG);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "%s|--help", all[i]->name);
        expect_run(line, CLI_OK, all[i]->summary);
    }
}

static void test_duration(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"0s", 0},       {"500ms", 500},       {"5s", 5000},
                {"10m", 600000}, {"24h", 86400000ull}, {"7d", 604800000ull}};
    static const char *const bad[] = {"",
                                      "5",
                                      "s",
                                      "5x",
                                      "-5s",
                                      "5 s",
                                      "5ss",
                                      "1.5s",
                                      "0x5s",
                                      "99999999999999999999s",
                                      "18446744073709551615d"};
    uint64_t ms;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(cli_duration(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(cli_duration(bad[i], &ms));
}

static void test_json(void **state)
{
    struct buf b = BUF_INIT(0);
    UNUSED(state);
    assert_int_equal(buf_append(&b, SPAN("{")), ERR_OK);
    assert_int_equal(cli_json_string(&b, "a", "x\"\\\n\x01\xc3\xa4"), ERR_OK);
    assert_int_equal(cli_json_string(&b, "b", NULL), ERR_OK);
    assert_int_equal(cli_json_string(&b, "c", ""), ERR_OK);
    assert_true(
        span_eq(buf_span(&b), SPAN("{\"a\": \"x\\\"\\\\\\u000a\\u0001\xc3\xa4\", \"c\": \"\"")));
    buf_free(&b);
}

/* --- a running weir --- */

static struct rig_weir running;

static void with_socket(void)
{
    (void)setenv("WEIR_ADMIN", running.socket, 1);
}

static void test_orders(void **state)
{
    UNUSED(state);
    with_socket();
    (void)setenv("SUDO_USER", "dana", 1);
    expect_run("flip|legacy|--why|a \"reason\"|--wait=2s", CLI_OK, "epoch 2 is in force");
    assert_true(rig_says(&running, "\"by\":\"dana\",\"why\":\"a\\\"reason\\\"\""));
    expect_run("flip|unpin|--by|eve", CLI_OK, "historic: 100% new, as configured");
    assert_true(rig_says(&running, "\"by\":\"eve\""));
    expect_run("weight|checkout|12.5%", CLI_OK, "checkout: 12.5% new, as set");
    expect_run("weight|checkout|config", CLI_OK, "checkout: 10% new, as configured");
    expect_run("flip|new|--route|checkout", CLI_OK, "checkout: new, pinned");
    expect_run("flip|legacy|--route=checkout", CLI_OK, "checkout: legacy, pinned");
    expect_run("flip|new", CLI_OK, "checkout: stays legacy");
    expect_run("flip|new|--all", CLI_OK, "checkout: new, as everything is pinned");
    expect_run("undo", CLI_OK, "checkout: legacy, pinned");
    expect_run("flip|config", CLI_OK, "checkout: 10% new, as configured");
    expect_run("status", CLI_OK, "epoch    11");
    expect_run("status|--json", CLI_OK, "\"epoch\": 11");
    expect_run("reload", CLI_OK, "nothing in the configuration has changed");
    rig_weir_next(&running, NULL, NULL, true);
    expect_run("reload", CLI_FAILED, "weir.json:7: $.routes[0].new_percent: is 150");
    assert_string_equal(out, "");
    rig_weir_next(&running, NULL, NULL, false);
    running.hold = true;
    expect_run("flip|legacy", CLI_PARTLY, "not every worker");
    running.hold = false;
    expect_run("flip|config", CLI_OK, "as configured");
    expect_run("weight|checkout|40", CLI_OK, "checkout: 40% new, as set");
    rig_weir_next(&running,
                  "{\"name\": \"checkout\", \"match\": {\"prefix\": \"/\"}, \"new_percent\": 20}",
                  NULL, false);
    expect_run("reload", CLI_OK, "checkout stays at 40%, as set: `weir weight checkout config`");
}

static void test_wrong_orders(void **state)
{
    UNUSED(state);
    with_socket();
    expect_run("flip|lagacy", CLI_WRONG, "did you mean legacy?");
    expect_run("flip", CLI_WRONG, "something is missing");
    expect_run("flip|legacy|--route|nope", CLI_FAILED, "is not in the configuration");
    expect_run("flip|legacy|--wait=soon", CLI_WRONG, "--wait=soon: must be a time");
    expect_run("flip|legacy|--wait=1h", CLI_WRONG, "up to 5m");
    expect_run("flip|config|--all", CLI_FAILED, "$.all");
    expect_run("weight|checkout", CLI_WRONG, "something is missing");
    expect_run("weight|checkout|101", CLI_WRONG, "must be a number from 0 to 100");
    expect_run("weight|checkout|1.234", CLI_WRONG, "two decimals");
    expect_run("weight|chekout|5", CLI_FAILED, "did you mean \"checkout\"?");
}

static void test_finding(void **state)
{
    char line[512];
    UNUSED(state);
    (void)unsetenv("WEIR_ADMIN");
    (void)setenv("TMPDIR", running.dir, 1); /* a demo of this user may be running */
    (void)setenv("STATE_DIRECTORY", rig_path("nowhere"), 1);
    (void)snprintf(line, sizeof(line), "status|--admin|%s", running.socket);
    expect_run(line, CLI_OK, "epoch");
    (void)snprintf(line, sizeof(line), "status|--state-dir=%s", running.dir);
    expect_run(line, CLI_OK, "epoch");
    (void)setenv("WEIR_ADMIN", "/nowhere/admin.sock", 1);
    expect_run(line, CLI_OK, "epoch"); /* --state-dir is nearer than the environment */
    expect_run("status", CLI_NOBODY, "/nowhere/admin.sock: there is no such socket");
    expect_run("report", CLI_FAILED, "there are no records in /nowhere:");
    expect_run("report|--admin|/elsewhere/admin.sock", CLI_FAILED, "no records in /elsewhere:");
    (void)unsetenv("WEIR_ADMIN");
    (void)setenv("STATE_DIRECTORY", running.dir, 1);
    expect_run("status", CLI_OK, "epoch");
    (void)setenv("STATE_DIRECTORY", rig_path("nowhere"), 1);
    expect_run("status", CLI_NOBODY, "nowhere/admin.sock and no demo of yours");
}

static void socket_nobody_listens_on(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof(a.sun_path));
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(close(fd), 0);
}

static void test_finding_demo(void **state)
{
    char dir[512];
    char path[600];
    UNUSED(state);
    (void)setenv("STATE_DIRECTORY", rig_path("nowhere"), 1);
    (void)snprintf(dir, sizeof(dir), "%s/weir-demo-%u", running.dir, (unsigned)geteuid());
    (void)snprintf(path, sizeof(path), "%s/admin.sock", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    socket_nobody_listens_on(path); /* as a demo that was killed leaves it */
    expect_run("status", CLI_NOBODY, "nowhere/admin.sock and no demo of yours");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(running.socket, path), 0);
    expect_run("status", CLI_OK, "epoch");
    assert_non_null(strstr(err, "your demo answers"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* --- files --- */

static void expect_checked(const char *before, const char *name, int status, const char *says)
{
    char line[512];
    (void)snprintf(line, sizeof(line), "check|%s%s", before, rig_path(name));
    expect_run(line, status, says);
}

#define ONE_BACKEND                                                                             \
    "\"backends\": {\"legacy\": {\"servers\": [\"127.0.0.1:1\"]}}, \"defaults\": {\"legacy\": " \
    "\"legacy\", \"new\": \"legacy\"},"

static void test_check(void **state)
{
    char line[512];
    struct buf text = BUF_INIT(0);
    struct config *c = rig_config(NULL, NULL);
    UNUSED(state);
    assert_int_equal(config_print(c, &text), ERR_OK);
    assert_int_equal(cli_write(rig_path("good.json"), buf_span(&text)), ERR_OK);
    assert_int_equal(cli_write(rig_path("bad.json"), SPAN("{\"workres\": 1}")), ERR_OK);
    expect_checked("", "good.json", CLI_OK, "is good: 1 listener, 2 backends, 3 routes");
    (void)snprintf(line, sizeof(line), "check|%s|--print", rig_path("good.json"));
    expect_run(line, CLI_OK, "\"new_percent\"");
    expect_checked("", "bad.json", CLI_WRONG, "workres");
    assert_non_null(strstr(err, "is not good: "));
    static const char no_cert[] =
        "{\"listeners\": [{\"address\": \"127.0.0.1:0\", \"tls\": {\"certificates\": "
        "[{\"cert\": \"/nowhere.pem\", \"key\": \"/nowhere.key\"}]}}]," ONE_BACKEND
        "\"routes\": [{\"name\": \"r\", \"match\": {\"prefix\": \"/\"}}]}";
    assert_int_equal(cli_write(rig_path("nocert.json"), span_str(no_cert)), ERR_OK);
    expect_checked("", "nocert.json", CLI_WRONG, "/nowhere.pem");
    expect_checked("--syntax|", "nocert.json", CLI_OK, "is good: 1 listener, 1 backend, 1 route");
    assert_null(strstr(out, "404"));
    static const char some[] =
        "{\"listeners\": [{\"address\": \"127.0.0.1:0\"}]," ONE_BACKEND
        "\"routes\": [{\"name\": \"r\", \"match\": {\"prefix\": \"/\", \"methods\": [\"GET\"]}}]}";
    assert_int_equal(cli_write(rig_path("some.json"), span_str(some)), ERR_OK);
    expect_checked("", "some.json", CLI_OK, "What no route takes is answered with 404");
    expect_run("check|/nowhere.json", CLI_WRONG, "No such file");
    expect_run("check", CLI_WRONG, "weir check FILE");
    expect_run("check|--schema", CLI_OK, "$schema");
    expect_run("check|--manual", CLI_OK, "new_percent");
    expect_run("check|--schema|--manual", CLI_WRONG, "stand alone");
    config_free(&c);
    buf_free(&text);
}

static void test_report_options(void **state)
{
    char line[512];
    UNUSED(state);
    expect_run("report|--format|xml|x", CLI_WRONG, "text, json, html, md or junit");
    expect_run("report|--since|yesterday|x", CLI_WRONG, "30m, 24h or 7d");
    (void)snprintf(line, sizeof(line), "report|--state-dir|%s", rig_path("nowhere"));
    expect_run(line, CLI_FAILED, "there are no records in");
}

static void test_shadow_commands(void **state)
{
    char line[512];
    UNUSED(state);
    expect_run("diff|--format|xml|a|b", CLI_WRONG, "text, json or patch");
    expect_run("diff|--type|yaml|a|b", CLI_WRONG, "a media type");
    expect_run("diff|--tolerance|$.a|a|b", CLI_WRONG, "PATH=0.01");
    expect_run("diff|--tolerance|$.a=1x|a|b", CLI_WRONG, "PATH=0.01");
    expect_run("diff|--format|patch|--ignore|$.a|a|b", CLI_WRONG, "it knows no rules");
    (void)snprintf(line, sizeof(line), "diff|%s|b", rig_path("nowhere"));
    expect_run(line, 2, "cannot be read");
    expect_run("rules|lst|x", CLI_WRONG, "list, add, test or expire");
    expect_run("rules|add|x|--path|$.a", CLI_WRONG, "--reason");
    expect_run("rules|test|x", CLI_WRONG, "record files");
    expect_run("rules|expire|x", CLI_WRONG, "the rule");
    (void)snprintf(line, sizeof(line), "rules|list|%s", rig_path("nowhere"));
    expect_run(line, CLI_FAILED, "cannot be read");
    expect_run("gate|--format|xml|x", CLI_WRONG, "text, json or junit");
    expect_run("gate|--max-p95|much|x", CLI_WRONG, "a ratio such as 1.15");
    expect_run("gate|--max-p95|115%|x", CLI_WRONG, "a ratio such as 1.15");
    expect_run("gate|--max-errors|0.5|x", CLI_WRONG, "a percentage such as 0.1%");
    expect_run("gate|--max-mismatch|101%|x", CLI_WRONG, "a percentage such as 0.1%");
    expect_run("gate|--coverage|95|x", CLI_WRONG, "a percentage such as 0.1%");
    expect_run("gate|--since|yesterday|x", CLI_WRONG, "30m, 24h or 7d");
    (void)snprintf(line, sizeof(line), "gate|%s", rig_path("nowhere"));
    expect_run(line, 30, "cannot be read");
    expect_run("replay|x", CLI_WRONG, "--legacy URL and --new URL");
    expect_run("replay|x|--legacy|http://a|--new|http://b|--rate|0", CLI_WRONG, "1 to 1000");
    expect_run("replay|x|--legacy|http://a|--new|http://b|--header|a", CLI_WRONG, "Name: value");
}

static int begin(void **state)
{
    UNUSED(state);
    rig_weir_start(&running, "cli", NULL);
    rig_expect(&running, "\"adopted\": true");
    return 0;
}

static int end(void **state)
{
    UNUSED(state);
    rig_weir_end(&running);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shadow_commands), cmocka_unit_test(test_options),
        cmocka_unit_test(test_wrong_options),   cmocka_unit_test(test_help),
        cmocka_unit_test(test_duration),        cmocka_unit_test(test_json),
        cmocka_unit_test(test_orders),          cmocka_unit_test(test_wrong_orders),
        cmocka_unit_test(test_finding),         cmocka_unit_test(test_finding_demo),
        cmocka_unit_test(test_check),           cmocka_unit_test(test_report_options),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
