/* The order of comparison, and where it stops. The special difficulty: what cannot be compared must
 * never look like a match, nor like a difference. So a pair is a match only if everything was seen
 * to agree; what was not looked at has a word. */
#include "shadow/compare.h"

#include "base/digest.h"
#include "shadow/recast.h"
#include "shadow/trailers.h"

#include <stdio.h>

enum { TRIM_KEEP = 4 * 1024 * 1024, RECAST_MAX = 64 * 1024 * 1024 };

/* How the bodies were compared. */
static const char body_none[] = "none";   /* neither has one */
static const char body_equal[] = "equal"; /* byte by byte, or by hash */
static const char body_json[] = "json";
static const char body_form[] = "form";
static const char body_events[] = "events";
static const char body_text[] = "text";
static const char body_bytes[] = "bytes";
static const char body_one_side[] = "one_side";
static const char body_media_only[] = "media_only"; /* error pages */
static const char body_not[] = "not_compared";      /* a status stopped it */
static const char body_other_call[] = "other_call";
static const char body_other_media[] = "other_media";
static const char body_truncated[] = "truncated"; /* too large for the buffer */
static const char body_undecodable[] = "undecodable";
static const char body_too_deep[] = "too_deep";
static const char body_too_costly[] = "too_costly"; /* what was found by then is found */

/* What a comparison works with. */
struct work_on {
    struct diff *d;
    struct comparer *c;
    const struct shadow_pair *pair;
    const struct shadow_answer *legacy;
    const struct shadow_answer *new_;
    struct comparison *out;
    struct media media[2];
};

static enum err add(struct work_on *w, enum finding_kind kind, struct span path, struct span legacy,
                    struct span new_, const char *detail, struct span note, bool open)
{
    struct finding f = {.kind = kind, .path = path, .detail = detail, .note = note, .open = open};
    f.values[SIDE_LEGACY] = diff_text_value(legacy);
    f.values[SIDE_NEW] = diff_text_value(new_);
    return diff_report(w->d, &f);
}

/* --- outcome --- */

/* True: the pair is decided, there is nothing to compare. */
static bool outcome(struct work_on *w)
{
    const struct shadow_answer *served = &w->pair->answers[w->pair->served];
    const struct shadow_answer *copy = &w->pair->answers[side_other(w->pair->served)];
    if (served->outcome != ERR_OK || !served->has_head) {
        w->out->verdict = VERDICT_SKIPPED;
        w->out->reason = served->has_head ? "truncated" : "no_answer";
        return true;
    }
    if (copy->outcome != ERR_OK || !copy->has_head) {
        w->out->verdict = VERDICT_FAILED;
        w->out->reason = copy->outcome == ERR_OK ? "no_answer" : err_word(copy->outcome);
        return true;
    }
    return false;
}

/* --- status --- */

static bool is_conditional_status(unsigned status)
{
    return status == 304 || status == 412 || status == 206;
}

static bool one_sided_validator(const struct work_on *w)
{
    unsigned a = w->legacy->head.status, b = w->new_->head.status;
    return w->pair->conditional && a != b && (is_conditional_status(a) || is_conditional_status(b));
}

static enum err status(struct work_on *w, bool *stop)
{
    char l[20], r[20];
    unsigned a = w->legacy->head.status, b = w->new_->head.status;
    *stop = a / 100 != b / 100;
    if (a == b)
        return ERR_OK;
    return add(w, KIND_STATUS, SPAN("status"), span_of(l, bytes_u64(l, a)),
               span_of(r, bytes_u64(r, b)), NULL, SPAN_NULL, true);
}

/* --- media type --- */

/* An answer without a body need not say what it would have been. */
static bool says_what(const struct work_on *w, enum side s)
{
    return w->pair->answers[s].body_length > 0 || w->media[s].type.n > 0;
}

static bool media_matters(const struct work_on *w)
{
    bool any = w->legacy->body_length > 0 || w->new_->body_length > 0;
    return w->pair->method == HTTP_HEAD ||
           (any && says_what(w, SIDE_LEGACY) && says_what(w, SIDE_NEW));
}

