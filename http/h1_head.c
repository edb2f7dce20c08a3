/* The strict parser: what two readers could understand in two ways is refused, with a reason of its
 * own for each rule. A head is parsed in one pass over bytes that are complete; nothing is copied.
 */
#include "http/h1_head.h"

#include "http/lines.h"
#include "http/scan.h"

/* --- where does the head end --- */

enum err h1_head_end(struct span in, size_t *scanned, size_t *end)
{
    size_t line = *scanned; /* start of the line we are in */
    *end = 0;
    for (;;) {
        const char *lf = line >= in.n ? NULL : scan_lf(in.p + line, in.p + in.n);
        if (lf == NULL)
            break;
        size_t at = (size_t)(lf - in.p);
        if (at == line || in.p[at - 1] != '\r')
            return ERR_BAD_LINE_END;
        if (at - 1 == line) {
            *end = at + 1;
            break;
        }
        line = at + 1;
    }
    *scanned = line;
    return ERR_OK;
}

/* --- fields --- */

/* A cursor over the raw head. Each step leaves `p` behind what it took. */
struct cursor {
    const char *p;
    const char *end;
};

static bool take(struct cursor *c, char want)
{
    if (c->p == c->end || *c->p != want)
        return false;
    c->p++;
    return true;
}

static bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

static enum err take_crlf(struct cursor *c)
{
    if (!take(c, '\r'))
        return ERR_BAD_LINE_END;
    return take(c, '\n') ? ERR_OK : ERR_BAD_LINE_END;
}

/* A value runs to CR LF. SP and HTAB around it are not part of it; no other control byte may be in
 * it. */
static enum err take_value(struct cursor *c, struct span *value)
{
    const char *start = c->p;
    while (start < c->end && is_ows(*start))
        start++;
    c->p = start;
    for (;;) {
        c->p = scan_text(c->p, c->end);
        if (!take(c, '\t'))
            break;
    }
    const char *last = c->p;
    while (last > start && is_ows(last[-1]))
        last--;
    *value = span_of(start, (size_t)(last - start));
    if (c->p < c->end && *c->p != '\r' && *c->p != '\n')
        return ERR_BAD_FIELD;
    return take_crlf(c);
}

static enum err take_field(struct cursor *c, struct http_head *h)
{
    const char *start = c->p;
    struct span value;
    if (*start == ' ' || *start == '\t')
        return ERR_OBS_FOLD;
    c->p = scan_class(c->p, c->end, BYTE_TOKEN);
    struct span name = span_of(start, (size_t)(c->p - start));
    if (name.n == 0 || !take(c, ':'))
        return ERR_BAD_FIELD;
    TRY(take_value(c, &value));
    return http_head_add(h, name, value);
}

static enum err take_fields(struct cursor *c, const struct http_limits *l, struct http_head *h)
{
    while (c->p < c->end && *c->p != '\r') {
        if (h->nfields >= l->header_fields)
            return ERR_HEADER_TOO_LARGE;
        TRY(take_field(c, h));
    }
    return take_crlf(c);
}

/* --- request --- */

static enum err take_version(struct cursor *c, struct http_head *h)
{
    struct span rest = span_of(c->p, (size_t)(c->end - c->p));
    if (!span_has_prefix(rest, SPAN("HTTP/")))
        return ERR_BAD_REQUEST_LINE;
    if (rest.n < 8 || rest.p[6] != '.' || rest.p[5] < '0' || rest.p[5] > '9' || rest.p[7] < '0' ||
        rest.p[7] > '9')
        return ERR_BAD_REQUEST_LINE;
    if (rest.p[5] != '1' || rest.p[7] > '1')
        return ERR_BAD_VERSION;
    h->version = rest.p[7] == '1' ? HTTP_1_1 : HTTP_1_0;
    c->p += 8;
    return ERR_OK;
}

