/* The nearest of the words that would have been right, by edits: insert, remove, replace, swap two
 * neighbours. */
#include "base/suggest.h"

enum { WORD_MAX = 64 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment, three rows. Words are at most WORD_MAX long. */
static unsigned distance(struct span a, struct span b)
{
    unsigned rows[3][WORD_MAX + 1];
    for (unsigned j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *last = rows[(i + 2) % 3];
        const unsigned *before = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            char ca = byte_lower(a.p[i - 1]);
            char cb = byte_lower(b.p[j - 1]);
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == byte_lower(b.p[j - 2]) && byte_lower(a.p[i - 2]) == cb)
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}

void suggest_offer(struct suggestion *s, const char *offered)
{
    struct span asked = s->asked;
    struct span word = span_str(offered);
    if (asked.n > WORD_MAX || word.n > WORD_MAX)
        return;
    unsigned d = distance(asked, word);
    unsigned allowed = (unsigned)max_size(asked.n, word.n) / 3;
    if (d > (allowed == 0 ? 1 : allowed) || d >= word.n)
        return;
    if (s->best == NULL || d < s->distance) {
        s->best = offered;
        s->distance = d;
    }
}

const char *suggest_nearest(struct span asked, const char *const *list, size_t n)
{
    struct suggestion s = {.asked = asked};
    for (size_t i = 0; i < n; i++)
        suggest_offer(&s, list[i]);
    return s.best;
}
