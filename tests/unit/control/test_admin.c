/* The admin API on the wire: who may do what, and whatever else can be sent to a socket. */
#include "tests/unit/control/rig_weir.h"

#include "control/disk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct rig_weir weir;
static unsigned port;

/* --- raw connections --- */

static int connect_unix(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(a.sun_path, weir.socket, strlen(weir.socket) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static int connect_tcp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* Everything until the other side closes, or for so long. */
static size_t read_all(int fd, char *out, size_t cap, unsigned ms)
{
    uint64_t end = rig_now_ms() + ms;
    size_t n = 0;
    while (n + 1 < cap && rig_now_ms() < end) {
        struct pollfd p = {fd, POLLIN, 0};
        if (poll(&p, 1, 50) <= 0)
            continue;
        ssize_t got = recv(fd, out + n, cap - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    out[n] = '\0';
    return n;
}

static char got[1 << 20];

static int send_raw(int fd, const char *request, size_t n)
{
    (void)!send(fd, request, n, MSG_NOSIGNAL);
    read_all(fd, got, sizeof(got), 5000);
    close(fd);
    return strncmp(got, "HTTP/1.", 7) == 0 ? (int)strtol(got + 9, NULL, 10) : 0;
}

static int ask(bool tcp, const char *request)
{
    return send_raw(tcp ? connect_tcp() : connect_unix(), request, strlen(request));
}

/* --- who may do what --- */

#define HOST  "Host: 127.0.0.1:1\r\n"
#define JSON  "Content-Type: application/json\r\n"
#define TOKEN "Authorization: Bearer s3cret-token\r\n"
#define PIN   "Content-Length: 16\r\n\r\n{\"pin\":\"legacy\"}"

struct wire {
    const char *request;
    int status;
    const char *says;
};

static const struct wire over_unix[] = {
    {"GET /status HTTP/1.1\r\n" HOST "\r\n", 200, "\"epoch\": "},
    {"GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200, "\"connections\": 3"},
    {"GET /status?text HTTP/1.1\r\n" HOST "\r\n", 200, "epoch    "},
    {"GET /status?text=1&width=20&ascii=1&colour=1 HTTP/1.1\r\n" HOST "\r\n", 200, "\x1b[1m"},
    {"HEAD /status HTTP/1.1\r\n" HOST "\r\n", 200, "content-length: "},
    {"GET /metrics HTTP/1.1\r\n" HOST "\r\n", 200, "weir_epoch "},
    {"GET /metrics HTTP/1.0\r\n\r\n", 200, "text/plain; version=0.0.4"},
    {"GET /healthz HTTP/1.1\r\n" HOST "\r\n", 200, "\"status\": \"ok\""},
    {"GET /readyz HTTP/1.1\r\n" HOST "\r\n", 200, "\"status\": \"ready\""},
    {"GET / HTTP/1.1\r\n" HOST "\r\n", 404, "GET /status"},
    {"GET /statusx HTTP/1.1\r\n" HOST "\r\n", 404, "\"error\": \"not_found\""},
    {"GET /status/ HTTP/1.1\r\n" HOST "\r\n", 404, ""},
    {"GET //status HTTP/1.1\r\n" HOST "\r\n", 200, ""}, /* as libwebsockets reads it */
    {"GET /nothing?text HTTP/1.1\r\n" HOST "\r\n", 404, "there is GET /status"},
    {"POST /status HTTP/1.1\r\n" HOST JSON "Content-Length: 0\r\n\r\n", 405, "allow: GET, HEAD"},
    {"GET /control HTTP/1.1\r\n" HOST "\r\n", 405, "allow: POST"},
    {"HEAD /control HTTP/1.1\r\n" HOST "\r\n", 405, "allow: POST"},
    {"DELETE /control HTTP/1.1\r\n" HOST "\r\n", 405, "allow: POST"},
    {"PUT /status HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", 405, "allow: GET, HEAD"},
    {"OPTIONS /control HTTP/1.1\r\n" HOST "\r\n", 405, "allow: POST"},
    {"POST /undo HTTP/1.1\r\n" HOST "\r\n", 409, "nothing_to_undo"},
    {"POST /control HTTP/1.1\r\n" HOST PIN, 415, "application/json"},
    {"POST /control HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\n" PIN, 415, ""},
    {"POST /control HTTP/1.1\r\n" HOST "Content-Type: application/x-www-form-urlencoded\r\n" PIN,
     415, ""},
    {"POST /undo HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n", 415,
     ""},
    {"POST /control HTTP/1.1\r\n" HOST JSON
     "Transfer-Encoding: chunked\r\n\r\n10\r\n{\"pin\":\"legacy\"}\r\n0\r\n\r\n",
     411, "length_required"},
    {"POST /control HTTP/1.1\r\n" HOST JSON "Content-Length: 65537\r\n\r\n{", 413, "too_large"},
    {"POST /control HTTP/1.1\r\n" HOST JSON "Content-Length: 99999999999999999999\r\n\r\n", 413,
     ""},
    {"POST /control HTTP/1.1\r\n" HOST JSON "Content-Length: -1\r\n\r\n", 413, ""},
    {"POST /control HTTP/1.1\r\n" HOST JSON "Content-Length: 16x\r\n\r\n", 413, ""},
    {"POST /control HTTP/1.1\r\n" HOST JSON "Origin: https://evil.example\r\n" PIN, 403,
     "forbidden"},
    {"POST /control HTTP/1.1\r\n" HOST JSON "Origin: null\r\n" PIN, 403, "forbidden"},
    {"POST /control HTTP/1.1\r\n" HOST JSON "Sec-Fetch-Site: cross-site\r\n" PIN, 403, "forbidden"},
    {"POST /control HTTP/1.1\r\n" HOST JSON "sec-fetch-site: same-site\r\n" PIN, 403, "forbidden"},
    {"POST /control HTTP/1.1\r\nHost: evil.example\r\n" JSON "Origin: http://evil.example\r\n" PIN,
     403, "forbidden"},
    {"POST /reload HTTP/1.1\r\n" HOST "Sec-Fetch-Site: cross-site\r\n\r\n", 403, "forbidden"},
};

static const struct wire over_tcp[] = {
    {"GET /healthz HTTP/1.1\r\n" HOST "\r\n", 200, "ok"},
    {"GET /healthz HTTP/1.1\r\nHost: lb.example\r\n\r\n", 200, "ok"},
    {"GET /readyz HTTP/1.0\r\n\r\n", 200, "ready"},
    {"GET /status HTTP/1.1\r\n" HOST "\r\n", 401, "www-authenticate: Bearer"},
    {"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 401, "unauthorized"},
    {"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "forbidden"},
    {"GET /metrics HTTP/1.1\r\n\r\n", 403, "forbidden"},
    {"GET /metrics HTTP/1.1\r\nHost: prometheus.example\r\n" TOKEN "\r\n", 200, "weir_epoch"},
    {"GET /status HTTP/1.1\r\n" HOST "Authorization: Bearer s3cret-tokem\r\n\r\n", 401, ""},
    {"GET /status HTTP/1.1\r\n" HOST "Authorization: Bearer s3cret-token2\r\n\r\n", 401, ""},
    {"GET /status HTTP/1.1\r\n" HOST "Authorization: Bearer s3cret-toke\r\n\r\n", 401, ""},
    {"GET /status HTTP/1.1\r\n" HOST "Authorization: Bearer \r\n\r\n", 401, ""},
    {"GET /status HTTP/1.1\r\n" HOST "Authorization: s3cret-token\r\n\r\n", 401, ""},
    {"GET /status HTTP/1.1\r\n" HOST "Authorization: Basic czNjcmV0LXRva2Vu\r\n\r\n", 401, ""},
    {"GET /status?token=s3cret-token HTTP/1.1\r\n" HOST "\r\n", 401, ""},
    {"GET /status HTTP/1.1\r\n" HOST "authorization: bearer s3cret-token\r\n\r\n", 200, "epoch"},
    {"GET /status HTTP/1.1\r\nHost: [::1]:9\r\n" TOKEN "\r\n", 200, "epoch"},
    {"GET /nothing HTTP/1.1\r\n" HOST "\r\n", 404, ""},
    {"POST /control HTTP/1.1\r\n" HOST JSON PIN, 401, ""},
    {"POST /undo HTTP/1.1\r\n" HOST TOKEN "Content-Length: 0\r\n\r\n", 415, "application/json"},
    {"POST /control HTTP/1.1\r\n" HOST TOKEN JSON "Origin: https://evil.example\r\n" PIN, 403, ""},
    {"POST /control HTTP/1.1\r\n" HOST TOKEN JSON "Sec-Fetch-Site: cross-site\r\n" PIN, 403, ""},
};

static void run(bool tcp, const struct wire *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int status = ask(tcp, cases[i].request);
        if (status != cases[i].status || strstr(got, cases[i].says) == NULL)
            fail_msg("%s\n-> %d, not %d: %s", cases[i].request, status, cases[i].status, got);
        assert_non_null(strstr(got, "cache-control: no-store"));
        assert_non_null(strstr(got, "connection: close"));
        bool head = strncmp(cases[i].request, "HEAD", 4) == 0;
        const char *body = strstr(got, "\r\n\r\n") + 4;
        const char *length = strstr(got, "content-length: ");
        assert_non_null(length);
        assert_int_equal(strlen(body), head ? 0 : strtoul(length + 16, NULL, 10));
        if (status >= 400 && !head && strstr(cases[i].request, "?text") == NULL)
            assert_non_null(strstr(body, "\"error\": "));
    }
    assert_true(rig_says(&weir, "\"epoch\": 1,")); /* nothing of it has changed anything */
}

static void test_unix(void **state)
{
    UNUSED(state);
    run(false, over_unix, ARRAY_LEN(over_unix));
}

static void test_tcp(void **state)
{
    UNUSED(state);
    run(true, over_tcp, ARRAY_LEN(over_tcp));
}

static void test_changes(void **state)
{
    UNUSED(state);
    assert_int_equal(ask(false, "POST /control HTTP/1.1\r\n" HOST JSON PIN), 200);
    assert_int_equal(ask(false, "POST /undo HTTP/1.1\r\n" HOST "\r\n"), 200);
    assert_int_equal(ask(true, "POST /control HTTP/1.1\r\n" HOST TOKEN JSON PIN), 200);
    assert_int_equal(
        ask(true, "POST /undo HTTP/1.1\r\n" HOST TOKEN JSON "Content-Length: 0\r\n\r\n"), 200);
    /* The dashboard will come from here. */
    assert_int_equal(ask(true, "POST /control HTTP/1.1\r\n" HOST TOKEN JSON
                               "Origin: http://127.0.0.1:1\r\nSec-Fetch-Site: same-origin\r\n" PIN),
                     200);
    assert_int_equal(ask(true, "POST /control?text HTTP/1.1\r\n" HOST TOKEN
                               "Content-Type: application/json; charset=utf-8\r\n" PIN),
                     200);
    assert_non_null(strstr(got, "\r\n\r\nepoch 7 is in force\n"));
    assert_int_equal(ask(false, "POST /undo HTTP/1.1\r\n" HOST "\r\n"), 200);
}

static void test_token_after_reload(void **state)
{
    char more[256];
    UNUSED(state);
    (void)snprintf(more, sizeof(more),
                   "\"admin\": {\"address\": \"127.0.0.1:%u\", \"token\": \"another-token\"},",
                   port);
    rig_weir_next(&weir, NULL, more, false);
    assert_int_equal(ask(false, "POST /reload HTTP/1.1\r\n" HOST "\r\n"), 200);
    assert_non_null(strstr(got, "admin.token: another one"));
    assert_null(strstr(got, "another-token"));
    assert_int_equal(ask(true, "GET /status HTTP/1.1\r\n" HOST TOKEN "\r\n"), 401);
    assert_int_equal(
        ask(true, "GET /status HTTP/1.1\r\n" HOST "Authorization: Bearer another-token\r\n\r\n"),
        200);
}

/* --- whatever else can be sent --- */

static void expect_alive(void)
{
    assert_int_equal(ask(false, "GET /healthz HTTP/1.1\r\n" HOST "\r\n"), 200);
}

static void test_malformed(void **state)
{
    static const char *const requests[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /status\r\n\r\n",
        "GET /status HTTP/9.9\r\n\r\n",
        "GET /status HTTP/1.1\n\n",
        "get /status http/1.1\r\n\r\n",
        "BREW /pot HTTP/1.1\r\n\r\n",
        "GET  /status HTTP/1.1\r\n\r\n",
        "GET http://evil.example/status HTTP/1.1\r\n" HOST "\r\n",
        "GET /../../etc/passwd HTTP/1.1\r\n" HOST "\r\n",
        "GET /%2e%2e/status HTTP/1.1\r\n" HOST "\r\n",
        "GET /status%00 HTTP/1.1\r\n" HOST "\r\n",
        "GET /status HTTP/1.1\r\nHost\r\n\r\n",
        "GET /status HTTP/1.1\r\n: x\r\n\r\n",
        "GET /status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST /control HTTP/1.1\r\n" HOST JSON
        "Content-Length: 16\r\nContent-Length: 4\r\n\r\n{}  ",
        "POST /control HTTP/1.1\r\n" HOST JSON
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /status HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: "
        "h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        "GET /status HTTP/1.1\r\n" HOST
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "CONNECT evil.example:443 HTTP/1.1\r\n" HOST "\r\n",
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        for (int tcp = 0; tcp < 2; tcp++) {
            int fd = tcp ? connect_tcp() : connect_unix();
            (void)!send(fd, requests[i], strlen(requests[i]), MSG_NOSIGNAL);
            (void)shutdown(fd, SHUT_WR);
            read_all(fd, got, sizeof(got), 300);
            close(fd);
            assert_null(strstr(got, "root:"));
            assert_null(strstr(got, "101 "));
        }
    }
    expect_alive();
    assert_true(rig_says(&weir, "\"pin\": null"));
}

static uint64_t seed = 88172645463325252;

static uint64_t random_next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void test_random_bytes(void **state)
{
    char bytes[4096];
    UNUSED(state);
    for (int i = 0; i < 200; i++) {
        size_t n = 1 + random_next() % sizeof(bytes);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)random_next();
        if (i % 2)
            memcpy(bytes, "POST /control HTTP/1.1\r\n", min_size(n, 24));
        int fd = connect_unix();
        (void)!send(fd, bytes, n, MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR);
        read_all(fd, got, sizeof(got), 20);
        close(fd);
    }
    expect_alive();
}

static void test_byte_by_byte(void **state)
{
    static const char request[] = "POST /control HTTP/1.1\r\n" HOST JSON PIN;
    UNUSED(state);
    int fd = connect_unix();
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
        struct timespec moment = {0, 200 * 1000};
        nanosleep(&moment, NULL);
    }
    assert_int_equal(send_raw(fd, "", 0), 200);
    assert_int_equal(ask(false, "POST /undo HTTP/1.1\r\n" HOST "\r\n"), 200);
}

static void test_huge_head(void **state)
{
    size_t n = 200000;
    char *request = malloc(n + 100);
    UNUSED(state);
    memset(request, 'a', n);
    memcpy(request, "GET /", 5);
    (void)send_raw(connect_unix(), request, n);
    memcpy(request, "GET /status HTTP/1.1\r\nX: ", 25);
    (void)send_raw(connect_unix(), request, n);
    for (size_t i = 22; i + 10 < n; i += 10)
        memcpy(request + i, "Xx: yzw\r\n ", 10);
    (void)send_raw(connect_unix(), request, n);
    free(request);
    expect_alive();
}

/* A body we will not read must not make the answer vanish in a reset. */
static void test_answer_before_body(void **state)
{
    static const char head[] =
        "POST /control HTTP/1.1\r\n" HOST TOKEN JSON "Content-Length: 3000000\r\n\r\n";
    char *block = calloc(1, 65536);
    UNUSED(state);
    for (int tcp = 0; tcp < 2; tcp++) {
        int fd = tcp ? connect_tcp() : connect_unix();
        assert_true(send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL) > 0);
        for (int i = 0; i < 4; i++)
            (void)!send(fd, block, 65536, MSG_NOSIGNAL | MSG_DONTWAIT);
        assert_int_equal(send_raw(fd, "", 0), 413);
    }
    free(block);
}

static void test_client_leaves(void **state)
{
    static const char request[] = "POST /control HTTP/1.1\r\n" HOST JSON
                                  "Content-Length: 31\r\n\r\n{\"pin\":\"legacy\",\"wait_ms\":3000}";
    UNUSED(state);
    weir.hold = true; /* so that the answer takes a while */
    for (int i = 0; i < 10; i++) {
        int fd = connect_unix();
        assert_int_equal(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
        rig_expect(&weir, "\"pin\": \"legacy\"");
        close(fd);
    }
    weir.hold = false;
    rig_expect(&weir, "\"adopted\": true");
    assert_int_equal(ask(false, "POST /undo HTTP/1.1\r\n" HOST "\r\n"), 200);
}

/* TCP at its limit is turned away politely, and does not touch the Unix socket. */
static void test_crowded(void **state)
{
    int fds[64];
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = connect_tcp();
        (void)!send(fds[i], "GET ", 4, MSG_NOSIGNAL);
    }
    expect_alive();
    int status = 0;
    for (int i = 0; i < 100 && status != 503; i++) /* until all of them were accepted */
        status = ask(true, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(status, 503);
    expect_alive();
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    for (int i = 0; i < 1000 && status != 200; i++)
        status = ask(true, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(status, 200);
}

static bool is_closed(void *arg)
{
    char c;
    ssize_t n = recv(*(int *)arg, &c, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

/* Neither one that says nothing nor one that never finishes is waited for forever. */
static void test_slow_clients(void **state)
{
    int idle = connect_tcp();
    int head = connect_tcp();
    int body = connect_tcp();
    UNUSED(state);
    (void)!send(head, "GET /status HTT", 15, MSG_NOSIGNAL);
    static const char begun[] =
        "POST /control HTTP/1.1\r\n" HOST TOKEN JSON "Content-Length: 16\r\n\r\n{";
    (void)!send(body, begun, sizeof(begun) - 1, MSG_NOSIGNAL);
    assert_true(rig_wait(is_closed, &idle, 30000));
    assert_true(rig_wait(is_closed, &head, 30000));
    assert_true(rig_wait(is_closed, &body, 30000));
    close(idle);
    close(head);
    close(body);
}

/* A busy proxy has thousands of descriptors, so those of the admin API are high numbers. */
static void test_high_descriptors(void **state)
{
    struct rlimit limit;
    int fds[4000];
    size_t n = 0;
    UNUSED(state);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max < 4100 ? limit.rlim_max : 4100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (n < ARRAY_LEN(fds) && n + 90 < limit.rlim_cur && (fds[n] = dup(STDERR_FILENO)) >= 0)
        n++;
    assert_true(n > 500);
    for (int i = 0; i < 20; i++) {
        expect_alive();
        assert_int_equal(ask(true, "GET /healthz HTTP/1.1\r\n" HOST "\r\n"), 200);
    }
    while (n > 0)
        close(fds[--n]);
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* A long answer to a client that reads slowly arrives whole. */
static void test_slow_reader(void **state)
{
    struct buf routes = BUF_INIT(0);
    int small = 4096;
    UNUSED(state);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(buf_printf(&routes,
                                    "%s{\"name\": \"r%d\", \"match\": {\"prefix\": \"/%d/\"}}",
                                    i == 0 ? "" : ",", i, i),
                         ERR_OK);
    assert_int_equal(buf_append(&routes, span_of("", 1)), ERR_OK);
    rig_weir_next(&weir, routes.p, NULL, false);
    assert_int_equal(ask(false, "POST /reload HTTP/1.1\r\n" HOST "\r\n"), 200);
    int fd = connect_unix();
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    static const char request[] = "GET /status HTTP/1.1\r\n" HOST "\r\n";
    assert_true(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
    size_t n = 0;
    for (ssize_t k = 1; k > 0; n += (size_t)k) {
        struct timespec moment = {0, 300 * 1000};
        nanosleep(&moment, NULL);
        k = recv(fd, got + n, min_size(4096, sizeof(got) - 1 - n), 0);
        if (k <= 0)
            break;
    }
    close(fd);
    got[n] = '\0';
    const char *body = strstr(got, "\r\n\r\n") + 4;
    assert_int_equal(strlen(body), strtoul(strstr(got, "content-length: ") + 16, NULL, 10));
    assert_true(strlen(body) > 200000);
    assert_non_null(strstr(body, "\"r1999\""));
    rig_weir_next(&weir, NULL, NULL, false);
    assert_int_equal(ask(false, "POST /reload HTTP/1.1\r\n" HOST "\r\n"), 200);
    buf_free(&routes);
}

static int begin(void **state)
{
    static char more[256];
    struct rig_redis only_a_port;
    UNUSED(state);
    rig_redis_begin(&only_a_port);
    port = only_a_port.port;
    (void)snprintf(more, sizeof(more),
                   "\"admin\": {\"address\": \"127.0.0.1:%u\", \"token\": \"s3cret-token\"},",
                   port);
    rig_weir_start(&weir, "admin", more);
    rig_expect(&weir, "\"adopted\": true");
    return 0;
}

static int end(void **state)
{
    UNUSED(state);
    rig_weir_end(&weir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unix),          cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_changes),       cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_random_bytes),  cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_huge_head),     cmocka_unit_test(test_answer_before_body),
        cmocka_unit_test(test_client_leaves), cmocka_unit_test(test_crowded),
        cmocka_unit_test(test_slow_clients),  cmocka_unit_test(test_high_descriptors),
        cmocka_unit_test(test_slow_reader),   cmocka_unit_test(test_token_after_reload),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
