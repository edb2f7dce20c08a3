/* The special difficulty is to be a strict host and a fair one: it does what the connections of the
 * data plane do (proxy/conn.c), in the same order, and nothing more. */
#include "tests/unit/http/rig.h"

#include <stdarg.h>
#include <stdlib.h>

enum { ARENA_MAX = 1024 * 1024, FLUSHES_MAX = 100000 };

struct rig_owner {
    struct rig_owner *next;
    struct rig *rig;
    struct http_stream *stream; /* NULL: gone or given up */
    struct arena arena;
    struct rig_script script;
    unsigned number;
    size_t sent; /* of the body */
    bool speaking;
    bool spoken;
    bool full;  /* send_body said 0: ready may come */
    bool ended; /* the peer's message */
    bool has_head;
    bool early_end; /* the end of a tunnel that is not open yet (HTTP/2) */
    bool asked;     /* for a tunnel, by a client */
    bool tunnel;    /* it is open */
    bool end_sent;
    bool bodiless; /* it was said that no body follows */
    bool told;     /* that all of it was sent */
    size_t held;
};

/* Bytes that are lent to the codec until it was drained. */
struct rig_loan {
    struct rig_loan *next;
    char bytes[];
};

/* Past the failing allocator, which knows malloc and its kin. */
static void *take_memory(size_t n)
{
    void *p = NULL;
    BUG_IF(posix_memalign(&p, 16, n) != 0);
    return p;
}

static void text_reserve(struct rig_text *t, size_t more)
{
    if (t->cap - t->n >= more)
        return;
    size_t cap = max_size(2 * t->cap, t->n + more + 256);
    char *p = take_memory(cap);
    if (t->n > 0)
        memcpy(p, t->p, t->n);
    free(t->p);
    t->p = p;
    t->cap = cap;
}

void rig_add(struct rig_text *t, struct span s)
{
    text_reserve(t, s.n);
    if (s.n > 0)
        memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
}

void rig_printf(struct rig_text *t, const char *fmt, ...)
{
    va_list ap;
    text_reserve(t, 1000);
    va_start(ap, fmt);
    int n = vsnprintf(t->p + t->n, 1000, fmt, ap);
    va_end(ap);
    BUG_IF(n < 0 || n >= 1000);
    t->n += (size_t)n;
}

const char *rig_string(struct rig_text *t)
{
    text_reserve(t, 1);
    t->p[t->n] = '\0';
    return t->p;
}

void rig_text_free(struct rig_text *t)
{
    free(t->p);
    *t = (struct rig_text){NULL, 0, 0};
}

static bool is_backend(const struct rig *r)
{
    return r->role == RIG_H1_BACKEND || r->role == RIG_H2_BACKEND;
}

/* --- the diary --- */

static void note(struct rig *r, unsigned stream, const char *text)
{
    if (r->quiet)
        return;
    if (r->in_body != 0)
        rig_add(&r->diary, SPAN("\n"));
    r->in_body = 0;
    if (r->role == RIG_H2_CLIENT || r->role == RIG_H2_BACKEND)
        rig_printf(&r->diary, "%u ", stream);
    rig_add(&r->diary, span_str(text));
}

