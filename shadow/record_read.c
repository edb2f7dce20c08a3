/* From JSON to struct record, and from a file to lines. */
#include "shadow/record_read.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { FILE_STEP = 256 * 1024 };

/* --- members --- */

static struct span text(const struct jdoc *d, uint32_t object, const char *key)
{
    struct span s = SPAN_NULL;
    return jdoc_string(d, object, key, &s) ? s : SPAN_NULL;
}

/* "key":[legacy,new] */
static bool two_numbers(const struct jdoc *d, const char *key, uint64_t out[2])
{
    uint32_t list = jdoc_list(d, 0, key);
    if (list == JDOC_NONE || d->nodes[list].n != 2)
        return false;
    for (uint32_t i = 0; i < 2; i++)
        if (d->nodes[list + 1 + i].kind != JDOC_NUMBER ||
            !span_u64(jdoc_text(d, list + 1 + i), &out[i]))
            return false;
    return true;
}

static void two_texts(const struct jdoc *d, const char *key, struct span out[2])
{
    uint32_t list = jdoc_list(d, 0, key);
    out[0] = out[1] = SPAN_NULL;
    if (list == JDOC_NONE || d->nodes[list].n != 2)
        return;
    for (uint32_t i = 0; i < 2; i++)
        if (d->nodes[list + 1 + i].kind == JDOC_STRING)
            out[i] = jdoc_text(d, list + 1 + i);
}

/* --- pairs --- */

static bool read_finding(const struct jdoc *d, uint32_t object, struct record_finding *f)
{
    f->path = text(d, object, "path");
    if (f->path.n == 0 || !finding_kind_of(text(d, object, "kind"), &f->kind))
        return false;
    if (!jdoc_u64(d, object, "n", &f->n) || f->n == 0)
        f->n = 1;
    f->gone = jdoc_true(d, object, "gone");
    f->detail = text(d, object, "detail");
    f->note = text(d, object, "note");
    f->method = text(d, object, "method");
    f->values[SIDE_LEGACY] = text(d, object, "legacy");
    f->values[SIDE_NEW] = text(d, object, "new");
    f->classes[SIDE_LEGACY] = text(d, object, "legacy_class");
    f->classes[SIDE_NEW] = text(d, object, "new_class");
    return true;
}

static bool read_findings(const struct jdoc *d, struct record *r)
{
    uint32_t list = jdoc_member(d, 0, SPAN("findings"));
    r->nfindings = 0;
    if (list == JDOC_NONE)
        return r->verdict != VERDICT_MISMATCH;
    if (d->nodes[list].kind != JDOC_ARRAY || d->nodes[list].n > DIFF_FINDINGS_MAX)
        return false;
    for (uint32_t i = list + 1; i < d->nodes[list].next; i = d->nodes[i].next)
        if (!read_finding(d, i, &r->findings[r->nfindings++]))
            return false;
    return true;
}

static bool read_hidden(const struct jdoc *d, struct record *r)
{
    uint32_t list = jdoc_member(d, 0, SPAN("hidden"));
    r->nhidden = 0;
    if (list == JDOC_NONE)
        return true;
    if (d->nodes[list].kind != JDOC_ARRAY || d->nodes[list].n > DIFF_HIDDEN_MAX)
        return false;
    for (uint32_t i = list + 1; i < d->nodes[list].next; i = d->nodes[i].next) {
        struct record_hidden *h = &r->hidden[r->nhidden++];
        *h = (struct record_hidden){.rule = text(d, i, "rule"), .path = text(d, i, "path")};
        if (h->rule.n == 0 || h->path.n == 0 || !finding_kind_of(text(d, i, "kind"), &h->kind) ||
            !jdoc_u64(d, i, "n", &h->n))
            return false;
    }
    return true;
}

static bool read_settled(const struct jdoc *d, struct record *r)
{
    uint32_t o = jdoc_member(d, 0, SPAN("recheck"));
    r->settled = r->verdict == VERDICT_MISMATCH ? SETTLED_UNCHECKED : SETTLED_NOTHING;
    r->recheck_end = o == JDOC_NONE ? SPAN("") : text(d, o, "reason");
    return o == JDOC_NONE ||
           (d->nodes[o].kind == JDOC_OBJECT && settled_of(text(d, o, "said"), &r->settled));
}

static bool read_places(const struct jdoc *d, uint32_t object, struct record_probe *p)
{
    uint32_t list = jdoc_member(d, object, SPAN("findings"));
    p->nfindings = 0;
    if (list == JDOC_NONE)
        return p->verdict != VERDICT_MISMATCH;
    if (d->nodes[list].kind != JDOC_ARRAY || d->nodes[list].n > DIFF_FINDINGS_MAX)
        return false;
    for (uint32_t i = list + 1; i < d->nodes[list].next; i = d->nodes[i].next) {
        struct record_place *f = &p->findings[p->nfindings++];
        f->path = text(d, i, "path");
        if (f->path.n == 0 || !finding_kind_of(text(d, i, "kind"), &f->kind))
            return false;
    }
    return true;
}

