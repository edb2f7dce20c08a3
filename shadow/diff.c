/* Findings of one comparison: collected, joined, folded, capped. */
#include "shadow/diff.h"

#include "shadow/mix.h"
#include "shadow/redact.h"
#include "shadow/unicode.h"

#include <stdlib.h>

enum {
    TEXTS_MAX = 1024 * 1024,
    VALUE_MAX = 4096, /* of a header or line that is kept for the record */
    SCRATCH_MAX = 256 * 1024 * 1024,
    KEEP_BYTES = 4 * 1024 * 1024, /* what a comparer keeps for the next pair */
};

void diff_begin(struct diff *d, const struct shadow_rules *rules, struct span own,
                bool error_answer)
{
    if (d->scratch.max == 0) {
        scratch_begin(&d->scratch, SCRATCH_MAX);
        arena_begin(&d->texts, TEXTS_MAX);
    }
    scratch_back(&d->scratch, (struct scratch_mark){NULL, 0});
    arena_end(&d->texts);
    d->rules = rules;
    d->own = own;
    d->error_answer = error_answer;
    d->loose[SIDE_LEGACY] = d->loose[SIDE_NEW] = NULL;
    d->tolerates = rules->tolerance.n > 0;
    d->flip = d->unread = false;
    d->frame = NULL;
    d->npending = d->n = d->nhidden = d->nactive = 0;
    d->book = NULL;
    d->details = false;
    d->work = d->more = 0;
    path_begin(&d->path, SPAN_NULL);
}

void diff_root(struct diff *d, struct span root)
{
    path_begin(&d->path, root);
}

void diff_apply(struct diff *d, const struct rulebook *book, struct span endpoint, uint64_t wall_ms)
{
    struct span route = d->rules->route == NULL ? SPAN_NULL : span_str(d->rules->route);
    for (size_t i = 0; i < book->n; i++) {
        const struct rule *r = &book->list[i];
        if (rule_expired(r, wall_ms) || !rule_is_for(r, route, endpoint))
            continue;
        d->active[d->nactive++] = r;
        d->details = d->details || r->detail != NULL;
    }
    d->book = d->nactive == 0 ? NULL : book;
}

enum err diff_work(struct diff *d, uint64_t steps)
{
    d->work += steps;
    return d->work > DIFF_WORK_STOP ? ERR_SHADOW_COSTLY : ERR_OK;
}

void diff_free(struct diff *d)
{
    jdoc_free(&d->docs[SIDE_LEGACY]);
    jdoc_free(&d->docs[SIDE_NEW]);
    selector_walk_free(&d->ignore);
    selector_walk_free(&d->tolerance);
    scratch_end(&d->scratch);
    arena_end(&d->texts);
    free(d->pending);
    memset(d, 0, sizeof(*d));
}

void diff_trim(struct diff *d)
{
    jdoc_trim(&d->docs[SIDE_LEGACY], KEEP_BYTES);
    jdoc_trim(&d->docs[SIDE_NEW], KEEP_BYTES);
    if (d->scratch.held > KEEP_BYTES)
        scratch_end(&d->scratch);
    d->n = 0;
    arena_end(&d->texts);
}

/* --- values --- */

struct diff_value diff_text_value(struct span text)
{
    if (text.p == NULL)
        return (struct diff_value){.present = false};
    return (struct diff_value){.present = true, .vclass = vclass_of_string(text), .text = text};
}

struct diff_value diff_node_value(const struct jdoc *doc, uint32_t node)
{
    const struct jdoc_node *x = &doc->nodes[node];
    struct diff_value v = {.present = true, .hash = x->hash};
    switch ((enum jdoc_kind)x->kind) {
    case JDOC_OBJECT:
    case JDOC_ARRAY:
        v.vclass = x->kind == JDOC_OBJECT ? VCLASS_OBJECT : VCLASS_ARRAY;
        v.count = x->n;
        return v;
    case JDOC_NULL:
        v.vclass = VCLASS_NULL;
        break;
    case JDOC_FALSE:
    case JDOC_TRUE:
        v.vclass = VCLASS_BOOL;
        break;
    case JDOC_NUMBER:
        v.vclass = vclass_of_number(jdoc_text(doc, node));
        break;
    case JDOC_STRING:
        v.vclass = vclass_of_string(jdoc_text(doc, node));
        break;
    }
    v.text = jdoc_text(doc, node);
    return v;
}

