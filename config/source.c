/* Files: read whole, within bounds, and made into JSON by jansson. */
#include "config/room.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err read_all(int fd, size_t max, struct buf *out, const char **why)
{
    *why = "too large";
    for (;;) {
        enum err e = buf_reserve(out, 65536);
        if (e != ERR_OK)
            return e;
        ssize_t n = read(fd, out->p + out->n, out->cap - out->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *why = strerrordesc_np(errno);
            return ERR_SYSTEM;
        }
        if (n == 0)
            return ERR_OK;
        out->n += (size_t)n;
        if (out->n > max)
            return ERR_TOO_LARGE;
    }
}

enum err source_read(const char *file, size_t max, bool regular_only, struct buf *out,
                     const char **why)
{
    struct stat st;
    /* A FIFO without a writer must not hang the loader where only files are expected. */
    int fd = open(file, O_RDONLY | O_CLOEXEC | (regular_only ? O_NONBLOCK : 0));
    if (fd < 0 || fstat(fd, &st) != 0) {
        *why = strerrordesc_np(errno);
        if (fd >= 0)
            (void)close(fd);
        return ERR_SYSTEM;
    }
    enum err e = ERR_INVALID;
    *why = "not a regular file";
    if (S_ISREG(st.st_mode) || !regular_only)
        e = read_all(fd, max, out, why);
    (void)close(fd);
    return e;
}

static bool depth_ok(const json_t *j, unsigned left)
{
    json_t *v;
    size_t i;
    if (!json_is_object(j) && !json_is_array(j))
        return true;
    if (left == 0)
        return false;
    if (json_is_array(j)) {
        json_array_foreach(j, i, v) if (!depth_ok(v, left - 1)) return false;
        return true;
    }
    /* Iterating changes nothing; jansson only has no const form of it. */
    for (void *it = json_object_iter((json_t *)(uintptr_t)j); it != NULL;
         it = json_object_iter_next((json_t *)(uintptr_t)j, it))
        if (!depth_ok(json_object_iter_value(it), left - 1))
            return false;
    return true;
}

static void drop_mark(struct buf *text)
{
    if (span_has_prefix(buf_span(text), SPAN("\xef\xbb\xbf")))
        buf_drop_front(text, 3); /* RFC 8259 8.1: a byte order mark may be ignored */
}

/* What people do who are used to other notations; jansson only says where it stopped. */
static const char *hint_of(const json_error_t *e)
{
    static const struct {
        const char *near, *begins; /* what jansson says has the one and begins with the other */
        const char *hint;
    } hints[] = {
        {"near '/'", "", "JSON has no comments"},
        {"near '#'", "", "JSON has no comments"},
        {"near '\''", "", "names and texts stand in double quotes"},
        {"near ']'", "unexpected token", "no comma stands behind the last one of a list"},
        {"near '}'", "string or '}' expected", "no comma stands behind the last member"},
        {"near ','", "string or '}' expected", "there is a comma too many"},
        {"near '\"", "'}' expected", "a comma is missing before it"},
        {"near '\"", "']' expected", "a comma is missing before it"},
        {"near '{'", "']' expected", "a comma is missing before it"},
    };
    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        if (span_has_prefix(span_str(e->text), span_str(hints[i].begins)) &&
            strstr(e->text, hints[i].near) != NULL)
            return hints[i].hint;
    }
    return NULL;
}

static enum err complain_syntax(struct loader *l, const struct source *s, const json_error_t *e)
{
    struct buf what = BUF_INIT(0);
    size_t line = e->line < 1 ? 1 : (size_t)e->line;
    size_t column = e->column < 0 ? 0 : (size_t)e->column;
    if (e->text[0] == '\0' || json_error_code(e) == json_error_out_of_memory)
        return ERR_NO_MEMORY;
    TRY(buf_printf(&what, "is not valid JSON: %s",
                   json_error_code(e) == json_error_null_character ? "text may not hold \\u0000"
                                                                   : e->text));
    loader_complain_file(l, s->name, line, column, hint_of(e), what.p);
    buf_free(&what);
    return ERR_OK;
}

enum err source_parse(struct loader *l, struct source *s)
{
    json_error_t e = {.line = 0};
    drop_mark(&s->text);
    s->json = json_loadb(s->text.p == NULL ? "" : s->text.p, s->text.n, JSON_REJECT_DUPLICATES, &e);
    if (s->json == NULL)
        return complain_syntax(l, s, &e);
    if (!json_is_object(s->json)) {
        loader_complain_file(l, s->name, 0, 0, "it must be a JSON object", "is a JSON list");
    } else if (!depth_ok(s->json, DEPTH_MAX)) {
        loader_complain_file(l, s->name, 0, 0, "no option stands that deep",
                             "is nested deeper than 64 levels");
    } else {
        return ERR_OK;
    }
    json_decref(s->json);
    s->json = NULL;
    return ERR_OK;
}

void source_free(struct source *s)
{
    json_decref(s->json);
    s->json = NULL;
    buf_free(&s->text);
}
