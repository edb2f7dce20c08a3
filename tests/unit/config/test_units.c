/* Numbers with units, both ways; percentages to the last hundredth. */
#include "tests/unit/fail_alloc.h"

#include "config/room.h"

#include <float.h>
#include <math.h>

struct row {
    const char *text;
    bool ok;
    uint64_t value;
};

static void check(const struct row *rows, size_t n, bool (*parse)(struct span, uint64_t *))
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v = 0;
        if (parse(span_str(rows[i].text), &v) != rows[i].ok || v != rows[i].value)
            fail_msg("\"%s\" gives %llu", rows[i].text, (unsigned long long)v);
    }
}

static void sizes(void **state)
{
    static const struct row rows[] = {
        {"0B", true, 0},
        {"1B", true, 1},
        {"32KiB", true, 32768},
        {"1MiB", true, 1048576},
        {"2GiB", true, 2147483648},
        {"1TiB", true, 1099511627776},
        {"1kB", true, 1000},
        {"1MB", true, 1000000},
        {"1GB", true, 1000000000},
        {"1TB", true, 1000000000000},
        {"007B", true, 7},
        {"18446744073709551615B", true, UINT64_MAX},
        {"18446744073709551616B", false, 0},
        {"16777216TiB", false, 0},
        {"16777215TiB", true, 16777215ull << 40},
        {"", false, 0},
        {"32", false, 0},
        {"B", false, 0},
        {"32kib", false, 0},
        {"32KB", false, 0},
        {"32K", false, 0},
        {"32 KiB", false, 0},
        {" 32KiB", false, 0},
        {"32KiB ", false, 0},
        {"-1B", false, 0},
        {"+1B", false, 0},
        {"1.5MiB", false, 0},
        {"1e3B", false, 0},
    };
    UNUSED(state);
    check(rows, ARRAY_LEN(rows), unit_size);
}

static void durations(void **state)
{
    static const struct row rows[] = {
        {"0ms", true, 0},
        {"0s", true, 0},
        {"500ms", true, 500},
        {"10s", true, 10000},
        {"5m", true, 300000},
        {"1h", true, 3600000},
        {"1d", true, 86400000},
        {"213503982334d", true, 213503982334ull * 86400000},
        {"213503982335d", false, 0},
        {"10", false, 0},
        {"s", false, 0},
        {"", false, 0},
        {"10 s", false, 0},
        {"10S", false, 0},
        {"10sec", false, 0},
        {"1m30s", false, 0},
        {"1.5s", false, 0},
        {"-1s", false, 0},
    };
    UNUSED(state);
    check(rows, ARRAY_LEN(rows), unit_duration);
}

static void assert_put(enum err (*put)(struct buf *, uint64_t), uint64_t v, const char *want)
{
    struct buf out = BUF_INIT(0);
    assert_int_equal(put(&out, v), ERR_OK);
    assert_string_equal(out.p, want);
    buf_free(&out);
}

static void printed_short(void **state)
{
    UNUSED(state);
    assert_put(unit_put_size, 0, "0B");
    assert_put(unit_put_size, 1, "1B");
    assert_put(unit_put_size, 1000, "1000B");
    assert_put(unit_put_size, 1024, "1KiB");
    assert_put(unit_put_size, 1536 * 1024, "1536KiB");
    assert_put(unit_put_size, (uint64_t)3 << 40, "3TiB");
    assert_put(unit_put_duration, 0, "0ms");
    assert_put(unit_put_duration, 999, "999ms");
    assert_put(unit_put_duration, 75000, "75s");
    assert_put(unit_put_duration, 300000, "5m");
    assert_put(unit_put_duration, 5400000, "90m");
    assert_put(unit_put_duration, 86400000, "1d");
}

