/* Rules in the text report: what each hides, so that nobody forgets that it is there. */
#include "shadow/report_text.h"

#include "base/clock.h"

enum { WIDTH_DEFAULT = 80, ID = 20 };

static void who(struct term *p, const struct rule *r)
{
    char end[CLOCK_ISO_LEN + 1];
    if (r == NULL)
        return;
    clock_iso(end, r->expires_ms);
    end[10] = '\0';
    term_space(p, 4);
    term_put(p, TERM_DIM, r->author);
    term_put(p, TERM_DIM, ": ");
    term_wrapped(p, TERM_DIM, r->reason, 4);
    term_wrapped(p, TERM_DIM, rule_expired(r, clock_wall_ms()) ? " (over since " : " (until ", 4);
    term_wrapped(p, TERM_DIM, end, 4);
    term_put(p, TERM_DIM, ")");
    term_end(p);
}

static void where(struct term *p, const struct report_rule *x)
{
    if (x->npaths == 0)
        return;
    term_space(p, 4);
    for (size_t i = 0; i < x->npaths; i++) {
        term_put(p, TERM_DIM, i == 0 ? "" : ", ");
        term_wrapped(p, TERM_PLAIN, x->paths[i], 4);
    }
    term_put(p, TERM_DIM, x->more_paths ? ", more" : "");
    term_end(p);
}

static bool is_key(const struct report_rule *x)
{
    return x->rule != NULL && x->rule->action == RULE_KEY;
}

static void one(struct term *p, const struct report *r, const struct report_rule *x)
{
    char text[PHRASE_MAX], instead[PHRASE_LONG];
    term_space(p, 2);
    term_left(p, TERM_BOLD, x->id, ID);
    term_space(p, 1);
    if (x->rule != NULL && rule_expired(x->rule, clock_wall_ms()))
        term_put(p, TERM_YELLOW, x->pairs == 0 ? "over" : "over; ");
    else
        term_wrapped(p, is_key(x) ? TERM_DIM : TERM_YELLOW, phrase_rule(instead, x), 4);
    if (x->pairs > 0) {
        text_count(p, x->pairs, "pair", "pairs");
        term_put(p, TERM_DIM, " (");
        term_put(p, TERM_DIM, phrase_percent(text, (double)x->pairs / (double)r->compared));
        term_put(p, TERM_DIM, "), ");
        text_count(p, x->places, "place", "places");
    }
    if (x->undecided > 0) {
        term_put(p, TERM_YELLOW, x->pairs > 0 ? "; " : "");
        text_count(p, x->undecided, "finding undecided: its values were not stored",
                   "findings undecided: their values were not stored");
    }
    term_end(p);
    where(p, x);
    who(p, x->rule);
}

static void in_force(struct term *p, const struct report *r)
{
    for (size_t i = 0; i < r->nin_force; i++) {
        const struct report_in_force *f = &r->in_force[i];
        term_put(p, TERM_BOLD, i == 0 ? "Options" : "");
        term_put(p, TERM_DIM, i == 0 ? " in force" : "");
        if (i == 0)
            term_end(p);
        term_space(p, 2);
        term_left(p, TERM_PLAIN, f->route, ID);
        term_space(p, 1);
        term_wrapped(p, TERM_DIM, f->text, 4);
        term_put(p, TERM_YELLOW, f->changed ? "; " : "");
        term_put(p, TERM_YELLOW, phrase_changed(r, f));
        term_end(p);
    }
}

void text_options(struct term *p, const struct report *r)
{
    if (r->nin_force > 0)
        term_end(p);
    in_force(p, r);
}

void text_rules(struct term *p, const struct report *r)
{
    char text[PHRASE_LONG];
    if (r->nrules == 0 || r->compared == 0)
        return;
    term_end(p);
    term_put(p, TERM_BOLD, "Rules");
    term_put(p, TERM_DIM, ": ");
    term_wrapped(p, TERM_PLAIN, phrase_rules(text, r), 2);
    term_end(p);
    for (size_t i = 0; i < r->nrules; i++)
        one(p, r, &r->rules[i]);
}

enum err report_text_rules(const struct report *r, struct buf *out)
{
    unsigned width = r->options->width == 0 ? WIDTH_DEFAULT : r->options->width;
    struct term p = {out, width, r->options->colour, ERR_OK};
    text_rules(&p, r);
    if (r->compared == 0 || r->nrules == 0) {
        term_put(&p, TERM_PLAIN,
                 r->nrules == 0 ? "There are no rules." : "The records hold no compared pair.");
        term_end(&p);
    }
    return p.err;
}