static struct span media_text(const struct http_head *h)
{
    struct span v = http_head_value(h, HTTP_CONTENT_TYPE);
    return v.n == 0 ? SPAN_NULL : v;
}

static enum err media(struct work_on *w, bool *stop)
{
    const struct http_head *l = &w->legacy->head, *r = &w->new_->head;
    w->media[SIDE_LEGACY] = media_of(l);
    w->media[SIDE_NEW] = media_of(r);
    *stop = media_matters(w) && !media_same(&w->media[SIDE_LEGACY], &w->media[SIDE_NEW]);
    if (!*stop)
        return ERR_OK;
    struct span a = media_text(l), b = media_text(r);
    const char *detail = b.p == NULL ? "missing" : a.p == NULL ? "extra" : "value";
    return add(w, KIND_MEDIA, SPAN("media"), a, b, detail, SPAN_NULL, true);
}

/* --- body: without looking inside --- */

static bool kept_whole(const struct shadow_answer *a)
{
    return a->body.n == a->body_length;
}

static bool hash_of(const struct shadow_answer *a, unsigned char out[DIGEST_BYTES])
{
    if (a->body_hashed) {
        memcpy(out, a->body_sha256, DIGEST_BYTES);
        return true;
    }
    return kept_whole(a) && digest_of(buf_span(&a->body), out) == ERR_OK;
}

/* Whether all bytes of both are the same, as far as that can be known without having them all. */
static bool same_bytes(const struct shadow_answer *a, const struct shadow_answer *b)
{
    unsigned char ha[DIGEST_BYTES], hb[DIGEST_BYTES];
    if (a->body_length != b->body_length || !decode_same_codings(&a->head, &b->head))
        return false;
    if (kept_whole(a) && kept_whole(b))
        return span_eq(buf_span(&a->body), buf_span(&b->body));
    return hash_of(a, ha) && hash_of(b, hb) && memcmp(ha, hb, sizeof(ha)) == 0;
}

/* Of so many bytes; one of them has none. */
static enum err one_side(struct work_on *w, uint64_t legacy, uint64_t new_)
{
    char note[64];
    bool on_legacy = legacy > 0;
    uint64_t n = on_legacy ? legacy : new_;
    int len = snprintf(note, sizeof(note), "the other has %llu bytes", (unsigned long long)n);
    struct finding f = {.kind = on_legacy ? KIND_MISSING : KIND_EXTRA, .path = SPAN("$")};
    f.note = span_of(note, (size_t)len);
    w->out->body = body_one_side;
    return diff_report(w->d, &f);
}

/* --- body: by type --- */

static enum err by_bytes(struct work_on *w, struct span a, struct span b)
{
    char l[20], r[20], hex[2][2 * DIGEST_BYTES];
    unsigned char hash[2][DIGEST_BYTES];
    w->out->body = body_bytes;
    if (a.n != b.n)
        return add(w, KIND_LENGTH, SPAN("body"), span_of(l, bytes_u64(l, a.n)),
                   span_of(r, bytes_u64(r, b.n)), NULL, SPAN_NULL, true);
    TRY(digest_of(a, hash[SIDE_LEGACY]));
    TRY(digest_of(b, hash[SIDE_NEW]));
    bytes_hex(hex[SIDE_LEGACY], hash[SIDE_LEGACY], DIGEST_BYTES);
    bytes_hex(hex[SIDE_NEW], hash[SIDE_NEW], DIGEST_BYTES);
    return add(w, KIND_VALUE, SPAN("body"), span_of(hex[SIDE_LEGACY], sizeof(hex[0])),
               span_of(hex[SIDE_NEW], sizeof(hex[1])), "sha256", SPAN_NULL, false);
}

static enum err by_text(struct work_on *w, struct span a, struct span b)
{
    w->out->body = body_text;
    return diff_text(w->d, a, b);
}

/* A document that is damaged: nobody can tell which of its values are secret. */
static enum err by_broken_text(struct work_on *w, struct span a, struct span b)
{
    w->d->unread = true;
    enum err e = by_text(w, a, b);
    w->d->unread = false;
    return e;
}

