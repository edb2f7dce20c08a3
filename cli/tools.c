/* Small things every command needs. */
#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, READ_STEP = 64 * 1024 };

void cli_say(const char *fmt, ...)
{
    va_list ap;
    (void)fflush(stdout);
    (void)fputs("weir: ", stderr);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
}

void cli_complain(const struct complaints *wrong)
{
    struct buf text = BUF_INIT(0);
    (void)fflush(stdout);
    if (complaints_render(wrong, &text) == ERR_OK && text.n > 0)
        (void)fwrite(text.p, 1, text.n, stderr);
    buf_free(&text);
}

bool cli_duration(const char *text, uint64_t *ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    struct span s = span_str(text);
    size_t digits = strspn(text, "0123456789");
    uint64_t n;
    if (!span_u64(span_until(s, digits), &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(text + digits, units[i].unit) != 0 || n > UINT64_MAX / units[i].ms)
            continue;
        *ms = n * units[i].ms;
        return true;
    }
    return false;
}

/* --- places --- */

/* Asked of the configuration itself, so that there is one rule for it. */
const char *cli_state_dir(void)
{
    static char dir[PATH_MAX];
    static const char smallest[] =
        "{\"listeners\": [{\"address\": \"127.0.0.1:0\"}],"
        " \"backends\": {\"b\": {\"servers\": [\"127.0.0.1:1\"]}},"
        " \"defaults\": {\"legacy\": \"b\", \"new\": \"b\"},"
        " \"routes\": [{\"name\": \"r\", \"match\": {\"prefix\": \"/\"}}]}";
    struct config *c = NULL;
    struct complaints wrong = {.n = 0};
    if (config_parse(span_str(smallest), "default", &c, &wrong) != ERR_OK) {
        cli_complain(&wrong);
        complaints_free(&wrong);
        return NULL;
    }
    (void)snprintf(dir, sizeof(dir), "%s", c->state_dir);
    config_free(&c);
    return dir;
}

int cli_dial(unsigned port, unsigned timeout_s)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = timeout_s};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)(void *)&at, sizeof(at)) == 0)
        return fd;
    close(fd);
    return -1;
}

bool cli_demo_dir(char out[CLI_DEMO_DIR_MAX])
{
    const char *tmp = getenv("TMPDIR");
    unsigned uid = (unsigned)geteuid();
    struct stat st;
    if (tmp == NULL || tmp[0] != '/' ||
        snprintf(out, CLI_DEMO_DIR_MAX, "%s/weir-demo-%u", tmp, uid) >= CLI_DEMO_DIR_MAX)
        (void)snprintf(out, CLI_DEMO_DIR_MAX, "/tmp/weir-demo-%u", uid);
    return lstat(out, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

enum err cli_load(const char *file, const char *env, struct snapshot **out,
                  struct complaints *wrong)
{
    struct config *c;
    struct route_table *t;
    TRY(config_load(file, env, &c, wrong));
    TRY(route_table_new(c, &t, wrong));
    enum err e = snapshot_new(t, 1, out);
    if (e != ERR_OK)
        route_table_free(&t);
    return e;
}

void cli_remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        (void)unlinkat(dirfd(d), e->d_name, 0); /* "." and ".." refuse */
    closedir(d);
    (void)rmdir(dir);
}

struct cli_terminal cli_terminal(int fd)
{
    struct winsize size;
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    const char *columns = getenv("COLUMNS");
    uint64_t n;
    struct cli_terminal t = {.is_terminal = isatty(fd) == 1, .width = WIDTH_DEFAULT};
    t.colour = t.is_terminal && (no_colour == NULL || no_colour[0] == '\0') &&
               (term == NULL || strcmp(term, "dumb") != 0);
    t.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (t.is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        t.width = size.ws_col;
    else if (columns != NULL && span_u64(span_str(columns), &n) && n >= 20 && n <= 10000)
        t.width = (unsigned)n;
    return t;
}

/* --- files --- */

enum err cli_read(const char *path, struct buf *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;
    enum err e = fd < 0 ? ERR_SYSTEM : ERR_OK;
    while (e == ERR_OK && n != 0) {
        e = buf_reserve(out, READ_STEP);
        if (e != ERR_OK)
            break;
        n = read(fd, out->p + out->n, READ_STEP);
        if (n > 0)
            out->n += (size_t)n;
        else if (n < 0 && errno != EINTR)
            e = ERR_SYSTEM;
    }
    int saved = errno;
    if (fd >= 0 && !is_stdin)
        close(fd);
    errno = saved;
    return e;
}

/* --- output --- */

static enum err write_all(int fd, struct span text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_SYSTEM;
        text = span_from(text, (size_t)n);
    }
    return ERR_OK;
}

enum err cli_write(const char *path, struct span text)
{
    if (path == NULL) {
        (void)fflush(stdout);
        return write_all(STDOUT_FILENO, text);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return ERR_SYSTEM;
    enum err e = write_all(fd, text);
    if (close(fd) != 0)
        e = ERR_SYSTEM;
    return e;
}
