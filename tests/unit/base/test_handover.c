/* The channel between two processes: messages with and without descriptors, an end, what is too
 * long; and who may inherit one. (Starting a process is for the end-to-end tests.) */
#include "tests/unit/fail_alloc.h"

#include "base/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int pair[2];
static struct handover_message m;

static int begin(void **state)
{
    UNUSED(state);
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int end(void **state)
{
    UNUSED(state);
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static void expect_text(struct span s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

static void test_words(void **state)
{
    UNUSED(state);
    assert_int_equal(handover_receive(pair[1], false, &m), HANDOVER_NOTHING);
    assert_int_equal(handover_send(pair[0], SPAN("given"), -1), ERR_OK);
    assert_int_equal(handover_send(pair[0], SPAN("listener 0 127.0.0.1:80"), -1), ERR_OK);
    assert_int_equal(handover_send(pair[0], SPAN("tickets 1 2 a b\0c"), -1), ERR_OK);
    assert_int_equal(handover_receive(pair[1], true, &m), HANDOVER_MESSAGE);
    expect_text(m.word, "given");
    expect_text(m.rest, "");
    assert_int_equal(m.fd, -1);
    assert_int_equal(handover_receive(pair[1], true, &m), HANDOVER_MESSAGE);
    expect_text(m.word, "listener");
    expect_text(m.rest, "0 127.0.0.1:80");
    assert_int_equal(handover_receive(pair[1], false, &m), HANDOVER_MESSAGE);
    assert_int_equal(m.rest.n, 9);
    assert_memory_equal(m.rest.p, "1 2 a b\0c", 9);
    assert_int_equal(handover_receive(pair[1], false, &m), HANDOVER_NOTHING);
}

static void test_descriptor(void **state)
{
    int ends[2];
    char c = 0;
    UNUSED(state);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(handover_send(pair[0], SPAN("state"), ends[0]), ERR_OK);
    close(ends[0]);
    assert_int_equal(handover_receive(pair[1], true, &m), HANDOVER_MESSAGE);
    expect_text(m.word, "state");
    assert_true(m.fd >= 0);
    assert_true(fcntl(m.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(read(m.fd, &c, 1), 1);
    assert_int_equal(c, 'x');
    close(m.fd);
    close(ends[1]);
}

static void test_end(void **state)
{
    UNUSED(state);
    assert_int_equal(handover_send(pair[0], SPAN("taken"), -1), ERR_OK);
    assert_int_equal(shutdown(pair[0], SHUT_RDWR), 0);
    assert_int_equal(handover_receive(pair[1], false, &m), HANDOVER_MESSAGE);
    assert_int_equal(handover_receive(pair[1], false, &m), HANDOVER_ENDED);
    assert_int_equal(handover_send(pair[1], SPAN("yours"), -1), ERR_SYSTEM);
    assert_int_equal(errno, EPIPE);
}

static void test_too_long(void **state)
{
    static char text[HANDOVER_MAX + 1];
    UNUSED(state);
    memset(text, 'a', sizeof(text));
    assert_int_equal(handover_send(pair[0], span_of(text, HANDOVER_MAX + 1), -1), ERR_SYSTEM);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(handover_send(pair[0], span_of(text, HANDOVER_MAX), -1), ERR_OK);
    assert_int_equal(handover_receive(pair[1], true, &m), HANDOVER_MESSAGE);
    assert_int_equal(m.word.n, HANDOVER_MAX);
}

/* Only from a parent: made here, found by a child, and not by the one who made it. */
static void test_inherited(void **state)
{
    char text[16];
    int status = 0;
    UNUSED(state);
    assert_int_equal(handover_inherited(), -1);
    (void)snprintf(text, sizeof(text), "%d", pair[1]);
    assert_int_equal(setenv("WEIR_HANDOVER", text, 1), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        bool ok = handover_inherited() == pair[1] && getenv("WEIR_HANDOVER") == NULL &&
                  (fcntl(pair[1], F_GETFD) & FD_CLOEXEC) != 0 && handover_inherited() == -1;
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(handover_inherited(), -1); /* of a process that is not our parent */
    assert_null(getenv("WEIR_HANDOVER"));
    static const char *const wrong[] = {"", "x", "-1", "99999999999", "1000"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(setenv("WEIR_HANDOVER", wrong[i], 1), 0);
        assert_int_equal(handover_inherited(), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words, begin, end),
        cmocka_unit_test_setup_teardown(test_descriptor, begin, end),
        cmocka_unit_test_setup_teardown(test_end, begin, end),
        cmocka_unit_test_setup_teardown(test_too_long, begin, end),
        cmocka_unit_test_setup_teardown(test_inherited, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
