/* The report for a build server: an endpoint is a test, and one with differences that lasted and
 * are no noise has failed. */
#include "shadow/junit.h"
#include "shadow/report.h"

enum { NAMED_MAX = 8 };

/* "12 of 3,000 pairs differ: value $.a (12, regress), missing $.b (3, thin)" */
static enum err message(const struct report_endpoint *e, struct buf *b)
{
    char bad[PHRASE_MAX], n[PHRASE_MAX];
    size_t shown = 0;
    TRY(buf_printf(b, "%s of %s pairs differ", phrase_count(bad, e->counted),
                   phrase_count(n, e->compared)));
    for (const struct report_finding *f = e->findings; f != NULL && shown < NAMED_MAX; f = f->next)
        TRY(buf_printf(b, "%s %s %s (%s, %s)", shown++ == 0 ? ":" : ",", finding_kind_word(f->kind),
                       f->path, phrase_count(n, f->pairs), evidence_word(f->state)));
    if (e->nfindings > shown)
        TRY(buf_printf(b, " and %zu more", e->nfindings - shown));
    return buf_append(b, span_of("", 1));
}

static enum err endpoint(const struct report_endpoint *e, struct buf *out)
{
    struct buf text = BUF_INIT(0);
    if (e->compared == 0)
        return junit_case(out, e->route, e->name, "skipped", "no pair could be compared");
    if (e->counted == 0)
        return junit_case(out, e->route, e->name, NULL, NULL);
    enum err err = message(e, &text);
    if (err == ERR_OK)
        err = junit_case(out, e->route, e->name, "failure", text.p);
    buf_free(&text);
    return err;
}

enum err report_junit(const struct report *r, struct buf *out)
{
    size_t failures = 0, skipped = 0;
    for (size_t i = 0; i < r->nendpoints; i++) {
        failures += r->endpoints[i]->counted > 0 ? 1 : 0;
        skipped += r->endpoints[i]->compared == 0 ? 1 : 0;
    }
    TRY(junit_begin(out, "weir report", r->nendpoints, failures, skipped));
    for (size_t i = 0; i < r->nendpoints; i++)
        TRY(endpoint(r->endpoints[i], out));
    return junit_end(out);
}
