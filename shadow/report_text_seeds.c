/* The self-test on a terminal: a line for each kind of defect, endpoint by endpoint. */
#include "shadow/report_text.h"

#include <stdio.h>

enum { WIDTH_DEFAULT = 80, WORD = 9, NUMBER = 9 };

static void one(struct term *p, enum seed_kind k, const struct report_seed *s)
{
    term_space(p, 4);
    term_left(p, TERM_PLAIN, seed_word(k), WORD);
    text_number(p, TERM_PLAIN, report_seeds_planted(s), NUMBER);
    text_number(p, s->n[SEED_CAUGHT] > 0 ? TERM_GREEN : TERM_DIM, s->n[SEED_CAUGHT], NUMBER);
    text_number(p, s->n[SEED_HIDDEN] > 0 ? TERM_YELLOW : TERM_DIM, s->n[SEED_HIDDEN], NUMBER);
    text_number(p, s->n[SEED_MISSED] > 0 ? TERM_RED : TERM_DIM, s->n[SEED_MISSED], NUMBER);
    if (s->path != NULL) {
        term_space(p, 2);
        term_put(p, TERM_PLAIN, s->path);
        term_put(p, TERM_DIM, s->n[SEED_MISSED] > 0 ? " missed" : " hidden by ");
        term_put(p, TERM_DIM, s->by);
    }
    term_end(p);
}

static void endpoint(struct term *p, const struct report_endpoint *e)
{
    uint64_t planted = 0;
    for (enum seed_kind k = 0; k < SEED_KINDS; k++)
        planted += report_seeds_planted(&e->seeds[k]);
    term_end(p);
    term_space(p, 2);
    term_put(p, TERM_BOLD, e->name);
    term_put(p, TERM_DIM, TEXT_DOT);
    term_put(p, TERM_DIM, e->route);
    if (planted == 0)
        term_put(p, TERM_YELLOW, TEXT_DOT "not tested");
    term_end(p);
    for (enum seed_kind k = 0; k < SEED_KINDS; k++)
        if (report_seeds_planted(&e->seeds[k]) > 0)
            one(p, k, &e->seeds[k]);
}

static void verdict(struct term *p, const uint64_t total[SEED_OUTCOMES])
{
    char text[PHRASE_LONG], n[PHRASE_MAX], c[PHRASE_MAX], h[PHRASE_MAX];
    (void)snprintf(text, sizeof(text),
                   ": %.30s planted defects, %.30s caught, %.30s hidden by rules,",
                   phrase_count(n, total[SEED_CAUGHT] + total[SEED_HIDDEN] + total[SEED_MISSED]),
                   phrase_count(c, total[SEED_CAUGHT]), phrase_count(h, total[SEED_HIDDEN]));
    term_put(p, TERM_BOLD, "Self-test");
    term_wrapped(p, TERM_DIM, text, 2);
    (void)snprintf(text, sizeof(text), " %.40s missed", phrase_count(n, total[SEED_MISSED]));
    term_fit(p, term_columns(text), 2);
    term_put(p, total[SEED_MISSED] > 0 ? TERM_RED : TERM_GREEN, text);
    term_end(p);
}

void text_seeds(struct term *p, const struct report *r)
{
    uint64_t total[SEED_OUTCOMES];
    report_seeds_total(r, total);
    if (total[SEED_CAUGHT] + total[SEED_HIDDEN] + total[SEED_MISSED] == 0)
        return;
    term_end(p);
    verdict(p, total);
}

enum err report_text_seeds(const struct report *r, struct buf *out)
{
    unsigned width = r->options->width == 0 ? WIDTH_DEFAULT : r->options->width;
    struct term p = {out, width, r->options->colour, ERR_OK};
    uint64_t total[SEED_OUTCOMES];
    report_seeds_total(r, total);
    if (total[SEED_CAUGHT] + total[SEED_HIDDEN] + total[SEED_MISSED] == 0) {
        term_put(&p, TERM_PLAIN,
                 "No self-test was recorded: shadow.self_test is 0, or nothing was compared.");
        term_end(&p);
        return p.err;
    }
    verdict(&p, total);
    term_space(&p, 4 + WORD);
    term_right(&p, TERM_DIM, "planted", NUMBER);
    term_right(&p, TERM_DIM, "caught", NUMBER);
    term_right(&p, TERM_DIM, "hidden", NUMBER);
    term_right(&p, TERM_DIM, "missed", NUMBER);
    term_end(&p);
    for (size_t i = 0; i < r->nendpoints; i++)
        endpoint(&p, r->endpoints[i]);
    return p.err;
}
