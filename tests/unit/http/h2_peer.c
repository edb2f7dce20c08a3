/* A client or a server that tells what it got. */
#include "tests/unit/http/h2_peer.h"

#include <stdlib.h>

static struct peer_stream *find(struct peer *p, int32_t id)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->streams[i].id == id)
            return &p->streams[i];
    return NULL;
}

static void tell(struct peer_stream *s, struct span text)
{
    if (s->in_body)
        rig_add(&s->got, SPAN(" "));
    rig_add(&s->got, text);
    s->in_body = false;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *arg)
{
    struct peer_stream *s = find(arg, frame->hd.stream_id);
    UNUSED(ng);
    if (flags & NGHTTP2_NV_FLAG_NO_INDEX)
        tell(s, SPAN("!"));
    tell(s, span_of(name, name_n));
    tell(s, SPAN("="));
    tell(s, span_of(value, value_n));
    tell(s, SPAN(" "));
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t n,
                   void *arg)
{
    struct peer *p = arg;
    struct peer_stream *s = find(p, id);
    UNUSED(ng);
    UNUSED(flags);
    s->body += n;
    if (!p->short_bodies) {
        if (!s->in_body)
            tell(s, SPAN("body="));
        rig_add(&s->got, span_of(data, n));
        s->in_body = true;
    }
    return 0;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct peer *p = arg;
    struct peer_stream *s = find(p, frame->hd.stream_id);
    UNUSED(ng);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        p->goaway = true;
        p->goaway_last = frame->goaway.last_stream_id;
        p->goaway_code = frame->goaway.error_code;
    }
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK))
        p->pings++;
    if (s != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
        (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
        tell(s, SPAN("END "));
    return 0;
}

static int on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
    struct peer_stream *s = find(arg, id);
    UNUSED(ng);
    if (s == NULL)
        return 0;
    s->closed = true;
    s->code = code;
    rig_printf(&s->got, "%sclosed %u", s->in_body ? " " : "", code);
    return 0;
}

static int on_request(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct peer *p = arg;
    UNUSED(ng);
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    BUG_IF(p->n == PEER_STREAMS);
    p->streams[p->n++] = (struct peer_stream){.id = frame->hd.stream_id};
    return 0;
}

static void answer_frame(struct peer *p, struct peer_stream *s, const nghttp2_frame *frame)
{
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    const struct peer_answer *a = &p->answers[min_size((size_t)(s - p->streams), p->nanswers - 1)];
    bool data = frame->hd.type == NGHTTP2_DATA, head = frame->hd.type == NGHTTP2_HEADERS;
    if ((a->at_head && head && frame->headers.cat == NGHTTP2_HCAT_REQUEST) ||
        (!a->at_head && end && (data || head)))
        s->due = true;
}

static int on_server_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct peer *p = arg;
    int rv = on_frame(ng, frame, arg);
    struct peer_stream *s = find(p, frame->hd.stream_id);
    if (rv == 0 && s != NULL)
        answer_frame(p, s, frame);
    return rv;
}

void peer_begin(struct peer *p, struct rig *r, bool manual_windows)
{
    nghttp2_session_callbacks *cb;
    nghttp2_option *opt;
    memset(p, 0, sizeof(*p));
    p->rig = r;
    BUG_IF(nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&opt) != 0);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_option_set_no_auto_window_update(opt, manual_windows);
    BUG_IF(nghttp2_session_client_new2(&p->ng, cb, p, opt) != 0);
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(opt);
    BUG_IF(nghttp2_submit_settings(p->ng, NGHTTP2_FLAG_NONE, NULL, 0) != 0);
}

void peer_begin_server(struct peer *p, struct rig *r, const struct peer_answer *answers, size_t n)
{
    nghttp2_session_callbacks *cb;
    memset(p, 0, sizeof(*p));
    p->rig = r;
    p->answers = answers;
    p->nanswers = n;
    BUG_IF(nghttp2_session_callbacks_new(&cb) != 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_request);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_server_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    BUG_IF(nghttp2_session_server_new(&p->ng, cb, p) != 0);
    nghttp2_session_callbacks_del(cb);
}

void peer_end(struct peer *p)
{
    nghttp2_session_del(p->ng);
    for (size_t i = 0; i < p->n; i++)
        rig_text_free(&p->streams[i].got);
}

/* --- asking --- */

enum { FIELDS_MAX = 400 };

static size_t fill(nghttp2_nv *nv, const char *fields)
{
    struct span rest = span_str(fields), line;
    size_t n = 0;
    while (rest.n > 0 && span_cut(&rest, '|', &line)) {
        size_t colon = 1 + span_find(span_from(line, 1), ':');
        struct span value = span_from(line, colon + 1);
        if (value.n > 0 && value.p[0] == ' ')
            value = span_from(value, 1);
        bool secret = line.p[0] == '!';
        BUG_IF(n == FIELDS_MAX);
        nv[n++] = (nghttp2_nv){(uint8_t *)(uintptr_t)line.p + secret, (uint8_t *)(uintptr_t)value.p,
                               colon - secret, value.n,
                               secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
    }
    return n;
}

static ssize_t read_body(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t max, uint32_t *flags,
                         nghttp2_data_source *source, void *arg)
{
    struct peer_stream *s = source->ptr;
    size_t n = min_size(max, s->send_n - s->sent);
    UNUSED(arg);
    if (n == 0 && s->pause)
        return NGHTTP2_ERR_DEFERRED;
    for (size_t i = 0; i < n; i++)
        buf[i] = (uint8_t)s->send[s->repeats ? (s->sent + i) % s->send_unit : s->sent + i];
    s->sent += n;
    if (s->sent == s->send_n && !s->pause) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailers != NULL) {
            nghttp2_nv nv[FIELDS_MAX];
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            BUG_IF(nghttp2_submit_trailer(ng, id, nv, fill(nv, s->trailers)) != 0);
        }
    }
    return (ssize_t)n;
}

