/* Streams of events (WHATWG HTML, "server-sent events"): lines that end in CR, LF or both, an event
 * up to each blank line. */
#include "shadow/recast.h"

#include "shadow/jdoc.h"
#include "shadow/jwrite.h"
#include "shadow/unicode.h"

struct stream {
    struct buf *out;
    struct buf data;
    struct span event, id, retry; /* in the body; p NULL: not given */
    bool has_data;
    bool any; /* the event has a field that a reader takes in */
    size_t n; /* events */
    struct jdoc doc;
};

static bool next_line(struct span *rest, struct span *line)
{
    size_t n = 0;
    if (rest->n == 0)
        return false;
    while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r')
        n++;
    *line = span_until(*rest, n);
    if (n + 1 < rest->n && rest->p[n] == '\r' && rest->p[n + 1] == '\n')
        n++;
    *rest = span_from(*rest, min_size(n + 1, rest->n));
    return true;
}

/* A scalar that happens to be a number or `true` is text like any other. */
static bool is_json(struct stream *s, struct span data)
{
    struct span t = span_trim(data);
    return t.n > 1 && (t.p[0] == '{' || t.p[0] == '[') && jdoc_parse(&s->doc, t) == ERR_OK;
}

static enum err member(struct stream *s, bool *first, const char *name, struct span value, bool raw)
{
    TRY(buf_printf(s->out, "%s\"%s\":", *first ? "" : ",", name));
    *first = false;
    return raw ? buf_append(s->out, value) : jwrite_string(s->out, value);
}

static enum err finish(struct stream *s, bool complete)
{
    struct span data = buf_span(&s->data);
    bool first = true;
    if (!s->any) {
        s->event = SPAN_NULL; /* a name without data is no event */
        return ERR_OK;
    }
    TRY(buf_append(s->out, s->n++ == 0 ? SPAN("{") : SPAN(",{")));
    if (s->event.p != NULL)
        TRY(member(s, &first, "event", s->event, false));
    if (s->id.p != NULL)
        TRY(member(s, &first, "id", s->id, false));
    if (s->retry.p != NULL)
        TRY(member(s, &first, "retry", s->retry, false));
    if (s->has_data)
        TRY(member(s, &first, "data", data, is_json(s, data)));
    if (!complete)
        TRY(member(s, &first, "incomplete", SPAN("true"), true));
    s->event = s->id = s->retry = SPAN_NULL;
    s->has_data = s->any = false;
    s->data.n = 0;
    return buf_append(s->out, SPAN("}"));
}

static enum err add_data(struct stream *s, struct span value)
{
    if (s->has_data)
        TRY(buf_append(&s->data, SPAN("\n")));
    s->has_data = true;
    return buf_append(&s->data, value);
}

/* A reader passes over what it does not know, an id with a NUL, and a time that is no number. */
static bool is_taken(const struct stream *s, const struct span *to, struct span value)
{
    uint64_t ms;
    if (to == &s->id)
        return memchr(value.p, '\0', value.n) == NULL;
    return to == &s->retry ? span_u64(value, &ms) : to != NULL;
}

static enum err field(struct stream *s, struct span line)
{
    size_t colon = span_find(line, ':');
    struct span name = span_until(line, colon);
    struct span value = colon < line.n ? span_from(line, colon + 1) : SPAN("");
    if (value.n > 0 && value.p[0] == ' ')
        value = span_from(value, 1);
    if (value.n == 0)
        value = SPAN("");
    struct span *to = span_eq(name, SPAN("event"))   ? &s->event
                      : span_eq(name, SPAN("id"))    ? &s->id
                      : span_eq(name, SPAN("retry")) ? &s->retry
                                                     : NULL;
    if (span_eq(name, SPAN("data"))) {
        s->any = true;
        return add_data(s, value);
    }
    if (!is_taken(s, to, value))
        return ERR_OK;
    s->any = s->any || to != &s->event;
    *to = value;
    return ERR_OK; /* a comment (no name) or a field nobody knows */
}

static enum err read_all(struct stream *s, struct span rest)
{
    struct span line;
    TRY(buf_append(s->out, SPAN("[")));
    while (next_line(&rest, &line))
        TRY(line.n == 0 ? finish(s, true) : field(s, line));
    TRY(finish(s, false));
    return buf_append(s->out, SPAN("]"));
}

enum err recast_events(struct span body, struct buf *out)
{
    struct stream s = {.out = out, .data = BUF_INIT(0), .doc = JDOC_INIT};
    if (!unicode_is_valid(body))
        return ERR_INVALID;
    if (span_has_prefix(body, SPAN("\xef\xbb\xbf")))
        body = span_from(body, 3);
    enum err e = read_all(&s, body);
    buf_free(&s.data);
    jdoc_free(&s.doc);
    return e;
}
