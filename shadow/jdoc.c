/* The parser: a loop over an explicit stack, so that nesting costs no C stack, and one pass over
 * the bytes. The special difficulty is strings: most have neither escapes nor bytes over 0x7f, and
 * eight bytes at a time can prove that. */
#include "shadow/jdoc.h"

#include <endian.h>
#include <stdlib.h>

struct parser {
    struct jdoc *d;
    const char *p;
    const char *end;
    uint32_t stack[JDOC_DEPTH_MAX]; /* open arrays and objects */
    unsigned depth;
};

static enum err wrong(struct parser *p, const char *what)
{
    p->d->wrong = what;
    p->d->wrong_at = (size_t)(p->p - p->d->text.p);
    return ERR_SHADOW_MALFORMED;
}

static void skip_space(struct parser *p)
{
    if (LIKELY(p->p < p->end && (unsigned char)*p->p > ' ')) /* nearly always there is none */
        return;
    while (p->p < p->end && (*p->p == ' ' || *p->p == '\n' || *p->p == '\r' || *p->p == '\t'))
        p->p++;
}

/* On its own, so that node_add(), which every value goes through, needs no frame. */
static __attribute__((noinline)) enum err node_grow(struct jdoc *d)
{
    if (d->n >= JDOC_NODES_MAX)
        return ERR_TOO_LARGE;
    uint32_t cap = d->cap == 0 ? 256 : d->cap * 2;
    struct jdoc_node *nodes = realloc(d->nodes, cap * sizeof(*nodes));
    if (nodes == NULL)
        return ERR_NO_MEMORY;
    d->nodes = nodes;
    d->cap = cap;
    return ERR_OK;
}

static enum err node_add(struct jdoc *d, enum jdoc_kind kind, unsigned flags, size_t at, size_t n)
{
    if (UNLIKELY(d->n == d->cap))
        TRY(node_grow(d));
    d->nodes[d->n] = (struct jdoc_node){.at = (uint32_t)at,
                                        .n = (uint32_t)n,
                                        .next = d->n + 1,
                                        .kind = (uint8_t)kind,
                                        .flags = (uint8_t)flags};
    d->n++;
    return ERR_OK;
}

/* --- strings --- */

/* How many of eight bytes, from the first on, stand for themselves: no quote, no backslash, no
 * control byte, nothing over 0x7f. A borrow may set bits above the first hit, never below it. */
static unsigned plain_of_eight(const char *at)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t v;
    memcpy(&v, at, 8);
    v = le64toh(v);
    uint64_t quote = v ^ (ones * '"');
    uint64_t slash = v ^ (ones * '\\');
    uint64_t hit = ((v - ones * 0x20) | (quote - ones) | (slash - ones) | v) & high;
    return hit == 0 ? 8 : (unsigned)__builtin_ctzll(hit) / 8;
}

/* Length of the UTF-8 sequence at `at`, 0 when it is not well-formed (RFC 3629: shortest form, no
 * surrogates). */
