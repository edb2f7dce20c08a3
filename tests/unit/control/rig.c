#include "tests/unit/control/rig.h"

#include "base/arena.h"
#include "base/clock.h"
#include "control/disk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- files --- */

static char dir[64];

static void remove_dir(void)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    (void)!system(command);
}

const char *rig_dir(void)
{
    if (dir[0] == '\0') {
        (void)snprintf(dir, sizeof(dir), "/tmp/weir-test-XXXXXX");
        assert_non_null(mkdtemp(dir));
        (void)atexit(remove_dir);
    }
    return dir;
}

const char *rig_path(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned at;
    at = (at + 1) % 4;
    assert_int_equal(disk_path(paths[at], PATH_MAX, rig_dir(), name), ERR_OK);
    return paths[at];
}

void rig_make_dir(const char *name)
{
    assert_int_equal(disk_directory(rig_path(name)), ERR_OK);
}

/* --- waiting --- */

uint64_t rig_now_ms(void)
{
    return clock_us() / 1000;
}

bool rig_wait(bool (*is)(void *arg), void *arg, unsigned ms)
{
    uint64_t end = rig_now_ms() + ms;
    while (!is(arg)) {
        if (rig_now_ms() > end)
            return false;
        struct timespec moment = {0, 500 * 1000};
        nanosleep(&moment, NULL);
    }
    return true;
}

/* --- the loop --- */

static void *loop_main(void *arg)
{
    loop_run(arg);
    arena_thread_end(); /* tables are freed here */
    return NULL;
}

void rig_loop_start(struct rig_loop *l)
{
    assert_int_equal(loop_new(&l->loop, 1024), ERR_OK);
    assert_int_equal(pthread_create(&l->thread, NULL, loop_main, l->loop), 0);
}

void rig_loop_stop(struct rig_loop *l)
{
    loop_stop(l->loop);
    pthread_join(l->thread, NULL);
}

void rig_loop_free(struct rig_loop *l)
{
    loop_free(&l->loop);
}

void rig_loop_end(struct rig_loop *l)
{
    rig_loop_stop(l);
    rig_loop_free(l);
}

struct errand {
    void (*fn)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
};

static void run_errand(void *arg)
{
    struct errand *e = arg;
    e->fn(e->arg);
    pthread_mutex_lock(&e->lock);
    e->is_done = true;
    pthread_cond_signal(&e->done);
    pthread_mutex_unlock(&e->lock);
}

void rig_on_loop(struct rig_loop *l, void (*fn)(void *arg), void *arg)
{
    struct errand e = {fn, arg, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    assert_true(loop_post(l->loop, run_errand, &e));
    pthread_mutex_lock(&e.lock);
    while (!e.is_done)
        pthread_cond_wait(&e.done, &e.lock);
    pthread_mutex_unlock(&e.lock);
}

/* --- redis-server --- */

bool rig_have_redis(void)
{
    return system("command -v redis-server >/dev/null 2>&1") == 0;
}

static unsigned free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

void rig_redis_begin(struct rig_redis *r)
{
    static unsigned n;
    char name[32];
    (void)snprintf(name, sizeof(name), "redis%u.sock", n++);
    (void)snprintf(r->socket, sizeof(r->socket), "%s", rig_path(name));
    r->port = free_port();
    r->pid = 0;
}

static bool answers(void *arg)
{
    const struct rig_redis *r = arg;
    redisContext *c = redisConnectUnix(r->socket);
    redisReply *reply = c == NULL || c->err != 0 ? NULL : redisCommand(c, "PING");
    bool ok = reply != NULL; /* also when it wants a password */
    if (reply != NULL)
        freeReplyObject(reply);
    if (c != NULL)
        redisFree(c);
    return ok;
}

void rig_redis_start(struct rig_redis *r, const char *const *more)
{
    char port[16];
    const char *argv[32] = {
        "redis-server", "--port",       port, "--bind",      "127.0.0.1", "--unixsocket",
        r->socket,      "--save",       "",   "--dir",       rig_dir(),   "--loglevel",
        "warning",      "--appendonly", "no", "--daemonize", "no"};
    size_t n = 17;
    (void)snprintf(port, sizeof(port), "%u", r->port);
    for (; more != NULL && *more != NULL; more++)
        argv[n++] = *more;
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a test aborts */
        int null = open("/dev/null", O_RDWR);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    assert_true(rig_wait(answers, r, 10000));
}

void rig_redis_signal(const struct rig_redis *r, int signo)
{
    assert_int_equal(kill(r->pid, signo), 0);
}

void rig_redis_kill(struct rig_redis *r)
{
    if (r->pid <= 0)
        return;
    (void)kill(r->pid, SIGKILL);
    (void)waitpid(r->pid, NULL, 0);
    r->pid = 0;
}

/* A server that is stopped on purpose is asked by nobody. */
PRINTF(2, 0)
static redisReply *ask(const struct rig_redis *r, const char *fmt, va_list ap)
{
    char line[1024];
    const char *argv[32];
    int argc = 0;
    char *rest = line;
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    for (char *word = strsep(&rest, " "); word != NULL && argc < 32; word = strsep(&rest, " "))
        argv[argc++] = word;
    redisContext *c = redisConnectUnix(r->socket);
    assert_non_null(c);
    assert_int_equal(c->err, 0);
    redisReply *reply = redisCommandArgv(c, argc, argv, NULL);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg("redis: %s: %s", line, reply->str);
    redisFree(c);
    return reply;
}

char *rig_redis_ask(const struct rig_redis *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *reply = ask(r, fmt, ap);
    va_end(ap);
    char *text = strdup(reply->str == NULL ? "" : reply->str);
    freeReplyObject(reply);
    return text;
}

long long rig_redis_number(const struct rig_redis *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *reply = ask(r, fmt, ap);
    va_end(ap);
    long long n = reply->integer;
    freeReplyObject(reply);
    return n;
}

void rig_redis_do(const struct rig_redis *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    freeReplyObject(ask(r, fmt, ap));
    va_end(ap);
}

/* --- something that only looks like Redis --- */

/* Takes one command (an array of strings) off the front; its words with a space between. */
static bool take_command(char *in, size_t *n, char *out, size_t cap)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    size_t used = 0;
    out[0] = '\0';
    /* Fed byte by byte, the reader says exactly where the command ends. */
    while (used < *n && reply == NULL) {
        assert_int_equal(redisReaderFeed(reader, in + used++, 1), REDIS_OK);
        assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    }
    redisReaderFree(reader);
    if (reply == NULL)
        return false;
    redisReply *r = reply;
    for (size_t i = 0; i < (size_t)r->elements; i++) {
        size_t at = strlen(out);
        (void)snprintf(out + at, cap - at, "%s%.60s", i == 0 ? "" : " ", r->element[i]->str);
    }
    freeReplyObject(reply);
    memmove(in, in + used, *n - used);
    *n -= used;
    return true;
}

