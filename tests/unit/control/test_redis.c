/* The Redis store against what only looks like Redis: refusals, old versions, silence, rubbish.
 * hiredis would abort the process on a good part of it. */
#include "tests/unit/control/rig_store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char slow_poll[] = ", \"poll\": \"60s\"";

static void test_no_such_name(void **state)
{
    struct watch w;
    UNUSED(state);
    watch_begin(&w, "redis://no-such-host.invalid:6379", slow_poll);
    expect_error(&w, "no-such-host.invalid has no address");
    watch_end(&w);
}

static void test_closed_at_once(void **state)
{
    struct watch w;
    UNUSED(state);
    for (int i = 0; i < 20; i++) { /* a look-up under way is left behind, a connection too */
        watch_begin(&w, i % 2 ? "redis://localhost:1" : "redis://127.0.0.1:1", slow_poll);
        watch_end(&w);
    }
}

/* --- what is not Redis, or not as it should be --- */

struct script {
    const char *version;
    const char *greeting;
    const char *value;    /* to GETRANGE */
    const char *tracking; /* to CLIENT TRACKING ON */
    const char *message;  /* after the confirmation of SUBSCRIBE */
    const char *eval;
};

static const char *scripted(void *arg, const char *command)
{
    static _Thread_local char out[4096];
    const struct script *s = arg;
    if (command[0] == '\0')
        return s->greeting == NULL ? "" : s->greeting;
    if (strncmp(command, "INFO", 4) == 0) {
        char info[128];
        (void)snprintf(info, sizeof(info), "# Server\r\nredis_version:%s\r\n", s->version);
        (void)snprintf(out, sizeof(out), "$%zu\r\n%s\r\n", strlen(info), info);
        return out;
    }
    if (strncmp(command, "EXISTS", 6) == 0)
        return ":1\r\n";
    if (strncmp(command, "GETRANGE", 8) == 0)
        return s->value;
    if (strncmp(command, "CLIENT ID", 9) == 0)
        return ":5\r\n";
    if (strncmp(command, "CLIENT TRACKING ON", 18) == 0)
        return s->tracking;
    if (strncmp(command, "EVAL", 4) == 0)
        return s->eval;
    if (strncmp(command, "SUBSCRIBE", 9) == 0) {
        (void)snprintf(out, sizeof(out),
                       "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n%s",
                       s->message == NULL ? "" : s->message);
        return out;
    }
    return "+OK\r\n";
}

static struct script usual(void)
{
    return (struct script){
        .version = "7.0.0", .value = "$6\r\nlegacy\r\n", .tracking = "+OK\r\n", .eval = ":1\r\n"};
}

static void with_script(struct script *s, bool (*is)(void *arg), const char *error)
{
    struct rig_false_redis r;
    struct watch w;
    char url[PATH_MAX + 16];
    rig_false_redis_start(&r, scripted, s);
    (void)snprintf(url, sizeof(url), "unix:%s", r.socket);
    watch_begin(&w, url, ", \"poll\": \"50ms\"");
    if (is != NULL)
        expect(is, &w, "scripted");
    if (error != NULL)
        expect_error(&w, error);
    watch_end(&w);
    rig_false_redis_end(&r);
}

static void test_old_redis(void **state)
{
    struct script s = usual();
    UNUSED(state);
    s.version = "5.0.14";
    with_script(&s, is_polled, NULL);
    s = usual();
    s.tracking = "-ERR unknown subcommand 'TRACKING'\r\n";
    with_script(&s, is_polled, NULL);
    s = usual();
    with_script(&s, is_pushed, NULL); /* the script itself is sound */
}

static void test_refusals(void **state)
{
    struct script s = usual();
    UNUSED(state);
    s.value = "-LOADING Redis is loading the dataset in memory\r\n";
    with_script(&s, NULL, "LOADING");
    s.value = "-MOVED 1234 10.0.0.1:6379\r\n";
    with_script(&s, NULL, "MOVED");
    s.value = "-NOPERM this user has no permissions\r\n";
    with_script(&s, NULL, "NOPERM");
    s.value = ":12\r\n";
    with_script(&s, NULL, "an answer of another kind");
    s.value = "*2\r\n$1\r\na\r\n$1\r\nb\r\n";
    with_script(&s, NULL, "an answer of another kind");
    s.value = "";
    with_script(&s, NULL, "no answer for 2000 ms");
}

