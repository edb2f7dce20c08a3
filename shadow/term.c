/* Columns and colours. */
#include "shadow/term.h"

/* The length of the character that s begins with; bytes that must not reach a terminal are reported
 * by *clean = false. */
static size_t character(struct span s, bool *clean, bool *combining)
{
    const unsigned char *u = (const unsigned char *)s.p;
    size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc2 ? 2 : 1;
    *clean = u[0] >= 0x20 && u[0] != 0x7f && (u[0] < 0x80 || u[0] >= 0xc2) && u[0] <= 0xf4;
    for (size_t i = 1; i < n; i++) {
        if (i == s.n || (u[i] & 0xc0) != 0x80) {
            *clean = false;
            return i;
        }
    }
    if (n == 2 && u[0] == 0xc2 && u[1] < 0xa0) /* C1 controls */
        *clean = false;
    if (n == 3 && u[0] == 0xe2 && u[1] == 0x80 && ((u[2] >= 0xaa && u[2] <= 0xae) || u[2] == 0x8f))
        *clean = false; /* turns the direction of writing */
    if (n == 3 && u[0] == 0xe2 && u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9)
        *clean = false;
    *combining = n == 2 && (u[0] == 0xcc || (u[0] == 0xcd && u[1] < 0xb0));
    return n;
}

static unsigned columns_of(struct span s)
{
    unsigned columns = 0;
    bool clean, combining = false;
    while (s.n > 0) {
        s = span_from(s, character(s, &clean, &combining));
        columns += combining ? 0 : 1;
    }
    return columns;
}

unsigned term_columns(const char *s)
{
    return columns_of(span_str(s));
}

static void put(struct term *p, struct span s)
{
    if (p->err == ERR_OK)
        p->err = buf_append(p->out, s);
}

static void begin_style(struct term *p, enum term_style style)
{
    static const char *const codes[] = {
        [TERM_PLAIN] = "",        [TERM_BOLD] = "\x1b[1m",    [TERM_DIM] = "\x1b[2m",
        [TERM_RED] = "\x1b[31m",  [TERM_YELLOW] = "\x1b[33m", [TERM_GREEN] = "\x1b[32m",
        [TERM_CYAN] = "\x1b[36m",
    };
    if (p->colour)
        put(p, span_str(codes[style]));
}

static void end_style(struct term *p, enum term_style style)
{
    if (p->colour && style != TERM_PLAIN)
        put(p, SPAN("\x1b[0m"));
}

/* At most so many columns of s; returns how many there were. */
static unsigned put_columns(struct term *p, struct span s, unsigned columns)
{
    unsigned used = 0;
    bool clean, combining = false;
    while (s.n > 0) {
        size_t n = character(s, &clean, &combining);
        if (!combining && used == columns)
            break;
        put(p, clean ? span_until(s, n) : SPAN("\xef\xbf\xbd"));
        used += combining ? 0 : 1;
        s = span_from(s, n);
    }
    return used;
}

void term_put(struct term *p, enum term_style style, const char *s)
{
    if (*s == '\0')
        return;
    begin_style(p, style);
    (void)put_columns(p, span_str(s), UINT32_MAX);
    end_style(p, style);
}

/* How far the line has come. */
static unsigned column_of(const struct term *p)
{
    unsigned n = 0;
    size_t from = p->out->n;
    while (from > 0 && p->out->p[from - 1] != '\n')
        from--;
    struct span line = span_from(buf_span(p->out), from), text;
    while (span_cut(&line, '\x1b', &text)) {
        n += columns_of(text);
        line = span_from(line, min_size(line.n, span_find(line, 'm') + 1)); /* ends a colour */
    }
    return n;
}

static bool is_full(const struct term *p, unsigned columns, unsigned indent)
{
    unsigned at = column_of(p);
    return at > indent && (columns > p->width || at + columns > p->width);
}

void term_fit(struct term *p, unsigned columns, unsigned indent)
{
    if (!is_full(p, columns, indent))
        return;
    term_end(p);
    term_space(p, indent);
}

void term_wrapped(struct term *p, enum term_style style, const char *s, unsigned indent)
{
    struct span rest = span_str(s), word;
    begin_style(p, style);
    for (bool first = true; span_cut(&rest, ' ', &word); first = false) {
        if (is_full(p, (first ? 0 : 1) + columns_of(word), indent)) {
            end_style(p, style);
            term_end(p);
            term_space(p, indent);
            begin_style(p, style);
        } else if (!first) {
            put(p, SPAN(" "));
        }
        (void)put_columns(p, word, UINT32_MAX);
    }
    end_style(p, style);
}

void term_space(struct term *p, unsigned columns)
{
    for (; columns > 0; columns--)
        put(p, SPAN(" "));
}

static unsigned put_cut(struct term *p, const char *s, unsigned columns)
{
    struct span all = span_str(s);
    if (columns == 0)
        return 0;
    if (columns_of(all) <= columns)
        return put_columns(p, all, columns);
    (void)put_columns(p, all, columns - 1);
    put(p, SPAN("\xe2\x80\xa6"));
    return columns;
}

void term_left(struct term *p, enum term_style style, const char *s, unsigned columns)
{
    unsigned used = 0;
    if (*s != '\0') {
        begin_style(p, style);
        used = put_cut(p, s, columns);
        end_style(p, style);
    }
    term_space(p, columns - used);
}

void term_right(struct term *p, enum term_style style, const char *s, unsigned columns)
{
    unsigned want = term_columns(s);
    term_space(p, want < columns ? columns - want : 0);
    begin_style(p, style);
    (void)put_cut(p, s, columns);
    end_style(p, style);
}

void term_rule(struct term *p, unsigned columns)
{
    begin_style(p, TERM_DIM);
    for (; columns > 0; columns--)
        put(p, SPAN("\xe2\x94\x80"));
    end_style(p, TERM_DIM);
}

void term_bar(struct term *p, enum term_style style, double share, unsigned columns)
{
    static const char *const eighths[] = {"",
                                          "\xe2\x96\x8f",
                                          "\xe2\x96\x8e",
                                          "\xe2\x96\x8d",
                                          "\xe2\x96\x8c",
                                          "\xe2\x96\x8b",
                                          "\xe2\x96\x8a",
                                          "\xe2\x96\x89"};
    unsigned n = (unsigned)(share * 8 * columns + 0.5);
    if (n == 0 && share > 0)
        n = 1;
    begin_style(p, style);
    for (unsigned i = 0; i < n / 8; i++)
        put(p, SPAN("\xe2\x96\x88"));
    put(p, span_str(eighths[n % 8]));
    end_style(p, style);
}

void term_end(struct term *p)
{
    struct buf *b = p->out;
    while (p->err == ERR_OK && b->n > 0 && b->p[b->n - 1] == ' ')
        b->n--;
    put(p, SPAN("\n"));
}
