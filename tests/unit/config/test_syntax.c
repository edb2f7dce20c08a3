/* Addresses, hosts, paths, redis URLs, what is hidden of secrets. */
#include "tests/unit/fail_alloc.h"

#include "config/room.h"

static void host_and_port(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        unsigned port;
    } good[] = {
        {"host:443", "host", 443},
        {"1.2.3.4:80", "1.2.3.4", 80},
        {"[::1]:80", "::1", 80},
        {"*:80", "*", 80},
        {"a.b.c:65535", "a.b.c", 65535},
        {"a:0", "a", 0},
        {"a_b-c.d.:1", "a_b-c.d.", 1},
        {"[2001:db8::1]:00080", "2001:db8::1", 80},
        {"x1:1", "x1", 1},
        {"1x:1", "1x", 1},
        {"[::ffff:1.2.3.4]:1", "::ffff:1.2.3.4", 1},
    };
    static const char *const bad[] = {
        "",         "host",         ":80",         "host:",
        "host:x",   "host:65536",   "host:-1",     "host: 80",
        "host:80 ", " host:80",     "::1:80",      "[::1]",
        "[::1]80",  "[::1:80",      "[]:80",       "[1.2.3.4]:80",
        "1.2.3:80", "1.2.3.4.5:80", "256.1.1.1:1", "0x7f.1:80",
        "1:80",     "a..b:1",       ".a:1",        "-a:1",
        "a-:1",     "a b:1",        "a/b:1",       "http://a:1",
        "a:1:2",    "b\xc3\xbc:1",  "host:123456", "**:1",
        "*.a:1",    ".:1",          "[::1%lo]:1",  "[fe80::1%25eth0]:80",
    };
    struct span host;
    unsigned port;
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(config_host_port(span_str(good[i].text), &host, &port), ERR_OK);
        assert_true(span_eq(host, span_str(good[i].host)));
        assert_int_equal(port, good[i].port);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (config_host_port(span_str(bad[i]), &host, &port) != ERR_INVALID)
            fail_msg("\"%s\" is taken", bad[i]);
    assert_int_equal(config_host_port(span_of("a\0b:80", 6), &host, &port), ERR_INVALID);
    assert_int_equal(config_host_port(SPAN_NULL, &host, &port), ERR_INVALID);
}

static void assert_redis(const char *text, const struct config_redis *want)
{
    struct config_redis got;
    struct arena a;
    arena_begin(&a, 65536);
    const char *fault = redis_split(span_str(text), &a, &got);
    if (fault != NULL)
        fail_msg("%s %s", text, fault);
    const char *const pairs[][2] = {{want->path, got.path},
                                    {want->host, got.host},
                                    {want->user, got.user},
                                    {want->password, got.password},
                                    {want->master, got.master},
                                    {want->sentinels[0].host, got.sentinels[0].host},
                                    {want->sentinels[1].host, got.sentinels[1].host},
                                    {want->sentinels[2].host, got.sentinels[2].host}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        assert_int_equal(pairs[i][0] == NULL, pairs[i][1] == NULL);
        if (pairs[i][0] != NULL)
            assert_string_equal(pairs[i][0], pairs[i][1]);
    }
    assert_int_equal(got.port, want->port);
    assert_int_equal(got.db, want->db);
    assert_int_equal(got.nsentinels, want->nsentinels);
    for (size_t i = 0; i < got.nsentinels; i++)
        assert_int_equal(got.sentinels[i].port, want->sentinels[i].port);
    arena_end(&a);
}