/* Commands of a connection that was given up must not reach Redis later than those of the next. */
static void test_silent_one_is_reset(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    char url[64];
    char said[4096];
    ssize_t got;
    struct watch w;
    UNUSED(state);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server >= 0);
    assert_int_equal(bind(server, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(server, 8), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&a, &n), 0);
    (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", ntohs(a.sin_port));
    watch_begin(&w, url, slow_poll);
    expect_error(&w, "no answer for 2000 ms");
    int fd = accept(server, NULL, NULL);
    assert_true(fd >= 0);
    do
        got = recv(fd, said, sizeof(said), 0);
    while (got > 0);
    assert_int_equal(got, -1);
    assert_int_equal(errno, ECONNRESET);
    watch_end(&w);
    close(fd);
    close(server);
}

/* hiredis would abort the process on most of these. */
static void test_hostile(void **state)
{
    static const char *const greetings[] = {
        "+OK\r\n",
        ":1\r\n",
        "*0\r\n",
        "$-1\r\n",
        "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\ny\r\n",
        "-ERR max number of clients reached\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "*1000000000\r\n",
        "$99999999999\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n+x\r\n",
        "\r\n",
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(greetings); i++) {
        struct script s = usual();
        s.greeting = greetings[i];
        with_script(&s, is_lost, NULL);
    }
}

static void test_hostile_messages(void **state)
{
    static const char *const messages[] = {
        "+OK\r\n",
        ":1\r\n",
        "$3\r\nabc\r\n",
        "*0\r\n",
        "*1\r\n$1\r\nx\r\n",
        "*2\r\n$1\r\nx\r\n$1\r\ny\r\n",
        "*3\r\n:1\r\n$1\r\nx\r\n$1\r\ny\r\n",
        "*3\r\n$7\r\nmessage\r\n:1\r\n$1\r\ny\r\n",
        "*3\r\n*0\r\n*0\r\n*0\r\n",
        "*3\r\n$-1\r\n$-1\r\n$-1\r\n",
        "*3\r\n$11\r\nunsubscribe\r\n$20\r\n__redis__:invalidate\r\n$1\r\nx\r\n",
        "*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$1\r\nx\r\n",
        "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n:7\r\n",
        "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*2\r\n:1\r\n*0\r\n",
        "*4\r\n$8\r\npmessage\r\n$1\r\nx\r\n$1\r\ny\r\n$1\r\nz\r\n",
        "-ERR no\r\n",
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct script s = usual();
        s.message = messages[i];
        with_script(&s, is_settled, NULL); /* the command connection is well all the time */
    }
}

/* The poll sees a change no push announced: the push is set up anew. */
static const char *forgetful(void *arg, const char *command)
{
    static _Atomic unsigned n;
    static _Thread_local char out[64];
    if (strncmp(command, "GETRANGE", 8) != 0)
        return scripted(arg, command);
    (void)snprintf(out, sizeof(out), "$8\r\nv%07u\r\n", n++ / 8);
    return out;
}

static void test_lost_push(void **state)
{
    struct script s = usual();
    struct rig_false_redis r;
    struct watch w;
    char url[PATH_MAX + 16];
    UNUSED(state);
    rig_false_redis_start(&r, forgetful, &s);
    (void)snprintf(url, sizeof(url), "unix:%s", r.socket);
    watch_begin(&w, url, ", \"poll\": \"50ms\"");
    expect(is_pushed, &w, "pushed");
    expect(is_polled, &w, "found out");
    assert_non_null(strstr(seen(&w)->facts.mode, "a change was not announced"));
    watch_end(&w);
    rig_false_redis_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_such_name),        cmocka_unit_test(test_closed_at_once),
        cmocka_unit_test(test_old_redis),           cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_silent_one_is_reset), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_hostile_messages),    cmocka_unit_test(test_lost_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