static enum err take_request_line(struct cursor *c, const struct http_limits *l,
                                  struct http_head *h)
{
    const char *start = c->p;
    c->p = scan_class(c->p, c->end, BYTE_TOKEN);
    h->method_name = span_of(start, (size_t)(c->p - start));
    h->method = (uint8_t)http_method_lookup(h->method_name);
    if (h->method_name.n == 0 || !take(c, ' '))
        return ERR_BAD_METHOD;
    start = c->p;
    c->p = scan_class(c->p, c->end, BYTE_TARGET);
    h->target = span_of(start, (size_t)(c->p - start));
    if (h->target.n > l->target_bytes)
        return ERR_TARGET_TOO_LONG;
    if (h->target.n == 0 || !take(c, ' '))
        return ERR_BAD_TARGET;
    TRY(take_version(c, h));
    return take_crlf(c);
}

/* Cuts an absolute-form target into authority and origin-form (RFC 9112 3.2.2). */
static enum err split_absolute(struct http_head *h, struct span *authority)
{
    struct span t = h->target;
    size_t scheme = span_find(t, ':');
    if (!http_is_scheme(span_until(t, scheme)) ||
        !span_has_prefix(span_from(t, scheme), SPAN("://")))
        return ERR_BAD_TARGET;
    t = span_from(t, scheme + 3);
    size_t slash = 0;
    while (slash < t.n && t.p[slash] != '/' && t.p[slash] != '?')
        slash++;
    *authority = span_until(t, slash);
    h->target = slash < t.n ? span_from(t, slash) : SPAN("/");
    if (h->target.p[0] == '?') { /* http://host?q has the empty path, which is "/" */
        char *p = arena_alloc(h->arena, h->target.n + 1);
        if (p == NULL)
            return ERR_NO_MEMORY;
        p[0] = '/';
        memcpy(p + 1, h->target.p, h->target.n);
        h->target = span_of(p, h->target.n + 1);
    }
    return http_is_authority(*authority) ? ERR_OK : ERR_BAD_TARGET;
}

static enum err check_target(struct http_head *h, struct span *authority)
{
    *authority = SPAN_NULL;
    if (h->method == HTTP_CONNECT)
        return ERR_METHOD_NOT_SUPPORTED;
    if (h->target.p[0] == '/')
        return ERR_OK;
    if (span_eq(h->target, SPAN("*")))
        return h->method == HTTP_OPTIONS ? ERR_OK : ERR_BAD_TARGET;
    return split_absolute(h, authority);
}

/* Exactly one Host in HTTP/1.1, at most one in 1.0, and it must agree with an absolute target (RFC
 * 9112 3.2). */
static enum err check_host(struct http_head *h, struct span authority)
{
    unsigned n = 0;
    for (size_t i = 0; i < h->nfields; i++) {
        if (h->fields[i].id != HTTP_HOST)
            continue;
        h->authority = h->fields[i].value;
        n++;
    }
    if (n > 1 || (n == 0 && h->version == HTTP_1_1) || (n == 1 && !http_is_authority(h->authority)))
        return ERR_BAD_HOST;
    if (authority.p == NULL)
        return ERR_OK;
    if (n == 1 && !span_eq_nocase(authority, h->authority))
        return ERR_HOST_MISMATCH;
    h->authority = authority;
    return ERR_OK;
}

static enum err parse_request(struct span raw, const struct http_limits *l, struct http_head *h)
{
    struct cursor c = {raw.p, raw.p + raw.n};
    struct span authority;
    TRY(take_request_line(&c, l, h));
    TRY(take_fields(&c, l, h));
    TRY(check_target(h, &authority));
    return check_host(h, authority);
}

enum err h1_request_parse(struct span raw, const struct http_limits *l, struct http_head *h)
{
    h->version = HTTP_1_1;
    h->refuse = parse_request(raw, l, h);
    return h->refuse;
}

/* --- response --- */

