/* How long a body is, over messages that two readers could understand in two ways. */
#include "tests/unit/fail_alloc.h"
#include "tests/unit/http/arena_fixture.h"

#include "http/http.h"

struct message {
    const char *fields; /* name: value lines, separated by '|' */
    enum err e;
    enum http_body_kind kind;
    uint64_t length;
};

static void fill(struct http_head *h, const char *fields, bool is_response, unsigned version)
{
    struct span rest = span_str(fields), line;
    http_head_begin(h, &arena, is_response);
    h->version = (uint8_t)version;
    while (rest.n > 0 && span_cut(&rest, '|', &line)) {
        size_t colon = span_find(line, ':');
        assert_int_equal(
            http_head_add(h, span_until(line, colon), span_trim(span_from(line, colon + 1))),
            ERR_OK);
    }
}

static void check(const struct message *m, const struct http_head *h, enum http_method answered)
{
    struct http_body_plan plan = {0};
    enum err e = http_framing(h, answered, &plan);
    if (e != m->e)
        fail_msg("\"%s\": %s, not %s", m->fields, err_word(e), err_word(m->e));
    if (e == ERR_OK && (plan.kind != m->kind || plan.length != m->length))
        fail_msg("\"%s\": kind %u, length %llu", m->fields, plan.kind,
                 (unsigned long long)plan.length);
}

#define NONE            ERR_OK, HTTP_BODY_NONE, 0
#define LENGTH(n)       ERR_OK, HTTP_BODY_LENGTH, n
#define CHUNKED         ERR_OK, HTTP_BODY_CHUNKED, 0
#define UNTIL_CLOSE     ERR_OK, HTTP_BODY_UNTIL_CLOSE, 0
#define REFUSED(reason) ERR_##reason, HTTP_BODY_NONE, 0

static const struct message refused[] = {
    {"Content-Length: 5|Transfer-Encoding: chunked", REFUSED(LENGTH_AND_CODING)},
    {"Transfer-Encoding: chunked|Content-Length: 0", REFUSED(LENGTH_AND_CODING)},
    {"Content-Length: 5|Content-Length: 6", REFUSED(BAD_LENGTH)},
    {"Content-Length: 5|Content-Length: 5", REFUSED(BAD_LENGTH)},
    {"Content-Length: 5, 5", REFUSED(BAD_LENGTH)},
    {"Content-Length: 5,6", REFUSED(BAD_LENGTH)},
    {"Content-Length: ", REFUSED(BAD_LENGTH)},
    {"Content-Length: +5", REFUSED(BAD_LENGTH)},
    {"Content-Length: -1", REFUSED(BAD_LENGTH)},
    {"Content-Length: 0x5", REFUSED(BAD_LENGTH)},
    {"Content-Length: 5 5", REFUSED(BAD_LENGTH)},
    {"Content-Length: 5;x", REFUSED(BAD_LENGTH)},
    {"Content-Length: 1e3", REFUSED(BAD_LENGTH)},
    {"Content-Length: 5.0", REFUSED(BAD_LENGTH)},
    {"Content-Length: 9223372036854775808", REFUSED(BAD_LENGTH)},
    {"Content-Length: 18446744073709551616", REFUSED(BAD_LENGTH)},
    {"Content-Length: 99999999999999999999999999", REFUSED(BAD_LENGTH)},
    {"Transfer-Encoding: gzip", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: gzip, chunked", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: chunked, gzip", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: chunked, chunked", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: chunked|Transfer-Encoding: chunked", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: identity", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: identity|Transfer-Encoding: chunked", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: xchunked", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: chunkedx", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: chunked;q=1", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: \"chunked\"", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: ", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: ,chunked", REFUSED(BAD_CODING)},
    {"Transfer-Encoding: \vchunked", REFUSED(BAD_CODING)},
};

