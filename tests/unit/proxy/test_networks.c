/* Which addresses a set of networks has. */
#include "tests/unit/fail_alloc.h"

#include "proxy/networks.h"

#include <arpa/inet.h>

static struct networks set_of(const char *const *names, size_t n)
{
    struct networks set = {NULL, 0};
    const struct config_names list = {(const char **)(uintptr_t)names, n};
    assert_int_equal(networks_fill(&set, &list), ERR_OK);
    assert_int_equal(set.n, n);
    return set;
}

static bool has(const struct networks *set, const char *ip)
{
    unsigned char bytes[16];
    bool v4 = inet_pton(AF_INET, ip, bytes) == 1;
    if (!v4)
        assert_int_equal(inet_pton(AF_INET6, ip, bytes), 1);
    return networks_have(set, span_of(bytes, v4 ? 4 : 16));
}

static void addresses(void **state)
{
    static const char *const names[] = {"10.0.0.0/8", "192.0.2.7", "192.0.2.64/26", "2001:db8::/33",
                                        "fe80::1"};
    static const char *const in[] = {"10.0.0.0",   "10.255.255.255",  "192.0.2.7",
                                     "192.0.2.64", "192.0.2.127",     "2001:db8::1",
                                     "fe80::1",    "2001:db8:7fff::", "::ffff:10.0.0.9"};
    static const char *const out[] = {
        "9.255.255.255", "11.0.0.0", "192.0.2.6",       "192.0.2.63", "192.0.2.128",
        "2001:db9::",    "fe80::2",  "2001:db8:8000::", "::10.0.0.1"};
    UNUSED(state);
    struct networks set = set_of(names, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(in); i++)
        if (!has(&set, in[i]))
            fail_msg("%s is not in it", in[i]);
    for (size_t i = 0; i < ARRAY_LEN(out); i++)
        if (has(&set, out[i]))
            fail_msg("%s is in it", out[i]);
    assert_false(networks_have(&set, SPAN_NULL));
    networks_free(&set);
}

static void families(void **state)
{
    static const char *const all4[] = {"0.0.0.0/0"}, *const all6[] = {"::/0"},
                             *const local[] = {"unix:"};
    UNUSED(state);
    struct networks set = set_of(all4, 1);
    assert_true(has(&set, "1.2.3.4"));
    assert_false(has(&set, "2001:db8::1"));
    assert_false(networks_have(&set, SPAN_NULL));
    networks_free(&set);
    set = set_of(all6, 1); /* IPv4 is a part of it */
    assert_true(has(&set, "1.2.3.4"));
    assert_true(has(&set, "2001:db8::1"));
    assert_false(networks_have(&set, SPAN_NULL));
    networks_free(&set);
    set = set_of(local, 1);
    assert_true(networks_have(&set, SPAN_NULL));
    assert_false(has(&set, "::"));
    assert_false(has(&set, "0.0.0.0"));
    networks_free(&set);
    set = set_of(NULL, 0);
    assert_false(has(&set, "1.2.3.4"));
    networks_free(&set);
}

static void texts(void **state)
{
    static const unsigned char ip[16] = {192, 0, 2, 1};
    char text[ADDRESS_TEXT];
    UNUSED(state);
    assert_int_equal(networks_text(span_of(ip, 4), text), 9);
    assert_string_equal(text, "192.0.2.1");
    assert_int_equal(networks_text(span_of(ip, 16), text), strlen("c000:201::"));
    assert_string_equal(text, "c000:201::");
    assert_int_equal(networks_text(SPAN_NULL, text), 4);
    assert_string_equal(text, "unix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(families),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