static size_t utf8_length(const char *at, const char *end)
{
    const unsigned char *u = (const unsigned char *)at;
    size_t n = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    if (u[0] < 0xc2 || u[0] > 0xf4 || (size_t)(end - at) < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
        (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
        return 0;
    return n;
}

/* Goes to the next quote or backslash. */
static enum err skip_plain(struct parser *p)
{
    for (;;) {
        unsigned plain = 8;
        while (plain == 8 && p->end - p->p >= 8) {
            plain = plain_of_eight(p->p);
            p->p += plain;
        }
        if (p->p == p->end)
            return wrong(p, "the text ends within a string");
        unsigned char c = (unsigned char)*p->p;
        if (c == '"' || c == '\\')
            return ERR_OK;
        if (c < 0x20)
            return wrong(p, "a control character within a string must be escaped");
        size_t n = c < 0x80 ? 1 : utf8_length(p->p, p->end);
        if (n == 0)
            return wrong(p, "a string is not UTF-8");
        p->p += n;
    }
}

static bool hex_four(const char *at, const char *end, unsigned *out)
{
    uint64_t v;
    if (end - at < 4 || !span_hex_u64(span_of(at, 4), &v))
        return false;
    *out = (unsigned)v;
    return true;
}

/* A lone surrogate is legal JSON and no character; it is kept as the three bytes it would be. */
static void put_code_point(struct jdoc *d, unsigned c)
{
    char *o = d->decoded + d->decoded_n;
    if (c < 0x80) {
        o[0] = (char)c;
        d->decoded_n += 1;
    } else if (c < 0x800) {
        o[0] = (char)(0xc0 | (c >> 6));
        o[1] = (char)(0x80 | (c & 0x3f));
        d->decoded_n += 2;
    } else if (c < 0x10000) {
        o[0] = (char)(0xe0 | (c >> 12));
        o[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        o[2] = (char)(0x80 | (c & 0x3f));
        d->decoded_n += 3;
    } else {
        o[0] = (char)(0xf0 | (c >> 18));
        o[1] = (char)(0x80 | ((c >> 12) & 0x3f));
        o[2] = (char)(0x80 | ((c >> 6) & 0x3f));
        o[3] = (char)(0x80 | (c & 0x3f));
        d->decoded_n += 4;
    }
}

/* \uXXXX, and a second one when both make a pair. p->p stands after the u. */
static enum err escape_unicode(struct parser *p)
{
    unsigned c, low;
    if (!hex_four(p->p, p->end, &c))
        return wrong(p, "\\u must be followed by four hexadecimal digits");
    p->p += 4;
    if (c >= 0xd800 && c < 0xdc00 && p->end - p->p >= 6 && p->p[0] == '\\' && p->p[1] == 'u' &&
        hex_four(p->p + 2, p->end, &low) && low >= 0xdc00 && low < 0xe000) {
        p->p += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    put_code_point(p->d, c);
    return ERR_OK;
}

static enum err escape(struct parser *p)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (++p->p == p->end)
        return wrong(p, "the text ends within a string");
    char c = *p->p;
    if (c == 'u') {
        p->p++;
        return escape_unicode(p);
    }
    const char *at = c == '\0' ? NULL : strchr(from, c);
    if (at == NULL)
        return wrong(p, "an unknown escape");
    p->d->decoded[p->d->decoded_n++] = to[at - from];
    p->p++;
    return ERR_OK;
}

/* What is decoded is never longer than what it was made from, so one buffer of the text's size is
 * enough for all. */
static enum err decoded_room(struct jdoc *d)
{
    if (d->decoded_cap >= d->text.n)
        return ERR_OK;
    char *room = realloc(d->decoded, d->text.n);
    if (room == NULL)
        return ERR_NO_MEMORY;
    d->decoded = room;
    d->decoded_cap = d->text.n;
    return ERR_OK;
}

static enum err string_escaped(struct parser *p, const char *begin)
{
    struct jdoc *d = p->d;
    TRY(decoded_room(d));
    size_t at = d->decoded_n;
    for (;;) {
        memcpy(d->decoded + d->decoded_n, begin, (size_t)(p->p - begin));
        d->decoded_n += (size_t)(p->p - begin);
        if (*p->p == '"')
            break;
        TRY(escape(p));
        begin = p->p;
        TRY(skip_plain(p));
    }
    p->p++;
    return node_add(d, JDOC_STRING, JDOC_DECODED, at, d->decoded_n - at);
}

static enum err string(struct parser *p)
{
    const char *begin = ++p->p;
    TRY(skip_plain(p));
    if (*p->p == '\\')
        return string_escaped(p, begin);
    size_t n = (size_t)(p->p++ - begin);
    return node_add(p->d, JDOC_STRING, 0, (size_t)(begin - p->d->text.p), n);
}

/* --- the other values --- */

static bool digits(struct parser *p)
{
    const char *begin = p->p;
    while (p->p < p->end && *p->p >= '0' && *p->p <= '9')
        p->p++;
    return p->p > begin;
}

static enum err number(struct parser *p)
{
    const char *begin = p->p;
    if (*p->p == '-')
        p->p++;
    const char *first = p->p;
    if (!digits(p))
        return wrong(p, "a number needs a digit here");
    if (*first == '0' && p->p - first > 1)
        return wrong(p, "a number may not begin with 0");
    if (p->p < p->end && *p->p == '.') {
        p->p++;
        if (!digits(p))
            return wrong(p, "a number needs a digit after the point");
    }
    if (p->p < p->end && (*p->p == 'e' || *p->p == 'E')) {
        p->p++;
        if (p->p < p->end && (*p->p == '+' || *p->p == '-'))
            p->p++;
        if (!digits(p))
            return wrong(p, "a number needs a digit in the exponent");
    }
    return node_add(p->d, JDOC_NUMBER, 0, (size_t)(begin - p->d->text.p), (size_t)(p->p - begin));
}

static enum err word(struct parser *p, struct span w, enum jdoc_kind kind)
{
    if (!span_has_prefix(span_of(p->p, (size_t)(p->end - p->p)), w))
        return wrong(p, "a value must be here");
    size_t at = (size_t)(p->p - p->d->text.p);
    p->p += w.n;
    return node_add(p->d, kind, 0, at, w.n);
}

static enum err open_container(struct parser *p, enum jdoc_kind kind)
{
    if (p->depth == JDOC_DEPTH_MAX)
        return ERR_SHADOW_TOO_DEEP;
    p->stack[p->depth++] = p->d->n;
    TRY(node_add(p->d, kind, 0, (size_t)(p->p - p->d->text.p), 0));
    p->p++;
    return ERR_OK;
}

static enum err value(struct parser *p)
{
    skip_space(p);
    if (p->p == p->end)
        return wrong(p, "the text ends where a value must be");
    switch (*p->p) {
    case '{':
        return open_container(p, JDOC_OBJECT);
    case '[':
        return open_container(p, JDOC_ARRAY);
    case '"':
        return string(p);
    case 't':
        return word(p, SPAN("true"), JDOC_TRUE);
    case 'f':
        return word(p, SPAN("false"), JDOC_FALSE);
    case 'n':
        return word(p, SPAN("null"), JDOC_NULL);
    default:
        if (*p->p != '-' && (*p->p < '0' || *p->p > '9'))
            return wrong(p, "a value must be here");
        return number(p);
    }
}

static enum err key(struct parser *p)
{
    skip_space(p);
    if (p->p == p->end || *p->p != '"')
        return wrong(p, "a key in double quotes must be here");
    TRY(string(p));
    skip_space(p);
    if (p->p == p->end || *p->p != ':')
        return wrong(p, "a colon must be here");
    p->p++;
    return ERR_OK;
}

/* One step within the innermost open array or object: its end, or its next value. */
static enum err step(struct parser *p)
{
    uint32_t top = p->stack[p->depth - 1];
    bool object = p->d->nodes[top].kind == JDOC_OBJECT;
    skip_space(p);
    if (p->p == p->end)
        return wrong(p,
                     object ? "the text ends within an object" : "the text ends within an array");
    if (*p->p == (object ? '}' : ']')) {
        p->p++;
        p->depth--;
        p->d->nodes[top].next = p->d->n;
        return ERR_OK;
    }
    if (p->d->nodes[top].n++ > 0) {
        if (*p->p != ',')
            return wrong(p, object ? "a comma or } must be here" : "a comma or ] must be here");
        p->p++;
    }
    if (object)
        TRY(key(p));
    return value(p);
}

static enum err parse(struct parser *p)
{
    TRY(value(p));
    while (p->depth > 0)
        TRY(step(p));
    skip_space(p);
    return p->p == p->end ? ERR_OK : wrong(p, "nothing may follow the value");
}

enum err jdoc_parse(struct jdoc *d, struct span text)
{
    d->text = text.p == NULL ? SPAN("") : text;
    d->n = 0;
    d->decoded_n = 0;
    d->wrong = NULL;
    d->wrong_at = 0;
    if (text.n >= UINT32_MAX)
        return ERR_TOO_LARGE;
    struct parser p = {.d = d, .p = d->text.p, .end = d->text.p + text.n};
    if (span_has_prefix(text, SPAN("\xef\xbb\xbf")))
        p.p += 3;
    return parse(&p);
}

void jdoc_free(struct jdoc *d)
{
    free(d->nodes);
    free(d->decoded);
    *d = JDOC_INIT;
}

void jdoc_trim(struct jdoc *d, size_t keep)
{
    if (d->cap * sizeof(*d->nodes) + d->decoded_cap > keep)
        jdoc_free(d);
}

/* --- reading members --- */

uint32_t jdoc_member(const struct jdoc *d, uint32_t object, struct span name)
{
    uint32_t found = JDOC_NONE;
    if (d->nodes[object].kind != JDOC_OBJECT)
        return JDOC_NONE;
    uint32_t end = d->nodes[object].next;
    for (uint32_t i = object + 1; i < end; i = d->nodes[i + 1].next)
        if (d->nodes[i].n == name.n && span_eq(jdoc_text(d, i), name))
            found = i + 1;
    return found;
}

bool jdoc_string(const struct jdoc *d, uint32_t object, const char *name, struct span *out)
{
    uint32_t i = jdoc_member(d, object, span_str(name));
    if (i == JDOC_NONE || d->nodes[i].kind != JDOC_STRING)
        return false;
    *out = jdoc_text(d, i);
    return true;
}

bool jdoc_u64(const struct jdoc *d, uint32_t object, const char *name, uint64_t *out)
{
    uint32_t i = jdoc_member(d, object, span_str(name));
    return i != JDOC_NONE && d->nodes[i].kind == JDOC_NUMBER && span_u64(jdoc_text(d, i), out);
}

bool jdoc_true(const struct jdoc *d, uint32_t object, const char *name)
{
    uint32_t i = jdoc_member(d, object, span_str(name));
    return i != JDOC_NONE && d->nodes[i].kind == JDOC_TRUE;
}

uint32_t jdoc_list(const struct jdoc *d, uint32_t object, const char *name)
{
    uint32_t i = jdoc_member(d, object, span_str(name));
    return i != JDOC_NONE && d->nodes[i].kind == JDOC_ARRAY ? i : JDOC_NONE;
}