static void values_of(const struct diff *d, uint32_t l, uint32_t r, bool root,
                      struct diff_value out[2])
{
    bool has_l = root || l != JDOC_NONE, has_r = root || r != JDOC_NONE;
    out[SIDE_LEGACY] = out[SIDE_NEW] = (struct diff_value){.present = false};
    if (has_l)
        out[SIDE_LEGACY] = diff_node_value(&d->docs[SIDE_LEGACY], l);
    if (has_r)
        out[SIDE_NEW] = diff_node_value(&d->docs[SIDE_NEW], r);
}

/* What kind of difference two strings have, when it is a small one. */
static const char *string_detail(const struct diff_value v[2])
{
    int64_t s[2];
    uint32_t ns[2];
    struct span a = v[SIDE_LEGACY].text, b = v[SIDE_NEW].text;
    if (v[0].vclass == VCLASS_TIME && v[1].vclass == VCLASS_TIME &&
        vclass_instant(a, &s[0], &ns[0]) && vclass_instant(b, &s[1], &ns[1]) && s[0] == s[1] &&
        ns[0] == ns[1])
        return "same instant";
    if (unicode_same_text(a, b))
        return "unicode form";
    if (span_eq_nocase(a, b))
        return "letter case";
    return span_eq(span_trim(a), span_trim(b)) ? "white space" : NULL;
}

/* Of two values; NULL when there is nothing to say. */
static const char *value_detail(const struct diff *d, uint32_t l, uint32_t r,
                                const struct diff_value v[2])
{
    bool strings = v[0].present && v[1].present &&
                   d->docs[SIDE_LEGACY].nodes[l].kind == JDOC_STRING &&
                   d->docs[SIDE_NEW].nodes[r].kind == JDOC_STRING;
    return strings ? string_detail(v) : NULL;
}

/* --- rules that hide --- */

static enum err copy_text(struct diff *d, struct span *s);

static size_t place_of(const struct diff *d, const struct seg *leaf,
                       struct selector_place out[JDOC_DEPTH_MAX + 1])
{
    size_t n = d->path.n + (leaf == NULL ? 0 : 1);
    for (size_t i = 0; i < n; i++) {
        const struct seg *s = i < d->path.n ? &d->path.segs[i] : leaf;
        bool element = s->kind == SEG_ELEMENT || s->kind == SEG_KEYED;
        out[i] = (struct selector_place){element, element ? SPAN_NULL : s->name};
    }
    return n;
}

static struct rule_value rule_value(const struct diff_value *v)
{
    bool container = v->vclass == VCLASS_OBJECT || v->vclass == VCLASS_ARRAY;
    return (struct rule_value){!container, v->present, span_str(vclass_word(v->vclass)), v->text};
}

/* The first rule that hides this, or NULL. */
static const struct rule *hider(const struct diff *d, struct rule_place *p,
                                const struct diff_value values[2])
{
    p->values[SIDE_LEGACY] = rule_value(&values[SIDE_LEGACY]);
    p->values[SIDE_NEW] = rule_value(&values[SIDE_NEW]);
    for (size_t i = 0; i < d->nactive; i++)
        if (rule_ask(d->book, d->active[i], p) == RULE_HIDES)
            return d->active[i];
    return NULL;
}

struct span diff_array_key(const struct diff *d)
{
    struct selector_place steps[JDOC_DEPTH_MAX + 1];
    struct rule_place p = {.root = d->path.root, .steps = steps};
    if (d->book == NULL)
        return SPAN_NULL;
    p.nsteps = place_of(d, NULL, steps);
    for (size_t i = 0; i < d->nactive; i++) {
        const char *key = rulebook_key(d->book, d->active[i], &p);
        if (key != NULL)
            return span_str(key);
    }
    return SPAN_NULL;
}

static enum err note_hidden(struct diff *d, const struct rule *rule, enum finding_kind kind,
                            struct span path, uint64_t key)
{
    for (size_t i = 0; i < d->nhidden; i++) {
        if (d->hidden[i].key == key && d->hidden[i].rule == rule) {
            d->hidden[i].n++;
            return ERR_OK;
        }
    }
    if (d->nhidden == DIFF_HIDDEN_MAX)
        return ERR_OK;
    struct diff_hidden h = {rule, kind, path, 1, key};
    TRY(copy_text(d, &h.path));
    d->hidden[d->nhidden++] = h;
    return ERR_OK;
}