struct peer_stream *peer_ask(struct peer *p, const char *fields, const char *body, size_t n,
                             const char *trailers)
{
    static nghttp2_nv nv[FIELDS_MAX];
    BUG_IF(p->n == PEER_STREAMS);
    struct peer_stream *s = &p->streams[p->n++];
    nghttp2_data_provider data = {.source = {.ptr = s}, .read_callback = read_body};
    *s = (struct peer_stream){.send = body == NULL ? "" : body, .send_n = n, .trailers = trailers};
    bool bodiless = body == NULL && trailers == NULL;
    s->id =
        nghttp2_submit_request(p->ng, NULL, nv, fill(nv, fields), bodiless ? NULL : &data, NULL);
    BUG_IF(s->id < 0);
    return s;
}

/* --- answering --- */

static void say_head(struct peer *p, struct peer_stream *s, const struct peer_answer *a)
{
    nghttp2_nv nv[FIELDS_MAX];
    nghttp2_data_provider data = {.source = {.ptr = s}, .read_callback = read_body};
    bool bodiless = a->body == NULL && a->trailers == NULL && !a->open;
    s->send = a->body == NULL ? "" : a->body;
    s->send_unit = strlen(s->send);
    s->send_n = s->send_unit * max_size(a->repeat, 1);
    s->repeats = true;
    s->trailers = a->trailers;
    s->pause = a->open;
    BUG_IF(nghttp2_submit_response(p->ng, s->id, nv, fill(nv, a->fields),
                                   bodiless ? NULL : &data) != 0);
}

/* A reset comes a turn later: RST_STREAM would overtake what is queued. */
static void answer(struct peer *p, struct peer_stream *s)
{
    const struct peer_answer *a = &p->answers[min_size((size_t)(s - p->streams), p->nanswers - 1)];
    nghttp2_nv nv[FIELDS_MAX];
    if (s->said) {
        s->due = false;
        BUG_IF(nghttp2_submit_rst_stream(p->ng, NGHTTP2_FLAG_NONE, s->id, a->code) != 0);
        return;
    }
    s->said = true;
    s->due = a->reset;
    for (unsigned i = 0; i < a->interims; i++)
        BUG_IF(nghttp2_submit_headers(p->ng, NGHTTP2_FLAG_NONE, s->id, NULL, nv,
                                      fill(nv, ":status: 103|link: x"), NULL) != 0);
    if (a->fields != NULL)
        say_head(p, s, a);
}

static bool answer_all(struct peer *p)
{
    bool any = false;
    for (size_t i = 0; i < p->n; i++) {
        if (!p->streams[i].due)
            continue;
        any = true;
        answer(p, &p->streams[i]);
    }
    return any;
}

/* --- moving bytes --- */

void peer_send(struct peer *p, size_t piece, struct seeded *seed)
{
    struct rig_text all = {NULL, 0, 0};
    const uint8_t *data;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(p->ng, &data)) > 0)
        rig_add(&all, span_of(data, (size_t)n));
    BUG_IF(n < 0);
    rig_feed(p->rig, rig_span(&all), piece, seed);
    rig_text_free(&all);
}

void peer_receive(struct peer *p, size_t piece, struct seeded *seed)
{
    struct span wire = span_from(rig_span(&p->rig->wire), p->wire_at);
    while (wire.n > 0) {
        size_t n = piece == 0 ? wire.n : piece == 1 ? 1 : 1 + seeded_below(seed, piece);
        n = min_size(n, wire.n);
        ssize_t used = nghttp2_session_mem_recv(p->ng, (const uint8_t *)wire.p, n);
        if (used != (ssize_t)n) {
            p->broken = true;
            return;
        }
        wire = span_from(wire, n);
        p->wire_at += n;
    }
}

void peer_pump(struct peer *p, size_t piece, struct seeded *seed)
{
    unsigned turns = 0;
    for (int quiet = 0; quiet < 2; quiet++) {
        BUG_IF(++turns > 1000000);
        size_t before = p->wire_at;
        bool wants = answer_all(p);
        wants = nghttp2_session_want_write(p->ng) != 0 || wants;
        peer_send(p, piece, seed);
        if (!p->rig->failed && p->rig->out.n > 0)
            rig_flush(p->rig);
        peer_receive(p, piece, seed);
        if (wants || p->wire_at != before)
            quiet = -1;
        if (p->broken || p->rig->failed)
            return;
    }
}

const char *peer_got(struct peer_stream *s)
{
    return rig_string(&s->got);
}
