/* Whatever is read as a table of findings, from disk or from Redis: what is taken can be written,
 * read again, and then says the same. */
#include "tests/fuzz/fuzz.h"

#include "shadow/findings.h"

#include <stdlib.h>

static struct buf lines_of(struct findings *f)
{
    struct buf out = BUF_INIT(0);
    BUG_IF(findings_write(f, "i", 0, &out) != ERR_OK);
    return out;
}

static void take(struct span text, struct findings *f)
{
    BUG_IF(findings_begin(f, NULL, 0) != ERR_OK);
    BUG_IF(findings_restore(f, text, "i") != ERR_OK);
    for (size_t i = 0; i < FINDINGS_TABLES; i++) {
        const struct findings_table *t = &f->shared.tables[i];
        BUG_IF(t->nendpoints > FINDINGS_ENDPOINTS_MAX + 1 || t->nentries > FINDINGS_MAX);
    }
}

/* Without the generation, which grows. */
static struct span body(const struct buf *b)
{
    size_t n = span_find(buf_span(b), '\n');
    return span_from(buf_span(b), n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct findings once, twice;
    take(span_of(data, size), &once);
    struct buf a = lines_of(&once);
    take(buf_span(&a), &twice);
    struct buf b = lines_of(&twice);
    bool one_table = once.shared.tables[1].begun_ms == 0;
    BUG_IF(one_table && !span_eq(body(&a), body(&b)));
    buf_free(&a);
    buf_free(&b);
    findings_end(&once);
    findings_end(&twice);
    return 0;
}
