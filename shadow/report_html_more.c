/* Parts of the HTML report that stand by themselves: two values side by side, what the self-tests
 * came to, the options in force. */
#include "shadow/report_html.h"

enum { AROUND = 40 }; /* bytes of what is common that are shown beside what differs */

/* --- two values --- */

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* How much both begin with, and how much of the rest both end with; never within a character. */
static void common_ends(struct span a, struct span b, size_t *head, size_t *tail)
{
    size_t n = 0, m = 0, least = min_size(a.n, b.n);
    while (n < least && a.p[n] == b.p[n])
        n++;
    while (n > 0 && ((n < a.n && continues(a.p[n])) || (n < b.n && continues(b.p[n]))))
        n--;
    while (m < least - n && a.p[a.n - 1 - m] == b.p[b.n - 1 - m])
        m++;
    while (m > 0 && continues(a.p[a.n - m]))
        m--;
    *head = n;
    *tail = m;
}

static void piece(struct html *h, struct span s)
{
    char text[256];
    while (s.n > 0) {
        size_t n = min_size(s.n, sizeof(text) - 1);
        while (n < s.n && n > 1 && continues(s.p[n]))
            n--;
        memcpy(text, s.p, n);
        text[n] = '\0';
        html_text(h, text);
        s = span_from(s, n);
    }
}

static void marked(struct html *h, const char *label, struct span s, size_t head, size_t tail)
{
    size_t skip = head > AROUND ? head - AROUND : 0, end = tail > AROUND ? AROUND : tail;
    while (skip > 0 && skip < head && continues(s.p[skip]))
        skip++;
    while (end > 0 && end < tail && continues(s.p[s.n - tail + end]))
        end--;
    html_format(h, "<dt>%s</dt><dd><code>%s", label, skip > 0 ? "\xe2\x80\xa6" : "");
    piece(h, span_of(s.p + skip, head - skip));
    html_raw(h, "<mark>");
    piece(h, span_of(s.p + head, s.n - head - tail));
    html_raw(h, "</mark>");
    piece(h, span_of(s.p + s.n - tail, end));
    html_raw(h, end < tail ? "\xe2\x80\xa6</code></dd>" : "</code></dd>");
}

static void whole(struct html *h, const char *label, const char *value)
{
    html_format(h, "<dt>%s</dt><dd>", label);
    if (value == NULL) {
        html_raw(h, "<span class=\"dim\">absent</span></dd>");
        return;
    }
    html_raw(h, "<code>");
    html_text(h, value);
    html_raw(h, "</code></dd>");
}

void html_sides(struct html *h, const char *const values[2])
{
    size_t head = 0, tail = 0;
    const char *l = values[SIDE_LEGACY], *n = values[SIDE_NEW];
    if (l != NULL && n != NULL)
        common_ends(span_str(l), span_str(n), &head, &tail);
    html_raw(h, "<dl class=\"sides\">");
    if (head + tail > 0) {
        marked(h, "legacy", span_str(l), head, tail);
        marked(h, "new", span_str(n), head, tail);
    } else {
        whole(h, "legacy", l);
        whole(h, "new", n);
    }
    html_raw(h, "</dl>");
}

/* --- self-test --- */

static void seed_cell(struct html *h, const struct report_seed *s)
{
    char text[PHRASE_MAX];
    uint64_t planted = report_seeds_planted(s);
    if (planted == 0) {
        html_raw(h, "<td class=\"n dim\">-</td>");
        return;
    }
    html_format(h, "<td class=\"n %s\"",
                s->n[SEED_MISSED] > 0   ? "missed"
                : s->n[SEED_HIDDEN] > 0 ? "hidden-by"
                                        : "caught");
    if (s->path != NULL) {
        html_raw(h, " title=\"");
        html_text(h, s->path);
        html_raw(h, s->n[SEED_MISSED] > 0 ? " missed " : " hidden by ");
        html_text(h, s->by);
        html_raw(h, "\"");
    }
    html_format(h, ">%s", phrase_count(text, s->n[SEED_CAUGHT]));
    html_format(h, "<span class=\"dim\">/%s</span></td>", phrase_count(text, planted));
}

