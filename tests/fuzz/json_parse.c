/* Any bytes are JSON or are not; what is, is well-formed as a list of nodes, and its strings are
 * what they were when they are written and read again. */
#include "tests/fuzz/fuzz.h"

#include "shadow/decimal.h"
#include "shadow/jdoc.h"
#include "shadow/jwrite.h"

static void check_nodes(const struct jdoc *d)
{
    BUG_IF(d->n == 0 || d->nodes[0].next != d->n);
    for (uint32_t i = 0; i < d->n; i++) {
        const struct jdoc_node *x = &d->nodes[i];
        BUG_IF(x->next <= i || x->next > d->n);
        if (x->kind < JDOC_ARRAY) {
            struct span s = jdoc_text(d, i);
            BUG_IF(x->flags & JDOC_DECODED ? x->at + (size_t)x->n > d->decoded_n
                                           : s.p + s.n > d->text.p + d->text.n);
            continue;
        }
        uint32_t n = 0;
        for (uint32_t k = i + 1; k < x->next; k = d->nodes[k].next) {
            if (x->kind == JDOC_OBJECT)
                BUG_IF(d->nodes[k++].kind != JDOC_STRING);
            n++;
        }
        BUG_IF(n != x->n);
    }
}

/* A lone surrogate has no UTF-8 of its own and is written as U+FFFD. */
static bool has_surrogate(struct span s)
{
    for (size_t i = 0; i + 1 < s.n; i++)
        if ((unsigned char)s.p[i] == 0xed && (unsigned char)s.p[i + 1] > 0x9f)
            return true;
    return false;
}

static void check_string(struct span s)
{
    struct buf text = BUF_INIT(0);
    struct jdoc again = JDOC_INIT;
    BUG_IF(jwrite_string(&text, s) != ERR_OK);
    BUG_IF(jdoc_parse(&again, buf_span(&text)) != ERR_OK);
    BUG_IF(!has_surrogate(s) && !span_eq(jdoc_text(&again, 0), s));
    jdoc_free(&again);
    buf_free(&text);
}

static void check_number(struct span s)
{
    struct decimal a = decimal_of(s), b = decimal_of(s);
    BUG_IF(!decimal_equal(&a, &b) || decimal_hash(&a, 1) != decimal_hash(&b, 1));
    BUG_IF(!decimal_within(&a, &b, 0, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jdoc d = JDOC_INIT;
    struct span text = span_of(data, size);
    if (jdoc_parse(&d, text) == ERR_OK) {
        check_nodes(&d);
        for (uint32_t i = 0; i < d.n && i < 200; i++) {
            if (d.nodes[i].kind == JDOC_STRING)
                check_string(jdoc_text(&d, i));
            if (d.nodes[i].kind == JDOC_NUMBER)
                check_number(jdoc_text(&d, i));
        }
    } else {
        BUG_IF(d.wrong_at > size);
    }
    jdoc_free(&d);
    return 0;
}
