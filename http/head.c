/* Heads and their fields: the field list, methods, status texts. */
#include "http/http.h"

#include "http/lines.h"

/* --- the field list --- */

void http_head_begin(struct http_head *h, struct arena *a, bool is_response)
{
    *h = (struct http_head){.is_response = is_response, .arena = a};
}

/* On its own, so that add(), which every field goes through, needs no frame. */
static __attribute__((noinline)) bool grow(struct http_head *h)
{
    void *p = h->fields;
    if (!arena_grow(h->arena, &p, &h->cap, sizeof(*h->fields)))
        return false;
    h->fields = p;
    return true;
}

static enum err add(struct http_head *h, enum http_field_id id, struct span name, struct span value)
{
    if (UNLIKELY(h->nfields == h->cap) && !grow(h))
        return ERR_NO_MEMORY;
    h->fields[h->nfields++] = (struct http_field){name, value, (uint8_t)id, 0};
    h->seen |= UINT64_C(1) << id;
    return ERR_OK;
}

enum err http_head_add(struct http_head *h, struct span name, struct span value)
{
    return add(h, http_field_lookup(name), name, value);
}

enum err http_head_add_id(struct http_head *h, enum http_field_id id, struct span value)
{
    return add(h, id, http_field_text(id), value);
}

void http_head_drop(struct http_head *h, enum http_field_id id)
{
    if (!http_head_has(h, id))
        return;
    for (size_t i = 0; i < h->nfields; i++)
        if (h->fields[i].id == id)
            h->fields[i].flags |= HTTP_FIELD_DROPPED;
    h->seen &= ~(UINT64_C(1) << id);
}

const struct http_field *http_head_find(const struct http_head *h, enum http_field_id id)
{
    if (!http_head_has(h, id))
        return NULL;
    for (size_t i = 0; i < h->nfields; i++)
        if (h->fields[i].id == id && (h->fields[i].flags & HTTP_FIELD_DROPPED) == 0)
            return &h->fields[i];
    return NULL;
}

const struct http_field *http_head_find_name(const struct http_head *h, struct span name)
{
    enum http_field_id id = http_field_lookup(name);
    if (id != HTTP_UNKNOWN_FIELD)
        return http_head_find(h, id);
    for (size_t i = 0; i < h->nfields; i++)
        if (span_eq_nocase(h->fields[i].name, name) &&
            (h->fields[i].flags & HTTP_FIELD_DROPPED) == 0)
            return &h->fields[i];
    return NULL;
}

struct span http_head_value(const struct http_head *h, enum http_field_id id)
{
    const struct http_field *f = http_head_find(h, id);
    return f == NULL ? SPAN_NULL : f->value;
}

/* Into room that was made for it. */
static struct span put(char **at, struct span s)
{
    if (s.p == NULL)
        return SPAN_NULL;
    struct span out = span_of(*at, s.n);
    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return out;
}

/* The text of lines from f on, n fields at most. Returns how many there were; 0: f is none. */
static size_t put_lines(struct http_field *f, size_t n, char **at)
{
    size_t run = 1;
    if (!line_is(f))
        return 0;
    while (run < n && line_is_next(&f[run - 1], &f[run]))
        run++;
    struct span text = lines_text(f, &f[run - 1]);
    const char *copy = put(at, text).p;
    for (size_t i = 0; i < run; i++) {
        f[i].name.p = copy + (f[i].name.p - text.p);
        f[i].value.p = copy + (f[i].value.p - text.p);
    }
    return run;
}

/* The name of a field that weir added is a constant. */
static void put_field(struct http_field *f, char **at)
{
    if (f->id == HTTP_UNKNOWN_FIELD || f->name.p != http_field_text(f->id).p)
        f->name = put(at, f->name);
    f->value = put(at, f->value);
}

/* Copies what is kept into the room there is, and returns how much text it has. */
static size_t keep_fields(struct http_head *to, const struct http_head *from)
{
    size_t text = 0;
    to->nfields = 0;
    for (size_t i = 0; i < from->nfields; i++) {
        const struct http_field *f = &from->fields[i];
        if (f->flags & HTTP_FIELD_DROPPED)
            continue;
        text += f->name.n + f->value.n + 4; /* ": " and CR LF */
        to->fields[to->nfields++] = *f;
    }
    return text;
}

