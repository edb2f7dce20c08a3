/* The command line's end of the admin socket, against servers that break off, lie, flood or say
 * nothing. */
#include "tests/unit/control/rig.h"

#include "control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct server {
    int fd;
    pthread_t thread;
    const char *answer; /* NULL: nothing, until the client leaves */
    size_t repeat;
    char request[4096];
};

static void *serve(void *arg)
{
    struct server *s = arg;
    int c = accept(s->fd, NULL, NULL);
    ssize_t n = recv(c, s->request, sizeof(s->request) - 1, 0);
    s->request[n > 0 ? n : 0] = '\0';
    for (size_t i = 0; s->answer != NULL && i <= s->repeat; i++)
        if (send(c, s->answer, strlen(s->answer), MSG_NOSIGNAL) <= 0)
            break;
    if (s->answer == NULL)
        (void)!recv(c, s->request, 1, 0);
    close(c);
    return NULL;
}

static enum err call(struct server *s, const char *answer, size_t repeat, struct admin_answer *out,
                     struct complaints *wrong)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = rig_path("server.sock");
    *s = (struct server){.answer = answer, .repeat = repeat};
    (void)unlink(path);
    memcpy(a.sun_path, path, strlen(path) + 1);
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(s->fd, 1), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    enum err e =
        admin_call(a.sun_path, "POST", "/control", SPAN("{\"pin\": null}"), 500, out, wrong);
    pthread_join(s->thread, NULL);
    close(s->fd);
    return e;
}

static void test_good(void **state)
{
    struct server s;
    struct admin_answer a;
    struct complaints wrong = {.n = 0};
    UNUSED(state);
    assert_int_equal(call(&s, "HTTP/1.1 202 Accepted\r\nX: y\r\nContent-Length:  5 \r\n\r\nhello",
                          0, &a, &wrong),
                     ERR_OK);
    assert_int_equal(a.status, 202);
    assert_true(span_eq(buf_span(&a.body), SPAN("hello")));
    assert_non_null(strstr(s.request, "POST /control HTTP/1.1\r\n"));
    assert_non_null(strstr(s.request, "Content-Type: application/json\r\nContent-Length: 13\r\n"));
    assert_non_null(strstr(s.request, "\r\n\r\n{\"pin\": null}"));
    buf_free(&a.body);
    assert_int_equal(call(&s, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 0, &a, &wrong),
                     ERR_OK);
    assert_int_equal(a.body.n, 0);
    buf_free(&a.body);
}

static void test_bad(void **state)
{
    static const struct {
        const char *answer;
        size_t repeat;
        const char *says;
    } cases[] = {
        {"", 0, "without an answer"},
        {"HTTP/1.1 200 OK\r\n", 0, "without an answer"},
        {"HTTP/1.1 200 OK\r\n\r\n", 0, "no usable length"},
        {"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", 0, "no usable length"},
        {"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", 0, "no usable length"},
        {"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n", 0, "no usable length"},
        {"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n", 0, "no usable length"},
        {"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", 0, "cut short"},
        {"HTTP/2 200 OK\r\ncontent-length: 0\r\n\r\n", 0, "not weir's"},
        {"HTTP/1.1 2x0 OK\r\ncontent-length: 0\r\n\r\n", 0, "not weir's"},
        {"\r\n\r\n", 0, "not weir's"},
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, "not weir's"},
        {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 100000, "not weir's"},
        {NULL, 0, "no answer in time"},
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server s;
        struct admin_answer a;
        struct complaints wrong = {.n = 0};
        enum err e = call(&s, cases[i].answer, cases[i].repeat, &a, &wrong);
        if (e != ERR_CONTROL_STORE || wrong.n != 1 ||
            strstr(wrong.list[0].what, cases[i].says) == NULL)
            fail_msg("case %zu: %s %s", i, err_word(e), wrong.n > 0 ? wrong.list[0].what : "");
        assert_null(a.body.p);
        complaints_free(&wrong);
    }
}

static void test_nobody(void **state)
{
    struct admin_answer a;
    struct complaints wrong = {.n = 0};
    char longest[200];
    UNUSED(state);
    assert_int_equal(admin_call(rig_path("nothing"), "GET", "/", SPAN(""), 100, &a, &wrong),
                     ERR_NOT_FOUND);
    assert_string_equal(wrong.list[0].what, "there is no such socket");
    complaints_free(&wrong);
    /* What a killed weir leaves behind. */
    assert_int_equal(admin_call(rig_path("server.sock"), "GET", "/", SPAN(""), 100, &a, &wrong),
                     ERR_NOT_FOUND);
    assert_string_equal(wrong.list[0].what, "nothing listens there any more");
    complaints_free(&wrong);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(admin_call(longest, "GET", "/", SPAN(""), 100, &a, &wrong), ERR_CONTROL_STORE);
    complaints_free(&wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
