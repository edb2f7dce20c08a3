/* Reading saved answers. Lenient where tools are: curl writes the body without its chunks and,
 * asked to, without its gzip, but leaves the fields that speak of them. */
#include "shadow/saved.h"

enum { HEADS_MAX = 10 };

/* False: there is no line end. */
static bool next_line(struct span *rest, struct span *line)
{
    size_t n = span_find(*rest, '\n');
    if (n == rest->n)
        return false;
    *line = span_until(*rest, n);
    *rest = span_from(*rest, n + 1);
    if (span_has_suffix(*line, SPAN("\r")))
        *line = span_until(*line, line->n - 1);
    return true;
}

static bool status_of(struct span line, uint16_t *status)
{
    uint64_t n;
    size_t space = span_find(line, ' ');
    struct span rest = span_from(line, space);
    if (rest.n < 4 || !span_u64(span_of(rest.p + 1, 3), &n) || n < 100)
        return false;
    *status = (uint16_t)n;
    return rest.n == 4 || rest.p[4] == ' ';
}

static enum err read_field(struct http_head *h, struct span line)
{
    size_t colon = span_find(line, ':');
    struct span name = span_until(line, colon);
    if (colon == line.n || !http_is_token(name))
        return ERR_INVALID;
    char *copy = arena_copy(h->arena, line);
    if (copy == NULL)
        return ERR_NO_MEMORY;
    struct span value = span_trim(span_of(copy + colon + 1, line.n - colon - 1));
    return http_head_add(h, span_of(copy, colon), value);
}

static enum err read_head(struct http_head *h, struct span *rest)
{
    struct span line;
    if (!next_line(rest, &line) || !status_of(line, &h->status))
        return ERR_INVALID;
    while (next_line(rest, &line)) {
        if (line.n == 0)
            return ERR_OK;
        TRY(read_field(h, line));
    }
    return ERR_INVALID;
}

static void forget_what_was_undone(struct http_head *h, struct span body)
{
    struct span coding = http_head_value(h, HTTP_CONTENT_ENCODING);
    bool gzip = span_eq_nocase(coding, SPAN("gzip")) || span_eq_nocase(coding, SPAN("x-gzip"));
    if (gzip && !span_has_prefix(body, SPAN("\x1f\x8b")))
        http_head_drop(h, HTTP_CONTENT_ENCODING);
}

enum err saved_read(struct span text, struct arena *a, struct shadow_answer *out, bool *has_head)
{
    out->has_head = true;
    *has_head = span_has_prefix(text, SPAN("HTTP/"));
    http_head_begin(&out->head, a, true);
    out->head.status = *has_head ? 0 : 200;
    for (int i = 0; i < HEADS_MAX && *has_head && out->head.status < 200; i++) {
        http_head_begin(&out->head, a, true);
        TRY(read_head(&out->head, &text));
    }
    if (out->head.status < 200)
        return ERR_INVALID;
    forget_what_was_undone(&out->head, text);
    out->body_length = text.n;
    return buf_append(&out->body, text);
}