/* One piece of memory for all text, one for the fields. */
enum err http_head_copy(struct http_head *to, const struct http_head *from, struct arena *a)
{
    enum { SPARE = 4 }; /* whoever copies a head adds to it */
    *to = *from;
    to->arena = a;
    to->nfields = 0;
    to->cap = from->nfields + SPARE;
    to->fields = arena_alloc(a, to->cap * sizeof(*to->fields));
    if (to->fields == NULL) {
        to->cap = 0;
        return ERR_NO_MEMORY;
    }
    size_t text = keep_fields(to, from) + from->method_name.n + from->target.n + from->authority.n +
                  from->scheme.n + from->reason.n;
    char *at = arena_alloc(a, text);
    if (at == NULL) {
        to->nfields = 0;
        return ERR_NO_MEMORY;
    }
    to->method_name = put(&at, from->method_name);
    to->target = put(&at, from->target);
    to->authority = put(&at, from->authority);
    to->scheme = put(&at, from->scheme);
    to->reason = put(&at, from->reason);
    for (size_t i = 0, lines; i < to->nfields; i += max_size(lines, 1)) {
        lines = put_lines(&to->fields[i], to->nfields - i, &at);
        if (lines == 0)
            put_field(&to->fields[i], &at);
    }
    return ERR_OK;
}

/* --- methods --- */

enum http_method http_method_lookup(struct span m)
{
    static const struct span names[] = {
        [HTTP_GET] = SPAN("GET"),         [HTTP_HEAD] = SPAN("HEAD"),
        [HTTP_POST] = SPAN("POST"),       [HTTP_PUT] = SPAN("PUT"),
        [HTTP_DELETE] = SPAN("DELETE"),   [HTTP_CONNECT] = SPAN("CONNECT"),
        [HTTP_OPTIONS] = SPAN("OPTIONS"), [HTTP_TRACE] = SPAN("TRACE"),
        [HTTP_PATCH] = SPAN("PATCH"),
    };
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (span_eq(names[i], m))
            return i;
    return HTTP_OTHER_METHOD;
}

bool http_method_is_safe(enum http_method m)
{
    return m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS || m == HTTP_TRACE;
}

bool http_method_is_idempotent(enum http_method m)
{
    return http_method_is_safe(m) || m == HTTP_PUT || m == HTTP_DELETE;
}

/* --- status texts (IANA registry) --- */

struct span http_status_text(unsigned status)
{
#define STATUS(code, text) \
    case code:             \
        return SPAN(text)
    switch (status) {
        STATUS(100, "Continue");
        STATUS(101, "Switching Protocols");
        STATUS(103, "Early Hints");
        STATUS(200, "OK");
        STATUS(201, "Created");
        STATUS(202, "Accepted");
        STATUS(203, "Non-Authoritative Information");
        STATUS(204, "No Content");
        STATUS(205, "Reset Content");
        STATUS(206, "Partial Content");
        STATUS(207, "Multi-Status");
        STATUS(300, "Multiple Choices");
        STATUS(301, "Moved Permanently");
        STATUS(302, "Found");
        STATUS(303, "See Other");
        STATUS(304, "Not Modified");
        STATUS(307, "Temporary Redirect");
        STATUS(308, "Permanent Redirect");
        STATUS(400, "Bad Request");
        STATUS(401, "Unauthorized");
        STATUS(402, "Payment Required");
        STATUS(403, "Forbidden");
        STATUS(404, "Not Found");
        STATUS(405, "Method Not Allowed");
        STATUS(406, "Not Acceptable");
        STATUS(408, "Request Timeout");
        STATUS(409, "Conflict");
        STATUS(410, "Gone");
        STATUS(411, "Length Required");
        STATUS(412, "Precondition Failed");
        STATUS(413, "Content Too Large");
        STATUS(414, "URI Too Long");
        STATUS(415, "Unsupported Media Type");
        STATUS(416, "Range Not Satisfiable");
        STATUS(417, "Expectation Failed");
        STATUS(421, "Misdirected Request");
        STATUS(422, "Unprocessable Content");
        STATUS(425, "Too Early");
        STATUS(426, "Upgrade Required");
        STATUS(428, "Precondition Required");
        STATUS(429, "Too Many Requests");
        STATUS(431, "Request Header Fields Too Large");
        STATUS(451, "Unavailable For Legal Reasons");
        STATUS(500, "Internal Server Error");
        STATUS(501, "Not Implemented");
        STATUS(502, "Bad Gateway");
        STATUS(503, "Service Unavailable");
        STATUS(504, "Gateway Timeout");
        STATUS(505, "HTTP Version Not Supported");
        STATUS(507, "Insufficient Storage");
    default:
        return SPAN("Unknown");
    }
#undef STATUS
}
