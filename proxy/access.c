/* The access log: one line per exchange, composed straight into the worker's buffer. Costs no
 * system call and no lock per request; the scribe writes. */
#include "base/clock.h"
#include "proxy/exchange.h"

#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    VALUE_MAX = 2048, /* bytes kept of one client-given value */
    LINE_MAX_BYTES = 32 * 1024,
    NAME_MAX_BYTES = 32, /* a longer name in a query is taken for a value */
};

struct access_log {
    struct scribe_writer *writer;
    enum access_format format;
    enum access_query query;
    uint64_t second; /* of the dates below */
    char iso[CLOCK_ISO_LEN + 1];
    char clf[CLOCK_CLF_LEN + 1];
};

enum err access_open(struct worker *w, struct scribe_file *file, const struct config_log *log)
{
    if (file == NULL)
        return ERR_OK;
    struct access_log *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return ERR_NO_MEMORY;
    a->format = log->access_format;
    a->query = log->access_query;
    enum err e = scribe_writer_new(file, &a->writer);
    if (e != ERR_OK) {
        free(a);
        return e;
    }
    w->access = a;
    return ERR_OK;
}

void access_close(struct worker *w)
{
    if (w->access == NULL)
        return;
    scribe_writer_free(&w->access->writer);
    free(w->access);
    w->access = NULL;
}

void access_flush(struct worker *w)
{
    if (w->access != NULL)
        scribe_flush(w->access->writer);
}

/* --- composing --- */

struct line {
    char *p;
    size_t n;
};

static void put(struct line *l, struct span s)
{
    if (s.n == 0 || s.n > LINE_MAX_BYTES - l->n)
        return;
    memcpy(l->p + l->n, s.p, s.n);
    l->n += s.n;
}

static void put_u64(struct line *l, uint64_t v)
{
    char digits[20];
    put(l, span_of(digits, bytes_u64(digits, v)));
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f && c != '"' && c != '\\';
}

/* How many bytes from the front are plain. As signed bytes, what is not ASCII is below 0x20 too. */
static size_t plain_run(struct span s)
{
    size_t n = 0;
#ifdef __SSE2__
    for (; s.n - n >= 16; n += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(s.p + n));
        __m128i no = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
                                  _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
        no = _mm_or_si128(no, _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                           _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
        int hit = _mm_movemask_epi8(no);
        if (hit != 0)
            return n + (size_t)__builtin_ctz((unsigned)hit);
    }
#endif
    while (n < s.n && is_plain(s.p[n]))
        n++;
    return n;
}

