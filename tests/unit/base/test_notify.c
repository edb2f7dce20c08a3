/* What a service manager's socket receives, by path and in the abstract namespace; and nothing
 * where there is none. */
#include "tests/unit/fail_alloc.h"

#include "base/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A manager that listens at $NOTIFY_SOCKET. */
static int manager(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && n < sizeof(a.sun_path));
    memcpy(a.sun_path, name, n);
    if (name[0] == '@')
        a.sun_path[0] = '\0';
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static const char *received(int fd)
{
    static char text[2048];
    ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void test_by_path(void **state)
{
    char path[64];
    UNUSED(state);
    (void)snprintf(path, sizeof(path), "/tmp/weir-notify-%d", (int)getpid());
    int fd = manager(path);
    notify_ready(NULL);
    assert_string_equal(received(fd), "READY=1");
    notify_ready("all is well");
    assert_string_equal(received(fd), "READY=1\nSTATUS=all is well");
    notify("MAINPID=%d", 42);
    assert_string_equal(received(fd), "MAINPID=42");
    notify_reloading();
    const char *text = received(fd);
    assert_memory_equal(text, "RELOADING=1\nMONOTONIC_USEC=", 27);
    assert_true(strtoull(text + 27, NULL, 10) > 0);
    assert_string_equal(received(fd), "");
    close(fd);
    unlink(path);
    notify_ready(NULL); /* nobody there any more */
}

static void test_abstract(void **state)
{
    char name[64];
    UNUSED(state);
    (void)snprintf(name, sizeof(name), "@weir-notify-%d", (int)getpid());
    int fd = manager(name);
    notify("STOPPING=1");
    assert_string_equal(received(fd), "STOPPING=1");
    close(fd);
}

static void test_nobody(void **state)
{
    static const char *const names[] = {"", "relative", "/", "@"};
    char longest[200];
    UNUSED(state);
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_ready("x");
    }
    setenv("NOTIFY_SOCKET", longest, 1);
    notify_ready("x");
    unsetenv("NOTIFY_SOCKET");
    notify_ready("x");
}

static void test_watchdog(void **state)
{
    char pid[32];
    UNUSED(state);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    assert_int_equal(notify_watchdog_ms(), 0);
    setenv("WATCHDOG_USEC", "3000000", 1);
    assert_int_equal(notify_watchdog_ms(), 3000);
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_ms(), 3000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_path),
        cmocka_unit_test(test_abstract),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_watchdog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
