/* The secrets of control documents: the file of control.secret_file, one per line. */
#include "config/room.h"

enum { SECRET_MIN_BYTES = 16, SECRETS_MAX = 16 };

static const struct place root = {.up = NULL};
static const struct place control = {.up = &root, .key = "control"};
static const struct place here = {.up = &control, .key = "secret_file"};

static const char *take_line(struct loader *l, struct span line, struct config_names *to)
{
    if (line.n < SECRET_MIN_BYTES)
        return "it has a secret of less than 16 bytes";
    if (to->n == SECRETS_MAX)
        return "it has more than 16 secrets";
    to->list[to->n] = arena_copy(l->arena, line);
    return to->list[to->n++] == NULL ? "no memory" : NULL;
}

static const char *take_lines(struct loader *l, struct span text, struct config_names *to)
{
    struct span line;
    const char *why =
        memchr(text.p == NULL ? "" : text.p, '\0', text.n) == NULL ? NULL : "it is not text";
    while (why == NULL && span_cut(&text, '\n', &line)) {
        if (span_has_suffix(line, SPAN("\r")))
            line.n--;
        line = span_trim(line);
        if (line.n > 0)
            why = take_line(l, line, to);
    }
    return why == NULL && to->n == 0 ? "it is empty" : why;
}

enum err secrets_read(struct loader *l)
{
    static const char right[] = "name a readable file of secrets, one per line";
    struct config_control *c = &l->tree->control;
    struct buf text = BUF_INIT(0);
    const char *why = NULL;
    if (c->secret_file == NULL || c->secret_file == config_broken)
        return ERR_OK;
    c->secrets.list = arena_alloc(l->arena, SECRETS_MAX * sizeof(*c->secrets.list));
    if (c->secrets.list == NULL)
        return ERR_NO_MEMORY;
    enum err e = source_read(c->secret_file, FILE_MAX_BYTES, true, &text, &why);
    bool read = e == ERR_OK;
    if (read)
        why = take_lines(l, buf_span(&text), &c->secrets);
    if (text.n > 0)
        explicit_bzero(text.p, text.n);
    buf_free(&text);
    if (e == ERR_NO_MEMORY)
        return e;
    if (!read)
        loader_complain(l, &here, right, "\"%s\" cannot be read: %s", c->secret_file, why);
    else if (why != NULL)
        loader_complain(l, &here, right, "names a file that is of no use: %s", why);
    return ERR_OK;
}
