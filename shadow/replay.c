/* Requests to send again: from records and from access logs, which name their members alike. */
#include "shadow/record_read.h"

#include <errno.h>

/* What was redacted is no request any more; control bytes and spaces never were in one. */
static bool is_whole(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c == 0x7f || c == '<' || c == '>')
            return false;
    }
    return s.n > 0;
}

static bool is_safe(struct span method)
{
    return span_eq(method, SPAN("GET")) || span_eq(method, SPAN("HEAD")) ||
           span_eq(method, SPAN("OPTIONS"));
}

static bool read_request(const struct jdoc *d, struct shadow_request *q)
{
    return d->nodes[0].kind == JDOC_OBJECT && jdoc_string(d, 0, "method", &q->method) &&
           jdoc_string(d, 0, "host", &q->host) && jdoc_string(d, 0, "target", &q->target) &&
           is_safe(q->method) && is_whole(q->host) && is_whole(q->target) && q->target.p[0] == '/';
}

/* ADDRESS - - [DATE] "METHOD TARGET VERSION" ... What had to be escaped is left out. */
static bool read_combined(struct span line, struct shadow_request *q)
{
    size_t from = span_find(line, '"');
    struct span rest = span_from(line, min_size(from + 1, line.n));
    rest = span_until(rest, span_find(rest, '"'));
    *q = (struct shadow_request){.host = SPAN_NULL};
    return from < line.n && memchr(rest.p, '\\', rest.n) == NULL &&
           span_cut(&rest, ' ', &q->method) && span_cut(&rest, ' ', &q->target) &&
           span_has_prefix(rest, SPAN("HTTP/")) && is_safe(q->method) && is_whole(q->target) &&
           q->target.p[0] == '/';
}

static bool read_line(struct jdoc *doc, enum err parsed, struct span line, struct shadow_request *q)
{
    return parsed == ERR_OK ? read_request(doc, q) : read_combined(line, q);
}

static enum err read_file(const char *file, struct jdoc *doc, struct shadow_requests *r)
{
    struct record_file f;
    struct shadow_request q;
    struct span line;
    enum err e = record_file_open(&f, file);
    while (e == ERR_OK && (e = record_file_next(&f, &line)) == ERR_OK && line.p != NULL) {
        enum err parsed = jdoc_parse(doc, line);
        if (parsed == ERR_NO_MEMORY)
            e = parsed;
        else if (!read_line(doc, parsed, line, &q))
            r->left_out++;
        else if (!r->take(r->arg, &q))
            break;
    }
    int saved = errno;
    record_file_close(&f);
    errno = saved;
    return e;
}

enum err shadow_requests_read(const char *const *files, size_t n, struct shadow_requests *r,
                              struct complaints *wrong)
{
    struct jdoc doc = JDOC_INIT;
    enum err e = ERR_OK;
    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        e = read_file(files[i], &doc, r);
        if (e == ERR_SYSTEM)
            complain(wrong, files[i], "give record files or access logs", "cannot be read: %s",
                     strerror(errno));
    }
    jdoc_free(&doc);
    return e;
}
