/* Text against text, by lines. One finding says how many lines differ and shows the first. */
#include "shadow/diff.h"

#include "shadow/lcs.h"
#include "shadow/mix.h"

#include <stdio.h>

struct lines {
    struct span text;
    uint64_t *hashes;
    uint32_t n;
};

static struct span without_cr(struct span line)
{
    return span_has_suffix(line, SPAN("\r")) ? span_until(line, line.n - 1) : line;
}

static enum err split(struct diff *d, struct span text, struct lines *out)
{
    uint32_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n' ? 1 : 0;
    *out = (struct lines){text, scratch_take(&d->scratch, n, sizeof(uint64_t)), 0};
    if (out->hashes == NULL)
        return ERR_NO_MEMORY;
    struct span rest = text, line;
    while (span_cut(&rest, '\n', &line))
        out->hashes[out->n++] = mix_bytes(0, without_cr(line));
    if (text.n > 0 && text.p[text.n - 1] == '\n')
        out->n--; /* what follows the last line end is no line */
    return ERR_OK;
}

/* Line number i (from 0); SPAN_NULL when there is none. */
static struct span line_at(const struct lines *l, uint32_t i)
{
    struct span rest = l->text, line = SPAN_NULL;
    if (i >= l->n)
        return SPAN_NULL;
    for (uint32_t k = 0; k <= i; k++)
        if (!span_cut(&rest, '\n', &line))
            return SPAN_NULL;
    return without_cr(line);
}

static enum err report(struct diff *d, const struct lines l[2], uint32_t first, const char *detail,
                       struct span note)
{
    struct finding f = {.kind = KIND_VALUE, .path = SPAN("text"), .detail = detail, .note = note};
    f.values[SIDE_LEGACY] = diff_text_value(line_at(&l[SIDE_LEGACY], first));
    f.values[SIDE_NEW] = diff_text_value(line_at(&l[SIDE_NEW], first));
    return diff_report(d, &f);
}

static uint32_t matched(const struct lcs *x)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->na; i++)
        n += x->to[i] != 0 ? 1 : 0;
    return n;
}

enum err diff_text(struct diff *d, struct span legacy, struct span new_)
{
    struct lines l[2];
    char note[128];
    TRY(split(d, legacy, &l[SIDE_LEGACY]));
    TRY(split(d, new_, &l[SIDE_NEW]));
    struct lcs x = {.a = l[0].hashes, .na = l[0].n, .b = l[1].hashes, .nb = l[1].n};
    x.max = DIFF_LCS_MAX;
    x.distance = DIFF_LCS_DISTANCE;
    x.to = scratch_take(&d->scratch, x.na, sizeof(*x.to));
    if (x.to == NULL)
        return ERR_NO_MEMORY;
    uint32_t first = 0;
    while (first < x.na && first < x.nb && x.a[first] == x.b[first])
        first++;
    if (first == x.na && first == x.nb)
        return report(d, l, 0, "line ends", SPAN("the lines are equal, their ends are not"));
    TRY(lcs_align(&x, &d->scratch));
    d->work += x.work;
    uint32_t common = matched(&x);
    int n = snprintf(note, sizeof(note),
                     "%s%u line%s only on legacy, %u only on new; the first is line %u",
                     x.found ? "" : "up to ", x.na - common, x.na - common == 1 ? "" : "s",
                     x.nb - common, first + 1);
    return report(d, l, first, NULL, span_of(note, (size_t)n));
}
