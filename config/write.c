/* JSON with two spaces of indent, into a buffer. Remembers the first failure, so that callers write
 * without looking. */
#include "config/room.h"

#include <stdarg.h>
#include <stdio.h>

static void put(struct writer *w, struct span s)
{
    if (w->err == ERR_OK)
        w->err = buf_append(w->out, s);
}

static void line(struct writer *w)
{
    put(w, SPAN("\n"));
    for (unsigned i = 0; i < w->depth; i++)
        put(w, SPAN("  "));
}

void write_item(struct writer *w)
{
    if (!w->first)
        put(w, SPAN(","));
    w->first = false;
    line(w);
}

void write_key(struct writer *w, const char *key)
{
    write_item(w);
    write_text(w, span_str(key));
    put(w, SPAN(": "));
}

void write_open(struct writer *w, char bracket)
{
    put(w, span_of(&bracket, 1));
    w->depth++;
    w->first = true;
}

void write_close(struct writer *w, char bracket)
{
    w->depth--;
    if (!w->first)
        line(w);
    put(w, span_of(&bracket, 1));
    w->first = false;
}

void write_raw(struct writer *w, const char *fmt, ...)
{
    char text[128];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    BUG_IF(n < 0 || (size_t)n >= sizeof(text));
    put(w, span_of(text, (size_t)n));
}

static bool is_escaped(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < 0x20 || c == 0x7f;
}

static void write_escaped(struct writer *w, unsigned char c)
{
    if (c == '"' || c == '\\')
        put(w, span_of((const char[]){'\\', (char)c}, 2));
    else if (c == '\n')
        put(w, SPAN("\\n"));
    else
        write_raw(w, "\\u%04x", (unsigned)c);
}

void write_text(struct writer *w, struct span s)
{
    put(w, SPAN("\""));
    while (s.n > 0) {
        size_t plain = 0;
        while (plain < s.n && !is_escaped(s.p[plain]))
            plain++;
        put(w, span_until(s, plain));
        s = span_from(s, plain);
        if (s.n == 0)
            break;
        write_escaped(w, (unsigned char)s.p[0]);
        s = span_from(s, 1);
    }
    put(w, SPAN("\""));
}