/* JSON on one side only: type at $. */
static enum err half_json(struct work_on *w, enum side broken)
{
    const struct jdoc *d = &w->d->docs[broken];
    char note[160];
    int n = snprintf(note, sizeof(note), "%s is not JSON: %s, at byte %zu", side_word(broken),
                     d->wrong, d->wrong_at);
    struct finding f = {.kind = KIND_TYPE, .path = SPAN("$"), .note = span_of(note, (size_t)n)};
    f.values[broken] = (struct diff_value){.present = true, .vclass = VCLASS_TEXT, .text = d->text};
    f.values[side_other(broken)] = diff_node_value(&w->d->docs[side_other(broken)], 0);
    w->out->body = body_json;
    w->d->unread = true;
    enum err e = diff_report(w->d, &f);
    w->d->unread = false;
    return e;
}

static bool is_no_memory(enum err l, enum err r)
{
    return l == ERR_NO_MEMORY || r == ERR_NO_MEMORY;
}

/* sniffed: nobody said that this is JSON. */
static enum err by_json(struct work_on *w, struct span a, struct span b, bool sniffed)
{
    enum err l = jdoc_parse(&w->d->docs[SIDE_LEGACY], a);
    enum err r = jdoc_parse(&w->d->docs[SIDE_NEW], b);
    if (is_no_memory(l, r))
        return ERR_NO_MEMORY;
    w->out->body = body_json;
    if (l == ERR_OK && r == ERR_OK)
        return diff_json(w->d);
    bool broken_l = l == ERR_SHADOW_MALFORMED, broken_r = r == ERR_SHADOW_MALFORMED;
    if (broken_l && broken_r)
        return by_broken_text(w, a, b);
    if ((l == ERR_OK && broken_r) || (broken_l && r == ERR_OK))
        return sniffed ? by_broken_text(w, a, b) : half_json(w, broken_l ? SIDE_LEGACY : SIDE_NEW);
    w->out->body = l == ERR_TOO_LARGE || r == ERR_TOO_LARGE ? body_truncated : body_too_deep;
    return ERR_OK;
}

/* Fields or a list in another notation. */
static enum err by_recast(struct work_on *w, struct span a, struct span b, bool form)
{
    struct buf *out = w->c->recast;
    const struct span bodies[2] = {a, b};
    out[SIDE_LEGACY].n = out[SIDE_NEW].n = 0;
    enum err e = form ? recast_form(bodies, out) : recast_events(a, &out[SIDE_LEGACY]);
    if (e == ERR_OK && !form)
        e = recast_events(b, &out[SIDE_NEW]);
    if (e == ERR_INVALID)
        return by_broken_text(w, a, b);
    TRY(e);
    diff_root(w->d, form ? SPAN("form") : SPAN("events"));
    TRY(by_json(w, buf_span(&out[SIDE_LEGACY]), buf_span(&out[SIDE_NEW]), false));
    if (w->out->body == body_json)
        w->out->body = form ? body_form : body_events;
    return ERR_OK;
}

static bool begins_like_json(struct span s)
{
    size_t i = span_has_prefix(s, SPAN("\xef\xbb\xbf")) ? 3 : 0;
    while (i < s.n && memchr(" \t\r\n", s.p[i], 4) != NULL)
        i++;
    return i < s.n && (s.p[i] == '{' || s.p[i] == '[');
}