static bool read_probe(const struct jdoc *d, struct record_probe *p)
{
    uint32_t o = jdoc_member(d, 0, SPAN("probe"));
    p->is = o != JDOC_NONE;
    if (!p->is)
        return true;
    p->more = 0;
    (void)jdoc_u64(d, o, "more", &p->more);
    p->body = text(d, o, "body");
    return d->nodes[o].kind == JDOC_OBJECT && jdoc_u64(d, o, "status", &p->status) &&
           verdict_of(text(d, o, "verdict"), &p->verdict) && read_places(d, o, p);
}

static bool read_absent(const struct jdoc *d, struct record *r)
{
    uint32_t list = jdoc_member(d, 0, SPAN("absent"));
    r->nabsent = 0;
    if (list == JDOC_NONE)
        return true;
    if (d->nodes[list].kind != JDOC_ARRAY || d->nodes[list].n > PARENTS_MAX)
        return false;
    for (uint32_t i = list + 1; i < d->nodes[list].next; i = d->nodes[i].next) {
        if (d->nodes[i].kind != JDOC_STRING)
            return false;
        r->absent[r->nabsent++] = jdoc_text(d, i);
    }
    return true;
}

static bool read_pair(const struct jdoc *d, struct record *r)
{
    struct span served = text(d, 0, "served");
    r->id = text(d, 0, "id");
    r->route = text(d, 0, "route");
    r->endpoint = text(d, 0, "endpoint");
    r->endpoint_fixed = text(d, 0, "endpoint_by").n > 0;
    r->reason = text(d, 0, "reason");
    r->body = text(d, 0, "body");
    r->method = text(d, 0, "method");
    r->host = text(d, 0, "host");
    r->target = text(d, 0, "target");
    r->served = span_eq(served, SPAN("new")) ? SIDE_NEW : SIDE_LEGACY;
    r->more = 0;
    (void)jdoc_u64(d, 0, "more", &r->more);
    two_texts(d, "stack", r->stack);
    r->patch = jdoc_member(d, 0, SPAN("patch"));
    return r->route.n > 0 && r->endpoint.n > 0 && served.n > 0 &&
           verdict_of(text(d, 0, "verdict"), &r->verdict) && two_numbers(d, "status", r->status) &&
           two_numbers(d, "first_us", r->first_us) && two_numbers(d, "total_us", r->total_us) &&
           read_findings(d, r) && read_hidden(d, r) && read_settled(d, r) && read_absent(d, r) &&
           read_probe(d, &r->probe);
}

/* --- other lines --- */

static bool read_drops(const struct jdoc *d, struct record *r)
{
    uint32_t object = jdoc_member(d, 0, SPAN("dropped"));
    memset(r->drops, 0, sizeof(r->drops));
    if (object == JDOC_NONE || d->nodes[object].kind != JDOC_OBJECT)
        return false;
    for (enum shadow_drop k = 0; k < SHADOW_DROP_COUNT; k++)
        (void)jdoc_u64(d, object, shadow_drop_word(k), &r->drops[k]);
    return true;
}

static bool read_seeds(const struct jdoc *d, struct record *r)
{
    uint32_t list = jdoc_list(d, 0, "defects");
    r->nseeds = 0;
    r->route = text(d, 0, "route");
    r->endpoint = text(d, 0, "endpoint");
    r->endpoint_fixed = text(d, 0, "endpoint_by").n > 0;
    if (list == JDOC_NONE || r->route.n == 0 || r->endpoint.n == 0)
        return false;
    for (uint32_t i = list + 1; i < d->nodes[list].next; i = d->nodes[i].next) {
        struct record_seed x = {.path = text(d, i, "path"), .by = text(d, i, "by")};
        if (seed_of(text(d, i, "defect"), &x.kind) &&
            seed_outcome_of(text(d, i, "outcome"), &x.outcome) && r->nseeds < SEED_KINDS)
            r->seeds[r->nseeds++] = x; /* defects of a later weir are not known here */
    }
    return true;
}

static void read_run(const struct jdoc *d, struct record *r)
{
    r->version = text(d, 0, "version");
    r->store = text(d, 0, "store");
}

static bool read_table(const struct jdoc *d, struct record *r)
{
    r->instance = text(d, 0, "instance");
    r->lost = r->left_out = 0;
    read_run(d, r);
    (void)jdoc_u64(d, 0, "lost", &r->lost);
    (void)jdoc_u64(d, 0, "left_out", &r->left_out);
    return jdoc_u64(d, 0, "begun", &r->begun_ms) && read_drops(d, r);
}

static const char *const types[RECORD_OTHER] = {
    [RECORD_PAIR] = "pair",       [RECORD_RUN] = "run",         [RECORD_DROPS] = "drops",
    [RECORD_SEEDS] = "selftest",  [RECORD_OPTIONS] = "options", [RECORD_RULES] = "rules",
    [RECORD_STACK] = "stack",     [RECORD_TABLE] = "table",     [RECORD_ENDPOINT] = "endpoint",
    [RECORD_FINDING] = "finding", [RECORD_HIDDEN] = "hidden",   [RECORD_END] = "end",
    [RECORD_MISSING] = "missing",
};

