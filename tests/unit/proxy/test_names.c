/* Names of servers, against a name server that the test itself is. */
#include "tests/unit/fail_alloc.h"

#include "proxy/names.h"
#include "proxy/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, QUESTION_MAX = 512, TYPE_A = 1 };

static struct {
    pthread_mutex_t lock;
    unsigned calls;
    unsigned refuse; /* so many are not taken */
    char text[256];
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool changed(void *arg, const char *server, const struct address *list, size_t n)
{
    UNUSED(arg);
    pthread_mutex_lock(&seen.lock);
    bool taken = seen.refuse == 0;
    seen.calls++;
    if (!taken)
        seen.refuse--;
    int at = snprintf(seen.text, sizeof(seen.text), "%s:", server);
    for (size_t i = 0; i < n; i++) {
        char one[64];
        (void)address_text(&list[i], one, sizeof(one));
        at += snprintf(seen.text + at, sizeof(seen.text) - (size_t)at, " %s", one);
    }
    pthread_mutex_unlock(&seen.lock);
    return taken;
}

static unsigned calls(void)
{
    pthread_mutex_lock(&seen.lock);
    unsigned n = seen.calls;
    pthread_mutex_unlock(&seen.lock);
    return n;
}

/* --- the name server --- */

static int name_server(unsigned *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(in);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&in, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&in, &n), 0);
    *port = ntohs(in.sin_port);
    return fd;
}

/* Where the question's type stands: behind the name. */
static size_t type_at(const unsigned char *q)
{
    size_t at = 12;
    while (q[at] != 0)
        at += 1u + q[at];
    return at + 1;
}

/* Answers one question with these last bytes of 10.0.0.x; a question for another type with nothing.
 * NULL: there is no such name. Returns whether it was for IPv4. */
static bool answer(int fd, const unsigned char *last, size_t n, unsigned char ttl)
{
    unsigned char m[QUESTION_MAX + 256] = {0};
    struct sockaddr_in peer;
    socklen_t peer_n = sizeof(peer);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    ssize_t got = recvfrom(fd, m, QUESTION_MAX, 0, (struct sockaddr *)(void *)&peer, &peer_n);
    assert_true(got > 16);
    size_t at = type_at(m);
    bool v4 = m[at] == 0 && m[at + 1] == TYPE_A;
    at += 4;
    m[2] = 0x85;
    m[3] = last == NULL ? 0x83 : 0x80;
    m[7] = v4 && last != NULL ? (unsigned char)n : 0;
    m[11] = 0; /* no EDNS */
    for (size_t i = 0; i < m[7]; i++) {
        const unsigned char record[] = {0xc0, 12,  0, 1, 0,  1, 0, 0,
                                        0,    ttl, 0, 4, 10, 0, 0, last[i]};
        memcpy(m + at, record, sizeof(record));
        at += sizeof(record);
    }
    assert_int_equal(sendto(fd, m, at, 0, (struct sockaddr *)(void *)&peer, peer_n), at);
    return v4;
}

static void answer_both(int fd, const unsigned char *last, size_t n, unsigned char ttl)
{
    bool first = answer(fd, last, n, ttl);
    bool second = answer(fd, last, n, ttl);
    assert_true(first != second);
}

/* --- what is followed --- */

static struct route_table *table_of(unsigned port)
{
    char text[1024];
    struct config *c = NULL;
    struct route_table *t = NULL;
    struct complaints wrong = {.n = 0};
    (void)snprintf(text, sizeof(text),
                   "{\"listeners\": [{\"address\": \"127.0.0.1:0\"}], \"backends\": {\"b\": "
                   "{\"servers\": [\"name.invalid:80\", \"127.0.0.1:81\"]}, \"c\": {\"servers\": "
                   "[\"name.invalid:80\"]}}, \"defaults\": {\"legacy\": \"b\", \"new\": \"c\"}, "
                   "\"resolver\": {\"interval\": \"100ms\", \"name_servers\": [\"127.0.0.1:%u\"]}, "
                   "\"routes\": [{\"name\": \"r\", \"match\": {\"prefix\": \"/\"}}]}",
                   port);
    assert_int_equal(config_parse(span_str(text), "test", &c, &wrong), ERR_OK);
    assert_int_equal(route_table_new(c, &t, &wrong), ERR_OK);
    assert_int_equal(proxy_prepare(t, &wrong), ERR_OK);
    return t;
}

static void says(const char *text)
{
    pthread_mutex_lock(&seen.lock);
    assert_string_equal(seen.text, text);
    pthread_mutex_unlock(&seen.lock);
}

static void names_are_followed(void **state)
{
    static const unsigned char one[] = {1}, two[] = {1, 2};
    unsigned port;
    struct names *n;
    UNUSED(state);
    int fd = name_server(&port);
    struct route_table *t = table_of(port);
    assert_int_equal(names_start(&n, changed, NULL), ERR_OK);
    names_follow(n, t->attachment);
    answer_both(fd, NULL, 0, 0); /* asked once for two backends; there is no such name */
    answer_both(fd, one, 1, 1);  /* and again by itself */
    answer_both(fd, one, 1, 1); /* its second is over: the news had been told before it was asked */
    assert_int_equal(calls(), 1);
    says("name.invalid:80: 10.0.0.1:80");
    pthread_mutex_lock(&seen.lock);
    seen.refuse = 1;
    pthread_mutex_unlock(&seen.lock);

    answer_both(fd, two, 2, 1);
    answer_both(fd, two, 2, 1); /* what could not be told is told again */
    answer_both(fd, NULL, 0, 0);
    assert_int_equal(calls(), 3);
    says("name.invalid:80: 10.0.0.1:80 10.0.0.2:80");
    answer_both(fd, one, 1, 200); /* what was lost had kept its addresses: this is a change */
    for (int i = 0; i < PATIENCE_MS / 10 && calls() < 4; i++)
        (void)poll(NULL, 0, 10);
    assert_int_equal(calls(), 4);
    says("name.invalid:80: 10.0.0.1:80");
    struct pollfd quiet = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&quiet, 1, 1500), 0); /* 200 seconds, not 1 and not the interval */
    names_stop(&n);
    route_table_free(&t);
    close(fd);
}

static void a_silent_server_does_not_delay_the_end(void **state)
{
    unsigned port;
    struct names *n;
    UNUSED(state);
    int fd = name_server(&port);
    struct route_table *t = table_of(port);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(names_start(&n, changed, NULL), ERR_OK);
    names_follow(n, t->attachment);
    names_follow(n, t->attachment); /* a reload while questions are open */
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    names_stop(&n);
    assert_null(n);
    route_table_free(&t);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_followed),
        cmocka_unit_test(a_silent_server_does_not_delay_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
