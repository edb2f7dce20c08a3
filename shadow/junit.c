/* Writing JUnit XML. */
#include "shadow/junit.h"

static enum err character(struct buf *b, char c)
{
    switch (c) {
    case '&':
        return buf_append(b, SPAN("&amp;"));
    case '<':
        return buf_append(b, SPAN("&lt;"));
    case '>':
        return buf_append(b, SPAN("&gt;"));
    case '"':
        return buf_append(b, SPAN("&quot;"));
    default:
        return (unsigned char)c < 0x20 || c == 0x7f ? buf_append(b, SPAN("\xef\xbf\xbd"))
                                                    : buf_append(b, span_of(&c, 1));
    }
}

enum err junit_text(struct buf *b, const char *s)
{
    for (; *s != '\0'; s++)
        TRY(character(b, *s));
    return ERR_OK;
}

enum err junit_begin(struct buf *b, const char *suite, size_t tests, size_t failures,
                     size_t skipped)
{
    return buf_printf(b,
                      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                      "<testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
                      "skipped=\"%zu\">\n",
                      suite, tests, failures, skipped);
}

enum err junit_case(struct buf *b, const char *class_name, const char *name, const char *tag,
                    const char *message)
{
    TRY(buf_append(b, SPAN("  <testcase classname=\"")));
    TRY(junit_text(b, class_name));
    TRY(buf_append(b, SPAN("\" name=\"")));
    TRY(junit_text(b, name));
    if (tag == NULL)
        return buf_append(b, SPAN("\"/>\n"));
    TRY(buf_printf(b, "\"><%s message=\"", tag));
    TRY(junit_text(b, message));
    return buf_append(b, SPAN("\"/></testcase>\n"));
}

enum err junit_end(struct buf *b)
{
    return buf_append(b, SPAN("</testsuite>\n"));
}
