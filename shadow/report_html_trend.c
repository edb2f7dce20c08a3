/* Sparklines: how many pairs, and in front of them the rate of those that differ. */
#include "shadow/report_html.h"

enum { WIDTH = 240, HEIGHT = 24 };

#define RATE_LEAST 0.02 /* a bar of full height stands for no less */

/* Bars on the ground line, of the highest; what is not nothing is seen. */
static void bars(struct html *h, const char *kind, const struct report_trend *t,
                 const double n[TREND_BUCKETS], double least, double from_ms, double span_ms)
{
    double most = least, width = WIDTH * (double)t->width_ms / span_ms;
    for (size_t i = 0; i < TREND_BUCKETS; i++)
        most = n[i] > most ? n[i] : most;
    html_format(h, "<path class=\"%s\" d=\"", kind);
    for (size_t i = 0; i < TREND_BUCKETS; i++) {
        double at = WIDTH * ((double)(t->from_ms + i * t->width_ms) - from_ms) / span_ms;
        double high = HEIGHT * n[i] / most;
        if (n[i] <= 0)
            continue;
        html_format(h, "M%.1f %dv-%.1fh%.1fV%dz", at < 0 ? 0 : at, HEIGHT, high < 1.5 ? 1.5 : high,
                    width > 2 ? width - 1 : width, HEIGHT);
    }
    html_raw(h, "\"/>");
}

void html_trend(struct html *h, const struct report *r, const struct report_trend *t,
                const char *style)
{
    const struct report_trend *all = &r->trend; /* the same time for every line of the page */
    char first[PHRASE_MAX], last[PHRASE_MAX];
    double pairs[TREND_BUCKETS], rates[TREND_BUCKETS];
    double from = (double)all->from_ms;
    size_t used = TREND_BUCKETS;
    while (used > 1 && all->pairs[used - 1] == 0)
        used--;
    if (t->width_ms == 0)
        return;
    for (size_t i = 0; i < TREND_BUCKETS; i++) {
        pairs[i] = (double)t->pairs[i];
        rates[i] = t->pairs[i] == 0 ? 0 : (double)t->bad[i] / pairs[i];
    }
    double span = (double)(used * all->width_ms);
    html_format(
        h,
        "<svg class=\"trend %s\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
        "role=\"img\" aria-label=\"Pairs over time, the rate of mismatch in front\"><title>",
        style, WIDTH, HEIGHT);
    html_format(h, "%s to %s UTC: pairs, in front of them the rate of mismatch</title>",
                phrase_time(first, r->first_ms), phrase_time(last, r->last_ms));
    bars(h, "pairs", t, pairs, 1, from, span);
    bars(h, "differ", t, rates, RATE_LEAST, from, span);
    html_raw(h, "</svg>");
}