static void note_bytes(struct rig *r, struct span s)
{
    for (size_t i = 0; i < s.n && !r->quiet; i++) {
        unsigned char c = (unsigned char)s.p[i];
        rig_printf(&r->diary, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
    }
}

static void note_end(struct rig *r)
{
    if (!r->quiet)
        rig_add(&r->diary, SPAN("\n"));
}

static void note_fields(struct rig *r, const struct http_head *h)
{
    for (size_t i = 0; i < h->nfields; i++) {
        if (h->fields[i].flags & HTTP_FIELD_DROPPED)
            continue;
        note_bytes(r, h->fields[i].flags & HTTP_FIELD_UNINDEXED ? SPAN(" !") : SPAN(" "));
        note_bytes(r, h->fields[i].name);
        note_bytes(r, SPAN("="));
        note_bytes(r, h->fields[i].value);
    }
}

const char *rig_diary(struct rig *r)
{
    if (r->in_body != 0)
        note_end(r);
    r->in_body = 0;
    return rig_string(&r->diary);
}

/* --- what owners say --- */

static struct span lend(struct rig *r, struct span s)
{
    struct rig_loan *l = take_memory(sizeof(*l) + s.n);
    memcpy(l->bytes, s.p, s.n);
    l->next = r->loans;
    r->loans = l;
    return span_of(l->bytes, s.n);
}

static void give_back_loans(struct rig *r)
{
    while (r->loans != NULL) {
        struct rig_loan *l = r->loans;
        r->loans = l->next;
        free(l);
    }
}

static bool fill_fields(struct http_head *h, const char *fields)
{
    struct span rest = span_str(fields), line;
    while (rest.n > 0 && span_cut(&rest, '|', &line)) {
        bool secret = line.p[0] == '!';
        size_t colon = span_find(line, ':');
        struct span value = span_trim(span_from(line, colon + 1));
        if (http_head_add(h, span_from(span_until(line, colon), secret), value) != ERR_OK)
            return false;
        if (secret)
            h->fields[h->nfields - 1].flags |= HTTP_FIELD_UNINDEXED;
    }
    return true;
}

static struct http_head *make_head(struct rig_owner *o, const char *fields)
{
    const struct rig_script *t = &o->script;
    bool is_response = !is_backend(o->rig);
    struct http_head *h = arena_alloc(&o->arena, sizeof(*h));
    if (h == NULL)
        return NULL;
    http_head_begin(h, &o->arena, is_response);
    h->version = HTTP_1_1;
    h->websocket = t->tunnel && (o->asked || !is_response);
    h->status = is_response ? (uint16_t)(t->status == 0 ? 200 : t->status) : 0;
    if (h->status == 101 && !o->asked)
        h->status = 200;
    if (!is_response) {
        h->method_name = span_str(t->method == NULL ? "GET" : t->method);
        h->method = (uint8_t)http_method_lookup(h->method_name);
        h->target = span_str(t->target == NULL ? "/" : t->target);
        h->authority = SPAN("b");
    }
    return fill_fields(h, fields) ? h : NULL;
}

static void give_up(struct rig_owner *o, enum err why)
{
    struct http_stream *s = o->stream;
    bool was = o->rig->in_verb;
    o->stream = NULL;
    note(o->rig, o->number, "reset\n");
    o->rig->in_verb = true;
    http_reset(s, why);
    o->rig->in_verb = was;
}

static size_t body_size(const struct rig_script *t)
{
    return strlen(t->body) * (t->repeat == 0 ? 1 : t->repeat);
}

/* Sends until told to stop. False: not finished. */
static bool send_body(struct rig_owner *o)
{
    const struct rig_script *t = &o->script;
    size_t unit = strlen(t->body), all = body_size(t);
    while (o->sent < all) {
        size_t from = o->sent % unit;
        size_t n = min_size(unit - from, t->piece == 0 ? unit : t->piece);
        size_t room = http_send_body(o->stream, lend(o->rig, span_of(t->body + from, n)));
        o->sent += n;
        o->full = room == 0;
        if (o->full && o->sent < all)
            return false;
    }
    return true;
}

static void send_rest(struct rig_owner *o)
{
    const struct rig_script *t = &o->script;
    struct rig *r = o->rig;
    if (o->end_sent)
        return;
    r->in_verb = true;
    bool whole = send_body(o);
    if (whole && t->stop != SENT_BODY && t->reset != SENT_BODY) {
        struct http_head *trailers = t->trailers == NULL ? NULL : make_head(o, t->trailers);
        enum err e = t->trailers != NULL && trailers == NULL ? ERR_NO_MEMORY
                                                             : http_send_end(o->stream, trailers);
        o->end_sent = true;
        r->in_verb = false;
        if (e != ERR_OK)
            give_up(o, e);
    }
    r->in_verb = false;
    if (whole && t->reset == SENT_BODY && o->stream != NULL)
        give_up(o, ERR_BACKEND_RESET);
}

static enum err send_interim(struct rig_owner *o)
{
    struct http_head *h = make_head(o, NULL);
    if (h == NULL)
        return ERR_NO_MEMORY;
    h->status = (uint16_t)o->script.interim;
    return http_send_head(o->stream, h, false);
}

static void leave_tunnel(struct rig_owner *o)
{
    if (!o->tunnel || o->stream == NULL || o->end_sent)
        return;
    o->end_sent = true;
    o->rig->in_verb = true;
    enum err e = http_send_end(o->stream, NULL);
    o->rig->in_verb = false;
    if (e != ERR_OK)
        give_up(o, e);
}

/* The 101 was sent or came: the stream begins anew. */
static void enter_tunnel(struct rig_owner *o)
{
    o->tunnel = true;
    o->bodiless = false;
    o->ended = o->early_end;
    if (o->script.body != NULL && o->script.stop != SENT_HEAD)
        send_rest(o);
    if (o->ended)
        leave_tunnel(o);
}

static void speak(struct rig_owner *o)
{
    const struct rig_script *t = &o->script;
    struct rig *r = o->rig;
    if (o->spoken || o->stream == NULL)
        return;
    o->spoken = true;
    bool opens = t->status == 101 && o->asked;
    r->in_verb = true;
    enum err e = t->interim != 0 && !is_backend(r) ? send_interim(o) : ERR_OK;
    struct http_head *h = make_head(o, t->fields);
    if (e == ERR_OK)
        e = h == NULL ? ERR_NO_MEMORY
                      : http_send_head(o->stream, h, !opens && (t->body == NULL || t->tunnel));
    r->in_verb = false;
    if (e != ERR_OK || t->reset == SENT_HEAD)
        give_up(o, e == ERR_OK ? ERR_BACKEND_RESET : e);
    else if (opens)
        enter_tunnel(o);
    else if (t->body != NULL && t->stop != SENT_HEAD && !t->tunnel)
        send_rest(o);
}

/* --- events --- */

static struct rig_owner *owner_of(void *arg)
{
    struct rig_owner *o = arg;
    BUG_IF(o->stream == NULL); /* an event after the last */
    BUG_IF(o->rig->in_verb);
    BUG_IF(!o->rig->in_codec);
    return o;
}

static void act(struct rig_owner *o, enum rig_point here)
{
    if (o->stream != NULL && o->script.reset == here)
        give_up(o, ERR_BACKEND_RESET);
    else if (o->script.when == here)
        speak(o);
}

static void on_head(void *arg, struct http_head *h)
{
    struct rig_owner *o = owner_of(arg);
    struct rig *r = o->rig;
    BUG_IF(o->ended || o->has_head || h->arena != &o->arena);
    note(r, o->number, "head ");
    if (h->is_response) {
        if (!r->quiet)
            rig_printf(&r->diary, "%u", h->status);
    } else {
        note_bytes(r, h->method_name);
        note_bytes(r, SPAN(" "));
        note_bytes(r, h->target);
        note_bytes(r, SPAN(" "));
        note_bytes(r, h->authority);
    }
    if (h->refuse != ERR_OK) {
        note_bytes(r, SPAN(" refused "));
        note_bytes(r, span_str(err_word(h->refuse)));
    } else {
        note_fields(r, h);
    }
    if (h->websocket && h->refuse == ERR_OK)
        note_bytes(r, SPAN(" websocket"));
    note_end(r);
    o->has_head = h->status >= 200 || !h->is_response || h->websocket;
    o->bodiless = h->bodiless;
    o->asked = !h->is_response && h->websocket && h->refuse == ERR_OK;
    if (h->is_response && h->websocket)
        enter_tunnel(o);
    else if (o->has_head)
        act(o, ON_HEAD);
    if (h->refuse != ERR_OK && o->script.when == ON_END)
        speak(o); /* no end will come */
}

static void consume(struct rig_owner *o, size_t n)
{
    bool was = o->rig->in_verb;
    o->rig->in_verb = true;
    http_consumed(o->stream, n);
    o->rig->in_verb = was;
}

static void on_body(void *arg, struct span data)
{
    struct rig_owner *o = owner_of(arg);
    struct rig *r = o->rig;
    bool early = o->asked && !o->tunnel && r->role == RIG_H2_CLIENT;
    BUG_IF(!o->has_head || o->early_end || data.n == 0);
    BUG_IF((o->ended || o->bodiless) && !early);
    if (r->in_body != o->number)
        note(r, o->number, "body ");
    r->in_body = o->number;
    note_bytes(r, data);
    if (o->script.reset == ON_BODY) {
        give_up(o, ERR_BACKEND_RESET);
        return;
    }
    if (o->script.hold)
        o->held += data.n;
    else
        consume(o, data.n);
}

static void on_end(void *arg, enum err how, struct http_head *trailers)
{
    struct rig_owner *o = owner_of(arg);
    struct rig *r = o->rig;
    bool early = o->asked && !o->tunnel && o->ended && r->role == RIG_H2_CLIENT;
    BUG_IF(!o->has_head || (o->ended && !early) || o->early_end);
    BUG_IF(how != ERR_OK && (trailers != NULL || is_backend(r)));
    BUG_IF(o->bodiless && !early && (how != ERR_OK || trailers != NULL));
    o->early_end = early;
    o->ended = true;
    note(r, o->number, "end ");
    note_bytes(r, span_str(how == ERR_OK ? "ok" : err_word(how)));
    if (trailers != NULL)
        note_fields(r, trailers);
    note_end(r);
    if (o->tunnel)
        leave_tunnel(o);
    else if (!early)
        act(o, ON_END);
}

static void on_ready(void *arg)
{
    struct rig_owner *o = owner_of(arg);
    BUG_IF(!o->full);
    o->full = false;
    if (o->script.body != NULL && o->sent < body_size(&o->script))
        send_rest(o);
}

/* Once, when the message was said to be over; over HTTP/1 nothing of it waits then. */
static void on_sent(void *arg)
{
    struct rig_owner *o = owner_of(arg);
    BUG_IF(!is_backend(o->rig) || o->told || o->stream == NULL);
    BUG_IF(!o->spoken);
    BUG_IF(o->rig->role == RIG_H1_BACKEND && o->rig->out.n > 0);
    o->told = true;
    o->rig->ntold++;
}

static void on_gone(void *arg, enum err why)
{
    struct rig_owner *o = owner_of(arg);
    o->stream = NULL;
    note(o->rig, o->number, "gone ");
    note_bytes(o->rig, span_str(why == ERR_OK ? "ok" : err_word(why)));
    note_end(o->rig);
}

static const struct http_stream_events events = {.head = on_head,
                                                 .body = on_body,
                                                 .end = on_end,
                                                 .ready = on_ready,
                                                 .sent = on_sent,
                                                 .gone = on_gone};

/* --- the host --- */

static struct rig_owner *owner_new(struct rig *r)
{
    const struct rig_script *s = r->script;
    struct rig_owner *o = take_memory(sizeof(*o));
    memset(o, 0, sizeof(*o));
    o->script = s[min_size(r->nstreams, r->nscript - 1)];
    o->number = ++r->nstreams;
    o->rig = r;
    o->next = r->owners;
    r->owners = o;
    arena_begin(&o->arena, o->script.arena == 0 ? ARENA_MAX : o->script.arena);
    return o;
}

static bool host_open(void *arg, struct http_stream *s, struct arena **arena)
{
    struct rig *r = arg;
    BUG_IF(!r->in_codec || r->in_verb);
    struct rig_owner *o = owner_new(r);
    if (o->script.refuse)
        return false;
    o->stream = s;
    s->on = &events;
    s->owner = o;
    *arena = &o->arena;
    return true;
}

static void host_wants_write(void *arg)
{
    struct rig *r = arg;
    r->dirty = true;
}

static void host_wants_read(void *arg)
{
    struct rig *r = arg; /* what is in rx is fed again anyway as soon as the codec is reading */
    r->reads++;
}

static void host_ends_sending(void *arg)
{
    struct rig *r = arg;
    BUG_IF(r->half_closed);
    r->half_closed = true;
}

static void host_flooded(void *arg, const char *kind)
{
    struct rig *r = arg;
    BUG_IF(r->flooded != NULL);
    r->flooded = kind;
}

static const struct codec_host host = {.open = host_open,
                                       .flooded = host_flooded,
                                       .wants_write = host_wants_write,
                                       .wants_read = host_wants_read,
                                       .ends_sending = host_ends_sending};

void rig_options(struct rig *r)
{
    struct codec_options *o = &r->options;
    if (o->limits.header_bytes == 0)
        o->limits = (struct http_limits){4096, 32, 1024};
    o->buffer = o->buffer == 0 ? 32 * 1024 : o->buffer;
    o->h2_streams = o->h2_streams == 0 ? 100 : o->h2_streams;
    o->h2_stream_window = o->h2_stream_window == 0 ? 65535 : o->h2_stream_window;
    o->h2_connection_window = o->h2_connection_window == 0 ? 1024 * 1024 : o->h2_connection_window;
    o->h2_backend_streams = o->h2_backend_streams == 0 ? 100 : o->h2_backend_streams;
}

enum err rig_begin(struct rig *r, enum rig_role role, const struct rig_script *script, size_t n)
{
    BUG_IF(n == 0);
    r->role = role;
    r->script = script;
    r->nscript = n;
    r->window = r->window == 0 ? SIZE_MAX : r->window;
    rig_options(r);
    switch (role) {
    case RIG_H1_CLIENT:
        return codec_h1_client(&r->codec, &r->options, &host, r, &r->out);
    case RIG_H1_BACKEND:
        return codec_h1_backend(&r->codec, &r->options, &host, r, &r->out);
    case RIG_H2_BACKEND:
        return codec_h2_backend(&r->codec, &r->options, false, &host, r, &r->out);
    default:
        return codec_h2_client(&r->codec, &r->options, &host, r, &r->out);
    }
}

void rig_end(struct rig *r)
{
    if (r->codec != NULL)
        codec_free(&r->codec);
    give_back_loans(r);
    while (r->owners != NULL) {
        struct rig_owner *o = r->owners;
        r->owners = o->next;
        arena_end(&o->arena);
        free(o);
    }
    chunkq_free(&r->out);
    free((void *)(uintptr_t)r->rx.p);
    r->rx = SPAN_NULL;
    rig_text_free(&r->wire);
    rig_text_free(&r->diary);
    arena_thread_end();
    chunkq_thread_end();
}

/* --- writing --- */

static void write_out(struct rig *r)
{
    struct iovec iov;
    size_t left = min_size(r->window, r->out.n);
    while (left > 0 && chunkq_iov(&r->out, &iov, 1) == 1) {
        size_t n = min_size(left, iov.iov_len);
        if (!r->quiet)
            rig_add(&r->wire, span_of(iov.iov_base, n));
        chunkq_consume(&r->out, n);
        left -= n;
    }
    if (chunkq_own(&r->out) != ERR_OK)
        r->failed = true;
}

void rig_flush(struct rig *r)
{
    do {
        r->dirty = false;
        BUG_IF(++r->flushes > FLUSHES_MAX);
        r->in_codec = true;
        if (!codec_drain(r->codec))
            r->failed = true;
        r->in_codec = false;
        write_out(r);
        give_back_loans(r);
        if (r->out.n > 0 || r->failed)
            return;
        r->in_codec = true;
        codec_flushed(r->codec);
        r->in_codec = false;
    } while (r->dirty);
}

/* --- reading --- */

/* Puts bytes behind what waits, in an allocation of exactly that size. */
static void keep(struct rig *r, struct span more)
{
    struct span old = r->rx;
    if (more.n == 0)
        return;
    char *p = take_memory(old.n + more.n);
    if (old.n > 0)
        memcpy(p, old.p, old.n);
    memcpy(p + old.n, more.p, more.n);
    free((void *)(uintptr_t)old.p);
    r->rx = span_of(p, old.n + more.n);
}

/* One codec_feed of what waits, in memory of its own that is gone afterwards. */
static size_t feed_once(struct rig *r)
{
    struct span in = r->rx;
    size_t used = 0;
    r->rx = SPAN_NULL;
    r->in_codec = true;
    enum err e = codec_feed(r->codec, in, &used);
    r->in_codec = false;
    BUG_IF(used > in.n);
    if (e != ERR_OK)
        r->failed = true;
    if (!r->lazy && r->dirty)
        rig_flush(r);
    else if (chunkq_own(&r->out) != ERR_OK)
        r->failed = true;
    keep(r, span_from(in, used));
    free((void *)(uintptr_t)in.p);
    return used;
}

static void feed_waiting(struct rig *r)
{
    while (r->rx.n > 0 && !r->failed) {
        if (!codec_is_reading(r->codec) && r->lazy)
            rig_flush(r);
        if (!codec_is_reading(r->codec) || feed_once(r) == 0)
            return;
    }
}

void rig_feed(struct rig *r, struct span in, size_t piece, struct seeded *seed)
{
    size_t n;
    for (size_t at = 0; at < in.n && !r->failed; at += n) {
        n = piece == 0 ? in.n : piece == 1 ? 1 : 1 + seeded_below(seed, piece);
        n = min_size(n, in.n - at);
        keep(r, span_of(in.p + at, n));
        feed_waiting(r);
    }
    if (!r->failed && r->dirty)
        rig_flush(r);
    feed_waiting(r);
}

void rig_close(struct rig *r, enum err why)
{
    r->in_codec = true;
    codec_closed(r->codec, why);
    r->in_codec = false;
    if (why == ERR_OK && !r->failed)
        rig_flush(r);
}

/* --- from outside --- */

static struct rig_owner *find(const struct rig *r, unsigned stream)
{
    struct rig_owner *o = r->owners;
    while (o != NULL && o->number != stream)
        o = o->next;
    return o;
}

bool rig_is_open(const struct rig *r, unsigned stream)
{
    const struct rig_owner *o = find(r, stream);
    return o != NULL && o->stream != NULL;
}

bool rig_ask(struct rig *r)
{
    struct rig_owner *o = owner_new(r);
    const struct rig_script *t = &o->script;
    enum http_method m = http_method_lookup(span_str(t->method == NULL ? "GET" : t->method));
    o->stream = codec_open(r->codec, m, &o->arena, &events, o);
    if (o->stream == NULL)
        return false;
    if (t->when != BY_HAND)
        speak(o);
    if (!r->lazy && r->dirty)
        rig_flush(r);
    return true;
}

void rig_release(struct rig *r)
{
    for (struct rig_owner *o = r->owners; o != NULL; o = o->next) {
        size_t n = o->held;
        o->held = 0;
        if (n > 0 && o->stream != NULL)
            consume(o, n);
    }
    if (r->dirty)
        rig_flush(r);
    feed_waiting(r);
}

void rig_say(struct rig *r, unsigned stream, enum err reset)
{
    struct rig_owner *o = find(r, stream);
    BUG_IF(o == NULL);
    if (o->stream == NULL)
        return;
    if (reset != ERR_OK)
        give_up(o, reset);
    else
        speak(o);
    if (r->dirty)
        rig_flush(r);
    feed_waiting(r);
}