/* Whether a rule hides a difference at the path and perhaps one segment more. */
static enum err hides_leaf(struct diff *d, enum finding_kind kind, const struct seg *leaf,
                           uint32_t l, uint32_t r, bool *yes)
{
    struct diff_value values[2];
    struct selector_place steps[JDOC_DEPTH_MAX + 1];
    char text[PATH_TEXT_MAX];
    *yes = false;
    if (d->book == NULL)
        return ERR_OK;
    values_of(d, l, r, leaf == NULL, values);
    const char *detail = kind == KIND_VALUE && d->details ? value_detail(d, l, r, values) : NULL;
    struct rule_place p = {.kind = kind, .root = d->path.root, .steps = steps};
    p.nsteps = place_of(d, leaf, steps);
    p.detail = detail == NULL ? SPAN_NULL : span_str(detail);
    TRY(diff_work(d, d->nactive * (1 + p.nsteps)));
    const struct rule *rule = hider(d, &p, values);
    if (rule == NULL)
        return ERR_OK;
    *yes = true;
    struct span path = span_of(text, path_render(&d->path, leaf, text));
    return note_hidden(d, rule, kind, path, mix_two(path_hash(&d->path, leaf), (uint64_t)kind));
}

/* The same outside of JSON; $ is the whole body. */
static enum err hides_field(struct diff *d, const struct finding *f, bool *yes)
{
    *yes = false;
    if (d->book == NULL)
        return ERR_OK;
    struct rule_place p = {.kind = f->kind, .path = f->path};
    p.detail = f->detail == NULL ? SPAN_NULL : span_str(f->detail);
    const struct rule *rule = hider(d, &p, f->values);
    *yes = rule != NULL;
    return rule == NULL ? ERR_OK : note_hidden(d, rule, f->kind, f->path, f->key);
}

/* --- findings --- */

static bool keep(struct diff *d, const struct finding *f)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->findings[i].key == f->key) {
            d->findings[i].n += f->n;
            return false;
        }
    }
    if (d->n < DIFF_FINDINGS_MAX)
        return true;
    d->more += f->n;
    return false;
}

static enum err copy_text(struct diff *d, struct span *s)
{
    char *p = arena_copy(&d->texts, *s);
    if (p == NULL)
        return ERR_NO_MEMORY;
    s->p = p;
    return ERR_OK;
}

enum err diff_report(struct diff *d, const struct finding *given)
{
    struct finding f = *given;
    f.n = 1;
    f.key = mix_bytes(mix_secret() + (uint64_t)f.kind + 1, f.path);
    bool hidden;
    TRY(hides_field(d, &f, &hidden));
    if (hidden || !keep(d, &f))
        return ERR_OK;
    f.secret = redact_is_secret_path(f.path);
    f.unread = d->unread;
    TRY(copy_text(d, &f.path));
    TRY(copy_text(d, &f.note));
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        f.values[s].text.n = min_size(f.values[s].text.n, VALUE_MAX);
        TRY(copy_text(d, &f.values[s].text));
    }
    d->findings[d->n++] = f;
    return ERR_OK;
}

static bool secret_on_path(const struct path *p, const struct seg *leaf)
{
    for (size_t i = 0; i < p->n; i++)
        if (redact_is_secret_name(p->segs[i].name))
            return true;
    return leaf != NULL && redact_is_secret_name(leaf->name);
}

/* A finding at the path and perhaps one segment more. */
static enum err emit(struct diff *d, const struct diff_pending *p, const struct seg *leaf,
                     struct span note)
{
    char text[PATH_TEXT_MAX];
    struct finding f = {.kind = p->kind, .n = p->n, .method = p->method, .detail = p->detail};
    f.key = mix_two(path_hash(&d->path, leaf), (uint64_t)p->kind);
    if (!keep(d, &f))
        return ERR_OK;
    f.path = span_of(text, path_render(&d->path, leaf, text));
    f.note = note;
    f.secret = secret_on_path(&d->path, leaf);
    f.values[SIDE_LEGACY] = p->values[SIDE_LEGACY];
    f.values[SIDE_NEW] = p->values[SIDE_NEW];
    TRY(copy_text(d, &f.path));
    TRY(copy_text(d, &f.note));
    d->findings[d->n++] = f;
    return ERR_OK;
}

