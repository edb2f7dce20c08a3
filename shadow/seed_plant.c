/* Writing a document with one defect. First the places where it fits are counted, then one of them
 * is taken, then everything is written anew. */
#include "shadow/seeds.h"

#include "shadow/jwrite.h"

#include <stdio.h>
#include <stdlib.h>

enum { CENT_DIGITS = 15 };

struct plant {
    const struct jdoc *d;
    enum seed_kind kind;
    uint64_t places; /* seen so far */
    uint64_t target; /* which of them */
    uint32_t node;   /* that place */
    struct buf *out;
    struct path path;
    struct seed_result *where;
};

static const struct jdoc_node *node(const struct plant *p, uint32_t i)
{
    return &p->d->nodes[i];
}

/* --- numbers --- */

/* lexeme + 0.01. False: it has an exponent or too many digits. */
static bool add_cent(struct span lexeme, char out[32])
{
    long long v = 0, scale = 1;
    unsigned places = 0, digits = 0;
    bool point = false, negative = lexeme.n > 0 && lexeme.p[0] == '-';
    for (size_t i = negative ? 1 : 0; i < lexeme.n; i++) {
        char c = lexeme.p[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9' || ++digits > CENT_DIGITS)
            return false;
        v = v * 10 + (c - '0');
        places += point ? 1 : 0;
    }
    for (; places < 2; places++)
        v *= 10;
    for (unsigned i = 0; i < places; i++)
        scale *= 10;
    v = (negative ? -v : v) + scale / 100;
    (void)snprintf(out, 32, "%s%lld.%0*lld", v < 0 ? "-" : "", llabs(v) / scale, (int)places,
                   llabs(v) % scale);
    return true;
}

/* --- where it fits --- */

static uint32_t last_element(const struct plant *p, uint32_t array)
{
    uint32_t last = array + 1;
    for (uint32_t i = array + 1; i < node(p, array)->next; i = node(p, i)->next)
        last = i;
    return last;
}

static bool fits(const struct plant *p, uint32_t i, bool is_member)
{
    const struct jdoc_node *x = node(p, i);
    char text[32];
    switch (p->kind) {
    case SEED_TYPE:
        return x->kind != JDOC_NULL && x->kind < JDOC_ARRAY;
    case SEED_DROPPED:
        return is_member;
    case SEED_VALUE:
        return x->kind == JDOC_STRING;
    case SEED_CENT:
        return x->kind == JDOC_NUMBER && add_cent(jdoc_text(p->d, i), text);
    case SEED_ORDER:
        return x->kind == JDOC_ARRAY && x->n > 1 &&
               node(p, i + 1)->hash != node(p, last_element(p, i))->hash;
    case SEED_ELEMENT:
        return x->kind == JDOC_ARRAY && x->n > 0;
    default:
        return false;
    }
}

static bool is_superseded(const struct plant *p, uint32_t key)
{
    return (node(p, key)->flags & JDOC_SUPERSEDED) != 0;
}

static void look(struct plant *p, uint32_t i, bool is_member)
{
    if (fits(p, i, is_member) && p->places++ == p->target)
        p->node = i;
    if (node(p, i)->kind == JDOC_OBJECT) {
        for (uint32_t k = i + 1; k < node(p, i)->next; k = node(p, k + 1)->next)
            if (!is_superseded(p, k))
                look(p, k + 1, true);
    } else if (node(p, i)->kind == JDOC_ARRAY) {
        for (uint32_t k = i + 1; k < node(p, i)->next; k = node(p, k)->next)
            look(p, k, false);
    }
}

/* --- writing --- */

static enum err write_value(struct plant *p, uint32_t i, bool planted);

static void arrived(struct plant *p, const struct seg *leaf)
{
    p->where->path_n = path_render(&p->path, leaf, p->where->path);
}

static enum err write_scalar(struct plant *p, uint32_t i, bool here)
{
    char number[32];
    struct span text = jdoc_text(p->d, i);
    bool is_string = node(p, i)->kind == JDOC_STRING;
    if (here && p->kind == SEED_TYPE)
        return is_string ? buf_append(p->out, SPAN("null")) : jwrite_string(p->out, text);
    if (here && p->kind == SEED_CENT && add_cent(text, number))
        return buf_append(p->out, span_str(number));
    if (!is_string)
        return buf_append(p->out, text);
    TRY(jwrite_string(p->out, text));
    if (here && p->kind == SEED_VALUE) {
        p->out->n--;
        return buf_append(p->out, SPAN("~\""));
    }
    return ERR_OK;
}

static enum err write_members(struct plant *p, uint32_t object)
{
    bool first = true, map = node(p, object)->n > DIFF_MAP_KEYS;
    TRY(buf_append(p->out, SPAN("{")));
    for (uint32_t k = object + 1; k < node(p, object)->next; k = node(p, k + 1)->next) {
        struct span name = jdoc_text(p->d, k);
        struct seg seg = {map || vclass_is_id(name) ? SEG_ENTRY : SEG_MEMBER, name};
        bool planted = k + 1 == p->node;
        if (is_superseded(p, k))
            continue;
        if (planted && p->kind == SEED_DROPPED) {
            arrived(p, &seg);
            continue;
        }
        TRY(buf_append(p->out, first ? SPAN("") : SPAN(",")));
        first = false;
        TRY(jwrite_string(p->out, name));
        TRY(buf_append(p->out, SPAN(":")));
        path_push(&p->path, seg);
        TRY(write_value(p, k + 1, planted));
        path_pop(&p->path);
    }
    return buf_append(p->out, SPAN("}"));
}

/* The elements but for the defect: the first and the last change places, or the last one goes. */
static enum err write_elements(struct plant *p, uint32_t array, bool here)
{
    uint32_t last = last_element(p, array);
    bool swap = here && p->kind == SEED_ORDER, cut = here && p->kind == SEED_ELEMENT;
    TRY(buf_append(p->out, SPAN("[")));
    for (uint32_t k = array + 1; k < node(p, array)->next; k = node(p, k)->next) {
        uint32_t which = swap && k == array + 1 ? last : swap && k == last ? array + 1 : k;
        if (cut && k == last)
            break;
        TRY(buf_append(p->out, k == array + 1 ? SPAN("") : SPAN(",")));
        path_push(&p->path, (struct seg){SEG_ELEMENT, SPAN_NULL});
        TRY(write_value(p, which, which == p->node));
        path_pop(&p->path);
    }
    return buf_append(p->out, SPAN("]"));
}

static enum err write_value(struct plant *p, uint32_t i, bool here)
{
    if (here)
        arrived(p, NULL);
    switch ((enum jdoc_kind)node(p, i)->kind) {
    case JDOC_OBJECT:
        return write_members(p, i);
    case JDOC_ARRAY:
        return write_elements(p, i, here);
    default:
        return write_scalar(p, i, here);
    }
}

enum err seed_plant(const struct jdoc *d, enum seed_kind kind, uint64_t dice, struct buf *out,
                    struct seed_result *where)
{
    struct plant p = {.d = d, .kind = kind, .target = UINT64_MAX, .out = out, .where = where};
    path_begin(&p.path, SPAN_NULL);
    look(&p, 0, false);
    if (p.places == 0)
        return ERR_NOT_FOUND;
    p.target = dice % p.places;
    p.places = 0;
    look(&p, 0, false);
    return write_value(&p, 0, p.node == 0);
}