static void put_escaped(struct line *l, unsigned char c, bool json)
{
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\')
        put(l, span_of((char[]){'\\', (char)c}, 2));
    else if (json)
        put(l, span_of((char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6));
    else
        put(l, span_of((char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4));
}

/* Client-given text: cut at VALUE_MAX; quotes, control bytes and what is not ASCII escaped so that
 * both JSON and the combined format stay one line of valid text. */
static void put_text(struct line *l, struct span s, bool json)
{
    s = span_until(s, min_size(s.n, VALUE_MAX));
    for (;;) {
        size_t n = plain_run(s);
        put(l, span_until(s, n));
        if (n == s.n)
            return;
        put_escaped(l, (unsigned char)s.p[n], json);
        s = span_from(s, n + 1);
    }
}

static void put_query_item(struct line *l, struct span item, bool json)
{
    size_t eq = span_find(item, '=');
    bool named = eq < item.n && eq <= NAME_MAX_BYTES;
    if (named)
        put_text(l, span_until(item, eq + 1), json);
    if (named ? eq + 1 < item.n : item.n > 0)
        put(l, SPAN("<cut>"));
}

/* A path or a URL, and of its query what log.access_query allows. */
static void put_target(struct line *l, const struct access_log *a, struct span s)
{
    bool json = a->format == ACCESS_JSON;
    struct span item, rest = span_until(s, min_size(s.n, VALUE_MAX));
    size_t question = a->query == ACCESS_QUERY_KEEP ? rest.n : span_find(rest, '?');
    put_text(l, span_until(rest, question), json);
    if (question == rest.n)
        return;
    if (a->query == ACCESS_QUERY_DROP) {
        put(l, SPAN("?<cut>"));
        return;
    }
    rest = span_from(rest, question + 1);
    for (const char *sep = "?"; span_cut(&rest, '&', &item); sep = "&") {
        put(l, span_str(sep));
        put_query_item(l, item, json);
    }
}

static void renew_dates(struct access_log *a, uint64_t wall_ms)
{
    if (wall_ms / 1000 == a->second)
        return;
    a->second = wall_ms / 1000;
    clock_iso(a->iso, wall_ms);
    clock_clf(a->clf, wall_ms);
}

static struct span backend_of(const struct exchange *x)
{
    const struct decision *d = &x->decision;
    const struct config *c = x->hold->snapshot->table->config;
    return span_str(c->backends[d->route->backends[d->side]].name);
}

static struct span method_of(const struct exchange *x)
{
    return x->request == NULL || x->request->method_name.n == 0 ? SPAN("-")
                                                                : x->request->method_name;
}

static struct span target_of(const struct exchange *x)
{
    return x->request == NULL || x->request->target.n == 0 ? SPAN("-") : x->request->target;
}

static struct span version_of(const struct exchange *x)
{
    if (x->front->h2)
        return SPAN("HTTP/2.0");
    bool is_old = x->request != NULL && x->request->version == HTTP_1_0;
    return is_old ? SPAN("HTTP/1.0") : SPAN("HTTP/1.1");
}

/* --- JSON --- */

#define KEY(l, text) put(l, SPAN(",\"" text "\":"))

static void json_text(struct line *l, struct span s)
{
    put(l, SPAN("\""));
    put_text(l, s, true);
    put(l, SPAN("\""));
}

static void json_time(struct line *l, const struct access_log *a, uint64_t wall_ms)
{
    unsigned ms = (unsigned)(wall_ms % 1000);
    put(l, SPAN("{\"time\":\""));
    put(l, span_of(a->iso, 20)); /* up to and with the point */
    put(l, span_of((char[]){(char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
                            (char)('0' + ms % 10), 'Z', '"'},
                   5));
}

static void json_decision(struct line *l, const struct exchange *x)
{
    const struct decision *d = &x->decision;
    if (!x->decided)
        return;
    KEY(l, "route");
    json_text(l, span_str(d->route->config->name));
    KEY(l, "side");
    json_text(l, span_str(side_word(d->side)));
    KEY(l, "backend");
    json_text(l, backend_of(x));
    KEY(l, "reason");
    json_text(l, span_str(reason_word(d->reason)));
    KEY(l, "bucket");
    put_u64(l, d->bucket);
    KEY(l, "epoch");
    put_u64(l, d->epoch);
}

static void json_outcome(struct line *l, const struct exchange *x)
{
    uint64_t now = loop_now_us(x->worker->loop);
    KEY(l, "status");
    put_u64(l, x->status);
    KEY(l, "bytes_in");
    put_u64(l, x->bytes_in);
    KEY(l, "bytes_out");
    put_u64(l, x->bytes_out);
    KEY(l, "duration_us");
    put_u64(l, now - x->start_us);
    if (x->first_byte_us > 0) {
        KEY(l, "first_byte_us");
        put_u64(l, x->first_byte_us - x->sent_us);
    }
    if (x->grpc && x->grpc_status >= 0) {
        KEY(l, "grpc_status");
        put_u64(l, (uint64_t)x->grpc_status);
    }
    if (x->attempts > 1) {
        KEY(l, "attempts");
        put_u64(l, x->attempts);
    }
    if (x->held_ms > 0) {
        KEY(l, "held_ms");
        put_u64(l, x->held_ms);
    }
    if (x->fallen != ERR_OK) {
        KEY(l, "new_error");
        json_text(l, span_str(err_word(x->fallen)));
    }
    if (x->failure != ERR_OK) {
        KEY(l, "error");
        json_text(l, span_str(err_word(x->failure)));
    }
    if (x->shadow_id[0] != '\0') {
        KEY(l, "shadow");
        json_text(l, span_str(x->shadow_id));
    }
}

static void json_line(struct line *l, const struct access_log *a, struct exchange *x,
                      uint64_t wall_ms)
{
    json_time(l, a, wall_ms);
    KEY(l, "id");
    json_text(l, x->request_id);
    KEY(l, "client");
    json_text(l, exchange_client_text(x));
    KEY(l, "method");
    json_text(l, method_of(x));
    KEY(l, "host");
    json_text(l, x->request == NULL ? SPAN_NULL : x->request->authority);
    KEY(l, "target");
    put(l, SPAN("\""));
    put_target(l, a, target_of(x));
    put(l, SPAN("\""));
    KEY(l, "version");
    json_text(l, version_of(x));
    KEY(l, "tls");
    put(l, x->front->conn.tls != NULL ? SPAN("true") : SPAN("false"));
    json_decision(l, x);
    json_outcome(l, x);
    KEY(l, "user_agent");
    json_text(l, x->request == NULL ? SPAN_NULL : http_head_value(x->request, HTTP_USER_AGENT));
    put(l, SPAN("}\n"));
}

/* --- combined, with what weir decided behind it --- */

static void quoted(struct line *l, struct span s)
{
    put(l, SPAN("\""));
    if (s.n == 0)
        put(l, SPAN("-"));
    put_text(l, s, false);
    put(l, SPAN("\""));
}

static void referer(struct line *l, const struct access_log *a, const struct exchange *x)
{
    struct span s = x->request == NULL ? SPAN_NULL : http_head_value(x->request, HTTP_REFERER);
    put(l, s.n == 0 ? SPAN("\"-") : SPAN("\""));
    put_target(l, a, s);
    put(l, SPAN("\""));
}

static void combined_line(struct line *l, const struct access_log *a, struct exchange *x)
{
    const struct decision *d = &x->decision;
    put(l, exchange_client_text(x));
    put(l, SPAN(" - - ["));
    put(l, span_str(a->clf));
    put(l, SPAN("] \""));
    put_text(l, method_of(x), false);
    put(l, SPAN(" "));
    put_target(l, a, target_of(x));
    put(l, SPAN(" "));
    put(l, version_of(x));
    put(l, SPAN("\" "));
    put_u64(l, x->status);
    put(l, SPAN(" "));
    put_u64(l, x->bytes_out);
    put(l, SPAN(" "));
    referer(l, a, x);
    put(l, SPAN(" "));
    quoted(l, x->request == NULL ? SPAN_NULL : http_head_value(x->request, HTTP_USER_AGENT));
    if (x->decided) {
        put(l, SPAN(" route="));
        put(l, span_str(d->route->config->name));
        put(l, SPAN(" backend="));
        put(l, backend_of(x));
        put(l, SPAN(" reason="));
        put(l, span_str(reason_word(d->reason)));
        put(l, SPAN(" bucket="));
        put_u64(l, d->bucket);
        put(l, SPAN(" epoch="));
        put_u64(l, d->epoch);
    }
    put(l, SPAN(" us="));
    put_u64(l, loop_now_us(x->worker->loop) - x->start_us);
    if (x->grpc && x->grpc_status >= 0) {
        put(l, SPAN(" grpc="));
        put_u64(l, (uint64_t)x->grpc_status);
    }
    if (x->failure != ERR_OK) {
        put(l, SPAN(" error="));
        put(l, span_str(err_word(x->failure)));
    }
    if (x->shadow_id[0] != '\0') {
        put(l, SPAN(" shadow="));
        put(l, span_str(x->shadow_id));
    }
    put(l, SPAN("\n"));
}

/* A head that was refused is told of; one that never came to its end was no request. */
static bool has_line(const struct exchange *x)
{
    return x->request != NULL || x->answered || x->failure == ERR_BAD_FRAME;
}

void access_write(struct exchange *x)
{
    struct access_log *a = x->worker->access;
    if (a == NULL || !has_line(x))
        return;
    struct line l = {scribe_room(a->writer, LINE_MAX_BYTES), 0};
    if (l.p == NULL)
        return;
    uint64_t wall_ms = clock_wall_ms();
    renew_dates(a, wall_ms);
    if (a->format == ACCESS_JSON)
        json_line(&l, a, x, wall_ms);
    else
        combined_line(&l, a, x);
    scribe_commit(a->writer, l.n);
}
