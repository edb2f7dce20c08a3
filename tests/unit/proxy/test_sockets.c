/* Listening sockets that came with the start: shared out so that each falls to a worker, matched by
 * address, complained about when nobody wants them, handed on. */
#include "tests/unit/fail_alloc.h"

#include "proxy/sockets.h"

#include "base/handover.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct address ip(unsigned port)
{
    struct address a = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&a.sa;
    *in = (struct sockaddr_in){.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return a;
}

/* On any port, which is told. */
static int listening(unsigned *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
    *port = ntohs(in.sin_port);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void test_each_falls_to_a_worker(void **state)
{
    struct sockets *s;
    struct address a = ip(80), b = ip(81), twin = ip(80);
    unsigned port, taken = 0;
    UNUSED(state);
    twin.twin = 1;
    assert_int_equal(sockets_new(&s), ERR_OK);
    for (int i = 0; i < 5; i++)
        assert_int_equal(sockets_give(s, SPAN("0 127.0.0.1:80"), listening(&port)), ERR_OK);
    assert_true(sockets_have(s, &a));
    assert_false(sockets_have(s, &b));
    assert_false(sockets_have(s, &twin));
    assert_int_equal(sockets_take(s, &b, 0, 2), -1);
    assert_int_equal(sockets_take(s, &twin, 0, 2), -1);
    for (unsigned worker = 0; worker < 2; worker++) {
        unsigned mine = 0;
        for (int fd; (fd = sockets_take(s, &a, worker, 2)) >= 0; mine++) {
            assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
            close(fd);
        }
        assert_int_equal(mine, worker == 0 ? 3 : 2);
        taken += mine;
    }
    assert_int_equal(taken, 5);
    sockets_free(&s);
    assert_null(s);
}

static void test_more_workers_than_sockets(void **state)
{
    struct sockets *s;
    struct address a = ip(80);
    unsigned port;
    UNUSED(state);
    assert_int_equal(sockets_new(&s), ERR_OK);
    assert_int_equal(sockets_give(s, SPAN("0 127.0.0.1:80"), listening(&port)), ERR_OK);
    assert_int_equal(sockets_share(s, &a), -1);
    assert_int_equal(sockets_take(s, &a, 1, 2), -1);
    int fd = sockets_take(s, &a, 0, 2);
    assert_true(fd >= 0);
    assert_int_equal(sockets_opened(s, &a, fd), ERR_OK);
    int shared = sockets_share(s, &a);
    assert_true(shared >= 0 && shared != fd);
    sockets_closing(s, fd);
    assert_int_equal(sockets_share(s, &a), -1);
    close(fd);
    close(shared);
    sockets_free(&s);
}

/* A Unix socket: its file goes with the one that nobody took, and only then. */
static void test_rest(void **state)
{
    struct sockets *s;
    char path[64], key[80];
    struct stat st;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    unsigned port;
    UNUSED(state);
    (void)snprintf(path, sizeof(path), "/tmp/weir-sockets-%d", (int)getpid());
    (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    (void)snprintf(key, sizeof(key), "0 unix:%s", path);
    int local = socket(AF_UNIX, SOCK_STREAM, 0), other = listening(&port);
    assert_int_equal(bind(local, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(sockets_new(&s), ERR_OK);
    assert_int_equal(sockets_give(s, span_str(key), local), ERR_OK);
    assert_int_equal(sockets_give(s, SPAN("0 127.0.0.1:80"), other), ERR_OK);
    sockets_drop_rest(s);
    assert_false(is_open(local));
    assert_false(is_open(other));
    assert_int_equal(stat(path, &st), 0); /* the process before may stay in charge */
    sockets_remove_rest(s);
    assert_int_not_equal(stat(path, &st), 0);
    struct address a = ip(80);
    assert_false(sockets_have(s, &a));
    sockets_free(&s);
}

static void test_handing_on(void **state)
{
    static struct handover_message m;
    struct sockets *s;
    struct address a = ip(80), any = ip(0);
    unsigned port;
    int pair[2];
    UNUSED(state);
    any.twin = 3;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(sockets_new(&s), ERR_OK);
    int one = listening(&port), two = listening(&port);
    assert_int_equal(sockets_opened(s, &a, one), ERR_OK);
    assert_int_equal(sockets_opened(s, &any, two), ERR_OK);
    assert_int_equal(sockets_hand_over(s, pair[0]), ERR_OK);
    static const char *const said[] = {"0 127.0.0.1:80", "3 127.0.0.1:0"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(handover_receive(pair[1], false, &m), HANDOVER_MESSAGE);
        assert_true(span_eq(m.word, SPAN("listener")));
        assert_true(span_eq(m.rest, span_str(said[i])));
        assert_true(m.fd >= 0);
        assert_int_equal(sockets_give(s, m.rest, m.fd), ERR_OK);
    }
    assert_int_equal(handover_receive(pair[1], false, &m), HANDOVER_NOTHING);
    int back = sockets_take(s, &any, 0, 1);
    assert_true(back >= 0);
    close(back);
    close(one);
    close(two);
    close(pair[0]);
    close(pair[1]);
    sockets_free(&s);
}

/* --- systemd's --- */

static int from_manager(const char *fds, struct sockets **s, char *why, size_t max)
{
    struct complaints wrong = {.n = 0};
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    (void)setenv("LISTEN_PID", pid, 1);
    (void)setenv("LISTEN_FDS", fds, 1);
    (void)setenv("LISTEN_FDNAMES", "web:more", 1);
    if (sockets_new(s) != ERR_OK)
        return -1;
    enum err e = sockets_from_manager(*s, &wrong);
    (void)snprintf(why, max, "%s", wrong.n > 0 ? wrong.list[0].what : "");
    complaints_free(&wrong);
    return (int)e;
}

static int child_takes(void)
{
    struct sockets *s;
    char why[300];
    unsigned port;
    int fd = listening(&port);
    if (dup2(fd, 3) != 3 || from_manager("1", &s, why, sizeof(why)) != ERR_OK)
        return 1;
    struct address a = ip(port);
    if (!sockets_have(s, &a) || sockets_take(s, &a, 0, 4) != 3)
        return 2;
    return (fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 ? 0 : 3;
}

static int child_refuses(void)
{
    struct sockets *s;
    char why[300];
    int plain = socket(AF_INET, SOCK_STREAM, 0);
    if (dup2(plain, 3) != 3 || from_manager("1", &s, why, sizeof(why)) != ERR_CONFIG)
        return 1;
    return strstr(why, "descriptor 3 (web) is no listening stream socket") != NULL ? 0 : 2;
}

static int child_of_another(void)
{
    struct complaints wrong = {.n = 0};
    struct sockets *s;
    (void)setenv("LISTEN_PID", "1", 1);
    (void)setenv("LISTEN_FDS", "5", 1);
    return sockets_new(&s) == ERR_OK && sockets_from_manager(s, &wrong) == ERR_OK ? 0 : 1;
}

/* Descriptor 3 may be anybody's here. */
static void in_child(int (*fn)(void))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_manager(void **state)
{
    UNUSED(state);
    in_child(child_takes);
    in_child(child_refuses);
    in_child(child_of_another);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_falls_to_a_worker),
        cmocka_unit_test(test_more_workers_than_sockets),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_handing_on),
        cmocka_unit_test(test_manager),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
