/* Text for people and terminals, JSON for collectors. A message is cut at 4 KiB; control characters
 * and what is not UTF-8 are escaped, so that what a peer sent cannot forge a line, drive a terminal
 * or make the JSON invalid. */
#include "base/log.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/scribe.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { MESSAGE_MAX = 4096, LINE_MAX_BYTES = 6 * MESSAGE_MAX + 256 };

static const char *const level_words[] = {"error", "warn", "info", "debug"};

static atomic_int current_level = LOG_INFO;
static atomic_int current_format = LOG_TEXT;
static _Atomic(struct scribe_file *) sink;

void log_setup(enum log_level level, enum log_format format)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&current_format, (int)format, memory_order_relaxed);
}

void log_attach(struct scribe *s)
{
    struct scribe_file *f = NULL;
    if (s != NULL && scribe_open(s, SCRIBE_STDERR, 0, &f) != ERR_OK)
        f = NULL;
    atomic_store(&sink, f);
}

bool log_wants(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

/* Appends to a line of fixed size; what does not fit is cut, the newline always fits. */
struct line {
    char p[LINE_MAX_BYTES];
    size_t n;
};

static void add(struct line *l, struct span s)
{
    size_t n = min_size(s.n, sizeof(l->p) - 4 - l->n);
    memcpy(l->p + l->n, s.p, n);
    l->n += n;
}

/* The length of the UTF-8 sequence at p (RFC 3629), which is NUL-terminated; 0 when there is none.
 */
static size_t utf8_length(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    if (u[0] < 0x80)
        return 1;
    size_t n = u[0] >= 0xc2 && u[0] <= 0xdf ? 2 : (u[0] & 0xf0) == 0xe0 ? 3 : 4;
    bool overlong = (u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xf0 && u[1] < 0x90);
    bool surrogate = u[0] == 0xed && u[1] > 0x9f;
    if (u[0] < 0xc2 || u[0] > 0xf4 || overlong || surrogate || (u[0] == 0xf4 && u[1] > 0x8f))
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* Control characters, those above 0x7f (CSI!) included. */
static bool is_control(const char *p, size_t n)
{
    unsigned char c = (unsigned char)p[0];
    return c < 0x20 || c == 0x7f || (n == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0);
}

static void add_escaped(struct line *l, const char *in, bool json)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t n; *in != '\0'; in += max_size(n, 1)) {
        n = utf8_length(in);
        unsigned char c = (unsigned char)in[n == 2 ? 1 : 0];
        if (n == 0 && json)
            add(l, SPAN("\\ufffd")); /* JSON must be UTF-8 */
        else if (n == 0)
            add(l, span_of((char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4));
        else if (is_control(in, n))
            add(l, span_of((char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6));
        else if (json && (c == '"' || c == '\\'))
            add(l, span_of((char[]){'\\', (char)c}, 2));
        else
            add(l, span_of(in, n));
    }
}

static void add_padded(struct line *l, const char *word, size_t width)
{
    size_t n = strlen(word);
    add(l, span_of(word, n));
    add(l, span_of("                ", n < width ? width - n : 0));
    add(l, SPAN(" "));
}

static void compose_text(struct line *l, const char *when, const char *level, const char *area,
                         const char *message)
{
    add(l, span_str(when));
    add(l, SPAN(" "));
    add_padded(l, level, 5);
    add_padded(l, area, 8);
    add_escaped(l, message, false);
}

static void compose_json(struct line *l, const char *when, const char *level, const char *area,
                         const char *message)
{
    add(l, SPAN("{\"time\":\""));
    add(l, span_str(when));
    add(l, SPAN("\",\"level\":\""));
    add(l, span_str(level));
    add(l, SPAN("\",\"area\":\""));
    add(l, span_str(area));
    add(l, SPAN("\",\"message\":\""));
    add_escaped(l, message, true);
    add(l, SPAN("\"}"));
}

PRINTF(4, 0)
static void emit(struct scribe_file *f, enum log_level level, const char *area, const char *fmt,
                 va_list ap)
{
    char message[MESSAGE_MAX];
    char when[CLOCK_ISO_LEN + 1];
    struct line l = {.n = 0};
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    clock_iso(when, clock_wall_ms());
    if (atomic_load_explicit(&current_format, memory_order_relaxed) == LOG_JSON)
        compose_json(&l, when, level_words[level], area, message);
    else
        compose_text(&l, when, level_words[level], area, message);
    l.p[l.n++] = '\n';
    if (f != NULL) {
        (void)!scribe_put(f, span_of(l.p, l.n));
        return;
    }
    ssize_t put = write(STDERR_FILENO, l.p, l.n);
    UNUSED(put); /* nobody is left to tell */
}

void log_line(enum log_level level, const char *area, const char *fmt, ...)
{
    va_list ap;
    if (!log_wants(level))
        return;
    va_start(ap, fmt);
    emit(atomic_load(&sink), level, area, fmt, ap);
    va_end(ap);
}

void log_direct(enum log_level level, const char *area, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit(NULL, level, area, fmt, ap);
    va_end(ap);
}

bool log_gate_open(struct log_gate *g, unsigned *held)
{
    uint64_t now = clock_us() / 1000;
    uint64_t next = atomic_load_explicit(&g->next_ms, memory_order_relaxed);
    if (now < next || !atomic_compare_exchange_strong(&g->next_ms, &next, now + 1000)) {
        atomic_fetch_add_explicit(&g->held, 1, memory_order_relaxed);
        return false;
    }
    *held = atomic_exchange_explicit(&g->held, 0, memory_order_relaxed);
    return true;
}

const char *log_held(unsigned held, char out[LOG_HELD_MAX])
{
    out[0] = '\0';
    if (held > 0)
        (void)snprintf(out, LOG_HELD_MAX, " (%u more like this)", held);
    return out;
}
