/* Walks tests/conf: each folder is a configuration and what must come of it.
 *
 *   config.json, environments/NAME.json   what is loaded; env.txt names the environment
 *   expected.json                         must be part of the effective configuration; @DIR@ is the
 * folder error.txt                             or: the complaints, to the letter
 *
 * With WEIR_UPDATE set the error.txt files are written instead of compared; read the difference
 * before you commit it. */
#include "tests/unit/fail_alloc.h"

#include "config/room.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool updating(void)
{
    return getenv("WEIR_UPDATE") != NULL;
}

static bool slurp(const char *file, struct buf *out)
{
    const char *why;
    return source_read(file, FILE_MAX_BYTES, false, out, &why) == ERR_OK;
}

static void spill(const char *file, struct span text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
}

/* --- expected.json is part of what was printed --- */

static bool is_part(const json_t *part, const json_t *whole, struct buf *where);

static bool is_part_object(const json_t *part, const json_t *whole, struct buf *where)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)part, key, v)
    {
        size_t n = where->n;
        assert_int_equal(buf_printf(where, ".%s", key), ERR_OK);
        if (!is_part(v, json_object_get(whole, key), where))
            return false;
        where->n = n;
        where->p[n] = '\0';
    }
    return true;
}

static bool is_part_array(const json_t *part, const json_t *whole, struct buf *where)
{
    size_t i;
    json_t *v;
    if (json_array_size(part) != json_array_size(whole))
        return false;
    json_array_foreach(part, i, v)
    {
        size_t n = where->n;
        assert_int_equal(buf_printf(where, "[%zu]", i), ERR_OK);
        if (!is_part(v, json_array_get(whole, i), where))
            return false;
        where->n = n;
        where->p[n] = '\0';
    }
    return true;
}

/* An object that is expected empty must be empty. */
static bool is_part(const json_t *part, const json_t *whole, struct buf *where)
{
    if (json_is_object(part) && json_is_object(whole))
        return json_object_size(part) == 0 ? json_object_size(whole) == 0
                                           : is_part_object(part, whole, where);
    if (json_is_array(part) && json_is_array(whole))
        return is_part_array(part, whole, where);
    if (json_is_number(part) && json_is_number(whole))
        return json_number_value(part) == json_number_value(whole);
    return whole != NULL && json_equal(part, whole);
}

static void replace_dir(struct buf *text)
{
    char here[PATH_MAX];
    struct buf out = BUF_INIT(0);
    struct span rest = buf_span(text);
    assert_non_null(getcwd(here, sizeof(here)));
    while (rest.n > 0) {
        bool mark = span_has_prefix(rest, SPAN("@DIR@"));
        assert_int_equal(buf_append(&out, mark ? span_str(here) : span_until(rest, 1)), ERR_OK);
        rest = span_from(rest, mark ? 5 : 1);
    }
    buf_free(text);
    *text = out;
}

