/* Making a patch. Rules have no say in it: what a patch makes must be the other document, whole.
 *
 * The special difficulty is arrays: operations are applied one after another, so every index must
 * count what those before it have added and removed. Elements are aligned like in a comparison and
 * written from the front; `at` is where the next one stands in the document as it is by then. */
#include "shadow/patch.h"

#include "shadow/jwrite.h"
#include "shadow/lcs.h"
#include "shadow/redact.h"

#include <stdlib.h>

struct patch {
    struct diff *d;
    struct buf *out;
    struct buf pointer; /* where we are, as RFC 6901 writes it */
    size_t steps;
    bool redacted;
    unsigned secrets; /* names on the way here that say so */
};

static const struct jdoc *doc(const struct patch *p, enum side side)
{
    return &p->d->docs[side];
}

/* --- pointers --- */

static bool is_secret(const struct patch *p, struct span key)
{
    return p->redacted && redact_is_secret_name(key);
}

static enum err go_to_key(struct patch *p, struct span key)
{
    p->secrets += is_secret(p, key) ? 1 : 0;
    TRY(buf_append(&p->pointer, SPAN("/")));
    for (size_t i = 0; i < key.n; i++) {
        struct span c = span_of(key.p + i, 1);
        if (*c.p == '~')
            c = SPAN("~0");
        else if (*c.p == '/')
            c = SPAN("~1");
        TRY(buf_append(&p->pointer, c));
    }
    return ERR_OK;
}

static void leave_key(struct patch *p, struct span key, size_t back)
{
    p->secrets -= is_secret(p, key) ? 1 : 0;
    p->pointer.n = back;
}

static enum err go_to_index(struct patch *p, size_t i)
{
    return buf_printf(&p->pointer, "/%zu", i);
}

/* --- operations --- */

static bool is_superseded(const struct jdoc *d, uint32_t key)
{
    return (d->nodes[key].flags & JDOC_SUPERSEDED) != 0;
}

static enum err write_members(const struct jdoc *d, uint32_t object, bool redacted, struct buf *out)
{
    const char *sep = "";
    for (uint32_t i = object + 1; i < d->nodes[object].next; i = d->nodes[i + 1].next) {
        if (is_superseded(d, i))
            continue;
        TRY(buf_append(out, span_str(sep)));
        TRY(jwrite_string(out, jdoc_text(d, i)));
        TRY(buf_append(out, SPAN(": ")));
        if (redacted && redact_is_secret_name(jdoc_text(d, i)))
            TRY(buf_append(out, SPAN("\"<secret>\"")));
        else
            TRY(patch_write_value(d, i + 1, redacted, out));
        sep = ", ";
    }
    return ERR_OK;
}

static enum err write_elements(const struct jdoc *d, uint32_t array, bool redacted, struct buf *out)
{
    for (uint32_t i = array + 1; i < d->nodes[array].next; i = d->nodes[i].next) {
        TRY(buf_append(out, i == array + 1 ? SPAN("") : SPAN(", ")));
        TRY(patch_write_value(d, i, redacted, out));
    }
    return ERR_OK;
}

enum err patch_write_value(const struct jdoc *d, uint32_t i, bool redacted, struct buf *out)
{
    switch ((enum jdoc_kind)d->nodes[i].kind) {
    case JDOC_OBJECT:
        TRY(buf_append(out, SPAN("{")));
        TRY(write_members(d, i, redacted, out));
        return buf_append(out, SPAN("}"));
    case JDOC_ARRAY:
        TRY(buf_append(out, SPAN("[")));
        TRY(write_elements(d, i, redacted, out));
        return buf_append(out, SPAN("]"));
    case JDOC_STRING:
        return jwrite_string(out, jdoc_text(d, i));
    default:
        return buf_append(out, jdoc_text(d, i));
    }
}

/* One line; new_ JDOC_NONE with "remove". */
static enum err operation(struct patch *p, const char *op, uint32_t new_)
{
    TRY(buf_printf(p->out, "%s\n  {\"op\": \"%s\", \"path\": ", p->steps == 0 ? "[" : ",", op));
    TRY(jwrite_string(p->out, buf_span(&p->pointer)));
    p->steps++;
    if (strcmp(op, "remove") != 0) {
        TRY(buf_append(p->out, SPAN(", \"value\": ")));
        TRY(p->secrets > 0 ? buf_append(p->out, SPAN("\"<secret>\""))
                           : patch_write_value(doc(p, SIDE_NEW), new_, p->redacted, p->out));
    }
    return buf_append(p->out, SPAN("}"));
}

static enum err at_key(struct patch *p, const char *op, struct span key, uint32_t new_)
{
    size_t back = p->pointer.n;
    TRY(go_to_key(p, key));
    TRY(operation(p, op, new_));
    leave_key(p, key, back);
    return ERR_OK;
}

static enum err at_index(struct patch *p, const char *op, size_t i, uint32_t new_)
{
    size_t back = p->pointer.n;
    TRY(go_to_index(p, i));
    TRY(operation(p, op, new_));
    p->pointer.n = back;
    return ERR_OK;
}

/* --- two values --- */

static enum err values(struct patch *p, uint32_t l, uint32_t r);

/* The members of both are found by a table in diff_json.c; here, where a person waits, by looking
 * at the same place first and then through the whole object. */
static uint32_t member(const struct jdoc *d, uint32_t object, struct span key, uint32_t *hint)
{
    uint32_t i = *hint;
    if (i < d->nodes[object].next && !is_superseded(d, i) && span_eq(jdoc_text(d, i), key)) {
        *hint = d->nodes[i + 1].next;
        return i + 1;
    }
    return jdoc_member(d, object, key);
}