struct false_conn {
    struct rig_false_redis *server;
    int fd;
};

static bool say(int fd, const char *text)
{
    if (text == NULL)
        return false;
    return text[0] == '\0' || send(fd, text, strlen(text), MSG_NOSIGNAL) > 0;
}

static void *false_conn_main(void *arg)
{
    struct false_conn c = *(struct false_conn *)arg;
    char in[65536];
    char command[1024];
    size_t n = 0;
    free(arg);
    bool open = say(c.fd, c.server->answer(c.server->arg, ""));
    while (open && !c.server->stop) {
        struct pollfd p = {c.fd, POLLIN, 0};
        if (poll(&p, 1, 20) <= 0)
            continue;
        ssize_t got = recv(c.fd, in + n, sizeof(in) - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        while (open && take_command(in, &n, command, sizeof(command)))
            open = say(c.fd, c.server->answer(c.server->arg, command));
    }
    close(c.fd);
    c.server->connections--;
    return NULL;
}

static void *false_redis_main(void *arg)
{
    struct rig_false_redis *r = arg;
    while (!r->stop) {
        struct pollfd p = {r->fd, POLLIN, 0};
        if (poll(&p, 1, 20) <= 0)
            continue;
        struct false_conn *c = malloc(sizeof(*c));
        *c = (struct false_conn){r, accept(r->fd, NULL, NULL)};
        pthread_t t;
        r->connections++;
        assert_int_equal(pthread_create(&t, NULL, false_conn_main, c), 0);
        pthread_detach(t);
    }
    return NULL;
}

void rig_false_redis_start(struct rig_false_redis *r,
                           const char *(*answer)(void *arg, const char *command), void *arg)
{
    static unsigned n;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char name[32];
    (void)snprintf(name, sizeof(name), "false%u.sock", n++);
    *r = (struct rig_false_redis){.answer = answer, .arg = arg};
    (void)snprintf(r->socket, sizeof(r->socket), "%s", rig_path(name));
    assert_true(strlen(r->socket) < sizeof(a.sun_path));
    memcpy(a.sun_path, r->socket, strlen(r->socket) + 1);
    r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(r->fd, 16), 0);
    assert_int_equal(pthread_create(&r->thread, NULL, false_redis_main, r), 0);
}

static bool nobody_connected(void *arg)
{
    const struct rig_false_redis *r = arg;
    return r->connections == 0;
}

void rig_false_redis_end(struct rig_false_redis *r)
{
    r->stop = true;
    pthread_join(r->thread, NULL);
    assert_true(rig_wait(nobody_connected, r, 5000));
    close(r->fd);
}

/* --- configurations --- */

static const char three[] =
    "{\"name\": \"historic\", \"match\": {\"prefix\": \"/historic/\"}, \"new_percent\": 100},"
    "{\"name\": \"checkout\", \"match\": {\"prefix\": \"/checkout/\"}, \"new_percent\": 10},"
    "{\"name\": \"default\", \"match\": {\"prefix\": \"/\"}}";

struct config *rig_config(const char *routes, const char *more)
{
    struct buf text = BUF_INIT(0);
    struct config *config = NULL;
    struct complaints wrong = {.n = 0};
    assert_int_equal(buf_printf(&text,
                                "{\"listeners\": [{\"address\": \"127.0.0.1:0\"}], %s"
                                "\"backends\": {\"argus\": {\"servers\": [\"127.0.0.1:1\"]},"
                                "\"wfm\": {\"servers\": [\"127.0.0.1:2\"]}},"
                                "\"defaults\": {\"legacy\": \"argus\", \"new\": \"wfm\"},"
                                "\"routes\": [%s]}",
                                more == NULL ? "" : more, routes == NULL ? three : routes),
                     ERR_OK);
    if (config_parse(buf_span(&text), "test", &config, &wrong) != ERR_OK)
        fail_msg("%s: %s", wrong.list[0].where, wrong.list[0].what);
    buf_free(&text);
    return config;
}

struct document *rig_document(const char *text)
{
    struct document *d = NULL;
    struct complaints wrong = {.n = 0};
    assert_int_equal(document_parse(span_str(text), "d", &d, &wrong), ERR_OK);
    complaints_free(&wrong);
    return d;
}

struct route_table *rig_table(const char *routes, const char *more)
{
    struct route_table *table = NULL;
    struct complaints wrong = {.n = 0};
    assert_int_equal(route_table_new(rig_config(routes, more), &table, &wrong), ERR_OK);
    return table;
}