static bool holds_expected(const struct config *c, struct buf *expected)
{
    struct buf printed = BUF_INIT(0);
    struct buf where = BUF_INIT(0);
    json_error_t error;
    replace_dir(expected);
    assert_int_equal(config_print(c, &printed), ERR_OK);
    json_t *part = json_loadb(expected->p, expected->n, JSON_REJECT_DUPLICATES, &error);
    json_t *whole = json_loadb(printed.p, printed.n, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(part);
    assert_non_null(whole);
    assert_int_equal(buf_printf(&where, "$"), ERR_OK);
    bool same = is_part(part, whole, &where);
    if (!same)
        print_error("differs at %s\n", where.p);
    json_decref(part);
    json_decref(whole);
    buf_free(&printed);
    buf_free(&where);
    return same;
}

/* What is printed is the same configuration. With the secrets; without them it is refused for them
 * alone. */
static bool round_trips(const struct config *c)
{
    struct buf first = BUF_INIT(0);
    struct buf second = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    struct config *again;
    assert_int_equal(config_write(c, true, &first), ERR_OK);
    enum err e = config_parse(buf_span(&first), "printed", &again, &wrong);
    if (e == ERR_OK) {
        assert_int_equal(config_write(again, true, &second), ERR_OK);
        config_free(&again);
    } else {
        assert_int_equal(complaints_render(&wrong, &second), ERR_OK);
        print_error("printed, it is refused: " SPAN_FMT, SPAN_ARG(buf_span(&second)));
    }
    bool same = e == ERR_OK && span_eq(buf_span(&first), buf_span(&second));
    complaints_free(&wrong);
    buf_free(&first);
    buf_free(&second);
    return same;
}

static bool complains_so(const struct complaints *wrong, bool good)
{
    struct buf want = BUF_INIT(0);
    struct buf got = BUF_INIT(0);
    assert_int_equal(complaints_render(wrong, &got), ERR_OK);
    if (updating() && !good)
        spill("error.txt", buf_span(&got));
    bool same = !good && slurp("error.txt", &want) && span_eq(buf_span(&want), buf_span(&got));
    if (!same)
        print_error("wanted:\n" SPAN_FMT "got:\n" SPAN_FMT, SPAN_ARG(buf_span(&want)),
                    SPAN_ARG(buf_span(&got)));
    buf_free(&want);
    buf_free(&got);
    return same;
}

static bool case_holds(void)
{
    struct buf expected = BUF_INIT(0);
    struct buf env = BUF_INIT(0);
    struct complaints wrong = {.n = 0};
    struct config *c;
    bool good = slurp("expected.json", &expected);
    bool same;
    if (slurp("env.txt", &env))
        env.p[env.n - 1] = '\0';
    enum err e = config_load("config.json", env.p, &c, &wrong);
    if (e == ERR_OK) {
        same =
            good && wrong.n + wrong.dropped == 0 && holds_expected(c, &expected) && round_trips(c);
    } else {
        assert_int_equal(e, ERR_CONFIG);
        assert_null(c);
        same = complains_so(&wrong, good);
    }
    config_free(&c);
    complaints_free(&wrong);
    buf_free(&expected);
    buf_free(&env);
    return same;
}

static void every_case(void **state)
{
    struct dirent **cases;
    unsigned walked = 0;
    unsigned failed = 0;
    UNUSED(state);
    assert_int_equal(chdir(TESTS_DIR "/conf"), 0);
    int n = scandir(".", &cases, NULL, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        if (cases[i]->d_name[0] != '.' && chdir(cases[i]->d_name) == 0) {
            walked++;
            if (!case_holds()) {
                print_error("case %s\n\n", cases[i]->d_name);
                failed++;
            }
            assert_int_equal(chdir(".."), 0);
        }
        free(cases[i]);
    }
    free(cases);
    assert_true(walked >= 90);
    assert_int_equal(failed, 0);
}

static void examples_load(void **state)
{
    static const char *const files[] = {"minimal", "full"};
    UNUSED(state);
    assert_int_equal(chdir(TESTS_DIR "/../config/examples"), 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct complaints wrong = {.n = 0};
        struct config *c;
        char name[64];
        (void)snprintf(name, sizeof(name), "%s.json", files[i]);
        assert_int_equal(config_load(name, NULL, &c, &wrong), ERR_OK);
        assert_true(round_trips(c));
        config_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case),
        cmocka_unit_test(examples_load),
    };
    (void)setenv("STATE_DIRECTORY", "/var/lib/weir-test:/var/lib/other", 1);
    (void)setenv("WEIR_TEST_THREE", "3", 1);
    (void)setenv("WEIR_TEST_PORT", "8080", 1);
    (void)setenv("WEIR_TEST_PERCENT", "12.5", 1);
    (void)setenv("WEIR_TEST_WORD", "word", 1);
    (void)setenv("WEIR_TEST_FALSE", "false", 1);
    (void)setenv("WEIR_COOKIE_SECRET", "0123456789abcdef", 1); /* of the example */
    (void)setenv("WEIR_TESTER_TOKEN", "0123456789abcdef", 1);
    (void)setenv("WEIR_ADMIN_TOKEN", "0123456789abcdef", 1);
    (void)setenv("WEIR_SECRET_FILE", TESTS_DIR "/conf/good-secret-file/secrets", 1);
    (void)setenv("WEIR_TEST_EMPTY", "", 1);
    (void)unsetenv("WEIR_TEST_UNSET");
    (void)unsetenv("WEIR_TEST_NOT");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