static void redis_addresses(void **state)
{
    static const char *const bad[] = {
        "",
        "localhost:6379",
        "redis:/localhost",
        "redis://",
        "redis:///0",
        "redis://:@",
        "redis://host:",
        "redis://host:0",
        "redis://host:x",
        "redis://host/x",
        "redis://host/1/2",
        "redis://host/65536",
        "redis://host/-1",
        "redis://*",
        "redis://*:1",
        "redis://::1",
        "redis://[::1",
        "redis://[1.2.3.4]",
        "redis://user@host",
        "redis://:a%2@host",
        "redis://:a%00@host",
        "redis://:a%zz@host",
        "redis://ho st",
        "rediss://host",
        "redis+sentinel://",
        "redis+sentinel:///shop",
        "redis+sentinel://host",
        "redis+sentinel://host:26379/",
        "redis+sentinel://host,/shop",
        "redis+sentinel://host,*:1/shop",
        "redis+sentinel://host/shop/x",
        "redis+sentinel://user@host/shop",
        "redis+sentinel://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q/shop",
        "unix:",
        "unix:relative",
        "http://host",
    };
    UNUSED(state);
    assert_redis("redis://localhost", &(struct config_redis){.host = "localhost", .port = 6379});
    assert_redis("redis+sentinel://u:p@a:1,b,[::1]:7/shop/3",
                 &(struct config_redis){.sentinels = {{"a", 1}, {"b", 26379}, {"::1", 7}},
                                        .nsentinels = 3,
                                        .master = "shop",
                                        .user = "u",
                                        .password = "p",
                                        .db = 3});
    assert_redis("redis://10.0.0.1:7000/15",
                 &(struct config_redis){.host = "10.0.0.1", .port = 7000, .db = 15});
    assert_redis("redis://host/", &(struct config_redis){.host = "host", .port = 6379});
    assert_redis("redis://[::1]", &(struct config_redis){.host = "::1", .port = 6379});
    assert_redis("redis://[::1]:1/2", &(struct config_redis){.host = "::1", .port = 1, .db = 2});
    assert_redis("redis://:secret@host",
                 &(struct config_redis){.host = "host", .port = 6379, .password = "secret"});
    assert_redis(
        "redis://dana:a%3Ab%2Fc%40d@host:1",
        &(struct config_redis){.host = "host", .port = 1, .user = "dana", .password = "a:b/c@d"});
    assert_redis(
        "redis://dana:a:b@c@host",
        &(struct config_redis){.host = "host", .port = 6379, .user = "dana", .password = "a:b@c"});
    assert_redis("redis://:@host", &(struct config_redis){.host = "host", .port = 6379});
    assert_redis("unix:/run/redis.sock", &(struct config_redis){.path = "/run/redis.sock"});
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct config_redis got;
        if (redis_split(span_str(bad[i]), NULL, &got) == NULL)
            fail_msg("\"%s\" is taken", bad[i]);
    }
}

static void assert_shown(const struct syntax *s, const char *text, const char *want)
{
    struct buf out = BUF_INIT(0);
    assert_int_equal(syntax_redact(s, span_str(text), &out), ERR_OK);
    assert_true(span_eq(buf_span(&out), span_str(want)));
    /* What is shown is recognised, if anything was hidden. */
    assert_int_equal(syntax_is_redacted(s, buf_span(&out)), strcmp(text, want) != 0);
    buf_free(&out);
}

static void secrets_are_hidden(void **state)
{
    UNUSED(state);
    assert_shown(&syntax_token, "0123456789", "***");
    assert_shown(&syntax_any, "0123456789", "0123456789");
    assert_shown(&syntax_redis, "redis://host:1/2", "redis://host:1/2");
    assert_shown(&syntax_redis, "redis://:secret@host:1/2", "redis://:***@host:1/2");
    assert_shown(&syntax_redis, "redis://dana:a:b@c@host", "redis://dana:***@host");
    assert_shown(&syntax_redis, "redis://:@host", "redis://:@host");
    assert_shown(&syntax_redis, "unix:/a:b@c", "unix:/a:b@c");
    assert_false(syntax_is_redacted(&syntax_any, SPAN("***")));
}

static void texts_are_shown_safely(void **state)
{
    struct shown s;
    char text[200];
    UNUSED(state);
    assert_string_equal(shown_text(&s, SPAN("plain")), "plain");
    assert_string_equal(shown_text(&s, SPAN_NULL), "");
    assert_string_equal(shown_text(&s, SPAN("a\x1b[31m\n\x7f")), "a\\x1b[31m\\x0a\\x7f");
    memset(text, 1, sizeof(text));
    assert_int_equal(strlen(shown_text(&s, span_of(text, sizeof(text)))), SHOWN_BYTES * 4 + 3);
    memset(text, 'a', SHOWN_BYTES);
    assert_int_equal(strlen(shown_text(&s, span_of(text, SHOWN_BYTES))), SHOWN_BYTES);
    memcpy(text + SHOWN_BYTES - 1, "\xc3\xa9x", 3); /* the cut would part a letter */
    assert_int_equal(strlen(shown_text(&s, span_of(text, SHOWN_BYTES + 2))), SHOWN_BYTES - 1 + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_and_port),
        cmocka_unit_test(redis_addresses),
        cmocka_unit_test(secrets_are_hidden),
        cmocka_unit_test(texts_are_shown_safely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