static void test_refused_in_both_directions(void **state)
{
    struct http_head h;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        fill(&h, refused[i].fields, false, HTTP_1_1);
        check(&refused[i], &h, HTTP_GET);
        /* A status that never has a body does not excuse an ambiguous head. */
        static const uint16_t statuses[] = {200, 204, 304, 100};
        for (size_t k = 0; k < ARRAY_LEN(statuses); k++) {
            fill(&h, refused[i].fields, true, HTTP_1_1);
            h.status = statuses[k];
            check(&refused[i], &h, k == 0 ? HTTP_HEAD : HTTP_GET);
        }
    }
}

static void test_requests(void **state)
{
    static const struct message table[] = {
        {"", NONE},
        {"Content-Length: 0", NONE},
        {"Content-Length: 00", NONE},
        {"Content-Length: 5", LENGTH(5)},
        {"Content-Length: 007", LENGTH(7)},
        {"CONTENT-LENGTH: 9223372036854775807", LENGTH(INT64_MAX)},
        {"Transfer-Encoding: chunked", CHUNKED},
        {"transfer-encoding: CHUNKED", CHUNKED},
    };
    struct http_head h;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        fill(&h, table[i].fields, false, HTTP_1_1);
        check(&table[i], &h, HTTP_GET);
        check(&table[i], &h, HTTP_HEAD); /* ignored for requests */
    }
}

static void test_one_dot_zero(void **state)
{
    static const struct message table[] = {
        {"Transfer-Encoding: chunked", REFUSED(BAD_CODING)},
        {"Transfer-Encoding: chunked|Content-Length: 3", REFUSED(BAD_CODING)},
        {"Content-Length: 3", LENGTH(3)},
    };
    struct http_head h;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        fill(&h, table[i].fields, false, HTTP_1_0);
        check(&table[i], &h, HTTP_GET);
        fill(&h, table[i].fields, true, HTTP_1_0);
        h.status = 200;
        check(&table[i], &h, HTTP_GET);
    }
}

static void test_responses(void **state)
{
    static const struct {
        unsigned status;
        enum http_method answered;
        struct message m;
    } table[] = {
        {200, HTTP_GET, {"", UNTIL_CLOSE}},
        {200, HTTP_GET, {"Content-Length: 0", NONE}},
        {200, HTTP_GET, {"Content-Length: 5", LENGTH(5)}},
        {200, HTTP_GET, {"Transfer-Encoding: chunked", CHUNKED}},
        {200, HTTP_HEAD, {"", NONE}},
        {200, HTTP_HEAD, {"Content-Length: 5", NONE}},
        {200, HTTP_HEAD, {"Transfer-Encoding: chunked", NONE}},
        {204, HTTP_GET, {"", NONE}},
        {204, HTTP_GET, {"Content-Length: 5", NONE}},
        {304, HTTP_GET, {"Content-Length: 5", NONE}},
        {304, HTTP_GET, {"Transfer-Encoding: chunked", NONE}},
        {100, HTTP_GET, {"", NONE}},
        {103, HTTP_GET, {"Content-Length: 5", NONE}},
        {205, HTTP_GET, {"Content-Length: 5", LENGTH(5)}}, /* what is there is there */
        {500, HTTP_POST, {"Content-Length: 5", LENGTH(5)}},
    };
    struct http_head h;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        fill(&h, table[i].m.fields, true, HTTP_1_1);
        h.status = (uint16_t)table[i].status;
        check(&table[i].m, &h, table[i].answered);
    }
}

/* Fields that were dropped do not frame. */
static void test_dropped_fields(void **state)
{
    struct http_head h;
    UNUSED(state);
    fill(&h, "Content-Length: 5|Transfer-Encoding: chunked", false, HTTP_1_1);
    http_head_drop(&h, HTTP_TRANSFER_ENCODING);
    check(&(struct message){"TE dropped", LENGTH(5)}, &h, HTTP_GET);
    http_head_drop(&h, HTTP_CONTENT_LENGTH);
    check(&(struct message){"both dropped", NONE}, &h, HTTP_GET);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_refused_in_both_directions),
        TEST(test_requests),
        TEST(test_one_dot_zero),
        TEST(test_responses),
        TEST(test_dropped_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