static bool is_printable(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static enum err by_type(struct work_on *w, struct span a, struct span b)
{
    const struct media *m = &w->media[SIDE_LEGACY];
    bool untyped = m->type.n == 0;
    if (media_is_json(m)) {
        w->out->json[SIDE_LEGACY] = a;
        w->out->json[SIDE_NEW] = b;
        return by_json(w, a, b, false);
    }
    if (media_is(m, "application/x-www-form-urlencoded"))
        return by_recast(w, a, b, true);
    if (media_is(m, "text/event-stream"))
        return by_recast(w, a, b, false);
    if (untyped && begins_like_json(a) && begins_like_json(b))
        return by_json(w, a, b, true);
    if (!media_is_text(m) && !(untyped && is_printable(a) && is_printable(b)))
        return by_bytes(w, a, b);
    if (!w->d->error_answer)
        return by_text(w, a, b);
    w->out->body = body_media_only;
    return ERR_OK;
}

static enum err decoded(struct work_on *w, enum side s, struct span *out)
{
    const struct shadow_answer *a = &w->pair->answers[s];
    return decode_answer(&w->c->decoders[s], &a->head, buf_span(&a->body), w->c->decoded_max, out);
}

/* Not *done: they cannot be, and out->body says why. */
static enum err decode_both(struct work_on *w, struct span *a, struct span *b, bool *done)
{
    *done = false;
    w->out->body = body_truncated;
    if (!kept_whole(w->legacy) || !kept_whole(w->new_))
        return ERR_OK;
    enum err l = decoded(w, SIDE_LEGACY, a), r = decoded(w, SIDE_NEW, b);
    if (is_no_memory(l, r))
        return ERR_NO_MEMORY;
    *done = l == ERR_OK && r == ERR_OK;
    if (l != ERR_TOO_LARGE && r != ERR_TOO_LARGE)
        w->out->body = body_undecodable;
    return ERR_OK;
}

/* Twenty bytes of gzip may stand for none: what is empty is known when it is decoded. */
static enum err body(struct work_on *w)
{
    struct span a, b;
    bool done;
    uint64_t l = w->legacy->body_length, r = w->new_->body_length;
    w->out->body = body_none;
    if (w->pair->method == HTTP_HEAD || (l == 0 && r == 0))
        return ERR_OK;
    w->out->body = body_equal;
    if (same_bytes(w->legacy, w->new_))
        return ERR_OK;
    TRY(decode_both(w, &a, &b, &done));
    if (!done)
        return l == 0 || r == 0 ? one_side(w, l, r) : ERR_OK;
    w->out->body = body_equal;
    if (span_eq(a, b))
        return ERR_OK;
    return a.n == 0 || b.n == 0 ? one_side(w, a.n, b.n) : by_type(w, a, b);
}

/* --- how the call ended, all fields --- */

static enum err call(struct work_on *w, bool *stop)
{
    *stop = false;
    if (!trailers_is_grpc(w->legacy) || !trailers_is_grpc(w->new_))
        return ERR_OK;
    w->out->body = body_other_call;
    return trailers_status(w->d, w->legacy, w->new_, stop);
}

static enum err fields(struct work_on *w, bool *stop)
{
    w->out->body = body_other_media;
    TRY(headers_compare(w->d, &w->legacy->head, &w->new_->head));
    TRY(trailers_compare(w->d, w->legacy, w->new_));
    return media(w, stop);
}

/* --- all of it --- */

/* Each says in out->body what is to be said if it is the last. */
static enum err steps(struct work_on *w)
{
    static enum err (*const before_body[])(struct work_on *, bool *) = {status, call, fields};
    bool stop = false;
    for (size_t i = 0; i < ARRAY_LEN(before_body) && !stop; i++)
        TRY(before_body[i](w, &stop));
    return stop ? ERR_OK : body(w);
}

static bool is_unseen(const char *body)
{
    return body == body_truncated || body == body_undecodable || body == body_too_deep ||
           body == body_too_costly;
}

static void conclude(struct work_on *w, enum err e)
{
    struct comparison *out = w->out;
    if (e == ERR_SHADOW_COSTLY) {
        out->body = body_too_costly;
        e = ERR_OK;
    }
    out->findings = w->d->findings;
    out->nfindings = w->d->n;
    out->more = w->d->more;
    out->hidden = w->d->hidden;
    out->nhidden = w->d->nhidden;
    out->costly = w->d->work > DIFF_WORK_MAX;
    if (e != ERR_OK) {
        out->verdict = VERDICT_SKIPPED;
        out->reason = err_word(ERR_NO_MEMORY);
        out->nfindings = out->nhidden = 0;
    } else if (out->nfindings > 0) {
        out->verdict = VERDICT_MISMATCH;
    } else if (is_unseen(out->body)) {
        out->verdict = VERDICT_SKIPPED;
        out->reason = out->body;
    } else {
        out->verdict = VERDICT_MATCH;
    }
}

void compare_pair(struct comparer *c, const struct shadow_pair *pair, struct comparison *out)
{
    struct work_on w = {.d = &c->diff, .c = c, .pair = pair, .out = out};
    w.legacy = &pair->answers[SIDE_LEGACY];
    w.new_ = &pair->answers[SIDE_NEW];
    memset(out, 0, sizeof(*out));
    out->body = body_not;
    bool errors = w.legacy->head.status >= 400 && w.new_->head.status >= 400;
    diff_begin(&c->diff, pair->rules, pair->host, errors);
    if (pair->rules->book.n > 0) {
        endpoint_of_pair(pair, &c->endpoint);
        c->endpoint.n = pair->path.n == 0 ? 0 : c->endpoint.n; /* of two files nobody knows */
        diff_apply(&c->diff, &pair->rules->book, span_of(c->endpoint.text, c->endpoint.n),
                   pair->wall_ms);
    }
    if (outcome(&w))
        return;
    if (one_sided_validator(&w)) {
        out->verdict = VERDICT_SKIPPED;
        out->reason = "conditional";
        return;
    }
    headers_stack(&w.legacy->head, &out->stack[SIDE_LEGACY]);
    headers_stack(&w.new_->head, &out->stack[SIDE_NEW]);
    conclude(&w, steps(&w));
}

bool compare_is_json(const struct shadow_pair *pair, const struct comparison *c)
{
    const struct shadow_answer *a = &pair->answers[SIDE_LEGACY];
    struct media m = media_of(&a->head);
    return c->body == body_json ||
           (c->body == body_equal && a->body_length > 0 && media_is_json(&m));
}

static bool parse_again(struct comparer *c, const struct shadow_answer *a)
{
    struct span text;
    return kept_whole(a) &&
           decode_answer(&c->decoders[SIDE_LEGACY], &a->head, buf_span(&a->body), c->decoded_max,
                         &text) == ERR_OK &&
           jdoc_parse(&c->diff.docs[SIDE_LEGACY], text) == ERR_OK;
}

/* When one of them was no JSON that is a finding at the root. */
static bool both_parsed(const struct comparison *r)
{
    for (size_t i = 0; i < r->nfindings; i++)
        if (r->findings[i].kind == KIND_TYPE && span_eq(r->findings[i].path, SPAN("$")))
            return false;
    return true;
}

bool compare_docs(struct comparer *c, const struct shadow_pair *pair, const struct comparison *r,
                  const struct jdoc *out[2])
{
    bool equal = r->body == body_equal;
    out[SIDE_LEGACY] = &c->diff.docs[SIDE_LEGACY];
    out[SIDE_NEW] = equal ? out[SIDE_LEGACY] : &c->diff.docs[SIDE_NEW];
    return equal ? parse_again(c, &pair->answers[SIDE_LEGACY]) : both_parsed(r);
}

void compare_probe(struct comparer *c, const struct shadow_pair *pair, struct comparison *out)
{
    struct shadow_pair view = *pair;
    view.answers[side_other(pair->served)] = *pair->probe;
    compare_pair(c, &view, out);
}

void compare_begin(struct comparer *c, size_t decoded_max)
{
    memset(c, 0, sizeof(*c));
    c->decoded_max = decoded_max;
    c->recast[SIDE_LEGACY] = c->recast[SIDE_NEW] = BUF_INIT(RECAST_MAX);
}

void compare_end(struct comparer *c)
{
    diff_free(&c->diff);
    decode_free(&c->decoders[SIDE_LEGACY]);
    decode_free(&c->decoders[SIDE_NEW]);
    buf_free(&c->recast[SIDE_LEGACY]);
    buf_free(&c->recast[SIDE_NEW]);
}

void compare_trim(struct comparer *c)
{
    diff_trim(&c->diff);
    decode_trim(&c->decoders[SIDE_LEGACY], TRIM_KEEP);
    decode_trim(&c->decoders[SIDE_NEW], TRIM_KEEP);
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        if (c->recast[s].cap > TRIM_KEEP)
            buf_free(&c->recast[s]);
}