static void seed_row(struct html *h, const struct report_endpoint *e)
{
    uint64_t planted = 0;
    for (enum seed_kind k = 0; k < SEED_KINDS; k++)
        planted += report_seeds_planted(&e->seeds[k]);
    html_raw(h, "<tr><th scope=\"row\">");
    html_text(h, e->name);
    html_raw(h, planted == 0 ? " <span class=\"tag\">not tested</span></th>" : "</th>");
    for (enum seed_kind k = 0; k < SEED_KINDS; k++)
        seed_cell(h, &e->seeds[k]);
    html_raw(h, "</tr>\n");
}

/* What hid or missed something, in words: a title needs a mouse. */
static void seed_reasons(struct html *h, const struct report *r)
{
    bool any = false;
    for (size_t i = 0; i < r->nendpoints; i++) {
        for (enum seed_kind k = 0; k < SEED_KINDS; k++) {
            const struct report_seed *s = &r->endpoints[i]->seeds[k];
            if (s->path == NULL)
                continue;
            html_raw(h, any ? "<li>" : "<ul class=\"dim\"><li>");
            html_text(h, r->endpoints[i]->name);
            html_format(h, ": %s at <code>", seed_word(k));
            html_text(h, s->path);
            html_raw(h, s->n[SEED_MISSED] > 0 ? "</code> missed " : "</code> hidden by ");
            html_text(h, s->by);
            html_raw(h, "</li>\n");
            any = true;
        }
    }
    html_raw(h, any ? "</ul>\n" : "");
}

void html_seeds(struct html *h, const struct report *r)
{
    char text[PHRASE_MAX];
    uint64_t total[SEED_OUTCOMES];
    report_seeds_total(r, total);
    if (total[SEED_CAUGHT] + total[SEED_HIDDEN] + total[SEED_MISSED] == 0)
        return;
    html_raw(h, "<section id=\"self-test\"><h2>Self-test</h2>\n<p class=\"dim\">Defects planted in "
                "copies of answers that were given, and how many of them the comparison found: ");
    html_format(h, "%s caught, ", phrase_count(text, total[SEED_CAUGHT]));
    html_format(h, "%s hidden by rules and options, ", phrase_count(text, total[SEED_HIDDEN]));
    html_format(h, "<b class=\"%s\">%s missed</b>.</p>\n", total[SEED_MISSED] > 0 ? "bad" : "good",
                phrase_count(text, total[SEED_MISSED]));
    html_raw(
        h,
        "<div class=\"scroll\"><table class=\"seeds\"><thead><tr><th scope=\"col\">Endpoint</th>");
    for (enum seed_kind k = 0; k < SEED_KINDS; k++)
        html_format(h, "<th scope=\"col\" class=\"n\"><abbr title=\"%s\">%s</abbr></th>",
                    seed_sentence(k), seed_word(k));
    html_raw(h, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < r->nendpoints; i++)
        seed_row(h, r->endpoints[i]);
    html_raw(h, "</tbody></table></div>\n");
    seed_reasons(h, r);
    html_raw(h, "</section>\n");
}

/* --- options --- */

void html_in_force(struct html *h, const struct report *r)
{
    if (r->nin_force == 0)
        return;
    html_raw(h, "<section id=\"options\"><h2>Options in force</h2>\n<dl class=\"options\">");
    for (size_t i = 0; i < r->nin_force; i++) {
        html_raw(h, "<dt><span class=\"tag\">");
        html_text(h, r->in_force[i].route);
        html_raw(h, "</span></dt><dd>");
        html_text(h, r->in_force[i].text);
        if (r->in_force[i].changed) {
            html_raw(h, " <span class=\"tag\">");
            html_text(h, phrase_changed(r, &r->in_force[i]));
            html_raw(h, "</span>");
        }
        html_raw(h, "</dd>\n");
    }
    html_raw(h, "</dl></section>\n");
}