const char *record_type_word(enum record_type t)
{
    BUG_IF(t >= RECORD_OTHER);
    return types[t];
}

static bool read_by_type(const struct jdoc *d, struct span type, struct record *r)
{
    r->type = 0;
    while (r->type < RECORD_OTHER && !span_eq(type, span_str(types[r->type])))
        r->type++;
    switch (r->type) {
    case RECORD_PAIR:
        return read_pair(d, r);
    case RECORD_DROPS:
        return read_drops(d, r);
    case RECORD_TABLE:
        return read_table(d, r);
    case RECORD_RUN:
        read_run(d, r);
        return true;
    case RECORD_SEEDS:
        return read_seeds(d, r);
    case RECORD_OPTIONS:
        r->route = text(d, 0, "route");
        return r->route.n > 0;
    case RECORD_STACK:
        r->route = text(d, 0, "route");
        two_texts(d, "stack", r->stack);
        return r->route.n > 0 && r->stack[0].p != NULL && r->stack[1].p != NULL;
    case RECORD_HIDDEN:
        r->route = text(d, 0, "route");
        return r->route.n > 0;
    case RECORD_MISSING:
        r->instance = text(d, 0, "instance");
        return true;
    case RECORD_ENDPOINT:
    case RECORD_FINDING:
        r->route = text(d, 0, "route");
        r->endpoint = text(d, 0, "endpoint");
        return r->route.n > 0 && r->endpoint.n > 0;
    case RECORD_RULES:
    case RECORD_END:
    case RECORD_OTHER:
        break;
    }
    return true;
}

enum err record_read(struct record_reader *reader, struct span line)
{
    struct record *r = &reader->record;
    const struct jdoc *d = &reader->doc;
    uint64_t version;
    enum err e = jdoc_parse(&reader->doc, line);
    if (e != ERR_OK)
        return e == ERR_NO_MEMORY ? e : ERR_INVALID;
    if (d->nodes[0].kind != JDOC_OBJECT || !jdoc_u64(d, 0, "v", &version))
        return ERR_INVALID;
    if (version != RECORD_VERSION)
        return ERR_NOT_FOUND;
    struct span type = text(d, 0, "t");
    if (type.n == 0 || !jdoc_u64(d, 0, "at", &r->at_ms))
        return ERR_INVALID;
    r->doc = d;
    r->line = line;
    return read_by_type(d, type, r) ? ERR_OK : ERR_INVALID;
}

void record_reader_free(struct record_reader *r)
{
    jdoc_free(&r->doc);
}

/* --- files --- */

enum err record_file_open(struct record_file *f, const char *path)
{
    *f = (struct record_file){.buf = BUF_INIT(0)};
    f->fd = open(path, O_RDONLY | O_CLOEXEC);
    return f->fd < 0 ? ERR_SYSTEM : ERR_OK;
}

enum err record_text_open(struct record_file *f, struct span text)
{
    *f = (struct record_file){.fd = -1, .buf = BUF_INIT(0), .end = true};
    return buf_append(&f->buf, text);
}

void record_file_close(struct record_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    buf_free(&f->buf);
    f->fd = -1;
}

/* Reads more behind what is left of the last step. */
static enum err fill(struct record_file *f)
{
    struct buf *b = &f->buf;
    if (f->at > 0) {
        memmove(b->p, b->p + f->at, b->n - f->at);
        b->n -= f->at;
        f->at = 0;
    }
    if (b->n > RECORD_LINE_MAX) {
        f->overlong = true;
        b->n = 0;
    }
    TRY(buf_reserve(b, FILE_STEP));
    ssize_t got;
    do {
        got = read(f->fd, b->p + b->n, FILE_STEP);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return ERR_SYSTEM;
    f->end = got == 0;
    b->n += (size_t)got;
    return ERR_OK;
}

/* The rest of the buffer up to a line end. False: there is none. */
static bool cut_line(struct record_file *f, struct span *line)
{
    struct span rest = span_from(buf_span(&f->buf), f->at);
    size_t n = span_find(rest, '\n');
    if (n == rest.n && !(f->end && n > 0))
        return false;
    *line = span_until(rest, n);
    f->at += n < rest.n ? n + 1 : n;
    if (f->overlong || line->n > RECORD_LINE_MAX)
        *line = SPAN("");
    else if (line->n == 0)
        line->p = NULL; /* an empty line is no line */
    f->overlong = false;
    return true;
}

enum err record_file_next(struct record_file *f, struct span *line)
{
    for (;;) {
        *line = SPAN_NULL;
        while (cut_line(f, line))
            if (line->p != NULL)
                return ERR_OK;
        if (f->end) {
            if (f->overlong)
                *line = SPAN("");
            f->overlong = false;
            return ERR_OK;
        }
        TRY(fill(f));
    }
}