static enum err objects(struct patch *p, uint32_t l, uint32_t r)
{
    const struct jdoc *a = doc(p, SIDE_LEGACY), *b = doc(p, SIDE_NEW);
    uint32_t hint = r + 1;
    for (uint32_t i = l + 1; i < a->nodes[l].next; i = a->nodes[i + 1].next) {
        struct span key = jdoc_text(a, i);
        size_t back = p->pointer.n;
        if (is_superseded(a, i))
            continue;
        uint32_t other = member(b, r, key, &hint);
        if (other == JDOC_NONE) {
            TRY(at_key(p, "remove", key, JDOC_NONE));
            continue;
        }
        TRY(go_to_key(p, key));
        TRY(values(p, i + 1, other));
        leave_key(p, key, back);
    }
    hint = l + 1;
    for (uint32_t i = r + 1; i < b->nodes[r].next; i = b->nodes[i + 1].next)
        if (!is_superseded(b, i) && member(a, l, jdoc_text(b, i), &hint) == JDOC_NONE)
            TRY(at_key(p, "add", jdoc_text(b, i), i + 1));
    return ERR_OK;
}

/* --- arrays --- */

struct elements {
    uint32_t *nodes;
    uint64_t *hashes;
    uint32_t n;
};

static enum err elements_of(struct patch *p, enum side side, uint32_t array, struct elements *e)
{
    const struct jdoc *d = doc(p, side);
    uint32_t n = d->nodes[array].n;
    *e = (struct elements){scratch_take(&p->d->scratch, n, sizeof(*e->nodes)),
                           scratch_take(&p->d->scratch, n, sizeof(*e->hashes)), 0};
    if (e->nodes == NULL || e->hashes == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = array + 1; i < d->nodes[array].next; i = d->nodes[i].next) {
        e->nodes[e->n] = i;
        e->hashes[e->n++] = d->nodes[i].hash;
    }
    return ERR_OK;
}

/* Between two elements that stay: as many as both have are changed, the others go or come. */
static enum err gap(struct patch *p, const uint32_t *a, uint32_t na, const uint32_t *b, uint32_t nb,
                    size_t *at)
{
    uint32_t both = na < nb ? na : nb;
    for (uint32_t i = 0; i < both; i++) {
        size_t back = p->pointer.n;
        TRY(go_to_index(p, (*at)++));
        TRY(values(p, a[i], b[i]));
        p->pointer.n = back;
    }
    for (uint32_t i = both; i < na; i++)
        TRY(at_index(p, "remove", *at, JDOC_NONE));
    for (uint32_t i = both; i < nb; i++)
        TRY(at_index(p, "add", (*at)++, b[i]));
    return ERR_OK;
}

static enum err aligned(struct patch *p, const struct elements *a, const struct elements *b,
                        const uint32_t *to)
{
    uint32_t i = 0, j = 0;
    size_t at = 0;
    for (uint32_t k = 0; k <= a->n; k++) {
        if (k < a->n && to[k] == 0)
            continue;
        uint32_t partner = k < a->n ? to[k] - 1 : b->n;
        TRY(gap(p, a->nodes + i, k - i, b->nodes + j, partner - j, &at));
        i = k + 1;
        j = partner + 1;
        at++;
    }
    return ERR_OK;
}

static enum err arrays(struct patch *p, uint32_t l, uint32_t r)
{
    struct elements a, b;
    struct scratch_mark back = scratch_mark(&p->d->scratch);
    TRY(elements_of(p, SIDE_LEGACY, l, &a));
    TRY(elements_of(p, SIDE_NEW, r, &b));
    struct lcs x = {.a = a.hashes, .na = a.n, .b = b.hashes, .nb = b.n, .max = DIFF_LCS_MAX};
    x.distance = DIFF_LCS_DISTANCE;
    x.to = scratch_take(&p->d->scratch, a.n, sizeof(*x.to));
    if (x.to == NULL)
        return ERR_NO_MEMORY;
    TRY(lcs_align(&x, &p->d->scratch));
    TRY(aligned(p, &a, &b, x.to));
    scratch_back(&p->d->scratch, back);
    return ERR_OK;
}

static enum err values(struct patch *p, uint32_t l, uint32_t r)
{
    const struct jdoc_node *a = &doc(p, SIDE_LEGACY)->nodes[l], *b = &doc(p, SIDE_NEW)->nodes[r];
    if (a->hash == b->hash)
        return ERR_OK;
    if (a->kind == JDOC_OBJECT && b->kind == JDOC_OBJECT)
        return objects(p, l, r);
    if (a->kind == JDOC_ARRAY && b->kind == JDOC_ARRAY)
        return arrays(p, l, r);
    return operation(p, "replace", r);
}

enum err patch_make(struct diff *d, struct span from, struct span to, bool redacted,
                    struct buf *out, size_t *steps)
{
    static const struct shadow_rules none;
    struct patch p = {.d = d, .out = out, .redacted = redacted};
    diff_begin(d, &none, SPAN_NULL, false);
    TRY(jdoc_parse(&d->docs[SIDE_LEGACY], from));
    TRY(jdoc_parse(&d->docs[SIDE_NEW], to));
    TRY(shape_hash(d, SIDE_LEGACY));
    TRY(shape_hash(d, SIDE_NEW));
    enum err e = values(&p, 0, 0);
    if (e == ERR_OK)
        e = buf_append(out, p.steps == 0 ? SPAN("[]\n") : SPAN("\n]\n"));
    buf_free(&p.pointer);
    *steps = p.steps;
    return e;
}