/* Every number comes back from its text. */
static void there_and_back(void **state)
{
    uint64_t v = 1;
    UNUSED(state);
    for (unsigned i = 0; i < 200000; i++) {
        struct buf out = BUF_INIT(0);
        uint64_t back;
        v = v * 6364136223846793005u + 1442695040888963407u;
        uint64_t try = (v >> (v & 63)) / 1024 * 1024;
        assert_int_equal(unit_put_size(&out, try), ERR_OK);
        assert_true(unit_size(buf_span(&out), &back) && back == try);
        buf_free(&out);
        assert_int_equal(unit_put_duration(&out, try), ERR_OK);
        assert_true(unit_duration(buf_span(&out), &back) && back == try);
        buf_free(&out);
    }
}

static void percentages(void **state)
{
    static const struct {
        const char *text;
        unsigned value;
    } good[] = {{"0", 0},          {"100", 10000}, {"12.5", 1250},   {"0.01", 1},
                {"99.99", 9999},   {"7", 700},     {"100.0", 10000}, {"0.00", 0},
                {"100.00", 10000}, {"0.5", 50},    {"12.50", 1250},  {"3.07", 307}};
    static const char *const bad[] = {"",     "100.01", "101",   "1000", "-1",    "+1",
                                      "1.",   ".5",     "1.234", "1,5",  "5%",    " 5",
                                      "5 ",   "05",     "1e1",   "0x1",  "1.5.2", "00",
                                      "1.-5", "inf",    "nan",   "1.+5", "100.1", "1. 5"};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        unsigned v = 77777;
        assert_int_equal(config_percent(span_str(good[i].text), &v), ERR_OK);
        assert_int_equal(v, good[i].value);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        unsigned v = 77777;
        if (config_percent(span_str(bad[i]), &v) != ERR_INVALID || v != 77777)
            fail_msg("\"%s\" gives %u", bad[i], v);
    }
}

/* Each of the 10,001 weights, as text and as a JSON number. */
static void every_weight(void **state)
{
    UNUSED(state);
    for (unsigned w = 0; w <= WEIGHT_ALL; w++) {
        struct buf out = BUF_INIT(0);
        unsigned back = 77777;
        assert_int_equal(unit_put_percent(&out, w), ERR_OK);
        assert_int_equal(config_percent(buf_span(&out), &back), ERR_OK);
        assert_int_equal(back, w);
        struct loader l = {.wrong = NULL};
        const struct place here = {.up = NULL};
        const struct option *o = scope_find(SCOPE_route, "new_percent");
        json_t *number = json_loadb(out.p, out.n, JSON_DECODE_ANY, NULL);
        back = 77777;
        assert_int_equal(value_fill(&l, o, number, &back, &here), ERR_OK);
        assert_int_equal(back, w);
        assert_int_equal(l.complaints, 0);
        json_decref(number);
        buf_free(&out);
    }
}

static void doubles(void **state)
{
    static const double good[] = {0,     0.01,    1,       1e-17, 0.1 + 0.2, 123456789.125,
                                  1e300, DBL_MIN, DBL_MAX, -1.5,  1.0 / 3};
    static const char *const bad[] = {
        "",      "inf",
        "nan",   "0x10",
        "1 ",    " 1",
        "1e",    "-",
        "1.2.3", "1e999999999999999999999999999999999999999999999999999999999999999"};
    double v;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct buf out = BUF_INIT(0);
        assert_int_equal(unit_put_double(&out, good[i]), ERR_OK);
        assert_true(unit_double(buf_span(&out), &v));
        assert_true(v == good[i]);
        json_t *j = json_loadb(out.p, out.n, JSON_DECODE_ANY, NULL); /* it is JSON, too */
        assert_true(json_number_value(j) == good[i]);
        json_decref(j);
        buf_free(&out);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(unit_double(span_str(bad[i]), &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),         cmocka_unit_test(durations),
        cmocka_unit_test(printed_short), cmocka_unit_test(there_and_back),
        cmocka_unit_test(percentages),   cmocka_unit_test(every_weight),
        cmocka_unit_test(doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
