/* Writing to a buffer cannot fail halfway without a trace: the first failure is kept and asked for
 * once, at the end. */
#include "control/page.h"

#include <stdarg.h>
#include <stdio.h>

enum { LABEL_WIDTH = 9, LINE_LEN = 2048 };

static void raw(struct page *p, struct span s)
{
    if (p->err == ERR_OK)
        p->err = buf_append(p->out, s);
}

/* C0, DEL, and C1 in UTF-8 (0xC2 0x80..0x9F): a terminal obeys all three. */
static size_t unsafe_at(const char *s)
{
    unsigned char c = (unsigned char)s[0];
    if (c < 0x20 || c == 0x7f)
        return 1;
    if (c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] <= 0x9f)
        return 2;
    return 0;
}

static void safe(struct page *p, const char *s)
{
    const char *from = s;
    while (*s != '\0') {
        size_t skip = unsafe_at(s);
        if (skip == 0) {
            s++;
            continue;
        }
        raw(p, span_of(from, (size_t)(s - from)));
        raw(p, SPAN("?"));
        s += skip;
        from = s;
    }
    raw(p, span_of(from, (size_t)(s - from)));
}

void page_text(struct page *p, enum ink ink, const char *text)
{
    static const char *const codes[] = {[INK_BOLD] = "\x1b[1m",
                                        [INK_DIM] = "\x1b[2m",
                                        [INK_GOOD] = "\x1b[32m",
                                        [INK_WARN] = "\x1b[33m",
                                        [INK_BAD] = "\x1b[31m"};
    bool colour = p->look->colour && ink != INK_PLAIN && text[0] != '\0';
    if (colour)
        raw(p, span_str(codes[ink]));
    safe(p, text);
    if (colour)
        raw(p, SPAN("\x1b[0m"));
}

void page_printf(struct page *p, enum ink ink, const char *fmt, ...)
{
    char line[LINE_LEN];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    page_text(p, ink, line);
}

void page_spaces(struct page *p, size_t n)
{
    static const char spaces[] = "                                ";
    for (; n > 0; n -= min_size(n, sizeof(spaces) - 1))
        raw(p, span_of(spaces, min_size(n, sizeof(spaces) - 1)));
}

void page_bar(struct page *p, double percent, size_t cells)
{
    size_t full = (size_t)(percent / 100.0 * (double)cells + 0.5);
    if (percent > 0 && full == 0) /* a little is not nothing, and nearly all is not all */
        full = 1;
    if (percent < 100 && full == cells)
        full = cells - 1;
    for (size_t i = 0; i < cells; i++) {
        bool on = i < full;
        struct span cell = p->look->ascii ? (on ? SPAN("#") : SPAN("."))
                                          : (on ? SPAN("\xe2\x96\x88") : SPAN("\xe2\x96\x91"));
        raw(p, cell);
    }
}

void page_label(struct page *p, const char *label)
{
    size_t n = strlen(label);
    page_text(p, INK_DIM, label);
    page_spaces(p, n < LABEL_WIDTH ? LABEL_WIDTH - n : 1);
}

void page_end(struct page *p)
{
    raw(p, SPAN("\n"));
}

size_t page_width(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* --- numbers --- */

void page_count(char out[PAGE_SHORT], uint64_t n)
{
    static const char units[] = " kMGTP";
    double v = (double)n;
    size_t u = 0;
    for (; v >= 999.5 && u + 2 < sizeof(units); u++)
        v /= 1000;
    if (u == 0)
        (void)snprintf(out, PAGE_SHORT, "%llu", (unsigned long long)n);
    else
        (void)snprintf(out, PAGE_SHORT, "%.*f%c", v < 9.95 ? 1 : 0, v, units[u]);
}

void page_age(char out[PAGE_SHORT], uint64_t seconds)
{
    static const struct {
        uint64_t unit;
        const char *word;
    } steps[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0;
    while (i < ARRAY_LEN(steps) - 1 && seconds < 2 * steps[i].unit)
        i++;
    (void)snprintf(out, PAGE_SHORT, "%llu %s", (unsigned long long)(seconds / steps[i].unit),
                   steps[i].word);
}

void page_percent(char out[PAGE_SHORT], double percent)
{
    (void)snprintf(out, PAGE_SHORT, "%.5g%%", percent);
}
