/* PROXY headers: whole, byte by byte, with bytes behind them, damaged, and there and back. */
#include "tests/unit/base/seeded.h"
#include "tests/unit/fail_alloc.h"

#include "proxy/networks.h"
#include "proxy/proxy_protocol.h"

#include <stdio.h>

#define SIGN                              "\r\n\r\n\0\r\nQUIT\n"
#define V2(command, family, length, rest) SIGN command family length rest

struct example {
    struct span in;
    const char *client; /* "ip port"; NULL: refused, "": nobody */
    const char *server;
};

static const char ones216[] =
    "11111111111111111111111111111111111111111111111111111111111111111111111111"
    "11111111111111111111111111111111111111111111111111111111111111111111111111"
    "11111111111111111111111111111111111111111111111111111111111111111111";

static const struct example good[] = {
    {SPAN("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"), "192.0.2.1 56324",
     "198.51.100.1 443"},
    {SPAN("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), "0.0.0.0 0", "255.255.255.255 65535"},
    {SPAN("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), "2001:db8::1 1", "::1 2"},
    {SPAN("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), "192.0.2.1 1", "::1 2"},
    {SPAN("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:"
          "ffff 65535 65535\r\n"),
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535",
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535"},
    {SPAN("PROXY UNKNOWN\r\n"), "", ""},
    {SPAN("PROXY UNKNOWN ffff::1 whatever 1 2\r\n"), "", ""},
    {SPAN(V2("\x20", "\x00", "\x00\x00", "")), "", ""},
    {SPAN(V2("\x20", "\x11", "\x00\x03", "abc")), "", ""}, /* LOCAL: addresses are not looked at */
    {SPAN(V2("\x21", "\x00", "\x00\x00", "")), "", ""},
    {SPAN(V2("\x21", "\x11", "\x00\x0c", "\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb")),
     "192.0.2.1 56324", "198.51.100.1 443"},
    {SPAN(V2("\x21", "\x11", "\x00\x10",
             "\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb\x04\x00\x01X")),
     "192.0.2.1 56324", "198.51.100.1 443"},
    {SPAN(V2("\x21", "\x21", "\x00\x24",
             " \x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01 \x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
             "\x00\x01\x00\x02")),
     "2001:db8::1 1", "2001:db8::2 2"},
};

static const struct span bad[] = {
    SPAN("GET / HTTP/1.1\r\n"),
    SPAN("PROXY\r\n"),
    SPAN("PROXY \r\n"),
    SPAN("proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n"),
    SPAN("PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n"),
    SPAN("PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n"),
    SPAN("PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n"),
    SPAN("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n"),
    SPAN("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n"),
    SPAN("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n"),
    SPAN("PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n"),
    SPAN("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n"),
    SPAN("PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n"),
    SPAN("PROXY TCP4 1.1.1.1 2.2.2.2 1 \r\n"),
    SPAN("PROXY TCP4 ::1 ::2 1 2\r\n"),
    SPAN("PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n"),
    SPAN("PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n"),
    SPAN("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n"),
    SPAN("PROXY TCP4 1.1.1.1\0 2.2.2.2 1 2\r\n"),
    SPAN("PROXY UNKNOWNx\r\n"),
    SPAN("PROXY UNKNOWN"
         " 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
         "89012345678901\r\n"),
    SPAN(V2("\x22", "\x11", "\x00\x0c", "123456789012")),
    SPAN(V2("\x11", "\x11", "\x00\x0c", "123456789012")),
    SPAN(V2("\x21", "\x12", "\x00\x0c", "123456789012")), /* datagrams */
    SPAN(V2("\x21", "\x41", "\x00\x0c", "123456789012")),
    SPAN(V2("\x21", "\x11", "\x00\x0b", "12345678901")),
    SPAN(V2("\x21", "\x21", "\x00\x0c", "123456789012")),
    SPAN(V2("\x21", "\x31", "\x00\x0c", "123456789012")),
    SPAN(V2("\x21", "\x11", "\xff\xff", "")), /* longer than is read */
    SPAN("\r\n\r\n\0\r\nQUIT\r"),
    SPAN("\r\n\r\nGET"),
};

static void expect_endpoint(const struct endpoint *e, const char *wanted)
{
    char ip[ADDRESS_TEXT], text[80] = "";
    if (e->n > 0) {
        (void)networks_text(span_of(e->ip, e->n), ip);
        (void)snprintf(text, sizeof(text), "%s %u", ip, e->port);
    }
    assert_string_equal(text, wanted);
}

static void expect_good(const struct example *x, struct span in)
{
    struct endpoints who;
    size_t used;
    assert_int_equal(proxy_header_read(in, &who, &used), ERR_OK);
    assert_int_equal(used, x->in.n);
    expect_endpoint(&who.client, x->client);
    expect_endpoint(&who.server, x->server);
}

static void whole_and_in_pieces(void **state)
{
    char more[512];
    struct endpoints who;
    size_t used;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        const struct example *x = &good[i];
        for (size_t n = 0; n < x->in.n; n++) {
            assert_int_equal(proxy_header_read(span_until(x->in, n), &who, &used), ERR_OK);
            assert_int_equal(used, 0);
        }
        expect_good(x, x->in);
        memcpy(more, x->in.p, x->in.n);
        memcpy(more + x->in.n, "\r\nGET", 5);
        expect_good(x, span_of(more, x->in.n + 5));
    }
}

static void a_unix_client_is_nobody(void **state)
{
    char in[16 + 216];
    struct endpoints who;
    size_t used;
    UNUSED(state);
    memcpy(in, V2("\x21", "\x31", "\x00\xd8", ""), 16);
    memcpy(in + 16, ones216, 216);
    assert_int_equal(proxy_header_read(span_of(in, sizeof(in)), &who, &used), ERR_OK);
    assert_int_equal(used, sizeof(in));
    assert_int_equal(who.client.n, 0);
}

/* However it is cut, what is bad is bad at last, and never good on the way. */
static void bad_ones(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct endpoints who;
        size_t used;
        enum err e = ERR_OK;
        for (size_t n = 0; n <= bad[i].n && e == ERR_OK; n++) {
            e = proxy_header_read(span_until(bad[i], n), &who, &used);
            assert_int_equal(used, 0);
        }
        if (e != ERR_BAD_PROXY_HEADER)
            fail_msg("bad[%zu] is %s", i, err_word(e));
    }
}

/* Nothing longer than the limit is waited for. */
static void bounded(void **state)
{
    char in[PROXY_READ_MAX] = "PROXY UNKNOWN ";
    struct endpoints who;
    size_t used;
    UNUSED(state);
    memset(in + 14, 'x', sizeof(in) - 14);
    assert_int_equal(proxy_header_read(span_of(in, 106), &who, &used), ERR_OK);
    assert_int_equal(proxy_header_read(span_of(in, 107), &who, &used), ERR_BAD_PROXY_HEADER);
    memcpy(in, V2("\x20", "\x00", "\x0f\xf0", ""), 16);
    assert_int_equal(proxy_header_read(span_of(in, sizeof(in) - 1), &who, &used), ERR_OK);
    assert_int_equal(used, 0);
    assert_int_equal(proxy_header_read(span_of(in, sizeof(in)), &who, &used), ERR_OK);
    assert_int_equal(used, PROXY_READ_MAX);
}

static void random_damage(void **state)
{
    UNUSED(state);
    struct seeded r = seeded_begin(7);
    for (int i = 0; i < 50000; i++) {
        char in[160];
        struct endpoints who, again;
        size_t used, used_again;
        const struct span from = good[seeded_below(&r, ARRAY_LEN(good))].in;
        memcpy(in, from.p, from.n);
        for (size_t k = seeded_below(&r, 4); k > 0; k--)
            in[seeded_below(&r, from.n)] = (char)seeded_below(&r, 256);
        enum err e = proxy_header_read(span_of(in, from.n), &who, &used);
        SEEDED_ASSERT(&r, used <= from.n && (e == ERR_OK || used == 0));
        if (used == 0)
            continue;
        SEEDED_ASSERT(&r, proxy_header_read(span_of(in, used), &again, &used_again) == ERR_OK);
        SEEDED_ASSERT(&r, used_again == used && memcmp(&who, &again, sizeof(who)) == 0);
        SEEDED_ASSERT(&r, proxy_header_read(span_of(in, used - 1), &again, &used_again) == ERR_OK);
        SEEDED_ASSERT(&r, used_again == 0);
    }
}

static void there_and_back(void **state)
{
    static const struct {
        struct endpoint client, server;
    } cases[] = {
        {{{192, 0, 2, 1}, 4, 4711}, {{192, 0, 2, 2}, 4, 443}},
        {{{0x20, 1, 0xd, 0xb8}, 16, 1}, {{0x20, 1, 0xd, 0xb9}, 16, 65535}},
        {{{192, 0, 2, 1}, 4, 4711}, {{0x20, 1}, 16, 443}}, /* the widest of the two */
        {{{0x20, 1}, 16, 443}, {{192, 0, 2, 1}, 4, 4711}},
        {{{0}, 0, 0}, {{192, 0, 2, 1}, 4, 4711}},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoints who = {cases[i].client, cases[i].server}, back;
        char out[PROXY_WRITE_MAX];
        size_t used;
        size_t n = proxy_header_write(&who, out);
        assert_int_equal(proxy_header_read(span_of(out, n), &back, &used), ERR_OK);
        assert_int_equal(used, n);
        if (who.client.n == 0)
            who.server = (struct endpoint){.n = 0};
        assert_memory_equal(&who, &back, sizeof(who));
    }
    /* A client with an address that came over a Unix socket. */
    struct endpoints half = {cases[0].client, {.n = 0}}, back;
    char out[PROXY_WRITE_MAX];
    size_t used;
    size_t n = proxy_header_write(&half, out);
    assert_int_equal(proxy_header_read(span_of(out, n), &back, &used), ERR_OK);
    assert_memory_equal(&half.client, &back.client, sizeof(half.client));
    expect_endpoint(&back.server, "0.0.0.0 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_in_pieces),
        cmocka_unit_test(a_unix_client_is_nobody),
        cmocka_unit_test(bad_ones),
        cmocka_unit_test(bounded),
        cmocka_unit_test(random_damage),
        cmocka_unit_test(there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