static enum err take_status_line(struct cursor *c, struct http_head *h)
{
    if (take_version(c, h) != ERR_OK || !take(c, ' '))
        return ERR_BAD_STATUS_LINE;
    if (c->end - c->p < 3)
        return ERR_BAD_STATUS_LINE;
    uint64_t status;
    if (!span_u64(span_of(c->p, 3), &status) || status < 100 || status > 599)
        return ERR_BAD_STATUS_LINE;
    h->status = (uint16_t)status;
    c->p += 3;
    /* "HTTP/1.1 200\r\n" without the space before an empty reason is common enough to be read. */
    if (!take(c, ' ') && (c->p == c->end || *c->p != '\r'))
        return ERR_BAD_STATUS_LINE;
    return take_value(c, &h->reason) == ERR_OK ? ERR_OK : ERR_BAD_STATUS_LINE;
}

enum err h1_response_parse(struct span raw, const struct http_limits *l, struct http_head *h)
{
    struct cursor c = {raw.p, raw.p + raw.n};
    TRY(take_status_line(&c, h));
    return take_fields(&c, l, h);
}

/* --- trailers --- */

enum err h1_trailers_parse(struct span raw, const struct http_limits *l, struct http_head *h)
{
    struct cursor c = {raw.p, raw.p + raw.n};
    TRY(take_fields(&c, l, h));
    for (size_t i = 0; i < h->nfields; i++)
        if (!http_trailer_allowed(&h->fields[i]))
            h->fields[i].flags |= HTTP_FIELD_DROPPED;
    return ERR_OK;
}

/* --- writing --- */

enum { WRITE_MAX = 256 * 1024, PIECE_MAX = 16 * 1024 };

/* Gathers into one stretch of the chunk queue when the whole fits there, which it nearly always
 * does. */
struct pen {
    struct chunkq *out;
    char *
        p; /* NULL: every piece is appended to `big` on its own, so that a failure writes nothing */
    size_t n;
    struct chunkq big;
};