/* --- leaves --- */

void diff_enter(struct diff *d, struct diff_frame *f, uint32_t l, uint32_t r)
{
    *f = (struct diff_frame){.up = d->frame, .nodes = {l, r}, .from = d->npending};
    f->method = f->up == NULL ? NULL : f->up->method;
    d->frame = f;
}

static struct span fold_note(const struct diff_frame *f, char *out, size_t max)
{
    struct buf b = {out, 0, max, max};
    for (enum finding_kind k = 0; k < FINDING_KINDS; k++) {
        if (f->counts[k] == 0)
            continue;
        enum err e =
            buf_printf(&b, "%s%u %s", b.n == 0 ? "" : ", ", f->counts[k], finding_kind_word(k));
        BUG_IF(e != ERR_OK);
    }
    return buf_span(&b);
}

enum err diff_leave(struct diff *d)
{
    struct diff_frame *f = d->frame;
    enum err e = ERR_OK;
    d->frame = f->up;
    if (f->folded) {
        char note[256];
        struct diff_pending whole = {.kind = KIND_SUBTREE, .n = 1};
        values_of(d, f->nodes[SIDE_LEGACY], f->nodes[SIDE_NEW], true, whole.values);
        e = emit(d, &whole, NULL, fold_note(f, note, sizeof(note)));
    }
    for (size_t i = f->from; i < d->npending && e == ERR_OK; i++)
        e = emit(d, &d->pending[i], &d->pending[i].seg, SPAN_NULL);
    d->npending = f->from;
    return e;
}

/* Elements and map entries have one path however many they are. */
static bool same_leaf(const struct diff_pending *p, enum finding_kind kind, const struct seg *seg)
{
    if (p->kind != kind || p->seg.kind != seg->kind)
        return false;
    return seg->kind != SEG_MEMBER || span_eq(p->seg.name, seg->name);
}

static enum err pending_add(struct diff *d, const struct diff_pending *p)
{
    if (d->npending == d->pending_cap) {
        size_t cap = d->pending_cap == 0 ? 64 : d->pending_cap * 2;
        struct diff_pending *more = realloc(d->pending, cap * sizeof(*more));
        if (more == NULL)
            return ERR_NO_MEMORY;
        d->pending = more;
        d->pending_cap = cap;
    }
    d->pending[d->npending++] = *p;
    return ERR_OK;
}

static struct diff_pending leaf_of(const struct diff *d, enum finding_kind kind, uint32_t l,
                                   uint32_t r, bool root)
{
    struct diff_pending p = {.kind = kind, .n = 1, .method = root ? NULL : d->frame->method};
    values_of(d, l, r, root, p.values);
    if (kind == KIND_VALUE)
        p.detail = value_detail(d, l, r, p.values);
    return p;
}

enum err diff_leaf(struct diff *d, enum finding_kind kind, const struct seg *seg, uint32_t l,
                   uint32_t r)
{
    struct diff_frame *f = d->frame;
    bool hidden;
    TRY(diff_work(d, 1));
    TRY(hides_leaf(d, kind, seg, l, r, &hidden));
    if (hidden)
        return ERR_OK;
    if (seg == NULL) {
        struct diff_pending root = leaf_of(d, kind, l, r, true);
        return emit(d, &root, NULL, SPAN_NULL);
    }
    f->counts[kind]++;
    if (f->folded)
        return ERR_OK;
    for (size_t i = f->from; i < d->npending; i++) {
        if (same_leaf(&d->pending[i], kind, seg)) {
            d->pending[i].n++;
            return ERR_OK;
        }
    }
    if (d->npending - f->from == DIFF_FOLD) {
        f->folded = true;
        d->npending = f->from;
        return ERR_OK;
    }
    struct diff_pending p = leaf_of(d, kind, l, r, false);
    p.seg = *seg;
    return pending_add(d, &p);
}

enum err diff_here(struct diff *d, enum finding_kind kind, uint32_t l, uint32_t r,
                   const char *method, struct span note)
{
    struct diff_pending p = {.kind = kind, .n = 1, .method = method};
    bool hidden;
    TRY(hides_leaf(d, kind, NULL, l, r, &hidden));
    values_of(d, l, r, true, p.values);
    return hidden ? ERR_OK : emit(d, &p, NULL, note);
}