static enum err pen_begin(struct pen *w, struct chunkq *out, size_t size)
{
    *w = (struct pen){.out = out};
    if (size > WRITE_MAX)
        return ERR_TOO_LARGE;
    if (size > PIECE_MAX)
        return ERR_OK;
    w->p = chunkq_room(out, size);
    return w->p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err put(struct pen *w, struct span s)
{
    if (UNLIKELY(w->p == NULL))
        return chunkq_append(&w->big, s);
    if (s.n > 0)
        memcpy(w->p + w->n, s.p, s.n);
    w->n += s.n;
    return ERR_OK;
}

static enum err pen_end(struct pen *w, enum err e)
{
    if (w->p != NULL && e == ERR_OK)
        chunkq_commit(w->out, w->n);
    else if (e == ERR_OK)
        e = chunkq_move(w->out, &w->big, w->big.n);
    chunkq_free(&w->big);
    return e;
}

static bool is_written(const struct http_field *f)
{
    return (f->flags & HTTP_FIELD_DROPPED) == 0 && f->id != HTTP_TRANSFER_ENCODING &&
           f->id != HTTP_CONNECTION && f->id != HTTP_UPGRADE;
}

enum {
    EXTRA_BYTES = 128
}; /* the longest set of framing and connection lines, and the final CR LF */

static size_t fields_size(const struct http_head *h)
{
    size_t n = EXTRA_BYTES;
    for (size_t i = 0; i < h->nfields; i++)
        n += h->fields[i].name.n + h->fields[i].value.n + 4;
    return n;
}

/* How many fields from f on can be written as one: they stand one behind the other. */
static size_t run_of(const struct http_field *f, size_t n)
{
    size_t run = 1;
    if (!line_is(f))
        return run;
    while (run < n && line_is_next(&f[run - 1], &f[run]) && is_written(&f[run]))
        run++;
    return run;
}

/* "Name: value" into the one stretch there is; up to the value of `last` in one go. */
static void put_lines(struct pen *w, const struct http_field *f, const struct http_field *last)
{
    char *p = w->p + w->n;
    if (f != last) {
        size_t n = (size_t)(last->value.p - f->name.p);
        memcpy(p, f->name.p, n);
        p += n;
    } else {
        memcpy(p, f->name.p, f->name.n);
        p += f->name.n;
        *p++ = ':';
        *p++ = ' ';
    }
    if (last->value.n > 0)
        memcpy(p, last->value.p, last->value.n);
    p += last->value.n;
    *p++ = '\r';
    *p++ = '\n';
    w->n = (size_t)(p - w->p);
}

static enum err put_fields(struct pen *pen, const struct http_head *h)
{
    for (size_t i = 0, run = 1; i < h->nfields; i += run) {
        const struct http_field *f = &h->fields[i];
        run = 1;
        if (!is_written(f))
            continue;
        if (LIKELY(pen->p != NULL)) {
            run = run_of(f, h->nfields - i);
            put_lines(pen, f, &f[run - 1]);
            continue;
        }
        TRY(put(pen, f->name));
        TRY(put(pen, SPAN(": ")));
        TRY(put(pen, f->value));
        TRY(put(pen, SPAN("\r\n")));
    }
    return ERR_OK;
}

static enum err put_framing(struct pen *pen, const struct h1_write *w)
{
    if (w->chunked)
        TRY(put(pen, SPAN("Transfer-Encoding: chunked\r\n")));
    if (w->zero_length)
        TRY(put(pen, SPAN("Content-Length: 0\r\n")));
    if (w->upgrade)
        TRY(put(pen, w->close ? SPAN("Upgrade: websocket\r\nConnection: close, Upgrade\r\n")
                              : SPAN("Upgrade: websocket\r\nConnection: Upgrade\r\n")));
    else if (w->close)
        TRY(put(pen, SPAN("Connection: close\r\n")));
    else if (w->keep_alive)
        TRY(put(pen, SPAN("Connection: keep-alive\r\n")));
    return put(pen, SPAN("\r\n"));
}

static enum err write_request(struct pen *pen, const struct http_head *h, const struct h1_write *w)
{
    TRY(put(pen, h->method_name));
    TRY(put(pen, SPAN(" ")));
    TRY(put(pen, h->target));
    TRY(put(pen, SPAN(" HTTP/1.1\r\n")));
    if (http_head_find(h, HTTP_HOST) == NULL) { /* HTTP/2's :authority, or an absolute target's */
        TRY(put(pen, SPAN("Host: ")));
        TRY(put(pen, h->authority));
        TRY(put(pen, SPAN("\r\n")));
    }
    TRY(put_fields(pen, h));
    return put_framing(pen, w);
}

enum err h1_request_write(const struct http_head *h, const struct h1_write *w, struct chunkq *out)
{
    struct pen pen;
    size_t size = h->method_name.n + h->target.n + h->authority.n + fields_size(h);
    TRY(pen_begin(&pen, out, size));
    return pen_end(&pen, write_request(&pen, h, w));
}

static enum err write_response(struct pen *pen, const struct http_head *h, const struct h1_write *w)
{
    char line[] = "HTTP/1.1 000 ";
    line[9] = (char)('0' + h->status / 100 % 10);
    line[10] = (char)('0' + h->status / 10 % 10);
    line[11] = (char)('0' + h->status % 10);
    TRY(put(pen, span_of(line, sizeof(line) - 1)));
    TRY(put(pen, h->reason.n > 0 ? h->reason : http_status_text(h->status)));
    TRY(put(pen, SPAN("\r\n")));
    TRY(put_fields(pen, h));
    return put_framing(pen, w);
}

enum err h1_response_write(const struct http_head *h, const struct h1_write *w, struct chunkq *out)
{
    struct pen pen;
    TRY(pen_begin(&pen, out, h->reason.n + 64 + fields_size(h)));
    return pen_end(&pen, write_response(&pen, h, w));
}

static enum err write_trailers(struct pen *pen, const struct http_head *h)
{
    TRY(put_fields(pen, h));
    return put(pen, SPAN("\r\n"));
}

enum err h1_trailers_write(const struct http_head *h, struct chunkq *out)
{
    struct pen pen;
    TRY(pen_begin(&pen, out, fields_size(h)));
    return pen_end(&pen, write_trailers(&pen, h));
}
